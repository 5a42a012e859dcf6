//! Which addresses are anybody's on the internet, and which are ours, our neighbours' or nobody's.
//!
//! The lists are IANA's special-purpose registries (RFC 6890 and its updates), read strictly: of version 6 only what is
//! assigned as global unicast counts as public, so that a range invented tomorrow is refused until somebody adds it.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

/// Why an address is not public.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Network {
    /// `0.0.0.0/8` and `::`: this host, on many systems.
    ThisNetwork,
    /// This machine.
    Loopback,
    /// A private network.
    Private,
    /// `100.64.0.0/10`: behind a carrier's translation; some clouds keep their metadata here.
    Shared,
    /// The same wire; every cloud's metadata and Lambda's own services are here.
    LinkLocal,
    /// `fc00::/7`: version 6's private networks, with metadata at `fd00:ec2::254`.
    UniqueLocal,
    /// `fec0::/10`: what private networks of version 6 were before.
    SiteLocal,
    /// Kept for protocols.
    Protocol,
    /// Kept for documentation.
    Documentation,
    /// Kept for measurements.
    Benchmarking,
    /// Many machines.
    Multicast,
    /// All machines on the wire.
    Broadcast,
    /// Kept for the future.
    Reserved,
    /// An address of version 4 inside one of version 6, which the operating system would unpack.
    Mapped,
    /// An address of version 4 that is not public, behind a translator (NAT64).
    Translated,
    /// A tunnel that leads to an address of version 4 (6to4, Teredo).
    Tunnel,
}

impl Network {
    /// The name, in a sentence.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::ThisNetwork => "the unspecified network",
            Self::Loopback => "the machine itself",
            Self::Private => "a private network",
            Self::Shared => "a carrier's shared network",
            Self::LinkLocal => "a link-local network",
            Self::UniqueLocal => "a unique local network",
            Self::SiteLocal => "a site-local network",
            Self::Protocol => "a network kept for protocols",
            Self::Documentation => "a network kept for documentation",
            Self::Benchmarking => "a network kept for measurements",
            Self::Multicast => "a multicast network",
            Self::Broadcast => "the broadcast address",
            Self::Reserved => "a reserved network",
            Self::Mapped => "an address of version 4 inside one of version 6",
            Self::Translated => "a network behind a translator",
            Self::Tunnel => "a tunnel",
        }
    }
}

impl fmt::Display for Network {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.words())
    }
}

/// Why `address` is not public; `None` if it is.
#[must_use]
pub fn special(address: IpAddr) -> Option<Network> {
    match address {
        IpAddr::V4(address) => special_v4(address),
        IpAddr::V6(address) => special_v6(address),
    }
}

fn special_v4(address: Ipv4Addr) -> Option<Network> {
    let network = match address.octets() {
        [0, ..] => Network::ThisNetwork,
        [10, ..] | [172, 16..=31, ..] | [192, 168, ..] => Network::Private,
        [100, 64..=127, ..] => Network::Shared,
        [127, ..] => Network::Loopback,
        [169, 254, ..] => Network::LinkLocal,
        [192, 0, 0, _] => Network::Protocol,
        [192, 0, 2, _] | [198, 51, 100, _] | [203, 0, 113, _] => Network::Documentation,
        [192, 88, 99, _] => Network::Tunnel,
        [198, 18 | 19, ..] => Network::Benchmarking,
        [224..=239, ..] => Network::Multicast,
        [255, 255, 255, 255] => Network::Broadcast,
        [240..=255, ..] => Network::Reserved,
        _ => return None,
    };
    Some(network)
}

fn special_v6(address: Ipv6Addr) -> Option<Network> {
    let network = match address.segments() {
        [0, 0, 0, 0, 0, 0, 0, 0] => Network::ThisNetwork,
        [0, 0, 0, 0, 0, 0, 0, 1] => Network::Loopback,
        // Compatible (::a.b.c.d), mapped (::ffff:a.b.c.d) and their stateless translation (::ffff:0:a.b.c.d).
        [0, 0, 0, 0, 0 | 0xffff, _, _, _] => Network::Mapped,
        // Where there is no version 4, names that have no other address resolve to this: as good as what is inside.
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] => {
            let inside = Ipv4Addr::from_bits((u32::from(high) << 16) | u32::from(low));
            return special_v4(inside).map(|_| Network::Translated);
        }
        [0x64, 0xff9b, ..] => Network::Translated,
        [0x2002, ..] | [0x2001, 0, ..] => Network::Tunnel,
        [0x2001, 2, 0, ..] => Network::Benchmarking,
        [0x2001, 0xdb8, ..] | [0x3fff, 0..=0x0fff, ..] => Network::Documentation,
        [0x2001, 1..=0x1ff, ..] => Network::Protocol,
        [0x2000..=0x3fff, ..] => return None,
        [0xfc00..=0xfdff, ..] => Network::UniqueLocal,
        [0xfe80..=0xfebf, ..] => Network::LinkLocal,
        [0xfec0..=0xfeff, ..] => Network::SiteLocal,
        [0xff00..=0xffff, ..] => Network::Multicast,
        _ => Network::Reserved,
    };
    Some(network)
}

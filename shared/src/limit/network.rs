//! Addresses and networks of addresses.

use std::{net::IpAddr, str::FromStr};

/// A network, such as `10.0.0.0/8` or `2001:db8::/32`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network {
    address: IpAddr,
    prefix: u8,
}

impl Network {
    /// Whether an address lies in it.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        address.is_ipv4() == self.address.is_ipv4() && masked(address, self.prefix) == masked(self.address, self.prefix)
    }
}

impl FromStr for Network {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (address, prefix) = text.split_once('/').ok_or("not a network such as 10.0.0.0/8")?;
        let address: IpAddr = address.parse().map_err(|_| "not a network such as 10.0.0.0/8")?;
        let prefix: u8 = prefix.parse().map_err(|_| "not a network such as 10.0.0.0/8")?;
        let bits = if address.is_ipv4() { 32 } else { 128 };
        if prefix > bits {
            return Err("a network's prefix is longer than its address");
        }
        Ok(Self { address, prefix })
    }
}

/// Whom an address stands for: itself, or the /64 of version 6 that one subscriber has all addresses of.
pub(super) fn subscriber(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        address @ IpAddr::V4(_) => address,
        address @ IpAddr::V6(_) => masked(address, 64),
    }
}

/// The first `prefix` bits of an address, the others zero.
fn masked(address: IpAddr, prefix: u8) -> IpAddr {
    match address {
        IpAddr::V4(address) => {
            let mask = u32::MAX.checked_shl(32 - u32::from(prefix.min(32))).unwrap_or(0);
            IpAddr::V4((address.to_bits() & mask).into())
        }
        IpAddr::V6(address) => {
            let mask = u128::MAX.checked_shl(128 - u32::from(prefix.min(128))).unwrap_or(0);
            IpAddr::V6((address.to_bits() & mask).into())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_holds_the_addresses_with_its_prefix_and_no_others() {
        for (network, address, inside) in [
            ("10.0.0.0/8", "10.255.1.2", true),
            ("10.0.0.0/8", "11.0.0.1", false),
            ("10.9.9.9/8", "10.1.1.1", true),
            ("192.0.2.7/32", "192.0.2.7", true),
            ("192.0.2.7/32", "192.0.2.6", false),
            ("0.0.0.0/0", "203.0.113.9", true),
            ("0.0.0.0/0", "2001:db8::1", false),
            ("10.0.0.0/8", "::ffff:10.0.0.1", true),
            ("2001:db8::/33", "2001:db8:7fff::1", true),
            ("2001:db8::/33", "2001:db8:8000::1", false),
            ("::1/128", "::1", true),
        ] {
            let network: Network = network.parse().unwrap();
            assert_eq!(network.contains(address.parse().unwrap()), inside, "{network:?} {address}");
        }
    }

    #[test]
    fn what_is_no_network_is_refused() {
        for text in ["", "10.0.0.0", "10.0.0.0/33", "10.0.0/8", "::/129", "10.0.0.0/-1", "10.0.0.0/8 ", "host/8"] {
            assert!(text.parse::<Network>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_subscriber_has_one_address_of_version_4_and_a_64_of_version_6() {
        let subscriber = |text: &str| subscriber(text.parse().unwrap()).to_string();
        assert_eq!(subscriber("192.0.2.7"), "192.0.2.7");
        assert_eq!(subscriber("::ffff:192.0.2.7"), "192.0.2.7");
        assert_eq!(subscriber("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::");
    }
}

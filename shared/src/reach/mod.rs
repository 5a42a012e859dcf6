//! Addresses that callers give us lead to the public internet, or nowhere (F45).
//!
//! Two checks, because one is not enough. [`Reach::check`] looks at what is written, in its canonical form: the parser of
//! `url` turns every way to write an address (decimal, octal, hexadecimal, shortened, full-width, percent-encoded) into
//! one. It says nothing about what a name resolves to. [`client::Fetcher`] checks that, and connects to the very
//! addresses that it has checked: a name that resolves otherwise a moment later gains nothing.

use std::{fmt, str::FromStr};

use url::{Host, Url};

pub mod client;
mod network;

pub use network::{Network, special};

/// The longest address that is taken.
pub const LONGEST_URL: usize = 2_048;

/// Names under which nothing public stands: special-use domains (RFC 6761, 6762, 8375, 9476), those that companies use
/// inside, and what clouds and clusters call their own services.
const INSIDE: [&str; 20] = [
    "localhost",
    "local",
    "localdomain",
    "internal",
    "intranet",
    "private",
    "corp",
    "home",
    "lan",
    "home.arpa",
    "in-addr.arpa",
    "ip6.arpa",
    "svc",
    "consul",
    "onion",
    "alt",
    "invalid",
    "test",
    "metadata.tencentyun.com",
    "metadata.nebius.cloud",
];

/// What an address is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// A machine fetches what is there, we or a platform: a public name, over https.
    Fetch,
    /// People open it, and platforms look at it for a preview: http is fine, too, and so is a public address in digits.
    Link,
}

/// Why an address is not taken. It never shows the address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// Longer than [`LONGEST_URL`].
    #[error("The address is longer than {LONGEST_URL} characters.")]
    TooLong,
    /// Another scheme than https (for a link: or http).
    #[error("The address is not an https address.")]
    Scheme,
    /// A user name or a password.
    #[error("The address carries a user name or a password.")]
    Credentials,
    /// A port on which no public web server is to be expected.
    #[error("The address names a port that is not one of the web's.")]
    Port,
    /// An address in digits where a name is needed.
    #[error("The address has an IP address for a host: give a name.")]
    Digits,
    /// A name that is not public, or no host at all.
    #[error("The host of the address is not a public name.")]
    Name,
    /// A network that is not public.
    #[error("The address leads into {0}.")]
    Network(Network),
}

impl Refused {
    /// The stable code.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::TooLong => "url.too_long",
            Self::Scheme => "url.scheme",
            Self::Credentials => "url.credentials",
            Self::Port => "url.port",
            Self::Digits => "url.digits",
            Self::Name | Self::Network(_) => "url.not_public",
        }
    }
}

/// Where addresses of callers may lead: to the public internet, and in the local cloud to hosts of this machine besides.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reach {
    local: LocalHosts,
}

impl Reach {
    /// To the public internet, and to `local`.
    #[must_use]
    pub fn with_local_hosts(local: LocalHosts) -> Self {
        Self { local }
    }

    /// Whether what is written may be taken. A name that passes may still resolve to an address that may not.
    ///
    /// # Errors
    /// Why not.
    pub fn check(&self, url: &Url, purpose: Purpose) -> Result<(), Refused> {
        if url.as_str().len() > LONGEST_URL {
            return Err(Refused::TooLong);
        }
        if !matches!(url.scheme(), "https" | "http") {
            return Err(Refused::Scheme);
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(Refused::Credentials);
        }
        if self.local.names(url) {
            return Ok(());
        }
        match url.host() {
            Some(Host::Domain(name)) => public_name(name)?,
            Some(Host::Ipv4(address)) => digits(address.into(), purpose)?,
            Some(Host::Ipv6(address)) => digits(address.into(), purpose)?,
            None => return Err(Refused::Name),
        }
        match (url.scheme(), url.port_or_known_default(), purpose) {
            ("https", Some(443 | 8443), _) | ("http", Some(80 | 8080), Purpose::Link) => Ok(()),
            ("http", _, Purpose::Fetch) => Err(Refused::Scheme),
            _ => Err(Refused::Port),
        }
    }

    /// Whether `address`, to which `host` resolves, may be connected to.
    fn check_resolved(&self, host: &str, address: std::net::IpAddr) -> Result<(), Refused> {
        if address.is_loopback() && self.local.has(host) {
            return Ok(());
        }
        special(address).map_or(Ok(()), |network| Err(Refused::Network(network)))
    }
}

fn digits(address: std::net::IpAddr, purpose: Purpose) -> Result<(), Refused> {
    match (special(address), purpose) {
        (Some(network), _) => Err(Refused::Network(network)),
        (None, Purpose::Fetch) => Err(Refused::Digits),
        (None, Purpose::Link) => Ok(()),
    }
}

/// A name of at least two labels that is not [`INSIDE`]. The parser has made it lower-case ASCII.
fn public_name(name: &str) -> Result<(), Refused> {
    let name = name.strip_suffix('.').unwrap_or(name);
    let is_inside =
        |domain: &str| name.strip_suffix(domain).is_some_and(|front| front.is_empty() || front.ends_with('.'));
    let has_labels = name.contains('.') && name.split('.').all(|label| (1..=63).contains(&label.len()));
    let is_plain = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_'));
    if has_labels && is_plain && name.len() <= 253 && !INSIDE.into_iter().any(is_inside) {
        Ok(())
    } else {
        Err(Refused::Name)
    }
}

/// Hosts of the local cloud: `127.0.0.1:8081`, `localhost:9000`, with commas between them. Whatever their names, only this
/// machine is reached under them.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct LocalHosts(Vec<(String, u16)>);

impl LocalHosts {
    fn names(&self, url: &Url) -> bool {
        let (Some(host), Some(port)) = (url.host_str(), url.port_or_known_default()) else { return false };
        self.0.iter().any(|(known, at)| known == host && *at == port)
    }

    fn has(&self, host: &str) -> bool {
        self.0.iter().any(|(known, _)| known == host)
    }
}

impl fmt::Debug for LocalHosts {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_list().entries(&self.0).finish()
    }
}

impl FromStr for LocalHosts {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const WRONG: &str = "not hosts of this machine such as 127.0.0.1:8081, with commas between them";
        let host = |entry: &str| {
            let url = Url::parse(&format!("http://{entry}/")).map_err(|_| WRONG)?;
            let port = url.port_or_known_default().ok_or(WRONG)?;
            let host = url.host_str().ok_or(WRONG)?;
            let is_here = match url.host() {
                Some(Host::Domain(_)) => true,
                Some(Host::Ipv4(address)) => address.is_loopback(),
                Some(Host::Ipv6(address)) => address.is_loopback(),
                None => false,
            };
            let is_bare = url.path() == "/" && url.query().is_none() && url.username().is_empty();
            if is_here && is_bare { Ok((host.to_owned(), port)) } else { Err(WRONG) }
        };
        text.split(',').map(|entry| host(entry.trim())).collect::<Result<_, _>>().map(Self)
    }
}

#[cfg(test)]
mod tests;

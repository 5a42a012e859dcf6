//! Where a browser may be sent after a login: to addresses that the tenant has listed, or our redirect would lend its good
//! name to anybody (RFC 9700 §4.11).

use std::fmt;

use url::{Host, Url};

use crate::problem::Fault;

/// How many addresses a tenant may list.
const MOST: usize = 50;
/// The longest address that may be listed.
const LONGEST: usize = 1_000;

/// Why an address cannot be listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotListable {
    /// Not https; in the local cloud: nor http to this machine.
    #[error("a return address is https")]
    NotHttps,
    /// It has a user name, a password or a fragment.
    #[error("a return address has no user name, password or fragment")]
    HasMore,
    /// It has a query, which would not be compared.
    #[error("a listed address has no query: sessions may add any")]
    HasQuery,
    /// It is longer than any that is needed.
    #[error("a listed address has at most {LONGEST} characters")]
    TooLong,
    /// There are more than fit beside what else a tenant has.
    #[error("a tenant lists at most {MOST} return addresses")]
    TooMany,
}

/// Addresses that may stand in a tenant's list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReturnUrls(Vec<Url>);

impl ReturnUrls {
    /// Takes addresses that are https, with nothing after the path; each once.
    ///
    /// # Errors
    /// Why they cannot be listed.
    pub fn new(urls: impl IntoIterator<Item = Url>) -> Result<Self, NotListable> {
        let mut listed = Vec::new();
        for url in urls {
            check_listed(&url)?;
            if !listed.contains(&url) {
                listed.push(url);
            }
        }
        if listed.len() > MOST { Err(NotListable::TooMany) } else { Ok(Self(listed)) }
    }

    /// The addresses.
    #[must_use]
    pub fn as_slice(&self) -> &[Url] {
        &self.0
    }
}

impl fmt::Display for ReturnUrls {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let texts: Vec<&str> = self.0.iter().map(Url::as_str).collect();
        formatter.write_str(&texts.join(" "))
    }
}

/// Whether an address may stand in a tenant's list: https, with nothing after the path.
///
/// # Errors
/// Why not.
pub fn check_listed(url: &Url) -> Result<(), NotListable> {
    check_form(url, false)?;
    if url.as_str().len() > LONGEST {
        return Err(NotListable::TooLong);
    }
    if url.query().is_some() { Err(NotListable::HasQuery) } else { Ok(()) }
}

/// What is wrong with a session's return address, if anything.
pub(super) fn fault(listed: &[Url], url: &Url, allow_loopback: bool) -> Option<Fault> {
    if check_form(url, allow_loopback).is_err() {
        let text = "The return address must be https, without user name, password or fragment.";
        return Some(Fault::new("/return_url", "return_url.not_allowed", text));
    }
    if (allow_loopback && is_loopback(url)) || listed.iter().any(|known| is_same(known, url)) {
        return None;
    }
    let text =
        "The tenant has not listed this return address: scheme, host, port and path must be those of one in its list.";
    Some(Fault::new("/return_url", "return_url.not_listed", text))
}

fn check_form(url: &Url, allow_loopback: bool) -> Result<(), NotListable> {
    let is_secure = url.scheme() == "https" || (url.scheme() == "http" && allow_loopback && is_loopback(url));
    if !is_secure {
        return Err(NotListable::NotHttps);
    }
    if !url.username().is_empty() || url.password().is_some() || url.fragment().is_some() {
        return Err(NotListable::HasMore);
    }
    Ok(())
}

/// To the letter, but for the query. Both are in canonical form: nothing is left to be resolved in a path.
fn is_same(known: &Url, url: &Url) -> bool {
    known.scheme() == url.scheme()
        && known.host_str() == url.host_str()
        && known.port_or_known_default() == url.port_or_known_default()
        && known.path() == url.path()
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::itself("https://app.example.com/done", None)]
    #[case::with_a_query("https://app.example.com/done?tenant=7&next=https://evil.example/", None)]
    #[case::with_its_port("https://app.example.com:443/done", None)]
    #[case::in_capitals("HTTPS://APP.EXAMPLE.COM/done", None)]
    #[case::a_detour_to_the_same("https://app.example.com/x/../done", None)]
    #[case::another_host("https://evil.example/done", Some("return_url.not_listed"))]
    #[case::a_longer_host("https://app.example.com.evil.example/done", Some("return_url.not_listed"))]
    #[case::a_host_below("https://x.app.example.com/done", Some("return_url.not_listed"))]
    #[case::a_host_with_a_dot("https://app.example.com./done", Some("return_url.not_listed"))]
    #[case::another_port("https://app.example.com:8443/done", Some("return_url.not_listed"))]
    #[case::another_path("https://app.example.com/done/more", Some("return_url.not_listed"))]
    #[case::a_path_in_capitals("https://app.example.com/Done", Some("return_url.not_listed"))]
    #[case::a_slash_more("https://app.example.com/done/", Some("return_url.not_listed"))]
    #[case::no_path("https://app.example.com", Some("return_url.not_listed"))]
    #[case::a_backslash(r"https://evil.example\@app.example.com/done", Some("return_url.not_listed"))]
    #[case::a_user_name("https://app.example.com@evil.example/done", Some("return_url.not_allowed"))]
    #[case::a_fragment("https://app.example.com/done#x", Some("return_url.not_allowed"))]
    #[case::plain_http("http://app.example.com/done", Some("return_url.not_allowed"))]
    #[case::this_machine("http://localhost:3000/done", Some("return_url.not_allowed"))]
    #[case::this_machine_over_https("https://localhost:3000/done", Some("return_url.not_listed"))]
    fn a_return_address_is_one_of_the_list(#[case] address: &str, #[case] expected: Option<&str>) {
        let listed = ["https://other.example.com/", "https://app.example.com/done"].map(|url| url.parse().unwrap());
        let found = fault(&listed, &address.parse().unwrap(), false).map(|fault| fault.code);
        assert_eq!(found.as_deref(), expected, "{address}");
        assert!(fault(&[], &address.parse().unwrap(), false).is_some(), "an empty list lists nothing");
    }

    #[test]
    fn in_the_local_cloud_this_machine_needs_no_listing() {
        for address in ["http://localhost:3000/", "http://127.0.0.1:9/done", "http://[::1]:9/"] {
            assert!(fault(&[], &address.parse().unwrap(), true).is_none(), "{address}");
        }
        for address in
            ["http://localhost.example.com/", "http://10.0.0.1/", "http://u@localhost/", "https://a.example/"]
        {
            assert!(fault(&[], &address.parse().unwrap(), true).is_some(), "{address}");
        }
    }

    #[test]
    fn what_is_listed_is_https_and_ends_with_its_path() {
        let check = |address: &str| check_listed(&address.parse().unwrap());
        assert_eq!(check("https://app.example.com/done"), Ok(()));
        assert_eq!(check("http://app.example.com/done"), Err(NotListable::NotHttps));
        assert_eq!(check("http://localhost/done"), Err(NotListable::NotHttps));
        assert_eq!(check("https://u:p@app.example.com/"), Err(NotListable::HasMore));
        assert_eq!(check("https://app.example.com/#x"), Err(NotListable::HasMore));
        assert_eq!(check("https://app.example.com/?x"), Err(NotListable::HasQuery));
        assert_eq!(check(&format!("https://app.example.com/{}", "x".repeat(1_000))), Err(NotListable::TooLong));
    }

    #[test]
    fn a_list_has_each_address_once_and_an_end() {
        let some = |numbers: std::ops::Range<usize>| {
            ReturnUrls::new(numbers.map(|number| format!("https://app.example.com/{number}").parse().unwrap()))
        };
        let twice = ReturnUrls::new(["https://a.example", "https://A.example:443/"].map(|url| url.parse().unwrap()));
        assert_eq!(twice.unwrap().to_string(), "https://a.example/");
        assert!(some(0..50).is_ok());
        assert_eq!(some(0..51), Err(NotListable::TooMany));
        assert_eq!(ReturnUrls::new(["http://a.example/".parse().unwrap()]), Err(NotListable::NotHttps));
    }
}

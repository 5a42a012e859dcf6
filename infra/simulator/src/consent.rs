//! What consent pages have in common: the fields that come back from a browser, and the way back to the app.

use crate::call::Call;
use crate::html::escape;
use crate::reply::Reply;
use std::fmt::Write as _;
use url::{Host, Url};

/// The submitted pairs; repeated names stay apart.
pub(crate) fn answers(call: &Call) -> Vec<(String, String)> {
    form_urlencoded::parse(&call.body).into_owned().chain(call.query.iter().cloned()).collect()
}

/// The first value of a name.
pub(crate) fn value<'a>(answers: &'a [(String, String)], name: &'a str) -> Option<&'a str> {
    values(answers, name).next()
}

/// All values of a name.
pub(crate) fn values<'a>(answers: &'a [(String, String)], name: &'a str) -> impl Iterator<Item = &'a str> {
    answers.iter().filter(move |(key, _)| key == name).map(|(_, value)| value.as_str())
}

/// The query as hidden fields of a form, without what the form asks for itself.
pub(crate) fn hidden(call: &Call, asked: &[&str]) -> String {
    let mut fields = String::new();
    for (name, value) in call.query.iter().filter(|(name, _)| !asked.contains(&name.as_str())) {
        let _ = write!(fields, "<input type=\"hidden\" name=\"{}\" value=\"{}\">", escape(name), escape(value));
    }
    fields
}

/// Back to the app, with these pairs.
pub(crate) fn back(redirect_uri: &Url, pairs: &[(&str, &str)]) -> Reply {
    let mut location = redirect_uri.clone();
    location.query_pairs_mut().extend_pairs(pairs);
    Reply::redirect(location.as_str())
}

/// Whether a browser may be sent there: over https, or over http to this machine; and nothing behind a `#`.
pub(crate) fn is_redirect_uri(url: &Url) -> bool {
    let is_safe = url.scheme() == "https" || (url.scheme() == "http" && is_loopback(url));
    is_safe && url.fragment().is_none() && url.has_host()
}

/// Whether an address is this machine.
pub(crate) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

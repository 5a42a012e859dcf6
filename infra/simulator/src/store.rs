//! The store of uploads that a platform is told to fetch from: on this machine, over http, and really fetched.

use crate::client;
use hyper::Method;
use url::Url;

/// Whether an address is in the store.
pub(crate) fn holds(store: Option<&str>, address: &str) -> bool {
    store.is_some_and(|store| address.starts_with(store))
}

/// Whether all of these that are in the store can be fetched from there.
pub(crate) async fn gives_out(store: Option<&str>, addresses: impl Iterator<Item = String>) -> bool {
    for address in addresses.filter(|address| holds(store, address)) {
        let Ok(url) = Url::parse(&address) else { return false };
        let headers = [("user-agent", "facebookexternalhit/1.1")];
        if !matches!(client::call(Method::GET, &url, &headers, String::new()).await, Ok((200, _))) {
            return false;
        }
    }
    true
}

//! Lets a test see calls as they came over the wire: addresses, headers and bodies, tokens included.

use bytes::Bytes;
use hyper::Request;
use std::sync::Arc;

/// A call as it came.
#[derive(Clone, Debug)]
pub struct Seen {
    /// `GET`, `POST`, `DELETE`.
    pub method: String,
    /// The path.
    pub path: String,
    /// Path and query, as they were written.
    pub address: String,
    /// The headers.
    pub headers: Vec<(String, Vec<u8>)>,
    /// The body; empty if it could not be read.
    pub body: Bytes,
}

impl Seen {
    pub(crate) fn head<B>(request: &Request<B>) -> Self {
        let headers = request.headers().iter().map(|(name, value)| (name.to_string(), value.as_bytes().to_vec()));
        Self {
            method: request.method().to_string(),
            path: request.uri().path().to_owned(),
            address: request.uri().to_string(),
            headers: headers.collect(),
            body: Bytes::new(),
        }
    }
}

/// Sees calls.
#[derive(Clone)]
pub struct Tap(Arc<dyn Fn(Seen) + Send + Sync>);

impl Tap {
    /// Shows every call to `sees`.
    #[must_use]
    pub fn new(sees: impl Fn(Seen) + Send + Sync + 'static) -> Self {
        Self(Arc::new(sees))
    }

    pub(crate) fn show(&self, seen: Seen) {
        (self.0)(seen);
    }
}

impl std::fmt::Debug for Tap {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Tap").finish_non_exhaustive()
    }
}

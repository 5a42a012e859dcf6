//! Answers before they become HTTP.

use bytes::Bytes;
use hyper::header::{HeaderName, HeaderValue};
use serde_json::Value;

/// An answer: status, headers, body.
#[derive(Clone, Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(HeaderName, HeaderValue)>,
    pub(crate) body: Bytes,
    /// Break off half way through the body.
    pub(crate) broken: bool,
}

impl Reply {
    fn new(status: u16, content_type: &'static str, body: impl Into<Bytes>) -> Self {
        let header = (hyper::header::CONTENT_TYPE, HeaderValue::from_static(content_type));
        Self { status, headers: vec![header], body: body.into(), broken: false }
    }

    pub(crate) fn json(status: u16, body: &Value) -> Self {
        Self::new(status, "application/json; charset=UTF-8", body.to_string())
    }

    /// An error in the form of RFC 9457.
    pub(crate) fn problem(status: u16, body: &Value) -> Self {
        Self::new(status, "application/problem+json; charset=utf-8", body.to_string())
    }

    /// A status, and nothing else.
    pub(crate) fn empty(status: u16) -> Self {
        Self { status, headers: Vec::new(), body: Bytes::new(), broken: false }
    }

    pub(crate) fn html(status: u16, body: String) -> Self {
        Self::new(status, "text/html; charset=utf-8", body)
    }

    pub(crate) fn svg(body: String) -> Self {
        Self::new(200, "image/svg+xml", body)
    }

    pub(crate) fn png(body: &'static [u8]) -> Self {
        Self::new(200, "image/png", body)
    }

    pub(crate) fn redirect(location: &str) -> Self {
        Self::new(302, "text/plain", "").header("location", location)
    }

    /// Adds a header; a name or value that cannot be one is left out.
    pub(crate) fn header(mut self, name: &'static str, value: &str) -> Self {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.headers.push((HeaderName::from_static(name), value));
        }
        self
    }
}

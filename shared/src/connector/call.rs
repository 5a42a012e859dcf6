//! One HTTP call to a platform and its answer, as values. `Debug` of neither shows a query, a header value or a body.

use std::fmt;

use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode};
use url::Url;

use super::source::Piece;

/// What a call does at the platform.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// Changes nothing.
    Read,
    /// Prepares something that nobody sees; may be repeated.
    Stage,
    /// Makes the post visible; is sent at most once.
    Publish,
}

/// Which secret a call is made with. The driver attaches it; a connector only names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Authentication {
    /// The call carries everything it needs (a code exchange, an app token) or is public.
    Complete,
    /// The token of the grant or destination at hand.
    Token,
}

/// The body of a call.
#[derive(Clone, Default, PartialEq, Eq)]
pub enum Body {
    /// None.
    #[default]
    Empty,
    /// `application/x-www-form-urlencoded`, in this order.
    Form(Vec<(String, String)>),
    /// `application/json`.
    Json(serde_json::Value),
    /// Raw bytes; the content type is among the headers.
    Bytes(Bytes),
    /// A range of a file that the post names, passed on as it comes; the content type is among the headers.
    Piece(Piece),
}

/// One call to a platform.
#[derive(Clone)]
pub struct Request {
    /// The method.
    pub method: Method,
    /// The whole address; its query may carry secrets, so it is never shown.
    pub url: Url,
    /// Headers beyond those that the body and the authentication bring.
    pub headers: HeaderMap,
    /// The body.
    pub body: Body,
    /// Which secret the call is made with.
    pub authentication: Authentication,
}

impl Request {
    /// A call with the token at hand and an empty body.
    #[must_use]
    pub fn new(method: Method, url: Url) -> Self {
        Self { method, url, headers: HeaderMap::new(), body: Body::Empty, authentication: Authentication::Token }
    }
}

impl fmt::Debug for Request {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let host = self.url.host_str().unwrap_or("-");
        write!(formatter, "Request({} {host}{})", self.method, self.url.path())
    }
}

/// What came back, whole; the transport bounds its size.
#[derive(Clone)]
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
}

impl Answer {
    /// The body as JSON, if it is that.
    #[must_use]
    pub fn json(&self) -> Option<serde_json::Value> {
        serde_json::from_slice(&self.body).ok()
    }
}

impl fmt::Debug for Answer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Answer({}, {} bytes)", self.status.as_u16(), self.body.len())
    }
}

//! A request as the simulated platforms see it: method, path, merged parameters, uploaded files, token.

use crate::multipart;
use crate::params::Params;
use crate::platforms::Name;
use bytes::Bytes;
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap};
use hyper::http::request::Parts;
use hyper::{Method, Request};
use serde_json::Value;
use std::collections::BTreeMap;

/// No body the simulator accepts is larger: a piece of 64 MiB and what goes with it.
const BODY_LIMIT: usize = 66 * 1024 * 1024;

/// What is wrong with a request as such.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unreadable {
    /// The body is too large or broke off.
    #[error("the body is larger than {BODY_LIMIT} bytes or broke off")]
    Body,
    /// The content type promises something else.
    #[error("the body is not what its content type promises")]
    Form,
}

/// A request, read completely.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) method: Method,
    pub(crate) path: String,
    pub(crate) params: Params,
    pub(crate) files: BTreeMap<String, Bytes>,
    /// The query as it came, pairs decoded.
    pub(crate) query: Vec<(String, String)>,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    /// Why the body is not all there, or `params` do not hold what is in it: it is neither a form nor a JSON object, or not a
    /// proper one.
    pub(crate) problem: Option<Unreadable>,
    /// The token of the `Authorization` header.
    pub(crate) bearer: Option<String>,
}

impl Call {
    /// Reads a request to its end.
    pub(crate) async fn read(request: Request<Incoming>) -> Self {
        let (parts, body) = request.into_parts();
        match Limited::new(body, BODY_LIMIT).collect().await {
            Ok(body) => Self::assemble(parts, body.to_bytes()),
            Err(_) => Self { problem: Some(Unreadable::Body), ..Self::assemble(parts, Bytes::new()) },
        }
    }

    /// A request that came without a socket.
    pub(crate) fn whole(request: Request<Bytes>) -> Self {
        let (parts, body) = request.into_parts();
        Self::assemble(parts, body)
    }

    fn assemble(parts: Parts, body: Bytes) -> Self {
        let Parts { method, uri, headers, .. } = parts;
        let query = uri.query().unwrap_or_default();
        let query: Vec<(String, String)> = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        let mut params = Params::default();
        let mut files = BTreeMap::new();
        for (name, value) in &query {
            params.insert(name, Value::String(value.clone()));
        }
        let content_type = text(&headers, CONTENT_TYPE.as_str()).unwrap_or_default();
        let read = if body.is_empty() { Ok(()) } else { read_body(content_type, &body, &mut params, &mut files) };
        let bearer = text(&headers, AUTHORIZATION.as_str())
            .and_then(|value| value.strip_prefix("Bearer ").or_else(|| value.strip_prefix("OAuth ")))
            .map(|token| token.trim().to_owned());
        Self { method, path: uri.path().to_owned(), params, files, query, headers, body, problem: read.err(), bearer }
    }

    /// The platform that the path begins with, and the call as that platform sees it.
    pub(crate) fn addressed(self) -> (Option<Name>, Self) {
        let first = self.path.trim_start_matches('/').split('/').next().unwrap_or_default();
        let Some(name) = Name::of(first) else { return (None, self) };
        let rest = self.path.trim_start_matches('/').strip_prefix(name.text()).unwrap_or_default();
        let path = if rest.is_empty() { "/".to_owned() } else { rest.to_owned() };
        (Some(name), Self { path, ..self })
    }

    /// A header as text.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        text(&self.headers, name)
    }

    /// The body as JSON, if it is that, whatever its type says.
    pub(crate) fn json(&self) -> Option<Value> {
        serde_json::from_slice(&self.body).ok()
    }

    /// The path's segments, decoded by nothing: no id or edge name needs it.
    pub(crate) fn segments(&self) -> Vec<&str> {
        self.path.split('/').filter(|segment| !segment.is_empty()).collect()
    }

    /// The token, wherever it was put; the header wins.
    pub(crate) fn token(&self) -> Option<String> {
        self.bearer.clone().or_else(|| self.params.text("access_token")).filter(|token| !token.is_empty())
    }
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

fn read_body(
    content_type: &str,
    body: &Bytes,
    params: &mut Params,
    files: &mut BTreeMap<String, Bytes>,
) -> Result<(), Unreadable> {
    let kind = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    if kind == "application/json" {
        let Ok(Value::Object(fields)) = serde_json::from_slice(body) else { return Err(Unreadable::Form) };
        for (name, value) in fields {
            params.insert(&name, value);
        }
    } else if kind == "multipart/form-data" {
        for part in multipart::parse(content_type, body).ok_or(Unreadable::Form)? {
            if part.is_file {
                files.insert(part.name, part.content);
            } else {
                let value = String::from_utf8(part.content.to_vec()).map_err(|_| Unreadable::Form)?;
                params.insert(&part.name, Value::String(value));
            }
        }
    } else if kind.is_empty() || kind == "application/x-www-form-urlencoded" {
        for (name, value) in form_urlencoded::parse(body) {
            params.insert(&name, Value::String(value.into_owned()));
        }
    } else {
        return Err(Unreadable::Form);
    }
    Ok(())
}

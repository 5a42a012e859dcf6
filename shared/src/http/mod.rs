//! Requests and answers of our own API, as values; and the one place that knows how API Gateway spells them.

use std::collections::BTreeMap;

use bytes::Bytes;
use http::{HeaderMap, Method};
use serde::{Deserialize, de::DeserializeOwned};
use url::Url;

pub mod gateway;
mod precondition;
mod response;
pub mod routes;

pub use precondition::at_another_version;
pub use response::Response;

use crate::{
    ids::KeyId,
    problem::{Code, Fault, Problem},
    scope::Scopes,
    tenant::Tenant,
};

/// The largest post, and the largest body of every route but the one for many posts, in bytes. Fifty targets with a text each
/// stay far below.
pub const MAX_BODY: usize = 256 * 1024;

/// Who calls, as the authorizer found out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Caller {
    /// For whom.
    pub tenant: Tenant,
    /// With which key.
    pub key: KeyId,
    /// What the key may do. Checked in front of every use case, see [`routes`].
    pub scopes: Scopes,
}

/// A request to our API.
#[derive(Debug, Clone)]
pub struct Request {
    /// The route that took it, as the template names it: `GET /v1/posts/{post}`.
    pub route: String,
    /// The method.
    pub method: Method,
    /// The path, as the caller wrote it.
    pub path: String,
    /// What stands in the braces of the route, decoded.
    pub parameters: BTreeMap<String, String>,
    /// The query, decoded, in order.
    pub query: Vec<(String, String)>,
    /// The headers.
    pub headers: HeaderMap,
    /// The cookies, as `name=value`.
    pub cookies: Vec<String>,
    /// The body, byte for byte.
    pub body: Bytes,
    /// Who calls; the refusal if nobody we know.
    pub caller: Result<Caller, Code>,
    /// Where our API is reached from outside.
    pub base: Url,
}

impl Request {
    /// Who calls.
    ///
    /// # Errors
    /// 401: the key is missing, unknown, over or revoked; 403: its tenant is deleted; 503 if nobody can tell what it may do.
    pub fn caller(&self) -> Result<Caller, Problem> {
        self.caller.map_err(|code| {
            if code == Code::TenantDeleted {
                return Problem::tenant_deleted();
            }
            let detail = if code == Code::Unavailable {
                "postd is just being updated, and does not know yet what this key may do; try again in a minute."
            } else {
                "Send `Authorization: Bearer <key>` with a key that the operator of postd gave you."
            };
            Problem::new(code, detail)
        })
    }

    /// What stands in `{name}` of the route, if it can be read as a `T`; else the thing is as good as unknown.
    ///
    /// # Errors
    /// `code`, with the words of the id's type.
    pub fn parameter<T>(&self, name: &str, code: Code) -> Result<T, Problem>
    where
        T: std::str::FromStr<Err: std::fmt::Display>,
    {
        let text = self.parameters.get(name).map_or("", String::as_str);
        text.parse().map_err(|error| Problem::new(code, format!("The `{name}` in the path is {error}.")))
    }

    /// The first value of a query parameter.
    #[must_use]
    pub fn query(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// Refuses query parameters that the route does not know: a misspelt filter must not silently match everything.
    ///
    /// # Errors
    /// 400 with the name.
    pub fn only_queries(&self, known: &[&str]) -> Result<(), Problem> {
        match self.query.iter().find(|(name, _)| !known.contains(&name.as_str())) {
            None => Ok(()),
            Some((name, _)) => {
                let name: String = name.chars().take(40).collect();
                Err(Problem::new(
                    Code::QueryInvalid,
                    format!("This address does not know the query parameter `{name}`."),
                ))
            }
        }
    }

    /// The `Idempotency-Key`, if the caller sent one.
    ///
    /// # Errors
    /// 400: not 1 to 255 visible ASCII characters.
    pub fn idempotency_key(&self) -> Result<Option<&str>, Problem> {
        if !self.headers.contains_key("idempotency-key") {
            return Ok(None);
        }
        gateway::header(&self.headers, "idempotency-key").filter(|key| is_idempotency_key(key)).map(Some).ok_or_else(
            || Problem::new(Code::HeaderInvalid, "The Idempotency-Key must have 1 to 255 visible ASCII characters."),
        )
    }

    /// A cookie's value.
    #[must_use]
    pub fn cookie(&self, name: &str) -> Option<&str> {
        self.cookies
            .iter()
            .filter_map(|cookie| cookie.trim().split_once('='))
            .find(|(key, _)| *key == name)
            .map(|(_, value)| value)
    }

    /// The body as a `T`.
    ///
    /// # Errors
    /// 413, 400 (not JSON) or 422 with a pointer to what has another shape.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, Problem> {
        if self.body.len() > MAX_BODY {
            return Err(Problem::new(
                Code::BodyTooLarge,
                format!("The body has {} bytes; at most {MAX_BODY} are taken.", self.body.len()),
            ));
        }
        read_json(&self.body)
    }
}

/// Reads a JSON object as a `T`.
///
/// # Errors
/// 400 (not JSON) or 422 with a pointer to what has another shape.
pub(crate) fn read_json<'a, T: Deserialize<'a>>(text: &'a [u8]) -> Result<T, Problem> {
    // serde would take a list for an object, its fields in the order in which we happened to write them down.
    if text.trim_ascii_start().first() == Some(&b'[') {
        let text = "An object is expected here, not a list.";
        return Err(Problem::invalid(vec![Fault::new("", "body.shape", text)]));
    }
    let mut reader = serde_json::Deserializer::from_slice(text);
    let value = serde_path_to_error::deserialize(&mut reader).map_err(|error| {
        let pointer = pointer(error.path());
        let inner = error.into_inner();
        // serde_json calls an object without the one key that it should have a mistake of syntax.
        let is_json = inner.is_data() || serde_json::from_slice::<serde_json::Value>(text).is_ok();
        if is_json {
            Problem::invalid(vec![Fault::new(pointer, "body.shape", sentence(&inner))])
        } else {
            Problem::new(Code::BodyNotJson, sentence(&inner))
        }
    })?;
    reader.end().map_err(|error| Problem::new(Code::BodyNotJson, sentence(&error)))?;
    Ok(value)
}

/// Whether a text can name a request: 1 to 255 visible ASCII characters.
pub(crate) fn is_idempotency_key(key: &str) -> bool {
    (1..=255).contains(&key.len()) && key.bytes().all(|byte| byte.is_ascii_graphic())
}

/// serde's words, with a capital letter and a full stop. They quote field names of the caller's own body, no values of
/// secrets: there are none in a body.
fn sentence(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| format!("{}{}.", first.to_uppercase(), letters.as_str()))
}

fn pointer(path: &serde_path_to_error::Path) -> String {
    use serde_path_to_error::Segment;
    path.iter()
        .filter_map(|segment| match segment {
            Segment::Seq { index } => Some(format!("/{index}")),
            Segment::Map { key } => Some(format!("/{}", key.replace('~', "~0").replace('/', "~1"))),
            // The key of an object that names a variant.
            Segment::Enum { variant } => Some(format!("/{}", variant.replace('~', "~0").replace('/', "~1"))),
            Segment::Unknown => None,
        })
        .collect()
}

//! Cursor paging: the end is where `paging.next` is missing, not where a page is short.

use super::error::GraphError;
use crate::call::Call;
use data_encoding::BASE64URL_NOPAD;
use serde_json::{Value, json};

const DEFAULT_LIMIT: usize = 25;
const LARGEST_LIMIT: usize = 100;

/// What every listing accepts.
pub(crate) const PARAMS: &str = "limit after before since until offset";

/// An entry of a listing; entries are sorted by key.
pub(crate) struct Entry<T> {
    pub(crate) key: String,
    pub(crate) item: T,
}

/// The part of a listing that was asked for.
pub(crate) struct Slice<T> {
    pub(crate) items: Vec<T>,
    pub(crate) paging: Option<Value>,
}

/// Cuts out the page that `call` asks for. An odd listing begins with an empty page that has a `next`.
pub(crate) fn slice<T>(entries: Vec<Entry<T>>, call: &Call, base: &str, odd: bool) -> Result<Slice<T>, GraphError> {
    let limit = call.params.number("limit")?.unwrap_or(DEFAULT_LIMIT);
    if limit == 0 || limit > LARGEST_LIMIT {
        return Err(GraphError::parameter(format!("Param limit must be between 1 and {LARGEST_LIMIT}")));
    }
    let after = cursor(call, "after")?;
    let before = cursor(call, "before")?;
    if odd && after.is_none() && before.is_none() {
        // Keys begin with a digit, so all of them come after this one.
        let start = encode("0");
        let next = link(call, base, "after", &start);
        let paging = json!({"cursors": {"before": start, "after": start}, "next": next});
        return Ok(Slice { items: Vec::new(), paging: Some(paging) });
    }
    let total = entries.len();
    let begin = match (&after, &before) {
        (Some(after), _) => entries.iter().take_while(|entry| entry.key <= *after).count(),
        (None, Some(before)) => entries.iter().take_while(|entry| entry.key < *before).count().saturating_sub(limit),
        (None, None) => 0,
    };
    let chosen: Vec<Entry<T>> = entries.into_iter().skip(begin).take(limit).collect();
    let (Some(first), Some(last)) = (chosen.first(), chosen.last()) else {
        return Ok(Slice { items: Vec::new(), paging: None });
    };
    let (first, last) = (encode(&first.key), encode(&last.key));
    let mut paging = json!({"cursors": {"before": first, "after": last}});
    if let Some(fields) = paging.as_object_mut() {
        if begin + chosen.len() < total {
            fields.insert("next".to_owned(), link(call, base, "after", &last).into());
        }
        if begin > 0 {
            fields.insert("previous".to_owned(), link(call, base, "before", &first).into());
        }
    }
    Ok(Slice { items: chosen.into_iter().map(|entry| entry.item).collect(), paging: Some(paging) })
}

fn encode(key: &str) -> String {
    BASE64URL_NOPAD.encode(key.as_bytes())
}

fn cursor(call: &Call, name: &str) -> Result<Option<String>, GraphError> {
    let decode = |text: &str| {
        BASE64URL_NOPAD
            .decode(text.as_bytes())
            .ok()
            .and_then(|bytes| String::from_utf8(bytes).ok())
            .ok_or_else(|| GraphError::parameter(format!("Invalid cursor for param {name}")))
    };
    call.params.text(name).filter(|text| !text.is_empty()).map(|text| decode(&text)).transpose()
}

/// The same call at another cursor. The token is repeated only when it came in the query.
fn link(call: &Call, base: &str, name: &str, cursor: &str) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    for (key, value) in &call.query {
        if !matches!(key.as_str(), "after" | "before" | "appsecret_proof") {
            query.append_pair(key, value);
        }
    }
    query.append_pair(name, cursor);
    format!("{base}{}?{}", call.path, query.finish())
}

/// `{data, paging}`.
pub(crate) fn envelope(data: &[Value], paging: Option<Value>) -> Value {
    match paging {
        Some(paging) => json!({"data": data, "paging": paging}),
        None => json!({ "data": data }),
    }
}

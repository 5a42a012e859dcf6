//! What happens on Pages, as Meta tells of it unasked.

use serde_json::Value;

use super::graph;
pub(super) use crate::connector::meta::webhook::{handshake, is_signed};
use crate::connector::{
    ConnectorError, WebhookEvent, WebhookKind,
    meta::webhook::{self, other, text},
};

/// The events of a verified delivery; what is not understood is kept as [`WebhookKind::Other`].
pub(super) fn parse(body: &[u8]) -> Result<Vec<WebhookEvent>, ConnectorError> {
    webhook::parse(body, kind)
}

fn kind(object: &str, account: &str, change: &Value) -> WebhookKind {
    let field = text(change, "/field");
    let verb = text(change, "/value/verb");
    match (object, field) {
        ("page", "feed") => {
            feed(account, change, verb).unwrap_or_else(|| other(&["page", "feed", text(change, "/value/item"), verb]))
        }
        ("permissions", _) if verb == "revoked" => WebhookKind::ConnectionRevoked,
        _ => other(&[object, field, verb]),
    }
}

fn feed(account: &str, change: &Value, verb: &str) -> Option<WebhookKind> {
    let is_post = matches!(text(change, "/value/item"), "status" | "post" | "photo" | "video" | "share" | "album");
    let remote_id = graph::id(change.pointer("/value/post_id"))?;
    // Visitors post on Pages, too; what they write is none of ours.
    let author = graph::id(change.pointer("/value/from/id"));
    let is_by_the_page = author.is_none_or(|author| author == account);
    let is_public = change.pointer("/value/published").and_then(Value::as_i64) != Some(0);
    match verb {
        "add" if is_post && is_by_the_page && is_public => Some(WebhookKind::PostPublished { remote_id }),
        "remove" if is_post => Some(WebhookKind::PostRemoved { remote_id }),
        _ => None,
    }
}

#[cfg(test)]
mod tests;

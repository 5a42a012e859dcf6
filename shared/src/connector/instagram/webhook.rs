//! What Meta tells unasked about Instagram accounts: events in its usual envelope. Nobody tells that a post is out or a
//! container finished.

use serde_json::Value;

use crate::connector::{
    ConnectorError, WebhookEvent, WebhookKind,
    meta::webhook::{self, other, text},
};

/// The events of a verified delivery.
pub(super) fn parse(body: &[u8]) -> Result<Vec<WebhookEvent>, ConnectorError> {
    webhook::parse(body, kind)
}

fn kind(object: &str, _account: &str, change: &Value) -> WebhookKind {
    let (field, verb) = (text(change, "/field"), text(change, "/value/verb"));
    match object {
        // Permissions for Pages belong to another connection of the same person.
        "permissions" if verb == "revoked" && field.starts_with("instagram_") => WebhookKind::ConnectionRevoked,
        _ => other(&[object, field, verb]),
    }
}

//! What Meta tells us unasked: the handshake that proves the address is ours, the signature that proves a delivery is
//! Meta's, and the events inside.

use aws_lc_rs::constant_time;
use data_encoding::HEXLOWER;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::graph;
use crate::{
    connector::{
        ConnectorError, WebhookDelivery, WebhookEvent, WebhookKind,
        canonical::{canonical, sha256_hex},
    },
    hmac,
    secret::{AppCredentials, AppSecret, VerifyToken},
};

pub(in crate::connector) const SIGNATURE: &str = "x-hub-signature-256";
const LONGEST_CHALLENGE: usize = 128;
const LONGEST_NAME: usize = 64;
// Meta groups up to a thousand changes into one delivery.
const MOST_EVENTS: usize = 2000;

/// The challenge to send back, if the handshake is for us. It is reflected, so it may hold nothing that a browser acts on.
pub(in crate::connector) fn handshake(app: &AppCredentials, query: &[(String, String)]) -> Option<String> {
    let only = |name: &str| {
        let mut values = query.iter().filter(|(key, _)| key == name).map(|(_, value)| value.as_str());
        values.next().filter(|_| values.next().is_none())
    };
    let theirs = only("hub.verify_token")?;
    let challenge = only("hub.challenge")?;
    let is_ours = |ours: &VerifyToken| {
        let ours = ours.expose().as_bytes();
        !ours.is_empty() && constant_time::verify_slices_are_equal(ours, theirs.as_bytes()).is_ok()
    };
    let tokens = [Some(&app.webhook_verify_token), app.previous_webhook_verify_token.as_ref()];
    let is_for_us = only("hub.mode") == Some("subscribe") && tokens.into_iter().flatten().any(is_ours);
    let is_harmless = (1..=LONGEST_CHALLENGE).contains(&challenge.len())
        && challenge.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
    (is_for_us && is_harmless).then(|| challenge.into())
}

/// Whether the raw bytes carry a signature by the current or the previous secret.
pub(in crate::connector) fn is_signed(app: &AppCredentials, delivery: WebhookDelivery<'_>) -> bool {
    let mut signatures = delivery.headers.get_all(SIGNATURE).iter();
    let (Some(signature), None) = (signatures.next(), signatures.next()) else { return false };
    let Some(signature) = signature.as_bytes().strip_prefix(b"sha256=") else { return false };
    let Ok(signature) = HEXLOWER.decode(signature) else { return false };
    let secrets = [Some(&app.client_secret), app.previous_client_secret.as_ref()];
    secrets.into_iter().flatten().any(|secret| is_signed_by(secret, delivery.body, &signature))
}

// The comparison inside `verify` takes the same time whatever differs.
pub(in crate::connector) fn is_signed_by(secret: &AppSecret, body: &[u8], signature: &[u8]) -> bool {
    let secret = secret.expose();
    !secret.is_empty() && hmac::Key::new(secret.as_bytes()).verify(body, signature).is_ok()
}

/// What a change means: of this object, about this account.
pub(in crate::connector) type KindOf = fn(&str, &str, &Value) -> WebhookKind;

/// The events of a verified delivery; what is not understood is kept as [`WebhookKind::Other`].
pub(in crate::connector) fn parse(body: &[u8], kind: KindOf) -> Result<Vec<WebhookEvent>, ConnectorError> {
    let body: Value =
        serde_json::from_slice(body).map_err(|_| ConnectorError::Unreadable { what: "a webhook in JSON" })?;
    let object = body.get("object").and_then(Value::as_str);
    let object = object.ok_or(ConnectorError::Unreadable { what: "an `object` in a webhook" })?;
    let entries = body.get("entry").and_then(Value::as_array);
    let entries = entries.ok_or(ConnectorError::Unreadable { what: "an `entry` in a webhook" })?;
    let mut events = Vec::new();
    for entry in entries {
        // Instagram Login puts `field` and `value` into the entry itself.
        let changes = match entry.get("changes").and_then(Value::as_array) {
            Some(changes) => changes.as_slice(),
            None => std::slice::from_ref(entry),
        };
        events.extend(changes.iter().map(|change| event(object, entry, change, kind)));
        if events.len() > MOST_EVENTS {
            return Err(ConnectorError::Unreadable { what: "a bounded number of events in a webhook" });
        }
    }
    Ok(events)
}

fn event(object: &str, entry: &Value, change: &Value, kind: KindOf) -> WebhookEvent {
    let account = graph::id(entry.get("id")).unwrap_or_default();
    let time = entry.get("time").cloned().unwrap_or_default();
    // Meta sends no event id; a repeat has the same entry and the same change, in whatever spelling.
    let identity = json!({"object": object, "entry": account, "time": time, "change": change});
    WebhookEvent {
        dedupe_key: sha256_hex(&canonical(&identity)),
        kind: kind(object, &account, change),
        occurred_at: occurred_at(entry, change),
        account,
    }
}

fn occurred_at(entry: &Value, change: &Value) -> Option<Timestamp> {
    graph::seconds(change.pointer("/value/created_time")).or_else(|| graph::seconds(entry.get("time")))
}

/// A kind that nothing acts upon, by a name of bounded length.
pub(in crate::connector) fn other(parts: &[&str]) -> WebhookKind {
    let name = parts.iter().filter(|part| !part.is_empty()).copied().collect::<Vec<_>>().join(".");
    let is_plain = |character: &char| character.is_ascii_alphanumeric() || matches!(character, '.' | '_' | '-');
    WebhookKind::Other { name: name.chars().filter(is_plain).take(LONGEST_NAME).collect() }
}

/// A text, or an empty one.
pub(in crate::connector) fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

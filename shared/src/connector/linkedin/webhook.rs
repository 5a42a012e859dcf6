//! What LinkedIn tells of Pages unasked. Of members it tells nothing. The hook is set up in LinkedIn's developer portal.

use data_encoding::HEXLOWER;
use serde_json::{Value, json};

use super::{Profile, api};
use crate::{
    connector::{
        ConnectorError, WebhookDelivery, WebhookEvent, WebhookKind,
        canonical::{canonical, sha256_hex},
    },
    hmac,
    secret::AppCredentials,
};

const SIGNATURE: &str = "x-li-signature";
/// Stands in front of the signed text, whether it stands in front of the signature or not.
const PREFIX: &str = "hmacsha256=";
const LONGEST_CHALLENGE: usize = 100;
/// Ten are documented.
const MOST_EVENTS: usize = 100;
const LONGEST_NAME: usize = 64;

/// Proves that we know the app's secret. LinkedIn asks every two hours, and wants JSON.
pub(super) fn handshake(profile: Profile, app: &AppCredentials, query: &[(String, String)]) -> Option<String> {
    let code = query.iter().find(|(name, _)| name == "challengeCode").map(|(_, value)| value.as_str())?;
    let is_code = (1..=LONGEST_CHALLENGE).contains(&code.len())
        && code.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    let secret = app.client_secret.expose();
    if profile != Profile::Page || !is_code || secret.is_empty() {
        return None;
    }
    let response = HEXLOWER.encode(&hmac::Key::new(secret.as_bytes()).sign(code.as_bytes()));
    Some(json!({"challengeCode": code, "challengeResponse": response}).to_string())
}

/// Whether the raw bytes carry a signature by the current or the previous secret.
pub(super) fn is_signed(profile: Profile, app: &AppCredentials, delivery: WebhookDelivery<'_>) -> bool {
    let mut headers = delivery.headers.get_all(SIGNATURE).iter();
    let (Some(header), None, Profile::Page) = (headers.next(), headers.next(), profile) else { return false };
    let signature = header.to_str().ok().map(|text| text.strip_prefix(PREFIX).unwrap_or(text));
    let Some(signature) = signature.and_then(|text| HEXLOWER.decode(text.as_bytes()).ok()) else { return false };
    let message = [PREFIX.as_bytes(), delivery.body].concat();
    let secrets = [Some(&app.client_secret), app.previous_client_secret.as_ref()];
    secrets.into_iter().flatten().any(|secret| {
        let secret = secret.expose();
        // The comparison inside `verify` takes the same time whatever differs.
        !secret.is_empty() && hmac::Key::new(secret.as_bytes()).verify(&message, &signature).is_ok()
    })
}

/// The events of a delivery. LinkedIn tells of reactions and comments, never that a post is out: all are kept as they are.
pub(super) fn parse(body: &[u8]) -> Result<Vec<WebhookEvent>, ConnectorError> {
    let body: Value =
        serde_json::from_slice(body).map_err(|_| ConnectorError::Unreadable { what: "a webhook in JSON" })?;
    let kind = body.get("type").and_then(Value::as_str);
    let kind = kind.ok_or(ConnectorError::Unreadable { what: "a `type` in a webhook" })?;
    let listed = body.get("notifications").and_then(Value::as_array);
    let Some(listed) = listed.filter(|_| kind == "ORGANIZATION_SOCIAL_ACTION_NOTIFICATIONS") else {
        let dedupe_key = sha256_hex(&canonical(&body));
        let kind = WebhookKind::Other { name: bounded(kind) };
        return Ok(vec![WebhookEvent { dedupe_key, account: String::new(), kind, occurred_at: None }]);
    };
    Ok(listed.iter().take(MOST_EVENTS).map(event).collect())
}

fn event(notification: &Value) -> WebhookEvent {
    // An id may be larger than a `double` can hold; a repeat has the same, whatever else has changed.
    let id = notification.get("notificationId");
    let id = id.and_then(Value::as_i64).or_else(|| id?.as_str()?.parse().ok()).map(|id| id.to_string());
    let action = notification.get("action").and_then(Value::as_str).unwrap_or_default();
    WebhookEvent {
        dedupe_key: id.unwrap_or_else(|| sha256_hex(&canonical(notification))),
        account: api::urn(notification.get("organizationalEntity"), &["organization", "organizationBrand"])
            .unwrap_or_default(),
        kind: WebhookKind::Other { name: format!("organization.{}", bounded(action).to_ascii_lowercase()) },
        occurred_at: api::time(notification.get("lastModifiedAt")),
    }
}

fn bounded(name: &str) -> String {
    let is_plain = |character: &char| character.is_ascii_alphanumeric() || *character == '_';
    name.chars().filter(is_plain).take(LONGEST_NAME).collect()
}

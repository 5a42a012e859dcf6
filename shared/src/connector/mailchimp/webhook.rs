//! What Mailchimp tells us unasked. Webhooks made since 2026 can be signed, each with a secret of its own; all others are
//! known by the key in their address alone, and what they say is a hint, after which we look for ourselves (F78).

use aws_lc_rs::constant_time;
use data_encoding::HEXLOWER;
use jiff::{SignedDuration, Timestamp, civil::DateTime, tz::TimeZone};
use serde_json::json;

use super::{api, form::Form};
use crate::{
    connector::{
        ConnectorError, WebhookDelivery, WebhookEvent, WebhookKind,
        canonical::{canonical, sha256_hex},
    },
    hmac,
    secret::{AppCredentials, VerifyToken},
};

const SIGNATURE: &str = "x-mailchimp-signature";
/// The parameter of a webhook's address that only Mailchimp knows: the app's verify token.
const KEY: &str = "key";
/// How far a signature's time may be from ours.
const WINDOW: SignedDuration = SignedDuration::from_mins(5);
/// More signatures than a rotation needs.
const MOST_SIGNATURES: usize = 5;
const LONGEST_NAME: usize = 64;

/// Answers the call by which Mailchimp looks whether there is anybody: it wants a 200, and nothing in it.
pub(super) fn handshake(app: &AppCredentials, query: &[(String, String)]) -> Option<String> {
    has_key(app, query).then(String::new)
}

/// Whether the raw bytes carry a signature by the secret of one of our webhooks, made within five minutes of now.
pub(super) fn is_signed(app: &AppCredentials, delivery: WebhookDelivery<'_>) -> bool {
    let mut headers = delivery.headers.get_all(SIGNATURE).iter();
    let (Some(header), None) = (headers.next(), headers.next()) else { return false };
    let Some((time, signatures)) = header.to_str().ok().and_then(parts) else { return false };
    let signed_at = time.parse().ok().and_then(|seconds| Timestamp::from_second(seconds).ok());
    let is_recent = signed_at.is_some_and(|at| delivery.now.duration_since(at).abs() <= WINDOW);
    let message = [time.as_bytes(), b".", delivery.body].concat();
    is_recent
        && app.webhook_secrets.iter().any(|secret| {
            let secret = secret.expose();
            // The comparison inside `verify` takes the same time whatever differs.
            let key = hmac::Key::new(secret.as_bytes());
            !secret.is_empty() && signatures.iter().any(|signature| key.verify(&message, signature).is_ok())
        })
}

/// Whether a delivery without a signature came to an address that only Mailchimp knows. One with a signature that does not
/// fit is not even a hint.
pub(super) fn is_hint(app: &AppCredentials, delivery: WebhookDelivery<'_>) -> bool {
    !delivery.headers.contains_key(SIGNATURE) && has_key(app, delivery.query)
}

fn has_key(app: &AppCredentials, query: &[(String, String)]) -> bool {
    let mut keys = query.iter().filter(|(name, _)| name == KEY).map(|(_, value)| value.as_bytes());
    let (Some(theirs), None) = (keys.next(), keys.next()) else { return false };
    let is_ours = |ours: &VerifyToken| {
        let ours = ours.expose().as_bytes();
        !ours.is_empty() && constant_time::verify_slices_are_equal(ours, theirs).is_ok()
    };
    let tokens = [Some(&app.webhook_verify_token), app.previous_webhook_verify_token.as_ref()];
    tokens.into_iter().flatten().any(is_ours)
}

/// Time and signatures of `t=1763689200,v1=5257a8…,v1=…`.
fn parts(header: &str) -> Option<(&str, Vec<Vec<u8>>)> {
    let mut time = None;
    let mut signatures = Vec::new();
    for part in header.split(',') {
        match part.trim().split_once('=')? {
            ("t", text) if time.is_none() => time = Some(text),
            ("v1", text) if signatures.len() < MOST_SIGNATURES => {
                signatures.push(HEXLOWER.decode(text.as_bytes()).ok()?);
            }
            ("t" | "v1", _) => return None,
            // A later version of the scheme may stand beside ours.
            _ => {}
        }
    }
    Some((time?, signatures))
}

/// The event of a delivery: there is one in each. What is not understood is kept as [`WebhookKind::Other`]. Addresses of
/// people stay behind.
pub(super) fn parse(body: &[u8]) -> Result<Vec<WebhookEvent>, ConnectorError> {
    let form = Form::read(body)?;
    let kind = form.text("type").ok_or(ConnectorError::Unreadable { what: "a `type` in a webhook" })?;
    let audience = form.text("data.list_id").filter(|id| api::is_id(id)).unwrap_or_default();
    let fired_at = form.text("fired_at");
    // Mailchimp sends no id of the event; a repeat is about the same thing at the same second.
    let identity = json!({
        "type": kind,
        "fired_at": fired_at,
        "list": audience,
        "id": form.text("data.id").or(form.text("data.new_id")).or(form.text("data.campaign_id")),
        "email": form.text("data.email").or(form.text("data.new_email")),
        "status": form.text("data.status").or(form.text("data.reason")),
    });
    let campaign = form.text("data.id").filter(|id| api::is_id(id));
    let is_sent = kind == "campaign" && form.text("data.status") == Some("sent");
    Ok(vec![WebhookEvent {
        dedupe_key: sha256_hex(&canonical(&identity)),
        account: audience.to_owned(),
        kind: match campaign {
            Some(campaign) if is_sent => WebhookKind::PostPublished { remote_id: campaign.to_owned() },
            Some(_) | None => WebhookKind::Other { name: other(kind) },
        },
        occurred_at: fired_at.and_then(time),
    }])
}

fn other(kind: &str) -> String {
    let name: String =
        kind.chars().filter(|character| character.is_ascii_alphanumeric() || *character == '_').collect();
    let name: String = name.chars().take(LONGEST_NAME).collect();
    format!("audience.{name}")
}

/// A time of a webhook, `2026-11-21 01:45:09`: UTC without saying so.
pub(super) fn time(text: &str) -> Option<Timestamp> {
    let at = DateTime::strptime("%Y-%m-%d %H:%M:%S", text).ok()?;
    Some(at.to_zoned(TimeZone::UTC).ok()?.timestamp())
}

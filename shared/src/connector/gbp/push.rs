//! What Google tells us unasked, through Pub/Sub: the identity token that proves who pushes, and the notification inside.
//!
//! A valid signature proves next to nothing: every customer of Google can have one made. That the token is for us
//! (`aud`) and from our own service account (`email`) is what protects. It does not cover the body; but a notification
//! carries names only, and nothing is believed of it.

use aws_lc_rs::{
    constant_time,
    signature::{RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents},
};
use data_encoding::{BASE64, BASE64URL_NOPAD};
use http::{Method, header};
use jiff::Timestamp;
use serde_json::Value;

use super::{api, identity};
use crate::{
    connector::{
        Answer, Authentication, ConnectorError, Request, WebhookDelivery, WebhookEvent, WebhookKind,
        canonical::{canonical, sha256_hex},
        settings::GbpSettings,
    },
    secret::{AppCredentials, VerifyToken},
};

/// How far clocks may differ, in seconds.
const SKEW: i64 = 60;
/// No token of Google lives longer than an hour; what says so is not believed.
const LONGEST_LIFE: i64 = 3_600 + 2 * SKEW;
const LONGEST_NAME: usize = 64;

/// Where Google's keys are.
pub(super) fn keys(settings: &GbpSettings) -> Request {
    let url = api::address(&settings.keys_url, &["oauth2", "v3", "certs"]);
    Request { authentication: Authentication::Complete, ..Request::new(Method::GET, url) }
}

/// Whether a delivery carries a token that Google signed, for us, for our own service account, and that is good now.
pub(super) fn is_signed(
    settings: &GbpSettings,
    keys: &Answer,
    app: &AppCredentials,
    delivery: WebhookDelivery<'_>,
) -> bool {
    let Some(account) = settings.push_account.as_deref() else { return false };
    let mut headers = delivery.headers.get_all(header::AUTHORIZATION).iter();
    let (Some(value), None) = (headers.next(), headers.next()) else { return false };
    let Some(token) = value.to_str().ok().and_then(|value| value.strip_prefix("Bearer ")) else { return false };
    let Some(parts) = identity::parts(token) else { return false };
    is_signed_by(keys, &parts)
        && identity::is_googles(&parts.claims)
        && is_for_us(&parts.claims, app)
        && is_from(&parts.claims, account)
        && is_good_at(&parts.claims, delivery.now)
}

fn is_signed_by(keys: &Answer, parts: &identity::Parts<'_>) -> bool {
    let text = |value: &Value, name: &str| value.get(name).and_then(Value::as_str).map(str::to_owned);
    if text(&parts.header, "alg").as_deref() != Some("RS256") {
        return false;
    }
    let Some(wanted) = text(&parts.header, "kid").filter(|kid| !kid.is_empty()) else { return false };
    let Some(keys) = keys.json().filter(|_| keys.status.is_success()) else { return false };
    let keys = keys.get("keys").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let number = |key: &Value, name: &str| BASE64URL_NOPAD.decode(text(key, name)?.as_bytes()).ok();
    keys.iter()
        .filter(|key| text(key, "kid").as_deref() == Some(wanted.as_str()))
        .filter(|key| text(key, "kty").as_deref() == Some("RSA"))
        .any(|key| match (number(key, "n"), number(key, "e")) {
            (Some(n), Some(e)) => RsaPublicKeyComponents { n, e }
                .verify(&RSA_PKCS1_2048_8192_SHA256, parts.signed.as_bytes(), &parts.signature)
                .is_ok(),
            _ => false,
        })
}

/// The audience is a secret of ours, so nobody can even ask Google for such a token by guessing.
fn is_for_us(claims: &Value, app: &AppCredentials) -> bool {
    let Some(audience) = claims.get("aud").and_then(Value::as_str) else { return false };
    let is_ours = |ours: &VerifyToken| {
        let ours = ours.expose().as_bytes();
        !ours.is_empty() && constant_time::verify_slices_are_equal(ours, audience.as_bytes()).is_ok()
    };
    let tokens = [Some(&app.webhook_verify_token), app.previous_webhook_verify_token.as_ref()];
    tokens.into_iter().flatten().any(is_ours)
}

fn is_from(claims: &Value, account: &str) -> bool {
    let email = claims.get("email").and_then(Value::as_str).map(str::to_ascii_lowercase);
    email.as_deref() == Some(account) && claims.get("email_verified").and_then(Value::as_bool) == Some(true)
}

fn is_good_at(claims: &Value, now: Timestamp) -> bool {
    let seconds = |name: &str| claims.get(name).and_then(Value::as_i64);
    let (Some(issued), Some(expires)) = (seconds("iat"), seconds("exp")) else { return false };
    let now = now.as_second();
    issued <= now.saturating_add(SKEW)
        && expires >= now.saturating_sub(SKEW)
        && (0..=LONGEST_LIFE).contains(&expires.saturating_sub(issued))
}

/// The notification in a push.
///
/// # Errors
/// It is no push of Pub/Sub.
pub(super) fn parse(body: &[u8]) -> Result<Vec<WebhookEvent>, ConnectorError> {
    let body: Value =
        serde_json::from_slice(body).map_err(|_| ConnectorError::Unreadable { what: "a push in JSON" })?;
    let message = body.get("message").filter(|message| message.is_object());
    let message = message.ok_or(ConnectorError::Unreadable { what: "a `message` in a push" })?;
    let data = message.get("data").and_then(Value::as_str).unwrap_or_default();
    let data = BASE64.decode(data.as_bytes()).map_err(|_| ConnectorError::Unreadable { what: "the data of a push" })?;
    // What is not understood is kept, without a name.
    let told: Value = serde_json::from_slice(&data).unwrap_or_default();
    // Both spellings of every name are seen in the wild.
    let text = |value: &Value, names: [&str; 2]| {
        names.iter().find_map(|name| value.get(*name).and_then(Value::as_str)).unwrap_or_default().to_owned()
    };
    let id = text(message, ["messageId", "message_id"]);
    let is_id = (1..=100).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_graphic());
    let published = text(message, ["publishTime", "publish_time"]);
    Ok(vec![WebhookEvent {
        dedupe_key: if is_id { id } else { sha256_hex(&canonical(message)) },
        account: location(&text(&told, ["location_name", "locationName"])),
        kind: kind(&text(&told, ["type", "notificationType"])),
        occurred_at: published.parse().ok(),
    }])
}

/// The location that it is about, as a destination has it; or its bare name, where Google tells no account.
fn location(name: &str) -> String {
    let is_known = api::place(name).is_some() || api::ids(name, ["locations"]).is_some();
    if is_known { name.to_owned() } else { String::new() }
}

/// Google tells of reviews, of the profile and of pictures, and never of posts.
fn kind(name: &str) -> WebhookKind {
    let is_plain = |character: &char| character.is_ascii_alphanumeric() || matches!(character, '_' | '-' | '.');
    WebhookKind::Other { name: name.chars().filter(is_plain).take(LONGEST_NAME).collect() }
}

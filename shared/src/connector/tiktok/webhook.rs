//! What TikTok tells us unasked: one event each, signed over its time and its raw bytes. The app's secret is the key.

use data_encoding::HEXLOWER;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::api;
use crate::{
    connector::{
        ConnectorError, WebhookDelivery, WebhookEvent, WebhookKind,
        canonical::{canonical, sha256_hex},
        settings::TiktokSettings,
    },
    hmac,
    secret::{AppCredentials, AppSecret},
};

const SIGNATURE: &str = "tiktok-signature";
const LONGEST_NAME: usize = 64;
/// How far TikTok's clock may be ahead of ours.
const AHEAD: SignedDuration = SignedDuration::from_mins(5);

/// Whether the raw bytes carry a signature by the current or the previous secret, made in living memory.
pub(super) fn is_signed(settings: &TiktokSettings, app: &AppCredentials, delivery: WebhookDelivery<'_>) -> bool {
    let mut headers = delivery.headers.get_all(SIGNATURE).iter();
    let (Some(header), None) = (headers.next(), headers.next()) else { return false };
    let Some((time, signature)) = header.to_str().ok().and_then(parts) else { return false };
    let made_at = time.parse().ok().and_then(|seconds| Timestamp::from_second(seconds).ok());
    let Some(age) = made_at.map(|made_at| delivery.now.duration_since(made_at)) else { return false };
    if age > settings.webhook_age || age < -AHEAD {
        return false;
    }
    let Ok(signature) = HEXLOWER.decode(signature.as_bytes()) else { return false };
    let mut message = Vec::with_capacity(time.len() + 1 + delivery.body.len());
    message.extend_from_slice(time.as_bytes());
    message.push(b'.');
    message.extend_from_slice(delivery.body);
    let secrets = [Some(&app.client_secret), app.previous_client_secret.as_ref()];
    secrets.into_iter().flatten().any(|secret| is_signed_by(secret, &message, &signature))
}

/// `t=…,s=…`, each once.
fn parts(header: &str) -> Option<(&str, &str)> {
    let (mut time, mut signature) = (None, None);
    for part in header.split(',') {
        let (name, value) = part.trim().split_once('=')?;
        let place = match name {
            "t" => &mut time,
            "s" => &mut signature,
            _ => continue,
        };
        if place.replace(value).is_some() {
            return None;
        }
    }
    time.zip(signature)
}

// The comparison inside `verify` takes the same time whatever differs.
fn is_signed_by(secret: &AppSecret, message: &[u8], signature: &[u8]) -> bool {
    let secret = secret.expose();
    !secret.is_empty() && hmac::Key::new(secret.as_bytes()).verify(message, signature).is_ok()
}

/// The event of a verified delivery. `content` is JSON within a text.
pub(super) fn parse(body: &[u8]) -> Result<Vec<WebhookEvent>, ConnectorError> {
    let body: Value =
        serde_json::from_slice(body).map_err(|_| ConnectorError::Unreadable { what: "a webhook in JSON" })?;
    let event = body.get("event").and_then(Value::as_str);
    let event = event.ok_or(ConnectorError::Unreadable { what: "an `event` in a webhook" })?;
    let account = api::id(body.get("user_openid")).unwrap_or_default();
    let content = match body.get("content") {
        Some(Value::String(text)) => serde_json::from_str(text).unwrap_or_default(),
        Some(other) => other.clone(),
        None => Value::Null,
    };
    // There is no id of an event: a repeat says the same of the same account at the same second.
    let identity = serde_json::json!([account, event, content, body.get("create_time")]);
    Ok(vec![WebhookEvent {
        dedupe_key: sha256_hex(&canonical(&identity)),
        kind: kind(event, &content),
        occurred_at: api::seconds(body.get("create_time")),
        account,
    }])
}

fn kind(event: &str, content: &Value) -> WebhookKind {
    if event == "authorization.removed" {
        return WebhookKind::ConnectionRevoked;
    }
    let remote_id = content.get("post_id").and_then(api::video_id);
    let remote_id = remote_id.or_else(|| api::id(content.get("publish_id")));
    match (event.strip_prefix("post.publish."), remote_id) {
        (Some("complete" | "publicly_available"), Some(remote_id)) => WebhookKind::PostPublished { remote_id },
        // The misspelt one is TikTok's.
        (Some("no_longer_publicaly_available" | "no_longer_publicly_available"), Some(remote_id)) => {
            WebhookKind::PostRemoved { remote_id }
        }
        _ => {
            let is_plain = |character: &char| character.is_ascii_alphanumeric() || matches!(character, '.' | '_' | '-');
            WebhookKind::Other { name: event.chars().filter(is_plain).take(LONGEST_NAME).collect() }
        }
    }
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, HeaderValue};
    use rstest::rstest;

    use super::{super::testing::*, *};

    fn taken(header: &str, now: i64) -> bool {
        let mut headers = HeaderMap::new();
        headers.insert(SIGNATURE, HeaderValue::from_str(header).unwrap());
        let now = Timestamp::from_second(now).unwrap();
        is_signed(
            &TiktokSettings::default(),
            &app(),
            WebhookDelivery { headers: &headers, query: &[], body: b"{}", now },
        )
    }

    #[test]
    fn f77_a_signature_holds_for_as_long_as_tiktok_repeats_itself() {
        let sign = |key: &[u8]| HEXLOWER.encode(&hmac::Key::new(key).sign(b"1770210873.{}"));
        let (current, previous, other) = (sign(b"app-secret"), sign(b"old-secret"), sign(b"another"));
        let header = |signature: &str| format!("t=1770210873,s={signature}");
        assert!(taken(&header(&current), 1_770_210_873) && taken(&header(&previous), 1_770_210_900));
        assert!(taken(&header(&current), 1_770_210_873 + 72 * 3_600));
        assert!(!taken(&header(&current), 1_770_210_873 + 74 * 3_600));
        assert!(!taken(&header(&current), 1_770_210_873 - 301));
        assert!(!taken(&header(&other), 1_770_210_873));
        assert!(!taken(&format!("t=1770210873,t=1,s={current}"), 1_770_210_873));
        assert!(!taken(&format!("s={current}"), 1_770_210_873));
    }

    #[rstest]
    #[case("authorization.removed", r#"{\"reason\":1}"#, WebhookKind::ConnectionRevoked)]
    #[case("post.publish.complete", r#"{\"publish_id\":\"v_pub~1\"}"#, WebhookKind::PostPublished { remote_id: "v_pub~1".into() })]
    #[case("post.publish.publicly_available", r#"{\"publish_id\":\"v_pub~1\",\"post_id\":\"7\"}"#, WebhookKind::PostPublished { remote_id: "7".into() })]
    #[case("post.publish.no_longer_publicaly_available", r#"{\"post_id\":\"7\"}"#, WebhookKind::PostRemoved { remote_id: "7".into() })]
    #[case("post.publish.failed", r#"{\"reason\":\"internal\"}"#, WebhookKind::Other { name: "post.publish.failed".into() })]
    #[case("post.publish.inbox_delivered", "{}", WebhookKind::Other { name: "post.publish.inbox_delivered".into() })]
    #[case("post.publish.complete", "no JSON", WebhookKind::Other { name: "post.publish.complete".into() })]
    #[case("brand\u{7}new thing", "{}", WebhookKind::Other { name: "brandnewthing".into() })]
    fn every_event_is_one_of_ours_or_kept(#[case] event: &str, #[case] content: &str, #[case] expected: WebhookKind) {
        let event = serde_json::to_string(event).unwrap();
        let body = format!(r#"{{"event":{event},"create_time":1770210873,"user_openid":"-1","content":"{content}"}}"#);
        let events = parse(body.as_bytes()).unwrap();
        assert_eq!((events.len(), &events[0].kind, events[0].account.as_str()), (1, &expected, "-1"));
    }
}

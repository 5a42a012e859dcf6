//! Notifications through Pub/Sub: whose are taken, and what is read of them.

use http::{HeaderMap, HeaderValue};
use jiff::Timestamp;
use serde_json::{Value, json};
use simulator::{Options as SimulatorOptions, Simulator};

use super::{recorded::id_token, testing::*, *};
use crate::connector::WebhookKind;

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn gbp() -> Gbp {
    let mut settings = GbpSettings::default();
    settings.set_push_account("push@p.iam.gserviceaccount.com").unwrap();
    Gbp::new(settings)
}

const NOW: &str = "2026-11-21T10:00:00Z";

fn claims() -> Value {
    let now = at(NOW).as_second();
    json!({
        "iss": "https://accounts.google.com", "aud": "the-audience", "email": "push@p.iam.gserviceaccount.com",
        "email_verified": true, "iat": now, "exp": now + 3_600, "sub": "1", "azp": "1",
    })
}

fn delivered(token: &str, keys: &Answer, connector: &Gbp) -> bool {
    let mut headers = HeaderMap::new();
    headers.insert("authorization", HeaderValue::from_str(token).unwrap());
    let delivery = WebhookDelivery { headers: &headers, query: &[], body: b"{}", now: at(NOW) };
    assert!(!connector.validate_webhook_signature(&app(), delivery));
    connector.is_signed_with(keys, &app(), delivery)
}

#[tokio::test]
async fn f76_only_googles_token_for_us_from_our_own_account_is_taken() {
    let simulator = Simulator::start(SimulatorOptions::default()).await.unwrap();
    let google = simulator.gbp();
    let keys = ok(&google.keys());
    let taken = |claims: &Value| delivered(&format!("Bearer {}", google.signed(claims).unwrap()), &keys, &gbp());
    assert!(taken(&claims()));
    let now = at(NOW).as_second();
    let with = |name: &str, value: Value| {
        let mut changed = claims();
        changed[name] = value;
        changed
    };
    for good in [
        with("iss", "accounts.google.com".into()),
        with("aud", "the-old-audience".into()),
        with("email", "Push@p.iam.gserviceaccount.com".into()),
    ] {
        assert!(taken(&good), "{good}");
    }
    for bad in [
        with("iss", "https://evil.example".into()),
        with("aud", "https://postd.example/webhooks/gbp".into()),
        with("aud", "".into()),
        with("aud", json!(["the-audience"])),
        with("email", "push@q.iam.gserviceaccount.com".into()),
        with("email", Value::Null),
        with("email_verified", false.into()),
        with("email_verified", "true".into()),
        with("exp", (now - 61).into()),
        with("iat", (now + 61).into()),
        with("exp", (now + 100_000).into()),
        with("exp", Value::Null),
    ] {
        assert!(!taken(&bad), "{bad}");
    }
    let mut unnamed = Gbp::new(GbpSettings::default());
    let bearer = format!("Bearer {}", google.signed(&claims()).unwrap());
    assert!(!delivered(&bearer, &keys, &unnamed), "without a push account nothing is taken");
    unnamed.settings.set_push_account("push@p.iam.gserviceaccount.com").unwrap();
    assert!(delivered(&bearer, &keys, &unnamed));
}

#[tokio::test]
async fn f76_a_token_that_is_changed_or_signed_otherwise_is_not_taken() {
    let simulator = Simulator::start(SimulatorOptions::default()).await.unwrap();
    let google = simulator.gbp();
    let keys = ok(&google.keys());
    let token = google.signed(&claims()).unwrap();
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let (header, body) = signed.split_once('.').unwrap();
    let none = data_encoding::BASE64URL_NOPAD.encode(br#"{"alg":"none","kid":"simulated-0"}"#);
    let hmac = data_encoding::BASE64URL_NOPAD.encode(br#"{"alg":"HS256","kid":"simulated-0"}"#);
    for forged in [
        format!("Bearer {none}.{body}."),
        format!("Bearer {hmac}.{body}.{signature}"),
        format!("Bearer {header}.{body}.{}", signature.to_ascii_lowercase()),
        format!("Bearer {header}.{body}"),
        format!("Bearer {}", id_token(&claims())),
        format!("bearer {token}"),
        token.clone(),
        "Bearer ".into(),
        format!("Bearer {}", "a".repeat(9_000)),
    ] {
        assert!(!delivered(&forged, &keys, &gbp()), "{forged}");
    }
    let good = format!("Bearer {token}");
    assert!(delivered(&good, &keys, &gbp()));
    // The last character of a part may hold bits that mean nothing.
    for position in (0..token.len()).step_by(7).filter(|position| *position + 1 < token.len()) {
        let mut changed = token.clone().into_bytes();
        changed[position] = if changed[position] == b'A' { b'B' } else { b'A' };
        let changed = format!("Bearer {}", String::from_utf8(changed).unwrap());
        assert!(!delivered(&changed, &keys, &gbp()), "changed at {position}");
    }
    for wrong in [
        ok(&json!({})),
        ok(&json!({"keys": [{"kid": "simulated-0", "kty": "RSA", "n": "", "e": ""}]})),
        answer(500, ""),
    ] {
        assert!(!delivered(&good, &wrong, &gbp()));
    }
    google.rotate_keys();
    assert!(!delivered(&good, &ok(&google.keys()), &gbp()), "another key has another name");
}

fn push(data: &Value, id: &str) -> Vec<u8> {
    let data = data_encoding::BASE64.encode(data.to_string().as_bytes());
    json!({"message": {"data": data, "messageId": id, "publishTime": "2026-11-21T01:41:12.031Z"}})
        .to_string()
        .into_bytes()
}

#[test]
fn a_notification_names_its_location_in_either_spelling() {
    let snake = json!({"type": "NEW_REVIEW", "location_name": PLACE});
    let camel = json!({"notificationType": "NEW_REVIEW", "locationName": PLACE});
    for data in [snake, camel] {
        let events = gbp().parse_webhook_event(&push(&data, "13379245872014")).unwrap();
        let expected = WebhookEvent {
            dedupe_key: "13379245872014".into(),
            account: PLACE.into(),
            kind: WebhookKind::Other { name: "NEW_REVIEW".into() },
            occurred_at: Some(at("2026-11-21T01:41:12.031Z")),
        };
        assert_eq!(events, [expected]);
    }
}

#[test]
fn f74_a_repeat_has_the_key_of_the_first_and_odd_pushes_are_kept_or_refused() {
    let parse = |body: &[u8]| gbp().parse_webhook_event(body);
    let repeated = br#"{"subscription":"s","deliveryAttempt":2,"message":{"message_id":"1","data":""}}"#;
    let first = br#"{"message":{"data":"","messageId":"1"},"subscription":"s"}"#;
    assert_eq!(parse(repeated).unwrap()[0].dedupe_key, parse(first).unwrap()[0].dedupe_key);
    let odd = parse(&push(&json!({"type": "a b\n", "location_name": "../x"}), "a b")).unwrap().remove(0);
    assert_eq!((odd.account.as_str(), odd.dedupe_key.len()), ("", 64));
    assert_eq!(odd.kind, WebhookKind::Other { name: "ab".into() });
    for wrong in [&b""[..], b"{}", b"[]", br#"{"message":[]}"#, br#"{"message":{"data":"%"}}"#] {
        assert!(parse(wrong).is_err());
    }
}

use data_encoding::HEXLOWER;
use http::{HeaderMap, HeaderValue};
use jiff::Timestamp;
use rstest::rstest;
use serde_json::json;

use super::{super::testing::*, *};
use crate::{
    connector::{WebhookDelivery, meta::webhook::SIGNATURE},
    hmac,
    secret::AppSecret,
};

const BODY: &[u8] =
    br#"{"object":"page","entry":[{"id":"100","time":1,"changes":[{"field":"feed","value":{"message":"\u00e9"}}]}]}"#;
// openssl dgst -sha256 -hmac app-secret / old-secret / other-secret over BODY
const BY_CURRENT: &str = "sha256=825e77aac5f9ede82fb5b91d896c792aedcc5ad47a320504ded12ca5d6a6f74e";
const BY_PREVIOUS: &str = "sha256=c389317ec3d720e49cd6818cbe83695db03db78212626c9c79bb2e4bcee2915c";
const BY_ANOTHER: &str = "sha256=70e2cccbe052bbe3692b84e8434dc4738ecffa35ad59ca68df15647607a69f8d";

fn is_accepted(signature: Option<&str>, body: &[u8]) -> bool {
    let mut headers = HeaderMap::new();
    if let Some(signature) = signature {
        headers.insert(SIGNATURE, HeaderValue::from_str(signature).unwrap());
    }
    is_signed(&app(), WebhookDelivery { headers: &headers, query: &[], body, now: Timestamp::UNIX_EPOCH })
}

#[test]
fn a_delivery_signed_by_the_current_or_the_previous_secret_is_accepted() {
    assert!(is_accepted(Some(BY_CURRENT), BODY));
    assert!(is_accepted(Some(BY_PREVIOUS), BODY));
}

#[test]
fn f76_a_signature_covers_the_raw_bytes() {
    let value: Value = serde_json::from_slice(BODY).unwrap();
    let written_again = serde_json::to_vec(&value).unwrap();
    assert_ne!(written_again, BODY, "the escape is gone");
    assert!(!is_accepted(Some(BY_CURRENT), &written_again));
}

#[rstest]
#[case::missing(None)]
#[case::by_another_secret(Some(BY_ANOTHER.to_owned()))]
#[case::upper_case(Some(BY_CURRENT.to_uppercase().replace("SHA256", "sha256")))]
#[case::without_its_name(Some(BY_CURRENT.replace("sha256=", "")))]
#[case::legacy_name(Some(BY_CURRENT.replace("sha256=", "sha1=")))]
#[case::cut_short(Some(BY_CURRENT[..BY_CURRENT.len() - 2].to_owned()))]
#[case::one_more(Some(format!("{BY_CURRENT}00")))]
#[case::empty(Some("sha256=".to_owned()))]
#[case::not_hexadecimal(Some(format!("sha256={}", "z".repeat(64))))]
fn f76_any_other_signature_is_refused(#[case] signature: Option<String>) {
    assert!(!is_accepted(signature.as_deref(), BODY));
}

#[test]
fn f76_two_signatures_are_one_too_many() {
    let mut headers = HeaderMap::new();
    headers.append(SIGNATURE, HeaderValue::from_static(BY_ANOTHER));
    headers.append(SIGNATURE, HeaderValue::from_static(BY_CURRENT));
    assert!(!is_signed(
        &app(),
        WebhookDelivery { headers: &headers, query: &[], body: BODY, now: Timestamp::UNIX_EPOCH }
    ));
}

#[test]
fn f76_an_empty_secret_signs_nothing() {
    let mut app = app();
    app.client_secret = AppSecret::new("");
    app.previous_client_secret = None;
    let signature = format!("sha256={}", HEXLOWER.encode(&hmac::Key::new(b"").sign(BODY)));
    let mut headers = HeaderMap::new();
    headers.insert(SIGNATURE, HeaderValue::from_str(&signature).unwrap());
    assert!(!is_signed(
        &app,
        WebhookDelivery { headers: &headers, query: &[], body: BODY, now: Timestamp::UNIX_EPOCH }
    ));
}

#[rstest]
#[case::ours(&[("hub.mode", "subscribe"), ("hub.challenge", "1158201444"), ("hub.verify_token", "verify-me")], Some("1158201444"))]
#[case::any_order(&[("hub.verify_token", "verify-me"), ("hub.challenge", "a-B_9"), ("hub.mode", "subscribe"), ("x", "y")], Some("a-B_9"))]
#[case::other_token(&[("hub.mode", "subscribe"), ("hub.challenge", "1"), ("hub.verify_token", "verify-mf")], None)]
#[case::shorter_token(&[("hub.mode", "subscribe"), ("hub.challenge", "1"), ("hub.verify_token", "verify-m")], None)]
#[case::no_token(&[("hub.mode", "subscribe"), ("hub.challenge", "1")], None)]
#[case::no_challenge(&[("hub.mode", "subscribe"), ("hub.verify_token", "verify-me")], None)]
#[case::empty_challenge(&[("hub.mode", "subscribe"), ("hub.challenge", ""), ("hub.verify_token", "verify-me")], None)]
#[case::other_mode(&[("hub.mode", "unsubscribe"), ("hub.challenge", "1"), ("hub.verify_token", "verify-me")], None)]
#[case::script(&[("hub.mode", "subscribe"), ("hub.challenge", "<script>"), ("hub.verify_token", "verify-me")], None)]
#[case::twice(&[("hub.mode", "subscribe"), ("hub.challenge", "1"), ("hub.challenge", "2"), ("hub.verify_token", "verify-me")], None)]
fn f80_a_handshake_is_answered_only_to_those_who_know_the_token(
    #[case] query: &[(&str, &str)],
    #[case] expected: Option<&str>,
) {
    let query: Vec<_> = query.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    assert_eq!(handshake(&app(), &query).as_deref(), expected);
}

#[test]
fn f80_a_long_challenge_is_not_reflected() {
    let query = |challenge: String| {
        [
            ("hub.mode", "subscribe".to_owned()),
            ("hub.verify_token", "verify-me".to_owned()),
            ("hub.challenge", challenge),
        ]
        .map(|(name, value)| (name.to_owned(), value))
    };
    assert!(handshake(&app(), &query("1".repeat(128))).is_some());
    assert!(handshake(&app(), &query("1".repeat(129))).is_none());
}

#[test]
fn f59_a_handshake_with_the_token_before_the_last_rotation_is_answered() {
    let mut app = app();
    let query = [("hub.mode", "subscribe"), ("hub.verify_token", "verify-me"), ("hub.challenge", "1")]
        .map(|(name, value)| (name.to_owned(), value.to_owned()));
    let before = std::mem::replace(&mut app.webhook_verify_token, crate::secret::VerifyToken::new("new"));
    assert_eq!(handshake(&app, &query), None);
    app.previous_webhook_verify_token = Some(before);
    assert_eq!(handshake(&app, &query).as_deref(), Some("1"));
    app.previous_webhook_verify_token = Some(crate::secret::VerifyToken::new(""));
    assert_eq!(handshake(&app, &query), None);
}

#[test]
fn f80_without_a_verify_token_of_our_own_no_handshake_is_answered() {
    let mut app = app();
    app.webhook_verify_token = crate::secret::VerifyToken::new("");
    let query = [("hub.mode", "subscribe"), ("hub.verify_token", ""), ("hub.challenge", "1")]
        .map(|(name, value)| (name.to_owned(), value.to_owned()));
    assert_eq!(handshake(&app, &query), None);
}

fn feed(changes: &Value) -> Value {
    let mut value = json!({
        "item": "status", "post_id": "100_5", "verb": "add", "published": 1, "created_time": 1_795_219_199,
        "message": "...", "from": {"id": "100", "name": "Example Page"},
    });
    for (name, change) in changes.as_object().unwrap() {
        value[name] = change.clone();
    }
    json!({"object": "page", "entry": [
        {"id": "100", "time": 1_795_219_200, "changes": [{"field": "feed", "value": value}]},
    ]})
}

fn only(body: &Value) -> WebhookEvent {
    let mut events = parse(body.to_string().as_bytes()).unwrap();
    assert_eq!(events.len(), 1);
    events.remove(0)
}

fn published() -> WebhookKind {
    WebhookKind::PostPublished { remote_id: "100_5".into() }
}

fn named(name: &str) -> WebhookKind {
    WebhookKind::Other { name: name.into() }
}

#[rstest]
#[case::status(json!({}), published())]
#[case::photo(json!({"item": "photo"}), published())]
#[case::share(json!({"item": "share"}), published())]
#[case::removed(json!({"verb": "remove"}), WebhookKind::PostRemoved { remote_id: "100_5".into() })]
#[case::not_public(json!({"published": 0}), named("page.feed.status.add"))]
#[case::a_visitors(json!({"from": {"id": "300"}}), named("page.feed.status.add"))]
#[case::a_comment(json!({"item": "comment"}), named("page.feed.comment.add"))]
#[case::a_reaction_gone(json!({"item": "reaction", "verb": "remove"}), named("page.feed.reaction.remove"))]
#[case::edited(json!({"verb": "edited"}), named("page.feed.status.edited"))]
#[case::odd_id(json!({"post_id": "../me"}), named("page.feed.status.add"))]
#[case::odd_name(json!({"verb": "<b>\n".repeat(100)}), named(&format!("page.feed.status.{}", "b".repeat(47))))]
fn feed_events_say_what_became_of_posts(#[case] changes: Value, #[case] expected: WebhookKind) {
    let event = only(&feed(&changes));
    assert_eq!(event.kind, expected);
    assert_eq!(event.account, "100");
    assert_eq!(event.occurred_at, Some(Timestamp::from_second(1_795_219_199).unwrap()));
}

#[rstest]
#[case::revoked("revoked", WebhookKind::ConnectionRevoked)]
#[case::granted("granted", named("permissions.pages_manage_posts.granted"))]
fn a_revoked_permission_ends_the_connection(#[case] verb: &str, #[case] expected: WebhookKind) {
    let event = only(&json!({"object": "permissions", "entry": [{"id": "218471", "time": 1, "changes": [
        {"field": "pages_manage_posts", "value": {"verb": verb, "target_ids": ["100"]}},
    ]}]}));
    assert_eq!((event.kind, event.account.as_str()), (expected, "218471"));
}

#[test]
fn both_shapes_of_instagram_are_kept() {
    let value = json!({"id": "1", "text": "..."});
    let nested = json!({"object": "instagram", "entry": [
        {"id": "17841400000000000", "time": 1, "changes": [{"field": "comments", "value": value}]},
    ]});
    let flat = json!({"object": "instagram", "entry": [
        {"id": "17841400000000000", "time": 1, "field": "comments", "value": value},
    ]});
    for body in [nested, flat] {
        let event = only(&body);
        assert_eq!((event.kind, event.account.as_str()), (named("instagram.comments"), "17841400000000000"));
    }
}

#[test]
fn f74_a_repeat_has_the_same_key_and_another_event_has_not() {
    let once = only(&feed(&json!({})));
    let spelled_anew: Value = serde_json::from_str(&feed(&json!({})).to_string().replace(':', ": ")).unwrap();
    assert_eq!(only(&spelled_anew).dedupe_key, once.dedupe_key);
    assert_ne!(only(&feed(&json!({"post_id": "100_6"}))).dedupe_key, once.dedupe_key);
    let mut later = feed(&json!({}));
    later["entry"][0]["time"] = json!(1_795_219_201);
    assert_ne!(only(&later).dedupe_key, once.dedupe_key);
}

#[test]
fn one_delivery_may_hold_many_events() {
    let mut body = feed(&json!({}));
    let second = feed(&json!({"post_id": "100_6"}));
    body["entry"][0]["changes"].as_array_mut().unwrap().push(second["entry"][0]["changes"][0].clone());
    body["entry"].as_array_mut().unwrap().push(json!({"id": "200", "time": 2}));
    let events = parse(body.to_string().as_bytes()).unwrap();
    let accounts: Vec<_> = events.iter().map(|event| event.account.as_str()).collect();
    assert_eq!(accounts, ["100", "100", "200"]);
}

#[rstest]
#[case::nothing("")]
#[case::not_json("object=page")]
#[case::no_object(r#"{"entry":[]}"#)]
#[case::no_entry(r#"{"object":"page"}"#)]
fn what_is_no_webhook_is_refused(#[case] body: &str) {
    assert!(parse(body.as_bytes()).is_err());
}

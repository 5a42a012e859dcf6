//! What is recorded of Google Business Profile, for the suite that holds for every connector.

use data_encoding::BASE64URL_NOPAD;
use jiff::SignedDuration;
use serde_json::{Value, json};

use super::{testing::*, *};
use crate::{
    connector::{
        Disposition,
        compliance::{
            Conversation, Draft, Instance, Kind, Limit, Refused, Respelled, compliance,
            instance::{Times, tokens},
        },
        settings::gbp::GBP_SCOPE,
    },
    secret::RefreshToken,
};

compliance!(super::instance);

const RETRY: Disposition = Disposition::Retry(None);
const FAIL: Disposition = Disposition::Fail;
const RECONNECT: Disposition = Disposition::Reconnect;
const READ_BACK: Disposition = Disposition::ReadBack;
const OPERATOR: Disposition = Disposition::Operator;

fn refusals() -> Vec<Refused> {
    let nothing = json!([]);
    let line = |name: &str, answer: Answer, code: &'static str, after_publish: Disposition, otherwise: Disposition| {
        Refused { name: name.to_owned(), answer, code, after_publish, otherwise }
    };
    let off = |reason| refused(403, "PERMISSION_DENIED", &info(reason, &json!({})));
    let quota = |metadata: Value| refused(429, "RESOURCE_EXHAUSTED", &info("RATE_LIMIT_EXCEEDED", &metadata));
    let limited = |limit: &str, value: &str| quota(json!({"quota_limit": limit, "quota_limit_value": value}));
    let project = "DefaultRequestsPerMinutePerProject";
    let later = json!([{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "30s"}]);
    let in_half_a_minute = Disposition::Retry(Some(SignedDuration::from_secs(30)));
    let invalid_code = |code| refused(400, "INVALID_ARGUMENT", &invalid(code, "topic_type"));
    let old = refused(412, "FAILED_PRECONDITION", &nothing);
    vec![
        line("a missing topic", invalid_code(2), "gbp.request.refused", FAIL, FAIL),
        line("media", invalid_code(5), "gbp.media.refused", FAIL, FAIL),
        line("an image that is not fetched", invalid_code(1000), "gbp.media.not_fetched", FAIL, FAIL),
        line("no details", refused(400, "INVALID_ARGUMENT", &nothing), "gbp.request.refused", FAIL, FAIL),
        line("a state", refused(400, "FAILED_PRECONDITION", &nothing), "gbp.request.precondition", FAIL, FAIL),
        line("an old precondition", old, "gbp.request.precondition", FAIL, FAIL),
        line("a token", refused(401, "UNAUTHENTICATED", &nothing), "gbp.token.invalid", RECONNECT, RECONNECT),
        line("an API that is off", off("SERVICE_DISABLED"), "gbp.app.api_disabled", OPERATOR, OPERATOR),
        line("an API that is off, as it was", off("accessNotConfigured"), "gbp.app.api_disabled", OPERATOR, OPERATOR),
        line("a scope", off("ACCESS_TOKEN_SCOPE_INSUFFICIENT"), "gbp.scope.missing", RECONNECT, RECONNECT),
        line("access", refused(403, "PERMISSION_DENIED", &nothing), "gbp.location.forbidden", FAIL, FAIL),
        line("a rate with 403", off("RATE_LIMIT_EXCEEDED"), "gbp.rate.app", RETRY, RETRY),
        line("no object", refused(404, "NOT_FOUND", &nothing), "gbp.object.missing", FAIL, FAIL),
        line("no such path", answer(404, "<!DOCTYPE html>"), "gbp.request.malformed", FAIL, FAIL),
        line("another call", refused(409, "ABORTED", &nothing), "gbp.request.aborted", READ_BACK, FAIL),
        line("a quota", refused(429, "RESOURCE_EXHAUSTED", &nothing), "gbp.rate.app", RETRY, RETRY),
        line("the project's quota", limited(project, "300"), "gbp.rate.app", RETRY, RETRY),
        line("no quota at all", limited(project, "0"), "gbp.app.not_approved", OPERATOR, OPERATOR),
        line("a location's quota", limited("EditsPerMinutePerProfile", "10"), "gbp.rate.location", RETRY, RETRY),
        line(
            "a time",
            refused(429, "RESOURCE_EXHAUSTED", &later),
            "gbp.rate.app",
            in_half_a_minute.clone(),
            in_half_a_minute,
        ),
        line("a failure", refused(500, "INTERNAL", &nothing), "gbp.service.unavailable", READ_BACK, RETRY),
        line("an outage", refused(503, "UNAVAILABLE", &nothing), "gbp.service.unavailable", READ_BACK, RETRY),
        line("a deadline", refused(504, "DEADLINE_EXCEEDED", &nothing), "gbp.service.unavailable", READ_BACK, RETRY),
        line("a timeout", answer(408, ""), "gbp.service.unavailable", READ_BACK, RETRY),
        line("no known name", refused(403, "NEW", &nothing), "gbp.error.unknown", READ_BACK, FAIL),
        line("no known status", refused(418, "NEW", &nothing), "gbp.error.unknown", READ_BACK, FAIL),
        line(
            "an error with 200",
            json_answer(200, &json!({"error": {"code": 503}})),
            "gbp.service.unavailable",
            READ_BACK,
            RETRY,
        ),
        line("a proxy's word", answer(403, "<html>"), "platform.answer_unreadable", READ_BACK, RETRY),
    ]
}

fn event() -> Value {
    json!({"title": "Brake week", "start": "2026-12-01T08:00:00", "end": "2026-12-07T18:00:00"})
}

fn kinds() -> Vec<Kind> {
    let photo = json!({"url": "https://example.com/a.jpg", "kind": "image", "alt_text": "A loaf"});
    let live = || vec![ok(&post("LIVE"))];
    let kind = |name, post, answers| Kind { name, post, answers, remote_id: POST };
    let leads = |action: &str| {
        let options = json!({"gbp": {"call_to_action": {"action": action, "url": "https://e.com/b"}}});
        prepared(json!({"text": "Come"}), Some(options))
    };
    let call = json!({"gbp": {"call_to_action": {"action": "call"}}});
    let book = json!({"gbp": {"call_to_action": {"action": "book", "url": "https://e.com/b"}, "language": "en"}});
    let offer = json!({"coupon_code": "B20", "redeem_url": "https://e.com/b", "terms": "One per vehicle"});
    let offer = json!({"gbp": {"event": event(), "offer": offer}});
    let slow = vec![ok(&post("PROCESSING")), ok(&post("PROCESSING")), ok(&post("NEW")), ok(&post("LIVE"))];
    vec![
        kind("an update", prepared(json!({"text": "Hello"}), None), live()),
        kind("an update that is looked at", prepared(json!({"text": "Hello"}), None), slow),
        kind("a link", prepared(json!({"text": "Hello", "link": "https://e.com/a"}), None), live()),
        kind("a photo", prepared(json!({"media": [photo]}), None), live()),
        kind("a call", prepared(json!({"text": "Call us"}), Some(call)), live()),
        kind("a button", prepared(json!({"text": "Book"}), Some(book)), live()),
        kind("a button to order", leads("order"), live()),
        kind("a button to a shop", leads("shop"), live()),
        kind("a button to learn more", leads("learn_more"), live()),
        kind("a button to sign up", leads("sign_up"), live()),
        kind("an event", prepared(json!({"text": "Come"}), Some(json!({"gbp": {"event": event()}}))), live()),
        kind(
            "an offer",
            prepared(json!({"text": "20 %", "media": [photo]}), Some(offer)),
            vec![ok(&post("SCHEDULED"))],
        ),
    ]
}

fn limits() -> Vec<Limit> {
    let limit = |rule, within: Draft, beyond: Draft| Limit { rule, within, beyond };
    let text = |length: usize| Draft::new(json!({"text": "é".repeat(length)}), None);
    let media = |count: usize, kind: &str, address: &str| {
        Draft::new(json!({"media": vec![json!({"url": address, "kind": kind}); count]}), None)
    };
    let image = |address: &str| media(1, "image", address);
    let link = |address: &str| Draft::new(json!({"text": "a", "link": address}), None);
    let with = |options: Value| Draft::new(json!({"text": "a"}), Some(json!({ "gbp": options })));
    let linked =
        |options: Value| Draft::new(json!({"text": "a", "link": "https://e.com/a"}), Some(json!({ "gbp": options })));
    let button = |action: &str, url: &str| json!({"call_to_action": {"action": action, "url": url}});
    let bare = |action: &str| json!({"call_to_action": {"action": action}});
    let titled = |title: String| {
        with(json!({"event": {"title": title, "start": "2026-12-01T08:00:00", "end": "2026-12-01T08:00:01"}}))
    };
    let ends = |end: &str| with(json!({"event": {"title": "a", "start": "2026-12-01T08:00:00", "end": end}}));
    let offer = |offer: Value| json!({"event": event(), "offer": offer});
    let language = |tag: &str| with(json!({ "language": tag }));
    vec![
        limit("gbp.post.empty", text(1), Draft::new(json!({"text": " \n"}), None)),
        limit("gbp.text.too_long", text(1_500), text(1_501)),
        limit("gbp.language.not_a_tag", language("zh-Hant-TW"), language("en_US")),
        limit("gbp.language.not_a_tag", language("de"), language("e")),
        limit("gbp.link.not_http", link("http://e.com"), link("ftp://e.com")),
        limit("gbp.link.twice", linked(button("book", "https://e.com/a")), linked(button("book", "https://e.com/b"))),
        limit(
            "gbp.link.twice",
            linked(offer(json!({"redeem_url": "https://e.com/a"}))),
            linked(offer(json!({"redeem_url": "https://e.com/b"}))),
        ),
        limit("gbp.media.too_many", image("https://e.com/a"), media(2, "image", "https://e.com/a")),
        limit("gbp.media.video_unsupported", image("https://e.com/a"), media(1, "video", "https://e.com/a")),
        limit("gbp.media.document_unsupported", image("https://e.com/a"), media(1, "document", "https://e.com/a")),
        limit("gbp.media.url_not_https", image("https://e.com/a"), image("http://e.com/a")),
        limit("gbp.media.format", image("https://e.com/a.PNG"), image("https://e.com/a.WebP")),
        limit("gbp.call_to_action.url_missing", linked(bare("shop")), with(bare("shop"))),
        limit("gbp.call_to_action.call_with_url", with(bare("call")), linked(bare("call"))),
        limit("gbp.call_to_action.call_with_url", with(bare("call")), with(button("call", "https://e.com"))),
        limit("gbp.call_to_action.url_not_http", with(button("order", "http://e.com")), with(button("order", "tel:1"))),
        limit(
            "gbp.call_to_action.with_offer",
            with(offer(json!({}))),
            with(
                json!({"event": event(), "offer": {}, "call_to_action": {"action": "sign_up", "url": "https://e.com"}}),
            ),
        ),
        limit("gbp.event.title_missing", titled("a".into()), titled(" ".into())),
        limit("gbp.event.title_too_long", titled("é".repeat(58)), titled("é".repeat(59))),
        limit("gbp.event.order", ends("2026-12-01T08:00:01"), ends("2026-12-01T08:00:00")),
        limit("gbp.offer.event_missing", with(offer(json!({}))), with(json!({"offer": {}}))),
        limit(
            "gbp.offer.redeem_url_not_http",
            with(offer(json!({"redeem_url": "http://e.com"}))),
            with(offer(json!({"redeem_url": "ftp://e.com"}))),
        ),
    ]
}

pub(super) fn id_token(claims: &Value) -> String {
    let part = |value: &Value| BASE64URL_NOPAD.encode(value.to_string().as_bytes());
    format!("{}.{}.{}", part(&json!({"alg": "RS256", "kid": "1"})), part(claims), BASE64URL_NOPAD.encode(b"signature"))
}

pub(super) fn exchanged(scope: &str) -> Value {
    let claims = json!({
        "iss": "https://accounts.google.com", "aud": app().client_id, "sub": "117", "email": "ada@example.com",
    });
    json!({
        "access_token": "ya29.exchanged", "expires_in": 3599, "refresh_token": "1//exchanged", "token_type": "Bearer",
        "scope": scope, "id_token": id_token(&claims),
    })
}

fn conversations() -> Vec<(Conversation, Vec<Answer>)> {
    let accounts = json!({"accounts": [{"name": "accounts/111", "accountName": "Ada", "type": "PERSONAL"}]});
    let locations = json!({"locations": [
        {"name": "locations/222", "title": "Bakery", "metadata": {"hasVoiceOfMerchant": true}},
    ]});
    let listing = || vec![ok(&accounts), ok(&locations)];
    let login = [vec![ok(&exchanged(&format!("openid email {GBP_SCOPE}")))], listing()].concat();
    vec![
        (Conversation::Authenticate, login),
        (Conversation::Refresh, vec![ok(&json!({"access_token": "ya29.next", "expires_in": 3599}))]),
        (Conversation::Revoke, vec![ok(&json!({}))]),
        (Conversation::FetchAccounts, listing()),
        (Conversation::ReadBack, vec![ok(&json!({"localPosts": [post("LIVE")]}))]),
        (Conversation::Delete, vec![ok(&json!({}))]),
        (Conversation::Health, vec![ok(&accounts)]),
    ]
}

pub(super) fn instance() -> Instance {
    Instance {
        connector: Box::new(Gbp::new(GbpSettings::default())),
        app: app(),
        tokens: TokenSet { refresh: Some(RefreshToken::new("1//compliance")), ..tokens("ya29.compliance") },
        hosts: &[
            "oauth2.googleapis.com",
            "mybusinessaccountmanagement.googleapis.com",
            "mybusinessbusinessinformation.googleapis.com",
            "mybusiness.googleapis.com",
        ],
        kinds: kinds(),
        refusals: refusals(),
        unknown_refusal: refused(418, "NEVER_SEEN", &json!([])),
        limits: limits(),
        conversations: conversations(),
        endless: Some(ok(&json!({"accounts": [], "nextPageToken": "more"}))),
        account: "117",
        remote_id: POST,
        looked_for: 0,
        has_numeric_ids: true,
        times: Some(Times {
            read: |text| text.parse().ok(),
            examples: &[
                ("2026-11-21T10:00:01.512Z", Some("2026-11-21T10:00:01.512Z")),
                ("2026-11-21T10:00:01Z", Some("2026-11-21T10:00:01Z")),
                ("yesterday", None),
            ],
        }),
        // An identity token does not cover the body, and its keys are fetched: see the connector's own tests.
        signed: Vec::new(),
        respelled: vec![
            Respelled(
                r#"{"message":{"data":"","messageId":"1"},"subscription":"s","deliveryAttempt":1}"#,
                r#"{"deliveryAttempt":2,"subscription":"s","message":{"message_id":"1","data":""}}"#,
            ),
            Respelled(
                r#"{"message":{"data":"e30=","attributes":{}}}"#,
                r#"{"message":{"attributes":{},"data":"e30="}}"#,
            ),
        ],
        token_in_address: &[],
        words: &[
            "",
            PLACE,
            POST,
            "accounts/111",
            "locations/222",
            "LIVE",
            "PROCESSING",
            "REJECTED",
            "STANDARD",
            "PERSONAL",
            "INVALID_ARGUMENT",
            "SERVICE_DISABLED",
            "https://e.com/?utm_id=a",
            "2026-11-21T10:00:01Z",
            "30s",
        ],
        names: &[
            "error",
            "code",
            "status",
            "details",
            "reason",
            "metadata",
            "errorDetails",
            "field",
            "retryDelay",
            "quota_limit",
            "quota_limit_value",
            "accounts",
            "locations",
            "localPosts",
            "nextPageToken",
            "name",
            "title",
            "type",
            "hasVoiceOfMerchant",
            "duplicateLocation",
            "state",
            "summary",
            "topicType",
            "createTime",
            "callToAction",
            "url",
            "event",
            "offer",
            "searchUrl",
            "access_token",
            "refresh_token",
            "id_token",
            "scope",
            "expires_in",
            "message",
            "data",
            "messageId",
        ],
    }
}

//! What is recorded of LinkedIn, for the suite that holds for every connector. No line of it comes from a real account: the
//! shapes are those of the official documentation and of a public recording of a listing.

use data_encoding::HEXLOWER;
use serde_json::{Value, json};

use super::{limits, *};
use crate::{
    connector::{
        Disposition,
        compliance::{
            Conversation, Instance, Kind, Refused, Respelled, Signed,
            instance::{answer, json_answer, tokens, with_header},
        },
        source::Seen,
    },
    hmac,
    secret::{AppSecret, RefreshToken, VerifyToken},
};

mod member {
    use super::*;
    use crate::connector::compliance::compliance;

    fn instance() -> Instance {
        let connector = Linkedin::member(LinkedinSettings::default());
        instance_of(Box::new(connector), MEMBER, member_conversations())
    }
    compliance!(super::instance);
}

mod page {
    use super::*;
    use crate::connector::compliance::compliance;

    fn instance() -> Instance {
        let endless =
            json!({"elements": [acl(1, "ADMINISTRATOR")], "paging": {"links": [{"rel": "next", "href": "/x"}]}});
        let connector = Linkedin::page(LinkedinSettings::default());
        Instance {
            endless: Some(ok(&endless)),
            signed: vec![signed(ACTIONS), signed(r#"{"type":"SOMETHING_NEW","a":1}"#)],
            respelled: vec![Respelled(
                r#"{"type":"ORGANIZATION_SOCIAL_ACTION_NOTIFICATIONS","notifications":[{"notificationId":12694220136,"action":"LIKE"}]}"#,
                r#"{"notifications": [{"action": "LIKE", "notificationId": "12694220136"}], "type": "ORGANIZATION_SOCIAL_ACTION_NOTIFICATIONS"}"#,
            )],
            ..instance_of(Box::new(connector), PAGE, page_conversations())
        }
    }
    compliance!(super::instance);
}

const RETRY: Disposition = Disposition::Retry(None);
const FAIL: Disposition = Disposition::Fail;
const RECONNECT: Disposition = Disposition::Reconnect;
const READ_BACK: Disposition = Disposition::ReadBack;
const OPERATOR: Disposition = Disposition::Operator;

pub(super) const MEMBER: &str = "urn:li:person:782bbtaQ";
pub(super) const PAGE: &str = "urn:li:organization:2414183";
pub(super) const POST: &str = "urn:li:share:7447617633195212800";
pub(super) const ACTIONS: &str = r#"{"type":"ORGANIZATION_SOCIAL_ACTION_NOTIFICATIONS","notifications":[{"notificationId":9223372036854775806,"organizationalEntity":"urn:li:organization:2414183","action":"COMMENT","sourcePost":"urn:li:activity:1","decoratedSourcePost":{"entity":"urn:li:share:7447617633195212800","owner":"urn:li:organization:2414183","text":"a"},"lastModifiedAt":1795255200000,"subscriber":"urn:li:person:782bbtaQ"},{"notificationId":9223372036854775807,"organizationalEntity":"urn:li:organization:2414183","action":"LIKE","lastModifiedAt":1795255201000}]}"#;

pub(super) fn app() -> AppCredentials {
    AppCredentials {
        client_id: "86vhj2q7ukf83q".into(),
        client_secret: AppSecret::new("app-secret"),
        previous_client_secret: Some(AppSecret::new("old-secret")),
        webhook_verify_token: VerifyToken::new("not-used"),
        previous_webhook_verify_token: None,
        webhook_secrets: Vec::new(),
    }
}

pub(super) fn ok(body: &Value) -> Answer {
    json_answer(200, body)
}

pub(super) fn refused(status: u16, code: &str, message: &str) -> Answer {
    let answer =
        json_answer(status, &json!({"status": status, "code": code, "message": message, "serviceErrorCode": 100}));
    with_header(answer, "x-li-uuid", "AAYDx2aB7v3kQ==")
}

pub(super) fn duplicate() -> Answer {
    json_answer(
        422,
        &json!({
            "errorDetailType": "com.linkedin.common.error.BadRequest", "status": 422,
            "message": "Content is a duplicate of urn:li:share:7447617633195212800",
            "errorDetails": {"inputErrors": [{"description": "Duplicate post is detected", "input": {}, "code": "DUPLICATE_POST"}]},
        }),
    )
}

fn refusals() -> Vec<Refused> {
    let line = |answer: Answer, code: &'static str, after_publish: Disposition, otherwise: Disposition| Refused {
        name: format!("{code} with {}", answer.status.as_u16()),
        answer,
        code,
        after_publish,
        otherwise,
    };
    let wait = |seconds| Disposition::Retry(Some(SignedDuration::from_secs(seconds)));
    let daily = |scope: &str| {
        let message = format!("Resource level throttle {scope} DAY limit for calls to this resource is reached.");
        with_header(refused(429, "TOO_MANY_REQUESTS", &message), "date", "Sat, 21 Nov 2026 23:00:00 GMT")
    };
    let mut lines: Vec<Refused> = ["MISSING_FIELD", "FIELD_LENGTH_TOO_LONG", "INVALID_URN_ID", "INVALID_IMAGE_ID"]
        .into_iter()
        .map(|code| line(refused(400, code, "prose"), "linkedin.request.refused", FAIL, FAIL))
        .collect();
    let message_only = |status: u16, message: &str| json_answer(status, &json!({"status": status, "message": message}));
    let organization = "Organization permissions must be used when using organization as author";
    lines.extend([
        line(message_only(400, "prose"), "linkedin.request.refused", FAIL, FAIL),
        line(message_only(400, organization), "linkedin.permission.missing", RECONNECT, RECONNECT),
        line(refused(400, "MEDIA_ASSET_WAITING_UPLOAD", ""), "linkedin.media.not_ready", RETRY, RETRY),
        line(refused(400, "MEDIA_ASSET_PROCESSING_FAILED", ""), "linkedin.media.failed", FAIL, FAIL),
        line(refused(400, "EXPIRED_UPLOAD_URL", ""), "linkedin.upload.expired", RETRY, RETRY),
        line(refused(400, "VERSION_MISSING", ""), "linkedin.version.missing", OPERATOR, OPERATOR),
        line(refused(401, "REVOKED_ACCESS_TOKEN", ""), "linkedin.token.invalid", RECONNECT, RECONNECT),
        line(refused(401, "EMPTY_ACCESS_TOKEN", ""), "linkedin.token.invalid", RECONNECT, RECONNECT),
        line(
            refused(403, "ACCESS_DENIED", "Not enough permissions"),
            "linkedin.permission.missing",
            RECONNECT,
            RECONNECT,
        ),
        line(
            refused(403, "ACCESS_DENIED", "Unpermitted fields present in REQUEST_BODY"),
            "linkedin.request.not_permitted",
            FAIL,
            FAIL,
        ),
        line(refused(404, "NOT_FOUND", ""), "linkedin.object.missing", FAIL, FAIL),
        line(refused(405, "METHOD_NOT_ALLOWED", ""), "linkedin.request.malformed", FAIL, FAIL),
        line(refused(411, "LENGTH_REQUIRED", ""), "linkedin.request.malformed", FAIL, FAIL),
        line(refused(413, "TOO_LARGE", ""), "linkedin.request.malformed", FAIL, FAIL),
        line(refused(415, "UNSUPPORTED", ""), "linkedin.request.malformed", FAIL, FAIL),
        line(refused(409, "CONFLICT", ""), "linkedin.write.conflict", READ_BACK, RETRY),
        line(duplicate(), "linkedin.post.duplicate", READ_BACK, FAIL),
        line(refused(422, "SOMETHING", ""), "linkedin.request.refused", FAIL, FAIL),
        line(refused(426, "NONEXISTENT_VERSION", ""), "linkedin.version.ended", OPERATOR, OPERATOR),
        line(daily("APPLICATION"), "linkedin.rate.app", wait(3_600), wait(3_600)),
        line(daily("MEMBER"), "linkedin.rate.member", wait(3_600), wait(3_600)),
        line(refused(429, "TOO_MANY_REQUESTS", ""), "linkedin.rate.throttled", wait(60), wait(60)),
        line(refused(408, "TIMEOUT", ""), "linkedin.service.unavailable", READ_BACK, RETRY),
        line(refused(500, "INTERNAL", ""), "linkedin.service.unavailable", READ_BACK, RETRY),
        line(answer(503, "<html>"), "linkedin.service.unavailable", READ_BACK, RETRY),
        line(refused(400, "NEVER_HEARD_OF", ""), "linkedin.error.unknown", READ_BACK, FAIL),
        line(answer(404, "<html>"), "platform.answer_unreadable", READ_BACK, RETRY),
        line(answer(401, "<html>"), "platform.answer_unreadable", READ_BACK, RETRY),
    ]);
    lines
}

pub(super) fn post(destination: &str, content: Value, options: Option<Value>) -> Prepared {
    let name = if destination == MEMBER { "linkedin" } else { "linkedin_page" };
    let options = options.map(|options| serde_json::from_value(json!({ name: options })).unwrap());
    Prepared { content: serde_json::from_value(content).unwrap(), options, ..Prepared::at(destination) }
}

pub(super) fn seen(length: u64) -> Answer {
    Seen { length, media_type: None, etag: Some("\"a\"".into()), in_parts: true }.answer()
}

pub(super) fn created() -> Answer {
    with_header(answer(201, ""), "x-restli-id", POST)
}

pub(super) fn announced(kind: &str) -> Answer {
    ok(&json!({"value": {
        "uploadUrlExpiresAt": 1_795_305_600_000_u64, "uploadUrl": "https://www.linkedin.com/dms-uploads/a/0?ca=b&cn=c",
        kind: format!("urn:li:{kind}:C4E10AQFoyyAjHPMQuQ"),
    }}))
}

pub(super) fn announced_video() -> Answer {
    ok(&json!({"value": {
        "video": "urn:li:video:C5F10AQG", "uploadToken": "", "uploadUrlsExpireAt": 1_797_811_200_000_u64,
        "uploadInstructions": [
            {"uploadUrl": "https://www.linkedin.com/dms-uploads/v/1?part=1", "firstByte": 0, "lastByte": 4_194_303},
            {"uploadUrl": "https://www.linkedin.com/dms-uploads/v/2?part=2", "firstByte": 4_194_304, "lastByte": 6_000_000},
        ],
    }}))
}

pub(super) fn state(status: &str) -> Answer {
    ok(&json!({"status": status, "owner": PAGE, "id": "urn:li:image:C4E10AQFoyyAjHPMQuQ"}))
}

fn kinds(destination: &str) -> Vec<Kind> {
    let post = |content, options| post(destination, content, options);
    let image =
        |n: u32| json!({"url": format!("https://cdn.example.com/{n}.jpg"), "kind": "image", "alt_text": "A loaf"});
    let video = json!({"url": "https://cdn.example.com/a.mp4", "kind": "video", "title": "Bread"});
    let document = json!({"url": "https://cdn.example.com/a.pdf", "kind": "document", "title": "Prices"});
    let kind = |name, post, answers| Kind { name, post, answers, remote_id: POST };
    let put = || answer(201, "");
    let part = |tag| with_header(answer(200, ""), "etag", tag);
    let forbidden = || refused(403, "ACCESS_DENIED", "Not enough permissions");
    let ready = || state("AVAILABLE");
    let poll = json!({"poll": {"question": "Rye?", "options": ["Yes", "No"], "duration": "three_days"}});
    vec![
        kind("a text", post(json!({"text": "Fresh (bread) #Rye"}), None), vec![created()]),
        kind(
            "an article that nobody may reshare",
            post(
                json!({"text": "Read @Acme", "link": "https://example.com/a"}),
                Some(json!({
                    "reshare_disabled": true, "visibility": "logged_in", "article_title": "Bread",
                    "mentions": [{"name": "Acme", "urn": "urn:li:organization:1"}],
                })),
            ),
            vec![created()],
        ),
        kind(
            "an image",
            post(json!({"text": "Bread", "media": [image(1)]}), None),
            vec![seen(9), announced("image"), put(), state("PROCESSING"), ready(), created()],
        ),
        kind(
            "an image whose state nobody may see",
            post(json!({"media": [image(1)]}), None),
            vec![seen(9), announced("image"), put(), forbidden(), forbidden(), created()],
        ),
        kind(
            "several images",
            post(json!({"text": "Bread", "media": [image(1), image(2)]}), None),
            vec![seen(9), announced("image"), put(), seen(9), announced("image"), put(), ready(), ready(), created()],
        ),
        kind(
            "a video",
            post(json!({"text": "Bread", "media": [video]}), None),
            vec![
                seen(6_000_001),
                announced_video(),
                part("\"abc\""),
                part("/ambry-video/x"),
                answer(200, ""),
                state("PROCESSING"),
                ready(),
                created(),
            ],
        ),
        kind(
            "a document",
            post(json!({"media": [document]}), None),
            vec![seen(9), announced("document"), put(), ready(), created()],
        ),
        kind(
            "an image whose upload has expired once",
            post(json!({"media": [image(1)]}), None),
            vec![
                seen(9),
                announced("image"),
                refused(400, "EXPIRED_UPLOAD_URL", ""),
                seen(9),
                announced("image"),
                put(),
                ready(),
                created(),
            ],
        ),
        kind("a poll", post(json!({"text": "Say"}), Some(poll)), vec![created()]),
    ]
}

fn acl(id: u64, role: &str) -> Value {
    json!({"organization": format!("urn:li:organization:{id}"), "role": role, "roleAssignee": MEMBER, "state": "APPROVED"})
}

fn token(scope: &str) -> Answer {
    let body = json!({
        "access_token": "AQX".repeat(340), "expires_in": 5_184_000, "refresh_token": "AQW", "token_type": "Bearer",
        "refresh_token_expires_in": 31_536_000, "scope": scope,
    });
    with_header(ok(&body), "date", "Sat, 21 Nov 2026 10:00:00 GMT")
}

fn introspected() -> Answer {
    ok(
        &json!({"active": true, "status": "active", "scope": "openid,profile,w_member_social", "expires_at": 1_800_439_200}),
    )
}

fn member_conversations() -> Vec<(Conversation, Vec<Answer>)> {
    let info = ok(&json!({"sub": "782bbtaQ", "name": "Ann Example", "picture": "https://media.licdn.com/gone"}));
    vec![
        (Conversation::Authenticate, vec![token("openid,profile,w_member_social"), info.clone()]),
        (Conversation::Refresh, vec![token("openid,profile,w_member_social")]),
        (Conversation::FetchAccounts, vec![info]),
        (Conversation::ReadBack, Vec::new()),
        (Conversation::Delete, vec![answer(204, "")]),
        (Conversation::Health, vec![introspected()]),
    ]
}

pub(super) fn listed(commentary: &str, at: i64) -> Value {
    json!({
        "id": POST, "author": PAGE, "commentary": commentary, "createdAt": at, "publishedAt": at,
        "lastModifiedAt": at + 10_000, "lifecycleState": "PUBLISHED", "visibility": "PUBLIC",
    })
}

fn page_conversations() -> Vec<(Conversation, Vec<Answer>)> {
    let next = json!({"links": [{"rel": "next", "href": "/rest/organizationAcls?start=1"}]});
    let first = ok(&json!({"elements": [acl(1, "ANALYST")], "paging": next}));
    let last = ok(&json!({"elements": [acl(2, "CONTENT_ADMIN")], "paging": {"links": []}}));
    let name = ok(&json!({"localizedName": "Example Bakery", "vanityName": "bakery"}));
    let hidden = refused(403, "ACCESS_DENIED", "Not enough permissions");
    let posts = ok(&json!({
        "elements": [listed("Fresh \\(bread\\) {hashtag|\\#|Rye}", 1_795_255_201_000)], "paging": {"links": []},
    }));
    let figures =
        json!({"impressionCount": 12, "uniqueImpressionsCount": 9, "clickCount": 1, "likeCount": 2, "engagement": 0.1});
    let scope = "w_organization_social,r_organization_social,rw_organization_admin";
    let accounts = vec![first, last, name, hidden];
    vec![
        (Conversation::Authenticate, [vec![token(scope)], accounts.clone()].concat()),
        (Conversation::Refresh, vec![token(scope)]),
        (Conversation::FetchAccounts, accounts),
        (Conversation::ReadBack, vec![posts]),
        (Conversation::Delete, vec![answer(204, "")]),
        (
            Conversation::Analytics,
            vec![ok(&listed("a", 1)), ok(&json!({"elements": [{"totalShareStatistics": figures, "share": POST}]}))],
        ),
        (Conversation::Health, vec![introspected()]),
    ]
}

/// Signed as LinkedIn does it.
pub(super) fn signed(body: &str) -> Signed {
    let signature = hmac::Key::new(b"app-secret").sign(format!("hmacsha256={body}").as_bytes());
    Signed {
        headers: vec![("x-li-signature", HEXLOWER.encode(&signature))],
        query: Vec::new(),
        body: body.into(),
        at: "2026-11-21T10:00:00Z".parse().unwrap(),
    }
}

fn instance_of(
    connector: Box<dyn Connector>,
    destination: &'static str,
    conversations: Vec<(Conversation, Vec<Answer>)>,
) -> Instance {
    Instance {
        connector,
        app: app(),
        tokens: TokenSet { refresh: Some(RefreshToken::new("AQW-refresh")), ..tokens("AQX-access-token") },
        hosts: &["api.linkedin.com", "www.linkedin.com"],
        kinds: kinds(destination),
        refusals: refusals(),
        unknown_refusal: refused(451, "NEVER_HEARD_OF", "prose"),
        limits: limits::limits(destination),
        conversations,
        endless: None,
        account: MEMBER,
        remote_id: POST,
        looked_for: 0,
        has_numeric_ids: true,
        times: None,
        signed: Vec::new(),
        respelled: Vec::new(),
        token_in_address: &[],
        words: &[
            "AVAILABLE",
            "PROCESSING",
            "PUBLISHED",
            "urn:li:share:1",
            "urn:li:image:a",
            "urn:li:video:a",
            MEMBER,
            PAGE,
            "https://www.linkedin.com/dms-uploads/a",
            "https://evil.example/",
            "next",
            "ADMINISTRATOR",
            "APPROVED",
            "DUPLICATE_POST",
            "expired",
            "Fresh (bread) #Rye",
        ],
        names: &[
            "value",
            "image",
            "video",
            "document",
            "uploadUrl",
            "uploadInstructions",
            "firstByte",
            "lastByte",
            "uploadToken",
            "status",
            "code",
            "message",
            "serviceErrorCode",
            "elements",
            "paging",
            "links",
            "rel",
            "id",
            "author",
            "commentary",
            "createdAt",
            "lifecycleState",
            "content",
            "media",
            "sub",
            "name",
            "organization",
            "role",
            "state",
            "roleAssignee",
            "localizedName",
            "access_token",
            "expires_in",
            "scope",
            "active",
            "expires_at",
            "totalShareStatistics",
            "impressionCount",
            "count",
            "type",
            "notifications",
            "notificationId",
            "action",
            "error",
        ],
    }
}

//! What is recorded of Instagram, for the suite that holds for every connector: once for each of the two logins.

use data_encoding::HEXLOWER;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::{testing::*, *};
use crate::{
    connector::{
        Disposition,
        compliance::{
            Conversation, Draft, Instance, Kind, Limit, Refused, Respelled, Signed,
            instance::{Times, tokens, with_header},
        },
    },
    hmac,
};

mod through_facebook {
    crate::connector::compliance::compliance!(super::super::through_facebook);
}

mod through_instagram {
    crate::connector::compliance::compliance!(super::super::through_instagram);
}

const RETRY: Disposition = Disposition::Retry(None);
const FAIL: Disposition = Disposition::Fail;
const RECONNECT: Disposition = Disposition::Reconnect;
const READ_BACK: Disposition = Disposition::ReadBack;
const OPERATOR: Disposition = Disposition::Operator;

/// A line of the error table: code, subcode, what it is called, and what follows after a publish and otherwise.
type Line = (i64, Option<i64>, &'static str, Disposition, Disposition);

const ERRORS: &[Line] = &[
    (-2, Some(2_207_003), "instagram.media.fetch_failed", READ_BACK, RETRY),
    (-2, Some(2_207_020), "instagram.container.expired", READ_BACK, RETRY),
    (-1, Some(2_207_001), "instagram.service.unavailable", READ_BACK, RETRY),
    (-1, Some(2_207_032), "instagram.service.unavailable", READ_BACK, RETRY),
    (-1, Some(2_207_053), "instagram.service.unavailable", READ_BACK, RETRY),
    (1, None, "instagram.service.unavailable", READ_BACK, RETRY),
    (1, Some(2_207_057), "instagram.thumbnail.offset_invalid", FAIL, FAIL),
    (2, None, "instagram.service.unavailable", READ_BACK, RETRY),
    (3, None, "instagram.permission.missing", RECONNECT, RECONNECT),
    (4, None, "instagram.rate.app", RETRY, RETRY),
    (4, Some(2_207_051), "instagram.account.action_blocked", READ_BACK, FAIL),
    (9, None, "instagram.rate.publish_quota", RETRY, RETRY),
    (9, Some(2_207_042), "instagram.rate.publish_quota", RETRY, RETRY),
    (10, None, "instagram.permission.missing", RECONNECT, RECONNECT),
    (17, None, "instagram.rate.user", RETRY, RETRY),
    (24, Some(2_207_006), "instagram.container.missing", READ_BACK, FAIL),
    (24, Some(2_207_008), "instagram.container.not_found_yet", RETRY, RETRY),
    (25, Some(2_207_050), "instagram.account.restricted", FAIL, FAIL),
    (32, None, "instagram.rate.page", RETRY, RETRY),
    (100, None, "instagram.parameter.invalid", FAIL, FAIL),
    (100, Some(33), "instagram.object.missing", READ_BACK, FAIL),
    (100, Some(2_207_023), "instagram.media.type_unknown", FAIL, FAIL),
    (100, Some(2_207_028), "instagram.carousel.invalid", FAIL, FAIL),
    (100, Some(2_207_035), "instagram.tags.invalid", FAIL, FAIL),
    (100, Some(2_207_040), "instagram.tags.invalid", FAIL, FAIL),
    (101, None, "instagram.app.unknown", OPERATOR, OPERATOR),
    (102, None, "instagram.token.invalid", RECONNECT, RECONNECT),
    (190, None, "instagram.token.invalid", RECONNECT, RECONNECT),
    (190, Some(458), "instagram.token.app_removed", RECONNECT, RECONNECT),
    (190, Some(459), "instagram.token.checkpoint", RECONNECT, RECONNECT),
    (190, Some(460), "instagram.token.password_changed", RECONNECT, RECONNECT),
    (190, Some(463), "instagram.token.expired", RECONNECT, RECONNECT),
    (190, Some(464), "instagram.token.unconfirmed", RECONNECT, RECONNECT),
    (190, Some(467), "instagram.token.invalid", RECONNECT, RECONNECT),
    (190, Some(492), "instagram.token.page_role_lost", RECONNECT, RECONNECT),
    (200, None, "instagram.permission.missing", RECONNECT, RECONNECT),
    (299, None, "instagram.permission.missing", RECONNECT, RECONNECT),
    (341, None, "instagram.rate.app", RETRY, RETRY),
    (352, Some(2_207_026), "instagram.media.video_format", FAIL, FAIL),
    (368, None, "instagram.account.blocked", READ_BACK, FAIL),
    (506, None, "instagram.post.duplicate", READ_BACK, FAIL),
    (613, None, "instagram.rate.custom", RETRY, RETRY),
    (9004, Some(2_207_052), "instagram.media.not_fetched", RETRY, RETRY),
    (9004, None, "instagram.media.not_fetched", RETRY, RETRY),
    (9007, Some(2_207_027), "instagram.container.not_finished", RETRY, RETRY),
    (9007, None, "instagram.container.not_finished", RETRY, RETRY),
    (36_000, Some(2_207_004), "instagram.media.too_large", FAIL, FAIL),
    (36_001, Some(2_207_005), "instagram.media.format", FAIL, FAIL),
    (36_003, Some(2_207_009), "instagram.media.aspect", FAIL, FAIL),
    (36_004, Some(2_207_010), "instagram.text.refused", FAIL, FAIL),
    (100, Some(2_207_081), "instagram.trial.not_eligible", FAIL, FAIL),
    (100, Some(2_207_082), "instagram.media.upload_failed", READ_BACK, RETRY),
    (100, Some(2_207_077), "instagram.media.download_failed", READ_BACK, RETRY),
    (100, Some(2_207_085), "instagram.service.fatal", READ_BACK, RETRY),
    (80_000, None, "instagram.rate.business", RETRY, RETRY),
    (80_002, None, "instagram.rate.business", RETRY, RETRY),
    (80_014, None, "instagram.rate.business", RETRY, RETRY),
    (80_007, None, "instagram.error.unknown", READ_BACK, FAIL),
    (777, None, "instagram.error.unknown", READ_BACK, FAIL),
];

/// "HTTP status varies; trust the code": an error may come with 200.
const STATUSES: [u16; 3] = [200, 400, 403];

fn refusals() -> Vec<Refused> {
    let mut refusals = Vec::new();
    for (code, subcode, meaning, after_publish, otherwise) in ERRORS {
        for status in STATUSES {
            refusals.push(Refused {
                name: format!("{code}/{subcode:?} with {status}"),
                answer: refused(status, *code, *subcode),
                code: meaning,
                after_publish: after_publish.clone(),
                otherwise: otherwise.clone(),
            });
        }
    }
    refusals
}

const ACCOUNT: &str = "17841400000000000";

fn post(content: Value, options: Option<Value>) -> Prepared {
    Prepared {
        content: serde_json::from_value(content).unwrap(),
        options: options.map(|options| serde_json::from_value(json!({"instagram": options})).unwrap()),
        ..Prepared::at(ACCOUNT)
    }
}

fn image() -> Value {
    json!({"url": "https://example.com/a.jpg", "kind": "image", "alt_text": "A cat", "title": "Cat"})
}

fn video() -> Value {
    json!({"url": "https://example.com/a.mp4", "kind": "video", "thumbnail": "https://example.com/a.jpg"})
}

fn quota() -> Answer {
    ok(&json!({"data": [{"quota_usage": 2, "config": {"quota_total": 100, "quota_duration": 86_400}}]}))
}

fn id(id: &str) -> Answer {
    ok(&json!({ "id": id }))
}

fn status(container: &str, status: &str) -> Answer {
    ok(&json!({"id": container, "status_code": status, "status": "words"}))
}

fn address(media: &str) -> Answer {
    ok(&json!({"id": media, "permalink": "https://www.instagram.com/p/ABCdef/"}))
}

/// The answers to the publish of one file.
fn single(media: &str) -> Vec<Answer> {
    vec![quota(), id("901"), status("901", "IN_PROGRESS"), status("901", "FINISHED"), id(media), address(media)]
}

fn kinds() -> Vec<Kind> {
    let tagged = json!({"user_tags": [{"username": "ada", "x": 500, "y": 250}], "location": "110"});
    let reel = json!({"placement": "reel", "share_to_feed": true, "audio_name": "Song", "collaborators": ["ada"]});
    let bare = json!({"url": "https://example.com/a.mp4", "kind": "video"});
    let trial = json!({"placement": "reel", "thumb_offset": 1500, "trial": "performance", "is_ai_generated": true});
    let kind = |name, post, answers, remote_id| Kind { name, post, answers, remote_id };
    let carousel = vec![
        quota(),
        id("901"),
        id("902"),
        status("901", "FINISHED"),
        status("902", "IN_PROGRESS"),
        status("902", "FINISHED"),
        id("903"),
        status("903", "FINISHED"),
        id("17855000000000004"),
        address("17855000000000004"),
    ];
    vec![
        kind(
            "image",
            post(json!({"text": "Hello", "media": [image()]}), None),
            single("17855000000000001"),
            "17855000000000001",
        ),
        kind(
            "tagged image",
            post(json!({"media": [image()]}), Some(tagged)),
            single("17855000000000002"),
            "17855000000000002",
        ),
        kind(
            "reel",
            post(json!({"text": "Film", "media": [video()]}), Some(reel)),
            single("17855000000000003"),
            "17855000000000003",
        ),
        kind(
            "carousel",
            post(json!({"text": "Many", "media": [image(), video()]}), None),
            carousel,
            "17855000000000004",
        ),
        kind(
            "story",
            post(json!({"media": [video()]}), Some(json!({"placement": "story"}))),
            single("17855000000000005"),
            "17855000000000005",
        ),
        kind(
            "trial reel",
            post(json!({"media": [bare]}), Some(trial)),
            single("17855000000000006"),
            "17855000000000006",
        ),
    ]
}

fn limits() -> Vec<Limit> {
    let text = |text: String| Draft::new(json!({"text": text, "media": [image()]}), None);
    let media = |media: Vec<Value>| Draft::new(json!({ "media": media }), None);
    let with =
        |media: Value, options: Value| Draft::new(json!({"media": [media]}), Some(json!({"instagram": options})));
    let many =
        |media: Vec<Value>, options: Value| Draft::new(json!({"media": media}), Some(json!({"instagram": options})));
    let at = |address: &str, kind: &str| media(vec![json!({"url": address, "kind": kind})]);
    let limit = |rule, within: Draft, beyond: Draft| Limit { rule, within, beyond };
    let described =
        |length: usize| media(vec![json!({"url": "https://e.com/a", "kind": "image", "alt_text": "é".repeat(length)})]);
    let cover = |address: &str| media(vec![json!({"url": "https://e.com/a", "kind": "video", "thumbnail": address})]);
    let story = || json!({"placement": "story"});
    let linked = Draft::new(json!({"link": "https://e.com", "media": [image()]}), None);
    let captioned = Draft::new(json!({"text": "a", "media": [image()]}), Some(json!({"instagram": story()})));
    let tag = |username: &str, x: u16| json!({"user_tags": [{"username": username, "x": x, "y": 0}]});
    vec![
        limit("instagram.media.missing", media(vec![image()]), Draft::new(json!({"text": "a"}), None)),
        limit("instagram.text.too_long", text("é".repeat(2_200)), text("é".repeat(2_201))),
        limit("instagram.text.too_many_hashtags", text("#a ".repeat(30)), text("#a ".repeat(31))),
        limit("instagram.text.too_many_mentions", text("@a ".repeat(20)), text("@a ".repeat(21))),
        limit("instagram.link.unsupported", media(vec![image()]), linked),
        limit("instagram.media.too_many", media(vec![image(); 10]), media(vec![image(); 11])),
        limit("instagram.media.document_unsupported", media(vec![image()]), at("https://e.com/a", "document")),
        limit("instagram.media.url_not_https", at("https://e.com/a", "image"), at("http://e.com/a", "image")),
        limit("instagram.media.not_jpeg", at("https://e.com/a.jpeg", "image"), at("https://e.com/a.PNG", "image")),
        limit("instagram.media.not_mp4", at("https://e.com/a.mov", "video"), at("https://e.com/a.webm", "video")),
        limit("instagram.alt_text.too_long", described(1_000), described(1_001)),
        limit("instagram.thumbnail.url_not_https", cover("https://e.com/a.jpg"), cover("http://e.com/a.jpg")),
        limit("instagram.story.text_unsupported", with(image(), story()), captioned),
        limit("instagram.story.one_file", with(image(), story()), many(vec![image(), image()], story())),
        limit(
            "instagram.story.option_unsupported",
            with(image(), story()),
            with(image(), json!({"placement": "story", "location": "1"})),
        ),
        limit(
            "instagram.reel.one_video",
            with(video(), json!({"placement": "reel"})),
            many(vec![video(), video()], json!({"placement": "reel"})),
        ),
        limit(
            "instagram.reel.needs_video",
            with(video(), json!({"placement": "reel"})),
            with(image(), json!({"placement": "reel"})),
        ),
        limit(
            "instagram.feed.video_unsupported",
            with(image(), json!({"placement": "feed"})),
            with(video(), json!({"placement": "feed"})),
        ),
        limit(
            "instagram.reel.option_elsewhere",
            with(video(), json!({"audio_name": "a"})),
            with(image(), json!({"audio_name": "a"})),
        ),
        limit(
            "instagram.collaborators.too_many",
            with(image(), json!({"collaborators": ["a", "b", "c"]})),
            with(image(), json!({"collaborators": ["a", "b", "c", "d"]})),
        ),
        limit(
            "instagram.account_name.invalid",
            with(image(), json!({"collaborators": ["a".repeat(30)]})),
            with(image(), json!({"collaborators": ["a".repeat(31)]})),
        ),
        limit("instagram.account_name.invalid", with(image(), tag("ada", 0)), with(image(), tag("@ada", 0))),
        limit("instagram.user_tags.outside", with(image(), tag("ada", 1_000)), with(image(), tag("ada", 1_001))),
        limit("instagram.user_tags.not_here", with(image(), tag("ada", 1)), with(video(), tag("ada", 1))),
        limit(
            "instagram.location.not_an_id",
            with(image(), json!({"location": "110"})),
            with(image(), json!({"location": "../me"})),
        ),
        limit(
            "instagram.trial.with_collaborators",
            with(video(), json!({"trial": "manual"})),
            with(video(), json!({"trial": "manual", "collaborators": ["ada"]})),
        ),
    ]
}

fn listed() -> Answer {
    ok(&json!({"data": [{
        "id": "17855000000000001", "caption": "Hello", "timestamp": "2026-11-21T10:00:01+0000",
        "media_type": "IMAGE", "media_product_type": "FEED", "permalink": "https://www.instagram.com/p/ABCdef/",
    }]}))
}

fn figures() -> Vec<Answer> {
    let figures = json!({"data": [{"name": "views", "period": "lifetime", "values": [{"value": 3}]}]});
    vec![ok(&json!({"id": "17855000000000001", "media_product_type": "FEED"})), ok(&figures)]
}

fn conversations_through_facebook() -> Vec<(Conversation, Vec<Answer>)> {
    let about = ok(&json!({"data": {
        "is_valid": true, "app_id": "123", "user_id": "42", "expires_at": 1_800_000_000_u64,
        "scopes": ["instagram_basic", "instagram_content_publish"], "data_access_expires_at": 1_800_000_000_u64,
    }}));
    let token = |token: &str| ok(&json!({"access_token": token, "token_type": "bearer", "expires_in": 5_184_000}));
    let pages = ok(&json!({"data": [
        {"id": "100", "name": "Bakery", "access_token": "EAAPpage", "tasks": ["CREATE_CONTENT"],
         "instagram_business_account": {"id": ACCOUNT, "username": "bakery"}},
        {"id": "200", "name": "Unlinked", "access_token": "EAAPother", "tasks": ["CREATE_CONTENT"]},
    ]}));
    let success = ok(&json!({"success": true}));
    vec![
        (
            Conversation::Authenticate,
            vec![
                token("EAAPshort"),
                token("EAAPlong"),
                about.clone(),
                ok(&json!({"id": "42", "name": "Ada"})),
                pages.clone(),
            ],
        ),
        (Conversation::Revoke, vec![success.clone(); 4]),
        (Conversation::FetchAccounts, vec![pages]),
        (Conversation::ReadBack, vec![listed()]),
        (Conversation::Delete, vec![success]),
        (Conversation::Analytics, figures()),
        (Conversation::Health, vec![about]),
    ]
}

fn conversations_through_instagram() -> Vec<(Conversation, Vec<Answer>)> {
    let short = json!({"access_token": "IGshort", "user_id": 17_841_400_000_000_000_u64,
        "permissions": "instagram_business_basic,instagram_business_content_publish"});
    let long = || {
        let body = json!({"access_token": "IGlong", "token_type": "bearer", "expires_in": 5_184_000});
        with_header(ok(&body), "date", "Sat, 21 Nov 2026 10:00:00 GMT")
    };
    let myself = || ok(&json!({"id": "9000", "user_id": ACCOUNT, "username": "bakery", "account_type": "BUSINESS"}));
    vec![
        (Conversation::Authenticate, vec![ok(&short), long(), myself()]),
        (Conversation::Refresh, vec![long()]),
        (Conversation::FetchAccounts, vec![myself()]),
        (Conversation::ReadBack, vec![listed()]),
        (Conversation::Analytics, figures()),
        (Conversation::Health, vec![myself()]),
    ]
}

/// Signed as Meta does it.
fn signed(body: &str) -> Signed {
    let signature = hmac::Key::new(b"app-secret").sign(body.as_bytes());
    Signed {
        headers: vec![("x-hub-signature-256", format!("sha256={}", HEXLOWER.encode(&signature)))],
        query: Vec::new(),
        body: body.into(),
        at: Timestamp::UNIX_EPOCH,
    }
}

pub(super) fn through_facebook() -> Instance {
    let next = "https://graph.facebook.com/v26.0/1/accounts?after=QVF";
    Instance {
        hosts: &["graph.facebook.com"],
        conversations: conversations_through_facebook(),
        endless: Some(ok(&json!({"data": [], "paging": {"next": next}}))),
        // Meta documents no other way to ask about a token.
        token_in_address: &["/v26.0/debug_token"],
        ..instance("facebook")
    }
}

pub(super) fn through_instagram() -> Instance {
    Instance {
        hosts: &["graph.instagram.com", "api.instagram.com"],
        conversations: conversations_through_instagram(),
        endless: None,
        // Meta documents no other way to renew a token.
        token_in_address: &["/refresh_access_token"],
        ..instance("instagram")
    }
}

/// Names of members that Meta's answers have.
const NAMES: &[&str] = &[
    "id",
    "data",
    "error",
    "code",
    "error_subcode",
    "is_transient",
    "paging",
    "next",
    "access_token",
    "is_valid",
    "app_id",
    "user_id",
    "scopes",
    "granular_scopes",
    "target_ids",
    "expires_at",
    "expires_in",
    "tasks",
    "name",
    "username",
    "account_type",
    "instagram_business_account",
    "permissions",
    "status_code",
    "status",
    "quota_usage",
    "config",
    "quota_total",
    "caption",
    "timestamp",
    "permalink",
    "media_product_type",
    "values",
    "value",
    "total_value",
    "period",
    "object",
    "entry",
    "changes",
    "field",
    "verb",
    "time",
    "success",
];

fn instance(login: &str) -> Instance {
    let mut settings = InstagramSettings::default();
    settings.set_login(login).unwrap();
    Instance {
        connector: Box::new(Instagram::new(settings)),
        app: app(),
        tokens: tokens("EAAPcompliance"),
        hosts: &[],
        kinds: kinds(),
        refusals: refusals(),
        unknown_refusal: refused(400, 777, None),
        limits: limits(),
        conversations: Vec::new(),
        endless: None,
        account: "42",
        remote_id: "17855000000000001",
        looked_for: 0,
        has_numeric_ids: true,
        times: Some(Times {
            read: graph::time,
            examples: &[("2026-11-21T00:00:59+0000", Some("2026-11-21T00:00:59Z")), ("yesterday", None)],
        }),
        signed: vec![
            signed(
                r#"{"object":"instagram","entry":[{"id":"17841400000000000","time":1,"changes":[{"field":"comments","value":{"id":"5","text":"\u00e9"}}]}]}"#,
            ),
            signed(
                r#"{"object":"instagram","entry":[{"id":"17841400000000000","time":2,"field":"comments","value":{"id":"6"}}]}"#,
            ),
            signed(
                r#"{"object":"permissions","entry":[{"id":"42","time":2,"changes":[{"field":"instagram_basic","value":{"verb":"revoked"}}]}]}"#,
            ),
        ],
        respelled: vec![Respelled(
            r#"{"object":"instagram","entry":[{"id":"100","time":1,"changes":[{"field":"comments","value":{"id":"1","text":"é"}}]}]}"#,
            r#"{ "entry": [{"changes": [{"value": {"text": "\u00e9", "id": "1"}, "field": "comments"}], "time": 1, "id": "100"}], "object": "instagram" }"#,
        )],
        token_in_address: &[],
        words: &[
            "",
            "100",
            "17855",
            "123",
            "FINISHED",
            "PUBLISHED",
            "ERROR",
            "EXPIRED",
            "IN_PROGRESS",
            "Error: 2207026",
            "STORY",
            "REELS",
            "https://graph.facebook.com/v26.0/me",
            "http://[",
            "2026-11-21T10:00:01+0000",
            "9999-99-99T99:99:99+9999",
            "CREATE_CONTENT",
            "instagram",
            "permissions",
            "revoked",
            "lifetime",
        ],
        names: NAMES,
    }
}

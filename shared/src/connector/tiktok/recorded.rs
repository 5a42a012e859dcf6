//! What is recorded of TikTok, for the suite that holds for every connector.

use data_encoding::HEXLOWER;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::{testing::*, *};
use crate::{
    connector::{
        Disposition,
        compliance::{
            Conversation, Draft, Instance, Kind, Limit, Refused, Respelled, Signed, compliance,
            instance::{tokens, with_header},
        },
        source::Seen,
    },
    hmac,
    secret::RefreshToken,
};

compliance!(super::instance);

const FAIL: Disposition = Disposition::Fail;
const RECONNECT: Disposition = Disposition::Reconnect;
const READ_BACK: Disposition = Disposition::ReadBack;
const OPERATOR: Disposition = Disposition::Operator;

const fn after(minutes: i64) -> Disposition {
    Disposition::Retry(Some(SignedDuration::from_mins(minutes)))
}

/// A line of the error table: code, status, what it is called, and what follows after a publish and otherwise.
type Line = (&'static str, u16, &'static str, Disposition, Disposition);

const ERRORS: &[Line] = &[
    ("invalid_params", 400, "tiktok.parameter.invalid", FAIL, FAIL),
    ("invalid_param", 400, "tiktok.parameter.invalid", FAIL, FAIL),
    ("invalid_file_upload", 400, "tiktok.upload.refused", FAIL, FAIL),
    ("access_token_invalid", 401, "tiktok.token.invalid", RECONNECT, RECONNECT),
    ("scope_not_authorized", 401, "tiktok.permission.missing", RECONNECT, RECONNECT),
    ("scope_permission_missed", 401, "tiktok.permission.missing", RECONNECT, RECONNECT),
    ("url_ownership_unverified", 403, "tiktok.media.domain_unverified", FAIL, FAIL),
    ("privacy_level_option_mismatch", 403, "tiktok.privacy.not_offered", FAIL, FAIL),
    ("unaudited_client_can_only_post_to_private_accounts", 403, "tiktok.app.unaudited", OPERATOR, OPERATOR),
    ("spam_risk_too_many_posts", 403, "tiktok.rate.posts", after(24 * 60), after(24 * 60)),
    ("spam_risk_user_banned_from_posting", 403, "tiktok.account.banned", FAIL, FAIL),
    ("spam_risk", 403, "tiktok.post.spam_risk", FAIL, FAIL),
    ("spam_risk_text", 403, "tiktok.post.spam_risk", FAIL, FAIL),
    ("reached_active_user_cap", 403, "tiktok.rate.active_users", after(60), after(60)),
    ("spam_risk_too_many_pending_share", 403, "tiktok.rate.pending_drafts", after(15), after(15)),
    ("rate_limit_exceeded", 429, "tiktok.rate.calls", after(1), after(1)),
    ("internal_error", 500, "tiktok.service.unavailable", READ_BACK, Disposition::Retry(None)),
    ("invalid_publish_id", 400, "tiktok.publish.unknown_id", READ_BACK, FAIL),
    ("token_not_authorized_for_specified_publish_id", 400, "tiktok.publish.other_account", READ_BACK, FAIL),
    ("never_seen", 400, "tiktok.error.unknown", READ_BACK, FAIL),
];

fn refusals() -> Vec<Refused> {
    let mut refusals = Vec::new();
    for (code, status, meaning, after_publish, otherwise) in ERRORS {
        // Bans and caps are reported with 200 on purpose.
        for status in [*status, 200] {
            refusals.push(Refused {
                name: format!("{code} with {status}"),
                answer: refused(status, code),
                code: meaning,
                after_publish: after_publish.clone(),
                otherwise: otherwise.clone(),
            });
        }
    }
    refusals
}

fn options() -> Value {
    json!({"tiktok": {
        "privacy_level": "SELF_ONLY", "allow_comment": false, "allow_duet": false, "allow_stitch": false,
    }})
}

fn with(mut options: Value, name: &str, value: impl Into<Value>) -> Value {
    options["tiktok"][name] = value.into();
    options
}

fn post(content: Value, options: Value) -> Prepared {
    Prepared {
        content: serde_json::from_value(content).unwrap(),
        options: Some(serde_json::from_value(options).unwrap()),
        ..Prepared::at("-000YSS_EXAMPLE")
    }
}

fn creator() -> Answer {
    ok(&json!({
        "creator_avatar_url": "https://p16.tiktokcdn.com/a.webp", "creator_username": "bakery",
        "creator_nickname": "Example Bakery", "comment_disabled": false, "duet_disabled": false,
        "stitch_disabled": true, "max_video_post_duration_sec": 300,
        "privacy_level_options": ["PUBLIC_TO_EVERYONE", "MUTUAL_FOLLOW_FRIENDS", "SELF_ONLY"],
    }))
}

fn seen(length: u64) -> Answer {
    Seen { length, media_type: Some("video/mp4".into()), etag: None, in_parts: true }.answer()
}

fn begun(id: &str) -> Answer {
    ok(&json!({
        "publish_id": id, "upload_url": "https://open-upload.tiktokapis.com/video/?upload_id=67890&upload_token=Xza123",
    }))
}

fn status(status: &str) -> Answer {
    ok(&json!({"status": status, "uploaded_bytes": 0, "downloaded_bytes": 0}))
}

fn out() -> Answer {
    ok(&json!({"status": "PUBLISH_COMPLETE", "publicaly_available_post_id": [7_602_997_517_160_123_666_u64]}))
}

fn kinds() -> Vec<Kind> {
    let video =
        || json!({"text": "Fresh bread #bakery", "media": [{"url": "https://example.com/a.mp4", "kind": "video"}]});
    let photos = || {
        let photo = |name: &str| json!({"url": format!("https://example.com/{name}.jpg"), "kind": "image"});
        json!({"text": "Fresh bread", "media": [photo("a"), photo("b")]})
    };
    let inbox = json!({"tiktok": {"mode": "inbox"}});
    let next = with_header(answer(206, ""), "content-range", "bytes 0-9999999/25000000");
    let kind = |name, post, answers, remote_id| Kind { name, post, answers, remote_id };
    vec![
        kind(
            "a video that TikTok fetches",
            post(video(), with(options(), "source", "pull_from_url")),
            vec![creator(), begun("v_pub_url~v2.1"), status("PROCESSING_DOWNLOAD"), out()],
            "7602997517160123666",
        ),
        kind(
            "a small video",
            post(video(), with(options(), "ai_generated", true)),
            vec![creator(), seen(4_000_000), begun("v_pub_file~v2-1.1"), answer(201, ""), status("PUBLISH_COMPLETE")],
            "v_pub_file~v2-1.1",
        ),
        kind(
            "a video in two pieces",
            post(video(), options()),
            vec![
                creator(),
                seen(25_000_000),
                begun("v_pub_file~v2-1.2"),
                next,
                answer(201, ""),
                status("PROCESSING_UPLOAD"),
                out(),
            ],
            "7602997517160123666",
        ),
        kind(
            "photos",
            post(photos(), with(with(options(), "title", "Bread"), "photo_cover_index", 1)),
            vec![creator(), begun("p_pub_url~v2.1"), out()],
            "7602997517160123666",
        ),
        kind(
            "a draft of a video",
            post(video(), inbox.clone()),
            vec![seen(4_000_000), begun("v_inbox_file~v2.1"), answer(201, ""), status("SEND_TO_USER_INBOX")],
            "v_inbox_file~v2.1",
        ),
        kind(
            "a draft of photos",
            post(photos(), inbox),
            vec![begun("p_inbox_url~v2.1"), status("PROCESSING_DOWNLOAD"), status("SEND_TO_USER_INBOX")],
            "p_inbox_url~v2.1",
        ),
    ]
}

fn limits() -> Vec<Limit> {
    let media = |count: usize, kind: &str, url: &str| vec![json!({"url": url, "kind": kind}); count];
    let draft = |text: usize, media: Vec<Value>, options: Value| {
        Draft::new(json!({"text": "é".repeat(text), "media": media}), Some(options))
    };
    let video = |options: Value| draft(1, media(1, "video", "https://e.com/a.mp4"), options);
    let photos = |count, options: Value| draft(1, media(count, "image", "https://e.com/a.jpg"), options);
    let without = |name: &str| with(options(), name, Value::Null);
    let both = [media(1, "video", "https://e.com/a.mp4"), media(1, "image", "https://e.com/a.jpg")].concat();
    let titled = |length: usize| with(options(), "title", "é".repeat(length));
    let branded = |privacy: &str| with(with(options(), "brand_content", true), "privacy_level", privacy);
    let linked = Draft::new(
        json!({"link": "https://e.com", "media": media(1, "video", "https://e.com/a.mp4")}),
        Some(options()),
    );
    let pulled = |url: &str| draft(1, media(1, "video", url), with(options(), "source", "pull_from_url"));
    let limit = |rule, within: Draft, beyond: Draft| Limit { rule, within, beyond };
    let long = |length| draft(length, media(1, "video", "https://e.com/a.mp4"), options());
    let words = |length| draft(length, media(1, "image", "https://e.com/a.jpg"), options());
    let fine = || video(options());
    vec![
        limit("tiktok.post.empty", fine(), draft(1, Vec::new(), options())),
        limit("tiktok.link.unsupported", fine(), linked),
        limit("tiktok.text.too_long", long(2_200), long(2_201)),
        limit("tiktok.text.too_long", words(4_000), words(4_001)),
        limit("tiktok.title.too_long", photos(1, titled(90)), photos(1, titled(91))),
        limit("tiktok.media.too_many", photos(35, options()), photos(36, options())),
        limit("tiktok.media.too_many_videos", fine(), draft(1, media(2, "video", "https://e.com/a"), options())),
        limit("tiktok.media.mixed", fine(), draft(1, both, options())),
        limit(
            "tiktok.media.document_unsupported",
            fine(),
            draft(1, media(1, "document", "https://e.com/a"), options()),
        ),
        limit("tiktok.media.url_not_https", pulled("https://e.com/a.mp4"), pulled("http://e.com/a.mp4")),
        limit("tiktok.media.format", fine(), draft(1, media(1, "image", "https://e.com/a.png"), options())),
        limit("tiktok.media.format", fine(), draft(1, media(1, "video", "https://e.com/a.avi"), options())),
        limit(
            "tiktok.cover.out_of_range",
            photos(2, with(options(), "photo_cover_index", 1)),
            photos(2, with(options(), "photo_cover_index", 2)),
        ),
        limit("tiktok.privacy.missing", fine(), video(without("privacy_level"))),
        limit("tiktok.privacy.branded", video(branded("PUBLIC_TO_EVERYONE")), video(branded("SELF_ONLY"))),
        limit("tiktok.comment.missing", fine(), video(without("allow_comment"))),
        limit("tiktok.duet.missing", photos(1, without("allow_duet")), video(without("allow_duet"))),
        limit("tiktok.stitch.missing", photos(1, without("allow_stitch")), video(without("allow_stitch"))),
    ]
}

fn given(scope: &str) -> Answer {
    let body = json!({
        "open_id": "-000YSS_EXAMPLE", "scope": scope, "access_token": "act.new", "expires_in": 7200,
        "refresh_token": "rft.new", "refresh_expires_in": 15_552_000, "token_type": "Bearer",
    });
    with_header(answer(200, body.to_string()), "date", "Sat, 21 Nov 2026 10:00:00 GMT")
}

fn conversations() -> Vec<(Conversation, Vec<Answer>)> {
    let user = ok(&json!({"user": {"open_id": "-000YSS_EXAMPLE", "display_name": "Example Bakery"}}));
    let listed = |created: i64, has_more: bool| {
        ok(&json!({
            "videos": [{
                "id": "7602997517160123666", "create_time": created, "title": "Fresh bread #bakery",
                "video_description": "Fresh bread #bakery", "share_url": "https://www.tiktok.com/@bakery/video/7602997517160123666",
            }],
            "cursor": 1_795_255_200_000_i64, "has_more": has_more,
        }))
    };
    let figures = ok(&json!({"videos": [{"id": "7602997517160123666", "view_count": 12, "like_count": 3}]}));
    vec![
        (Conversation::Authenticate, vec![given("user.info.basic,video.publish"), user.clone()]),
        (Conversation::Refresh, vec![given("user.info.basic,video.publish")]),
        (Conversation::Revoke, vec![answer(200, "{}")]),
        (Conversation::FetchAccounts, vec![user.clone()]),
        // 10:00:20 on that day, and a page from before.
        (Conversation::ReadBack, vec![listed(1_795_255_220, true), listed(1_795_168_800, true)]),
        (Conversation::Analytics, vec![figures]),
        (Conversation::Health, vec![user]),
    ]
}

/// Signed as TikTok does it.
fn signed(body: &str) -> Signed {
    let at = Timestamp::from_second(1_770_210_875).unwrap();
    let signature = hmac::Key::new(b"app-secret").sign(format!("1770210873.{body}").as_bytes());
    Signed {
        headers: vec![("tiktok-signature", format!("t=1770210873,s={}", HEXLOWER.encode(&signature)))],
        query: Vec::new(),
        body: body.into(),
        at,
    }
}

pub(super) fn instance() -> Instance {
    Instance {
        connector: Box::new(Tiktok::new(TiktokSettings::default())),
        app: app(),
        tokens: TokenSet { refresh: Some(RefreshToken::new("rft.compliance")), ..tokens("act.compliance") },
        hosts: &["open.tiktokapis.com", "open-upload.tiktokapis.com"],
        kinds: kinds(),
        refusals: refusals(),
        unknown_refusal: refused(400, "never_seen"),
        limits: limits(),
        conversations: conversations(),
        // One login is one account: there are no pages.
        endless: None,
        account: "-000YSS_EXAMPLE",
        remote_id: "7602997517160123666",
        looked_for: 0,
        has_numeric_ids: true,
        // Times are seconds since 1970.
        times: None,
        signed: vec![
            signed(
                r#"{"client_key":"key","event":"post.publish.publicly_available","create_time":1770210873,"user_openid":"-000YSS_EXAMPLE","content":"{\"publish_id\":\"v_pub_file~v2-1.7602997070760331285\",\"publish_type\":\"DIRECT_PUBLISH\",\"post_id\":\"7602997517160123666\"}"}"#,
            ),
            signed(
                r#"{"client_key":"key","event":"post.publish.failed","create_time":1770210901,"user_openid":"-000YSS_EXAMPLE","content":"{\"publish_id\":\"v_pub_url~v2.7602997070760331999\",\"reason\":\"picture_size_check_failed\",\"publish_type\":\"DIRECT_PUBLISH\"}"}"#,
            ),
            signed(
                r#"{"client_key":"key","event":"post.publish.inbox_delivered","create_time":1770210950,"user_openid":"-000YSS_EXAMPLE","content":"{\"publish_id\":\"v_inbox_file~v2.7602997070760332000\",\"publish_type\":\"INBOX_SHARE\"}"}"#,
            ),
            signed(
                r#"{"client_key":"key","event":"authorization.removed","create_time":1770211000,"user_openid":"-000YSS_EXAMPLE","content":"{\"reason\":1}"}"#,
            ),
        ],
        respelled: vec![Respelled(
            r#"{"client_key":"key","event":"post.publish.complete","create_time":1,"user_openid":"-1","content":"{\"publish_id\":\"a\",\"publish_type\":\"INBOX_SHARE\"}"}"#,
            r#"{ "content": "{ \"publish_type\": \"INBOX_SHARE\", \"publish_id\": \"\u0061\" }", "event": "post.publish.complete", "user_openid": "-1", "create_time": 1, "client_key": "key" }"#,
        )],
        token_in_address: &[],
        words: &[
            "",
            "ok",
            "-1",
            "v_pub_url~v2.1",
            "7602997517160123666",
            "PUBLISH_COMPLETE",
            "PROCESSING_UPLOAD",
            "SEND_TO_USER_INBOX",
            "FAILED",
            "internal",
            "spam_risk",
            "invalid_grant",
            "https://open-upload.tiktokapis.com/video/",
            "http://[",
            "SELF_ONLY",
            "post.publish.complete",
            "authorization.removed",
            "{\"reason\":1}",
            "Fresh bread",
        ],
        names: &[
            "data",
            "error",
            "code",
            "log_id",
            "user",
            "open_id",
            "display_name",
            "publish_id",
            "upload_url",
            "status",
            "fail_reason",
            "publicaly_available_post_id",
            "uploaded_bytes",
            "privacy_level_options",
            "comment_disabled",
            "videos",
            "cursor",
            "has_more",
            "id",
            "create_time",
            "title",
            "video_description",
            "share_url",
            "view_count",
            "access_token",
            "refresh_token",
            "expires_in",
            "scope",
            "event",
            "content",
            "user_openid",
            "length",
            "in_parts",
        ],
    }
}

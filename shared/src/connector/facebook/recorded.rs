//! What is recorded of Facebook, for the suite that holds for every connector.

use data_encoding::HEXLOWER;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::{testing::*, *};
use crate::{
    connector::{
        Disposition,
        compliance::{
            Conversation, Draft, Instance, Kind, Limit, Refused, Respelled, Signed, compliance,
            instance::{Times, tokens},
        },
        source::Seen,
    },
    hmac,
};

compliance!(super::instance);

const RETRY: Disposition = Disposition::Retry(None);
const FAIL: Disposition = Disposition::Fail;
const RECONNECT: Disposition = Disposition::Reconnect;
const READ_BACK: Disposition = Disposition::ReadBack;

/// A line of the error table: code, subcode, what it is called, and what follows after a publish and otherwise.
type Line = (&'static str, i64, Option<i64>, &'static str, Disposition, Disposition);

const ERRORS: &[Line] = &[
    ("unknown", 1, None, "facebook.service.unavailable", READ_BACK, RETRY),
    ("service", 2, None, "facebook.service.unavailable", READ_BACK, RETRY),
    ("capability", 3, None, "facebook.permission.missing", RECONNECT, RECONNECT),
    ("app_limit", 4, None, "facebook.rate.app", RETRY, RETRY),
    ("action_blocked", 4, Some(2_207_051), "facebook.account.action_blocked", READ_BACK, FAIL),
    ("permission", 10, None, "facebook.permission.missing", RECONNECT, RECONNECT),
    ("user_limit", 17, None, "facebook.rate.user", RETRY, RETRY),
    ("after_effect", 20, Some(1_772_107), "facebook.post.error_after_effect", READ_BACK, FAIL),
    ("page_limit", 32, None, "facebook.rate.page", RETRY, RETRY),
    ("parameter", 100, None, "facebook.parameter.invalid", FAIL, FAIL),
    ("missing_object", 100, Some(33), "facebook.object.missing", READ_BACK, FAIL),
    ("app_unknown", 101, None, "facebook.app.unknown", Disposition::Operator, Disposition::Operator),
    ("session", 102, None, "facebook.token.invalid", RECONNECT, RECONNECT),
    ("session_expired", 102, Some(463), "facebook.token.expired", RECONNECT, RECONNECT),
    ("token", 190, None, "facebook.token.invalid", RECONNECT, RECONNECT),
    ("app_removed", 190, Some(458), "facebook.token.app_removed", RECONNECT, RECONNECT),
    ("checkpoint", 190, Some(459), "facebook.token.checkpoint", RECONNECT, RECONNECT),
    ("password", 190, Some(460), "facebook.token.password_changed", RECONNECT, RECONNECT),
    ("expired", 190, Some(463), "facebook.token.expired", RECONNECT, RECONNECT),
    ("unconfirmed", 190, Some(464), "facebook.token.unconfirmed", RECONNECT, RECONNECT),
    ("invalid", 190, Some(467), "facebook.token.invalid", RECONNECT, RECONNECT),
    ("page_role", 190, Some(492), "facebook.token.page_role_lost", RECONNECT, RECONNECT),
    ("token_with_new_subcode", 190, Some(9999), "facebook.token.invalid", RECONNECT, RECONNECT),
    ("first_permission", 200, None, "facebook.permission.missing", RECONNECT, RECONNECT),
    ("engagement", 283, None, "facebook.permission.missing", RECONNECT, RECONNECT),
    ("last_permission", 299, None, "facebook.permission.missing", RECONNECT, RECONNECT),
    ("app_count", 341, None, "facebook.rate.app", RETRY, RETRY),
    ("blocked", 368, None, "facebook.account.blocked", READ_BACK, FAIL),
    ("duplicate", 506, None, "facebook.post.duplicate", READ_BACK, FAIL),
    ("custom_limit", 613, None, "facebook.rate.custom", RETRY, RETRY),
    ("anomalous", 613, Some(1996), "facebook.rate.custom", RETRY, RETRY),
    ("business_first", 80_000, None, "facebook.rate.business", RETRY, RETRY),
    ("business_pages", 80_001, None, "facebook.rate.business", RETRY, RETRY),
    ("business_instagram", 80_002, None, "facebook.rate.business", RETRY, RETRY),
    ("business_ads", 80_004, Some(2_446_079), "facebook.rate.business", RETRY, RETRY),
    ("business_8", 80_008, None, "facebook.rate.business", RETRY, RETRY),
    ("business_9", 80_009, None, "facebook.rate.business", RETRY, RETRY),
    ("business_14", 80_014, None, "facebook.rate.business", RETRY, RETRY),
    ("bad_link", 1_609_005, None, "facebook.link.unusable", FAIL, FAIL),
    ("invalid_link", 2_061_006, None, "facebook.link.invalid", FAIL, FAIL),
    ("own_link", 1_609_008, None, "facebook.link.own_site", FAIL, FAIL),
    ("bad_link_as_subcode", 100, Some(1_609_005), "facebook.link.unusable", FAIL, FAIL),
    ("invalid_link_as_subcode", 100, Some(2_061_006), "facebook.link.invalid", FAIL, FAIL),
    ("own_link_as_subcode", 100, Some(1_609_008), "facebook.link.own_site", FAIL, FAIL),
    ("photo_too_large", 324, Some(1_366_046), "facebook.media.too_large", FAIL, FAIL),
    ("photo_format", 324, Some(1_349_125), "facebook.media.format", FAIL, FAIL),
    ("photo_unusable", 324, Some(2_069_019), "facebook.media.unusable", FAIL, FAIL),
    ("photos_used", 100, Some(1_366_051), "facebook.media.already_posted", READ_BACK, FAIL),
    ("reel_aspect", 100, Some(1_363_040), "facebook.video.aspect", FAIL, FAIL),
    ("reel_resolution", 100, Some(1_363_127), "facebook.video.resolution", FAIL, FAIL),
    ("reel_duration", 100, Some(1_363_128), "facebook.video.duration", FAIL, FAIL),
    ("reel_frame_rate", 100, Some(1_363_129), "facebook.video.frame_rate", FAIL, FAIL),
    ("video_too_large", 100, Some(1_363_023), "facebook.video.too_large", FAIL, FAIL),
    ("video_too_small", 100, Some(1_363_022), "facebook.video.too_small", FAIL, FAIL),
    ("video_too_small_by_code", 382, None, "facebook.video.too_small", FAIL, FAIL),
    ("no_video", 100, Some(1_363_031), "facebook.video.not_a_video", FAIL, FAIL),
    ("video_problem", 351, None, "facebook.video.format", FAIL, FAIL),
    ("video_format", 352, None, "facebook.video.format", FAIL, FAIL),
    ("video_not_fetched", 389, Some(1_363_057), "facebook.video.not_fetched", RETRY, RETRY),
    ("video_not_fetched_by_code", 389, None, "facebook.video.not_fetched", RETRY, RETRY),
    ("may_not_edit_video", 100, Some(1_363_005), "facebook.permission.missing", RECONNECT, RECONNECT),
    ("may_not_upload", 100, Some(1_363_042), "facebook.permission.missing", RECONNECT, RECONNECT),
    ("upload_timeout", 6000, Some(1_363_030), "facebook.upload.interrupted", READ_BACK, RETRY),
    ("upload_problem", 6000, Some(1_363_019), "facebook.upload.interrupted", READ_BACK, RETRY),
    ("upload_broken_off", 6000, Some(1_363_033), "facebook.upload.interrupted", READ_BACK, RETRY),
    ("upload_by_code", 6000, None, "facebook.upload.interrupted", READ_BACK, RETRY),
    ("upload_by_another_code", 6001, None, "facebook.upload.interrupted", READ_BACK, RETRY),
    ("upload_by_a_third_code", 381, None, "facebook.upload.interrupted", READ_BACK, RETRY),
    ("upload_offset", 6000, Some(1_363_037), "facebook.upload.offset", READ_BACK, RETRY),
    ("too_fast", 368, Some(1_390_008), "facebook.rate.too_fast", RETRY, RETRY),
    ("abusive", 368, Some(1_346_003), "facebook.post.abusive", FAIL, FAIL),
    ("security_check", 190, Some(1_404_006), "facebook.account.security_check", FAIL, FAIL),
    ("standards", 368, Some(1_404_102), "facebook.post.community_standards", FAIL, FAIL),
    ("authorization", 200, Some(1_404_078), "facebook.page.authorization_needed", FAIL, FAIL),
    ("limited", 368, Some(1_404_112), "facebook.account.limited", FAIL, FAIL),
    ("identity", 200, Some(4_854_002), "facebook.account.confirm_identity", FAIL, FAIL),
    ("service_subcode", 100, Some(1_363_047), "facebook.service.unavailable", READ_BACK, RETRY),
    ("service_subcode_too", 100, Some(1_609_010), "facebook.service.unavailable", READ_BACK, RETRY),
    ("never_seen", 777, None, "facebook.error.unknown", READ_BACK, FAIL),
    ("below_the_permissions", 199, None, "facebook.error.unknown", READ_BACK, FAIL),
    ("above_the_permissions", 300, None, "facebook.error.unknown", READ_BACK, FAIL),
    ("no_business_7", 80_007, None, "facebook.error.unknown", READ_BACK, FAIL),
];

/// "HTTP status varies; trust the code": an error may come with 200.
const STATUSES: [u16; 3] = [200, 400, 403];

fn refusals() -> Vec<Refused> {
    let mut refusals = Vec::new();
    for (name, code, subcode, meaning, after_publish, otherwise) in ERRORS {
        for status in STATUSES {
            refusals.push(Refused {
                name: format!("{name} with {status}"),
                answer: refused(status, *code, *subcode),
                code: meaning,
                after_publish: after_publish.clone(),
                otherwise: otherwise.clone(),
            });
        }
    }
    refusals
}

fn page() -> Value {
    json!({"id": "100", "name": "Bakery", "access_token": "EAAPpage", "tasks": ["CREATE_CONTENT"]})
}

fn post(content: Value) -> Prepared {
    Prepared { content: serde_json::from_value(content).unwrap(), ..Prepared::at("100") }
}

const VIDEO: &str = "800000000000001";

fn film(options: Option<Value>) -> Prepared {
    let video = json!({"url": "https://example.com/a.mp4", "kind": "video", "title": "Bread"});
    let options = options.map(|options| serde_json::from_value(json!({ "facebook": options })).unwrap());
    Prepared { options, ..post(json!({"text": "Fresh bread", "media": [video]})) }
}

fn seen(length: u64) -> Answer {
    Seen { length, media_type: Some("video/mp4".into()), etag: None, in_parts: true }.answer()
}

fn opened_reel() -> Answer {
    let upload_url = format!("https://rupload.facebook.com/video-upload/v26.0/{VIDEO}");
    ok(&json!({"video_id": VIDEO, "upload_url": upload_url}))
}

/// Whether the file is there.
fn arriving(uploading: &str) -> Answer {
    let status = json!({
        "video_status": "processing", "uploading_phase": {"status": uploading, "bytes_transferred": 0},
        "processing_phase": {"status": "in_progress"}, "publishing_phase": {"status": "not_started"},
    });
    ok(&json!({"id": VIDEO, "status": status, "published": false}))
}

/// What Facebook says while it works on it.
fn working() -> Answer {
    arriving("complete")
}

/// What it says once people see it.
fn shown() -> Answer {
    let status = json!({
        "video_status": "ready", "uploading_phase": {"status": "complete"}, "processing_phase": {"status": "complete"},
        "publishing_phase": {"status": "complete", "publish_status": "published"},
    });
    let permalink = "https://www.facebook.com/100/videos/800000000000001";
    ok(&json!({"id": VIDEO, "status": status, "published": true, "permalink_url": permalink}))
}

fn kinds() -> Vec<Kind> {
    let photo = json!({"url": "https://example.com/a.jpg", "kind": "image", "alt_text": "A cat", "title": "Cat"});
    let link = "https://www.facebook.com/100/posts/5";
    let at_a_place = Prepared {
        options: Some(serde_json::from_value(json!({"facebook": {"place": "110"}})).unwrap()),
        ..post(json!({"text": "Here"}))
    };
    let kind = |name, post, answer: Value, remote_id| Kind { name, post, answers: vec![ok(&answer)], remote_id };
    vec![
        kind("text", post(json!({"text": "Hello"})), json!({"id": "100_5", "permalink_url": link}), "100_5"),
        kind("link", post(json!({"text": "a", "link": "https://example.com"})), json!({"id": "100_6"}), "100_6"),
        kind("photo", post(json!({"media": [photo]})), json!({"id": "900", "post_id": "100_7"}), "100_7"),
        Kind {
            name: "photos",
            post: post(json!({"text": "Two", "media": [photo, photo]})),
            answers: vec![ok(&json!({"id": "901"})), ok(&json!({"id": "902"})), ok(&json!({"id": "100_9"}))],
            remote_id: "100_9",
        },
        Kind {
            name: "a video that Facebook fetches",
            post: film(None),
            answers: vec![ok(&json!({"id": VIDEO})), working(), shown()],
            remote_id: VIDEO,
        },
        Kind {
            name: "a video in two pieces",
            post: film(Some(json!({"source": "file_upload", "is_ai_generated": true}))),
            answers: vec![
                seen(3_000_000),
                ok(&json!({
                    "upload_session_id": "700", "video_id": VIDEO, "start_offset": "0", "end_offset": "2000000",
                })),
                ok(&json!({"start_offset": "2000000", "end_offset": "3000000"})),
                ok(&json!({"start_offset": "3000000", "end_offset": "3000000"})),
                ok(&json!({"success": true})),
                working(),
                shown(),
            ],
            remote_id: VIDEO,
        },
        Kind {
            name: "a reel that Facebook fetches",
            post: film(Some(json!({"placement": "reel", "place": "110", "is_ai_generated": true}))),
            answers: vec![
                opened_reel(),
                ok(&json!({"success": true})),
                arriving("in_progress"),
                arriving("complete"),
                ok(&json!({"success": true, "post_id": "5"})),
                shown(),
            ],
            remote_id: VIDEO,
        },
        Kind {
            name: "a reel that is sent",
            post: film(Some(json!({"placement": "reel", "source": "file_upload"}))),
            answers: vec![
                seen(1_048_576),
                opened_reel(),
                ok(&json!({"success": true})),
                arriving("complete"),
                ok(&json!({"success": true})),
                working(),
                shown(),
            ],
            remote_id: VIDEO,
        },
        kind("text at a place", at_a_place, json!({"id": "100_8"}), "100_8"),
        kind(
            "id as a number beyond 53 bits",
            post(json!({"text": "b"})),
            json!({"id": 9_007_199_254_740_993_u64}),
            "9007199254740993",
        ),
    ]
}

fn limits() -> Vec<Limit> {
    let text = |length: usize| Draft::new(json!({"text": "é".repeat(length)}), None);
    let media = |count: usize, kind: &str, address: &str| {
        Draft::new(json!({"media": vec![json!({"url": address, "kind": kind}); count]}), None)
    };
    let image = |count| media(count, "image", "https://e.com/a");
    let link = |address: &str| Draft::new(json!({"link": address}), None);
    let place = |place: &str| Draft::new(json!({"text": "a"}), Some(json!({"facebook": {"place": place}})));
    let both =
        Draft::new(json!({"link": "https://e.com", "media": [{"url": "https://e.com/a", "kind": "image"}]}), None);
    let film = json!({"media": [{"url": "https://e.com/a", "kind": "video"}]});
    let reel = |content, placement: &str| Draft::new(content, Some(json!({"facebook": {"placement": placement}})));
    let titled = |length: usize| {
        let title = "é".repeat(length);
        Draft::new(json!({"media": [{"url": "https://e.com/a", "kind": "video", "title": title}]}), None)
    };
    let limit = |rule, within: Draft, beyond: Draft| Limit { rule, within, beyond };
    vec![
        limit("facebook.post.empty", text(1), Draft::new(json!({"text": " \n"}), None)),
        limit("facebook.text.too_long", text(63_206), text(63_207)),
        limit("facebook.link.not_http", link("http://e.com"), link("ftp://e.com")),
        limit("facebook.link.with_photo", link("https://e.com"), both),
        limit("facebook.media.too_many", image(10), image(11)),
        limit("facebook.video.missing", reel(film.clone(), "reel"), reel(json!({"text": "a"}), "reel")),
        limit("facebook.video.not_alone", media(1, "video", "https://e.com/a"), media(2, "video", "https://e.com/a")),
        limit(
            "facebook.video.place_unsupported",
            Draft::new(film.clone(), Some(json!({"facebook": {"placement": "reel", "place": "110"}}))),
            Draft::new(film, Some(json!({"facebook": {"place": "110"}}))),
        ),
        limit("facebook.video.title_too_long", titled(254), titled(255)),
        limit(
            "facebook.video.url_at_facebook",
            media(1, "video", "https://notfbcdn.net/a"),
            media(1, "video", "https://video.xx.fbcdn.net/a"),
        ),
        limit("facebook.media.document_unsupported", image(1), media(1, "document", "https://e.com/a")),
        limit("facebook.media.url_not_https", image(1), media(1, "image", "http://e.com/a")),
        limit("facebook.place.not_an_id", place(&"1".repeat(64)), place(&"1".repeat(65))),
        limit("facebook.place.not_an_id", place("110"), place("../me")),
    ]
}

fn conversations() -> Vec<(Conversation, Vec<Answer>)> {
    let about = json!({"data": {
        "is_valid": true, "app_id": "123", "user_id": "42", "expires_at": 1_800_000_000_u64,
        "scopes": ["pages_show_list", "pages_manage_posts"], "data_access_expires_at": 1_800_000_000_u64,
    }});
    let listed = json!({"data": [{
        "id": "100_5", "message": "Hello", "created_time": "2026-11-21T10:00:01+0000", "is_published": true,
        "application": {"id": "123"}, "permalink_url": "https://www.facebook.com/100/posts/5",
    }]});
    let figures = json!({"data": [
        {"name": "post_clicks", "period": "lifetime", "values": [{"value": 3}]},
    ]});
    let success = ok(&json!({"success": true}));
    vec![
        (
            Conversation::Authenticate,
            vec![
                ok(&json!({"access_token": "EAAPshort", "token_type": "bearer", "expires_in": 3600})),
                ok(&json!({"access_token": "EAAPlong", "token_type": "bearer", "expires_in": 5_184_000})),
                ok(&about),
                ok(&json!({"id": "42", "name": "Ada"})),
                ok(&json!({"data": [page()]})),
            ],
        ),
        (Conversation::Revoke, vec![success.clone()]),
        (Conversation::FetchAccounts, vec![ok(&json!({"data": [page()]}))]),
        (Conversation::ReadBack, vec![ok(&listed)]),
        (Conversation::Delete, vec![success]),
        (Conversation::Analytics, vec![ok(&figures)]),
        (Conversation::Health, vec![ok(&about)]),
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

/// Words that Facebook's answers are made of.
const WORDS: &[&str] = &[
    "",
    "100",
    "100_5",
    "123",
    "add",
    "page",
    "feed",
    "USER",
    "token",
    "https://graph.facebook.com/v26.0/me",
    "http://[",
    "2026-11-21T10:00:01+0000",
    "9999-99-99T99:99:99+9999",
    "CREATE_CONTENT",
    "lifetime",
    "complete",
    "not_started",
    "error",
    "ready",
    "https://rupload.facebook.com/video-upload/v26.0/8",
];

/// Names in Facebook's answers.
const NAMES: &[&str] = &[
    "id",
    "post_id",
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
    "expires_at",
    "tasks",
    "name",
    "message",
    "created_time",
    "application",
    "attachments",
    "values",
    "value",
    "total_value",
    "period",
    "object",
    "entry",
    "changes",
    "field",
    "item",
    "verb",
    "time",
    "permalink_url",
    "success",
    "video_id",
    "upload_url",
    "upload_session_id",
    "start_offset",
    "end_offset",
    "status",
    "video_status",
    "uploading_phase",
    "processing_phase",
    "publishing_phase",
    "bytes_transferred",
    "errors",
    "published",
];

pub(super) fn instance() -> Instance {
    let next = "https://graph.facebook.com/v26.0/1/accounts?after=QVF";
    Instance {
        connector: Box::new(Facebook::new(FacebookSettings::default())),
        app: app(),
        tokens: tokens("EAAPcompliance"),
        hosts: &["graph.facebook.com", "graph-video.facebook.com", "rupload.facebook.com"],
        kinds: kinds(),
        refusals: refusals(),
        unknown_refusal: refused(400, 777, None),
        limits: limits(),
        conversations: conversations(),
        endless: Some(ok(&json!({"data": [], "paging": {"next": next}}))),
        account: "42",
        remote_id: "100_5",
        looked_for: 0,
        has_numeric_ids: true,
        times: Some(Times {
            read: graph::time,
            examples: &[
                ("2026-11-21T00:00:59+0000", Some("2026-11-21T00:00:59Z")),
                ("2026-11-20T16:00:59-0800", Some("2026-11-21T00:00:59Z")),
                ("2026-11-21T00:00:59", None),
                ("yesterday", None),
            ],
        }),
        signed: vec![
            signed(
                r#"{"object":"page","entry":[{"id":"100","time":1,"changes":[{"field":"feed","value":{"item":"status","verb":"add","post_id":"100_5","message":"\u00e9"}}]}]}"#,
            ),
            signed(
                r#"{"object":"permissions","entry":[{"id":"42","time":2,"changes":[{"field":"pages_manage_posts","value":{"verb":"revoked"}}]}]}"#,
            ),
        ],
        respelled: vec![Respelled(
            r#"{"object":"page","entry":[{"id":"100","time":1,"changes":[{"field":"feed","value":{"verb":"add","item":"é"}}]}]}"#,
            r#"{ "entry": [{"changes": [{"value": {"item": "\u00e9", "verb": "add"}, "field": "feed"}], "time": 1, "id": "100"}], "object": "page" }"#,
        )],
        // Meta documents no other way to ask about a token.
        token_in_address: &["/v26.0/debug_token"],
        words: WORDS,
        names: NAMES,
    }
}

//! Examples of bodies and answers, all of one story; tests hold them against their schemas.

use serde_json::{Value, json};
use shared::problem::{Code, Fault, Problem};

/// The post of the story.
pub(crate) const POST: &str = "post_01a1fd8a944073c180000251ee3fd171";
const CONNECTION: &str = "con_01a16833fd0072b1800001a9d34e8561";
const KEY: &str = "key_01a1630da4e871a2800001025694b302";
const PAGE: &str = "100200300400";

pub(crate) fn new_posts() -> [(&'static str, Value); 3] {
    let content = || json!({"text": "Our winter menu is here.", "link": "https://www.example.com/menu"});
    let photo = json!({"url": "https://www.example.com/menu.jpg", "kind": "image", "alt_text": "A bowl of soup"});
    [
        ("now", json!({"content": content(), "targets": [{"connection": CONNECTION, "destination": PAGE}]})),
        (
            "on the clocks of a place",
            json!({
                "content": content(),
                "targets": [{"connection": CONNECTION}],
                "schedule": {"local": "2026-12-24T18:00:00", "zone": "Europe/Berlin"},
            }),
        ),
        (
            "at an instant, with a photo",
            json!({
                "content": {"text": "Our winter menu is here.", "media": [photo]},
                "targets": [{"connection": CONNECTION, "destination": PAGE}],
                "schedule": {"at": "2026-12-24T18:00:00+01:00"},
                "not_after": "2026-12-24T20:00:00+01:00",
            }),
        ),
    ]
}

/// The file of the story.
pub(crate) const MEDIA: &str = "med_01a1fd7f3c2071b0800002c4f0a9be16";

pub(crate) fn new_media() -> [(&'static str, Value); 1] {
    [("a photo", json!({"content_type": "image/jpeg", "size": 734_003, "file_name": "menu.jpg"}))]
}

fn media(state: &str, field: &str, value: &Value) -> Value {
    json!({
        "id": MEDIA,
        "media": format!("media:{MEDIA}"),
        "state": state,
        "content_type": "image/jpeg",
        "size": 734_003,
        "file_name": "menu.jpg",
        "created_at": "2026-12-20T09:00:00Z",
        "usable_until": "2026-12-27T09:00:00Z",
        field: value,
    })
}

pub(crate) fn awaited() -> Value {
    let upload = json!({
        "url": format!(
            "https://uploads.s3.us-east-1.amazonaws.com/ten_01a1630da4e8700280000008c61d2c8e/{MEDIA}?X-Amz-Algorithm=…"
        ),
        "method": "PUT",
        "headers": {"content-length": "734003", "content-type": "image/jpeg", "if-none-match": "*"},
        "expires_at": "2026-12-20T10:00:00Z",
    });
    media("awaiting_upload", "upload", &upload)
}

pub(crate) fn uploaded() -> Value {
    media("ready", "facts", &json!({"content_type": "image/jpeg", "bytes": 734_003, "width": 1080, "height": 1350}))
}

pub(crate) fn changes() -> [(&'static str, Value); 3] {
    [
        ("another time", json!({"schedule": {"local": "2026-12-24T20:00:00", "zone": "Europe/Berlin"}})),
        ("now", json!({"schedule": null})),
        (
            "other words, and none of its own for a target",
            json!({
                "content": {"text": "Our winter menu is here, with soup.", "link": "https://www.example.com/menu"},
                "targets": [{"target": "t1", "content": null}],
            }),
        ),
    ]
}

pub(crate) fn resolutions() -> [(&'static str, Value); 2] {
    let url = "https://www.facebook.com/100200300400/posts/500600700800";
    [
        ("it is out", json!({"as": "published", "url": url, "remote_id": "100200300400_500600700800"})),
        ("it is not", json!({"as": "not_published"})),
    ]
}

pub(crate) fn bulk_posts() -> [(&'static str, Value); 1] {
    let [(_, mut now), (_, mut later), _] = new_posts();
    for (key, post) in [("menu-now", &mut now), ("menu-christmas", &mut later)] {
        if let Some(post) = post.as_object_mut() {
            post.insert("idempotency_key".into(), key.into());
        }
    }
    [("two posts", json!({"posts": [now, later]}))]
}

pub(crate) fn bulk_results() -> Value {
    let missing = vec![Fault::new("/targets/0/connection", "connection.unknown", "No such connection.")];
    json!({
        "accepted": 2,
        "replayed": 1,
        "refused": 1,
        "results": [
            {"status": 202, "post": accepted()},
            {"status": 202, "post": accepted(), "replayed": true},
            {"status": 422, "problem": Problem::invalid(missing)},
        ],
    })
}

/// The refusal of a post that says what [`POST`] says.
pub(crate) fn duplicate(detail: &str) -> Problem {
    let fault = Fault::new("/targets/0", Code::PostDuplicate.name(), detail);
    Problem { errors: vec![fault], ..about_the_post(Code::PostDuplicate, detail) }
}

/// The refusal of a request while [`POST`] is being accepted.
pub(crate) fn running(detail: &str) -> Problem {
    about_the_post(Code::IdempotencyRunning, detail)
}

fn about_the_post(code: Code, detail: &str) -> Problem {
    let problem = Problem::new(code, detail);
    match POST.parse() {
        Ok(post) => problem.about(post),
        Err(_) => problem,
    }
}

/// The code of the story's deletion.
const DELETION: &str = "del_5b2f7c1e9a084d3f8c6e21d0b7a94f13";

pub(crate) fn data_deletion() -> Value {
    let url = format!("https://a1b2c3d4e5.execute-api.us-east-1.amazonaws.com/v1/deletions/{DELETION}");
    json!({ "url": url, "confirmation_code": DELETION })
}

pub(crate) fn deletion() -> Value {
    json!({
        "confirmation_code": DELETION,
        "state": "done",
        "requested_at": "2026-11-21T10:00:00Z",
        "done_at": "2026-11-21T10:00:04Z",
    })
}

pub(crate) fn new_sessions() -> [(&'static str, Value); 3] {
    let return_url = "https://app.example.com/settings/connections";
    [
        ("a new connection", json!({"platform": "facebook", "return_url": return_url})),
        (
            "a connection for a person that the caller knows by a name",
            json!({"platform": "facebook", "return_url": return_url, "end_user": "user-4711"}),
        ),
        ("a connection to renew", json!({"platform": "facebook", "return_url": return_url, "reconnect": CONNECTION})),
    ]
}

pub(crate) fn session() -> Value {
    json!({
        "id": "ses_01a1fd89a9e073c18000024f0b5a6c7d",
        "url": "https://a1b2c3d4e5.execute-api.us-east-1.amazonaws.com/v1/connect/S6aXNcpTdl7WpwnttWxuoja3GTo7KaazkMNG8PQ0Dk4",
        "expires_at": "2026-11-21T10:15:00Z",
    })
}

fn post(state: &str, target: &Value) -> Value {
    let mut whole = json!({
        "id": "t1",
        "platform": "facebook",
        "connection": CONNECTION,
        "destination": PAGE,
        "state": state,
    });
    if let (Some(whole), Some(target)) = (whole.as_object_mut(), target.as_object()) {
        whole.extend(target.clone());
    }
    json!({
        "id": POST,
        "state": state,
        "created_at": "2026-11-21T10:00:00Z",
        "content": {"text": "Our winter menu is here.", "link": "https://www.example.com/menu"},
        "not_after": "2026-11-21T16:00:00Z",
        "targets": [whole],
    })
}

pub(crate) fn accepted() -> Value {
    post("queued", &json!({"attempts": 0, "updated_at": "2026-11-21T10:00:00Z"}))
}

pub(crate) fn published() -> Value {
    let target = json!({
        "attempts": 1,
        "remote_id": "100200300400_500600700800",
        "url": "https://www.facebook.com/100200300400/posts/500600700800",
        "updated_at": "2026-11-21T10:00:01.25Z",
    });
    post("published", &target)
}

pub(crate) fn being_removed() -> Value {
    let target = json!({
        "attempts": 1,
        "remote_id": "100200300400_500600700800",
        "url": "https://www.facebook.com/100200300400/posts/500600700800",
        "removal": {"state": "requested", "at": "2026-11-21T11:30:00Z"},
        "updated_at": "2026-11-21T10:00:01.25Z",
    });
    post("published", &target)
}

pub(crate) fn analytics() -> Value {
    let figures = json!({"post_media_view": 412, "post_clicks": 31});
    json!({
        "post": POST,
        "targets": [{
            "id": "t1",
            "platform": "facebook",
            "destination": PAGE,
            "state": "current",
            "as_of": "2026-11-22T09:12:00Z",
            "figures": figures,
            "days": [
                {"day": "2026-11-22", "as_of": "2026-11-22T09:12:00Z", "figures": figures},
                {"day": "2026-11-21", "as_of": "2026-11-21T18:40:00Z", "figures": {"post_media_view": 120}},
            ],
        }],
    })
}

pub(crate) fn moved() -> Value {
    let mut moved = post(
        "scheduled",
        &json!({
            "attempts": 0,
            "next_at": "2026-12-24T19:00:00Z",
            "updated_at": "2026-11-21T10:05:00Z",
        }),
    );
    if let Some(moved) = moved.as_object_mut() {
        moved.insert("schedule".to_owned(), json!({"local": "2026-12-24T20:00:00", "zone": "Europe/Berlin"}));
        moved.insert("scheduled_at".to_owned(), "2026-12-24T19:00:00Z".into());
        moved.insert("not_after".to_owned(), "2026-12-25T01:00:00Z".into());
    }
    moved
}

pub(crate) fn cancelled() -> Value {
    let reason = json!({
        "code": "post.cancelled",
        "message": "It was called off; it was not published.",
        "act": "nobody",
    });
    post("cancelled", &json!({"attempts": 0, "reason": reason, "updated_at": "2026-11-21T10:00:30Z"}))
}

pub(crate) fn posts() -> Value {
    json!({"posts": [published()], "next_cursor": "c2lnbmF0dXJlIGFuZCBwbGFjZQ"})
}

pub(crate) fn findings() -> Value {
    let text = "The text has 63300 characters; a Page takes 63206.";
    json!({
        "valid": false,
        "findings": [{"pointer": "/content/text", "code": "facebook.text.too_long", "detail": text}],
    })
}

fn expired_login() -> Value {
    json!({
        "code": "facebook.token.expired",
        "message": "The connection expired; connect again.",
        "act": "end_user",
        "platform_code": "190/463",
        "trace_id": "AbCdEfGhIjK",
    })
}

fn overloaded() -> Value {
    json!({
        "code": "facebook.rate.page",
        "message": "Too many calls to this Page.",
        "act": "nobody",
        "platform_code": "32",
    })
}

pub(crate) fn timeline() -> Value {
    json!({
        "post": POST,
        "entries": [
            {"at": "2026-11-21T10:00:00Z", "event": "accepted", "by": KEY},
            {"at": "2026-11-21T10:00:00.4Z", "event": "started", "target": "t1", "by": "postd"},
            {
                "at": "2026-11-21T10:00:00.9Z",
                "event": "retrying",
                "target": "t1",
                "by": "platform",
                "attempt": 1,
                "reason": overloaded(),
                "next_at": "2026-11-21T10:00:02.3Z",
            },
            {"at": "2026-11-21T10:00:03.1Z", "event": "published", "target": "t1", "by": "postd", "attempt": 2},
        ],
    })
}

pub(crate) fn dead_letters() -> Value {
    let reason = json!({
        "code": "facebook.media.too_large",
        "message": "The photo is too large: under 4 MB is safe.",
        "act": "caller",
        "platform_code": "100/1366046",
        "trace_id": "AbCdEfGhIjK",
    });
    json!({
        "dead_letters": [{
            "post": POST,
            "target": "t1",
            "platform": "facebook",
            "connection": CONNECTION,
            "destination": PAGE,
            "attempts": 1,
            "failed_at": "2026-11-21T10:00:01.25Z",
            "publish_sent": true,
            "reason": reason,
        }],
        "next_cursor": "q1bO9yT1kq3rMMKc5mE0v7l9b6QfF0y8cJm1hR2uWlQ",
    })
}

pub(crate) fn new_redrives() -> [(&'static str, Value); 3] {
    [
        ("These targets", json!({"targets": [{"post": POST, "target": "t1"}]})),
        (
            "A dry run of all that people can mend at the platform",
            json!({"filter": {"platform": "facebook", "act": "end_user", "from": "2026-11-20T00:00:00Z"}, "dry_run": true}),
        ),
        ("With a new time", json!({"filter": {"connection": CONNECTION}, "not_after": "2026-11-22T18:00:00+01:00"})),
    ]
}

pub(crate) fn redrive() -> Value {
    json!({
        "dry_run": false,
        "counts": {
            "posts": 1,
            "already_live": 1,
            "asks_first": 0,
            "needs_reconnect": 0,
            "needs_review": 0,
            "expired": 0,
            "not_failed": 0,
            "not_found": 0,
            "not_reached": 0,
        },
        "targets": [
            {
                "post": POST,
                "target": "t1",
                "outcome": "posts",
                "failed_at": "2026-11-21T10:00:01.25Z",
                "next_at": "2026-11-21T12:30:00Z",
            },
            {
                "post": POST,
                "target": "t2",
                "outcome": "already_live",
                "failed_at": "2026-11-21T10:00:01.25Z",
                "remote_id": "100200300400_500600700800",
            },
        ],
        "more": false,
    })
}

pub(crate) fn connection() -> Value {
    json!({
        "id": CONNECTION,
        "platform": "facebook",
        "account_name": "Mara Lindqvist",
        "state": "active",
        "destinations": [
            {"id": PAGE, "name": "Soup Kitchen North", "usable": true},
            {
                "id": "100200300500",
                "name": "Soup Kitchen South",
                "usable": false,
                "reason": {
                    "code": "facebook.page.not_granted",
                    "message": "Publishing to this Page was not granted; connect again and tick it.",
                    "act": "end_user",
                },
            },
        ],
        "scopes": ["pages_show_list", "pages_manage_posts", "pages_read_engagement", "pages_manage_metadata", "read_insights"],
        "created_at": "2026-10-24T08:00:00Z",
        "checked_at": "2026-11-21T06:00:00Z",
        "ends_at": "2027-01-22T08:00:00Z",
        "last_event": {
            "kind": "post.published",
            "remote_id": "100200300400_500600700800",
            "received_at": "2026-11-21T10:00:02Z",
        },
    })
}

pub(crate) fn connections() -> Value {
    let mut expired = connection();
    if let Some(expired) = expired.as_object_mut() {
        expired.insert("id".to_owned(), "con_01a16833fd0072b1800001a9d34e8562".into());
        expired.insert("state".to_owned(), "reconnect".into());
        expired.insert("reason".to_owned(), expired_login());
        let attention = json!({
            "event": "connection.reconnect",
            "at": "2026-11-21T06:00:00Z",
            "reason": expired_login(),
            "reconnect": {
                "method": "POST",
                "path": "/v1/connect/sessions",
                "body": {"platform": "facebook", "reconnect": "con_01a16833fd0072b1800001a9d34e8562"},
            },
        });
        expired.insert("attention".to_owned(), attention);
    }
    json!({"connections": [connection(), expired]})
}

pub(crate) fn health(status: &str) -> Value {
    json!({
        "status": status,
        "components": [
            {"name": "store", "status": "ok", "latency_ms": 4},
            {"name": "queue", "status": status, "latency_ms": 7},
            {"name": "secrets", "status": "ok", "latency_ms": 0},
        ],
    })
}

pub(crate) fn queue_health() -> Value {
    json!({"visible": 0, "in_flight": 3, "delayed": 1, "dead_letters": 0})
}

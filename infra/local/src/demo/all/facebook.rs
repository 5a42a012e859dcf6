//! A Facebook Page.

use std::time::Instant;

use http::Method;
use serde_json::{Value, json};
use shared::clock::{Clock as _, SystemClock};
use simulator::facebook::seed::{ADA, BAKERY};

use super::account::{Account, Connect, Kind};
use super::{Chapter, under};
use crate::demo::steps::{Failure, field};

const CHOSEN: [(&str, &str); 2] = [("user", ADA), ("pages", BAKERY)];

/// Three pieces of an upload.
const UPLOAD: u64 = 3_000_000;

pub(super) async fn tell(chapter: &Chapter<'_>) -> Result<(), Failure> {
    chapter.control("facebook", "settings", json!({ "video_seconds": 1, "video_piece_bytes": 1_048_576 })).await?;
    let connect = Connect {
        platform: "facebook",
        chosen: &CHOSEN,
        destination: BAKERY.to_owned(),
        shows,
        // A video has an id of its own beside its post.
        ids: &["id", "video"],
        call: "/feed",
    };
    let title = "A person connects a Page through Facebook's login page";
    let mut page = Account::connect(chapter, title, connect).await?;
    page.publish("Each kind of post goes out", kinds(chapter)).await?;
    let why = "a Page's token has no end; Facebook lets the grant be read for 90 days after a login";
    page.log_in_again(why, &CHOSEN).await?;
    let lost = Kind {
        name: "text",
        content: json!({ "text": "Did it go out? It did." }),
        options: Value::Null,
        shown: json!({ "message": "Did it go out? It did.", "state": "published" }),
    };
    page.lose(("POST", "feed"), lost).await?;
    page.figures("link").await?;
    page.take_down("link").await?;
    webhook(&page).await
}

fn kinds(chapter: &Chapter<'_>) -> Vec<Kind> {
    let near = format!("{}/_simulator/sample.mp4?size={UPLOAD}", chapter.steps.client.simulator_of("facebook"));
    let loaf = "https://bakery.example.com/loaf.png";
    let (oven, shelf) = ("https://bakery.example.com/oven.jpg", "https://bakery.example.com/shelf.jpg");
    let picture = |url: &str| json!({ "url": url, "kind": "image" });
    let kind = |name, content: Value, more: Value| {
        let mut shown = json!({ "message": field(&content, "/text"), "state": "published" });
        if let (Some(members), Value::Object(more)) = (shown.as_object_mut(), more) {
            members.extend(more);
        }
        Kind { name, content, options: Value::Null, shown }
    };
    vec![
        kind("text", json!({ "text": "Fresh bread from six in the morning." }), json!({ "link": null, "photos": [] })),
        kind(
            "link",
            json!({ "text": "This week's menu", "link": "https://bakery.example.com/menu" }),
            json!({ "link": "https://bakery.example.com/menu" }),
        ),
        kind(
            "photo",
            json!({ "text": "Straight from the oven", "media": [picture(loaf)] }),
            json!({ "photos": [loaf] }),
        ),
        kind(
            "several photos",
            json!({ "text": "Before and after", "media": [picture(oven), picture(shelf)] }),
            json!({ "photos": [oven, shelf] }),
        ),
        film("video that Facebook fetches", ("feed", "pull_from_url"), FAR_VIDEO, json!({ "source": FAR_VIDEO })),
        film("uploaded video", ("feed", "file_upload"), &near, json!({ "received": UPLOAD })),
        film("reel that Facebook fetches", ("reel", "pull_from_url"), FAR_VIDEO, json!({ "source": FAR_VIDEO })),
        film("uploaded reel", ("reel", "file_upload"), &near, json!({ "received": UPLOAD })),
    ]
}

const FAR_VIDEO: &str = "https://cdn.example.com/rye.mp4";

/// A video or reel, and what the Page shows of its file.
fn film(name: &'static str, (placement, source): (&str, &str), url: &str, mut file: Value) -> Kind {
    let text = format!("A {name}");
    if let Some(members) = file.as_object_mut() {
        members.insert("is_reel".to_owned(), (placement == "reel").into());
        members.insert("state".to_owned(), "published".into());
    }
    Kind {
        name,
        content: json!({ "text": text, "media": [{ "url": url, "kind": "video" }] }),
        options: json!({ "placement": placement, "source": source }),
        shown: json!({ "message": text, "state": "published", "film": file }),
    }
}

async fn webhook(page: &Account<'_>) -> Result<(), Failure> {
    let began = Instant::now();
    let post = format!("{BAKERY}_4711");
    let event = json!({
        "id": BAKERY,
        "field": "feed",
        "value": {
            "item": "status", "verb": "add", "post_id": post, "published": 1,
            "created_time": SystemClock.now().as_second(), "message": "Grüße aus Zürich",
        },
    });
    page.chapter.steps.client.control(Method::POST, "webhooks/send", Some(event)).await?;
    let title = "Facebook tells by a signed webhook that somebody posted on the Page";
    page.hears(title, began, ("post.published", Some(&post))).await
}

fn shows(state: &Value, page: &str) -> Vec<Value> {
    let posts = under(state, "/pages", ("id", page), "/posts").into_iter();
    let ours = posts.filter(|post| !field(post, "/application").is_null());
    let videos = under(state, "/pages", ("id", page), "/videos");
    ours.map(|post| {
        let mut shown = post.clone();
        let film = videos.iter().find(|video| field(video, "/id") == field(post, "/video"));
        if let (Some(members), Some(film)) = (shown.as_object_mut(), film) {
            members.insert("film".to_owned(), (*film).clone());
        }
        shown
    })
    .collect()
}

//! A TikTok account.

use std::time::Instant;

use serde_json::{Value, json};
use simulator::tiktok::seed::BAKERY;

use super::account::{Account, Connect, Kind};
use super::{Chapter, under};
use crate::demo::steps::{Failure, field};

const FAR_VIDEO: &str = "https://cdn.example.com/rye.mp4";
const FAR_PHOTOS: [&str; 2] = ["https://cdn.example.com/loaf.jpg", "https://cdn.example.com/roll.jpg"];
/// Two pieces of an upload.
const UPLOAD: u64 = 21_000_000;

pub(super) async fn tell(chapter: &Chapter<'_>) -> Result<(), Failure> {
    chapter.control("tiktok", "settings", json!({ "processing_seconds": 1, "moderation_seconds": 1 })).await?;
    let connect = Connect {
        platform: "tiktok",
        chosen: &[("user", BAKERY)],
        destination: BAKERY.to_owned(),
        shows,
        ids: &["id", "publish_id"],
        call: "/init/",
    };
    let mut account = Account::connect(chapter, "A person connects an account", connect).await?;
    account.publish("Each kind of post goes out, and a draft waits for its person", kinds(chapter)).await?;
    account.renew("/v2/oauth/token/").await?;
    let lost = upload(chapter, "uploaded video", "Did it go out? It did.", 3_000);
    account.lose(("PUT", "upload"), lost).await?;
    account.figures("pulled video").await?;
    account.cannot_take_down("photos", "unsupported").await?;

    let began = Instant::now();
    let shown = account.shown().await?;
    let video = shown.iter().find(|entry| field(entry, "/text") == PULLED).ok_or("the pulled video is gone")?;
    let id = account.id_of(video).unwrap_or_default().to_owned();
    chapter.control("tiktok", "videos/hide", json!({ "video": id })).await?;
    let title = "TikTok tells by a signed webhook that somebody took a video down";
    account.hears(title, began, ("post.removed", Some(&id))).await
}

/// What the video says that TikTok fetches.
const PULLED: &str = "Fetched by TikTok";

/// What a person has chosen for a post that everyone sees.
fn chosen(more: &Value) -> Value {
    let mut chosen = json!({
        "privacy_level": "PUBLIC_TO_EVERYONE", "allow_comment": true, "allow_duet": false, "allow_stitch": false,
    });
    if let (Some(members), Some(more)) = (chosen.as_object_mut(), more.as_object()) {
        members.extend(more.clone());
    }
    chosen
}

fn upload(chapter: &Chapter<'_>, name: &'static str, text: &str, size: u64) -> Kind {
    let url = format!("{}/_simulator/sample.mp4?size={size}", chapter.steps.client.simulator_of("tiktok"));
    Kind {
        name,
        content: json!({ "text": text, "media": [{ "url": url, "kind": "video" }] }),
        options: chosen(&Value::Null),
        shown: json!({
            "text": text, "privacy": "PUBLIC_TO_EVERYONE", "is_public": true,
            "task": { "step": "complete", "received": size },
        }),
    }
}

fn kinds(chapter: &Chapter<'_>) -> Vec<Kind> {
    let photos: Vec<Value> = FAR_PHOTOS.iter().map(|url| json!({ "url": url, "kind": "image" })).collect();
    vec![
        upload(chapter, "uploaded video", "Sent by postd, in two pieces", UPLOAD),
        Kind {
            name: "pulled video",
            content: json!({ "text": PULLED, "media": [{ "url": FAR_VIDEO, "kind": "video" }] }),
            options: chosen(&json!({ "source": "pull_from_url" })),
            shown: json!({ "text": PULLED, "is_photo": false, "is_public": true, "task": { "urls": [FAR_VIDEO] } }),
        },
        Kind {
            name: "photos",
            content: json!({ "text": "Loaves and rolls", "media": photos }),
            options: chosen(&json!({ "title": "Bread", "photo_cover_index": 1 })),
            shown: json!({ "is_photo": true, "is_public": true, "task": { "urls": FAR_PHOTOS } }),
        },
        Kind {
            name: "draft",
            content: json!({ "text": "For the person to finish", "media": [{ "url": FAR_VIDEO, "kind": "video" }] }),
            options: json!({ "mode": "inbox", "source": "pull_from_url" }),
            shown: json!({ "is_inbox": true, "step": "in_inbox", "urls": [FAR_VIDEO] }),
        },
    ]
}

/// The videos that came through the app, each with the task that brought it, and the drafts.
fn shows(state: &Value, account: &str) -> Vec<Value> {
    let tasks = under(state, "/accounts", ("open_id", account), "/tasks");
    let videos = under(state, "/accounts", ("open_id", account), "/videos").into_iter();
    let videos = videos.filter(|video| !field(video, "/publish_id").is_null()).map(|video| {
        let task = tasks.iter().find(|task| field(task, "/id") == field(video, "/publish_id"));
        let mut video = video.clone();
        if let (Some(members), Some(task)) = (video.as_object_mut(), task) {
            members.insert("task".to_owned(), (*task).clone());
        }
        video
    });
    let drafts = tasks.iter().filter(|task| field(task, "/is_inbox") == true).map(|task| (*task).clone());
    videos.chain(drafts).collect()
}

//! An Instagram account that is linked to a Page.

use std::time::Instant;

use serde_json::{Value, json};
use simulator::instagram::seed::{ADA, BAKERY, BAKERY_PAGE};

use super::account::{Account, Connect, Kind};
use super::{Chapter, ours, under};
use crate::demo::steps::{Failure, field};

const CHOSEN: [(&str, &str); 2] = [("user", ADA), ("pages", BAKERY_PAGE)];

pub(super) async fn tell(chapter: &Chapter<'_>) -> Result<(), Failure> {
    chapter.control("instagram", "settings", json!({ "picture_seconds": 1, "video_seconds": 2 })).await?;
    let connect = Connect {
        platform: "instagram",
        chosen: &CHOSEN,
        destination: BAKERY.to_owned(),
        shows,
        ids: &["id"],
        call: "/media_publish",
    };
    let title = "A person connects an account, by the Page that it is linked to";
    let mut account = Account::connect(chapter, title, connect).await?;
    account.publish("Each kind of post goes out", kinds()).await?;
    let why = "the token of the Page that the account is linked to has no end; a login renews the 90 days of reading";
    account.log_in_again(why, &CHOSEN).await?;
    let lost = Kind {
        name: "image",
        content: json!({ "text": "Did it go out? It did.", "media": [image("lost")] }),
        options: Value::Null,
        shown: json!({ "product": "FEED", "kind": "IMAGE", "caption": "Did it go out? It did." }),
    };
    account.lose(("POST", "media_publish"), lost).await?;
    account.figures("reel").await?;
    account.take_down("reel").await?;

    let began = Instant::now();
    let address = chapter.steps.client.api_address("/webhooks/instagram");
    if field(&chapter.control("instagram", "webhooks", json!({ "callback_url": address })).await?, "/verified") != true
    {
        return Err("the handshake of the webhook was not answered".into());
    }
    let media = account.out.first().map(|out| out.remote_id.clone()).unwrap_or_default();
    let comment = json!({ "account": BAKERY, "media": media, "text": "Looks lovely" });
    if field(&chapter.control("instagram", "comments", comment).await?, "/sent") != true {
        return Err("nobody is told of the comment".into());
    }
    let title = "Instagram tells by a signed webhook that somebody commented";
    account.hears(title, began, ("instagram.comments", None)).await
}

fn image(name: &str) -> Value {
    json!({ "url": format!("https://bakery.example.com/{name}.jpg"), "kind": "image", "alt_text": "A loaf" })
}

fn video(name: &str) -> Value {
    json!({ "url": format!("https://bakery.example.com/{name}.mp4"), "kind": "video" })
}

fn kinds() -> Vec<Kind> {
    let kind = |name, text: Value, media: Vec<Value>, options: Value, (product, form): (&str, &str)| {
        let files: Vec<Value> = media.iter().map(|file| field(file, "/url").clone()).collect();
        let shown = json!({ "product": product, "kind": form, "caption": text, "files": files });
        Kind { name, content: json!({ "text": text, "media": media }), options, shown }
    };
    let story = || json!({ "placement": "story" });
    vec![
        kind("image", json!("Fresh bread"), vec![image("oven")], Value::Null, ("FEED", "IMAGE")),
        kind(
            "carousel",
            json!("The whole morning"),
            vec![image("dough"), video("kneading"), image("shelf")],
            Value::Null,
            ("FEED", "CAROUSEL_ALBUM"),
        ),
        kind(
            "reel",
            json!("A minute of rye"),
            vec![video("rye")],
            json!({ "share_to_feed": true }),
            ("REELS", "VIDEO"),
        ),
        kind("story, image", Value::Null, vec![image("today")], story(), ("STORY", "IMAGE")),
        kind("story, video", Value::Null, vec![video("tonight")], story(), ("STORY", "VIDEO")),
    ]
}

fn shows(state: &Value, account: &str) -> Vec<Value> {
    ours(under(state, "/accounts", ("id", account), "/media"))
}

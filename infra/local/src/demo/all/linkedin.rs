//! LinkedIn: a member and a Page, each through an app of its own.

use std::time::Instant;

use serde_json::{Value, json};
use simulator::linkedin::seed::{ANN, BAKERY};

use super::account::{Account, Connect, Kind};
use super::{Chapter, ours, under};
use crate::demo::steps::{Failure, field, list};

/// Larger than one of the parts that LinkedIn takes a video in.
const VIDEO: u64 = 5_000_000;
/// The call that publishes.
const PUBLISH: (&str, &str) = ("POST", "posts");

pub(super) async fn tell(chapter: &Chapter<'_>) -> Result<(), Failure> {
    let chosen = [("user", ANN)];
    let connect = |platform, destination| Connect {
        platform,
        chosen: &chosen,
        destination,
        shows,
        ids: &["urn"],
        call: "/rest/posts",
    };
    let title = "A member connects their own profile";
    let member = connect("linkedin", format!("urn:li:person:{ANN}"));
    let mut member = Account::connect(chapter, title, member).await?;
    let title = "The same person connects a Page, through the app for Pages";
    let page = connect("linkedin_page", BAKERY.to_owned());
    let mut page = Account::connect(chapter, title, page).await?;
    member.publish("Each kind of post goes out for the member", kinds(chapter, "linkedin", "I say")).await?;
    page.publish("Each kind of post goes out for the Page", kinds(chapter, "linkedin_page", "We say")).await?;
    let why = "LinkedIn renews a member's token by a login alone, every 60 days";
    member.log_in_again(why, &chosen).await?;
    page.renew("/oauth/v2/accessToken").await?;
    let lost = |text: &str| Kind {
        name: "text",
        content: json!({ "text": text }),
        options: Value::Null,
        shown: json!({ "shown": text }),
    };
    // One after the other: a fault strikes whoever comes first.
    member.lose_for_a_person(PUBLISH, lost("Mine: did it go out?")).await?;
    page.lose(PUBLISH, lost("Ours: did it go out? It did.")).await?;
    member.no_figures("poll", "unsupported").await?;
    member.take_down("poll").await?;
    page.unseen("poll").await?;
    page.take_down("poll").await?;
    webhook(&page).await
}

async fn webhook(page: &Account<'_>) -> Result<(), Failure> {
    let began = Instant::now();
    let chapter = page.chapter;
    let address = chapter.steps.client.api_address("/webhooks/linkedin_page");
    // Asks the challenge first, and refuses the address if it is not answered with the app's secret.
    chapter.control(page.platform, "webhook", json!({ "url": address })).await?;
    let post = page.out.first().map(|out| out.remote_id.clone()).unwrap_or_default();
    if field(&chapter.control(page.platform, "actions", json!({ "post": post, "action": "LIKE" })).await?, "/told")
        != true
    {
        return Err("nobody is told of the reaction".into());
    }
    let title =
        "LinkedIn tells by a signed webhook that somebody likes a post of the Page; of members' posts it never tells";
    page.hears(title, began, ("organization.like", None)).await
}

fn kinds(chapter: &Chapter<'_>, platform: &str, who: &str) -> Vec<Kind> {
    let file = |name: &str, kind: &str, size: u64| {
        let url = format!("{}/_simulator/{name}?size={size}", chapter.steps.client.simulator_of(platform));
        json!({ "url": url, "kind": kind, "title": "Bread" })
    };
    let image = file("sample.jpg", "image", 9_000);
    let (video, document) = (file("sample.mp4", "video", VIDEO), file("sample.pdf", "document", 20_000));
    let say = |words: &str| format!("{who}: {words}");
    let with_media = |name, words: &str, media: Vec<Value>, (hangs, lengths): (&str, &[u64])| {
        let shown = json!({ "shown": say(words), "hangs": hangs, "lengths": lengths });
        Kind { name, content: json!({ "text": say(words), "media": media }), options: Value::Null, shown }
    };
    let escaped = say("50% (almost) off_season *rye* [sold_out] <soon> #Bread");
    let poll = json!({ "question": "Rye?", "options": ["Yes", "No"], "duration": "one_day" });
    vec![
        Kind {
            name: "text",
            content: json!({ "text": escaped }),
            options: json!({ "reshare_disabled": true }),
            shown: json!({ "shown": escaped, "hangs": null, "reshare_disabled": true }),
        },
        Kind {
            name: "mention",
            content: json!({ "text": say("bread by @Example Bakery") }),
            options: json!({ "mentions": [{ "name": "Example Bakery", "urn": BAKERY }] }),
            shown: json!({
                "shown": say("bread by Example Bakery"), "commentary": format!("…@[Example Bakery]({BAKERY})…"),
            }),
        },
        Kind {
            name: "article",
            content: json!({ "text": say("read"), "link": "https://bakery.example.com/rye" }),
            options: json!({ "article_title": "Rye", "article_description": "All of it" }),
            shown: json!({
                "shown": say("read"),
                "content": { "article": {
                    "source": "https://bakery.example.com/rye", "title": "Rye", "description": "All of it",
                } },
            }),
        },
        with_media("image", "one", vec![image.clone()], ("media", &[9_000])),
        with_media("several images", "two", vec![image.clone(), image], ("multiImage", &[9_000, 9_000])),
        with_media("video", "see", vec![video], ("media", &[VIDEO])),
        with_media("document", "prices", vec![document], ("media", &[20_000])),
        Kind {
            name: "poll",
            content: json!({ "text": say("your turn") }),
            options: json!({ "poll": poll }),
            shown: json!({ "shown": say("your turn"), "content": { "poll": {
                "question": "Rye?", "options": [{ "text": "Yes" }, { "text": "No" }],
            } } }),
        },
    ]
}

/// The posts of an author, each with what hangs on it and how long its files are.
fn shows(state: &Value, author: &str) -> Vec<Value> {
    let mut posts = ours(under(state, "/authors", ("urn", author), "/posts"));
    for post in &mut posts {
        let content = field(post, "/content").clone();
        let hangs = content.as_object().and_then(|members| members.keys().next().cloned());
        let image = |image: &Value| field(image, "/id").clone();
        let ids: Vec<Value> = match hangs.as_deref() {
            Some("media") => vec![field(&content, "/media/id").clone()],
            Some("multiImage") => list(&content, "/multiImage/images").iter().map(image).collect(),
            _ => Vec::new(),
        };
        let length = |id: &Value| {
            let file = list(state, "/files").iter().find(|file| field(file, "/urn") == id);
            file.map_or(Value::Null, |file| field(file, "/length").clone())
        };
        let lengths: Vec<Value> = ids.iter().map(length).collect();
        if let Some(members) = post.as_object_mut() {
            members.insert("hangs".to_owned(), json!(hangs));
            members.insert("lengths".to_owned(), json!(lengths));
        }
    }
    posts
}

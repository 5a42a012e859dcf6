//! A location of Google Business Profile.

use std::time::Instant;

use serde_json::{Value, json};
use simulator::gbp::{
    SCOPE,
    seed::{ADA, BAKERY},
};

use super::account::{Account, Connect, Kind, POST};
use super::{Chapter, ours, under};
use crate::demo::steps::{Failure, field};

const PHOTO: &str = "https://bakery.example.com/oven.jpg";

pub(super) async fn tell(chapter: &Chapter<'_>) -> Result<(), Failure> {
    let connect = Connect {
        platform: "gbp",
        chosen: &[("user", ADA), ("grant", SCOPE)],
        destination: BAKERY.to_owned(),
        shows,
        ids: &["name"],
        call: "/localPosts",
    };
    let mut location = Account::connect(chapter, "A person connects their locations at Google", connect).await?;
    location.publish("Each kind of post goes out at a location", kinds()).await?;
    location.renew("/token").await?;
    let lost = Kind {
        name: "update",
        content: json!({ "text": "Did it go out? It did.", "link": "https://bakery.example.com/lost" }),
        options: Value::Null,
        shown: json!({ "text": "Did it go out? It did.", "state": "LIVE" }),
    };
    location.lose(("POST", "localPosts"), lost).await?;
    location.no_figures("event", "unsupported").await?;
    location.take_down("event").await?;

    let began = Instant::now();
    chapter.control("gbp", "subscription", json!({ "url": chapter.steps.client.api_address("/webhooks/gbp") })).await?;
    let review = json!({ "location": place_of(BAKERY), "kind": "NEW_REVIEW" });
    if field(&chapter.control("gbp", "notifications", review).await?, "/told").as_u64().unwrap_or_default() == 0 {
        return Err("nobody is told of the review".into());
    }
    let title = "Google tells by a signed push that somebody wrote a review";
    location.hears(title, began, ("NEW_REVIEW", None)).await
}

fn kinds() -> Vec<Kind> {
    let photo = || json!([{ "url": PHOTO, "kind": "image" }]);
    let event = json!({ "title": "Bread week", "start": "2027-12-01T08:00:00", "end": "2027-12-07T18:00:00" });
    // Each address says which post led there: that is how a post is known again.
    let marked = |url: &str| format!("{url}?utm_id={POST}-t1");
    let shown = |text: &str, said: Value| json!({ "text": text, "state": "LIVE", "said": said, "photos": [PHOTO] });
    vec![
        Kind {
            name: "update",
            content: json!({ "text": "Fresh bread", "media": photo() }),
            options: json!({ "call_to_action": { "action": "order", "url": "https://bakery.example.com/order" } }),
            shown: shown(
                "Fresh bread",
                json!({ "topicType": "STANDARD", "callToAction": {
                    "actionType": "ORDER", "url": marked("https://bakery.example.com/order"),
                } }),
            ),
        },
        Kind {
            name: "event",
            content: json!({ "text": "A week of bread", "media": photo() }),
            options: json!({
                "event": event,
                "call_to_action": { "action": "book", "url": "https://bakery.example.com/week" },
            }),
            shown: shown(
                "A week of bread",
                json!({
                    "topicType": "EVENT",
                    "event": { "title": "Bread week" },
                    "callToAction": { "actionType": "BOOK", "url": marked("https://bakery.example.com/week") },
                }),
            ),
        },
        Kind {
            name: "offer",
            content: json!({ "text": "Two for one", "media": photo() }),
            options: json!({
                "event": event,
                "offer": {
                    "coupon_code": "BREAD", "redeem_url": "https://bakery.example.com/two", "terms": "While it lasts",
                },
            }),
            shown: shown(
                "Two for one",
                json!({ "topicType": "OFFER", "offer": {
                    "couponCode": "BREAD", "redeemOnlineUrl": marked("https://bakery.example.com/two"),
                } }),
            ),
        },
    ]
}

/// A location's own id.
fn place_of(destination: &str) -> &str {
    destination.rsplit('/').next().unwrap_or_default()
}

fn shows(state: &Value, destination: &str) -> Vec<Value> {
    ours(under(state, "/locations", ("id", place_of(destination)), "/posts"))
}

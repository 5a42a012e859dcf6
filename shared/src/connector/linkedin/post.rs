//! What a post looks like to LinkedIn.

use serde_json::{Map, Value, json};

use super::text;
use crate::{
    connector::Prepared,
    content::{Content, Media, MediaKind},
    options::{LinkedinOptions, LinkedinPollDuration, LinkedinVisibility, Options},
};

/// The options of a post; none are all defaults.
pub(super) fn options(options: Option<&Options>) -> LinkedinOptions {
    options.and_then(Options::linkedin).cloned().unwrap_or_default()
}

/// The commentary as it goes out.
pub(super) fn commentary(content: &Content, options: &LinkedinOptions) -> String {
    text::little(content.text.as_deref().unwrap_or_default(), &options.mentions)
}

/// What to call a kind of file in an address, and in a URN.
pub(super) const fn names(kind: MediaKind) -> (&'static str, &'static str) {
    match kind {
        MediaKind::Image => ("images", "image"),
        MediaKind::Video => ("videos", "video"),
        MediaKind::Document => ("documents", "document"),
    }
}

/// The body of `POST /rest/posts`; `assets` are the URNs of the files, in their order.
pub(super) fn body(post: &Prepared, assets: &[String]) -> Value {
    let options = options(post.options.as_ref());
    let visibility = match options.visibility {
        None | Some(LinkedinVisibility::Public) => "PUBLIC",
        Some(LinkedinVisibility::Connections) => "CONNECTIONS",
        Some(LinkedinVisibility::LoggedIn) => "LOGGED_IN",
    };
    let mut body = json!({
        "author": post.destination,
        "commentary": commentary(&post.content, &options),
        "visibility": visibility,
        "distribution": {"feedDistribution": "MAIN_FEED", "targetEntities": [], "thirdPartyDistributionChannels": []},
        "lifecycleState": "PUBLISHED",
        "isReshareDisabledByAuthor": options.reshare_disabled,
    });
    if let (Some(members), Some(content)) = (body.as_object_mut(), content(post, &options, assets)) {
        members.insert("content".into(), content);
    }
    body
}

fn content(post: &Prepared, options: &LinkedinOptions, assets: &[String]) -> Option<Value> {
    if let Some(poll) = &options.poll {
        let duration = match poll.duration {
            LinkedinPollDuration::OneDay => "ONE_DAY",
            LinkedinPollDuration::ThreeDays => "THREE_DAYS",
            LinkedinPollDuration::SevenDays => "SEVEN_DAYS",
            LinkedinPollDuration::FourteenDays => "FOURTEEN_DAYS",
        };
        let choices: Vec<Value> = poll.options.iter().map(|option| json!({ "text": option })).collect();
        return Some(json!({
            "poll": {"question": poll.question, "options": choices, "settings": {"duration": duration}},
        }));
    }
    let files: Vec<(&Media, &String)> = post.content.media.iter().zip(assets).collect();
    if let Some(link) = &post.content.link {
        let title = options.article_title.clone().or_else(|| link.host_str().map(str::to_owned)).unwrap_or_default();
        let mut article = Map::from_iter([
            ("source".to_owned(), Value::from(link.as_str())),
            ("title".to_owned(), Value::from(title)),
        ]);
        if let Some(description) = &options.article_description {
            article.insert("description".into(), description.as_str().into());
        }
        if let Some((media, asset)) = files.first() {
            article.insert("thumbnail".into(), asset.as_str().into());
            if let Some(alt_text) = &media.alt_text {
                article.insert("thumbnailAltText".into(), alt_text.as_str().into());
            }
        }
        return Some(json!({ "article": article }));
    }
    match files.as_slice() {
        [] => None,
        [(media, asset)] => Some(json!({ "media": file(media, asset) })),
        several => {
            let images: Vec<Value> = several.iter().map(|(media, asset)| image(media, asset)).collect();
            Some(json!({ "multiImage": {"images": images} }))
        }
    }
}

fn file(media: &Media, asset: &str) -> Value {
    let mut file = image(media, asset);
    if let (Some(members), Some(title), MediaKind::Video | MediaKind::Document) =
        (file.as_object_mut(), &media.title, media.kind)
    {
        members.insert("title".into(), title.as_str().into());
    }
    file
}

fn image(media: &Media, asset: &str) -> Value {
    let mut image = Map::from_iter([("id".to_owned(), Value::from(asset))]);
    if let Some(alt_text) = &media.alt_text {
        image.insert("altText".into(), alt_text.as_str().into());
    }
    Value::Object(image)
}

//! The calls of a publish.

use http::Method;
use serde_json::json;

use super::{
    graph,
    plan::{self, Form},
};
use crate::{
    connector::{Body, ConnectorError, Prepared, Request, settings::InstagramSettings},
    content::{Media, MediaKind},
    options::{InstagramOptions, InstagramTrial},
};

type Fields = Vec<(String, String)>;

fn post(settings: &InstagramSettings, segments: &[&str], fields: Fields) -> Request {
    Request { body: Body::Form(fields), ..Request::new(Method::POST, graph::edge(settings, segments)) }
}

fn get(settings: &InstagramSettings, segments: &[&str], fields: &str) -> Request {
    Request::new(Method::GET, graph::fields(settings, segments, fields))
}

/// How much the account has published within a day, and how much it may.
pub(super) fn quota(settings: &InstagramSettings, account: &str) -> Request {
    get(settings, &[account, "content_publishing_limit"], "quota_usage,config")
}

/// What a container is at.
pub(super) fn status(settings: &InstagramSettings, container: &str) -> Request {
    get(settings, &[container], "id,status_code,status")
}

/// Where a post is seen.
pub(super) fn permalink(settings: &InstagramSettings, media: &str) -> Request {
    get(settings, &[media], "id,permalink")
}

pub(super) const LISTED: &str = "id,caption,media_type,media_product_type,permalink,timestamp";

/// The edge that lists what has this form.
pub(super) fn listing(form: Form) -> &'static str {
    match form {
        Form::Story => "stories",
        Form::Image | Form::Carousel | Form::Reel => "media",
    }
}

/// Publishes a container.
pub(super) fn publish(settings: &InstagramSettings, account: &str, container: &str) -> Request {
    post(settings, &[account, "media_publish"], vec![field("creation_id", container)])
}

/// Makes the container of one file of a carousel.
///
/// # Errors
/// There is no such file.
pub(super) fn child(
    settings: &InstagramSettings,
    prepared: &Prepared,
    index: usize,
) -> Result<Request, ConnectorError> {
    let media = prepared.content.media.get(index).ok_or(NO_FILE)?;
    let mut fields = vec![file(media), field("is_carousel_item", "true")];
    if media.kind == MediaKind::Video {
        fields.push(field("media_type", "VIDEO"));
    }
    fields.extend(alt_text(media));
    Ok(post(settings, &[&prepared.destination, "media"], fields))
}

/// Makes the container that is published.
///
/// # Errors
/// There is no file.
pub(super) fn container(
    settings: &InstagramSettings,
    prepared: &Prepared,
    form: Form,
    children: &[String],
) -> Result<Request, ConnectorError> {
    let options = plan::options(prepared.options.as_ref());
    let media = prepared.content.media.first().ok_or(NO_FILE)?;
    let mut fields = match form {
        Form::Image => {
            let mut fields = vec![file(media)];
            fields.extend(alt_text(media));
            fields.extend(options.and_then(user_tags));
            fields
        }
        Form::Carousel => vec![field("media_type", "CAROUSEL"), field("children", children.join(","))],
        Form::Reel => reel(media, options),
        Form::Story => vec![field("media_type", "STORIES"), file(media)],
    };
    if form != Form::Story {
        fields.extend(prepared.content.text.as_ref().map(|text| field("caption", text)));
        fields.extend(options.into_iter().flat_map(authors));
    }
    if let Some(is_generated) = options.and_then(|options| options.is_ai_generated) {
        fields.push(field("is_ai_generated", is_generated.to_string()));
    }
    Ok(post(settings, &[&prepared.destination, "media"], fields))
}

fn reel(media: &Media, options: Option<&InstagramOptions>) -> Fields {
    let mut fields = vec![field("media_type", "REELS"), file(media)];
    let offset = options.and_then(|options| options.thumb_offset);
    match (media.thumbnail_address(), offset) {
        (Some(cover), _) => fields.push(field("cover_url", cover.as_str())),
        (None, Some(offset)) => fields.push(field("thumb_offset", offset.to_string())),
        (None, None) => {}
    }
    let Some(options) = options else { return fields };
    fields.extend(options.share_to_feed.map(|shared| field("share_to_feed", shared.to_string())));
    fields.extend(options.audio_name.as_ref().map(|name| field("audio_name", name)));
    fields.extend(options.trial.map(|trial| {
        let strategy = match trial {
            InstagramTrial::Manual => "MANUAL",
            InstagramTrial::Performance => "SS_PERFORMANCE",
        };
        field("trial_params", json!({ "graduation_strategy": strategy }).to_string())
    }));
    fields
}

fn authors(options: &InstagramOptions) -> Fields {
    let mut fields = Vec::new();
    if !options.collaborators.is_empty() {
        fields.push(field("collaborators", json!(options.collaborators).to_string()));
    }
    fields.extend(options.location.as_ref().map(|place| field("location_id", place)));
    fields
}

fn user_tags(options: &InstagramOptions) -> Option<(String, String)> {
    let share = |thousandths: u16| f64::from(thousandths) / 1000.0;
    let tags: Vec<_> = options
        .user_tags
        .iter()
        .map(|tag| json!({"username": tag.username, "x": share(tag.x), "y": share(tag.y)}))
        .collect();
    (!tags.is_empty()).then(|| field("user_tags", json!(tags).to_string()))
}

fn file(media: &Media) -> (String, String) {
    match media.kind {
        MediaKind::Video => field("video_url", media.address().as_str()),
        MediaKind::Image | MediaKind::Document => field("image_url", media.address().as_str()),
    }
}

fn alt_text(media: &Media) -> Option<(String, String)> {
    let text = media.alt_text.as_ref().filter(|_| media.kind == MediaKind::Image)?;
    Some(field("alt_text", text))
}

fn field(name: &str, value: impl Into<String>) -> (String, String) {
    (name.into(), value.into())
}

const NO_FILE: ConnectorError = ConnectorError::Unreadable { what: "a file that the post names" };

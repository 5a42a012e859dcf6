//! Everything about a post that Instagram would refuse, as far as it can be known without asking.

use super::{
    caption::marked,
    files, graph,
    plan::{self, Form},
};
use crate::{
    connector::{Finding, settings::InstagramSettings},
    content::{Content, Media, MediaKind},
    options::{InstagramOptions, Options},
};

/// Endings of addresses that tell of a format which Instagram does not take. An address without one says nothing.
const WRONG_PICTURES: [&str; 8] = [".png", ".gif", ".webp", ".heic", ".heif", ".bmp", ".tif", ".tiff"];
const WRONG_VIDEOS: [&str; 6] = [".avi", ".mkv", ".webm", ".wmv", ".flv", ".mpg"];
/// Tags stand in thousandths of the picture.
const WHOLE: u16 = 1_000;

struct Findings(Vec<Finding>);

impl Findings {
    fn add(&mut self, rule: &'static str, pointer: impl Into<String>, message: impl Into<String>) {
        self.0.push(Finding { rule, pointer: pointer.into(), message: message.into() });
    }
}

/// The findings.
pub(super) fn preflight(settings: &InstagramSettings, content: &Content, options: Option<&Options>) -> Vec<Finding> {
    let options = plan::options(options);
    let form = Form::of(content, options);
    let mut findings = Findings(Vec::new());
    caption(settings, content, form, &mut findings);
    if content.link.is_some() {
        let message = "Instagram shows no links: put it into the text, or leave it out.";
        findings.add("instagram.link.unsupported", "/link", message);
    }
    count(settings, content, form, &mut findings);
    for (index, media) in content.media.iter().enumerate() {
        file(settings, (index, media), form, &mut findings);
        findings.0.extend(files::findings(index, media, form));
    }
    if let Some(options) = options {
        named(settings, options, form, &mut findings);
        of_reels(options, form, &mut findings);
    }
    findings.0
}

fn caption(settings: &InstagramSettings, content: &Content, form: Form, findings: &mut Findings) {
    let text = content.text.as_deref().unwrap_or_default();
    if form == Form::Story && !text.trim().is_empty() {
        findings.add("instagram.story.text_unsupported", "/text", "A story has no caption: leave the text out.");
    }
    let length = text.chars().count();
    if length > settings.caption_limit {
        let message = format!("The text has {length} characters; a caption takes {}.", settings.caption_limit);
        findings.add("instagram.text.too_long", "/text", message);
    }
    let hashtags = marked(text, '#');
    if hashtags > settings.hashtag_limit {
        let message = format!("The text has {hashtags} hashtags; a caption takes {}.", settings.hashtag_limit);
        findings.add("instagram.text.too_many_hashtags", "/text", message);
    }
    let mentions = marked(text, '@');
    if mentions > settings.mention_limit {
        let message = format!("The text has {mentions} mentions; a caption takes {}.", settings.mention_limit);
        findings.add("instagram.text.too_many_mentions", "/text", message);
    }
}

fn count(settings: &InstagramSettings, content: &Content, form: Form, findings: &mut Findings) {
    let count = content.media.len();
    if count == 0 {
        findings.add("instagram.media.missing", "/media", "Instagram publishes pictures and videos: there is none.");
    }
    match form {
        Form::Carousel if count > settings.carousel_limit => {
            let message = format!("{count} files are too many: a carousel takes {}.", settings.carousel_limit);
            findings.add("instagram.media.too_many", "/media", message);
        }
        Form::Story if count > 1 => {
            findings.add("instagram.story.one_file", "/media", "A story is one picture or one video.");
        }
        Form::Reel if count > 1 => findings.add("instagram.reel.one_video", "/media", "A reel is one video."),
        Form::Image | Form::Carousel | Form::Reel | Form::Story => {}
    }
}

fn file(settings: &InstagramSettings, (index, media): (usize, &Media), form: Form, findings: &mut Findings) {
    let kind = format!("/media/{index}/kind");
    match (media.kind, form) {
        (MediaKind::Document, _) => {
            findings.add("instagram.media.document_unsupported", kind, "Instagram shows no documents.");
        }
        (MediaKind::Image, Form::Reel) => findings.add("instagram.reel.needs_video", kind, "A reel is a video."),
        (MediaKind::Video, Form::Image) => {
            let message = "A single video is a reel on Instagram: leave `placement` out, or set it to `reel`.";
            findings.add("instagram.feed.video_unsupported", kind, message);
        }
        (MediaKind::Image, Form::Image | Form::Carousel | Form::Story)
        | (MediaKind::Video, Form::Carousel | Form::Reel | Form::Story) => {}
    }
    if !media.can_be_fetched() {
        let message = "Instagram fetches files from public https addresses.";
        findings.add("instagram.media.url_not_https", format!("/media/{index}/url"), message);
    }
    let path = media.url.path().to_ascii_lowercase();
    let ends_with = |endings: &[&str]| endings.iter().any(|ending| path.ends_with(ending));
    match media.kind {
        MediaKind::Image if ends_with(&WRONG_PICTURES) => {
            findings.add(
                "instagram.media.not_jpeg",
                format!("/media/{index}/url"),
                "Instagram takes JPEG pictures only.",
            );
        }
        MediaKind::Video if ends_with(&WRONG_VIDEOS) => {
            let message = "Instagram takes MP4 and MOV videos only.";
            findings.add("instagram.media.not_mp4", format!("/media/{index}/url"), message);
        }
        MediaKind::Image | MediaKind::Video | MediaKind::Document => {}
    }
    // Descriptions of videos have no place and are left out.
    let described = media.alt_text.as_deref().filter(|_| media.kind == MediaKind::Image);
    let length = described.map_or(0, |text| text.chars().count());
    if length > settings.alt_text_limit {
        let message = format!("The description has {length} characters; Instagram takes {}.", settings.alt_text_limit);
        findings.add("instagram.alt_text.too_long", format!("/media/{index}/alt_text"), message);
    }
    if form == Form::Reel && !media.thumbnail_can_be_fetched() {
        let message = "Instagram fetches covers from public https addresses.";
        findings.add("instagram.thumbnail.url_not_https", format!("/media/{index}/thumbnail"), message);
    }
}

fn named(settings: &InstagramSettings, options: &InstagramOptions, form: Form, findings: &mut Findings) {
    let count = options.collaborators.len();
    if count > settings.collaborator_limit {
        let message = format!("{count} collaborators are too many: Instagram takes {}.", settings.collaborator_limit);
        findings.add("instagram.collaborators.too_many", "/options/instagram/collaborators", message);
    }
    for (index, name) in options.collaborators.iter().enumerate() {
        if !is_account(name) {
            let pointer = format!("/options/instagram/collaborators/{index}");
            findings.add("instagram.account_name.invalid", pointer, NAME);
        }
    }
    for (index, tag) in options.user_tags.iter().enumerate() {
        let pointer = format!("/options/instagram/user_tags/{index}");
        if !is_account(&tag.username) {
            findings.add("instagram.account_name.invalid", format!("{pointer}/username"), NAME);
        }
        if tag.x > WHOLE || tag.y > WHOLE {
            let message = "A tag stands within the picture: from 0 to 1000 thousandths.";
            findings.add("instagram.user_tags.outside", pointer, message);
        }
    }
    if !options.user_tags.is_empty() && form != Form::Image {
        let message = "Accounts are marked in a single picture only.";
        findings.add("instagram.user_tags.not_here", "/options/instagram/user_tags", message);
    }
    if options.location.as_deref().is_some_and(|place| !graph::is_id(place)) {
        let message = "A place is given by the id of its Page: digits.";
        findings.add("instagram.location.not_an_id", "/options/instagram/location", message);
    }
    let has_names = !options.collaborators.is_empty() || options.location.is_some();
    if form == Form::Story && has_names {
        let message = "A story takes neither collaborators nor a place.";
        findings.add("instagram.story.option_unsupported", "/options/instagram", message);
    }
}

fn of_reels(options: &InstagramOptions, form: Form, findings: &mut Findings) {
    let set = [
        ("share_to_feed", options.share_to_feed.is_some()),
        ("thumb_offset", options.thumb_offset.is_some()),
        ("audio_name", options.audio_name.is_some()),
        ("trial", options.trial.is_some()),
    ];
    for (name, _) in set.into_iter().filter(|(_, is_set)| *is_set && form != Form::Reel) {
        let message = "This is an option of reels, and the post is none.";
        findings.add("instagram.reel.option_elsewhere", format!("/options/instagram/{name}"), message);
    }
    if options.trial.is_some() && !options.collaborators.is_empty() {
        let message = "A trial reel has no collaborators.";
        findings.add("instagram.trial.with_collaborators", "/options/instagram/collaborators", message);
    }
}

const NAME: &str = "An account's name has up to 30 letters, digits, dots and underscores.";

fn is_account(name: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_');
    (1..=30).contains(&name.len()) && name.bytes().all(is_plain)
}

//! What TikTok would refuse: of the content and the options, of the account as it is at the moment, and of a file.

use serde_json::Value;

use super::requests::Post;
use crate::{
    connector::{
        Act, ConnectorError, Finding, Refusal,
        files::{Limits, SECOND},
        settings::TiktokSettings,
        source::Seen,
    },
    content::{Content, Media, MediaKind, is_upload},
    options::{Options, TiktokMode, TiktokOptions, TiktokPrivacy, TiktokSource},
};

/// What TikTok takes of a video whose facts are known (tiktok.md, section 5). How long one may be says the account besides.
const VIDEO: Limits = Limits {
    types: Some((&["video/mp4", "video/quicktime", "video/webm"], "tiktok.media.format")),
    bytes: Some((1..=4_000_000_000, "tiktok.media.too_large", "tiktok.media.too_large")),
    sides: Some((360..=4096, "tiktok.media.picture_size")),
    duration: Some((1..=10 * 60 * SECOND, "tiktok.media.duration")),
    ..Limits::of("TikTok")
};

struct Findings(Vec<Finding>);

impl Findings {
    fn add(&mut self, rule: &'static str, pointer: impl Into<String>, message: impl Into<String>) {
        self.0.push(Finding { rule, pointer: pointer.into(), message: message.into() });
    }

    fn option(&mut self, rule: &'static str, name: &str, message: &str) {
        self.add(rule, format!("/options/tiktok/{name}"), message);
    }

    /// TikTok counts UTF-16 units.
    fn text(&mut self, rule: &'static str, pointer: &str, text: Option<&str>, limit: usize) {
        let length = text.unwrap_or_default().encode_utf16().count();
        if length > limit {
            let message = format!("The text has {length} UTF-16 units; TikTok takes {limit}.");
            self.add(rule, pointer, message);
        }
    }
}

/// Everything about `content` and `options` that TikTok would refuse.
pub(super) fn preflight(settings: &TiktokSettings, content: &Content, options: Option<&Options>) -> Vec<Finding> {
    let none = TiktokOptions::default();
    let options = options.and_then(Options::tiktok).unwrap_or(&none);
    let mut findings = Findings(Vec::new());
    let is_video = content.media.first().is_some_and(|media| media.kind == MediaKind::Video);
    if content.media.is_empty() {
        findings.add("tiktok.post.empty", "/media", "A post at TikTok is a video or photos.");
    }
    if content.link.is_some() {
        findings.add("tiktok.link.unsupported", "/link", "TikTok shows no links: put it into the text.");
    }
    files(settings, content, options, &mut findings);
    if is_video {
        findings.text("tiktok.text.too_long", "/text", content.text.as_deref(), settings.title_limit);
    } else {
        findings.text("tiktok.text.too_long", "/text", content.text.as_deref(), settings.description_limit);
        let title = options.title.as_deref();
        findings.text("tiktok.title.too_long", "/options/tiktok/title", title, settings.photo_title_limit);
        let count = content.media.len();
        if options.photo_cover_index.is_some_and(|index| usize::try_from(index).is_ok_and(|index| index >= count)) {
            findings.option("tiktok.cover.out_of_range", "photo_cover_index", "There is no photo of that index.");
        }
    }
    if options.mode.unwrap_or_default() == TiktokMode::Direct {
        choices(options, is_video, &mut findings);
    }
    findings.0
}

/// TikTok's rules for apps: whoever posts chooses these, and nobody for them.
fn choices(options: &TiktokOptions, is_video: bool, findings: &mut Findings) {
    match options.privacy_level {
        None => {
            let text = "Say who may see the post: TikTok forbids to choose that for the person.";
            findings.option("tiktok.privacy.missing", "privacy_level", text);
        }
        Some(TiktokPrivacy::SelfOnly) if options.brand_content == Some(true) => {
            let text = "A paid partnership cannot be visible to its author alone.";
            findings.option("tiktok.privacy.branded", "privacy_level", text);
        }
        Some(_) => {}
    }
    if options.allow_comment.is_none() {
        findings.option("tiktok.comment.missing", "allow_comment", "Say whether others may comment.");
    }
    if is_video && options.allow_duet.is_none() {
        findings.option("tiktok.duet.missing", "allow_duet", "Say whether others may make duets.");
    }
    if is_video && options.allow_stitch.is_none() {
        findings.option("tiktok.stitch.missing", "allow_stitch", "Say whether others may stitch the video.");
    }
}

fn files(settings: &TiktokSettings, content: &Content, options: &TiktokOptions, findings: &mut Findings) {
    let of = |kind: MediaKind| content.media.iter().filter(|media| media.kind == kind).count();
    let (videos, images) = (of(MediaKind::Video), of(MediaKind::Image));
    if videos > 0 && images > 0 {
        findings.add("tiktok.media.mixed", "/media", "A post is one video or photos, and not both.");
    }
    if videos > 1 {
        findings.add("tiktok.media.too_many_videos", "/media", "A post has one video.");
    }
    if images > settings.photo_limit {
        let message = format!("{images} photos are too many: TikTok takes {}.", settings.photo_limit);
        findings.add("tiktok.media.too_many", "/media", message);
    }
    let pulls_video = options.source.unwrap_or_default() == TiktokSource::PullFromUrl;
    for (index, media) in content.media.iter().enumerate() {
        let fetched = match media.kind {
            MediaKind::Document => {
                let pointer = format!("/media/{index}/kind");
                findings.add("tiktok.media.document_unsupported", pointer, "TikTok takes no documents.");
                false
            }
            MediaKind::Video => pulls_video,
            MediaKind::Image => true,
        };
        if fetched && !media.can_be_fetched() {
            let pointer = format!("/media/{index}/url");
            findings.add("tiktok.media.url_not_https", pointer, "TikTok fetches files from https addresses only.");
        }
        if fetched && is_upload(&media.url) {
            let message = "TikTok fetches from domains that were verified for the app, and an upload has none: give an \
                           address of your own, or leave `source` out for a video.";
            findings.add("tiktok.media.upload_not_verified", format!("/media/{index}/url"), message);
        }
        if let (MediaKind::Video, Some(facts)) = (media.kind, &media.known.facts) {
            findings.0.extend(VIDEO.check(facts, &format!("/media/{index}/url")));
        }
        if let Some(extension) = wrong_extension(media) {
            let message = match media.kind {
                MediaKind::Image => format!("TikTok takes JPEG and WebP photos, and not .{extension}."),
                MediaKind::Video | MediaKind::Document => {
                    format!("TikTok takes MP4, MOV and WebM videos, and not .{extension}.")
                }
            };
            findings.add("tiktok.media.format", format!("/media/{index}/url"), message);
        }
    }
}

fn extension(media: &Media) -> Option<String> {
    let file = media.url.path_segments()?.next_back()?;
    file.rsplit_once('.').map(|(_, extension)| extension.to_ascii_lowercase())
}

/// The ending of a file that is surely of a format which TikTok does not take. What has none, or an unknown one, may be anything.
fn wrong_extension(media: &Media) -> Option<String> {
    let known: &[&str] = match media.kind {
        MediaKind::Image => &["png", "gif", "bmp", "heic", "heif", "tif", "tiff", "svg", "avif"],
        MediaKind::Video => &["avi", "mkv", "wmv", "flv", "mpg", "mpeg", "ogv"],
        MediaKind::Document => &[],
    };
    extension(media).filter(|extension| known.contains(&extension.as_str()))
}

fn refused(code: &str, act: Act, message: &str) -> ConnectorError {
    ConnectorError::Rejected(Refusal::ours(code, act, message))
}

/// Compares the choices with what the account offers at the moment: that changes when its owner makes it private.
///
/// # Errors
/// TikTok would refuse the post.
pub(super) fn check_creator(post: &Post<'_>, creator: &Value) -> Result<(), ConnectorError> {
    let offered = creator.get("privacy_level_options").and_then(Value::as_array);
    let offered = offered.ok_or(ConnectorError::Unreadable { what: "the privacy levels of an account" })?;
    let chosen = post.options.privacy_level.map(TiktokPrivacy::name);
    if !offered.iter().any(|level| level.as_str() == chosen) {
        let text = "The account does not offer this privacy level at the moment: choose one of those that it offers.";
        return Err(refused("tiktok.privacy.not_offered", Act::Caller, text));
    }
    let is_off = |name: &str| creator.get(name).and_then(Value::as_bool) == Some(true);
    let is_video = post.way != super::requests::Way::Photos;
    for (is_wanted, name, code, text) in [
        (post.options.allow_comment, "comment_disabled", "tiktok.comment.disabled", "The account allows no comments."),
        (
            post.options.allow_duet.filter(|_| is_video),
            "duet_disabled",
            "tiktok.duet.disabled",
            "The account allows no duets.",
        ),
        (
            post.options.allow_stitch.filter(|_| is_video),
            "stitch_disabled",
            "tiktok.stitch.disabled",
            "The account allows no stitches.",
        ),
    ] {
        if is_wanted == Some(true) && is_off(name) {
            return Err(refused(code, Act::Caller, text));
        }
    }
    Ok(())
}

/// Looks at what a file is before it is uploaded.
///
/// # Errors
/// TikTok would refuse it.
pub(super) fn check_file(post: &Post<'_>, seen: &Seen) -> Result<(), ConnectorError> {
    if seen.length > post.settings.video_bytes {
        return Err(refused("tiktok.media.too_large", Act::Caller, "A video has 4 GB at most."));
    }
    if video_type(post, seen).is_none() {
        return Err(refused("tiktok.media.format", Act::Caller, "TikTok takes MP4, MOV and WebM videos."));
    }
    Ok(())
}

/// What a video is uploaded as. A store that knows no types leaves it to the address.
pub(super) fn video_type(post: &Post<'_>, seen: &Seen) -> Option<&'static str> {
    let media_type = seen.media_type.as_deref().unwrap_or("application/octet-stream");
    match media_type {
        "video/mp4" | "video/x-m4v" => Some("video/mp4"),
        "video/quicktime" => Some("video/quicktime"),
        "video/webm" => Some("video/webm"),
        "application/octet-stream" | "binary/octet-stream" => {
            let extension = post.prepared.content.media.first().and_then(extension);
            Some(match extension.as_deref() {
                Some("mov") => "video/quicktime",
                Some("webm") => "video/webm",
                Some(_) | None => "video/mp4",
            })
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    fn rules(content: Value, options: Value) -> Vec<(&'static str, String)> {
        let content: Content = serde_json::from_value(content).unwrap();
        let options: Options = serde_json::from_value(Value::from_iter([("tiktok", options)])).unwrap();
        let findings = preflight(&TiktokSettings::default(), &content, Some(&options));
        findings.into_iter().map(|finding| (finding.rule, finding.pointer)).collect()
    }

    fn video() -> Value {
        json!({"media": [{"url": "http://e.com/a.mp4", "kind": "video"}]})
    }

    #[test]
    fn what_a_person_must_choose_is_never_chosen_for_them() {
        let missing = rules(video(), json!({}));
        let missing: Vec<_> = missing.iter().map(|(rule, pointer)| (*rule, pointer.as_str())).collect();
        let expected = [
            ("tiktok.privacy.missing", "/options/tiktok/privacy_level"),
            ("tiktok.comment.missing", "/options/tiktok/allow_comment"),
            ("tiktok.duet.missing", "/options/tiktok/allow_duet"),
            ("tiktok.stitch.missing", "/options/tiktok/allow_stitch"),
        ];
        assert_eq!(missing, expected);
        assert_eq!(rules(video(), json!({"mode": "inbox"})), []);
    }

    #[test]
    fn texts_are_counted_in_utf_16() {
        let mut content = video();
        content["text"] = "🍞".repeat(1_100).into();
        assert_eq!(rules(content.clone(), json!({"mode": "inbox"})), []);
        content["text"] = format!("{}a", "🍞".repeat(1_100)).into();
        assert_eq!(rules(content, json!({"mode": "inbox"}))[0].0, "tiktok.text.too_long");
    }

    #[rstest]
    #[case("https://e.com/a.jpg", &[])]
    #[case("https://e.com/a", &[])]
    #[case("https://e.com/a.PNG?b=c.jpg", &["tiktok.media.format"])]
    #[case("http://e.com/a.jpg", &["tiktok.media.url_not_https"])]
    fn photos_are_fetched_by_tiktok(#[case] url: &str, #[case] expected: &[&str]) {
        let content = json!({"media": [{"url": url, "kind": "image"}]});
        let found = rules(content, json!({"mode": "inbox"}));
        assert_eq!(found.iter().map(|(rule, _)| *rule).collect::<Vec<_>>(), expected);
    }
}

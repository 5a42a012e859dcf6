//! Says beforehand what Google would refuse of a post, or leave out silently.

use url::Url;

use super::post::{self, Topic};
use crate::{
    connector::{Finding, files::Limits, settings::GbpSettings},
    content::{Content, Media, MediaKind},
    options::{GbpAction, GbpOptions, Options},
};

/// File names that end so are pictures, and none that Google takes for posts.
const OTHER_FORMATS: [&str; 9] = ["webp", "gif", "svg", "avif", "heic", "heif", "bmp", "tif", "tiff"];

/// What Google takes of a photo whose facts are known; what is said of its size elsewhere is not confirmed.
const PHOTO: Limits =
    Limits { types: Some((&["image/jpeg", "image/png"], "gbp.media.format")), ..Limits::of("Google") };

struct Findings(Vec<Finding>);

impl Findings {
    fn add(&mut self, rule: &'static str, pointer: impl Into<String>, message: impl Into<String>) {
        self.0.push(Finding { rule, pointer: pointer.into(), message: message.into() });
    }
}

/// Everything about a post that Google would refuse, or leave out.
pub(super) fn preflight(settings: &GbpSettings, content: &Content, options: Option<&Options>) -> Vec<Finding> {
    let options = post::options(options);
    let mut findings = Findings(Vec::new());
    text(settings, content, &options, &mut findings);
    media(settings, content, &mut findings);
    links(content, &options, &mut findings);
    event(settings, &options, &mut findings);
    findings.0
}

fn text(settings: &GbpSettings, content: &Content, options: &GbpOptions, findings: &mut Findings) {
    let text = content.text.as_deref().unwrap_or_default();
    if text.trim().is_empty() && content.media.is_empty() && post::topic(options) == Topic::Standard {
        findings.add("gbp.post.empty", "", "A post needs text or a photo.");
    }
    let length = text.chars().count();
    if length > settings.text_limit {
        let message = format!("The text has {length} characters; Google takes {}.", settings.text_limit);
        findings.add("gbp.text.too_long", "/text", message);
    }
    if options.language.as_deref().is_some_and(|language| !is_language(language)) {
        findings.add("gbp.language.not_a_tag", "/options/gbp/language", "A language is a tag such as `en` or `en-US`.");
    }
}

/// The shape of a tag of BCP 47.
fn is_language(tag: &str) -> bool {
    let is_part = |part: &str| (1..=8).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_alphanumeric());
    let first = tag.split('-').next().unwrap_or_default();
    let is_first = (2..=8).contains(&first.len()) && first.bytes().all(|byte| byte.is_ascii_alphabetic());
    tag.len() <= 35 && is_first && tag.split('-').all(is_part)
}

fn media(settings: &GbpSettings, content: &Content, findings: &mut Findings) {
    if content.media.len() > settings.photo_limit {
        let message = format!("{} files are too many: a post has {} photo.", content.media.len(), settings.photo_limit);
        findings.add("gbp.media.too_many", "/media", message);
    }
    for (index, media) in content.media.iter().enumerate() {
        let (url, kind) = (format!("/media/{index}/url"), format!("/media/{index}/kind"));
        match media.kind {
            MediaKind::Image => {}
            MediaKind::Video => findings.add("gbp.media.video_unsupported", kind, "Google takes no videos in posts."),
            MediaKind::Document => {
                findings.add("gbp.media.document_unsupported", kind, "Google takes no documents in posts.");
            }
        }
        if !media.can_be_fetched() {
            let message = "Google fetches photos from public https addresses.";
            findings.add("gbp.media.url_not_https", url.clone(), message);
        }
        if let (MediaKind::Image, Some(facts)) = (media.kind, &media.known.facts) {
            findings.0.extend(PHOTO.check(facts, &url));
        }
        if is_other_format(media) {
            findings.add("gbp.media.format", url, "Google takes JPEG and PNG.");
        }
    }
}

fn is_other_format(media: &Media) -> bool {
    let ending = media.url.path().rsplit_once('.').map(|(_, ending)| ending.to_ascii_lowercase());
    media.kind == MediaKind::Image && ending.is_some_and(|ending| OTHER_FORMATS.contains(&ending.as_str()))
}

fn links(content: &Content, options: &GbpOptions, findings: &mut Findings) {
    let is_web = |url: &Url| matches!(url.scheme(), "http" | "https");
    if content.link.as_ref().is_some_and(|link| !is_web(link)) {
        findings.add("gbp.link.not_http", "/link", "A link must be an http or https address.");
    }
    if let Some(wanted) = &options.call_to_action {
        let at = "/options/gbp/call_to_action";
        let url = wanted.url.as_ref();
        if options.offer.is_some() {
            findings.add("gbp.call_to_action.with_offer", at, "Google shows no button with an offer.");
        } else if wanted.action == GbpAction::Call {
            if url.is_some() || content.link.is_some() {
                let message = "`call` calls the location: it has no address, and the post no link.";
                findings.add("gbp.call_to_action.call_with_url", at, message);
            }
        } else if url.is_none() && content.link.is_none() {
            findings.add("gbp.call_to_action.url_missing", at, "A button needs an address, or the post a link.");
        }
        if url.is_some_and(|url| !is_web(url)) {
            let message = "A button leads to an http or https address.";
            findings.add("gbp.call_to_action.url_not_http", format!("{at}/url"), message);
        }
        if url.is_some() && content.link.is_some() && url != content.link.as_ref() && options.offer.is_none() {
            findings.add("gbp.link.twice", "/link", "A post leads to one address: the link's, or the button's.");
        }
    }
    if let Some(url) = options.offer.as_ref().and_then(|offer| offer.redeem_url.as_ref()) {
        if !is_web(url) {
            let message = "An offer is redeemed at an http or https address.";
            findings.add("gbp.offer.redeem_url_not_http", "/options/gbp/offer/redeem_url", message);
        }
        if content.link.as_ref().is_some_and(|link| link != url) {
            findings.add("gbp.link.twice", "/link", "An offer leads to one address: the link's, or `redeem_url`.");
        }
    }
}

fn event(settings: &GbpSettings, options: &GbpOptions, findings: &mut Findings) {
    let at = "/options/gbp/event";
    let Some(event) = &options.event else {
        if options.offer.is_some() {
            findings.add("gbp.offer.event_missing", at, "An offer needs an event: a title, its beginning and its end.");
        }
        return;
    };
    if event.title.trim().is_empty() {
        findings.add("gbp.event.title_missing", format!("{at}/title"), "An event needs a title.");
    }
    let length = event.title.chars().count();
    if length > settings.title_limit {
        let message = format!("The title has {length} characters; Google takes {}.", settings.title_limit);
        findings.add("gbp.event.title_too_long", format!("{at}/title"), message);
    }
    if event.end <= event.start {
        findings.add("gbp.event.order", format!("{at}/end"), "An event ends after its beginning.");
    }
}

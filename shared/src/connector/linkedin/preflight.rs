//! What LinkedIn would refuse, or cut, found without asking it. The size, length and pixels of a file are known of uploads
//! alone; of others they are LinkedIn's to say, as they are not known before the file is fetched.

use super::{Profile, api, files, post, text};
use crate::{
    connector::{Finding, settings::LinkedinSettings},
    content::{Content, MediaKind},
    options::{LinkedinOptions, LinkedinVisibility, Options},
};

const MOST_IMAGES: usize = 20;
const LONGEST_ALT_TEXT: usize = 4_086;
const LONGEST_QUESTION: usize = 140;
const LONGEST_CHOICE: usize = 30;
const CHOICES: std::ops::RangeInclusive<usize> = 2..=4;

struct Findings(Vec<Finding>);

impl Findings {
    fn add(&mut self, rule: &'static str, pointer: impl Into<String>, message: impl Into<String>) {
        self.0.push(Finding { rule, pointer: pointer.into(), message: message.into() });
    }
}

/// Where the options stand, by the name that this profile has.
fn option(profile: Profile, name: &str) -> String {
    format!("/options/{}/{name}", profile.name())
}

pub(super) fn preflight(
    settings: &LinkedinSettings,
    profile: Profile,
    content: &Content,
    options: Option<&Options>,
) -> Vec<Finding> {
    let options = post::options(options);
    let mut findings = Findings(Vec::new());
    let has_text = content.text.as_deref().is_some_and(|text| !text.trim().is_empty());
    if !has_text && content.link.is_none() && content.media.is_empty() && options.poll.is_none() {
        findings.add("linkedin.post.empty", "", "A post needs a text, a link, a file or a poll.");
    }
    let length = text::length(&post::commentary(content, &options));
    if length > settings.text_limit {
        let limit = settings.text_limit;
        let message =
            format!("The text has {length} characters with what LinkedIn needs to be escaped; LinkedIn takes {limit}.");
        findings.add("linkedin.text.too_long", "/text", message);
    }
    media(content, &mut findings);
    mentions(profile, content, &options, &mut findings);
    poll(profile, content, &options, &mut findings);
    if profile == Profile::Page && options.visibility == Some(LinkedinVisibility::Connections) {
        let message = "A Page has no connections: leave the visibility out.";
        findings.add("linkedin.visibility.members_only", option(profile, "visibility"), message);
    }
    if let Some(link) = &content.link
        && !matches!(link.scheme(), "http" | "https")
    {
        findings.add("linkedin.link.scheme", "/link", "A link begins with https or http.");
    }
    findings.0
}

fn media(content: &Content, findings: &mut Findings) {
    let count = content.media.len();
    let is_all_images = content.media.iter().all(|media| media.kind == MediaKind::Image);
    if content.link.is_some() && (count > 1 || !is_all_images) {
        let message = "Beside a link there is room for one image, which is shown on its card.";
        findings.add("linkedin.link.with_media", "/media", message);
    } else if count > 1 && !is_all_images {
        let message = "Several files can only be images; a video or a document stands alone.";
        findings.add("linkedin.media.mixed", "/media", message);
    } else if count > MOST_IMAGES {
        let message = format!("There are {count} images; LinkedIn takes {MOST_IMAGES}.");
        findings.add("linkedin.media.too_many", "/media", message);
    }
    for (index, media) in content.media.iter().enumerate() {
        findings.0.extend(files::findings(index, media));
        let alt_text = media.alt_text.as_deref().unwrap_or_default();
        if text::length(alt_text) > LONGEST_ALT_TEXT {
            let message = format!("A description has up to {LONGEST_ALT_TEXT} characters.");
            findings.add("linkedin.alt_text.too_long", format!("/media/{index}/alt_text"), message);
        }
        let has_title = media.title.as_deref().is_some_and(|title| !title.trim().is_empty());
        if media.kind == MediaKind::Document && !has_title {
            let message = "LinkedIn shows a document under its title: give it one.";
            findings.add("linkedin.document.title_missing", format!("/media/{index}/title"), message);
        }
    }
}

fn mentions(profile: Profile, content: &Content, options: &LinkedinOptions, findings: &mut Findings) {
    for (index, mention) in options.mentions.iter().enumerate() {
        if api::id_of(&mention.urn, &["person", "organization"]).is_none() {
            let pointer = option(profile, &format!("mentions/{index}/urn"));
            findings.add(
                "linkedin.mention.not_a_urn",
                pointer,
                "A mention leads to urn:li:organization:… or urn:li:person:….",
            );
        }
        let text = content.text.as_deref().unwrap_or_default();
        if mention.name.trim().is_empty() || !text.contains(&format!("@{}", mention.name)) {
            let pointer = option(profile, &format!("mentions/{index}/name"));
            findings.add("linkedin.mention.not_in_text", pointer, "The text does not have this name behind an `@`.");
        }
    }
}

fn poll(profile: Profile, content: &Content, options: &LinkedinOptions, findings: &mut Findings) {
    let Some(poll) = &options.poll else { return };
    if content.link.is_some() || !content.media.is_empty() {
        let message = "A poll stands alone: beside it there is room for a text only.";
        findings.add("linkedin.poll.with_media", option(profile, "poll"), message);
    }
    if poll.question.trim().is_empty() || text::length(&poll.question) > LONGEST_QUESTION {
        let message = format!("A question has 1 to {LONGEST_QUESTION} characters.");
        findings.add("linkedin.poll.question", option(profile, "poll/question"), message);
    }
    if !CHOICES.contains(&poll.options.len()) {
        findings.add("linkedin.poll.options", option(profile, "poll/options"), "A poll has two to four options.");
    }
    for (index, choice) in poll.options.iter().enumerate() {
        if choice.trim().is_empty() || text::length(choice) > LONGEST_CHOICE {
            let message = format!("An option has 1 to {LONGEST_CHOICE} characters.");
            findings.add("linkedin.poll.option_length", option(profile, &format!("poll/options/{index}")), message);
        }
    }
}

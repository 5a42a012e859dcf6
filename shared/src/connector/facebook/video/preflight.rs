//! What a Page would refuse of a video: before anything is sent, and once its file has been looked at.

use super::plan::{Plan, is_video};
use crate::{
    connector::{
        Act, ConnectorError, Finding, Refusal,
        settings::FacebookSettings,
        source::{LARGEST_PIECE, Seen},
    },
    content::{Content, Media},
    options::{FacebookPlacement, FacebookSource, Options},
};

/// Everything about a video, or about options for one, that a Page would refuse.
pub(in crate::connector::facebook) fn preflight(
    settings: &FacebookSettings,
    content: &Content,
    options: Option<&Options>,
) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut find = |rule, pointer: &str, message: String| {
        findings.push(Finding { rule, pointer: pointer.into(), message });
    };
    let options = options.and_then(Options::facebook);
    let (placement, source) =
        (options.and_then(|options| options.placement), options.and_then(|options| options.source));
    if !is_video(content) {
        let given = [
            ("placement", placement == Some(FacebookPlacement::Reel)),
            ("source", source == Some(FacebookSource::FileUpload)),
            ("is_ai_generated", options.is_some_and(|options| options.is_ai_generated.is_some())),
        ];
        for (name, _) in given.iter().filter(|(_, is_given)| *is_given) {
            let message = "This is for a video, and the post has none.".into();
            find("facebook.video.missing", &format!("/options/facebook/{name}"), message);
        }
        return findings;
    }
    if content.media.len() > 1 {
        find("facebook.video.not_alone", "/media", "A Page shows a video alone: one video, and no photos.".into());
    }
    let is_reel = placement == Some(FacebookPlacement::Reel);
    if !is_reel && options.is_some_and(|options| options.place.is_some()) {
        let message = "A video in the feed has no place; a reel may have one.".into();
        find("facebook.video.place_unsupported", "/options/facebook/place", message);
    }
    for (index, media) in content.media.iter().enumerate() {
        let title = media.title.as_deref().map_or(0, |title| title.chars().count());
        if title > settings.video_title_limit {
            let message = format!("The title has {title} characters; a video takes {}.", settings.video_title_limit);
            find("facebook.video.title_too_long", &format!("/media/{index}/title"), message);
        }
        if source.unwrap_or_default() == FacebookSource::PullFromUrl && is_at_facebook(media) {
            let message = "Facebook fetches no video from its own servers: name the original file.".into();
            find("facebook.video.url_at_facebook", &format!("/media/{index}/url"), message);
        }
    }
    findings
}

fn is_at_facebook(media: &Media) -> bool {
    let host = media.url.host_str().unwrap_or_default();
    host == "fbcdn.net" || host.ends_with(".fbcdn.net")
}

/// What a look at the file tells against sending it.
///
/// # Errors
/// Facebook would not take it.
pub(super) fn check_file(plan: &Plan<'_>, seen: &Seen) -> Result<(), ConnectorError> {
    let (settings, length) = (plan.settings, seen.length);
    let (rule, message) = if length < settings.video_smallest_bytes {
        ("facebook.video.too_small", format!("The video has {length} bytes; Facebook wants 1 KB at least."))
    } else if length > settings.video_bytes {
        let message = format!("The video has {length} bytes; Facebook takes {}.", settings.video_bytes);
        ("facebook.video.too_large", message)
    } else if plan.is_reel() && length > LARGEST_PIECE {
        let message = "postd sends reels of up to 64 MiB; let Facebook fetch a larger one (`source: pull_from_url`).";
        ("facebook.video.too_large_to_send", message.into())
    } else {
        return Ok(());
    };
    Err(ConnectorError::Rejected(Refusal::ours(rule, Act::Caller, &message)))
}

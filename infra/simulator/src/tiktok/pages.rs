//! What a person sees, and a file to post.

use super::view::StateView;
use crate::call::Call;
use crate::html::{self, escape};
use crate::reply::Reply;
use bytes::Bytes;
use std::fmt::Write as _;

/// The most that one answer holds of the sample.
const LARGEST: u64 = 64 * 1024 * 1024;

/// The accounts with their videos, and what is under way.
pub(crate) fn front(state: &StateView) -> Reply {
    let mut body = String::from("<h1>Simulated TikTok</h1>");
    for account in &state.accounts {
        let kind = if account.is_private { "private" } else { "public" };
        let _ =
            write!(body, "<h2>{}</h2><p class=\"note\">{}, {kind}</p>", escape(&account.display_name), account.open_id);
        for task in account.tasks.iter().filter(|task| task.step != "complete") {
            let reason = task.fail_reason.as_deref().unwrap_or_default();
            let _ = write!(body, "<p class=\"note\">{}: {} {}</p>", escape(&task.id), task.step, escape(reason));
        }
        for video in &account.videos {
            let by = if video.publish_id.is_some() { "through an app" } else { "in the app" };
            let seen = if video.is_public { "everyone sees it" } else { "not for everyone, or not yet" };
            let _ = write!(
                body,
                "<article><p>{}</p><p class=\"note\">{} {}, made {by}; {seen}</p></article>",
                escape(&video.text),
                video.id,
                escape(&video.privacy)
            );
        }
    }
    body.push_str("<p class=\"note\">State: <a href=\"_simulator/state\">_simulator/state</a></p>");
    Reply::html(200, html::page("Simulated TikTok", &body))
}

/// A file of `size` bytes that says it is a video, in parts as they are asked for.
pub(crate) fn sample(call: &Call) -> Reply {
    let size = call.params.text("size").and_then(|size| size.parse().ok()).unwrap_or(1_000_u64);
    let range = call.header("range").and_then(|range| range.strip_prefix("bytes=")?.split_once('-'));
    let number = |text: &str| text.parse::<u64>().ok();
    let (status, first, last) = match range.and_then(|(first, last)| Some((number(first)?, number(last)?))) {
        Some((first, last)) if first <= last && first < size => (206, first, last.min(size.saturating_sub(1))),
        _ => (200, 0, size.saturating_sub(1)),
    };
    let length = (last - first + 1).min(LARGEST);
    let body = Bytes::from(vec![b'v'; usize::try_from(length).unwrap_or(0)]);
    let reply = Reply { status, headers: Vec::new(), body, broken: false }
        .header("content-type", "video/mp4")
        .header("accept-ranges", "bytes")
        .header("etag", &format!("\"{size}\""));
    if status == 206 { reply.header("content-range", &format!("bytes {first}-{last}/{size}")) } else { reply }
}

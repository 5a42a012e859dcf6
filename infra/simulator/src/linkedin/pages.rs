//! What a person sees: who has published what; and files to publish.

use super::view::StateView;
use crate::call::Call;
use crate::html::{self, escape};
use crate::reply::Reply;
use bytes::Bytes;
use std::fmt::Write as _;

/// The most of a sample that one answer holds.
const LARGEST: u64 = 64 * 1024 * 1024;

pub(crate) fn front(state: &StateView) -> Reply {
    let mut body = String::from("<h1>Simulated LinkedIn</h1>");
    for author in &state.authors {
        let _ = write!(body, "<h2>{}</h2><p class=\"note\">{}</p>", escape(&author.name), escape(&author.urn));
        for post in &author.posts {
            let content = post.content.as_ref().map(ToString::to_string).unwrap_or_default();
            let by = if post.by_api { "through the API" } else { "by a person" };
            let _ = write!(
                body,
                "<article><p>{}</p><p class=\"note\">{} {}, {by}</p><p class=\"note\">{}</p></article>",
                escape(&post.shown),
                escape(&post.urn),
                escape(&post.visibility),
                escape(&content)
            );
        }
    }
    body.push_str("<p class=\"note\">State: <a href=\"_simulator/state\">_simulator/state</a></p>");
    Reply::html(200, html::page("Simulated LinkedIn", &body))
}

/// A file of `size` bytes that says it is what its name ends with, in parts as they are asked for. Each byte says where it is,
/// so that parts in the wrong order show.
pub(crate) fn sample(name: &str, call: &Call) -> Option<Reply> {
    let media_type = match name {
        "sample.jpg" => "image/jpeg",
        "sample.mp4" => "video/mp4",
        "sample.pdf" => "application/pdf",
        _ => return None,
    };
    let size = call.params.text("size").and_then(|size| size.parse().ok()).unwrap_or(1_000_u64);
    let range = call.header("range").and_then(|range| range.strip_prefix("bytes=")?.split_once('-'));
    let number = |text: &str| text.parse::<u64>().ok();
    let (status, first, last) = match range.and_then(|(first, last)| Some((number(first)?, number(last)?))) {
        Some((first, last)) if first <= last && first < size => (206, first, last.min(size.saturating_sub(1))),
        _ => (200, 0, size.saturating_sub(1)),
    };
    let last = last.min(first.saturating_add(LARGEST - 1));
    let bytes: Vec<u8> = (first..=last).map(byte).collect();
    let reply = Reply { body: Bytes::from(bytes), ..Reply::empty(status) }
        .header("content-type", media_type)
        .header("accept-ranges", "bytes")
        .header("etag", &format!("\"{size}\""));
    Some(if status == 206 { reply.header("content-range", &format!("bytes {first}-{last}/{size}")) } else { reply })
}

/// What a sample has at a place: other bytes in each mebibyte.
pub(crate) fn byte(place: u64) -> u8 {
    u8::try_from((place / 1_048_576) % 251).unwrap_or(0)
}

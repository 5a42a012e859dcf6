//! A file to post, so that videos can be tried without a network.

use crate::call::Call;
use crate::reply::Reply;
use bytes::Bytes;

/// The most that one answer holds of the sample.
const LARGEST: u64 = 64 * 1024 * 1024;

/// A file of `size` bytes that says it is a video, in parts as they are asked for.
pub(crate) fn video(call: &Call) -> Reply {
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

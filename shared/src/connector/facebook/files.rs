//! What Facebook takes of files whose facts are known (meta.md, section 6).

use crate::{
    connector::{
        Finding,
        files::{Limits, MIB},
    },
    content::{Content, MediaKind},
};

/// Documents disagree about 4 and 10 MB; what a Page answers names 4.
const PHOTO: Limits = Limits {
    types: Some((&["image/jpeg", "image/bmp", "image/png", "image/gif", "image/tiff"], "facebook.media.format")),
    bytes: Some((1..=4 * MIB, "facebook.media.too_large", "facebook.media.too_large")),
    ..Limits::of("a Page")
};

/// Everything about the facts of photos that a Page would refuse.
pub(super) fn findings(content: &Content) -> Vec<Finding> {
    let photos = content.media.iter().enumerate().filter(|(_, media)| media.kind == MediaKind::Image);
    photos
        .filter_map(|(index, media)| Some(PHOTO.check(media.known.facts.as_ref()?, &format!("/media/{index}/url"))))
        .flatten()
        .collect()
}

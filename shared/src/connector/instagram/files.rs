//! What Instagram takes of files whose facts are known (meta.md, section 7).

use super::plan::Form;
use crate::{
    connector::{
        Finding,
        files::{Limits, MIB, SECOND},
    },
    content::{Media, MediaKind},
};

const VIDEO_TYPES: &[&str] = &["video/mp4", "video/quicktime"];

/// From 4:5 to 1.91:1. Wider and narrower ones than Instagram shows are scaled.
const PICTURE: Limits = Limits {
    types: Some((&["image/jpeg"], "instagram.media.not_jpeg")),
    bytes: Some((1..=8 * MIB, "instagram.media.too_large", "instagram.media.too_large")),
    shape: Some((800..=1910, "instagram.media.aspect")),
    ..Limits::of("Instagram")
};

const REEL: Limits = Limits {
    types: Some((VIDEO_TYPES, "instagram.media.not_mp4")),
    bytes: Some((1..=300 * MIB, "instagram.media.too_large", "instagram.media.too_large")),
    width: Some((1..=1920, "instagram.media.width")),
    duration: Some((3 * SECOND..=15 * 60 * SECOND, "instagram.media.duration")),
    ..Limits::of("Instagram")
};

const STORY: Limits = Limits {
    types: Some((VIDEO_TYPES, "instagram.media.not_mp4")),
    bytes: Some((1..=100 * MIB, "instagram.media.too_large", "instagram.media.too_large")),
    duration: Some((3 * SECOND..=60 * SECOND, "instagram.media.duration")),
    ..Limits::of("Instagram")
};

/// A video among pictures: nothing is written about its length.
const CHILD: Limits = Limits { types: Some((VIDEO_TYPES, "instagram.media.not_mp4")), ..Limits::of("Instagram") };

/// Everything about the facts of a file that Instagram would refuse.
pub(super) fn findings(index: usize, media: &Media, form: Form) -> Vec<Finding> {
    let Some(facts) = &media.known.facts else { return Vec::new() };
    let limits = match (media.kind, form) {
        (MediaKind::Image, _) => &PICTURE,
        (MediaKind::Video, Form::Story) => &STORY,
        (MediaKind::Video, Form::Carousel) => &CHILD,
        (MediaKind::Video, Form::Reel | Form::Image) => &REEL,
        (MediaKind::Document, _) => return Vec::new(),
    };
    limits.check(facts, &format!("/media/{index}/url"))
}

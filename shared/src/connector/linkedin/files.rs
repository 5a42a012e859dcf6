//! What LinkedIn takes of files whose facts are known (linkedin.md, section 6).

use crate::{
    connector::{
        Finding,
        files::{Limits, MIB, SECOND},
    },
    content::{Media, MediaKind},
};

const IMAGE: Limits = Limits {
    types: Some((&["image/jpeg", "image/png", "image/gif"], "linkedin.media.format")),
    pixels: Some((36_152_319, "linkedin.media.pixels")),
    ..Limits::of("LinkedIn")
};

const VIDEO: Limits = Limits {
    types: Some((&["video/mp4"], "linkedin.media.format")),
    bytes: Some((75_000..=500 * MIB, "linkedin.media.too_small", "linkedin.media.too_large")),
    duration: Some((3 * SECOND..=30 * 60 * SECOND, "linkedin.media.duration")),
    ..Limits::of("LinkedIn")
};

const DOCUMENT: Limits = Limits {
    bytes: Some((1..=100 * MIB, "linkedin.media.too_large", "linkedin.media.too_large")),
    ..Limits::of("LinkedIn")
};

/// Everything about the facts of a file that LinkedIn would refuse.
pub(super) fn findings(index: usize, media: &Media) -> Vec<Finding> {
    let Some(facts) = &media.known.facts else { return Vec::new() };
    let limits = match media.kind {
        MediaKind::Image => &IMAGE,
        MediaKind::Video => &VIDEO,
        MediaKind::Document => &DOCUMENT,
    };
    limits.check(facts, &format!("/media/{index}/url"))
}

//! What a post becomes on Instagram: a picture, a carousel, a reel or a story.

use crate::{
    content::{Content, MediaKind},
    options::{InstagramOptions, InstagramPlacement, Options},
};

/// What is made of a post.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// One picture in the feed.
    Image,
    /// Several pictures and videos in the feed.
    Carousel,
    /// One video.
    Reel,
    /// One picture or video for a day.
    Story,
}

impl Form {
    /// What the content and the options ask for.
    pub(super) fn of(content: &Content, options: Option<&InstagramOptions>) -> Self {
        let is_video = content.media.first().is_some_and(|media| media.kind == MediaKind::Video);
        match (options.and_then(|options| options.placement), content.media.len()) {
            (Some(InstagramPlacement::Story), _) => Self::Story,
            (Some(InstagramPlacement::Reel), _) => Self::Reel,
            (Some(InstagramPlacement::Feed) | None, 2..) => Self::Carousel,
            (None, _) if is_video => Self::Reel,
            (Some(InstagramPlacement::Feed) | None, _) => Self::Image,
        }
    }

    /// The `media_product_type` that it has afterwards.
    pub(super) fn product(self) -> &'static str {
        match self {
            Self::Image | Self::Carousel => "FEED",
            Self::Reel => "REELS",
            Self::Story => "STORY",
        }
    }
}

/// The options for Instagram, if there are any.
pub(super) fn options(options: Option<&Options>) -> Option<&InstagramOptions> {
    options.and_then(Options::instagram)
}

//! What a post with a video is to become, and by which way.

use crate::{
    connector::{Prepared, settings::FacebookSettings},
    content::{Content, Media, MediaKind},
    options::{FacebookOptions, FacebookPlacement, FacebookSource, Options},
};

/// Whether a post is one with a video.
pub(in crate::connector::facebook) fn is_video(content: &Content) -> bool {
    content.media.iter().any(|media| media.kind == MediaKind::Video)
}

/// Whether postd sends the video of a post, so that Facebook fetches nothing.
pub(in crate::connector::facebook) fn is_sent_by_us(content: &Content, options: Option<&Options>) -> bool {
    let source = options.and_then(Options::facebook).and_then(|options| options.source);
    is_video(content) && source == Some(FacebookSource::FileUpload)
}

/// A post with a video, and what its target says of it.
pub(super) struct Plan<'a> {
    pub(super) settings: &'a FacebookSettings,
    pub(super) post: &'a Prepared,
    options: Option<&'a FacebookOptions>,
}

impl<'a> Plan<'a> {
    pub(super) fn of(settings: &'a FacebookSettings, post: &'a Prepared) -> Self {
        Self { settings, post, options: post.options.as_ref().and_then(Options::facebook) }
    }

    pub(super) fn is_reel(&self) -> bool {
        self.options.and_then(|options| options.placement).unwrap_or_default() == FacebookPlacement::Reel
    }

    pub(super) fn is_fetched(&self) -> bool {
        self.options.and_then(|options| options.source).unwrap_or_default() == FacebookSource::PullFromUrl
    }

    pub(super) fn is_ai_generated(&self) -> Option<bool> {
        self.options.and_then(|options| options.is_ai_generated)
    }

    pub(super) fn place(&self) -> Option<&'a str> {
        self.options.and_then(|options| options.place.as_deref())
    }

    /// The video; a preflight sees to it that there is nothing else.
    pub(super) fn media(&self) -> Option<&'a Media> {
        self.post.content.media.first()
    }
}

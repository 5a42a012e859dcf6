//! What a post says: the same shape for every platform; a connector's preflight says what it cannot carry.

use serde::{Deserialize, Serialize};
use url::Url;

/// What to publish. At least one of the fields must hold something.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Content {
    /// The text, as the reader shall see it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// A link that the platform shows with a preview.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<Url>,
    /// Pictures, videos or documents, in the order of their showing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub media: Vec<Media>,
}

/// One file that is published along with the text. The platform fetches it from its URL, or postd does where the platform
/// takes bytes only.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Media {
    /// A public https address without login or redirect.
    pub url: Url,
    /// What kind of file stands there.
    pub kind: MediaKind,
    /// A description for those who cannot see it. Left out where the platform has no place for one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alt_text: Option<String>,
    /// A title of its own, for a video or a document. Left out where the platform has no place for one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// The public https address of a picture that stands for a video until it is played. Left out where the platform has no
    /// place for one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub thumbnail: Option<Url>,
}

/// What kind of file it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum MediaKind {
    /// A picture, moving ones (GIF) included.
    Image,
    /// A video.
    Video,
    /// A document of pages, such as a PDF.
    Document,
}

impl MediaKind {
    /// The stable name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Image => "image",
            Self::Video => "video",
            Self::Document => "document",
        }
    }
}

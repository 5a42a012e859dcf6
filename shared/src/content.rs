//! What a post says: the same shape for every platform; a connector's preflight says what it cannot carry.

use std::fmt;

use serde::{Deserialize, Serialize};
use url::Url;

use crate::ids::MediaId;

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
    /// A public https address without login or redirect, or `media:` and the id of a file that was uploaded to postd.
    pub url: Url,
    /// What kind of file stands there.
    pub kind: MediaKind,
    /// A description for those who cannot see it. Left out where the platform has no place for one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alt_text: Option<String>,
    /// A title of its own, for a video or a document. Left out where the platform has no place for one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// The address, of either kind, of a picture that stands for a video until it is played. Left out where the platform has
    /// no place for one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub thumbnail: Option<Url>,
    /// What postd has found out for this one use: told by no caller, and kept nowhere.
    #[serde(skip)]
    pub known: Known,
}

/// What is known of a file besides what its post says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Known {
    /// The facts of an upload, where they were looked up.
    pub facts: Option<Facts>,
    /// Where an upload can be had for a while.
    pub address: Option<SignedUrl>,
    /// The same for the thumbnail.
    pub thumbnail: Option<SignedUrl>,
}

/// An address that opens a file to whoever has it: it goes to the platform, and into no log and no table.
#[derive(Clone, PartialEq, Eq)]
pub struct SignedUrl(Url);

impl SignedUrl {
    /// Only what is signed for our own bucket is one.
    pub(crate) fn new(url: Url) -> Self {
        Self(url)
    }

    /// The address with its signature.
    #[must_use]
    pub fn expose(&self) -> &Url {
        &self.0
    }
}

impl fmt::Debug for SignedUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "SignedUrl(at {})", self.0.host_str().unwrap_or("-"))
    }
}

/// What the bytes of a file say of it. What they do not say is absent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Facts {
    /// Its media type, such as `image/jpeg`.
    pub content_type: String,
    /// How many bytes it has.
    pub bytes: u64,
    /// How many pixels wide it is shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub width: Option<u32>,
    /// How many pixels high it is shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub height: Option<u32>,
    /// How long it plays, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration_ms: Option<u64>,
}

impl Facts {
    /// Width and height, if both are known.
    #[must_use]
    pub fn size(&self) -> Option<(u32, u32)> {
        Some((self.width?, self.height?))
    }
}

impl Media {
    /// Where the file can be had: an upload where it was signed for, anything else where its post says.
    #[must_use]
    pub fn address(&self) -> &Url {
        self.known.address.as_ref().map_or(&self.url, SignedUrl::expose)
    }

    /// Where the thumbnail can be had.
    #[must_use]
    pub fn thumbnail_address(&self) -> Option<&Url> {
        self.known.thumbnail.as_ref().map(SignedUrl::expose).or(self.thumbnail.as_ref())
    }

    /// Whether a platform that fetches from https addresses alone will be given such an address.
    #[must_use]
    pub fn can_be_fetched(&self) -> bool {
        is_fetchable(&self.url)
    }

    /// The same for the thumbnail; one that is not there is in nobody's way.
    #[must_use]
    pub fn thumbnail_can_be_fetched(&self) -> bool {
        self.thumbnail.as_ref().is_none_or(is_fetchable)
    }
}

/// Uploads are had from S3, over https; in the local cloud from this machine.
fn is_fetchable(url: &Url) -> bool {
    url.scheme() == "https" || is_upload(url)
}

/// What the addresses of uploads begin with.
pub const UPLOAD_SCHEME: &str = "media";

/// Whether an address is meant to be an upload's.
#[must_use]
pub fn is_upload(url: &Url) -> bool {
    url.scheme() == UPLOAD_SCHEME
}

/// The upload that an address names; `None` if it names none.
#[must_use]
pub fn upload_of(url: &Url) -> Option<MediaId> {
    url.as_str().strip_prefix("media:")?.parse().ok()
}

impl Content {
    /// Everything that is an address of an upload, or meant to be one: where it stands in the content, and what it says.
    pub fn uploads(&self) -> impl Iterator<Item = (String, &Url)> {
        self.media.iter().enumerate().flat_map(|(index, media)| {
            let file = (format!("/media/{index}/url"), &media.url);
            let thumbnail = media.thumbnail.iter().map(move |url| (format!("/media/{index}/thumbnail"), url));
            std::iter::once(file).chain(thumbnail).filter(|(_, url)| is_upload(url))
        })
    }
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

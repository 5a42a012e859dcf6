//! What only a Facebook Page knows.

use serde::{Deserialize, Serialize};

/// Options for a Facebook Page.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct FacebookOptions {
    /// The id of a Page with a location, which the post is shown with. Not for a video in the feed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<String>,
    /// Where a video is shown. Absent: in the feed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub placement: Option<FacebookPlacement>,
    /// How a video gets to Facebook. Absent: Facebook fetches it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<FacebookSource>,
    /// Labels a video as made by artificial intelligence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub is_ai_generated: Option<bool>,
}

/// Where a video is shown.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum FacebookPlacement {
    /// Among the posts of the Page.
    #[default]
    Feed,
    /// Among the reels: 3 to 90 seconds, upright (9:16), at least 540 by 960 pixels.
    Reel,
}

/// How a video gets to Facebook.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum FacebookSource {
    /// Facebook fetches it from its address: up to 1 GB and 20 minutes.
    #[default]
    PullFromUrl,
    /// postd sends it: a larger video, or one whose fate can be told exactly after a lost answer.
    FileUpload,
}

//! What only Instagram knows.

use serde::{Deserialize, Serialize};

/// Options for an Instagram account.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct InstagramOptions {
    /// Where the post is shown. Without it, one video is a reel and everything else stands in the feed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub placement: Option<InstagramPlacement>,
    /// Whether a reel is shown in the feed as well.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub share_to_feed: Option<bool>,
    /// Which moment of a reel stands for it, in milliseconds. A thumbnail wins over it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub thumb_offset: Option<u32>,
    /// A name for the sound of a reel.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub audio_name: Option<String>,
    /// Names of up to three accounts that are asked to be shown as authors as well.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub collaborators: Vec<String>,
    /// Accounts that are marked in a single picture.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub user_tags: Vec<InstagramUserTag>,
    /// The id of a place, which is the id of a Page with a location.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub location: Option<String>,
    /// Shows a reel to people who do not follow the account first, and decides by this when others see it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trial: Option<InstagramTrial>,
    /// Whether the post is labelled as made by artificial intelligence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub is_ai_generated: Option<bool>,
}

/// Where a post is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum InstagramPlacement {
    /// A picture or a carousel in the feed.
    Feed,
    /// A video among the reels.
    Reel,
    /// A picture or video that is shown for a day.
    Story,
}

/// An account that is marked in a picture.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct InstagramUserTag {
    /// Its name, without `@`.
    pub username: String,
    /// Where, from the left, in thousandths of the width.
    pub x: u16,
    /// Where, from the top, in thousandths of the height.
    pub y: u16,
}

/// When a trial reel is shown to everybody.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum InstagramTrial {
    /// When the account's owner says so.
    Manual,
    /// When it does well.
    Performance,
}

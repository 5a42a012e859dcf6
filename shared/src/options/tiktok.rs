//! What only TikTok knows. Its rules for apps forbid to choose for the person: privacy, and what others may do with a post,
//! have no default.

use serde::{Deserialize, Serialize};

/// Options for a TikTok account.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct TiktokOptions {
    /// Whether the post goes out, or into the inbox as a draft that the person finishes in the app. Absent: it goes out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<TiktokMode>,
    /// How a video gets to TikTok. Absent: postd uploads it. Photos are always fetched by TikTok.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<TiktokSource>,
    /// Who may see the post. Needed for a post that goes out; one of those that the account offers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub privacy_level: Option<TiktokPrivacy>,
    /// Whether others may comment. Needed for a post that goes out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub allow_comment: Option<bool>,
    /// Whether others may make duets with it. Needed for a video that goes out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub allow_duet: Option<bool>,
    /// Whether others may stitch it. Needed for a video that goes out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub allow_stitch: Option<bool>,
    /// A paid partnership. Absent: it is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub brand_content: Option<bool>,
    /// Promotes the account's own business. Absent: it does not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub brand_organic: Option<bool>,
    /// Labels the video as made by AI.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ai_generated: Option<bool>,
    /// The frame that a video is shown with, in milliseconds from its start. Absent: the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cover_timestamp_ms: Option<u32>,
    /// The title of a photo post, above its text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// Which photo is shown first, from 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub photo_cover_index: Option<u32>,
    /// Whether TikTok adds music to photos.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auto_add_music: Option<bool>,
}

/// Whether a post goes out or becomes a draft.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum TiktokMode {
    /// It goes out.
    #[default]
    Direct,
    /// It becomes a draft in the person's inbox.
    Inbox,
}

/// How a video gets to TikTok.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum TiktokSource {
    /// postd uploads it.
    #[default]
    FileUpload,
    /// TikTok fetches it, from a domain that is verified in its developer portal.
    PullFromUrl,
}

/// Who may see a post, in TikTok's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum TiktokPrivacy {
    /// Everyone; public accounts only.
    PublicToEveryone,
    /// Friends: who follows and is followed.
    MutualFollowFriends,
    /// Followers; private accounts only.
    FollowerOfCreator,
    /// The account's owner.
    SelfOnly,
}

impl TiktokPrivacy {
    /// TikTok's word for it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::PublicToEveryone => "PUBLIC_TO_EVERYONE",
            Self::MutualFollowFriends => "MUTUAL_FOLLOW_FRIENDS",
            Self::FollowerOfCreator => "FOLLOWER_OF_CREATOR",
            Self::SelfOnly => "SELF_ONLY",
        }
    }
}

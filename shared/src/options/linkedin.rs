//! What only LinkedIn knows.

use serde::{Deserialize, Serialize};

/// Options for a LinkedIn member or Page.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct LinkedinOptions {
    /// Who sees the post; everybody if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub visibility: Option<LinkedinVisibility>,
    /// Whether nobody may reshare the post.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub reshare_disabled: bool,
    /// Who is meant by an `@name` in the text.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub mentions: Vec<LinkedinMention>,
    /// The title of the card that shows the link; its host if absent. LinkedIn does not look for one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub article_title: Option<String>,
    /// The description of the card that shows the link.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub article_description: Option<String>,
    /// A question to the readers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub poll: Option<LinkedinPoll>,
}

/// Who sees a post.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum LinkedinVisibility {
    /// Everybody.
    Public,
    /// The member's connections; not for Pages.
    Connections,
    /// Everybody who is logged in.
    LoggedIn,
}

/// A mention: `@` and the name in the text become a link.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct LinkedinMention {
    /// The name exactly as LinkedIn has it, which stands in the text behind an `@`.
    pub name: String,
    /// `urn:li:organization:…` or `urn:li:person:…`.
    pub urn: String,
}

/// A poll.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct LinkedinPoll {
    /// Up to 140 characters.
    pub question: String,
    /// Two to four, up to 30 characters each.
    pub options: Vec<String>,
    /// How long it is open.
    pub duration: LinkedinPollDuration,
}

/// How long a poll is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum LinkedinPollDuration {
    /// One day.
    OneDay,
    /// Three days.
    ThreeDays,
    /// A week.
    SevenDays,
    /// Two weeks.
    FourteenDays,
}

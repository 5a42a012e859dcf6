//! What a caller sends. Unknown fields are refused: a misspelt `schedule` must not publish at once.

use serde::{Deserialize, Deserializer, Serialize};

use crate::{
    content::Content,
    ids::{ConnectionId, TargetId},
    options::Options,
    schedule::Schedule,
};

/// A post to publish.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct NewPost {
    /// What to publish.
    pub content: Content,
    /// Where to: 1 to 50 targets.
    pub targets: Vec<NewTarget>,
    /// When; at once if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schedule: Option<Schedule>,
    /// Past this instant (RFC 3339 with an offset) nothing goes out any more. Six hours after its time if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_after: Option<String>,
    /// Whether it may go out although another post says the same at the same destination at about the same time. Only
    /// of interest where the operator has set a window for duplicates.
    #[serde(default, skip_serializing_if = "is_false")]
    pub allow_duplicate: bool,
}

/// A post among many.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct NewBulkPost {
    /// Names this post among all that the tenant sends in bulk: 1 to 255 visible ASCII characters.
    #[cfg_attr(feature = "openapi", schema(min_length = 1, max_length = 255, pattern = "^[!-~]+$"))]
    pub idempotency_key: String,
    /// What to publish.
    pub content: Content,
    /// Where to: 1 to 50 targets.
    pub targets: Vec<NewTarget>,
    /// When; at once if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schedule: Option<Schedule>,
    /// Past this instant (RFC 3339 with an offset) nothing goes out any more. Six hours after its time if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_after: Option<String>,
    /// Whether it may go out although another post says the same at the same destination at about the same time. Only
    /// of interest where the operator has set a window for duplicates.
    #[serde(default, skip_serializing_if = "is_false")]
    pub allow_duplicate: bool,
}

impl NewBulkPost {
    /// The key, and the post as it would be sent alone.
    #[must_use]
    pub fn split(self) -> (String, NewPost) {
        let Self { idempotency_key, content, targets, schedule, not_after, allow_duplicate } = self;
        (idempotency_key, NewPost { content, targets, schedule, not_after, allow_duplicate })
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the shape that serde wants")]
fn is_false(value: &bool) -> bool {
    !*value
}

/// One place to publish to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct NewTarget {
    /// The connection.
    #[cfg_attr(feature = "openapi", schema(value_type = String, example = "con_0193f0a1b2c37d4e8f90a1b2c3d4e5f6"))]
    pub connection: ConnectionId,
    /// The platform's id of the destination; may be left out where the connection has one only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub destination: Option<String>,
    /// What to publish here instead of the post's content.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content: Option<Content>,
    /// What only the connection's platform knows, under the platform's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub options: Option<Options>,
}

/// What shall change of a post. What is not named stays as it is; at least one field must be named. The places that a post
/// goes to cannot change: cancel it and create another.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct PostChanges {
    /// What to publish instead, as a whole.
    #[serde(default, deserialize_with = "named")]
    #[cfg_attr(feature = "openapi", schema(value_type = Content, required = false))]
    pub content: Option<Content>,
    /// When instead; at once if null.
    #[serde(default, deserialize_with = "named")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<Schedule>))]
    pub schedule: Option<Option<Schedule>>,
    /// Past this instant nothing goes out any more; six hours after the time of the post if null. What was once chosen stays
    /// when the time of the post changes; what was not moves with it.
    #[serde(default, deserialize_with = "named")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>))]
    pub not_after: Option<Option<String>>,
    /// Content for single targets alone.
    #[serde(default)]
    pub targets: Vec<TargetChange>,
}

/// What shall change of one target. What is not named stays as it is; at least one field must be named.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct TargetChange {
    /// Which: `t1`, `t2`, …
    #[cfg_attr(feature = "openapi", schema(value_type = String, example = "t1"))]
    pub target: TargetId,
    /// What to publish here instead of the post's content; the post's content if null.
    #[serde(default, deserialize_with = "named")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<Content>))]
    pub content: Option<Option<Content>>,
    /// What only the connection's platform knows; nothing if null.
    #[serde(default, deserialize_with = "named")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<Options>))]
    pub options: Option<Option<Options>>,
}

/// Tells a field that is null from one that is not there.
fn named<'de, T: Deserialize<'de>, D: Deserializer<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

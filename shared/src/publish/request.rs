//! What a caller sends. Unknown fields are refused: a misspelt `schedule` must not publish at once.

use serde::{Deserialize, Serialize};

use crate::{content::Content, ids::ConnectionId, schedule::Schedule};

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
}

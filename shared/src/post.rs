//! A post: what the caller asked for, written once.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    content::Content,
    ids::{ConnectionId, KeyId, PostId, TargetId},
    platform::Platform,
    schedule::Schedule,
};

/// How many targets one post may have.
pub const MAX_TARGETS: usize = 50;

/// What the caller asked for. It does not change after it was accepted; what becomes of it lives in its targets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Post {
    /// The id; derived from tenant, route and key where the caller gave an `Idempotency-Key`.
    pub id: PostId,
    /// Rises with every edit; a job for another version is stale.
    pub version: u64,
    /// What to publish, unless a target says otherwise.
    pub content: Content,
    /// Where to, in the caller's order.
    pub targets: Vec<TargetSpec>,
    /// When it was accepted, to the millisecond.
    #[serde(with = "jiff::fmt::serde::timestamp::millisecond::required")]
    pub created_at: Timestamp,
    /// When it shall go out; at once if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub planned: Option<Planned>,
    /// Past this it does not go out any more.
    #[serde(with = "jiff::fmt::serde::timestamp::millisecond::required")]
    pub not_after: Timestamp,
    /// Whose key it came with.
    pub accepted_by: KeyId,
    /// SHA-256 of the canonical request, in hexadecimal digits: tells a replay from another post under the same key.
    pub request_fingerprint: String,
}

/// A schedule as written and as resolved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Planned {
    /// What the caller wrote.
    pub schedule: Schedule,
    /// The instant that it means.
    #[serde(with = "jiff::fmt::serde::timestamp::millisecond::required")]
    pub at: Timestamp,
}

/// Where a post goes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TargetSpec {
    /// The connection's platform.
    pub platform: Platform,
    /// The connection.
    pub connection: ConnectionId,
    /// The platform's id of the destination.
    pub destination: String,
    /// Content for this target alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content: Option<Content>,
}

impl Post {
    /// The targets with their ids.
    pub fn targets(&self) -> impl Iterator<Item = (TargetId, &TargetSpec)> {
        self.targets.iter().enumerate().filter_map(|(index, spec)| Some((TargetId::at(index)?, spec)))
    }

    /// One target by its id.
    #[must_use]
    pub fn target(&self, id: TargetId) -> Option<&TargetSpec> {
        self.targets.get(id.index())
    }

    /// What goes out at `spec`.
    #[must_use]
    pub fn content_for<'a>(&'a self, spec: &'a TargetSpec) -> &'a Content {
        spec.content.as_ref().unwrap_or(&self.content)
    }
}

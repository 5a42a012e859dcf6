//! A post: what the caller asked for, and how that was changed before anything of it began.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    connector::Prepared,
    content::Content,
    ids::{ConnectionId, KeyId, PostId, TargetId},
    options::Options,
    platform::{AppOwner, Platform},
    schedule::{DEFAULT_PATIENCE, Schedule},
};

/// How many targets one post may have.
pub const MAX_TARGETS: usize = 50;

/// What the caller asked for. An edit writes it anew under the next version, as long as nothing of it has begun; what
/// becomes of it lives in its targets.
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
    /// Whether the caller chose `not_after`: then an edit of the time leaves it alone.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub not_after_given: bool,
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
    /// Whose app the connection was made with, so that whoever publishes need not read the connection.
    #[serde(default, skip_serializing_if = "AppOwner::is_shared")]
    pub app: AppOwner,
    /// What only its platform knows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub options: Option<Options>,
}

/// What an edit may change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// The content that all targets share.
    Content,
    /// The time.
    Schedule,
    /// The time past which nothing goes out.
    NotAfter,
    /// The content of a target alone.
    TargetContent,
    /// What a target says beyond its content.
    TargetOptions,
}

impl Part {
    /// In a sentence.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Content => "the content",
            Self::Schedule => "the schedule",
            Self::NotAfter => "not_after",
            Self::TargetContent => "the content of single targets",
            Self::TargetOptions => "the options of single targets",
        }
    }
}

/// One edit: who made which version, when, and what of it is new.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Edit {
    /// The version that it made.
    pub version: u64,
    /// When.
    #[serde(with = "jiff::fmt::serde::timestamp::millisecond::required")]
    pub at: Timestamp,
    /// With whose key.
    pub by: KeyId,
    /// What the request named.
    pub changed: Vec<Part>,
    /// When the post goes out since then, if not at once.
    #[serde(
        default,
        with = "jiff::fmt::serde::timestamp::millisecond::optional",
        skip_serializing_if = "Option::is_none"
    )]
    pub planned_at: Option<Timestamp>,
}

impl Post {
    /// Whether `not_after` is the caller's own choice, and not what follows from the post's time. Rows of the first
    /// builds do not say it; there it shows in the times.
    #[must_use]
    pub fn has_own_not_after(&self) -> bool {
        let goes_out = self.planned.as_ref().map_or(self.created_at, |planned| planned.at.max(self.created_at));
        self.not_after_given || (self.version == 1 && self.not_after != default_not_after(goes_out))
    }

    /// The targets with their ids.
    pub fn targets(&self) -> impl Iterator<Item = (TargetId, &TargetSpec)> {
        self.targets.iter().enumerate().filter_map(|(index, spec)| Some((TargetId::at(index)?, spec)))
    }

    /// One target by its id.
    #[must_use]
    pub fn target(&self, id: TargetId) -> Option<&TargetSpec> {
        self.targets.get(id.index())
    }

    /// What goes out at `spec`, as its connector takes it.
    #[must_use]
    pub fn prepared(&self, target: TargetId, spec: &TargetSpec) -> Prepared {
        Prepared {
            destination: spec.destination.clone(),
            content: self.content_for(spec).clone(),
            options: spec.options.clone(),
            marker: format!("{}-{target}", self.id),
        }
    }

    /// What goes out at `spec`.
    #[must_use]
    pub fn content_for<'a>(&'a self, spec: &'a TargetSpec) -> &'a Content {
        spec.content.as_ref().unwrap_or(&self.content)
    }
}

/// Until when a post may go out whose caller did not say.
#[must_use]
pub fn default_not_after(goes_out: Timestamp) -> Timestamp {
    goes_out.saturating_add(DEFAULT_PATIENCE).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A post as the first builds wrote it.
    fn stored(version: u64, not_after: &str) -> Post {
        let not_after = not_after.parse::<Timestamp>().unwrap().as_millisecond();
        let row = format!(
            r#"{{"id":"post_00000000000000000000000000000002","version":{version},"content":{{"text":"x"}},"targets":[],
                "created_at":1795255200000,"planned":{{"schedule":{{"at":"2026-11-21T13:00:00Z"}},"at":1795266000000}},
                "not_after":{not_after},"accepted_by":"key_00000000000000000000000000000004","request_fingerprint":"f"}}"#
        );
        serde_json::from_str(&row).unwrap()
    }

    #[test]
    fn f83_a_row_of_the_first_builds_tells_whether_its_end_was_chosen() {
        assert!(!stored(1, "2026-11-21T19:00:00Z").has_own_not_after(), "six hours after its time");
        assert!(stored(1, "2026-11-21T18:59:59Z").has_own_not_after());
        assert!(!stored(2, "2026-11-21T18:59:59Z").has_own_not_after(), "an edit says it");
    }
}

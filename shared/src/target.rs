//! A target: a post at one destination, the unit of work, retry and outcome.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use url::Url;

use crate::{
    connector::{Checkpoint, Published, Refusal},
    defect::Defect,
    ids::{ConnectionId, KeyId, PostId, TargetId},
    platform::Platform,
    post::Post,
    removal::{Removal, RemovalState},
};

/// Where a target stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Waits for its time.
    Scheduled,
    /// Waits for a consumer.
    Queued,
    /// A consumer is at work on it.
    Running,
    /// The platform is processing it, or its connection needs its owner; no attempt is spent.
    Waiting,
    /// An attempt failed and nothing went out; another follows.
    Retrying,
    /// Nobody saw the end of a publish; the platform will be asked.
    Unknown,
    /// The platform could not tell either; a person must.
    NeedsReview,
    /// It is out.
    Published,
    /// It will not go out: a dead letter.
    Failed,
    /// The caller called it off.
    Cancelled,
    /// Its time ran out before it could go out.
    Expired,
}

impl State {
    /// Every state.
    pub const ALL: [Self; 11] = [
        Self::Scheduled,
        Self::Queued,
        Self::Running,
        Self::Waiting,
        Self::Retrying,
        Self::Unknown,
        Self::NeedsReview,
        Self::Published,
        Self::Failed,
        Self::Cancelled,
        Self::Expired,
    ];

    /// The name, as it is stored and shown.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Scheduled => "scheduled",
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Waiting => "waiting",
            Self::Retrying => "retrying",
            Self::Unknown => "unknown",
            Self::NeedsReview => "needs_review",
            Self::Published => "published",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
            Self::Expired => "expired",
        }
    }

    /// Whether nothing more will happen by itself.
    #[must_use]
    pub const fn is_settled(self) -> bool {
        match self {
            Self::NeedsReview | Self::Published | Self::Failed | Self::Cancelled | Self::Expired => true,
            Self::Scheduled | Self::Queued | Self::Running | Self::Waiting | Self::Retrying | Self::Unknown => false,
        }
    }

    /// Whether the caller may still call it off: nothing is at work and nothing may be out.
    #[must_use]
    pub const fn is_cancellable(self) -> bool {
        match self {
            Self::Scheduled | Self::Queued | Self::Waiting | Self::Retrying => true,
            Self::Running
            | Self::Unknown
            | Self::NeedsReview
            | Self::Published
            | Self::Failed
            | Self::Cancelled
            | Self::Expired => false,
        }
    }
}

/// The promise on disk that a publish is about to be sent: a target with one is never simply sent again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Intent {
    /// Which call of the publish this is, counted from 1.
    pub step: u32,
    /// SHA-256 of destination and content, in hexadecimal digits.
    pub fingerprint: String,
    /// When it was written, just before the call.
    #[serde(with = "jiff::fmt::serde::timestamp::millisecond::required")]
    pub at: Timestamp,
    /// Whether the platform answered it and is processing the post: it is watched by its checkpoint, and never sent again.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub answered: bool,
}

/// A target as it is stored. The row comes to be with the first thing that happens to it: a schedule, a claim, a
/// cancellation. A target without a row is queued.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Target {
    /// The post.
    pub post: PostId,
    /// Which of its targets.
    pub target: TargetId,
    /// The post's version that this row stands for.
    pub version: u64,
    /// Where it stands.
    pub state: State,
    /// Rises with every claim; whoever holds an older number has lost.
    pub fence: u64,
    /// The platform.
    pub platform: Platform,
    /// The connection.
    pub connection: ConnectionId,
    /// The platform's id of the destination.
    pub destination: String,
    /// When the post was accepted.
    #[serde(with = "jiff::fmt::serde::timestamp::millisecond::required")]
    pub created_at: Timestamp,
    /// When this row last changed.
    #[serde(with = "jiff::fmt::serde::timestamp::millisecond::required")]
    pub updated_at: Timestamp,
    /// How many attempts were made.
    #[serde(default)]
    pub attempts: u32,
    /// Whose claim this is; recognises our own write when its answer was lost.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// Until when the claim holds.
    #[serde(
        default,
        with = "jiff::fmt::serde::timestamp::millisecond::optional",
        skip_serializing_if = "Option::is_none"
    )]
    pub lease_until: Option<Timestamp>,
    /// Not to be claimed before this.
    #[serde(
        default,
        with = "jiff::fmt::serde::timestamp::millisecond::optional",
        skip_serializing_if = "Option::is_none"
    )]
    pub not_before: Option<Timestamp>,
    /// The publish that may have been sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub intent: Option<Intent>,
    /// What the connector remembers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checkpoint: Option<Checkpoint>,
    /// The platform's id of the post.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remote_id: Option<String>,
    /// Where people see it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<Url>,
    /// Why it stands where it stands, if something went wrong.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Refusal>,
    /// When the first attempt began.
    #[serde(
        default,
        with = "jiff::fmt::serde::timestamp::millisecond::optional",
        skip_serializing_if = "Option::is_none"
    )]
    pub started_at: Option<Timestamp>,
    /// Whose key called it off.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cancelled_by: Option<KeyId>,
    /// What a person said became of it, the last time that one was asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resolved: Option<Resolved>,
    /// Past this it does not go out any more, whatever its post says: given when it was sent back to work.
    #[serde(
        default,
        with = "jiff::fmt::serde::timestamp::millisecond::optional",
        skip_serializing_if = "Option::is_none"
    )]
    pub not_after: Option<Timestamp>,
    /// When it was last sent back to work as a dead letter.
    #[serde(
        default,
        with = "jiff::fmt::serde::timestamp::millisecond::optional",
        skip_serializing_if = "Option::is_none"
    )]
    pub redriven_at: Option<Timestamp>,
    /// Its being taken down, once it was published.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub removal: Option<Removal>,
}

impl Target {
    /// The removal that postd is to carry out, if there is one.
    #[must_use]
    pub fn removal_to_do(&self) -> Option<&Removal> {
        let published = self.state == State::Published;
        self.removal.as_ref().filter(|removal| published && removal.state == RemovalState::Requested)
    }

    /// Whether nothing has ever begun on it: neither a consumer nor a caller has decided anything.
    #[must_use]
    pub fn is_untouched(&self) -> bool {
        self.fence == 0 && matches!(self.state, State::Scheduled | State::Queued)
    }

    /// Past this it does not go out any more.
    #[must_use]
    pub fn not_after(&self, post: &Post) -> Timestamp {
        if Defect::IgnoresNotAfter.is_present() {
            return Timestamp::MAX;
        }
        self.not_after.unwrap_or(post.not_after)
    }
}

/// What a person found at the platform.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// It is out.
    Published,
    /// It is not out.
    NotPublished,
}

/// A person's last answer to the question what became of a target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resolved {
    /// What.
    pub answer: Answer,
    /// With whose key.
    pub by: KeyId,
    /// When.
    #[serde(with = "jiff::fmt::serde::timestamp::millisecond::required")]
    pub at: Timestamp,
    /// Under which `Idempotency-Key`: repeated, it does not answer the same question when it comes up anew.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
}

impl Target {
    /// Whether its publish was sent and answered, and only the outcome is awaited.
    #[must_use]
    pub fn publish_answered(&self) -> bool {
        self.intent.as_ref().is_some_and(|intent| intent.answered)
    }

    /// How long ago a publish was sent whose outcome has been awaited ever since.
    #[must_use]
    pub fn watched_for(&self, now: Timestamp) -> SignedDuration {
        let watched = self.intent.as_ref().filter(|intent| intent.answered);
        watched.map_or(SignedDuration::ZERO, |intent| now.duration_since(intent.at))
    }
}

/// How an attempt leaves its target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Settlement {
    /// It is out.
    Published(Published),
    /// Come back then; no attempt is spent.
    Waiting {
        /// When.
        until: Timestamp,
        /// What the connector remembers.
        checkpoint: Checkpoint,
        /// Whether its publish was answered, so that only the outcome is awaited.
        publish_answered: bool,
        /// Why, if it is not simply the platform's processing.
        reason: Option<Refusal>,
        /// Whether the owner of its connection has to connect again: doing so ends the wait.
        needs_owner: bool,
    },
    /// Nothing went out; try again then.
    Retrying {
        /// When.
        until: Timestamp,
        /// Why.
        reason: Refusal,
    },
    /// Nobody saw the end; ask the platform then.
    Unknown {
        /// When its listing can be trusted.
        until: Timestamp,
        /// What happened.
        reason: Refusal,
    },
    /// The platform proved that nothing went out; send it again.
    Queued {
        /// Why it is here once more.
        reason: Refusal,
        /// Whether it goes on from what it remembers; otherwise it begins anew.
        goes_on: bool,
    },
    /// The platform cannot tell.
    NeedsReview(Refusal),
    /// It will not go out.
    Failed(Refusal),
    /// Its time ran out.
    Expired(Refusal),
}

impl Settlement {
    /// The state that it leads to.
    #[must_use]
    pub const fn state(&self) -> State {
        match self {
            Self::Published(_) => State::Published,
            Self::Waiting { .. } => State::Waiting,
            Self::Retrying { .. } => State::Retrying,
            Self::Unknown { .. } => State::Unknown,
            Self::Queued { .. } => State::Queued,
            Self::NeedsReview(_) => State::NeedsReview,
            Self::Failed(_) => State::Failed,
            Self::Expired(_) => State::Expired,
        }
    }

    /// Why, where something went wrong.
    #[must_use]
    pub const fn reason(&self) -> Option<&Refusal> {
        match self {
            Self::Published(_) => None,
            Self::Waiting { reason, .. } => reason.as_ref(),
            Self::Retrying { reason, .. }
            | Self::Unknown { reason, .. }
            | Self::Queued { reason, .. }
            | Self::NeedsReview(reason)
            | Self::Failed(reason)
            | Self::Expired(reason) => Some(reason),
        }
    }

    /// The same, and not waiting past `end`. What the platform has taken is watched for as long as that takes, and what
    /// nobody knows is asked about.
    #[must_use]
    pub fn no_later_than(mut self, end: Timestamp) -> Self {
        match &mut self {
            Self::Waiting { until, publish_answered: false, .. } | Self::Retrying { until, .. } => {
                *until = (*until).min(end);
            }
            Self::Waiting { .. }
            | Self::Unknown { .. }
            | Self::Queued { .. }
            | Self::NeedsReview(_)
            | Self::Published(_)
            | Self::Failed(_)
            | Self::Expired(_) => {}
        }
        self
    }

    /// Not to be claimed before this.
    #[must_use]
    pub const fn until(&self) -> Option<Timestamp> {
        match self {
            Self::Waiting { until, .. } | Self::Retrying { until, .. } | Self::Unknown { until, .. } => Some(*until),
            Self::Published(_) | Self::Queued { .. } | Self::NeedsReview(_) | Self::Failed(_) | Self::Expired(_) => {
                None
            }
        }
    }
}

/// One line of a target's history beyond what its row tells: written only when something went wrong, had to wait, or was
/// decided by a person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogEntry {
    /// Which target.
    pub target: TargetId,
    /// The claim that it belongs to.
    pub fence: u64,
    /// When.
    #[serde(with = "jiff::fmt::serde::timestamp::millisecond::required")]
    pub at: Timestamp,
    /// The state that it led to.
    pub state: State,
    /// Which attempt it was.
    pub attempt: u32,
    /// Whose key brought it about; if absent, postd or the platform did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<KeyId>,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Refusal>,
    /// When it goes on.
    #[serde(
        default,
        with = "jiff::fmt::serde::timestamp::millisecond::optional",
        skip_serializing_if = "Option::is_none"
    )]
    pub until: Option<Timestamp>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_is_stored_under_its_name() {
        for state in State::ALL {
            assert_eq!(serde_json::to_value(state).unwrap(), state.name());
        }
    }

    #[test]
    fn f83_rows_of_the_first_builds_are_read() {
        let entry: LogEntry = serde_json::from_str(
            r#"{"target":"t1","fence":3,"at":1795255200000,"state":"retrying","attempt":1,"until":1795255201000}"#,
        )
        .unwrap();
        assert_eq!((entry.fence, entry.by), (3, None));
        let target: Target = serde_json::from_str(
            r#"{"post":"post_00000000000000000000000000000002","target":"t1","version":1,"state":"cancelled","fence":1,
                "platform":"facebook","connection":"con_00000000000000000000000000000003","destination":"1",
                "created_at":1795255200000,"updated_at":1795255200000}"#,
        )
        .unwrap();
        assert_eq!((target.state, target.cancelled_by, target.resolved), (State::Cancelled, None, None));
    }

    #[test]
    fn what_is_settled_cannot_be_cancelled() {
        assert!(State::ALL.into_iter().all(|state| !(state.is_settled() && state.is_cancellable())));
    }
}

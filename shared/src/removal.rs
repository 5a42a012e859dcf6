//! Taking a published target down: what was asked, by whom, and what has come of it.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::{connector::Refusal, ids::KeyId};

/// Where a removal stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum RemovalState {
    /// It was asked for, and postd is at it.
    Requested,
    /// The post is not at the platform any more.
    Removed,
    /// The platform refused: the post is out.
    Failed,
    /// The platform does not let postd do it: somebody has to do it there.
    Unsupported,
    /// The platform never answered: the post may be out or not. Asking again does no harm.
    Unknown,
}

impl RemovalState {
    /// The name, as it is stored and shown.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Requested => "requested",
            Self::Removed => "removed",
            Self::Failed => "failed",
            Self::Unsupported => "unsupported",
            Self::Unknown => "unknown",
        }
    }

    /// Whether asking once more changes anything.
    #[must_use]
    pub const fn may_be_asked_again(self) -> bool {
        match self {
            Self::Failed | Self::Unsupported | Self::Unknown => true,
            Self::Requested | Self::Removed => false,
        }
    }
}

/// The removal of one target, as it is stored in the target's row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Removal {
    /// Where it stands.
    pub state: RemovalState,
    /// Rises with every request and every try; whoever holds an older number has lost.
    pub fence: u64,
    /// How many tries have failed since it was asked for.
    #[serde(default)]
    pub attempts: u32,
    /// Whose key asked for it; nobody's if the platform told by itself that the post is gone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<KeyId>,
    /// When it was asked for, or told.
    #[serde(with = "jiff::fmt::serde::timestamp::millisecond::required")]
    pub since: Timestamp,
    /// When it last changed.
    #[serde(with = "jiff::fmt::serde::timestamp::millisecond::required")]
    pub at: Timestamp,
    /// Nobody tries before this.
    #[serde(
        default,
        with = "jiff::fmt::serde::timestamp::millisecond::optional",
        skip_serializing_if = "Option::is_none"
    )]
    pub next_at: Option<Timestamp>,
    /// What is in the way, or was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<Refusal>,
}

impl Removal {
    /// A new wish, after `earlier`.
    #[must_use]
    pub fn asked(earlier: Option<&Self>, by: KeyId, now: Timestamp) -> Self {
        let fence = earlier.map_or(0, |earlier| earlier.fence).saturating_add(1);
        let state = RemovalState::Requested;
        Self { state, fence, attempts: 0, by: Some(by), since: now, at: now, next_at: None, problem: None }
    }

    /// Somebody tries, and nobody else does before `lease_until`.
    #[must_use]
    pub fn claimed(&self, lease_until: Timestamp, now: Timestamp) -> Self {
        Self { fence: self.fence.saturating_add(1), at: now, next_at: Some(lease_until), ..self.clone() }
    }

    /// How it ends.
    #[must_use]
    pub fn ended(&self, state: RemovalState, problem: Option<Refusal>, now: Timestamp) -> Self {
        Self { state, at: now, next_at: None, problem, ..self.clone() }
    }

    /// The platform has told that the post is gone: whatever was asked before is done.
    #[must_use]
    pub fn told(earlier: Option<&Self>, now: Timestamp) -> Self {
        match earlier {
            Some(earlier) => {
                Self { fence: earlier.fence.saturating_add(1), ..earlier.ended(RemovalState::Removed, None, now) }
            }
            None => Self {
                state: RemovalState::Removed,
                fence: 1,
                attempts: 0,
                by: None,
                since: now,
                at: now,
                next_at: None,
                problem: None,
            },
        }
    }

    /// It stands still until then.
    #[must_use]
    pub fn waiting(&self, until: Timestamp, problem: Refusal, now: Timestamp) -> Self {
        Self { at: now, next_at: Some(until), problem: Some(problem), ..self.clone() }
    }

    /// How long it has been wanted.
    #[must_use]
    pub fn age(&self, now: Timestamp) -> SignedDuration {
        now.duration_since(self.since)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_is_stored_under_its_name() {
        use RemovalState::{Failed, Removed, Requested, Unknown, Unsupported};
        for state in [Requested, Removed, Failed, Unsupported, Unknown] {
            assert_eq!(serde_json::to_value(state).unwrap(), state.name());
        }
    }
}

//! The figures of a published target: what was read last, and whether somebody is at reading them anew.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp, civil::Date, tz::TimeZone};
use serde::{Deserialize, Serialize};

use crate::{connector::Refusal, ids::TargetId};

/// For how long after it was queued a collection is taken to be under way.
const TAKES: SignedDuration = SignedDuration::from_mins(2);

/// Figures as a platform told them at one time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Figures {
    /// When they were read.
    #[serde(with = "jiff::fmt::serde::timestamp::millisecond::required")]
    pub as_of: Timestamp,
    /// By the platform's own names.
    pub values: BTreeMap<String, u64>,
}

impl Figures {
    /// The day (UTC) that they are kept under: the last ones of a day stand for it.
    #[must_use]
    pub fn day(&self) -> Date {
        self.as_of.to_zoned(TimeZone::UTC).date()
    }
}

/// How the reading of figures stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CollectionState {
    /// They are being read.
    Collecting,
    /// They have been read.
    Current,
    /// They could not be read.
    Failed,
    /// The platform has none.
    Unsupported,
}

/// The reading of one target's figures, as it is stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Collection {
    /// Which target.
    pub target: TargetId,
    /// How it stands.
    pub state: CollectionState,
    /// Rises every time that somebody asks for newer ones; whoever brings an older round's has lost.
    pub round: u64,
    /// How many tries of this round have failed.
    #[serde(default)]
    pub attempts: u32,
    /// When this round began.
    #[serde(with = "jiff::fmt::serde::timestamp::millisecond::required")]
    pub asked_at: Timestamp,
    /// When this last changed.
    #[serde(with = "jiff::fmt::serde::timestamp::millisecond::required")]
    pub at: Timestamp,
    /// Until then the round is taken to be under way.
    #[serde(with = "jiff::fmt::serde::timestamp::millisecond::required")]
    pub until: Timestamp,
    /// What was read last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latest: Option<Figures>,
    /// What is in the way, or why there are none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<Refusal>,
}

impl Collection {
    /// The next round, which begins now.
    #[must_use]
    pub fn next(earlier: Option<&Self>, target: TargetId, now: Timestamp) -> Self {
        Self {
            target,
            state: CollectionState::Collecting,
            round: earlier.map_or(0, |earlier| earlier.round).saturating_add(1),
            attempts: 0,
            asked_at: now,
            at: now,
            until: after(now, TAKES),
            latest: earlier.and_then(|earlier| earlier.latest.clone()),
            problem: None,
        }
    }

    /// Whether somebody should begin a new round: the last one is lost or older than `limit`.
    #[must_use]
    pub fn is_stale(&self, limit: SignedDuration, now: Timestamp) -> bool {
        match self.state {
            CollectionState::Collecting => self.until <= now,
            CollectionState::Current | CollectionState::Failed | CollectionState::Unsupported => {
                after(self.at, limit) <= now
            }
        }
    }

    /// The round has brought these.
    #[must_use]
    pub fn brought(&self, latest: Figures) -> Self {
        let (state, at) = (CollectionState::Current, latest.as_of);
        Self { state, at, latest: Some(latest), problem: None, ..self.clone() }
    }

    /// The round has brought none; what was read before stays.
    #[must_use]
    pub fn ended(&self, state: CollectionState, problem: Refusal, now: Timestamp) -> Self {
        Self { state, at: now, problem: Some(problem), ..self.clone() }
    }

    /// The round goes on then.
    #[must_use]
    pub fn waiting(&self, until: Timestamp, problem: Refusal, now: Timestamp) -> Self {
        Self { at: now, until: after(until, TAKES), problem: Some(problem), ..self.clone() }
    }
}

fn after(at: Timestamp, wait: SignedDuration) -> Timestamp {
    at.saturating_add(wait).unwrap_or(Timestamp::MAX)
}

//! What was asked of the simulator: enough to prove how often a call was made, never a token.

use super::faults::FaultKind;
use super::world::remember;
use serde::Serialize;
use std::collections::VecDeque;

const LOG_LIMIT: usize = 10_000;

/// One answered (or unanswered) call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LoggedCall {
    /// When, RFC 3339.
    pub at: String,
    /// `GET`, `POST`, `DELETE`.
    pub method: String,
    /// The path, without the query.
    pub path: String,
    /// The HTTP status; absent when no answer was sent.
    pub status: Option<u16>,
    /// Graph's error code, when there is one.
    pub code: Option<i64>,
    /// Whether the call changed or read anything, answered or not.
    pub took_effect: bool,
    /// The fault that struck it.
    pub fault: Option<FaultKind>,
}

/// The newest calls.
#[derive(Clone, Debug, Default)]
pub(crate) struct Log {
    entries: VecDeque<LoggedCall>,
}

impl Log {
    pub(crate) fn add(&mut self, entry: LoggedCall) {
        remember(&mut self.entries, entry, LOG_LIMIT);
    }

    pub(crate) fn entries(&self) -> Vec<LoggedCall> {
        self.entries.iter().cloned().collect()
    }

    pub(crate) fn take(&mut self) -> Vec<LoggedCall> {
        std::mem::take(&mut self.entries).into()
    }

    pub(crate) fn clear(&mut self) {
        self.entries.clear();
    }
}

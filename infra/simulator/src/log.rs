//! What was asked of the simulator: enough to prove how often a call was made, never a token.

use crate::call::Call;
use crate::faults::FaultKind;
use aws_lc_rs::digest;
use data_encoding::HEXLOWER;
use jiff::Timestamp;
use serde::Serialize;
use std::collections::VecDeque;

const LOG_LIMIT: usize = 10_000;

/// One answered (or unanswered) call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LoggedCall {
    /// When, RFC 3339.
    pub at: String,
    /// `GET`, `POST`, `DELETE`…
    pub method: String,
    /// The path, without the query.
    pub path: String,
    /// The HTTP status; absent when no answer was sent.
    pub status: Option<u16>,
    /// The platform's word for the error, when there is one.
    pub code: Option<String>,
    /// Whether the call changed or read anything, answered or not.
    pub took_effect: bool,
    /// The fault that struck it.
    pub fault: Option<FaultKind>,
    /// A mark of the token that it came with: calls with one token have one mark, which tells nothing else of it.
    pub token_mark: Option<String>,
}

impl LoggedCall {
    /// A call that was answered with this status, or not at all.
    pub(crate) fn of(call: &Call, status: Option<u16>, now: Timestamp) -> Self {
        Self {
            at: now.to_string(),
            method: call.method.to_string(),
            path: call.path.clone(),
            status,
            code: None,
            took_effect: true,
            fault: None,
            token_mark: call.token().map(|token| mark(&token)),
        }
    }
}

/// Four bytes of a hash: enough to tell a dozen tokens apart, and no way back.
fn mark(token: &str) -> String {
    let hash = digest::digest(&digest::SHA256, token.as_bytes());
    HEXLOWER.encode(hash.as_ref()).chars().take(8).collect()
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

/// A bounded memory: the newest entries stay.
pub(crate) fn remember<T>(entries: &mut VecDeque<T>, entry: T, limit: usize) {
    if entries.len() >= limit {
        entries.pop_front();
    }
    entries.push_back(entry);
}

//! A publish whose end nobody saw: ask the platform, and never guess.

use jiff::{SignedDuration, Timestamp};

use super::{
    Consumer, Verdict, Work,
    attempt::{Keys, later, ours},
    backoff,
    hold::{self, Hold},
    inquiry::{Inquiry, Word},
    renewal::AfterRefusal,
};
use crate::{
    connector::{
        Act, Disposition, Refusal,
        driver::{CallFailed, Calls},
    },
    store::StoreError,
    target::{LogEntry, Settlement, State, Target},
};

/// How long after a question without an answer the next one follows.
const AGAIN: SignedDuration = SignedDuration::from_mins(1);

impl Consumer {
    /// Asks the platform what became of a publish; the target is claimed for that.
    pub(super) async fn read_back(
        &self,
        work: &Work<'_>,
        target: &Target,
        keys: Result<Keys, Hold>,
    ) -> Result<Verdict, StoreError> {
        let now = self.clock.now();
        let connector = self.connectors.of(work.spec.platform);
        let inquiry = Inquiry { tenant: work.tenant, post: work.post, spec: work.spec, target, now };
        if let Some(until) = inquiry.too_early(connector) {
            // A consumer died at it a moment ago: the platform's listing may not show the post yet.
            let reason = target.reason.clone().unwrap_or_else(interrupted);
            return self.settle(work, target, Settlement::Unknown { until, reason }).await;
        }
        let keys = match keys {
            Ok(keys) => keys,
            Err(hold) => {
                let settlement = ask_again(&inquiry, hold.reason().clone(), hold.until(now));
                return self.settle(work, target, settlement).await;
            }
        };
        let budget = work.deadline.budget();
        let mut calls = Calls::new(self.transport.as_ref(), connector, &keys.app, Some(&keys.token), budget);
        let said = inquiry.ask(&self.store, &mut calls).await?;
        let failure = match &said {
            Word::NoAnswer(failed @ CallFailed::Refused(error)) => Some((error, failed.disposition())),
            Word::NoAnswer(CallFailed::Transport(_) | CallFailed::OutOfTime | CallFailed::TooManyCalls)
            | Word::Found(_)
            | Word::Absent
            | Word::Refused(_)
            | Word::Undecided(_) => None,
        };
        self.learn(work, &keys, &calls, failure.as_ref().map(|(error, disposition)| (*error, disposition)));
        let settlement = match said {
            Word::Found(published) => {
                let line = found_entry(target, now);
                return self.settle_with(work, target, Settlement::Published(published), Some(line)).await;
            }
            Word::Absent if now > target.not_after(work.post) => Settlement::Expired(hold::expired()),
            Word::Absent if target.attempts >= backoff::ATTEMPTS => {
                Settlement::Failed(target.reason.clone().unwrap_or_else(absent))
            }
            Word::Absent => Settlement::Queued { reason: absent(), goes_on: connector.goes_on_after_absence() },
            Word::Refused(reason) => Settlement::Failed(reason),
            Word::Undecided(reason) => Settlement::NeedsReview(reason),
            Word::NoAnswer(failure) => self.unanswered(work, &inquiry, &failure, &keys).await?,
        };
        self.settle(work, target, settlement).await
    }

    async fn unanswered(
        &self,
        work: &Work<'_>,
        inquiry: &Inquiry<'_>,
        failure: &CallFailed,
        keys: &Keys,
    ) -> Result<Settlement, StoreError> {
        let reason = failure.refusal();
        let now = self.clock.now();
        let earliest = match failure.disposition() {
            Disposition::Reconnect => match self.after_refusal(work, keys, &reason).await {
                AfterRefusal::Again(until, _) => until,
                AfterRefusal::Ended(_) => Timestamp::MIN,
                AfterRefusal::Stands => {
                    let learned = (&reason, keys.read_at);
                    self.store.end_connection(work.tenant, work.spec.connection, learned, now).await?;
                    Timestamp::MIN
                }
            },
            Disposition::Retry(wait) => later(now, wait.unwrap_or_default()),
            Disposition::Fail | Disposition::ReadBack | Disposition::Operator => Timestamp::MIN,
        };
        Ok(ask_again(inquiry, reason, earliest))
    }
}

/// The question stays open; after a day of that a person has to answer it.
fn ask_again(inquiry: &Inquiry<'_>, reason: Refusal, earliest: Timestamp) -> Settlement {
    if inquiry.age() > backoff::PATIENCE {
        return Settlement::NeedsReview(reason);
    }
    Settlement::Unknown { until: later(inquiry.now, backoff::spread(AGAIN, inquiry.target)).max(earliest), reason }
}

fn found_entry(target: &Target, at: jiff::Timestamp) -> LogEntry {
    LogEntry {
        target: target.target,
        fence: target.fence,
        at,
        state: State::Published,
        attempt: target.attempts,
        reason: Some(found()),
        until: None,
        by: None,
    }
}

pub(super) fn found() -> Refusal {
    ours(
        "read_back.found",
        Act::Nobody,
        "Nobody saw the end of the publish; the platform shows the post, so it is out.",
    )
}

pub(super) fn interrupted() -> Refusal {
    ours(
        "publish.interrupted",
        Act::Nobody,
        "The worker ended between sending the post and recording the answer; the platform will be asked.",
    )
}

fn absent() -> Refusal {
    ours("read_back.absent", Act::Nobody, "The platform shows no such post: nothing went out.")
}

//! A publish whose end nobody saw: ask the platform, and never guess.

use jiff::{SignedDuration, Timestamp};

use super::{
    Consumer, Verdict, Work,
    attempt::{Keys, later, ours},
    backoff,
    hold::{self, Hold},
};
use crate::{
    connector::{
        Act, Disposition, Fingerprint, ReadBack, Refusal,
        driver::{self, CallFailed, Calls},
    },
    store::{ConnectionState, StoreError},
    target::{LogEntry, Settlement, State, Target},
};

/// How long the platform is asked before a person is.
const PATIENCE: SignedDuration = SignedDuration::from_hours(24);
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
        let sent_at = target.intent.as_ref().map_or(target.updated_at, |intent| intent.at);
        let trusted_at = later(sent_at, connector.settle_time());
        if trusted_at > now {
            // A consumer died at it a moment ago: the platform's listing may not show the post yet.
            let reason = target.reason.clone().unwrap_or_else(interrupted);
            return self.settle(work, target, Settlement::Unknown { until: trusted_at, reason }).await;
        }
        let keys = match keys {
            Ok(keys) => keys,
            Err(hold) => {
                let settlement = self.ask_again(target, hold.reason().clone(), hold.until(now));
                return self.settle(work, target, settlement).await;
            }
        };
        let rivals = self.store.rivals(work.tenant, target, now).await?;
        if rivals.unknown_twin {
            let reason = undecided("another post of yours says the same, and its outcome is unknown as well");
            return self.settle(work, target, Settlement::NeedsReview(reason)).await;
        }
        let fingerprint = Fingerprint {
            destination: work.spec.destination.clone(),
            content: work.post.content_for(work.spec).clone(),
            not_before: sent_at,
            now,
            exclude: rivals.published,
            checkpoint: target.checkpoint.clone().unwrap_or_default(),
        };
        let budget = work.deadline.budget();
        let mut calls = Calls::new(self.transport.as_ref(), connector, &keys.app, Some(&keys.token), budget);
        let outcome = driver::run_flow(connector.read_back(&keys.app, fingerprint), &mut calls).await;
        let failure = match &outcome {
            Err(failed @ CallFailed::Refused(error)) => Some((error, failed.disposition())),
            Err(CallFailed::Transport(_) | CallFailed::OutOfTime | CallFailed::TooManyCalls) | Ok(_) => None,
        };
        self.learn(work, &keys, &calls, failure.as_ref().map(|(error, disposition)| (*error, disposition)));
        let settlement = match outcome {
            Ok(ReadBack::Found(published)) => {
                self.store.log(work.tenant, target.post, &found(target, now)).await?;
                Settlement::Published(published)
            }
            Ok(ReadBack::Absent) if now > work.post.not_after => Settlement::Expired(hold::expired()),
            Ok(ReadBack::Absent) if target.attempts >= backoff::ATTEMPTS => {
                Settlement::Failed(target.reason.clone().unwrap_or_else(absent))
            }
            Ok(ReadBack::Absent) => Settlement::Queued { reason: absent() },
            Ok(ReadBack::Undecided { reason }) => Settlement::NeedsReview(undecided(reason)),
            Err(failure) => self.unanswered(work, target, &failure).await?,
        };
        self.settle(work, target, settlement).await
    }

    async fn unanswered(
        &self,
        work: &Work<'_>,
        target: &Target,
        failure: &CallFailed,
    ) -> Result<Settlement, StoreError> {
        let reason = failure.refusal();
        if failure.disposition() == Disposition::Reconnect {
            let state = (ConnectionState::Reconnect, Some(&reason));
            self.store.set_connection_state(work.tenant, work.spec.connection, state, self.clock.now()).await?;
        }
        Ok(self.ask_again(target, reason, Timestamp::MIN))
    }

    /// The question stays open; after a day of that a person has to answer it.
    fn ask_again(&self, target: &Target, reason: Refusal, earliest: Timestamp) -> Settlement {
        let now = self.clock.now();
        let sent_at = target.intent.as_ref().map_or(target.updated_at, |intent| intent.at);
        if now.duration_since(sent_at) > PATIENCE {
            return Settlement::NeedsReview(reason);
        }
        Settlement::Unknown { until: later(now, backoff::spread(AGAIN, target)).max(earliest), reason }
    }
}

fn found(target: &Target, at: jiff::Timestamp) -> LogEntry {
    LogEntry {
        target: target.target,
        fence: target.fence,
        at,
        state: State::Published,
        attempt: target.attempts,
        by: None,
        reason: Some(ours(
            "read_back.found",
            Act::Nobody,
            "Nobody saw the end of the publish; the platform shows the post, so it is out.",
        )),
        until: None,
    }
}

fn interrupted() -> Refusal {
    ours(
        "publish.interrupted",
        Act::Nobody,
        "The worker ended between sending the post and recording the answer; the platform will be asked.",
    )
}

fn absent() -> Refusal {
    ours("read_back.absent", Act::Nobody, "The platform shows no such post: nothing went out.")
}

fn undecided(reason: &'static str) -> Refusal {
    let message = format!("Look at the account and say whether the post is there: {reason}.");
    ours("read_back.undecided", Act::EndUser, &message)
}

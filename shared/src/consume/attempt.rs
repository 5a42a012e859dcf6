//! One attempt: plan, claim, publish, settle.

use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

pub(crate) use super::renewal::GrantKey;
use super::{Consumer, Verdict, Work, backoff, hold, pace::BELIEVED, read_back::interrupted, renewal::AfterRefusal};
use crate::{
    apps::Refreshed,
    clock::Clock,
    connector::{
        Act, Checkpoint, ConnectorError, Disposition, Prepared, Refusal,
        driver::{self, Calls, Ended, FirstRecord, FirstStep, Journal},
    },
    defect::Defect,
    media,
    queue::Delay,
    secret::{AccessToken, AppCredentials},
    store::{Claim, ClaimRequest, Settled, Store, StoreError},
    target::{Intent, LogEntry, Settlement, Target},
    telemetry::{Chain, Metric},
    tenant::Tenant,
};

/// When a job comes back whose uploads could not be signed for: credentials are renewed with the sandbox.
const UNSIGNED: SignedDuration = SignedDuration::from_mins(1);
/// How long a target is held while its connection waits for its owner, or our app for its operator.
pub(super) const HELD: SignedDuration = SignedDuration::from_mins(15);
/// A job that is earlier than this is not the one that its target waits for, whatever the clocks of two machines say.
const COPY: SignedDuration = SignedDuration::from_secs(90);
/// The longest wait that a message can carry; what is later waits in the `due` index.
const LONGEST_MESSAGE_WAIT: SignedDuration = Delay::LONGEST;

/// What is further ahead than this is a time and no lease, so it has an entry in the `due` index: its message can go. A
/// message that came back until then would use up its receives and end among the dead letters.
const DISPATCH_CARES: SignedDuration = SignedDuration::from_hours(1);

/// What calls to a platform are made with.
pub(crate) struct Keys {
    pub(crate) token: AccessToken,
    pub(crate) app: std::sync::Arc<AppCredentials>,
    /// The grant that the token is of, where it is not a destination's own.
    pub(crate) grant: Option<GrantKey>,
    /// When they were read: what is found out with them says nothing about a login after that.
    pub(crate) read_at: Timestamp,
}

impl Consumer {
    /// Does what can be done for a target now.
    pub(super) async fn attempt(&self, work: &Work<'_>) -> Result<Verdict, StoreError> {
        let connector = self.connectors.of(work.spec.platform);
        let prepared = work.post.prepared(work.job.target, work.spec);
        let prepared = match media::sign(&self.bucket, work.tenant, prepared).await {
            Ok(prepared) => prepared,
            Err(error) => {
                tracing::error!(%error, "an upload cannot be signed for; the job comes back");
                return Ok(Verdict::Return(UNSIGNED));
            }
        };
        // Everything that can go wrong without the target is tried before it is claimed.
        let keys = self.keys(work).await;
        let plan = FirstStep::plan(connector, &prepared, &Checkpoint::default());
        let now = self.clock.now();
        if work.deadline.budget().next_call().is_none() {
            // What is claimed now would only be given back: another delivery has the time.
            tracing::warn!("too little time is left to begin; the job comes back");
            return Ok(Verdict::Return(SignedDuration::from_secs(1)));
        }
        let keys = keys.and_then(|keys| self.unless_held(work, keys, now));
        let may_be_too_late = now > work.post.not_after && self.is_too_late(work, now).await?;
        let intent = match (&keys, &plan) {
            (Ok(_), Ok(plan)) if !may_be_too_late && !Defect::PublishesWithoutIntent.is_present() => {
                plan.intent().map(|intent| stamped(&intent, now))
            }
            _ => None,
        };
        let owner = Uuid::new_v4().simple().to_string();
        let target = match self.claim(work, &owner, now, intent.as_ref()).await? {
            Claim::Won(target) => target,
            Claim::ReadBack(target) => return self.read_back(work, &target, keys).await,
            Claim::NotYet(until) if until.duration_since(now) > DISPATCH_CARES => {
                tracing::debug!(%until, "too early by far; dispatch sends another job when the time comes");
                return Ok(Verdict::Done);
            }
            Claim::NotYet(until) => {
                return Ok(Verdict::Return(until.duration_since(now).max(SignedDuration::from_secs(1))));
            }
            Claim::Early(at) => return Ok(early(at.duration_since(now))),
            Claim::Settled(state) => {
                tracing::debug!(state = state.name(), "nothing to do any more");
                return Ok(Verdict::Done);
            }
            Claim::Stale => return Ok(Verdict::Done),
        };
        // The row has the last word: whoever sent a dead letter back to work may have given it another time. What the platform
        // has taken is neither too late nor given up: it is watched to its end.
        if now > target.not_after(work.post) && !target.publish_answered() {
            return self.settle(work, &target, Settlement::Expired(hold::expired())).await;
        }
        if target.attempts > backoff::ATTEMPTS && !target.publish_answered() {
            return self.settle(work, &target, Settlement::Failed(hold::exhausted(target.reason.as_ref()))).await;
        }
        match (keys, plan) {
            (Ok(keys), Ok(plan)) => self.publish(work, &target, (&prepared, plan, intent.is_some()), &keys).await,
            (Err(hold), _) => self.settle(work, &target, hold.settlement(&target, now)).await,
            // What was begun by an earlier version, and this one would refuse, may be out.
            (_, Err(error)) if target.publish_answered() => {
                let settlement = Settlement::Unknown { until: now, reason: error.refusal() };
                self.settle(work, &target, settlement).await
            }
            (_, Err(error)) => self.settle(work, &target, Settlement::Failed(error.refusal())).await,
        }
    }

    /// Whether a target whose post's time is over has no time of its own that is not.
    async fn is_too_late(&self, work: &Work<'_>, now: Timestamp) -> Result<bool, StoreError> {
        let row = self.store.target(work.tenant, work.post, work.job.target).await?;
        Ok(row.is_none_or(|row| now > row.not_after(work.post)))
    }

    async fn claim(
        &self,
        work: &Work<'_>,
        owner: &str,
        now: Timestamp,
        intent: Option<&Intent>,
    ) -> Result<Claim, StoreError> {
        let request = ClaimRequest {
            post: work.post,
            target: work.job.target,
            spec: work.spec,
            owner,
            now,
            lease_until: work.lease_until,
            intent,
        };
        self.store.claim(work.tenant, &request).await
    }

    async fn publish(
        &self,
        work: &Work<'_>,
        target: &Target,
        (prepared, plan, recorded): (&Prepared, FirstStep, bool),
        keys: &Keys,
    ) -> Result<Verdict, StoreError> {
        let connector = self.connectors.of(work.spec.platform);
        let (plan, record) = match self.go_on(work, target, (prepared, plan, recorded)) {
            Ok(plan) => plan,
            Err(settlement) => return self.settle(work, target, settlement).await,
        };
        if Defect::LogsTokens.is_present() {
            tracing::debug!(token = keys.token.expose(), "publishing");
        }
        assert!(!Defect::PanicsWithTokens.is_present(), "publishing with {}", keys.token.expose());
        let budget = work.deadline.budget();
        let mut calls = Calls::new(self.transport.as_ref(), connector, &keys.app, Some(&keys.token), budget);
        let mut journal = Claimed {
            store: &self.store,
            tenant: work.tenant,
            target,
            not_after: target.not_after(work.post),
            clock: self.clock.as_ref(),
        };
        let ended = driver::run_publish(&mut calls, prepared, plan, record, &mut journal).await;
        match self.outcome(work, target, keys, &calls, ended).await? {
            Some(settlement) => self.settle(work, target, settlement).await,
            // The claim had passed to another: its word counts.
            None => Ok(Verdict::Done),
        }
    }

    /// Where the publish begins. One that was interrupted goes on from what it remembered, not from its beginning; or it
    /// cannot go on at all, and this is how it ends.
    fn go_on(
        &self,
        work: &Work<'_>,
        target: &Target,
        (prepared, plan, recorded): (&Prepared, FirstStep, bool),
    ) -> Result<(FirstStep, FirstRecord), Settlement> {
        let lost_sight_of = |reason| Settlement::Unknown { until: self.clock.now(), reason };
        let record = if recorded { FirstRecord::Stored } else { FirstRecord::NotStored };
        let Some(checkpoint) = &target.checkpoint else {
            // Without one there is nothing to watch an answered publish by.
            return if target.publish_answered() { Err(lost_sight_of(interrupted())) } else { Ok((plan, record)) };
        };
        let connector = self.connectors.of(work.spec.platform);
        match FirstStep::plan(connector, prepared, checkpoint) {
            Ok(plan) if target.publish_answered() => Ok((plan.after_publish(), FirstRecord::NotStored)),
            Ok(plan) => Ok((plan, FirstRecord::NotStored)),
            Err(error) if target.publish_answered() => Err(lost_sight_of(error.refusal())),
            Err(error) => Err(Settlement::Failed(error.refusal())),
        }
    }

    /// What a run of a publish leads to; `None` if its claim had passed to another.
    async fn outcome(
        &self,
        work: &Work<'_>,
        target: &Target,
        keys: &Keys,
        calls: &Calls<'_>,
        ended: Ended<NotRecorded>,
    ) -> Result<Option<Settlement>, StoreError> {
        let failure = match &ended {
            Ended::Failed { error, disposition, .. } => Some((error, disposition)),
            Ended::Published(_)
            | Ended::Waiting { .. }
            | Ended::Unknown { .. }
            | Ended::OutOfTime { .. }
            | Ended::NotSent { .. }
            | Ended::Withheld { .. }
            | Ended::JournalLost(_) => None,
        };
        let is_out_of_order = self.learn(work, keys, calls, failure);
        let now = self.clock.now();
        let begin_again = |checkpoint| Settlement::Waiting {
            until: now,
            checkpoint,
            publish_answered: false,
            reason: None,
            needs_owner: false,
        };
        Ok(Some(match ended {
            Ended::Published(published) => Settlement::Published(published),
            Ended::Waiting { publish_answered: true, .. } if target.watched_for(now) > backoff::PATIENCE => {
                Settlement::NeedsReview(never_said())
            }
            Ended::Waiting { delay, checkpoint, publish_answered } => Settlement::Waiting {
                until: later(now, delay),
                checkpoint,
                publish_answered,
                reason: None,
                needs_owner: false,
            },
            Ended::OutOfTime { checkpoint } => begin_again(checkpoint),
            Ended::Unknown { cause } => {
                let connector = self.connectors.of(work.spec.platform);
                let believed_at_once = Defect::BelievesListingsAtOnce.is_present();
                let settles = if believed_at_once { SignedDuration::ZERO } else { connector.settle_time() };
                Settlement::Unknown { until: later(now, settles), reason: cause }
            }
            // Many targets find the platform failing: that is no attempt of this one's.
            Ended::Failed { error, disposition: Disposition::Retry(_), .. } if is_out_of_order => {
                let wait = backoff::outage(target, now).max(calls.hold_back().unwrap_or_default());
                waiting(target, later(now, wait), error.refusal())
            }
            Ended::Failed { error, disposition: Disposition::Reconnect, .. } => {
                // Nothing was accepted, or the driver would have said so: it may go out with the next token.
                match self.after_refusal(work, keys, &error.refusal()).await {
                    AfterRefusal::Again(until, reason) => waiting(target, later(now, until.duration_since(now)), reason),
                    AfterRefusal::Ended(reason) => held_for_owner(target, later(now, HELD), reason),
                    AfterRefusal::Stands => {
                        self.failed(work, target, (&error, Disposition::Reconnect), keys, None).await?
                    }
                }
            }
            Ended::Failed { error, disposition, .. } => {
                self.failed(work, target, (&error, disposition), keys, calls.hold_back()).await?
            }
            Ended::NotSent { cause, checkpoint } => Settlement::Waiting {
                until: later(now, backoff::outage(target, now)),
                checkpoint,
                publish_answered: target.publish_answered(),
                reason: Some(cause),
                needs_owner: false,
            },
            Ended::Withheld { error: NotRecorded::Expired, .. } => Settlement::Expired(hold::expired()),
            Ended::Withheld { error: NotRecorded::Overslept, checkpoint } => {
                tracing::warn!("the claim ran out before the call left; nothing was sent");
                self.transport.forget_connections();
                begin_again(checkpoint)
            }
            Ended::Withheld { error: NotRecorded::Store(error), .. }
            | Ended::JournalLost(NotRecorded::Store(error)) => return Err(error),
            Ended::Withheld { error: NotRecorded::Lost, .. }
            // The journal says the last two only of a call that is about to leave.
            | Ended::JournalLost(NotRecorded::Lost | NotRecorded::Overslept | NotRecorded::Expired) => return Ok(None),
        }))
    }

    /// What a failed attempt leads to. Nothing went out, or the driver would have said so.
    async fn failed(
        &self,
        work: &Work<'_>,
        target: &Target,
        (error, disposition): (&ConnectorError, Disposition),
        keys: &Keys,
        hold_back: Option<SignedDuration>,
    ) -> Result<Settlement, StoreError> {
        let now = self.clock.now();
        let reason = error.refusal();
        let hold = |wait, reason| waiting(target, later(now, wait), reason);
        Ok(match disposition {
            // The platform named a time: keeping to it is no failed attempt.
            Disposition::Retry(Some(wait)) if matches!(error, ConnectorError::RateLimited { .. }) => hold(wait, reason),
            Disposition::Retry(wait) if target.attempts < backoff::ATTEMPTS => {
                let wait = backoff::delay(target.attempts, target.post.uuid().as_u128())
                    .max(wait.or(hold_back).unwrap_or_default());
                Settlement::Retrying { until: later(now, wait), reason }
            }
            // Whoever is throttled and calls on, is throttled for longer (meta.md, section 8); and it says nothing against
            // the post.
            Disposition::Retry(_) if matches!(error, ConnectorError::RateLimited { .. }) => {
                hold(backoff::spread(backoff::LONGEST_OUTAGE, target).max(hold_back.unwrap_or_default()), reason)
            }
            Disposition::Retry(_) | Disposition::Fail => Settlement::Failed(reason),
            Disposition::Reconnect => {
                let (tenant, connection) = (work.tenant, work.spec.connection);
                self.store.end_connection(tenant, connection, (&reason, keys.read_at), now).await?;
                held_for_owner(target, later(now, HELD), reason)
            }
            Disposition::Operator => {
                tracing::error!(code = %reason.code, "our app at the platform is misconfigured; its targets are held");
                hold(self.misconfigured(work, keys).await, reason)
            }
            // The driver has turned these into `Unknown`.
            Disposition::ReadBack => Settlement::Unknown { until: now, reason },
        })
    }

    /// Our app is not what the platform wants: how long until another try may do better.
    pub(super) async fn misconfigured(&self, work: &Work<'_>, keys: &Keys) -> SignedDuration {
        self.metrics.count(Some(work.spec.platform), Metric::AppMisconfigured);
        match self.apps.refresh_of(work.tenant, (work.spec.platform, work.spec.app), &keys.app).await {
            // The secret was rotated between our reading it and the call (F59).
            Ok(Refreshed::Changed(_)) => BELIEVED,
            Ok(Refreshed::Same) | Err(_) => HELD,
        }
    }

    /// Writes how an attempt ended, sees to it that the target is looked at again if it must be, and tells the queue.
    pub(super) async fn settle(
        &self,
        work: &Work<'_>,
        target: &Target,
        settlement: Settlement,
    ) -> Result<Verdict, StoreError> {
        let now = self.clock.now();
        // What waits past its end would only learn then that it is too late.
        let settlement = settlement.no_later_than(later(target.not_after(work.post), SignedDuration::from_secs(1)));
        let is_told = (settlement.reason().is_some() || settlement.until().is_some()) && !repeats(target, &settlement);
        let line = is_told.then(|| entry(target, &settlement, now));
        self.settle_with(work, target, settlement, line).await
    }

    /// Like [`Self::settle`], with this line for the target's history.
    pub(super) async fn settle_with(
        &self,
        work: &Work<'_>,
        target: &Target,
        settlement: Settlement,
        line: Option<LogEntry>,
    ) -> Result<Verdict, StoreError> {
        let now = self.clock.now();
        if self.store.settle(work.tenant, target, (&settlement, line.as_ref()), now).await? == Settled::Lost {
            tracing::warn!("the claim had passed to another; its word counts");
            return Ok(Verdict::Done);
        }
        let code = settlement.reason().map(|reason| reason.code.as_str());
        tracing::info!(state = settlement.state().name(), attempt = target.attempts, code, "settled");
        if let Some(metric) = metric(&settlement) {
            self.metrics.count(Some(work.spec.platform), metric);
        }
        Ok(match &settlement {
            Settlement::Failed(reason) => {
                self.bury(work, target.fence, reason).await;
                Verdict::Done
            }
            Settlement::Published(_) | Settlement::NeedsReview(_) | Settlement::Expired(_) => Verdict::Done,
            Settlement::Queued { .. } => Verdict::Return(SignedDuration::ZERO),
            Settlement::Retrying { until, .. } => match until.duration_since(now) {
                wait if wait > LONGEST_MESSAGE_WAIT => Verdict::Done,
                wait => Verdict::Return(wait),
            },
            Settlement::Waiting { until, .. } | Settlement::Unknown { until, .. } => {
                self.come_back(work, until.duration_since(now)).await
            }
        })
    }

    /// A waiting target travels in a new message: waiting is no failure, and the old message's receives are counted. What
    /// cannot be sent, or waits too long for a message, dispatch finds in the `due` index.
    pub(super) async fn come_back(&self, work: &Work<'_>, wait: SignedDuration) -> Verdict {
        let Some(delay) = Delay::fitting(wait.max(SignedDuration::ZERO)) else { return Verdict::Done };
        let sent = match work.errand {
            None => self.queue.send(&work.job, delay).await,
            Some(errand) => self.queue.send_errand(&work.job, errand, delay).await,
        };
        if let Err(error) = sent {
            tracing::warn!(error = %Chain(&error), "a delayed job could not be sent; dispatch will find its target");
        }
        Verdict::Done
    }

    /// Puts a failed target's job where people look. The table has it already: this is for the queue's alarm and tools.
    async fn bury(&self, work: &Work<'_>, fence: u64, reason: &Refusal) {
        let why = crate::queue::Reason {
            code: &reason.code,
            act: reason.act,
            platform: work.spec.platform,
            connection: work.spec.connection,
        };
        if let Err(error) = self.dead_letters.send(&work.job, fence, &why).await {
            tracing::error!(error = %Chain(&error), "a dead letter could not be sent; the table has it");
        }
    }
}

/// The journal of a claimed target.
struct Claimed<'a> {
    store: &'a Store,
    tenant: Tenant,
    target: &'a Target,
    not_after: Timestamp,
    clock: &'a dyn Clock,
}

/// Why a step was not recorded, or its call not made.
enum NotRecorded {
    /// The claim has run out: another may be at work.
    Overslept,
    /// The post's time has run out.
    Expired,
    /// The claim had passed to another.
    Lost,
    /// The store did not answer.
    Store(StoreError),
}

impl Journal for Claimed<'_> {
    type Error = NotRecorded;

    async fn before_step(
        &mut self,
        intent: Option<&driver::Intent>,
        checkpoint: &Checkpoint,
    ) -> Result<(), NotRecorded> {
        let intent = intent.filter(|_| !Defect::PublishesWithoutIntent.is_present());
        let intent = intent.map(|intent| stamped(intent, self.clock.now()));
        match self.store.record_step(self.tenant, self.target, checkpoint, intent.as_ref()).await {
            Ok(Settled::Done) => Ok(()),
            Ok(Settled::Lost) => Err(NotRecorded::Lost),
            Err(error) => Err(NotRecorded::Store(error)),
        }
    }

    /// The machine may have stood still between the claim and now, with this call half made (F37).
    fn before_publish(&mut self) -> Result<(), NotRecorded> {
        let now = self.clock.now();
        if self.target.lease_until.is_some_and(|until| until < now) {
            return Err(NotRecorded::Overslept);
        }
        if now > self.not_after { Err(NotRecorded::Expired) } else { Ok(()) }
    }
}

fn stamped(intent: &driver::Intent, at: Timestamp) -> Intent {
    Intent { step: intent.step, fingerprint: intent.fingerprint.clone(), at, answered: false }
}

/// A job that comes before its target's time. One that is far too early is a copy: the one that was sent along with the wait
/// comes at its time, and dispatch reminds. Keeping a copy would drive it into the dead letters, receive by receive.
pub(super) fn early(wait: SignedDuration) -> Verdict {
    if wait > COPY { Verdict::Done } else { Verdict::Return(wait.max(SignedDuration::from_secs(1))) }
}

pub(crate) fn later(now: Timestamp, wait: SignedDuration) -> Timestamp {
    now.saturating_add(wait.max(SignedDuration::ZERO)).unwrap_or(Timestamp::MAX)
}

fn entry(target: &Target, settlement: &Settlement, at: Timestamp) -> LogEntry {
    LogEntry {
        target: target.target,
        fence: target.fence,
        at,
        state: settlement.state(),
        attempt: target.attempts,
        by: None,
        reason: settlement.reason().cloned(),
        until: settlement.until(),
    }
}

/// Whether it stands still for the very reason that it stood still for before: its history has that already.
fn repeats(target: &Target, settlement: &Settlement) -> bool {
    let code = |reason: Option<&Refusal>| reason.map(|reason| reason.code.clone());
    match settlement {
        Settlement::Waiting { reason: Some(reason), .. } | Settlement::Unknown { reason, .. } => {
            code(target.reason.as_ref()) == code(Some(reason))
        }
        Settlement::Waiting { reason: None, .. }
        | Settlement::Retrying { .. }
        | Settlement::Queued { .. }
        | Settlement::NeedsReview(_)
        | Settlement::Failed(_)
        | Settlement::Expired(_)
        | Settlement::Published(_) => false,
    }
}

/// The target stands still until then; what it has reached is kept.
pub(super) fn waiting(target: &Target, until: Timestamp, reason: Refusal) -> Settlement {
    Settlement::Waiting {
        until,
        checkpoint: target.checkpoint.clone().unwrap_or_default(),
        publish_answered: target.publish_answered(),
        reason: Some(reason),
        needs_owner: false,
    }
}

/// The target stands still until its connection is renewed, and is looked at again then in case that nobody told.
pub(super) fn held_for_owner(target: &Target, until: Timestamp, reason: Refusal) -> Settlement {
    Settlement::Waiting {
        until,
        checkpoint: target.checkpoint.clone().unwrap_or_default(),
        publish_answered: target.publish_answered(),
        reason: Some(reason),
        needs_owner: true,
    }
}

/// What is counted of an ending.
fn metric(settlement: &Settlement) -> Option<Metric> {
    match settlement {
        Settlement::Published(_) => Some(Metric::Published),
        Settlement::Retrying { .. } => Some(Metric::Retried),
        Settlement::Unknown { .. } => Some(Metric::Unknown),
        Settlement::NeedsReview(_) => Some(Metric::NeedsReview),
        Settlement::Failed(_) => Some(Metric::Failed),
        Settlement::Expired(_) => Some(Metric::Expired),
        Settlement::Waiting { .. } | Settlement::Queued { .. } => None,
    }
}

/// The platform took the post and has been working on it ever since.
fn never_said() -> Refusal {
    ours(
        "publish.never_finished",
        Act::EndUser,
        "The platform took the post and has not finished with it in a day: look at the account and say whether it is there.",
    )
}

/// A refusal in our own words.
pub(crate) fn ours(code: &str, act: Act, message: &str) -> Refusal {
    Refusal::ours(code, act, message)
}

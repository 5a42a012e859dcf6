//! Takes down what is out. Asking a platform twice does no harm: what is gone is gone. So a lost answer is simply asked for again.

use jiff::{SignedDuration, Timestamp};

use super::{
    Consumer, Verdict, Work,
    attempt::early,
    backoff,
    errand::{Onward, Standing, refused},
};
use crate::{
    removal::{Removal, RemovalState},
    store::{Actor, AuditAction, AuditEntry, Settled, Store, StoreError},
    target::Target,
    telemetry::Chain,
};

impl Consumer {
    /// Does what can be done now about a removal that was asked for.
    pub(super) async fn remove(&self, work: &Work<'_>) -> Result<Verdict, StoreError> {
        let Some(target) = self.store.target(work.tenant, work.post, work.job.target).await? else {
            return Ok(Verdict::Done);
        };
        let (Some(removal), Some(remote_id)) = (target.removal_to_do(), &target.remote_id) else {
            return Ok(Verdict::Done);
        };
        let now = self.clock.now();
        if let Some(at) = removal.next_at.filter(|at| *at > now) {
            return Ok(early(at.duration_since(now)));
        }
        let flow = match self.connectors.of(work.spec.platform).delete_post(remote_id) {
            Ok(flow) => flow,
            Err(error) => return self.settle_removal(work, &target, Err(refused(&error))).await,
        };
        let keys = match self.errand_keys(work, &target).await {
            Ok(keys) => keys,
            Err(onward) => return self.settle_removal(work, &target, Err(onward)).await,
        };
        if work.deadline.budget().next_call().is_none() {
            return Ok(Verdict::Return(SignedDuration::from_secs(1)));
        }
        let claimed = removal.claimed(work.lease_until, now);
        let reminder = Store::reminder(work.lease_until, now);
        if self.store.put_removal(work.tenant, &target, &claimed, Some(reminder)).await? == Settled::Lost {
            // Another is at it.
            return Ok(Verdict::Done);
        }
        let standing = Standing { target: &target, since: removal.since, failures: removal.attempts };
        let outcome = self.run_errand(work, standing, flow, &keys).await?;
        self.settle_removal(work, &Target { removal: Some(claimed), ..target }, outcome).await
    }

    /// Writes what came of it, and sees to it that what goes on is looked at again.
    async fn settle_removal(
        &self,
        work: &Work<'_>,
        seen: &Target,
        outcome: Result<(), Onward>,
    ) -> Result<Verdict, StoreError> {
        let now = self.clock.now();
        let Some(removal) = &seen.removal else { return Ok(Verdict::Done) };
        let settled = settled(removal, outcome, now);
        let reminder = settled.next_at.map(|at| Store::reminder(at, now));
        if self.store.put_removal(work.tenant, seen, &settled, reminder).await? == Settled::Lost {
            tracing::warn!("the removal had passed to another; its word counts");
            return Ok(Verdict::Done);
        }
        let code = settled.problem.as_ref().map(|problem| problem.code.as_str());
        tracing::info!(removal = settled.state.name(), attempt = settled.attempts, code, "removal settled");
        if let Some(at) = settled.next_at {
            return Ok(self.come_back(work, at.duration_since(now)).await);
        }
        self.audit_removal(work, &settled).await;
        Ok(Verdict::Done)
    }

    /// The target has it already: that the audit cannot be written does not undo it.
    async fn audit_removal(&self, work: &Work<'_>, removal: &Removal) {
        let subject = format!("{}/{}", work.post.id, work.job.target);
        let entry = AuditEntry::new(removal.at, Actor::Postd, AuditAction::RemovalEnded, subject)
            .with("became", removal.state.name());
        let entry = match &removal.problem {
            Some(problem) => entry.with("code", &problem.code),
            None => entry,
        };
        if let Err(error) = self.store.audit(work.tenant, &entry).await {
            tracing::error!(error = %Chain(&error), "the end of a removal is missing in the audit");
        }
    }
}

fn settled(removal: &Removal, outcome: Result<(), Onward>, now: Timestamp) -> Removal {
    match outcome {
        Ok(()) => removal.ended(RemovalState::Removed, None, now),
        Err(Onward::Wait(until, problem)) if removal.age(now) < backoff::PATIENCE => {
            removal.waiting(until, problem, now)
        }
        Err(Onward::Wait(_, problem) | Onward::Over(problem)) => {
            removal.ended(RemovalState::Failed, Some(problem), now)
        }
        Err(Onward::Unsupported(problem)) => removal.ended(RemovalState::Unsupported, Some(problem), now),
        Err(Onward::Again { at, reason, perhaps_done }) => {
            let tried = Removal { attempts: removal.attempts.saturating_add(1), ..removal.clone() };
            if tried.attempts < backoff::ATTEMPTS {
                return tried.waiting(at, reason, now);
            }
            let state = if perhaps_done { RemovalState::Unknown } else { RemovalState::Failed };
            tried.ended(state, Some(reason), now)
        }
    }
}

//! Reads the figures of what is out, for whoever asked for newer ones than there are.

use jiff::{SignedDuration, Timestamp};

use super::{
    Consumer, Verdict, Work, backoff,
    errand::{Onward, Standing, refused},
};
use crate::{
    connector::{Analytics, Refusal},
    figures::{Collection, CollectionState, Figures},
    store::StoreError,
    target::State,
};

/// How long a round may take altogether: then whoever asked is told what is in the way, and may ask for another.
const ROUND: SignedDuration = SignedDuration::from_mins(15);

impl Consumer {
    /// Does what can be done now about figures that were asked for.
    pub(super) async fn collect(&self, work: &Work<'_>) -> Result<Verdict, StoreError> {
        let (tenant, post, id) = (work.tenant, work.post, work.job.target);
        let collection = self.store.collection(tenant, post.id, id).await?;
        let Some(collection) = collection.filter(|row| row.state == CollectionState::Collecting) else {
            return Ok(Verdict::Done);
        };
        let target = self.store.target(tenant, post, id).await?;
        let Some(target) = target.filter(|row| row.state == State::Published) else { return Ok(Verdict::Done) };
        let Some(remote_id) = &target.remote_id else { return Ok(Verdict::Done) };
        let outcome = match self.connectors.of(work.spec.platform).post_analytics(remote_id) {
            Err(error) => Err(refused(&error)),
            Ok(flow) => match self.errand_keys(work, &target).await {
                Err(onward) => Err(onward),
                Ok(_) if work.deadline.budget().next_call().is_none() => {
                    return Ok(Verdict::Return(SignedDuration::from_secs(1)));
                }
                Ok(keys) => {
                    let (since, failures) = (collection.asked_at, collection.attempts);
                    let standing = Standing { target: &target, since, failures };
                    self.run_errand(work, standing, flow, &keys).await?
                }
            },
        };
        let now = self.clock.now();
        let (next, again) = match outcome {
            Ok(Analytics(values)) => {
                let figures = Figures { as_of: now, values };
                // First the day's: whoever dies in between has only read too often.
                self.store.put_figures(tenant, post.id, id, &figures).await?;
                (collection.brought(figures), None)
            }
            Err(onward) => after(&collection, onward, now),
        };
        if !self.store.put_collection(tenant, post.id, &next, Some(collection.round)).await? {
            tracing::info!("a later round of figures has begun; its word counts");
            return Ok(Verdict::Done);
        }
        let code = next.problem.as_ref().map(|problem| problem.code.as_str());
        tracing::info!(figures = next.latest.is_some(), code, "figures settled");
        Ok(match again {
            Some(at) => self.come_back(work, at.duration_since(now)).await,
            None => Verdict::Done,
        })
    }
}

/// How a round stands that brought nothing, and when it goes on.
fn after(collection: &Collection, onward: Onward, now: Timestamp) -> (Collection, Option<Timestamp>) {
    let failed = |problem: Refusal| (collection.ended(CollectionState::Failed, problem, now), None);
    let (at, problem, attempts) = match onward {
        Onward::Over(problem) => return failed(problem),
        Onward::Unsupported(problem) => return (collection.ended(CollectionState::Unsupported, problem, now), None),
        Onward::Wait(at, problem) => (at, problem, collection.attempts),
        Onward::Again { at, reason, .. } => (at, reason, collection.attempts.saturating_add(1)),
    };
    if attempts >= backoff::ATTEMPTS || at.duration_since(collection.asked_at) > ROUND {
        return failed(problem);
    }
    (Collection { attempts, ..collection.waiting(at, problem, now) }, Some(at))
}

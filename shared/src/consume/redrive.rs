//! A dead letter whose message was moved back into the queue, at the console or by a script: it goes on like one that was
//! redriven through the API.

use uuid::Uuid;

use super::{Consumer, Verdict, Work, attempt::ours, read_back::found};
use crate::{
    connector::{Act, Refusal},
    store::{Redrive, RedriveTo, Redriven, StoreError},
    target::{LogEntry, State, Target},
};

impl Consumer {
    /// Does what can be done for a target now; a dead letter that was moved back is sent back to work first.
    pub(super) async fn work(&self, work: &Work<'_>) -> Result<Verdict, StoreError> {
        if let Some(fence) = work.dead {
            // Boxed: it is rare, and every job would carry its size.
            Box::pin(self.revive(work, fence)).await?;
        }
        Box::pin(self.attempt(work)).await
    }

    /// Sends the target back to work if it still is the dead letter that the message tells of. Any other message about a
    /// failed target is a repetition and does nothing.
    async fn revive(&self, work: &Work<'_>, fence: u64) -> Result<(), StoreError> {
        let row = self.store.target(work.tenant, work.post, work.job.target).await?;
        let Some(failed) = row.filter(|row| row.state == State::Failed && row.fence == fence) else { return Ok(()) };
        let now = self.clock.now();
        let to = way_back(&failed);
        let reason = redriven();
        let wish = Redrive {
            failed: &failed,
            to: &to,
            owner: &Uuid::new_v4().simple().to_string(),
            now,
            not_before: now,
            not_after: None,
            reason: &reason,
        };
        if self.store.redrive(work.tenant, &wish).await? == Redriven::Done {
            tracing::info!("a dead letter was moved back into the queue and goes on");
            self.store.log(work.tenant, failed.post, &entry(&wish)).await?;
        }
        Ok(())
    }
}

/// How a dead letter gets back to work: the platform is asked first if a publish was ever sent for it.
pub(crate) fn way_back(failed: &Target) -> RedriveTo {
    if failed.intent.is_some() { RedriveTo::Inquiry } else { RedriveTo::Queue }
}

/// The line of the target's history.
pub(crate) fn entry(wish: &Redrive<'_>) -> LogEntry {
    let (reason, until) = match wish.to {
        RedriveTo::Queue | RedriveTo::Inquiry => (wish.reason.clone(), Some(wish.not_before)),
        RedriveTo::Published(_) => (found(), None),
        RedriveTo::Review(reason) => (reason.clone(), None),
    };
    LogEntry {
        target: wish.failed.target,
        fence: wish.failed.fence.saturating_add(1),
        at: wish.now,
        state: wish.to.state(),
        attempt: 0,
        reason: Some(reason),
        until,
        by: None,
    }
}

/// Why a dead letter is at work again.
pub(crate) fn redriven() -> Refusal {
    ours(
        "dead_letter.redriven",
        Act::Nobody,
        "It had failed and was sent back to work; where a publish was ever sent for it, the platform is asked first.",
    )
}

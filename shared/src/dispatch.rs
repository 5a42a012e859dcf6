//! Whatever is due goes to the queue, however many ticks were lost.
//!
//! Dispatch decides nothing about a target: it sends a job, and the claim decides. What it sends it looks at again some
//! minutes later, until a consumer has taken it out of the `due` index.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use crate::{
    clock::Clock,
    publish::LOOK_AHEAD,
    queue::{Delay, Job, Queue},
    store::{DueTarget, Store, StoreError},
    telemetry::{Chain, Metric, Metrics},
};

/// How long after a job was sent its target is looked at again, if nothing came of it.
const AGAIN: SignedDuration = SignedDuration::from_mins(5);
/// How many targets of a shard are read at once.
const PAGE: i32 = 100;
/// How many pages of a shard one tick works through, so that it ends before the next begins.
const PAGES: usize = 50;

/// Sends due targets.
pub struct Dispatcher {
    /// Where they are found.
    pub store: Store,
    /// Where they go.
    pub queue: Queue,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Where figures go.
    pub metrics: Metrics,
}

/// What one tick did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
pub struct Tick {
    /// How many jobs were sent.
    pub sent: u64,
    /// How long the longest overdue target had been due, in seconds.
    pub oldest_overdue_seconds: u64,
}

impl Dispatcher {
    /// One tick.
    ///
    /// # Errors
    /// The store did not answer; the next tick finds what this one missed.
    pub async fn tick(&self) -> Result<Tick, StoreError> {
        let now = self.clock.now();
        let until = now.saturating_add(LOOK_AHEAD).unwrap_or(now);
        let mut tick = Tick::default();
        for shard in 0..Store::due_shards() {
            for _ in 0..PAGES {
                let due = self.store.due_targets(shard, until, PAGE).await?;
                let more = !due.is_empty();
                for target in due {
                    self.send(&target, now, &mut tick).await?;
                }
                if !more {
                    break;
                }
            }
        }
        self.metrics
            .emit(None, &[(Metric::Dispatched, tick.sent), (Metric::OldestOverdue, tick.oldest_overdue_seconds)]);
        Ok(tick)
    }

    async fn send(&self, due: &DueTarget, now: Timestamp, tick: &mut Tick) -> Result<(), StoreError> {
        let target = &due.target;
        let at = target.not_before.unwrap_or(now);
        let overdue = now.duration_since(at).as_secs();
        tick.oldest_overdue_seconds = tick.oldest_overdue_seconds.max(u64::try_from(overdue).unwrap_or(0));
        let job = Job { tenant: due.tenant.id(), post: target.post, target: target.target, version: target.version };
        let delay = Delay::fitting(at.duration_since(now).max(SignedDuration::ZERO)).unwrap_or(Delay::NONE);
        // Sent first, moved second: the other way round a crash in between would hide the target until `AGAIN` is over.
        if let Err(error) = self.queue.send(&job, delay).await {
            tracing::error!(error = %Chain(&error), "a due job could not be sent; the next tick tries again");
        } else {
            tick.sent += 1;
        }
        let next = at.max(now).saturating_add(AGAIN).unwrap_or(Timestamp::MAX);
        self.store.postpone(due, next).await.map(|_| ())
    }
}

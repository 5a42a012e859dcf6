//! Whatever is due goes to the queue, however many ticks were lost; and once a day everything that nothing else
//! remembers.
//!
//! Dispatch decides nothing about a target: it sends a job, and the claim decides. What it sends it looks at again some
//! minutes later, until a consumer has taken it out of the `due` index.

use std::{sync::Arc, time::Duration};

use jiff::{SignedDuration, Timestamp};
use tokio::{task::JoinSet, time::Instant};

mod sweep;

pub use sweep::Sweep;

use crate::{
    clock::Clock,
    publish::LOOK_AHEAD,
    queue::{Delay, Errand, Job, Queue},
    store::{DueTarget, Store, StoreError},
    telemetry::{Chain, Metric, Metrics},
};

/// How long after a job was sent its target is looked at again, if nothing came of it.
const AGAIN: SignedDuration = SignedDuration::from_mins(5);
/// How many targets of a shard are read at once.
const PAGE: i32 = 100;
/// How many targets are worked on at once.
const AT_ONCE: usize = 16;
/// How long after it one tick follows another: no tick reaches into the next.
const PERIOD: Duration = Duration::from_mins(1);
/// Kept back from a tick's time for what is under way when it is over, and for the answer.
const ENDING_TAKES: Duration = Duration::from_secs(5);
/// Kept back from a tick's time for the sweep, however much is due.
const SWEEP_TAKES: Duration = Duration::from_secs(10);

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
    /// Whether everything that was due was looked at; the next tick goes on where this one stopped.
    pub finished: bool,
}

/// What one run did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct Run {
    /// With what is due.
    pub tick: Tick,
    /// With what nothing else remembers.
    pub sweep: Sweep,
}

impl Dispatcher {
    /// What is due, and then one segment of the table: which one, the minute of the day says, so that a day has seen all of it.
    /// It ends before `time_left` is over and before the next run begins.
    ///
    /// # Errors
    /// The store did not answer; the next run finds what this one missed.
    pub async fn run(&self, time_left: Duration) -> Result<Run, StoreError> {
        let ends = Instant::now() + time_left.min(PERIOD).saturating_sub(ENDING_TAKES);
        let tick = self.send_due(ends.checked_sub(SWEEP_TAKES).unwrap_or(ends)).await?;
        let sweep = self.sweep_until(sweep::segment_at(self.clock.now()), sweep::SEGMENTS, ends).await;
        // What is due has been sent by now, and its figures count even if the sweep failed.
        let strays = sweep.as_ref().map_or(0, |sweep| sweep.sent);
        self.metrics.emit(
            None,
            &[
                (Metric::Dispatched, tick.sent),
                (Metric::OldestOverdue, tick.oldest_overdue_seconds),
                (Metric::Strays, strays),
            ],
        );
        Ok(Run { tick, sweep: sweep? })
    }

    /// What is due, all of it.
    ///
    /// # Errors
    /// The store did not answer; the next tick finds what this one missed.
    pub async fn tick(&self) -> Result<Tick, StoreError> {
        self.send_due(Instant::now() + PERIOD).await
    }

    /// What is due, until `ends`. The shards take turns, each with its longest overdue first, so that one that is full
    /// does not keep the others waiting.
    async fn send_due(&self, ends: Instant) -> Result<Tick, StoreError> {
        let now = self.clock.now();
        let until = now.saturating_add(LOOK_AHEAD).unwrap_or(now);
        let mut tick = Tick { finished: true, ..Tick::default() };
        let mut shards: Vec<u8> = (0..Store::due_shards()).collect();
        while !shards.is_empty() {
            let mut unfinished = Vec::new();
            for shard in shards {
                if Instant::now() >= ends {
                    tracing::warn!(tick.sent, "time is over; the next tick goes on");
                    tick.finished = false;
                    return Ok(tick);
                }
                let page = self.store.due_targets(shard, until, PAGE).await?;
                let moved = self.send_page(page.targets, now, &mut tick).await;
                // An index that lags shows again what has moved: without anything moved there is no use in reading on.
                if page.more && moved {
                    unfinished.push(shard);
                }
            }
            shards = unfinished;
        }
        Ok(tick)
    }

    /// Whether any was sent and moved on.
    async fn send_page(&self, page: Vec<DueTarget>, now: Timestamp, tick: &mut Tick) -> bool {
        let mut moved = 0;
        let mut jobs = JoinSet::new();
        for due in page {
            let overdue = now.duration_since(due.since()).as_secs();
            tick.oldest_overdue_seconds = tick.oldest_overdue_seconds.max(u64::try_from(overdue).unwrap_or(0));
            if jobs.len() >= AT_ONCE {
                moved += tick.take(jobs.join_next().await.as_ref());
            }
            jobs.spawn(send(self.store.clone(), self.queue.clone(), due, now));
        }
        while let Some(ended) = jobs.join_next().await {
            moved += tick.take(Some(&ended));
        }
        moved > 0
    }
}

/// What became of one due target.
enum Sent {
    /// Its job is on its way.
    Yes,
    /// Its job is on its way, and its entry stands where it stood: the next tick sends another.
    AndNotMoved,
    /// The queue did not take it.
    No,
}

impl Tick {
    /// Counts what became of a target; how many entries moved.
    fn take(&mut self, ended: Option<&Result<Sent, tokio::task::JoinError>>) -> u64 {
        let (sent, moved) = match ended {
            Some(Ok(Sent::Yes)) => (1, 1),
            Some(Ok(Sent::AndNotMoved)) => (1, 0),
            Some(Ok(Sent::No) | Err(_)) | None => (0, 0),
        };
        self.sent += sent;
        moved
    }
}

/// Sends a job for a due target, and moves its entry on.
async fn send(store: Store, queue: Queue, due: DueTarget, now: Timestamp) -> Sent {
    let target = &due.target;
    let at = due.since();
    let job = Job { tenant: due.tenant.id(), post: target.post, target: target.target, version: target.version };
    let delay = Delay::fitting(at.duration_since(now).max(SignedDuration::ZERO)).unwrap_or(Delay::NONE);
    // Sent first, moved second: the other way round a crash in between would hide the target until `AGAIN` is over.
    let sent = if target.removal_to_do().is_some() {
        queue.send_errand(&job, Errand::Removal, delay).await
    } else {
        queue.send(&job, delay).await
    };
    if let Err(error) = sent {
        tracing::error!(error = %Chain(&error), "a due job could not be sent; the next tick tries again");
        return Sent::No;
    }
    let next = at.max(now).saturating_add(AGAIN).unwrap_or(Timestamp::MAX);
    match store.postpone(&due, next).await {
        Ok(_) => Sent::Yes,
        Err(error) => {
            // That one entry could not be moved does not keep all others from going out.
            tracing::error!(error = %Chain(&error), "a due target was sent and its reminder not moved");
            Sent::AndNotMoved
        }
    }
}

//! The net under all others: a slow look through the whole table for targets that no message and no entry in `due`
//! stands for.
//!
//! There are two kinds. An immediate post whose message was lost before any claim has no row for its target. A target whose
//! consumer died, and whose message was lost or ended among the dead letters, has a row that says `running` for ever.

use jiff::{SignedDuration, Timestamp};
use tokio::{task::JoinSet, time::Instant};

use super::{AT_ONCE, Dispatcher, PERIOD};
use crate::{
    post::Post,
    queue::Job,
    store::{Quiet, StoreError},
    target::Target,
    telemetry::{Metric, field},
    tenant::Tenant,
};

/// Into how many segments the table is cut: one for each minute of a day. With more of them a look takes longer than a day.
pub(super) const SEGMENTS: u32 = 24 * 60;
/// Whatever has changed since this long is still at work: longer than a batch, its message's visibility and the wait after
/// a failed attempt.
const QUIET: SignedDuration = SignedDuration::from_mins(15);
/// How long past its end a post that nobody has begun is looked for, to be told that it expired.
const LOOKED_FOR: SignedDuration = SignedDuration::from_hours(4 * 24);

/// What one sweep found.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
pub struct Sweep {
    /// How many targets nothing else remembered.
    pub found: u64,
    /// For how many of them a job was sent.
    pub sent: u64,
    /// Whether the whole segment was looked through.
    pub finished: bool,
}

/// The segment whose turn it is.
pub(super) fn segment_at(now: Timestamp) -> u32 {
    let minute = now.as_second().div_euclid(60).rem_euclid(i64::from(SEGMENTS));
    u32::try_from(minute).unwrap_or(0)
}

impl Dispatcher {
    /// Looks through one of `segments` equal parts of the table, counted from 0, and sends a job for every target in it that
    /// nothing else remembers. The claim decides what becomes of it: too late is `expired`, a publish of which nobody saw
    /// the end is asked about, anything else goes out.
    ///
    /// # Errors
    /// The store did not answer; the next sweep of the segment finds what this one missed.
    pub async fn sweep(&self, segment: u32, segments: u32) -> Result<Sweep, StoreError> {
        let sweep = self.sweep_until(segment, segments, Instant::now() + PERIOD).await?;
        self.metrics.emit(None, &[(Metric::Strays, sweep.sent)]);
        Ok(sweep)
    }

    pub(super) async fn sweep_until(&self, segment: u32, segments: u32, ends: Instant) -> Result<Sweep, StoreError> {
        let now = self.clock.now();
        let quiet = Quiet {
            since: now.saturating_sub(QUIET).unwrap_or(Timestamp::MIN),
            ended_after: now.saturating_sub(LOOKED_FOR).unwrap_or(Timestamp::MIN),
        };
        let mut sweep = Sweep::default();
        let mut after = None;
        loop {
            if Instant::now() >= ends {
                tracing::warn!(segment, segments, "time is over; the rest of the segment has its turn tomorrow");
                return Ok(sweep);
            }
            let page = self.store.quiet_rows((segment, segments), quiet, after).await?;
            let mut strays: Vec<Job> = page.targets.iter().map(|(tenant, target)| claimed(*tenant, target)).collect();
            let unclaimed = self.unclaimed(page.posts).await;
            strays.extend(unclaimed.strays);
            sweep.found += u64::try_from(strays.len()).unwrap_or(u64::MAX);
            let sent = self.queue.send_batch(&strays).await;
            sweep.sent += u64::try_from(sent.iter().filter(|sent| sent.is_ok()).count()).unwrap_or(u64::MAX);
            if let Some(Err(error)) = sent.iter().find(|sent| sent.is_err()) {
                tracing::error!({ field::ERROR } = %crate::telemetry::Chain(error), "strays could not be sent");
            }
            // What was found is on its way; of what could not be read, the next run's error tells as well.
            unclaimed.outcome?;
            after = page.next;
            if after.is_none() {
                sweep.finished = true;
                return Ok(sweep);
            }
        }
    }

    /// The targets of these posts that have no row.
    async fn unclaimed(&self, posts: Vec<(Tenant, Post)>) -> Unclaimed {
        let mut strays = Vec::new();
        let mut outcome = Ok(());
        let mut reads = JoinSet::new();
        let mut take = |ended: Option<Result<Result<Vec<Job>, StoreError>, tokio::task::JoinError>>| match ended {
            Some(Ok(Ok(jobs))) => strays.extend(jobs),
            Some(Ok(Err(error))) => outcome = Err(error),
            Some(Err(_)) | None => {}
        };
        for (tenant, post) in posts {
            if reads.len() >= AT_ONCE {
                take(reads.join_next().await);
            }
            let store = self.store.clone();
            reads.spawn(async move {
                let begun = store.begun_targets(tenant, &post).await?;
                let strays = post.targets().map(|(target, _)| target).filter(|target| !begun.contains(target));
                Ok(strays.map(|target| never_claimed(tenant, &post, target)).collect())
            });
        }
        while let Some(ended) = reads.join_next().await {
            take(Some(ended));
        }
        Unclaimed { strays, outcome }
    }
}

/// What was found before something could not be read.
struct Unclaimed {
    strays: Vec<Job>,
    outcome: Result<(), StoreError>,
}

fn claimed(tenant: Tenant, target: &Target) -> Job {
    let job = Job { tenant: tenant.id(), post: target.post, target: target.target, version: target.version };
    let state = target.state.name();
    tracing::warn!(tenant = %job.tenant, post = %job.post, target = %job.target, state, "nothing remembered this target");
    job
}

fn never_claimed(tenant: Tenant, post: &Post, target: crate::ids::TargetId) -> Job {
    let job = Job { tenant: tenant.id(), post: post.id, target, version: post.version };
    tracing::warn!(tenant = %job.tenant, post = %job.post, target = %job.target, "nobody ever claimed this target");
    job
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn f23_a_day_has_seen_every_segment_once() {
        let midnight: Timestamp = "2026-11-21T00:00:07Z".parse().unwrap();
        let minutes = (0..24 * 60).map(|minute| midnight.saturating_add(SignedDuration::from_mins(minute)).unwrap());
        assert_eq!(segment_at(midnight), 0);
        let segments: BTreeSet<_> = minutes.map(segment_at).collect();
        assert_eq!(segments, (0..SEGMENTS).collect());
    }
}

//! Drives targets towards their outcome, one job at a time and many jobs at once.
//!
//! A batch takes as long as its slowest job. Each job has its own time budget; one that panics or hangs costs only itself.
//! When [`Consumer::batch`] returns, nothing is in flight any more.

use std::{sync::Arc, time::Duration};

use jiff::{SignedDuration, Timestamp};
use tokio::{task::JoinSet, time::Instant};
use tracing::Instrument;

pub(crate) mod attempt;
mod backoff;
mod errand;
mod figures;
pub(crate) mod hold;
pub(crate) mod inquiry;
mod pace;
mod read_back;
pub(crate) mod redrive;
mod removal;
mod renewal;

pub use pace::Pace;

use crate::{
    apps::Apps,
    bucket::Bucket,
    clock::Clock,
    connector::{driver::Budget, transport::Transport},
    connectors::Connectors,
    defect::Defect,
    post::{Post, TargetSpec},
    queue::{self, DeadLetters, Errand, Job, MessageError, Queue},
    store::{PostOfJob, Store, StoreError},
    telemetry::{Chain, Metric, Metrics},
    tenant::Tenant,
    vault::{Purpose, Vault},
};

/// Kept back from a batch's time for the answer and the runtime itself: a job that is still at work then is broken off.
const ANSWER_TAKES: Duration = Duration::from_millis(500);
/// Kept back from a job's time for writing down how its calls ended: no call is waited for any longer.
const SETTLING_TAKES: Duration = Duration::from_secs(1);
/// With less time than this no call to a platform is begun.
const SHORTEST_CALL: Duration = Duration::from_secs(1);
/// How long after the function's deadline a claim still holds: nobody else begins while the last write may be on its way.
const LEASE_MARGIN: SignedDuration = SignedDuration::from_secs(5);

/// How often a job is received that only another build may know: a deployment is over by then.
const RECEIVES_FOR_ANOTHER_BUILD: u32 = 5;

/// Everything that a job needs.
pub struct Consumer {
    /// Where posts and targets are.
    pub store: Store,
    /// Where jobs come from, and go when they have to wait.
    pub queue: Queue,
    /// Where targets go that have failed for good.
    pub dead_letters: DeadLetters,
    /// Where the tokens are.
    pub vault: Vault,
    /// Our apps at the platforms.
    pub apps: Apps,
    /// The platforms.
    pub connectors: Connectors,
    /// Where the files are that callers have uploaded.
    pub bucket: Bucket,
    /// The way there.
    pub transport: Arc<dyn Transport>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Where figures go.
    pub metrics: Metrics,
    /// What this sandbox has learned about the platforms.
    pub pace: Pace,
}

/// A message as the queue delivered it.
#[derive(Debug, Clone)]
pub struct Message {
    /// Names the message in the answer to the queue.
    pub id: String,
    /// Names this receipt of it.
    pub receipt_handle: String,
    /// How often it has been received, this time included.
    pub receives: u32,
    /// What it says.
    pub body: String,
}

/// What becomes of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    /// It has done its work and can go.
    Done,
    /// It comes back after this long.
    Return(SignedDuration),
}

/// One target with everything that is known about it before it is claimed.
struct Work<'a> {
    tenant: Tenant,
    job: Job,
    post: &'a Post,
    spec: &'a TargetSpec,
    deadline: Deadline,
    /// Until when a claim may hold. It is counted from when the tenant was seen not to be deleted: a process that stood still
    /// between that and its claim has none, so nothing goes out for a tenant that was deleted meanwhile.
    lease_until: Timestamp,
    /// The fence of the failed claim, if this is a dead letter that was moved back into the queue.
    dead: Option<u64>,
    /// What else than its way out is to be seen to.
    errand: Option<Errand>,
}

impl Work<'_> {
    /// What tokens are opened for.
    fn purpose(&self) -> Purpose {
        match self.errand {
            None => Purpose::Publish,
            Some(Errand::Removal) => Purpose::DeletePost,
            Some(Errand::Figures) => Purpose::Analytics,
        }
    }
}

/// When what must have ended.
#[derive(Debug, Clone, Copy)]
struct Deadline {
    /// The function is killed.
    killed: Instant,
    /// Jobs that are still at work are broken off.
    broken_off: Instant,
    /// No call to a platform is waited for any longer.
    calls: Instant,
}

impl Deadline {
    fn after(time_left: Duration) -> Self {
        let now = Instant::now();
        let broken_off = now + time_left.saturating_sub(ANSWER_TAKES);
        let calls = now + time_left.saturating_sub(ANSWER_TAKES + SETTLING_TAKES);
        Self { killed: now + time_left, broken_off, calls }
    }

    /// The time that calls may take from now on.
    fn budget(&self) -> Budget {
        let left = self.calls.saturating_duration_since(Instant::now());
        Budget::lasting(left).with_calls(SHORTEST_CALL, Budget::LONGEST_CALL)
    }
}

impl Consumer {
    /// Works on all messages at once and returns the ids of those that must come back. `time_left` is the time until the
    /// function is killed.
    pub async fn batch(self: &Arc<Self>, messages: Vec<Message>, time_left: Duration) -> Vec<String> {
        let deadline = Deadline::after(time_left);
        if self.pace.awake(self.clock.now()) {
            self.transport.forget_connections();
        }
        let mut jobs = JoinSet::new();
        let mut unfinished: Vec<(tokio::task::Id, String)> = Vec::new();
        for message in messages {
            let id = message.id.clone();
            let span = tracing::info_span!("message", message_id = %id);
            let consumer = Arc::clone(self);
            let handle = jobs.spawn(async move { consumer.message(&message, deadline).await }.instrument(span));
            unfinished.push((handle.id(), id));
        }
        let mut returned = Vec::new();
        // Every job keeps to its budget by itself; this is for one that does not.
        let all = async {
            while let Some(outcome) = jobs.join_next_with_id().await {
                let task = match &outcome {
                    Ok((task, _)) => *task,
                    Err(error) => error.id(),
                };
                let Some(position) = unfinished.iter().position(|(id, _)| *id == task) else { continue };
                let (_, id) = unfinished.swap_remove(position);
                match outcome {
                    Ok((_, Verdict::Done)) => {}
                    Ok((_, Verdict::Return(_))) => returned.push(id),
                    Err(error) => {
                        tracing::error!(message_id = %id, panicked = error.is_panic(), "a job broke off; it comes back");
                        self.metrics.count(None, Metric::JobsLost);
                        returned.push(id);
                    }
                }
            }
        };
        if tokio::time::timeout_at(deadline.broken_off, all).await.is_err() {
            jobs.shutdown().await;
            for (_, id) in unfinished {
                tracing::error!(message_id = %id, "a job did not end in time; it comes back");
                self.metrics.count(None, Metric::JobsLost);
                returned.push(id);
            }
        }
        self.metrics.flush();
        self.pace.awake(self.clock.now());
        returned
    }

    async fn message(&self, message: &Message, deadline: Deadline) -> Verdict {
        let read = Job::decode(&message.body).and_then(|job| Ok((job, queue::errand(&message.body)?)));
        let verdict = match read {
            Ok((job, errand)) => self.job(job, errand, message, deadline).await,
            Err(error @ MessageError::Malformed) => {
                // It will never be readable: straight through its receives to the dead letter queue, for a person.
                tracing::error!(%error, "unreadable message");
                Verdict::Return(SignedDuration::ZERO)
            }
            Err(error @ MessageError::Version(_)) => {
                tracing::error!(%error, "message of a newer build");
                Verdict::Return(SignedDuration::from_mins(1))
            }
            Err(MessageError::Errand) => self.unknown_errand(message).await,
        };
        if let Verdict::Return(after) = verdict
            && let Err(error) = self.queue.change_visibility(&message.receipt_handle, after).await
        {
            // It comes back all the same, when the queue's own time is over.
            tracing::warn!(error = %Chain(&error), "the visibility of a message could not be changed");
        }
        verdict
    }

    /// It waits for a build that knows it; if none comes it lies among the dead letters, and says why.
    async fn unknown_errand(&self, message: &Message) -> Verdict {
        let wait = Verdict::Return(SignedDuration::from_mins(1));
        if message.receives < RECEIVES_FOR_ANOTHER_BUILD {
            tracing::warn!("a job is about something that this build does not know; it comes back");
            return wait;
        }
        tracing::error!("a job is about something that no build here knows; it is left to a person");
        match self.dead_letters.send_unread(&message.body, "message.errand_unknown").await {
            Ok(()) => Verdict::Done,
            Err(error) => {
                tracing::error!(error = %Chain(&error), "a dead letter could not be sent; the message comes back");
                wait
            }
        }
    }

    async fn job(&self, job: Job, errand: Option<Errand>, message: &Message, deadline: Deadline) -> Verdict {
        // The queue is ours alone to write to: a job in it vouches for its tenant.
        let tenant = Tenant::verified(job.tenant);
        let span = tracing::info_span!("job", tenant = %job.tenant, post = %job.post, target = %job.target);
        async {
            let lease_until = self.lease_until(deadline);
            match self.store.post_of_job(tenant, job.post).await {
                Ok(PostOfJob::Found(post)) => {
                    self.of_post((tenant, lease_until), (job, errand), &post, message, deadline).await
                }
                Ok(PostOfJob::TenantDeleted) => {
                    tracing::info!("a job of a deleted tenant is dropped");
                    Verdict::Done
                }
                Ok(PostOfJob::Missing) if let Some(wait) = wait_for_post(message.receives) => Verdict::Return(wait),
                Ok(PostOfJob::Missing) => {
                    tracing::warn!("a job without a post is dropped");
                    Verdict::Done
                }
                Err(error) => store_failed(&error, message),
            }
        }
        .instrument(span)
        .await
    }

    /// How long a claim holds: as long as this function may live, and a little longer.
    fn lease_until(&self, deadline: Deadline) -> Timestamp {
        let now = self.clock.now();
        let alive = deadline.killed.saturating_duration_since(Instant::now());
        let lease = SignedDuration::try_from(alive).unwrap_or(SignedDuration::ZERO).saturating_add(LEASE_MARGIN);
        now.saturating_add(lease).unwrap_or(now)
    }

    async fn of_post(
        &self,
        (tenant, lease_until): (Tenant, Timestamp),
        (job, errand): (Job, Option<Errand>),
        post: &Post,
        message: &Message,
        deadline: Deadline,
    ) -> Verdict {
        if job.version < post.version {
            return Verdict::Done;
        }
        if job.version > post.version {
            // Jobs of an edit are sent before it, too: it is about to be made, a replica has not seen it yet, or it never
            // was. In the last case the edit's caller knows, and the job of the version that stands does the work.
            return wait_for_post(message.receives).map_or_else(
                || {
                    tracing::warn!(version = job.version, "a job of an edit that was not made is dropped");
                    Verdict::Done
                },
                Verdict::Return,
            );
        }
        let Some(spec) = post.target(job.target) else {
            tracing::error!("a job names a target that its post does not have");
            return Verdict::Done;
        };
        let dead = queue::dead_fence(&message.body);
        let work = Work { tenant, job, post, spec, deadline, lease_until, dead, errand };
        // Boxed: they are rare, and every job would carry their size.
        let outcome = match errand {
            None => self.work(&work).await,
            Some(Errand::Removal) => Box::pin(self.remove(&work)).await,
            Some(Errand::Figures) => Box::pin(self.collect(&work)).await,
        };
        match outcome {
            Ok(verdict) => verdict,
            Err(_) if Defect::AcknowledgesWithoutRecord.is_present() => Verdict::Done,
            Err(error) => store_failed(&error, message),
        }
    }
}

/// Jobs are sent before their post is stored, so a job may be faster than its post: at first it comes back at once. All
/// waits together outlast the function that accepts and edits posts; a job that has no post then will never have one, and
/// its caller, who got no answer, has asked again. The same goes for the version that an edit makes.
fn wait_for_post(receives: u32) -> Option<SignedDuration> {
    let seconds = match receives {
        _ if Defect::DropsEarlyJobs.is_present() => return None,
        0 | 1 => 0,
        2 => 1,
        3 => 10,
        4 => 30,
        _ => return None,
    };
    Some(SignedDuration::from_secs(seconds))
}

/// The store did not answer: the message comes back, later each time.
fn store_failed(error: &StoreError, message: &Message) -> Verdict {
    tracing::error!(error = %Chain(error), "the store did not answer; the message comes back");
    // Messages of one moment are told apart by their ids.
    let who = message.id.bytes().fold(0_u128, |who, byte| who.wrapping_mul(257).wrapping_add(u128::from(byte)));
    Verdict::Return(backoff::delay(message.receives, who))
}

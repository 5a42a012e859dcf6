//! One round over the targets: a few at a time, until its time is over.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;
use uuid::Uuid;

use super::{
    Redriver,
    outcome::{Outcome, RedrivenView},
    request::{TargetName, Wanted},
};
use crate::{
    connector::{
        Disposition, Published, Refusal,
        driver::{Budget, CallFailed, Calls},
    },
    consume::{
        attempt::Keys,
        hold::{self, Hold},
        inquiry::{Inquiry, Word},
        redrive::{entry, redriven, way_back},
    },
    http::Caller,
    ids::ConnectionId,
    post::{Post, TargetSpec},
    queue::{Delay, Job},
    store::{Connection, ConnectionState, Redrive, RedriveTo, Redriven, StoreError},
    target::{LogEntry, State, Target},
    telemetry::{Chain, Metric},
    vault::Purpose,
};

/// The distance between two targets of one connection: five a second.
const PACE: SignedDuration = SignedDuration::from_millis(200);
/// The longest that a platform is waited for: one that hangs shall not cost all the others.
const LONGEST_CALL: Duration = Duration::from_secs(5);
/// With less time than this no call to a platform is begun.
const SHORTEST_CALL: Duration = Duration::from_secs(1);

/// A target that may be a dead letter, with its post.
pub(super) struct Candidate {
    pub(super) post: Arc<Post>,
    pub(super) row: Target,
}

type Place = (ConnectionId, String);

/// One call's targets and what is known about them so far.
pub(super) struct Round<'a> {
    redriver: &'a Redriver,
    caller: Caller,
    now: Timestamp,
    ends: Instant,
    dry_run: bool,
    not_after: Option<Timestamp>,
    /// Connections that work; what is missing does not.
    working: Mutex<BTreeMap<ConnectionId, ConnectionState>>,
    /// When the next target of a connection may go.
    pace: Mutex<BTreeMap<ConnectionId, Timestamp>>,
    /// The token of each place, or why there is none.
    keys: Mutex<BTreeMap<Place, Arc<Result<Keys, Hold>>>>,
}

/// What is known about a dead letter once the platform was asked, where it had to be.
enum Finding {
    /// It can go out.
    Free,
    /// It can go out once the platform was asked, which could not be done now.
    Unasked(Refusal),
    /// It is out.
    Live(Published),
    /// A person must say.
    Undecided(Refusal),
    /// It cannot go anywhere.
    Stuck(Option<Refusal>),
}

impl<'a> Round<'a> {
    pub(super) fn new(
        redriver: &'a Redriver,
        (caller, now, ends): (Caller, Timestamp, Instant),
        wanted: &Wanted,
        connections: Vec<Connection>,
    ) -> Self {
        let working = connections.into_iter().map(|connection| (connection.id, connection.state)).collect();
        Self {
            redriver,
            caller,
            now,
            ends,
            dry_run: wanted.dry_run,
            not_after: wanted.not_after,
            working: Mutex::new(working),
            pace: Mutex::default(),
            keys: Mutex::default(),
        }
    }

    /// Works through all of them, eight at a time.
    pub(super) async fn all(&self, candidates: Vec<(usize, Candidate)>) -> Vec<(usize, RedrivenView)> {
        let left = Mutex::new(candidates.into_iter());
        let lines = Mutex::new(Vec::new());
        let worker = || async {
            loop {
                let next = held(&left).next();
                let Some((place, candidate)) = next else { return };
                // Boxed: eight of these futures in one another would not fit on every stack.
                let line = Box::pin(self.one(&candidate)).await;
                held(&lines).push((place, line));
            }
        };
        tokio::join!(worker(), worker(), worker(), worker(), worker(), worker(), worker(), worker());
        lines.into_inner().unwrap_or_else(PoisonError::into_inner)
    }

    async fn one(&self, candidate: &Candidate) -> RedrivenView {
        let row = &candidate.row;
        let name = TargetName { post: row.post, target: row.target };
        if row.state != State::Failed {
            return RedrivenView::new(name, Outcome::NotFailed);
        }
        let mut line = if Instant::now() >= self.ends {
            RedrivenView::new(name, Outcome::NotReached)
        } else {
            self.reached(candidate, name).await.unwrap_or_else(|error| {
                tracing::error!(error = %Chain(&error), "the store did not answer; whether the target went on is not known");
                RedrivenView::new(name, Outcome::NotReached)
            })
        };
        line.failed_at = Some(row.updated_at);
        line
    }

    async fn reached(&self, candidate: &Candidate, name: TargetName) -> Result<RedrivenView, StoreError> {
        let Candidate { post, row } = candidate;
        let line = |outcome| RedrivenView::new(name, outcome);
        let Some(spec) = post.target(row.target) else { return Ok(line(Outcome::NotFound)) };
        let finding = self.find(post, spec, row).await?;
        let too_late = self.not_after.unwrap_or_else(|| row.not_after(post)) < self.now;
        let (to, line) = match finding {
            Finding::Live(published) => {
                let line = line(Outcome::AlreadyLive).live(&published);
                (RedriveTo::Published(published), line)
            }
            Finding::Undecided(reason) => {
                let line = line(Outcome::NeedsReview).because(&reason);
                (RedriveTo::Review(reason), line)
            }
            Finding::Stuck(reason) => {
                let line = line(Outcome::NeedsReconnect);
                return Ok(reason.iter().fold(line, RedrivenView::because));
            }
            Finding::Free | Finding::Unasked(_) if too_late => return Ok(line(Outcome::Expired)),
            Finding::Free => (way_back(row), line(Outcome::Posts)),
            Finding::Unasked(reason) => (RedriveTo::Inquiry, line(Outcome::AsksFirst).because(&reason)),
        };
        if self.dry_run {
            return Ok(line);
        }
        self.send(row, &to, line).await
    }

    /// What stands in the way, and what the platform says where a publish was ever sent.
    async fn find(&self, post: &Post, spec: &TargetSpec, row: &Target) -> Result<Finding, StoreError> {
        match held(&self.working).get(&spec.connection) {
            Some(ConnectionState::Active | ConnectionState::Degraded) => {}
            Some(ConnectionState::Reconnect | ConnectionState::Disconnected) | None => return Ok(Finding::Stuck(None)),
        }
        let keys = self.keys(spec).await;
        let keys = match keys.as_ref() {
            Ok(keys) => keys,
            Err(Hold::Gone(reason)) => return Ok(Finding::Stuck(Some(reason.clone()))),
            Err(hold) if row.intent.is_some() => return Ok(Finding::Unasked(hold.reason().clone())),
            // Nothing was ever sent for it, and what stands in the way passes: the consumer waits for that.
            Err(_) => return Ok(Finding::Free),
        };
        if row.intent.is_none() {
            return Ok(Finding::Free);
        }
        let redriver = self.redriver;
        let connector = redriver.connectors.of(spec.platform);
        let inquiry = Inquiry { tenant: self.caller.tenant, post, spec, target: row, now: self.now };
        if inquiry.too_early(connector).is_some() {
            return Ok(Finding::Unasked(too_early()));
        }
        let left = self.ends.saturating_duration_since(Instant::now());
        let budget = Budget::lasting(left).with_calls(SHORTEST_CALL, LONGEST_CALL);
        let mut calls = Calls::new(redriver.transport.as_ref(), connector, &keys.app, Some(&keys.token), budget);
        match inquiry.ask(&redriver.store, &mut calls).await? {
            Word::Found(published) => Ok(Finding::Live(published)),
            Word::Absent | Word::Refused(_) => Ok(Finding::Free),
            Word::Undecided(reason) => Ok(Finding::Undecided(reason)),
            Word::NoAnswer(failure) => self.unanswered(spec, &failure, keys).await,
        }
    }

    async fn unanswered(&self, spec: &TargetSpec, failure: &CallFailed, keys: &Keys) -> Result<Finding, StoreError> {
        let reason = failure.refusal();
        // A token that can be renewed is, by the consumer that goes on with the target.
        if failure.disposition() != Disposition::Reconnect || keys.grant.is_some_and(|grant| grant.renews) {
            return Ok(Finding::Unasked(reason));
        }
        held(&self.working).insert(spec.connection, ConnectionState::Reconnect);
        if !self.dry_run {
            let tenant = self.caller.tenant;
            self.redriver.store.end_connection(tenant, spec.connection, (&reason, keys.read_at), self.now).await?;
        }
        Ok(Finding::Stuck(Some(reason)))
    }

    async fn keys(&self, spec: &TargetSpec) -> Arc<Result<Keys, Hold>> {
        let place = (spec.connection, spec.destination.clone());
        let known = held(&self.keys).get(&place).cloned();
        if let Some(keys) = known {
            return keys;
        }
        let redriver = self.redriver;
        let means = (&redriver.vault, &redriver.apps, &redriver.connectors, &redriver.metrics);
        let keys = Arc::new(hold::keys(means, self.caller.tenant, spec, (Purpose::ReadBack, self.now)).await);
        held(&self.keys).insert(place, keys.clone());
        keys
    }

    /// Writes where a target goes, and sends its job.
    async fn send(&self, row: &Target, to: &RedriveTo, mut line: RedrivenView) -> Result<RedrivenView, StoreError> {
        let goes_on = matches!(to, RedriveTo::Queue | RedriveTo::Inquiry);
        let not_before = if goes_on { self.slot(row.connection) } else { self.now };
        let reason = redriven();
        let wish = Redrive {
            failed: row,
            to,
            owner: &Uuid::new_v4().simple().to_string(),
            now: self.now,
            not_before,
            not_after: self.not_after,
            reason: &reason,
        };
        let (store, tenant) = (&self.redriver.store, self.caller.tenant);
        if let Redriven::Lost(state) = store.redrive(tenant, &wish).await? {
            tracing::info!(state = state.name(), "another was faster: the target is no dead letter any more");
            line.outcome = Outcome::NotFailed;
            return Ok(line);
        }
        let metric = match to {
            RedriveTo::Published(_) => Some(Metric::Published),
            RedriveTo::Review(_) => Some(Metric::NeedsReview),
            RedriveTo::Queue | RedriveTo::Inquiry => None,
        };
        if let Some(metric) = metric {
            self.redriver.metrics.emit(Some(row.platform), &[(metric, 1)]);
        }
        if goes_on {
            line.next_at = Some(not_before);
            self.queue(row, not_before).await;
        }
        let log = LogEntry { by: Some(self.caller.key), ..entry(&wish) };
        if let Err(error) = store.log(tenant, row.post, &log).await {
            // The target has gone on: to say that it was not reached would be wrong.
            tracing::error!(error = %Chain(&error), "a redrive is missing in the history of its target");
        }
        Ok(line)
    }

    /// The next free time of a connection.
    fn slot(&self, connection: ConnectionId) -> Timestamp {
        let now = self.redriver.now().max(self.now);
        let mut pace = held(&self.pace);
        let next = pace.entry(connection).or_insert(now);
        let slot = (*next).max(now);
        *next = slot.saturating_add(PACE).unwrap_or(slot);
        slot
    }

    /// The message is only the faster way: dispatch finds what has none.
    async fn queue(&self, row: &Target, at: Timestamp) {
        let job = Job { tenant: self.caller.tenant.id(), post: row.post, target: row.target, version: row.version };
        let wait = at.duration_since(self.redriver.now()).max(SignedDuration::ZERO);
        let Some(delay) = Delay::fitting(wait) else { return };
        if let Err(error) = self.redriver.queue.send(&job, delay).await {
            tracing::warn!(error = %Chain(&error), "a redriven job could not be sent; dispatch will find its target");
        }
    }
}

fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn too_early() -> Refusal {
    crate::consume::attempt::ours(
        "read_back.too_early",
        crate::connector::Act::Nobody,
        "The publish was sent a moment ago; the platform's listing may not show the post yet.",
    )
}

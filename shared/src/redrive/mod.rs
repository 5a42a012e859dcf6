//! Sends dead letters back to work: says for each what that means, and never posts what is out already.
//!
//! A target for which a publish was ever sent keeps the proof of it (its intent): the platform is asked before anything
//! else happens to it, in a dry run as well.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use jiff::Timestamp;
use tokio::time::Instant;

mod outcome;
mod request;
mod round;

pub use outcome::{Outcome, RedriveCounts, RedriveView, RedrivenView};
pub use request::{NewRedrive, RedriveFilter, TargetName};
use request::{Scope, Wanted};
use round::{Candidate, Round};

use crate::{
    apps::Apps,
    clock::Clock,
    connector::transport::Transport,
    connectors::Connectors,
    http::{Caller, Request, Response},
    ids::{PostId, TargetId},
    post::Post,
    problem::{Code, Problem},
    queue::Queue,
    store::{Actor, AuditAction, AuditEntry, Store, StoreError},
    target::Target,
    telemetry::{Chain, Metrics},
    tenant::Tenant,
    vault::Vault,
};

/// How many targets one call takes.
pub const MOST_TARGETS: usize = 500;
/// Kept back from the function's time for the audit and the answer.
const ANSWER_TAKES: Duration = Duration::from_secs(3);

/// Sends dead letters back to work.
pub struct Redriver {
    /// Where they are.
    pub store: Store,
    /// Where they go.
    pub queue: Queue,
    /// Where the tokens are.
    pub vault: Vault,
    /// Our apps at the platforms.
    pub apps: Apps,
    /// The platforms.
    pub connectors: Connectors,
    /// The way there.
    pub transport: Arc<dyn Transport>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Where figures go.
    pub metrics: Metrics,
}

/// The targets of a call: those to work on with their place in the answer, and those of which everything is known.
#[derive(Default)]
struct Gathered {
    candidates: Vec<(usize, Candidate)>,
    told: Vec<(usize, RedrivenView)>,
    more: bool,
}

impl Redriver {
    /// Answers the route of this use case. `time_left` is the time until the function is killed.
    ///
    /// # Errors
    /// The refusal to send back.
    pub async fn handle(&self, request: Request, time_left: Duration) -> Result<Response, Problem> {
        match request.route.as_str() {
            "POST /v1/dead-letters/redrive" => Box::pin(self.redrive(&request, time_left)).await,
            _ => Err(Problem::new(Code::RouteUnknown, "This function does not know the route.")),
        }
    }

    async fn redrive(&self, request: &Request, time_left: Duration) -> Result<Response, Problem> {
        let ends = Instant::now() + time_left.saturating_sub(ANSWER_TAKES);
        let caller = request.caller()?;
        request.only_queries(&[])?;
        if self.store.is_deleted(caller.tenant).await.map_err(store_failed)? {
            return Err(Problem::tenant_deleted());
        }
        let now = self.now();
        let wanted = Wanted::of(request.json()?, now).map_err(Problem::invalid)?;
        // What matches is looked for in a third of the time at most: the rest is for the platforms.
        let looked_until = Instant::now() + time_left / 3;
        let gathered = self.gather(caller.tenant, &wanted.scope, looked_until).await.map_err(store_failed)?;
        let connections = gathered.candidates.iter().map(|(_, candidate)| candidate.row.connection);
        let connections = self.store.connections_by_id(caller.tenant, connections).await.map_err(store_failed)?;
        let round = Round::new(self, (caller, now, ends), &wanted, connections);
        let mut lines = gathered.told;
        lines.extend(round.all(gathered.candidates).await);
        self.metrics.flush();
        lines.sort_by_key(|(place, _)| *place);
        let targets: Vec<RedrivenView> = lines.into_iter().map(|(_, line)| line).collect();
        let view =
            RedriveView { dry_run: wanted.dry_run, counts: RedriveCounts::of(&targets), targets, more: gathered.more };
        if !wanted.dry_run {
            self.audit(caller, &wanted, &view).await;
        }
        Ok(Response::json(200, &view))
    }

    async fn gather(&self, tenant: Tenant, scope: &Scope, until: Instant) -> Result<Gathered, StoreError> {
        match scope {
            Scope::Targets(names) => {
                let posts = self.store.posts_by_id(tenant, names.iter().map(|name| name.post)).await?;
                let known = names.iter().filter_map(|name| Some((posts.get(&name.post)?, name.target)));
                let known = known.filter(|(post, target)| post.target(*target).is_some());
                let rows = self.store.targets(tenant, known).await?;
                let mut rows: BTreeMap<(PostId, TargetId), Target> =
                    rows.into_iter().map(|row| ((row.post, row.target), row)).collect();
                let found = names.iter().map(|name| (*name, rows.remove(&(name.post, name.target))));
                Ok(Gathered::of(found, posts))
            }
            Scope::Filter(filter) => {
                let (mut rows, mut after) = (Vec::new(), None);
                loop {
                    let wanted = MOST_TARGETS.saturating_sub(rows.len());
                    let page = self.store.dead_letters(tenant, filter, after.as_ref(), wanted).await?;
                    rows.extend(page.items);
                    after = page.next;
                    if after.is_none() || rows.len() >= MOST_TARGETS || Instant::now() >= until {
                        break;
                    }
                }
                let posts = self.store.posts_by_id(tenant, rows.iter().map(|row| row.post)).await?;
                let found = rows.into_iter().map(|row| (TargetName { post: row.post, target: row.target }, Some(row)));
                Ok(Gathered { more: after.is_some(), ..Gathered::of(found, posts) })
            }
        }
    }

    /// One entry per run. What was done is done: an audit that cannot be written does not undo it.
    async fn audit(&self, caller: Caller, wanted: &Wanted, view: &RedriveView) {
        let actor = Actor::Key(caller.key);
        let mut entry = AuditEntry::new(self.now(), actor, AuditAction::DeadLettersRedriven, "dead-letters");
        match &wanted.scope {
            Scope::Targets(names) => entry = entry.with("targets", names.len()),
            Scope::Filter(filter) => {
                entry = entry.with("more", view.more);
                let act = filter.act.map(|act| serde_json::to_value(act).unwrap_or_default());
                let texts = [
                    ("filter_platform", filter.platform.map(|platform| platform.to_string())),
                    ("filter_connection", filter.connection.map(|connection| connection.to_string())),
                    ("filter_code", filter.code.clone()),
                    ("filter_act", act.and_then(|act| act.as_str().map(str::to_owned))),
                    ("filter_from", filter.from.map(|at| at.to_string())),
                    ("filter_to", filter.to.map(|at| at.to_string())),
                ];
                for (name, text) in texts {
                    entry = text.into_iter().fold(entry, |entry, text| entry.with(name, text));
                }
            }
        }
        if let Some(not_after) = wanted.not_after {
            entry = entry.with("not_after", not_after);
        }
        for (outcome, count) in view.counts.named() {
            entry = entry.with(outcome, count);
        }
        if let Err(error) = self.store.audit(caller.tenant, &entry).await {
            tracing::error!(error = %Chain(&error), key = %caller.key, "a redrive could not be written into the audit");
        }
    }

    /// To the millisecond, as times are stored.
    fn now(&self) -> Timestamp {
        let now = self.clock.now();
        Timestamp::from_millisecond(now.as_millisecond()).unwrap_or(now)
    }
}

impl Gathered {
    fn of(found: impl Iterator<Item = (TargetName, Option<Target>)>, posts: BTreeMap<PostId, Post>) -> Self {
        let posts: BTreeMap<PostId, Arc<Post>> = posts.into_iter().map(|(id, post)| (id, Arc::new(post))).collect();
        let mut gathered = Self::default();
        for (place, (name, row)) in found.enumerate() {
            let post = posts.get(&name.post).filter(|post| post.target(name.target).is_some());
            match (post, row) {
                (None, _) => gathered.told.push((place, RedrivenView::new(name, Outcome::NotFound))),
                // A target without a row waits for its first claim.
                (Some(_), None) => gathered.told.push((place, RedrivenView::new(name, Outcome::NotFailed))),
                (Some(post), Some(row)) => gathered.candidates.push((place, Candidate { post: Arc::clone(post), row })),
            }
        }
        gathered
    }
}

#[expect(clippy::needless_pass_by_value, reason = "the shape that map_err wants")]
fn store_failed(error: StoreError) -> Problem {
    tracing::error!(error = %Chain(&error), "the store did not answer");
    Problem::new(Code::Unavailable, "Nothing was sent back to work; try again.")
}

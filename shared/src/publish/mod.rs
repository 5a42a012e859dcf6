//! Accepting posts and editing them: validate, enqueue, store. Long work never happens here.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

mod edit;
mod request;
mod validate;

pub use request::{NewPost, NewTarget, PostChanges, TargetChange};
use validate::Validated;

use crate::{
    clock::Clock,
    connector::canonical::{canonical, sha256_hex},
    connectors::Connectors,
    http::{Caller, Request, Response},
    ids::PostId,
    post::{Planned, Post, default_not_after},
    problem::{Code, Fault, Problem},
    queue::{Delay, Job, Queue},
    store::{Reservation, Store},
    telemetry::Chain,
    view::PostView,
};

/// How long after its time dispatch looks at a scheduled post whose message was sent along with its acceptance.
const SAFETY_NET: SignedDuration = SignedDuration::from_mins(2);
/// How far ahead of its time dispatch sends a scheduled target; it uses the queue's delay for the rest.
pub const LOOK_AHEAD: SignedDuration = SignedDuration::from_secs(90);

/// Accepts posts.
#[derive(Clone)]
pub struct Publisher {
    /// Where posts are kept.
    pub store: Store,
    /// Where jobs go.
    pub queue: Queue,
    /// Whose rules posts must keep.
    pub connectors: Connectors,
    /// The time.
    pub clock: Arc<dyn Clock>,
}

impl Publisher {
    /// Answers the routes of this use case.
    ///
    /// # Errors
    /// The refusal to send back.
    pub async fn handle(&self, request: Request) -> Result<Response, Problem> {
        match request.route.as_str() {
            "POST /v1/posts" => self.create(&request).await,
            "PATCH /v1/posts/{post}" => self.edit(&request).await,
            "POST /v1/posts/validate" => self.validate(&request).await,
            _ => Err(Problem::new(Code::RouteUnknown, "This function does not know the route.")),
        }
    }

    async fn create(&self, request: &Request) -> Result<Response, Problem> {
        let caller = request.caller()?;
        let key = request.idempotency_key()?;
        let wanted: NewPost = request.json()?;
        let now = self.now();
        let fingerprint = request_fingerprint(&wanted);
        let id = match key {
            Some(key) => PostId::derived(&[&caller.tenant.id().to_string(), &request.route, key]),
            None => PostId::new(),
        };
        let validated = match validate::check(&self.store, &self.connectors, caller.tenant, &wanted, now).await? {
            Ok(validated) => validated,
            Err(faults) => return self.replay_or(&caller, id, &fingerprint, Problem::invalid(faults)).await,
        };
        let post = build(id, caller, fingerprint, validated, now);
        self.enqueue(&caller, &post, now).await?;
        let nonce = Uuid::new_v4().simple().to_string();
        match self.store.accept(caller.tenant, &post, &nonce, due_at(&post, now)).await.map_err(unavailable)? {
            Reservation::New => {
                tracing::info!(tenant = %caller.tenant.id(), post = %id, targets = post.targets.len(), "accepted");
                Ok(accepted(&post))
            }
            Reservation::Replay(earlier) => Ok(accepted(&earlier).with_header("idempotency-replayed", "true")),
            Reservation::Mismatch => Err(mismatch()),
        }
    }

    /// A request that was accepted once is answered as it was then, even if it could not be accepted now: its time may
    /// have come, its connection may be gone.
    async fn replay_or(
        &self,
        caller: &Caller,
        id: PostId,
        fingerprint: &str,
        problem: Problem,
    ) -> Result<Response, Problem> {
        match self.store.post(caller.tenant, id, true).await.map_err(unavailable)? {
            Some(earlier) if earlier.request_fingerprint == fingerprint => {
                let earlier = self.store.as_accepted(caller.tenant, earlier).await.map_err(unavailable)?;
                Ok(accepted(&earlier).with_header("idempotency-replayed", "true"))
            }
            Some(_) => Err(mismatch()),
            None => Err(problem),
        }
    }

    async fn validate(&self, request: &Request) -> Result<Response, Problem> {
        let caller = request.caller()?;
        let wanted: NewPost = request.json()?;
        let outcome = validate::check(&self.store, &self.connectors, caller.tenant, &wanted, self.now()).await?;
        let findings: Vec<Fault> = outcome.err().unwrap_or_default();
        Ok(Response::json(200, &Findings { valid: findings.is_empty(), findings }))
    }

    /// Sends the jobs of a post that goes out soon, before the post is stored: a crash in between leaves messages without
    /// a post or of a version that it never had, which the consumer drops, and a caller without an answer, who asks again.
    /// What goes out later is sent by dispatch.
    async fn enqueue(&self, caller: &Caller, post: &Post, now: Timestamp) -> Result<(), Problem> {
        let wait = post.planned.as_ref().map_or(SignedDuration::ZERO, |planned| planned.at.duration_since(now));
        if wait > LOOK_AHEAD {
            return Ok(());
        }
        let delay = Delay::fitting(wait.max(SignedDuration::ZERO)).unwrap_or(Delay::NONE);
        let jobs: Vec<Job> = post
            .targets()
            .map(|(target, _)| Job { tenant: caller.tenant.id(), post: post.id, target, version: post.version })
            .collect();
        let unsent = |error: &(dyn std::error::Error + 'static)| {
            tracing::error!(error = %Chain(error), "jobs could not be sent");
            Problem::new(Code::Unavailable, "Nothing was done; send the same request again.")
        };
        match jobs.as_slice() {
            [job] => self.queue.send(job, delay).await.map_err(|error| unsent(&error)),
            jobs if delay == Delay::NONE => {
                self.queue.send_batch(jobs).await.into_iter().collect::<Result<(), _>>().map_err(|error| unsent(&error))
            }
            jobs => {
                for job in jobs {
                    self.queue.send(job, delay).await.map_err(|error| unsent(&error))?;
                }
                Ok(())
            }
        }
    }

    /// The time, to the millisecond: that is what the store keeps.
    fn now(&self) -> Timestamp {
        let now = self.clock.now();
        Timestamp::from_millisecond(now.as_millisecond()).unwrap_or(now)
    }
}

/// What a check found.
#[derive(Debug, serde::Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Findings {
    /// Whether the post would be accepted now.
    pub valid: bool,
    /// Every rule that it breaks.
    pub findings: Vec<Fault>,
}

fn build(id: PostId, caller: Caller, request_fingerprint: String, validated: Validated, now: Timestamp) -> Post {
    let Validated { content, targets, planned, not_after } = validated;
    let goes_out = planned.as_ref().map_or(now, |planned: &Planned| planned.at.max(now));
    Post {
        id,
        version: 1,
        content,
        targets,
        created_at: now,
        planned,
        not_after: not_after.unwrap_or_else(|| default_not_after(goes_out)),
        not_after_given: not_after.is_some(),
        accepted_by: caller.key,
        request_fingerprint,
    }
}

/// When dispatch first looks at a scheduled post; `None` for a post that goes out now.
fn due_at(post: &Post, now: Timestamp) -> Option<Timestamp> {
    let at = post.planned.as_ref()?.at;
    let sent_along = at.duration_since(now) <= LOOK_AHEAD;
    Some(if sent_along { at.saturating_add(SAFETY_NET).unwrap_or(at) } else { at })
}

fn accepted(post: &Post) -> Response {
    let view = PostView::accepted(post);
    let location = format!("/v1/posts/{}", post.id);
    Response::json(202, &view).with_header("location", location).at_version(post.version)
}

/// What tells one request from another: neither the order of its fields nor its white space counts.
fn request_fingerprint(wanted: &NewPost) -> String {
    // Plain data with text keys: writing it as JSON cannot fail.
    sha256_hex(&canonical(&serde_json::to_value(wanted).unwrap_or_default()))
}

fn mismatch() -> Problem {
    Problem::new(Code::IdempotencyMismatch, "Send the first body again, or choose a new Idempotency-Key.")
}

#[expect(clippy::needless_pass_by_value, reason = "the shape that map_err wants")]
fn unavailable(error: crate::store::StoreError) -> Problem {
    tracing::error!(error = %Chain(&error), "the store did not answer");
    Problem::new(Code::Unavailable, "It is not known whether anything was done; send the same request again.")
}

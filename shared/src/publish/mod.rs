//! Accepting posts and editing them: validate, enqueue, store. Long work never happens here.

use std::{sync::Arc, time::Duration};

use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

mod bulk;
mod duplicates;
mod edit;
mod request;
mod validate;

pub use bulk::{BulkPosts, BulkResult, BulkResults, MAX_BULK_BODY, MAX_BULK_POSTS, MAX_BULK_TARGETS};
use duplicates::{Guarded, Notes};
pub use request::{NewBulkPost, NewPost, NewTarget, PostChanges, TargetChange};
use validate::Validated;

use crate::{
    clock::Clock,
    connector::canonical::{canonical, sha256_hex},
    connectors::Connectors,
    defect::Defect,
    http::{Caller, Request, Response},
    ids::PostId,
    media::Library,
    post::{Planned, Post, default_not_after},
    problem::{Code, Fault, Problem},
    queue::{Delay, Job, Queue, QueueError},
    store::{Reservation, Store},
    telemetry::Chain,
    view::PostView,
};

/// How long after its time dispatch looks at a scheduled post whose message was sent along with its acceptance.
const SAFETY_NET: SignedDuration = SignedDuration::from_mins(2);
/// How far ahead of its time dispatch sends a scheduled target; it uses the queue's delay for the rest.
pub const LOOK_AHEAD: SignedDuration = SignedDuration::from_secs(90);

/// Past this age a post is accepted for good: nobody is at work on accepting it any more.
const OLD: SignedDuration = SignedDuration::from_secs(60);

/// Accepts posts.
#[derive(Clone)]
pub struct Publisher {
    /// Where posts are kept.
    pub store: Store,
    /// Where jobs go.
    pub queue: Queue,
    /// Whose rules posts must keep.
    pub connectors: Connectors,
    /// Where the files are that callers upload for them.
    pub media: Library,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// How far apart two posts with the same content must lie at one destination; `None`: anything goes.
    pub duplicate_window: Option<SignedDuration>,
}

impl Publisher {
    /// Answers the routes of this use case, with all the time there is.
    ///
    /// # Errors
    /// The refusal to send back.
    pub async fn handle(&self, request: Request) -> Result<Response, Problem> {
        self.handle_within(request, Duration::from_hours(1)).await
    }

    /// Answers the routes of this use case. `time_left` is the time until the function is killed: what cannot be begun
    /// within it is not.
    ///
    /// # Errors
    /// The refusal to send back.
    pub async fn handle_within(&self, request: Request, time_left: Duration) -> Result<Response, Problem> {
        match request.route.as_str() {
            "POST /v1/posts/bulk" => self.bulk(&request, time_left).await,
            "POST /v1/posts" => self.create(&request).await,
            "PATCH /v1/posts/{post}" => self.edit(&request).await,
            "POST /v1/posts/validate" => self.validate(&request).await,
            "POST /v1/media" => Box::pin(self.media.create(&request)).await,
            "GET /v1/media/{media}" => Box::pin(self.media.show(&request)).await,
            _ => Err(Problem::new(Code::RouteUnknown, "This function does not know the route.")),
        }
    }

    async fn create(&self, request: &Request) -> Result<Response, Problem> {
        let caller = request.caller()?;
        request.only_queries(&[])?;
        let key = request.idempotency_key()?;
        let wanted: NewPost = request.json()?;
        validate::size(&wanted)?;
        let now = self.now();
        let fingerprint = request_fingerprint(&wanted);
        let id = match key {
            Some(key) if !Defect::IgnoresIdempotencyKeys.is_present() => post_id(&caller, &request.route, key),
            Some(_) | None => PostId::new(),
        };
        let validated = match self.check(caller.tenant, &wanted, now).await? {
            Ok(validated) => validated,
            Err(faults) => {
                let problem = Problem::invalid(faults);
                return self.replay_or(&caller, id, &fingerprint, problem).await.map(Response::from);
            }
        };
        let post = build(id, caller, fingerprint, validated, now);
        let notes = match self.guard(&caller, &post, wanted.allow_duplicate, now).await? {
            Guarded::Free(notes) => notes,
            Guarded::Duplicate(problem) => {
                return self.replay_or(&caller, id, &post.request_fingerprint, problem).await.map(Response::from);
            }
        };
        if Defect::StoresBeforeSending.is_present() {
            let jobs = jobs(&caller, &post, now);
            let accepted = self.accept(&caller, post, notes, now).await?;
            if !accepted.replayed {
                self.enqueue(&jobs).await.map_err(|error| unsent(&error))?;
            }
            return Ok(accepted.into());
        }
        if let Err(error) = self.enqueue(&jobs(&caller, &post, now)).await {
            self.take_back(&caller, id, notes).await;
            return Err(unsent(&error));
        }
        let accepted = self.accept(&caller, post, notes, now).await?;
        if !accepted.replayed {
            let targets = accepted.post.targets.len();
            tracing::info!(tenant = %caller.tenant.id(), post = %id, targets, "accepted");
        }
        Ok(accepted.into())
    }

    /// Stores a post whose jobs are sent: from here on it is accepted.
    async fn accept(&self, caller: &Caller, post: Post, notes: Notes, now: Timestamp) -> Result<Accepted, Problem> {
        let nonce = Uuid::new_v4().simple().to_string();
        let reserved = self.store.accept(caller.tenant, &post, &nonce, due_at(&post, now)).await;
        match reserved.map_err(unavailable)? {
            Reservation::New => Ok(Accepted { post, replayed: false }),
            Reservation::Replay(earlier) => {
                // An old post whose notes were forgotten has just noted itself anew, as of now.
                if !notes.is_empty() && now.duration_since(earlier.created_at) > OLD {
                    self.take_back(caller, earlier.id, notes).await;
                }
                Ok(Accepted { post: *earlier, replayed: true })
            }
            Reservation::Mismatch => {
                self.take_back(caller, post.id, notes).await;
                Err(mismatch())
            }
            Reservation::Running => Err(running(post.id)),
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
    ) -> Result<Accepted, Problem> {
        match self.store.post(caller.tenant, id, true).await.map_err(unavailable)? {
            Some(earlier) if earlier.request_fingerprint == fingerprint => {
                let post = self.store.as_accepted(caller.tenant, earlier).await.map_err(unavailable)?;
                Ok(Accepted { post, replayed: true })
            }
            Some(_) => Err(mismatch()),
            None => Err(problem),
        }
    }

    async fn validate(&self, request: &Request) -> Result<Response, Problem> {
        let caller = request.caller()?;
        request.only_queries(&[])?;
        let wanted: NewPost = request.json()?;
        validate::size(&wanted)?;
        let outcome = self.check(caller.tenant, &wanted, self.now()).await?;
        let findings: Vec<Fault> = outcome.err().unwrap_or_default();
        Ok(Response::json(200, &Findings { valid: findings.is_empty(), findings }))
    }

    /// Sends jobs, before their post is stored: a crash in between leaves messages without a post or of a version
    /// that it never had, which the consumer drops, and a caller without an answer, who asks again.
    async fn enqueue(&self, jobs: &[(Job, Delay)]) -> Result<(), QueueError> {
        match jobs {
            [(job, delay)] => self.queue.send(job, *delay).await,
            jobs => self.queue.send_each(jobs).await.into_iter().collect(),
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

/// The jobs of a post that goes out soon, each with what is left of its wait. What goes out later is sent by dispatch.
fn jobs(caller: &Caller, post: &Post, now: Timestamp) -> Vec<(Job, Delay)> {
    let wait = post.planned.as_ref().map_or(SignedDuration::ZERO, |planned| planned.at.duration_since(now));
    if wait > LOOK_AHEAD {
        return Vec::new();
    }
    let delay = Delay::fitting(wait.max(SignedDuration::ZERO)).unwrap_or(Delay::NONE);
    let job = |target| Job { tenant: caller.tenant.id(), post: post.id, target, version: post.version };
    post.targets().map(|(target, _)| (job(target), delay)).collect()
}

/// A post that is accepted, now or before.
#[derive(Debug)]
struct Accepted {
    post: Post,
    replayed: bool,
}

impl From<Accepted> for Response {
    fn from(Accepted { post, replayed }: Accepted) -> Self {
        let location = format!("/v1/posts/{}", post.id);
        let response =
            Self::json(202, &PostView::accepted(&post)).with_header("location", location).at_version(post.version);
        if replayed { response.with_header("idempotency-replayed", "true") } else { response }
    }
}

/// The id under which the same request comes out again.
fn post_id(caller: &Caller, route: &str, key: &str) -> PostId {
    PostId::derived(&[&caller.tenant.id().to_string(), route, key])
}

/// What tells one request from another: neither the order of its fields nor its white space counts.
fn request_fingerprint(wanted: &NewPost) -> String {
    // Plain data with text keys: writing it as JSON cannot fail.
    sha256_hex(&canonical(&serde_json::to_value(wanted).unwrap_or_default()))
}

fn running(post: PostId) -> Problem {
    let text = "Another request with this key is being accepted; send the same request again in a second.";
    Problem::new(Code::IdempotencyRunning, text).about(post)
}

fn unsent(error: &QueueError) -> Problem {
    tracing::error!(error = %Chain(error), "jobs could not be sent");
    Problem::new(Code::Unavailable, "Nothing was done; send the same request again.")
}

fn mismatch() -> Problem {
    Problem::new(Code::IdempotencyMismatch, "Send the first body again, or choose a new Idempotency-Key.")
}

#[expect(clippy::needless_pass_by_value, reason = "the shape that map_err wants")]
fn unavailable(error: crate::store::StoreError) -> Problem {
    tracing::error!(error = %Chain(&error), "the store did not answer");
    Problem::new(Code::Unavailable, "It is not known whether anything was done; send the same request again.")
}

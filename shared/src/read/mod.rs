//! Reads, and what people decide about posts that are under way: calling off, and saying what became of them.

use std::sync::Arc;

use jiff::SignedDuration;
use serde::Serialize;
use tokio::task::JoinSet;

mod analytics;
mod cancel;
mod dead_letters;
mod deletions;
mod health;
mod listing;
mod removal;
mod resolve;
mod timeline;

pub use analytics::{AnalyticsView, DayView, FiguresState, TargetFiguresView};
pub use dead_letters::{DeadLetterView, DeadLettersView};
pub use deletions::{DeletionState, DeletionView};
pub use health::{ComponentView, HealthView, QueueHealthView};
pub use listing::PostsView;
pub use resolve::Resolution;
pub use timeline::{TimelineEntry, TimelineView};

use crate::{
    apps::SigningKeys,
    clock::Clock,
    http::{Request, Response},
    ids::{ConnectionId, PostId, TargetId},
    post::Post,
    problem::{Code, Problem},
    queue::{DeadLetters, Delay, Errand, Job, Queue},
    store::{PostSummary, Store, StoreError},
    telemetry::Chain,
    tenant::Tenant,
    view::{ConnectionView, PostView},
};

/// Answers reads.
pub struct Reader {
    /// Where everything is.
    pub store: Store,
    /// Whose depth tells how far behind we are.
    pub queue: Queue,
    /// Whose depth tells that people are needed.
    pub dead_letters: DeadLetters,
    /// What cursors are signed with.
    pub signing_keys: SigningKeys,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Figures that are older are read anew for whoever asks.
    pub figures_max_age: SignedDuration,
}

/// How many changes of a connection are shown with it.
const HISTORY: i32 = 20;

/// The connections of a tenant.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ConnectionsView {
    /// All that were asked for, the oldest first; or those that need somebody, the one that has for longest first.
    pub connections: Vec<ConnectionView>,
}

impl Reader {
    /// Answers the routes of this use case.
    ///
    /// # Errors
    /// The refusal to send back.
    pub async fn handle(&self, request: Request) -> Result<Response, Problem> {
        match request.route.as_str() {
            "GET /v1/posts" => self.posts(&request).await,
            "GET /v1/posts/{post}" => self.post(&request).await,
            "DELETE /v1/posts/{post}" => self.cancel(&request).await,
            "POST /v1/posts/{post}/targets/{target}/resolve" => self.resolve(&request).await,
            "GET /v1/posts/{post}/analytics" => self.analytics(&request).await,
            "GET /v1/posts/{post}/timeline" => self.timeline(&request).await,
            "GET /v1/connections" => self.connections(&request).await,
            "GET /v1/connections/{connection}" => self.connection(&request).await,
            "GET /v1/dead-letters" => self.dead_letters(&request).await,
            "GET /v1/deletions/{deletion}" => self.deletion(&request).await,
            "GET /health" => Ok(Box::pin(self.health()).await),
            "GET /health/queue" => self.queue_health().await,
            _ => Err(nothing_there(&request)),
        }
    }

    /// Refuses to change anything of a deleted tenant.
    async fn alive(&self, request: &Request) -> Result<(), Problem> {
        let caller = request.caller()?;
        if self.store.is_deleted(caller.tenant).await.map_err(store_failed)? {
            return Err(Problem::tenant_deleted());
        }
        Ok(())
    }

    async fn post(&self, request: &Request) -> Result<Response, Problem> {
        Ok(shown(&self.summary(request).await?))
    }

    /// The post that the path names, if it is the caller's.
    async fn summary(&self, request: &Request) -> Result<PostSummary, Problem> {
        let caller = request.caller()?;
        let id: PostId = request.parameter("post", Code::PostUnknown)?;
        let found = self.store.post_with_targets(caller.tenant, id).await.map_err(store_failed)?;
        found.ok_or_else(|| Problem::new(Code::PostUnknown, "None of your posts has this id."))
    }

    async fn connections(&self, request: &Request) -> Result<Response, Problem> {
        let caller = request.caller()?;
        request.only_queries(&["attention", "end_user"])?;
        let connections = match request.query("attention") {
            None => self.store.connections(caller.tenant).await,
            Some("true") => self.store.troubled_connections(caller.tenant).await,
            Some(_) => {
                return Err(Problem::new(Code::QueryInvalid, "`attention` is `true`, or left out."));
            }
        };
        let wanted = request.query("end_user");
        let connections = connections.map_err(store_failed)?.into_iter();
        let connections = connections.filter(|one| wanted.is_none_or(|tag| one.end_user.as_deref() == Some(tag)));
        let connections = connections.map(ConnectionView::from).collect();
        Ok(Response::json(200, &ConnectionsView { connections }))
    }

    async fn connection(&self, request: &Request) -> Result<Response, Problem> {
        let caller = request.caller()?;
        let id: ConnectionId = request.parameter("connection", Code::ConnectionUnknown)?;
        let found = self.store.connection(caller.tenant, id).await.map_err(store_failed)?;
        let found =
            found.ok_or_else(|| Problem::new(Code::ConnectionUnknown, "None of your connections has this id."))?;
        let history = self.store.health_log(caller.tenant, id, HISTORY).await.map_err(store_failed)?;
        Ok(Response::json(200, &ConnectionView::from(found).with_history(&history)))
    }
}

impl Reader {
    /// Sends what is to be done about targets that are out. What cannot be sent is logged.
    async fn send(&self, tenant: Tenant, post: &Post, targets: &[TargetId], errand: Errand) {
        let mut sends = JoinSet::new();
        for target in targets {
            let job = Job { tenant: tenant.id(), post: post.id, target: *target, version: post.version };
            let queue = self.queue.clone();
            sends.spawn(async move { queue.send_errand(&job, errand, Delay::NONE).await });
        }
        while let Some(sent) = sends.join_next().await {
            if let Ok(Err(error)) = sent {
                tracing::warn!(error = %Chain(&error), ?errand, "a job about what is out could not be sent");
            }
        }
    }
}

/// A post as it stands.
fn shown(summary: &PostSummary) -> Response {
    Response::json(200, &PostView::current(summary)).at_version(summary.post.version)
}

/// No route took the request. API Gateway cannot tell a wrong method from a wrong path, so we do.
fn nothing_there(request: &Request) -> Problem {
    let words: Vec<&str> = request.path.trim_matches('/').split('/').collect();
    let known = match words.as_slice() {
        ["v1", "posts"] | ["webhooks", _] => "GET, POST",
        ["v1", "posts", "bulk" | "validate"]
        | ["v1", "connect", "sessions"]
        | ["v1", "posts", _, "targets", _, "resolve"]
        | ["v1", "dead-letters", "redrive"]
        | ["webhooks", _, _] => "POST",
        ["v1", "posts", _] => "GET, PATCH, DELETE",
        ["v1", "posts", _, "timeline" | "analytics"]
        | ["v1", "connections" | "dead-letters"]
        | ["v1", "connections" | "connect" | "deletions", _]
        | ["v1", "oauth", _, "callback"]
        | ["health"]
        | ["health", "queue"] => "GET",
        _ => return Problem::new(Code::RouteUnknown, "The routes are listed in openapi.yaml."),
    };
    let text = format!("This address takes {known}.");
    Problem { allow: Some(known), ..Problem::new(Code::MethodNotAllowed, text) }
}

/// A read that had no answer: there is nothing that it could have done.
#[expect(clippy::needless_pass_by_value, reason = "the shape that map_err wants")]
fn store_failed(error: StoreError) -> Problem {
    tracing::error!(error = %Chain(&error), "the store did not answer");
    Problem::new(Code::Unavailable, "The store did not answer; try again.")
}

/// A write that had no answer: it may have taken effect.
#[expect(clippy::needless_pass_by_value, reason = "the shape that map_err wants")]
fn write_failed(error: StoreError) -> Problem {
    tracing::error!(error = %Chain(&error), "the store did not answer a write");
    Problem::new(Code::Unavailable, "It is not known whether anything was done; send the same request again.")
}

//! Whether postd itself is well.

use serde::Serialize;
use tokio::time::Instant;

use super::Reader;
use crate::{
    http::Response,
    problem::{Code, Problem},
    queue::{Depth, QueueError},
    telemetry::Chain,
};

/// Whether postd is well.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct HealthView {
    /// `ok` or `failing`.
    pub status: &'static str,
    /// What it stands on.
    pub components: Vec<ComponentView>,
}

/// Whether one thing that postd stands on answers.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ComponentView {
    /// `store`, `queue` or `secrets`.
    pub name: &'static str,
    /// `ok` or `failing`.
    pub status: &'static str,
    /// How long it took to answer.
    pub latency_ms: u64,
}

/// How far behind postd is.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct QueueHealthView {
    /// Jobs that wait.
    pub visible: u64,
    /// Jobs at work.
    pub in_flight: u64,
    /// Jobs that wait for their time.
    pub delayed: u64,
    /// Dead letters that nobody has looked after.
    pub dead_letters: u64,
}

impl Reader {
    /// 200 if everything answers, else 503 with the component that does not.
    pub(super) async fn health(&self) -> Response {
        let (store, queue, secrets) = tokio::join!(
            timed("store", async { self.store.ping().await.map_err(|error| Chain(&error).to_string()) }),
            timed("queue", async { self.queue.depth().await.map(|_| ()).map_err(|error| Chain(&error).to_string()) }),
            timed("secrets", async {
                self.signing_keys.current().await.map(|_| ()).map_err(|error| Chain(&error).to_string())
            }),
        );
        let components = vec![store, queue, secrets];
        let well = components.iter().all(|component| component.status == OK);
        let status = if well { OK } else { FAILING };
        Response::json(if well { 200 } else { 503 }, &HealthView { status, components })
    }

    pub(super) async fn queue_health(&self) -> Result<Response, Problem> {
        let (queue, dead) = tokio::join!(self.queue.depth(), self.dead_letters.depth());
        let unavailable = |error: QueueError| {
            tracing::error!(error = %Chain(&error), "the queue did not answer");
            Problem::new(Code::Unavailable, "The queue did not answer; try again.")
        };
        let Depth { visible, in_flight, delayed } = queue.map_err(unavailable)?;
        let dead = dead.map_err(unavailable)?;
        let dead_letters = dead.visible.saturating_add(dead.in_flight);
        Ok(Response::json(200, &QueueHealthView { visible, in_flight, delayed, dead_letters }))
    }
}

const OK: &str = "ok";
const FAILING: &str = "failing";

async fn timed(name: &'static str, check: impl Future<Output = Result<(), String>>) -> ComponentView {
    let began = Instant::now();
    let outcome = check.await;
    if let Err(error) = &outcome {
        tracing::error!(component = name, error, "a component does not answer");
    }
    ComponentView {
        name,
        status: if outcome.is_ok() { OK } else { FAILING },
        latency_ms: u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX),
    }
}

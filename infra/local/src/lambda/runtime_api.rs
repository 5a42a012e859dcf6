//! The Lambda Runtime API. Each environment has a path of its own, so that the local cloud knows which one is asking.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use bytes::Bytes;
use serde_json::json;
use tokio::net::TcpListener;
use tokio::sync::{Notify, watch};
use uuid::Uuid;

use super::environment::{Environment, EnvironmentInfo, Invocation};
use super::{InvokeError, function_error};
use crate::clock;

/// The most that Lambda takes as an answer, in bytes.
const LARGEST_ANSWER: usize = 6 * 1024 * 1024;

/// How long an event waits for an environment that has just answered.
const SETTLING: Duration = Duration::from_millis(50);

/// All environments that are alive, and those among them that have nothing to do.
#[derive(Debug)]
pub(super) struct RuntimeApi {
    address: SocketAddr,
    alive: Mutex<BTreeMap<String, Arc<Environment>>>,
    /// By function, the most recently used last.
    idle: Mutex<BTreeMap<String, Vec<Arc<Environment>>>>,
    /// Some environment has become idle.
    settled: Notify,
    stopping: watch::Sender<bool>,
}

impl RuntimeApi {
    pub(super) fn new(address: SocketAddr) -> Self {
        let stopping = watch::Sender::new(false);
        Self { address, alive: Mutex::default(), idle: Mutex::default(), settled: Notify::new(), stopping }
    }

    /// What an environment finds in `AWS_LAMBDA_RUNTIME_API`: with a path, so with a scheme too.
    pub(super) fn address_for(&self, environment: &str) -> String {
        format!("http://{}/{environment}", self.address)
    }

    /// Takes a new environment in, unless everything is stopping.
    pub(super) fn admit(&self, environment: &Arc<Environment>) -> bool {
        let mut alive = lock(&self.alive);
        if self.is_stopping() {
            return false;
        }
        alive.insert(environment.id.clone(), Arc::clone(environment));
        true
    }

    pub(super) fn forget(&self, environment: &str) {
        lock(&self.alive).remove(environment);
    }

    pub(super) fn keep_idle(&self, environment: Arc<Environment>) {
        let name = environment.definition.name.clone();
        lock(&self.idle).entry(name).or_default().push(environment);
        self.settled.notify_waiters();
    }

    /// An environment that waits for an event, or will in a moment: that is sooner than a new one could.
    pub(super) async fn take_idle_soon(&self, function: &str) -> Option<Arc<Environment>> {
        let patience = tokio::time::Instant::now() + SETTLING;
        loop {
            // Registered before looking, or an environment that settles in between would wake nobody.
            let settled = self.settled.notified();
            if let Some(environment) = self.take_idle(function) {
                return Some(environment);
            }
            let hope = lock(&self.alive)
                .values()
                .any(|environment| environment.definition.name == function && environment.is_settling());
            if !hope || tokio::time::timeout_at(patience, settled).await.is_err() {
                return None;
            }
        }
    }

    /// An environment that waits for an event. Those that have died in the meantime are dropped.
    fn take_idle(&self, function: &str) -> Option<Arc<Environment>> {
        loop {
            let environment = lock(&self.idle).get_mut(function)?.pop()?;
            if environment.is_alive() {
                return Some(environment);
            }
            environment.discard();
        }
    }

    pub(super) fn environments(&self, function: &str) -> Vec<EnvironmentInfo> {
        lock(&self.alive)
            .values()
            .filter(|environment| environment.definition.name == function && environment.is_alive())
            .map(|environment| environment.info())
            .collect()
    }

    pub(super) fn is_stopping(&self) -> bool {
        *self.stopping.borrow()
    }

    /// Waits as long as told, or until everything stops.
    pub(super) async fn stopped_within(&self, wait: Duration) {
        let mut stopping = self.stopping.subscribe();
        // Either way the caller goes on.
        let _over = tokio::time::timeout(wait, stopping.wait_for(|stopping| *stopping)).await;
    }

    /// Ends the environments of one function.
    pub(super) async fn recycle(&self, function: &str) {
        lock(&self.idle).remove(function);
        let ending: Vec<Arc<Environment>> =
            lock(&self.alive).values().filter(|environment| environment.definition.name == function).cloned().collect();
        for environment in ending {
            environment.stop().await;
        }
    }

    pub(super) async fn stop(&self) {
        for environment in self.begin_stop() {
            environment.stop().await;
        }
    }

    pub(super) fn kill(&self) {
        for environment in self.begin_stop() {
            environment.discard();
        }
    }

    fn begin_stop(&self) -> Vec<Arc<Environment>> {
        self.stopping.send_replace(true);
        lock(&self.idle).clear();
        lock(&self.alive).values().cloned().collect()
    }

    fn environment(&self, id: &str) -> Option<Arc<Environment>> {
        lock(&self.alive).get(id).cloned()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Serves until its task is aborted.
pub(super) async fn serve(listener: TcpListener, api: Arc<RuntimeApi>) {
    let prefix = "/{environment}/2018-06-01/runtime";
    let router = Router::new()
        .route(&format!("{prefix}/invocation/next"), get(next))
        .route(&format!("{prefix}/invocation/{{request}}/response"), post(response))
        .route(&format!("{prefix}/invocation/{{request}}/error"), post(error))
        .route(&format!("{prefix}/init/error"), post(init_error))
        // A little more, so that an answer of one byte too many is still read and told from a broken connection.
        .layer(DefaultBodyLimit::max(2 * LARGEST_ANSWER))
        .with_state(api);
    // It ends only with its task.
    let _ended = axum::serve(listener, router).await;
}

type Api = State<Arc<RuntimeApi>>;

async fn next(State(api): Api, Path(environment): Path<String>) -> Response {
    let Some(environment) = api.environment(&environment) else { return gone() };
    match environment.next().await {
        Some(invocation) => event(invocation),
        None => gone(),
    }
}

fn event(invocation: Invocation) -> Response {
    let headers = [
        ("lambda-runtime-aws-request-id", invocation.request_id),
        ("lambda-runtime-deadline-ms", invocation.deadline_ms.to_string()),
        ("lambda-runtime-invoked-function-arn", invocation.function_arn),
        ("lambda-runtime-trace-id", trace_id()),
        ("content-type", "application/json".to_owned()),
    ];
    let mut response = Response::new(Body::from(invocation.payload));
    for (name, value) in headers {
        if let Ok(value) = HeaderValue::from_str(&value) {
            response.headers_mut().insert(HeaderName::from_static(name), value);
        }
    }
    response
}

/// A trace that is not sampled.
fn trace_id() -> String {
    let random = Uuid::now_v7().simple().to_string();
    let (parent, rest) = random.split_at(8);
    format!("Root=1-{:08x}-{rest};Parent={parent}{parent};Sampled=0", clock::now().as_second())
}

async fn response(State(api): Api, Path((environment, request)): Path<(String, String)>, body: Bytes) -> Response {
    if body.len() > LARGEST_ANSWER {
        let error = InvokeError::Function {
            error_type: "Function.ResponseSizeTooLarge".to_owned(),
            message: format!("Response payload size exceeded maximum allowed payload size ({LARGEST_ANSWER} bytes)."),
        };
        answer(&api, &environment, &request, Err(error));
        return refusal(StatusCode::PAYLOAD_TOO_LARGE, "RequestEntityTooLarge", "The response is too large.");
    }
    answer(&api, &environment, &request, Ok(body))
}

async fn error(State(api): Api, Path((environment, request)): Path<(String, String)>, body: Bytes) -> Response {
    answer(&api, &environment, &request, Err(function_error(&body)))
}

async fn init_error(State(api): Api, Path(environment): Path<String>, body: Bytes) -> Response {
    let Some(environment) = api.environment(&environment) else { return gone() };
    environment.init_failed(function_error(&body).to_string());
    accepted()
}

fn answer(api: &RuntimeApi, environment: &str, request: &str, answer: Result<Bytes, InvokeError>) -> Response {
    let Some(environment) = api.environment(environment) else { return gone() };
    if environment.answer(request, answer) {
        accepted()
    } else {
        refusal(StatusCode::BAD_REQUEST, "InvalidRequestID", "This is not the event in hand.")
    }
}

fn accepted() -> Response {
    (StatusCode::ACCEPTED, axum::Json(json!({"status": "OK"}))).into_response()
}

fn gone() -> Response {
    refusal(StatusCode::FORBIDDEN, "InvalidEnvironment", "There is no such environment any more.")
}

fn refusal(status: StatusCode, kind: &str, message: &str) -> Response {
    (status, axum::Json(json!({"errorType": kind, "errorMessage": message}))).into_response()
}

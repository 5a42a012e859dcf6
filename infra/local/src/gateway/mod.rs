//! API Gateway's HTTP API: finds the route, asks the authorizer, hands the request to the function and its answer back.

mod answer;
mod authorize;
mod event;
mod route;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{ConnectInfo, State};
use axum::response::Response;
use bytes::Bytes;
use http::{HeaderValue, Request, StatusCode};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use uuid::Uuid;

pub(crate) use authorize::{AuthorizerDefinition, IdentitySource};
pub(crate) use route::RouteKey;

use crate::lambda::{InvokeError, Lambda};
use crate::logs::{Level, Logs};
use authorize::{Authorizer, Verdict};
use event::Routed;

/// The most that API Gateway takes in one request, in bytes.
const LARGEST_REQUEST: usize = 10 * 1024 * 1024;

/// The most that Lambda takes in one event, in bytes.
const LARGEST_EVENT: usize = 6 * 1024 * 1024;

/// One route and what serves it.
#[derive(Debug, Clone)]
pub(crate) struct Route {
    pub(crate) key: RouteKey,
    pub(crate) function: String,
    pub(crate) authorizer: Option<String>,
    pub(crate) timeout: Duration,
}

/// The whole API as the template describes it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Api {
    pub(crate) routes: Vec<Route>,
    pub(crate) authorizers: BTreeMap<String, AuthorizerDefinition>,
    pub(crate) default_authorizer: Option<String>,
}

/// The running gateway; its listener closes when it is dropped.
#[derive(Debug)]
pub(crate) struct Gateway {
    served: Arc<Served>,
    task: JoinHandle<()>,
}

#[derive(Debug)]
struct Served {
    /// The most specific first.
    routes: Vec<Route>,
    authorizers: BTreeMap<String, Authorizer>,
    lambda: Lambda,
    logs: Logs,
}

impl Gateway {
    pub(crate) fn start(listener: TcpListener, api: Api, lambda: Lambda, logs: Logs) -> Self {
        let mut routes = api.routes;
        routes.sort_by_key(|route| route.key.precedence());
        let authorizers =
            api.authorizers.into_iter().map(|(name, definition)| (name, Authorizer::new(definition))).collect();
        let served = Arc::new(Served { routes, authorizers, lambda, logs });
        let state = Arc::clone(&served);
        let service =
            Router::new().fallback(handle).with_state(state).into_make_service_with_connect_info::<SocketAddr>();
        let task = tokio::spawn(async move {
            // It ends only with its task.
            let _ended = axum::serve(listener, service).await;
        });
        Self { served, task }
    }

    /// What it serves, the most specific route first.
    pub(crate) fn routes(&self) -> &[Route] {
        &self.served.routes
    }

    /// Who judges callers, by the names that routes call them.
    pub(crate) fn authorizers(&self) -> impl Iterator<Item = (&str, &AuthorizerDefinition)> {
        self.served.authorizers.iter().map(|(name, authorizer)| (name.as_str(), authorizer.definition()))
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn handle(
    State(served): State<Arc<Served>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    request: Request<Body>,
) -> Response {
    let request_id = Uuid::now_v7().to_string();
    let (parts, body) = request.into_parts();
    let begun = std::time::Instant::now();
    let found = served.routes.iter().find_map(|route| {
        let variables = route.key.matches(parts.method.as_str(), parts.uri.path())?;
        Some((route, variables))
    });
    let route_key = found.as_ref().map_or_else(|| "no route".to_owned(), |(route, _)| route.key.to_string());
    let mut response = match (to_bytes(body, LARGEST_REQUEST).await, found) {
        (Err(_), _) => answer::own(StatusCode::PAYLOAD_TOO_LARGE, "Request Entity Too Large"),
        (Ok(_), None) => answer::own(StatusCode::NOT_FOUND, "Not Found"),
        (Ok(body), Some((route, variables))) => {
            let route_key = route_key.clone();
            let routed = Routed { parts: &parts, peer, route_key, request_id: request_id.clone(), variables };
            served.answer(route, &routed, &body).await
        }
    };
    if let Ok(id) = HeaderValue::from_str(&request_id) {
        response.headers_mut().insert("apigw-requestid", id);
    }
    // The route, never the path or the query: they may carry what nobody should read in a log.
    let line = format!("{route_key} {} in {} ms", response.status().as_u16(), begun.elapsed().as_millis());
    served.logs.say(Level::Info, "gateway", line);
    response
}

impl Served {
    async fn answer(&self, route: &Route, routed: &Routed<'_>, body: &Bytes) -> Response {
        let context = match self.authorize(route, routed).await {
            Ok(context) => context,
            Err(refusal) => return *refusal,
        };
        let event = routed.event(body, context.as_ref()).to_string();
        if event.len() > LARGEST_EVENT {
            return answer::own(StatusCode::PAYLOAD_TOO_LARGE, "Request Entity Too Large");
        }
        // The function goes on when the gateway stops waiting.
        let lambda = self.lambda.clone();
        let function = route.function.clone();
        let invoked = tokio::spawn(async move { lambda.invoke(&function, Bytes::from(event)).await });
        match tokio::time::timeout(route.timeout, invoked).await {
            Ok(Ok(Ok(answered))) => answer::read(&answered).unwrap_or_else(|| {
                let text = format!("{} answered with something that is no response", route.function);
                self.logs.say(Level::Error, "gateway", text);
                internal_error()
            }),
            Ok(Ok(Err(InvokeError::Throttled | InvokeError::Stopping))) | Err(_) => {
                answer::own(StatusCode::SERVICE_UNAVAILABLE, "Service Unavailable")
            }
            // Lambda has logged why.
            Ok(Ok(Err(_)) | Err(_)) => internal_error(),
        }
    }

    /// The context for the function, or the answer that the caller gets instead.
    async fn authorize(&self, route: &Route, routed: &Routed<'_>) -> Result<Option<Value>, Box<Response>> {
        let Some(authorizer) = route.authorizer.as_ref().and_then(|name| self.authorizers.get(name)) else {
            return Ok(None);
        };
        let refusal = match authorizer.decide(routed, &self.lambda).await {
            Verdict::Allowed(context) => return Ok(Some(context)),
            Verdict::Denied => answer::own(StatusCode::FORBIDDEN, "Forbidden"),
            Verdict::Anonymous => answer::own(StatusCode::UNAUTHORIZED, "Unauthorized"),
            Verdict::Broken(reason) => {
                self.logs.say(Level::Error, "gateway", format!("the authorizer failed: {reason}"));
                internal_error()
            }
        };
        Err(Box::new(refusal))
    }
}

fn internal_error() -> Response {
    answer::own(StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error")
}

//! The one port: routes a request by its `X-Amz-Target` to the service it names, and counts it. What names none and has a path
//! is for S3.

use std::sync::{Arc, OnceLock};

use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::access::Gate;
use crate::counts::{OperationCount, Tally};
use crate::dynamodb::DynamoDb;
use crate::managed::{Kms, SecretsManager};
use crate::s3::S3;
use crate::sqs::Sqs;
use crate::tap::Tap;

/// `DynamoDB` takes up to 16 MB; nothing else takes more.
const LARGEST_BODY: usize = 16 * 1024 * 1024;

/// An answer on its way out.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Reply {
    pub(crate) fn json(status: u16, body: &Value) -> Self {
        let mut headers = HeaderMap::new();
        headers.insert(http::header::CONTENT_TYPE, HeaderValue::from_static("application/x-amz-json-1.0"));
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        Self { status, headers, body: Bytes::from(body.to_string()) }
    }

    pub(crate) fn refusal(status: u16, code: &str, message: &str) -> Self {
        Self::json(status, &json!({"__type": code, "message": message}))
    }

    pub(crate) fn with_header(mut self, name: &'static str, value: &str) -> Self {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.headers.insert(HeaderName::from_static(name), value);
        }
        self
    }
}

impl IntoResponse for Reply {
    fn into_response(mut self) -> Response {
        if let Ok(id) = HeaderValue::from_str(&Uuid::now_v7().to_string()) {
            self.headers.entry("x-amzn-requestid").or_insert(id);
        }
        let mut response = Response::new(Body::from(self.body));
        *response.status_mut() = self.status;
        *response.headers_mut() = self.headers;
        response
    }
}

/// The services and their tally.
#[derive(Debug)]
pub(crate) struct Services {
    pub(crate) dynamodb: DynamoDb,
    pub(crate) sqs: Sqs,
    pub(crate) kms: Kms,
    pub(crate) secrets: SecretsManager,
    pub(crate) s3: S3,
    pub(crate) tally: Tally,
    pub(crate) gate: OnceLock<Gate>,
    pub(crate) tap: OnceLock<Tap>,
}

pub(crate) fn router(services: Arc<Services>) -> axum::Router {
    axum::Router::new().fallback(any(handle)).with_state(services)
}

impl From<Reply> for http::Response<Bytes> {
    fn from(reply: Reply) -> Self {
        let mut response = Self::new(reply.body);
        *response.status_mut() = reply.status;
        *response.headers_mut() = reply.headers;
        response
    }
}

async fn handle(State(services): State<Arc<Services>>, request: http::Request<Body>) -> Response {
    if !request.headers().contains_key("x-amz-target") && request.uri().path() != "/" {
        return store(&services, request).await;
    }
    let (parts, body) = request.into_parts();
    if let Ok(body) = axum::body::to_bytes(body, LARGEST_BODY).await {
        return answer(&services, parts.headers, body).await.into_response();
    }
    let text = format!("The request is larger than {LARGEST_BODY} bytes, or broke off.");
    Reply::refusal(413, "RequestEntityTooLargeException", &text).into_response()
}

/// Answers one request to S3 and counts it. Its bodies pass by: neither is held as a whole, or shown to a tap.
async fn store(services: &Services, request: http::Request<Body>) -> Response {
    let asked = request.uri().path().to_owned();
    let (operation, response) = services.s3.handle(request, services.gate.get()).await;
    let operation = format!("S3.{operation}");
    if let Some(tap) = services.tap.get() {
        tap.show(&operation, asked.as_bytes(), b"");
    }
    let errors = u64::from(!response.status().is_success());
    services.tally.add(&operation, OperationCount { calls: 1, errors, ..OperationCount::default() });
    response
}

/// Answers one request and counts it.
pub(crate) async fn answer(services: &Services, headers: HeaderMap, body: Bytes) -> Reply {
    let target = headers.get("x-amz-target").and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
    let Some((service, operation)) = target.split_once('.') else {
        return Reply::refusal(400, "UnknownOperationException", "The request names no operation in X-Amz-Target.");
    };
    let Some(name) = name(service) else {
        let message = format!("The service of {target} is not emulated: DynamoDB, SQS, KMS and Secrets Manager are.");
        return Reply::refusal(400, "UnknownOperationException", &message);
    };
    let asked = services.tap.get().map(|_| body.clone());
    let refusal = services.gate.get().and_then(|gate| gate.refuse(name, operation, &headers, &body));
    let (reply, count) = match (refusal, name) {
        (Some(refusal), _) => (refusal, OperationCount::default()),
        (None, "DynamoDB") => services.dynamodb.handle(operation, headers, body).await,
        (None, "SQS") => (services.sqs.handle(operation, &body).await, OperationCount::default()),
        (None, "KMS") => (services.kms.handle(operation, headers, body).await, OperationCount::default()),
        (None, _) => (services.secrets.handle(operation, headers, body).await, OperationCount::default()),
    };
    if let (Some(tap), Some(asked)) = (services.tap.get(), asked) {
        tap.show(&format!("{name}.{operation}"), &asked, &reply.body);
    }
    let errors = u64::from(!reply.status.is_success());
    services.tally.add(&format!("{name}.{operation}"), OperationCount { calls: 1, errors, ..count });
    reply
}

/// The name of the service that a target begins with.
fn name(service: &str) -> Option<&'static str> {
    match service {
        "DynamoDB_20120810" => Some("DynamoDB"),
        "AmazonSQS" => Some("SQS"),
        "TrentService" => Some("KMS"),
        "secretsmanager" => Some("SecretsManager"),
        _ => None,
    }
}

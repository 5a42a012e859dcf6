//! The one port: routes a request by its `X-Amz-Target` to the service it names, and counts it.

use std::sync::{Arc, OnceLock};

use axum::body::Body;
use axum::extract::{DefaultBodyLimit, State};
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

/// The four services and their tally.
#[derive(Debug)]
pub(crate) struct Services {
    pub(crate) dynamodb: DynamoDb,
    pub(crate) sqs: Sqs,
    pub(crate) kms: Kms,
    pub(crate) secrets: SecretsManager,
    pub(crate) tally: Tally,
    pub(crate) gate: OnceLock<Gate>,
    pub(crate) tap: OnceLock<Tap>,
}

pub(crate) fn router(services: Arc<Services>) -> axum::Router {
    axum::Router::new().fallback(any(handle)).layer(DefaultBodyLimit::max(LARGEST_BODY)).with_state(services)
}

impl From<Reply> for http::Response<Bytes> {
    fn from(reply: Reply) -> Self {
        let mut response = Self::new(reply.body);
        *response.status_mut() = reply.status;
        *response.headers_mut() = reply.headers;
        response
    }
}

async fn handle(State(services): State<Arc<Services>>, headers: HeaderMap, body: Bytes) -> Reply {
    answer(&services, headers, body).await
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

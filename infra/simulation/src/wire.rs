//! Under the SDK: a connector that hands requests to the emulators, through the plane.

use std::sync::Arc;

use aws_smithy_runtime_api::{
    box_error::BoxError,
    client::{
        http::{HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector},
        orchestrator::{HttpRequest, HttpResponse},
        result::ConnectorError,
        runtime_components::RuntimeComponents,
    },
};
use aws_smithy_types::body::SdkBody;
use bytes::Bytes;
use http::{HeaderMap, StatusCode};

use crate::{
    aws::Aws,
    fault::Place,
    plane::{Lost, Plane},
    process::Process,
};

/// The way of one process to AWS.
#[derive(Debug, Clone)]
pub struct Wire {
    /// Where it leads.
    pub aws: Arc<Aws>,
    /// What goes wrong on it.
    pub plane: Arc<Plane>,
    /// Whose it is.
    pub process: Arc<Process>,
}

impl HttpClient for Wire {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl HttpConnector for Wire {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let wire = self.clone();
        HttpConnectorFuture::new(async move { wire.send(request).await })
    }
}

impl Wire {
    async fn send(&self, request: HttpRequest) -> Result<HttpResponse, ConnectorError> {
        let (headers, body) = taken_apart(request)?;
        let operation = operation(&headers);
        let place = match operation.split_once('.').map_or("", |(service, _)| service) {
            "DynamoDB_20120810" => Place::DynamoDb,
            "AmazonSQS" => Place::Sqs,
            _ => Place::Keys,
        };
        let aws = Arc::clone(&self.aws);
        let perform = Box::pin(async move { aws.answer(headers, body).await });
        let response = match self.plane.pass(&self.process, place, &operation, perform).await {
            Ok(response) => response,
            Err(Lost::Throttled) => throttled(place),
            Err(Lost::Before | Lost::After | Lost::Error) => {
                return Err(ConnectorError::io("the simulated connection broke".into()));
            }
        };
        HttpResponse::try_from(response.map(SdkBody::from)).map_err(|error| user(error.into()))
    }
}

fn taken_apart(request: HttpRequest) -> Result<(HeaderMap, Bytes), ConnectorError> {
    let request = request.try_into_http1x().map_err(|error| user(error.into()))?;
    let (parts, body) = request.into_parts();
    let body = body.bytes().map(Bytes::copy_from_slice).ok_or_else(|| user("a streaming body".into()))?;
    Ok((parts.headers, body))
}

fn user(error: BoxError) -> ConnectorError {
    ConnectorError::user(error)
}

fn operation(headers: &HeaderMap) -> String {
    headers.get("x-amz-target").and_then(|value| value.to_str().ok()).unwrap_or("?").to_owned()
}

fn throttled(place: Place) -> http::Response<Bytes> {
    let code = match place {
        Place::Sqs => "RequestThrottled",
        Place::DynamoDb | Place::Keys | Place::Platform => "ThrottlingException",
    };
    let body = serde_json::json!({ "__type": code, "message": "Rate exceeded" });
    let mut response = http::Response::new(Bytes::from(body.to_string()));
    *response.status_mut() = StatusCode::BAD_REQUEST;
    response
}

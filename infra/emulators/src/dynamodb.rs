//! Amazon `DynamoDB`, by dynoxide on an inner loopback port: its server cannot be nested into another.
//!
//! Every request asks for its consumed capacity, whether the caller did or not, so that the tally can say what the real
//! service would have charged.

use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use dynoxide::Database;
use http::HeaderMap;
use http::header::{CONTENT_LENGTH, HOST, TRANSFER_ENCODING};
use http_body_util::{BodyExt as _, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::{Value, json};
use tokio::net::TcpListener;

mod direct;

use crate::clock::Clock;
use crate::counts::OperationCount;
use crate::server::Reply;
use crate::{Error, Stop};

/// Operations that take `ReturnConsumedCapacity`; true for those that are charged in read units.
const CHARGED: [(&str, bool); 10] = [
    ("GetItem", true),
    ("BatchGetItem", true),
    ("TransactGetItems", true),
    ("Query", true),
    ("Scan", true),
    ("PutItem", false),
    ("UpdateItem", false),
    ("DeleteItem", false),
    ("BatchWriteItem", false),
    ("TransactWriteItems", false),
];

/// The service.
pub(crate) struct DynamoDb {
    database: Database,
    server: Option<Inner>,
}

/// The way to dynoxide's own server.
struct Inner {
    client: Client<HttpConnector, Full<Bytes>>,
    url: String,
}

impl std::fmt::Debug for DynamoDb {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("DynamoDb").field("direct", &self.server.is_none()).finish_non_exhaustive()
    }
}

impl DynamoDb {
    /// In memory, or in a file.
    pub(crate) async fn start(file: Option<&Path>, clock: Arc<Clock>, stop: Stop) -> Result<Self, Error> {
        let database = match file {
            None => Database::memory_with_clock(clock),
            Some(file) => Database::new(&file.to_string_lossy()),
        }
        .map_err(|error| Error::DynamoDb(error.to_string()))?;
        let listener = TcpListener::bind("127.0.0.1:0").await.map_err(Error::Listen)?;
        let url = format!("http://{}/", listener.local_addr().map_err(Error::Listen)?);
        tokio::spawn(dynoxide::server::serve_with_shutdown(listener, database.clone(), stop.requested()));
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        let server = Inner { client: Client::builder(TokioExecutor::new()).build(connector), url };
        Ok(Self { database, server: Some(server) })
    }

    /// In memory and without a server: requests are answered on the caller's thread.
    pub(crate) fn direct(clock: Arc<Clock>) -> Result<Self, Error> {
        let database = Database::memory_with_clock(clock).map_err(|error| Error::DynamoDb(error.to_string()))?;
        Ok(Self { database, server: None })
    }

    pub(crate) fn database(&self) -> &Database {
        &self.database
    }

    /// Answers one request, and says what it would have cost.
    pub(crate) async fn handle(&self, operation: &str, headers: HeaderMap, body: Bytes) -> (Reply, OperationCount) {
        let Some(server) = &self.server else {
            return (direct::answer(&self.database, operation, &body), OperationCount::default());
        };
        let charge = CHARGED.iter().find(|(name, _)| *name == operation).map(|(_, reads)| *reads);
        let asked = if charge.is_some() { ask_for_capacity(&body) } else { None };
        let forwarded = asked.clone().unwrap_or(body);
        let mut reply = match server.forward(headers, forwarded).await {
            Ok(reply) => reply,
            Err(error) => return (Reply::refusal(500, "InternalServerError", &error), OperationCount::default()),
        };
        let Some(reads) = charge else { return (reply, OperationCount::default()) };
        let units = charged_units(operation, &mut reply, asked.is_some());
        let count = if reads {
            OperationCount { read_units: units, ..OperationCount::default() }
        } else {
            OperationCount { write_units: units, ..OperationCount::default() }
        };
        (reply, count)
    }
}

impl Inner {
    async fn forward(&self, headers: HeaderMap, body: Bytes) -> Result<Reply, String> {
        let mut request = http::Request::post(&self.url).body(Full::new(body)).map_err(|error| error.to_string())?;
        *request.headers_mut() = headers;
        for name in [CONTENT_LENGTH, HOST, TRANSFER_ENCODING] {
            request.headers_mut().remove(name);
        }
        let (parts, body) = self.client.request(request).await.map_err(|error| error.to_string())?.into_parts();
        let body = body.collect().await.map_err(|error| error.to_string())?.to_bytes();
        Ok(Reply { status: parts.status, headers: parts.headers, body })
    }
}

/// The request with the question added; none when the caller asked already, or the body is not for us to judge.
fn ask_for_capacity(body: &Bytes) -> Option<Bytes> {
    let mut request: Value = serde_json::from_slice(body).ok()?;
    let fields = request.as_object_mut()?;
    match fields.get("ReturnConsumedCapacity").and_then(Value::as_str) {
        None | Some("NONE") => {}
        Some(_) => return None,
    }
    fields.insert("ReturnConsumedCapacity".to_owned(), json!("TOTAL"));
    Some(Bytes::from(request.to_string()))
}

/// Reads the units out of an answer, and takes them away again when the caller did not ask for them.
///
/// A condition that fails costs what the item weighs, at least one unit; the answer does not tell the weight, so one
/// unit is counted, which is exact for items of up to 1 KB. A cancelled transaction counts two.
fn charged_units(operation: &str, reply: &mut Reply, added: bool) -> f64 {
    let Ok(mut answer) = serde_json::from_slice::<Value>(&reply.body) else { return 0.0 };
    if !reply.status.is_success() {
        let code = answer.get("__type").and_then(Value::as_str).unwrap_or_default();
        return match code.rsplit('#').next().unwrap_or_default() {
            "ConditionalCheckFailedException" => 1.0,
            "TransactionCanceledException" if operation == "TransactWriteItems" => 2.0,
            _ => 0.0,
        };
    }
    let units = match answer.get("ConsumedCapacity") {
        Some(Value::Array(tables)) => tables.iter().filter_map(capacity_units).sum(),
        Some(one) => capacity_units(one).unwrap_or(0.0),
        None => 0.0,
    };
    if added && let Some(fields) = answer.as_object_mut() {
        fields.remove("ConsumedCapacity");
        reply.body = Bytes::from(answer.to_string());
        reply.headers.remove(CONTENT_LENGTH);
        reply.headers.remove("x-amz-crc32");
    }
    units
}

fn capacity_units(capacity: &Value) -> Option<f64> {
    capacity.get("CapacityUnits").and_then(Value::as_f64)
}

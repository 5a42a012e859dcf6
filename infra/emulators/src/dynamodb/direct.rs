//! `DynamoDB` without a socket: the same database, asked on the caller's thread.
//!
//! For simulations that make millions of calls and must give the same answer to the same history. It leaves out what
//! dynoxide's server does around an operation (strict typing of the JSON, capacity): requests come from the SDK.

use dynoxide::{Database, DynoxideError};
use http::{HeaderMap, HeaderValue, StatusCode};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::server::Reply;

/// Answers one request.
pub(super) fn answer(database: &Database, operation: &str, body: &[u8]) -> Reply {
    let (status, text) = match perform(database, operation, body) {
        Ok(text) => (StatusCode::OK, text),
        Err(error) => {
            let status = StatusCode::from_u16(error.status_code()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            (status, error.to_json())
        }
    };
    let mut headers = HeaderMap::new();
    headers.insert(http::header::CONTENT_TYPE, HeaderValue::from_static("application/x-amz-json-1.0"));
    Reply { status, headers, body: text.into() }
}

fn perform(database: &Database, operation: &str, body: &[u8]) -> Result<String, DynoxideError> {
    match operation {
        "GetItem" => write(&database.get_item(read(body)?)?),
        "BatchGetItem" => write(&database.batch_get_item(read(body)?)?),
        "Query" => write(&database.query(read(body)?)?),
        "Scan" => write(&database.scan(read(body)?)?),
        "PutItem" => write(&database.put_item(read(body)?)?),
        "UpdateItem" => write(&database.update_item(read(body)?)?),
        "DeleteItem" => write(&database.delete_item(read(body)?)?),
        "BatchWriteItem" => write(&database.batch_write_item(read(body)?)?),
        "TransactWriteItems" => write(&database.transact_write_items(read(body)?)?),
        _ => Err(DynoxideError::SerializationException("UnknownOperationException".to_owned())),
    }
}

fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, DynoxideError> {
    serde_json::from_slice(body).map_err(|error| DynoxideError::SerializationException(error.to_string()))
}

fn write<T: Serialize>(answer: &T) -> Result<String, DynoxideError> {
    serde_json::to_string(answer).map_err(|error| DynoxideError::InternalServerError(error.to_string()))
}

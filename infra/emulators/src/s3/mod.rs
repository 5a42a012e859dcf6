//! S3, as far as presigned uploads and downloads go: `PUT`, `GET` with ranges, `HEAD` and `DELETE` of objects, by requests
//! that are signed in their query. What else S3 can do is refused by name.
//!
//! It is written here, and no crate with all of S3 taken, because little of S3 is used and all of that has to be strict: a
//! request which S3 would refuse is refused here as well, and objects expire on the clock that tests move.

mod error;
mod objects;
mod signature;
mod stream;
mod time;

use std::io::Write as _;
use std::path::Path;
use std::sync::{Arc, OnceLock};

use axum::body::{Body, HttpBody as _};
use axum::response::Response;
use data_encoding::{BASE64, HEXLOWER};
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode, header};
use http_body_util::BodyExt as _;
use md5::{Digest as _, Md5};
use uuid::Uuid;

use crate::Error;
use crate::access::Gate;
use crate::clock::{Clock, Time};
use error::S3Error;
use objects::{Object, Objects};
use signature::Query;

/// The most that one `PUT` takes: 5 GiB.
const LARGEST_OBJECT: u64 = 5 * 1024 * 1024 * 1024;
const LONGEST_KEY: usize = 1024;

/// The service.
#[derive(Debug)]
pub(crate) struct S3 {
    clock: Arc<S3Clock>,
    objects: Objects,
}

/// Time as signatures and lifecycles see it.
pub(super) struct S3Clock {
    common: Arc<Clock>,
    own: OnceLock<Time>,
}

impl S3Clock {
    fn now_ms(&self) -> u64 {
        self.own.get().map_or_else(|| self.common.now_ms(), |time| time())
    }
}

impl std::fmt::Debug for S3Clock {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("S3Clock").field("now_ms", &self.now_ms()).finish_non_exhaustive()
    }
}

/// What is asked of which object.
struct Asked {
    method: Method,
    bucket: String,
    key: String,
    headers: HeaderMap,
}

impl Asked {
    fn operation(&self) -> &'static str {
        match self.method.as_str() {
            "GET" => "GetObject",
            "HEAD" => "HeadObject",
            "PUT" => "PutObject",
            "DELETE" => "DeleteObject",
            _ => "Unknown",
        }
    }

    fn header(&self, name: &header::HeaderName) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

impl S3 {
    pub(crate) fn open(clock: Arc<Clock>, state_directory: Option<&Path>) -> Result<Self, Error> {
        let clock = Arc::new(S3Clock { common: clock, own: OnceLock::new() });
        Ok(Self { objects: Objects::open(Arc::clone(&clock), state_directory)?, clock })
    }

    pub(crate) fn create_bucket(&self, name: &str, expires_after_days: Option<u32>) {
        self.objects.create(name, expires_after_days);
    }

    pub(crate) fn keep_time(&self, time: Time) {
        // A second clock is a mistake of the caller's.
        let _first = self.clock.own.set(time);
    }

    pub(crate) fn keys(&self, bucket: &str) -> Vec<String> {
        self.objects.keys(bucket)
    }

    pub(crate) fn save(&self) -> Result<(), Error> {
        self.objects.save()
    }

    /// Answers one request; its operation, for the tally, goes with the answer.
    pub(crate) async fn handle(&self, request: Request<Body>, gate: Option<&Gate>) -> (&'static str, Response) {
        let id = Uuid::now_v7().simple().to_string();
        let (parts, body) = request.into_parts();
        let path = parts.uri.path().to_owned();
        let (bucket, key) = path.trim_start_matches('/').split_once('/').unwrap_or((path.trim_start_matches('/'), ""));
        let asked = Asked {
            method: parts.method,
            bucket: signature::decoded(bucket),
            key: signature::decoded(key),
            headers: parts.headers,
        };
        let query = Query::parse(parts.uri.query());
        let operation = asked.operation();
        let has_body = asked.method != Method::HEAD;
        let outcome = match self.admit(&asked, &path, &query, gate) {
            Ok(caller) => self.act(&asked, body, &caller, gate).await,
            Err(error) => Err(error),
        };
        let mut response = outcome.unwrap_or_else(|error| error.response(&path, &id, has_body));
        let headers = response.headers_mut();
        headers.insert(header::SERVER, HeaderValue::from_static("AmazonS3"));
        if let Ok(id) = HeaderValue::from_str(&id) {
            headers.insert("x-amz-request-id", id);
        }
        (operation, response)
    }

    /// Who asks, if S3 and the policies let them.
    fn admit(&self, asked: &Asked, path: &str, query: &Query, gate: Option<&Gate>) -> Result<String, S3Error> {
        let caller = signature::verify(&asked.method, path, query, &asked.headers, self.clock.now_ms())?;
        if let Some(other) = query.others().next() {
            return Err(S3Error::not_implemented(other));
        }
        if asked.key.is_empty() {
            return Err(S3Error::not_implemented("operations on buckets"));
        }
        if asked.key.len() > LONGEST_KEY {
            return Err(S3Error::new(StatusCode::BAD_REQUEST, "KeyTooLongError", "Your key is too long"));
        }
        let action = match asked.operation() {
            "PutObject" => "s3:PutObject",
            "DeleteObject" => "s3:DeleteObject",
            // There is no right of its own for HEAD.
            "GetObject" | "HeadObject" => "s3:GetObject",
            _ => return Err(S3Error::method_not_allowed()),
        };
        let resource = format!("arn:aws:s3:::{}/{}", asked.bucket, asked.key);
        if gate.is_some_and(|gate| !gate.allows(&caller, action, &resource)) {
            return Err(S3Error::denied(format!(
                "User: {caller} is not authorized to perform: {action} on resource: \"{resource}\" because no \
                 identity-based policy allows the {action} action"
            )));
        }
        if !self.objects.has_bucket(&asked.bucket) {
            return Err(S3Error::no_such_bucket());
        }
        Ok(caller)
    }

    async fn act(&self, asked: &Asked, body: Body, caller: &str, gate: Option<&Gate>) -> Result<Response, S3Error> {
        match asked.operation() {
            "PutObject" => self.put(asked, body).await,
            "DeleteObject" => {
                self.objects.remove(&asked.bucket, &asked.key);
                let mut response = Response::new(Body::empty());
                *response.status_mut() = StatusCode::NO_CONTENT;
                Ok(response)
            }
            _ => {
                let found = self.objects.find(&asked.bucket, &asked.key);
                let (object, goes) = found.ok_or_else(|| missing(asked, caller, gate))?;
                self.get(asked, &object, goes)
            }
        }
    }

    async fn put(&self, asked: &Asked, mut body: Body) -> Result<Response, S3Error> {
        let known = ["x-amz-content-sha256", "x-amz-date", "x-amz-security-token"];
        let other =
            asked.headers.keys().find(|name| name.as_str().starts_with("x-amz-") && !known.contains(&name.as_str()));
        if let Some(other) = other {
            return Err(S3Error::not_implemented(other.as_str()));
        }
        let length = asked.header(&header::CONTENT_LENGTH).and_then(|length| length.parse::<u64>().ok());
        let length = length.ok_or_else(|| {
            let message = "You must provide the Content-Length HTTP header.";
            S3Error::new(StatusCode::LENGTH_REQUIRED, "MissingContentLength", message)
        })?;
        if length > LARGEST_OBJECT {
            let message = "Your proposed upload exceeds the maximum allowed size";
            return Err(S3Error::new(StatusCode::BAD_REQUEST, "EntityTooLarge", message));
        }
        let only_new = match asked.header(&header::IF_NONE_MATCH) {
            None => false,
            Some("*") => true,
            Some(_) => return Err(S3Error::not_implemented("If-None-Match with a tag")),
        };
        let taken = || {
            let message = "At least one of the pre-conditions you specified did not hold";
            S3Error::new(StatusCode::PRECONDITION_FAILED, "PreconditionFailed", message)
        };
        if only_new && self.objects.find(&asked.bucket, &asked.key).is_some() {
            return Err(taken());
        }
        let (file, hash) = self.receive(&mut body, length).await?;
        if asked.headers.get("content-md5").is_some_and(|given| given.as_bytes() != BASE64.encode(&hash).as_bytes()) {
            self.objects.forget(&file);
            let message = "The Content-MD5 you specified did not match what we received.";
            return Err(S3Error::new(StatusCode::BAD_REQUEST, "BadDigest", message));
        }
        let object = Object {
            length,
            etag: format!("\"{}\"", HEXLOWER.encode(&hash)),
            content_type: asked.header(&header::CONTENT_TYPE).unwrap_or("binary/octet-stream").to_owned(),
            modified_ms: self.clock.now_ms(),
            file,
        };
        let etag = object.etag.clone();
        if !self.objects.put((&asked.bucket, &asked.key), object, only_new) {
            return Err(taken());
        }
        let mut response = Response::new(Body::empty());
        insert(response.headers_mut(), header::ETAG, &etag);
        Ok(response)
    }

    /// Writes a body to a file, piece by piece, as it comes: its file and its MD5.
    async fn receive(&self, body: &mut Body, length: u64) -> Result<(String, Vec<u8>), S3Error> {
        let (name, mut file) = self.objects.begin().map_err(|error| S3Error::internal(&error))?;
        let (mut hash, mut received) = (Md5::new(), 0_u64);
        let outcome = loop {
            if body.is_end_stream() {
                break Ok(());
            }
            let data = match body.frame().await {
                None => break Ok(()),
                Some(Ok(frame)) => frame.into_data().unwrap_or_default(),
                Some(Err(_)) => break Err(()),
            };
            received += data.len() as u64;
            if received > length {
                break Err(());
            }
            hash.update(&data);
            if let Err(error) = file.write_all(&data) {
                self.objects.forget(&name);
                return Err(S3Error::internal(&error));
            }
        };
        if outcome.is_err() || received != length {
            self.objects.forget(&name);
            let message = "You did not provide the number of bytes specified by the Content-Length HTTP header.";
            return Err(S3Error::new(StatusCode::BAD_REQUEST, "IncompleteBody", message));
        }
        Ok((name, hash.finalize().to_vec()))
    }

    fn get(&self, asked: &Asked, object: &Object, goes: Option<u64>) -> Result<Response, S3Error> {
        for name in [header::IF_MATCH, header::IF_NONE_MATCH, header::IF_MODIFIED_SINCE, header::IF_UNMODIFIED_SINCE] {
            if asked.headers.contains_key(&name) {
                return Err(S3Error::not_implemented(name.as_str()));
            }
        }
        let range = match asked.header(&header::RANGE) {
            None => None,
            Some(range) => stream::range(range, object.length)?,
        };
        let (first, length) = range.unwrap_or((0, object.length));
        let body = if asked.method == Method::HEAD {
            Body::empty()
        } else {
            let file = self.objects.read(object).map_err(|error| S3Error::internal(&error))?;
            Body::new(stream::Pieces::of(file, first, length).map_err(|error| S3Error::internal(&error))?)
        };
        let mut response = Response::new(body);
        let headers = response.headers_mut();
        insert(headers, header::CONTENT_LENGTH, &length.to_string());
        insert(headers, header::CONTENT_TYPE, &object.content_type);
        insert(headers, header::ETAG, &object.etag);
        insert(headers, header::ACCEPT_RANGES, "bytes");
        insert(headers, header::LAST_MODIFIED, &time::http_date(object.modified_ms));
        if let Some(goes) = goes {
            let expiration = format!("expiry-date=\"{}\", rule-id=\"uploads\"", time::http_date(goes));
            insert(headers, header::HeaderName::from_static("x-amz-expiration"), &expiration);
        }
        if range.is_some() {
            let last = (first + length).saturating_sub(1);
            insert(headers, header::CONTENT_RANGE, &format!("bytes {first}-{last}/{}", object.length));
            *response.status_mut() = StatusCode::PARTIAL_CONTENT;
        }
        Ok(response)
    }
}

/// S3 tells what is not there only to those who may list the bucket.
fn missing(asked: &Asked, caller: &str, gate: Option<&Gate>) -> S3Error {
    let bucket = format!("arn:aws:s3:::{}", asked.bucket);
    if gate.is_none_or(|gate| gate.allows(caller, "s3:ListBucket", &bucket)) {
        S3Error::no_such_key()
    } else {
        S3Error::denied("Access Denied")
    }
}

fn insert(headers: &mut HeaderMap, name: header::HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}

//! Sends one call and brings its answer, once: no retry at any layer, no redirect, a bound on time and on size; and when
//! there is no answer, it says whether the platform can have seen the call.
//!
//! That distinction decides between "send again" and "ask the platform": see [`TransportError`].

use std::{
    fmt,
    pin::Pin,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderValue, header};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::{Body as HttpBody, Frame, SizeHint};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};

use super::{
    Answer, Body, Request,
    settings::{HostPolicy, is_loopback},
    source::{Seen, Source, SourceProblem},
};
use crate::reach::{
    Reach,
    client::{Fetcher, SystemResolver},
};

mod files;

/// The most that is read of an answer: 1 MiB.
pub const ANSWER_LIMIT: usize = 1024 * 1024;

// A server may close an idle connection at any moment; the sooner we forget it, the fewer calls meet a closing one.
const POOL_IDLE_TIMEOUT: Duration = Duration::from_secs(14);
const POOL_MAX_IDLE_PER_HOST: usize = 16;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
const USER_AGENT: HeaderValue = HeaderValue::from_static("postd/1");
const JSON: HeaderValue = HeaderValue::from_static("application/json");
const FORM: HeaderValue = HeaderValue::from_static("application/x-www-form-urlencoded");

/// A call under way.
pub type Sending<'a> = Pin<Box<dyn Future<Output = Result<Answer, TransportError>> + Send + 'a>>;

/// A file being looked at.
pub type Looking<'a> = Pin<Box<dyn Future<Output = Result<Seen, SourceProblem>> + Send + 'a>>;

/// Sends calls.
pub trait Transport: Send + Sync {
    /// Sends `request` at most once and waits for its whole answer, no longer than `deadline`.
    fn send(&self, request: Request, deadline: Duration) -> Sending<'_>;

    /// Looks at a file that a post names, no longer than `deadline`.
    fn look(&self, _source: Source, _deadline: Duration) -> Looking<'_> {
        Box::pin(std::future::ready(Err(SourceProblem::Unsupported)))
    }

    /// Drops what is kept open between calls: the process may have stood still for long.
    fn forget_connections(&self) {}
}

/// Why there is no answer. No variant carries an address, a header or a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TransportError {
    /// The platform cannot have seen the whole call: whatever its effect, it may be sent again.
    #[error("the call was not sent: {0}")]
    NotSent(Cause),
    /// The platform may have seen the call and acted upon it.
    #[error("the call was sent and not answered: {0}")]
    NoAnswer(Cause),
    /// The file that the call was to carry is not to be had. The platform cannot have seen the whole call.
    #[error("the call was not sent")]
    Source(#[source] SourceProblem),
}

/// What stood between us and an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// Not an address that this environment may call.
    Address,
    /// The call cannot be written as HTTP.
    Malformed,
    /// No connection: name resolution, TCP or TLS.
    Connect,
    /// Out of time.
    Timeout,
    /// The connection broke.
    Broken,
    /// The answer is larger than [`ANSWER_LIMIT`].
    TooLarge,
}

impl Cause {
    /// The stable name, such as `timeout`: bounded in number, so it may be a metric.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Address => "address",
            Self::Malformed => "malformed",
            Self::Connect => "connect",
            Self::Timeout => "timeout",
            Self::Broken => "broken",
            Self::TooLarge => "too_large",
        }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

type Connections = Client<HttpsConnector<HttpConnector>, Outgoing>;

/// Calls over TLS with compiled-in roots, and over plain http to this machine where a stand-in is allowed.
pub struct HttpTransport {
    hosts: HostPolicy,
    connector: HttpsConnector<HttpConnector>,
    connections: Mutex<Connections>,
    files: Fetcher,
}

impl fmt::Debug for HttpTransport {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("HttpTransport").field("hosts", &self.hosts).finish_non_exhaustive()
    }
}

impl HttpTransport {
    /// Builds the TLS configuration; opens no connection.
    #[must_use]
    pub fn new(hosts: HostPolicy) -> Self {
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        tcp.set_connect_timeout(Some(CONNECT_TIMEOUT));
        let connector =
            HttpsConnectorBuilder::new().with_webpki_roots().https_or_http().enable_all_versions().wrap_connector(tcp);
        let connections = Mutex::new(client(connector.clone()));
        Self { hosts, connector, connections, files: Fetcher::new(Reach::default(), Arc::new(SystemResolver)) }
    }

    /// The same, for files that may stand elsewhere than on the public internet.
    #[must_use]
    pub fn reaching(self, reach: Reach) -> Self {
        Self { files: Fetcher::new(reach, Arc::new(SystemResolver)), ..self }
    }

    /// Does now what the first call would otherwise wait for: the first random number, which seeds the generator.
    pub fn warm_up(&self) {
        // The number itself is of no use, and a failure shows again, with a cause, at the first handshake.
        if aws_lc_rs::rand::fill(&mut [0; 32]).is_err() {
            tracing::warn!("the random number generator does not answer yet");
        }
    }

    async fn exchange(&self, request: http::Request<Outgoing>) -> Result<Answer, Failure> {
        let connections = self.connections.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let response = connections.request(request).await.map_err(|error| match source_problem(&error) {
            Some(problem) => Failure::Source(problem),
            None if error.is_connect() => Failure::Connect,
            None => Failure::Later(Cause::Broken),
        })?;
        let (parts, body) = response.into_parts();
        let body = Limited::new(body, ANSWER_LIMIT).collect().await.map_err(|error| {
            Failure::Later(if error.is::<LengthLimitError>() { Cause::TooLarge } else { Cause::Broken })
        })?;
        Ok(Answer { status: parts.status, headers: parts.headers, body: body.to_bytes() })
    }

    async fn encode_and_exchange(&self, request: Request, progress: &Arc<AtomicBool>) -> Result<Answer, Failure> {
        let request = encode(request, &self.files, progress).await?;
        self.exchange(request).await
    }
}

/// What was wrong with the file that a call carried, under everything that hyper wraps around it.
fn source_problem(error: &(dyn std::error::Error + 'static)) -> Option<SourceProblem> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(problem) = error.downcast_ref::<SourceProblem>() {
            return Some(*problem);
        }
        next = error.source();
    }
    None
}

impl Transport for HttpTransport {
    fn send(&self, request: Request, deadline: Duration) -> Sending<'_> {
        Box::pin(async move {
            let may_call = match request.url.scheme() {
                "https" => true,
                "http" => self.hosts == HostPolicy::StandIn && is_loopback(&request.url),
                _ => false,
            };
            if !may_call {
                return Err(TransportError::NotSent(Cause::Address));
            }
            let handed_over = Arc::new(AtomicBool::new(false));
            // A call without a body is on its way once there is a connection; one with a body is not whole before hyper
            // has taken the last of it, which it does on an open connection only.
            let has_body = match &request.body {
                Body::Empty => false,
                Body::Form(fields) => !fields.is_empty(),
                Body::Json(_) | Body::Piece(_) => true,
                Body::Bytes(bytes) => !bytes.is_empty(),
            };
            let outcome = tokio::time::timeout(deadline, self.encode_and_exchange(request, &handed_over)).await;
            let cannot_have_arrived = has_body && !handed_over.load(Ordering::Acquire);
            match outcome {
                Ok(Ok(answer)) => Ok(answer),
                Ok(Err(Failure::Malformed)) => Err(TransportError::NotSent(Cause::Malformed)),
                Ok(Err(Failure::Source(problem))) => Err(TransportError::Source(problem)),
                Ok(Err(Failure::Connect)) => Err(TransportError::NotSent(Cause::Connect)),
                Ok(Err(Failure::Later(cause))) if cannot_have_arrived => Err(TransportError::NotSent(cause)),
                Ok(Err(Failure::Later(cause))) => Err(TransportError::NoAnswer(cause)),
                Err(_) if cannot_have_arrived => Err(TransportError::NotSent(Cause::Timeout)),
                Err(_) => Err(TransportError::NoAnswer(Cause::Timeout)),
            }
        })
    }

    fn look(&self, source: Source, deadline: Duration) -> Looking<'_> {
        Box::pin(async move {
            let looked = tokio::time::timeout(deadline, files::look(&self.files, &source)).await;
            looked.unwrap_or(Err(SourceProblem::Unreachable))
        })
    }

    /// For after a freeze: a connection that died meanwhile would swallow a call. TLS sessions are kept for resumption.
    fn forget_connections(&self) {
        *self.connections.lock().unwrap_or_else(PoisonError::into_inner) = client(self.connector.clone());
    }
}

enum Failure {
    Malformed,
    Source(SourceProblem),
    Connect,
    Later(Cause),
}

fn client(connector: HttpsConnector<HttpConnector>) -> Connections {
    Client::builder(TokioExecutor::new())
        .retry_canceled_requests(false)
        .pool_idle_timeout(POOL_IDLE_TIMEOUT)
        .pool_max_idle_per_host(POOL_MAX_IDLE_PER_HOST)
        .build(connector)
}

async fn encode(
    request: Request,
    files: &Fetcher,
    handed_over: &Arc<AtomicBool>,
) -> Result<http::Request<Outgoing>, Failure> {
    let (content_type, data) = match request.body {
        Body::Empty => (None, Data::from(Bytes::new())),
        Body::Form(fields) => {
            let form = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
            (Some(FORM), Data::from(Bytes::from(form)))
        }
        Body::Json(value) => (Some(JSON), Data::from(Bytes::from(value.to_string()))),
        Body::Bytes(bytes) => (None, Data::from(bytes)),
        Body::Piece(piece) => {
            let stream = files::open(files, &piece).await.map_err(Failure::Source)?;
            (None, Data::File { before: piece.before(), stream, after: piece.after() })
        }
    };
    let mut encoded = http::Request::new(Outgoing { data, handed_over: Arc::clone(handed_over) });
    *encoded.method_mut() = request.method;
    *encoded.uri_mut() = http::Uri::try_from(request.url.as_str()).map_err(|_| Failure::Malformed)?;
    *encoded.headers_mut() = request.headers;
    let headers = encoded.headers_mut();
    headers.entry(header::ACCEPT).or_insert(JSON);
    headers.entry(header::USER_AGENT).or_insert(USER_AGENT);
    if let Some(content_type) = content_type {
        headers.insert(header::CONTENT_TYPE, content_type);
    }
    Ok(encoded)
}

/// What is still to be sent.
enum Data {
    Whole(Option<Bytes>),
    File { before: Bytes, stream: files::Stream, after: Bytes },
}

impl From<Bytes> for Data {
    fn from(bytes: Bytes) -> Self {
        Self::Whole((!bytes.is_empty()).then_some(bytes))
    }
}

/// A body that notes when hyper takes the last of it to write it to a connection.
struct Outgoing {
    data: Data,
    handed_over: Arc<AtomicBool>,
}

impl HttpBody for Outgoing {
    type Data = Bytes;
    type Error = SourceProblem;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, SourceProblem>>> {
        let bytes = match &mut self.data {
            Data::Whole(bytes) => Poll::Ready(bytes.take().map(Ok)),
            Data::File { before, .. } if !before.is_empty() => Poll::Ready(Some(Ok(std::mem::take(before)))),
            Data::File { stream, .. } if stream.left() > 0 => stream.poll(context),
            Data::File { after, .. } => Poll::Ready((!after.is_empty()).then(|| Ok(std::mem::take(after)))),
        };
        let Poll::Ready(bytes) = bytes else { return Poll::Pending };
        if self.is_end_stream() && bytes.as_ref().is_none_or(Result::is_ok) {
            self.handed_over.store(true, Ordering::Release);
        }
        Poll::Ready(bytes.map(|bytes| bytes.map(Frame::data)))
    }

    fn is_end_stream(&self) -> bool {
        match &self.data {
            Data::Whole(bytes) => bytes.is_none(),
            Data::File { before, stream, after } => before.is_empty() && stream.left() == 0 && after.is_empty(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(match &self.data {
            Data::Whole(bytes) => bytes.as_ref().map_or(0, |bytes| bytes.len() as u64),
            Data::File { before, stream, after } => (before.len() + after.len()) as u64 + stream.left(),
        })
    }
}

#[cfg(test)]
mod tests;

//! Fetches from an address that a caller gave: resolves it once, checks every address it resolves to, and connects to one
//! of those.
//!
//! Redirects are not followed: what is taken is the address that was given and checked, callers are told to give the
//! final one, and each hop would be another chance to lead elsewhere. No connection is kept or shared, nothing is
//! repeated, nothing is inflated, and size, time and kind of the answer are bounded.

use std::{
    future::Future,
    io,
    net::{IpAddr, SocketAddr},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::Incoming;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{
        Client,
        connect::{HttpConnector, dns::Name},
    },
    rt::TokioExecutor,
};
use url::Url;

use super::{Purpose, Reach, Refused};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
const USER_AGENT: HeaderValue = HeaderValue::from_static("postd/1");
const IDENTITY: HeaderValue = HeaderValue::from_static("identity");

/// The addresses of a name, when they come.
pub type Resolving = Pin<Box<dyn Future<Output = io::Result<Vec<IpAddr>>> + Send>>;

/// Resolves names.
pub trait Resolve: Send + Sync {
    /// All addresses of `host`.
    fn resolve(&self, host: &str) -> Resolving;
}

/// The resolver of the operating system.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemResolver;

impl Resolve for SystemResolver {
    fn resolve(&self, host: &str) -> Resolving {
        let host = host.to_owned();
        Box::pin(async move {
            let found = tokio::net::lookup_host((host.as_str(), 0)).await?;
            Ok(found.map(|address| address.ip()).collect())
        })
    }
}

/// What is asked of a caller's address.
#[derive(Debug, Clone)]
pub struct Call {
    /// The method.
    pub method: Method,
    /// The address.
    pub url: Url,
    /// The headers.
    pub headers: HeaderMap,
    /// The body; empty for none.
    pub body: Bytes,
}

impl Call {
    /// Gets what is at `url`.
    #[must_use]
    pub fn get(url: Url) -> Self {
        Self { method: Method::GET, url, headers: HeaderMap::new(), body: Bytes::new() }
    }
}

/// What bounds an answer.
#[derive(Debug, Clone, Copy)]
pub struct Limits<'a> {
    /// For everything from the name's resolution to the last byte.
    pub time: Duration,
    /// The most bytes of the body.
    pub size: usize,
    /// The media types that are taken, such as `image/png`, in lower case; empty: any.
    pub types: &'a [&'a str],
}

/// What came back.
#[derive(Debug, Clone)]
pub struct Fetched {
    /// The status; never a redirect.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body, as it came.
    pub body: Bytes,
}

/// Why nothing was fetched. No variant shows the address or what was there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FetchError {
    /// The address may not be called, or resolves to one that may not.
    #[error("the address may not be called")]
    Refused(#[source] Refused),
    /// The call cannot be written as HTTP.
    #[error("the call cannot be written as HTTP")]
    Malformed,
    /// No connection: name resolution, TCP or TLS.
    #[error("no connection")]
    Connect,
    /// The connection broke.
    #[error("the connection broke")]
    Broken,
    /// Out of time.
    #[error("out of time")]
    Timeout,
    /// The server wants us to go elsewhere, where we do not go.
    #[error("the server redirects")]
    Redirected,
    /// The body is larger than the limit.
    #[error("the body is too large")]
    TooLarge,
    /// The body is of a type that is not taken.
    #[error("the body is of another type")]
    WrongType,
}

/// Calls addresses that callers gave.
#[derive(Clone)]
pub struct Fetcher {
    reach: Reach,
    client: Client<HttpsConnector<HttpConnector<Guarded>>, Full<Bytes>>,
}

impl std::fmt::Debug for Fetcher {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Fetcher").field("reach", &self.reach).finish_non_exhaustive()
    }
}

impl Fetcher {
    /// Builds the TLS configuration; opens no connection.
    #[must_use]
    pub fn new(reach: Reach, resolver: Arc<dyn Resolve>) -> Self {
        let mut tcp = HttpConnector::new_with_resolver(Guarded { reach: reach.clone(), resolver });
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        tcp.set_connect_timeout(Some(CONNECT_TIMEOUT));
        let connector =
            HttpsConnectorBuilder::new().with_webpki_roots().https_or_http().enable_http1().wrap_connector(tcp);
        let client = Client::builder(TokioExecutor::new())
            .retry_canceled_requests(false)
            .pool_max_idle_per_host(0)
            .build(connector);
        Self { reach, client }
    }

    /// Makes `call` once.
    ///
    /// # Errors
    /// It was not made, or its answer is not one to work with.
    pub async fn fetch(&self, call: Call, limits: Limits<'_>) -> Result<Fetched, FetchError> {
        self.reach.check(&call.url, Purpose::Fetch).map_err(FetchError::Refused)?;
        let request = encode(call).ok_or(FetchError::Malformed)?;
        let outcome = tokio::time::timeout(limits.time, self.exchange(request, limits)).await;
        outcome.unwrap_or(Err(FetchError::Timeout))
    }

    /// Makes `call` once and reads no more than the head of its answer. Whoever reads the body bounds it, in size and time.
    ///
    /// # Errors
    /// It was not made, or its answer leads elsewhere.
    pub async fn open(&self, call: Call) -> Result<http::Response<Incoming>, FetchError> {
        self.reach.check(&call.url, Purpose::Fetch).map_err(FetchError::Refused)?;
        self.request(encode(call).ok_or(FetchError::Malformed)?).await
    }

    /// The same for an address that we have signed ourselves, in our own bucket: where it leads was never a caller's to say.
    ///
    /// # Errors
    /// It was not made, or its answer leads elsewhere.
    pub(crate) async fn open_own(&self, call: Call) -> Result<http::Response<Incoming>, FetchError> {
        self.request(encode(call).ok_or(FetchError::Malformed)?).await
    }

    async fn request(&self, request: http::Request<Full<Bytes>>) -> Result<http::Response<Incoming>, FetchError> {
        let response = self.client.request(request).await.map_err(|error| match refusal(&error) {
            Some(refused) => FetchError::Refused(refused),
            None if error.is_connect() => FetchError::Connect,
            None => FetchError::Broken,
        })?;
        if response.status().is_redirection() { Err(FetchError::Redirected) } else { Ok(response) }
    }

    async fn exchange(&self, request: http::Request<Full<Bytes>>, limits: Limits<'_>) -> Result<Fetched, FetchError> {
        let (parts, body) = self.request(request).await?.into_parts();
        if !limits.types.is_empty() && !is_one_of(&parts.headers, limits.types) {
            return Err(FetchError::WrongType);
        }
        let promised = parts.headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
        if promised.is_some_and(|length: u64| usize::try_from(length).map_or(true, |length| length > limits.size)) {
            return Err(FetchError::TooLarge);
        }
        let body = Limited::new(body, limits.size)
            .collect()
            .await
            .map_err(|error| if error.is::<LengthLimitError>() { FetchError::TooLarge } else { FetchError::Broken })?;
        Ok(Fetched { status: parts.status, headers: parts.headers, body: body.to_bytes() })
    }
}

fn encode(call: Call) -> Option<http::Request<Full<Bytes>>> {
    let mut url = call.url;
    url.set_fragment(None);
    let mut request = http::Request::new(Full::new(call.body));
    *request.method_mut() = call.method;
    *request.uri_mut() = http::Uri::try_from(url.as_str()).ok()?;
    *request.headers_mut() = call.headers;
    let headers = request.headers_mut();
    headers.insert(header::ACCEPT_ENCODING, IDENTITY);
    headers.entry(header::USER_AGENT).or_insert(USER_AGENT);
    Some(request)
}

/// Whether there is one content type, and it is one of `types`; parameters do not matter.
fn is_one_of(headers: &HeaderMap, types: &[&str]) -> bool {
    let mut values = headers.get_all(header::CONTENT_TYPE).iter();
    let (Some(value), None) = (values.next(), values.next()) else { return false };
    let Ok(value) = value.to_str() else { return false };
    let essence = value.split(';').next().unwrap_or_default().trim();
    types.iter().any(|known| known.eq_ignore_ascii_case(essence))
}

/// The refusal of [`Guarded`], under everything that hyper wraps around it.
fn refusal(error: &(dyn std::error::Error + 'static)) -> Option<Refused> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(Unreachable::Refused(refused)) = error.downcast_ref::<Unreachable>() {
            return Some(*refused);
        }
        next = error.source();
    }
    None
}

/// Lets addresses through to the connector only if all that a name has are public: one that is not shows what the name is
/// for. What this returns is what is connected to; nobody resolves the name again.
#[derive(Clone)]
struct Guarded {
    reach: Reach,
    resolver: Arc<dyn Resolve>,
}

#[derive(Debug, thiserror::Error)]
enum Unreachable {
    #[error("the name resolves to an address that may not be called")]
    Refused(#[source] Refused),
    #[error("the name does not resolve")]
    Unknown(#[source] io::Error),
}

impl tower_service::Service<Name> for Guarded {
    type Response = std::vec::IntoIter<SocketAddr>;
    type Error = Unreachable;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Unreachable>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Unreachable>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let Self { reach, resolver } = self.clone();
        Box::pin(async move {
            let found = resolver.resolve(name.as_str()).await.map_err(Unreachable::Unknown)?;
            for address in &found {
                reach.check_resolved(name.as_str(), *address).map_err(Unreachable::Refused)?;
            }
            // The connector puts the port of the address in.
            let addresses: Vec<_> = found.into_iter().map(|address| SocketAddr::new(address, 0)).collect();
            Ok(addresses.into_iter())
        })
    }
}

#[cfg(test)]
mod tests;

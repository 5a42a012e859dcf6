//! The simulator's own calls: webhooks, handshakes, photos on this machine. Plain HTTP, one connection per call, bounded.

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1;
use hyper::{Method, Request};
use hyper_util::rt::TokioIo;
use std::time::Duration;
use tokio::net::TcpStream;
use url::Url;

const TIMEOUT: Duration = Duration::from_secs(10);
const ANSWER_LIMIT: usize = 12 * 1024 * 1024;

/// Why a call of the simulator failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CallError {
    #[error("only plain http addresses can be called")]
    Address,
    #[error("no answer in time")]
    TimedOut,
    #[error("the connection failed")]
    Connection(#[source] std::io::Error),
    #[error("the exchange failed")]
    Exchange(#[source] hyper::Error),
    #[error("the request cannot be built")]
    Request(#[source] hyper::http::Error),
    #[error("the answer is too large or broke off")]
    Answer,
}

/// Calls `url` once and answers status and body.
pub(crate) async fn call(
    method: Method,
    url: &Url,
    headers: &[(&str, &str)],
    body: String,
) -> Result<(u16, Bytes), CallError> {
    tokio::time::timeout(TIMEOUT, exchange(method, url, headers, body)).await.map_err(|_| CallError::TimedOut)?
}

async fn exchange(
    method: Method,
    url: &Url,
    headers: &[(&str, &str)],
    body: String,
) -> Result<(u16, Bytes), CallError> {
    let (Some(host), Some(port), "http") = (url.host_str(), url.port_or_known_default(), url.scheme()) else {
        return Err(CallError::Address);
    };
    let address = (host.trim_matches(['[', ']']), port);
    let stream = TcpStream::connect(address).await.map_err(CallError::Connection)?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(CallError::Exchange)?;
    let connection = tokio::spawn(connection);
    let path = url.query().map_or_else(|| url.path().to_owned(), |query| format!("{}?{query}", url.path()));
    let mut request = Request::builder().method(method).uri(path).header("host", format!("{host}:{port}"));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = request.body(Full::new(Bytes::from(body))).map_err(CallError::Request)?;
    let answer = sender.send_request(request).await.map_err(CallError::Exchange)?;
    let status = answer.status().as_u16();
    let body = Limited::new(answer.into_body(), ANSWER_LIMIT).collect().await.map_err(|_| CallError::Answer)?;
    connection.abort();
    Ok((status, body.to_bytes()))
}

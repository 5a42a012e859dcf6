//! A running simulator on a clock that stands still, and a client without any cleverness.

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1;
use hyper::{HeaderMap, Request};
use hyper_util::rt::TokioIo;
use jiff::SignedDuration;
use serde_json::Value;
use simulator::tiktok::{Tiktok, seed::BAKERY};
use simulator::{Clock, ManualClock, Options, Simulator};
use tokio::net::TcpStream;

pub(crate) const SCOPES: [&str; 5] =
    ["user.info.basic", "user.info.profile", "video.list", "video.publish", "video.upload"];
pub(crate) const CALLBACK: &str = "http://127.0.0.1:9/callback";

/// What the simulator answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|_| panic!("no JSON: {}", self.text))
    }

    /// Status and code, whatever they are.
    pub(crate) fn verdict(&self) -> (u16, String) {
        let error = &self.json()["error"];
        assert!(error["log_id"].is_string(), "{}", self.text);
        (self.status, error["code"].as_str().unwrap_or_default().to_owned())
    }

    /// What a call that succeeded brought.
    pub(crate) fn data(&self) -> Value {
        assert_eq!(self.verdict(), (200, "ok".to_owned()), "{}", self.text);
        self.json()["data"].clone()
    }
}

/// One simulator, with the bakery's token.
pub(crate) struct Stage {
    pub(crate) simulator: Simulator,
    pub(crate) clock: ManualClock,
    pub(crate) token: String,
}

impl Stage {
    pub(crate) async fn new() -> Self {
        let clock = ManualClock::new("2026-11-21T12:00:00Z".parse().unwrap());
        let options = Options { clock: Clock::Manual(clock.clone()), ..Options::default() };
        let simulator = Simulator::start(options).await.unwrap();
        let token = simulator.tiktok().tokens(BAKERY, &SCOPES).0;
        Self { simulator, clock, token }
    }

    pub(crate) fn tiktok(&self) -> &Tiktok {
        self.simulator.tiktok()
    }

    pub(crate) fn advance(&self, seconds: i64) {
        self.clock.advance(SignedDuration::from_secs(seconds));
    }

    /// Any call; the path begins after `/tiktok`.
    pub(crate) async fn call(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Bytes>,
    ) -> Answer {
        let stream = TcpStream::connect(self.simulator.address()).await.unwrap();
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.unwrap();
        tokio::spawn(connection);
        let mut request = Request::builder().method(method).uri(format!("/tiktok{path}")).header("host", "localhost");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let answer = sender.send_request(request.body(Full::new(body.into())).unwrap()).await.unwrap();
        let (parts, body) = answer.into_parts();
        let text = String::from_utf8_lossy(&body.collect().await.unwrap().to_bytes()).into_owned();
        Answer { status: parts.status.as_u16(), headers: parts.headers, text }
    }

    pub(crate) async fn form(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        self.call("POST", path, &[("content-type", "application/x-www-form-urlencoded")], body).await
    }

    pub(crate) async fn post_as(&self, token: &str, path: &str, body: &Value) -> Answer {
        let bearer = format!("Bearer {token}");
        let headers = [("authorization", bearer.as_str()), ("content-type", "application/json; charset=UTF-8")];
        self.call("POST", path, &headers, body.to_string()).await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Answer {
        self.post_as(&self.token, path, body).await
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        let bearer = format!("Bearer {}", self.token);
        self.call("GET", path, &[("authorization", bearer.as_str())], "").await
    }

    /// A piece of an upload to an address that an init gave.
    pub(crate) async fn put(&self, address: &str, range: &str, body: Vec<u8>) -> Answer {
        let path = address.strip_prefix(&self.simulator.url_of("tiktok")).unwrap();
        self.call("PUT", path, &[("content-type", "video/mp4"), ("content-range", range)], body).await
    }
}

//! A running simulator on a clock that stands still, and a client without any cleverness.

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1;
use hyper::http::request::Builder;
use hyper::{HeaderMap, Request};
use hyper_util::rt::TokioIo;
use jiff::SignedDuration;
use serde_json::Value;
use simulator::facebook::seed::{ADA, BAKERY};
use simulator::{Clock, ManualClock, Options, Simulator};
use tokio::net::TcpStream;

pub(crate) const SCOPES: [&str; 5] =
    ["pages_show_list", "pages_manage_posts", "pages_read_engagement", "pages_manage_metadata", "read_insights"];
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

    /// Code and subcode of a refusal.
    pub(crate) fn refusal(&self) -> (i64, Option<i64>) {
        let error = &self.json()["error"];
        let code = error["code"].as_i64().unwrap_or_else(|| panic!("no refusal: {}", self.text));
        assert!(error["fbtrace_id"].is_string() && error["type"].is_string() && error["message"].is_string());
        (code, error["error_subcode"].as_i64())
    }

    pub(crate) fn id(&self) -> String {
        self.json()["id"].as_str().unwrap_or_else(|| panic!("no id: {}", self.text)).to_owned()
    }

    pub(crate) fn data(&self) -> Vec<Value> {
        self.json()["data"].as_array().unwrap_or_else(|| panic!("no data: {}", self.text)).clone()
    }
}

/// One simulator, with Ada's token and the bakery's.
pub(crate) struct Stage {
    pub(crate) simulator: Simulator,
    pub(crate) clock: ManualClock,
    pub(crate) user: String,
    pub(crate) page: String,
}

impl Stage {
    pub(crate) async fn new() -> Self {
        Self::with(Options::default()).await
    }

    pub(crate) async fn with(options: Options) -> Self {
        let clock = ManualClock::new("2026-11-21T12:00:00Z".parse().unwrap());
        let simulator = Simulator::start(Options { clock: Clock::Manual(clock.clone()), ..options }).await.unwrap();
        let facebook = simulator.facebook();
        let user = facebook.user_token(
            ADA,
            &[BAKERY, simulator::facebook::seed::CAFE, simulator::facebook::seed::ODDITIES],
            &SCOPES,
            true,
        );
        let page = facebook.page_token(&user, BAKERY).unwrap();
        Self { simulator, clock, user, page }
    }

    /// Ada grants these scopes for the bakery only; answers the bakery's token.
    pub(crate) fn with_scopes(&self, scopes: &[&str]) -> String {
        let facebook = self.simulator.facebook();
        let user = facebook.user_token(ADA, &[BAKERY], scopes, true);
        facebook.page_token(&user, BAKERY).unwrap()
    }

    pub(crate) fn token_of(&self, page: &str) -> String {
        self.simulator.facebook().page_token(&self.user, page).unwrap()
    }

    pub(crate) fn advance(&self, by: SignedDuration) {
        self.clock.advance(by);
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.simulator.url())
    }

    pub(crate) async fn get(&self, path: &str, token: &str) -> Answer {
        self.send("GET", path, Some(token), "", "").await.unwrap()
    }

    pub(crate) async fn delete(&self, path: &str, token: &str) -> Answer {
        self.send("DELETE", path, Some(token), "", "").await.unwrap()
    }

    /// A form.
    pub(crate) async fn post(&self, path: &str, token: &str, form: &[(&str, &str)]) -> Answer {
        self.try_post(path, token, form).await.unwrap()
    }

    pub(crate) async fn try_post(
        &self,
        path: &str,
        token: &str,
        form: &[(&str, &str)],
    ) -> Result<Answer, hyper::Error> {
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
        self.send("POST", path, Some(token), "application/x-www-form-urlencoded", &body).await
    }

    /// A text post on the bakery.
    pub(crate) async fn publish(&self, message: &str) -> Answer {
        self.post(&format!("/v26.0/{BAKERY}/feed"), &self.page, &[("message", message)]).await
    }

    /// What the bakery shows, newest first.
    pub(crate) fn shown(&self) -> Vec<String> {
        let page = self.simulator.facebook().page(BAKERY).unwrap();
        page.posts
            .into_iter()
            .filter(|post| post.state == "published" && post.application.is_some())
            .map(|post| post.message.unwrap_or_default())
            .collect()
    }

    pub(crate) async fn control(&self, method: &str, path: &str, body: &Value) -> Answer {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        self.send(method, &format!("/_simulator/{path}"), None, "application/json", &body).await.unwrap()
    }

    pub(crate) async fn send(
        &self,
        method: &str,
        path: &str,
        token: Option<&str>,
        content_type: &str,
        body: &str,
    ) -> Result<Answer, hyper::Error> {
        self.send_bytes(method, path, token, content_type, Bytes::from(body.to_owned())).await
    }

    pub(crate) async fn send_bytes(
        &self,
        method: &str,
        path: &str,
        token: Option<&str>,
        content_type: &str,
        body: Bytes,
    ) -> Result<Answer, hyper::Error> {
        let mut request = Request::builder().method(method).uri(path);
        if let Some(token) = token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        if !content_type.is_empty() {
            request = request.header("content-type", content_type);
        }
        self.exchange(request, body).await
    }

    /// A request with headers of its own.
    pub(crate) async fn whole(&self, request: Builder, body: Bytes) -> Answer {
        self.exchange(request, body).await.unwrap()
    }

    async fn exchange(&self, request: Builder, body: Bytes) -> Result<Answer, hyper::Error> {
        let stream = TcpStream::connect(self.simulator.address()).await.unwrap();
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        tokio::spawn(connection);
        let request = request.header("host", "simulator").body(Full::new(body)).unwrap();
        let answer = sender.send_request(request).await?;
        let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
        let text = String::from_utf8(answer.into_body().collect().await?.to_bytes().to_vec()).unwrap();
        Ok(Answer { status, headers, text })
    }
}

/// A query out of pairs.
pub(crate) fn query(pairs: &[(&str, &str)]) -> String {
    form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish()
}

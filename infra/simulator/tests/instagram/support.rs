//! A running simulator on a clock that stands still, and a client without any cleverness.

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1;
use hyper::{HeaderMap, Request};
use hyper_util::rt::TokioIo;
use jiff::SignedDuration;
use serde_json::Value;
use simulator::instagram::seed::{ADA, BAKERY, BAKERY_PAGE, CAFE_PAGE, CREATOR};
use simulator::{Clock, ManualClock, Options, Simulator};
use tokio::net::TcpStream;

pub(crate) const SCOPES: [&str; 6] = [
    "instagram_basic",
    "instagram_content_publish",
    "instagram_manage_insights",
    "instagram_manage_contents",
    "pages_show_list",
    "pages_read_engagement",
];
pub(crate) const OWN_SCOPES: [&str; 3] =
    ["instagram_business_basic", "instagram_business_content_publish", "instagram_business_manage_insights"];
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
        (code, error["error_subcode"].as_i64())
    }

    pub(crate) fn id(&self) -> String {
        self.json()["id"].as_str().unwrap_or_else(|| panic!("no id: {}", self.text)).to_owned()
    }
}

/// One simulator, with tokens of both logins.
pub(crate) struct Stage {
    pub(crate) simulator: Simulator,
    clock: ManualClock,
    pub(crate) user: String,
    pub(crate) page: String,
    pub(crate) creator: String,
}

impl Stage {
    pub(crate) async fn new() -> Self {
        let clock = ManualClock::new("2026-11-21T12:00:00Z".parse().unwrap());
        let options = Options { clock: Clock::Manual(clock.clone()), ..Options::default() };
        let simulator = Simulator::start(options).await.unwrap();
        let instagram = simulator.instagram();
        let user = instagram.user_token(ADA, &[BAKERY_PAGE, CAFE_PAGE], &SCOPES);
        let page = instagram.page_token(ADA, BAKERY_PAGE);
        let creator = instagram.account_token(CREATOR, &OWN_SCOPES, true);
        Self { simulator, clock, user, page, creator }
    }

    pub(crate) fn advance(&self, seconds: i64) {
        self.clock.advance(SignedDuration::from_secs(seconds));
    }

    pub(crate) async fn get(&self, path: &str, token: &str) -> Answer {
        self.send("GET", path, Some(token), "").await
    }

    pub(crate) async fn post(&self, path: &str, token: &str, form: &[(&str, &str)]) -> Answer {
        self.send("POST", path, Some(token), &query(form)).await
    }

    pub(crate) async fn container(&self, form: &[(&str, &str)]) -> Answer {
        self.post(&format!("/v26.0/{BAKERY}/media"), &self.page, form).await
    }

    pub(crate) async fn publish(&self, container: &str) -> Answer {
        self.post(&format!("/v26.0/{BAKERY}/media_publish"), &self.page, &[("creation_id", container)]).await
    }

    pub(crate) async fn status(&self, container: &str) -> Value {
        self.get(&format!("/v26.0/{container}?fields=status_code,status"), &self.page).await.json()["status_code"]
            .clone()
    }

    pub(crate) async fn send(&self, method: &str, path: &str, token: Option<&str>, form: &str) -> Answer {
        let stream = TcpStream::connect(self.simulator.address()).await.unwrap();
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.unwrap();
        tokio::spawn(connection);
        let mut request =
            Request::builder().method(method).uri(format!("/instagram{path}")).header("host", "simulator");
        if let Some(token) = token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        if !form.is_empty() {
            request = request.header("content-type", "application/x-www-form-urlencoded");
        }
        let body = Full::new(Bytes::from(form.to_owned()));
        let answer = sender.send_request(request.body(body).unwrap()).await.unwrap();
        let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
        let text = String::from_utf8(answer.into_body().collect().await.unwrap().to_bytes().to_vec()).unwrap();
        Answer { status, headers, text }
    }
}

/// A query out of pairs.
pub(crate) fn query(pairs: &[(&str, &str)]) -> String {
    form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish()
}

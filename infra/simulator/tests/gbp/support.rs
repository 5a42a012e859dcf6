//! Calls on the simulated Google.

use bytes::Bytes;
use hyper::Request;
use jiff::SignedDuration;
use serde_json::Value;
use simulator::{Clock, InProcess, ManualClock, Options, gbp::Gbp};

pub(crate) struct Stage {
    simulator: InProcess,
    clock: ManualClock,
    pub(crate) token: String,
}

pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) location: Option<String>,
    pub(crate) body: Bytes,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    /// The status, its name, and what the first detail says: a reason, or the number of a validation with its field.
    pub(crate) fn error(&self) -> (u16, String, String) {
        let body = self.json();
        assert_eq!(body["error"]["code"], self.status);
        let detail = &body["error"]["details"][0];
        let found = &detail["errorDetails"][0];
        let told = match detail["reason"].as_str() {
            Some(reason) => reason.to_owned(),
            None if found.is_object() => format!("{} {}", found["code"], found["field"].as_str().unwrap()),
            None => String::new(),
        };
        (self.status, body["error"]["status"].as_str().unwrap().to_owned(), told)
    }
}

impl Stage {
    pub(crate) fn of(person: &str) -> Self {
        let clock = ManualClock::new("2026-11-21T10:00:00Z".parse().unwrap());
        let options = Options { clock: Clock::Manual(clock.clone()), ..Options::default() };
        let simulator = InProcess::new(&options, "http://127.0.0.1:9");
        let token = simulator.gbp().token(person);
        Self { simulator, clock, token }
    }

    pub(crate) fn gbp(&self) -> &Gbp {
        self.simulator.gbp()
    }

    pub(crate) fn pass(&self, seconds: i64) {
        self.clock.advance(SignedDuration::from_secs(seconds));
    }

    pub(crate) async fn send(&self, method: &str, path: &str, token: Option<&str>, body: &str) -> Answer {
        let mut request = Request::builder().method(method).uri(format!("/gbp{path}"));
        if let Some(token) = token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        let kind = if body.starts_with('{') { "application/json" } else { "application/x-www-form-urlencoded" };
        let request = request.header("content-type", kind).body(Bytes::copy_from_slice(body.as_bytes())).unwrap();
        let response = self.simulator.answer(request).await.unwrap();
        let location = response.headers().get("location").map(|value| value.to_str().unwrap().to_owned());
        Answer { status: response.status().as_u16(), location, body: response.into_body() }
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send("GET", path, Some(&self.token), "").await
    }

    pub(crate) async fn call(&self, method: &str, path: &str, body: &Value) -> Answer {
        self.send(method, path, Some(&self.token), &body.to_string()).await
    }
}

//! The HTTP API as a backend calls it that does not give up: a request without a good answer is sent again.

use std::cell::Cell;
use std::time::Duration;

use http::Method;
use serde_json::Value;
use shared::connector::Answer;

use super::{Failure, pause};
use local::demo::browser::Client;

/// How often a request is sent before its failure counts.
const TRIES: u32 = 20;
/// The pause before it is sent again.
const PAUSE: Duration = Duration::from_secs(1);

pub(crate) struct Api<'a> {
    pub(crate) client: &'a Client,
    again: Cell<u32>,
}

impl<'a> Api<'a> {
    pub(crate) fn new(client: &'a Client) -> Self {
        Self { client, again: Cell::new(0) }
    }

    /// Has a post accepted. The key makes it one post, however often it is sent.
    pub(crate) async fn accept(&self, body: &Value, key: &str) -> Result<Answer, Failure> {
        let headers = [("idempotency-key", key)];
        self.patiently(async || self.client.api(Method::POST, "/v1/posts", (Some(body.clone()), &headers), 202).await)
            .await
    }

    pub(crate) async fn read(&self, path: &str) -> Result<Value, Failure> {
        self.patiently(async || self.client.read(path).await).await
    }

    async fn patiently<T>(&self, call: impl AsyncFn() -> Result<T, Failure>) -> Result<T, Failure> {
        for _ in 1..TRIES {
            if let Ok(answer) = call().await {
                return Ok(answer);
            }
            self.again.set(self.again.get() + 1);
            pause(PAUSE).await;
        }
        call().await
    }

    /// How many requests had to be sent again.
    pub(crate) fn again(&self) -> u32 {
        self.again.get()
    }
}

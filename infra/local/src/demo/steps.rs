//! What every story does: has posts accepted, waits for what becomes of them, and looks at JSON.

use std::error::Error;
use std::time::{Duration, Instant};

use http::Method;
use jiff::Timestamp;
use serde_json::Value;

use super::browser::{self, Client};

pub(crate) type Failure = Box<dyn Error>;
/// What is to be seen, or why it is not to be seen yet.
pub(crate) type Look<T> = Result<Result<T, String>, Failure>;

/// How long anything may take to its end, the longest wait of a story included.
const PATIENCE: Duration = Duration::from_mins(1);
/// How often is looked, unless a story says otherwise.
const LOOK: Duration = Duration::from_millis(50);

/// What a customer's backend does, over and over.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Steps<'a> {
    pub(crate) client: &'a Client,
    look: Duration,
}

impl<'a> Steps<'a> {
    pub(crate) fn new(client: &'a Client) -> Self {
        Self { client, look: LOOK }
    }

    /// The same, looking as often as that.
    pub(crate) fn looking_every(self, look: Duration) -> Self {
        Self { look, ..self }
    }

    /// Has a post accepted; its id.
    pub(crate) async fn create(&self, body: &Value, key: Option<&str>) -> Result<String, Failure> {
        let headers: Vec<(&'static str, &str)> = key.map(|key| ("idempotency-key", key)).into_iter().collect();
        let answer = self.client.api(Method::POST, "/v1/posts", (Some(body.clone()), &headers), 202).await?;
        Ok(text(&browser::json(&answer)?, "id")?.to_owned())
    }

    /// The post, once nothing more happens to it by itself.
    pub(crate) async fn settled(&self, id: &str) -> Result<Value, Failure> {
        self.eventually(async || {
            let post = self.client.read(&format!("/v1/posts/{id}")).await?;
            let state = text(&post, "state")?.to_owned();
            let is_over = matches!(state.as_str(), "published" | "failed" | "cancelled" | "expired" | "needs_review");
            Ok(if is_over { Ok(post) } else { Err(format!("{id} is still {state}")) })
        })
        .await
    }

    /// Looks until there is something to see.
    #[expect(clippy::disallowed_methods, reason = "the demo waits for a real system, like its users do")]
    pub(crate) async fn eventually<T>(&self, mut look: impl AsyncFnMut() -> Look<T>) -> Result<T, Failure> {
        let ends = Instant::now() + PATIENCE;
        loop {
            match look().await? {
                Ok(seen) => return Ok(seen),
                Err(missing) if Instant::now() > ends => return Err(missing.into()),
                Err(_) => tokio::time::sleep(self.look).await,
            }
        }
    }

    /// What happened to a post, a line each.
    pub(crate) async fn timeline(&self, id: &str) -> Result<Vec<String>, Failure> {
        let timeline = self.client.read(&format!("/v1/posts/{id}/timeline")).await?;
        let entries = field(&timeline, "/entries").as_array().cloned().unwrap_or_default();
        entries
            .iter()
            .map(|entry| {
                let at: Timestamp = text(entry, "at")?.parse()?;
                let reason =
                    field(entry, "/reason/message").as_str().map(|reason| format!("  {reason}")).unwrap_or_default();
                Ok(format!("{}  {}{reason}", at.strftime("%H:%M:%S%.3f"), text(entry, "event")?))
            })
            .collect()
    }
}

/// What stands at a JSON pointer; null if nothing does.
pub(crate) fn field<'a>(value: &'a Value, pointer: &str) -> &'a Value {
    value.pointer(pointer).unwrap_or(&Value::Null)
}

/// The elements of the list at a JSON pointer; none if there is no list.
pub(crate) fn list<'a>(value: &'a Value, pointer: &str) -> &'a [Value] {
    field(value, pointer).as_array().map(Vec::as_slice).unwrap_or_default()
}

pub(crate) fn text<'a>(value: &'a Value, name: &str) -> Result<&'a str, Failure> {
    value.get(name).and_then(Value::as_str).ok_or_else(|| format!("`{name}` is missing in {value}").into())
}

pub(crate) fn same(what: &str, found: &Value, expected: &str) -> Result<(), Failure> {
    if found == expected { Ok(()) } else { Err(format!("{what} is {found}, not {expected}").into()) }
}

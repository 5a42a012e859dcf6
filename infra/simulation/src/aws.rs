//! AWS in this process, with a mirror of the table `State`: every version that a row ever had, and when.
//!
//! The mirror serves stale reads, knows what is due, and shows the oracle each change of a target as it happens.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use bytes::Bytes;
use data_encoding::BASE64;
use emulators::{Emulators, Projection, Queue, Table};
use http::{HeaderMap, HeaderValue, header};
use jiff::fmt::rfc2822;
use serde_json::{Value, json};

use crate::{
    fault::Mishap,
    oracle::Oracle,
    plane::Plane,
    time::Time,
    watch::{self, Watch},
};

/// How far a replica or an index lags at most, in milliseconds.
const LAG: u64 = 1_000;

/// A row's key.
pub type Key = (String, String);

/// AWS.
#[derive(Debug)]
pub struct Aws {
    emulators: Emulators,
    time: Time,
    plane: Arc<Plane>,
    oracle: Arc<Oracle>,
    watch: Arc<Watch>,
    rows: Mutex<BTreeMap<Key, Versions>>,
    /// The versions of grants, and when each was stored.
    grants: Mutex<Vec<(u64, i64)>>,
    /// What things are called.
    pub names: Names,
}

/// A row's versions, the oldest first; `None` where it was deleted.
type Versions = Vec<(u64, Option<Value>)>;

/// Addresses of what the template describes.
#[derive(Debug, Clone)]
pub struct Names {
    /// Publish jobs.
    pub publish_queue: String,
    /// What became of them when nobody could decide.
    pub dead_letter_queue: String,
    /// Seals tokens.
    pub token_key: String,
    /// Our app.
    pub facebook_app: String,
    /// Signs cursors.
    pub signing_key: String,
}

impl Aws {
    /// Empty tables and queues.
    ///
    /// # Errors
    /// What the emulators refuse.
    pub async fn new(
        time: Time,
        plane: Arc<Plane>,
        oracle: Arc<Oracle>,
        watch: Arc<Watch>,
    ) -> Result<Self, emulators::Error> {
        let emulators = Emulators::in_process(Box::new(move || time.now_ms())).await?;
        let state = Table::new("State", "pk")
            .with_sort_key("sk")
            .with_index("due", "due_shard", "due_at", Projection::KeysOnly)
            .with_index("attention", "attention_group", "attention_at", Projection::All);
        emulators.create_table(&state)?;
        emulators.create_table(&Table::new("Vault", "pk").with_sort_key("sk"))?;
        let dead = Queue::new("publish-dead").with_attribute("MessageRetentionPeriod", "1209600");
        let dead = emulators.create_queue(&dead).await?;
        let publish = Queue::new("publish").with_redrive(&dead.arn, 6).with_attribute("VisibilityTimeout", "180");
        let app = json!({
            "client_id": simulator::APP_ID,
            "client_secret": simulator::APP_SECRET,
            "webhook_verify_token": simulator::VERIFY_TOKEN,
        });
        let signing_key = watch::secret("signing key", 64);
        let names = Names {
            publish_queue: emulators.create_queue(&publish).await?.url,
            dead_letter_queue: dead.url,
            token_key: emulators.create_key("alias/tokens").await?,
            facebook_app: emulators.create_secret("facebook", &app.to_string()).await?,
            signing_key: emulators.create_secret("signing", &signing_key).await?,
        };
        watch.keep("the app's secret", simulator::APP_SECRET);
        watch.keep("the verify token", simulator::VERIFY_TOKEN);
        watch.keep("the signing key", &signing_key);
        for (number, material) in emulators.key_material().await.iter().enumerate() {
            watch.keep(&format!("master key {number}"), material);
        }
        Ok(Self { emulators, time, plane, oracle, watch, rows: Mutex::default(), grants: Mutex::default(), names })
    }

    fn rows(&self) -> MutexGuard<'_, BTreeMap<Key, Versions>> {
        self.rows.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Answers a request of the SDK.
    pub async fn answer(&self, headers: HeaderMap, body: Bytes) -> http::Response<Bytes> {
        let target = headers.get("x-amz-target").and_then(|value| value.to_str().ok()).unwrap_or_default();
        // Rows as they are written, messages as they are sent: what stands anywhere has come with a request.
        self.watch.look(watch::Spot::Aws, target, &body);
        let from_kms = target.starts_with("TrentService.");
        let mut response = self.answer_undated(headers, body).await;
        if from_kms {
            self.keep_data_key(response.body());
        }
        let date = rfc2822::DateTimePrinter::new().timestamp_to_rfc9110_string(&self.time.now());
        if let Some(date) = date.ok().and_then(|date| HeaderValue::from_str(&date).ok()) {
            response.headers_mut().insert(header::DATE, date);
        }
        response
    }

    async fn answer_undated(&self, headers: HeaderMap, body: Bytes) -> http::Response<Bytes> {
        let operation = headers.get("x-amz-target").and_then(|value| value.to_str().ok()).unwrap_or_default();
        let Some(operation) = operation.strip_prefix("DynamoDB_20120810.").map(str::to_owned) else {
            return self.emulators.answer(headers, body).await;
        };
        let request: Value = serde_json::from_slice(&body).unwrap_or_default();
        if let Some(stale) = self.stale(&operation, &request) {
            return stale;
        }
        let response = self.emulators.answer(headers, body).await;
        if response.status().is_success() {
            for (table, key) in written(&operation, &request) {
                if table == "State" {
                    self.remember(key).await;
                }
            }
            self.remember_grants(&request).await;
        }
        match operation.as_str() {
            "Query" => self.lagging(&request, response),
            "BatchGetItem" => self.stale_batch(&request, response),
            _ => response,
        }
    }

    /// What KMS tells in the plain must not get out.
    fn keep_data_key(&self, answer: &Bytes) {
        let answer: Value = serde_json::from_slice(answer).unwrap_or_default();
        let key = answer.get("Plaintext").and_then(Value::as_str);
        if let Some(key) = key.and_then(|key| BASE64.decode(key.as_bytes()).ok()) {
            self.watch.keep("a data key", key);
        }
    }

    /// Keeps the versions of the grants that a transaction was about, as they stand then: one that arrives a second time is
    /// answered as if it were written, and is not.
    async fn remember_grants(&self, request: &Value) {
        let parts = request.get("TransactItems").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        let puts = parts.iter().filter_map(|part| part.get("Put"));
        let grants = puts
            .filter(|put| put.get("TableName").and_then(Value::as_str) == Some("Vault"))
            .filter_map(|put| put.get("Item"))
            .filter(|item| number(item, "version").is_some());
        for (pk, sk) in grants.filter_map(key_of) {
            let request = json!({ "TableName": "Vault", "Key": { "pk": { "S": pk }, "sk": { "S": sk } }, "ConsistentRead": true });
            let answer = self.call("DynamoDB_20120810.GetItem", &request).await;
            let version = answer.get("Item").and_then(|row| number(row, "version"));
            let now = self.time.now_ms();
            self.grants.lock().unwrap_or_else(PoisonError::into_inner).extend(version.map(|version| (now, version)));
        }
    }

    /// Every version of a grant that was ever stored, with its time in milliseconds since the Unix epoch, in order.
    #[must_use]
    pub fn grants(&self) -> Vec<(u64, i64)> {
        self.grants.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Reads a row as it is now, shows the change to the oracle and keeps it.
    async fn remember(&self, key: Key) {
        let request = json!({ "TableName": "State", "Key": { "pk": { "S": key.0 }, "sk": { "S": key.1 } }, "ConsistentRead": true });
        let answer = self.call("DynamoDB_20120810.GetItem", &request).await;
        let row = answer.get("Item").cloned();
        let mut rows = self.rows();
        let versions = rows.entry(key.clone()).or_default();
        let before = versions.last().and_then(|(_, row)| row.clone());
        versions.push((self.time.now_ms(), row.clone()));
        drop(rows);
        if let Some(row) = row.as_ref().filter(|row| text(row, "destination").is_some()) {
            let (state, fence) = (text(row, "state").unwrap_or_default(), number(row, "fence").unwrap_or_default());
            self.plane.note(|| format!("{:>5} {} is {state}, fence {fence}", "", key.1));
        }
        self.oracle.row_changed(&key, before.as_ref(), row.as_ref(), self.time.now());
    }

    /// What a lagging replica answers to an eventually consistent read of one row.
    fn stale(&self, operation: &str, request: &Value) -> Option<http::Response<Bytes>> {
        let eventual = operation == "GetItem"
            && request.get("TableName").and_then(Value::as_str) == Some("State")
            && request.get("ConsistentRead").and_then(Value::as_bool) != Some(true);
        if !eventual || !self.plane.mishap(Mishap::StaleRead) {
            return None;
        }
        let at = self.time.now_ms().saturating_sub(self.plane.chance(LAG));
        let key = key_of(request.get("Key")?)?;
        let rows = self.rows();
        let row = rows.get(&key)?.iter().rev().find(|(since, _)| *since <= at).and_then(|(_, row)| row.clone());
        drop(rows);
        let answer = row.map_or_else(|| json!({}), |row| json!({ "Item": row }));
        Some(http::Response::new(Bytes::from(answer.to_string())))
    }

    /// What a lagging replica answers to an eventually consistent read of several rows.
    fn stale_batch(&self, request: &Value, response: http::Response<Bytes>) -> http::Response<Bytes> {
        let eventual = request
            .pointer("/RequestItems/State")
            .filter(|wanted| wanted.get("ConsistentRead").and_then(Value::as_bool) != Some(true));
        let keys = eventual.and_then(|wanted| wanted.get("Keys")?.as_array());
        let Some(keys) = keys.filter(|_| self.plane.mishap(Mishap::StaleRead)) else { return response };
        let at = self.time.now_ms().saturating_sub(self.plane.chance(LAG));
        let rows = self.rows();
        let as_of = |key: &Value| {
            let versions = rows.get(&key_of(key)?)?;
            versions.iter().rev().find(|(since, _)| *since <= at).and_then(|(_, row)| row.clone())
        };
        let found: Vec<Value> = keys.iter().filter_map(as_of).collect();
        drop(rows);
        let answer = json!({ "Responses": { "State": found }, "UnprocessedKeys": {} });
        http::Response::new(Bytes::from(answer.to_string()))
    }

    /// An index query without what was written a moment ago.
    fn lagging(&self, request: &Value, response: http::Response<Bytes>) -> http::Response<Bytes> {
        if request.get("IndexName").is_none() || !self.plane.mishap(Mishap::StaleIndex) {
            return response;
        }
        let Ok(mut answer) = serde_json::from_slice::<Value>(response.body()) else { return response };
        let since = self.time.now_ms().saturating_sub(LAG);
        let rows = self.rows();
        let settled = |item: &Value| {
            let versions = key_of(item).and_then(|key| rows.get(&key));
            versions.and_then(|versions| versions.last()).is_none_or(|(at, _)| *at < since)
        };
        if let Some(items) = answer.get_mut("Items").and_then(Value::as_array_mut) {
            items.retain(settled);
        }
        drop(rows);
        http::Response::new(Bytes::from(answer.to_string()))
    }

    /// A call of the stage manager: nothing goes wrong with it.
    pub async fn call(&self, target: &str, request: &Value) -> Value {
        let mut headers = HeaderMap::new();
        if let Ok(value) = target.parse() {
            headers.insert("x-amz-target", value);
        }
        let response = self.emulators.answer(headers, Bytes::from(request.to_string())).await;
        serde_json::from_slice(response.body()).unwrap_or_default()
    }

    /// When the next publish job can be received, in milliseconds since the Unix epoch.
    #[must_use]
    pub fn next_message_ms(&self) -> Option<u64> {
        self.emulators.next_visible_ms(&self.names.publish_queue)
    }

    /// The bodies of all messages, of both queues.
    #[must_use]
    pub fn messages(&self) -> Vec<String> {
        let mut bodies = self.emulators.message_bodies(&self.names.publish_queue);
        bodies.extend(self.emulators.message_bodies(&self.names.dead_letter_queue));
        bodies
    }

    /// The bodies of the dead letters.
    #[must_use]
    pub fn dead_letters(&self) -> Vec<String> {
        self.emulators.message_bodies(&self.names.dead_letter_queue)
    }

    /// The earliest entry of the `due` index that belongs to a target, in milliseconds since the Unix epoch.
    #[must_use]
    pub fn next_due_ms(&self) -> Option<u64> {
        let rows = self.rows();
        let current = rows.values().filter_map(|versions| versions.last()?.1.as_ref());
        current
            .filter(|row| text(row, "due_shard").is_some_and(|shard| shard.starts_with("DUE#targets")))
            .filter_map(|row| text(row, "due_at")?.split('#').next()?.parse().ok())
            .min()
    }

    /// Every row as it stands.
    #[must_use]
    pub fn state(&self) -> Vec<(Key, Value)> {
        let rows = self.rows();
        rows.iter().filter_map(|(key, versions)| Some((key.clone(), versions.last()?.1.clone()?))).collect()
    }
}

/// A text attribute of a row in DynamoDB's JSON.
#[must_use]
pub fn text<'a>(row: &'a Value, name: &str) -> Option<&'a str> {
    row.get(name)?.get("S")?.as_str()
}

/// A number of a row in DynamoDB's JSON.
#[must_use]
pub fn number(row: &Value, name: &str) -> Option<i64> {
    row.get(name)?.get("N")?.as_str()?.parse().ok()
}

fn key_of(row: &Value) -> Option<Key> {
    Some((text(row, "pk")?.to_owned(), text(row, "sk")?.to_owned()))
}

/// The rows that a successful request has written.
fn written(operation: &str, request: &Value) -> Vec<(String, Key)> {
    let one = |part: &Value, field: &str| {
        let table = part.get("TableName")?.as_str()?.to_owned();
        Some((table, key_of(part.get(field)?)?))
    };
    match operation {
        "PutItem" => one(request, "Item").into_iter().collect(),
        "UpdateItem" | "DeleteItem" => one(request, "Key").into_iter().collect(),
        "TransactWriteItems" => {
            let parts = request.get("TransactItems").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
            let part = |part: &Value| {
                let put = part.get("Put").and_then(|put| one(put, "Item"));
                put.or_else(|| one(part.get("Update").or_else(|| part.get("Delete"))?, "Key"))
            };
            parts.iter().filter_map(part).collect()
        }
        _ => Vec::new(),
    }
}

//! A cloud to measure: one tenant, one connected Page, a client, and an ear on the functions.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use http::Method;
use local::{Build, Cloud, Logs, Observed, Observer, Options};
use serde_json::{Value, json};
use shared::authorize::{NewKey, create_key, create_tenant};
use shared::aws::Clients;
use shared::clock::{Clock as _, SystemClock};
use shared::connect::ReturnUrls;
use shared::store::{Actor, Store};
use simulator::facebook::seed;

use super::Failure;
use local::demo::browser::{self, Client};

/// What was heard of the functions since it was last taken.
#[derive(Debug, Default)]
struct Heard {
    started: BTreeMap<String, Vec<Duration>>,
    answered: BTreeMap<String, Vec<Duration>>,
    logged: BTreeMap<String, Logged>,
}

/// What a function wrote.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Logged {
    pub(crate) lines: u32,
    pub(crate) bytes: usize,
}

pub(crate) struct Scene {
    pub(crate) cloud: Cloud,
    pub(crate) client: Client,
    connection: String,
    heard: Arc<Mutex<Heard>>,
    posts: u32,
}

impl Scene {
    pub(crate) async fn start(template: &Path, build: Build, event_sources: bool) -> Result<Self, Failure> {
        let heard = Arc::new(Mutex::new(Heard::default()));
        let ear = Arc::clone(&heard);
        let options = Options {
            build,
            event_sources,
            // One tenant makes all requests, as fast as they are answered.
            parameters: BTreeMap::from([("TenantRequestsPerMinute".to_owned(), "1000000".to_owned())]),
            tenant: Some("measure".to_owned()),
            logs: Logs::discard(),
            observer: Observer::new(move |observed| hear(&ear, observed)),
            ..Options::new(template)
        };
        let cloud = Cloud::start(options).await?;
        let client = Client::new(cloud.api_url(), &cloud.simulator_url(), cloud.api_key());
        let connection = client.connect(seed::ADA, &[seed::BAKERY]).await?;
        Ok(Self { cloud, client, connection, heard, posts: 0 })
    }

    pub(crate) async fn stop(self) -> Result<(), Failure> {
        Ok(self.cloud.shutdown().await?)
    }

    /// Has a post accepted that says what no other does. Its id.
    pub(crate) async fn accept(&mut self) -> Result<String, Failure> {
        self.posts += 1;
        let text =
            format!("Post number {}: fresh bread from six in the morning, rolls from seven; come early.", self.posts);
        let body = json!({ "content": { "text": text }, "targets": [{ "connection": self.connection }] });
        let answer = self.client.api(Method::POST, "/v1/posts", (Some(body), &[]), 202).await?;
        let post = browser::json(&answer)?;
        Ok(post.get("id").and_then(Value::as_str).ok_or("the answer has no id")?.to_owned())
    }

    /// Has as many posts accepted in one request, each of which says what no other does.
    pub(crate) async fn accept_many(&mut self, count: u32) -> Result<(), Failure> {
        let posts: Vec<Value> = (0..count)
            .map(|_| {
                self.posts += 1;
                let number = self.posts;
                let text =
                    format!("Post number {number}: fresh bread from six in the morning, rolls from seven; come early.");
                json!({
                    "idempotency_key": format!("measure-{number}"),
                    "content": { "text": text },
                    "targets": [{ "connection": self.connection }],
                })
            })
            .collect();
        let body = json!({ "posts": posts });
        let answer = self.client.api(Method::POST, "/v1/posts/bulk", (Some(body), &[]), 200).await?;
        let accepted = browser::json(&answer)?.get("accepted").and_then(Value::as_u64);
        if accepted != Some(u64::from(count)) {
            return Err(format!("{accepted:?} of {count} posts were accepted in bulk").into());
        }
        Ok(())
    }

    /// A client of a tenant of their own, whose key no authorizer has seen yet.
    pub(crate) async fn stranger(&self) -> Result<Client, Failure> {
        let clients = Clients::at(&self.cloud.aws_url());
        let table = self.cloud.resource("StateTable").ok_or("there is no StateTable")?;
        let store = Store::new(clients.dynamodb(), table);
        let now = SystemClock.now();
        let (tenant, _) = create_tenant(&store, "stranger", &ReturnUrls::default(), Actor::Postd, now).await?;
        let key = create_key(&store, tenant, &NewKey::unlimited("local", "measure"), Actor::Postd, now).await?;
        Ok(Client::new(self.cloud.api_url(), &self.cloud.simulator_url(), key.expose()))
    }

    /// Works off everything that is in the publish queue.
    pub(crate) async fn drain(&self) -> Result<(), Failure> {
        while self.cloud.deliver("consumer").await? > 0 {}
        Ok(())
    }

    /// How many posts the Page shows.
    pub(crate) fn published(&self) -> usize {
        let facebook = self.cloud.simulator().map(simulator::Simulator::facebook);
        facebook.and_then(|facebook| facebook.page(seed::BAKERY)).map_or(0, |page| page.posts.len())
    }

    /// The process of a function that has one environment.
    pub(crate) fn process(&self, function: &str) -> Result<i32, Failure> {
        match self.cloud.environments(function).as_slice() {
            [one] => Ok(one.pid),
            several => Err(format!("{function} has {} environments instead of one", several.len()).into()),
        }
    }

    pub(crate) fn started(&self, function: &str) -> Vec<Duration> {
        self.heard().started.remove(function).unwrap_or_default()
    }

    pub(crate) fn answered(&self, function: &str) -> Vec<Duration> {
        self.heard().answered.remove(function).unwrap_or_default()
    }

    /// How many events a function has answered since [`Self::answered`] was last asked.
    pub(crate) fn answers(&self, function: &str) -> usize {
        self.heard().answered.get(function).map_or(0, Vec::len)
    }

    pub(crate) fn logged(&self, function: &str) -> Logged {
        self.heard().logged.remove(function).unwrap_or_default()
    }

    fn heard(&self) -> MutexGuard<'_, Heard> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn hear(heard: &Mutex<Heard>, observed: Observed) {
    let mut heard = heard.lock().unwrap_or_else(PoisonError::into_inner);
    match observed {
        Observed::Started { function, took } => heard.started.entry(function).or_default().push(took),
        Observed::Answered { function, took } => heard.answered.entry(function).or_default().push(took),
        Observed::Logged { function, bytes } => {
            let logged = heard.logged.entry(function).or_default();
            logged.lines += 1;
            logged.bytes += bytes;
        }
    }
}

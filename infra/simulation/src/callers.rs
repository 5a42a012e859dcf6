//! Who calls the API: they repeat a request until they have an answer, with the same key, and remember what they were told.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method};
use serde_json::{Value, json};
use shared::{
    http::{Request, Response},
    problem::{Code, Problem},
    telemetry::Function,
};

use crate::{cloud::Cloud, delivery::invoke, scenario::Wish, tenants::Tenants, time};

/// What API Gateway waits.
const GATEWAY: Duration = Duration::from_secs(29);
/// How often a caller asks before it gives up.
const TRIES: u32 = 12;

/// A post that was accepted.
#[derive(Debug, Clone)]
pub struct Accepted {
    /// Which wish it was.
    pub wish: usize,
    /// Its id.
    pub id: String,
    /// What the caller was told, to the byte.
    pub told: String,
}

/// All callers of a run.
#[derive(Debug, Clone)]
pub struct Caller {
    cloud: Cloud,
    tenants: Arc<Tenants>,
    accepted: Arc<Mutex<BTreeMap<usize, Accepted>>>,
}

impl Caller {
    /// Nobody has asked for anything yet.
    #[must_use]
    pub fn new(cloud: Cloud, tenants: Arc<Tenants>) -> Self {
        Self { cloud, tenants, accepted: Arc::default() }
    }

    fn book(&self) -> MutexGuard<'_, BTreeMap<usize, Accepted>> {
        self.accepted.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What was accepted so far.
    #[must_use]
    pub fn accepted(&self) -> Vec<Accepted> {
        self.book().values().cloned().collect()
    }

    /// Tells the oracle that a wish will be asked for.
    pub fn announce(&self, wish: &Wish) {
        let Some(member) = self.tenants.members.get(&wish.tenant) else { return };
        let begins = self.cloud.time.now();
        let latest = wish.patience.map(|patience| {
            let after = wish.at + wish.ahead.unwrap_or_default() + patience;
            begins.saturating_add(jiff::SignedDuration::try_from(after).unwrap_or_default()).unwrap_or(begins)
        });
        for way in &wish.ways {
            let mark = (way.destination(wish.tenant, &member.page), wish.text.clone());
            self.cloud.oracle.allow(mark, |allowance| {
                allowance.posts += 1;
                // Twins differ in their time: the later one counts.
                allowance.not_after = if wish.twin { None } else { latest };
            });
        }
    }

    /// Asks for a post until it is accepted, refused, or patience ends.
    pub async fn ask(&self, index: usize, wish: &Wish) {
        let Some(body) = self.body(wish) else { return };
        let mut told: Option<String> = None;
        let more = u32::from(wish.repeat);
        for turn in 0..TRIES + more {
            let answer =
                self.send("POST /v1/posts", "/v1/posts", wish.tenant, Some(&format!("wish-{index}")), &body).await;
            match answer {
                Some(Ok(response)) if response.status == 202 => {
                    self.note_accepted(index, &response.body, told.as_deref());
                    if told.is_some() || !wish.repeat {
                        return;
                    }
                    told = Some(response.body);
                }
                Some(Ok(response)) => {
                    self.cloud.oracle.violated("I12", &format!("an answer with status {}", response.status));
                    return;
                }
                Some(Err(problem)) if problem.retryable => {}
                // Its time is over before it was accepted: nobody has promised anything.
                Some(Err(_)) => return,
                None => {}
            }
            time::pass(Duration::from_secs(u64::from(2 + turn * 3))).await;
        }
    }

    fn note_accepted(&self, wish: usize, told: &str, before: Option<&str>) {
        if before.is_some_and(|before| before != told) {
            self.cloud.oracle.violated("I11", "the same request was answered in two ways");
        }
        let id = serde_json::from_str::<Value>(told).ok().and_then(|view| Some(view.get("id")?.as_str()?.to_owned()));
        let Some(id) = id else { return self.cloud.oracle.violated("I12", "an answer without an id") };
        self.book().entry(wish).or_insert(Accepted { wish, id, told: told.to_owned() });
    }

    /// Calls a post off, if it was accepted.
    pub async fn cancel(&self, index: usize, wish: &Wish) {
        let accepted = self.book().get(&index).cloned();
        let Some(accepted) = accepted else { return };
        let path = format!("/v1/posts/{}", accepted.id);
        for _ in 0..TRIES {
            match self.send("DELETE /v1/posts/{post}", &path, wish.tenant, None, &Value::Null).await {
                Some(Ok(response)) => return self.note_cancelled(wish, &response.body),
                Some(Err(problem)) if problem.retryable => {}
                Some(Err(_)) => return,
                None => {}
            }
            time::pass(Duration::from_secs(5)).await;
        }
    }

    /// From here on what is called off must not go out.
    fn note_cancelled(&self, wish: &Wish, told: &str) {
        let Some(member) = self.tenants.members.get(&wish.tenant) else { return };
        let view: Value = serde_json::from_str(told).unwrap_or_default();
        let now = self.cloud.time.now();
        for target in view.get("targets").and_then(Value::as_array).into_iter().flatten() {
            let place = target.get("destination").and_then(Value::as_str).unwrap_or_default();
            let mine = wish.ways.iter().any(|way| way.destination(wish.tenant, &member.page) == place);
            let cancelled = target.get("state").and_then(Value::as_str) == Some("cancelled");
            if mine && cancelled && !wish.twin {
                let mark = (place.to_owned(), wish.text.clone());
                self.cloud.oracle.allow(mark, |allowance| allowance.cancelled_at = Some(now));
            }
        }
    }

    fn body(&self, wish: &Wish) -> Option<Value> {
        let member = self.tenants.members.get(&wish.tenant)?;
        let targets: Vec<Value> = wish
            .ways
            .iter()
            .map(|way| {
                let place = way.destination(wish.tenant, &member.page);
                json!({ "connection": member.connection.to_string(), "destination": place })
            })
            .collect();
        let mut body = json!({ "content": { "text": wish.text }, "targets": targets });
        let after = |by: Duration| {
            let by = jiff::SignedDuration::try_from(by).unwrap_or_default();
            self.cloud.time.now().saturating_add(by).unwrap_or_default().to_string()
        };
        let ahead = wish.ahead.unwrap_or_default();
        let fields = body.as_object_mut()?;
        if wish.ahead.is_some() {
            fields.insert("schedule".into(), json!({ "at": after(ahead) }));
        }
        if let Some(patience) = wish.patience {
            fields.insert("not_after".into(), json!(after(ahead + patience)));
        }
        Some(body)
    }

    /// One request; nothing if nobody answers.
    async fn send(
        &self,
        route: &str,
        path: &str,
        tenant: usize,
        key: Option<&str>,
        body: &Value,
    ) -> Option<Result<Response, Problem>> {
        let member = self.tenants.members.get(&tenant)?;
        let (method, pattern) = route.split_once(' ')?;
        let parameters = pattern
            .split('/')
            .zip(path.split('/'))
            .filter_map(|(name, value)| Some((name.strip_prefix('{')?.strip_suffix('}')?.to_owned(), value.to_owned())))
            .collect();
        let mut headers = HeaderMap::new();
        if let Some(key) = key {
            headers.insert("idempotency-key", HeaderValue::from_str(key).ok()?);
        }
        let request = Request {
            route: route.to_owned(),
            method: Method::from_bytes(method.as_bytes()).ok()?,
            path: path.to_owned(),
            parameters,
            query: Vec::new(),
            headers,
            cookies: Vec::new(),
            body: if body.is_null() { Bytes::new() } else { Bytes::from(body.to_string()) },
            caller: Ok(member.caller),
            base: "http://127.0.0.1:7".parse().ok()?,
        };
        let answer = self.answered(method, request).await;
        if let Some(Err(problem)) = &answer
            && !Code::ALL.iter().any(|code| code.name() == problem.code)
        {
            self.cloud.oracle.violated("I12", "a problem without a code of the catalogue");
        }
        answer
    }

    async fn answered(&self, method: &str, request: Request) -> Option<Result<Response, Problem>> {
        if method == "POST" {
            let parts = self.cloud.process(Function::Publish);
            let publisher = parts.publisher();
            Box::pin(invoke(&parts.process, GATEWAY, publisher.handle(request))).await
        } else {
            let parts = self.cloud.process(Function::Api);
            let reader = parts.reader();
            Box::pin(invoke(&parts.process, GATEWAY, reader.handle(request))).await
        }
    }
}

//! Who calls the API: they repeat a request until they have an answer, with the same key, and remember what they were told.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use shared::{
    http::{Request, Response},
    problem::{Code, Problem},
    telemetry::Function,
};

use crate::{cloud::Cloud, delivery::invoke, scenario::Wish, tenants::Tenants, time, watch::Spot};

/// What API Gateway waits.
const GATEWAY: Duration = Duration::from_secs(29);
/// How often a caller asks before it gives up.
pub(crate) const TRIES: u32 = 12;

/// A post that was accepted.
#[derive(Debug, Clone)]
pub struct Accepted {
    /// Which wish it was.
    pub wish: usize,
    /// Its id.
    pub id: String,
    /// What the caller was told, to the byte.
    pub told: String,
    /// When it goes out, at the earliest.
    pub goes_out: Timestamp,
    /// What it says since it was edited.
    pub edited: Edited,
}

/// What has become of the wish to edit a post.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Edited {
    /// Nobody has tried, or it was refused.
    Not,
    /// It was tried, and how that ended is not known.
    Perhaps,
    /// The caller was told that it is done.
    Surely,
}

/// All callers of a run.
#[derive(Debug, Clone)]
pub struct Caller {
    pub(crate) cloud: Cloud,
    pub(crate) tenants: Arc<Tenants>,
    accepted: Arc<Mutex<BTreeMap<usize, Accepted>>>,
    begins: Timestamp,
}

impl Caller {
    /// Nobody has asked for anything yet.
    #[must_use]
    pub fn new(cloud: Cloud, tenants: Arc<Tenants>) -> Self {
        let begins = cloud.time.now();
        Self { cloud, tenants, accepted: Arc::default(), begins }
    }

    pub(crate) fn book(&self) -> MutexGuard<'_, BTreeMap<usize, Accepted>> {
        self.accepted.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What was accepted so far.
    #[must_use]
    pub fn accepted(&self) -> Vec<Accepted> {
        self.book().values().cloned().collect()
    }

    /// Tells the oracle that a wish will be asked for.
    pub fn announce(&self, wish: &Wish) {
        let asked = SignedDuration::try_from(wish.at + wish.ahead.unwrap_or_default()).unwrap_or_default();
        self.may_say(wish, &wish.text, self.begins.saturating_add(asked).unwrap_or(self.begins));
    }

    /// Tells the oracle that a text may go out to all places of a wish from then on.
    pub(crate) fn may_say(&self, wish: &Wish, text: &str, not_before: Timestamp) {
        let latest = wish.patience.map(|patience| {
            let after = wish.at + wish.ahead.unwrap_or_default() + patience;
            self.begins.saturating_add(SignedDuration::try_from(after).unwrap_or_default()).unwrap_or(self.begins)
        });
        for place in self.places(wish) {
            self.cloud.oracle.allow((place, text.to_owned()), |allowance| {
                allowance.posts += 1;
                allowance.not_before = Some(allowance.not_before.map_or(not_before, |other| other.min(not_before)));
                // Twins differ in their time: the later one counts.
                allowance.not_after = if wish.twin { None } else { latest };
            });
        }
    }

    /// Where a wish goes to.
    pub(crate) fn places(&self, wish: &Wish) -> Vec<String> {
        let Some(member) = self.tenants.members.get(&wish.tenant) else { return Vec::new() };
        wish.ways.iter().map(|way| way.destination(wish.tenant, &member.page)).collect()
    }

    /// Asks for a post until it is accepted, refused, or patience ends.
    pub async fn ask(&self, index: usize, wish: &Wish) {
        let Some(body) = self.body(wish) else { return };
        let mut told: Option<String> = None;
        let more = u32::from(wish.repeat);
        for turn in 0..TRIES + more {
            let key = format!("wish-{index}");
            let header = Some(("idempotency-key", key.as_str()));
            let answer = self.send("POST /v1/posts", "/v1/posts", wish.tenant, header, &body).await;
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
                Some(Err(problem)) => return self.note_refused(index, wish, &problem),
                None => {}
            }
            time::pass(Duration::from_secs(u64::from(2 + turn * 3))).await;
        }
    }

    /// Whose time is over before it was accepted may be refused: nobody has promised anything.
    fn note_refused(&self, index: usize, wish: &Wish, problem: &Problem) {
        if (wish.ahead.is_none() && wish.patience.is_none()) || self.book().contains_key(&index) {
            self.cloud.oracle.violated("I12", &format!("{:?} was refused with {}", wish.text, problem.code));
        }
    }

    fn note_accepted(&self, wish: usize, told: &str, before: Option<&str>) {
        if before.is_some_and(|before| before != told) {
            self.cloud.oracle.violated("I11", "the same request was answered in two ways");
        }
        let id = serde_json::from_str::<Value>(told).ok().and_then(|view| Some(view.get("id")?.as_str()?.to_owned()));
        let Some(id) = id else { return self.cloud.oracle.violated("I12", "an answer without an id") };
        let planned =
            serde_json::from_str::<Value>(told).ok().and_then(|view| view.get("scheduled_at")?.as_str()?.parse().ok());
        let goes_out = planned.unwrap_or(self.begins);
        self.book().entry(wish).or_insert(Accepted { wish, id, told: told.to_owned(), goes_out, edited: Edited::Not });
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
        let places = self.places(wish);
        let view: Value = serde_json::from_str(told).unwrap_or_default();
        let now = self.cloud.time.now();
        for target in view.get("targets").and_then(Value::as_array).into_iter().flatten() {
            let place = target.get("destination").and_then(Value::as_str).unwrap_or_default();
            let mine = places.iter().any(|mine| mine == place);
            let cancelled = target.get("state").and_then(Value::as_str) == Some("cancelled");
            if mine && cancelled && !wish.twin {
                for text in wish.texts() {
                    let mark = (place.to_owned(), text.to_owned());
                    self.cloud.oracle.allow(mark, |allowance| allowance.cancelled_at = Some(now));
                }
            }
        }
    }

    /// The time after a while.
    pub(crate) fn after(&self, by: Duration) -> Timestamp {
        let by = SignedDuration::try_from(by).unwrap_or_default();
        self.cloud.time.now().saturating_add(by).unwrap_or_default()
    }

    fn body(&self, wish: &Wish) -> Option<Value> {
        let member = self.tenants.members.get(&wish.tenant)?;
        let connection = member.connection.to_string();
        let target = |place: String| json!({ "connection": connection, "destination": place });
        let targets: Vec<Value> = self.places(wish).into_iter().map(target).collect();
        let mut body = json!({ "content": { "text": wish.text }, "targets": targets });
        let after = |by: Duration| self.after(by).to_string();
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

    /// One request, perhaps with a header; nothing if nobody answers.
    pub(crate) async fn send(
        &self,
        route: &str,
        path: &str,
        tenant: usize,
        header: Option<(&'static str, &str)>,
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
        if let Some((name, value)) = header {
            headers.insert(name, HeaderValue::from_str(value).ok()?);
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
        let answer = self.answered(request).await;
        self.look_at(route, answer.as_ref());
        if let Some(Err(problem)) = &answer
            && !Code::ALL.iter().any(|code| code.name() == problem.code)
        {
            self.cloud.oracle.violated("I12", "a problem without a code of the catalogue");
        }
        answer
    }

    /// Whatever a caller is told, no secret is in it.
    fn look_at(&self, route: &str, answer: Option<&Result<Response, Problem>>) {
        let response = match answer {
            Some(Ok(response)) => response.clone(),
            Some(Err(problem)) => problem.clone().into(),
            None => return,
        };
        let headers = response.headers.iter().map(|(name, value)| format!("{name}: {value}\n"));
        let told: String = headers.chain(response.cookies.iter().cloned()).chain([response.body]).collect();
        self.cloud.watch.look(Spot::Answer, route, told.as_bytes());
    }

    /// Each route at the function that has it in the template.
    async fn answered(&self, request: Request) -> Option<Result<Response, Problem>> {
        match request.route.as_str() {
            "POST /v1/posts" | "PATCH /v1/posts/{post}" => {
                let parts = self.cloud.process(Function::Publish);
                let publisher = parts.publisher();
                Box::pin(invoke(&self.cloud, &parts.process, GATEWAY, publisher.handle(request))).await
            }
            "POST /v1/dead-letters/redrive" => {
                let parts = self.cloud.process(Function::Redrive);
                let redriver = parts.redriver();
                Box::pin(invoke(&self.cloud, &parts.process, GATEWAY, redriver.handle(request, GATEWAY))).await
            }
            _ => {
                let parts = self.cloud.process(Function::Api);
                let reader = parts.reader();
                Box::pin(invoke(&self.cloud, &parts.process, GATEWAY, reader.handle(request))).await
            }
        }
    }
}

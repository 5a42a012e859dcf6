//! The token endpoint of a race, and who used it: it knows for each use whether its answer had a chance to be stored.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use jiff::fmt::rfc2822;
use serde_json::{Value, json};
use shared::connector::{
    Answer, Body, Request, oauth2,
    transport::{Cause, Sending, Transport, TransportError},
};
use simulator::tokens::{Outcome, Rotation, TokenServer, Use};

use crate::{
    fault::{Fault, Place},
    oracle::Oracle,
    plane::{Lost, Plane},
    process::Process,
    time::{Time, pass},
    watch::{Spot, Watch},
};

/// The one account of a race.
pub(super) const ACCOUNT: &str = "account";

/// The endpoint.
pub(crate) struct Server {
    rotation: Rotation,
    tokens: Mutex<TokenServer>,
    users: Mutex<Vec<User>>,
    processes: AtomicUsize,
    time: Time,
    plane: Arc<Plane>,
    oracle: Arc<Oracle>,
    watch: Arc<Watch>,
}

/// Whoever made a use of a refresh token.
struct User {
    made: Use,
    process: Arc<Process>,
    /// How much had gone wrong for it before the call.
    struck_before: usize,
}

impl User {
    /// What has gone wrong for it since it sent the token.
    fn struck_since(&self) -> Vec<Fault> {
        self.process.struck().split_off(self.struck_before)
    }

    /// Whether what it was answered may never have been stored, and nobody could help it.
    fn is_excused(&self) -> bool {
        self.process.is_dead() || self.struck_since().iter().any(|fault| *fault != Fault::Slow)
    }

    /// Whether the call itself was on its way for so long that it came after whatever followed it.
    fn came_late(&self) -> bool {
        self.struck_since().first() == Some(&Fault::Late)
    }
}

impl Server {
    pub(super) fn new(
        rotation: Rotation,
        time: Time,
        plane: Arc<Plane>,
        oracle: Arc<Oracle>,
        watch: Arc<Watch>,
    ) -> Self {
        Self {
            rotation,
            tokens: Mutex::new(TokenServer::new(rotation)),
            users: Mutex::default(),
            processes: AtomicUsize::new(0),
            time,
            plane,
            oracle,
            watch,
        }
    }

    pub(super) fn tokens(&self) -> MutexGuard<'_, TokenServer> {
        self.tokens.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A number for the next process.
    pub(super) fn next_process(&self) -> usize {
        self.processes.fetch_add(1, Ordering::Relaxed)
    }

    fn users(&self) -> MutexGuard<'_, Vec<User>> {
        self.users.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Somebody logs in; what the callback brings.
    pub(super) fn login(&self) -> Option<shared::connector::TokenSet> {
        let body = self.tokens().login(ACCOUNT, self.time.now());
        oauth2::read_tokens(&self.answer(200, &body)).ok()
    }

    fn answer(&self, status: u16, body: &Value) -> Answer {
        for name in ["access_token", "refresh_token"] {
            if let Some(token) = body.get(name).and_then(Value::as_str) {
                self.watch.keep(token.split_once('-').map_or(name, |(_, name)| name), token);
            }
        }
        let mut headers = HeaderMap::new();
        let date = rfc2822::DateTimePrinter::new().timestamp_to_rfc9110_string(&self.time.now());
        if let Some(date) = date.ok().and_then(|date| HeaderValue::from_str(&date).ok()) {
            headers.insert(header::DATE, date);
        }
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        Answer { status, headers, body: Bytes::from(body.to_string()) }
    }

    /// Takes a use of a refresh token, and says whether a family had to end with it.
    fn use_token(&self, form: &[(String, String)], process: &Arc<Process>, struck_before: usize) -> Answer {
        let (mut reply, made) = {
            let mut tokens = self.tokens();
            let reply = tokens.token(form, self.time.now());
            (reply, tokens.uses().last().cloned())
        };
        if let (400.., Some(members)) = (reply.status, reply.body.as_object_mut()) {
            // It says more than it should.
            members.insert("error_description".into(), format!("{form:?}").into());
        }
        if let Some(made) = made {
            self.plane.note(|| {
                format!("      {} used {}.{}: {:?}", process.name, made.family, made.generation, made.outcome)
            });
            let user = User { made, process: Arc::clone(process), struck_before };
            if user.made.outcome == Outcome::Reused {
                self.judge(&user);
            }
            self.users().push(user);
        }
        self.answer(reply.status, &reply.body)
    }

    /// A family has ended. Bound to happen is that only where an answer was lost.
    fn judge(&self, second: &User) {
        let users = self.users();
        let same =
            |user: &&User| (user.made.family, user.made.generation) == (second.made.family, second.made.generation);
        let first = users.iter().filter(same).find(|user| user.made.outcome == Outcome::Renewed);
        if !first.is_some_and(User::is_excused) && !second.came_late() {
            let what = format!(
                "{} ended family {} by using token {} again, whose answer {} had",
                second.process.name,
                second.made.family,
                second.made.generation,
                first.map_or("nobody", |user| user.process.name.as_str())
            );
            self.oracle.violated("F47", &what);
        }
    }

    /// Tokens that were used more often than once, once again, and once for each use that something went wrong with.
    pub(super) fn overused(&self) -> Vec<String> {
        // A server that does not rotate takes one token for all times.
        if self.rotation == Rotation::Never {
            return Vec::new();
        }
        let users = self.users();
        let mut overused = Vec::new();
        for user in users.iter() {
            let of_token = users
                .iter()
                .filter(|other| (other.made.family, other.made.generation) == (user.made.family, user.made.generation));
            let (excused, healthy): (Vec<_>, Vec<_>) = of_token.partition(|user| user.is_excused());
            if healthy.len() > 2 {
                let times = healthy.len() + excused.len();
                overused.push(format!("token {}.{} was used {times} times", user.made.family, user.made.generation));
            }
        }
        overused.dedup();
        overused
    }
}

/// The way of one process to the endpoint.
pub(super) struct Carriage {
    pub(super) server: Arc<Server>,
    pub(super) plane: Arc<Plane>,
    pub(super) process: Arc<Process>,
    /// When a refusal was last read, in milliseconds since the Unix epoch.
    pub(super) refused_at: Arc<Mutex<Option<u64>>>,
}

impl Transport for Carriage {
    fn send(&self, request: Request, deadline: Duration) -> Sending<'_> {
        Box::pin(async move {
            self.server.watch.look(Spot::Call, "its address", request.url.as_str().as_bytes());
            let Body::Form(form) = request.body else { return Err(TransportError::NotSent(Cause::Malformed)) };
            let (server, process) = (Arc::clone(&self.server), Arc::clone(&self.process));
            let struck_before = self.process.struck().len();
            let (there, back) = (self.plane.chance(300), self.plane.chance(1_200));
            let perform = Box::pin(async move {
                pass(Duration::from_millis(there)).await;
                let answer = server.use_token(&form, &process, struck_before);
                pass(Duration::from_millis(back)).await;
                answer
            });
            let passing = self.plane.pass(&self.process, Place::Platform, "POST /token", perform);
            let answer = match tokio::time::timeout(deadline, passing).await {
                Ok(Ok(answer)) => answer,
                Ok(Err(Lost::Before)) => return Err(TransportError::NotSent(Cause::Connect)),
                Ok(Err(Lost::After)) => return Err(TransportError::NoAnswer(Cause::Broken)),
                Ok(Err(Lost::Throttled)) => self.server.answer(429, &json!({ "error": "slow_down" })),
                Ok(Err(Lost::Error)) => self.server.answer(500, &json!({ "error": "server_error" })),
                Err(_) => return Err(TransportError::NoAnswer(Cause::Timeout)),
            };
            if answer.status == StatusCode::BAD_REQUEST {
                let mut refused_at = self.refused_at.lock().unwrap_or_else(PoisonError::into_inner);
                *refused_at = Some(self.server.time.now_ms());
            }
            Ok(answer)
        })
    }
}

//! A model of two ways to publish that Facebook's posts do not have: in stages (a container that is prepared, then made
//! visible), and with an outcome that comes later (a call that is accepted, then watched).

use std::collections::BTreeMap;

use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode, header};
use jiff::Timestamp;
use serde_json::{Value, json};
use shared::connector::{Answer, Body, Request};

use crate::{oracle::Publication, platforms::later, watch};

/// What says this is accepted and worked on for longer than anybody waits.
pub const ENDLESS: &str = "the endless one";
const FOR_EVER: i64 = 30 * 24 * 3_600;

/// How long a container can be published.
const EXPIRES: i64 = 24 * 3_600;

/// The platform's own state.
#[derive(Debug)]
pub struct Model {
    random: fastrand::Rng,
    tokens: BTreeMap<String, String>,
    things: BTreeMap<String, Thing>,
}

/// A container or a video.
#[derive(Debug, Clone)]
struct Thing {
    destination: String,
    text: String,
    made_at: Timestamp,
    ready_at: Timestamp,
    /// The post that it became, and since when it shows in listings.
    post: Option<(String, Timestamp)>,
}

type Outcome = (u16, Value, Option<Publication>);

impl Model {
    /// Nothing but chance.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self {
            random: fastrand::Rng::with_seed(seed ^ 0x6d6f_6465_6c00),
            tokens: BTreeMap::new(),
            things: BTreeMap::new(),
        }
    }

    /// A new place with its token.
    pub fn open(&mut self, destination: &str) -> String {
        let token = watch::secret(destination, 48);
        self.tokens.insert(destination.to_owned(), token.clone());
        token
    }

    /// Answers a call; also the post that it made, if it did.
    pub fn answer(&mut self, request: &Request, now: Timestamp) -> (Answer, Option<Publication>) {
        let (status, body, publication) = self.act(request, now);
        let answer = Answer {
            status: StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR),
            headers: HeaderMap::new(),
            body: Bytes::from(body.to_string()),
        };
        (answer, publication)
    }

    fn act(&mut self, request: &Request, now: Timestamp) -> Outcome {
        let segments: Vec<&str> = request.url.path_segments().map(Iterator::collect).unwrap_or_default();
        let (Some(destination), Some(edge)) = (segments.first(), segments.get(1)) else {
            return refused(404, "unknown");
        };
        let bearer = request.headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        let token = bearer.and_then(|value| value.strip_prefix("Bearer "));
        if token != self.tokens.get(*destination).map(String::as_str) {
            return refused(401, "token");
        }
        let field = |name: &str| match &request.body {
            Body::Form(fields) => fields.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone()),
            Body::Empty | Body::Json(_) | Body::Bytes(_) | Body::Piece(_) => None,
        };
        match (&request.method, *edge) {
            (&Method::POST, "containers") => self.contain(destination, field("text").unwrap_or_default(), now),
            (&Method::POST, "publish") => self.publish(&field("container").unwrap_or_default(), now),
            (&Method::POST, "videos") => self.accept(destination, field("text").unwrap_or_default(), now),
            (&Method::GET, "things") => self.show(segments.get(2).copied().unwrap_or_default(), now),
            (&Method::GET, "list") => self.list(destination, now),
            _ => refused(404, "unknown"),
        }
    }

    fn add(&mut self, kind: char, destination: &str, text: String, now: Timestamp, works: i64) -> String {
        let id = format!("{kind}{}", self.things.len() + 1);
        let ready_at = later(now, works);
        let thing = Thing { destination: destination.to_owned(), text, made_at: now, ready_at, post: None };
        self.things.insert(id.clone(), thing);
        id
    }

    fn contain(&mut self, destination: &str, text: String, now: Timestamp) -> Outcome {
        let works = self.random.i64(0..20);
        let id = self.add('c', destination, text, now, works);
        (200, json!({ "id": id }), None)
    }

    fn publish(&mut self, id: &str, now: Timestamp) -> Outcome {
        let lag = self.random.i64(0..15);
        let Some(thing) = self.things.get_mut(id) else { return refused(400, "no_such_container") };
        if thing.post.is_some() {
            return refused(400, "already_published");
        }
        if thing.ready_at > now {
            return refused(400, "not_ready");
        }
        if later(thing.made_at, EXPIRES) < now {
            return refused(400, "expired");
        }
        let remote_id = format!("{}-{id}", thing.destination);
        thing.post = Some((remote_id.clone(), later(now, lag)));
        let (destination, text) = (thing.destination.clone(), thing.text.clone());
        let publication = Publication { destination, text, remote_id: remote_id.clone(), at: now };
        (200, json!({ "id": remote_id }), Some(publication))
    }

    /// From here on it goes out by itself.
    fn accept(&mut self, destination: &str, text: String, now: Timestamp) -> Outcome {
        let (works, lag) = (self.random.i64(0..90), self.random.i64(0..15));
        let works = if text == ENDLESS { FOR_EVER } else { works };
        let id = self.add('v', destination, text.clone(), now, works);
        let remote_id = format!("{destination}-{id}");
        if let Some(thing) = self.things.get_mut(&id) {
            thing.post = Some((remote_id.clone(), later(now, lag)));
        }
        let publication = Publication { destination: destination.to_owned(), text, remote_id, at: now };
        (200, json!({ "id": id }), Some(publication))
    }

    fn show(&self, id: &str, now: Timestamp) -> Outcome {
        let Some(thing) = self.things.get(id) else { return refused(404, "unknown") };
        let body = match &thing.post {
            _ if thing.ready_at > now => json!({ "status": "processing" }),
            Some((remote_id, _)) => json!({ "status": "published", "id": remote_id }),
            None if later(thing.made_at, EXPIRES) < now => json!({ "status": "expired" }),
            None => json!({ "status": "ready" }),
        };
        (200, body, None)
    }

    /// What was taken at a place, also what is still being worked on; new things are missing for a while.
    fn list(&self, destination: &str, now: Timestamp) -> Outcome {
        let items: Vec<Value> = self
            .things
            .values()
            .filter(|thing| thing.destination == destination)
            .filter_map(|thing| {
                let (id, shown_at) = thing.post.as_ref()?;
                let status = if thing.ready_at > now { "processing" } else { "published" };
                (*shown_at <= now)
                    .then(|| json!({ "id": id, "text": thing.text, "at": thing.made_at.to_string(), "status": status }))
            })
            .collect();
        (200, json!({ "items": items }), None)
    }
}

fn refused(status: u16, error: &str) -> Outcome {
    (status, json!({ "error": error }), None)
}

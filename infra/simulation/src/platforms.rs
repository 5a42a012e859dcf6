//! The platforms in this process: the simulated Facebook, and a model of two more ways to publish.

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use shared::connector::{Answer, Body, Request};
use simulator::{Clock, InProcess, ManualClock, Options, facebook::seed};

use crate::{
    model::Model,
    oracle::{Oracle, Publication},
    time::Time,
};

/// Where the simulated Facebook stands.
pub const FACEBOOK: &str = "http://127.0.0.1:9";
/// Where the model stands.
pub const MODEL: &str = "http://127.0.0.1:8";
/// How long a new post stays out of Facebook's listings.
const LISTING_LAG: SignedDuration = SignedDuration::from_secs(15);

/// All of them.
pub struct Platforms {
    facebook: InProcess,
    facebook_clock: ManualClock,
    model: Mutex<Model>,
    time: Time,
    oracle: Arc<Oracle>,
}

impl fmt::Debug for Platforms {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Platforms")
    }
}

impl Platforms {
    /// Empty ones.
    #[must_use]
    pub fn new(time: Time, oracle: Arc<Oracle>, seed: u64) -> Self {
        let facebook_clock = ManualClock::new(time.now());
        let options = Options {
            clock: Clock::Manual(facebook_clock.clone()),
            seed,
            refuse_duplicates: false,
            listing_lag: LISTING_LAG,
            ..Options::default()
        };
        let facebook = InProcess::new(&options, FACEBOOK);
        Self { facebook, facebook_clock, model: Mutex::new(Model::new(seed)), time, oracle }
    }

    fn model(&self) -> MutexGuard<'_, Model> {
        self.model.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The Pages that a tenant's person may publish on, with tokens for them.
    #[must_use]
    pub fn facebook_tokens(&self) -> Vec<(String, String)> {
        let scopes = ["pages_show_list", "pages_manage_posts", "pages_read_engagement", "pages_manage_metadata"];
        let mut tokens = Vec::new();
        for (person, pages) in
            [(seed::ADA, [seed::BAKERY, seed::BOOKSHOP]), (seed::GRACE, [seed::GARDEN, seed::HARDWARE])]
        {
            let user = self.facebook.facebook().user_token(person, &pages, &scopes, true);
            tokens.extend(
                pages
                    .iter()
                    .filter_map(|page| Some(((*page).to_owned(), self.facebook.facebook().page_token(&user, page)?))),
            );
        }
        tokens
    }

    /// Makes a place at the model, and gives the token for it.
    pub fn model_token(&self, destination: &str) -> String {
        self.model().open(destination)
    }

    /// Lets a person write on a Page by hand.
    pub fn write_by_hand(&self, page: &str, text: &str) {
        self.set_clock();
        let _id = self.facebook.facebook().write_by_hand(page, text);
    }

    fn set_clock(&self) {
        self.facebook_clock.advance(self.time.now().duration_since(self.facebook_clock.now()));
    }

    /// Answers a call, as if nothing went wrong.
    pub async fn answer(&self, request: Request) -> Option<Answer> {
        let is_model = request.url.as_str().starts_with(MODEL);
        if is_model {
            let (answer, publication) = self.model().answer(&request, self.time.now());
            if let Some(publication) = publication {
                self.oracle.published(&publication);
            }
            if answer.status == StatusCode::UNAUTHORIZED {
                self.oracle
                    .violated("I7", &format!("{} was called with another token than its own", request.url.path()));
            }
            return Some(answer);
        }
        self.set_clock();
        let publishing = publishing(&request);
        let response = self.facebook.answer(encoded(request)?).await?;
        let (parts, body) = response.into_parts();
        let answer = Answer { status: parts.status, headers: parts.headers, body };
        if let Some((destination, text)) = publishing
            && answer.status.is_success()
            && let Some(remote_id) = answer.json().as_ref().and_then(remote_id)
        {
            self.oracle.published(&Publication { destination, text, remote_id, at: self.time.now() });
        }
        Some(answer)
    }
}

/// Where a call would publish what, if it is one that does.
fn publishing(request: &Request) -> Option<(String, String)> {
    let mut segments = request.url.path_segments()?.skip(1);
    let (destination, edge) = (segments.next()?.to_owned(), segments.next()?);
    let Body::Form(fields) = &request.body else { return None };
    let text = fields.iter().find(|(name, _)| name == "message").map(|(_, text)| text.clone())?;
    (request.method == Method::POST && edge == "feed").then_some((destination, text))
}

fn remote_id(answer: &Value) -> Option<String> {
    answer.get("id")?.as_str().map(str::to_owned)
}

fn encoded(request: Request) -> Option<http::Request<Bytes>> {
    let (content_type, body) = match request.body {
        Body::Empty => (None, Bytes::new()),
        Body::Form(fields) => {
            let form = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
            (Some("application/x-www-form-urlencoded"), Bytes::from(form))
        }
        Body::Json(value) => (Some("application/json"), Bytes::from(value.to_string())),
        Body::Bytes(bytes) => (None, bytes),
        // No way to publish here carries a file.
        Body::Piece(_) => return None,
    };
    let mut encoded = http::Request::new(body);
    *encoded.method_mut() = request.method;
    *encoded.uri_mut() = request.url.as_str().parse().ok()?;
    *encoded.headers_mut() = request.headers;
    if let Some(content_type) = content_type {
        encoded.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    }
    Some(encoded)
}

/// How a platform answers a call when it is not well. It says more than it should: with whose token it was called.
#[derive(Debug)]
pub struct Failure {
    is_model: bool,
    said: String,
}

impl Failure {
    /// Of this call.
    #[must_use]
    pub fn of(request: &Request) -> Self {
        let token = request.headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        Self { is_model: request.url.as_str().starts_with(MODEL), said: token.unwrap_or_default().to_owned() }
    }

    /// It is asked too often.
    #[must_use]
    pub fn rate_limited(&self) -> Answer {
        if self.is_model {
            return failing(StatusCode::TOO_MANY_REQUESTS, &json!({ "error": "rate_limited", "said": self.said }));
        }
        failing(StatusCode::BAD_REQUEST, &self.envelope("(#32) Page request limit reached", 32))
    }

    /// It fails.
    #[must_use]
    pub fn failed(&self) -> Answer {
        if self.is_model {
            return failing(StatusCode::INTERNAL_SERVER_ERROR, &json!({ "error": "internal", "said": self.said }));
        }
        failing(StatusCode::INTERNAL_SERVER_ERROR, &self.envelope("An unknown error occurred", 1))
    }

    fn envelope(&self, message: &str, code: i64) -> Value {
        let message = format!("{message} ({})", self.said);
        let title = format!("Called with {}", self.said);
        json!({ "error": {
            "message": message, "type": "OAuthException", "code": code, "error_user_title": title,
            "fbtrace_id": "Asimulated",
        } })
    }
}

fn failing(status: StatusCode, body: &Value) -> Answer {
    Answer { status, headers: HeaderMap::new(), body: Bytes::from(body.to_string()) }
}

/// The later of two moments.
#[must_use]
pub fn later(at: Timestamp, seconds: i64) -> Timestamp {
    at.saturating_add(SignedDuration::from_secs(seconds)).unwrap_or(Timestamp::MAX)
}

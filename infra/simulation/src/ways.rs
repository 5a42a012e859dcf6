//! The connector of a run: the real one for Facebook's Pages, and one for the model's two ways to publish. The place's
//! name tells which: `staged-…`, `polled-…`, or a Page's digits.

use http::{HeaderValue, Method, header};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use shared::{
    connector::{
        Act, Analytics, Answer, AuthorizeRequest, Body, Checkpoint, CodeGrant, Connector, ConnectorError, Destination,
        Effect, Finding, Fingerprint, Flow, Grant, Health, Next, Prepared, Published, ReadBack, Refusal, Request, Step,
        TokenSet, WebhookDelivery, WebhookEvent, facebook::Facebook, oauth2,
    },
    content::Content,
    options::Options,
    platform::Platform,
    secret::{AccessToken, AppCredentials},
};
use url::Url;

use crate::{platforms::MODEL, race};

/// The publish in stages.
pub const STAGED: &str = "staged";
/// The publish whose outcome comes later.
pub const POLLED: &str = "polled";
/// How far the clocks of platform and function may be apart.
const ALLOWANCE: SignedDuration = SignedDuration::from_secs(5);

/// The connector.
#[derive(Debug, Clone)]
pub struct Ways(pub Facebook);

impl Connector for Ways {
    fn platform(&self) -> Platform {
        self.0.platform()
    }

    fn authorize_url(&self, app: &AppCredentials, request: &AuthorizeRequest<'_>) -> Url {
        self.0.authorize_url(app, request)
    }

    fn authenticate(&self, app: &AppCredentials, grant: CodeGrant) -> Box<dyn Flow<Grant>> {
        self.0.authenticate(app, grant)
    }

    fn refresh_token(&self, app: &AppCredentials, tokens: TokenSet) -> Result<Box<dyn Flow<TokenSet>>, ConnectorError> {
        let url: Url = race::TOKENS.parse().map_err(|_| ConnectorError::Unreadable { what: "an address" })?;
        let client = [("client_id", app.client_id.as_str()), ("client_secret", app.client_secret.expose())];
        oauth2::refresh("model", url, &client, &tokens)
    }

    fn revoke(&self, account: &str) -> Result<Box<dyn Flow<()>>, ConnectorError> {
        self.0.revoke(account)
    }

    fn fetch_accounts(&self) -> Box<dyn Flow<Vec<Destination>>> {
        self.0.fetch_accounts()
    }

    fn preflight(&self, content: &Content, options: Option<&Options>) -> Vec<Finding> {
        self.0.preflight(content, options)
    }

    fn publish(
        &self,
        post: &Prepared,
        checkpoint: &Checkpoint,
        answer: Option<&Answer>,
    ) -> Result<Next, ConnectorError> {
        if post.destination.starts_with(STAGED) {
            staged(post, checkpoint, answer)
        } else if post.destination.starts_with(POLLED) {
            polled(post, checkpoint, answer)
        } else {
            self.0.publish(post, checkpoint, answer)
        }
    }

    fn settle_time(&self) -> SignedDuration {
        self.0.settle_time()
    }

    fn read_back(&self, app: &AppCredentials, fingerprint: Fingerprint) -> Box<dyn Flow<ReadBack>> {
        if fingerprint.destination.starts_with(STAGED) || fingerprint.destination.starts_with(POLLED) {
            Box::new(Look(fingerprint))
        } else {
            self.0.read_back(app, fingerprint)
        }
    }

    fn delete_post(&self, remote_id: &str) -> Result<Box<dyn Flow<()>>, ConnectorError> {
        self.0.delete_post(remote_id)
    }

    fn post_analytics(&self, remote_id: &str) -> Result<Box<dyn Flow<Analytics>>, ConnectorError> {
        self.0.post_analytics(remote_id)
    }

    fn health_check(&self, app: &AppCredentials, tokens: &TokenSet, needed: &[String]) -> Box<dyn Flow<Health>> {
        self.0.health_check(app, tokens, needed)
    }

    fn sign(&self, request: &mut Request, token: &AccessToken, app: &AppCredentials) {
        if !request.url.as_str().starts_with(MODEL) {
            return self.0.sign(request, token, app);
        }
        if let Ok(mut value) = HeaderValue::from_str(&format!("Bearer {}", token.expose())) {
            value.set_sensitive(true);
            request.headers.insert(header::AUTHORIZATION, value);
        }
    }

    fn usage_wait(&self, answer: &Answer) -> Option<SignedDuration> {
        self.0.usage_wait(answer)
    }

    fn webhook_handshake(&self, app: &AppCredentials, query: &[(String, String)]) -> Option<String> {
        self.0.webhook_handshake(app, query)
    }

    fn validate_webhook_signature(&self, app: &AppCredentials, delivery: WebhookDelivery<'_>) -> bool {
        self.0.validate_webhook_signature(app, delivery)
    }

    fn parse_webhook_event(&self, body: &[u8]) -> Result<Vec<WebhookEvent>, ConnectorError> {
        self.0.parse_webhook_event(body)
    }
}

/// A container, then its publication.
fn staged(post: &Prepared, checkpoint: &Checkpoint, answer: Option<&Answer>) -> Result<Next, ConnectorError> {
    let text = post.content.text.clone().unwrap_or_default();
    let container = remembered(checkpoint, "container");
    let asked = remembered(checkpoint, "asked").is_some();
    let Some(answer) = answer else {
        return Ok(match container {
            None => call(post, "containers", &[("text", text)], Effect::Stage, checkpoint.clone()),
            Some(id) => look(post, &id),
        });
    };
    let body = read(answer)?;
    let Some(id) = container else {
        let id = field(&body, "id")?;
        return Ok(look(post, &id));
    };
    if asked {
        return Ok(Next::Done(Published { remote_id: field(&body, "id")?, url: None }));
    }
    match field(&body, "status")?.as_str() {
        "processing" => {
            Ok(Next::Wait { delay: SignedDuration::from_secs(5), checkpoint: remember(&[("container", &id)]) })
        }
        "ready" => {
            let checkpoint = remember(&[("container", &id), ("asked", "yes")]);
            Ok(call(post, "publish", &[("container", id)], Effect::Publish, checkpoint))
        }
        "published" => Ok(Next::Done(Published { remote_id: field(&body, "id")?, url: None })),
        _ => Ok(call(post, "containers", &[("text", text)], Effect::Stage, Checkpoint::default())),
    }
}

/// A call that is accepted, then watched.
fn polled(post: &Prepared, checkpoint: &Checkpoint, answer: Option<&Answer>) -> Result<Next, ConnectorError> {
    let video = remembered(checkpoint, "video");
    let Some(answer) = answer else {
        return Ok(match video {
            None => {
                let text = post.content.text.clone().unwrap_or_default();
                call(post, "videos", &[("text", text)], Effect::Publish, checkpoint.clone())
            }
            Some(id) => watch(post, &id),
        });
    };
    let body = read(answer)?;
    let Some(id) = video else { return Ok(watch(post, &field(&body, "id")?)) };
    match field(&body, "status")?.as_str() {
        "processing" => {
            Ok(Next::Wait { delay: SignedDuration::from_secs(10), checkpoint: remember(&[("video", &id)]) })
        }
        _ => Ok(Next::Done(Published { remote_id: field(&body, "id")?, url: None })),
    }
}

fn look(post: &Prepared, id: &str) -> Next {
    let request = Request::new(Method::GET, address(&post.destination, &["things", id]));
    Next::Call { request, effect: Effect::Read, checkpoint: remember(&[("container", id)]) }
}

fn watch(post: &Prepared, id: &str) -> Next {
    let request = Request::new(Method::GET, address(&post.destination, &["things", id]));
    Next::Call { request, effect: Effect::Read, checkpoint: remember(&[("video", id)]) }
}

fn call(post: &Prepared, edge: &str, fields: &[(&str, String)], effect: Effect, checkpoint: Checkpoint) -> Next {
    let fields = fields.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
    let request =
        Request { body: Body::Form(fields), ..Request::new(Method::POST, address(&post.destination, &[edge])) };
    Next::Call { request, effect, checkpoint }
}

#[expect(clippy::expect_used, reason = "a constant address")]
fn address(destination: &str, path: &[&str]) -> Url {
    let mut url: Url = MODEL.parse().expect("an address");
    if let Ok(mut segments) = url.path_segments_mut() {
        segments.push(destination).extend(path);
    }
    url
}

fn remembered(checkpoint: &Checkpoint, name: &str) -> Option<String> {
    checkpoint.0.get(name)?.as_str().map(str::to_owned)
}

fn remember(fields: &[(&str, &str)]) -> Checkpoint {
    Checkpoint(fields.iter().map(|(name, value)| ((*name).to_owned(), Value::from(*value))).collect())
}

fn field(body: &Value, name: &'static str) -> Result<String, ConnectorError> {
    body.get(name).and_then(Value::as_str).map(str::to_owned).ok_or(ConnectorError::Unreadable { what: name })
}

/// The model's answers: each means one thing.
fn read(answer: &Answer) -> Result<Value, ConnectorError> {
    let body = answer.json().ok_or(ConnectorError::Unreadable { what: "JSON" })?;
    let code = body.get("error").and_then(Value::as_str).unwrap_or_default();
    let refusal = Refusal {
        code: format!("model.{code}"),
        message: "The model refused.".into(),
        platform_code: None,
        trace_id: None,
        act: Act::Nobody,
    };
    match (answer.status.as_u16(), code) {
        (200, _) => Ok(body),
        (429, _) => Err(ConnectorError::RateLimited { refusal, retry_after: Some(SignedDuration::from_secs(7)) }),
        (500.., _) => Err(ConnectorError::Unavailable(refusal)),
        (_, "not_ready" | "expired") => Err(ConnectorError::Transient(refusal)),
        (_, "already_published") => Err(ConnectorError::Ambiguous(refusal)),
        (401, _) => Err(ConnectorError::Unauthorized(refusal)),
        _ => Err(ConnectorError::Rejected(refusal)),
    }
}

/// After this, nothing of a publish comes any more.
const SETTLES: SignedDuration = SignedDuration::from_mins(5);

/// Asks the model what became of a publish: the container or video by its id where it is known, else the listing.
struct Look(Fingerprint);

impl Flow<ReadBack> for Look {
    fn advance(&mut self, answer: Option<&Answer>) -> Result<Step<ReadBack>, ConnectorError> {
        let Self(wanted) = self;
        let thing = remembered(&wanted.checkpoint, "container").or_else(|| remembered(&wanted.checkpoint, "video"));
        let Some(answer) = answer else {
            let path = match &thing {
                Some(id) => vec!["things", id.as_str()],
                None => vec!["list"],
            };
            return Ok(Step::Call(Request::new(Method::GET, address(&wanted.destination, &path))));
        };
        let body = read(answer)?;
        if thing.is_some() {
            return match field(&body, "status")?.as_str() {
                "published" => Ok(Step::Done(ReadBack::Found(Published { remote_id: field(&body, "id")?, url: None }))),
                "processing" if wanted.destination.starts_with(POLLED) => Err(busy()),
                _ => Ok(Step::Done(ReadBack::Absent)),
            };
        }
        self.listed(&body)
    }
}

impl Look {
    fn listed(&self, body: &Value) -> Result<Step<ReadBack>, ConnectorError> {
        let Self(wanted) = self;
        let text = wanted.content.text.as_deref().unwrap_or_default();
        let since = wanted.not_before.saturating_sub(ALLOWANCE).unwrap_or(Timestamp::MIN);
        let until = wanted.not_before.saturating_add(SETTLES).unwrap_or(Timestamp::MAX);
        let ours = |item: &&Value| {
            let at: Option<Timestamp> = item.get("at").and_then(Value::as_str).and_then(|at| at.parse().ok());
            let id = item.get("id").and_then(Value::as_str).unwrap_or_default();
            item.get("text").and_then(Value::as_str) == Some(text)
                && at.is_some_and(|at| at >= since && at <= until)
                && !wanted.exclude.iter().any(|excluded| excluded == id)
        };
        let items = body.get("items").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        let found: Vec<&Value> = items.iter().filter(ours).collect();
        match found.as_slice() {
            [] => Ok(Step::Done(ReadBack::Absent)),
            [one] if one.get("status").and_then(Value::as_str) == Some("processing") => Err(busy()),
            [one] => Ok(Step::Done(ReadBack::Found(Published { remote_id: field(one, "id")?, url: None }))),
            _ => Ok(Step::Done(ReadBack::Undecided { reason: "several posts say the same" })),
        }
    }
}

fn busy() -> ConnectorError {
    ConnectorError::Transient(Refusal {
        code: "model.processing".into(),
        message: "The model is still at work.".into(),
        platform_code: None,
        trace_id: None,
        act: Act::Nobody,
    })
}

//! A platform whose tokens rotate: a connector that can renew them, and the way to a strict server of which answers can be
//! lost, held back and replaced.

use std::{
    collections::VecDeque,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use jiff::{SignedDuration, Timestamp, fmt::rfc2822};
use serde_json::{Value, json};
use shared::{
    clock::{Clock, ManualClock},
    connect::{NewLogin, store_login},
    connector::{
        Act, Analytics, Answer, AuthorizeRequest, Body, Checkpoint, CodeGrant, Connector, ConnectorError, Destination,
        Effect, Finding, Fingerprint, Flow, Grant, Health, Next, Prepared, Published, ReadBack, Refusal, Request, Step,
        TokenOf, TokenSet, WebhookDelivery, WebhookEvent,
        facebook::Facebook,
        oauth2,
        settings::FacebookSettings,
        transport::{Cause, Sending, Transport, TransportError},
    },
    content::Content,
    ids::ConnectionId,
    options::Options,
    platform::{AppOwner, Platform},
    secret::{AccessToken, AppCredentials},
    store::{Actor, AuditAction, AuditEntry, Connection, ConnectionState, SavedDestination},
    vault::Expected,
};
use simulator::tokens::{Rotation, TokenServer};
use tokio::sync::Notify;
use url::Url;

use crate::world::World;

const SERVER: &str = "http://127.0.0.1:9/";
pub(crate) const ACCOUNT: &str = "ada";

type Hook = Box<dyn FnOnce() -> Pin<Box<dyn Future<Output = ()> + Send>> + Send>;

/// What happens to one call of the token endpoint.
pub(crate) enum Fault {
    /// Nothing leaves.
    NotSent,
    /// It has its effect, and the answer is lost.
    AnswerLost,
    /// It has no effect, and this is the answer.
    Instead(u16, Value, &'static [(&'static str, &'static str)]),
    /// It has its effect, and this is the answer.
    After(u16, Value),
    /// It has its effect; the answer comes when the gate opens.
    HeldBack(Arc<Gate>),
    /// Something else happens while it is under way.
    Meanwhile(Hook),
}

/// Opened once, by the test; entered by the call.
#[derive(Default)]
pub(crate) struct Gate {
    entered: Notify,
    opened: Notify,
}

impl Gate {
    /// Resolves when the call stands before it.
    pub(crate) async fn entered(&self) {
        self.entered.notified().await;
    }

    pub(crate) fn open(&self) {
        self.opened.notify_one();
    }
}

/// The platform, and the way to it.
pub(crate) struct Stage {
    clock: ManualClock,
    server: Mutex<TokenServer>,
    faults: Mutex<VecDeque<Fault>>,
    posts: Mutex<Vec<String>>,
    refuses_everything: Mutex<bool>,
}

impl Stage {
    fn new(clock: ManualClock, rotation: Rotation) -> Arc<Self> {
        Arc::new(Self {
            clock,
            server: Mutex::new(TokenServer::new(rotation)),
            faults: Mutex::default(),
            posts: Mutex::default(),
            refuses_everything: Mutex::default(),
        })
    }

    pub(crate) fn server(&self) -> MutexGuard<'_, TokenServer> {
        self.server.lock().unwrap()
    }

    /// The next calls of the token endpoint end so.
    pub(crate) fn fail(&self, faults: impl IntoIterator<Item = Fault>) {
        self.faults.lock().unwrap().extend(faults);
    }

    /// The platform is well again.
    pub(crate) fn fail_no_more(&self) {
        self.faults.lock().unwrap().clear();
    }

    /// What went out.
    pub(crate) fn posts(&self) -> Vec<String> {
        self.posts.lock().unwrap().clone()
    }

    /// From now on no token is good enough, however fresh.
    pub(crate) fn refuse_everything(&self) {
        *self.refuses_everything.lock().unwrap() = true;
    }

    pub(crate) fn login(&self) -> TokenSet {
        let body = self.server().login(ACCOUNT, self.clock.now());
        oauth2::read_tokens(&self.answer(200, &body)).unwrap()
    }

    fn answer(&self, status: u16, body: &Value) -> Answer {
        let mut headers = HeaderMap::new();
        let date = rfc2822::DateTimePrinter::new().timestamp_to_rfc9110_string(&self.clock.now()).unwrap();
        headers.insert(header::DATE, HeaderValue::from_str(&date).unwrap());
        Answer { status: StatusCode::from_u16(status).unwrap(), headers, body: Bytes::from(body.to_string()) }
    }

    fn use_token(&self, form: &[(String, String)]) -> Answer {
        let reply = self.server().token(form, self.clock.now());
        self.answer(reply.status, &reply.body)
    }

    async fn token(&self, form: Vec<(String, String)>) -> Result<Answer, TransportError> {
        let fault = self.faults.lock().unwrap().pop_front();
        // Whoever else wants to call has the time to.
        for _ in 0..20 {
            tokio::task::yield_now().await;
        }
        match fault {
            None => Ok(self.use_token(&form)),
            Some(Fault::NotSent) => Err(TransportError::NotSent(Cause::Connect)),
            Some(Fault::AnswerLost) => {
                self.use_token(&form);
                Err(TransportError::NoAnswer(Cause::Broken))
            }
            Some(Fault::Instead(status, body, headers)) => {
                let mut answer = self.answer(status, &body);
                for (name, value) in headers {
                    answer.headers.insert(*name, HeaderValue::from_static(value));
                }
                Ok(answer)
            }
            Some(Fault::After(status, body)) => {
                self.use_token(&form);
                Ok(self.answer(status, &body))
            }
            Some(Fault::HeldBack(gate)) => {
                let answer = self.use_token(&form);
                gate.entered.notify_one();
                gate.opened.notified().await;
                Ok(answer)
            }
            Some(Fault::Meanwhile(hook)) => {
                hook().await;
                Ok(self.use_token(&form))
            }
        }
    }

    fn call(&self, request: &Request) -> Answer {
        let bearer = request.headers.get(header::AUTHORIZATION).map_or("", |value| value.to_str().unwrap());
        let token = bearer.strip_prefix("Bearer ").unwrap_or_default();
        if *self.refuses_everything.lock().unwrap() || !self.server().accepts(token, self.clock.now()) {
            return self.answer(401, &json!({ "error": "access_token_invalid" }));
        }
        if let Body::Form(fields) = &request.body {
            let mut posts = self.posts.lock().unwrap();
            posts.push(fields[0].1.clone());
            return self.answer(200, &json!({ "id": posts.len().to_string() }));
        }
        self.answer(200, &json!({}))
    }
}

impl Transport for Stage {
    fn send(&self, request: Request, _: Duration) -> Sending<'_> {
        Box::pin(async move {
            match (request.url.path(), &request.body) {
                ("/token", Body::Form(form)) => self.token(form.clone()).await,
                _ => Ok(self.call(&request)),
            }
        })
    }
}

/// Renews tokens and publishes with them; everything else is Facebook's.
struct Rotating(Facebook);

fn request(method: Method, path: &str, body: Body) -> Request {
    let url = Url::parse(SERVER).unwrap().join(path).unwrap();
    Request { body, ..Request::new(method, url) }
}

fn read(answer: &Answer) -> Result<Value, ConnectorError> {
    if answer.status == StatusCode::UNAUTHORIZED {
        let text = "The token is no longer accepted.";
        return Err(ConnectorError::Unauthorized(Refusal::ours("rotating.token_invalid", Act::EndUser, text)));
    }
    answer.json().ok_or(ConnectorError::Unreadable { what: "JSON" })
}

struct Me(bool);

impl Flow<Health> for Me {
    fn advance(&mut self, answer: Option<&Answer>) -> Result<Step<Health>, ConnectorError> {
        let Some(answer) = answer else { return Ok(Step::Call(request(Method::GET, "me", Body::Empty))) };
        self.0 = true;
        read(answer)?;
        Ok(Step::Done(Health { access_expires_at: None, data_access_expires_at: None, missing_scopes: Vec::new() }))
    }
}

impl Connector for Rotating {
    fn platform(&self) -> Platform {
        Platform::Facebook
    }

    fn authorize_url(&self, app: &AppCredentials, request: &AuthorizeRequest<'_>) -> Url {
        self.0.authorize_url(app, request)
    }

    fn authenticate(&self, app: &AppCredentials, grant: CodeGrant) -> Box<dyn Flow<Grant>> {
        self.0.authenticate(app, grant)
    }

    fn token_of(&self) -> TokenOf {
        TokenOf::Grant
    }

    fn refresh_token(&self, app: &AppCredentials, tokens: TokenSet) -> Result<Box<dyn Flow<TokenSet>>, ConnectorError> {
        let url = Url::parse(SERVER).unwrap().join("token").unwrap();
        let client = [("client_id", app.client_id.as_str()), ("client_secret", app.client_secret.expose())];
        oauth2::refresh("rotating", url, &client, &tokens)
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
        let Some(answer) = answer else {
            let text = post.content.text.clone().unwrap_or_default();
            let request = request(Method::POST, "posts", Body::Form(vec![("text".into(), text)]));
            return Ok(Next::Call { request, effect: Effect::Publish, checkpoint: checkpoint.clone() });
        };
        let body = read(answer)?;
        Ok(Next::Done(Published { remote_id: body["id"].as_str().unwrap().to_owned(), url: None }))
    }

    fn settle_time(&self) -> SignedDuration {
        self.0.settle_time()
    }

    fn read_back(&self, app: &AppCredentials, fingerprint: Fingerprint) -> Box<dyn Flow<ReadBack>> {
        self.0.read_back(app, fingerprint)
    }

    fn delete_post(&self, remote_id: &str) -> Result<Box<dyn Flow<()>>, ConnectorError> {
        self.0.delete_post(remote_id)
    }

    fn post_analytics(&self, remote_id: &str) -> Result<Box<dyn Flow<Analytics>>, ConnectorError> {
        self.0.post_analytics(remote_id)
    }

    fn health_check(&self, _: &AppCredentials, _: &TokenSet, _: &[String]) -> Box<dyn Flow<Health>> {
        Box::new(Me(false))
    }

    fn sign(&self, request: &mut Request, token: &AccessToken, _: &AppCredentials) {
        let value = HeaderValue::from_str(&format!("Bearer {}", token.expose())).unwrap();
        request.headers.insert(header::AUTHORIZATION, value);
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

/// A world at such a platform, with one connection.
pub(crate) struct Scene {
    pub(crate) world: World,
    pub(crate) stage: Arc<Stage>,
    pub(crate) connection: ConnectionId,
}

impl Scene {
    pub(crate) async fn with(rotation: Rotation) -> Self {
        let start: Timestamp = "2026-11-21T10:00:00Z".parse().unwrap();
        let stage = Stage::new(ManualClock::at(start), rotation);
        let connector = Arc::new(Rotating(Facebook::new(FacebookSettings::default())));
        let world = World::start_with(Some((connector, stage.clone()))).await;
        let scene = Self { world, stage, connection: ConnectionId::new() };
        let tokens = scene.stage.login();
        scene.keep(&tokens, Expected::Absent).await;
        scene
    }

    /// What a login leaves behind.
    pub(crate) async fn keep(&self, tokens: &TokenSet, expected: Expected) {
        let now = self.world.clock.now();
        let tenant = self.world.caller.tenant;
        let connection = Connection {
            id: self.connection,
            platform: Platform::Facebook,
            account: ACCOUNT.into(),
            account_name: "Ada".into(),
            app: AppOwner::Shared,
            end_user: None,
            state: ConnectionState::Active,
            reason: None,
            scopes: Vec::new(),
            missing_scopes: Vec::new(),
            destinations: vec![SavedDestination { id: "1".into(), name: "Bakery".into(), refusal: None }],
            created_at: now,
            connected_at: Some(now),
            updated_at: now,
            checked_at: None,
            access_expires_at: tokens.access_expires_at,
            data_access_expires_at: None,
            renews: tokens.refresh.is_some(),
            refresh_expires_at: tokens.refresh_expires_at,
            token_version: None,
            last_event: None,
        };
        let far = now.saturating_add(SignedDuration::from_hours(60 * 24)).unwrap();
        let login = NewLogin {
            connection: &connection,
            tokens,
            destinations: &[],
            expected,
            next_check: far,
            changes_health: false,
            entry: &AuditEntry::new(now, Actor::Postd, AuditAction::Connected, self.connection),
        };
        Box::pin(store_login(&self.world.store, &self.world.health.vault, tenant, login)).await.unwrap();
    }

    /// Moves every clock.
    pub(crate) fn advance(&self, seconds: i64) {
        self.world.advance(seconds);
        self.stage.clock.advance(SignedDuration::from_secs(seconds));
    }

    pub(crate) async fn stored(&self) -> (TokenSet, u64) {
        let purpose = shared::vault::Purpose::Refresh;
        self.world.health.vault.grant(self.world.caller.tenant, self.connection, purpose).await.unwrap()
    }

    pub(crate) async fn row(&self) -> Connection {
        self.world.store.connection(self.world.caller.tenant, self.connection).await.unwrap().unwrap()
    }
}

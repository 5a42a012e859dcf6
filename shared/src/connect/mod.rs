//! Connecting an account: a session, the way to the platform and back, and the connection at its end.
//!
//! The browser that comes back must be the one that set out: the opening page gives it a cookie whose hash the session
//! knows (RFC 9700 and its update draft). It goes to an address that the tenant has listed and to no other. The session is
//! deleted before the code is exchanged, so a callback that comes twice exchanges once; connection and tokens are stored in
//! one transaction, so a crash anywhere is a clean restart, never half a connection.

use std::sync::Arc;

use aws_lc_rs::{digest, rand};
use data_encoding::{BASE64URL_NOPAD, HEXLOWER};
use jiff::SignedDuration;
use serde::{Deserialize, Serialize};
use url::Url;

mod callback;
mod grant;
mod logins;
mod pkce;
mod return_urls;

pub use logins::{NewLogin, NotStored, store_login};
pub use return_urls::{NotListable, ReturnUrls, check_listed};

use crate::{
    apps::Apps,
    clock::Clock,
    connector::{AuthorizeRequest, transport::Transport},
    connectors::Connectors,
    http::{Request, Response},
    ids::{ConnectionId, SessionId},
    platform::{AppOwner, Platform},
    problem::{Code, Fault, Problem},
    store::{Session, Store, StoreError},
    telemetry::Chain,
    tenant::Tenant,
    vault::Vault,
};

/// How long a session is good for.
const SESSION_LASTS: SignedDuration = SignedDuration::from_mins(15);
/// The longest name that a caller gives a person.
const LONGEST_TAG: usize = 255;

/// Connects accounts.
pub struct ConnectFlow {
    /// Where sessions and connections are.
    pub store: Store,
    /// Where tokens go.
    pub vault: Vault,
    /// Our apps at the platforms.
    pub apps: Apps,
    /// The platforms.
    pub connectors: Connectors,
    /// The way there.
    pub transport: Arc<dyn Transport>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Whether return addresses on this machine are fine, over plain http and unlisted: in the local cloud alone.
    pub allow_loopback: bool,
}

/// What a caller sends to begin.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct NewSession {
    /// Where the account is.
    pub platform: Platform,
    /// Where the browser goes at the end: an address that the tenant has listed; its query is free. It gets `connection`
    /// (and `missing_scopes`, if some were declined) or `error` in its query.
    pub return_url: Url,
    /// What the caller calls the person, 1 to 255 characters: shown with the connection, never to the platform.
    #[serde(default)]
    pub end_user: Option<String>,
    /// The connection to renew. It keeps its id, and only the same account can renew it.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>))]
    pub reconnect: Option<ConnectionId>,
}

/// What the caller gets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SessionView {
    /// The id.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub id: SessionId,
    /// Where to send the person's browser. Whoever opens it connects an account to the tenant: hand it to no one else.
    pub url: Url,
    /// Until when it is good.
    #[cfg_attr(feature = "openapi", schema(value_type = String, format = DateTime))]
    pub expires_at: jiff::Timestamp,
}

impl ConnectFlow {
    /// Answers the routes of this use case.
    ///
    /// # Errors
    /// The refusal to send back.
    pub async fn handle(&self, request: Request) -> Result<Response, Problem> {
        match request.route.as_str() {
            "POST /v1/connect/sessions" => self.begin(&request).await,
            "GET /v1/connect/{session}" => self.open(&request).await,
            "GET /v1/oauth/{platform}/callback" => Box::pin(self.callback(&request)).await,
            _ => Err(Problem::new(Code::RouteUnknown, "This function does not know the route.")),
        }
    }

    async fn begin(&self, request: &Request) -> Result<Response, Problem> {
        let caller = request.caller()?;
        let wanted: NewSession = request.json()?;
        let tenant = self.store.latest_tenant(caller.tenant).await.map_err(store_failed)?;
        if tenant.as_ref().is_some_and(|tenant| tenant.deletion.is_some()) {
            return Err(Problem::tenant_deleted());
        }
        let listed = tenant.as_ref().map_or(&[][..], |tenant| tenant.return_urls.as_slice());
        let mut faults = Vec::new();
        faults.extend(return_urls::fault(listed, &wanted.return_url, self.allow_loopback));
        if wanted.end_user.as_deref().is_some_and(|tag| !is_tag(tag)) {
            let text = format!("1 to {LONGEST_TAG} characters, none of them a control character.");
            faults.push(Fault::new("/end_user", "end_user.invalid", text));
        }
        let mut app = AppOwner::Shared;
        if tenant.is_some_and(|tenant| tenant.own_apps.contains(&wanted.platform)) {
            app = AppOwner::Tenant;
        }
        if let Some(id) = wanted.reconnect {
            let connection = self.store.connection(caller.tenant, id).await.map_err(store_failed)?;
            if let Some(connection) = connection.filter(|connection| connection.platform == wanted.platform) {
                // Its targets know it by this app.
                app = connection.app;
            } else {
                let text = "No connection with this id at this platform.";
                faults.push(Fault::new("/reconnect", "connection.unknown", text));
            }
        }
        if !faults.is_empty() {
            return Err(Problem::invalid(faults));
        }
        let state = random()?;
        let session = Session {
            id: SessionId::new(),
            tenant: caller.tenant.id(),
            begun_by: Some(caller.key),
            platform: wanted.platform,
            app,
            end_user: wanted.end_user,
            return_url: wanted.return_url,
            reconnect: wanted.reconnect,
            browser: None,
            ends_at: self.clock.now().saturating_add(SESSION_LASTS).unwrap_or(jiff::Timestamp::MAX),
        };
        self.store.put_session(&hash(&state), &session).await.map_err(store_failed)?;
        let url = join(&request.base, &format!("/v1/connect/{state}"))?;
        Ok(Response::json(201, &SessionView { id: session.id, url, expires_at: session.ends_at }))
    }

    /// The page that a browser opens first: binds the session to it and sends it on to the platform.
    async fn open(&self, request: &Request) -> Result<Response, Problem> {
        let state = request.parameters.get("session").map_or("", String::as_str);
        let browser = random()?;
        let opened = self.store.open_session(&hash(state), &hash(&browser), self.clock.now()).await;
        let Some(session) = opened.map_err(store_failed)? else { return Ok(session_gone()) };
        let app = match self.apps.credentials_of(owner(&session), session.platform, session.app).await {
            Ok(app) => app,
            Err(error) => {
                tracing::error!(error = %Chain(&error), "our app's credentials cannot be read");
                return Ok(Response::page(
                    503,
                    "Not at the moment",
                    "The connection cannot be started right now. Nothing is lost: open the link again in a minute.",
                ));
            }
        };
        let redirect_uri = redirect_uri(&request.base, session.platform)?;
        let connector = self.connectors.of(session.platform);
        let challenge = connector.pkce().map(|form| pkce::challenge(&pkce::verifier(state, &browser), form));
        let ask = AuthorizeRequest {
            redirect_uri: &redirect_uri,
            state,
            ask_again: session.reconnect.is_some(),
            challenge: challenge.as_deref(),
        };
        let url = connector.authorize_url(&app, &ask);
        Ok(Response::see_other(&url).with_cookie(cookie(&request.base, &browser)))
    }
}

/// Whose session this is. Only an authorized caller makes one, and it was found by its secret.
fn owner(session: &Session) -> Tenant {
    Tenant::verified(session.tenant)
}

fn is_tag(tag: &str) -> bool {
    (1..=LONGEST_TAG).contains(&tag.chars().count()) && !tag.chars().any(char::is_control)
}

/// The redirect URI of a platform: one each, so that a mixed-up answer cannot pass for another platform's (RFC 9700 §4.4).
fn redirect_uri(base: &Url, platform: Platform) -> Result<Url, Problem> {
    join(base, &format!("/v1/oauth/{platform}/callback"))
}

fn join(base: &Url, path: &str) -> Result<Url, Problem> {
    let whole = format!("{}{path}", base.as_str().trim_end_matches('/'));
    Url::parse(&whole).map_err(|_| Problem::new(Code::Unavailable, "postd does not know its own address."))
}

/// The name of the cookie. A browser keeps `__Host-` cookies to this very host and to https; plain http exists only in
/// the local cloud, where the prefix would make the browser drop the cookie.
fn cookie_name(base: &Url) -> &'static str {
    if base.scheme() == "https" { "__Host-postd-connect" } else { "postd-connect" }
}

fn cookie(base: &Url, value: &str) -> String {
    let secure = if base.scheme() == "https" { "; Secure" } else { "" };
    format!(
        "{}={value}; Path=/; Max-Age={}; HttpOnly; SameSite=Lax{secure}",
        cookie_name(base),
        SESSION_LASTS.as_secs()
    )
}

fn session_gone() -> Response {
    Response::page(
        404,
        "This link is no longer good",
        "It was used already, or its quarter of an hour is over. Go back to where you came from and begin again.",
    )
}

/// 256 random bits, fit for a URL.
fn random() -> Result<String, Problem> {
    let mut bytes = [0; 32];
    rand::fill(&mut bytes).map_err(|_| Problem::new(Code::Unavailable, "There are no random numbers."))?;
    Ok(BASE64URL_NOPAD.encode(&bytes))
}

fn hash(secret: &str) -> String {
    HEXLOWER.encode(digest::digest(&digest::SHA256, secret.as_bytes()).as_ref())
}

#[expect(clippy::needless_pass_by_value, reason = "the shape that map_err wants")]
fn store_failed(error: StoreError) -> Problem {
    tracing::error!(error = %Chain(&error), "the store did not answer");
    Problem::new(Code::Unavailable, "The store did not answer; try again.")
}

//! Connecting an account: a session, the way to the platform and back, and the connection at its end.
//!
//! The browser that comes back must be the one that set out: the opening page gives it a cookie whose hash the session
//! knows (RFC 9700 and its update draft). The session is deleted before the code is exchanged, so a callback that comes
//! twice exchanges once, and a crash in between is a clean restart, never half a connection.

use std::sync::Arc;

use aws_lc_rs::{digest, rand};
use data_encoding::{BASE64URL_NOPAD, HEXLOWER};
use jiff::SignedDuration;
use serde::{Deserialize, Serialize};
use url::Url;

mod callback;
mod grant;

use crate::{
    apps::Apps,
    clock::Clock,
    connector::{AuthorizeRequest, transport::Transport},
    connectors::Connectors,
    http::{Request, Response},
    ids::{ConnectionId, SessionId},
    platform::Platform,
    problem::{Code, Fault, Problem},
    store::{Session, Store, StoreError},
    telemetry::Chain,
    vault::Vault,
};

/// How long a session is good for.
const SESSION_LASTS: SignedDuration = SignedDuration::from_mins(15);

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
    /// Whether plain http is fine for return addresses on this machine: in the local cloud alone.
    pub allow_loopback: bool,
}

/// What a caller sends to begin.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct NewSession {
    /// Where the account is.
    pub platform: Platform,
    /// Where the browser goes at the end: https, without a fragment. It gets `connection` or `error` in its query.
    pub return_url: Url,
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
        self.check_return_url(&wanted.return_url)?;
        if let Some(id) = wanted.reconnect {
            let connection = self.store.connection(caller.tenant, id).await.map_err(store_failed)?;
            if connection.is_none_or(|connection| connection.platform != wanted.platform) {
                let text = "No connection with this id at this platform.";
                return Err(Problem::invalid(vec![Fault::new("/reconnect", "connection.unknown", text)]));
            }
        }
        let state = random()?;
        let session = Session {
            id: SessionId::new(),
            tenant: caller.tenant.id(),
            begun_by: Some(caller.key),
            platform: wanted.platform,
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
        let app = match self.apps.credentials(session.platform).await {
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
        let ask = AuthorizeRequest { redirect_uri: &redirect_uri, state, ask_again: session.reconnect.is_some() };
        let url = self.connectors.of(session.platform).authorize_url(&app, &ask);
        Ok(Response::see_other(&url).with_cookie(cookie(&request.base, &browser)))
    }

    fn check_return_url(&self, url: &Url) -> Result<(), Problem> {
        let loopback = matches!(url.host_str(), Some("127.0.0.1" | "localhost" | "[::1]"));
        let secure = url.scheme() == "https" || (url.scheme() == "http" && loopback && self.allow_loopback);
        if secure && url.username().is_empty() && url.password().is_none() && url.fragment().is_none() {
            return Ok(());
        }
        let text = "The return address must be https, without user name, password or fragment.";
        Err(Problem::invalid(vec![Fault::new("/return_url", "return_url.not_allowed", text)]))
    }
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

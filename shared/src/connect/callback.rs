//! The way back from the platform. Whatever happens, the person ends on a page that says so or at the caller's address
//! with a stable code.

use std::time::Duration;

use url::Url;

use super::{ConnectFlow, cookie_name, hash, owner, pkce, redirect_uri, session_gone, store_failed};
use crate::{
    apps::Refreshed,
    connector::{
        CodeGrant, Disposition, Grant,
        driver::{self, Budget, CallFailed, Calls},
    },
    http::{Request, Response},
    ids::ConnectionId,
    platform::Platform,
    problem::{Code, Problem},
    secret::{AppCredentials, AuthorizationCode, CodeVerifier},
    store::Session,
    telemetry::Chain,
};

/// How long the exchange may take, all its calls together; API Gateway gives up after 30 seconds.
const EXCHANGE_TAKES: Duration = Duration::from_secs(17);
/// The longest code that any platform sends; what is longer is not one.
const LONGEST_CODE: usize = 2048;

/// The connection that a session has led to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Made {
    pub(super) connection: ConnectionId,
    pub(super) missing_scopes: Vec<String>,
}

/// What the callback brought to exchange.
struct Brought<'a> {
    code: &'a str,
    redirect_uri: Url,
    verifier: Option<CodeVerifier>,
}

/// How a connect session ends, as the caller's address learns it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refused {
    /// The person said no.
    Denied,
    /// The platform sent an error of its own.
    Platform,
    /// The platform did not take the code, or did not answer.
    Exchange,
    /// The grant is another account's than the connection to renew.
    OtherAccount,
    /// The tenant is deleted, or is being deleted.
    TenantDeleted,
    /// Our app at the platform is misconfigured.
    Misconfigured,
    /// Something of ours did not answer.
    Unavailable,
}

impl Refused {
    const fn code(self) -> &'static str {
        match self {
            Self::Denied => "access_denied",
            Self::Platform => "platform_error",
            Self::Exchange => "exchange_failed",
            Self::OtherAccount => "other_account",
            Self::TenantDeleted => "tenant_deleted",
            Self::Misconfigured => "app_misconfigured",
            Self::Unavailable => "unavailable",
        }
    }
}

impl ConnectFlow {
    pub(super) async fn callback(&self, request: &Request) -> Result<Response, Problem> {
        let platform: Platform = request.parameter("platform", Code::PlatformUnknown)?;
        let (Some(state), Some(browser)) = (request.query("state"), request.cookie(cookie_name(&request.base))) else {
            return Ok(session_gone());
        };
        if !speaks_for(self.connectors.of(platform).issuer(), &request.query) {
            tracing::warn!(%platform, "a callback is ambiguous or names another issuer");
            return Ok(session_gone());
        }
        let taken = self.store.take_session(&hash(state), platform, &hash(browser), self.clock.now()).await;
        let Some(session) = taken.map_err(store_failed)? else { return Ok(session_gone()) };
        let outcome = match (request.query("code"), request.query("error")) {
            (Some(code), None) if !code.is_empty() && code.len() <= LONGEST_CODE => {
                // A whole login is a large future: whoever waits for something else need not carry it.
                let verifier = self.connectors.of(platform).pkce().map(|_| pkce::verifier(state, browser));
                let code = Brought { code, verifier, redirect_uri: redirect_uri(&request.base, platform)? };
                Box::pin(self.exchange(&session, &code)).await
            }
            (_, Some("access_denied")) => Err(Refused::Denied),
            _ => Err(Refused::Platform),
        };
        if let Err(refused) = &outcome {
            tracing::warn!(tenant = %session.tenant, session = %session.id, code = refused.code(), "not connected");
        }
        Ok(Response::see_other(&return_to(&session.return_url, outcome)))
    }

    async fn exchange(&self, session: &Session, code: &Brought<'_>) -> Result<Made, Refused> {
        let app = self.apps.credentials_of(owner(session), session.platform, session.app).await.map_err(|error| {
            tracing::error!(error = %Chain(&error), "our app's credentials cannot be read");
            Refused::Unavailable
        })?;
        let budget = Budget::lasting(EXCHANGE_TAKES);
        let grant = match self.ask(session, &app, code, budget).await {
            // The secret may have been rotated since we read it; a code that was refused for that is still good (F59).
            Err(error @ CallFailed::Refused(_)) => {
                let way = (session.platform, session.app);
                match self.apps.refresh_of(owner(session), way, &app).await {
                    Ok(Refreshed::Changed(app)) => self.ask(session, &app, code, budget).await,
                    Ok(Refreshed::Same) | Err(_) => Err(error),
                }
            }
            answer => answer,
        };
        let grant = grant.map_err(|error| {
            let refusal = error.refusal();
            tracing::warn!(code = %refusal.code, platform_code = refusal.platform_code, "the exchange failed");
            match error.disposition() {
                Disposition::Operator => Refused::Misconfigured,
                Disposition::Retry(_) | Disposition::Reconnect | Disposition::Fail | Disposition::ReadBack => {
                    Refused::Exchange
                }
            }
        })?;
        self.keep(session, grant).await
    }

    async fn ask(
        &self,
        session: &Session,
        app: &AppCredentials,
        code: &Brought<'_>,
        budget: Budget,
    ) -> Result<Grant, CallFailed> {
        let connector = self.connectors.of(session.platform);
        let mut calls = Calls::new(self.transport.as_ref(), connector, app, None, budget);
        let grant = CodeGrant {
            code: AuthorizationCode::new(code.code),
            redirect_uri: code.redirect_uri.clone(),
            verifier: code.verifier.clone(),
        };
        driver::run_flow(connector.authenticate(app, grant), &mut calls).await
    }
}

/// Whether a callback says each thing once, and comes from the issuer that the platform is known by: from none, if it
/// names none (RFC 9207 §2.4).
fn speaks_for(issuer: Option<&str>, query: &[(String, String)]) -> bool {
    let values = |name: &str| query.iter().filter(|(key, _)| key == name).map(|(_, value)| value.as_str()).collect();
    let is_said_once = ["state", "code", "error", "iss"].into_iter().all(|name| {
        let values: Vec<&str> = values(name);
        values.len() <= 1
    });
    let named: Vec<&str> = values("iss");
    is_said_once && named.first().copied() == issuer
}

fn return_to(url: &Url, outcome: Result<Made, Refused>) -> Url {
    let mut url = url.clone();
    match outcome {
        Ok(Made { connection, missing_scopes }) => {
            url.query_pairs_mut().append_pair("connection", &connection.to_string());
            if !missing_scopes.is_empty() {
                url.query_pairs_mut().append_pair("missing_scopes", &missing_scopes.join(","));
            }
        }
        Err(refused) => {
            url.query_pairs_mut().append_pair("error", refused.code());
        }
    }
    url
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn f72_a_callback_of_another_issuer_or_with_two_answers_is_nobodys() {
        let says = |query: &str, issuer| {
            let query: Vec<_> = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
            speaks_for(issuer, &query)
        };
        let google = Some("https://accounts.google.com");
        assert!(says("state=s&code=c", None));
        assert!(says("state=s&code=c&iss=https%3A%2F%2Faccounts.google.com", google));
        for (query, issuer) in [
            ("state=s&code=c", google),
            ("state=s&code=c&iss=https://accounts.google.com/", google),
            ("state=s&code=c&iss=https://evil.example", google),
            ("state=s&code=c&iss=", google),
            ("state=s&code=c&iss=https://accounts.google.com&iss=https://evil.example", google),
            ("state=s&code=c&iss=https://accounts.google.com", None),
            ("state=s&code=c&iss=", None),
            ("state=s&code=c&code=d", None),
            ("state=s&state=t&code=c", None),
            ("state=s&error=a&error=b", None),
        ] {
            assert!(!says(query, issuer), "{query}");
        }
    }
}

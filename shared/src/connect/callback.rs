//! The way back from the platform. Whatever happens, the person ends on a page that says so or at the caller's address
//! with a stable code.

use std::time::Duration;

use url::Url;

use super::{ConnectFlow, cookie_name, hash, redirect_uri, session_gone, store_failed};
use crate::{
    connector::{
        CodeGrant, Disposition,
        driver::{self, Budget, Calls},
    },
    http::{Request, Response},
    ids::ConnectionId,
    platform::Platform,
    problem::{Code, Problem},
    secret::AuthorizationCode,
    store::Session,
    telemetry::Chain,
};

/// How long the exchange may take, all its calls together; API Gateway gives up after 30 seconds.
const EXCHANGE_TAKES: Duration = Duration::from_secs(17);
/// The longest code that any platform sends; what is longer is not one.
const LONGEST_CODE: usize = 2048;

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
        let taken = self.store.take_session(&hash(state), platform, &hash(browser), self.clock.now()).await;
        let Some(session) = taken.map_err(store_failed)? else { return Ok(session_gone()) };
        let outcome = match (request.query("code"), request.query("error")) {
            (Some(code), None) if !code.is_empty() && code.len() <= LONGEST_CODE => {
                self.exchange(&session, code, redirect_uri(&request.base, platform)?).await
            }
            (_, Some("access_denied")) => Err(Refused::Denied),
            _ => Err(Refused::Platform),
        };
        if let Err(refused) = outcome {
            tracing::warn!(tenant = %session.tenant, session = %session.id, code = refused.code(), "not connected");
        }
        Ok(Response::see_other(&return_to(&session.return_url, outcome)))
    }

    async fn exchange(&self, session: &Session, code: &str, redirect_uri: Url) -> Result<ConnectionId, Refused> {
        let connector = self.connectors.of(session.platform);
        let app = self.apps.credentials(session.platform).await.map_err(|error| {
            tracing::error!(error = %Chain(&error), "our app's credentials cannot be read");
            Refused::Unavailable
        })?;
        let mut calls = Calls::new(self.transport.as_ref(), connector, &app, None, Budget::lasting(EXCHANGE_TAKES));
        let code = CodeGrant { code: AuthorizationCode::new(code), redirect_uri };
        let grant = driver::run_flow(connector.authenticate(&app, code), &mut calls).await.map_err(|error| {
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
}

fn return_to(url: &Url, outcome: Result<ConnectionId, Refused>) -> Url {
    let mut url = url.clone();
    match outcome {
        Ok(connection) => url.query_pairs_mut().append_pair("connection", &connection.to_string()),
        Err(refused) => url.query_pairs_mut().append_pair("error", refused.code()),
    };
    url
}

//! Instagram Login: code, short token, long token, the account itself. The long token lasts for sixty days and is what it is
//! renewed with.

use http::Method;
use serde_json::Value;

use super::{
    super::{
        accounts::{self, Myself},
        graph,
    },
    CODE_REFUSED,
};
use crate::{
    connector::{
        Act, Answer, Authentication, Body, CodeGrant, ConnectorError, Flow, Grant, Refusal, Request, Step, TokenSet,
        oauth2::ends_at, settings::InstagramSettings,
    },
    secret::{AccessToken, AppCredentials, RefreshToken},
};

const MOST_SCOPES: usize = 100;

pub(in crate::connector::instagram) struct AuthenticateFlow {
    settings: InstagramSettings,
    app: AppCredentials,
    stage: Stage,
}

enum Stage {
    Start(CodeGrant),
    Exchanging,
    Extending { scopes: Vec<String> },
    Asking { scopes: Vec<String>, tokens: TokenSet },
    Over,
}

impl AuthenticateFlow {
    pub(in crate::connector::instagram) fn new(
        settings: InstagramSettings,
        app: AppCredentials,
        grant: CodeGrant,
    ) -> Self {
        Self { settings, app, stage: Stage::Start(grant) }
    }

    fn exchange(&self, grant: &CodeGrant) -> Request {
        let field = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let url = graph::extended(&self.settings.instagram_token_url, "oauth", &["access_token"]);
        // Codes have been seen with the fragment of the address that brought them.
        let code = grant.code.expose();
        let form = vec![
            field("client_id", &self.app.client_id),
            field("client_secret", self.app.client_secret.expose()),
            field("grant_type", "authorization_code"),
            field("redirect_uri", grant.redirect_uri.as_str()),
            field("code", code.strip_suffix("#_").unwrap_or(code)),
        ];
        let authentication = Authentication::Complete;
        Request { authentication, body: Body::Form(form), ..Request::new(Method::POST, url) }
    }

    // The address carries the app's secret and the token, as Meta documents it; requests never show their query.
    fn extend(&self, short: &AccessToken) -> Request {
        let mut url = self.settings.instagram_graph_url.clone();
        url.set_path(&format!("{}/access_token", url.path().trim_end_matches('/')));
        url.query_pairs_mut()
            .append_pair("grant_type", "ig_exchange_token")
            .append_pair("client_secret", self.app.client_secret.expose())
            .append_pair("access_token", short.expose());
        Request { authentication: Authentication::Complete, ..Request::new(Method::GET, url) }
    }

    fn step(&mut self, stage: Stage, answer: Option<&Answer>) -> Result<(Stage, Step<Grant>), ConnectorError> {
        match stage {
            Stage::Start(grant) => Ok((Stage::Exchanging, Step::Call(self.exchange(&grant)))),
            Stage::Exchanging => {
                let (short, scopes) = exchanged(graph::expect(answer)?, &self.settings)?;
                Ok((Stage::Extending { scopes }, Step::Call(self.extend(&short))))
            }
            Stage::Extending { scopes } => {
                let tokens = read_tokens(graph::expect(answer)?)?;
                let request = Request::new(Method::GET, accounts::myself(&self.settings));
                let request = accounts::with_token(request, &tokens.access);
                Ok((Stage::Asking { scopes, tokens }, Step::Call(request)))
            }
            Stage::Asking { scopes, tokens } => {
                let about = Myself::read(graph::expect(answer)?)?;
                let wanted = self.settings.scopes().iter();
                let grant = Grant {
                    destinations: vec![about.destination()],
                    missing_scopes: wanted.filter(|scope| !scopes.contains(scope)).cloned().collect(),
                    scopes,
                    tokens,
                    account: about.user_id,
                    account_name: about.name,
                };
                Ok((Stage::Over, Step::Done(grant)))
            }
            Stage::Over => Err(ConnectorError::Unreadable { what: "no answer after the end" }),
        }
    }
}

impl Flow<Grant> for AuthenticateFlow {
    fn advance(&mut self, answer: Option<&Answer>) -> Result<Step<Grant>, ConnectorError> {
        let stage = std::mem::replace(&mut self.stage, Stage::Over);
        let (stage, step) = self.step(stage, answer)?;
        self.stage = stage;
        Ok(step)
    }
}

/// Renews a token by itself: it must be a day old, and alive.
pub(in crate::connector::instagram) struct RefreshFlow(Option<Request>);

impl RefreshFlow {
    pub(in crate::connector::instagram) fn new(settings: &InstagramSettings, token: &AccessToken) -> Self {
        let mut url = settings.instagram_graph_url.clone();
        url.set_path(&format!("{}/refresh_access_token", url.path().trim_end_matches('/')));
        url.query_pairs_mut().append_pair("grant_type", "ig_refresh_token").append_pair("access_token", token.expose());
        Self(Some(Request { authentication: Authentication::Complete, ..Request::new(Method::GET, url) }))
    }
}

impl Flow<TokenSet> for RefreshFlow {
    fn advance(&mut self, answer: Option<&Answer>) -> Result<Step<TokenSet>, ConnectorError> {
        match (self.0.take(), answer) {
            (Some(request), None) => Ok(Step::Call(request)),
            (_, Some(answer)) => read_tokens(answer).map(Step::Done),
            (None, None) => Err(ConnectorError::Unreadable { what: "no answer after the end" }),
        }
    }
}

/// The short token and what was granted. The answer is an object, or a list of one in `data`.
fn exchanged(answer: &Answer, settings: &InstagramSettings) -> Result<(AccessToken, Vec<String>), ConnectorError> {
    let body = match graph::read(answer) {
        // This host has an envelope of its own for codes that it does not take.
        Err(ConnectorError::Unreadable { .. }) if answer.status.as_u16() == 400 => {
            let message = "Instagram did not accept the login; begin again.";
            return Err(ConnectorError::Rejected(Refusal::ours("instagram.oauth.code_refused", Act::EndUser, message)));
        }
        read => read.map_err(|error| CODE_REFUSED.instead_of(error))?,
    };
    let granted = body.pointer("/data/0").unwrap_or(&body);
    let token = graph::token(granted.get("access_token"));
    let token = token.ok_or(ConnectorError::Unreadable { what: "an `access_token`" })?;
    Ok((token, permissions(granted.get("permissions")).unwrap_or_else(|| settings.scopes().to_vec())))
}

fn permissions(value: Option<&Value>) -> Option<Vec<String>> {
    let texts: Vec<&str> = match value? {
        Value::String(text) => text.split(',').map(str::trim).collect(),
        Value::Array(items) => items.iter().filter_map(Value::as_str).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => return None,
    };
    let names = texts.into_iter().take(MOST_SCOPES).filter_map(|text| graph::name(Some(&Value::from(text))));
    Some(names.collect())
}

fn read_tokens(answer: &Answer) -> Result<TokenSet, ConnectorError> {
    let body = graph::read(answer)?;
    let access = graph::token(body.get("access_token"));
    let access = access.ok_or(ConnectorError::Unreadable { what: "an `access_token`" })?;
    let access_expires_at = body.get("expires_in").and_then(|life| ends_at(answer, life));
    Ok(TokenSet {
        refresh: Some(RefreshToken::new(access.expose())),
        refresh_expires_at: access_expires_at,
        access,
        access_expires_at,
        data_access_expires_at: None,
    })
}

//! The way from a consent page to a grant, and its renewal.

use http::Method;
use url::Url;

use super::{Linkedin, Profile, accounts::Listing, api};
use crate::{
    connector::{
        Act, Answer, Authentication, AuthorizeRequest, Body, CodeGrant, ConnectorError, Flow, Grant, Refusal, Request,
        Step, TokenSet, oauth2, settings::LinkedinSettings,
    },
    secret::{AccessToken, AppCredentials},
};

/// Where the browser goes. The web flow knows no PKCE: the single-use `state` protects it. All scopes are granted or none,
/// so nothing is ever asked again.
pub(super) fn authorize_url(
    settings: &LinkedinSettings,
    scopes: &[String],
    app: &AppCredentials,
    request: &AuthorizeRequest<'_>,
) -> Url {
    let mut url = api::oauth(settings, "authorization");
    url.query_pairs_mut()
        .append_pair("response_type", "code")
        .append_pair("client_id", &app.client_id)
        .append_pair("redirect_uri", request.redirect_uri.as_str())
        .append_pair("state", request.state)
        .append_pair("scope", &scopes.join(" "));
    url
}

/// Renews a grant that came with a refresh token: only apps of the Community Management API get one. It stays the same, and
/// its life keeps counting down.
///
/// # Errors
/// There is none.
pub(super) fn refresh(
    settings: &LinkedinSettings,
    profile: Profile,
    app: &AppCredentials,
    tokens: &TokenSet,
) -> Result<Box<dyn Flow<TokenSet>>, ConnectorError> {
    let client = [("client_id", app.client_id.as_str()), ("client_secret", app.client_secret.expose())];
    let flow = oauth2::refresh(profile.name(), api::oauth(settings, "accessToken"), &client, tokens)?;
    Ok(Box::new(Refresh(flow)))
}

struct Refresh(Box<dyn Flow<TokenSet>>);

impl Flow<TokenSet> for Refresh {
    fn advance(&mut self, answer: Option<&Answer>) -> Result<Step<TokenSet>, ConnectorError> {
        self.0.advance(answer).map_err(|error| match error {
            // LinkedIn's word for a refresh token that has ended or was taken back.
            ConnectorError::Rejected(refusal) if refusal.platform_code.as_deref() == Some("invalid_request") => {
                ConnectorError::Unauthorized(Refusal {
                    code: "linkedin.refresh.refused".into(),
                    message: "LinkedIn renews the connection no more: connect the account again.".into(),
                    act: Act::EndUser,
                    ..refusal
                })
            }
            other @ (ConnectorError::Unauthorized(_)
            | ConnectorError::Rejected(_)
            | ConnectorError::Ambiguous(_)
            | ConnectorError::RateLimited { .. }
            | ConnectorError::Unavailable(_)
            | ConnectorError::Transient(_)
            | ConnectorError::Operator(_)
            | ConnectorError::Unreadable { .. }
            | ConnectorError::Unsupported { .. }) => other,
        })
    }
}

/// The scopes of an answer: with commas between them, whatever the RFC says, or with spaces.
pub(super) fn scopes(text: &str) -> Vec<String> {
    text.split([',', ' ']).filter(|scope| !scope.is_empty()).map(str::to_owned).collect()
}

pub(super) struct AuthenticateFlow {
    connector: Linkedin,
    app: AppCredentials,
    stage: Stage,
}

enum Stage {
    Start(CodeGrant),
    Exchanging,
    Listing { tokens: TokenSet, scopes: Vec<String>, listing: Box<Listing> },
    Over,
}

impl AuthenticateFlow {
    pub(super) fn new(connector: &Linkedin, app: &AppCredentials, grant: CodeGrant) -> Self {
        Self { connector: connector.clone(), app: app.clone(), stage: Stage::Start(grant) }
    }

    fn exchange(&self, grant: &CodeGrant) -> Request {
        let form = [
            ("grant_type", "authorization_code"),
            ("code", grant.code.expose()),
            ("client_id", &self.app.client_id),
            ("client_secret", self.app.client_secret.expose()),
            ("redirect_uri", grant.redirect_uri.as_str()),
        ];
        let form = form.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let request = Request::new(Method::POST, api::oauth(&self.connector.settings, "accessToken"));
        Request { body: Body::Form(form.into()), authentication: Authentication::Complete, ..request }
    }

    fn signed(&self, mut request: Request, token: &AccessToken) -> Request {
        api::sign(&self.connector.settings, &mut request, token);
        Request { authentication: Authentication::Complete, ..request }
    }

    fn step(&mut self, stage: Stage, answer: Option<&Answer>) -> Result<(Stage, Step<Grant>), ConnectorError> {
        match stage {
            Stage::Start(grant) => Ok((Stage::Exchanging, Step::Call(self.exchange(&grant)))),
            Stage::Exchanging => {
                let answer = api::expect(answer)?;
                let tokens = oauth2::read_tokens(answer).map_err(code_refused)?;
                if !tokens.access.expose().bytes().all(|byte| byte.is_ascii_graphic()) {
                    return Err(ConnectorError::Unreadable { what: "an `access_token`" });
                }
                let granted = answer.json().and_then(|body| body.get("scope")?.as_str().map(scopes));
                // All scopes are granted or none; an answer that does not name them has granted what was asked.
                let scopes = granted.unwrap_or_else(|| self.connector.scopes().to_vec());
                let listing = Box::new(Listing::new(&self.connector.settings, self.connector.profile));
                let request = self.signed(listing.first_call(), &tokens.access);
                Ok((Stage::Listing { tokens, scopes, listing }, Step::Call(request)))
            }
            Stage::Listing { tokens, scopes, mut listing } => {
                if let Some(request) = listing.take(api::expect(answer)?)? {
                    let request = self.signed(request, &tokens.access);
                    return Ok((Stage::Listing { tokens, scopes, listing }, Step::Call(request)));
                }
                let (account, account_name) = listing.who().ok_or_else(nobody)?;
                let is_missing = |scope: &&String| !scopes.contains(scope);
                let missing_scopes = self.connector.scopes().iter().filter(is_missing).cloned().collect();
                let destinations = listing.finish();
                let grant = Grant { account, account_name, tokens, scopes, missing_scopes, destinations };
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

/// Who somebody is, LinkedIn tells the app of Pages with a role at one only.
fn nobody() -> ConnectorError {
    let text = "This person has no role at any LinkedIn Page: log in as somebody who manages one.";
    ConnectorError::Rejected(Refusal::ours("linkedin.page.none", Act::EndUser, text))
}

// A code that LinkedIn does not take is used up, too old or meant for another redirect URI; no token has died.
fn code_refused(error: ConnectorError) -> ConnectorError {
    match error {
        ConnectorError::Unauthorized(refusal)
        | ConnectorError::Rejected(refusal)
        | ConnectorError::Ambiguous(refusal) => ConnectorError::Rejected(Refusal {
            code: "linkedin.oauth.code_refused".into(),
            message: "LinkedIn did not accept the login; begin again.".into(),
            act: Act::EndUser,
            ..refusal
        }),
        other @ (ConnectorError::RateLimited { .. }
        | ConnectorError::Unavailable(_)
        | ConnectorError::Transient(_)
        | ConnectorError::Operator(_)
        | ConnectorError::Unreadable { .. }
        | ConnectorError::Unsupported { .. }) => other,
    }
}

//! Logins, renewals, and giving a grant back.

use http::Method;
use serde_json::Value;
use url::Url;

use super::{accounts, api, sign};
use crate::{
    connector::{
        Act, Answer, Authentication, AuthorizeRequest, Body, CodeGrant, ConnectorError, Flow, Grant, Refusal, Request,
        Step, TokenSet, oauth2, settings::TiktokSettings,
    },
    secret::AppCredentials,
};

/// Where the browser goes. TikTok calls the app's id `client_key`, and separates scopes by commas.
pub(super) fn authorize_url(settings: &TiktokSettings, app: &AppCredentials, request: &AuthorizeRequest<'_>) -> Url {
    let mut url = api::url(&settings.login_url, &["v2", "auth", "authorize"]);
    url.query_pairs_mut()
        .append_pair("client_key", &app.client_id)
        .append_pair("response_type", "code")
        .append_pair("scope", &settings.scopes.join(","))
        .append_pair("redirect_uri", request.redirect_uri.as_str())
        .append_pair("state", request.state);
    if let Some(challenge) = request.challenge {
        url.query_pairs_mut().append_pair("code_challenge", challenge).append_pair("code_challenge_method", "S256");
    }
    if request.ask_again {
        url.query_pairs_mut().append_pair("disable_auto_auth", "1");
    }
    url
}

fn token_url(settings: &TiktokSettings) -> Url {
    api::url(&settings.api_url, &["v2", "oauth", "token"])
}

/// Renews the tokens of a grant: the old refresh token is used up by it.
pub(super) fn refresh(
    settings: &TiktokSettings,
    app: &AppCredentials,
    tokens: &TokenSet,
) -> Result<Box<dyn Flow<TokenSet>>, ConnectorError> {
    let client = [("client_key", app.client_id.as_str()), ("client_secret", app.client_secret.expose())];
    oauth2::refresh("tiktok", token_url(settings), &client, tokens)
}

/// From the code to a grant: tokens, then whose they are.
pub(super) struct AuthenticateFlow {
    settings: TiktokSettings,
    app: AppCredentials,
    stage: Stage,
}

enum Stage {
    Start(CodeGrant),
    Exchanging,
    Naming { tokens: TokenSet, open_id: String, scopes: Vec<String> },
    Over,
}

impl AuthenticateFlow {
    pub(super) fn new(settings: TiktokSettings, app: AppCredentials, grant: CodeGrant) -> Self {
        Self { settings, app, stage: Stage::Start(grant) }
    }

    fn exchange(&self, grant: &CodeGrant) -> Request {
        let mut form = vec![
            ("client_key".into(), self.app.client_id.clone()),
            ("client_secret".into(), self.app.client_secret.expose().into()),
            ("code".into(), grant.code.expose().into()),
            ("grant_type".into(), "authorization_code".into()),
            ("redirect_uri".into(), grant.redirect_uri.as_str().into()),
        ];
        if let Some(verifier) = &grant.verifier {
            form.push(("code_verifier".into(), verifier.expose().into()));
        }
        let authentication = Authentication::Complete;
        Request { authentication, body: Body::Form(form), ..Request::new(Method::POST, token_url(&self.settings)) }
    }

    fn exchanged(&self, answer: &Answer) -> Result<(Stage, Step<Grant>), ConnectorError> {
        let tokens = oauth2::read_tokens(answer).map_err(code_refused)?;
        let body = answer.json().unwrap_or_default();
        let open_id = api::id(body.get("open_id")).ok_or(ConnectorError::Unreadable { what: "an `open_id`" })?;
        let scopes: Vec<String> = body
            .get("scope")
            .and_then(Value::as_str)
            .unwrap_or_default()
            .split([',', ' '])
            .filter(|scope| !scope.is_empty() && scope.len() <= 100)
            .take(100)
            .map(Into::into)
            .collect();
        let request = sign::signed(accounts::request(&self.settings, &scopes), &tokens.access);
        Ok((Stage::Naming { tokens, open_id, scopes }, Step::Call(request)))
    }

    fn step(&mut self, stage: Stage, answer: Option<&Answer>) -> Result<(Stage, Step<Grant>), ConnectorError> {
        match stage {
            Stage::Start(grant) => Ok((Stage::Exchanging, Step::Call(self.exchange(&grant)))),
            Stage::Exchanging => self.exchanged(api::expect(answer)?),
            Stage::Naming { tokens, open_id, scopes } => {
                let destination = accounts::read(api::expect(answer)?, Some(&scopes))?;
                if destination.id != open_id {
                    return Err(ConnectorError::Unreadable { what: "the same `open_id` twice" });
                }
                let missing = self.settings.scopes.iter().filter(|scope| !scopes.contains(scope)).cloned();
                let grant = Grant {
                    account: open_id,
                    account_name: destination.name.clone(),
                    tokens,
                    missing_scopes: missing.collect(),
                    scopes,
                    destinations: vec![destination],
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

/// A code that is not taken has ended no connection.
fn code_refused(error: ConnectorError) -> ConnectorError {
    match error {
        ConnectorError::Unauthorized(refusal) => ConnectorError::Rejected(Refusal {
            platform_code: refusal.platform_code,
            ..Refusal::ours("tiktok.oauth.code_refused", Act::EndUser, "TikTok did not take the code: log in again.")
        }),
        other @ (ConnectorError::RateLimited { .. }
        | ConnectorError::Unavailable(_)
        | ConnectorError::Transient(_)
        | ConnectorError::Rejected(_)
        | ConnectorError::Ambiguous(_)
        | ConnectorError::Operator(_)
        | ConnectorError::Unreadable { .. }
        | ConnectorError::Unsupported { .. }) => other,
    }
}

/// Gives the grant back. The form is filled in where the call is signed: it holds the token.
pub(super) struct RevokeFlow(Option<Request>);

impl RevokeFlow {
    pub(super) fn new(settings: &TiktokSettings) -> Self {
        let url = api::url(&settings.api_url, &["v2", "oauth", "revoke"]);
        Self(Some(Request { body: Body::Form(Vec::new()), ..Request::new(Method::POST, url) }))
    }
}

impl Flow<()> for RevokeFlow {
    fn advance(&mut self, answer: Option<&Answer>) -> Result<Step<()>, ConnectorError> {
        if let Some(request) = self.0.take() {
            return Ok(Step::Call(request));
        }
        let answer = api::expect(answer)?;
        let body = answer.json();
        let error = body.as_ref().and_then(|body| body.get("error")?.as_str().map(String::from));
        // Nothing, or an empty object.
        let is_silent =
            answer.body.is_empty() || body.is_some_and(|body| body.as_object().is_some_and(serde_json::Map::is_empty));
        match error.as_deref() {
            None if answer.status.is_success() && is_silent => Ok(Step::Done(())),
            // The token is dead already: there is nothing left to give back.
            Some("invalid_grant" | "access_token_invalid") => Ok(Step::Done(())),
            // In the form of the other APIs.
            None => api::read(answer).map(|_| Step::Done(())),
            // An error in the form of a token endpoint has no tokens in it.
            Some(_) => match oauth2::read_tokens(answer) {
                Err(error) => Err(error),
                Ok(_) => Err(ConnectorError::Unreadable { what: "an answer to a revocation" }),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{super::testing::*, *};
    use crate::connector::{Disposition, Effect};

    #[test]
    fn the_consent_page_gets_the_names_that_tiktok_has_for_things() {
        let redirect_uri = "https://postd.example/v1/oauth/tiktok/callback".parse().unwrap();
        let request =
            AuthorizeRequest { redirect_uri: &redirect_uri, state: "s", ask_again: true, challenge: Some("ab") };
        let url = authorize_url(&TiktokSettings::default(), &app(), &request);
        assert!(url.as_str().starts_with("https://www.tiktok.com/v2/auth/authorize/?client_key=key&"), "{url}");
        let value = |name: &str| url.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned());
        assert_eq!(value("code_challenge_method").as_deref(), Some("S256"));
        assert_eq!(value("disable_auto_auth").as_deref(), Some("1"));
        let scopes = "user.info.basic,user.info.profile,video.list,video.publish,video.upload";
        assert_eq!(value("scope").as_deref(), Some(scopes));
    }

    fn revoked(status: u16, body: &'static str) -> Result<Step<()>, ConnectorError> {
        let mut flow = RevokeFlow::new(&TiktokSettings::default());
        called(flow.advance(None));
        flow.advance(Some(&answer(status, body)))
    }

    #[test]
    fn giving_back_what_is_gone_has_succeeded() {
        for (status, body) in [(200, ""), (200, "{}"), (200, r#"{"error":"invalid_grant"}"#)] {
            assert!(matches!(revoked(status, body), Ok(Step::Done(()))), "{body}");
        }
        let error = revoked(200, r#"{"error":"invalid_client"}"#).unwrap_err();
        assert_eq!(error.disposition(Effect::Read), Disposition::Operator);
        assert!(revoked(500, "").is_err());
    }
}

//! The way from a consent page to a grant: code, tokens and identity, what was granted, where it may publish.

use http::Method;
use serde_json::Value;
use url::Url;

use super::{accounts::Listing, api, identity, sign};
use crate::{
    connector::{
        Act, Answer, Authentication, AuthorizeRequest, Body, CodeGrant, ConnectorError, Destination, Flow, Grant,
        Refusal, Request, Step, TokenSet, oauth2,
        settings::{GbpSettings, gbp::GBP_SCOPE},
    },
    secret::AppCredentials,
};

/// Where the browser goes. `prompt=consent` is what brings a refresh token the second time as well.
pub(super) fn authorize_url(settings: &GbpSettings, app: &AppCredentials, request: &AuthorizeRequest<'_>) -> Url {
    let mut url = api::address(&settings.login_url, &["o", "oauth2", "v2", "auth"]);
    url.query_pairs_mut()
        .append_pair("client_id", &app.client_id)
        .append_pair("redirect_uri", request.redirect_uri.as_str())
        .append_pair("response_type", "code")
        .append_pair("scope", &format!("openid email {GBP_SCOPE}"))
        .append_pair("state", request.state)
        .append_pair("access_type", "offline")
        .append_pair("prompt", "consent");
    if let Some(challenge) = request.challenge {
        url.query_pairs_mut().append_pair("code_challenge", challenge).append_pair("code_challenge_method", "S256");
    }
    url
}

pub(super) struct AuthenticateFlow {
    settings: GbpSettings,
    app: AppCredentials,
    stage: Stage,
}

#[expect(clippy::large_enum_variant, reason = "one lives at a time, for one login")]
enum Stage {
    Start(CodeGrant),
    Exchanging,
    Listing { who: Who, listing: Listing },
    Over,
}

/// Who gave consent, and to what.
struct Who {
    account: String,
    name: String,
    scopes: Vec<String>,
    tokens: TokenSet,
}

impl Who {
    fn grant(self, destinations: Vec<Destination>) -> Grant {
        let missing_scopes = if self.may_manage() { Vec::new() } else { vec![GBP_SCOPE.to_owned()] };
        let Self { account, name: account_name, scopes, tokens } = self;
        Grant { account, account_name, tokens, scopes, missing_scopes, destinations }
    }

    fn may_manage(&self) -> bool {
        self.scopes.iter().any(|scope| scope == GBP_SCOPE)
    }
}

impl AuthenticateFlow {
    pub(super) fn new(settings: GbpSettings, app: AppCredentials, grant: CodeGrant) -> Self {
        Self { settings, app, stage: Stage::Start(grant) }
    }

    fn exchange(&self, grant: &CodeGrant) -> Request {
        let mut form = vec![
            ("grant_type", "authorization_code"),
            ("client_id", self.app.client_id.as_str()),
            ("client_secret", self.app.client_secret.expose()),
            ("redirect_uri", grant.redirect_uri.as_str()),
            ("code", grant.code.expose()),
        ];
        if let Some(verifier) = &grant.verifier {
            form.push(("code_verifier", verifier.expose()));
        }
        let form = form.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        let request = Request::new(Method::POST, api::address(&self.settings.token_url, &["token"]));
        Request { body: Body::Form(form), authentication: Authentication::Complete, ..request }
    }

    fn who(&self, answer: &Answer) -> Result<Who, ConnectorError> {
        let tokens = oauth2::read_tokens(answer).map_err(code_refused)?;
        let is_token =
            |text: &str| (1..=4_096).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
        if !is_token(tokens.access.expose()) {
            return Err(ConnectorError::Unreadable { what: "an `access_token`" });
        }
        if tokens.refresh.as_ref().is_none_or(|token| !is_token(token.expose())) {
            // Without one the connection would end within the hour.
            let text = "Google gave no lasting access; begin again.";
            return Err(ConnectorError::Rejected(Refusal::ours("gbp.oauth.no_refresh_token", Act::EndUser, text)));
        }
        let body = answer.json().unwrap_or_default();
        let text = |name: &str| body.get(name).and_then(Value::as_str);
        let (account, name) = text("id_token")
            .and_then(|token| identity::person(token, &self.app.client_id))
            .ok_or(ConnectorError::Unreadable { what: "an `id_token` for our app" })?;
        let scopes = text("scope").ok_or(ConnectorError::Unreadable { what: "a `scope`" })?;
        let scopes = scopes.split_ascii_whitespace().take(50).map(|scope| scope.chars().take(200).collect()).collect();
        Ok(Who { account, name, scopes, tokens })
    }

    fn step(&mut self, stage: Stage, answer: Option<&Answer>) -> Result<(Stage, Step<Grant>), ConnectorError> {
        match stage {
            Stage::Start(grant) => Ok((Stage::Exchanging, Step::Call(self.exchange(&grant)))),
            Stage::Exchanging => {
                let who = self.who(api::expect(answer)?)?;
                // Consent is granular: whoever unticked this may list nothing.
                if !who.may_manage() {
                    return Ok((Stage::Over, Step::Done(who.grant(Vec::new()))));
                }
                let listing = Listing::new(self.settings.clone());
                let request = sign::signed(Request::new(Method::GET, listing.first_page()), &who.tokens.access);
                Ok((Stage::Listing { who, listing }, Step::Call(request)))
            }
            Stage::Listing { who, mut listing } => {
                if let Some(url) = listing.take(api::expect(answer)?)? {
                    let request = sign::signed(Request::new(Method::GET, url), &who.tokens.access);
                    return Ok((Stage::Listing { who, listing }, Step::Call(request)));
                }
                let grant = who.grant(listing.finish());
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

// A code that Google does not take is used up, too old or meant for another redirect URI; no token has died.
fn code_refused(error: ConnectorError) -> ConnectorError {
    match error {
        ConnectorError::Unauthorized(refusal) => ConnectorError::Rejected(Refusal {
            code: "gbp.oauth.code_refused".into(),
            message: "Google did not accept the login; begin again.".into(),
            act: Act::EndUser,
            ..refusal
        }),
        // A redirect URI that is not registered, for one: our own fault.
        other @ (ConnectorError::Rejected(_)
        | ConnectorError::Ambiguous(_)
        | ConnectorError::RateLimited { .. }
        | ConnectorError::Unavailable(_)
        | ConnectorError::Transient(_)
        | ConnectorError::Operator(_)
        | ConnectorError::Unreadable { .. }
        | ConnectorError::Unsupported { .. }) => other,
    }
}

//! The way from a consent page to a grant: code, token, data centre, who it is, where it may send.

use http::Method;
use serde_json::Value;
use url::Url;

use super::{accounts::Listing, api, sign};
use crate::{
    connector::{
        Act, Answer, Authentication, AuthorizeRequest, Body, CodeGrant, ConnectorError, Flow, Grant, Refusal, Request,
        Step, TokenSet, oauth2, settings::MailchimpSettings,
    },
    secret::{AccessToken, AppCredentials},
};

/// The one thing that a grant must allow. Mailchimp has no scopes: a grant may do what the person's role may.
pub(super) const SEND: &str = "send";
/// What is asked about an account.
pub(super) const ABOUT: &str = "account_id,login_id,account_name,role";

/// `{login}/oauth2/{rest}`.
pub(super) fn login(settings: &MailchimpSettings, rest: &str) -> Url {
    let mut url = settings.login_url.clone();
    if let Ok(mut path) = url.path_segments_mut() {
        path.pop_if_empty().extend(["oauth2", rest]);
    }
    url
}

/// Where the browser goes. Mailchimp documents no PKCE: the single-use `state` protects the flow. There is nothing that
/// could have been declined, so nothing is asked again.
pub(super) fn authorize_url(settings: &MailchimpSettings, app: &AppCredentials, request: &AuthorizeRequest<'_>) -> Url {
    let mut url = login(settings, "authorize");
    url.query_pairs_mut()
        .append_pair("response_type", "code")
        .append_pair("client_id", &app.client_id)
        .append_pair("redirect_uri", request.redirect_uri.as_str())
        .append_pair("state", request.state);
    url
}

/// Asks where an account lives.
pub(super) fn metadata(settings: &MailchimpSettings, token: &AccessToken) -> Request {
    sign::signed(settings, Request::new(Method::GET, login(settings, "metadata")), token)
}

/// The data centre of an account. Its address must be the one that follows from it: the data centre becomes part of the
/// host that every call goes to (F45).
pub(super) fn data_centre(body: &Value) -> Option<String> {
    let data_centre = api::data_centre(body.get("dc")?.as_str()?)?;
    let endpoint = body.get("api_endpoint").and_then(Value::as_str);
    let own = format!("https://{data_centre}.api.mailchimp.com");
    endpoint.is_none_or(|endpoint| endpoint.trim_end_matches('/') == own).then(|| data_centre.to_owned())
}

/// Asks who gave consent.
pub(super) fn about(settings: &MailchimpSettings) -> Request {
    let mut url = api::address(settings, &[""]);
    url.query_pairs_mut().append_pair("fields", ABOUT);
    Request::new(Method::GET, url)
}

/// Whether a role may send campaigns. One that is not known may: Mailchimp says so if not.
pub(super) fn may_send(settings: &MailchimpSettings, body: &Value) -> bool {
    let role = body.get("role").and_then(Value::as_str).unwrap_or_default().to_ascii_lowercase();
    !settings.roles_without_send.contains(&role)
}

pub(super) struct AuthenticateFlow {
    settings: MailchimpSettings,
    app: AppCredentials,
    stage: Stage,
}

#[expect(clippy::large_enum_variant, reason = "there is one per login")]
enum Stage {
    Start(CodeGrant),
    Exchanging,
    Locating { token: AccessToken },
    Asking { token: AccessToken },
    Listing { token: AccessToken, who: Who, listing: Listing },
    Over,
}

/// Who gave consent.
struct Who {
    account: String,
    name: String,
    may_send: bool,
}

impl AuthenticateFlow {
    pub(super) fn new(settings: MailchimpSettings, app: AppCredentials, grant: CodeGrant) -> Self {
        Self { settings, app, stage: Stage::Start(grant) }
    }

    fn exchange(&self, grant: &CodeGrant) -> Request {
        let form = [
            ("grant_type", "authorization_code"),
            ("client_id", &self.app.client_id),
            ("client_secret", self.app.client_secret.expose()),
            ("redirect_uri", grant.redirect_uri.as_str()),
            ("code", grant.code.expose()),
        ];
        let form = form.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let request = Request::new(Method::POST, login(&self.settings, "token"));
        Request { body: Body::Form(form.into()), authentication: Authentication::Complete, ..request }
    }

    fn signed(&self, request: Request, token: &AccessToken) -> Request {
        sign::signed(&self.settings, request, token)
    }

    fn step(&mut self, stage: Stage, answer: Option<&Answer>) -> Result<(Stage, Step<Grant>), ConnectorError> {
        match stage {
            Stage::Start(grant) => Ok((Stage::Exchanging, Step::Call(self.exchange(&grant)))),
            Stage::Exchanging => {
                // `expires_in` is 0, which means never, and `scope` is null.
                let token = oauth2::read_tokens(api::expect(answer)?).map_err(code_refused)?.access;
                if !(1..=512).contains(&token.expose().len())
                    || !token.expose().bytes().all(|byte| byte.is_ascii_graphic())
                {
                    return Err(ConnectorError::Unreadable { what: "an `access_token`" });
                }
                let request = metadata(&self.settings, &token);
                Ok((Stage::Locating { token }, Step::Call(request)))
            }
            Stage::Locating { token } => {
                // Mailchimp's newest documents know one host for everybody: without an answer to this, that is asked.
                let found = api::read(api::expect(answer)?).ok().and_then(|body| data_centre(&body));
                let token = sign::with_data_centre(&token, found.as_deref());
                let request = self.signed(about(&self.settings), &token);
                Ok((Stage::Asking { token }, Step::Call(request)))
            }
            Stage::Asking { token } => {
                let who = self.who(&api::read(api::expect(answer)?)?)?;
                let listing = Listing::new(self.settings.clone(), who.may_send);
                let request = self.signed(Request::new(Method::GET, listing.page()), &token);
                Ok((Stage::Listing { token, who, listing }, Step::Call(request)))
            }
            Stage::Listing { token, who, mut listing } => {
                if let Some(url) = listing.take(api::expect(answer)?)? {
                    let request = self.signed(Request::new(Method::GET, url), &token);
                    return Ok((Stage::Listing { token, who, listing }, Step::Call(request)));
                }
                let send = vec![SEND.to_owned()];
                let (scopes, missing_scopes) = if who.may_send { (send, Vec::new()) } else { (Vec::new(), send) };
                let tokens = TokenSet {
                    access: token,
                    access_expires_at: None,
                    data_access_expires_at: None,
                    refresh: None,
                    refresh_expires_at: None,
                };
                let destinations = listing.finish();
                let Who { account, name: account_name, .. } = who;
                let grant = Grant { account, account_name, tokens, scopes, missing_scopes, destinations };
                Ok((Stage::Over, Step::Done(grant)))
            }
            Stage::Over => Err(ConnectorError::Unreadable { what: "no answer after the end" }),
        }
    }

    fn who(&self, body: &Value) -> Result<Who, ConnectorError> {
        let account = api::id(body.get("account_id")).ok_or(ConnectorError::Unreadable { what: "an `account_id`" })?;
        let login = api::id(body.get("login_id")).ok_or(ConnectorError::Unreadable { what: "a `login_id`" })?;
        let name = api::name(body.get("account_name")).unwrap_or_else(|| account.clone());
        Ok(Who { account: format!("{account}.{login}"), name, may_send: may_send(&self.settings, body) })
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

// A code that Mailchimp does not take is used up, too old or meant for another redirect URI; no token has died.
fn code_refused(error: ConnectorError) -> ConnectorError {
    match error {
        ConnectorError::Unauthorized(refusal)
        | ConnectorError::Rejected(refusal)
        | ConnectorError::Ambiguous(refusal) => ConnectorError::Rejected(Refusal {
            code: "mailchimp.oauth.code_refused".into(),
            message: "Mailchimp did not accept the login; begin again.".into(),
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

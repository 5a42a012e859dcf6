//! What is done to a grant or a post afterwards: give the grant back, take a post down, ask whether the grant still works.

use http::Method;
use jiff::Timestamp;

use super::api;
use crate::connector::{
    Act, Answer, Body, ConnectorError, Flow, Health, Refusal, Request, Step, TokenSet,
    settings::{GbpSettings, gbp::GBP_SCOPE},
};

/// One call.
pub(super) struct OneCall {
    request: Option<Result<Request, ConnectorError>>,
    read: fn(&Answer) -> Result<(), ConnectorError>,
}

impl Flow<()> for OneCall {
    fn advance(&mut self, answer: Option<&Answer>) -> Result<Step<()>, ConnectorError> {
        match self.request.take() {
            Some(request) => request.map(Step::Call),
            None => (self.read)(api::expect(answer)?).map(Step::Done),
        }
    }
}

/// Gives the whole grant back: of a person, not of one location. The token goes into the form when the call is signed.
pub(super) fn revoke(settings: &GbpSettings) -> OneCall {
    let url = api::address(&settings.token_url, &["revoke"]);
    let request = Request { body: Body::Form(Vec::new()), ..Request::new(Method::POST, url) };
    OneCall { request: Some(Ok(request)), read: revoked }
}

/// A token that Google does not know any more has been given back before.
fn revoked(answer: &Answer) -> Result<(), ConnectorError> {
    let body = answer.json();
    let error = body.as_ref().and_then(|body| body.get("error")).and_then(|error| error.as_str());
    match (answer.status.as_u16(), error) {
        (200, None) | (400, Some("invalid_token")) => Ok(()),
        (200, Some(_)) => Err(ConnectorError::Unreadable { what: "an answer to a revocation" }),
        _ => api::read(answer).map(|_| ()),
    }
}

/// Takes a post down. One that is gone is down.
pub(super) fn delete_post(settings: &GbpSettings, remote_id: &str) -> OneCall {
    let request = match api::post(remote_id) {
        Some((account, location, post)) => {
            let path = ["v4", "accounts", account, "locations", location, "localPosts", post];
            Ok(Request::new(Method::DELETE, api::address(&settings.posts_url, &path)))
        }
        None => Err(ConnectorError::Rejected(no_post())),
    };
    OneCall { request: Some(request), read: deleted }
}

fn no_post() -> Refusal {
    Refusal::ours("gbp.object.missing", Act::Caller, "This is no name of a post at Google.")
}

fn deleted(answer: &Answer) -> Result<(), ConnectorError> {
    match api::read(answer) {
        Ok(_) => Ok(()),
        Err(ConnectorError::Rejected(refusal)) if refusal.code == "gbp.object.missing" => Ok(()),
        Err(error) => Err(error),
    }
}

/// Asks for one account, which needs token, scope and API.
pub(super) struct HealthFlow {
    request: Option<Request>,
    access_expires_at: Option<Timestamp>,
}

impl HealthFlow {
    pub(super) fn new(settings: &GbpSettings, tokens: &TokenSet) -> Self {
        let mut url = api::address(&settings.accounts_url, &["v1", "accounts"]);
        url.query_pairs_mut().append_pair("pageSize", "1");
        Self { request: Some(Request::new(Method::GET, url)), access_expires_at: tokens.access_expires_at }
    }

    fn health(&self, missing_scopes: Vec<String>) -> Health {
        Health { access_expires_at: self.access_expires_at, data_access_expires_at: None, missing_scopes }
    }
}

impl Flow<Health> for HealthFlow {
    fn advance(&mut self, answer: Option<&Answer>) -> Result<Step<Health>, ConnectorError> {
        if let Some(request) = self.request.take() {
            return Ok(Step::Call(request));
        }
        match api::read(api::expect(answer)?) {
            Ok(body) => {
                api::entries(&body, "accounts")?;
                Ok(Step::Done(self.health(Vec::new())))
            }
            Err(ConnectorError::Unauthorized(refusal)) if refusal.code == "gbp.scope.missing" => {
                Ok(Step::Done(self.health(vec![GBP_SCOPE.to_owned()])))
            }
            Err(error) => Err(error),
        }
    }
}

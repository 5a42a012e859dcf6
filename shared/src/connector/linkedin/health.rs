//! Asks whether a connection still works, by what costs a member no quota: LinkedIn's own word on the token.

use http::Method;
use jiff::Timestamp;
use serde_json::Value;

use super::{api, oauth};
use crate::{
    connector::{
        Act, Answer, Authentication, Body, ConnectorError, Flow, Health, Refusal, Request, Step, TokenSet,
        settings::LinkedinSettings,
    },
    secret::AppCredentials,
};

pub(super) struct HealthFlow {
    request: Option<Request>,
    needed: Vec<String>,
}

impl HealthFlow {
    pub(super) fn new(settings: &LinkedinSettings, app: &AppCredentials, tokens: &TokenSet, needed: &[String]) -> Self {
        let form = [
            ("client_id", app.client_id.as_str()),
            ("client_secret", app.client_secret.expose()),
            ("token", tokens.access.expose()),
        ];
        let form = form.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let request = Request::new(Method::POST, api::oauth(settings, "introspectToken"));
        let request = Request { body: Body::Form(form.into()), authentication: Authentication::Complete, ..request };
        Self { request: Some(request), needed: needed.to_vec() }
    }

    fn read(&self, answer: &Answer) -> Result<Health, ConnectorError> {
        let body = match api::read(answer) {
            // The call is made with the app's secret and no token: a refusal of it is the app's.
            Err(ConnectorError::Unauthorized(refusal) | ConnectorError::Rejected(refusal)) => {
                let message = "LinkedIn does not accept our app: its credentials are wrong.".into();
                let code = "linkedin.app.refused".into();
                return Err(ConnectorError::Operator(Refusal { code, message, act: Act::Operator, ..refusal }));
            }
            body => body?,
        };
        let is_active = body.get("active").and_then(Value::as_bool);
        if !is_active.ok_or(ConnectorError::Unreadable { what: "`active`" })? {
            let (code, text) = match body.get("status").and_then(Value::as_str) {
                Some("expired") => ("linkedin.token.expired", "The connection has ended: connect the account again."),
                Some(_) | None => {
                    ("linkedin.token.revoked", "The connection was taken back at LinkedIn: connect the account again.")
                }
            };
            return Err(ConnectorError::Unauthorized(Refusal::ours(code, Act::EndUser, text)));
        }
        let granted = body.get("scope").and_then(Value::as_str).map(oauth::scopes);
        let is_missing = |scope: &&String| granted.as_ref().is_some_and(|granted| !granted.contains(scope));
        Ok(Health {
            access_expires_at: body
                .get("expires_at")
                .and_then(Value::as_i64)
                .and_then(|at| Timestamp::from_second(at).ok()),
            data_access_expires_at: None,
            missing_scopes: self.needed.iter().filter(is_missing).cloned().collect(),
        })
    }
}

impl Flow<Health> for HealthFlow {
    fn advance(&mut self, answer: Option<&Answer>) -> Result<Step<Health>, ConnectorError> {
        match (self.request.take(), answer) {
            (Some(request), None) => Ok(Step::Call(request)),
            (_, Some(answer)) => self.read(answer).map(Step::Done),
            (None, None) => Err(ConnectorError::Unreadable { what: "no answer after the end" }),
        }
    }
}

//! What is done to a grant or a post afterwards: give the grant back, take a post down.

use http::Method;
use url::Url;

use super::graph;
use crate::connector::{Answer, ConnectorError, Flow, Request, Step, settings::InstagramSettings};

/// Takes back what was granted for Instagram, permission by permission: the same app may hold a grant for Pages, which
/// `DELETE /{person}/permissions` would end as well.
pub(super) struct RevokeFlow {
    left: Vec<Url>,
}

impl RevokeFlow {
    pub(super) fn new(settings: &InstagramSettings, account: &str) -> Self {
        let scopes = settings.scopes().iter().filter(|scope| scope.starts_with("instagram_"));
        let left = scopes.map(|scope| graph::edge(settings, &[account, "permissions", scope])).rev().collect();
        Self { left }
    }
}

impl Flow<()> for RevokeFlow {
    fn advance(&mut self, answer: Option<&Answer>) -> Result<Step<()>, ConnectorError> {
        if let Some(answer) = answer {
            graph::succeeded(&graph::read(answer)?)?;
        }
        Ok(match self.left.pop() {
            Some(url) => Step::Call(Request::new(Method::DELETE, url)),
            None => Step::Done(()),
        })
    }
}

/// Takes a post down: `DELETE /{media}`.
pub(super) struct DeleteFlow {
    request: Option<Request>,
}

impl DeleteFlow {
    pub(super) fn new(settings: &InstagramSettings, remote_id: &str) -> Self {
        Self { request: Some(Request::new(Method::DELETE, graph::edge(settings, &[remote_id]))) }
    }
}

impl Flow<()> for DeleteFlow {
    fn advance(&mut self, answer: Option<&Answer>) -> Result<Step<()>, ConnectorError> {
        match self.request.take() {
            Some(request) => Ok(Step::Call(request)),
            None => deleted(graph::expect(answer)?).map(Step::Done),
        }
    }
}

/// What is gone is down. Meta says the same of what it hides from us, and the account's own token sees all that postd has put
/// there.
fn deleted(answer: &Answer) -> Result<(), ConnectorError> {
    match graph::read(answer) {
        Err(ConnectorError::Ambiguous(refusal)) if refusal.code == "instagram.object.missing" => Ok(()),
        body => graph::succeeded(&body?),
    }
}

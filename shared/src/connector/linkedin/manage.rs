//! Takes posts down.

use http::{Method, StatusCode};

use super::api;
use crate::connector::{Answer, ConnectorError, Flow, Request, Step, settings::LinkedinSettings};

pub(super) struct DeleteFlow(Option<Request>);

impl DeleteFlow {
    pub(super) fn new(settings: &LinkedinSettings, remote_id: &str) -> Self {
        let request = api::id_of(remote_id, &api::POSTS).map(|_| {
            let path = format!("posts/{}", api::encoded(remote_id));
            api::restli(api::call(settings, Method::DELETE, &path, None), "DELETE")
        });
        Self(request)
    }
}

impl Flow<()> for DeleteFlow {
    fn advance(&mut self, answer: Option<&Answer>) -> Result<Step<()>, ConnectorError> {
        match (self.0.take(), answer) {
            (Some(request), None) => Ok(Step::Call(request)),
            (None, None) => Err(ConnectorError::Unreadable { what: "the URN of a post" }),
            // What is gone is gone: LinkedIn answers 204 to a second call, too.
            (_, Some(answer)) => match api::done(answer, &[StatusCode::NO_CONTENT]) {
                Err(ConnectorError::Rejected(refusal)) if refusal.code == "linkedin.object.missing" => {
                    Ok(Step::Done(()))
                }
                outcome => outcome.map(Step::Done),
            },
        }
    }
}

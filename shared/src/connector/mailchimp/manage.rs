//! Takes a campaign away: what is being sent is stopped first, what has a time loses it. Mail that is out stays out.

use http::Method;
use url::Url;

use super::api;
use crate::connector::{Act, Answer, ConnectorError, Flow, Refusal, Request, Step, settings::MailchimpSettings};

pub(super) struct DeleteFlow {
    settings: MailchimpSettings,
    campaign: String,
    stage: Stage,
}

#[derive(Clone, Copy)]
enum Stage {
    Start,
    Looking,
    Stopping,
    Deleting,
    Over,
}

impl DeleteFlow {
    pub(super) fn new(settings: MailchimpSettings, campaign: &str) -> Self {
        Self { settings, campaign: campaign.into(), stage: Stage::Start }
    }

    fn address(&self, rest: &[&str]) -> Url {
        api::address(&self.settings, &[&["campaigns", self.campaign.as_str()], rest].concat())
    }

    fn call(&mut self, stage: Stage, method: Method, rest: &[&str]) -> Step<()> {
        self.stage = stage;
        Step::Call(Request::new(method, self.address(rest)))
    }

    fn looked(&mut self, answer: &Answer) -> Result<Step<()>, ConnectorError> {
        let body = match api::read(answer) {
            Err(error) if is_gone(&error) => return Ok(Step::Done(())),
            body => body?,
        };
        Ok(match body.get("status").and_then(serde_json::Value::as_str) {
            Some("schedule") => self.call(Stage::Stopping, Method::POST, &["actions", "unschedule"]),
            Some("sending") => self.call(Stage::Stopping, Method::POST, &["actions", "cancel-send"]),
            Some(_) => self.call(Stage::Deleting, Method::DELETE, &[]),
            None => return Err(ConnectorError::Unreadable { what: "the status of a campaign" }),
        })
    }

    /// Cancelling needs a plan that has it. Where it is refused, the mail goes out.
    fn stopped(&mut self, answer: &Answer) -> Result<Step<()>, ConnectorError> {
        match api::done(answer) {
            Ok(()) => Ok(self.call(Stage::Deleting, Method::DELETE, &[])),
            Err(ConnectorError::Rejected(refusal)) => {
                let message = "The campaign is being sent, and the account's plan or the kind of campaign does not allow \
                               to stop it: delete it when it is sent.";
                let code = "mailchimp.campaign.cannot_stop".into();
                Err(ConnectorError::Rejected(Refusal { code, message: message.into(), act: Act::EndUser, ..refusal }))
            }
            Err(error) => Err(error),
        }
    }
}

fn is_gone(error: &ConnectorError) -> bool {
    matches!(error, ConnectorError::Rejected(refusal) if refusal.code == "mailchimp.object.missing")
}

/// What is gone is deleted; what is still being sent cannot be, and can be in a while.
fn deleted(answer: &Answer) -> Result<Step<()>, ConnectorError> {
    match api::done(answer) {
        Err(error) if is_gone(&error) => Ok(Step::Done(())),
        Err(ConnectorError::Ambiguous(refusal)) if refusal.code == "mailchimp.campaign.wrong_state" => {
            Err(ConnectorError::Transient(refusal))
        }
        outcome => outcome.map(Step::Done),
    }
}

impl Flow<()> for DeleteFlow {
    fn advance(&mut self, answer: Option<&Answer>) -> Result<Step<()>, ConnectorError> {
        match std::mem::replace(&mut self.stage, Stage::Over) {
            Stage::Start if !api::is_id(&self.campaign) => {
                Err(ConnectorError::Unreadable { what: "the id of a campaign" })
            }
            Stage::Start => {
                self.stage = Stage::Looking;
                let mut url = self.address(&[]);
                url.query_pairs_mut().append_pair("fields", "id,status");
                Ok(Step::Call(Request::new(Method::GET, url)))
            }
            Stage::Looking => self.looked(api::expect(answer)?),
            Stage::Stopping => self.stopped(api::expect(answer)?),
            Stage::Deleting => deleted(api::expect(answer)?),
            Stage::Over => Err(ConnectorError::Unreadable { what: "no answer after the end" }),
        }
    }
}

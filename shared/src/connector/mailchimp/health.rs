//! Asks whether a connection still works, and whether the person's role still may send.

use super::{api, oauth, sign};
use crate::connector::{
    Act, Answer, ConnectorError, Flow, Health, Refusal, Step, TokenSet, settings::MailchimpSettings,
};

pub(super) struct HealthFlow {
    settings: MailchimpSettings,
    tokens: TokenSet,
    needs_send: bool,
    stage: Stage,
}

enum Stage {
    Start,
    Asking,
    /// The API refused the token: the login says whether it is dead, or the account has moved.
    Locating(Refusal),
    Over,
}

impl HealthFlow {
    pub(super) fn new(settings: MailchimpSettings, tokens: TokenSet, needed: &[String]) -> Self {
        let needs_send = needed.iter().any(|scope| scope == oauth::SEND);
        Self { settings, tokens, needs_send, stage: Stage::Start }
    }

    fn asked(&mut self, answer: &Answer) -> Result<Step<Health>, ConnectorError> {
        match api::read(answer) {
            Ok(body) => {
                api::id(body.get("account_id")).ok_or(ConnectorError::Unreadable { what: "an `account_id`" })?;
                let lost = self.needs_send && !oauth::may_send(&self.settings, &body);
                let missing_scopes = if lost { vec![oauth::SEND.to_owned()] } else { Vec::new() };
                Ok(Step::Done(Health { access_expires_at: None, data_access_expires_at: None, missing_scopes }))
            }
            Err(ConnectorError::Unauthorized(refusal)) if refusal.code == "mailchimp.token.invalid" => {
                self.stage = Stage::Locating(refusal);
                Ok(Step::Call(oauth::metadata(&self.settings, &self.tokens.access)))
            }
            Err(error) => Err(error),
        }
    }

    /// A token that the login knows is not dead: the account lives elsewhere now, or the API is wrong for a moment.
    fn located(&self, refusal: Refusal, answer: &Answer) -> ConnectorError {
        let body = match api::read(answer) {
            Ok(body) => body,
            Err(ConnectorError::Unauthorized(_) | ConnectorError::Rejected(_)) => {
                return ConnectorError::Unauthorized(refusal);
            }
            Err(error) => return error,
        };
        let Some(found) = oauth::data_centre(&body) else { return ConnectorError::Unauthorized(refusal) };
        let (_, known) = sign::split(&self.tokens.access);
        if known == Some(found.as_str()) {
            return ConnectorError::Transient(refusal);
        }
        let message = "The Mailchimp account has moved to another data centre: connect it again.";
        ConnectorError::Unauthorized(Refusal {
            code: "mailchimp.account.moved".into(),
            message: message.into(),
            act: Act::EndUser,
            ..refusal
        })
    }
}

impl Flow<Health> for HealthFlow {
    fn advance(&mut self, answer: Option<&Answer>) -> Result<Step<Health>, ConnectorError> {
        match std::mem::replace(&mut self.stage, Stage::Over) {
            Stage::Start => {
                self.stage = Stage::Asking;
                Ok(Step::Call(sign::signed(&self.settings, oauth::about(&self.settings), &self.tokens.access)))
            }
            Stage::Asking => self.asked(api::expect(answer)?),
            Stage::Locating(refusal) => Err(self.located(refusal, api::expect(answer)?)),
            Stage::Over => Err(ConnectorError::Unreadable { what: "no answer after the end" }),
        }
    }
}

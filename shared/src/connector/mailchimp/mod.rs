//! Mailchimp through its Marketing API: a post is an e-mail campaign to an audience.
//!
//! A campaign that has been sent cannot be called back, so its one `Publish` is the call that sends it. All before that can
//! be repeated: the campaign is created under a title with our marker in it, found again by that, filled, checked. The id
//! of the campaign is remembered before it is sent, and its status says exactly whether it was: there is never a second
//! campaign for one target.
//!
//! An account lives in one data centre, and its calls go to a host of that. The data centre is sealed together with the
//! token, as Mailchimp itself writes it into API keys (`…-us6`), and [`sign`](Connector::sign) puts both into a call.

use jiff::SignedDuration;
use url::Url;

use super::{
    Analytics, Answer, AuthorizeRequest, Checkpoint, CodeGrant, Connector, ConnectorError, Destination, Finding,
    Fingerprint, Flow, Grant, Health, Next, Prepared, ReadBack, Request, TokenOf, TokenSet, WebhookDelivery,
    WebhookEvent, settings::MailchimpSettings,
};
use crate::{
    content::Content,
    options::Options,
    platform::Platform,
    secret::{AccessToken, AppCredentials},
};

mod accounts;
mod analytics;
mod api;
mod campaign;
mod classify;
mod form;
mod health;
mod manage;
mod oauth;
mod preflight;
mod publish;
mod read_back;
mod sign;
mod webhook;

/// Mailchimp.
#[derive(Debug, Clone)]
pub struct Mailchimp {
    settings: MailchimpSettings,
}

impl Mailchimp {
    /// A connector with these settings.
    #[must_use]
    pub fn new(settings: MailchimpSettings) -> Self {
        Self { settings }
    }
}

impl Connector for Mailchimp {
    fn platform(&self) -> Platform {
        Platform::Mailchimp
    }

    fn authorize_url(&self, app: &AppCredentials, request: &AuthorizeRequest<'_>) -> Url {
        oauth::authorize_url(&self.settings, app, request)
    }

    fn authenticate(&self, app: &AppCredentials, grant: CodeGrant) -> Box<dyn Flow<Grant>> {
        Box::new(oauth::AuthenticateFlow::new(self.settings.clone(), app.clone(), grant))
    }

    fn token_of(&self) -> TokenOf {
        TokenOf::Grant
    }

    fn refresh_token(
        &self,
        _app: &AppCredentials,
        _tokens: TokenSet,
    ) -> Result<Box<dyn Flow<TokenSet>>, ConnectorError> {
        Err(ConnectorError::Unsupported {
            platform: "mailchimp",
            what: "renew a token",
            reason: "its tokens do not end by themselves, and one that was taken back takes a new login",
        })
    }

    fn revoke(&self, _account: &str) -> Result<Box<dyn Flow<()>>, ConnectorError> {
        Err(ConnectorError::Unsupported {
            platform: "mailchimp",
            what: "take a grant back",
            reason: "there is no call for it: remove the app at Mailchimp, under Profile, Extras, Registered apps",
        })
    }

    fn fetch_accounts(&self) -> Box<dyn Flow<Vec<Destination>>> {
        Box::new(accounts::AccountsFlow(accounts::Listing::new(self.settings.clone(), true)))
    }

    fn preflight(&self, content: &Content, options: Option<&Options>) -> Vec<Finding> {
        preflight::preflight(&self.settings, content, options)
    }

    fn publish(
        &self,
        post: &Prepared,
        checkpoint: &Checkpoint,
        answer: Option<&Answer>,
    ) -> Result<Next, ConnectorError> {
        publish::step(&self.settings, post, checkpoint, answer)
    }

    fn settle_time(&self) -> SignedDuration {
        self.settings.settle_time
    }

    fn read_back(&self, _app: &AppCredentials, fingerprint: Fingerprint) -> Box<dyn Flow<ReadBack>> {
        Box::new(read_back::ReadBackFlow::new(self.settings.clone(), fingerprint))
    }

    fn delete_post(&self, remote_id: &str) -> Result<Box<dyn Flow<()>>, ConnectorError> {
        Ok(Box::new(manage::DeleteFlow::new(self.settings.clone(), remote_id)))
    }

    fn post_analytics(&self, remote_id: &str) -> Result<Box<dyn Flow<Analytics>>, ConnectorError> {
        Ok(Box::new(analytics::AnalyticsFlow::new(&self.settings, remote_id)))
    }

    fn health_check(&self, _app: &AppCredentials, tokens: &TokenSet, needed: &[String]) -> Box<dyn Flow<Health>> {
        Box::new(health::HealthFlow::new(self.settings.clone(), tokens.clone(), needed))
    }

    fn sign(&self, request: &mut Request, token: &AccessToken, _app: &AppCredentials) {
        sign::sign(&self.settings, request, token);
    }

    /// Mailchimp sends no figures of use; a `Retry-After`, if one ever comes, is read elsewhere.
    fn usage_wait(&self, _answer: &Answer) -> Option<SignedDuration> {
        None
    }

    fn webhook_handshake(&self, app: &AppCredentials, query: &[(String, String)]) -> Option<String> {
        webhook::handshake(app, query)
    }

    fn validate_webhook_signature(&self, app: &AppCredentials, delivery: WebhookDelivery<'_>) -> bool {
        webhook::is_signed(app, delivery)
    }

    fn is_webhook_hint(&self, app: &AppCredentials, delivery: WebhookDelivery<'_>) -> bool {
        webhook::is_hint(app, delivery)
    }

    fn parse_webhook_event(&self, body: &[u8]) -> Result<Vec<WebhookEvent>, ConnectorError> {
        webhook::parse(body)
    }
}

#[cfg(test)]
mod recorded;
#[cfg(test)]
mod simulated;
#[cfg(test)]
mod tests;

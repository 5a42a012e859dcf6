//! TikTok through the Content Posting, Display and Login APIs (v2).
//!
//! A post is begun by an `init`, which gives its publish id, and ends when the status of that id says so. Where postd uploads the
//! file, nothing can appear before its last byte: that last piece is the publish, and what came of it is asked by the id.
//! Where TikTok fetches the files, `init` itself is the publish: if its answer is lost, so is the id.

use jiff::SignedDuration;
use url::Url;

use super::{
    Analytics, Answer, AuthorizeRequest, Checkpoint, CodeGrant, Connector, ConnectorError, Destination, Finding,
    Fingerprint, Flow, Grant, Health, Next, Pkce, Prepared, ReadBack, Request, TokenOf, TokenSet, WebhookDelivery,
    WebhookEvent, settings::TiktokSettings,
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
mod chunks;
mod classify;
mod listing;
mod oauth;
mod preflight;
mod publish;
mod read_back;
mod requests;
mod sign;
mod status;
mod webhook;

/// TikTok.
#[derive(Debug, Clone)]
pub struct Tiktok {
    settings: TiktokSettings,
}

impl Tiktok {
    /// A connector with these settings.
    #[must_use]
    pub fn new(settings: TiktokSettings) -> Self {
        Self { settings }
    }

    /// What it was made with.
    #[must_use]
    pub fn settings(&self) -> &TiktokSettings {
        &self.settings
    }
}

impl Connector for Tiktok {
    fn platform(&self) -> Platform {
        Platform::Tiktok
    }

    fn pkce(&self) -> Option<Pkce> {
        self.settings.pkce.then_some(Pkce::S256Hex)
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

    fn refresh_token(&self, app: &AppCredentials, tokens: TokenSet) -> Result<Box<dyn Flow<TokenSet>>, ConnectorError> {
        oauth::refresh(&self.settings, app, &tokens)
    }

    fn revoke(&self, _account: &str) -> Result<Box<dyn Flow<()>>, ConnectorError> {
        Ok(Box::new(oauth::RevokeFlow::new(&self.settings)))
    }

    fn fetch_accounts(&self) -> Box<dyn Flow<Vec<Destination>>> {
        Box::new(accounts::AccountsFlow::new(&self.settings))
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
        read_back::flow(self.settings.clone(), fingerprint)
    }

    fn delete_post(&self, _remote_id: &str) -> Result<Box<dyn Flow<()>>, ConnectorError> {
        Err(ConnectorError::Unsupported {
            platform: "tiktok",
            what: "take a post down",
            reason: "TikTok's APIs have no call for it: its owner deletes it in the app",
        })
    }

    fn post_analytics(&self, remote_id: &str) -> Result<Box<dyn Flow<Analytics>>, ConnectorError> {
        Ok(Box::new(analytics::AnalyticsFlow::new(self.settings.clone(), remote_id)))
    }

    fn health_check(&self, _app: &AppCredentials, tokens: &TokenSet, needed: &[String]) -> Box<dyn Flow<Health>> {
        Box::new(accounts::HealthFlow::new(&self.settings, tokens, needed))
    }

    fn sign(&self, request: &mut Request, token: &AccessToken, app: &AppCredentials) {
        sign::sign(request, token, app);
    }

    fn usage_wait(&self, answer: &Answer) -> Option<SignedDuration> {
        classify::usage_wait(answer)
    }

    fn webhook_handshake(&self, _app: &AppCredentials, _query: &[(String, String)]) -> Option<String> {
        // TikTok documents none.
        None
    }

    fn validate_webhook_signature(&self, app: &AppCredentials, delivery: WebhookDelivery<'_>) -> bool {
        webhook::is_signed(&self.settings, app, delivery)
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
mod testing;

//! Google Business Profile: local posts of a business's locations.
//!
//! A post is one call, and its answer may say that Google is still looking at it: then it is asked about until it is live
//! or rejected. Posts live in v4 of the API under account *and* location, everything else in APIs of their own without the
//! account: so a destination is `accounts/{account}/locations/{location}`, and a post is known by its whole name.

use jiff::SignedDuration;
use url::Url;

use super::{
    Analytics, Answer, AuthorizeRequest, Checkpoint, CodeGrant, Connector, ConnectorError, Destination, Finding,
    Fingerprint, Flow, Grant, Health, Next, Pkce, Prepared, ReadBack, Request, TokenOf, TokenSet, WebhookDelivery,
    WebhookEvent, oauth2, settings::GbpSettings,
};
use crate::{
    content::Content,
    options::Options,
    platform::Platform,
    secret::{AccessToken, AppCredentials},
};

mod accounts;
mod api;
mod classify;
mod identity;
mod manage;
mod oauth;
mod post;
mod preflight;
mod publish;
mod push;
mod read_back;
mod sign;

/// What Google calls itself in its answer to a login and in its identity tokens.
const ISSUER: &str = "https://accounts.google.com";

/// Google Business Profile.
#[derive(Debug, Clone)]
pub struct Gbp {
    settings: GbpSettings,
}

impl Gbp {
    /// A connector with these settings.
    #[must_use]
    pub fn new(settings: GbpSettings) -> Self {
        Self { settings }
    }

    /// What it was made with.
    #[must_use]
    pub fn settings(&self) -> &GbpSettings {
        &self.settings
    }
}

impl Connector for Gbp {
    fn platform(&self) -> Platform {
        Platform::Gbp
    }

    fn issuer(&self) -> Option<&str> {
        Some(ISSUER)
    }

    fn pkce(&self) -> Option<Pkce> {
        Some(Pkce::S256)
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
        let client = [("client_id", app.client_id.as_str()), ("client_secret", app.client_secret.expose())];
        oauth2::refresh("gbp", api::address(&self.settings.token_url, &["token"]), &client, &tokens)
    }

    fn revoke(&self, _account: &str) -> Result<Box<dyn Flow<()>>, ConnectorError> {
        Ok(Box::new(manage::revoke(&self.settings)))
    }

    fn fetch_accounts(&self) -> Box<dyn Flow<Vec<Destination>>> {
        Box::new(accounts::AccountsFlow(accounts::Listing::new(self.settings.clone())))
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
        Ok(Box::new(manage::delete_post(&self.settings, remote_id)))
    }

    fn post_analytics(&self, _remote_id: &str) -> Result<Box<dyn Flow<Analytics>>, ConnectorError> {
        Err(ConnectorError::Unsupported {
            platform: "gbp",
            what: "tell the figures of a post",
            reason: "Google has figures of whole locations only since February 2023; mark the link to count its clicks",
        })
    }

    fn health_check(&self, _app: &AppCredentials, tokens: &TokenSet, _needed: &[String]) -> Box<dyn Flow<Health>> {
        Box::new(manage::HealthFlow::new(&self.settings, tokens))
    }

    fn sign(&self, request: &mut Request, token: &AccessToken, _app: &AppCredentials) {
        sign::sign(request, token);
    }

    // Google sends no figures of use; what a refusal asks for is in the refusal.
    fn usage_wait(&self, _answer: &Answer) -> Option<SignedDuration> {
        None
    }

    // Pub/Sub has none: a subscription is made where its owner may make it.
    fn webhook_handshake(&self, _app: &AppCredentials, _query: &[(String, String)]) -> Option<String> {
        None
    }

    // The keys are Google's, and they change: see `is_signed_with`.
    fn validate_webhook_signature(&self, _app: &AppCredentials, _delivery: WebhookDelivery<'_>) -> bool {
        false
    }

    fn webhook_keys(&self) -> Option<Request> {
        Some(push::keys(&self.settings))
    }

    fn is_signed_with(&self, keys: &Answer, app: &AppCredentials, delivery: WebhookDelivery<'_>) -> bool {
        push::is_signed(&self.settings, keys, app, delivery)
    }

    fn parse_webhook_event(&self, body: &[u8]) -> Result<Vec<WebhookEvent>, ConnectorError> {
        push::parse(body)
    }
}

#[cfg(test)]
mod pushed;
#[cfg(test)]
mod recorded;
#[cfg(test)]
mod samples;
#[cfg(test)]
mod simulated;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;

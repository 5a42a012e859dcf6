//! Facebook Pages through the Graph API.
//!
//! One text, link or photo post is one call, so a publish has one step and nothing to stage; several photos are staged first,
//! and videos have steps of their own. Graph API calls have no idempotency key: what a lost answer hides is found
//! again by [`read_back`](Connector::read_back).

use jiff::{SignedDuration, civil::Date};
use url::Url;

use super::{
    Analytics, Answer, AuthorizeRequest, Checkpoint, CodeGrant, Connector, ConnectorError, Destination, Finding,
    Fingerprint, Flow, Grant, Health, Next, Prepared, ReadBack, Request, SignedRequest, SignedRequestError, TokenSet,
    WebhookDelivery, WebhookEvent,
    meta::{
        debug_token::{Asked, HealthFlow},
        insights::AnalyticsFlow,
        listing::AccountsFlow,
        login::AuthenticateFlow,
        sign, signed_request, usage,
    },
    settings::FacebookSettings,
};
use crate::{
    content::Content,
    options::Options,
    platform::Platform,
    secret::{AccessToken, AppCredentials},
};

mod accounts;
mod classify;
mod files;
mod graph;
mod manage;
mod oauth;
mod publish;
mod read_back;
mod video;
mod webhook;

/// Facebook Pages.
#[derive(Debug, Clone)]
pub struct Facebook {
    settings: FacebookSettings,
}

impl Facebook {
    /// A connector with these settings.
    #[must_use]
    pub fn new(settings: FacebookSettings) -> Self {
        Self { settings }
    }

    /// What it was made with.
    #[must_use]
    pub fn settings(&self) -> &FacebookSettings {
        &self.settings
    }
}

impl Connector for Facebook {
    fn platform(&self) -> Platform {
        Platform::Facebook
    }

    fn version_ends(&self) -> Option<(&str, Date)> {
        Some((&self.settings.version, self.settings.version_ends?))
    }

    fn authorize_url(&self, app: &AppCredentials, request: &AuthorizeRequest<'_>) -> Url {
        oauth::authorize_url(&self.settings, app, request)
    }

    fn authenticate(&self, app: &AppCredentials, grant: CodeGrant) -> Box<dyn Flow<Grant>> {
        Box::new(AuthenticateFlow::new(oauth::login(&self.settings), app.clone(), grant))
    }

    fn refresh_token(
        &self,
        _app: &AppCredentials,
        _tokens: TokenSet,
    ) -> Result<Box<dyn Flow<TokenSet>>, ConnectorError> {
        Err(ConnectorError::Unsupported {
            platform: "facebook",
            what: "renew a token",
            reason: "Page tokens have no end date, and the documented renewal of a login is a new login",
        })
    }

    fn revoke(&self, account: &str) -> Result<Box<dyn Flow<()>>, ConnectorError> {
        Ok(Box::new(manage::revoke(&self.settings, account)))
    }

    fn fetch_accounts(&self) -> Box<dyn Flow<Vec<Destination>>> {
        Box::new(AccountsFlow(accounts::Listing::new(self.settings.clone())))
    }

    fn preflight(&self, content: &Content, options: Option<&Options>) -> Vec<Finding> {
        publish::preflight(&self.settings, content, options)
    }

    fn publish(
        &self,
        post: &Prepared,
        checkpoint: &Checkpoint,
        answer: Option<&Answer>,
    ) -> Result<Next, ConnectorError> {
        publish::step(&self.settings, post, checkpoint, answer)
    }

    /// Photos that were staged are posted once only, and a session becomes one video.
    fn goes_on_after_absence(&self) -> bool {
        true
    }

    fn settle_time(&self) -> SignedDuration {
        self.settings.settle_time
    }

    fn read_back(&self, app: &AppCredentials, fingerprint: Fingerprint) -> Box<dyn Flow<ReadBack>> {
        read_back::flow(&self.settings, &app.client_id, fingerprint)
    }

    fn delete_post(&self, remote_id: &str) -> Result<Box<dyn Flow<()>>, ConnectorError> {
        Ok(Box::new(manage::delete_post(&self.settings, remote_id)))
    }

    fn post_analytics(&self, remote_id: &str) -> Result<Box<dyn Flow<Analytics>>, ConnectorError> {
        // The id of a post names its Page; that of a video does not.
        if !remote_id.contains('_') {
            return Ok(Box::new(video::FiguresFlow::new(self.settings.clone(), remote_id)));
        }
        let edge = graph::edge(&self.settings, &[remote_id, "insights"]);
        Ok(Box::new(AnalyticsFlow::new(edge, self.settings.metrics.clone(), &classify::ERRORS)))
    }

    fn health_check(&self, app: &AppCredentials, tokens: &TokenSet, needed: &[String]) -> Box<dyn Flow<Health>> {
        Box::new(HealthFlow::new(asked(&self.settings), app, &tokens.access, needed))
    }

    fn sign(&self, request: &mut Request, token: &AccessToken, app: &AppCredentials) {
        if video::is_upload(&request.url) {
            sign::upload(request, token);
        } else {
            sign::sign(request, token, app);
        }
    }

    fn usage_wait(&self, answer: &Answer) -> Option<SignedDuration> {
        usage::wait(&answer.headers)
    }

    fn webhook_handshake(&self, app: &AppCredentials, query: &[(String, String)]) -> Option<String> {
        webhook::handshake(app, query)
    }

    fn validate_webhook_signature(&self, app: &AppCredentials, delivery: WebhookDelivery<'_>) -> bool {
        webhook::is_signed(app, delivery)
    }

    fn signed_request(&self, app: &AppCredentials, body: &[u8]) -> Result<SignedRequest, SignedRequestError> {
        signed_request::read(app, body)
    }

    fn parse_webhook_event(&self, body: &[u8]) -> Result<Vec<WebhookEvent>, ConnectorError> {
        webhook::parse(body)
    }
}

fn asked(settings: &FacebookSettings) -> Asked {
    let edge = graph::edge(settings, &["debug_token"]);
    Asked { edge, errors: &classify::ERRORS, ticked_for: "pages_manage_posts" }
}

#[cfg(test)]
mod figures;
#[cfg(test)]
mod introspected;
#[cfg(test)]
mod recorded;
#[cfg(test)]
mod simulated;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;

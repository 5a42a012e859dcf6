//! LinkedIn through its Posts API: the posts of a member, and the posts of Pages (organizations).
//!
//! Both are one API and two apps, because LinkedIn gives the product that Pages need only to an app that holds no other:
//! so they are two platforms here with one connector. `POST /rest/posts` is the one call that cannot be repeated; LinkedIn
//! knows no idempotency key. What a Page has published is listed; what a member has published nobody may list, so that a
//! lost answer there is for its owner to settle.

use jiff::{SignedDuration, civil::Date};
use url::Url;

use super::{
    Analytics, Answer, AuthorizeRequest, Checkpoint, CodeGrant, Connector, ConnectorError, Destination, Finding,
    Fingerprint, Flow, Grant, Health, Next, Prepared, ReadBack, Request, TokenOf, TokenSet, WebhookDelivery,
    WebhookEvent, settings::LinkedinSettings,
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
mod classify;
mod files;
mod health;
mod manage;
mod memory;
mod oauth;
mod post;
mod preflight;
mod publish;
mod read_back;
mod text;
mod webhook;

/// On whose behalf an app of ours publishes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::connector) enum Profile {
    /// A member, for themselves.
    Member,
    /// The Pages that a member manages.
    Page,
}

impl Profile {
    const fn name(self) -> &'static str {
        match self {
            Self::Member => "linkedin",
            Self::Page => "linkedin_page",
        }
    }
}

/// LinkedIn, for members or for Pages.
#[derive(Debug, Clone)]
pub struct Linkedin {
    settings: LinkedinSettings,
    profile: Profile,
}

impl Linkedin {
    /// For the posts of members.
    #[must_use]
    pub fn member(settings: LinkedinSettings) -> Self {
        Self { settings, profile: Profile::Member }
    }

    /// For the posts of Pages.
    #[must_use]
    pub fn page(settings: LinkedinSettings) -> Self {
        Self { settings, profile: Profile::Page }
    }

    fn scopes(&self) -> &[String] {
        match self.profile {
            Profile::Member => &self.settings.member_scopes,
            Profile::Page => &self.settings.page_scopes,
        }
    }
}

impl Connector for Linkedin {
    fn platform(&self) -> Platform {
        match self.profile {
            Profile::Member => Platform::Linkedin,
            Profile::Page => Platform::LinkedinPage,
        }
    }

    fn version_ends(&self) -> Option<(&str, Date)> {
        Some((&self.settings.version, self.settings.version_ends?))
    }

    fn authorize_url(&self, app: &AppCredentials, request: &AuthorizeRequest<'_>) -> Url {
        oauth::authorize_url(&self.settings, self.scopes(), app, request)
    }

    fn authenticate(&self, app: &AppCredentials, grant: CodeGrant) -> Box<dyn Flow<Grant>> {
        Box::new(oauth::AuthenticateFlow::new(self, app, grant))
    }

    fn token_of(&self) -> TokenOf {
        TokenOf::Grant
    }

    fn refresh_token(&self, app: &AppCredentials, tokens: TokenSet) -> Result<Box<dyn Flow<TokenSet>>, ConnectorError> {
        oauth::refresh(&self.settings, self.profile, app, &tokens)
    }

    fn revoke(&self, _account: &str) -> Result<Box<dyn Flow<()>>, ConnectorError> {
        Err(ConnectorError::Unsupported {
            platform: self.profile.name(),
            what: "take a grant back",
            reason: "LinkedIn documents no call for it: remove the app under Settings, Data privacy, Permitted services",
        })
    }

    fn fetch_accounts(&self) -> Box<dyn Flow<Vec<Destination>>> {
        Box::new(accounts::AccountsFlow(accounts::Listing::new(&self.settings, self.profile)))
    }

    fn preflight(&self, content: &Content, options: Option<&Options>) -> Vec<Finding> {
        preflight::preflight(&self.settings, self.profile, content, options)
    }

    fn publish(
        &self,
        post: &Prepared,
        checkpoint: &Checkpoint,
        answer: Option<&Answer>,
    ) -> Result<Next, ConnectorError> {
        publish::step(&self.settings, self.profile, post, checkpoint, answer)
    }

    fn settle_time(&self) -> SignedDuration {
        self.settings.settle_time
    }

    fn read_back(&self, _app: &AppCredentials, fingerprint: Fingerprint) -> Box<dyn Flow<ReadBack>> {
        Box::new(read_back::ReadBackFlow::new(self.settings.clone(), self.profile, fingerprint))
    }

    fn delete_post(&self, remote_id: &str) -> Result<Box<dyn Flow<()>>, ConnectorError> {
        Ok(Box::new(manage::DeleteFlow::new(&self.settings, remote_id)))
    }

    fn post_analytics(&self, remote_id: &str) -> Result<Box<dyn Flow<Analytics>>, ConnectorError> {
        analytics::flow(&self.settings, self.profile, remote_id)
    }

    fn health_check(&self, app: &AppCredentials, tokens: &TokenSet, needed: &[String]) -> Box<dyn Flow<Health>> {
        Box::new(health::HealthFlow::new(&self.settings, app, tokens, needed))
    }

    fn sign(&self, request: &mut Request, token: &AccessToken, _app: &AppCredentials) {
        api::sign(&self.settings, request, token);
    }

    /// LinkedIn sends no figures; what a refusal says of a day's quota is in the refusal.
    fn usage_wait(&self, _answer: &Answer) -> Option<SignedDuration> {
        None
    }

    fn webhook_handshake(&self, app: &AppCredentials, query: &[(String, String)]) -> Option<String> {
        webhook::handshake(self.profile, app, query)
    }

    fn validate_webhook_signature(&self, app: &AppCredentials, delivery: WebhookDelivery<'_>) -> bool {
        webhook::is_signed(self.profile, app, delivery)
    }

    fn parse_webhook_event(&self, body: &[u8]) -> Result<Vec<WebhookEvent>, ConnectorError> {
        webhook::parse(body)
    }
}

#[cfg(test)]
mod interrupted;
#[cfg(test)]
mod limits;
#[cfg(test)]
mod recorded;
#[cfg(test)]
mod samples;
#[cfg(test)]
mod simulated;
#[cfg(test)]
mod tests;

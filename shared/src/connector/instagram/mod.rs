//! Instagram professional accounts through the Graph API, by either of Meta's two logins.
//!
//! A post is made in two phases: a container is created from public addresses and worked on by Instagram until its
//! `status_code` says that it is finished; then it is published by its id. The id of the container is stored before that, and
//! the container tells afterwards whether it was published: what a lost answer hides is decided exactly.

use jiff::{SignedDuration, civil::Date};
use url::Url;

use super::{
    Analytics, Answer, AuthorizeRequest, Checkpoint, CodeGrant, Connector, ConnectorError, Destination, Finding,
    Fingerprint, Flow, Grant, Health, Next, Prepared, ReadBack, Request, SignedRequest, SignedRequestError, TokenOf,
    TokenSet, WebhookDelivery, WebhookEvent,
    meta::{
        debug_token::{Asked, HealthFlow},
        listing::AccountsFlow,
        login::AuthenticateFlow,
        sign, signed_request, usage,
    },
    settings::{InstagramSettings, instagram::InstagramLogin},
};
use crate::{
    content::Content,
    options::Options,
    platform::Platform,
    secret::{AccessToken, AppCredentials},
};

mod accounts;
mod analytics;
mod caption;
mod classify;
mod files;
mod graph;
mod manage;
mod oauth;
mod plan;
mod preflight;
mod publish;
mod read_back;
mod requests;
mod webhook;

/// Instagram.
#[derive(Debug, Clone)]
pub struct Instagram {
    settings: InstagramSettings,
}

impl Instagram {
    /// A connector with these settings.
    #[must_use]
    pub fn new(settings: InstagramSettings) -> Self {
        Self { settings }
    }

    /// What it was made with.
    #[must_use]
    pub fn settings(&self) -> &InstagramSettings {
        &self.settings
    }
}

impl Connector for Instagram {
    fn platform(&self) -> Platform {
        Platform::Instagram
    }

    fn version_ends(&self) -> Option<(&str, Date)> {
        Some((&self.settings.version, self.settings.version_ends?))
    }

    fn authorize_url(&self, app: &AppCredentials, request: &AuthorizeRequest<'_>) -> Url {
        oauth::authorize_url(&self.settings, app, request)
    }

    fn authenticate(&self, app: &AppCredentials, grant: CodeGrant) -> Box<dyn Flow<Grant>> {
        match self.settings.login {
            InstagramLogin::Facebook => {
                Box::new(AuthenticateFlow::new(oauth::through_facebook(&self.settings), app.clone(), grant))
            }
            InstagramLogin::Instagram => {
                Box::new(oauth::through_instagram::AuthenticateFlow::new(self.settings.clone(), app.clone(), grant))
            }
        }
    }

    /// Through Facebook an account is reached with the token of its Page, which does not end.
    fn token_of(&self) -> TokenOf {
        match self.settings.login {
            InstagramLogin::Facebook => TokenOf::Destination,
            InstagramLogin::Instagram => TokenOf::Grant,
        }
    }

    fn refresh_token(
        &self,
        _app: &AppCredentials,
        tokens: TokenSet,
    ) -> Result<Box<dyn Flow<TokenSet>>, ConnectorError> {
        match self.settings.login {
            InstagramLogin::Facebook => Err(ConnectorError::Unsupported {
                platform: "instagram",
                what: "renew a token of Facebook Login",
                reason: "Page tokens have no end date, and the documented renewal of a login is a new login",
            }),
            InstagramLogin::Instagram => {
                Ok(Box::new(oauth::through_instagram::RefreshFlow::new(&self.settings, &tokens.access)))
            }
        }
    }

    fn revoke(&self, account: &str) -> Result<Box<dyn Flow<()>>, ConnectorError> {
        match self.settings.login {
            InstagramLogin::Facebook => Ok(Box::new(manage::RevokeFlow::new(&self.settings, account))),
            InstagramLogin::Instagram => Err(ConnectorError::Unsupported {
                platform: "instagram",
                what: "give a grant of Instagram Login back",
                reason: "Instagram has no call for it; the person removes the app in the settings of the account",
            }),
        }
    }

    fn fetch_accounts(&self) -> Box<dyn Flow<Vec<Destination>>> {
        Box::new(AccountsFlow(accounts::Listing::new(self.settings.clone())))
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

    /// A container becomes one post and no more.
    fn goes_on_after_absence(&self) -> bool {
        true
    }

    fn settle_time(&self) -> SignedDuration {
        self.settings.settle_time
    }

    fn read_back(&self, _app: &AppCredentials, fingerprint: Fingerprint) -> Box<dyn Flow<ReadBack>> {
        Box::new(read_back::ReadBackFlow::new(self.settings.clone(), fingerprint))
    }

    fn delete_post(&self, remote_id: &str) -> Result<Box<dyn Flow<()>>, ConnectorError> {
        match self.settings.login {
            InstagramLogin::Facebook => Ok(Box::new(manage::DeleteFlow::new(&self.settings, remote_id))),
            InstagramLogin::Instagram => Err(ConnectorError::Unsupported {
                platform: "instagram",
                what: "delete a post through Instagram Login",
                reason: "Meta offers it to accounts that are connected through Facebook only; delete it in the app",
            }),
        }
    }

    fn post_analytics(&self, remote_id: &str) -> Result<Box<dyn Flow<Analytics>>, ConnectorError> {
        Ok(Box::new(analytics::FiguresFlow::new(self.settings.clone(), remote_id.into())))
    }

    fn health_check(&self, app: &AppCredentials, tokens: &TokenSet, needed: &[String]) -> Box<dyn Flow<Health>> {
        match self.settings.login {
            InstagramLogin::Facebook => Box::new(HealthFlow::new(asked(&self.settings), app, &tokens.access, needed)),
            InstagramLogin::Instagram => Box::new(accounts::AliveFlow::new(&self.settings, tokens)),
        }
    }

    /// `appsecret_proof` is documented for Facebook's Graph API only.
    fn sign(&self, request: &mut Request, token: &AccessToken, app: &AppCredentials) {
        match self.settings.login {
            InstagramLogin::Facebook => sign::sign(request, token, app),
            InstagramLogin::Instagram => sign::bearer(request, token.expose()),
        }
    }

    fn usage_wait(&self, answer: &Answer) -> Option<SignedDuration> {
        usage::wait(&answer.headers)
    }

    fn webhook_handshake(&self, app: &AppCredentials, query: &[(String, String)]) -> Option<String> {
        super::meta::webhook::handshake(app, query)
    }

    /// Which of the two apps signs events of Instagram Login is not documented: the other app's secret has its place as the
    /// previous one.
    fn validate_webhook_signature(&self, app: &AppCredentials, delivery: WebhookDelivery<'_>) -> bool {
        super::meta::webhook::is_signed(app, delivery)
    }

    fn signed_request(&self, app: &AppCredentials, body: &[u8]) -> Result<SignedRequest, SignedRequestError> {
        signed_request::read(app, body)
    }

    fn parse_webhook_event(&self, body: &[u8]) -> Result<Vec<WebhookEvent>, ConnectorError> {
        webhook::parse(body)
    }
}

fn asked(settings: &InstagramSettings) -> Asked {
    let edge = graph::edge(settings, &["debug_token"]);
    Asked { edge, errors: &classify::ERRORS, ticked_for: "instagram_content_publish" }
}

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

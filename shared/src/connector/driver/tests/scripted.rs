//! A connector whose publish is a function of the test's choice; the rest is Facebook's.

use jiff::SignedDuration;
use url::Url;

use crate::{
    connector::{
        Analytics, Answer, AuthorizeRequest, Checkpoint, CodeGrant, Connector, ConnectorError, Destination, Finding,
        Fingerprint, Flow, Grant, Health, Next, Prepared, ReadBack, Request, TokenSet, WebhookDelivery, WebhookEvent,
        facebook::Facebook, settings::FacebookSettings,
    },
    content::Content,
    options::Options,
    platform::Platform,
    secret::{AccessToken, AppCredentials},
};

type Script = fn(&Checkpoint, Option<&Answer>) -> Result<Next, ConnectorError>;

pub(super) struct Scripted {
    script: Script,
    rest: Facebook,
}

impl Scripted {
    pub(super) fn new(script: Script) -> Self {
        Self { script, rest: Facebook::new(FacebookSettings::default()) }
    }
}

impl Connector for Scripted {
    fn publish(
        &self,
        _post: &Prepared,
        checkpoint: &Checkpoint,
        answer: Option<&Answer>,
    ) -> Result<Next, ConnectorError> {
        (self.script)(checkpoint, answer)
    }

    fn platform(&self) -> Platform {
        self.rest.platform()
    }

    fn authorize_url(&self, app: &AppCredentials, request: &AuthorizeRequest<'_>) -> Url {
        self.rest.authorize_url(app, request)
    }

    fn authenticate(&self, app: &AppCredentials, grant: CodeGrant) -> Box<dyn Flow<Grant>> {
        self.rest.authenticate(app, grant)
    }

    fn refresh_token(&self, app: &AppCredentials, tokens: TokenSet) -> Result<Box<dyn Flow<TokenSet>>, ConnectorError> {
        self.rest.refresh_token(app, tokens)
    }

    fn revoke(&self, account: &str) -> Result<Box<dyn Flow<()>>, ConnectorError> {
        self.rest.revoke(account)
    }

    fn fetch_accounts(&self) -> Box<dyn Flow<Vec<Destination>>> {
        self.rest.fetch_accounts()
    }

    fn preflight(&self, content: &Content, options: Option<&Options>) -> Vec<Finding> {
        self.rest.preflight(content, options)
    }

    fn settle_time(&self) -> SignedDuration {
        self.rest.settle_time()
    }

    fn read_back(&self, app: &AppCredentials, fingerprint: Fingerprint) -> Box<dyn Flow<ReadBack>> {
        self.rest.read_back(app, fingerprint)
    }

    fn delete_post(&self, remote_id: &str) -> Result<Box<dyn Flow<()>>, ConnectorError> {
        self.rest.delete_post(remote_id)
    }

    fn post_analytics(&self, remote_id: &str) -> Result<Box<dyn Flow<Analytics>>, ConnectorError> {
        self.rest.post_analytics(remote_id)
    }

    fn health_check(&self, app: &AppCredentials, tokens: &TokenSet, needed: &[String]) -> Box<dyn Flow<Health>> {
        self.rest.health_check(app, tokens, needed)
    }

    fn sign(&self, request: &mut Request, token: &AccessToken, app: &AppCredentials) {
        self.rest.sign(request, token, app);
    }

    fn usage_wait(&self, answer: &Answer) -> Option<SignedDuration> {
        self.rest.usage_wait(answer)
    }

    fn webhook_handshake(&self, app: &AppCredentials, query: &[(String, String)]) -> Option<String> {
        self.rest.webhook_handshake(app, query)
    }

    fn validate_webhook_signature(&self, app: &AppCredentials, delivery: WebhookDelivery<'_>) -> bool {
        self.rest.validate_webhook_signature(app, delivery)
    }

    fn parse_webhook_event(&self, body: &[u8]) -> Result<Vec<WebhookEvent>, ConnectorError> {
        self.rest.parse_webhook_event(body)
    }
}

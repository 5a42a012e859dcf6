//! A platform that takes PKCE: what it is shown when a login begins, and what it is told at the exchange.

use std::sync::{Arc, Mutex};

use aws_lc_rs::digest;
use data_encoding::{BASE64URL_NOPAD, HEXLOWER};
use jiff::SignedDuration;
use rstest::rstest;
use serde_json::json;
use shared::{
    connector::{
        Analytics, Answer, AuthorizeRequest, Checkpoint, CodeGrant, Connector, ConnectorError, Destination, Finding,
        Fingerprint, Flow, Grant, Health, Next, Pkce, Prepared, ReadBack, Request, TokenSet, WebhookDelivery,
        WebhookEvent, facebook::Facebook,
    },
    connectors::Connectors,
    content::Content,
    options::Options,
    platform::Platform,
    secret::{AccessToken, AppCredentials},
};
use simulator::facebook::seed;
use url::Url;

use crate::world::{World, settings};

/// Facebook, as if it took PKCE.
struct Proving {
    rest: Facebook,
    form: Pkce,
    shown: Mutex<Vec<String>>,
    told: Mutex<Vec<String>>,
}

impl Connector for Proving {
    fn pkce(&self) -> Option<Pkce> {
        Some(self.form)
    }

    fn authorize_url(&self, app: &AppCredentials, request: &AuthorizeRequest<'_>) -> Url {
        self.shown.lock().unwrap().push(request.challenge.unwrap().to_owned());
        self.rest.authorize_url(app, request)
    }

    fn authenticate(&self, app: &AppCredentials, grant: CodeGrant) -> Box<dyn Flow<Grant>> {
        self.told.lock().unwrap().push(grant.verifier.as_ref().unwrap().expose().to_owned());
        self.rest.authenticate(app, grant)
    }

    fn platform(&self) -> Platform {
        self.rest.platform()
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

    fn publish(
        &self,
        post: &Prepared,
        checkpoint: &Checkpoint,
        answer: Option<&Answer>,
    ) -> Result<Next, ConnectorError> {
        self.rest.publish(post, checkpoint, answer)
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

fn challenge(verifier: &str, form: Pkce) -> String {
    let hash = digest::digest(&digest::SHA256, verifier.as_bytes());
    match form {
        Pkce::S256 => BASE64URL_NOPAD.encode(hash.as_ref()),
        Pkce::S256Hex => HEXLOWER.encode(hash.as_ref()),
    }
}

#[rstest]
#[case::as_the_rfc_says(Pkce::S256)]
#[case::as_tiktok_wants_it(Pkce::S256Hex)]
#[tokio::test]
async fn f72_a_code_is_exchanged_with_the_verifier_of_its_own_session(#[case] form: Pkce) {
    let mut world = Box::pin(World::start()).await;
    let (rest, shown, told) = (Facebook::new(settings(&world.simulator).facebook), Mutex::default(), Mutex::default());
    let proving = Arc::new(Proving { rest, form, shown, told });
    world.connect.connectors = Connectors::new(settings(&world.simulator)).with(proving.clone());
    let session = json!({ "platform": "facebook", "return_url": "https://example.com/" });
    let (dialog, cookie) = world.open(&session).await;
    let code = world.consent(&dialog, seed::ADA, &[seed::BAKERY], "continue").await;

    // Somebody who has seen that address brings its code into a session of their own: the platform can tell.
    let (their_dialog, their_cookie) = world.open(&session).await;
    let of = |url: &Url, name: &str| url.query_pairs().find(|(key, _)| key == name).unwrap().1.into_owned();
    let injected: Url = code.as_str().replace(&of(&code, "state"), &of(&their_dialog, "state")).parse().unwrap();
    world.call_back(&injected, &their_cookie).await;
    let (first, second) = {
        let shown = proving.shown.lock().unwrap();
        (shown[0].clone(), shown[1].clone())
    };
    let injected = challenge(&proving.told.lock().unwrap()[0], form);
    assert!(injected == second && injected != first);

    world.call_back(&code, &cookie).await;
    assert_eq!(challenge(&proving.told.lock().unwrap()[1], form), first);
    // Nothing of it is stored, and what is on its way through the browser does not lead to it.
    let rows = format!("{:?}", world.dynamodb().scan().table_name("State").send().await.unwrap().items());
    for verifier in proving.told.lock().unwrap().iter() {
        assert!(verifier.len() >= 43 && !code.as_str().contains(verifier) && !rows.contains(verifier));
    }
}

//! The connector, the driver and the transport together against the simulated TikTok, over HTTP.
//!
//! The simulator was written from the facts about the platform and not from this connector, so what both agree on is
//! more than one reading of them.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};
use simulator::{
    Clock, ManualClock, Options, Simulator,
    tiktok::{APP, seed::BAKERY},
};

use super::*;
use crate::{
    connector::{
        Disposition,
        driver::{Budget, CallFailed, Calls, Ended, FirstRecord, FirstStep, Intent, Journal, run_flow, run_publish},
        settings::HostPolicy,
        transport::HttpTransport,
    },
    reach::Reach,
    secret::{AppSecret, AuthorizationCode, CodeVerifier, RefreshToken, VerifyToken},
};

struct Bench {
    simulator: Simulator,
    clock: ManualClock,
    connector: Tiktok,
    transport: HttpTransport,
    app: AppCredentials,
}

/// What was stored last, as a table would have it.
#[derive(Default)]
struct Disk(Checkpoint);

impl Journal for Disk {
    type Error = ();

    async fn before_step(&mut self, _: Option<&Intent>, checkpoint: &Checkpoint) -> Result<(), ()> {
        self.0 = checkpoint.clone();
        Ok(())
    }
}

async fn bench() -> Bench {
    let clock = ManualClock::new("2026-11-21T10:00:00Z".parse().unwrap());
    let options = Options { clock: Clock::Manual(clock.clone()), ..Options::default() };
    let simulator = Simulator::start(options).await.unwrap();
    let mut settings = TiktokSettings::default();
    settings.set_api_url(&simulator.url_of("tiktok"), HostPolicy::StandIn).unwrap();
    settings.set_login_url(&simulator.url_of("tiktok"), HostPolicy::StandIn).unwrap();
    let reach = Reach::with_local_hosts(simulator.address().to_string().parse().unwrap());
    Bench {
        connector: Tiktok::new(settings),
        transport: HttpTransport::new(HostPolicy::StandIn).reaching(reach),
        app: AppCredentials {
            client_id: APP.id.into(),
            client_secret: AppSecret::new(APP.secret),
            previous_client_secret: None,
            webhook_verify_token: VerifyToken::new(APP.verify_token),
            previous_webhook_verify_token: None,
            webhook_secrets: Vec::new(),
        },
        simulator,
        clock,
    }
}

impl Bench {
    fn advance(&self, seconds: i64) {
        self.clock.advance(SignedDuration::from_secs(seconds));
    }

    fn token(&self, account: &str) -> AccessToken {
        let scopes: Vec<&str> = self.connector.settings().scopes().iter().map(String::as_str).collect();
        AccessToken::new(self.simulator.tiktok().tokens(account, &scopes).0)
    }

    async fn flow<T>(&self, flow: Box<dyn Flow<T>>, token: Option<&AccessToken>) -> Result<T, CallFailed> {
        let budget = Budget::lasting(Duration::from_mins(1));
        run_flow(flow, &mut Calls::new(&self.transport, &self.connector, &self.app, token, budget)).await
    }

    /// One run, from what is on disk.
    async fn run(&self, token: &AccessToken, post: &Prepared, disk: &mut Disk, answered: bool) -> Ended<()> {
        let mut first = FirstStep::plan(&self.connector, post, &disk.0).unwrap();
        if answered {
            first = first.after_publish();
        }
        let budget = Budget::lasting(Duration::from_mins(2)).with_calls(Duration::ZERO, Duration::from_mins(1));
        let mut calls = Calls::new(&self.transport, &self.connector, &self.app, Some(token), budget);
        run_publish(&mut calls, post, first, FirstRecord::NotStored, disk).await
    }

    /// Runs until it is over; waits take no time but the simulator's.
    async fn publish(&self, token: &AccessToken, post: &Prepared) -> (Ended<()>, Disk) {
        let mut disk = Disk::default();
        let mut answered = false;
        for _ in 0..30 {
            let ended = self.run(token, post, &mut disk, answered).await;
            let Ended::Waiting { delay, checkpoint, publish_answered } = ended else { return (ended, disk) };
            (disk.0, answered) = (checkpoint, publish_answered);
            self.clock.advance(delay);
        }
        panic!("no end")
    }

    fn video(&self, size: u64) -> Value {
        let url = format!("{}/_simulator/sample.mp4?size={size}", self.simulator.url_of("tiktok"));
        json!({"text": "Fresh bread", "media": [{"url": url, "kind": "video"}]})
    }

    async fn read_back(
        &self,
        token: &AccessToken,
        post: &Prepared,
        disk: &Disk,
        since: Timestamp,
    ) -> Result<ReadBack, CallFailed> {
        let fingerprint = Fingerprint { checkpoint: disk.0.clone(), ..Fingerprint::of(post, since, self.clock.now()) };
        self.flow(self.connector.read_back(&self.app, fingerprint), Some(token)).await
    }
}

fn prepared(account: &str, content: Value, options: Value) -> Prepared {
    Prepared {
        content: serde_json::from_value(content).unwrap(),
        options: Some(serde_json::from_value(Value::from_iter([("tiktok", options)])).unwrap()),
        ..Prepared::at(account)
    }
}

fn public() -> Value {
    json!({"privacy_level": "PUBLIC_TO_EVERYONE", "allow_comment": true, "allow_duet": false, "allow_stitch": false})
}

fn pulled() -> Value {
    let mut options = public();
    options["source"] = "pull_from_url".into();
    options
}

fn far_video() -> Value {
    json!({"text": "Fresh bread", "media": [{"url": "https://cdn.example.com/a.mp4", "kind": "video"}]})
}

fn photos() -> Value {
    let photo = |name: &str| json!({"url": format!("https://cdn.example.com/{name}.jpg"), "kind": "image"});
    json!({"text": "Fresh bread", "media": [photo("a"), photo("b")]})
}

#[tokio::test]
async fn a_login_with_pkce_in_hexadecimal_brings_the_account() {
    let bench = bench().await;
    let verifier = "a".repeat(43);
    let challenge = crate::connector::canonical::sha256_hex(&verifier);
    let redirect_uri: Url = "https://postd.example/v1/oauth/tiktok/callback".parse().unwrap();
    let login = |verifier: &str| {
        let scopes = ["user.info.basic", "video.publish"];
        let code = bench.simulator.tiktok().code(BAKERY, redirect_uri.as_str(), &scopes, Some(&challenge));
        let grant = CodeGrant {
            code: AuthorizationCode::new(code),
            redirect_uri: redirect_uri.clone(),
            verifier: Some(CodeVerifier::new(verifier)),
        };
        bench.connector.authenticate(&bench.app, grant)
    };
    assert!(bench.flow(login("another"), None).await.is_err());
    let grant = bench.flow(login(&verifier), None).await.unwrap();
    assert_eq!((grant.account.as_str(), grant.account_name.as_str()), (BAKERY, "Example Bakery"));
    assert_eq!(grant.missing_scopes, ["user.info.profile", "video.list", "video.upload"]);
    assert_eq!(grant.destinations.len(), 1);
    assert!(grant.destinations[0].refusal.is_none());
    assert_eq!(grant.tokens.access_expires_at, Some("2026-11-21T12:00:00Z".parse().unwrap()));
    assert_eq!(grant.tokens.refresh_expires_at, Some("2027-05-20T10:00:00Z".parse().unwrap()));
    let listed = bench.flow(bench.connector.fetch_accounts(), Some(&grant.tokens.access)).await.unwrap();
    assert_eq!(listed[0].id, BAKERY);
}

#[tokio::test]
async fn a_code_that_is_used_up_has_ended_no_connection() {
    let bench = bench().await;
    let redirect_uri: Url = "https://postd.example/v1/oauth/tiktok/callback".parse().unwrap();
    let grant = CodeGrant { code: AuthorizationCode::new("used"), redirect_uri, verifier: None };
    let failed = bench.flow(bench.connector.authenticate(&bench.app, grant), None).await.unwrap_err();
    assert_eq!(
        (failed.disposition(), failed.refusal().code.as_str()),
        (Disposition::Fail, "tiktok.oauth.code_refused")
    );
}

#[tokio::test]
async fn a_refresh_token_works_once_and_a_revoked_grant_never_again() {
    let bench = bench().await;
    let (access, refresh) = bench.simulator.tiktok().tokens(BAKERY, &["user.info.basic"]);
    let tokens = |refresh: &str| TokenSet {
        access: AccessToken::new(access.clone()),
        access_expires_at: None,
        data_access_expires_at: None,
        refresh: Some(RefreshToken::new(refresh)),
        refresh_expires_at: None,
    };
    bench.advance(2 * 3_600);
    let health = |tokens: &TokenSet| bench.connector.health_check(&bench.app, tokens, &[]);
    let failed = bench.flow(health(&tokens(&refresh)), None).await.unwrap_err();
    assert_eq!(failed.refusal().code, "tiktok.token.invalid");
    let renew = |tokens: TokenSet| bench.connector.refresh_token(&bench.app, tokens).unwrap();
    let renewed = bench.flow(renew(tokens(&refresh)), None).await.unwrap();
    bench.flow(health(&renewed), None).await.unwrap();
    let again = bench.flow(renew(tokens(&refresh)), None).await.unwrap_err();
    assert_eq!(again.disposition(), Disposition::Reconnect);
    bench.flow(bench.connector.revoke(BAKERY).unwrap(), Some(&renewed.access)).await.unwrap();
    assert!(bench.flow(health(&renewed), None).await.is_err());
    bench.flow(bench.connector.revoke(BAKERY).unwrap(), Some(&renewed.access)).await.unwrap();
}

#[tokio::test]
async fn figures_grow_and_are_told_of_public_videos_only() {
    let bench = bench().await;
    let token = bench.token(BAKERY);
    let (ended, _) = bench.publish(&token, &prepared(BAKERY, bench.video(4_000_000), public())).await;
    let Ended::Published(published) = ended else { panic!("{ended:?}") };
    bench.advance(3_000);
    let figures = || bench.flow(bench.connector.post_analytics(&published.remote_id).unwrap(), Some(&token));
    let Analytics(first) = figures().await.unwrap();
    assert_eq!(first.keys().collect::<Vec<_>>(), ["comment_count", "like_count", "share_count", "view_count"]);
    bench.advance(3_000);
    let Analytics(second) = figures().await.unwrap();
    assert!(second["view_count"] > first["view_count"]);
    let video = bench.simulator.tiktok().videos(BAKERY).remove(0);
    assert!(bench.simulator.tiktok().hide(&video.id));
    assert_eq!(figures().await.unwrap_err().refusal().code, "tiktok.video.not_public");
}

#[tokio::test]
async fn an_app_with_a_wrong_secret_is_the_operators_business() {
    let mut bench = bench().await;
    bench.app.client_secret = AppSecret::new("wrong");
    let redirect_uri = Url::parse("https://postd.example/callback").unwrap();
    let grant = CodeGrant { code: AuthorizationCode::new("code"), redirect_uri, verifier: None };
    let failed = bench.flow(bench.connector.authenticate(&bench.app, grant), None).await.unwrap_err();
    assert_eq!(failed.disposition(), Disposition::Operator);
}

mod publishing;

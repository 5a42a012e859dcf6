//! The connector, the driver and the transport together against the simulated Google, over HTTP.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use rstest::rstest;
use serde_json::{Value, json};
use simulator::{
    Fault, FaultKind, ManualClock, Options as SimulatorOptions, Simulator,
    gbp::{
        APP, SCOPE,
        seed::{ADA, BAKERY, BOOKSHOP, CAFE, KIOSK},
    },
};

use super::*;
use crate::{
    clock::{Clock, SystemClock},
    connector::{
        Disposition, Effect,
        driver::{Budget, CallFailed, Calls, Ended, FirstRecord, FirstStep, Intent, Journal, run_flow, run_publish},
        settings::HostPolicy,
        transport::{HttpTransport, Transport},
    },
    secret::{AppSecret, AuthorizationCode, CodeVerifier, VerifyToken},
};

struct Bench {
    simulator: Simulator,
    connector: Gbp,
    transport: HttpTransport,
    app: AppCredentials,
    token: AccessToken,
}

struct NoDisk;

impl Journal for NoDisk {
    type Error = ();

    async fn before_step(&mut self, _: Option<&Intent>, _: &Checkpoint) -> Result<(), ()> {
        Ok(())
    }
}

async fn bench_with(options: SimulatorOptions) -> Bench {
    let simulator = Simulator::start(options).await.unwrap();
    let at = simulator.url_of("gbp");
    let mut settings = GbpSettings::default();
    settings.set_login_url(&at, HostPolicy::StandIn).unwrap();
    settings.set_token_url(&at, HostPolicy::StandIn).unwrap();
    settings.set_accounts_url(&at, HostPolicy::StandIn).unwrap();
    settings.set_locations_url(&at, HostPolicy::StandIn).unwrap();
    settings.set_posts_url(&at, HostPolicy::StandIn).unwrap();
    settings.set_keys_url(&at, HostPolicy::StandIn).unwrap();
    settings.set_settle_seconds(0).unwrap();
    let token = AccessToken::new(simulator.gbp().token(ADA));
    let app = AppCredentials {
        client_id: APP.id.into(),
        client_secret: AppSecret::new(APP.secret),
        previous_client_secret: None,
        webhook_verify_token: VerifyToken::new(APP.verify_token),
        previous_webhook_verify_token: None,
        webhook_secrets: Vec::new(),
    };
    let transport = HttpTransport::new(HostPolicy::StandIn);
    Bench { simulator, connector: Gbp::new(settings), transport, app, token }
}

async fn bench() -> Bench {
    bench_with(SimulatorOptions::default()).await
}

fn prepared(content: Value, options: Option<Value>, destination: &str) -> Prepared {
    Prepared {
        content: serde_json::from_value(content).unwrap(),
        options: options.map(|options| serde_json::from_value(options).unwrap()),
        marker: "post_01jd-t1".into(),
        ..Prepared::at(destination)
    }
}

impl Bench {
    async fn flow<T>(&self, flow: Box<dyn Flow<T>>) -> Result<T, CallFailed> {
        let budget = Budget::lasting(Duration::from_mins(1));
        let mut calls = Calls::new(&self.transport, &self.connector, &self.app, Some(&self.token), budget);
        run_flow(flow, &mut calls).await
    }

    async fn publish_from(&self, post: &Prepared, checkpoint: &Checkpoint) -> Ended<()> {
        let first = FirstStep::plan(&self.connector, post, checkpoint).unwrap();
        let first = if checkpoint.0.is_empty() { first } else { first.after_publish() };
        let budget = Budget::lasting(Duration::from_secs(5)).with_calls(Duration::ZERO, Duration::from_secs(2));
        let mut calls = Calls::new(&self.transport, &self.connector, &self.app, Some(&self.token), budget);
        run_publish(&mut calls, post, first, FirstRecord::NotStored, &mut NoDisk).await
    }

    async fn publish(&self, post: &Prepared) -> Ended<()> {
        self.publish_from(post, &Checkpoint::default()).await
    }

    async fn read_back(&self, post: &Prepared, not_before: Timestamp, checkpoint: Checkpoint) -> ReadBack {
        let fingerprint = Fingerprint { checkpoint, ..Fingerprint::of(post, not_before, SystemClock.now()) };
        self.flow(self.connector.read_back(&self.app, fingerprint)).await.unwrap()
    }
}

fn every_post() -> Vec<Prepared> {
    let photo = json!({"url": "https://example.com/a.jpg", "kind": "image"});
    let event = json!({"title": "Brake week", "start": "2026-12-01T08:00:00", "end": "2026-12-07T18:00:00"});
    let offer = json!({"coupon_code": "B20", "redeem_url": "https://e.com/b", "terms": "One each"});
    let gbp = |options: Value| Some(json!({ "gbp": options }));
    vec![
        prepared(json!({"text": "Fresh bread"}), None, BAKERY),
        prepared(json!({"text": "Fresh bread", "link": "https://e.com/a", "media": [photo]}), None, BAKERY),
        prepared(json!({"text": "Call"}), gbp(json!({"call_to_action": {"action": "call"}})), BAKERY),
        prepared(json!({"text": "Come"}), gbp(json!({"event": event, "language": "en"})), BAKERY),
        prepared(json!({"text": "20 %", "media": [photo]}), gbp(json!({"event": event, "offer": offer})), BAKERY),
    ]
}

#[tokio::test]
async fn a_login_brings_the_locations_and_says_where_postd_may_not_publish() {
    let bench = bench().await;
    let redirect_uri = Url::parse("https://postd.example/v1/oauth/gbp/callback").unwrap();
    let code = AuthorizationCode::new(bench.simulator.gbp().code(ADA, redirect_uri.as_str(), true));
    let flow = bench.connector.authenticate(&bench.app, CodeGrant { code, redirect_uri, verifier: None });
    let grant = bench.flow(flow).await.unwrap();
    assert_eq!((grant.account.as_str(), grant.account_name.as_str()), (ADA, "ada@example.com"));
    assert_eq!(grant.missing_scopes, [""; 0]);
    assert!(grant.tokens.access_expires_at.is_some() && grant.tokens.refresh.is_some());
    let found: Vec<_> = grant
        .destinations
        .iter()
        .map(|found| (found.id.as_str(), found.refusal.as_ref().map(|refusal| refusal.code.as_str())))
        .collect();
    assert_eq!(found, [(BAKERY, None), (CAFE, None), (KIOSK, Some("gbp.location.not_verified"))]);
    assert_eq!(bench.flow(bench.connector.fetch_accounts()).await.unwrap().len(), 3);
    let renewed = bench.connector.refresh_token(&bench.app, grant.tokens.clone()).unwrap();
    let renewed = bench.flow(renewed).await.unwrap();
    assert!(renewed.refresh.is_none(), "the refresh token stays what it was");
    assert_ne!(renewed.access.expose(), grant.tokens.access.expose());
    bench.flow(bench.connector.health_check(&bench.app, &renewed, &[SCOPE.into()])).await.unwrap();
}

#[tokio::test]
async fn the_consent_page_accepts_the_address_that_we_send_people_to() {
    let bench = bench().await;
    let redirect_uri = Url::parse("https://postd.example/v1/oauth/gbp/callback").unwrap();
    let challenge = Some("E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
    let request = AuthorizeRequest { redirect_uri: &redirect_uri, state: "state", ask_again: true, challenge };
    let url = bench.connector.authorize_url(&bench.app, &request);
    let send = |url: Url, method| bench.transport.send(Request::new(method, url), Duration::from_secs(5));
    assert_eq!(send(url.clone(), http::Method::GET).await.unwrap().status, 200);
    let mut allowed = url;
    allowed.query_pairs_mut().append_pair("grant", SCOPE).append_pair("action", "allow");
    let back = send(allowed, http::Method::POST).await.unwrap();
    let back = Url::parse(back.headers["location"].to_str().unwrap()).unwrap();
    let value = |wanted: &str| back.query_pairs().find(|(name, _)| name == wanted).map(|(_, value)| value.into_owned());
    assert_eq!(value("state").as_deref(), Some("state"));
    assert_eq!(value("iss").as_deref(), bench.connector.issuer());
    // RFC 7636, appendix B.
    for (verifier, is_right) in [("another", false), ("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk", true)] {
        let grant = CodeGrant {
            code: AuthorizationCode::new(value("code").unwrap()),
            redirect_uri: redirect_uri.clone(),
            verifier: Some(CodeVerifier::new(verifier)),
        };
        let granted = bench.flow(bench.connector.authenticate(&bench.app, grant)).await;
        assert_eq!(granted.is_ok(), is_right, "{verifier}");
    }
}

#[tokio::test]
async fn every_kind_of_post_goes_out_once_and_is_taken_down() {
    let bench = bench().await;
    for (index, post) in every_post().into_iter().enumerate() {
        let ended = bench.publish(&post).await;
        let Ended::Published(published) = ended else { panic!("{index}: {ended:?}") };
        let posts = bench.simulator.gbp().posts(BAKERY);
        assert_eq!(posts.len(), 1);
        assert_eq!((posts[0].name.as_str(), posts[0].state), (published.remote_id.as_str(), "LIVE"));
        for _ in 0..2 {
            bench.flow(bench.connector.delete_post(&published.remote_id).unwrap()).await.unwrap();
        }
        assert!(bench.simulator.gbp().posts(BAKERY).is_empty());
    }
}

#[rstest]
#[case::accepted_then_timeout(FaultKind::AcceptedThenTimeout, 1)]
#[case::answer_lost(FaultKind::LostAnswer, 1)]
#[case::answer_cut(FaultKind::TruncatedAnswer, 1)]
#[case::f35_failed_after_the_effect(FaultKind::Status500After, 1)]
#[case::f35_failed_before_the_effect(FaultKind::Status500Before, 0)]
#[case::reset_before_the_effect(FaultKind::RefusedBefore, 0)]
#[tokio::test]
async fn f34_what_nobody_saw_the_end_of_is_read_back(#[case] kind: FaultKind, #[case] is_out: usize) {
    for post in every_post() {
        let bench = bench().await;
        let google = bench.simulator.gbp();
        // More than a page of others, and one of a person that says the same a while ago, in the listing before ours.
        for number in 0..4 {
            google.write_by_hand(BAKERY, &format!("Older {number}")).unwrap();
        }
        google.add_fault(Fault::new(kind).on_edge("POST", "localPosts").times(1));
        let began = SystemClock.now();
        let ended = bench.publish(&post).await;
        assert!(matches!(ended, Ended::Unknown { .. }), "{ended:?}");
        let mut posts: Vec<_> = google.posts(BAKERY).into_iter().filter(|post| post.by_api).collect();
        assert_eq!(posts.len(), is_out);
        match bench.read_back(&post, began, Checkpoint::default()).await {
            ReadBack::Found(found) if is_out == 1 => assert_eq!(found.remote_id, posts.remove(0).name),
            ReadBack::Absent if is_out == 0 => {}
            other @ (ReadBack::Found(_) | ReadBack::Absent | ReadBack::Refused(_) | ReadBack::Undecided { .. }) => {
                panic!("{:?}: {other:?}", post.content)
            }
        }
    }
}

#[tokio::test]
async fn f46_a_twin_that_a_person_wrote_is_not_taken_for_a_marked_post() {
    let bench = bench().await;
    let post = prepared(json!({"text": "Fresh bread", "link": "https://e.com/a"}), None, BAKERY);
    let began = SystemClock.now();
    bench.simulator.gbp().write_by_hand(BAKERY, "Fresh bread").unwrap();
    let verdict = bench.read_back(&post, began, Checkpoint::default()).await;
    assert!(matches!(verdict, ReadBack::Undecided { .. }), "{verdict:?}");
    let ended = bench.publish(&post).await;
    let Ended::Published(published) = ended else { panic!("{ended:?}") };
    assert_eq!(bench.read_back(&post, began, Checkpoint::default()).await, ReadBack::Found(published));
}

#[rstest]
#[case::taken("Fresh bread", true)]
#[case::rejected("Call 030 1234567", false)]
#[tokio::test]
async fn f39_a_post_that_google_looks_at_is_waited_for(#[case] text: &str, #[case] is_taken: bool) {
    let clock = ManualClock::new(SystemClock.now());
    let options = SimulatorOptions { clock: simulator::Clock::Manual(clock.clone()), ..SimulatorOptions::default() };
    let bench = bench_with(options).await;
    bench.simulator.gbp().set_processing_takes(SignedDuration::from_secs(30));
    let post = prepared(json!({ "text": text }), None, BAKERY);
    let mut ended = bench.publish(&post).await;
    let mut waits = Vec::new();
    let remembered = loop {
        let Ended::Waiting { delay, checkpoint, publish_answered: true } = ended else { panic!("{ended:?}") };
        waits.push(delay.as_secs());
        clock.advance(delay);
        ended = bench.publish_from(&post, &checkpoint).await;
        if !matches!(ended, Ended::Waiting { .. }) {
            break checkpoint;
        }
    };
    assert_eq!(waits, [5, 15, 60]);
    assert_eq!(bench.simulator.gbp().posts(BAKERY).len(), 1);
    if is_taken {
        assert!(matches!(ended, Ended::Published(_)), "{ended:?}");
        return;
    }
    // The driver leaves the verdict to the read-back, and that has it from the post itself.
    let Ended::Unknown { cause } = ended else { panic!("{ended:?}") };
    assert_eq!(cause.code, "gbp.post.rejected");
    let verdict = bench.read_back(&post, SystemClock.now(), remembered).await;
    assert!(matches!(verdict, ReadBack::Refused(_)), "{verdict:?}");
}

#[tokio::test]
async fn f43_refusals_of_the_simulated_google_are_understood() {
    let bench = bench().await;
    let google = bench.simulator.gbp();
    let post = prepared(json!({"text": "Fresh bread"}), None, BAKERY);
    let code = async |post: &Prepared| {
        let ended = bench.publish(post).await;
        let Ended::Failed { error, effect: Effect::Publish, disposition } = ended else { panic!("{ended:?}") };
        (error.refusal().code, disposition)
    };
    google.set_approved(false);
    assert_eq!(code(&post).await, ("gbp.app.not_approved".into(), Disposition::Operator));
    google.set_approved(true);
    google.disable(&["mybusiness.googleapis.com".to_owned()]);
    assert_eq!(code(&post).await, ("gbp.app.api_disabled".into(), Disposition::Operator));
    google.disable(&[]);
    google.add_fault(Fault { minutes: Some(2), ..Fault::new(FaultKind::RateLimited) }.times(1));
    let wait = Disposition::Retry(Some(SignedDuration::from_mins(2)));
    assert_eq!(code(&post).await, ("gbp.rate.app".into(), wait));
    let kiosk = Prepared { destination: KIOSK.into(), ..post.clone() };
    assert_eq!(code(&kiosk).await, ("gbp.location.forbidden".into(), Disposition::Fail));
    let others = Prepared { destination: BOOKSHOP.into(), ..post.clone() };
    assert_eq!(code(&others).await, ("gbp.location.forbidden".into(), Disposition::Fail));
    google.add_fault(Fault { code: Some(1000), ..Fault::new(FaultKind::Error) }.times(1));
    assert_eq!(code(&post).await, ("gbp.media.not_fetched".into(), Disposition::Fail));
    google.revoke(ADA);
    assert_eq!(code(&post).await, ("gbp.token.invalid".into(), Disposition::Reconnect));
    assert!(google.posts(BAKERY).is_empty());
}

#[tokio::test]
async fn a_location_takes_ten_posts_a_minute_and_the_next_one_waits() {
    let bench = bench().await;
    let post = prepared(json!({"text": "Fresh bread"}), None, BAKERY);
    for _ in 0..10 {
        assert!(matches!(bench.publish(&post).await, Ended::Published(_)));
    }
    let ended = bench.publish(&post).await;
    assert!(matches!(ended, Ended::Failed { disposition: Disposition::Retry(_), .. }), "{ended:?}");
    assert_eq!(bench.simulator.gbp().posts(BAKERY).len(), 10);
}

#[tokio::test]
async fn a_grant_that_is_given_back_renews_and_calls_no_more() {
    let bench = bench().await;
    bench.flow(bench.connector.revoke(ADA).unwrap()).await.unwrap();
    bench.flow(bench.connector.revoke(ADA).unwrap()).await.unwrap();
    let dead = bench.flow(bench.connector.fetch_accounts()).await.unwrap_err();
    assert_eq!(dead.disposition(), Disposition::Reconnect);
}

//! The connector, the driver and the transport together against the simulated Instagram, over HTTP.

use std::time::Duration;

use jiff::Timestamp;
use rstest::rstest;
use serde_json::{Value, json};
use simulator::{
    Fault, FaultKind, Options, Simulator,
    instagram::{
        APP, MediaView,
        seed::{ADA, BAKERY, BAKERY_PAGE, BAKERY_SCOPED, CAFE, CAFE_PAGE, CREATOR, CREATOR_SCOPED, PERSONAL},
    },
};

use super::*;
use crate::{
    clock::{Clock, SystemClock},
    connector::{
        Disposition, ReadBack,
        driver::{Budget, CallFailed, Calls, Ended, FirstRecord, FirstStep, Intent, Journal, run_flow, run_publish},
        settings::HostPolicy,
        transport::HttpTransport,
    },
    secret::{AppSecret, AuthorizationCode, VerifyToken},
};

struct Bench {
    simulator: Simulator,
    connector: Instagram,
    transport: HttpTransport,
    app: AppCredentials,
    token: AccessToken,
    account: &'static str,
    destination: &'static str,
}

/// Keeps the last checkpoint, as a table would.
#[derive(Default)]
struct Disk(Checkpoint);

impl Journal for Disk {
    type Error = ();

    async fn before_step(&mut self, _: Option<&Intent>, checkpoint: &Checkpoint) -> Result<(), ()> {
        self.0 = checkpoint.clone();
        Ok(())
    }
}

fn settings(simulator: &Simulator, login: &str) -> InstagramSettings {
    let (mut settings, url) = (InstagramSettings::default(), simulator.url_of("instagram"));
    settings.set_login(login).unwrap();
    settings.set_settle_seconds(0).unwrap();
    for set in [
        InstagramSettings::set_facebook_graph_url,
        InstagramSettings::set_facebook_dialog_url,
        InstagramSettings::set_graph_url,
        InstagramSettings::set_login_url,
        InstagramSettings::set_token_url,
    ] {
        set(&mut settings, &url, HostPolicy::StandIn).unwrap();
    }
    settings
}

async fn bench(login: &str) -> Bench {
    let simulator = Simulator::start(Options { require_proof: true, ..Options::default() }).await.unwrap();
    let settings = settings(&simulator, login);
    let scopes: Vec<&str> = settings.scopes().iter().map(String::as_str).collect();
    let instagram = simulator.instagram();
    instagram.set_processing(SignedDuration::ZERO, SignedDuration::ZERO);
    let (token, account, destination) = if login == "facebook" {
        drop(instagram.user_token(ADA, &[BAKERY_PAGE, CAFE_PAGE], &scopes));
        (instagram.page_token(ADA, BAKERY_PAGE), BAKERY, BAKERY)
    } else {
        (instagram.account_token(CREATOR, &scopes, true), CREATOR, CREATOR_SCOPED)
    };
    Bench {
        connector: Instagram::new(settings),
        transport: HttpTransport::new(HostPolicy::StandIn),
        app: AppCredentials {
            client_id: APP.id.into(),
            client_secret: AppSecret::new(APP.secret),
            previous_client_secret: None,
            webhook_verify_token: VerifyToken::new(APP.verify_token),
            previous_webhook_verify_token: None,
            webhook_secrets: Vec::new(),
        },
        token: AccessToken::new(token),
        simulator,
        account,
        destination,
    }
}

impl Bench {
    async fn flow<T>(&self, flow: Box<dyn Flow<T>>, token: Option<&AccessToken>) -> Result<T, CallFailed> {
        let budget = Budget::lasting(Duration::from_mins(1));
        run_flow(flow, &mut Calls::new(&self.transport, &self.connector, &self.app, token, budget)).await
    }

    fn post(&self, content: &Value, options: Option<&Value>) -> Prepared {
        Prepared {
            content: serde_json::from_value(content.clone()).unwrap(),
            options: options.map(|options| serde_json::from_value(json!({ "instagram": options })).unwrap()),
            ..Prepared::at(self.destination)
        }
    }

    async fn publish(&self, post: &Prepared, disk: &mut Disk) -> Ended<()> {
        let first = FirstStep::plan(&self.connector, post, &disk.0).unwrap();
        let budget = Budget::lasting(Duration::from_secs(10)).with_calls(Duration::ZERO, Duration::from_secs(4));
        let mut calls = Calls::new(&self.transport, &self.connector, &self.app, Some(&self.token), budget);
        run_publish(&mut calls, post, first, FirstRecord::NotStored, disk).await
    }

    async fn read_back(&self, post: &Prepared, disk: &Disk, not_before: Timestamp) -> ReadBack {
        let mut fingerprint = Fingerprint::of(post, not_before, SystemClock.now());
        fingerprint.checkpoint = disk.0.clone();
        let flow = self.connector.read_back(&self.app, fingerprint);
        self.flow(flow, Some(&self.token)).await.unwrap()
    }

    fn media(&self) -> Vec<MediaView> {
        self.simulator.instagram().state().media_of(self.account)
    }

    fn code(&self, who: &str) -> CodeGrant {
        let redirect_uri = Url::parse("https://postd.example/v1/oauth/instagram/callback").unwrap();
        let scopes: Vec<&str> = self.connector.settings().scopes().iter().map(String::as_str).collect();
        let code = self.simulator.instagram().code(who, &scopes, redirect_uri.as_str());
        CodeGrant { code: AuthorizationCode::new(code), redirect_uri, verifier: None }
    }
}

fn image() -> Value {
    json!({"url": "https://example.com/a.jpg", "kind": "image", "alt_text": "A loaf"})
}

fn video() -> Value {
    json!({"url": "https://example.com/a.mp4", "kind": "video"})
}

fn every_kind() -> [(Value, Option<Value>, &'static str, &'static str); 5] {
    let tags =
        json!({"user_tags": [{"username": "ada", "x": 500, "y": 500}], "collaborators": ["ada"], "location": "1"});
    let reel = json!({"share_to_feed": true, "audio_name": "Song", "thumb_offset": 500, "is_ai_generated": true});
    [
        (json!({"text": "One #tag", "media": [image()]}), None, "FEED", "IMAGE"),
        (json!({"media": [image()]}), Some(tags), "FEED", "IMAGE"),
        (json!({"text": "Film", "media": [video()]}), Some(reel), "REELS", "VIDEO"),
        (json!({"text": "Many", "media": [image(), video(), image()]}), None, "FEED", "CAROUSEL_ALBUM"),
        (json!({"media": [image()]}), Some(json!({"placement": "story"})), "STORY", "IMAGE"),
    ]
}

#[rstest]
#[case::facebook("facebook")]
#[case::instagram("instagram")]
#[tokio::test]
async fn every_kind_of_post_goes_out_once(#[case] login: &str) {
    let bench = bench(login).await;
    for (index, (content, options, product, kind)) in every_kind().into_iter().enumerate() {
        let post = bench.post(&content, options.as_ref());
        let ended = bench.publish(&post, &mut Disk::default()).await;
        let Ended::Published(published) = ended else { panic!("{content}: {ended:?}") };
        let media = bench.media();
        assert_eq!(media.len(), index + 1);
        let newest = media.iter().find(|media| media.id == published.remote_id).unwrap();
        assert_eq!((newest.product.as_str(), newest.kind.as_str()), (product, kind));
        assert_eq!(published.url.unwrap().as_str(), newest.permalink);
    }
}

#[tokio::test]
async fn what_is_worked_on_is_waited_for_and_gone_on_with() {
    let bench = bench("facebook").await;
    let instagram = bench.simulator.instagram();
    instagram.set_processing(SignedDuration::ZERO, SignedDuration::from_secs(3_600));
    let (post, mut disk) = (bench.post(&json!({"media": [video()]}), None), Disk::default());
    let ended = bench.publish(&post, &mut disk).await;
    let Ended::Waiting { delay, checkpoint, publish_answered: false } = ended else { panic!("{ended:?}") };
    assert_eq!(delay, SignedDuration::from_secs(5));
    disk.0 = checkpoint;
    let ended = bench.publish(&post, &mut disk).await;
    let Ended::Waiting { delay, .. } = ended else { panic!("{ended:?}") };
    assert_eq!(delay, SignedDuration::from_secs(10));
    assert!(bench.media().is_empty());
    assert_eq!(instagram.state().accounts.iter().map(|account| account.containers.len()).sum::<usize>(), 1);
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
    for login in ["facebook", "instagram"] {
        let bench = bench(login).await;
        let instagram = bench.simulator.instagram();
        instagram.add_fault(Fault::new(kind).on_edge("POST", "media_publish").times(1));
        let (post, mut disk) = (bench.post(&json!({"text": "Bread", "media": [image()]}), None), Disk::default());
        let began = SystemClock.now();
        let ended = bench.publish(&post, &mut disk).await;
        assert!(matches!(ended, Ended::Unknown { .. }), "{ended:?}");
        assert_eq!(bench.media().len(), is_out);
        // A person's twin is none of ours.
        if is_out == 0 {
            drop(instagram.write_by_hand(bench.account, "Bread"));
        }
        match bench.read_back(&post, &disk, began).await {
            ReadBack::Found(found) if is_out == 1 => assert_eq!(found.remote_id, bench.media()[0].id),
            ReadBack::Absent if is_out == 0 => {
                // The same container is published, and no other is made.
                let ended = bench.publish(&post, &mut disk).await;
                assert!(matches!(ended, Ended::Published(_)), "{ended:?}");
                assert_eq!(bench.media().iter().filter(|media| media.by_app).count(), 1);
            }
            other @ (ReadBack::Found(_) | ReadBack::Absent | ReadBack::Refused(_) | ReadBack::Undecided { .. }) => {
                panic!("{other:?}")
            }
        }
    }
}

#[tokio::test]
async fn f46_a_published_twin_leaves_it_to_a_person() {
    let bench = bench("facebook").await;
    let instagram = bench.simulator.instagram();
    instagram.add_fault(Fault::new(FaultKind::LostAnswer).on_edge("POST", "media_publish").times(1));
    let (post, mut disk) = (bench.post(&json!({"text": "Bread", "media": [image()]}), None), Disk::default());
    let began = SystemClock.now();
    bench.publish(&post, &mut disk).await;
    drop(instagram.write_by_hand(BAKERY, "Bread"));
    assert!(matches!(bench.read_back(&post, &disk, began).await, ReadBack::Undecided { .. }));
}

#[tokio::test]
async fn a_publish_goes_on_after_every_lost_call() {
    let bench = bench("facebook").await;
    let instagram = bench.simulator.instagram();
    let post = bench.post(&json!({"text": "Many", "media": [image(), video()]}), None);
    let mut disk = Disk::default();
    for (method, edge) in
        [("GET", "content_publishing_limit"), ("POST", "media"), ("GET", "container"), ("POST", "media")]
    {
        instagram.add_fault(Fault::new(FaultKind::LostAnswer).on_edge(method, edge).times(1));
        let ended = bench.publish(&post, &mut disk).await;
        assert!(matches!(ended, Ended::Failed { disposition: Disposition::Retry(_), .. }), "{edge}: {ended:?}");
    }
    let ended = bench.publish(&post, &mut disk).await;
    assert!(matches!(ended, Ended::Published(_)), "{ended:?}");
    assert_eq!(bench.media().len(), 1);
}

#[tokio::test]
async fn a_video_that_cannot_be_shown_fails_with_its_reason() {
    let bench = bench("facebook").await;
    let post = bench.post(&json!({"media": [{"url": "https://example.com/wrong-format.mp4", "kind": "video"}]}), None);
    let ended = bench.publish(&post, &mut Disk::default()).await;
    let Ended::Failed { error, disposition: Disposition::Fail, .. } = ended else { panic!("{ended:?}") };
    assert_eq!(error.refusal().code, "instagram.media.video_format");
    assert!(bench.media().is_empty());
}

#[tokio::test]
async fn a_used_up_quota_and_a_throttled_account_are_kept_to() {
    let bench = bench("facebook").await;
    let instagram = bench.simulator.instagram();
    let post = bench.post(&json!({"text": "Bread", "media": [image()]}), None);
    instagram.set_quota(0);
    let ended = bench.publish(&post, &mut Disk::default()).await;
    let Ended::Failed { error, disposition: Disposition::Retry(Some(_)), .. } = ended else { panic!("{ended:?}") };
    assert_eq!(error.refusal().code, "instagram.rate.publish_quota");
    instagram.set_quota(50);
    let fault = Fault { minutes: Some(19), ..Fault::new(FaultKind::RateLimited) };
    instagram.add_fault(fault.on_edge("POST", "media").times(1));
    let ended = bench.publish(&post, &mut Disk::default()).await;
    let Ended::Failed { disposition, .. } = ended else { panic!("{ended:?}") };
    assert_eq!(disposition, Disposition::Retry(Some(SignedDuration::from_mins(19))));
}

#[tokio::test]
async fn a_login_through_facebook_brings_the_linked_accounts() {
    let bench = bench("facebook").await;
    let grant = bench.flow(bench.connector.authenticate(&bench.app, bench.code(ADA)), None).await.unwrap();
    assert_eq!((grant.account.as_str(), grant.account_name.as_str()), (ADA, "Ada Example"));
    assert_eq!(grant.missing_scopes, [""; 0]);
    let found: Vec<_> = grant
        .destinations
        .iter()
        .map(|found| (found.id.as_str(), found.refusal.as_ref().map(|refusal| refusal.code.as_str())))
        .collect();
    assert_eq!(found, [(BAKERY, None), (CAFE, Some("instagram.page.task_missing"))]);
    let listed = bench.flow(bench.connector.fetch_accounts(), Some(&grant.tokens.access)).await.unwrap();
    assert_eq!(listed.len(), 2);
    let needed = bench.connector.settings().scopes();
    let health = |tokens| bench.connector.health_check(&bench.app, tokens, needed);
    let found = bench.flow(health(&grant.tokens), None).await.unwrap();
    assert!(found.missing_scopes.is_empty() && found.access_expires_at.is_some());
    // Only what was granted for Instagram is given back.
    bench.flow(bench.connector.revoke(ADA).unwrap(), Some(&grant.tokens.access)).await.unwrap();
    let found = bench.flow(health(&grant.tokens), None).await.unwrap();
    assert_eq!(found.missing_scopes.len(), 4);
}

#[tokio::test]
async fn a_login_through_instagram_brings_the_account_itself() {
    let bench = bench("instagram").await;
    let grant = bench.flow(bench.connector.authenticate(&bench.app, bench.code(BAKERY)), None).await.unwrap();
    assert_eq!((grant.account.as_str(), grant.account_name.as_str()), (BAKERY, "examplebakery"));
    assert_eq!(grant.destinations[0].id, BAKERY_SCOPED);
    assert!(grant.destinations[0].refusal.is_none() && grant.missing_scopes.is_empty());
    assert!(grant.tokens.access_expires_at.is_some() && grant.tokens.refresh.is_some());
    let health = bench.connector.health_check(&bench.app, &grant.tokens, &[]);
    assert_eq!(bench.flow(health, None).await.unwrap().access_expires_at, grant.tokens.access_expires_at);
    // A token must be a day old before it is renewed.
    let renewal = bench.connector.refresh_token(&bench.app, grant.tokens.clone()).unwrap();
    assert_eq!(bench.flow(renewal, None).await.unwrap_err().disposition(), Disposition::Fail);
    bench.simulator.instagram().revoke(BAKERY, 460);
    let health = bench.connector.health_check(&bench.app, &grant.tokens, &[]);
    assert_eq!(bench.flow(health, None).await.unwrap_err().disposition(), Disposition::Reconnect);
    let personal = bench.flow(bench.connector.authenticate(&bench.app, bench.code(PERSONAL)), None).await.unwrap();
    assert_eq!(personal.destinations[0].refusal.as_ref().unwrap().code, "instagram.account.not_professional");
}

#[rstest]
#[case::facebook("facebook")]
#[case::instagram("instagram")]
#[tokio::test]
async fn the_consent_page_accepts_the_address_we_send_people_to(#[case] login: &str) {
    let bench = bench(login).await;
    let redirect_uri = Url::parse("https://postd.example/v1/oauth/instagram/callback").unwrap();
    let request = AuthorizeRequest { redirect_uri: &redirect_uri, state: "state", ask_again: true, challenge: None };
    let url = bench.connector.authorize_url(&bench.app, &request);
    let request = Request::new(http::Method::GET, url);
    let answer = crate::connector::transport::Transport::send(&bench.transport, request, Duration::from_secs(5));
    assert_eq!(answer.await.unwrap().status, 200);
}

#[tokio::test]
async fn a_post_has_figures_until_it_is_taken_down() {
    let bench = bench("facebook").await;
    for (content, options, product, _) in every_kind() {
        let ended = bench.publish(&bench.post(&content, options.as_ref()), &mut Disk::default()).await;
        let Ended::Published(published) = ended else { panic!("{ended:?}") };
        let figures = bench.connector.post_analytics(&published.remote_id).unwrap();
        let Analytics(figures) = bench.flow(figures, Some(&bench.token)).await.unwrap();
        // Of a new story nothing is told.
        assert_eq!(figures.contains_key("views"), product != "STORY", "{product}: {figures:?}");
        let delete = || bench.connector.delete_post(&published.remote_id).unwrap();
        bench.flow(delete(), Some(&bench.token)).await.unwrap();
        assert!(bench.media().is_empty());
        // What is gone is down.
        bench.flow(delete(), Some(&bench.token)).await.unwrap();
    }
}

#[tokio::test]
async fn an_app_with_a_wrong_id_is_the_operators_business() {
    for login in ["facebook", "instagram"] {
        let mut bench = bench(login).await;
        bench.app.client_id = "999".into();
        let code = bench.code(if login == "facebook" { ADA } else { BAKERY });
        let flow = bench.connector.authenticate(&bench.app, code);
        assert_eq!(bench.flow(flow, None).await.unwrap_err().disposition(), Disposition::Operator);
    }
}

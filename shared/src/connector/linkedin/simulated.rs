//! The connector, the driver and the transport together against the simulated LinkedIn, over HTTP.

use std::time::Duration;

use jiff::Timestamp;
use rstest::rstest;
use serde_json::{Value, json};
use simulator::{
    Fault, FaultKind, Options as Simulated, Simulator,
    linkedin::{
        MEMBER_APP, PAGE_APP,
        seed::{ANN, BAKERY, GARDEN},
    },
};

use super::*;
use crate::{
    clock::{Clock, SystemClock},
    connector::{
        Disposition,
        driver::{Budget, CallFailed, Calls, Ended, FirstRecord, FirstStep, Intent, Journal, run_flow, run_publish},
        settings::HostPolicy,
        transport::HttpTransport,
    },
    reach::Reach,
    secret::{AppSecret, AuthorizationCode, VerifyToken},
};

pub(super) struct Bench {
    pub(super) simulator: Simulator,
    connector: Linkedin,
    transport: HttpTransport,
    app: AppCredentials,
    token: AccessToken,
    author: String,
}

/// Keeps the checkpoint that was stored last; the process dies once it has stored so many, if it does not publish next.
#[derive(Default)]
pub(super) struct Disk {
    pub(super) checkpoint: Checkpoint,
    pub(super) writes: usize,
    pub(super) dies_at: Option<usize>,
}

impl Journal for Disk {
    type Error = ();

    async fn before_step(&mut self, intent: Option<&Intent>, checkpoint: &Checkpoint) -> Result<(), ()> {
        self.checkpoint = checkpoint.clone();
        self.writes += 1;
        if intent.is_none() && self.dies_at == Some(self.writes) { Err(()) } else { Ok(()) }
    }
}

pub(super) async fn bench(profile: Profile) -> Bench {
    let simulator = Simulator::start(Simulated::default()).await.unwrap();
    simulator.linkedin().set_processing_takes(SignedDuration::ZERO);
    let mut settings = LinkedinSettings::default();
    settings.set_api_url(&simulator.url_of("linkedin"), HostPolicy::StandIn).unwrap();
    settings.set_oauth_url(&simulator.url_of("linkedin"), HostPolicy::StandIn).unwrap();
    settings.set_settle_seconds(0).unwrap();
    let connector = Linkedin { settings, profile };
    let (app, author) = match profile {
        Profile::Member => (MEMBER_APP, format!("urn:li:person:{ANN}")),
        Profile::Page => (PAGE_APP, BAKERY.to_owned()),
    };
    let scopes: Vec<&str> = connector.scopes().iter().map(String::as_str).collect();
    let token = AccessToken::new(simulator.linkedin().token(app.id, ANN, &scopes).unwrap());
    let reach = Reach::with_local_hosts(simulator.address().to_string().parse().unwrap());
    let transport = HttpTransport::new(HostPolicy::StandIn).reaching(reach);
    let app = AppCredentials {
        client_id: app.id.into(),
        client_secret: AppSecret::new(app.secret),
        previous_client_secret: None,
        webhook_verify_token: VerifyToken::new("not-used"),
        previous_webhook_verify_token: None,
        webhook_secrets: Vec::new(),
    };
    Bench { simulator, connector, transport, app, token, author }
}

impl Bench {
    fn calls<'a>(&'a self, token: Option<&'a AccessToken>) -> Calls<'a> {
        let budget = Budget::lasting(Duration::from_secs(20)).with_calls(Duration::ZERO, Duration::from_secs(5));
        Calls::new(&self.transport, &self.connector, &self.app, token, budget)
    }

    async fn flow<T>(&self, flow: Box<dyn Flow<T>>, token: Option<&AccessToken>) -> Result<T, CallFailed> {
        run_flow(flow, &mut self.calls(token)).await
    }

    pub(super) fn post(&self, content: &Value, options: Option<Value>) -> Prepared {
        let name = self.connector.profile.name();
        let options = options.map(|options| serde_json::from_value(json!({ name: options })).unwrap());
        Prepared { content: serde_json::from_value(content.clone()).unwrap(), options, ..Prepared::at(&self.author) }
    }

    pub(super) async fn publish(&self, post: &Prepared) -> Ended<()> {
        self.publish_from(post, &mut Disk::default()).await
    }

    /// Goes on from what is on disk, waits included.
    pub(super) async fn publish_from(&self, post: &Prepared, disk: &mut Disk) -> Ended<()> {
        for _ in 0..10 {
            let first = FirstStep::plan(&self.connector, post, &disk.checkpoint).unwrap();
            let mut calls = self.calls(Some(&self.token));
            let ended = run_publish(&mut calls, post, first, FirstRecord::NotStored, disk).await;
            let Ended::Waiting { checkpoint, .. } = ended else { return ended };
            disk.checkpoint = checkpoint;
        }
        panic!("it waits for ever")
    }

    /// A file of the simulator's own.
    fn file(&self, name: &str, kind: &str, size: u64) -> Value {
        let url = format!("{}/_simulator/{name}?size={size}", self.simulator.url_of("linkedin"));
        json!({"url": url, "kind": kind, "title": "Bread"})
    }

    fn image(&self) -> Value {
        self.file("sample.jpg", "image", 9_000)
    }

    /// A video of three parts.
    pub(super) fn video(&self) -> Value {
        self.file("sample.mp4", "video", 9 * 1_048_576)
    }

    /// One post of each kind that has files.
    pub(super) fn with_files(&self) -> [Value; 5] {
        let image = self.image();
        [
            json!({ "media": [image] }),
            json!({ "media": [image, image] }),
            json!({ "media": [self.video()] }),
            json!({ "media": [self.file("sample.pdf", "document", 20_000)] }),
            json!({ "link": "https://example.com/a", "media": [image] }),
        ]
    }

    pub(super) fn posts_that_say(&self, text: &str) -> usize {
        self.simulator.linkedin().posts(&self.author).iter().filter(|post| post.commentary == text).count()
    }

    async fn read_back(&self, post: &Prepared, not_before: Timestamp) -> ReadBack {
        let fingerprint = Fingerprint::of(post, not_before, SystemClock.now());
        let flow = self.connector.read_back(&self.app, fingerprint);
        self.flow(flow, Some(&self.token)).await.unwrap()
    }
}

#[rstest]
#[case::member(Profile::Member)]
#[case::page(Profile::Page)]
#[tokio::test]
async fn a_login_brings_tokens_and_says_where_to_publish(#[case] profile: Profile) {
    let bench = bench(profile).await;
    let redirect_uri = Url::parse("https://postd.example/v1/oauth/linkedin/callback").unwrap();
    let scopes: Vec<&str> = bench.connector.scopes().iter().map(String::as_str).collect();
    let code = bench.simulator.linkedin().code(&bench.app.client_id, ANN, &scopes, redirect_uri.as_str()).unwrap();
    let grant = CodeGrant { code: AuthorizationCode::new(code), redirect_uri, verifier: None };
    let grant = bench.flow(bench.connector.authenticate(&bench.app, grant), None).await.unwrap();
    assert_eq!(grant.account, format!("urn:li:person:{ANN}"));
    assert_eq!(grant.missing_scopes, [""; 0]);
    assert!(grant.tokens.access_expires_at.is_some());
    let found: Vec<_> = grant
        .destinations
        .iter()
        .map(|found| (found.id.as_str(), found.refusal.as_ref().map(|refusal| refusal.code.as_str())))
        .collect();
    match profile {
        Profile::Member => assert_eq!(found, [(bench.author.as_str(), None)]),
        Profile::Page => {
            assert_eq!(found, [(BAKERY, None), (GARDEN, Some("linkedin.page.role_missing"))]);
            let refresh = bench.connector.refresh_token(&bench.app, grant.tokens.clone()).unwrap();
            let renewed = bench.flow(refresh, None).await.unwrap();
            assert_eq!(renewed.refresh.unwrap().expose(), grant.tokens.refresh.unwrap().expose());
        }
    }
}

#[tokio::test]
async fn the_dialog_accepts_the_address_we_send_people_to() {
    for profile in [Profile::Member, Profile::Page] {
        let bench = bench(profile).await;
        let redirect_uri = Url::parse("https://postd.example/v1/oauth/linkedin/callback").unwrap();
        let request =
            AuthorizeRequest { redirect_uri: &redirect_uri, state: "state", ask_again: false, challenge: None };
        let url = bench.connector.authorize_url(&bench.app, &request);
        let request = Request::new(http::Method::GET, url);
        let answer = crate::connector::transport::Transport::send(&bench.transport, request, Duration::from_secs(5));
        assert_eq!(answer.await.unwrap().status, 200);
    }
}

#[rstest]
#[case::member(Profile::Member)]
#[case::page(Profile::Page)]
#[tokio::test]
async fn every_kind_of_post_goes_out_once(#[case] profile: Profile) {
    let bench = bench(profile).await;
    let image = bench.image();
    let poll = json!({"question": "Rye?", "options": ["Yes", "No"], "duration": "one_day"});
    let mention = json!({"name": "Example Bakery", "urn": BAKERY});
    let posts = [
        (json!({"text": "Fresh (bread) #Rye by @Example Bakery"}), Some(json!({"mentions": [mention]}))),
        (json!({"text": "Read", "link": "https://example.com/a", "media": [image]}), None),
        (json!({"text": "One", "media": [image]}), Some(json!({"reshare_disabled": true}))),
        (json!({"text": "Three", "media": [image, image, image]}), None),
        (json!({"text": "Say"}), Some(json!({ "poll": poll }))),
        (json!({"text": "See", "media": [bench.video()]}), None),
        (json!({"text": "Prices", "media": [bench.file("sample.pdf", "document", 20_000)]}), None),
    ];
    for (content, options) in posts {
        let ended = bench.publish(&bench.post(&content, options)).await;
        let Ended::Published(published) = ended else { panic!("{content}: {ended:?}") };
        let newest = bench.simulator.linkedin().posts(&bench.author).remove(0);
        assert_eq!(newest.urn, published.remote_id);
    }
    let mut posts = bench.simulator.linkedin().posts(&bench.author);
    posts.reverse();
    assert_eq!(posts.len(), 7);
    assert_eq!(posts[0].shown, "Fresh (bread) #Rye by Example Bakery");
    assert!(posts[2].reshare_disabled && !posts[3].reshare_disabled);
    let files = bench.simulator.linkedin().state().files;
    let lengths: Vec<u64> = files.iter().map(|file| file.length).collect();
    assert_eq!(lengths, [9_000, 9_000, 9_000, 9_000, 9_000, 9 * 1_048_576, 20_000]);
    // Each part has begun where LinkedIn asked it to.
    assert_eq!(files[5].begins, [0, 4, 8]);
    assert!(files.iter().all(|file| file.owner == bench.author));
}

#[tokio::test]
async fn a_file_that_comes_to_nothing_makes_no_post() {
    let bench = bench(Profile::Page).await;
    bench.simulator.linkedin().fail_next_file();
    let ended = bench.publish(&bench.post(&json!({"media": [bench.image()]}), None)).await;
    let Ended::Failed { error, disposition: Disposition::Fail, .. } = ended else { panic!("{ended:?}") };
    assert_eq!(error.refusal().code, "linkedin.media.failed");
    assert!(bench.simulator.linkedin().posts(BAKERY).is_empty());
}

#[rstest]
#[case::accepted_then_timeout(FaultKind::AcceptedThenTimeout, 1)]
#[case::answer_lost(FaultKind::LostAnswer, 1)]
#[case::f35_failed_after_the_effect(FaultKind::Status500After, 1)]
#[case::f35_failed_before_the_effect(FaultKind::Status500Before, 0)]
#[case::reset_before_the_effect(FaultKind::RefusedBefore, 0)]
#[tokio::test]
async fn f34_what_nobody_saw_the_end_of_is_read_back(#[case] kind: FaultKind, #[case] is_out: usize) {
    for profile in [Profile::Page, Profile::Member] {
        let bench = bench(profile).await;
        let linkedin = bench.simulator.linkedin();
        let fault = Fault { hold_seconds: Some(0), ..Fault::new(kind) };
        linkedin.add_fault(fault.on_edge("POST", "posts").times(1));
        let began = SystemClock.now();
        let post = bench.post(&json!({"text": "Fresh (bread) https://example.com/a"}), None);
        let ended = bench.publish(&post).await;
        assert!(matches!(ended, Ended::Unknown { .. }), "{ended:?}");
        assert_eq!(linkedin.posts(&bench.author).len(), is_out);
        match (profile, bench.read_back(&post, began).await) {
            (Profile::Member, ReadBack::Undecided { .. }) => {}
            (Profile::Page, ReadBack::Found(found)) if is_out == 1 => {
                assert_eq!(found.remote_id, linkedin.posts(BAKERY).remove(0).urn);
            }
            (Profile::Page, ReadBack::Absent) if is_out == 0 => {}
            (_, verdict) => panic!("{verdict:?}"),
        }
    }
}

#[tokio::test]
async fn f46_a_post_by_a_person_is_not_taken_for_ours() {
    let bench = bench(Profile::Page).await;
    let _theirs = bench.simulator.linkedin().write_by_hand(BAKERY, "Fresh bread");
    let post = bench.post(&json!({"text": "Fresh bread"}), None);
    let asked = async |began: Timestamp, text: &str| {
        let mut fingerprint = Fingerprint::of(&post, began, began + SignedDuration::from_mins(5));
        fingerprint.content.text = Some(text.into());
        let flow = bench.connector.read_back(&bench.app, fingerprint);
        bench.flow(flow, Some(&bench.token)).await.unwrap()
    };
    let soon = SystemClock.now() + SignedDuration::from_mins(2);
    // A clock may be off by so much, so a person has to look.
    let verdict = asked(soon, "Fresh bread").await;
    assert!(matches!(verdict, ReadBack::Undecided { .. }), "{verdict:?}");
    assert_eq!(asked(soon, "Another").await, ReadBack::Absent);
    // And by so much it is not.
    assert_eq!(asked(soon + SignedDuration::from_mins(8), "Fresh bread").await, ReadBack::Absent);
}

#[tokio::test]
async fn a_duplicate_names_the_post_that_it_is_one_of() {
    let bench = bench(Profile::Page).await;
    let post = bench.post(&json!({"text": "Fresh bread"}), None);
    let Ended::Published(first) = bench.publish(&post).await else { panic!("not out") };
    let Ended::Unknown { cause } = bench.publish(&post).await else { panic!("not unknown") };
    assert_eq!(cause.code, "linkedin.post.duplicate");
    assert_eq!(cause.platform_code, Some(format!("422 DUPLICATE_POST {}", first.remote_id)));
}

#[rstest]
#[case::the_app("APPLICATION", "linkedin.rate.app")]
#[case::the_member("MEMBER", "linkedin.rate.member")]
#[tokio::test]
async fn a_used_up_quota_is_waited_for_until_midnight(#[case] scope: &str, #[case] code: &str) {
    let bench = bench(Profile::Page).await;
    let fault = Fault { name: Some(scope.into()), ..Fault::new(FaultKind::RateLimited) };
    bench.simulator.linkedin().add_fault(fault.on_edge("POST", "posts").times(1));
    let ended = bench.publish(&bench.post(&json!({"text": "Bread"}), None)).await;
    let Ended::Failed { error, disposition: Disposition::Retry(Some(wait)), .. } = ended else { panic!("{ended:?}") };
    assert_eq!(error.refusal().code, code);
    assert!(wait.is_positive() && wait <= SignedDuration::from_hours(24), "{wait:?}");
}

#[tokio::test]
async fn a_version_that_has_ended_is_the_operators_business() {
    let mut bench = bench(Profile::Page).await;
    bench.connector.settings.set_version("202510").unwrap();
    let ended = bench.publish(&bench.post(&json!({"text": "Bread"}), None)).await;
    let Ended::Failed { error, disposition: Disposition::Operator, .. } = ended else { panic!("{ended:?}") };
    assert_eq!(error.refusal().code, "linkedin.version.ended");
}

#[tokio::test]
async fn a_dead_token_asks_for_a_new_login() {
    let bench = bench(Profile::Page).await;
    let tokens = crate::connector::compliance::instance::tokens(bench.token.expose());
    let check = || bench.connector.health_check(&bench.app, &tokens, bench.connector.scopes());
    let health = bench.flow(check(), None).await.unwrap();
    assert!(health.missing_scopes.is_empty() && health.access_expires_at.is_some());
    bench.simulator.linkedin().revoke(ANN);
    let failed = bench.flow(check(), None).await.unwrap_err();
    assert_eq!(
        (failed.disposition(), failed.refusal().code.as_str()),
        (Disposition::Reconnect, "linkedin.token.revoked")
    );
    let ended = bench.publish(&bench.post(&json!({"text": "Bread"}), None)).await;
    assert!(matches!(ended, Ended::Failed { disposition: Disposition::Reconnect, .. }), "{ended:?}");
}

#[tokio::test]
async fn a_post_has_figures_until_it_is_taken_down() {
    let bench = bench(Profile::Page).await;
    let Ended::Published(published) = bench.publish(&bench.post(&json!({"text": "Bread"}), None)).await else {
        panic!()
    };
    let figures = bench.connector.post_analytics(&published.remote_id).unwrap();
    bench.flow(figures, Some(&bench.token)).await.unwrap();
    let delete = || bench.connector.delete_post(&published.remote_id).unwrap();
    bench.flow(delete(), Some(&bench.token)).await.unwrap();
    assert!(bench.simulator.linkedin().posts(BAKERY).is_empty());
    bench.flow(delete(), Some(&bench.token)).await.unwrap();
}

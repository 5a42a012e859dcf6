//! The connector, the driver and the transport together against the simulated Facebook, over HTTP.
//!
//! The simulator was written from the facts about the platform and not from this connector, so what both agree on is
//! more than one reading of them.

use std::time::Duration;

use jiff::Timestamp;
use rstest::rstest;
use serde_json::{Value, json};
use simulator::{
    APP_ID, APP_SECRET, Options, Simulator, VERIFY_TOKEN,
    facebook::{
        Fault, FaultKind,
        seed::{ADA, BAKERY, BOOKSHOP, CAFE, ODDITIES},
    },
};

use super::*;
use crate::{
    clock::{Clock, SystemClock},
    connector::{
        Disposition, Effect,
        driver::{Budget, CallFailed, Calls, Ended, FirstRecord, FirstStep, Intent, Journal, run_flow, run_publish},
        settings::HostPolicy,
        transport::HttpTransport,
    },
    reach::Reach,
    secret::{AppSecret, AuthorizationCode, VerifyToken},
};

pub(super) struct Bench {
    pub(super) simulator: Simulator,
    pub(super) connector: Facebook,
    transport: HttpTransport,
    app: AppCredentials,
    user_token: AccessToken,
}

struct NoDisk;

impl Journal for NoDisk {
    type Error = ();

    async fn before_step(&mut self, _: Option<&Intent>, _: &Checkpoint) -> Result<(), ()> {
        Ok(())
    }
}

pub(super) async fn bench() -> Bench {
    let simulator = Simulator::start(Options { require_proof: true, ..Options::default() }).await.unwrap();
    let mut settings = FacebookSettings::default();
    settings.set_graph_url(&simulator.url(), HostPolicy::StandIn).unwrap();
    settings.set_dialog_url(&simulator.url(), HostPolicy::StandIn).unwrap();
    settings.set_video_url(&simulator.url(), HostPolicy::StandIn).unwrap();
    settings.set_upload_url(&simulator.url(), HostPolicy::StandIn).unwrap();
    settings.set_settle_seconds(0).unwrap();
    let reach = Reach::with_local_hosts(simulator.address().to_string().parse().unwrap());
    let scopes: Vec<&str> = settings.scopes().iter().map(String::as_str).collect();
    let pages = [BAKERY, CAFE, ODDITIES, BOOKSHOP];
    let user_token = AccessToken::new(simulator.facebook().user_token(ADA, &pages, &scopes, true));
    Bench {
        simulator,
        connector: Facebook::new(settings),
        transport: HttpTransport::new(HostPolicy::StandIn).reaching(reach),
        app: AppCredentials {
            client_id: APP_ID.into(),
            client_secret: AppSecret::new(APP_SECRET),
            previous_client_secret: None,
            webhook_verify_token: VerifyToken::new(VERIFY_TOKEN),
            previous_webhook_verify_token: None,
            webhook_secrets: Vec::new(),
        },
        user_token,
    }
}

impl Bench {
    pub(super) async fn flow<T>(&self, flow: Box<dyn Flow<T>>, token: Option<&AccessToken>) -> Result<T, CallFailed> {
        let budget = Budget::lasting(Duration::from_mins(1));
        run_flow(flow, &mut Calls::new(&self.transport, &self.connector, &self.app, token, budget)).await
    }

    pub(super) fn page_token(&self, page: &str) -> AccessToken {
        AccessToken::new(self.simulator.facebook().page_token(self.user_token.expose(), page).unwrap())
    }

    async fn publish(&self, page: &str, content: Value) -> Ended<()> {
        self.go_on(page, content, None, &Checkpoint::default()).await
    }

    pub(super) async fn go_on(
        &self,
        page: &str,
        content: Value,
        options: Option<Value>,
        checkpoint: &Checkpoint,
    ) -> Ended<()> {
        let options = options.map(|options| serde_json::from_value(json!({ "facebook": options })).unwrap());
        let post = Prepared { content: serde_json::from_value(content).unwrap(), options, ..Prepared::at(page) };
        let first = FirstStep::plan(&self.connector, &post, checkpoint).unwrap();
        let token = self.page_token(page);
        let budget = Budget::lasting(Duration::from_secs(5)).with_calls(Duration::ZERO, Duration::from_secs(2));
        let mut calls = Calls::new(&self.transport, &self.connector, &self.app, Some(&token), budget);
        run_publish(&mut calls, &post, first, FirstRecord::NotStored, &mut NoDisk).await
    }

    async fn read_back(&self, page: &str, content: Value, not_before: Timestamp) -> ReadBack {
        let post = Prepared { content: serde_json::from_value(content).unwrap(), ..Prepared::at(page) };
        let fingerprint = Fingerprint::of(&post, not_before, SystemClock.now());
        let flow = self.connector.read_back(&self.app, fingerprint);
        self.flow(flow, Some(&self.page_token(page))).await.unwrap()
    }

    fn posts(&self, page: &str, message: &str) -> Vec<String> {
        let page = self.simulator.facebook().page(page).unwrap();
        page.posts.into_iter().filter(|post| post.message.as_deref() == Some(message)).map(|post| post.id).collect()
    }
}

fn every_content() -> [Value; 6] {
    let photo = json!({"url": "https://example.com/a.jpg", "kind": "image", "alt_text": "A loaf"});
    [
        json!({"text": "Fresh bread"}),
        json!({"text": "Fresh bread", "link": "https://example.com/bread?a=b"}),
        json!({"text": "Fresh bread", "media": [photo]}),
        json!({"media": [photo]}),
        json!({"text": "Fresh bread", "media": [photo, photo, photo]}),
        json!({"media": [photo, photo]}),
    ]
}

#[tokio::test]
async fn a_login_brings_the_pages_and_says_where_postd_may_not_publish() {
    let bench = bench().await;
    let redirect_uri = Url::parse("https://postd.example/v1/oauth/facebook/callback").unwrap();
    let code = AuthorizationCode::new(bench.simulator.facebook().code(ADA, redirect_uri.as_str()));
    let flow = bench.connector.authenticate(&bench.app, CodeGrant { code, redirect_uri, verifier: None });
    let grant = bench.flow(flow, None).await.unwrap();
    assert_eq!((grant.account.as_str(), grant.account_name.as_str()), (ADA, "Ada Example"));
    assert_eq!(grant.missing_scopes, [""; 0]);
    assert!(grant.tokens.access_expires_at.is_some() && grant.tokens.data_access_expires_at.is_some());
    let found: Vec<_> = grant
        .destinations
        .iter()
        .map(|found| (found.id.as_str(), found.refusal.as_ref().map(|refusal| refusal.code.as_str())))
        .collect();
    let expected = [(BAKERY, None), (CAFE, Some("facebook.page.task_missing")), (ODDITIES, None), (BOOKSHOP, None)];
    assert_eq!(found, expected);
    let listed = bench.flow(bench.connector.fetch_accounts(), Some(&bench.user_token)).await.unwrap();
    assert_eq!(listed.len(), 4);
}

#[tokio::test]
async fn the_dialog_accepts_the_address_we_send_people_to() {
    let bench = bench().await;
    let redirect_uri = Url::parse("https://postd.example/v1/oauth/facebook/callback").unwrap();
    let request = AuthorizeRequest { redirect_uri: &redirect_uri, state: "state", ask_again: true, challenge: None };
    let url = bench.connector.authorize_url(&bench.app, &request);
    let answer = crate::connector::transport::Transport::send(
        &bench.transport,
        Request::new(http::Method::GET, url),
        Duration::from_secs(5),
    );
    assert_eq!(answer.await.unwrap().status, 200);
}

#[tokio::test]
async fn every_kind_of_post_goes_out_once() {
    let bench = bench().await;
    for (index, mut content) in every_content().into_iter().enumerate() {
        if let Some(text) = content.get_mut("text") {
            *text = format!("Post {index}").into();
        }
        let ended = bench.publish(BAKERY, content).await;
        let Ended::Published(published) = ended else { panic!("{ended:?}") };
        let newest = bench.simulator.facebook().page(BAKERY).unwrap().posts.remove(0);
        assert_eq!(newest.id, published.remote_id);
        if let Some(url) = published.url {
            assert_eq!(newest.permalink_url, url.as_str());
        }
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
    for content in every_content() {
        let bench = bench().await;
        let facebook = bench.simulator.facebook();
        let photos = content.get("media").and_then(Value::as_array).map_or(0, Vec::len);
        let edge = if photos == 1 { "photos" } else { "feed" };
        facebook.add_fault(Fault::new(kind).on_edge("POST", edge).times(1));
        let before = facebook.page(BAKERY).unwrap().posts.len();
        let began = SystemClock.now();
        let ended = bench.publish(BAKERY, content.clone()).await;
        assert!(matches!(ended, Ended::Unknown { .. }), "{content}: {ended:?}");
        let mut posts = facebook.page(BAKERY).unwrap().posts;
        assert_eq!(posts.len() - before, is_out, "{content}");
        let verdict = bench.read_back(BAKERY, content.clone(), began).await;
        match verdict {
            ReadBack::Found(found) if is_out == 1 => assert_eq!(found.remote_id, posts.remove(0).id),
            ReadBack::Absent if is_out == 0 => {}
            other @ (ReadBack::Found(_) | ReadBack::Absent | ReadBack::Refused(_) | ReadBack::Undecided { .. }) => {
                panic!("{content}: {other:?}")
            }
        }
    }
}

#[tokio::test]
async fn f46_identical_posts_by_a_person_are_not_taken_for_ours() {
    let bench = bench().await;
    let facebook = bench.simulator.facebook();
    facebook.set_refuse_duplicates(false);
    let content = json!({"text": "Fresh bread"});
    let began = SystemClock.now();
    let first = facebook.write_by_hand(BAKERY, "Fresh bread");
    assert_eq!(bench.read_back(BAKERY, content.clone(), began).await, ReadBack::Absent);
    facebook.add_fault(Fault::new(FaultKind::LostAnswer).on_edge("POST", "feed").times(1));
    bench.publish(BAKERY, content.clone()).await;
    let last = facebook.write_by_hand(BAKERY, "Fresh bread");
    let ReadBack::Found(found) = bench.read_back(BAKERY, content, began).await else { panic!("not found") };
    assert!(found.remote_id != first && found.remote_id != last);
    assert_eq!(bench.posts(BAKERY, "Fresh bread").len(), 3);
}

#[tokio::test]
async fn a_listing_that_begins_with_an_empty_page_is_read_on() {
    let bench = bench().await;
    let content = json!({"text": "Odd"});
    let began = SystemClock.now();
    let ended = bench.publish(ODDITIES, content.clone()).await;
    let Ended::Published(published) = ended else { panic!("{ended:?}") };
    let ReadBack::Found(found) = bench.read_back(ODDITIES, content, began).await else { panic!("not found") };
    assert_eq!(found.remote_id, published.remote_id);
}

#[tokio::test]
async fn a_throttled_page_is_left_alone_as_long_as_it_asks() {
    let bench = bench().await;
    let fault = Fault { minutes: Some(19), ..Fault::new(FaultKind::RateLimited) };
    bench.simulator.facebook().add_fault(fault.on_edge("POST", "feed").times(1));
    let ended = bench.publish(BAKERY, json!({"text": "Fresh bread"})).await;
    let Ended::Failed { disposition, effect: Effect::Publish, .. } = ended else { panic!("{ended:?}") };
    assert_eq!(disposition, Disposition::Retry(Some(SignedDuration::from_mins(19))));
}

#[tokio::test]
async fn a_dead_token_asks_for_a_new_login() {
    let bench = bench().await;
    let tokens = || TokenSet {
        access: bench.user_token.clone(),
        access_expires_at: None,
        data_access_expires_at: None,
        refresh: None,
        refresh_expires_at: None,
    };
    let needed = bench.connector.settings().scopes();
    let health = bench.flow(bench.connector.health_check(&bench.app, &tokens(), needed), None).await.unwrap();
    assert_eq!(health.missing_scopes, [""; 0]);
    assert!(health.access_expires_at.is_some());
    bench.flow(bench.connector.revoke(ADA).unwrap(), Some(&bench.user_token)).await.unwrap();
    let failed = bench.flow(bench.connector.health_check(&bench.app, &tokens(), needed), None).await.unwrap_err();
    assert_eq!(failed.disposition(), Disposition::Reconnect);
    assert_eq!(failed.refusal().code, "facebook.token.app_removed");
}

#[tokio::test]
async fn a_post_has_figures_until_it_is_taken_down() {
    let bench = bench().await;
    let ended = bench.publish(BAKERY, json!({"text": "Fresh bread"})).await;
    let Ended::Published(published) = ended else { panic!("{ended:?}") };
    let token = bench.page_token(BAKERY);
    let figures = bench.connector.post_analytics(&published.remote_id).unwrap();
    let Analytics(figures) = bench.flow(figures, Some(&token)).await.unwrap();
    for metric in &bench.connector.settings().metrics {
        assert!(figures.contains_key(metric), "{metric}");
    }
    let delete = || bench.connector.delete_post(&published.remote_id).unwrap();
    bench.flow(delete(), Some(&token)).await.unwrap();
    assert!(bench.posts(BAKERY, "Fresh bread").is_empty());
    // What is gone is down.
    bench.flow(delete(), Some(&token)).await.unwrap();
}

#[tokio::test]
async fn an_app_with_a_wrong_id_is_the_operators_business() {
    let mut bench = bench().await;
    bench.app.client_id = "999".into();
    let redirect_uri = Url::parse("https://postd.example/callback").unwrap();
    let code = AuthorizationCode::new("code");
    let flow = bench.connector.authenticate(&bench.app, CodeGrant { code, redirect_uri, verifier: None });
    assert_eq!(bench.flow(flow, None).await.unwrap_err().disposition(), Disposition::Operator);
}

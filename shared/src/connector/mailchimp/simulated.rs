//! The connector, the driver and the transport together against the simulated Mailchimp, over HTTP.
//!
//! The simulator was written from the facts about the platform and not from this connector, so what both agree on is
//! more than one reading of them.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use rstest::rstest;
use serde_json::{Value, json};
use simulator::{
    Clock, Fault, FaultKind, ManualClock, Options as Simulation, Simulator,
    mailchimp::{APP, CampaignView, seed::*},
};

use super::*;
use crate::{
    connector::{
        Disposition, Effect,
        driver::{Budget, CallFailed, Calls, Ended, FirstRecord, FirstStep, Intent, Journal, run_flow, run_publish},
        settings::HostPolicy,
        transport::HttpTransport,
    },
    secret::{AppSecret, AuthorizationCode, VerifyToken},
};

struct Bench {
    simulator: Simulator,
    clock: ManualClock,
    connector: Mailchimp,
    transport: HttpTransport,
    app: AppCredentials,
    token: AccessToken,
}

/// Keeps the checkpoint that was stored last.
#[derive(Default)]
struct Disk(Checkpoint);

impl Journal for Disk {
    type Error = ();

    async fn before_step(&mut self, _: Option<&Intent>, checkpoint: &Checkpoint) -> Result<(), ()> {
        self.0 = checkpoint.clone();
        Ok(())
    }
}

const START: &str = "2026-11-21T10:00:00Z";

async fn bench_of(person: &str, data_centre: &str) -> Bench {
    let clock = ManualClock::new(START.parse().unwrap());
    let options = Simulation { clock: Clock::Manual(clock.clone()), ..Simulation::default() };
    let simulator = Simulator::start(options).await.unwrap();
    let mut settings = MailchimpSettings::default();
    settings.set_login_url(&simulator.url_of("mailchimp"), HostPolicy::StandIn).unwrap();
    settings.set_api_url(&simulator.url_of("mailchimp"), HostPolicy::StandIn).unwrap();
    let token = sign::with_data_centre(&AccessToken::new(simulator.mailchimp().token(person)), Some(data_centre));
    Bench {
        simulator,
        clock,
        connector: Mailchimp::new(settings),
        transport: HttpTransport::new(HostPolicy::StandIn),
        app: AppCredentials {
            client_id: APP.id.into(),
            client_secret: AppSecret::new(APP.secret),
            previous_client_secret: None,
            webhook_verify_token: VerifyToken::new(APP.verify_token),
            previous_webhook_verify_token: None,
            webhook_secrets: Vec::new(),
        },
        token,
    }
}

async fn bench() -> Bench {
    bench_of(ADA, DATA_CENTRE).await
}

fn post(list: &str, content: Value, options: Value) -> Prepared {
    Prepared {
        content: serde_json::from_value(content).unwrap(),
        options: Some(serde_json::from_value(Value::from_iter([("mailchimp", options)])).unwrap()),
        marker: "post_7-t1".into(),
        ..Prepared::at(list)
    }
}

fn bread() -> Prepared {
    post(NEWSLETTER, json!({"text": "Fresh bread"}), json!({"subject": "Bread", "html": "<p>Fresh bread</p>"}))
}

impl Bench {
    fn mailchimp(&self) -> &simulator::mailchimp::Mailchimp {
        self.simulator.mailchimp()
    }

    fn campaigns(&self, list: &str) -> Vec<CampaignView> {
        let mut campaigns = self.mailchimp().campaigns(list);
        campaigns.retain(|campaign| campaign.by_api);
        campaigns
    }

    async fn flow<T>(&self, flow: Box<dyn Flow<T>>) -> Result<T, CallFailed> {
        let budget = Budget::lasting(Duration::from_mins(1));
        run_flow(flow, &mut Calls::new(&self.transport, &self.connector, &self.app, Some(&self.token), budget)).await
    }

    /// Publishes from a checkpoint on, waits included; how it ended, and what was stored last.
    async fn publish_from(&self, post: &Prepared, mut disk: Disk) -> (Ended<()>, Checkpoint) {
        for _ in 0..10 {
            let first = FirstStep::plan(&self.connector, post, &disk.0).unwrap();
            let budget = Budget::lasting(Duration::from_secs(20)).with_calls(Duration::ZERO, Duration::from_secs(3));
            let mut calls = Calls::new(&self.transport, &self.connector, &self.app, Some(&self.token), budget);
            let ended = run_publish(&mut calls, post, first, FirstRecord::NotStored, &mut disk).await;
            let Ended::Waiting { checkpoint, .. } = ended else { return (ended, disk.0) };
            disk = Disk(checkpoint);
        }
        panic!("it waits for ever")
    }

    async fn publish(&self, post: &Prepared) -> Ended<()> {
        self.publish_from(post, Disk::default()).await.0
    }

    async fn read_back(&self, post: &Prepared, checkpoint: Checkpoint, after: i64) -> ReadBack {
        let sent: Timestamp = START.parse().unwrap();
        let now = sent + SignedDuration::from_secs(after);
        let fingerprint = Fingerprint { checkpoint, ..Fingerprint::of(post, sent, now) };
        self.flow(self.connector.read_back(&self.app, fingerprint)).await.unwrap()
    }
}

#[tokio::test]
async fn a_login_brings_the_audiences_of_the_account_and_its_data_centre() {
    let bench = bench().await;
    let redirect_uri = Url::parse("https://postd.example/v1/oauth/mailchimp/callback").unwrap();
    let code = AuthorizationCode::new(bench.mailchimp().code(ADA, redirect_uri.as_str()));
    let flow = bench.connector.authenticate(&bench.app, CodeGrant { code, redirect_uri, verifier: None });
    let grant = bench.flow(flow).await.unwrap();
    assert_eq!(grant.account_name, "Example Bakery");
    assert!(grant.account.ends_with(&format!(".{ADA}")));
    assert_eq!((grant.scopes, grant.missing_scopes), (vec!["send".to_owned()], Vec::new()));
    assert!(grant.tokens.access.expose().ends_with("-us6") && grant.tokens.access_expires_at.is_none());
    let ids: Vec<_> = grant.destinations.iter().map(|found| found.id.as_str()).collect();
    assert_eq!(ids, [NEWSLETTER, NOBODY, UNVERIFIED]);
}

#[tokio::test]
async fn who_may_only_look_is_connected_and_may_send_nowhere() {
    let bench = bench().await;
    let redirect_uri = Url::parse("https://postd.example/v1/oauth/mailchimp/callback").unwrap();
    let code = AuthorizationCode::new(bench.mailchimp().code(VIC, redirect_uri.as_str()));
    let flow = bench.connector.authenticate(&bench.app, CodeGrant { code, redirect_uri, verifier: None });
    let grant = bench.flow(flow).await.unwrap();
    assert_eq!(grant.missing_scopes, ["send"]);
    let codes: Vec<_> = grant.destinations.iter().map(|found| found.refusal.as_ref().unwrap().code.as_str()).collect();
    assert_eq!(codes, ["mailchimp.role.may_not_send"; 3]);
}

#[rstest]
#[case::plain_text(json!({"text": "Bread"}), json!({"subject": "Bread"}), "plaintext", 120)]
#[case::html(json!({}), json!({"subject": "Bread", "html": "<p>Bread</p>"}), "regular", 120)]
#[case::both(json!({"text": "Bread"}), json!({"subject": "Bread", "html": "<p>Bread</p>"}), "regular", 120)]
#[case::template(json!({}), json!({"subject": "Bread", "template": {"id": 17, "sections": {"body": "<p>B"}}}), "regular", 120)]
#[case::a_segment(json!({"text": "Bread"}), json!({"subject": "Bread", "segment": {"saved": REGULARS}}), "plaintext", 40)]
#[case::conditions(
    json!({"text": "Bread"}),
    json!({"subject": "Bread", "segment": {"matching": {"match": "all", "conditions": [
        {"condition_type": "TextMerge", "field": "FNAME", "op": "is", "value": "Ada"}
    ]}}}),
    "plaintext",
    40
)]
#[case::ab_test(
    json!({"text": "Bread"}),
    json!({"html": "<p>B", "ab_test": {"winner": "opens", "wait_minutes": 60, "test_size": 20, "subjects": ["A", "B"]}}),
    "variate",
    120
)]
#[case::everything(
    json!({"text": "Bread"}),
    json!({
        "subject": "Bread", "preview_text": "Fresh", "from_name": "Ada", "reply_to": "ada@bakery.example.com",
        "to_name": "*|FNAME|*", "html": "<p>*|UNSUB|*</p>", "folder_id": "a1b2", "auto_footer": false, "inline_css": true,
        "tracking": {"opens": true, "html_clicks": false, "text_clicks": true, "google_analytics": "bread"},
        "test_emails": ["ada@bakery.example.com"],
    }),
    "regular",
    120
)]
#[tokio::test]
async fn every_kind_of_campaign_is_sent_once(
    #[case] content: Value,
    #[case] options: Value,
    #[case] kind: &str,
    #[case] recipients: u64,
) {
    let bench = bench().await;
    let tests = options.get("test_emails").is_some();
    let ended = bench.publish(&post(NEWSLETTER, content, options)).await;
    let Ended::Published(published) = ended else { panic!("{ended:?}") };
    bench.clock.advance(SignedDuration::from_secs(31));
    let campaigns = bench.campaigns(NEWSLETTER);
    assert_eq!(campaigns.len(), 1);
    let campaign = &campaigns[0];
    assert_eq!(
        (campaign.id.as_str(), campaign.status, campaign.kind.as_str()),
        (published.remote_id.as_str(), "sent", kind)
    );
    assert_eq!((campaign.recipients, campaign.emails_sent), (recipients, recipients));
    assert_eq!(campaign.tests.len(), usize::from(tests));
    assert!(campaign.title.ends_with("[postd:post_7-t1]"), "{}", campaign.title);
    assert!(published.url.unwrap().path().contains(&campaign.id));
}

#[tokio::test]
async fn f12_a_campaign_that_mailchimp_takes_for_unready_is_not_sent_and_says_so() {
    let bench = bench().await;
    for list in [NOBODY, UNVERIFIED] {
        let ended = bench.publish(&post(list, json!({"text": "Bread"}), json!({"subject": "Bread"}))).await;
        let Ended::Failed { error, disposition: Disposition::Fail, .. } = ended else { panic!("{ended:?}") };
        let refusal = error.refusal();
        assert_eq!(refusal.code, "mailchimp.campaign.not_ready");
        assert!(refusal.platform_code.unwrap().starts_with("checklist "));
        assert!(bench.campaigns(list).iter().all(|campaign| campaign.status == "save"));
    }
}

#[tokio::test]
async fn what_mailchimp_refuses_names_the_field() {
    let bench = bench().await;
    let strangers = json!({"subject": "Bread", "segment": {"saved": 999}});
    let ended = bench.publish(&post(NEWSLETTER, json!({"text": "Bread"}), strangers)).await;
    let Ended::Failed { error, disposition: Disposition::Fail, .. } = ended else { panic!("{ended:?}") };
    let refusal = error.refusal();
    assert_eq!(refusal.platform_code.as_deref(), Some("400 Invalid Resource"));
    assert!(refusal.message.contains("`recipients.segment_opts.saved_segment_id`"), "{}", refusal.message);
}

#[rstest]
#[case::f34_silence(Fault { hold_seconds: Some(0), ..Fault::new(FaultKind::AcceptedThenTimeout) })]
#[case::f34_lost(Fault::new(FaultKind::LostAnswer))]
#[case::f35_failed_after(Fault::new(FaultKind::Status500After))]
#[case::f35_bad_gateway_after(Fault { status: Some(502), ..Fault::new(FaultKind::Status500After) })]
#[tokio::test]
async fn a_campaign_whose_sending_nobody_saw_the_end_of_is_found_by_its_status(#[case] fault: Fault) {
    let bench = bench().await;
    bench.mailchimp().add_fault(fault.on_edge("POST", "send").times(1));
    let (ended, checkpoint) = bench.publish_from(&bread(), Disk::default()).await;
    assert!(matches!(ended, Ended::Unknown { .. }), "{ended:?}");
    let ReadBack::Found(found) = bench.read_back(&bread(), checkpoint.clone(), 300).await else { panic!("not found") };
    assert_eq!(found.remote_id, bench.campaigns(NEWSLETTER)[0].id);
    // Whoever goes on all the same, sends nothing more.
    let (again, _) = bench.publish_from(&bread(), Disk(checkpoint)).await;
    assert!(matches!(again, Ended::Published(_)), "{again:?}");
    let sent = bench.mailchimp().requests().into_iter().filter(|call| call.path.ends_with("/actions/send"));
    assert_eq!(sent.count(), 1);
}

#[tokio::test]
async fn f34_a_campaign_that_was_not_sent_is_proved_absent_and_sent_again() {
    let bench = bench().await;
    bench.mailchimp().add_fault(Fault::new(FaultKind::Status500Before).on_edge("POST", "send").times(1));
    let (ended, checkpoint) = bench.publish_from(&bread(), Disk::default()).await;
    assert!(matches!(ended, Ended::Unknown { .. }), "{ended:?}");
    let early = bench.read_back(&bread(), checkpoint.clone(), 299).await;
    assert!(matches!(early, ReadBack::Undecided { .. }), "{early:?}");
    assert_eq!(bench.read_back(&bread(), checkpoint.clone(), 300).await, ReadBack::Absent);
    let (ended, _) = bench.publish_from(&bread(), Disk(checkpoint)).await;
    assert!(matches!(ended, Ended::Published(_)), "{ended:?}");
    assert_eq!(bench.campaigns(NEWSLETTER).len(), 1);
}

#[rstest]
#[case("POST", "campaigns")]
#[case("PUT", "content")]
#[case("GET", "send-checklist")]
#[tokio::test]
async fn f38_a_step_whose_answer_is_lost_is_gone_on_with_and_makes_no_second_campaign(
    #[case] method: &str,
    #[case] edge: &str,
) {
    let bench = bench().await;
    bench.mailchimp().add_fault(Fault::new(FaultKind::LostAnswer).on_edge(method, edge).times(1));
    let (ended, checkpoint) = bench.publish_from(&bread(), Disk::default()).await;
    assert!(matches!(ended, Ended::Failed { disposition: Disposition::Retry(_), .. }), "{ended:?}");
    let (ended, _) = bench.publish_from(&bread(), Disk(checkpoint)).await;
    assert!(matches!(ended, Ended::Published(_)), "{ended:?}");
    assert_eq!(bench.campaigns(NEWSLETTER).len(), 1);
}

#[tokio::test]
async fn f46_a_campaign_of_a_person_with_the_same_subject_is_not_taken_for_ours() {
    let bench = bench().await;
    let theirs = bench.mailchimp().write_by_hand(NEWSLETTER, "Bread");
    bench.mailchimp().add_fault(Fault::new(FaultKind::LostAnswer).on_edge("POST", "send").times(1));
    let (_, checkpoint) = bench.publish_from(&bread(), Disk::default()).await;
    let ReadBack::Found(found) = bench.read_back(&bread(), checkpoint, 300).await else { panic!("not found") };
    assert_ne!(found.remote_id, theirs);
    let untouched = bench.mailchimp().campaigns(NEWSLETTER).into_iter().find(|campaign| campaign.id == theirs).unwrap();
    assert_eq!(untouched.status, "save");
}

#[tokio::test]
async fn f40_a_throttled_account_is_left_alone_as_long_as_it_asks() {
    let bench = bench().await;
    let fault = Fault { minutes: Some(19), ..Fault::new(FaultKind::RateLimited) };
    bench.mailchimp().add_fault(fault.on_edge("POST", "send").times(1));
    let ended = bench.publish(&bread()).await;
    let Ended::Failed { disposition, effect: Effect::Publish, .. } = ended else { panic!("{ended:?}") };
    assert_eq!(disposition, Disposition::Retry(Some(SignedDuration::from_mins(19))));
    bench.mailchimp().add_fault(Fault::refusal(403, "Edge").on_edge("GET", "campaigns").times(1));
    let ended = bench.publish(&bread()).await;
    let Ended::Failed { error, disposition: Disposition::Retry(None), .. } = ended else { panic!("{ended:?}") };
    assert_eq!(error.refusal().code, "mailchimp.rate.edge");
}

#[tokio::test]
async fn health_tells_a_dead_token_a_lost_role_and_an_account_that_has_moved() {
    let bench = bench().await;
    let tokens = crate::connector::compliance::instance::tokens(bench.token.expose());
    let needed = ["send".to_owned()];
    let check = || bench.flow(bench.connector.health_check(&bench.app, &tokens, &needed));
    assert_eq!(check().await.unwrap().missing_scopes, [""; 0]);
    bench.mailchimp().set_role(ADA, "viewer");
    assert_eq!(check().await.unwrap().missing_scopes, ["send"]);
    bench.mailchimp().move_account(ADA, "us7");
    let moved = check().await.unwrap_err();
    assert_eq!(
        (moved.refusal().code.as_str(), moved.disposition()),
        ("mailchimp.account.moved", Disposition::Reconnect)
    );
    bench.mailchimp().revoke(ADA);
    let dead = check().await.unwrap_err();
    assert_eq!((dead.refusal().code.as_str(), dead.disposition()), ("mailchimp.token.invalid", Disposition::Reconnect));
    let disabled = bench_of(ADA, DATA_CENTRE).await;
    disabled.mailchimp().disable(ADA);
    let tokens = crate::connector::compliance::instance::tokens(disabled.token.expose());
    let failed = disabled.flow(disabled.connector.health_check(&disabled.app, &tokens, &needed)).await.unwrap_err();
    assert_eq!(failed.refusal().code, "mailchimp.user.disabled");
}

#[tokio::test]
async fn a_campaign_has_figures_once_it_is_sent_and_more_of_them_later() {
    let bench = bench().await;
    let Ended::Published(published) = bench.publish(&bread()).await else { panic!("not published") };
    bench.clock.advance(SignedDuration::from_mins(5));
    let figures = || bench.flow(bench.connector.post_analytics(&published.remote_id).unwrap());
    let Analytics(early) = figures().await.unwrap();
    assert_eq!((early["emails_sent"], early["hard_bounces"], early["delivered"]), (120, 2, 118));
    assert_eq!(early["audience_open_rate_ppm"], 415_000, "41.5 percent");
    bench.clock.advance(SignedDuration::from_hours(40));
    let Analytics(late) = figures().await.unwrap();
    assert!(late["unique_opens"] > early["unique_opens"]);
    assert_eq!(late["open_rate_ppm"], (late["unique_opens"] * 1_000_000 + 59) / 118);
    let draft = bench.mailchimp().write_by_hand(NEWSLETTER, "Draft");
    let none = bench.flow(bench.connector.post_analytics(&draft).unwrap()).await.unwrap_err();
    assert_eq!(
        (none.refusal().code.as_str(), none.disposition()),
        ("mailchimp.report.missing", Disposition::Retry(None))
    );
}

#[tokio::test]
async fn a_campaign_is_stopped_where_the_plan_allows_it_and_deleted() {
    let premium = bench_of(GRACE, "us21").await;
    let garden = post(GARDENERS, json!({"text": "Seeds"}), json!({"subject": "Seeds"}));
    let Ended::Published(published) = premium.publish(&garden).await else { panic!("not published") };
    premium.flow(premium.connector.delete_post(&published.remote_id).unwrap()).await.unwrap();
    assert_eq!(premium.campaigns(GARDENERS), []);
    // Gone is gone.
    premium.flow(premium.connector.delete_post(&published.remote_id).unwrap()).await.unwrap();

    let bench = bench().await;
    let Ended::Published(published) = bench.publish(&bread()).await else { panic!("not published") };
    let delete = || bench.flow(bench.connector.delete_post(&published.remote_id).unwrap());
    assert_eq!(delete().await.unwrap_err().refusal().code, "mailchimp.campaign.cannot_stop");
    bench.clock.advance(SignedDuration::from_secs(31));
    delete().await.unwrap();
    assert_eq!(bench.campaigns(NEWSLETTER), []);
    let draft = bench.mailchimp().write_by_hand(NEWSLETTER, "Draft");
    assert!(bench.mailchimp().send_by_hand(&draft, Some("2026-11-21T12:00:00Z".parse().unwrap())));
    bench.flow(bench.connector.delete_post(&draft).unwrap()).await.unwrap();
}

#[tokio::test]
async fn an_app_with_a_wrong_secret_is_the_operators_business() {
    let mut bench = bench().await;
    let redirect_uri = Url::parse("https://postd.example/callback").unwrap();
    let code = AuthorizationCode::new(bench.mailchimp().code(ADA, redirect_uri.as_str()));
    bench.app.client_secret = AppSecret::new("wrong");
    let flow = bench.connector.authenticate(&bench.app, CodeGrant { code, redirect_uri, verifier: None });
    assert_eq!(bench.flow(flow).await.unwrap_err().disposition(), Disposition::Operator);
}

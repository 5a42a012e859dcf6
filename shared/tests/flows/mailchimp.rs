//! Campaigns at Mailchimp: from a login to mails that are out, and everything that may go wrong in between.

use bytes::Bytes;
use serde_json::{Value, json};
use shared::http::Response;
use simulator::{
    Fault, FaultKind,
    mailchimp::{APP, CampaignView, Mailchimp, seed},
};

use crate::world::World;

/// Past this a campaign that looks unsent is unsent.
const SETTLED: i64 = 301;

fn mailchimp(world: &World) -> &Mailchimp {
    world.simulator.mailchimp()
}

async fn connected_as(world: &World, person: &str) -> String {
    let session = json!({ "platform": "mailchimp", "return_url": "http://127.0.0.1:9/done" });
    let back = Box::pin(world.connect_as(person, &[], &session)).await;
    let (_, id) = back.query_pairs().find(|(name, _)| name == "connection").expect("connected");
    id.into_owned()
}

async fn connected(world: &World) -> String {
    connected_as(world, seed::ADA).await
}

fn newsletter(connection: &str) -> Value {
    json!({
        "content": { "text": "Fresh bread" },
        "targets": [{
            "connection": connection,
            "destination": seed::NEWSLETTER,
            "options": { "mailchimp": { "subject": "Bread", "html": "<p>Fresh bread</p>" } },
        }],
    })
}

async fn accepted(world: &World, connection: &str) -> String {
    world.create(&newsletter(connection)).await.unwrap()["id"].as_str().unwrap().to_owned()
}

/// The campaigns that we made.
fn campaigns(world: &World) -> Vec<CampaignView> {
    let mut campaigns = mailchimp(world).campaigns(seed::NEWSLETTER);
    campaigns.retain(|campaign| campaign.by_api);
    campaigns
}

fn sends(world: &World) -> usize {
    mailchimp(world).requests().iter().filter(|call| call.path.ends_with("/actions/send")).count()
}

async fn on(world: &World, seconds: i64) {
    world.advance(seconds);
    world.dispatcher.tick().await.unwrap();
    world.drain().await;
}

#[tokio::test]
async fn a_person_connects_an_account_and_a_campaign_goes_out_once() {
    let world = World::start().await;
    let connection = connected(&world).await;
    let view = world.read("GET /v1/connections/{connection}", &format!("/v1/connections/{connection}")).await.unwrap();
    assert_eq!((view["state"].as_str(), view["account_name"].as_str()), (Some("active"), Some("Example Bakery")));
    assert_eq!(view["destinations"].as_array().unwrap().len(), 3);
    let id = accepted(&world, &connection).await;
    world.drain().await;
    world.advance(31);
    let post = world.post(&id).await;
    let out = campaigns(&world);
    assert_eq!((out.len(), out[0].status, out[0].emails_sent, sends(&world)), (1, "sent", 120, 1));
    assert_eq!(
        (post["state"].as_str(), post["targets"][0]["remote_id"].as_str()),
        (Some("published"), Some(out[0].id.as_str()))
    );
    assert!(post["targets"][0]["url"].as_str().unwrap().contains("/archive/"));
    assert!(out[0].title.ends_with(&format!("[postd:{id}-t1]")), "{}", out[0].title);
}

#[tokio::test]
async fn one_post_goes_to_a_page_and_to_an_audience_each_in_its_own_words() {
    let world = World::start().await;
    let (page, account) = (world.connected().await, connected(&world).await);
    let mut body = newsletter(&account);
    body["targets"]
        .as_array_mut()
        .unwrap()
        .push(json!({ "connection": page, "options": { "facebook": { "place": "110" } } }));
    let id = world.create(&body).await.unwrap()["id"].as_str().unwrap().to_owned();
    world.drain().await;
    assert_eq!(world.state(&id).await, "published");
    assert_eq!((campaigns(&world).len(), world.page().len()), (1, 1));
}

#[tokio::test]
async fn f12_options_for_another_platform_are_told_of_and_so_are_missing_ones() {
    let world = World::start().await;
    let (page, account) = (world.connected().await, connected(&world).await);
    let to = |connection: &str, options: Value| {
        let target = json!({ "connection": connection, "options": options });
        json!({ "content": { "text": "x" }, "targets": [target] })
    };
    let problem = world.create(&to(&page, json!({ "mailchimp": { "subject": "x" } }))).await.unwrap_err();
    let told = (problem.errors[0].pointer.as_str(), problem.errors[0].code.as_str());
    assert_eq!(told, ("/targets/0/options", "options.other_platform"));
    let mut body = newsletter(&account);
    body["targets"][0]["options"] = json!({ "mailchimp": {} });
    let problem = world.create(&body).await.unwrap_err();
    let told = (problem.errors[0].pointer.as_str(), problem.errors[0].code.as_str());
    assert_eq!(told, ("/targets/0/options/mailchimp/subject", "mailchimp.subject.missing"));
    let unknown = json!({ "mailchimp": { "subject": "x", "ab_test": { "winner": "luck", "test_size": 10 } } });
    let problem = world.create(&to(&account, unknown)).await.unwrap_err();
    assert_eq!(problem.errors[0].code, "body.shape");
}

#[tokio::test]
async fn f12_what_mailchimp_alone_can_know_fails_with_a_reason() {
    let world = World::start().await;
    let connection = connected(&world).await;
    let mut body = newsletter(&connection);
    body["targets"][0]["destination"] = seed::UNVERIFIED.into();
    let id = world.create(&body).await.unwrap()["id"].as_str().unwrap().to_owned();
    for _ in 0..5 {
        on(&world, 6).await;
    }
    let target = &world.post(&id).await["targets"][0];
    assert_eq!(
        (target["state"].as_str(), target["reason"]["code"].as_str()),
        (Some("failed"), Some("mailchimp.campaign.not_ready"))
    );
    assert_eq!(sends(&world), 0);
}

#[tokio::test]
async fn f34_f35_a_campaign_whose_answer_was_lost_is_out_once() {
    for kind in [FaultKind::LostAnswer, FaultKind::Status500After, FaultKind::TruncatedAnswer] {
        let world = World::start().await;
        let connection = connected(&world).await;
        mailchimp(&world).add_fault(Fault::new(kind).on_edge("POST", "send").times(1));
        let id = accepted(&world, &connection).await;
        world.drain().await;
        // A 204 has no body that could break off.
        let expected = if kind == FaultKind::TruncatedAnswer { "published" } else { "unknown" };
        assert_eq!(world.state(&id).await, expected, "{kind:?}");
        on(&world, SETTLED).await;
        assert_eq!(
            (world.state(&id).await.as_str(), campaigns(&world).len(), sends(&world)),
            ("published", 1, 1),
            "{kind:?}"
        );
    }
}

#[tokio::test]
async fn f34_a_campaign_that_was_not_sent_goes_out_later_and_once() {
    let world = World::start().await;
    let connection = connected(&world).await;
    mailchimp(&world).add_fault(Fault::new(FaultKind::Status500Before).on_edge("POST", "send").times(1));
    let id = accepted(&world, &connection).await;
    world.drain().await;
    assert_eq!(world.state(&id).await, "unknown");
    on(&world, 60).await;
    assert_eq!((world.state(&id).await.as_str(), sends(&world)), ("unknown", 1), "too early to believe the draft");
    on(&world, SETTLED).await;
    on(&world, 2).await;
    assert_eq!((world.state(&id).await.as_str(), campaigns(&world).len(), sends(&world)), ("published", 1, 2));
}

#[tokio::test]
async fn f38_each_step_that_is_lost_on_the_way_makes_no_second_campaign() {
    for (method, edge) in [("POST", "campaigns"), ("PUT", "content"), ("GET", "send-checklist"), ("GET", "list")] {
        let world = World::start().await;
        let connection = connected(&world).await;
        mailchimp(&world).add_fault(Fault::new(FaultKind::LostAnswer).on_edge(method, edge).times(1));
        let id = accepted(&world, &connection).await;
        world.drain().await;
        assert_eq!(world.state(&id).await, "retrying", "{edge}");
        on(&world, 5).await;
        assert_eq!(
            (world.state(&id).await.as_str(), campaigns(&world).len(), sends(&world)),
            ("published", 1, 1),
            "{edge}"
        );
    }
}

#[tokio::test]
async fn f34_a_campaign_that_was_deleted_meanwhile_is_left_to_a_person() {
    let world = World::start().await;
    let connection = connected(&world).await;
    mailchimp(&world).add_fault(Fault::new(FaultKind::LostAnswer).on_edge("POST", "send").times(1));
    let id = accepted(&world, &connection).await;
    world.drain().await;
    mailchimp(&world).delete_by_hand(&campaigns(&world)[0].id);
    on(&world, SETTLED).await;
    assert_eq!((world.state(&id).await.as_str(), sends(&world)), ("needs_review", 1));
}

#[tokio::test]
async fn f40_a_throttled_account_costs_no_attempt() {
    let world = World::start().await;
    let connection = connected(&world).await;
    let throttled = Fault { minutes: Some(3), ..Fault::new(FaultKind::RateLimited) };
    mailchimp(&world).add_fault(throttled.on_edge("POST", "campaigns").times(1));
    let id = accepted(&world, &connection).await;
    world.drain().await;
    let target = &world.post(&id).await["targets"][0];
    assert_eq!(
        (target["state"].as_str(), target["reason"]["code"].as_str()),
        (Some("waiting"), Some("mailchimp.rate.account"))
    );
    on(&world, 181).await;
    assert_eq!(world.state(&id).await, "published");
}

#[tokio::test]
async fn a_grant_that_was_taken_back_holds_the_post_until_its_owner_connects_again() {
    let world = World::start().await;
    let connection = connected(&world).await;
    mailchimp(&world).revoke(seed::ADA);
    let id = accepted(&world, &connection).await;
    world.drain().await;
    let path = format!("/v1/connections/{connection}");
    let view = world.read("GET /v1/connections/{connection}", &path).await.unwrap();
    assert_eq!(
        (view["state"].as_str(), view["reason"]["code"].as_str()),
        (Some("reconnect"), Some("mailchimp.token.invalid"))
    );
    assert_eq!(world.state(&id).await, "waiting");
    assert_eq!(connected(&world).await, connection);
    on(&world, 60).await;
    assert_eq!((world.state(&id).await.as_str(), campaigns(&world).len()), ("published", 1));
}

#[tokio::test]
async fn a_reconnect_refuses_another_accounts_grant() {
    let world = World::start().await;
    let wanted = json!({
        "platform": "mailchimp", "return_url": "http://127.0.0.1:9/done", "reconnect": connected(&world).await,
    });
    let back = world.connect_as(seed::GRACE, &[], &wanted).await;
    assert!(back.query().unwrap().ends_with("error=other_account"), "{back}");
}

#[tokio::test]
async fn health_notices_a_role_that_may_not_send_any_more() {
    let world = World::start().await;
    let connection = connected(&world).await;
    mailchimp(&world).set_role(seed::ADA, "author");
    world.advance(7 * 3_600);
    world.health.run(std::time::Duration::from_mins(1)).await.unwrap();
    let path = format!("/v1/connections/{connection}");
    let view = world.read("GET /v1/connections/{connection}", &path).await.unwrap();
    assert_eq!(
        (view["state"].as_str(), view["reason"]["code"].as_str()),
        (Some("degraded"), Some("connection.scopes_missing"))
    );
}

async fn delivered(world: &World, query: &str, body: &str, signature: Option<&str>) -> u16 {
    let path = format!("/webhooks/mailchimp{query}");
    let mut request = world.request("POST /webhooks/{platform}", &path, &Value::Null);
    request.body = Bytes::copy_from_slice(body.as_bytes());
    if let Some(signature) = signature {
        request.headers.insert("x-mailchimp-signature", signature.parse().unwrap());
    }
    let status = world.receiver.handle(request).await.unwrap_or_else(Response::from).status;
    let messages = world.receive(&world.inbound_queue, 60).await;
    assert!(world.inbound.batch(messages.clone()).await.is_empty());
    for message in &messages {
        world.delete(&world.inbound_queue, message).await;
    }
    status
}

fn event(list: &str) -> String {
    format!("type=campaign&fired_at=2026-11-21+10%3A20%3A00&data[id]=42694e9e57&data[status]=sent&data[list_id]={list}")
}

fn key() -> String {
    format!("?key={}", APP.verify_token)
}

#[tokio::test]
async fn f78_a_forged_delivery_changes_nothing_and_makes_us_look() {
    let world = World::start().await;
    let connection = connected(&world).await;
    let path = format!("/v1/connections/{connection}");
    world.advance(1_200);
    let before = world.read("GET /v1/connections/{connection}", &path).await.unwrap();
    for query in ["", "?key=", "?key=guess"] {
        assert_eq!(delivered(&world, query, &event(seed::NEWSLETTER), None).await, 401, "{query}");
    }
    mailchimp(&world).clear_requests();
    world.health.run(std::time::Duration::from_mins(1)).await.unwrap();
    assert_eq!(mailchimp(&world).requests(), [], "nobody was asked: nothing was due");

    for body in [event(seed::NEWSLETTER), event("unknown"), "type=".into(), "%%%".into(), String::new()] {
        assert_eq!(delivered(&world, &key(), &body, None).await, 200, "{body}");
    }
    let after = world.read("GET /v1/connections/{connection}", &path).await.unwrap();
    assert_eq!(after, before, "nothing of it is believed");
    let checked = world.health.run(std::time::Duration::from_mins(1)).await.unwrap();
    assert_eq!((checked.checked, mailchimp(&world).requests().len()), (1, 1), "but we look for ourselves");
    // Who makes up hints makes us look no more often than once in a while.
    for number in 0..5 {
        let again = event(seed::NEWSLETTER).replace("42694e9e57", &format!("42694e9e5{number}"));
        assert_eq!(delivered(&world, &key(), &again, None).await, 200);
    }
    assert_eq!(world.health.run(std::time::Duration::from_mins(1)).await.unwrap().checked, 0);
}

#[tokio::test]
async fn a_signed_delivery_is_believed_and_one_with_a_wrong_signature_is_not_even_a_hint() {
    use aws_lc_rs::hmac;
    let world = World::start().await;
    let connection = connected(&world).await;
    let secret = "whsec_of_this_webhook";
    let app = json!({
        "client_id": APP.id, "client_secret": APP.secret, "webhook_verify_token": APP.verify_token,
        "webhook_secrets": ["whsec_of_another", secret],
    });
    world.emulators.create_secret("mailchimp", &app.to_string()).await.unwrap();
    world.advance(600);
    let now = world.clock_seconds();
    let body = event(seed::NEWSLETTER);
    let signature = |secret: &str| {
        let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
        let signature = hmac::sign(&key, format!("{now}.{body}").as_bytes());
        format!("t={now},v1={}", data_encoding::HEXLOWER.encode(signature.as_ref()))
    };
    assert_eq!(delivered(&world, &key(), &body, Some(&signature("guess"))).await, 401);
    assert_eq!(delivered(&world, &key(), &body, Some(&signature(secret))).await, 200);
    let view = world.read("GET /v1/connections/{connection}", &format!("/v1/connections/{connection}")).await.unwrap();
    assert_eq!(
        (view["last_event"]["kind"].as_str(), view["last_event"]["remote_id"].as_str()),
        (Some("post.published"), Some("42694e9e57"))
    );
}

#[tokio::test]
async fn f80_mailchimp_is_answered_when_it_looks_whether_anybody_is_there() {
    let world = World::start().await;
    for (query, expected) in [(key().as_str(), 200), ("", 403), ("?key=guess", 403)] {
        let path = format!("/webhooks/mailchimp{query}");
        let request = world.request("GET /webhooks/{platform}", &path, &Value::Null);
        let response = world.receiver.handle(request).await.unwrap_or_else(Response::from);
        assert_eq!(response.status, expected, "{query}");
        assert!(response.status != 200 || response.body.is_empty());
    }
}

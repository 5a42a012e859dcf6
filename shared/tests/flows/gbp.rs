//! Posts of locations at Google: from a login to a post that is live. What may go wrong in between is in `locations.rs`.

use serde_json::{Value, json};
use simulator::gbp::{Gbp, PostView, SCOPE, seed};

use crate::world::World;

pub(crate) fn google(world: &World) -> &Gbp {
    world.simulator.gbp()
}

async fn login_as(world: &World, person: &str, scopes: &[&str], session: &Value) -> url::Url {
    let (mut dialog, cookie) = world.open(session).await;
    for scope in scopes {
        dialog.query_pairs_mut().append_pair("grant", scope);
    }
    let callback = world.consent(&dialog, person, &[], "allow").await;
    world.finish(&callback, &cookie).await
}

async fn login(world: &World, scopes: &[&str]) -> url::Url {
    let session = json!({ "platform": "gbp", "return_url": "http://127.0.0.1:9/done" });
    login_as(world, seed::ADA, scopes, &session).await
}

/// Why a target of the post stands where it stands.
pub(crate) async fn told(world: &World, id: &str) -> (String, String) {
    let target = world.post(id).await["targets"][0].clone();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    (text(&target["state"]), text(&target["reason"]["code"]))
}

pub(crate) async fn connected(world: &World) -> String {
    let back = Box::pin(login(world, &[SCOPE])).await;
    let (_, id) = back.query_pairs().find(|(name, _)| name == "connection").expect("connected");
    id.into_owned()
}

pub(crate) fn update(connection: &str) -> Value {
    json!({
        "content": { "text": "Fresh bread", "link": "https://example.com/bread" },
        "targets": [{ "connection": connection, "destination": seed::BAKERY }],
    })
}

pub(crate) async fn accepted(world: &World, body: &Value) -> String {
    world.create(body).await.unwrap()["id"].as_str().unwrap().to_owned()
}

/// The posts that we made.
pub(crate) fn posts(world: &World) -> Vec<PostView> {
    let mut posts = google(world).posts(seed::BAKERY);
    posts.retain(|post| post.by_api);
    posts
}

pub(crate) fn creates(world: &World) -> usize {
    let is_create = |method: &str, path: &str| method == "POST" && path.ends_with("/localPosts");
    google(world).requests().iter().filter(|call| is_create(&call.method, &call.path)).count()
}

pub(crate) async fn on(world: &World, seconds: i64) {
    world.advance(seconds);
    world.dispatcher.tick().await.unwrap();
    world.drain().await;
}

#[tokio::test]
async fn a_person_connects_and_a_post_goes_out_at_one_location() {
    let world = World::start().await;
    let connection = connected(&world).await;
    let view = world.read("GET /v1/connections/{connection}", &format!("/v1/connections/{connection}")).await.unwrap();
    assert_eq!((view["state"].as_str(), view["account_name"].as_str()), (Some("active"), Some("ada@example.com")));
    assert_eq!(view["destinations"].as_array().unwrap().len(), 3);
    let id = accepted(&world, &update(&connection)).await;
    world.drain().await;
    let post = world.post(&id).await;
    let out = posts(&world);
    assert_eq!((out.len(), out[0].state, creates(&world)), (1, "LIVE", 1));
    let target = &post["targets"][0];
    assert_eq!((post["state"].as_str(), target["remote_id"].as_str()), (Some("published"), Some(out[0].name.as_str())));
    assert!(target["url"].as_str().unwrap().starts_with("https://local.google.com/"));
    let marked = format!("https://example.com/bread?utm_id={id}-t1");
    assert_eq!(out[0].said["callToAction"], json!({ "actionType": "LEARN_MORE", "url": marked }));
}

#[tokio::test]
async fn whoever_unticks_the_permission_has_a_connection_that_needs_it() {
    let world = World::start().await;
    let back = Box::pin(login(&world, &[])).await;
    let missing = back.query_pairs().any(|(name, value)| name == "missing_scopes" && value == SCOPE);
    let refused = back.query_pairs().any(|(name, _)| name == "error");
    assert!(missing || refused, "{back}");
}

#[tokio::test]
async fn an_event_and_an_offer_go_out_with_their_photo() {
    let world = World::start().await;
    let connection = connected(&world).await;
    let event = json!({ "title": "Bread week", "start": "2026-12-01T08:00:00", "end": "2026-12-07T18:00:00" });
    let photo = json!({ "url": "https://example.com/a.jpg", "kind": "image" });
    let offer = json!({ "coupon_code": "BREAD", "redeem_url": "https://example.com/b" });
    for (options, topic) in [
        (json!({ "event": event, "call_to_action": { "action": "book", "url": "https://example.com/c" } }), "EVENT"),
        (json!({ "event": event, "offer": offer }), "OFFER"),
    ] {
        let mut body = json!({
            "content": { "text": topic, "media": [photo] },
            "targets": [{ "connection": connection, "destination": seed::BAKERY, "options": { "gbp": options } }],
        });
        let id = accepted(&world, &body).await;
        world.drain().await;
        assert_eq!(world.state(&id).await, "published", "{topic}");
        let out = posts(&world).into_iter().find(|post| post.text == topic).unwrap();
        assert_eq!((out.said["topicType"].as_str(), out.photos.len()), (Some(topic), 1));
        body["targets"][0]["options"]["gbp"]["event"]["title"] = " ".into();
        let problem = world.create(&body).await.unwrap_err();
        let told = (problem.errors[0].pointer.as_str(), problem.errors[0].code.as_str());
        assert_eq!(told, ("/targets/0/options/gbp/event/title", "gbp.event.title_missing"));
    }
}

#[tokio::test]
async fn a_token_that_has_ended_is_renewed_with_the_same_refresh_token() {
    let world = World::start().await;
    let connection = connected(&world).await;
    for _ in 0..2 {
        on(&world, 2 * 3_600).await;
        let before = posts(&world).len();
        let id = accepted(&world, &update(&connection)).await;
        for _ in 0..3 {
            on(&world, 60).await;
        }
        assert_eq!(world.state(&id).await, "published");
        assert_eq!(posts(&world).len(), before + 1);
    }
}

#[tokio::test]
async fn f12_options_for_another_platform_and_what_google_would_refuse_are_told_of() {
    let world = World::start().await;
    let connection = connected(&world).await;
    let mut body = update(&connection);
    for (options, pointer, code) in [
        (json!({ "facebook": {} }), "/targets/0/options", "options.other_platform"),
        (json!({ "gbp": { "offer": {} } }), "/targets/0/options/gbp/event", "gbp.offer.event_missing"),
        (
            json!({ "gbp": { "call_to_action": { "action": "call" } } }),
            "/targets/0/options/gbp/call_to_action",
            "gbp.call_to_action.call_with_url",
        ),
    ] {
        body["targets"][0]["options"] = options;
        let problem = world.create(&body).await.unwrap_err();
        assert_eq!((problem.errors[0].pointer.as_str(), problem.errors[0].code.as_str()), (pointer, code));
    }
    body["targets"][0]["options"] = json!({ "gbp": { "scheduled_time": "2026-12-01T08:00:00Z" } });
    assert_eq!(world.create(&body).await.unwrap_err().errors[0].code, "body.shape", "postd keeps its own schedule");
    assert_eq!(creates(&world), 0);
}

#[tokio::test]
async fn a_grant_that_was_taken_back_holds_the_post_until_its_owner_connects_again() {
    let world = World::start().await;
    let connection = connected(&world).await;
    google(&world).revoke(seed::ADA);
    let id = accepted(&world, &update(&connection)).await;
    for _ in 0..5 {
        on(&world, 60).await;
    }
    let path = format!("/v1/connections/{connection}");
    let view = world.read("GET /v1/connections/{connection}", &path).await.unwrap();
    assert_eq!((view["state"].as_str(), world.state(&id).await.as_str()), (Some("reconnect"), "waiting"));
    assert_eq!(connected(&world).await, connection, "the same login renews the same connection");
    for _ in 0..3 {
        on(&world, 60).await;
    }
    assert_eq!((world.state(&id).await.as_str(), posts(&world).len()), ("published", 1));
}

#[tokio::test]
async fn a_reconnect_refuses_another_persons_grant() {
    let world = World::start().await;
    let connection = connected(&world).await;
    let wanted = json!({ "platform": "gbp", "return_url": "http://127.0.0.1:9/done", "reconnect": connection });
    let back = Box::pin(login_as(&world, seed::GRACE, &[SCOPE], &wanted)).await;
    assert!(back.query().unwrap().ends_with("error=other_account"), "{back}");
}

#[tokio::test]
async fn health_notices_a_grant_that_has_ended() {
    let world = World::start().await;
    let connection = connected(&world).await;
    google(&world).revoke(seed::ADA);
    world.advance(7 * 3_600);
    world.health.run(std::time::Duration::from_mins(1)).await.unwrap();
    let path = format!("/v1/connections/{connection}");
    let view = world.read("GET /v1/connections/{connection}", &path).await.unwrap();
    assert_eq!(view["state"], "reconnect");
}

#[tokio::test]
async fn one_post_goes_to_a_page_and_to_a_location_each_in_its_own_words() {
    let world = World::start().await;
    let (page, location) = (world.connected().await, connected(&world).await);
    let mut body = update(&location);
    body["targets"].as_array_mut().unwrap().push(json!({ "connection": page }));
    let id = accepted(&world, &body).await;
    world.drain().await;
    assert_eq!(world.state(&id).await, "published");
    assert_eq!((posts(&world).len(), world.page().len()), (1, 1));
}

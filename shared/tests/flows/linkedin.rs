//! Posts at LinkedIn, of members and of Pages: from a login to a post that is out, and what may go wrong in between.

use std::{sync::Arc, time::Duration};

use aws_lc_rs::hmac;
use bytes::Bytes;
use data_encoding::HEXLOWER;
use serde_json::{Value, json};
use shared::{http::Response, refresh::Round};
use simulator::{
    Fault, FaultKind,
    linkedin::{
        Linkedin, PAGE_APP, PostView,
        seed::{ANN, BAKERY, BOB},
    },
};

use crate::world::World;

/// Past this the listing of a Page's posts can be trusted.
const SETTLED: i64 = 125;

fn linkedin(world: &World) -> &Linkedin {
    world.simulator.linkedin()
}

fn member() -> String {
    format!("urn:li:person:{ANN}")
}

async fn connected(world: &World, platform: &str) -> String {
    connected_as(world, ANN, platform).await
}

async fn connected_as(world: &World, person: &str, platform: &str) -> String {
    let session = json!({ "platform": platform, "return_url": "http://127.0.0.1:9/done" });
    let back = Box::pin(world.connect_as(person, &[], &session)).await;
    let (_, id) = back.query_pairs().find(|(name, _)| name == "connection").expect("connected");
    id.into_owned()
}

fn post_to(connection: &str, destination: &str, text: &str) -> Value {
    json!({
        "content": { "text": text },
        "targets": [{ "connection": connection, "destination": destination }],
        "not_after": "2027-03-01T00:00:00Z",
    })
}

async fn accepted(world: &World, body: &Value) -> String {
    world.create(body).await.unwrap()["id"].as_str().unwrap().to_owned()
}

fn posts(world: &World, author: &str) -> Vec<PostView> {
    let mut posts = linkedin(world).posts(author);
    posts.retain(|post| post.by_api);
    posts
}

fn sends(world: &World) -> usize {
    let requests = linkedin(world).requests();
    requests.iter().filter(|call| call.method == "POST" && call.path.ends_with("/rest/posts")).count()
}

async fn view(world: &World, connection: &str) -> Value {
    let path = format!("/v1/connections/{connection}");
    world.read("GET /v1/connections/{connection}", &path).await.unwrap()
}

/// A state and the code of its reason.
fn told(view: &Value) -> (&str, &str) {
    (view["state"].as_str().unwrap_or_default(), view["reason"]["code"].as_str().unwrap_or_default())
}

async fn on(world: &World, seconds: i64) {
    world.advance(seconds);
    world.dispatcher.tick().await.unwrap();
    world.drain().await;
}

#[tokio::test]
async fn a_member_and_a_page_are_connected_by_an_app_each_and_published_to_once() {
    let world = World::start().await;
    let (own, page) = (connected(&world, "linkedin").await, connected(&world, "linkedin_page").await);
    for (connection, author, text) in [(own, member(), "Mine (really) #Rye"), (page, BAKERY.to_owned(), "Ours_ours")] {
        let id = accepted(&world, &post_to(&connection, &author, text)).await;
        world.drain().await;
        let post = world.post(&id).await;
        let out = posts(&world, &author);
        assert_eq!((out.len(), out[0].shown.as_str()), (1, text));
        let target = &post["targets"][0];
        assert_eq!((target["state"].as_str(), target["remote_id"].as_str()), (Some("published"), Some(&*out[0].urn)));
        assert!(target["url"].as_str().unwrap().starts_with("https://www.linkedin.com/feed/update/urn:li:"));
    }
    assert_eq!(sends(&world), 2);
}

#[tokio::test]
async fn f34_f35_a_page_s_post_whose_answer_was_lost_is_out_once() {
    for (kind, tries) in [(FaultKind::LostAnswer, 1), (FaultKind::Status500After, 1), (FaultKind::Status500Before, 2)] {
        let world = World::start().await;
        let page = connected(&world, "linkedin_page").await;
        linkedin(&world).add_fault(Fault::new(kind).on_edge("POST", "posts").times(1));
        let id = accepted(&world, &post_to(&page, BAKERY, "Fresh bread")).await;
        world.drain().await;
        assert_eq!(world.state(&id).await, "unknown", "{kind:?}");
        on(&world, SETTLED).await;
        on(&world, 5).await;
        let found = (world.state(&id).await, posts(&world, BAKERY).len(), sends(&world));
        assert_eq!(found, ("published".to_owned(), 1, tries), "{kind:?}");
    }
}

#[tokio::test]
async fn f34_a_member_s_post_whose_answer_was_lost_is_never_sent_again() {
    let world = World::start().await;
    let own = connected(&world, "linkedin").await;
    linkedin(&world).add_fault(Fault::new(FaultKind::LostAnswer).on_edge("POST", "posts").times(1));
    let id = accepted(&world, &post_to(&own, &member(), "Fresh bread")).await;
    world.drain().await;
    for _ in 0..20 {
        on(&world, 600).await;
    }
    assert_ne!(world.state(&id).await, "published");
    assert_eq!((posts(&world, &member()).len(), sends(&world)), (1, 1));
}

#[tokio::test]
async fn an_app_s_used_up_quota_is_waited_for_until_midnight() {
    let world = World::start().await;
    let page = connected(&world, "linkedin_page").await;
    linkedin(&world).add_fault(Fault::new(FaultKind::RateLimited).on_edge("POST", "posts").times(1));
    let id = accepted(&world, &post_to(&page, BAKERY, "Fresh bread")).await;
    world.drain().await;
    on(&world, 60).await;
    assert_eq!(sends(&world), 1);
    on(&world, 86_400).await;
    on(&world, 60).await;
    assert_eq!((world.state(&id).await.as_str(), posts(&world, BAKERY).len()), ("published", 1));
}

#[tokio::test]
async fn a_challenge_is_answered_as_json() {
    let world = World::start().await;
    let path = "/webhooks/linkedin_page?challengeCode=890e4665-4dfe-4ab1-b689-ed553bceeed0";
    let response = world.receiver.handle(world.request("GET /webhooks/{platform}", path, &Value::Null)).await.unwrap();
    assert_eq!(response.status, 200);
    assert_eq!(response.headers, [("content-type", "application/json".to_owned())]);
    let answered: Value = serde_json::from_str(&response.body).unwrap();
    assert_eq!(answered["challengeCode"], "890e4665-4dfe-4ab1-b689-ed553bceeed0");
    assert_eq!(answered["challengeResponse"].as_str().unwrap().len(), 64);
}

/// A file of the simulator's own.
fn file(world: &World, name: &str, kind: &str, size: u64) -> Value {
    let url = format!("{}/_simulator/{name}?size={size}", world.simulator.url_of("linkedin"));
    json!({ "url": url, "kind": kind, "title": "Bread" })
}

#[tokio::test]
async fn every_kind_of_post_goes_out_once_and_reads_as_it_was_written() {
    let world = World::start().await;
    let (own, page) = (connected(&world, "linkedin").await, connected(&world, "linkedin_page").await);
    let image = file(&world, "sample.jpg", "image", 9_000);
    let video = file(&world, "sample.mp4", "video", 5_000_000);
    let document = file(&world, "sample.pdf", "document", 20_000);
    let poll = json!({ "question": "Rye?", "options": ["Yes", "No"], "duration": "one_day" });
    let mention = json!({ "name": "Example Bakery", "urn": BAKERY });
    let kinds = [
        (json!({ "text": "By @Example Bakery (us) #Rye" }), json!({ "mentions": [mention], "reshare_disabled": true })),
        (json!({ "text": "Read", "link": "https://example.com/a" }), json!({ "article_title": "Bread" })),
        (json!({ "text": "One", "media": [image] }), json!({})),
        (json!({ "text": "Two", "media": [image, image] }), json!({ "visibility": "logged_in" })),
        (json!({ "text": "See", "media": [video] }), json!({})),
        (json!({ "text": "Prices", "media": [document] }), json!({})),
        (json!({ "text": "Say" }), json!({ "poll": poll })),
    ];
    for (platform, connection, author) in [("linkedin", &own, member()), ("linkedin_page", &page, BAKERY.to_owned())] {
        for (number, (content, options)) in kinds.iter().enumerate() {
            let options = json!({ platform: options });
            let target = json!({ "connection": connection, "destination": author, "options": options });
            let id = accepted(&world, &json!({ "content": content, "targets": [target] })).await;
            world.drain().await;
            for _ in 0..6 {
                on(&world, 11).await;
            }
            let post = world.post(&id).await;
            let out = posts(&world, &author);
            assert_eq!((post["state"].as_str(), out.len()), (Some("published"), number + 1), "{content}: {post}");
            assert_eq!(post["targets"][0]["remote_id"], out[0].urn.as_str());
        }
        let shapes: Vec<String> = posts(&world, &author)
            .iter()
            .rev()
            .map(|post| post.content.as_ref().and_then(|content| content.as_object()?.keys().next().cloned()))
            .map(Option::unwrap_or_default)
            .collect();
        assert_eq!(shapes, ["", "article", "media", "multiImage", "media", "media", "poll"]);
        let first = posts(&world, &author).pop().unwrap();
        assert_eq!((first.shown.as_str(), first.reshare_disabled), ("By Example Bakery (us) #Rye", true));
    }
    assert_eq!(sends(&world), 14);
}

#[tokio::test]
async fn f12_what_linkedin_would_refuse_or_cut_is_told_at_once_with_pointers() {
    let world = World::start().await;
    let page = connected(&world, "linkedin_page").await;
    let poll = json!({ "question": "", "options": ["Yes"], "duration": "one_day" });
    let options = json!({ "linkedin_page": { "visibility": "connections", "poll": poll } });
    let target = json!({ "connection": page, "destination": BAKERY, "options": options });
    let body = json!({ "content": { "text": "(".repeat(1_501) }, "targets": [target] });
    let problem = world.create(&body).await.unwrap_err();
    let told: Vec<_> = problem.errors.iter().map(|error| (error.code.as_str(), error.pointer.as_str())).collect();
    let options = "/targets/0/options/linkedin_page";
    for (code, pointer) in [
        ("linkedin.text.too_long", "/content/text".to_owned()),
        ("linkedin.visibility.members_only", format!("{options}/visibility")),
        ("linkedin.poll.question", format!("{options}/poll/question")),
        ("linkedin.poll.options", format!("{options}/poll/options")),
    ] {
        assert!(told.contains(&(code, pointer.as_str())), "{code} in {told:?}");
    }
    let mut wrong = post_to(&page, BAKERY, "Bread");
    wrong["targets"][0]["options"] = json!({ "linkedin": {} });
    assert_eq!(world.create(&wrong).await.unwrap_err().errors[0].code, "options.other_platform");
    assert_eq!(sends(&world), 0);
}

#[tokio::test]
async fn f38_each_step_that_is_lost_on_the_way_makes_one_post() {
    for (method, edge) in [("POST", "media"), ("PUT", "upload"), ("POST", "finalize"), ("GET", "status")] {
        let world = World::start().await;
        let page = connected(&world, "linkedin_page").await;
        linkedin(&world).add_fault(Fault::new(FaultKind::LostAnswer).on_edge(method, edge).times(1));
        let mut body = post_to(&page, BAKERY, "See");
        body["content"]["media"] = json!([file(&world, "sample.mp4", "video", 5_000_000)]);
        let id = accepted(&world, &body).await;
        world.drain().await;
        for _ in 0..6 {
            on(&world, 11).await;
        }
        assert_eq!(linkedin(&world).faults().len(), 0, "{edge}");
        let found = (world.state(&id).await, posts(&world, BAKERY).len(), sends(&world));
        assert_eq!(found, ("published".to_owned(), 1, 1), "{edge}");
    }
}

#[tokio::test]
async fn f41_a_member_s_used_up_day_holds_nobody_else() {
    for (scope, others) in [("MEMBER", "published"), ("APPLICATION", "waiting")] {
        let world = World::start().await;
        let (ann, bob) = (connected(&world, "linkedin").await, connected_as(&world, BOB, "linkedin").await);
        let day = Fault { name: Some(scope.into()), ..Fault::new(FaultKind::RateLimited) };
        linkedin(&world).add_fault(day.on_edge("POST", "posts").times(1));
        let first = accepted(&world, &post_to(&ann, &member(), "Hers")).await;
        world.drain().await;
        let second = accepted(&world, &post_to(&bob, &format!("urn:li:person:{BOB}"), "His")).await;
        world.drain().await;
        assert_eq!((world.state(&first).await.as_str(), world.state(&second).await.as_str()), ("waiting", others));
        // Past midnight UTC.
        world.advance(13 * 3_600);
        for _ in 0..8 {
            on(&world, 900).await;
        }
        for id in [&first, &second] {
            assert_eq!(world.state(id).await, "published");
        }
    }
}

#[tokio::test]
async fn an_ended_version_holds_posts_for_the_operator_and_fails_none() {
    let world = World::start().await;
    let page = connected(&world, "linkedin_page").await;
    linkedin(&world).add_fault(Fault::refusal(426, "NONEXISTENT_VERSION").on_edge("POST", "posts"));
    let id = accepted(&world, &post_to(&page, BAKERY, "Fresh bread")).await;
    world.drain().await;
    on(&world, 600).await;
    assert_eq!(told(&world.post(&id).await["targets"][0]), ("waiting", "linkedin.version.ended"));
    assert_eq!(view(&world, &page).await["state"], "active", "it is nobody's fault but ours");
    linkedin(&world).clear_faults();
    for _ in 0..4 {
        on(&world, 900).await;
    }
    assert_eq!((world.state(&id).await.as_str(), posts(&world, BAKERY).len()), ("published", 1));
}

#[tokio::test]
async fn a_grant_that_was_taken_back_holds_the_post_until_its_owner_connects_again() {
    let world = World::start().await;
    let page = connected(&world, "linkedin_page").await;
    linkedin(&world).revoke(ANN);
    let id = accepted(&world, &post_to(&page, BAKERY, "Fresh bread")).await;
    world.drain().await;
    let seen = view(&world, &page).await;
    assert_eq!(told(&seen).0, "reconnect", "{seen}");
    assert_eq!(world.state(&id).await, "waiting");
    assert_eq!(connected(&world, "linkedin_page").await, page);
    on(&world, 60).await;
    assert_eq!((world.state(&id).await.as_str(), posts(&world, BAKERY).len()), ("published", 1));
}

#[tokio::test]
async fn a_page_s_grant_is_renewed_in_time_and_a_member_s_ends_after_60_days() {
    let world = World::start().await;
    let (own, page) = (connected(&world, "linkedin").await, connected(&world, "linkedin_page").await);
    let round = Arc::new(Round { health: world.health_sandbox() });
    let mut renewed = 0;
    for _ in 0..61 {
        world.advance(86_400);
        renewed += round.run(Duration::from_mins(1)).await.unwrap().renewed;
    }
    assert_eq!(renewed, 1);
    assert_eq!(view(&world, &page).await["state"], "active");
    assert_eq!(told(&view(&world, &own).await), ("reconnect", "linkedin.token.expired"));
    let id = accepted(&world, &post_to(&page, BAKERY, "Fresh bread")).await;
    world.drain().await;
    assert_eq!((world.state(&id).await.as_str(), posts(&world, BAKERY).len()), ("published", 1));
}

async fn delivered(world: &World, body: &str, signature: &str) -> u16 {
    let mut request = world.request("POST /webhooks/{platform}", "/webhooks/linkedin_page", &Value::Null);
    request.body = Bytes::copy_from_slice(body.as_bytes());
    request.headers.insert("x-li-signature", signature.parse().unwrap());
    let status = world.receiver.handle(request).await.unwrap_or_else(Response::from).status;
    world.understand().await;
    status
}

#[tokio::test]
async fn f74_f76_what_linkedin_signed_is_recorded_once_and_nothing_else_is() {
    let world = World::start().await;
    let page = connected(&world, "linkedin_page").await;
    let body = r#"{"type":"ORGANIZATION_SOCIAL_ACTION_NOTIFICATIONS","notifications":[{"notificationId":9223372036854775807,"organizationalEntity":"urn:li:organization:2414183","action":"COMMENT","sourcePost":"urn:li:activity:1","lastModifiedAt":1795255200000}]}"#;
    let sign = |secret: &str, text: &str| {
        let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
        HEXLOWER.encode(hmac::sign(&key, text.as_bytes()).as_ref())
    };
    // The prefix belongs to what is signed.
    for wrong in [sign(PAGE_APP.secret, body), sign("guess", &format!("hmacsha256={body}")), String::new()] {
        assert_eq!(delivered(&world, body, &wrong).await, 401);
    }
    assert_eq!(view(&world, &page).await["last_event"], Value::Null);
    let signature = sign(PAGE_APP.secret, &format!("hmacsha256={body}"));
    for _ in 0..3 {
        assert_eq!(delivered(&world, body, &signature).await, 200);
    }
    let event = view(&world, &page).await["last_event"].clone();
    assert_eq!(event["kind"], "organization.comment", "{event}");
}

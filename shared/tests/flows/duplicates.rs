//! The guard against the same content going out twice at one destination.

use aws_sdk_dynamodb::types::AttributeValue;
use jiff::SignedDuration;
use serde_json::{Value, json};
use shared::{aws::Clients, problem::Problem};
use simulator::facebook::{Fault, seed};

use crate::{bulk, world::World};

/// A world with a window of a day, and a connection.
fn guarded() -> impl Future<Output = (World, String)> {
    // Boxed: building a world takes much of a test's stack.
    Box::pin(async {
        let mut world = World::start().await;
        world.publisher.duplicate_window = Some(SignedDuration::from_hours(24));
        let connection = world.connected().await;
        (world, connection)
    })
}

fn saying(connection: &str, text: &str) -> Value {
    json!({ "content": { "text": text }, "targets": [{ "connection": connection }] })
}

fn at(mut post: Value, time: &str) -> Value {
    post["schedule"] = json!({ "at": time });
    post
}

fn id(view: &Value) -> String {
    view["id"].as_str().unwrap().to_owned()
}

/// The post that stands in the way.
fn in_the_way(problem: &Problem) -> String {
    assert_eq!((problem.status, problem.code, problem.retryable), (409, "post.duplicate", false));
    problem.post.unwrap().to_string()
}

async fn cancel(world: &World, id: &str) {
    let request = world.request("DELETE /v1/posts/{post}", &format!("/v1/posts/{id}"), &Value::Null);
    world.reader.handle(request).await.unwrap();
}

#[tokio::test]
async fn the_same_content_at_the_same_place_is_refused_within_the_window_and_names_the_earlier_post() {
    let (world, connection) = guarded().await;
    let first = id(&world.create(&saying(&connection, "Fresh bread")).await.unwrap());
    world.drain().await;
    for again in ["Fresh bread", " fresh  BREAD\n"] {
        let problem = world.create(&saying(&connection, again)).await.unwrap_err();
        assert_eq!(in_the_way(&problem), first);
        assert!(problem.detail.contains(&first));
        assert_eq!(
            (problem.errors[0].pointer.as_str(), problem.errors[0].code.as_str()),
            ("/targets/0", "post.duplicate")
        );
        let response = shared::http::Response::from(problem);
        assert!(response.headers.contains(&("location", format!("/v1/posts/{first}"))));
    }
    let mut linked = saying(&connection, "Fresh bread");
    linked["content"]["link"] = json!("https://example.com/");
    let mut shown = saying(&connection, "Fresh bread");
    shown["content"]["media"] = json!([{ "url": "https://example.com/bread.jpg", "kind": "image" }]);
    for other in [saying(&connection, "Fresh breads"), linked, shown] {
        world.create(&other).await.unwrap();
    }
    world.drain().await;
    assert_eq!(world.page().len(), 4);
}

#[tokio::test]
async fn f62_a_note_ends_with_its_window_although_its_row_is_still_there() {
    let (world, connection) = guarded().await;
    world.create(&saying(&connection, "daily")).await.unwrap();
    world.drain().await;
    world.advance(24 * 3_600 - 1);
    world.create(&saying(&connection, "daily")).await.unwrap_err();
    world.advance(1);
    world.create(&saying(&connection, "daily")).await.unwrap();
    world.advance(1);
    world.create(&saying(&connection, "daily")).await.unwrap_err();
}

#[tokio::test]
async fn a_replay_is_answered_as_ever_and_an_old_one_does_not_guard_anew() {
    let (world, connection) = guarded().await;
    let body = saying(&connection, "once");
    let first = world.create_keyed("k", &body).await.unwrap();
    assert_eq!(world.create_keyed("k", &body).await.unwrap().body, first.body);
    // Long after, while another post says the same: the old request is still answered, not refused.
    world.advance(25 * 3_600);
    world.create_keyed("other", &body).await.unwrap();
    assert_eq!(world.create_keyed("k", &body).await.unwrap().body, first.body);
    world.advance(25 * 3_600);
    assert_eq!(world.create_keyed("k", &body).await.unwrap().body, first.body);
    world.create_keyed("third", &body).await.unwrap();
}

#[tokio::test]
async fn requests_at_the_same_moment_make_one_post() {
    let (world, connection) = guarded().await;
    let body = saying(&connection, "at once");
    let (a, b, c) = tokio::join!(world.create(&body), world.create(&body), world.create(&body));
    let accepted = [&a, &b, &c].iter().filter(|answer| answer.is_ok()).count();
    assert_eq!(accepted, 1);
    let keyed = saying(&connection, "x");
    let same = tokio::join!(world.create_keyed("k", &keyed), world.create_keyed("k", &keyed));
    assert_eq!(same.0.unwrap().body, same.1.unwrap().body);
    world.drain().await;
    assert_eq!(world.page().len(), 2);
}

#[tokio::test]
async fn a_caller_who_means_it_may_say_it_twice() {
    let (world, connection) = guarded().await;
    world.create(&saying(&connection, "twice")).await.unwrap();
    let mut again = saying(&connection, "twice");
    again["allow_duplicate"] = json!(true);
    world.advance(3_600);
    world.create(&again).await.unwrap();
    // The second counts as well, when the first is gone from the window.
    world.advance(23 * 3_600);
    world.create(&saying(&connection, "twice")).await.unwrap_err();
    world.advance(3_600);
    world.create(&saying(&connection, "twice")).await.unwrap();
}

#[tokio::test]
async fn what_is_planned_counts_around_its_time() {
    let (world, connection) = guarded().await;
    let planned = id(&world.create(&at(saying(&connection, "plan"), "2026-11-25T10:00:00Z")).await.unwrap());
    // Four days before it, the same may go out now; and the plan still stands.
    world.create(&saying(&connection, "plan")).await.unwrap();
    for near in ["2026-11-24T10:00:01Z", "2026-11-25T10:00:00Z", "2026-11-26T09:59:59Z"] {
        let problem = world.create(&at(saying(&connection, "plan"), near)).await.unwrap_err();
        assert_eq!(in_the_way(&problem), planned, "{near}");
    }
    for far in ["2026-11-24T10:00:00Z", "2026-11-26T10:00:00Z"] {
        world.create(&at(saying(&connection, "plan"), far)).await.unwrap();
    }
}

#[tokio::test]
async fn a_post_that_did_not_go_out_does_not_stand_in_the_way() {
    let (world, connection) = guarded().await;
    let cancelled = id(&world.create(&saying(&connection, "again")).await.unwrap());
    cancel(&world, &cancelled).await;
    let failed = id(&world.create(&saying(&connection, "again")).await.unwrap());
    world.simulator.facebook().add_fault(Fault::error(100, None).on_page(seed::BAKERY).times(1));
    world.drain().await;
    assert_eq!(world.post(&failed).await["state"], "failed");
    let expired = id(&world.create(&saying(&connection, "again")).await.unwrap());
    world.advance(6 * 3_600 + 1);
    world.drain().await;
    assert_eq!(world.post(&expired).await["state"], "expired");
    world.create(&saying(&connection, "again")).await.unwrap();
    world.create(&saying(&connection, "again")).await.unwrap_err();
    world.drain().await;
    assert_eq!(world.page().len(), 1);
}

#[tokio::test]
async fn a_request_that_was_refused_leaves_no_note() {
    let (world, connection) = guarded().await;
    let session = json!({ "platform": "facebook", "return_url": "http://127.0.0.1:9/done", "reconnect": connection });
    world.connect_as(seed::ADA, &[seed::BAKERY, seed::BOOKSHOP], &session).await;
    let to = |page: &str| json!({ "connection": connection, "destination": page });
    let post = |targets: Value| json!({ "content": { "text": "news" }, "targets": targets });
    world.create(&post(json!([to(seed::BAKERY)]))).await.unwrap();
    // Refused for its second target: the first is free for the next request.
    let problem = world.create(&post(json!([to(seed::BOOKSHOP), to(seed::BAKERY)]))).await.unwrap_err();
    assert_eq!(problem.errors[0].pointer, "/targets/1");
    world.create(&post(json!([to(seed::BOOKSHOP)]))).await.unwrap();
    // Refused for its key: what it said is free as well.
    world.create_keyed("k", &saying_at(&connection, "one")).await.unwrap();
    let problem = world.create_keyed("k", &saying_at(&connection, "two")).await.unwrap_err();
    assert_eq!(problem.code, "idempotency.mismatch");
    world.create_keyed("other", &saying_at(&connection, "two")).await.unwrap();
    // Refused because the queue did not take its job.
    let mut broken = world.publisher.clone();
    broken.queue =
        shared::queue::Queue::new(world.sqs.clone(), format!("{}/000000000000/none", world.emulators.endpoint_url()));
    let request = world.request("POST /v1/posts", "/v1/posts", &saying_at(&connection, "three"));
    assert_eq!(broken.handle(request.clone()).await.unwrap_err().code, "service.unavailable");
    assert_eq!(world.publisher.handle(request).await.unwrap().status, 202);
}

fn saying_at(connection: &str, text: &str) -> Value {
    json!({ "content": { "text": text }, "targets": [{ "connection": connection, "destination": seed::BAKERY }] })
}

#[tokio::test]
async fn a_note_whose_post_was_never_stored_counts_for_a_minute() {
    let (world, connection) = guarded().await;
    let post = id(&world.create(&saying(&connection, "dead")).await.unwrap());
    unstore(&world, &post).await;
    assert_eq!(world.read("GET /v1/posts/{post}", &format!("/v1/posts/{post}")).await.unwrap_err().status, 404);
    world.advance(59);
    world.create(&saying(&connection, "dead")).await.unwrap_err();
    world.advance(1);
    world.create(&saying(&connection, "dead")).await.unwrap();
}

/// Deletes a post, as if its function had died between the note and the post.
async fn unstore(world: &World, post: &str) {
    let clients = Clients::at(&world.emulators.endpoint_url());
    let key = format!("T#{}#POST#{post}", world.caller.tenant.id());
    let delete = clients.dynamodb().delete_item().table_name("State");
    delete.key("pk", AttributeValue::S(key)).key("sk", AttributeValue::S("POST".into())).send().await.unwrap();
}

#[tokio::test]
async fn whoever_comes_back_after_a_minute_does_not_rely_on_the_note_that_is_left() {
    let (world, connection) = guarded().await;
    let body = saying(&connection, "left over");
    let read = |response: &shared::http::Response| serde_json::from_str::<Value>(&response.body).unwrap();
    let left = id(&read(&world.create_keyed("a", &body).await.unwrap()));
    unstore(&world, &left).await;
    world.advance(60);
    let other = id(&read(&world.create_keyed("b", &body).await.unwrap()));
    assert_eq!(in_the_way(&world.create_keyed("a", &body).await.unwrap_err()), other);
    // The other is called off: the first may come back, and counts from then on, for a whole minute of its own.
    cancel(&world, &other).await;
    assert_eq!(id(&read(&world.create_keyed("a", &body).await.unwrap())), left);
    unstore(&world, &left).await;
    world.advance(59);
    assert_eq!(in_the_way(&world.create_keyed("c", &body).await.unwrap_err()), left);
}

#[tokio::test]
async fn a_post_that_takes_long_to_come_back_has_its_note_anew() {
    let (world, connection) = guarded().await;
    let body = saying(&connection, "slow");
    let post = id(&serde_json::from_str(&world.create_keyed("a", &body).await.unwrap().body).unwrap());
    unstore(&world, &post).await;
    // Repeated just before its note stops counting, and not stored for some seconds.
    world.advance(59);
    world.create_keyed("a", &body).await.unwrap();
    unstore(&world, &post).await;
    world.advance(20);
    assert_eq!(in_the_way(&world.create_keyed("b", &body).await.unwrap_err()), post);
}

#[tokio::test]
async fn a_replay_is_a_replay_although_another_says_the_same_by_permission() {
    let (world, connection) = guarded().await;
    let body = saying(&connection, "allowed");
    let first = world.create_keyed("a", &body).await.unwrap();
    let mut allowed = body.clone();
    allowed["allow_duplicate"] = json!(true);
    world.create_keyed("b", &allowed).await.unwrap();
    world.advance(3_600);
    let again = world.create_keyed("a", &body).await.unwrap();
    assert_eq!(again.body, first.body);
    assert!(again.headers.contains(&("idempotency-replayed", "true".to_owned())));
    // Its note is still there.
    world.create_keyed("c", &body).await.unwrap_err();
}

#[tokio::test]
async fn the_same_place_counts_whichever_connection_leads_there_and_another_tenant_never() {
    let (mut world, connection) = guarded().await;
    world.create(&saying(&connection, "shared")).await.unwrap();
    world.caller = world.other_tenant().await;
    let other = world.connected().await;
    world.create(&saying(&other, "shared")).await.unwrap();
    world.create(&saying(&other, "shared")).await.unwrap_err();
}

#[tokio::test]
async fn of_two_posts_in_bulk_that_say_the_same_the_first_goes_out() {
    let (world, connection) = guarded().await;
    let mut body = bulk::items(&connection, 0..40);
    for number in [7, 20, 39] {
        body["posts"][number]["content"]["text"] = json!("the same");
    }
    let answer = bulk::bulk(&world, &body).await.unwrap();
    let results = answer["results"].as_array().unwrap();
    let refused: Vec<usize> =
        results.iter().enumerate().filter(|(_, result)| result["status"] == 409).map(|(index, _)| index).collect();
    assert_eq!(refused, [20, 39]);
    assert_eq!(results[39]["problem"]["post"], results[7]["post"]["id"]);
    let again = bulk::bulk(&world, &body).await.unwrap();
    assert_eq!((again["replayed"].as_u64(), again["refused"].as_u64()), (Some(38), Some(2)));
    world.drain().await;
    assert_eq!(world.page().len(), 38);
}

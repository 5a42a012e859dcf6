//! One key, one post: whatever is repeated, lost or sent at the same moment.

use std::collections::BTreeSet;

use proptest::prelude::*;
use serde_json::{Value, json};
use shared::{
    http::{Request, Response},
    ids::PostId,
    problem::Problem,
    publish::Publisher,
};

use simulator::facebook::seed;

use crate::{bulk, faults::Faults, world::World};

const TRANSACTION: &str = "TransactWriteItems";
/// How DynamoDB refuses a transaction that meets another.
const CONFLICT: (u16, &str) = (
    400,
    r#"{"__type":"com.amazonaws.dynamodb.v20120810#TransactionCanceledException",
        "Message":"Transaction cancelled, please refer cancellation reasons for specific reasons [TransactionConflict, None]",
        "CancellationReasons":[{"Code":"TransactionConflict","Message":"Transaction is ongoing for the item"},{"Code":"None"}]}"#,
);
/// How it refuses a single write that meets a transaction.
const SINGLE_CONFLICT: (u16, &str) = (
    400,
    r#"{"__type":"com.amazonaws.dynamodb.v20120810#TransactionConflictException","message":"Transaction is ongoing for the item"}"#,
);

fn saying(connection: &str, text: &str) -> Value {
    json!({ "content": { "text": text }, "targets": [{ "connection": connection }] })
}

fn planned(connection: &str, text: &str) -> Value {
    let mut body = saying(connection, text);
    body["schedule"] = json!({ "at": "2026-11-21T12:00:00Z" });
    body
}

fn keyed(world: &World, key: &str, body: &Value) -> Request {
    let mut request = world.request("POST /v1/posts", "/v1/posts", body);
    request.headers.insert("idempotency-key", key.parse().unwrap());
    request
}

async fn send(publisher: &Publisher, world: &World, key: &str, body: &Value) -> Result<Response, Problem> {
    publisher.handle(keyed(world, key, body)).await
}

fn replayed(response: &Response) -> bool {
    response.headers.contains(&("idempotency-replayed", "true".into()))
}

/// Lets everything that is queued or planned go out.
async fn let_go(world: &World) {
    world.drain().await;
    world.advance(7_200);
    world.dispatcher.tick().await.unwrap();
    world.drain().await;
}

#[tokio::test]
async fn f01_up_to_five_requests_at_the_same_moment_make_one_post_now_or_planned() {
    let world = World::start().await;
    let connection = world.connected().await;
    let mut posts = 0;
    for body in [saying(&connection, "now"), planned(&connection, "planned")] {
        for count in 1..=5 {
            let mut body = body.clone();
            body["content"]["text"] = json!(format!("{count} {}", body["content"]["text"]));
            let key = format!("key-{posts}");
            let mut requests = tokio::task::JoinSet::new();
            for _ in 0..count {
                let (publisher, request) = (world.publisher.clone(), keyed(&world, &key, &body));
                requests.spawn(async move { publisher.handle(request).await.unwrap() });
            }
            let answers = requests.join_all().await;
            assert_eq!(answers.len(), count);
            assert!(answers.iter().all(|answer| (answer.status, &answer.body) == (202, &answers[0].body)));
            assert_eq!(answers.iter().filter(|answer| !replayed(answer)).count(), 1);
            posts += 1;
        }
    }
    let_go(&world).await;
    assert_eq!(world.page().len(), posts);
}

#[tokio::test]
async fn f02_the_same_key_names_another_post_for_each_tenant_and_on_each_route() {
    let mut world = World::start().await;
    let mut ids = BTreeSet::new();
    for _ in 0..3 {
        let connection = world.connected().await;
        let alone = world.create_keyed("bulk-0", &saying(&connection, "alone")).await.unwrap();
        let alone: Value = serde_json::from_str(&alone.body).unwrap();
        ids.insert(alone["id"].as_str().unwrap().to_owned());
        let many = bulk::bulk(&world, &bulk::items(&connection, 0..1)).await.unwrap();
        ids.insert(many["results"][0]["post"]["id"].as_str().unwrap().to_owned());
        world.caller = world.other_tenant().await;
    }
    assert_eq!(ids.len(), 6);
}

proptest! {
    #[test]
    fn f02_no_two_of_tenant_route_and_key_share_an_id(
        one in (0_u8..4, 0_usize..2, "[!-~]{1,12}"),
        other in (0_u8..4, 0_usize..2, "[!-~]{1,12}"),
    ) {
        let routes = ["POST /v1/posts", "POST /v1/posts/bulk"];
        let id = |(tenant, route, key): &(u8, usize, String)| {
            PostId::derived(&[&format!("ten_{tenant:032x}"), routes[*route], key])
        };
        prop_assert_eq!(one == other, id(&one) == id(&other));
    }
}

/// Every way to change one thing about a post.
fn changed(body: &Value) -> Vec<(&'static str, Value)> {
    let change = |pointer: &str, value: Value| {
        let mut body = body.clone();
        let (parent, name) = pointer.rsplit_once('/').unwrap();
        body.pointer_mut(parent).unwrap()[name] = value;
        body
    };
    let mut fewer = body.clone();
    fewer["targets"].as_array_mut().unwrap().pop();
    let mut swapped = body.clone();
    swapped["targets"].as_array_mut().unwrap().reverse();
    let mut linkless = body.clone();
    linkless["content"].as_object_mut().unwrap().remove("link");
    vec![
        ("text", change("/content/text", json!("b"))),
        ("text by one space", change("/content/text", json!("a "))),
        ("link", change("/content/link", json!("https://example.com/other"))),
        ("no link", linkless),
        ("target", fewer),
        ("order of targets", swapped),
        ("destination", change("/targets/0/destination", json!(seed::ODDITIES))),
        ("content of a target", change("/targets/1/content", json!({ "text": "own" }))),
        ("time", change("/schedule", json!({ "at": "2026-11-21T12:00:01Z" }))),
        ("zone", change("/schedule", json!({ "local": "2026-11-21T12:00:00", "zone": "UTC" }))),
        ("end", change("/not_after", json!("2026-11-21T20:00:01Z"))),
        ("permission", change("/allow_duplicate", json!(true))),
    ]
}

#[tokio::test]
async fn f03_one_changed_field_is_another_request_and_another_spelling_is_not() {
    let world = World::start().await;
    let session = json!({ "platform": "facebook", "return_url": "http://127.0.0.1:9/done" });
    let pages = [seed::BAKERY, seed::BOOKSHOP];
    let back = world.connect_as(seed::ADA, &[pages[0], pages[1], seed::ODDITIES], &session).await;
    let connection = back.query_pairs().find(|(name, _)| name == "connection").unwrap().1.into_owned();
    let targets: Vec<Value> =
        pages.iter().map(|page| json!({ "connection": connection, "destination": page })).collect();
    let body = json!({
        "content": { "text": "a", "link": "https://example.com/" },
        "targets": targets,
        "schedule": { "at": "2026-11-21T12:00:00Z" },
        "not_after": "2026-11-21T20:00:00Z",
    });
    let first = world.create_keyed("k", &body).await.unwrap();
    for (what, other) in changed(&body) {
        let problem = world.create_keyed("k", &other).await.unwrap_err();
        assert_eq!((problem.status, problem.code), (422, "idempotency.mismatch"), "{what}");
    }
    let page = |index: usize| pages[index];
    let reordered = format!(
        r#" {{ "not_after":"2026-11-21T20:00:00Z", "allow_duplicate" : false,
            "schedule":{{"at":"2026-11-21T12:00:00\u005a"}},"targets":[
            {{"destination":"{}","connection":"{connection}"}},
            {{"content":null,"connection":"{connection}","destination":"{}"}}],
            "content":{{"media":[],"link":"HTTPS://EXAMPLE.COM:443","text":"\u0061"}}}} "#,
        page(0),
        page(1)
    );
    let mut request = keyed(&world, "k", &Value::Null);
    request.body = reordered.into();
    let again = world.publisher.handle(request).await.unwrap();
    assert_eq!((replayed(&again), &again.body), (true, &first.body));
}

#[tokio::test]
async fn f05_a_job_that_was_sent_twice_because_its_answer_was_lost_publishes_once() {
    let world = World::start().await;
    let connection = world.connected().await;
    let faults = Faults::default();
    let publisher = faults.publisher(&world);
    faults.lose_answers("SendMessage", 1);
    let before = world.emulators.counts();
    assert_eq!(send(&publisher, &world, "k", &saying(&connection, "once")).await.unwrap().status, 202);
    assert_eq!(world.emulators.counts().since(&before).calls("SQS.SendMessage"), 2);
    assert_eq!(world.publisher.queue.depth().await.unwrap().visible, 2);
    world.drain().await;
    assert_eq!(world.page().len(), 1);

    faults.lose_answers("SendMessageBatch", 1);
    let request = world.request("POST /v1/posts/bulk", "/v1/posts/bulk", &bulk::items(&connection, 0..10));
    let answer: Value = serde_json::from_str(&publisher.handle(request).await.unwrap().body).unwrap();
    assert_eq!((answer["accepted"].as_u64(), faults.left()), (Some(10), 0));
    assert_eq!(world.publisher.queue.depth().await.unwrap().visible, 20);
    world.drain().await;
    assert_eq!(world.page().len(), 11);
}

#[tokio::test]
async fn f06_a_post_that_was_stored_although_the_answer_was_lost_is_accepted_and_not_a_replay() {
    let mut world = World::start().await;
    let connection = world.connected().await;
    let faults = Faults::default();
    let window = Some(jiff::SignedDuration::from_hours(1));
    // With a window, the first put is the note against duplicates.
    let cases = [
        ("PutItem", 1, None),
        ("PutItem", 2, None),
        ("PutItem", 1, window),
        (TRANSACTION, 1, None),
        (TRANSACTION, 2, window),
    ];
    for (number, (operation, times, window)) in cases.into_iter().enumerate() {
        world.publisher.duplicate_window = window;
        let publisher = faults.publisher(&world);
        let text = format!("number {number}");
        let body = if operation == TRANSACTION { planned(&connection, &text) } else { saying(&connection, &text) };
        faults.lose_answers(operation, times);
        let answer = send(&publisher, &world, &format!("k{number}"), &body).await.unwrap();
        assert_eq!((answer.status, replayed(&answer), faults.left()), (202, false, 0), "{operation} {times}");
    }
    let_go(&world).await;
    assert_eq!(world.page().len(), 5);
}

#[tokio::test]
async fn f06_a_post_whose_every_answer_was_lost_is_there_for_the_next_request() {
    let world = World::start().await;
    let connection = world.connected().await;
    let faults = Faults::default();
    let publisher = faults.publisher(&world);
    for (key, operation, body) in
        [("a", "PutItem", saying(&connection, "now")), ("b", TRANSACTION, planned(&connection, "later"))]
    {
        faults.lose_answers(operation, 3);
        let problem = send(&publisher, &world, key, &body).await.unwrap_err();
        assert_eq!((problem.code, problem.retryable, faults.left()), ("service.unavailable", true, 0));
        assert!(replayed(&send(&publisher, &world, key, &body).await.unwrap()), "{operation}");
    }
    let_go(&world).await;
    assert_eq!(world.page().len(), 2);
}

#[tokio::test]
async fn a_transaction_that_meets_another_is_tried_again_and_then_left_to_the_caller() {
    let world = World::start().await;
    let connection = world.connected().await;
    let faults = Faults::default();
    let publisher = faults.publisher(&world);
    let (now, later) = (saying(&connection, "now"), planned(&connection, "later"));
    for (operation, conflict, body) in [("PutItem", SINGLE_CONFLICT, &now), (TRANSACTION, CONFLICT, &later)] {
        faults.answer(operation, conflict, 2);
        let answer = send(&publisher, &world, operation, body).await.unwrap();
        assert_eq!((answer.status, replayed(&answer), faults.left()), (202, false, 0), "{operation}");
        // The other one has won: its post is the answer.
        faults.answer(operation, conflict, 1);
        let again = send(&publisher, &world, operation, body).await.unwrap();
        assert_eq!((replayed(&again), &again.body), (true, &answer.body));
        let problem = send(&publisher, &world, operation, &saying(&connection, "other")).await.unwrap_err();
        assert_eq!(problem.code, "idempotency.mismatch");

        faults.answer(operation, conflict, 50);
        let key = format!("{operation}-2");
        let problem = send(&publisher, &world, &key, body).await.unwrap_err();
        assert_eq!((problem.status, problem.code, problem.retryable), (409, "idempotency.running", true));
        let post = problem.post.unwrap();
        let response = Response::from(problem);
        assert!(response.headers.contains(&("retry-after", "1".into())));
        assert!(response.headers.contains(&("location", format!("/v1/posts/{post}"))));
        let spent = 50 - faults.left();
        assert!((3..=12).contains(&spent), "{spent} tries");
        faults.end();
        let accepted = send(&publisher, &world, &key, body).await.unwrap();
        assert!(accepted.body.contains(&post.to_string()) && !replayed(&accepted));
    }
}

#[tokio::test]
async fn a_conflict_costs_one_bulk_post_only() {
    let world = World::start().await;
    let connection = world.connected().await;
    let faults = Faults::default();
    let publisher = faults.publisher(&world);
    let mut body = bulk::items(&connection, 0..5);
    body["posts"][3]["schedule"] = json!({ "at": "2026-11-21T12:00:00Z" });
    faults.answer(TRANSACTION, CONFLICT, 50);
    let request = world.request("POST /v1/posts/bulk", "/v1/posts/bulk", &body);
    let answer: Value = serde_json::from_str(&publisher.handle(request).await.unwrap().body).unwrap();
    assert_eq!((answer["accepted"].as_u64(), answer["refused"].as_u64()), (Some(4), Some(1)));
    let problem = &answer["results"][3]["problem"];
    assert_eq!((problem["code"].as_str(), problem["retryable"].as_bool()), (Some("idempotency.running"), Some(true)));
}

#[tokio::test]
async fn a_job_that_the_queue_does_not_take_costs_its_post_only_and_the_post_may_be_sent_again() {
    let world = World::start().await;
    let connection = world.connected().await;
    let faults = Faults::default();
    let publisher = faults.publisher(&world);
    let sent = |id: usize| json!({ "Id": id.to_string(), "MessageId": "m", "MD5OfMessageBody": "x" });
    let failed = |id: usize| json!({ "Id": id.to_string(), "Code": "InternalError", "SenderFault": false });
    let first =
        json!({ "Successful": (0..10).filter(|id| *id != 3).map(sent).collect::<Vec<_>>(), "Failed": [failed(3)] });
    let second = json!({ "Successful": [], "Failed": [failed(0)] });
    faults.answer("SendMessageBatch", (200, &first.to_string()), 1);
    faults.answer("SendMessageBatch", (200, &second.to_string()), 1);
    let body = bulk::items(&connection, 0..10);
    let request = world.request("POST /v1/posts/bulk", "/v1/posts/bulk", &body);
    let answer: Value = serde_json::from_str(&publisher.handle(request).await.unwrap().body).unwrap();
    assert_eq!((answer["accepted"].as_u64(), faults.left()), (Some(9), 0));
    let problem = &answer["results"][3]["problem"];
    assert_eq!((problem["code"].as_str(), problem["retryable"].as_bool()), (Some("service.unavailable"), Some(true)));
    let again = bulk::bulk(&world, &body).await.unwrap();
    assert_eq!((again["accepted"].as_u64(), again["replayed"].as_u64()), (Some(10), Some(9)));
    world.drain().await;
    assert_eq!(world.page().len(), 10);
}

#[tokio::test]
async fn a_key_is_remembered_for_as_long_as_its_post() {
    let world = World::start().await;
    let connection = world.connected().await;
    let body = planned(&connection, "far");
    let first = world.create_keyed("k", &body).await.unwrap();
    // Long after its time: no row of a post has a time to live.
    world.advance(400 * 24 * 3_600);
    world.emulators.sweep_expired_items().unwrap();
    assert_eq!(world.create_keyed("k", &body).await.unwrap().body, first.body);
    assert_eq!(world.create_keyed("k", &saying(&connection, "other")).await.unwrap_err().code, "idempotency.mismatch");
}

//! Many posts in one request.

use std::{collections::BTreeMap, time::Duration};

use aws_sdk_sqs::types::MessageSystemAttributeName;
use serde_json::{Value, json};
use shared::{
    http::Response,
    problem::Problem,
    publish::{MAX_BULK_BODY, MAX_BULK_POSTS, MAX_BULK_TARGETS},
    queue::Job,
};
use simulator::facebook::seed;

use crate::world::World;

const ROUTE: &str = "POST /v1/posts/bulk";

pub(crate) async fn bulk(world: &World, body: &Value) -> Result<Value, Problem> {
    let response = world.publisher.handle(world.request(ROUTE, "/v1/posts/bulk", body)).await?;
    Ok(read(&response))
}

fn read(response: &Response) -> Value {
    assert_eq!(response.status, 200);
    serde_json::from_str(&response.body).unwrap()
}

/// A post of a text that no other says.
pub(crate) fn item(connection: &str, number: usize) -> Value {
    json!({
        "idempotency_key": format!("bulk-{number}"),
        "content": { "text": format!("number {number}") },
        "targets": [{ "connection": connection }],
    })
}

pub(crate) fn items(connection: &str, numbers: std::ops::Range<usize>) -> Value {
    json!({ "posts": numbers.map(|number| item(connection, number)).collect::<Vec<_>>() })
}

fn counts(answer: &Value) -> (u64, u64, u64) {
    let count = |name: &str| answer[name].as_u64().unwrap();
    (count("accepted"), count("replayed"), count("refused"))
}

fn statuses(answer: &Value) -> Vec<u64> {
    answer["results"].as_array().unwrap().iter().map(|result| result["status"].as_u64().unwrap()).collect()
}

#[tokio::test]
async fn posts_in_bulk_are_answered_in_order_like_posts_alone_and_go_out_once() {
    let world = World::start().await;
    let connection = world.connected().await;
    let answer = bulk(&world, &items(&connection, 0..23)).await.unwrap();
    assert_eq!(counts(&answer), (23, 0, 0));
    let body = json!({ "content": { "text": "alone" }, "targets": [{ "connection": connection }] });
    let alone = world.create(&body).await.unwrap();
    let fields = |view: &Value| view.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    for (number, result) in answer["results"].as_array().unwrap().iter().enumerate() {
        assert_eq!(result["status"], 202);
        assert_eq!(result["post"]["content"]["text"], format!("number {number}"));
        assert_eq!(fields(&result["post"]), fields(&alone));
    }
    world.drain().await;
    assert_eq!(world.page().len(), 24);
    for result in answer["results"].as_array().unwrap() {
        assert_eq!(world.post(result["post"]["id"].as_str().unwrap()).await["state"], "published");
    }
}

#[tokio::test]
async fn one_bad_post_costs_only_itself() {
    let world = World::start().await;
    let connection = world.connected().await;
    let good = |number| item(&connection, number);
    let with = |number, name: &str, value: Value| {
        let mut post = item(&connection, number);
        post[name] = value;
        post
    };
    let mut keyless = good(4);
    keyless.as_object_mut().unwrap().remove("idempotency_key");
    let posts = json!([
        good(0),
        with(1, "idempotency_key", json!("bulk-0")),
        with(2, "idempotency_key", json!("with space")),
        with(3, "idempotency_key", json!("k".repeat(256))),
        keyless,
        with(5, "content", json!({})),
        with(6, "targets", json!([{ "connection": "con_0193f0a1b2c37d4e8f90a1b2c3d4e5f6" }])),
        with(7, "shedule", json!({})),
        "no post at all",
        with(9, "idempotency_key", json!("k".repeat(255))),
        with(10, "targets", json!(vec![json!({ "connection": connection }); 51])),
    ]);
    let answer = bulk(&world, &json!({ "posts": posts })).await.unwrap();
    assert_eq!(counts(&answer), (2, 0, 9));
    let told: Vec<(u64, Option<&str>, Option<&str>)> = answer["results"]
        .as_array()
        .unwrap()
        .iter()
        .map(|result| {
            let fault = &result["problem"]["errors"][0];
            assert_eq!(result.get("post").is_some(), result["status"] == 202);
            (result["status"].as_u64().unwrap(), fault["pointer"].as_str(), fault["code"].as_str())
        })
        .collect();
    assert_eq!(
        told,
        [
            (202, None, None),
            (422, Some("/idempotency_key"), Some("idempotency.key_repeated")),
            (422, Some("/idempotency_key"), Some("idempotency.key_invalid")),
            (422, Some("/idempotency_key"), Some("idempotency.key_invalid")),
            (422, Some(""), Some("body.shape")),
            (422, Some("/content"), Some("facebook.post.empty")),
            (422, Some("/targets/0/connection"), Some("connection.unknown")),
            (422, Some("/shedule"), Some("body.shape")),
            (422, Some(""), Some("body.shape")),
            (202, None, None),
            (422, Some("/targets"), Some("targets.count")),
        ]
    );
    world.drain().await;
    assert_eq!(world.page().len(), 2);
}

#[tokio::test]
async fn f08_a_post_that_is_no_text_costs_only_itself_and_a_body_that_is_no_json_everything() {
    let world = World::start().await;
    let connection = world.connected().await;
    let mut request = world.request(ROUTE, "/v1/posts/bulk", &Value::Null);
    let surrogate = item(&connection, 1).to_string().replace("number 1", "\\ud800");
    request.body = format!(r#"{{"posts":[{},{surrogate}]}}"#, item(&connection, 0)).into();
    let answer = read(&world.publisher.handle(request.clone()).await.unwrap());
    assert_eq!(statuses(&answer), [202, 400]);
    assert_eq!(answer["results"][1]["problem"]["code"], "body.not_json");
    request.body = r#"{"posts":[{"idempotency_key":"#.into();
    assert_eq!(world.publisher.handle(request).await.unwrap_err().code, "body.not_json");
}

#[tokio::test]
async fn f01_a_repeated_request_is_answered_byte_for_byte_and_what_is_new_in_it_is_accepted() {
    let world = World::start().await;
    let connection = world.connected().await;
    let first = bulk(&world, &items(&connection, 0..15)).await.unwrap();
    world.drain().await;
    world.advance(7_200);
    let again = bulk(&world, &items(&connection, 0..20)).await.unwrap();
    assert_eq!(counts(&again), (20, 15, 0));
    for (number, result) in again["results"].as_array().unwrap().iter().enumerate() {
        assert_eq!(result.get("replayed"), (number < 15).then_some(&json!(true)));
        if number < 15 {
            assert_eq!(result["post"].to_string(), first["results"][number]["post"].to_string());
        }
    }
    world.drain().await;
    assert_eq!(world.page().len(), 20);
}

#[tokio::test]
async fn f01_what_was_accepted_is_answered_alike_even_if_it_could_not_be_accepted_now() {
    let world = World::start().await;
    let mut post = item(&world.connected().await, 0);
    post["schedule"] = json!({ "at": "2026-11-21T10:30:00Z" });
    let body = json!({ "posts": [post] });
    let first = bulk(&world, &body).await.unwrap();
    world.advance(7_200);
    let again = bulk(&world, &body).await.unwrap();
    assert_eq!(counts(&again), (1, 1, 0), "{again:#}");
    assert_eq!(again["results"][0]["post"], first["results"][0]["post"]);
}

#[tokio::test]
async fn f01_the_same_request_many_times_at_once_makes_each_post_once() {
    let world = World::start().await;
    let connection = world.connected().await;
    let mut body = items(&connection, 0..30);
    for number in 10..20 {
        body["posts"][number]["schedule"] = json!({ "at": "2026-11-21T12:00:00Z" });
    }
    let (one, two, three) = tokio::join!(bulk(&world, &body), bulk(&world, &body), bulk(&world, &body));
    let answers = [one.unwrap(), two.unwrap(), three.unwrap()];
    for number in 0..30 {
        let result = |answer: &Value| answer["results"][number]["post"].to_string();
        assert!(answers.iter().all(|answer| answer["results"][number]["status"] == 202));
        assert!(answers.iter().all(|answer| result(answer) == result(&answers[0])));
    }
    let replayed: u64 = answers.iter().map(|answer| counts(answer).1).sum();
    assert_eq!(replayed, 60);
    world.drain().await;
    assert_eq!(world.page().len(), 20);
    world.advance(7_200);
    world.dispatcher.tick().await.unwrap();
    world.drain().await;
    assert_eq!(world.page().len(), 30);
}

#[tokio::test]
async fn f03_another_post_under_a_used_key_is_refused_alone() {
    let world = World::start().await;
    let connection = world.connected().await;
    bulk(&world, &items(&connection, 0..3)).await.unwrap();
    let mut other = items(&connection, 0..3);
    other["posts"][1]["content"]["text"] = "another".into();
    let answer = bulk(&world, &other).await.unwrap();
    assert_eq!(statuses(&answer), [202, 422, 202]);
    assert_eq!(answer["results"][1]["problem"]["code"], "idempotency.mismatch");
    world.drain().await;
    assert_eq!(world.page().len(), 3);
}

#[tokio::test]
async fn f07_a_request_has_1_to_1000_posts_and_at_most_4_mib() {
    let world = World::start().await;
    // None of them names a connection that exists, so nothing is written.
    let nothing = json!({ "idempotency_key": "k", "content": {}, "targets": [] });
    for (count, fits) in [(0, false), (1, true), (MAX_BULK_POSTS, true), (MAX_BULK_POSTS + 1, false)] {
        let answer = bulk(&world, &json!({ "posts": vec![nothing.clone(); count] })).await;
        match answer {
            Ok(answer) => assert_eq!((fits, answer["results"].as_array().unwrap().len()), (true, count)),
            Err(problem) => {
                assert_eq!((fits, problem.status, problem.errors[0].code.as_str()), (false, 422, "posts.count"));
            }
        }
    }
    for (size, expected) in [(MAX_BULK_BODY, "body.not_json"), (MAX_BULK_BODY + 1, "body.too_large")] {
        let mut request = world.request(ROUTE, "/v1/posts/bulk", &Value::Null);
        request.body = vec![b'x'; size].into();
        assert_eq!(world.publisher.handle(request).await.unwrap_err().code, expected, "{size}");
    }
}

#[tokio::test]
async fn f07_targets_past_the_bound_are_for_another_request() {
    let world = World::start().await;
    // Nobody knows these, and each is looked up once.
    let target = |number: usize| json!({ "connection": format!("con_{:032x}", number % 70) });
    let posts: Vec<Value> = (0..=MAX_BULK_TARGETS / 50)
        .map(|post| {
            let targets: Vec<Value> = (0..50).map(target).collect();
            json!({ "idempotency_key": format!("k{post}"), "content": { "text": "x" }, "targets": targets })
        })
        .collect();
    let before = world.emulators.counts();
    let answer = bulk(&world, &json!({ "posts": posts })).await.unwrap();
    let spent = world.emulators.counts().since(&before);
    assert_eq!(spent.calls("DynamoDB.BatchGetItem"), 1, "fifty connections, named a hundred times");
    let codes: Vec<&str> =
        answer["results"].as_array().unwrap().iter().map(|it| it["problem"]["code"].as_str().unwrap()).collect();
    assert_eq!(codes.iter().filter(|code| **code == "body.invalid").count(), MAX_BULK_TARGETS / 50);
    assert_eq!(codes.last(), Some(&"body.too_large"));
}

#[tokio::test]
async fn f07_a_post_in_bulk_is_no_larger_than_one_alone() {
    let world = World::start().await;
    let connection = world.connected().await;
    let mut body = items(&connection, 0..2);
    let target = |number: usize| {
        let text = format!("{number}{}", "x".repeat(50_000));
        json!({ "connection": connection, "destination": seed::BAKERY, "content": { "text": text } })
    };
    body["posts"][0]["targets"] = (0..10).map(target).collect();
    let answer = bulk(&world, &body).await.unwrap();
    assert_eq!(statuses(&answer), [413, 202]);
    let problem = &answer["results"][0]["problem"];
    assert_eq!((problem["code"].as_str(), problem["retryable"].as_bool()), (Some("body.too_large"), Some(false)));
    assert_eq!(taken(&world).await.len(), 1, "the job of the other post");
}

#[tokio::test]
async fn f07_an_address_counts_as_long_as_it_is_written() {
    let world = World::start().await;
    let connection = world.connected().await;
    // Two bytes each in the body, and six once they are written as an address.
    let link = format!("https://example.com/{}", "\u{e9}".repeat(60_000));
    let mut post = json!({ "content": { "text": "x", "link": link }, "targets": [{ "connection": connection }] });
    assert!(post.to_string().len() < shared::http::MAX_BODY);
    assert_eq!(world.create(&post).await.unwrap_err().code, "body.too_large");
    let checked = world.request("POST /v1/posts/validate", "/v1/posts/validate", &post);
    assert_eq!(world.publisher.handle(checked).await.unwrap_err().code, "body.too_large");
    post["idempotency_key"] = json!("k");
    assert_eq!(statuses(&bulk(&world, &json!({ "posts": [post] })).await.unwrap()), [413]);
    assert!(taken(&world).await.is_empty());
}

#[tokio::test]
async fn f07_an_answer_that_lambda_would_not_hand_on_is_never_made() {
    let world = World::start().await;
    let connection = world.connected().await;
    // 62 texts of 33,000 quotation marks: two bytes each in the body and four in Lambda's answer.
    let text = "\"".repeat(33_000);
    let mut body = items(&connection, 0..62);
    for post in body["posts"].as_array_mut().unwrap() {
        post["content"]["text"] = text.clone().into();
        post["schedule"] = json!({ "at": "2026-11-22T12:00:00Z" });
    }
    let response = world.publisher.handle(world.request(ROUTE, "/v1/posts/bulk", &body)).await.unwrap();
    assert!(Value::from(response.body.as_str()).to_string().len() < 6_000_000);
    let answer = read(&response);
    let (accepted, _, refused) = counts(&answer);
    assert_eq!((accepted, refused), (37, 25));
    let last = &answer["results"][61]["problem"];
    assert_eq!((last["status"].as_u64(), last["retryable"].as_bool()), (Some(413), Some(false)), "{last}");
}

#[tokio::test]
async fn what_cannot_be_begun_in_time_is_left_for_the_next_request() {
    let world = World::start().await;
    let connection = world.connected().await;
    let body = items(&connection, 0..200);
    let within = async |time: Duration| {
        let request = world.request(ROUTE, "/v1/posts/bulk", &body);
        read(&world.publisher.handle_within(request, time).await.unwrap())
    };
    let before = world.emulators.counts();
    let late = within(Duration::from_secs(3)).await;
    assert_eq!(counts(&late), (0, 0, 200));
    let problem = &late["results"][0]["problem"];
    assert_eq!((problem["code"].as_str(), problem["retryable"].as_bool()), (Some("service.unavailable"), Some(true)));
    let spent = world.emulators.counts().since(&before);
    assert_eq!(spent.iter().map(|(name, _)| name).collect::<Vec<_>>(), ["DynamoDB.BatchGetItem"]);

    // Time for some of them: how many depends on the machine, and what is not begun is told.
    let some = within(Duration::from_millis(4_050)).await;
    let (accepted, _, refused) = counts(&some);
    assert_eq!(accepted + refused, 200);
    assert!(statuses(&some).iter().all(|status| matches!(status, 202 | 503)));
    let rest = within(Duration::from_mins(1)).await;
    assert_eq!(counts(&rest), (200, accepted, 0));
    world.drain().await;
    assert_eq!(world.page().len(), 200);
}

#[tokio::test]
async fn a_bulk_post_waits_for_its_time_as_one_alone_does() {
    let world = World::start().await;
    let connection = world.connected().await;
    let mut body = items(&connection, 0..3);
    body["posts"][1]["schedule"] = json!({ "at": "2026-11-21T10:00:20Z" });
    body["posts"][2]["schedule"] = json!({ "at": "2026-11-21T10:10:00Z" });
    bulk(&world, &body).await.unwrap();
    let texts = |world: &World| -> Vec<String> {
        let mut texts: Vec<_> = world.page().into_iter().filter_map(|post| post.message).collect();
        texts.sort();
        texts
    };
    world.drain().await;
    assert_eq!(texts(&world), ["number 0"]);
    world.advance(20);
    world.drain().await;
    assert_eq!(texts(&world), ["number 0", "number 1"]);
    world.advance(580);
    world.dispatcher.tick().await.unwrap();
    world.drain().await;
    assert_eq!(texts(&world), ["number 0", "number 1", "number 2"]);
}

#[tokio::test]
async fn a_post_with_many_targets_has_all_its_jobs_sent() {
    let world = World::start().await;
    let session = json!({ "platform": "facebook", "return_url": "http://127.0.0.1:9/done" });
    let pages = [seed::BAKERY, seed::ODDITIES, seed::BOOKSHOP];
    let back = world.connect_as(seed::ADA, &pages, &session).await;
    let connection = back.query_pairs().find(|(name, _)| name == "connection").unwrap().1.into_owned();
    let targets: Vec<Value> =
        pages.iter().map(|page| json!({ "connection": connection, "destination": page })).collect();
    let mut body = items(&connection, 0..7);
    for post in body["posts"].as_array_mut().unwrap() {
        post["targets"] = json!(targets);
    }
    let before = world.emulators.counts();
    let answer = bulk(&world, &body).await.unwrap();
    assert_eq!(counts(&answer), (7, 0, 0));
    let spent = world.emulators.counts().since(&before);
    assert_eq!(spent.calls("SQS.SendMessageBatch"), 3, "nine jobs, nine jobs, three");
    world.drain().await;
    for result in answer["results"].as_array().unwrap() {
        assert_eq!(world.post(result["post"]["id"].as_str().unwrap()).await["state"], "published");
    }
}

/// Takes everything visible out of the publish queue: the group of each message with what it says.
async fn taken(world: &World) -> Vec<(String, String)> {
    let mut all = Vec::new();
    loop {
        let received = world
            .sqs
            .receive_message()
            .queue_url(&world.publish_queue)
            .max_number_of_messages(10)
            .visibility_timeout(600)
            .message_system_attribute_names(MessageSystemAttributeName::MessageGroupId)
            .send()
            .await
            .unwrap();
        let Some(messages) = received.messages.filter(|messages| !messages.is_empty()) else { return all };
        for message in messages {
            let group = message.attributes.unwrap()[&MessageSystemAttributeName::MessageGroupId].clone();
            all.push((group, message.body.unwrap()));
        }
    }
}

#[tokio::test]
async fn f28_a_thousand_bulk_posts_do_not_delay_another_tenants_post() {
    let mut world = World::start().await;
    let connection = world.connected().await;
    let noisy = world.caller.tenant.id();
    let answer = bulk(&world, &items(&connection, 0..MAX_BULK_POSTS)).await.unwrap();
    assert_eq!(counts(&answer), (1_000, 0, 0));
    // Consumers are at work on the flood when the other tenant's post comes, behind all of it.
    world.receive(&world.publish_queue, 600).await;
    world.caller = world.other_tenant().await;
    let quiet = world.caller.tenant.id();
    let other = world.connected().await;
    let body = json!({ "content": { "text": "quiet" }, "targets": [{ "connection": other }] });
    let post = world.create(&body).await.unwrap();
    let messages = taken(&world).await;
    assert_eq!(messages.len(), 991);
    let place = messages.iter().position(|(group, _)| *group == quiet.to_string()).unwrap();
    assert!(place < 10, "the quiet tenant's message came {place} messages late");
    assert!(messages[place].1.contains(post["id"].as_str().unwrap()));
    // What makes the queue fair is the group, and every message has its tenant's.
    let mut groups: BTreeMap<&str, usize> = BTreeMap::new();
    for (group, body) in &messages {
        assert_eq!(*group, Job::decode(body).unwrap().tenant.to_string());
        *groups.entry(group).or_default() += 1;
    }
    assert_eq!(groups, BTreeMap::from([(noisy.to_string().as_str(), 990), (quiet.to_string().as_str(), 1)]));
}

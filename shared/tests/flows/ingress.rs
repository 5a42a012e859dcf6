//! Limits of requests, from the event of API Gateway to its answer.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use aws_sdk_dynamodb::config::http::HttpResponse;
use emulators::Counts;
use jiff::SignedDuration;
use serde_json::{Value, json};
use shared::{
    aws::Clients,
    clock::{Clock, ManualClock},
    http::{
        Response,
        gateway::{self, Front},
    },
    ids::{KeyId, TenantId},
    limit::{Limiter, Limits},
    scope::Scopes,
    store::Store,
    telemetry::{Function, Metrics},
};

use crate::{intercept::OnAnswer, world::World};

const LIST: &str = "GET /v1/posts";
const HEALTH: &str = "GET /health";
const HERE: &str = "203.0.113.7";

/// A sandbox that counts requests in this world's table, by a clock that may be its own.
pub(crate) fn front(world: &World, clock: &ManualClock, limits: Limits) -> Front {
    front_over(world.dynamodb(), clock, limits)
}

fn front_over(client: aws_sdk_dynamodb::Client, clock: &ManualClock, limits: Limits) -> Front {
    let clock: Arc<dyn Clock> = Arc::new(clock.clone());
    let metrics = Metrics::new(Function::Api, clock.clone());
    let limiter = Limiter::new(Store::new(client, "State"), limits, clock, metrics);
    // A machine that is busy with other tests is slow, and not out of order.
    Front { public_url: None, limiter: limiter.with_patience(Duration::from_secs(30)) }
}

pub(crate) fn tenant(number: usize) -> Value {
    json!({ "tenant": TenantId::derived(&[&number.to_string()]), "key": KeyId::new(), "scopes": Scopes::ALL.to_string() })
}

/// What the caller gets: the status, and the whole answer.
pub(crate) async fn call(front: &Front, route: &str, source: &str, caller: &Value, body: &str) -> (u64, Value) {
    let (method, path) = route.split_once(' ').unwrap();
    let event = json!({
        "version": "2.0", "routeKey": route, "rawPath": path, "body": body,
        "requestContext": {
            "routeKey": route, "domainName": "api.example.com",
            "http": { "method": method, "path": path, "sourceIp": source },
            "authorizer": { "lambda": caller },
        },
    });
    let handle = |_| async { Ok(Response::text(200, "")) };
    let answer = gateway::answer(serde_json::from_value(event).unwrap(), front, handle).await;
    let answer = serde_json::to_value(answer).unwrap();
    (answer["statusCode"].as_u64().unwrap(), answer["headers"].clone())
}

async fn list(front: &Front, caller: &Value) -> (u64, Value) {
    call(front, LIST, HERE, caller, "").await
}

async fn keyless(front: &Front, route: &str, source: &str) -> u64 {
    call(front, route, source, &Value::Null, "").await.0
}

fn writes(counts: &Counts) -> (u64, u64) {
    let updates = counts.calls("DynamoDB.UpdateItem");
    (updates, counts.iter().map(|(_, count)| count.calls).sum::<u64>() - updates)
}

#[tokio::test]
async fn f11_a_noisy_tenant_is_refused_and_nine_quiet_ones_neither_hear_nor_wait() {
    let world = World::start().await;
    let front = front(&world, &world.clock, Limits::default());
    let (noisy, quiet) = (tenant(0), (1..10).map(tenant).collect::<Vec<_>>());
    let (mut passed, mut refused) = (0, Vec::new());
    for round in 0..1_500 {
        match list(&front, &noisy).await {
            (200, headers) => {
                passed += 1;
                assert_eq!(headers["ratelimit"], format!("\"tenant\";r={};t=60", 1_000 - passed));
            }
            (429, headers) => refused.push(headers),
            other => panic!("{other:?}"),
        }
        if round % 150 == 149 {
            let before = world.emulators.counts();
            for quiet in &quiet {
                let (status, headers) = list(&front, quiet).await;
                assert_eq!((status, &headers["retry-after"]), (200, &Value::Null));
            }
            // They wait for one write at most, in their first request of the minute; never for the noisy one.
            let first = round == 149;
            assert_eq!(writes(&world.emulators.counts().since(&before)), (if first { 9 } else { 0 }, 0));
        }
    }
    assert_eq!((passed, refused.len()), (1_000, 500));
    for headers in refused {
        let expected = json!({
            "cache-control": "no-store", "content-type": "application/problem+json", "referrer-policy": "no-referrer",
            "x-content-type-options": "nosniff",
            "ratelimit": "\"tenant\";r=0;t=60", "ratelimit-policy": "\"tenant\";q=1000;w=60", "retry-after": "60",
            "x-ratelimit-limit": "1000", "x-ratelimit-remaining": "0", "x-ratelimit-reset": "1795255260",
        });
        assert_eq!(headers, expected);
    }
}

#[tokio::test]
async fn f11_two_sandboxes_share_one_bucket_and_a_new_minute_brings_new_tokens() {
    let world = World::start().await;
    let limits = Limits { tenant: 10, ..Limits::default() };
    let sandboxes = [front(&world, &world.clock, limits.clone()), front(&world, &world.clock, limits)];
    let minute = async || {
        let mut passed = 0;
        for request in 0..30 {
            passed += u32::from(list(&sandboxes[request % 2], &tenant(1)).await.0 == 200);
        }
        passed
    };
    assert_eq!(minute().await, 10);
    world.advance(59);
    let (status, headers) = list(&sandboxes[0], &tenant(1)).await;
    assert_eq!((status, &headers["retry-after"]), (429, &json!("1")));
    world.advance(1);
    assert_eq!(minute().await, 10);
}

#[tokio::test]
async fn f11_many_requests_at_once_never_pass_more_than_the_limit() {
    let world = World::start().await;
    let limits = Limits { tenant: 40, ..Limits::default() };
    let sandboxes: Vec<Arc<Front>> = (0..10).map(|_| Arc::new(front(&world, &world.clock, limits.clone()))).collect();
    let mut calls = tokio::task::JoinSet::new();
    for request in 0..100 {
        let (sandbox, noisy) = (Arc::clone(&sandboxes[request % 10]), tenant(1));
        calls.spawn(async move { list(&sandbox, &noisy).await.0 });
    }
    let answers = calls.join_all().await;
    assert_eq!(answers.iter().filter(|status| **status == 200).count(), 40);
}

#[tokio::test]
async fn f11_without_a_key_each_address_has_a_limit_and_logins_one_of_their_own() {
    let world = World::start().await;
    let internal = vec!["10.0.0.0/8".parse().unwrap()];
    let front = front(&world, &world.clock, Limits { internal, ..Limits::default() });
    let passed = async |route: &str, source: &str, requests: usize| {
        let mut passed = 0;
        for _ in 0..requests {
            passed += u32::from(keyless(&front, route, source).await == 200);
        }
        passed
    };
    assert_eq!(passed(HEALTH, HERE, 110).await, 100);
    assert_eq!(passed("GET /v1/connect/{session}", HERE, 10).await, 5);
    assert_eq!(passed("GET /v1/oauth/{platform}/callback", HERE, 10).await, 5);
    assert_eq!(passed(HEALTH, "203.0.113.8", 10).await, 10);
    // Someone with a whole /64 is one caller all the same.
    assert_eq!(passed(HEALTH, "2001:db8::1", 100).await, 100);
    assert_eq!(passed(HEALTH, "2001:db8::ffff:1", 1).await, 0);
    // What a platform signs, and whom the operator names, is not counted.
    let before = world.emulators.counts();
    assert_eq!(passed("POST /webhooks/{platform}", HERE, 110).await, 110);
    assert_eq!(passed(HEALTH, "10.1.2.3", 110).await, 110);
    assert_eq!(writes(&world.emulators.counts().since(&before)), (0, 0));
    // A key that is no good leaves its caller with what everyone without one has.
    let (status, headers) = call(&front, LIST, HERE, &json!({ "refusal": "key.unknown" }), "").await;
    assert_eq!((status, &headers["ratelimit-policy"]), (429, &json!("\"public\";q=100;w=60")));
    assert_eq!(list(&front, &tenant(1)).await.0, 200, "the tenant's own limit is another");
}

#[tokio::test]
async fn f11_a_bulk_request_counts_each_post_and_may_take_the_last_of_a_minute() {
    let world = World::start().await;
    let front = front(&world, &world.clock, Limits { tenant: 100, ..Limits::default() });
    let bulk = async |posts: usize| {
        let body = json!({ "posts": vec![json!({}); posts] }).to_string();
        let (status, headers) = call(&front, "POST /v1/posts/bulk", HERE, &tenant(1), &body).await;
        (status, headers["x-ratelimit-remaining"].as_str().unwrap().to_owned())
    };
    assert_eq!(bulk(60).await, (200, "40".into()));
    assert_eq!(bulk(1_000).await, (200, "0".into()));
    assert_eq!(bulk(1).await.0, 429);
    world.advance(60);
    assert_eq!(call(&front, "POST /v1/posts/bulk", HERE, &tenant(1), "not json").await.0, 200);
    assert_eq!(bulk(98).await, (200, "1".into()));
}

#[tokio::test]
async fn f11_a_clock_that_is_set_back_gives_no_tokens_and_keeps_none_back_for_long() {
    let world = World::start().await;
    let (mine, other) = (world.clock.clone(), ManualClock::at(world.clock.now()));
    let limits = Limits { tenant: 10, ..Limits::default() };
    let (front_of_mine, front_of_other) = (front(&world, &mine, limits.clone()), front(&world, &other, limits));
    let spend = async |front: &Front| {
        let mut passed = 0;
        for _ in 0..20 {
            passed += u32::from(list(front, &tenant(1)).await.0 == 200);
        }
        passed
    };
    assert_eq!(spend(&front_of_mine).await, 10);
    // Into the minute before: this sandbox stays where it was.
    mine.advance(SignedDuration::from_secs(-20));
    assert_eq!(spend(&front_of_mine).await, 0);
    let (_, headers) = list(&front_of_mine, &tenant(1)).await;
    assert_eq!(headers["retry-after"], "80");
    // A sandbox that knows nothing counts in the minute that its clock shows, and there it is one for all.
    other.advance(SignedDuration::from_secs(-20));
    assert_eq!(spend(&front_of_other).await, 10);
    assert_eq!(spend(&front_of_other).await, 0);
    // Far ahead and back again: nobody waits until the wrong time has come.
    mine.advance(SignedDuration::from_hours(5));
    assert_eq!(spend(&front_of_mine).await, 10);
    mine.advance(SignedDuration::from_hours(-4));
    assert_eq!(spend(&front_of_mine).await, 10);
}

#[tokio::test]
async fn f11_without_a_table_requests_pass_and_wait_for_nothing_after_the_first() {
    let world = World::start().await;
    // Port 9 is nobody's: each call fails at once, and would be tried again if it were allowed to.
    let nowhere = Clients::at("http://127.0.0.1:9").dynamodb();
    let front = front_over(nowhere, &world.clock, Limits { tenant: 1, ..Limits::default() });
    for _ in 0..20 {
        let (status, headers) = list(&front, &tenant(1)).await;
        assert_eq!((status, &headers["ratelimit-policy"]), (200, &json!("\"tenant\";q=1;w=60")));
        assert_eq!((&headers["ratelimit"], &headers["x-ratelimit-remaining"]), (&Value::Null, &Value::Null));
    }
    let unnamed = call(&front, HEALTH, "", &Value::Null, "").await;
    assert_eq!((unnamed.0, &unnamed.1["ratelimit-policy"]), (200, &Value::Null));
}

#[tokio::test]
async fn f11_a_lost_answer_costs_a_block_once_and_counting_goes_on_after_five_seconds() {
    let world = World::start().await;
    // Loses the answers to writes that took effect, as long as it is on.
    let lossy = Arc::new(AtomicBool::new(true));
    let losing = Arc::clone(&lossy);
    let lose = OnAnswer(move |answer: &mut HttpResponse| {
        if losing.load(Ordering::Relaxed) {
            *answer = HttpResponse::new(500.try_into().unwrap(), "{}".into());
        }
    });
    let config = world.dynamodb().config().to_builder().interceptor(lose).build();
    let client = aws_sdk_dynamodb::Client::from_conf(config);
    let front = front_over(client, &world.clock, Limits { tenant: 4, ..Limits::default() });
    let before = world.emulators.counts();
    for _ in 0..20 {
        assert_eq!(list(&front, &tenant(1)).await.0, 200);
    }
    // The SDK would take the block three times if it repeated the write.
    assert_eq!(writes(&world.emulators.counts().since(&before)), (1, 0));
    lossy.store(false, Ordering::Relaxed);
    world.advance(5);
    let mut passed = 0;
    for _ in 0..20 {
        passed += u32::from(list(&front, &tenant(1)).await.0 == 200);
    }
    assert_eq!(passed, 3);
}

#[tokio::test]
async fn f11_a_count_goes_with_its_time() {
    let world = World::start().await;
    let front = front(&world, &world.clock, Limits::default());
    list(&front, &tenant(1)).await;
    let rows = world.dynamodb().scan().table_name("State").filter_expression("begins_with(pk, :rate)");
    let rows = rows.expression_attribute_values(":rate", aws_sdk_dynamodb::types::AttributeValue::S("RATE#".into()));
    let found = rows.clone().send().await.unwrap().items.unwrap_or_default();
    assert_eq!(found.len(), 1);
    let expires_at = found[0]["expires_at"].as_n().unwrap().parse::<i64>().unwrap();
    assert_eq!(expires_at, world.clock.now().as_second() + 600);
    // Whether DynamoDB removes it then or days later, the next minute has a row of its own.
    world.advance(60);
    list(&front, &tenant(1)).await;
    assert_eq!(rows.send().await.unwrap().items.unwrap_or_default().len(), 2);
}

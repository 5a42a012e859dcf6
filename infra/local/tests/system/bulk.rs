//! Many posts in one request, and what strangers may write, through the real functions.

use std::collections::BTreeSet;

use http::Method;
use serde_json::{Value, json};
use shared::platform::Platform;
use shared::telemetry::Metric;
use simulator::facebook::seed;

use crate::support::System;
use crate::tenant::{ADAS, GRACES, Tenant, call, to_page};

const JSON: (&str, &str) = ("content-type", "application/json");
const FUNCTIONS: [&str; 10] =
    ["authorizer", "oauth", "publish", "consumer", "dispatch", "refresh", "health", "webhooks", "inbound", "api"];

fn item(connection: &str, page: &str, key: &str, text: &str) -> Value {
    let mut post = to_page(connection, page, text);
    post["idempotency_key"] = json!(key);
    post
}

#[tokio::test]
async fn a_bulk_request_is_accepted_post_by_post_and_may_be_repeated_whole() {
    let tenant = Tenant::new(System::shared()).await;
    let connection = tenant.connect(seed::GRACE, &GRACES).await;
    let text = |number: usize| format!("Garden news, part {number}");
    let mut posts: Vec<Value> =
        (0..120).map(|number| item(&connection, seed::GARDEN, &format!("k{number}"), &text(number))).collect();
    posts[7]["content"] = json!({});
    let body = json!({"posts": posts});
    let first = tenant.post("/v1/posts/bulk", &body).await;
    assert_eq!(first.status, 200, "{}", first.text());
    let answer = first.json();
    assert_eq!((&answer["accepted"], &answer["replayed"], &answer["refused"]), (&json!(119), &json!(0), &json!(1)));
    assert_eq!(answer["results"][7]["problem"]["errors"][0]["code"], "facebook.post.empty");

    let again = tenant.post("/v1/posts/bulk", &body).await.json();
    assert_eq!((&again["accepted"], &again["replayed"]), (&json!(119), &json!(119)));
    for (one, other) in answer["results"].as_array().unwrap().iter().zip(again["results"].as_array().unwrap()) {
        assert_eq!(one["post"], other["post"]);
    }
    for (number, result) in answer["results"].as_array().unwrap().iter().enumerate() {
        if let Some(id) = result["post"]["id"].as_str() {
            assert_eq!(tenant.settled(id).await["state"], "published");
            assert_eq!(tenant.system.on_page(seed::GARDEN, &text(number)), 1);
        }
    }
}

#[tokio::test]
async fn f7_a_bulk_request_that_is_too_large_is_refused_by_us_or_by_lambdas_limit() {
    let tenant = Tenant::new(System::shared()).await;
    let refused = tenant.send(Method::POST, "/v1/posts/bulk", &[JSON], vec![b' '; 4 * 1024 * 1024 + 1]).await;
    assert_eq!(refused.problem(), (413, "body.too_large".to_owned()));
    assert!(refused.json()["detail"].as_str().unwrap().contains("Send the posts in several requests"));
    let largest = tenant.send(Method::POST, "/v1/posts/bulk", &[JSON], vec![b' '; 4 * 1024 * 1024]).await;
    assert_eq!(largest.problem(), (400, "body.not_json".to_owned()));
    let over = tenant.send(Method::POST, "/v1/posts/bulk", &[JSON], vec![b' '; 7 * 1024 * 1024]).await;
    assert_eq!(over.status, 413);
}

#[tokio::test]
async fn the_same_content_is_refused_where_the_operator_has_set_a_window() {
    let system = System::start(&[("DuplicateWindowHours", "24")]);
    let tenant = Tenant::new(&system).await;
    let connection = tenant.connect(seed::GRACE, &GRACES).await;
    let first = tenant.publish(&connection, seed::GARDEN, "Say it once").await;
    let body = to_page(&connection, seed::GARDEN, "say  it ONCE");
    let refused = tenant.post("/v1/posts", &body).await;
    assert_eq!(refused.problem(), (409, "post.duplicate".to_owned()));
    assert_eq!(
        (&refused.json()["post"], refused.header("location")),
        (&json!(first), format!("/v1/posts/{first}").as_str())
    );
    let mut meant = body.clone();
    meant["allow_duplicate"] = json!(true);
    assert_eq!(tenant.post("/v1/posts", &meant).await.status, 202);
    let elsewhere = to_page(&connection, seed::HARDWARE, "Say it once");
    assert_eq!(tenant.post("/v1/posts", &elsewhere).await.status, 202);
    tenant.settled(&first).await;
    // A refusal takes back what the post had noted at its other destination: all of it within the function's rights.
    let both = json!({
        "content": {"text": "Twice"},
        "targets": [
            {"connection": connection, "destination": seed::BOOKSHOP},
            {"connection": connection, "destination": seed::GARDEN, "content": {"text": "Say it once"}},
        ],
    });
    assert_eq!(tenant.post("/v1/posts", &both).await.status, 409);
    assert_eq!(tenant.post("/v1/posts", &to_page(&connection, seed::BOOKSHOP, "Twice")).await.status, 202);
}

#[tokio::test]
async fn f88_what_strangers_write_never_becomes_a_metric_or_a_dimension() {
    let system = System::shared();
    let tenant = Tenant::new(system).await;
    let connection = tenant.connect(seed::ADA, &ADAS).await;
    let hostile = ["hunter2", "{\"_aws\":{}}", "x\",\"platform\":\"evil", "\u{0}\u{1b}[31m", "naïve🥖", "published"];
    for (number, text) in hostile.into_iter().enumerate() {
        let id = tenant.publish(&connection, seed::BAKERY, &format!("{text} {number}")).await;
        tenant.settled(&id).await;
        tenant.post("/v1/posts", &to_page(text, text, text)).await;
        tenant.post("/v1/posts", &to_page(&connection, text, text)).await;
        tenant.post("/v1/posts/bulk", &json!({"posts": [item(&connection, text, text, text), text]})).await;
        let key = format!("k-{number}");
        tenant.send(Method::POST, "/v1/posts", &[JSON, ("idempotency-key", &key), ("user-agent", "_aws")], text).await;
        let encoded: String = form_urlencoded::byte_serialize(text.as_bytes()).collect();
        tenant.get(&format!("/v1/posts?{encoded}={encoded}")).await;
        tenant.get(&format!("/v1/posts/{encoded}")).await;
        let hook = format!("{}?hub.mode={encoded}&hub.verify_token={encoded}", tenant.url("/webhooks/facebook"));
        call(Method::GET, &hook, &[], "").await;
        call(Method::POST, &tenant.url(&format!("/webhooks/{encoded}")), &[JSON], text).await;
        call(Method::POST, &tenant.url("/webhooks/facebook"), &[JSON, ("x-hub-signature-256", "sha256=00")], text)
            .await;
    }
    let known: BTreeSet<&str> = Metric::ALL.iter().map(|metric| metric.name()).collect();
    let mut told = 0;
    for line in FUNCTIONS.into_iter().flat_map(|function| system.lines(function)) {
        // The local cloud shows a line of CloudWatch's embedded format as its members.
        let Some(members) = line.strip_prefix("metrics ") else { continue };
        told += 1;
        for (name, value) in members.split(' ').map(|member| member.split_once('=').unwrap()) {
            match name {
                "platform" => {
                    assert!(value == "none" || Platform::ALL.iter().any(|platform| platform.name() == value), "{line}");
                }
                metric => assert!(known.contains(metric) && value.parse::<u64>().is_ok(), "{line}"),
            }
        }
    }
    assert!(told >= hostile.len(), "{told} lines of metrics");
}

//! A person removes our app at the platform, or wants to be forgotten.

use aws_lc_rs::hmac;
use bytes::Bytes;
use data_encoding::BASE64URL_NOPAD;
use jiff::Timestamp;
use serde_json::{Value, json};
use shared::{
    clock::Clock as _,
    http::{Request, Response},
    store::AuditChain,
};
use simulator::facebook::seed;

use crate::{
    deletions::{Death, naming, rows},
    world::World,
};

const ROUTE: &str = "POST /webhooks/{platform}/{hook}";

fn signed(user: &str, issued_at: Timestamp) -> Vec<u8> {
    let payload = json!({ "algorithm": "HMAC-SHA256", "issued_at": issued_at.as_second(), "user_id": user });
    let payload = BASE64URL_NOPAD.encode(payload.to_string().as_bytes());
    let key = hmac::Key::new(hmac::HMAC_SHA256, simulator::APP_SECRET.as_bytes());
    let signature = BASE64URL_NOPAD.encode(hmac::sign(&key, payload.as_bytes()).as_ref());
    format!("signed_request={signature}.{payload}").into_bytes()
}

fn request(world: &World, hook: &str, body: &[u8]) -> Request {
    let mut request = world.request(ROUTE, &format!("/webhooks/facebook/{hook}"), &Value::Null);
    request.body = Bytes::copy_from_slice(body);
    request
}

async fn call_back(world: &World, hook: &str, body: &[u8]) -> Response {
    world.receiver.handle(request(world, hook, body)).await.unwrap_or_else(Response::from)
}

async fn shown(world: &World, connection: &str) -> Value {
    let path = format!("/v1/connections/{connection}");
    world.read("GET /v1/connections/{connection}", &path).await.unwrap()
}

/// How often the audit of the world's tenant has this action.
async fn told(world: &World, action: &str) -> usize {
    let AuditChain::Whole(records) = world.store.audit_chain(world.caller.tenant).await.unwrap() else {
        panic!("the audit is broken");
    };
    records.iter().filter(|record| record.action == action).count()
}

/// The sealed rows of a connection.
async fn tokens(world: &World, connection: &str) -> usize {
    let pages = world.dynamodb().scan().table_name("Vault").into_paginator().items().send();
    let rows = pages.try_collect().await.unwrap();
    rows.iter().filter(|row| row["sk"].as_s().unwrap().contains(connection)).count()
}

async fn erasure(world: &World, answer: &Response) -> Value {
    assert_eq!(answer.status, 200, "{}", answer.body);
    let told: Value = serde_json::from_str(&answer.body).unwrap();
    let code = told["confirmation_code"].as_str().unwrap();
    assert_eq!(told["url"], format!("http://127.0.0.1:8080/v1/deletions/{code}"));
    world.read("GET /v1/deletions/{deletion}", &format!("/v1/deletions/{code}")).await.unwrap()
}

#[tokio::test]
async fn whoever_removes_the_app_loses_the_tokens_and_is_asked_to_connect_again() {
    let mut world = World::start().await;
    let connection = world.connected().await;
    let first = world.caller;
    world.caller = world.other_tenant().await;
    let elsewhere = world.connected().await;
    assert_eq!((tokens(&world, &connection).await, tokens(&world, &elsewhere).await), (2, 2));
    let body = signed(seed::ADA, world.clock.now());
    for _ in 0..2 {
        let answer = call_back(&world, "deauthorize", &body).await;
        assert_eq!((answer.status, answer.body.as_str()), (200, ""));
    }
    // The queue may deliver it twice.
    let messages = world.receive(&world.inbound_queue, 60).await;
    for _ in 0..2 {
        assert!(world.inbound.batch(messages.clone()).await.is_empty());
    }
    for (caller, connection) in [(world.caller, &elsewhere), (first, &connection)] {
        world.caller = caller;
        let shown = shown(&world, connection).await;
        assert_eq!((&shown["state"], &shown["reason"]["code"]), (&json!("reconnect"), &json!("connection.revoked")));
        assert!(shown["history"].to_string().contains("connection.reconnect"), "{shown}");
        assert_eq!(tokens(&world, connection).await, 0);
        assert_eq!(told(&world, "connection.disconnected").await, 1);
    }
    // The same account again, and all is well; the old request says nothing about this login.
    world.advance(60);
    let again = world.connected().await;
    assert_eq!(again, connection);
    call_back(&world, "deauthorize", &body).await;
    world.understand().await;
    assert_eq!(
        (shown(&world, &connection).await["state"].clone(), tokens(&world, &connection).await),
        (json!("active"), 2)
    );
}

#[tokio::test]
async fn whoever_wants_to_be_forgotten_is_and_can_see_it() {
    let mut world = World::start().await;
    let connection = world.connected().await;
    let post = world.accept(&connection, "written by the tenant").await;
    world.drain().await;
    let first = world.caller;
    world.caller = world.other_tenant().await;
    world.connected().await;
    let session = json!({ "platform": "facebook", "return_url": "http://127.0.0.1:9/done" });
    world.connect_as(seed::GRACE, &[seed::GARDEN], &session).await;
    let graces = naming(&rows(&world).await, seed::GRACE);
    world.advance(7 * 3_600);
    world.simulator.facebook().revoke_page(seed::BAKERY, 460);
    world.health.run(std::time::Duration::from_mins(1)).await.unwrap();

    let body = signed(seed::ADA, world.clock.now());
    let answer = call_back(&world, "data-deletion", &body).await;
    assert_eq!(erasure(&world, &answer).await["state"], "in_progress");
    assert_eq!(call_back(&world, "data-deletion", &body).await.body, answer.body, "the same request has the same code");
    world.understand().await;
    assert_eq!(erasure(&world, &answer).await["state"], "done");

    let after = rows(&world).await;
    for text in [seed::BAKERY, "Example Bakery"] {
        let of_posts = |row: &&String| !row.contains("#POST#") && !row.contains("#DAY#");
        assert_eq!(naming(&after, text).iter().filter(of_posts).count(), 0, "{text}");
    }
    assert_eq!(naming(&after, "Ada"), Vec::<String>::new());
    // The platform's number of the account stays in the audit: an entry cannot be taken out of it.
    let left = naming(&after, seed::ADA);
    assert!(left.iter().all(|row| row.contains("#AUDIT#")), "{left:?}");
    assert_eq!(naming(&after, seed::GRACE), graces, "another person");
    assert_eq!((tokens(&world, &connection).await, told(&world, "connection.data_deleted").await), (0, 1));
    world.caller = first;
    assert_eq!((world.state(&post).await.as_str(), told(&world, "connection.data_deleted").await), ("published", 1));
    assert_eq!(world.read("GET /v1/connections", "/v1/connections").await.unwrap()["connections"], json!([]));
    // A person sees a page, in which nothing is told of anybody.
    let told: Value = serde_json::from_str(&answer.body).unwrap();
    let path = format!("/v1/deletions/{}", told["confirmation_code"].as_str().unwrap());
    let mut request = world.request("GET /v1/deletions/{deletion}", &path, &Value::Null);
    request.headers.insert("accept", "text/html,*/*".parse().unwrap());
    let page = world.reader.handle(request).await.unwrap();
    assert!(page.body.starts_with("<!doctype html>") && page.body.contains("<h1>Deleted</h1>"), "{}", page.body);
    for wrong in ["del_00000000000000000000000000000000", "ten_1", "x"] {
        let outcome = world.read("GET /v1/deletions/{deletion}", &format!("/v1/deletions/{wrong}")).await;
        assert_eq!(outcome.unwrap_err().code, "deletion.unknown");
    }
}

#[tokio::test]
async fn a_login_after_the_request_is_not_forgotten_and_one_of_its_second_is() {
    let world = World::start().await;
    let connection = world.connected().await;
    let before = world.clock.now() - jiff::SignedDuration::from_secs(1);
    let answer = call_back(&world, "data-deletion", &signed(seed::ADA, before)).await;
    world.understand().await;
    assert_eq!(erasure(&world, &answer).await["state"], "done");
    assert_eq!(
        (shown(&world, &connection).await["state"].clone(), tokens(&world, &connection).await),
        (json!("active"), 2)
    );
    world.clock.advance(jiff::SignedDuration::from_millis(300));
    call_back(&world, "data-deletion", &signed(seed::ADA, world.clock.now())).await;
    world.understand().await;
    assert_eq!(tokens(&world, &connection).await, 0);
}

#[tokio::test]
async fn a_forgetting_that_dies_at_any_effect_is_resumed_and_ends_the_same() {
    let world = World::start().await;
    for after in [false, true] {
        for at in 0.. {
            let connection = world.connected().await;
            world.advance(60);
            let body = signed(seed::ADA, world.clock.now());
            let answer = call_back(&world, "data-deletion", &body).await;
            let messages = world.receive(&world.inbound_queue, 60).await;
            let death = Death::new(at, after);
            let dying = world.inbound_through(death.clone());
            let _returned = dying.batch(messages.clone()).await;
            assert!(world.inbound.batch(messages.clone()).await.is_empty());
            for message in &messages {
                world.delete(&world.inbound_queue, message).await;
            }
            let what = format!("{death:?}");
            assert_eq!(erasure(&world, &answer).await["state"], "done", "{what}");
            let left = naming(&rows(&world).await, &connection);
            assert!(left.iter().all(|row| row.contains("#AUDIT#")), "{what}: {left:?}");
            let left = naming(&rows(&world).await, seed::ADA);
            assert!(left.iter().all(|row| row.contains("#AUDIT#")), "{what}: {left:?}");
            if !death.came() {
                assert!(at > 8, "only {at} effects");
                break;
            }
        }
    }
}

#[tokio::test]
async fn what_is_not_signed_or_cannot_be_read_is_refused_and_leaves_nothing() {
    let world = World::start().await;
    world.connected().await;
    let before = rows(&world).await.len();
    let good = signed(seed::ADA, world.clock.now());
    let text = String::from_utf8(good.clone()).unwrap();
    let (_, payload) = text.split_once('.').unwrap();
    let forged = format!("signed_request={}.{payload}", BASE64URL_NOPAD.encode(&[7; 32]));
    let large = [good.clone(), vec![b'a'; 300_000]].concat();
    let cases: [(&str, &[u8], u16, &str); 7] = [
        ("deauthorize", b"", 400, "webhook.signed_request_invalid"),
        ("data-deletion", b"{}", 400, "webhook.signed_request_invalid"),
        ("data-deletion", b"signed_request=abc", 400, "webhook.signed_request_invalid"),
        ("data-deletion", forged.as_bytes(), 401, "webhook.signature_invalid"),
        ("deauthorize", forged.as_bytes(), 401, "webhook.signature_invalid"),
        ("data-deletion", &large, 413, "body.too_large"),
        ("something-else", &good, 404, "route.unknown"),
    ];
    for (hook, body, status, code) in cases {
        let answer = call_back(&world, hook, body).await;
        assert_eq!(answer.status, status, "{hook}: {}", answer.body);
        assert!(answer.body.contains(code), "{hook}: {}", answer.body);
    }
    assert_eq!(rows(&world).await.len(), before);
    assert!(world.receive(&world.inbound_queue, 0).await.is_empty());
}

//! What the platform tells us.

use aws_lc_rs::hmac;
use bytes::Bytes;
use data_encoding::HEXLOWER;
use serde_json::{Value, json};
use shared::{
    http::{Request, Response},
    store::AuditChain,
};
use simulator::facebook::seed;

use crate::world::World;

fn sign(body: &[u8]) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, simulator::APP_SECRET.as_bytes());
    format!("sha256={}", HEXLOWER.encode(hmac::sign(&key, body).as_ref()))
}

fn delivery(world: &World, body: &[u8], signature: Option<&str>) -> Request {
    let mut request = world.request("POST /webhooks/{platform}", "/webhooks/facebook", &Value::Null);
    request.body = Bytes::copy_from_slice(body);
    if let Some(signature) = signature {
        request.headers.insert("x-hub-signature-256", signature.parse().unwrap());
    }
    request
}

fn feed_event(verb: &str) -> Vec<u8> {
    // Meta escapes what is not ASCII; the signature covers these very bytes.
    format!(
        r#"{{"object":"page","entry":[{{"id":"{page}","time":1795219200,"changes":[{{"field":"feed","value":{{"item":"status","post_id":"{page}_555","verb":"{verb}","published":1,"created_time":1795219199,"message":"Br\u00f6tchen"}}}}]}}]}}"#,
        page = seed::BAKERY
    )
    .into_bytes()
}

async fn deliver(world: &World, body: &[u8], signature: Option<&str>) -> Response {
    world.receiver.handle(delivery(world, body, signature)).await.unwrap_or_else(Response::from)
}

/// Facebook tells this of the bakery's feed, signed.
pub(crate) async fn told(world: &World, value: &Value) -> Response {
    let change = json!({ "field": "feed", "value": value });
    let body = json!({ "object": "page", "entry": [{ "id": seed::BAKERY, "time": 1, "changes": [change] }] });
    let body = body.to_string().into_bytes();
    deliver(world, &body, Some(&sign(&body))).await
}

/// Works the inbound queue off.
async fn understand(world: &World) {
    let messages = world.receive(&world.inbound_queue, 60).await;
    assert!(world.inbound.batch(messages.clone()).await.is_empty());
    for message in &messages {
        world.delete(&world.inbound_queue, message).await;
    }
}

async fn last_event(world: &World, connection: &str) -> Value {
    let path = format!("/v1/connections/{connection}");
    world.read("GET /v1/connections/{connection}", &path).await.unwrap()["last_event"].clone()
}

#[tokio::test]
async fn f74_a_signed_event_is_recorded_once_however_often_it_comes() {
    let world = World::start().await;
    let connection = world.connected().await;
    let body = feed_event("add");
    for _ in 0..5 {
        assert_eq!(deliver(&world, &body, Some(&sign(&body))).await.status, 200);
    }
    understand(&world).await;
    let event = last_event(&world, &connection).await;
    assert_eq!(event["kind"], "post.published");
    assert_eq!(event["remote_id"], format!("{}_555", seed::BAKERY));
    let client = shared::aws::Clients::at(&world.emulators.endpoint_url()).dynamodb();
    let rows = client.scan().table_name("State").send().await.unwrap();
    let hooks = |prefix: &str| rows.items().iter().filter(|row| row["pk"].as_s().unwrap().contains(prefix)).count();
    assert_eq!((hooks("HOOK#facebook#"), hooks("#HOOK#2026")), (1, 1));
}

/// The app's secret as an operator writes it.
async fn keep(world: &World, secrets: [&str; 2], tokens: [&str; 2]) {
    let app = json!({
        "client_id": simulator::APP_ID,
        "client_secret": secrets[0], "previous_client_secret": secrets[1],
        "webhook_verify_token": tokens[0], "previous_webhook_verify_token": tokens[1],
    });
    world.emulators.create_secret("facebook", &app.to_string()).await.unwrap();
}

#[tokio::test]
async fn f59_a_secret_that_is_rotated_between_signature_and_verification_costs_no_delivery() {
    let world = World::start().await;
    let (ours, body) = (simulator::APP_SECRET, feed_event("add"));
    let mut deliveries = 0;
    let mut comes = async |expected| {
        // Not the same delivery as before.
        deliveries += 1;
        let body = String::from_utf8(body.clone()).unwrap().replace("_555", &format!("_{deliveries}")).into_bytes();
        assert_eq!(deliver(&world, &body, Some(&sign(&body))).await.status, expected);
    };
    // The platform signs with the new secret already, and we have the old one in memory.
    keep(&world, ["old", ""], ["token", ""]).await;
    comes(401).await;
    keep(&world, [ours, "old"], ["token", ""]).await;
    world.advance(11);
    comes(200).await;
    // The platform still signs with the one before.
    keep(&world, ["new", ours], ["token", ""]).await;
    world.advance(301);
    comes(200).await;
    // The rotation is over.
    keep(&world, ["newer", "new"], ["token", ""]).await;
    world.advance(301);
    comes(401).await;
}

#[tokio::test]
async fn f59_a_verify_token_that_is_rotated_during_a_handshake_is_found() {
    let world = World::start().await;
    let handshake = async |token: &str| {
        let query = format!("/webhooks/facebook?hub.mode=subscribe&hub.verify_token={token}&hub.challenge=42");
        let request = world.request("GET /webhooks/{platform}", &query, &Value::Null);
        world.receiver.handle(request).await.unwrap_or_else(Response::from).status
    };
    keep(&world, ["s", ""], ["old", ""]).await;
    assert_eq!((handshake("old").await, handshake("new").await), (200, 403));
    keep(&world, ["s", ""], ["new", "old"]).await;
    world.advance(11);
    assert_eq!((handshake("new").await, handshake("old").await), (200, 200));
    keep(&world, ["s", ""], ["new", ""]).await;
    world.advance(301);
    assert_eq!((handshake("new").await, handshake("old").await), (200, 403));
}

#[tokio::test]
async fn f76_only_the_raw_bytes_with_their_own_signature_are_taken() {
    let world = World::start().await;
    world.connected().await;
    let body = feed_event("add");
    let reserialised = serde_json::to_vec(&serde_json::from_slice::<Value>(&body).unwrap()).unwrap();
    let good = sign(&body);
    let sha1 = good.replace("sha256=", "sha1=");
    let short = good.split_at(good.len() - 2).0;
    for (body, signature) in [
        (&body, None),
        (&body, Some("")),
        (&body, Some("sha256=")),
        (&body, Some(sha1.as_str())),
        (&body, Some(short)),
        (&reserialised, Some(good.as_str())),
        (&Vec::new(), Some(good.as_str())),
    ] {
        let response = deliver(&world, body, signature).await;
        assert_eq!(response.status, 401, "{signature:?}");
        assert!(response.body.contains("webhook.signature_invalid"));
    }
    assert!(world.receive(&world.inbound_queue, 0).await.is_empty());
}

#[tokio::test]
async fn f80_the_handshake_echoes_the_challenge_only_for_our_token() {
    let world = World::start().await;
    let ask = async |query: &str| {
        let path = format!("/webhooks/facebook?{query}");
        let request = world.request("GET /webhooks/{platform}", &path, &Value::Null);
        world.receiver.handle(request).await.unwrap_or_else(Response::from)
    };
    let token = simulator::VERIFY_TOKEN;
    let good = ask(&format!("hub.mode=subscribe&hub.challenge=1158201444&hub.verify_token={token}")).await;
    assert_eq!((good.status, good.body.as_str()), (200, "1158201444"));
    assert!(good.headers.iter().any(|(name, value)| *name == "content-type" && value.starts_with("text/plain")));
    for query in [
        "hub.mode=subscribe&hub.challenge=1&hub.verify_token=wrong".to_owned(),
        format!("hub.mode=unsubscribe&hub.challenge=1&hub.verify_token={token}"),
        format!("hub.mode=subscribe&hub.verify_token={token}"),
        format!("hub.mode=subscribe&hub.challenge=%3Cscript%3Ealert(1)%3C/script%3E&hub.verify_token={token}"),
        String::new(),
    ] {
        assert_eq!(ask(&query).await.status, 403, "{query}");
    }
}

#[tokio::test]
async fn a_withdrawn_permission_marks_the_connection() {
    let world = World::start().await;
    let connection = world.connected().await;
    let body = json!({
        "object": "page",
        "entry": [{ "id": seed::BAKERY, "time": 1_795_219_200, "changes": [{ "field": "something_new", "value": { "a": 1 } }] }],
    })
    .to_string();
    assert_eq!(deliver(&world, body.as_bytes(), Some(&sign(body.as_bytes()))).await.status, 200);
    understand(&world).await;
    assert!(last_event(&world, &connection).await["kind"].as_str().unwrap().contains("something_new"));
}

#[tokio::test]
async fn f79_while_the_store_is_down_the_platform_is_asked_to_come_again_and_never_told_410() {
    let world = World::start().await;
    let body = feed_event("add");
    let request = delivery(&world, &body, Some(&sign(&body)));
    // The secret is read once, then AWS goes away.
    assert_eq!(deliver(&world, &body, Some(&sign(&body))).await.status, 200);
    let World { emulators, receiver, .. } = world;
    emulators.stop().await.unwrap();
    let response = receiver.handle(request).await.unwrap_or_else(Response::from);
    assert_eq!(response.status, 503);
    assert!(response.body.contains(r#""retryable":true"#));
}

#[tokio::test]
async fn a_withdrawn_permission_asks_the_owner_to_connect_again_unless_that_has_happened_since() {
    // The login was at 10:00:00. Deliveries are late and repeated: the first one is about an earlier grant.
    for (time, state, reason) in
        [(1_795_255_199, "active", None), (1_795_255_200, "reconnect", Some("connection.revoked"))]
    {
        let world = World::start().await;
        let connection = world.connected().await;
        let body = json!({ "object": "permissions", "entry": [{
            "id": seed::ADA, "time": time, "changes": [{ "field": "pages_manage_posts", "value": { "verb": "revoked" } }],
        }] })
        .to_string();
        assert_eq!(deliver(&world, body.as_bytes(), Some(&sign(body.as_bytes()))).await.status, 200);
        // The queue may deliver it twice.
        let messages = world.receive(&world.inbound_queue, 60).await;
        for _ in 0..2 {
            assert!(world.inbound.batch(messages.clone()).await.is_empty());
        }
        let path = format!("/v1/connections/{connection}");
        let shown = world.read("GET /v1/connections/{connection}", &path).await.unwrap();
        assert_eq!((&shown["state"], &shown["reason"]["code"]), (&json!(state), &json!(reason)), "{time}");
        assert_eq!(shown["last_event"]["kind"], "connection.revoked");
        let told = async || {
            let AuditChain::Whole(records) = world.store.audit_chain(world.caller.tenant).await.unwrap() else {
                panic!("the audit is broken");
            };
            records.iter().filter(|record| record.action == "connection.disconnected").count()
        };
        assert_eq!(told().await, usize::from(reason.is_some()), "{time}");
    }
}

#[tokio::test]
async fn f62_a_delivery_of_long_ago_does_not_hide_the_same_one_of_today() {
    let world = World::start().await;
    let connection = world.connected().await;
    let body = feed_event("add");
    assert_eq!(deliver(&world, &body, Some(&sign(&body))).await.status, 200);
    understand(&world).await;
    let first = last_event(&world, &connection).await;
    // Past the end of what is kept of a delivery, while its row is still there: only the clock moves, and nobody removes it.
    world.clock.advance(jiff::SignedDuration::from_hours(31 * 24));
    assert_eq!(deliver(&world, &body, Some(&sign(&body))).await.status, 200);
    understand(&world).await;
    let again = last_event(&world, &connection).await;
    assert_eq!(first["remote_id"], again["remote_id"]);
    assert_ne!(first["received_at"], again["received_at"]);
    let rows = world.dynamodb().scan().table_name("State").send().await.unwrap();
    let hooks = rows.items().iter().filter(|row| row["pk"].as_s().unwrap().starts_with("HOOK#facebook#")).count();
    assert_eq!(hooks, 2);
}

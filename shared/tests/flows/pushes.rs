//! Notifications of Google through Pub/Sub: whose are taken in, with which keys, and whom they reach.

use bytes::Bytes;
use serde_json::{Value, json};
use shared::{
    clock::Clock as _,
    http::{Request, Response},
};
use simulator::{
    Fault, FaultKind,
    gbp::{APP, PUSH_ACCOUNT, seed},
};

use crate::{
    gbp::{connected, google},
    world::World,
};

fn claims(world: &World) -> Value {
    let now = world.clock.now().as_second();
    json!({
        "iss": "https://accounts.google.com", "aud": APP.verify_token, "email": PUSH_ACCOUNT, "email_verified": true,
        "iat": now, "exp": now + 3_600, "sub": "1", "azp": "1",
    })
}

fn body(id: &str, location: &str, attempt: u32) -> Bytes {
    let data = json!({ "type": "NEW_REVIEW", "location_name": location, "review_name": id });
    let data = data_encoding::BASE64.encode(data.to_string().as_bytes());
    let message = json!({ "data": data, "messageId": id, "publishTime": "2026-11-21T01:41:12Z" });
    Bytes::from(json!({ "message": message, "subscription": "s", "deliveryAttempt": attempt }).to_string())
}

fn signed(world: &World, body: Bytes, claims: &Value) -> Request {
    let mut request = world.request("POST /webhooks/{platform}", "/webhooks/gbp", &Value::Null);
    request.body = body;
    let token = format!("Bearer {}", google(world).signed(claims).unwrap());
    request.headers.insert("authorization", token.parse().unwrap());
    request
}

fn push(world: &World, id: &str) -> Request {
    signed(world, body(id, seed::BAKERY, 1), &claims(world))
}

async fn pushed(world: &World, request: Request) -> u16 {
    world.receiver.handle(request).await.unwrap_or_else(Response::from).status
}

async fn understood(world: &World) {
    let messages = world.receive(&world.inbound_queue, 60).await;
    assert!(world.inbound.batch(messages.clone()).await.is_empty());
    for message in &messages {
        world.delete(&world.inbound_queue, message).await;
    }
}

fn fetches(world: &World) -> usize {
    google(world).requests().iter().filter(|call| call.path == "/oauth2/v3/certs").count()
}

async fn last_event(world: &World, connection: &str) -> Value {
    let path = format!("/v1/connections/{connection}");
    world.read("GET /v1/connections/{connection}", &path).await.unwrap()["last_event"].clone()
}

#[tokio::test]
async fn f76_a_push_is_taken_if_google_signed_it_for_us_and_for_now() {
    let world = World::start().await;
    let connection = connected(&world).await;
    let now = world.clock.now().as_second();
    for (name, value) in [
        ("aud", json!("https://postd.example/webhooks/gbp")),
        ("aud", json!("")),
        ("email", json!("somebody@else.iam.gserviceaccount.com")),
        ("email_verified", json!(false)),
        ("iss", json!("https://evil.example")),
        ("exp", json!(now - 61)),
        ("iat", json!(now + 3_600)),
    ] {
        let mut changed = claims(&world);
        changed[name] = value;
        let request = signed(&world, body("1", seed::BAKERY, 1), &changed);
        assert_eq!(pushed(&world, request).await, 401, "{changed}");
    }
    let mut unsigned = push(&world, "1");
    unsigned.headers.clear();
    assert_eq!(pushed(&world, unsigned).await, 401);
    understood(&world).await;
    assert!(last_event(&world, &connection).await.is_null(), "nothing of that was taken in");
    assert_eq!(pushed(&world, push(&world, "1")).await, 200);
    understood(&world).await;
    assert_eq!(last_event(&world, &connection).await["kind"], "NEW_REVIEW");
    assert_eq!(fetches(&world), 1, "what is forged makes us ask for keys no more often than once a minute");
}

#[tokio::test]
async fn f76_keys_are_kept_and_fetched_anew_when_google_has_changed_them() {
    let world = World::start().await;
    for number in 0..3 {
        assert_eq!(pushed(&world, push(&world, &number.to_string())).await, 200);
    }
    assert_eq!(fetches(&world), 1);
    google(&world).rotate_keys();
    assert_eq!(pushed(&world, push(&world, "4")).await, 401, "an unknown key, a moment after we have asked for keys");
    world.advance(61);
    for number in 4..7 {
        assert_eq!(pushed(&world, push(&world, &number.to_string())).await, 200);
    }
    assert_eq!(fetches(&world), 2);
    // Google allows 19,845 seconds.
    world.advance(19_840);
    assert_eq!((pushed(&world, push(&world, "7")).await, fetches(&world)), (200, 2));
    world.advance(10);
    assert_eq!((pushed(&world, push(&world, "8")).await, fetches(&world)), (200, 3));
}

#[tokio::test]
async fn f76_f79_without_googles_keys_a_push_has_to_come_again() {
    let world = World::start().await;
    for kind in [FaultKind::Status500Before, FaultKind::RefusedBefore, FaultKind::LostAnswer] {
        google(&world).add_fault(Fault::new(kind).on_edge("GET", "certs").times(1));
        assert_eq!(pushed(&world, push(&world, "1")).await, 503, "{kind:?}");
    }
    assert_eq!(pushed(&world, push(&world, "1")).await, 200);
}

#[tokio::test]
async fn f74_a_push_that_comes_again_is_recorded_once() {
    let world = World::start().await;
    let connection = connected(&world).await;
    for attempt in 1..4 {
        let request = signed(&world, body("13379245872014", seed::BAKERY, attempt), &claims(&world));
        assert_eq!(pushed(&world, request).await, 200);
        understood(&world).await;
        world.advance(60);
    }
    assert_eq!(last_event(&world, &connection).await["kind"], "NEW_REVIEW");
    let rows = world.dynamodb().scan().table_name("State").send().await.unwrap();
    let hooks = |prefix: &str| rows.items().iter().filter(|row| row["pk"].as_s().unwrap().contains(prefix)).count();
    // Each try has a body of its own; the event in it is one.
    assert_eq!((hooks("HOOK#gbp#"), hooks("#HOOK#2026")), (3, 1));
}

#[tokio::test]
async fn a_push_reaches_the_location_by_whichever_of_its_accounts_or_none() {
    let location = seed::BAKERY.rsplit('/').next().unwrap();
    let by_the_chain = format!("accounts/{}/locations/{location}", seed::CHAIN_ACCOUNT);
    for name in [seed::BAKERY.to_owned(), by_the_chain, format!("locations/{location}")] {
        let world = World::start().await;
        let connection = connected(&world).await;
        let request = signed(&world, body("1", &name, 1), &claims(&world));
        assert_eq!(pushed(&world, request).await, 200);
        understood(&world).await;
        assert_eq!(last_event(&world, &connection).await["kind"], "NEW_REVIEW", "{name}");
    }
}

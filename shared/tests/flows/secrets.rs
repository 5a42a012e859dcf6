//! The apps' secrets while Secrets Manager is down, while they are rotated, and when a tenant has an app of its own.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use serde_json::json;
use shared::{
    authorize,
    clock::Clock as _,
    connect::ConnectFlow,
    consume::Consumer,
    http::Request,
    platform::Platform,
    store::{Actor, Change},
    tenant::Tenant,
};
use simulator::facebook::seed;

use crate::{
    intercept::OnRequest,
    world::{TENANT_APPS, World},
};

const FETCH: &str = "SecretsManager.GetSecretValue";

fn app(secret: &str) -> serde_json::Value {
    json!({
        "client_id": simulator::APP_ID,
        "client_secret": secret,
        "webhook_verify_token": simulator::VERIFY_TOKEN,
    })
}

async fn keep(world: &World, name: &str, app: &serde_json::Value) {
    world.emulators.create_secret(name, &app.to_string()).await.unwrap();
}

async fn has_its_own_app(world: &World, tenant: Tenant) {
    let platforms = [Platform::Facebook].into();
    let set = authorize::set_own_apps(&world.store, tenant, &platforms, Actor::Postd, world.clock.now()).await;
    assert_eq!(set.unwrap(), Change::Done);
}

fn session() -> serde_json::Value {
    json!({ "platform": "facebook", "return_url": "https://example.com/" })
}

#[tokio::test]
async fn f58_a_function_that_starts_while_secrets_manager_is_down_recovers_without_a_new_sandbox() {
    let mut world = Box::pin(World::start()).await;
    let connection = Box::pin(world.connected()).await;
    let is_down = Arc::new(AtomicBool::new(true));
    let outage = || {
        let is_down = is_down.clone();
        OnRequest(move |request: &mut aws_sdk_dynamodb::config::http::HttpRequest| {
            if is_down.load(Ordering::SeqCst) {
                // Nobody listens there.
                request.set_uri("http://127.0.0.1:9/").unwrap();
            }
        })
    };
    // Sandboxes that were never told a secret.
    world.consumer = Arc::new(Consumer { apps: world.apps_through(outage()), ..world.sandbox() });
    world.connect = ConnectFlow { apps: world.apps_through(outage()), ..world.connect };
    world.reader = world.reader_through(outage());
    let health = async |world: &World| {
        let request: Request = world.request("GET /health", "/health", &serde_json::Value::Null);
        let answer = world.reader.handle(request).await.unwrap();
        let view: serde_json::Value = serde_json::from_str(&answer.body).unwrap();
        let secrets =
            view["components"].as_array().unwrap().iter().find(|one| one["name"] == "secrets").unwrap().clone();
        (answer.status, secrets["status"].as_str().unwrap().to_owned())
    };
    assert_eq!(health(&world).await, (503, "failing".to_owned()));
    let post = world.accept(&connection, "waits for the secret").await;
    world.drain().await;
    assert_eq!(world.state(&post).await, "waiting");
    let request = world.request("POST /v1/connect/sessions", "/v1/connect/sessions", &session());
    let begun = world.connect.handle(request).await.unwrap();
    let begun: serde_json::Value = serde_json::from_str(&begun.body).unwrap();
    let page: url::Url = begun["url"].as_str().unwrap().parse().unwrap();
    let open = || world.request("GET /v1/connect/{session}", page.path(), &serde_json::Value::Null);
    assert_eq!(world.connect.handle(open()).await.unwrap().status, 503);

    is_down.store(false, Ordering::SeqCst);
    world.advance(31);
    assert_eq!(health(&world).await, (200, "ok".to_owned()));
    assert_eq!(world.connect.handle(open()).await.unwrap().status, 303);
    world.drain().await;
    assert_eq!(world.state(&post).await, "published");
}

#[tokio::test]
async fn f59_a_secret_that_is_rotated_between_the_code_and_its_exchange_costs_nobody_a_login() {
    let world = Box::pin(World::start()).await;
    keep(&world, "facebook", &app("the secret before")).await;
    let (dialog, cookie) = world.open(&session()).await;
    let callback = world.consent(&dialog, seed::ADA, &[seed::BAKERY], "continue").await;
    keep(&world, "facebook", &app(simulator::APP_SECRET)).await;
    world.advance(11);
    let fetched = world.emulators.counts().calls(FETCH);
    let back = world.finish(&callback, &cookie).await;
    assert!(back.as_str().contains("connection=con_"), "{back}");
    assert_eq!(world.emulators.counts().calls(FETCH), fetched + 1);
}

#[tokio::test]
async fn f59_a_secret_that_stays_wrong_is_fetched_once_more_and_no_code_is_sent_twice() {
    let world = Box::pin(World::start()).await;
    keep(&world, "facebook", &app("wrong")).await;
    let (dialog, cookie) = world.open(&session()).await;
    let callback = world.consent(&dialog, seed::ADA, &[seed::BAKERY], "continue").await;
    world.advance(11);
    let back = world.finish(&callback, &cookie).await;
    assert!(back.as_str().contains("error="), "{back}");
    let asked = world.simulator.facebook().requests();
    assert_eq!(asked.iter().filter(|call| call.path.ends_with("/oauth/access_token")).count(), 1);
    assert_eq!(world.emulators.counts().calls(FETCH), 2);
}

#[tokio::test]
async fn a_tenant_without_an_app_of_its_own_costs_no_question_for_one() {
    let world = Box::pin(World::start()).await;
    let connection = Box::pin(world.connected()).await;
    world.accept(&connection, "hello").await;
    world.drain().await;
    // One for the connect function, one for the consumer.
    assert_eq!(world.emulators.counts().calls(FETCH), 2);
}

#[tokio::test]
async fn a_tenants_own_app_is_used_for_its_connections_and_for_no_others() {
    let mut world = Box::pin(World::start()).await;
    let before = Box::pin(world.connected()).await;
    let (own, other) = (world.caller, world.other_tenant().await);
    has_its_own_app(&world, own.tenant).await;
    // From here on only the tenant's own secret is right: whoever used the shared one would be refused.
    keep(&world, "facebook", &app("not the right one")).await;
    keep(&world, &format!("{TENANT_APPS}/{}/facebook", own.tenant.id()), &app(simulator::APP_SECRET)).await;
    world.advance(301);
    let back = Box::pin(world.connect_as(seed::GRACE, &[seed::GARDEN], &session())).await;
    let (_, through_own) = back.query_pairs().find(|(name, _)| name == "connection").expect("connected");
    let post = world.accept(&through_own, "through our own app").await;
    world.drain().await;
    assert_eq!(world.state(&post).await, "published");
    // The connection that was there before keeps the shared app, and a login does not turn it into the other.
    let mut renewed = session();
    renewed["reconnect"] = json!(before);
    let back = Box::pin(world.connect_as(seed::ADA, &[seed::BAKERY], &renewed)).await;
    assert!(back.as_str().contains("error="), "{back}");
    let back = Box::pin(world.connect_as(seed::ADA, &[seed::BAKERY], &session())).await;
    let (_, another) = back.query_pairs().find(|(name, _)| name == "connection").expect("connected");
    assert_ne!(*another, *before);
    // Other tenants know nothing of it.
    world.caller = other;
    let back = Box::pin(world.connect_as(seed::ADA, &[seed::BAKERY], &session())).await;
    assert!(back.as_str().contains("error="), "{back}");
}

#[tokio::test]
async fn a_tenants_app_that_is_not_there_holds_that_tenants_targets_only() {
    let mut world = Box::pin(World::start()).await;
    let shared = Box::pin(world.connected()).await;
    let (own, other) = (world.caller, world.other_tenant().await);
    world.caller = other;
    has_its_own_app(&world, other.tenant).await;
    let name = format!("{TENANT_APPS}/{}/facebook", other.tenant.id());
    keep(&world, &name, &app(simulator::APP_SECRET)).await;
    let back = Box::pin(world.connect_as(seed::GRACE, &[seed::GARDEN], &session())).await;
    let (_, theirs) = back.query_pairs().find(|(name, _)| name == "connection").expect("connected");
    keep(&world, &name, &json!({ "client_id": "" })).await;
    let waits = world.accept(&theirs, "waits for its app").await;
    world.caller = own;
    let goes = world.accept(&shared, "goes").await;
    world.drain().await;
    assert_eq!(world.state(&goes).await, "published");
    world.caller = other;
    assert_eq!(world.state(&waits).await, "waiting");
    keep(&world, &name, &app(simulator::APP_SECRET)).await;
    world.advance(31);
    world.drain().await;
    assert_eq!(world.state(&waits).await, "published");
}

//! The control interface, as adopters use it.

use crate::support::{SCOPES, Stage};
use serde_json::{Value, json};
use simulator::facebook::seed::{ADA, BAKERY, GARDEN};
use simulator::{Options, Simulator};

#[tokio::test]
async fn the_state_shows_what_each_page_shows_and_no_token() {
    let stage = Stage::new().await;
    let id = stage.publish("Fresh").await.id();
    let world = stage.control("GET", "state", &Value::Null).await;
    let pages = world.json()["pages"].as_array().unwrap().clone();
    let bakery = pages.iter().find(|page| page["id"] == BAKERY).unwrap();
    let post = &bakery["posts"][0];
    assert_eq!((&post["id"], &post["message"], &post["state"]), (&json!(id), &json!("Fresh"), &json!("published")));
    assert_eq!(bakery["url"], stage.url(&format!("/{BAKERY}")));
    assert_eq!(world.json()["connections"][0]["user"], ADA);
    assert!(!world.text.contains("EAAP"));
}

#[tokio::test]
async fn the_request_log_tells_calls_without_tokens() {
    let stage = Stage::new().await;
    stage.publish("Fresh").await;
    stage.get(&format!("/v26.0/me?access_token={}", stage.user), &stage.user).await;
    let log = stage.control("GET", "requests", &Value::Null).await;
    let calls = log.json()["requests"].as_array().unwrap().clone();
    assert_eq!(calls.len(), 2);
    assert_eq!((&calls[0]["method"], &calls[0]["path"]), (&json!("POST"), &json!(format!("/v26.0/{BAKERY}/feed"))));
    assert!(!log.text.contains("EAAP"));
    stage.control("DELETE", "requests", &Value::Null).await;
    assert!(stage.simulator.facebook().requests().is_empty());
}

#[tokio::test]
async fn faults_are_set_listed_and_removed() {
    let stage = Stage::new().await;
    let fault = json!({"kind": "status_500_after", "page": BAKERY, "edge": "feed", "method": "POST", "count": 1});
    assert_eq!(stage.control("POST", "faults", &fault).await.status, 201);
    assert_eq!(stage.publish("Fresh").await.status, 500);
    assert_eq!(stage.shown(), ["Fresh"]);
    stage.control("POST", "faults", &json!({"kind": "error", "code": 190, "subcode": 460})).await;
    assert_eq!(stage.control("GET", "faults", &Value::Null).await.json()["faults"][0]["subcode"], 460);
    stage.control("DELETE", "faults", &Value::Null).await;
    assert_eq!(stage.publish("Again").await.status, 200);
}

#[tokio::test]
async fn a_control_that_is_misspelt_is_refused() {
    let stage = Stage::new().await;
    for fault in [json!({"kind": "explode"}), json!({"kind": "slow", "cuont": 1}), json!({}), Value::Null] {
        assert_eq!(stage.control("POST", "faults", &fault).await.status, 400, "{fault}");
    }
    assert_eq!(stage.control("POST", "tokens/revoke", &json!({})).await.status, 400);
    assert_eq!(stage.control("GET", "nothing", &Value::Null).await.status, 404);
}

#[tokio::test]
async fn tokens_are_revoked_and_expired_by_person_or_page() {
    let stage = Stage::new().await;
    stage.control("POST", "tokens/revoke", &json!({"page": BAKERY, "subcode": 459})).await;
    assert_eq!(stage.publish("Fresh").await.refusal(), (190, Some(459)));
    stage.control("POST", "tokens/expire", &json!({"user": ADA})).await;
    assert_eq!(stage.get("/v26.0/me", &stage.user).await.refusal(), (190, Some(463)));
}

#[tokio::test]
async fn settings_change_lag_duplicates_and_budgets() {
    let stage = Stage::new().await;
    let settings = json!({
        "listing_lag_seconds": 30,
        "refuse_duplicates": false,
        "page_budget": {"page": BAKERY, "calls": 3},
        "app_budget": 1,
    });
    assert_eq!(stage.control("POST", "settings", &settings).await.status, 200);
    stage.publish("Same").await;
    assert_eq!(stage.publish("Same").await.status, 200);
    let listed = stage.get(&format!("/v26.0/{BAKERY}/published_posts"), &stage.page).await.data();
    assert_eq!(listed.len(), 1, "only yesterday's");
    assert_eq!(stage.publish("More").await.refusal().0, 80001);
}

#[tokio::test]
async fn a_reset_brings_the_beginning_back() {
    let stage = Stage::new().await;
    stage.publish("Fresh").await;
    let by_hand = json!({"page": GARDEN, "message": "By hand"});
    assert_eq!(stage.control("POST", "posts", &by_hand).await.status, 201);
    stage.control("POST", "reset", &Value::Null).await;
    assert!(stage.shown().is_empty());
    assert!(stage.simulator.facebook().page(GARDEN).unwrap().posts.is_empty());
    assert_eq!(stage.get("/v26.0/me", &stage.user).await.refusal().0, 190);
}

#[tokio::test]
async fn a_person_can_look_at_a_page() {
    let stage = Stage::new().await;
    stage.publish("<b>Fresh</b>").await;
    let page = stage.send("GET", &format!("/{BAKERY}"), None, "", "").await.unwrap();
    assert!(page.text.contains("Example Bakery") && page.text.contains("&lt;b&gt;Fresh"));
    assert_eq!(stage.send("GET", "/", None, "", "").await.unwrap().status, 200);
    let picture = stage.send("GET", &format!("/_simulator/pictures/{BAKERY}.svg"), None, "", "").await.unwrap();
    assert_eq!(picture.headers["content-type"], "image/svg+xml");
}

#[tokio::test]
async fn a_stopped_simulator_frees_its_port() {
    let simulator = Simulator::start(Options::default()).await.unwrap();
    let listen = simulator.address();
    assert!(Simulator::start(Options { listen, ..Options::default() }).await.is_err());
    simulator.stop().await;
    let again = Simulator::start(Options { listen, ..Options::default() }).await.unwrap();
    assert!(!again.facebook().user_token(ADA, &[BAKERY], &SCOPES, true).is_empty());
}

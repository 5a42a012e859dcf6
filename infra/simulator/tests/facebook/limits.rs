//! Budgets and usage headers.

use crate::support::{Answer, Stage};
use jiff::SignedDuration;
use serde_json::Value;
use simulator::facebook::seed::{BAKERY, CAFE};

fn usage(answer: &Answer, name: &str) -> Value {
    serde_json::from_str(answer.headers[name].to_str().unwrap()).unwrap()
}

#[tokio::test]
async fn a_page_has_a_daily_budget_and_its_header_counts_in_percent() {
    let stage = Stage::new().await;
    stage.simulator.facebook().set_page_budget(BAKERY, 4);
    let path = format!("/v26.0/{BAKERY}?fields=name");
    for expected in [25, 50, 75, 100] {
        let answer = stage.get(&path, &stage.page).await;
        assert_eq!(usage(&answer, "x-business-use-case-usage")[BAKERY][0]["call_count"], expected);
    }
    stage.advance(SignedDuration::from_hours(23));
    let refused = stage.publish("Hi").await;
    assert_eq!((refused.status, refused.refusal()), (400, (80001, None)));
    let entry = usage(&refused, "x-business-use-case-usage")[BAKERY][0].clone();
    assert_eq!((&entry["type"], &entry["estimated_time_to_regain_access"]), (&"pages".into(), &60.into()));
    assert!(stage.shown().is_empty());
    assert_eq!(stage.get(&format!("/v26.0/{CAFE}"), &stage.token_of(CAFE)).await.status, 200, "other Pages are free");
    stage.advance(SignedDuration::from_hours(1));
    assert_eq!(stage.publish("Hi").await.status, 200);
}

#[tokio::test]
async fn calls_with_a_user_token_count_for_the_app() {
    let stage = Stage::new().await;
    stage.simulator.facebook().set_app_budget(2);
    let first = stage.get("/v26.0/me", &stage.user).await;
    assert_eq!(usage(&first, "x-app-usage")["call_count"], 50);
    assert!(!first.headers.contains_key("x-business-use-case-usage"));
    stage.get("/v26.0/me", &stage.user).await;
    let refused = stage.get("/v26.0/me", &stage.user).await;
    assert_eq!((refused.status, refused.refusal()), (403, (4, None)));
    assert_eq!(stage.publish("Hi").await.status, 200, "Page tokens have their own budget");
}

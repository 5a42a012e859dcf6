//! Accounts, locations and posts.

use crate::support::Stage;
use jiff::SignedDuration;
use serde_json::{Value, json};
use simulator::gbp::seed::{ADA, BAKERY, BOOKSHOP, GRACE, KIOSK};

fn at(destination: &str) -> String {
    format!("/v4/{destination}/localPosts")
}

fn update() -> Value {
    json!({"topicType": "STANDARD", "summary": "Fresh bread"})
}

#[tokio::test]
async fn accounts_and_locations_come_in_pages_and_locations_only_with_a_mask() {
    let stage = Stage::of(ADA);
    let first = stage.get("/v1/accounts").await.json();
    assert_eq!(first["accounts"][0]["type"], "PERSONAL");
    let next = first["nextPageToken"].as_str().unwrap();
    let second = stage.get(&format!("/v1/accounts?pageToken={next}")).await.json();
    assert_eq!((second["accounts"][0]["type"].as_str(), second.get("nextPageToken")), (Some("LOCATION_GROUP"), None));
    let group = second["accounts"][0]["name"].as_str().unwrap();
    assert_eq!(stage.get(&format!("/v1/{group}/locations")).await.status, 400);
    assert_eq!(stage.get(&format!("/v1/{group}/locations?readMask=nothing")).await.status, 400);
    let first = stage.get(&format!("/v1/{group}/locations?readMask=name,metadata&pageSize=100")).await.json();
    assert_eq!(first["locations"].as_array().unwrap().len(), 2);
    assert!(first["locations"][0].get("title").is_none());
    let next = first["nextPageToken"].as_str().unwrap();
    let last = stage.get(&format!("/v1/{group}/locations?readMask=name,metadata&pageToken={next}")).await.json();
    assert!(last["locations"][0]["metadata"].get("hasVoiceOfMerchant").is_none(), "what is false is left out");
    assert_eq!(Stage::of(GRACE).get(&format!("/v1/{group}/locations?readMask=name")).await.status, 403);
}

#[tokio::test]
async fn v4_says_by_number_and_field_what_is_wrong() {
    let stage = Stage::of(ADA);
    let event = json!({"title": "Week", "schedule": {
        "startDate": {"year": 2026, "month": 12, "day": 1}, "startTime": {"hours": 8},
        "endDate": {"year": 2026, "month": 12, "day": 7}, "endTime": {"hours": 18},
    }});
    let mut endless = event.clone();
    endless["schedule"].as_object_mut().unwrap().remove("endTime");
    for (body, expected) in [
        (json!({"summary": "a"}), "2 topic_type"),
        (json!({"topicType": "STANDARD", "summary": "a".repeat(1_501)}), "3 summary"),
        (json!({"topicType": "STANDARD", "callToAction": {"actionType": "BOOK"}}), "4 call_to_action"),
        (
            json!({"topicType": "STANDARD", "callToAction": {"actionType": "CALL", "url": "https://e.com"}}),
            "4 call_to_action",
        ),
        (json!({"topicType": "OFFER", "offer": {}}), "6 event"),
        (json!({"topicType": "EVENT", "event": endless}), "6 event.schedule"),
        (
            json!({"topicType": "STANDARD", "media": [{"mediaFormat": "VIDEO", "sourceUrl": "https://e.com/a"}]}),
            "5 media",
        ),
        (
            json!({"topicType": "STANDARD", "media": [{"mediaFormat": "PHOTO", "sourceUrl": "http://e.com/a"}]}),
            "1000 media",
        ),
    ] {
        let answer = stage.call("POST", &at(BAKERY), &body).await;
        assert_eq!(answer.error(), (400, "INVALID_ARGUMENT".into(), expected.into()), "{body}");
    }
    assert_eq!(stage.call("POST", &at(BAKERY), &json!({"topicType": "STANDARD", "text": "a"})).await.status, 400);
    let offer = json!({"topicType": "OFFER", "event": event, "offer": {"couponCode": "A"}, "callToAction": {"actionType": "CALL"}});
    let made = stage.call("POST", &at(BAKERY), &offer).await.json();
    assert_eq!(
        (made["state"].as_str(), made.get("callToAction")),
        (Some("LIVE"), None),
        "a button of an offer is ignored"
    );
}

#[tokio::test]
async fn a_post_is_processed_and_then_live_or_rejected() {
    let stage = Stage::of(ADA);
    stage.gbp().set_processing_takes(SignedDuration::from_secs(30));
    for (text, expected) in [("Fresh bread", "LIVE"), ("Call +49 30 1234567", "REJECTED")] {
        let made = stage.call("POST", &at(BAKERY), &json!({"topicType": "STANDARD", "summary": text})).await.json();
        assert_eq!(made["state"], "PROCESSING");
        let path = format!("/v4/{}", made["name"].as_str().unwrap());
        stage.pass(29);
        assert_eq!(stage.get(&path).await.json()["state"], "PROCESSING");
        stage.pass(1);
        assert_eq!(stage.get(&path).await.json()["state"], expected);
        let wrong = path.replace("/v4/accounts/111000000000000000001", "/v4");
        let lost = stage.get(&wrong).await;
        assert!(
            lost.status == 404 && lost.body.starts_with(b"<!DOCTYPE html>"),
            "without its account there is no path"
        );
    }
}

#[tokio::test]
async fn posts_are_listed_in_pages_changed_with_a_mask_and_deleted() {
    let stage = Stage::of(ADA);
    for _ in 0..4 {
        assert_eq!(stage.call("POST", &at(BAKERY), &update()).await.status, 200);
    }
    let first = stage.get(&format!("{}?pageSize=100", at(BAKERY))).await.json();
    assert_eq!(first["localPosts"].as_array().unwrap().len(), 3);
    let next = first["nextPageToken"].as_str().unwrap();
    let last = stage.get(&format!("{}?pageSize=100&pageToken={next}", at(BAKERY))).await.json();
    assert_eq!((last["localPosts"].as_array().unwrap().len(), last.get("nextPageToken")), (1, None));
    assert_eq!(stage.get(&format!("{}?pageSize=101", at(BAKERY))).await.status, 400);
    let post = format!("/v4/{}", last["localPosts"][0]["name"].as_str().unwrap());
    let mut changed = update();
    changed["summary"] = "Old bread".into();
    assert_eq!(stage.call("PATCH", &post, &changed).await.status, 400);
    let changed = stage.call("PATCH", &format!("{post}?updateMask=summary"), &changed).await.json();
    assert_eq!(changed["summary"], "Old bread");
    assert_eq!(stage.call("DELETE", &post, &json!({})).await.json(), json!({}));
    assert_eq!(stage.get(&post).await.error().0, 404);
}

#[tokio::test]
async fn who_may_not_post_is_told_why() {
    let stage = Stage::of(ADA);
    for elsewhere in [KIOSK, BOOKSHOP] {
        let refused = stage.call("POST", &at(elsewhere), &update()).await.error();
        assert_eq!((refused.0, refused.1.as_str(), refused.2.as_str()), (403, "PERMISSION_DENIED", ""));
    }
    stage.gbp().disable(&["mybusiness.googleapis.com".to_owned()]);
    assert_eq!(stage.call("POST", &at(BAKERY), &update()).await.error().2, "SERVICE_DISABLED");
    assert_eq!(stage.get("/v1/accounts").await.status, 200, "each API is enabled on its own");
    stage.gbp().disable(&[]);
    stage.gbp().set_approved(false);
    let refused = stage.call("POST", &at(BAKERY), &update()).await;
    assert_eq!(refused.json()["error"]["details"][0]["metadata"]["quota_limit_value"], "0");
}

#[tokio::test]
async fn quotas_are_of_a_minute_for_the_project_and_for_each_location() {
    let stage = Stage::of(ADA);
    for _ in 0..10 {
        assert_eq!(stage.call("POST", &at(BAKERY), &update()).await.status, 200);
    }
    assert_eq!(stage.call("POST", &at(BAKERY), &update()).await.status, 429);
    stage.pass(60);
    assert_eq!(stage.call("POST", &at(BAKERY), &update()).await.status, 200);
    for _ in 0..300 {
        assert_eq!(stage.get("/v1/accounts").await.status, 200);
    }
    assert_eq!(stage.get("/v1/accounts").await.error().2, "RATE_LIMIT_EXCEEDED");
    stage.pass(60);
    assert_eq!(stage.get("/v1/accounts").await.status, 200);
}

#[tokio::test]
async fn figures_are_of_locations_by_day_and_come_late() {
    let stage = Stage::of(ADA);
    let range = "dailyRange.startDate.year=2026&dailyRange.startDate.month=11&dailyRange.startDate.day=1\
                 &dailyRange.endDate.year=2026&dailyRange.endDate.month=11&dailyRange.endDate.day=30";
    let path = "/v1/locations/9007199254740993:fetchMultiDailyMetricsTimeSeries";
    let told = stage.get(&format!("{path}?dailyMetrics=CALL_CLICKS&dailyMetrics=WEBSITE_CLICKS&{range}")).await.json();
    let series = &told["multiDailyMetricTimeSeries"][0]["dailyMetricTimeSeries"];
    assert_eq!(series.as_array().unwrap().len(), 2);
    assert_eq!(series[0]["timeSeries"]["datedValues"].as_array().unwrap().len(), 18, "up to three days ago");
    assert_eq!(stage.get(&format!("{path}?{range}")).await.status, 400);
}

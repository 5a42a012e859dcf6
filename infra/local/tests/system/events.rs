//! The files of `events/`: each is understood by its function, and answered in the shape that its trigger expects.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::support::System;

fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../events")
}

pub(crate) fn event(name: &str) -> Value {
    serde_json::from_slice(&std::fs::read(directory().join(name)).unwrap()).unwrap()
}

/// Event, function, status, and the problem's code if it is one.
const HTTP: [(&str, &str, u64, Option<&str>); 8] = [
    // The event's tenant is none of this cloud, so it has listed no return address.
    ("http-connect-session.json", "oauth", 422, Some("body.invalid")),
    // The cookie of the real host is not the one that the local cloud sets: a browser that never opened the session.
    ("http-oauth-callback.json", "oauth", 404, None),
    ("http-create-post.json", "publish", 422, Some("body.invalid")),
    // None of the tenant's posts has such a target: an outcome, and no problem.
    ("http-redrive.json", "redrive", 200, None),
    ("http-get-post.json", "api", 404, Some("post.unknown")),
    ("http-health.json", "api", 200, None),
    ("webhook-facebook-challenge.json", "webhooks", 200, None),
    ("webhook-facebook-feed.json", "webhooks", 200, None),
];
const SCHEDULES: [(&str, &str); 3] =
    [("schedule-dispatch.json", "dispatch"), ("schedule-refresh.json", "refresh"), ("schedule-health.json", "health")];
const AUTHORIZER: &str = "authorizer-request.json";
const JOBS: &str = "sqs-publish-jobs.json";
const INBOUND: &str = "sqs-inbound.json";

#[test]
fn every_event_is_tried() {
    let tried = HTTP.iter().map(|(name, ..)| *name).chain(SCHEDULES.iter().map(|(name, _)| *name));
    let tried: BTreeSet<String> = tried.chain([AUTHORIZER, JOBS, INBOUND]).map(str::to_owned).collect();
    let files = std::fs::read_dir(directory()).unwrap().map(|file| PathBuf::from(file.unwrap().file_name()));
    let events = files.filter(|file| file.extension().is_some_and(|extension| extension == "json"));
    assert_eq!(events.map(|file| file.display().to_string()).collect::<BTreeSet<_>>(), tried);
}

#[tokio::test]
async fn http_events_are_answered_as_api_gateway_wants_it() {
    for (name, function, status, code) in HTTP {
        let answer = System::shared().invoke(function, &event(name)).await.unwrap();
        assert_eq!(answer["statusCode"], status, "{name}: {answer}");
        assert_eq!(answer["isBase64Encoded"], false, "{name}");
        assert_eq!(answer["headers"]["cache-control"], "no-store", "{name}");
        let body = answer["body"].as_str().unwrap();
        if let Some(code) = code {
            assert_eq!(serde_json::from_str::<Value>(body).unwrap()["code"], code, "{name}");
        }
        if name == "webhook-facebook-challenge.json" {
            assert_eq!(body, "1158201444");
        }
    }
}

#[tokio::test]
async fn f76_the_webhook_event_holds_in_base64_too() {
    let mut event = event("webhook-facebook-feed.json");
    let body = event["body"].as_str().unwrap().to_owned();
    event["body"] = json!(data_encoding::BASE64.encode(body.as_bytes()));
    event["isBase64Encoded"] = json!(true);
    assert_eq!(System::shared().invoke("webhooks", &event).await.unwrap()["statusCode"], 200);
    // The very same text that is not base64 any more: other bytes.
    event["isBase64Encoded"] = json!(false);
    assert_eq!(System::shared().invoke("webhooks", &event).await.unwrap()["statusCode"], 401);
}

#[tokio::test]
async fn the_authorizer_lets_an_unknown_key_through_as_nobody() {
    let answer = System::shared().invoke("authorizer", &event(AUTHORIZER)).await.unwrap();
    assert_eq!(answer, json!({"isAuthorized": true, "context": {"refusal": "key.unknown"}}));
}

fn returned(answer: &Value) -> BTreeSet<&str> {
    let failures = answer["batchItemFailures"].as_array().unwrap();
    failures.iter().map(|failure| failure["itemIdentifier"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn f16_the_consumer_names_the_messages_that_must_come_back() {
    let mut event = event(JOBS);
    let ids: Vec<String> = event["Records"].as_array().unwrap().iter().map(|r| r["messageId"].to_string()).collect();
    let ids: BTreeSet<&str> = ids.iter().map(|id| id.trim_matches('"')).collect();
    // A job is sent before its post is stored, so those without a post come back a few times; the broken one always does.
    let answer = System::shared().invoke("consumer", &event).await.unwrap();
    assert_eq!(returned(&answer), ids);
    for record in event["Records"].as_array_mut().unwrap() {
        record["attributes"]["ApproximateReceiveCount"] = json!("5");
    }
    let answer = System::shared().invoke("consumer", &event).await.unwrap();
    assert_eq!(returned(&answer), BTreeSet::from(["87681ebc-9edd-4288-b9d7-814ae94dc0ac"]));
}

#[tokio::test]
async fn what_names_no_stored_delivery_does_not_come_back_and_what_is_broken_does() {
    let mut event = event(INBOUND);
    let answer = System::shared().invoke("inbound", &event).await.unwrap();
    assert_eq!(answer, json!({"batchItemFailures": []}));
    event["Records"][1]["body"] = json!("{");
    let answer = System::shared().invoke("inbound", &event).await.unwrap();
    assert_eq!(answer, json!({"batchItemFailures": [{"itemIdentifier": event["Records"][1]["messageId"]}]}));
}

#[tokio::test]
async fn f68_a_tick_may_come_twice() {
    for (name, function) in SCHEDULES {
        for _time in 0..2 {
            let answer = System::shared().invoke(function, &event(name)).await;
            assert!(answer.is_ok(), "{name}: {answer:?}");
        }
    }
}

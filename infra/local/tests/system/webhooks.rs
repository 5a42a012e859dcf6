//! What the platform tells, and what others pretend that it tells.

use aws_lc_rs::hmac;
use data_encoding::HEXLOWER;
use http::Method;
use serde_json::{Value, json};
use simulator::facebook::seed;

use crate::support::System;
use crate::tenant::{ADAS, Answer, Tenant, call};

const JSON: &str = "application/json";

fn signature(secret: &str, body: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    format!("sha256={}", HEXLOWER.encode(hmac::sign(&key, body.as_bytes()).as_ref()))
}

fn signed(body: &str) -> String {
    signature(simulator::APP_SECRET, body)
}

async fn deliver(system: &System, kind: &str, signature: Option<&str>, body: &str) -> Answer {
    let mut headers = vec![("content-type", kind)];
    headers.extend(signature.map(|signature| ("x-hub-signature-256", signature)));
    let url = format!("{}/webhooks/facebook", system.cloud.api_url());
    call(Method::POST, &url, &headers, body.to_owned()).await
}

/// A cloud that hears nothing but what its test delivers: the simulator, too, tells what happens, in its own time.
fn deaf_to_the_simulator() -> System {
    let system = System::start(&[]);
    system.facebook().set_webhook("http://127.0.0.1:9/nobody-listens");
    system
}

/// A post that somebody made on a Page, as Facebook writes it: slashes and everything outside ASCII are escaped.
fn event(page: &str, number: u32) -> String {
    format!(
        r#"{{"object":"page","entry":[{{"id":"{page}","time":1795255198,"changes":[{{"field":"feed","value":{{"item":"status","post_id":"{page}_{number}","verb":"add","published":1,"created_time":1795255197,"message":"Caf\u00e9","link":"https:\/\/example.com\/"}}}}]}}]}}"#
    )
}

#[tokio::test]
async fn a_signed_delivery_is_recorded_at_the_connection_that_it_is_about() {
    let system = deaf_to_the_simulator();
    let tenant = Tenant::new(&system).await;
    let connection = tenant.connect(seed::ADA, &ADAS).await;
    let path = format!("/v1/connections/{connection}");
    // As JSON, and as something that API Gateway hands on in base64 (F76): the bytes count.
    for (kind, number) in [(JSON, 4711), ("application/octet-stream", 4712)] {
        let body = event(seed::CAFE, number);
        let answer = deliver(&system, kind, Some(&signed(&body)), &body).await;
        assert_eq!((answer.status, answer.text()), (200, String::new()), "{kind}");
        let recorded = async || {
            let view = tenant.read(&path).await;
            (view["last_event"]["remote_id"] == format!("{}_{number}", seed::CAFE)).then_some(view)
        };
        let view = system.eventually("the event is recorded", recorded).await;
        assert_eq!(view["last_event"]["kind"], "post.published");
    }
}

#[tokio::test]
async fn f76_what_the_platform_has_not_signed_byte_for_byte_is_refused() {
    let system = System::shared();
    let body = event(seed::CAFE, 4713);
    let good = signed(&body);
    assert_eq!(deliver(system, JSON, Some(&good), &body).await.status, 200);

    let parsed: Value = serde_json::from_str(&body).unwrap();
    let rewritten = parsed.to_string();
    assert_ne!(rewritten, body);
    let refused = (401, "webhook.signature_invalid".to_owned());
    for (what, signature, body) in [
        ("no signature", None, &body),
        ("another secret", Some(signature("another secret", &body)), &body),
        ("the same JSON in other bytes", Some(good.clone()), &rewritten),
        ("another algorithm", Some(good.replace("sha256=", "sha1=")), &body),
        ("cut short", Some(good[..good.len() - 2].to_owned()), &body),
        ("nothing", Some(String::new()), &body),
    ] {
        let answer = deliver(system, JSON, signature.as_deref(), body).await;
        assert_eq!(answer.problem(), refused, "{what}");
        assert_eq!(answer.header("www-authenticate"), "", "{what}: it is not about keys");
    }
    let base64 = deliver(system, "application/octet-stream", Some(&good), &rewritten).await;
    assert_eq!(base64.problem(), refused);
}

#[tokio::test]
async fn f80_the_challenge_is_given_back_as_plain_text_to_who_knows_the_token() {
    let system = System::shared();
    let ask = async |token: &str, challenge: &str| {
        let mut url = url::Url::parse(&format!("{}/webhooks/facebook", system.cloud.api_url())).unwrap();
        url.query_pairs_mut().extend_pairs([
            ("hub.mode", "subscribe"),
            ("hub.challenge", challenge),
            ("hub.verify_token", token),
        ]);
        call(Method::GET, url.as_str(), &[], "").await
    };
    let answer = ask(simulator::VERIFY_TOKEN, "1158201444").await;
    assert_eq!((answer.status, answer.text()), (200, "1158201444".to_owned()));
    assert!(answer.header("content-type").starts_with("text/plain"));
    assert_eq!(ask("wrong", "1158201444").await.problem(), (403, "webhook.handshake_refused".to_owned()));
    let hostile = ask(simulator::VERIFY_TOKEN, "<script>alert(1)</script>").await;
    assert!(hostile.status == 403 || hostile.header("content-type").starts_with("text/plain"), "{}", hostile.text());
    let unknown = call(Method::POST, &format!("{}/webhooks/myspace", system.cloud.api_url()), &[], "{}").await;
    assert_eq!(unknown.problem(), (404, "platform.unknown".to_owned()));
}

#[tokio::test]
async fn f74_a_delivery_that_is_repeated_is_taken_in_each_time_and_recorded_once() {
    let system = deaf_to_the_simulator();
    let tenant = Tenant::new(&system).await;
    let connection = tenant.connect(seed::ADA, &ADAS).await;
    let body = event(seed::CAFE, 4714);
    for _time in 0..5 {
        assert_eq!(deliver(&system, JSON, Some(&signed(&body)), &body).await.status, 200);
    }
    let look = async || {
        let depth = system.aws().sqs().get_queue_attributes().queue_url(system.resource("InboundQueue"));
        let depth = depth.attribute_names(aws_sdk_sqs::types::QueueAttributeName::All).send().await.unwrap();
        let figures = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"];
        let figure = |name: &str| depth.attributes().unwrap()[&name.into()].clone();
        figures.iter().all(|name| figure(name) == "0").then_some(())
    };
    system.eventually("all deliveries are understood", look).await;
    let recorded = system.lines("inbound").into_iter().filter(|line| line.contains("event recorded"));
    assert_eq!(recorded.filter(|line| line.contains(&connection)).count(), 1);
    assert_eq!(
        json!(format!("{}_4714", seed::CAFE)),
        tenant.read(&format!("/v1/connections/{connection}")).await["last_event"]["remote_id"]
    );
}

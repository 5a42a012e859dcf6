//! Webhooks: the handshake, signatures, retries, disorder.

use crate::support::Stage;
use aws_lc_rs::hmac;
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response};
use hyper_util::rt::TokioIo;
use jiff::SignedDuration;
use serde_json::{Value, json};
use simulator::facebook::seed::{ADA, BAKERY};
use simulator::facebook::{Fault, FaultKind};
use simulator::{APP_ID, APP_SECRET, VERIFY_TOKEN};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::mpsc;

/// One webhook as it arrived.
struct Arrived {
    signature: Option<String>,
    body: String,
}

impl Arrived {
    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }

    fn change(&self) -> Value {
        self.json()["entry"][0]["changes"][0]["value"].clone()
    }

    fn is_signed(&self) -> bool {
        let key = hmac::Key::new(hmac::HMAC_SHA256, APP_SECRET.as_bytes());
        let hash = data_encoding::HEXLOWER.encode(hmac::sign(&key, self.body.as_bytes()).as_ref());
        self.signature.as_deref() == Some(&format!("sha256={hash}"))
    }
}

/// Somebody who receives webhooks: answers a scripted status, then 200.
struct Receiver {
    url: String,
    arrived: mpsc::UnboundedReceiver<Arrived>,
    script: Arc<Mutex<VecDeque<u16>>>,
}

impl Receiver {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/hooks", listener.local_addr().unwrap());
        let (sender, arrived) = mpsc::unbounded_channel();
        let script: Arc<Mutex<VecDeque<u16>>> = Arc::default();
        let statuses = Arc::clone(&script);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let service = service_fn(|request| answer(request, sender.clone(), Arc::clone(&statuses)));
                let _ = http1::Builder::new().keep_alive(false).serve_connection(TokioIo::new(stream), service).await;
            }
        });
        Self { url, arrived, script }
    }

    fn answers(&self, statuses: &[u16]) {
        self.script.lock().unwrap().extend(statuses);
    }

    async fn next(&mut self) -> Arrived {
        tokio::time::timeout(Duration::from_secs(20), self.arrived.recv()).await.unwrap().unwrap()
    }
}

async fn answer(
    request: Request<Incoming>,
    sender: mpsc::UnboundedSender<Arrived>,
    script: Arc<Mutex<VecDeque<u16>>>,
) -> Result<Response<Full<Bytes>>, hyper::Error> {
    if request.method() == Method::GET {
        let query: Vec<(String, String)> =
            form_urlencoded::parse(request.uri().query().unwrap().as_bytes()).into_owned().collect();
        let value = |name: &str| query.iter().find(|(key, _)| key == name).unwrap().1.clone();
        assert_eq!(value("hub.mode"), "subscribe");
        let right = value("hub.verify_token") == VERIFY_TOKEN;
        let mut response = Response::new(Full::from(if right { value("hub.challenge") } else { String::new() }));
        *response.status_mut() = if right { 200 } else { 403 }.try_into().unwrap();
        return Ok(response);
    }
    let signature = request.headers().get("x-hub-signature-256").map(|value| value.to_str().unwrap().to_owned());
    let body = String::from_utf8(request.into_body().collect().await?.to_bytes().to_vec()).unwrap();
    sender.send(Arrived { signature, body }).unwrap();
    let mut response = Response::new(Full::default());
    *response.status_mut() = script.lock().unwrap().pop_front().unwrap_or(200).try_into().unwrap();
    Ok(response)
}

fn app() -> String {
    format!("{APP_ID}|{APP_SECRET}")
}

async fn subscribed(receiver: &Receiver) -> Stage {
    let stage = Stage::new().await;
    stage.simulator.facebook().set_webhook(&receiver.url);
    stage.simulator.facebook().install(BAKERY);
    stage
}

#[tokio::test]
async fn a_subscription_is_made_after_the_callback_echoed_the_challenge() {
    let mut receiver = Receiver::start().await;
    let stage = Stage::new().await;
    let path = format!("/v26.0/{APP_ID}/subscriptions");
    let form = |token| {
        [("object", "page"), ("callback_url", receiver.url.as_str()), ("fields", "feed"), ("verify_token", token)]
    };
    assert_eq!(stage.post(&path, &app(), &form("wrong")).await.refusal(), (2200, None));
    assert!(stage.get(&path, &app()).await.data().is_empty());
    assert_eq!(stage.post(&path, &stage.user, &form(VERIFY_TOKEN)).await.refusal(), (15, None));
    assert_eq!(stage.post(&path, &app(), &form(VERIFY_TOKEN)).await.json(), json!({"success": true}));
    let listed = stage.get(&path, &app()).await.data();
    assert_eq!((&listed[0]["object"], &listed[0]["fields"][0]["name"]), (&json!("page"), &json!("feed")));

    let page = format!("/v26.0/{BAKERY}/subscribed_apps");
    assert_eq!(stage.post(&page, &stage.page, &[("subscribed_fields", "feed,mention")]).await.status, 200);
    stage.publish("Hi").await;
    assert_eq!(receiver.next().await.change()["message"], "Hi");
    assert_eq!(stage.delete(&path, &app()).await.status, 200);
    assert!(stage.get(&path, &app()).await.data().is_empty());
}

#[tokio::test]
async fn a_subscription_wants_a_known_object_fields_and_a_callback() {
    let stage = Stage::new().await;
    let path = format!("/v26.0/{APP_ID}/subscriptions");
    let callback = ("callback_url", "http://127.0.0.1:9/hooks");
    let cases: [&[(&str, &str)]; 5] = [
        &[callback, ("fields", "feed")],
        &[("object", "group"), callback, ("fields", "feed")],
        &[("object", "page"), ("fields", "feed")],
        &[("object", "page"), callback],
        &[("object", "page"), callback, ("fields", "everything")],
    ];
    for form in cases {
        assert_eq!(stage.post(&path, &app(), form).await.refusal().0, 100, "{form:?}");
    }
    let dead = [("object", "page"), callback, ("fields", "feed"), ("verify_token", "x")];
    assert_eq!(stage.post(&path, &app(), &dead).await.refusal().0, 2200);
}

#[tokio::test]
async fn a_page_installs_and_removes_the_app() {
    let stage = Stage::new().await;
    let path = format!("/v26.0/{BAKERY}/subscribed_apps");
    assert!(stage.get(&path, &stage.page).await.data().is_empty());
    assert_eq!(stage.post(&path, &stage.page, &[]).await.refusal().0, 100);
    assert_eq!(stage.post(&path, &stage.page, &[("subscribed_fields", "gossip")]).await.refusal().0, 100);
    assert_eq!(stage.post(&path, &stage.page, &[("subscribed_fields", "[\"feed\"]")]).await.status, 200);
    let listed = stage.get(&path, &stage.page).await.data();
    assert_eq!((&listed[0]["id"], &listed[0]["subscribed_fields"]), (&json!(APP_ID), &json!(["feed"])));
    assert_eq!(stage.delete(&path, &stage.page).await.status, 200);
    assert!(stage.get(&path, &stage.page).await.data().is_empty());
    let token = stage.with_scopes(&["pages_show_list"]);
    assert_eq!(stage.post(&path, &token, &[("subscribed_fields", "feed")]).await.refusal(), (200, None));
}

#[tokio::test]
async fn a_post_is_told_when_it_appears_changes_and_goes() {
    let mut receiver = Receiver::start().await;
    let stage = subscribed(&receiver).await;
    let id = stage.publish("Grüße 🍞 / heute").await.id();
    let added = receiver.next().await;
    assert!(added.is_signed());
    assert!(added.body.contains(r"Gr\u00fc\u00dfe \ud83c\udf5e \/ heute"), "{}", added.body);
    assert_eq!(added.json()["object"], "page");
    assert_eq!(
        (&added.json()["entry"][0]["id"], &added.json()["entry"][0]["time"]),
        (&json!(BAKERY), &json!(1_795_262_400))
    );
    assert_eq!(added.json()["entry"][0]["changes"][0]["field"], "feed");
    let change = added.change();
    assert_eq!((&change["verb"], &change["item"], &change["post_id"]), (&json!("add"), &json!("status"), &json!(id)));
    assert_eq!((&change["from"]["id"], &change["published"]), (&json!(BAKERY), &json!(1)));
    stage.post(&format!("/v26.0/{id}"), &stage.page, &[("message", "Tschüss")]).await;
    assert_eq!(receiver.next().await.change()["verb"], "edited");
    stage.delete(&format!("/v26.0/{id}"), &stage.page).await;
    assert_eq!(receiver.next().await.change()["verb"], "remove");
}

#[tokio::test]
async fn a_page_without_the_app_is_silent() {
    let mut receiver = Receiver::start().await;
    let stage = subscribed(&receiver).await;
    let cafe = stage.simulator.facebook().write_by_hand(simulator::facebook::seed::CAFE, "Not installed");
    assert!(!cafe.is_empty());
    stage.publish("Installed").await;
    assert_eq!(receiver.next().await.change()["message"], "Installed");
}

#[tokio::test]
async fn an_unwelcome_webhook_is_sent_again_at_once_and_then_ever_more_rarely() {
    let mut receiver = Receiver::start().await;
    let stage = subscribed(&receiver).await;
    receiver.answers(&[500, 404, 200]);
    stage.publish("Again").await;
    let first = receiver.next().await;
    assert_eq!(first.body, receiver.next().await.body);
    let facebook = stage.simulator.facebook();
    wait_until(|| facebook.pending_webhooks() == 1).await;
    stage.advance(SignedDuration::from_secs(30));
    assert_eq!(first.body, receiver.next().await.body);
    wait_until(|| facebook.pending_webhooks() == 0 && !facebook.sent_webhooks().is_empty()).await;
    let sent = facebook.sent_webhooks();
    assert_eq!((sent[0].delivered, sent[0].tries, sent[0].last_status), (true, 3, Some(200)));
}

#[tokio::test]
async fn a_webhook_nobody_wants_is_given_up_after_a_day_and_a_half() {
    let mut receiver = Receiver::start().await;
    let stage = subscribed(&receiver).await;
    receiver.answers(&[500; 8]);
    stage.publish("Unwanted").await;
    let facebook = stage.simulator.facebook();
    for attempt in 1..=8 {
        receiver.next().await;
        if attempt > 1 && attempt < 8 {
            wait_until(|| facebook.pending_webhooks() == 1).await;
            stage.advance(SignedDuration::from_hours(20));
        }
    }
    wait_until(|| !facebook.sent_webhooks().is_empty()).await;
    let sent = facebook.sent_webhooks();
    assert_eq!((sent[0].delivered, sent[0].tries, facebook.pending_webhooks()), (false, 8, 0));
}

async fn wait_until(condition: impl Fn() -> bool) {
    let turning = async {
        while !condition() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), turning).await.unwrap();
}

#[tokio::test]
async fn webhooks_are_doubled_reordered_lost_and_forged_on_demand() {
    let mut receiver = Receiver::start().await;
    let stage = subscribed(&receiver).await;
    let facebook = stage.simulator.facebook();
    facebook.add_fault(Fault::new(FaultKind::WebhookDuplicate).times(1));
    stage.publish("Doubled").await;
    assert_eq!(receiver.next().await.body, receiver.next().await.body);
    facebook.add_fault(Fault::new(FaultKind::WebhookReorder).on_page(BAKERY).times(1));
    stage.publish("First").await;
    stage.publish("Second").await;
    assert_eq!(receiver.next().await.change()["message"], "Second");
    assert_eq!(receiver.next().await.change()["message"], "First");
    facebook.add_fault(Fault::new(FaultKind::WebhookLost).times(1));
    stage.publish("Lost").await;
    facebook.add_fault(Fault::new(FaultKind::WebhookBadSignature).times(1));
    stage.publish("Forged").await;
    let forged = receiver.next().await;
    assert_eq!(forged.change()["message"], "Forged");
    assert!(forged.signature.is_some() && !forged.is_signed());
}

#[tokio::test]
async fn an_event_can_be_made_by_hand() {
    let mut receiver = Receiver::start().await;
    let stage = subscribed(&receiver).await;
    let event =
        json!({"id": BAKERY, "value": {"item": "comment", "verb": "add", "comment_id": "1"}, "duplicate": true});
    assert_eq!(stage.control("POST", "webhooks/send", &event).await.status, 202);
    let first = receiver.next().await;
    assert!(first.is_signed() && first.change()["item"] == "comment");
    assert_eq!(first.body, receiver.next().await.body);
    let forged = json!({"id": BAKERY, "value": {}, "wrong_signature": true});
    stage.control("POST", "webhooks/send", &forged).await;
    assert!(!receiver.next().await.is_signed());
    let change = |id: &str| json!({"id": id, "time": 1, "changes": [{"field": "feed", "value": {"post_id": id}}]});
    let envelope = json!({"object": "page", "entry": [change("1"), change("2")]});
    stage.control("POST", "webhooks/envelope", &json!({ "envelope": envelope })).await;
    let batch = receiver.next().await;
    assert!(batch.is_signed());
    assert_eq!(batch.json(), envelope);
    let foreign = json!({"envelope": {"object": "instagram", "entry": []}});
    assert_eq!(stage.control("POST", "webhooks/envelope", &foreign).await.status, 400);
    let unknown = json!({"object": "user", "id": ADA, "value": {}});
    assert_eq!(stage.control("POST", "webhooks/send", &unknown).await.status, 400);
}

#[tokio::test]
async fn a_removed_app_is_told_permission_by_permission() {
    let mut receiver = Receiver::start().await;
    let stage = subscribed(&receiver).await;
    assert_eq!(stage.control("POST", "deauthorize", &json!({"user": ADA})).await.status, 200);
    let event = receiver.next().await.json();
    assert_eq!((&event["object"], &event["entry"][0]["id"]), (&json!("permissions"), &json!(ADA)));
    assert_eq!(event["entry"][0]["changes"][0]["value"]["verb"], "revoked");
}

#[tokio::test]
async fn the_deauthorize_callback_gets_a_signed_request() {
    let mut receiver = Receiver::start().await;
    let options = simulator::Options { deauthorize_url: Some(receiver.url.clone()), ..simulator::Options::default() };
    let stage = Stage::with(options).await;
    stage.simulator.facebook().remove_app(ADA);
    let body = receiver.next().await.body;
    let request = form_urlencoded::parse(body.as_bytes()).next().unwrap().1.into_owned();
    let (signature, payload) = request.split_once('.').unwrap();
    let key = hmac::Key::new(hmac::HMAC_SHA256, APP_SECRET.as_bytes());
    let decode = |text: &str| data_encoding::BASE64URL_NOPAD.decode(text.as_bytes()).unwrap();
    hmac::verify(&key, payload.as_bytes(), &decode(signature)).unwrap();
    let payload: Value = serde_json::from_slice(&decode(payload)).unwrap();
    assert_eq!((&payload["algorithm"], &payload["user_id"]), (&json!("HMAC-SHA256"), &json!(ADA)));
}

#[tokio::test]
async fn a_callback_can_be_set_and_verified_by_hand() {
    let receiver = Receiver::start().await;
    let stage = Stage::new().await;
    let set = json!({"callback_url": receiver.url, "verify": true});
    assert_eq!(stage.control("POST", "webhooks", &set).await.status, 200);
    let world = stage.control("GET", "state", &Value::Null).await.json();
    assert_eq!(world["webhooks"]["callback_url"], receiver.url);
    let dead = json!({"callback_url": "http://127.0.0.1:9/", "verify": true});
    assert_eq!(stage.control("POST", "webhooks", &dead).await.status, 400);
}

//! What a receiver's answer does to its webhook.

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Method, Request, Response};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use simulator::mailchimp::seed::{ADA, NEWSLETTER};
use simulator::{Clock, ManualClock, Options, Simulator};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

/// Somebody who is there when Mailchimp looks, and answers this to whatever is told; hears each body.
async fn receiver(status: u16) -> (String, mpsc::UnboundedReceiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/webhooks/mailchimp/1", listener.local_addr().unwrap());
    let (sender, arrived) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let sender = sender.clone();
            let service = service_fn(move |request: Request<Incoming>| {
                let sender = sender.clone();
                async move {
                    let is_told = request.method() == Method::POST;
                    let body = request.into_body().collect().await?.to_bytes();
                    if is_told {
                        sender.send(String::from_utf8(body.to_vec()).unwrap()).unwrap();
                    }
                    let mut response = Response::new(Full::<Bytes>::default());
                    *response.status_mut() = if is_told { status } else { 200 }.try_into().unwrap();
                    Ok::<_, hyper::Error>(response)
                }
            });
            tokio::spawn(hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service));
        }
    });
    (url, arrived)
}

/// A simulator with one webhook for members who leave.
async fn subscribed(url: &str) -> Simulator {
    let clock = ManualClock::new("2026-11-21T10:00:00Z".parse().unwrap());
    let simulator = Simulator::start(Options { clock: Clock::Manual(clock), ..Options::default() }).await.unwrap();
    let hook = json!({"url": url, "events": {"unsubscribe": true}, "sources": {"user": true}});
    let request = Request::post(format!("/mailchimp/3.0/lists/{NEWSLETTER}/webhooks"))
        .header("host", simulator.address().to_string())
        .header("authorization", format!("Bearer {}", simulator.mailchimp().token(ADA)))
        .header("content-type", "application/json")
        .body(Full::<Bytes>::from(hook.to_string()))
        .unwrap();
    let stream = TcpStream::connect(simulator.address()).await.unwrap();
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    let answer = sender.send_request(request).await.unwrap();
    let status = answer.status();
    let body: Value = serde_json::from_slice(&answer.into_body().collect().await.unwrap().to_bytes()).unwrap();
    assert_eq!((status.as_u16(), body["url"].as_str()), (200, Some(url)), "{body}");
    simulator
}

/// One member leaves, which is told and answered; how many webhooks hear of the next one.
async fn listeners_after_the_answer(status: u16) -> usize {
    let (url, mut arrived) = receiver(status).await;
    let simulator = subscribed(&url).await;
    let mailchimp = simulator.mailchimp();
    assert_eq!(mailchimp.unsubscribe(NEWSLETTER, "first@example.com", "c"), 1);
    let body = arrived.recv().await.unwrap();
    assert!(body.starts_with("type=unsubscribe"), "{body}");
    // The next one is told after what became of the first was written down: either by then, or never.
    while mailchimp.sent_webhooks().is_empty() && mailchimp.pending_webhooks() == 0 {
        tokio::task::yield_now().await;
    }
    mailchimp.unsubscribe(NEWSLETTER, "second@example.com", "c")
}

#[tokio::test]
async fn a_receiver_that_says_gone_is_never_told_anything_again() {
    assert_eq!(listeners_after_the_answer(410).await, 0);
}

#[tokio::test]
async fn a_receiver_that_is_merely_unwell_is_still_told() {
    assert_eq!(listeners_after_the_answer(500).await, 1);
}

//! Webhooks in both shapes, signed, and the word that the app was removed.

use crate::support::Stage;
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use simulator::instagram::APP;
use simulator::instagram::seed::{BAKERY, CREATOR};
use tokio::net::TcpListener;
use tokio::sync::mpsc;

/// Somebody who receives webhooks; answers handshakes.
async fn receiver() -> (String, mpsc::UnboundedReceiver<(String, String)>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/webhooks/instagram", listener.local_addr().unwrap());
    let (sender, arrived) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let sender = sender.clone();
            let service = service_fn(move |request: Request<Incoming>| {
                let sender = sender.clone();
                async move {
                    let query = request.uri().query().unwrap_or_default().to_owned();
                    let signature =
                        request.headers().get("x-hub-signature-256").map(|value| value.to_str().unwrap().to_owned());
                    let body = request.into_body().collect().await?.to_bytes();
                    let pairs: Vec<_> = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
                    let challenge = pairs.into_iter().find(|(name, _)| name == "hub.challenge").map(|(_, value)| value);
                    if challenge.is_none() {
                        let text = String::from_utf8(body.to_vec()).unwrap();
                        sender.send((signature.unwrap_or_default(), text)).unwrap();
                    }
                    Ok::<_, hyper::Error>(Response::new(Full::new(Bytes::from(challenge.unwrap_or_default()))))
                }
            });
            tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
        }
    });
    (url, arrived)
}

#[tokio::test]
async fn a_comment_is_told_in_the_shape_of_its_login_and_signed() {
    let stage = Stage::new().await;
    let (url, mut arrived) = receiver().await;
    let instagram = stage.simulator.instagram();
    assert!(!instagram.comment(BAKERY, "1", "Nice", false), "nobody listens yet");
    assert!(instagram.verify_webhook(&url).await);
    assert!(instagram.comment(BAKERY, "1", "Schön", false) && instagram.comment(CREATOR, "1", "Nice", true));
    let (signature, nested) = arrived.recv().await.unwrap();
    let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, APP.secret.as_bytes());
    let expected = data_encoding::HEXLOWER.encode(aws_lc_rs::hmac::sign(&key, nested.as_bytes()).as_ref());
    assert_eq!(signature, format!("sha256={expected}"));
    assert!(nested.contains("Sch\\u00f6n"));
    let nested: Value = serde_json::from_str(&nested).unwrap();
    assert_eq!(nested["entry"][0]["changes"][0]["field"], "comments");
    let flat: Value = serde_json::from_str(&arrived.recv().await.unwrap().1).unwrap();
    assert_eq!(
        (flat["entry"][0]["field"].as_str(), flat["entry"][0]["id"].as_str()),
        (Some("comments"), Some(CREATOR))
    );
}

#[tokio::test]
async fn an_account_that_removes_the_app_says_so_by_a_signed_request() {
    let stage = Stage::new().await;
    let (url, mut arrived) = receiver().await;
    let instagram = stage.simulator.instagram();
    instagram.set_webhook(&url);
    instagram.remove_app(CREATOR);
    let (_, body) = arrived.recv().await.unwrap();
    assert!(body.starts_with("signed_request="), "{body}");
    assert_eq!(stage.get("/v26.0/me?fields=id", &stage.creator).await.refusal(), (190, Some(458)));
}

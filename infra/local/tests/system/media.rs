//! Files for posts, from outside: announced, uploaded to the local S3, fetched by the platform, and seen in no log.

use http::Method;
use serde_json::{Value, json};
use simulator::facebook::seed;
use url::Url;

use crate::support::System;
use crate::tenant::{Answer, Tenant, call};

const PICTURE: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR\0\0\x02\x80\0\0\x01\xe0\x08\x02\0\0\0\0\0\0\0";

/// Uploads as the answer says; nothing may log its signature from then on.
async fn put(system: &System, media: &Value, bytes: &'static [u8]) -> Answer {
    let upload = &media["upload"];
    let url: Url = upload["url"].as_str().unwrap().parse().unwrap();
    let signature = url.query_pairs().find(|(name, _)| name == "X-Amz-Signature").unwrap().1.into_owned();
    system.keep_secret("the signature of an upload", signature);
    let headers = upload["headers"].as_object().unwrap();
    let headers: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (&**name, value.as_str().unwrap())).collect();
    call(Method::PUT, url.as_str(), &headers, bytes).await
}

async fn announced(tenant: &Tenant<'_>, size: usize) -> Value {
    let answer = tenant.post("/v1/media", &json!({"content_type": "image/png", "size": size})).await;
    assert_eq!(answer.status, 201, "{}", answer.text());
    answer.json()
}

#[tokio::test]
async fn f56_an_upload_is_published_and_no_address_that_was_signed_for_it_is_logged() {
    let system = System::shared();
    let tenant = Tenant::new(system).await;
    let connection = tenant.connect(seed::ADA, &[seed::BAKERY]).await;
    let media = announced(&tenant, PICTURE.len()).await;
    assert_eq!(put(system, &media, PICTURE).await.status, 200);
    let content = json!({"text": "A loaf, uploaded", "media": [{"url": media["media"], "kind": "image"}]});
    let body = json!({"content": content, "targets": [{"connection": connection, "destination": seed::BAKERY}]});
    let answer = tenant.post("/v1/posts", &body).await;
    assert_eq!(answer.status, 202, "{}", answer.text());
    let post = tenant.settled(answer.json()["id"].as_str().unwrap()).await;
    assert_eq!(post["state"], "published", "{post:#}");
    assert_eq!(system.on_page(seed::BAKERY, "A loaf, uploaded"), 1);

    let told = tenant.read(&format!("/v1/media/{}", media["id"].as_str().unwrap())).await;
    assert_eq!(
        (&told["state"], &told["facts"]["width"], &told["facts"]["height"]),
        (&json!("ready"), &json!(640), &json!(480))
    );
    system.assert_discreet();
    let fetched = |line: &&local::Line| line.text.contains("X-Amz-Signature");
    assert!(system.log().iter().find(fetched).is_none(), "a signed address was logged");
    let rows = system.aws().dynamodb().scan().table_name(system.resource("StateTable")).send().await.unwrap();
    assert!(!format!("{:?}", rows.items()).contains("X-Amz-Signature"), "a signed address was stored");
}

#[tokio::test]
async fn an_upload_belongs_to_its_tenant_and_takes_place_as_it_was_announced() {
    let system = System::shared();
    let tenant = Tenant::new(system).await;
    let other = Tenant::new(system).await;
    let media = announced(&tenant, PICTURE.len()).await;
    let path = format!("/v1/media/{}", media["id"].as_str().unwrap());
    assert_eq!(other.get(&path).await.problem(), (404, "media.unknown".to_owned()));
    assert_eq!(tenant.read(&path).await["state"], "awaiting_upload");

    let longer = b"longer than it was said to be, so that the signature does not fit";
    let url = media["upload"]["url"].as_str().unwrap();
    let headers = [("content-type", "image/png"), ("if-none-match", "*")];
    let refused = call(Method::PUT, url, &headers, &longer[..]).await;
    assert_eq!(refused.status, 403);
    assert!(refused.text().contains("<Code>SignatureDoesNotMatch</Code>"), "{}", refused.text());
    assert_eq!(put(system, &media, PICTURE).await.status, 200);
    assert_eq!(put(system, &media, PICTURE).await.status, 412, "once");
    let plain = url.split('?').next().unwrap();
    assert_eq!(call(Method::GET, plain, &[], "").await.status, 403, "nobody reads without a signature");
}

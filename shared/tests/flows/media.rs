//! Files that callers upload: announced, put straight into the bucket, looked at, and published by platforms that fetch and
//! by platforms that take bytes.

use std::time::Duration;

use http::{HeaderName, HeaderValue, Method};
use jiff::SignedDuration;
use rstest::rstest;
use serde_json::{Value, json};
use shared::{
    clock::Clock as _,
    connector::{Answer, Body, Request as Call},
    http::Response,
    problem::Problem,
};
use simulator::{instagram, linkedin, tiktok};

use crate::world::{MEDIA_DAYS, World};

const DAY: i64 = 86_400;
const CREATE: &str = "POST /v1/media";

pub(crate) fn png(width: u32, height: u32) -> Vec<u8> {
    let mut bytes = b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR".to_vec();
    bytes.extend(width.to_be_bytes());
    bytes.extend(height.to_be_bytes());
    bytes.extend([8, 2, 0, 0, 0, 0, 0, 0, 0]);
    bytes
}

fn jpeg(width: u16, height: u16) -> Vec<u8> {
    let [[h1, h2], [w1, w2]] = [height.to_be_bytes(), width.to_be_bytes()];
    let mut bytes = b"\xff\xd8\xff\xc0\0\x11\x08".to_vec();
    bytes.extend([h1, h2, w1, w2, 3, 1, 0x11, 0, 2, 0x11, 1, 3, 0x11, 1]);
    bytes.extend(b"\xff\xda\0\x08\x01\x01\0\0\x3f\0\0\xff\xd9");
    bytes
}

async fn announce(world: &World, key: Option<&str>, body: &Value) -> Result<Response, Problem> {
    let mut request = world.request(CREATE, "/v1/media", body);
    if let Some(key) = key {
        request.headers.insert("idempotency-key", key.parse().unwrap());
    }
    world.publisher.handle(request).await
}

async fn announced(world: &World, content_type: &str, size: usize) -> Value {
    let response = announce(world, None, &json!({ "content_type": content_type, "size": size })).await.unwrap();
    assert_eq!(response.status, 201);
    serde_json::from_str(&response.body).unwrap()
}

/// Uploads as the answer says.
async fn put(world: &World, media: &Value, bytes: Vec<u8>) -> Answer {
    let upload = &media["upload"];
    let method = Method::from_bytes(upload["method"].as_str().unwrap().as_bytes()).unwrap();
    let mut call = Call::new(method, upload["url"].as_str().unwrap().parse().unwrap());
    for (name, value) in upload["headers"].as_object().unwrap().iter().filter(|(name, _)| *name != "content-length") {
        let name: HeaderName = name.parse().unwrap();
        call.headers.insert(name, HeaderValue::from_str(value.as_str().unwrap()).unwrap());
    }
    call.body = Body::Bytes(bytes.into());
    world.consumer.transport.send(call, Duration::from_secs(5)).await.unwrap()
}

/// The name of a file that is there.
async fn uploaded(world: &World, content_type: &str, bytes: Vec<u8>) -> String {
    let media = announced(world, content_type, bytes.len()).await;
    assert_eq!(put(world, &media, bytes).await.status, 200);
    media["media"].as_str().unwrap().to_owned()
}

async fn shown(world: &World, media: &str) -> Result<Value, Problem> {
    let path = format!("/v1/media/{}", media.trim_start_matches("media:"));
    let response = world.publisher.handle(world.request("GET /v1/media/{media}", &path, &Value::Null)).await?;
    Ok(serde_json::from_str(&response.body).unwrap())
}

fn post(connection: &str, media: &str) -> Value {
    let content = json!({ "text": "Fresh bread", "media": [{ "url": media, "kind": "image" }] });
    json!({ "content": content, "targets": [{ "connection": connection }] })
}

/// The code of the one thing that is wrong with a post, and where.
async fn fault(world: &World, body: &Value) -> (String, String) {
    let problem = world.create(body).await.unwrap_err();
    assert_eq!(problem.errors.len(), 1, "{problem:?}");
    (problem.errors[0].code.clone(), problem.errors[0].pointer.clone())
}

fn at_the_file(code: &str) -> (String, String) {
    (code.to_owned(), "/content/media/0/url".to_owned())
}

async fn connected(world: &World, platform: &str) -> String {
    let (user, pages): (&str, &[&str]) = match platform {
        "instagram" => (instagram::seed::ADA, &[instagram::seed::BAKERY_PAGE]),
        "linkedin" => (linkedin::seed::ANN, &[]),
        "tiktok" => (tiktok::seed::BAKERY, &[]),
        _ => return Box::pin(world.connected()).await,
    };
    let session = json!({ "platform": platform, "return_url": "http://127.0.0.1:9/done" });
    let back = Box::pin(world.connect_as(user, pages, &session)).await;
    let (_, id) = back.query_pairs().find(|(name, _)| name == "connection").expect("connected");
    id.into_owned()
}

/// Lets time pass until the post has come to an end.
async fn finish(world: &World, id: &str) -> Value {
    for _ in 0..80 {
        world.drain().await;
        let post = world.post(id).await;
        if ["published", "failed", "needs_review", "expired"].contains(&post["state"].as_str().unwrap()) {
            return post;
        }
        world.advance(10);
        world.dispatcher.tick().await.unwrap();
    }
    world.post(id).await
}

/// Nothing that is kept shows a signature.
async fn keeps_no_signature(world: &World) {
    let rows = world.dynamodb().scan().table_name("State").send().await.unwrap();
    let rows = format!("{:?}", rows.items());
    assert!(rows.contains("media:med_"), "posts name uploads");
    assert!(!rows.contains("X-Amz-"), "{rows}");
}

#[rstest]
#[case::fetched_by_facebook("facebook", "image/png", png(640, 480))]
#[case::fetched_by_instagram("instagram", "image/jpeg", jpeg(1080, 1080))]
#[case::taken_as_bytes_by_linkedin("linkedin", "image/png", png(640, 480))]
#[tokio::test]
async fn a_file_that_was_uploaded_is_published(
    #[case] platform: &str,
    #[case] content_type: &str,
    #[case] bytes: Vec<u8>,
) {
    let world = Box::pin(World::start()).await;
    let connection = connected(&world, platform).await;
    let media = uploaded(&world, content_type, bytes).await;
    let before = world.emulators.counts();
    let id = world.create(&post(&connection, &media)).await.unwrap()["id"].as_str().unwrap().to_owned();
    let done = finish(&world, &id).await;
    assert_eq!(done["state"], "published", "{done:#}");
    assert_eq!(done["content"]["media"][0]["url"], media, "the post says what its caller said");
    let since = world.emulators.counts().since(&before);
    assert!(since.calls("S3.GetObject") >= 2, "looked at, and fetched or passed on");
    keeps_no_signature(&world).await;
}

#[tokio::test]
async fn what_was_uploaded_is_told_with_its_facts() {
    let world = World::start().await;
    let bytes = jpeg(1080, 1350);
    let media = announced(&world, "image/jpeg", bytes.len()).await;
    let name = media["media"].as_str().unwrap();
    let told = shown(&world, name).await.unwrap();
    assert_eq!(
        (told["state"].as_str(), told.get("upload")),
        (Some("awaiting_upload"), None),
        "the address is told once"
    );
    assert_eq!(put(&world, &media, bytes.clone()).await.status, 200);
    let told = shown(&world, name).await.unwrap();
    let facts = json!({ "content_type": "image/jpeg", "bytes": bytes.len(), "width": 1080, "height": 1350 });
    assert_eq!((told["state"].as_str(), &told["facts"]), (Some("ready"), &facts));
}

#[tokio::test]
async fn an_upload_is_another_s_business_to_nobody() {
    let mut world = World::start().await;
    let media = uploaded(&world, "image/png", png(1, 1)).await;
    world.caller = world.other_tenant().await;
    let connection = Box::pin(world.connected()).await;
    assert_eq!(fault(&world, &post(&connection, &media)).await, at_the_file("media.unknown"));
    assert_eq!(shown(&world, &media).await.unwrap_err().code, "media.unknown");
    for wrong in ["media:", "media:med_1", "media://med_01a1fd8a944073c180000251ee3fd171", "media:../a"] {
        assert_eq!(fault(&world, &post(&connection, wrong)).await, at_the_file("media.unknown"), "{wrong}");
    }
}

#[tokio::test]
async fn a_file_that_is_not_there_is_refused_until_it_is() {
    let world = World::start().await;
    let connection = Box::pin(world.connected()).await;
    let media = announced(&world, "image/png", png(1, 1).len()).await;
    let body = post(&connection, media["media"].as_str().unwrap());
    assert_eq!(fault(&world, &body).await, at_the_file("media.not_uploaded"));
    assert_eq!(put(&world, &media, png(1, 1)).await.status, 200);
    world.create(&body).await.unwrap();
}

#[tokio::test]
async fn a_file_is_good_for_as_long_as_it_says_and_for_no_post_after_that() {
    let world = World::start().await;
    let connection = Box::pin(world.connected()).await;
    let late = announced(&world, "image/png", png(1, 1).len()).await;
    let media = uploaded(&world, "image/png", png(1, 1)).await;
    let mut planned = post(&connection, &media);
    let end = world.clock.now() + SignedDuration::from_hours(24 * i64::from(MEDIA_DAYS));
    planned["schedule"] = json!({ "at": end.to_string() });
    assert_eq!(fault(&world, &planned).await, at_the_file("media.expires_too_early"));
    planned["schedule"] = json!({ "at": (end - SignedDuration::from_secs(1)).to_string() });
    world.create(&planned).await.unwrap();

    world.advance(3600);
    assert_eq!(put(&world, &late, png(1, 1)).await.status, 403, "the address is over");
    assert_eq!(fault(&world, &post(&connection, late["media"].as_str().unwrap())).await, at_the_file("media.expired"));
    world.advance(i64::from(MEDIA_DAYS) * DAY - 3600);
    assert_eq!(fault(&world, &post(&connection, &media)).await, at_the_file("media.expired"));
    assert_eq!(shown(&world, &media).await.unwrap()["state"], "expired");
}

#[tokio::test]
async fn a_file_that_is_gone_when_its_post_goes_out_fails_it_with_a_word_for_it() {
    let world = Box::pin(World::start()).await;
    let connection = connected(&world, "linkedin").await;
    let media = uploaded(&world, "image/png", png(640, 480)).await;
    let mut body = post(&connection, &media);
    let at = |days: i64| (world.clock.now() + SignedDuration::from_hours(24 * days)).to_string();
    (body["schedule"], body["not_after"]) = (json!({ "at": at(6) }), json!(at(20)));
    let id = world.create(&body).await.unwrap()["id"].as_str().unwrap().to_owned();
    world.advance(10 * DAY);
    world.dispatcher.tick().await.unwrap();
    let done = finish(&world, &id).await;
    let reason = &done["targets"][0]["reason"]["code"];
    assert_eq!((done["state"].as_str(), reason.as_str()), (Some("failed"), Some("media.upload_gone")), "{done:#}");
}

#[tokio::test]
async fn a_file_takes_its_place_once_so_that_what_was_looked_at_is_what_goes_out() {
    let world = World::start().await;
    let media = announced(&world, "image/png", png(1, 1).len()).await;
    assert_eq!(put(&world, &media, png(1, 1)).await.status, 200);
    assert_eq!(put(&world, &media, png(2, 2)).await.status, 412);
    assert_eq!(shown(&world, media["media"].as_str().unwrap()).await.unwrap()["facts"]["width"], 1);
}

#[tokio::test]
async fn an_upload_of_another_length_or_type_than_announced_is_refused_by_s3() {
    let world = World::start().await;
    let mut media = announced(&world, "image/png", png(1, 1).len()).await;
    assert_eq!(put(&world, &media, b"longer than it was said to be, by far".to_vec()).await.status, 403);
    media["upload"]["headers"]["content-type"] = json!("text/html");
    assert_eq!(put(&world, &media, png(1, 1)).await.status, 403);
}

#[tokio::test]
async fn a_file_whose_bytes_are_not_of_its_type_is_refused() {
    let world = World::start().await;
    let connection = Box::pin(world.connected()).await;
    let media = uploaded(&world, "image/jpeg", b"<html>Log in</html>".to_vec()).await;
    assert_eq!(fault(&world, &post(&connection, &media)).await, at_the_file("media.other_type"));
    let told = shown(&world, &media).await.unwrap();
    assert_eq!(
        (told["state"].as_str(), told["problem"]["code"].as_str()),
        (Some("rejected"), Some("media.other_type"))
    );
    let media = uploaded(&world, "image/png", png(0, 7)).await;
    assert_eq!(fault(&world, &post(&connection, &media)).await, at_the_file("media.corrupt"));
}

#[tokio::test]
async fn what_a_platform_would_refuse_of_a_file_is_said_before_it_is_asked() {
    let world = Box::pin(World::start()).await;
    let connection = connected(&world, "instagram").await;
    let wide = uploaded(&world, "image/jpeg", jpeg(2000, 1000)).await;
    assert_eq!(fault(&world, &post(&connection, &wide)).await, at_the_file("instagram.media.aspect"));
    let drawing = uploaded(&world, "image/png", png(1000, 1000)).await;
    assert_eq!(fault(&world, &post(&connection, &drawing)).await, at_the_file("instagram.media.not_jpeg"));
    let mut video = post(&connection, &drawing);
    video["content"]["media"][0]["kind"] = json!("video");
    let codes = world.create(&video).await.unwrap_err().errors;
    assert!(codes.iter().any(|fault| fault.code == "media.kind_mismatch"), "{codes:?}");
}

#[tokio::test]
async fn tiktok_fetches_no_upload_as_it_fetches_from_verified_domains_only() {
    let world = Box::pin(World::start()).await;
    let connection = connected(&world, "tiktok").await;
    let media = uploaded(&world, "image/jpeg", jpeg(720, 720)).await;
    let mut body = post(&connection, &media);
    body["targets"][0]["options"] = json!({ "tiktok": { "mode": "inbox" } });
    assert_eq!(fault(&world, &body).await, at_the_file("tiktok.media.upload_not_verified"));
}

#[tokio::test]
async fn an_announcement_that_is_repeated_with_its_key_is_answered_with_the_same_upload() {
    let world = World::start().await;
    let body = json!({ "content_type": "image/png", "size": png(1, 1).len(), "file_name": "a.png" });
    let first = announce(&world, Some("k"), &body).await.unwrap();
    world.advance(60);
    let second = announce(&world, Some("k"), &body).await.unwrap();
    let view = |response: &Response| serde_json::from_str::<Value>(&response.body).unwrap();
    assert_eq!(view(&first)["id"], view(&second)["id"]);
    assert!(second.headers.contains(&("idempotency-replayed", "true".to_owned())));
    assert_eq!(view(&first)["upload"]["expires_at"], view(&second)["upload"]["expires_at"]);
    assert_eq!(put(&world, &view(&second), png(1, 1)).await.status, 200);
    let other = json!({ "content_type": "image/png", "size": 7 });
    assert_eq!(announce(&world, Some("k"), &other).await.unwrap_err().code, "idempotency.mismatch");
}

#[tokio::test]
async fn an_upload_that_is_too_large_or_of_no_known_type_is_not_announced() {
    let world = World::start().await;
    let large = announce(&world, None, &json!({ "content_type": "image/png", "size": 1_u64 << 40 })).await.unwrap_err();
    assert_eq!((large.status, large.code), (413, "upload.too_large"));
    let page = announce(&world, None, &json!({ "content_type": "text/html", "size": 0 })).await.unwrap_err();
    let codes: Vec<&str> = page.errors.iter().map(|fault| fault.code.as_str()).collect();
    assert_eq!((page.status, codes), (422, vec!["upload.type_unsupported", "upload.empty"]));
    let unknown = announce(&world, None, &json!({ "content_type": "image/png", "size": 1, "facts": {} })).await;
    assert_eq!(unknown.unwrap_err().errors[0].code, "body.shape");
    let list = announce(&world, None, &json!(["image/png", 7])).await.unwrap_err();
    assert_eq!((list.status, list.errors[0].code.as_str()), (422, "body.shape"), "serde would take it for an object");
}

#[tokio::test]
async fn nobody_says_the_facts_of_a_file_but_its_bytes() {
    let world = World::start().await;
    let connection = Box::pin(world.connected()).await;
    let mut body = post(&connection, "https://example.com/a.jpg");
    body["content"]["media"][0]["known"] = json!({ "address": "http://127.0.0.1:1/" });
    assert_eq!(fault(&world, &body).await.0, "body.shape");
}

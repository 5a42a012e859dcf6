//! What is signed for S3, and what S3 makes of it.

use std::{sync::Arc, time::Duration};

use aws_sdk_dynamodb::config::{Credentials, SharedCredentialsProvider};
use http::{Method, StatusCode};
use jiff::{SignedDuration, Timestamp};
use shared::{
    bucket::{Binding, Bucket, BucketError},
    clock::{Clock as _, ManualClock},
    connector::{
        Body, Request,
        settings::HostPolicy,
        transport::{HttpTransport, Transport as _},
    },
    content::SignedUrl,
    ids::MediaId,
    tenant::Tenant,
};

use crate::{World, tenant};

const BREAD: Binding<'static> = Binding { content_type: "image/png", size: 5 };
const MINUTE: Duration = Duration::from_mins(1);

/// A bucket, asked by somebody with a token of a session, as Lambda's roles have one.
fn bucket(world: &World) -> (Bucket, (Tenant, MediaId)) {
    world.emulators.create_bucket(&emulators::Bucket { name: "media".into(), expires_after_days: None });
    let clock = world.clock.clone();
    world.emulators.keep_time_of_s3(Box::new(move || u64::try_from(clock.now().as_millisecond()).unwrap()));
    let tenant = tenant("a");
    (named(world, "local", world.clock.clone()), (tenant, MediaId::new()))
}

fn named(world: &World, secret: &str, clock: ManualClock) -> Bucket {
    let credentials = Credentials::new("caller", secret, Some("session/token+=".into()), None, "test");
    let credentials = SharedCredentialsProvider::new(credentials);
    Bucket::new("media", "us-east-1", Some(&world.emulators.endpoint_url()), Some(credentials), Arc::new(clock))
}

async fn put(url: &SignedUrl, content_type: &'static str, bytes: &'static [u8]) -> StatusCode {
    let mut call = Request::new(Method::PUT, url.expose().clone());
    call.headers.insert("content-type", content_type.parse().unwrap());
    call.headers.insert("if-none-match", "*".parse().unwrap());
    call.body = Body::Bytes(bytes.into());
    HttpTransport::new(HostPolicy::StandIn).send(call, Duration::from_secs(5)).await.unwrap().status
}

#[tokio::test]
async fn what_was_put_under_a_signed_address_is_told_and_read_in_ranges() {
    let world = World::start().await;
    let (bucket, place) = bucket(&world);
    assert_eq!(bucket.head(place).await, Ok(None));
    let url = bucket.sign_upload(place, &BREAD, MINUTE).await.unwrap();
    assert_eq!(put(&url, "image/png", b"cakes and bread").await, StatusCode::FORBIDDEN, "its length is bound");
    assert_eq!(put(&url, "image/gif", b"bread").await, StatusCode::FORBIDDEN, "its type is bound");
    assert_eq!(put(&url, "image/png", b"bread").await, StatusCode::OK);
    assert_eq!(put(&url, "image/png", b"cakes").await, StatusCode::PRECONDITION_FAILED, "once");
    let head = bucket.head(place).await.unwrap().unwrap();
    assert_eq!((head.length, head.content_type.as_deref()), (5, Some("image/png")));
    assert_eq!(&bucket.read(place, 1, 3).await.unwrap()[..], b"rea");
    assert_eq!(&bucket.read(place, 3, 100).await.unwrap()[..], b"ad");
    assert_eq!(bucket.read(place, 5, 1).await, Err(BucketError::Refused(StatusCode::RANGE_NOT_SATISFIABLE)));
    assert_eq!(world.emulators.object_keys("media"), [format!("{}/{}", place.0.id(), place.1)]);
}

#[tokio::test]
async fn a_signature_is_good_for_its_time_and_by_the_right_secret() {
    let world = World::start().await;
    let (bucket, place) = bucket(&world);
    let url = bucket.sign_upload(place, &BREAD, MINUTE).await.unwrap();
    world.clock.advance(SignedDuration::from_secs(60));
    assert_eq!(put(&url, "image/png", b"bread").await, StatusCode::FORBIDDEN, "it is over");
    let stranger = named(&world, "guess", world.clock.clone());
    assert_eq!(stranger.head(place).await, Err(BucketError::Refused(StatusCode::FORBIDDEN)));
    let late = named(&world, "local", ManualClock::at("2026-11-22T03:00:00Z".parse::<Timestamp>().unwrap()));
    assert_eq!(late.head(place).await, Err(BucketError::Refused(StatusCode::FORBIDDEN)), "its clock is wrong");
}

#[tokio::test]
async fn f56_neither_a_signed_address_nor_the_bucket_shows_what_it_is_signed_with() {
    let world = World::start().await;
    let (bucket, place) = bucket(&world);
    let url = bucket.sign_download(place).await.unwrap();
    let shown = format!("{url:?} {bucket:?}");
    assert!(!shown.contains("X-Amz") && !shown.contains("session") && !shown.contains("ten_"), "{shown}");
    assert!(url.expose().query().unwrap().contains("X-Amz-Signature="));
}

#[tokio::test]
async fn without_an_endpoint_the_bucket_is_a_host_of_its_own() {
    let world = World::start().await;
    let (_, place) = bucket(&world);
    let credentials = || Some(SharedCredentialsProvider::new(Credentials::new("a", "b", None, None, "test")));
    for (region, host) in [
        ("eu-central-1", "uploads.s3.eu-central-1.amazonaws.com"),
        ("cn-north-1", "uploads.s3.cn-north-1.amazonaws.com.cn"),
    ] {
        let bucket = Bucket::new("uploads", region, None, credentials(), Arc::new(world.clock.clone()));
        let url = bucket.sign_download(place).await.unwrap();
        assert_eq!((url.expose().scheme(), url.expose().host_str()), ("https", Some(host)));
    }
    let nobody = Bucket::new("uploads", "eu-central-1", None, None, Arc::new(world.clock.clone()));
    assert_eq!(nobody.sign_download(place).await.unwrap_err(), BucketError::Credentials);
}

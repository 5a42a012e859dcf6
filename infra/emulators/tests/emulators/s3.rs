//! S3: what a presigned request may do, and what it may not.

use std::time::{Duration, SystemTime};

use aws_sigv4::http_request::{
    PayloadChecksumKind, PercentEncodingMode, SignableBody, SignableRequest, SignatureLocation, SigningSettings,
    UriPathNormalizationMode, sign,
};
use aws_sigv4::sign::v4;
use bytes::Bytes;
use emulators::{Bucket, Emulators, Gate, Options};
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;

const DAY: u64 = 86_400;
/// 2040-11-21T10:00:00Z: to where the emulators' clock, which goes on from the machine's, is put.
const START: u64 = 2_237_104_800;

/// What is signed.
struct Signed<'a> {
    method: Method,
    key: &'a str,
    headers: &'a [(&'a str, &'a str)],
    expires_in: u64,
    at: u64,
    secret: &'a str,
}

impl<'a> Signed<'a> {
    fn new(method: Method, key: &'a str) -> Self {
        Self { method, key, headers: &[], expires_in: 900, at: START, secret: "local" }
    }

    /// The address, with its signature.
    fn address(&self, emulators: &Emulators) -> String {
        let address = format!("{}/media/{}", emulators.endpoint_url(), self.key);
        let mut settings = SigningSettings::default();
        settings.signature_location = SignatureLocation::QueryParams;
        settings.percent_encoding_mode = PercentEncodingMode::Single;
        settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
        settings.payload_checksum_kind = PayloadChecksumKind::NoHeader;
        settings.expires_in = Some(Duration::from_secs(self.expires_in));
        let credentials = aws_sdk_sqs::config::Credentials::new("caller", self.secret, None, None, "test");
        let identity = aws_smithy_runtime_api::client::identity::Identity::new(credentials, None);
        let params = v4::SigningParams::builder()
            .identity(&identity)
            .region("us-east-1")
            .name("s3")
            .time(SystemTime::UNIX_EPOCH + Duration::from_secs(self.at))
            .settings(settings)
            .build()
            .unwrap()
            .into();
        let body = SignableBody::UnsignedPayload;
        let request = SignableRequest::new(self.method.as_str(), &address, self.headers.iter().copied(), body).unwrap();
        let (instructions, _) = sign(request, &params).unwrap().into_parts();
        let mut request = Request::builder().uri(&address).body(()).unwrap();
        instructions.apply_to_request_http1x(&mut request);
        request.uri().to_string()
    }
}

async fn start(expires_after_days: Option<u32>) -> Emulators {
    let emulators = Emulators::start(Options::default()).await.unwrap();
    // The emulators' clock is the machine's; these tests put it to a time of their own.
    let now = SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs();
    emulators.advance(Duration::from_secs(START.checked_sub(now).unwrap()));
    emulators.create_bucket(&Bucket { name: "media".to_owned(), expires_after_days });
    emulators
}

async fn call(method: Method, address: &str, headers: &[(&str, &str)], body: &'static [u8]) -> Response<Bytes> {
    let client = Client::builder(TokioExecutor::new()).build_http::<Full<Bytes>>();
    let mut request = Request::builder().method(method).uri(address);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let answer = client.request(request.body(Full::new(Bytes::from_static(body))).unwrap()).await.unwrap();
    let (parts, body) = answer.into_parts();
    Response::from_parts(parts, body.collect().await.unwrap().to_bytes())
}

/// The status, and the code of a refusal.
fn outcome(answer: &Response<Bytes>) -> (u16, String) {
    let text = String::from_utf8_lossy(answer.body());
    let code = text.split_once("<Code>").and_then(|(_, rest)| rest.split_once("</Code>")).map_or("", |(code, _)| code);
    (answer.status().as_u16(), code.to_owned())
}

/// The headers that an upload of five bytes is bound to.
const BOUND: [(&str, &str); 3] = [("content-length", "5"), ("content-type", "image/png"), ("if-none-match", "*")];

fn upload(key: &str) -> Signed<'_> {
    Signed { headers: &BOUND, ..Signed::new(Method::PUT, key) }
}

async fn put(emulators: &Emulators, key: &str) {
    let answer = call(Method::PUT, &upload(key).address(emulators), &BOUND[1..], b"bread").await;
    assert_eq!(outcome(&answer), (200, String::new()), "{answer:?}");
}

#[tokio::test]
async fn what_was_put_is_given_out_whole_and_in_ranges() {
    let emulators = start(None).await;
    put(&emulators, "a/b%20c").await;
    assert_eq!(emulators.object_keys("media"), ["a/b c"]);
    let address = Signed::new(Method::GET, "a/b%20c").address(&emulators);
    let whole = call(Method::GET, &address, &[], b"").await;
    assert_eq!((whole.status(), &whole.body()[..]), (StatusCode::OK, &b"bread"[..]));
    assert_eq!(whole.headers()["content-type"], "image/png");
    assert_eq!(whole.headers()["etag"], "\"dba7b12a19fe9d49fbb53d65c49bbce6\"", "its MD5");
    assert!(whole.headers()["last-modified"].to_str().unwrap().starts_with("Wed, 21 Nov 2040 10:"));
    let part = call(Method::GET, &address, &[("range", "bytes=1-3")], b"").await;
    assert_eq!((part.status(), &part.body()[..]), (StatusCode::PARTIAL_CONTENT, &b"rea"[..]));
    assert_eq!(part.headers()["content-range"], "bytes 1-3/5");
    let beyond = call(Method::GET, &address, &[("range", "bytes=5-")], b"").await;
    assert_eq!(outcome(&beyond), (416, "InvalidRange".to_owned()));
    let head = call(Method::HEAD, &Signed::new(Method::HEAD, "a/b%20c").address(&emulators), &[], b"").await;
    assert_eq!((head.status(), head.headers()["content-length"].to_str().unwrap()), (StatusCode::OK, "5"));
    assert!(head.body().is_empty());
    assert_eq!(emulators.counts().calls("S3.GetObject"), 3);
}

#[tokio::test]
async fn an_upload_is_bound_to_its_type_its_length_its_key_and_its_method() {
    let emulators = start(None).await;
    let address = upload("a").address(&emulators);
    let mismatch = (403, "SignatureDoesNotMatch".to_owned());
    let other_type = [("content-type", "video/mp4"), ("if-none-match", "*")];
    assert_eq!(outcome(&call(Method::PUT, &address, &other_type, b"bread").await), mismatch);
    assert_eq!(outcome(&call(Method::PUT, &address, &BOUND[1..], b"breads").await), mismatch);
    assert_eq!(outcome(&call(Method::PUT, &address, &BOUND[1..2], b"bread").await), mismatch);
    let other_key = address.replace("/media/a?", "/media/b?");
    assert_eq!(outcome(&call(Method::PUT, &other_key, &BOUND[1..], b"bread").await), mismatch);
    assert_eq!(outcome(&call(Method::GET, &address, &BOUND[1..], b"bread").await), mismatch);
    let longer = address.replace("X-Amz-Expires=900", "X-Amz-Expires=90000");
    assert_eq!(outcome(&call(Method::PUT, &longer, &BOUND[1..], b"bread").await), mismatch);
    let unsigned = [BOUND[1], BOUND[2], ("x-amz-acl", "public-read")];
    assert_eq!(outcome(&call(Method::PUT, &address, &unsigned, b"bread").await), (403, "AccessDenied".to_owned()));
    let stranger = Signed { secret: "guess", ..upload("a") }.address(&emulators);
    assert_eq!(outcome(&call(Method::PUT, &stranger, &BOUND[1..], b"bread").await), mismatch);
    assert!(emulators.object_keys("media").is_empty());
}

#[tokio::test]
async fn an_upload_that_is_bound_to_be_new_takes_place_once() {
    let emulators = start(None).await;
    put(&emulators, "a").await;
    let again = call(Method::PUT, &upload("a").address(&emulators), &BOUND[1..], b"cakes").await;
    assert_eq!(outcome(&again), (412, "PreconditionFailed".to_owned()));
    let address = Signed::new(Method::GET, "a").address(&emulators);
    assert_eq!(&call(Method::GET, &address, &[], b"").await.body()[..], b"bread");
}

#[tokio::test]
async fn a_signature_ends_and_begins_when_it_says() {
    let emulators = start(None).await;
    put(&emulators, "a").await;
    let get = || Signed::new(Method::GET, "a");
    let expired = (403, "AccessDenied".to_owned());
    let address = Signed { expires_in: 3600, ..get() }.address(&emulators);
    assert_eq!(call(Method::GET, &address, &[], b"").await.status(), StatusCode::OK);
    emulators.advance(Duration::from_hours(1));
    let answer = call(Method::GET, &address, &[], b"").await;
    assert_eq!(outcome(&answer), expired);
    assert!(String::from_utf8_lossy(answer.body()).contains("Request has expired"));
    let to_come = Signed { at: START + 2 * 3600, ..get() }.address(&emulators);
    assert_eq!(outcome(&call(Method::GET, &to_come, &[], b"").await), expired);
    let too_long = Signed { expires_in: 7 * DAY + 1, ..get() }.address(&emulators);
    let refused = (400, "AuthorizationQueryParametersError".to_owned());
    assert_eq!(outcome(&call(Method::GET, &too_long, &[], b"").await), refused);
}

#[tokio::test]
async fn nobody_comes_in_without_a_signature_or_a_right() {
    let emulators = start(None).await;
    put(&emulators, "a").await;
    let denied = (403, "AccessDenied".to_owned());
    let plain = format!("{}/media/a", emulators.endpoint_url());
    assert_eq!(outcome(&call(Method::GET, &plain, &[], b"").await), denied);
    let missing = Signed::new(Method::GET, "b").address(&emulators);
    assert_eq!(outcome(&call(Method::GET, &missing, &[], b"").await), (404, "NoSuchKey".to_owned()));
    emulators.guard(Gate::new(|access| {
        (access.caller, access.action) == ("caller", "s3:GetObject")
            && access.resource.starts_with("arn:aws:s3:::media/")
    }));
    // Whoever may not list is not told that there is nothing.
    assert_eq!(outcome(&call(Method::GET, &missing, &[], b"").await), denied);
    assert_eq!(outcome(&call(Method::PUT, &upload("b").address(&emulators), &BOUND[1..], b"bread").await), denied);
    let removal = Signed::new(Method::DELETE, "a").address(&emulators);
    assert_eq!(outcome(&call(Method::DELETE, &removal, &[], b"").await), denied);
}

#[tokio::test]
async fn what_expires_is_gone_at_the_midnight_that_s3_counts_to() {
    let emulators = start(Some(1)).await;
    put(&emulators, "a").await;
    let head = || Signed { expires_in: 3 * DAY, ..Signed::new(Method::HEAD, "a") }.address(&emulators);
    let answer = call(Method::HEAD, &head(), &[], b"").await;
    let expiration = "expiry-date=\"Fri, 23 Nov 2040 00:00:00 GMT\", rule-id=\"uploads\"";
    assert_eq!(answer.headers()["x-amz-expiration"], expiration);
    emulators.advance(Duration::from_hours(37));
    assert_eq!(call(Method::HEAD, &head(), &[], b"").await.status(), StatusCode::OK);
    emulators.advance(Duration::from_hours(1));
    assert_eq!(call(Method::HEAD, &head(), &[], b"").await.status(), StatusCode::NOT_FOUND);
    assert!(emulators.object_keys("media").is_empty());
}

#[tokio::test]
async fn what_is_removed_is_gone_and_removing_it_again_changes_nothing() {
    let emulators = start(None).await;
    put(&emulators, "a").await;
    for _ in 0..2 {
        let address = Signed::new(Method::DELETE, "a").address(&emulators);
        assert_eq!(call(Method::DELETE, &address, &[], b"").await.status(), StatusCode::NO_CONTENT);
    }
    assert!(emulators.object_keys("media").is_empty());
}

#[tokio::test]
async fn what_is_not_emulated_is_refused_and_not_passed_over() {
    let emulators = start(None).await;
    let not_here = (501, "NotImplemented".to_owned());
    let tagging = Signed::new(Method::GET, "a?tagging=").address(&emulators);
    assert_eq!(outcome(&call(Method::GET, &tagging, &[], b"").await), not_here);
    let plain = format!("{}/media/a", emulators.endpoint_url());
    let in_a_header = [("authorization", "AWS4-HMAC-SHA256 Credential=caller/20401121/us-east-1/s3/aws4_request")];
    assert_eq!(outcome(&call(Method::GET, &plain, &in_a_header, b"").await), not_here);
}

#[tokio::test]
async fn objects_are_kept_with_the_state() {
    let directory = std::env::temp_dir().join(format!("postd-emulators-s3-{}", std::process::id()));
    let _absent = std::fs::remove_dir_all(&directory);
    let options = || Options { state_directory: Some(directory.clone()), ..Options::default() };
    let now = SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs();
    let first = Emulators::start(options()).await.unwrap();
    let bucket = Bucket { name: "media".to_owned(), expires_after_days: Some(7) };
    first.create_bucket(&bucket);
    let address = Signed { at: now, ..upload("a") }.address(&first);
    assert_eq!(call(Method::PUT, &address, &BOUND[1..], b"bread").await.status(), StatusCode::OK);
    first.stop().await.unwrap();
    let second = Emulators::start(options()).await.unwrap();
    second.create_bucket(&bucket);
    let address = Signed { at: now, ..Signed::new(Method::GET, "a") }.address(&second);
    assert_eq!(&call(Method::GET, &address, &[], b"").await.body()[..], b"bread");
    second.stop().await.unwrap();
    emulators::forget(&directory).unwrap();
    assert!(std::fs::read_dir(&directory).unwrap().next().is_none(), "nothing is left");
    let _gone = std::fs::remove_dir_all(&directory);
}

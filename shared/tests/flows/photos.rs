//! The addresses of photos: the platform fetches them, postd never does.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex},
    time::Duration,
};

use http::Method;
use serde_json::json;
use shared::{
    connector::{
        Body, Request,
        transport::{Sending, Transport},
    },
    consume::Consumer,
    problem::Problem,
};
use simulator::facebook::{Fault, FaultKind, seed};
use url::Url;

use crate::{bulk, world::World};

/// Hosts that nobody outside may make us call, or the platform: this machine, its runtime and metadata services, private
/// networks, in some of the ways to write them. The whole table is with the rules (`shared/src/reach/tests.rs`).
const INSIDE: [&str; 24] = [
    "localhost",
    "LOCALHOST.",
    "metadata.google.internal",
    "kubernetes.default.svc",
    "router.local",
    "intranet",
    "127.0.0.1",
    "127.1",
    "2130706433",
    "0x7f000001",
    "0177.0.0.1",
    "127.0.0.1.",
    "0",
    "169.254.169.254",
    "2852039166",
    "169.254.100.1",
    "10.0.0.1",
    "100.64.0.1",
    "192.168.0.1",
    "[::1]",
    "[::ffff:127.0.0.1]",
    "[64:ff9b::169.254.169.254]",
    "[fd00:ec2::254]",
    "user@example.com",
];

/// Hosts that nothing can be said against by their names; some resolve to this machine.
const OUTSIDE: [&str; 8] = [
    "localtest.me",
    "127.0.0.1.nip.io",
    "localhost.example.com",
    "169.254.169.254.example.com",
    "example.com",
    "example.com.",
    "xn--bcher-kva.example",
    "cdn.example.com:8443",
];

/// Everything that is sent anywhere but to AWS.
struct Recorder {
    inner: Arc<dyn Transport>,
    calls: Mutex<Vec<Request>>,
}

impl Transport for Recorder {
    fn send(&self, request: Request, deadline: Duration) -> Sending<'_> {
        self.calls.lock().unwrap().push(request.clone());
        self.inner.send(request, deadline)
    }
}

/// Every use case that has a way to the outside goes through the recorder. Those that accept, edit and read posts have none.
async fn recorded() -> (World, Arc<Recorder>) {
    let mut world = Box::pin(World::start()).await;
    let consumer = world.sandbox();
    let recorder = Arc::new(Recorder { inner: consumer.transport.clone(), calls: Mutex::default() });
    world.consumer = Arc::new(Consumer { transport: recorder.clone(), ..consumer });
    world.connect.transport = recorder.clone();
    world.health.transport = recorder.clone();
    world.redriver.transport = recorder.clone();
    (world, recorder)
}

#[tokio::test]
async fn f45_the_addresses_of_photos_and_links_go_to_the_platform_as_words_and_nowhere_as_calls() {
    let (world, recorder) = recorded().await;
    let connection = Box::pin(world.connected()).await;
    let mut posts = Vec::new();
    for (number, host) in OUTSIDE.into_iter().enumerate() {
        let address = format!("https://{host}/latest/meta-data/{number}.jpg");
        let content = if number % 4 == 3 {
            json!({ "text": number.to_string(), "link": address })
        } else {
            json!({ "text": number.to_string(), "media": [{ "url": address, "kind": "image" }] })
        };
        posts.push(json!({ "idempotency_key": host, "content": content, "targets": [{ "connection": connection }] }));
    }
    // The first photo's answer is lost: it is asked about as well.
    world.simulator.facebook().add_fault(Fault::new(FaultKind::LostAnswer).on_edge("POST", "photos").times(1));
    let answer = bulk::bulk(&world, &json!({ "posts": posts })).await.unwrap();
    let accepted = answer["accepted"].as_u64().unwrap();
    assert_eq!(accepted, 8, "{answer:#}");
    for _ in 0..10 {
        world.drain().await;
        world.advance(60);
        world.dispatcher.tick().await.unwrap();
    }
    world.advance(7 * 3_600);
    world.health.run(Duration::from_mins(1)).await.unwrap();
    Box::pin(world.connected()).await;

    let calls = recorder.calls.lock().unwrap();
    let platform: Url = world.simulator.url().parse().unwrap();
    let hosts: BTreeSet<String> = calls.iter().map(|call| call.url.authority().to_owned()).collect();
    assert_eq!(hosts, [platform.authority().to_owned()].into());
    let mut told = 0;
    for call in calls.iter() {
        assert!(!call.url.as_str().contains("meta-data"), "{}", call.url);
        let Body::Form(fields) = &call.body else { continue };
        for (name, _) in fields.iter().filter(|(_, value)| value.contains("meta-data")) {
            assert!(call.method == Method::POST && ["url", "link"].contains(&name.as_str()), "{name}");
            told += 1;
        }
    }
    assert_eq!(told, accepted, "the platform was told each address once");
}

#[tokio::test]
async fn f45_an_address_inside_is_refused_in_every_way_that_a_post_comes_in() {
    let (world, recorder) = recorded().await;
    let connection = Box::pin(world.connected()).await;
    recorder.calls.lock().unwrap().clear();
    let accepted = world.accept(&connection, "a post to edit").await;
    for host in INSIDE {
        let address = format!("https://{host}/latest/meta-data/");
        let expected = if host.contains('@') { "url.credentials" } else { "url.not_public" };
        let target = json!({ "connection": connection });
        for (pointer, content) in [
            ("/media/0/url", json!({ "media": [{ "url": address, "kind": "image" }] })),
            ("/link", json!({ "text": "look", "link": address })),
        ] {
            let refused = |problem: &Problem, pointer: String| {
                assert_eq!(problem.status, 422, "{problem:?}");
                let fault = problem.errors.iter().find(|fault| fault.pointer == pointer).expect(host);
                assert_eq!(fault.code, expected, "{host}");
                assert!(!fault.detail.contains("meta-data"), "{}", fault.detail);
            };
            let post = json!({ "content": content, "targets": [target] });
            refused(&world.create(&post).await.unwrap_err(), format!("/content{pointer}"));
            // In a target's own content.
            let own = json!({ "connection": connection, "content": content });
            let own = json!({ "content": { "text": "look" }, "targets": [own] });
            refused(&world.create(&own).await.unwrap_err(), format!("/targets/0/content{pointer}"));
            // Among many.
            let answer = bulk::bulk(&world, &json!({ "posts": [post] })).await.unwrap();
            assert_eq!((answer["accepted"].as_u64(), answer["refused"].as_u64()), (Some(0), Some(1)), "{answer:#}");
            // In an edit.
            let path = format!("/v1/posts/{accepted}");
            let mut edit = world.request("PATCH /v1/posts/{post}", &path, &json!({ "content": content }));
            edit.headers.insert("if-match", "\"1\"".parse().unwrap());
            refused(&world.publisher.handle(edit).await.unwrap_err(), format!("/content{pointer}"));
        }
    }
    assert!(recorder.calls.lock().unwrap().is_empty());
    world.drain().await;
    assert_eq!(world.page().len(), 1);
}

#[tokio::test]
async fn f45_what_is_no_https_address_is_refused_before_anybody_hears_of_it() {
    let (world, recorder) = recorded().await;
    let connection = Box::pin(world.connected()).await;
    recorder.calls.lock().unwrap().clear();
    let addresses = [
        "http://example.com/a.jpg",
        "http://169.254.169.254/latest/meta-data/",
        "http://127.0.0.1:9001/2018-06-01/runtime",
        "file:///etc/passwd",
        "ftp://example.com/a.jpg",
        "gopher://127.0.0.1:6379/_FLUSHALL",
        "data:image/png;base64,AAAA",
        "javascript:alert(1)",
        "//example.com/a.jpg",
        "/proc/self/environ",
        "https://",
        "",
    ];
    for address in addresses {
        let body = json!({
            "content": { "text": "look", "media": [{ "url": address, "kind": "image" }] },
            "targets": [{ "connection": connection, "destination": seed::BAKERY }],
        });
        let problem = world.create(&body).await.unwrap_err();
        assert!((400..500).contains(&problem.status), "{address}: {problem:?}");
    }
    world.drain().await;
    assert!(recorder.calls.lock().unwrap().is_empty());
}

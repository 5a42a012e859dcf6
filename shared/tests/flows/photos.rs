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
};
use simulator::facebook::{Fault, FaultKind, seed};
use url::Url;

use crate::{bulk, world::World};

/// Hosts that nobody outside may make us call: this machine, its runtime and metadata services, private networks, in every
/// way to write them; names that lead there; and ordinary ones.
const HOSTS: [&str; 66] = [
    "localhost",
    "LOCALHOST",
    "localhost.",
    "a.localhost",
    "ip6-localhost",
    "localtest.me",
    "127.0.0.1.nip.io",
    "metadata.google.internal",
    "instance-data.ec2.internal",
    "kubernetes.default.svc",
    "router.local",
    "intranet",
    "127.0.0.1",
    "127.1",
    "127.0.1",
    "127.255.255.254",
    "2130706433",
    "0x7f000001",
    "0x7f.0.0.1",
    "0177.0.0.1",
    "017700000001",
    "127.0.0.1.",
    "0",
    "0.0.0.0",
    "0.1.2.3",
    "169.254.169.254",
    "2852039166",
    "0xa9fea9fe",
    "0251.0376.0251.0376",
    "169.254.170.2",
    "169.254.100.1",
    "169.254.0.1",
    "10.0.0.1",
    "10.255.255.255",
    "012.0.0.1",
    "172.16.0.1",
    "172.31.255.255",
    "192.168.0.1",
    "192.168.255.255",
    "3232235521",
    "100.64.0.1",
    "100.127.255.255",
    "192.0.0.1",
    "192.0.2.1",
    "198.18.0.1",
    "198.51.100.1",
    "203.0.113.1",
    "192.88.99.1",
    "224.0.0.1",
    "239.255.255.255",
    "240.0.0.1",
    "255.255.255.255",
    "[::]",
    "[::1]",
    "[::ffff:127.0.0.1]",
    "[::ffff:a9fe:a9fe]",
    "[::127.0.0.1]",
    "[64:ff9b::7f00:1]",
    "[64:ff9b::169.254.169.254]",
    "[2002:7f00:1::]",
    "[fc00::1]",
    "[fd00:ec2::254]",
    "[fe80::1]",
    "[ff02::1]",
    "example.com",
    "xn--bcher-kva.example",
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
    for (number, host) in HOSTS.into_iter().enumerate() {
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
    assert!(accepted > 60, "{answer:#}");
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

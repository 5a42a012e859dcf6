//! Platforms that are full, down or have had enough of a token: few calls, nothing lost, nothing twice.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicUsize, Ordering},
};
use std::time::Duration;

use serde_json::json;
use shared::{
    connector::{
        Request,
        transport::{Cause, Sending, Transport, TransportError},
    },
    consume::Consumer,
};
use simulator::facebook::{Fault, FaultKind, seed};

use crate::world::World;

/// Counts the calls that publish and those that ask; while `down`, nobody can be reached.
struct Counting {
    inner: Arc<dyn Transport>,
    calls: AtomicUsize,
    down: AtomicBool,
}

impl Counting {
    fn calls(&self) -> usize {
        self.calls.load(Ordering::Relaxed)
    }
}

impl Transport for Counting {
    fn send(&self, request: Request, deadline: Duration) -> Sending<'_> {
        self.calls.fetch_add(1, Ordering::Relaxed);
        if self.down.load(Ordering::Relaxed) {
            return Box::pin(async { Err(TransportError::NotSent(Cause::Connect)) });
        }
        self.inner.send(request, deadline)
    }
}

/// A world whose consumer's calls are counted.
async fn counted() -> (World, Arc<Counting>) {
    let mut world = World::start().await;
    let consumer = world.sandbox();
    let calls = Arc::new(Counting {
        inner: consumer.transport.clone(),
        calls: AtomicUsize::default(),
        down: AtomicBool::default(),
    });
    world.consumer = Arc::new(Consumer { transport: calls.clone(), ..consumer });
    (world, calls)
}

async fn accept_many(world: &World, connection: &str, count: usize) -> Vec<String> {
    let mut ids = Vec::new();
    for number in 0..count {
        ids.push(world.accept(connection, &format!("number {number}")).await);
    }
    ids
}

/// Ticks and deliveries, `seconds` apart, for so long.
async fn pass(world: &World, every: i64, seconds: i64) {
    for _ in 0..seconds / every {
        world.advance(every);
        world.dispatcher.tick().await.unwrap();
        world.drain().await;
    }
}

async fn states(world: &World, ids: &[String]) -> std::collections::BTreeMap<String, usize> {
    let mut states = std::collections::BTreeMap::new();
    for id in ids {
        *states.entry(world.state(id).await).or_default() += 1;
    }
    states
}

#[tokio::test]
async fn a_dead_token_costs_one_call_and_a_new_login_lets_everything_go_out_with_the_next_tick() {
    let (world, calls) = counted().await;
    let connection = world.connected().await;
    world.simulator.facebook().revoke_user(seed::ADA, 460);
    let mut ids = vec![world.accept(&connection, "the first is refused").await];
    world.drain().await;
    assert_eq!(calls.calls(), 1);
    for text in ["the second is held", "the third, too"] {
        ids.push(world.accept(&connection, text).await);
    }
    world.drain().await;
    assert_eq!(calls.calls(), 1, "nobody asks again with a token that was just refused");
    for id in &ids {
        let post = world.post(id).await;
        assert_eq!((post["state"].as_str(), &post["targets"][0]["attempts"]), (Some("waiting"), &json!(0)), "{post:#}");
        assert_eq!(post["targets"][0]["reason"]["code"], "facebook.token.password_changed");
    }
    assert_eq!(world.read("GET /v1/dead-letters", "/v1/dead-letters").await.unwrap()["dead_letters"], json!([]));
    let session = json!({ "platform": "facebook", "return_url": "http://127.0.0.1:9/", "reconnect": connection });
    world.connect_as(seed::ADA, &[seed::BAKERY], &session).await;
    assert_eq!(world.dispatcher.tick().await.unwrap().sent, 3);
    world.drain().await;
    assert_eq!(states(&world, &ids).await, [("published".to_owned(), 3)].into());
    assert_eq!(world.page().len(), 3);
    // The messages that were sent along with the waits, and the reminders, find nothing to do.
    pass(&world, 900, 3_600).await;
    assert_eq!((world.page().len(), calls.calls()), (3, 4));
}

#[tokio::test]
async fn a_login_as_another_person_releases_nothing() {
    let (world, _) = counted().await;
    let connection = world.connected().await;
    world.simulator.facebook().revoke_user(seed::ADA, 460);
    world.accept(&connection, "held").await;
    world.drain().await;
    let session = json!({ "platform": "facebook", "return_url": "http://127.0.0.1:9/" });
    let (dialog, cookie) = world.open(&session).await;
    let callback = world.consent(&dialog, seed::ADA, &[], "cancel").await;
    world.finish(&callback, &cookie).await;
    assert_eq!(world.dispatcher.tick().await.unwrap().sent, 0);
}

#[tokio::test]
async fn a_misconfigured_app_holds_every_destination_after_one_call() {
    let (world, calls) = counted().await;
    let connection = world.connected().await;
    world.simulator.facebook().add_fault(Fault::error(101, None).on_page(seed::BAKERY));
    let mut ids = vec![world.accept(&connection, "the first is refused").await];
    world.drain().await;
    ids.extend(accept_many(&world, &connection, 5).await);
    world.drain().await;
    assert_eq!(calls.calls(), 1);
    world.simulator.facebook().clear_faults();
    pass(&world, 300, 40 * 60).await;
    assert_eq!(states(&world, &ids).await, [("published".to_owned(), 6)].into());
}

#[tokio::test]
async fn f40_at_a_platform_with_limits_less_than_one_call_in_a_hundred_is_refused_and_all_targets_go_out() {
    let (world, calls) = counted().await;
    let connection = world.connected().await;
    world.simulator.facebook().set_page_budget(seed::BAKERY, 120);
    let mut ids = Vec::new();
    for number in 0..160 {
        let body = json!({
            "content": { "text": format!("number {number}") },
            "targets": [{ "connection": connection }],
            "not_after": "2026-11-30T00:00:00Z",
        });
        ids.push(world.create(&body).await.unwrap()["id"].as_str().unwrap().to_owned());
    }
    world.drain().await;
    assert_eq!(world.page().len(), 120, "the window is full");
    pass(&world, 1_800, 27 * 3_600).await;
    assert_eq!(states(&world, &ids).await, [("published".to_owned(), 160)].into());
    let refused = calls.calls() - 160;
    assert!(refused * 100 < calls.calls(), "{refused} of {} calls were refused", calls.calls());
}

#[tokio::test]
async fn f40_a_throttle_that_names_no_time_is_waited_for_patiently_and_costs_no_post() {
    let (world, calls) = counted().await;
    let connection = world.connected().await;
    world.simulator.facebook().add_fault(Fault::error(32, None).on_page(seed::BAKERY));
    let ids = accept_many(&world, &connection, 1).await;
    // The four attempts are made quickly; from then on it is asked every few minutes.
    pass(&world, 5, 60).await;
    assert_eq!(states(&world, &ids).await, [("waiting".to_owned(), 1)].into());
    assert_eq!(calls.calls(), 4);
    pass(&world, 60, 3_600).await;
    assert!((12..=17).contains(&calls.calls()), "{} calls", calls.calls());
    world.simulator.facebook().clear_faults();
    pass(&world, 60, 600).await;
    assert_eq!(states(&world, &ids).await, [("published".to_owned(), 1)].into());
    assert_eq!(world.page().len(), 1);
}

#[tokio::test]
async fn f41_a_cap_is_waited_for_and_the_end_of_the_post_comes_first() {
    let (world, calls) = counted().await;
    let connection = world.connected().await;
    world.simulator.facebook().set_page_budget(seed::BAKERY, 1);
    let first = world.accept(&connection, "within the cap").await;
    world.drain().await;
    let body = |not_after: &str| json!({ "content": { "text": not_after }, "targets": [{ "connection": connection }], "not_after": not_after });
    let mut ids = Vec::new();
    for not_after in ["2026-11-21T12:00:00Z", "2026-11-24T00:00:00Z"] {
        ids.push(world.create(&body(not_after)).await.unwrap()["id"].as_str().unwrap().to_owned());
    }
    world.drain().await;
    assert_eq!(states(&world, &ids).await, [("waiting".to_owned(), 2)].into());
    assert_eq!(calls.calls(), 1, "the headers of the first call said that it was the last");
    pass(&world, 300, 2 * 3_600 + 300).await;
    assert_eq!(world.state(&ids[0]).await, "expired", "by its own end, hours before the cap frees");
    pass(&world, 3_600, 30 * 3_600).await;
    assert_eq!((world.state(&first).await.as_str(), world.state(&ids[1]).await.as_str()), ("published", "published"));
    assert_eq!(world.page().len(), 2);
}

#[tokio::test]
async fn f42_half_an_hour_of_outage_costs_a_batch_and_a_few_probes() {
    const TARGETS: usize = 25;
    for unreachable in [true, false] {
        let (world, calls) = counted().await;
        let connection = world.connected().await;
        let ids = accept_many(&world, &connection, TARGETS).await;
        if unreachable {
            calls.down.store(true, Ordering::Relaxed);
        } else {
            world.simulator.facebook().add_fault(Fault::new(FaultKind::Status500Before));
        }
        world.drain().await;
        pass(&world, 60, 1_800).await;
        let during = calls.calls();
        // The batch that was under way, then one probe at a time: 30 s, doubling up to 5 minutes.
        assert!(during <= 10 + 9, "{during} calls while nobody answered");
        calls.down.store(false, Ordering::Relaxed);
        world.simulator.facebook().clear_faults();
        pass(&world, 60, 1_500).await;
        assert_eq!(states(&world, &ids).await, [("published".to_owned(), TARGETS)].into(), "{unreachable}");
        assert_eq!(world.page().len(), TARGETS);
        // Each target once, and each publish of which nobody saw the end asked about once.
        assert!(calls.calls() <= TARGETS + 2 * during, "{} calls in all, {during} during it", calls.calls());
    }
}

#[tokio::test]
async fn f85_after_six_hours_of_outage_every_post_is_out_once_or_expired_by_rule() {
    for unreachable in [true, false] {
        let (world, calls) = counted().await;
        let connection = world.connected().await;
        let accept = async |text: &str, not_after: Option<&str>| {
            let mut body = json!({ "content": { "text": text }, "targets": [{ "connection": connection }] });
            if let Some(not_after) = not_after {
                body["not_after"] = not_after.into();
            }
            world.create(&body).await.unwrap()["id"].as_str().unwrap().to_owned()
        };
        if unreachable {
            calls.down.store(true, Ordering::Relaxed);
        } else {
            world.simulator.facebook().add_fault(Fault::new(FaultKind::Status500Before));
        }
        // Some end during the outage, some after it.
        let (mut early, mut late) = (Vec::new(), Vec::new());
        for number in 0..4 {
            early.push(accept(&format!("early {number}"), Some("2026-11-21T12:00:00Z")).await);
            late.push(accept(&format!("late {number}"), Some("2026-11-22T12:00:00Z")).await);
        }
        world.drain().await;
        pass(&world, 900, 6 * 3_600).await;
        calls.down.store(false, Ordering::Relaxed);
        world.simulator.facebook().clear_faults();
        pass(&world, 120, 2_400).await;
        assert_eq!(states(&world, &early).await, [("expired".to_owned(), 4)].into(), "{unreachable}");
        assert_eq!(states(&world, &late).await, [("published".to_owned(), 4)].into(), "{unreachable}");
        assert_eq!(world.page().len(), 4);
        assert!(calls.calls() < 200, "{} calls", calls.calls());
    }
}

#[tokio::test]
async fn what_waits_for_the_same_reason_again_adds_no_line_to_its_history() {
    let (world, calls) = counted().await;
    let connection = world.connected().await;
    calls.down.store(true, Ordering::Relaxed);
    let id = world.accept(&connection, "patience").await;
    world.drain().await;
    pass(&world, 30, 1_200).await;
    calls.down.store(false, Ordering::Relaxed);
    pass(&world, 60, 600).await;
    assert_eq!(world.events(&id).await, ["accepted", "started", "waiting", "published"]);
}

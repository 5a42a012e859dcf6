//! Batches in which a job panics, hangs, has no time, or sleeps through its lease: each costs only itself.

use std::{sync::Arc, time::Duration};

use aws_sdk_dynamodb::config::{
    ConfigBag, Intercept, RuntimeComponents, interceptors::BeforeTransmitInterceptorContextRef,
};
use jiff::SignedDuration;
use shared::{
    clock::ManualClock,
    connector::{
        Body, Request,
        transport::{Cause, Sending, Transport, TransportError},
    },
    consume::{Consumer, Message},
    store::Store,
};
use simulator::facebook::{Fault, FaultKind, seed};

use crate::world::World;

/// What happens to a call that carries a certain text.
#[derive(Clone, Copy)]
enum Mishap {
    /// The code that makes it panics.
    Panics,
    /// It never returns, whatever its deadline.
    Hangs,
    /// It is not answered within its deadline; it never arrived.
    TimesOut,
}

struct Mishaps {
    inner: Arc<dyn Transport>,
    set: Vec<(&'static str, Mishap)>,
}

impl Transport for Mishaps {
    fn send(&self, request: Request, deadline: Duration) -> Sending<'_> {
        let texts: Vec<&str> = match &request.body {
            Body::Form(fields) => fields.iter().map(|(_, value)| value.as_str()).collect(),
            Body::Empty | Body::Json(_) | Body::Bytes(_) | Body::Piece(_) => Vec::new(),
        };
        let mishap = self.set.iter().find(|(text, _)| texts.contains(text)).map(|(_, mishap)| *mishap);
        match mishap {
            None => self.inner.send(request, deadline),
            Some(Mishap::Panics) => Box::pin(async { panic!("a fault of the test's") }),
            Some(Mishap::Hangs) => Box::pin(std::future::pending()),
            Some(Mishap::TimesOut) => Box::pin(async move {
                let answer = tokio::time::timeout(deadline, std::future::pending()).await;
                answer.unwrap_or(Err(TransportError::NoAnswer(Cause::Timeout)))
            }),
        }
    }
}

fn with_mishaps(world: &World, set: Vec<(&'static str, Mishap)>) -> Arc<Consumer> {
    let consumer = world.sandbox();
    let transport = Arc::new(Mishaps { inner: consumer.transport.clone(), set });
    Arc::new(Consumer { transport, ..consumer })
}

/// Everything that waits for its time gets it.
async fn later(world: &World) {
    for _ in 0..10 {
        world.advance(60);
        world.dispatcher.tick().await.unwrap();
        world.drain().await;
    }
}

/// A post with each of these texts, and the messages that came with them, in the same order.
async fn accept_all(world: &World, texts: &[&str]) -> (Vec<String>, Vec<Message>) {
    let connection = world.connected().await;
    let mut ids = Vec::new();
    for text in texts {
        ids.push(world.accept(&connection, text).await);
    }
    let mut messages = world.receive(&world.publish_queue, 180).await;
    messages.sort_by_key(|message| ids.iter().position(|id| message.body.contains(id.as_str())));
    (ids, messages)
}

#[tokio::test]
async fn f17_a_job_that_panics_costs_only_itself_and_is_published_later() {
    for position in [0, 4, 9] {
        let world = World::start().await;
        let texts: Vec<String> = (0..10).map(|number| format!("number {number}")).collect();
        let mut texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        texts[position] = "panic";
        let (ids, messages) = accept_all(&world, &texts).await;
        let consumer = with_mishaps(&world, vec![("panic", Mishap::Panics)]);
        let returned = consumer.batch(messages.clone(), Duration::from_secs(30)).await;
        assert_eq!(returned, [messages[position].id.clone()]);
        for message in messages.iter().filter(|message| !returned.contains(&message.id)) {
            world.delete(&world.publish_queue, message).await;
        }
        assert_eq!(world.page().len(), 9);
        assert_eq!(world.state(&ids[position]).await, "running");
        later(&world).await;
        assert_eq!(world.page().len(), 10);
        assert_eq!(world.state(&ids[position]).await, "published");
    }
}

#[tokio::test]
async fn f15_every_job_that_is_not_done_is_named_and_no_other() {
    let world = World::start().await;
    let (ids, mut messages) = accept_all(&world, &["fine", "panic", "hang", "retry", "refused", "early"]).await;
    let [fine, panics, hangs, retries, refused, early] = [0, 1, 2, 3, 4, 5];
    let broken = |id: &str, body: &str| Message { id: id.into(), body: body.into(), ..messages[fine].clone() };
    let (unreadable, newer) = (broken("unreadable", "{"), broken("newer", r#"{"v":2}"#));
    let orphan = shared::ids::PostId::new().to_string();
    let orphan = broken("orphan", &messages[fine].body.replace(&ids[fine], &orphan));
    // Another sandbox has it already and is at work.
    let held = Arc::new(with_mishaps(&world, vec![("early", Mishap::Hangs)]));
    held.batch(vec![messages[early].clone()], Duration::from_secs(8)).await;
    let faults = [Fault { message: Some("no".into()), ..Fault::error(32, None) }, Fault::error(100, None)];
    let consumer = with_mishaps(&world, vec![("panic", Mishap::Panics), ("hang", Mishap::Hangs)]);
    // The faults strike calls in turn, so their jobs go first and alone.
    let mut answers = Vec::new();
    for (position, fault) in [retries, refused].into_iter().zip(faults) {
        world.simulator.facebook().add_fault(fault.on_page(seed::BAKERY).times(1));
        answers.push(consumer.batch(vec![messages[position].clone()], Duration::from_secs(30)).await);
    }
    assert_eq!(answers, [vec![messages[retries].id.clone()], vec![]], "a failure for good is done, a retry is not");
    let expected: Vec<String> = [&messages[panics], &messages[hangs], &messages[early], &unreadable, &newer, &orphan]
        .map(|message| message.id.clone())
        .into();
    messages.retain(|message| !message.body.contains(&ids[retries]) && !message.body.contains(&ids[refused]));
    messages.extend([unreadable, newer, orphan]);
    let mut returned = consumer.batch(messages, Duration::from_secs(8)).await;
    returned.sort();
    let mut expected = expected;
    expected.sort();
    assert_eq!(returned, expected);
    assert_eq!(world.state(&ids[fine]).await, "published");
}

#[tokio::test]
async fn f30_a_call_that_hangs_costs_only_its_own_job_and_leaves_it_unknown() {
    for (mishap, state, comes_back) in [(Mishap::TimesOut, "unknown", 0), (Mishap::Hangs, "running", 1)] {
        let world = World::start().await;
        let (ids, messages) = accept_all(&world, &["one", "slow", "three"]).await;
        let consumer = with_mishaps(&world, vec![("slow", mishap)]);
        let returned = consumer.batch(messages.clone(), Duration::from_secs(8)).await;
        assert_eq!(returned.len(), comes_back);
        for message in messages.iter().filter(|message| !returned.contains(&message.id)) {
            world.delete(&world.publish_queue, message).await;
        }
        assert_eq!(world.state(&ids[1]).await, state);
        assert_eq!(world.page().len(), 2, "the others went out");
        later(&world).await;
        assert_eq!((world.state(&ids[1]).await.as_str(), world.page().len()), ("published", 3));
        assert_eq!(world.post(&ids[1]).await["targets"][0]["attempts"], 2, "asked about, and sent again");
    }
}

#[tokio::test]
async fn f30_a_job_that_finds_too_little_time_is_returned_unclaimed() {
    let world = World::start().await;
    let (ids, messages) = accept_all(&world, &["no time"]).await;
    let returned = world.consumer.batch(messages.clone(), Duration::from_millis(2_400)).await;
    assert_eq!(returned, [messages[0].id.clone()]);
    let post = world.post(&ids[0]).await;
    assert_eq!((post["state"].as_str(), &post["targets"][0]["attempts"]), (Some("queued"), &0.into()));
    world.advance(1);
    world.drain().await;
    assert_eq!(world.state(&ids[0]).await, "published");
}

/// Moves the clock while a claim is on its way, as if the machine had been frozen before the answer.
#[derive(Debug)]
struct Freeze {
    clock: ManualClock,
    by: SignedDuration,
}

impl Intercept for Freeze {
    fn name(&self) -> &'static str {
        "Freeze"
    }

    fn read_before_transmit(
        &self,
        context: &BeforeTransmitInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), aws_sdk_dynamodb::error::BoxError> {
        let body = context.request().body().bytes().unwrap_or_default();
        if String::from_utf8_lossy(body).contains("lease_until = :lease_until") {
            self.clock.advance(self.by);
        }
        Ok(())
    }
}

#[tokio::test]
async fn f37_a_process_that_was_frozen_between_claim_and_call_sends_nothing() {
    let cases = [(600, "waiting"), (7 * 3_600, "expired"), (10, "published")];
    for (seconds, state) in cases {
        let world = World::start().await;
        let (ids, messages) = accept_all(&world, &["asleep"]).await;
        let frozen = Freeze { clock: world.clock.clone(), by: SignedDuration::from_secs(seconds) };
        let client = world.dynamodb();
        let client = aws_sdk_dynamodb::Client::from_conf(client.config().to_builder().interceptor(frozen).build());
        let consumer = Consumer { store: Store::new(client, "State"), ..world.sandbox() };
        Arc::new(consumer).batch(messages.clone(), Duration::from_secs(30)).await;
        let post = world.post(&ids[0]).await;
        // A post whose time has run out, too, is first of all one whose claim may be another's by now.
        let expected = if state == "expired" { "waiting" } else { state };
        assert_eq!(post["state"], expected, "{post:#}");
        assert_eq!(world.page().len(), usize::from(state == "published"));
        world.delete(&world.publish_queue, &messages[0]).await;
        later(&world).await;
        let last = if state == "waiting" { "published" } else { state };
        assert_eq!(world.state(&ids[0]).await, last);
        assert_eq!(world.page().len(), usize::from(last == "published"), "{seconds}");
    }
}

#[tokio::test]
async fn f37_while_it_was_frozen_another_finished_the_work() {
    let world = World::start().await;
    let (ids, messages) = accept_all(&world, &["asleep"]).await;
    // The first sandbox claims, and its call hangs until long after its lease.
    let first = with_mishaps(&world, vec![("asleep", Mishap::Hangs)]);
    first.batch(messages.clone(), Duration::from_secs(8)).await;
    world.advance(180);
    later(&world).await;
    assert_eq!((world.state(&ids[0]).await.as_str(), world.page().len()), ("published", 1));
    // It wakes up with the same message: there is nothing left to do.
    let returned = first.batch(messages, Duration::from_secs(30)).await;
    assert!(returned.is_empty());
    assert_eq!(world.page().len(), 1);
}

#[tokio::test]
async fn f27_a_job_that_is_deferred_fifty_times_is_still_published() {
    let world = World::start().await;
    let connection = world.connected().await;
    let fault = Fault { minutes: Some(5), ..Fault::new(FaultKind::RateLimited) };
    world.simulator.facebook().add_fault(fault.on_page(seed::BAKERY).times(50));
    let id = world.accept(&connection, "again and again").await;
    for _ in 0..300 {
        world.drain().await;
        if world.state(&id).await == "published" {
            break;
        }
        world.advance(60);
        world.dispatcher.tick().await.unwrap();
    }
    let post = world.post(&id).await;
    assert_eq!(post["state"], "published", "{post:#}");
    assert_eq!(post["targets"][0]["attempts"], 1);
    assert_eq!(world.page().len(), 1);
    assert!(world.receive(&world.dead_letter_queue, 1).await.is_empty());
}

//! Repeated deliveries, writes whose answers are lost, clocks that disagree, builds that differ: one post each.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicUsize, Ordering},
};
use std::time::Duration;

use aws_sdk_dynamodb::config::{
    ConfigBag, Intercept, RuntimeComponents,
    http::HttpResponse,
    interceptors::{BeforeDeserializationInterceptorContextMut, BeforeTransmitInterceptorContextRef},
};
use jiff::SignedDuration;
use shared::{
    clock::{Clock, ManualClock},
    connector::{
        Request,
        transport::{Sending, Transport},
    },
    consume::Consumer,
    store::Store,
};
use simulator::facebook::{Fault, FaultKind};
use tokio::sync::Semaphore;

use crate::world::World;

async fn pass(world: &World, minutes: usize) {
    for _ in 0..minutes {
        world.advance(60);
        world.dispatcher.tick().await.unwrap();
        world.drain().await;
    }
}

#[tokio::test]
async fn f13_every_message_is_delivered_up_to_four_times_to_two_sandboxes_at_once() {
    let world = World::start().await;
    let connection = world.connected().await;
    for number in 0..8 {
        world.accept(&connection, &format!("number {number}")).await;
    }
    let messages = world.receive(&world.publish_queue, 180).await;
    let copies = |times: usize| {
        let copies = messages.iter().flat_map(move |message| (0..times).map(move |copy| (copy, message.clone())));
        copies
            .map(|(copy, mut message)| {
                message.id = format!("{}-{copy}", message.id);
                message
            })
            .collect::<Vec<_>>()
    };
    let other = Arc::new(world.sandbox());
    let time = Duration::from_secs(20);
    tokio::join!(world.consumer.batch(copies(2), time), other.batch(copies(2), time));
    assert_eq!(world.page().len(), 8);
    pass(&world, 5).await;
    assert_eq!(world.page().len(), 8);
}

/// Lets the answer to every `each`th write be a failure, although it took effect: the SDK sends it again.
#[derive(Debug)]
struct LostAnswers {
    each: usize,
    writes: AtomicUsize,
    /// The calls of one job follow one another: the answer at hand is to the call before it.
    is_write: AtomicBool,
    lost: Arc<AtomicUsize>,
}

impl Intercept for LostAnswers {
    fn name(&self) -> &'static str {
        "LostAnswers"
    }

    fn read_before_transmit(
        &self,
        context: &BeforeTransmitInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), aws_sdk_dynamodb::error::BoxError> {
        let target = context.request().headers().get("x-amz-target").unwrap_or_default();
        let is_write = target.ends_with("UpdateItem") || target.ends_with("PutItem");
        self.is_write.store(is_write, Ordering::Relaxed);
        Ok(())
    }

    fn modify_before_deserialization(
        &self,
        context: &mut BeforeDeserializationInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), aws_sdk_dynamodb::error::BoxError> {
        let has_worked = context.response().status().is_success();
        if self.is_write.load(Ordering::Relaxed)
            && has_worked
            && self.writes.fetch_add(1, Ordering::Relaxed).is_multiple_of(self.each)
        {
            self.lost.fetch_add(1, Ordering::Relaxed);
            *context.response_mut() = HttpResponse::new(500.try_into()?, "{}".into());
        }
        Ok(())
    }
}

#[tokio::test]
async fn f61_a_write_that_took_effect_although_its_answer_was_lost_is_recognised() {
    for (each, fault) in [(1, None), (2, None), (2, Some(FaultKind::LostAnswer)), (2, Some(FaultKind::RateLimited))] {
        let world = World::start().await;
        let lost = Arc::new(AtomicUsize::default());
        let losing =
            LostAnswers { each, writes: AtomicUsize::default(), is_write: AtomicBool::default(), lost: lost.clone() };
        let client = world.dynamodb();
        let client = aws_sdk_dynamodb::Client::from_conf(client.config().to_builder().interceptor(losing).build());
        let consumer = Arc::new(Consumer { store: Store::new(client, "State"), ..world.sandbox() });
        let connection = world.connected().await;
        if let Some(kind) = fault {
            world.simulator.facebook().add_fault(Fault::new(kind).on_edge("POST", "feed").times(1));
        }
        let id = world.accept(&connection, "once").await;
        for _ in 0..15 {
            while world.pump_with(&consumer).await > 0 {}
            world.advance(60);
            world.dispatcher.tick().await.unwrap();
        }
        assert!(lost.load(Ordering::Relaxed) > 0, "no answer was lost");
        assert_eq!((world.state(&id).await.as_str(), world.page().len()), ("published", 1), "{each} {fault:?}");
    }
}

/// A clock that differs from the world's by a fixed time.
struct Offset(ManualClock, SignedDuration);

impl Clock for Offset {
    fn now(&self) -> jiff::Timestamp {
        self.0.now().saturating_add(self.1).unwrap()
    }
}

fn with_clock(world: &World, seconds: i64) -> Consumer {
    let clock = Arc::new(Offset(world.clock.clone(), SignedDuration::from_secs(seconds)));
    Consumer { clock, ..world.sandbox() }
}

#[tokio::test]
async fn f66_sandboxes_whose_clocks_differ_by_ten_minutes_publish_once() {
    for (first, second) in [(-300, 300), (300, -300), (0, 300), (-300, 0)] {
        let world = World::start().await;
        let connection = world.connected().await;
        let id = world.accept(&connection, "what time is it").await;
        let (one, two) = (Arc::new(with_clock(&world, first)), Arc::new(with_clock(&world, second)));
        // The first publishes and dies before it can say so; its message comes back to the second, and then to both.
        let mut hold = Fault::new(FaultKind::AcceptedThenTimeout).on_edge("POST", "feed").times(1);
        hold.hold_seconds = Some(3_600);
        world.simulator.facebook().add_fault(hold);
        let messages = world.receive(&world.publish_queue, 180).await;
        {
            let work = one.batch(messages, Duration::from_secs(30));
            tokio::pin!(work);
            while world.page().is_empty() {
                tokio::select! {
                    biased;
                    _ = &mut work => panic!("the worker was to be killed in the middle"),
                    () = tokio::task::yield_now() => {}
                }
            }
        }
        for _ in 0..20 {
            world.advance(60);
            world.dispatcher.tick().await.unwrap();
            for sandbox in [&two, &one] {
                while world.pump_with(sandbox).await > 0 {}
            }
        }
        assert_eq!(world.page().len(), 1, "{first} {second}");
        // Where the platform's times fit neither clock, a person is asked; nobody publishes again.
        let state = world.state(&id).await;
        assert!(state == "published" || state == "needs_review", "{first} {second}: {state}");
    }
}

/// Lets calls through when told.
struct Gated {
    inner: Arc<dyn Transport>,
    open: Semaphore,
}

impl Transport for Gated {
    fn send(&self, request: Request, deadline: Duration) -> Sending<'_> {
        Box::pin(async move {
            let _passed = self.open.acquire().await;
            self.inner.send(request, deadline).await
        })
    }
}

#[tokio::test]
async fn f66_a_clock_that_is_ahead_does_not_take_over_what_is_about_to_be_published() {
    let world = World::start().await;
    let connection = world.connected().await;
    let id = world.accept(&connection, "hands off").await;
    let messages = world.receive(&world.publish_queue, 180).await;
    // Claimed, intent written, and the call on its way.
    let sandbox = world.sandbox();
    let gate = Arc::new(Gated { inner: sandbox.transport.clone(), open: Semaphore::new(0) });
    let one = Arc::new(Consumer { transport: gate.clone(), ..sandbox });
    // Its clock says that the lease of 25 seconds is over.
    let ahead = Arc::new(with_clock(&world, 30));
    let copies = messages.clone();
    let at_work = tokio::spawn(async move { one.batch(messages, Duration::from_secs(20)).await });
    while world.state(&id).await != "running" {
        tokio::task::yield_now().await;
    }
    let returned = ahead.batch(copies, Duration::from_secs(20)).await;
    gate.open.add_permits(1);
    assert_eq!(returned.len(), 1, "it waits until the claim is over by any clock");
    assert!(at_work.await.unwrap().is_empty());
    assert_eq!((world.state(&id).await.as_str(), world.page().len()), ("published", 1));
}

#[tokio::test]
async fn f14_a_message_that_comes_back_during_its_own_work_waits_for_the_claim() {
    let world = World::start().await;
    let connection = world.connected().await;
    let id = world.accept(&connection, "still at it").await;
    // Hidden for two seconds only, and the work takes longer.
    let messages = world.receive(&world.publish_queue, 2).await;
    let sandbox = world.sandbox();
    let gate = Arc::new(Gated { inner: sandbox.transport.clone(), open: Semaphore::new(0) });
    let one = Arc::new(Consumer { transport: gate.clone(), ..sandbox });
    let first = messages.clone();
    let at_work = tokio::spawn(async move { one.batch(first, Duration::from_secs(20)).await });
    while world.state(&id).await != "running" {
        tokio::task::yield_now().await;
    }
    world.advance(3);
    let again = world.receive(&world.publish_queue, 2).await;
    assert_eq!((again.len(), again[0].id.as_str()), (1, messages[0].id.as_str()));
    let returned = Arc::new(world.sandbox()).batch(again, Duration::from_secs(20)).await;
    assert_eq!((returned.len(), world.page().len()), (1, 0), "it waits for the claim");
    gate.open.add_permits(1);
    assert!(at_work.await.unwrap().is_empty());
    pass(&world, 3).await;
    assert_eq!((world.state(&id).await.as_str(), world.page().len()), ("published", 1));
}

#[tokio::test]
async fn f86_what_a_newer_build_adds_to_rows_and_messages_does_not_stop_this_one() {
    let world = World::start().await;
    let connection = world.connected().await;
    let id = world.accept(&connection, "from the future").await;
    let message = world.receive(&world.publish_queue, 43_200).await.remove(0);
    let body = message.body.replacen(r#""v":1"#, r#""v":1,"priority":{"of":"a later build"}"#, 1);
    assert_ne!(body, message.body);
    world.sqs.send_message().queue_url(&world.publish_queue).message_body(body).send().await.unwrap();
    let client = world.dynamodb();
    let row = client.scan().table_name("State").send().await.unwrap().items.unwrap();
    let row = row.into_iter().find(|row| row.contains_key("request_fingerprint")).unwrap();
    let mut newer = row.clone();
    newer.insert("campaign".into(), aws_sdk_dynamodb::types::AttributeValue::S("a later build's".into()));
    client.put_item().table_name("State").set_item(Some(newer)).send().await.unwrap();
    world.drain().await;
    assert_eq!((world.state(&id).await.as_str(), world.page().len()), ("published", 1));
}

#[tokio::test]
async fn f28_a_tenants_jobs_carry_its_name_so_that_the_queue_can_be_fair() {
    let mut world = World::start().await;
    let mut expected = Vec::new();
    for _ in 0..2 {
        let connection = world.connected().await;
        world.accept(&connection, "whose turn").await;
        expected.push(world.caller.tenant.id().to_string());
        world.caller = world.other_tenant().await;
    }
    let received = world
        .sqs
        .receive_message()
        .queue_url(&world.publish_queue)
        .max_number_of_messages(10)
        .message_system_attribute_names(aws_sdk_sqs::types::MessageSystemAttributeName::MessageGroupId)
        .send()
        .await
        .unwrap();
    let mut seen: Vec<String> = received
        .messages()
        .iter()
        .map(|message| message.attributes().unwrap().values().next().unwrap().clone())
        .collect();
    seen.sort();
    expected.sort();
    assert_eq!(seen, expected);
}

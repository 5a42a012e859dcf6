//! Messages that are lost, and what looks after their targets.

use std::{sync::Arc, time::Duration};

use shared::{
    connector::{
        Request,
        transport::{Sending, Transport},
    },
    consume::Consumer,
};
use simulator::facebook::{Fault, FaultKind};

use crate::world::World;

/// A platform that never answers, and has seen nothing.
struct Silence;

impl Transport for Silence {
    fn send(&self, _: Request, _: Duration) -> Sending<'_> {
        Box::pin(std::future::pending())
    }
}

/// A consumer that dies as soon as `world` looks as it should: its future is dropped.
async fn killed(world: &World, consumer: Consumer, when: impl AsyncFn() -> bool) {
    let consumer = Arc::new(consumer);
    let messages = world.receive(&world.publish_queue, 180).await;
    assert_eq!(messages.len(), 1);
    let work = consumer.batch(messages, Duration::from_secs(30));
    tokio::pin!(work);
    loop {
        tokio::select! {
            biased;
            _ = &mut work => panic!("the worker was to be killed in the middle"),
            () = tokio::task::yield_now() => {}
        }
        if when().await {
            return;
        }
    }
}

/// Ticks, deliveries and the time between them, without any sweep.
async fn minutes(world: &World, minutes: usize) {
    for _ in 0..minutes {
        world.advance(60);
        world.dispatcher.tick().await.unwrap();
        world.drain().await;
    }
}

#[tokio::test]
async fn f23_an_immediate_post_whose_message_is_lost_before_any_claim_is_found_by_a_sweep() {
    let world = World::start().await;
    let id = world.accept(&world.connected().await, "lost at once").await;
    world.lose_messages().await;
    minutes(&world, 14).await;
    assert_eq!(world.sweep().await.found, 0, "a message may still be on its way");
    minutes(&world, 2).await;
    assert_eq!(world.state(&id).await, "queued", "without a sweep nobody knows of it");
    let sweep = world.sweep().await;
    assert_eq!((sweep.found, sweep.sent), (1, 1));
    world.drain().await;
    assert_eq!((world.state(&id).await.as_str(), world.page().len()), ("published", 1));
    world.advance(3_600);
    assert_eq!(world.sweep().await.found, 0, "what is settled is left alone");
}

#[tokio::test]
async fn f23_a_target_whose_consumer_died_and_whose_message_is_lost_is_asked_about() {
    for reached_the_platform in [true, false] {
        let world = World::start().await;
        let id = world.accept(&world.connected().await, "lost at work").await;
        if reached_the_platform {
            let mut hold = Fault::new(FaultKind::AcceptedThenTimeout).on_edge("POST", "feed").times(1);
            hold.hold_seconds = Some(3_600);
            world.simulator.facebook().add_fault(hold);
            killed(&world, world.sandbox(), async || !world.page().is_empty()).await;
        } else {
            let consumer = Consumer { transport: Arc::new(Silence), ..world.sandbox() };
            killed(&world, consumer, async || world.state(&id).await == "running").await;
        }
        world.lose_messages().await;
        minutes(&world, 15).await;
        assert_eq!(world.state(&id).await, "running", "without a sweep nobody knows of it");
        world.advance(60);
        assert_eq!(world.sweep().await.found, 1);
        world.drain().await;
        minutes(&world, 3).await;
        assert_eq!((world.state(&id).await.as_str(), world.page().len()), ("published", 1));
        assert_eq!(world.sweep().await.found, 0);
    }
}

#[tokio::test]
async fn f23_what_is_found_too_late_expires_and_what_ended_long_ago_is_left_alone() {
    let world = World::start().await;
    let connection = world.connected().await;
    let late = world.accept(&connection, "late").await;
    world.lose_messages().await;
    world.advance(7 * 3_600);
    assert_eq!(world.sweep().await.found, 1);
    world.drain().await;
    assert_eq!((world.state(&late).await.as_str(), world.page().len()), ("expired", 0));
    let older = world.accept(&connection, "older").await;
    world.lose_messages().await;
    world.advance(6 * 3_600 + 4 * 86_400 + 1);
    assert_eq!(world.sweep().await.found, 0);
    assert_eq!(world.state(&older).await, "queued");
}

#[tokio::test]
async fn f23_the_segments_of_a_day_hold_every_row_once() {
    let world = World::start().await;
    let connection = world.connected().await;
    let mut ids = Vec::new();
    for number in 0..12 {
        ids.push(world.accept(&connection, &format!("number {number}")).await);
    }
    world.lose_messages().await;
    world.advance(16 * 60);
    let mut found = 0;
    for segment in 0..7 {
        found += world.dispatcher.sweep(segment, 7).await.unwrap().found;
    }
    assert_eq!(found, 12);
    world.drain().await;
    for id in ids {
        assert_eq!(world.state(&id).await, "published");
    }
    assert_eq!(world.page().len(), 12);
}

#[tokio::test]
async fn f19_a_target_whose_message_was_driven_into_the_dead_letters_is_found_by_a_sweep() {
    let world = World::start().await;
    let id = world.accept(&world.connected().await, "never its turn").await;
    // Throttled deliveries: received and given back without any work, until the queue has had enough.
    for _ in 0..7 {
        world.receive(&world.publish_queue, 1).await;
        world.advance(2);
    }
    assert_eq!(world.receive(&world.dead_letter_queue, 1).await.len(), 1);
    minutes(&world, 16).await;
    assert_eq!(world.state(&id).await, "queued");
    world.sweep().await;
    world.drain().await;
    assert_eq!((world.state(&id).await.as_str(), world.page().len()), ("published", 1));
}

#[tokio::test]
async fn f65_a_sweep_and_a_message_that_was_only_late_publish_once() {
    let world = World::start().await;
    let id = world.accept(&world.connected().await, "both").await;
    world.advance(16 * 60);
    assert_eq!(world.sweep().await.found, 1);
    world.drain().await;
    assert_eq!((world.state(&id).await.as_str(), world.page().len()), ("published", 1));
}

//! Ticks: too many, too few, too short.

use std::time::Duration;

use serde_json::json;
use simulator::facebook::{Fault, FaultKind, seed};

use crate::world::World;

async fn scheduled(world: &World, at: &str) -> String {
    let body = json!({
        "content": { "text": at },
        "targets": [{ "connection": world.connected().await }],
        "schedule": { "at": at },
    });
    world.create(&body).await.unwrap()["id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn f68_no_tick_one_tick_and_three_at_once_publish_once() {
    for fires in [0, 1, 3] {
        let world = World::start().await;
        let id = scheduled(&world, "2026-11-21T11:00:00Z").await;
        world.advance(3_600);
        match fires {
            0 => {}
            1 => assert_eq!(world.dispatcher.tick().await.unwrap().sent, 1),
            _ => {
                let tick = || world.dispatcher.tick();
                let (one, two, three) = tokio::join!(tick(), tick(), tick());
                assert!(one.unwrap().sent + two.unwrap().sent + three.unwrap().sent >= 1);
            }
        }
        world.drain().await;
        assert_eq!(world.page().len(), usize::from(fires > 0), "{fires}");
        world.advance(60);
        world.dispatcher.tick().await.unwrap();
        world.drain().await;
        assert_eq!((world.state(&id).await.as_str(), world.page().len()), ("published", 1), "{fires}");
    }
}

#[tokio::test]
async fn f69_the_age_of_the_oldest_overdue_target_counts_from_its_time_whatever_it_waits_for() {
    let throttled = Fault { minutes: Some(5), ..Fault::new(FaultKind::RateLimited) };
    let cases = [
        ("waiting", throttled, 300),
        ("retrying", Fault::error(32, None), 1),
        ("unknown", Fault::new(FaultKind::LostAnswer), 30),
    ];
    for (state, fault, wait) in cases {
        let world = World::start().await;
        let connection = world.connected().await;
        world.simulator.facebook().add_fault(fault.on_page(seed::BAKERY).times(1));
        let id = world.accept(&connection, state).await;
        world.pump().await;
        assert_eq!(world.state(&id).await, state);
        world.lose_messages().await;
        world.advance(wait + 600);
        let tick = world.dispatcher.tick().await.unwrap();
        assert_eq!(tick.sent, 1, "{state}");
        assert!((597..=600).contains(&tick.oldest_overdue_seconds), "{state}: {tick:?}");
        // What was sent again and came to nothing has been due since the same moment.
        world.lose_messages().await;
        world.advance(300);
        let tick = world.dispatcher.tick().await.unwrap();
        assert!((897..=900).contains(&tick.oldest_overdue_seconds), "{state}: {tick:?}");
    }
    let world = World::start().await;
    // Sent along with its acceptance, and looked at two minutes after its time.
    scheduled(&world, "2026-11-21T10:00:30Z").await;
    world.lose_messages().await;
    world.advance(30 + 600);
    assert_eq!(world.dispatcher.tick().await.unwrap().oldest_overdue_seconds, 600);
}

#[tokio::test]
async fn f69_a_run_without_time_ends_gracefully_and_the_next_goes_on() {
    let world = World::start().await;
    let id = scheduled(&world, "2026-11-21T11:00:00Z").await;
    world.advance(3_600);
    let run = world.dispatcher.run(Duration::from_secs(5)).await.unwrap();
    assert!(!run.tick.finished && !run.sweep.finished, "{run:?}");
    assert_eq!(run.tick.sent, 0);
    let run = world.dispatcher.run(Duration::from_mins(1)).await.unwrap();
    assert!(run.tick.finished && run.sweep.finished, "{run:?}");
    assert_eq!(run.tick.sent, 1);
    world.drain().await;
    assert_eq!(world.state(&id).await, "published");
}

#[tokio::test]
async fn f69_what_the_queue_did_not_take_is_due_at_the_next_tick() {
    let mut world = World::start().await;
    scheduled(&world, "2026-11-21T11:00:00Z").await;
    world.advance(3_600);
    let queue = std::mem::replace(
        &mut world.dispatcher.queue,
        shared::queue::Queue::new(world.sqs.clone(), format!("{}-gone", world.publish_queue)),
    );
    assert_eq!(world.dispatcher.tick().await.unwrap().sent, 0);
    world.dispatcher.queue = queue;
    assert_eq!(world.dispatcher.tick().await.unwrap().sent, 1);
}

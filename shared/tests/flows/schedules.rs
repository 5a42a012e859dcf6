//! Posts with a time: they go out then, through lost ticks and changes of the clock.

use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use shared::clock::Clock as _;

use crate::world::World;

/// How long after `at` the post with this text came out, second by second, with a tick each minute; no longer than
/// `patience` seconds.
async fn lateness(world: &World, text: &str, at: Timestamp, (ticks_from, patience): (i64, i64)) -> SignedDuration {
    let start = world.clock.now();
    for second in 0.. {
        if second % 60 == 0 && second >= ticks_from {
            world.dispatcher.tick().await.unwrap();
        }
        world.drain().await;
        let now = world.clock.now();
        if world.page().iter().any(|post| post.message.as_deref() == Some(text)) {
            return now.duration_since(at);
        }
        assert!(now.duration_since(at) < SignedDuration::from_secs(patience), "{text} is not out at {now}");
        world.advance(1);
    }
    unreachable!("began at {start}");
}

#[tokio::test]
async fn f26_a_scheduled_post_goes_out_within_a_second_of_its_time() {
    let world = World::start().await;
    let connection = world.connected().await;
    // At the edges of what is sent along, of a tick's look ahead, and in the middle of a second.
    for millis in [1, 30_000, 59_999, 60_000, 89_000, 90_000, 90_001, 91_500, 119_000, 150_400, 179_999, 240_000] {
        let at = world.clock.now() + SignedDuration::from_millis(millis);
        let text = format!("in {millis} ms");
        let body = json!({
            "content": { "text": text },
            "targets": [{ "connection": connection }],
            "schedule": { "at": at.to_string() },
        });
        world.create(&body).await.unwrap();
        let late = lateness(&world, &text, at, (0, 2)).await;
        assert!(!late.is_negative() && late <= SignedDuration::from_secs(1), "{text}: {late:?}");
        world.advance(7);
    }
}

#[tokio::test]
async fn f26_a_post_that_was_moved_goes_out_within_a_second_of_its_new_time() {
    let world = World::start().await;
    let connection = world.connected().await;
    for (from, to) in [(30, 200), (200, 30), (3_600, 100), (100, 95)] {
        let now = world.clock.now();
        let (from, to) = (now + SignedDuration::from_secs(from), now + SignedDuration::from_secs(to));
        let text = format!("from {from} to {to}");
        let body = json!({
            "content": { "text": text },
            "targets": [{ "connection": connection }],
            "schedule": { "at": from.to_string() },
        });
        let id = world.create(&body).await.unwrap()["id"].as_str().unwrap().to_owned();
        let moved = json!({ "schedule": { "at": to.to_string() } });
        crate::edits::edit(&world, &id, "1", &moved).await.unwrap();
        let late = lateness(&world, &text, to, (0, 2)).await;
        assert!(!late.is_negative() && late <= SignedDuration::from_secs(1), "{text}: {late:?}");
        world.advance(7);
    }
}

#[tokio::test]
async fn f26_f69_after_lost_ticks_a_post_goes_out_with_the_first_that_comes() {
    let world = World::start().await;
    let at = world.clock.now() + SignedDuration::from_secs(150);
    let body = json!({
        "content": { "text": "late" },
        "targets": [{ "connection": world.connected().await }],
        "schedule": { "at": at.to_string() },
    });
    world.create(&body).await.unwrap();
    // The ticks of the first seven minutes are lost.
    let late = lateness(&world, "late", at, (7 * 60, 600)).await;
    assert_eq!(late, SignedDuration::from_secs(7 * 60 - 150));
}

#[tokio::test]
async fn f26_a_post_of_400_days_ahead_goes_out_at_its_local_time_on_the_other_side_of_the_clock_changes() {
    let world = World::start().await;
    let connection = world.connected().await;
    for (local, zone, at) in [
        // The day that the clocks go forward: a time that does not exist, and the one after it.
        ("2027-03-28T02:30:00", "Europe/Berlin", "2027-03-28T01:30:00Z"),
        ("2027-03-28T04:00:00", "Europe/Berlin", "2027-03-28T02:00:00Z"),
        ("2027-12-26T10:00:00", "Europe/Berlin", "2027-12-26T09:00:00Z"),
    ] {
        let body = json!({
            "content": { "text": local },
            "targets": [{ "connection": connection }],
            "schedule": { "local": local, "zone": zone },
        });
        let accepted = world.create(&body).await.unwrap();
        assert_eq!(accepted["scheduled_at"], at);
        assert_eq!(accepted["schedule"], body["schedule"], "as it was written, too");
    }
    let too_far = json!({
        "content": { "text": "too far" },
        "targets": [{ "connection": connection }],
        "schedule": { "at": "2027-12-26T10:00:01Z" },
    });
    assert_eq!(world.create(&too_far).await.unwrap_err().errors[0].code, "schedule.too_far");
    for at in ["2027-03-28T01:30:00Z", "2027-03-28T02:00:00Z", "2027-12-26T09:00:00Z"] {
        let at: Timestamp = at.parse().unwrap();
        let before = world.page().len();
        world.advance(at.duration_since(world.clock.now()).as_secs() - 30);
        world.dispatcher.tick().await.unwrap();
        world.drain().await;
        assert_eq!(world.page().len(), before, "{at}: too early");
        // Nobody keeps an account connected without a new login for that long.
        let session = json!({ "platform": "facebook", "return_url": "http://127.0.0.1:9/", "reconnect": connection });
        world.connect_as(simulator::facebook::seed::ADA, &[simulator::facebook::seed::BAKERY], &session).await;
        world.advance(30);
        world.drain().await;
        assert_eq!(world.page().len(), before + 1, "{at}");
    }
}

//! Posts at Google when calls fail, answers are lost, and the worker is killed: none is made twice.

use jiff::SignedDuration;
use simulator::{Fault, FaultKind, gbp::seed};

use crate::{
    gbp::{accepted, connected, creates, google, on, posts, told, update},
    world::World,
};

#[tokio::test]
async fn f39_a_post_that_google_looks_at_waits_and_is_made_once() {
    let world = World::start().await;
    let connection = connected(&world).await;
    google(&world).set_processing_takes(SignedDuration::from_mins(3));
    let id = accepted(&world, &update(&connection)).await;
    world.drain().await;
    assert_ne!(world.state(&id).await, "published");
    for _ in 0..8 {
        on(&world, 60).await;
    }
    assert_eq!(world.state(&id).await, "published");
    assert_eq!((posts(&world).len(), creates(&world)), (1, 1));
}

#[tokio::test]
async fn f39_a_post_that_is_rejected_after_a_while_fails_and_is_not_made_again() {
    let world = World::start().await;
    let connection = connected(&world).await;
    google(&world).set_processing_takes(SignedDuration::from_secs(30));
    google(&world).reject_next(1);
    let id = accepted(&world, &update(&connection)).await;
    world.drain().await;
    for _ in 0..12 {
        on(&world, 60).await;
    }
    let target = &world.post(&id).await["targets"][0];
    assert_eq!(
        (target["state"].as_str(), target["reason"]["code"].as_str()),
        (Some("failed"), Some("gbp.post.rejected"))
    );
    assert_eq!((posts(&world).len(), creates(&world)), (1, 1));
}

#[tokio::test]
async fn f34_a_lost_answer_is_found_by_the_mark_beside_a_persons_twin() {
    let world = World::start().await;
    let connection = connected(&world).await;
    google(&world).write_by_hand(seed::BAKERY, "Fresh bread").unwrap();
    google(&world).add_fault(Fault::new(FaultKind::LostAnswer).on_edge("POST", "localPosts").times(1));
    let id = accepted(&world, &update(&connection)).await;
    world.drain().await;
    for _ in 0..7 {
        on(&world, 60).await;
    }
    assert_eq!(world.state(&id).await, "published");
    assert_eq!((posts(&world).len(), creates(&world)), (1, 1));
    let remote_id = world.post(&id).await["targets"][0]["remote_id"].clone();
    assert_eq!(remote_id, posts(&world)[0].name.as_str());
}

#[tokio::test]
async fn f34_a_post_that_was_never_made_is_made_once_it_is_sure() {
    let world = World::start().await;
    let connection = connected(&world).await;
    google(&world).add_fault(Fault::new(FaultKind::Status500Before).on_edge("POST", "localPosts").times(1));
    let id = accepted(&world, &update(&connection)).await;
    world.drain().await;
    assert_eq!(posts(&world).len(), 0);
    for _ in 0..8 {
        on(&world, 60).await;
    }
    assert_eq!(world.state(&id).await, "published");
    assert_eq!(posts(&world).len(), 1);
}

#[tokio::test]
async fn f34_f35_whatever_becomes_of_the_answer_the_post_is_out_once() {
    for kind in [FaultKind::LostAnswer, FaultKind::TruncatedAnswer, FaultKind::Status500After] {
        let world = World::start().await;
        let connection = connected(&world).await;
        google(&world).add_fault(Fault::new(kind).on_edge("POST", "localPosts").times(1));
        let id = accepted(&world, &update(&connection)).await;
        world.drain().await;
        assert_eq!(world.state(&id).await, "unknown", "{kind:?}");
        // The listing fails as well, once.
        google(&world).add_fault(Fault::new(FaultKind::Status500Before).on_edge("GET", "localPosts").times(1));
        for _ in 0..8 {
            on(&world, 60).await;
        }
        assert_eq!((world.state(&id).await.as_str(), posts(&world).len(), creates(&world)), ("published", 1, 1));
    }
}

#[tokio::test]
async fn f34_f39_a_post_whose_answer_was_lost_while_google_looks_at_it_is_not_made_again() {
    for is_rejected in [false, true] {
        let world = World::start().await;
        let connection = connected(&world).await;
        google(&world).set_processing_takes(SignedDuration::from_mins(20));
        google(&world).reject_next(u32::from(is_rejected));
        google(&world).add_fault(Fault::new(FaultKind::LostAnswer).on_edge("POST", "localPosts").times(1));
        let id = accepted(&world, &update(&connection)).await;
        world.drain().await;
        for _ in 0..10 {
            on(&world, 60).await;
        }
        assert_eq!(told(&world, &id).await, ("unknown".into(), "gbp.post.processing".into()));
        for _ in 0..10 {
            on(&world, 300).await;
        }
        let expected = if is_rejected { "failed" } else { "published" };
        assert_eq!((world.state(&id).await.as_str(), posts(&world).len(), creates(&world)), (expected, 1, 1));
    }
}

#[tokio::test]
async fn f38_each_look_that_is_lost_on_the_way_makes_no_second_post() {
    for kind in
        [FaultKind::LostAnswer, FaultKind::TruncatedAnswer, FaultKind::Status500Before, FaultKind::RefusedBefore]
    {
        let world = World::start().await;
        let connection = connected(&world).await;
        google(&world).set_processing_takes(SignedDuration::from_secs(20));
        google(&world).add_fault(Fault::new(kind).on_edge("GET", "localPost").times(2));
        let id = accepted(&world, &update(&connection)).await;
        world.drain().await;
        for _ in 0..12 {
            on(&world, 60).await;
        }
        assert_eq!(
            (world.state(&id).await.as_str(), posts(&world).len(), creates(&world)),
            ("published", 1, 1),
            "{kind:?}"
        );
    }
}

#[tokio::test]
async fn f40_a_throttled_project_costs_no_attempt() {
    let world = World::start().await;
    let connection = connected(&world).await;
    let throttled = Fault { minutes: Some(3), ..Fault::new(FaultKind::RateLimited) };
    google(&world).add_fault(throttled.on_edge("POST", "localPosts").times(1));
    let id = accepted(&world, &update(&connection)).await;
    world.drain().await;
    assert_eq!(told(&world, &id).await, ("waiting".into(), "gbp.rate.app".into()));
    on(&world, 179).await;
    assert_eq!(creates(&world), 1, "whoever is throttled and calls on is throttled for longer");
    for _ in 0..3 {
        on(&world, 60).await;
    }
    assert_eq!((world.state(&id).await.as_str(), posts(&world).len()), ("published", 1));
}

#[tokio::test]
async fn f43_an_api_that_is_off_and_a_project_without_approval_hold_posts_and_fail_none() {
    let world = World::start().await;
    let connection = connected(&world).await;
    google(&world).disable(&["mybusiness.googleapis.com".to_owned()]);
    let first = accepted(&world, &update(&connection)).await;
    world.drain().await;
    assert_eq!(told(&world, &first).await, ("waiting".into(), "gbp.app.api_disabled".into()));
    google(&world).disable(&[]);
    google(&world).set_approved(false);
    on(&world, 3_600).await;
    assert_eq!(told(&world, &first).await, ("waiting".into(), "gbp.app.not_approved".into()));
    google(&world).set_approved(true);
    for _ in 0..3 {
        on(&world, 3_600).await;
    }
    assert_eq!((world.state(&first).await.as_str(), posts(&world).len()), ("published", 1));
}

/// Works until Google has got so many calls about posts; then the worker's future is dropped, like a process that is killed.
async fn killed_at(world: &World, call: usize) {
    let calls = || google(world).requests().iter().filter(|call| call.path.contains("/localPosts")).count();
    for _ in 0..20 {
        let messages = world.receive(&world.publish_queue, 180).await;
        let returned = {
            let work = world.consumer.batch(messages.clone(), std::time::Duration::from_secs(30));
            tokio::pin!(work);
            loop {
                tokio::select! {
                    biased;
                    returned = &mut work => break returned,
                    () = tokio::task::yield_now() => {}
                }
                if calls() >= call {
                    return;
                }
            }
        };
        for message in messages.iter().filter(|message| !returned.contains(&message.id)) {
            world.delete(&world.publish_queue, message).await;
        }
        world.advance(10);
        world.dispatcher.tick().await.unwrap();
    }
    panic!("the worker was to be killed at call {call}");
}

#[tokio::test]
async fn f33_f38_killed_at_any_call_of_a_post_that_google_looks_at_it_is_made_once() {
    // It is made, then looked at after 5, 15 and 60 seconds.
    for call in 1..=4 {
        let world = World::start().await;
        let connection = connected(&world).await;
        google(&world).set_processing_takes(SignedDuration::from_secs(70));
        let id = accepted(&world, &update(&connection)).await;
        killed_at(&world, call).await;
        assert_ne!(world.state(&id).await, "published", "{call}");
        world.advance(180);
        for _ in 0..15 {
            on(&world, 60).await;
        }
        assert_eq!(
            (world.state(&id).await.as_str(), posts(&world).len(), creates(&world)),
            ("published", 1, 1),
            "{call}"
        );
    }
}

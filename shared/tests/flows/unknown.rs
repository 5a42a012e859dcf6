//! Publishes whose end nobody saw: the platform is asked, and nothing goes out twice.

use std::time::Duration;

use serde_json::json;
use simulator::facebook::{Fault, FaultKind, seed};

use crate::world::World;

async fn accept(world: &World, text: &str) -> String {
    let body = json!({ "content": { "text": text }, "targets": [{ "connection": world.connected().await }] });
    world.create(&body).await.unwrap()["id"].as_str().unwrap().to_owned()
}

/// Lets time pass, with the ticks and deliveries that come with it, until nothing changes any more.
async fn settle(world: &World) {
    for _ in 0..40 {
        world.advance(30);
        world.dispatcher.tick().await.unwrap();
        world.drain().await;
    }
}

/// Accepts a post and works it off, while the platform answers the one call to its feed with `kind`; says the post's id.
async fn send_into(kind: FaultKind, world: &World, body: &serde_json::Value) -> String {
    world.simulator.facebook().add_fault(Fault::new(kind).on_edge("POST", "feed").times(1));
    let id = world.create(body).await.unwrap()["id"].as_str().unwrap().to_owned();
    world.drain().await;
    id
}

#[tokio::test]
async fn f34_f35_a_lost_answer_is_read_back_and_the_post_is_out_once() {
    for kind in
        [FaultKind::AcceptedThenTimeout, FaultKind::LostAnswer, FaultKind::TruncatedAnswer, FaultKind::Status500After]
    {
        let world = World::start().await;
        let id = accept(&world, "whatever happens").await;
        world.simulator.facebook().add_fault(Fault::new(kind).on_edge("POST", "feed").times(1));
        world.drain().await;
        assert_eq!(world.post(&id).await["state"], "unknown", "{kind:?}");
        settle(&world).await;
        let post = world.post(&id).await;
        assert_eq!(post["state"], "published", "{kind:?}: {post:#}");
        assert_eq!(world.page().len(), 1, "{kind:?}");
        assert_eq!(post["targets"][0]["remote_id"], world.page()[0].id.as_str(), "{kind:?}");
        assert_eq!(world.events(&id).await, ["accepted", "started", "unknown", "published"]);
    }
}

#[tokio::test]
async fn f34_a_publish_that_never_happened_is_proved_absent_and_sent_again() {
    let world = World::start().await;
    let id = accept(&world, "second try").await;
    world.simulator.facebook().add_fault(Fault::new(FaultKind::Status500Before).on_edge("POST", "feed").times(1));
    settle(&world).await;
    let post = world.post(&id).await;
    assert_eq!((post["state"].as_str(), world.page().len()), (Some("published"), 1), "{post:#}");
    assert_eq!(post["targets"][0]["attempts"], 2);
}

#[tokio::test]
async fn f33_killed_after_the_platform_accepted_the_post_is_read_back() {
    let world = World::start().await;
    let id = accept(&world, "the worker dies").await;
    // The platform takes the post and holds the answer; the worker is gone before it comes.
    let mut hold = Fault::new(FaultKind::AcceptedThenTimeout).on_edge("POST", "feed").times(1);
    hold.hold_seconds = Some(3_600);
    world.simulator.facebook().add_fault(hold);
    let messages = world.receive(&world.publish_queue, 180).await;
    {
        let work = world.consumer.batch(messages, Duration::from_secs(30));
        tokio::pin!(work);
        // The worker's future is dropped as soon as the platform has the post, like a process that is killed.
        loop {
            tokio::select! {
                biased;
                _ = &mut work => panic!("the worker was to be killed in the middle"),
                () = tokio::task::yield_now() => {}
            }
            if !world.page().is_empty() {
                break;
            }
        }
    }
    assert_eq!(world.post(&id).await["state"], "running");
    world.advance(180);
    settle(&world).await;
    let post = world.post(&id).await;
    assert_eq!((post["state"].as_str(), world.page().len()), (Some("published"), 1), "{post:#}");
}

#[tokio::test]
async fn f46_a_post_that_a_person_wrote_meanwhile_is_not_taken_for_ours() {
    let world = World::start().await;
    let id = accept(&world, "same words").await;
    world.simulator.facebook().add_fault(Fault::new(FaultKind::Status500Before).on_edge("POST", "feed").times(1));
    world.drain().await;
    let theirs = world.simulator.facebook().write_by_hand(seed::BAKERY, "same words");
    world.simulator.facebook().set_refuse_duplicates(false);
    settle(&world).await;
    let post = world.post(&id).await;
    assert_eq!(post["state"], "published", "{post:#}");
    assert_ne!(post["targets"][0]["remote_id"], theirs.as_str());
    assert_eq!(world.page().len(), 1);
}

#[tokio::test]
async fn f35_two_posts_of_ours_with_the_same_words_are_told_apart() {
    let world = World::start().await;
    world.simulator.facebook().set_refuse_duplicates(false);
    let connection = world.connected().await;
    let body = json!({ "content": { "text": "again" }, "targets": [{ "connection": connection }] });
    let first = send_into(FaultKind::Status500Before, &world, &body).await;
    let second = world.create(&body).await.unwrap()["id"].as_str().unwrap().to_owned();
    world.drain().await;
    assert_eq!(world.post(&second).await["state"], "published");
    settle(&world).await;
    let (first, second) = (world.post(&first).await, world.post(&second).await);
    assert_eq!(first["state"], "published", "{first:#}");
    assert_ne!(first["targets"][0]["remote_id"], second["targets"][0]["remote_id"]);
    assert_eq!(world.page().len(), 2);
}

#[tokio::test]
async fn f46_a_post_that_was_accepted_days_before_it_went_out_is_not_taken_for_another() {
    let world = World::start().await;
    world.simulator.facebook().set_refuse_duplicates(false);
    let connection = world.connected().await;
    let mut planned = json!({ "content": { "text": "every week" }, "targets": [{ "connection": connection }] });
    let now = planned.clone();
    planned["schedule"] = json!({ "at": "2026-11-24T10:00:00Z" });
    let planned = world.create(&planned).await.unwrap()["id"].as_str().unwrap().to_owned();
    world.advance(3 * 86_400);
    world.dispatcher.tick().await.unwrap();
    world.drain().await;
    assert_eq!(world.post(&planned).await["state"], "published");
    // It has just settled when another of the same words is answered with a 500, and nothing of that one is out.
    world.advance(1);
    let second = send_into(FaultKind::Status500Before, &world, &now).await;
    settle(&world).await;
    let (first, second) = (world.post(&planned).await, world.post(&second).await);
    assert_eq!((second["state"].as_str(), world.page().len()), (Some("published"), 2), "{second:#}");
    assert_ne!(first["targets"][0]["remote_id"], second["targets"][0]["remote_id"]);
}

#[tokio::test]
async fn f46_two_unknown_posts_of_ours_with_the_same_words_are_left_to_a_person() {
    let world = World::start().await;
    world.simulator.facebook().set_refuse_duplicates(false);
    let connection = world.connected().await;
    let body = json!({ "content": { "text": "twins" }, "targets": [{ "connection": connection }] });
    // One goes out and one does not, and nobody sees which.
    let mut ids = Vec::new();
    for kind in [FaultKind::LostAnswer, FaultKind::Status500Before] {
        ids.push(send_into(kind, &world, &body).await);
    }
    settle(&world).await;
    for id in ids {
        assert_eq!(world.post(&id).await["state"], "needs_review");
    }
    assert_eq!(world.page().len(), 1);
}

#[tokio::test]
async fn f46_a_post_that_a_person_saw_and_gave_no_id_of_is_not_taken_for_its_twin() {
    let world = World::start().await;
    world.simulator.facebook().set_refuse_duplicates(false);
    let connection = world.connected().await;
    let body = json!({ "content": { "text": "twins" }, "targets": [{ "connection": connection }] });
    // The first one is out, and nothing of the second one, which is sent a moment later.
    let first = send_into(FaultKind::LostAnswer, &world, &body).await;
    world.advance(1);
    let second = send_into(FaultKind::Status500Before, &world, &body).await;
    // Only the first one has settled. It may be either's, and a person says so without naming it.
    world.advance(29);
    world.drain().await;
    assert_eq!((world.state(&first).await.as_str(), world.state(&second).await.as_str()), ("needs_review", "unknown"));
    let path = format!("/v1/posts/{first}/targets/t1/resolve");
    let said = json!({ "as": "published" });
    let request = world.request("POST /v1/posts/{post}/targets/{target}/resolve", &path, &said);
    assert_eq!(world.reader.handle(request).await.unwrap().status, 200);
    // What the Page shows when the second one is asked about is the first one.
    settle(&world).await;
    assert_eq!(
        (world.state(&first).await.as_str(), world.state(&second).await.as_str()),
        ("published", "needs_review")
    );
    assert_eq!(world.page().len(), 1);
}

#[tokio::test]
async fn a_read_back_that_finds_no_answer_keeps_asking_and_ends_with_a_person() {
    let world = World::start().await;
    let id = accept(&world, "who knows").await;
    world.simulator.facebook().add_fault(Fault::new(FaultKind::LostAnswer).on_edge("POST", "feed").times(1));
    world.simulator.facebook().add_fault(Fault::new(FaultKind::Status500Before).on_edge("GET", "published_posts"));
    settle(&world).await;
    assert_eq!(world.post(&id).await["state"], "unknown");
    world.advance(24 * 3_600);
    world.dispatcher.tick().await.unwrap();
    world.drain().await;
    assert_eq!(world.post(&id).await["state"], "needs_review");
    assert_eq!(world.page().len(), 1);
}

#[tokio::test]
async fn f18_unreadable_messages_end_in_the_dead_letter_queue_and_cost_their_neighbours_nothing() {
    let world = World::start().await;
    for body in ["not json", "{}", r#"{"v":1}"#, "[]", "null"] {
        world.sqs.send_message().queue_url(&world.publish_queue).message_body(body).send().await.unwrap();
    }
    let id = accept(&world, "good neighbour").await;
    world.drain().await;
    assert_eq!(world.post(&id).await["state"], "published");
    let mut bodies: Vec<_> =
        world.receive(&world.dead_letter_queue, 60).await.into_iter().map(|message| message.body).collect();
    bodies.sort();
    assert_eq!(bodies, ["[]", "not json", "null", r#"{"v":1}"#, "{}"]);
}

async fn queue_is_empty(world: &World) -> bool {
    let depth = shared::queue::Queue::new(world.sqs.clone(), &world.publish_queue).depth().await.unwrap();
    depth.visible + depth.in_flight + depth.delayed == 0
}

#[tokio::test]
async fn f04_a_job_that_is_faster_than_its_post_waits_for_it() {
    let world = World::start().await;
    let id = accept(&world, "in time").await;
    let message = world.receive(&world.publish_queue, 0).await.remove(0);
    let ghost = shared::ids::PostId::derived(&[&world.caller.tenant.id().to_string(), "POST /v1/posts", "later"]);
    let body = message.body.replace(&id, &ghost.to_string());
    world.sqs.send_message().queue_url(&world.publish_queue).message_body(body).send().await.unwrap();
    world.drain().await;
    world.advance(8);
    world.drain().await;
    let connection = world.connected().await;
    let body = serde_json::json!({ "content": { "text": "at last" }, "targets": [{ "connection": connection }] });
    world.create_keyed("later", &body).await.unwrap();
    // The job that came with the post is lost; the one that was there before does its work.
    world.receive(&world.publish_queue, 43_200).await;
    world.advance(10);
    world.drain().await;
    assert_eq!(world.post(&ghost.to_string()).await["state"], "published");
}

#[tokio::test]
async fn a_job_without_a_post_is_dropped_after_a_few_receives() {
    let world = World::start().await;
    let id = accept(&world, "real").await;
    let body = world.receive(&world.publish_queue, 0).await[0].body.clone();
    let ghost = body.replace(&id, &shared::ids::PostId::new().to_string());
    world.sqs.send_message().queue_url(&world.publish_queue).message_body(ghost).send().await.unwrap();
    // Longer than the function that accepts posts may live.
    for _ in 0..12 {
        world.drain().await;
        assert!(!queue_is_empty(&world).await, "dropped while its post could still come");
        world.advance(1);
    }
    for _ in 0..5 {
        world.drain().await;
        world.advance(10);
    }
    assert_eq!(world.page().len(), 1);
    assert!(world.receive(&world.publish_queue, 0).await.is_empty());
    assert!(world.receive(&world.dead_letter_queue, 0).await.is_empty());
}

//! Dead letters moved back into the queue by hand, and messages that come more often than anybody worked on them.

use serde_json::json;

use crate::{
    graveyard::{accept, move_back, never_sent, pass, redrive, refused, refused_and_live, targets},
    world::World,
};

#[tokio::test]
async fn f20_phantom_receives_do_not_cost_attempts() {
    let world = World::start().await;
    let id = accept(&world, &world.connected().await, "seen by nobody").await;
    for _receive in 0..5 {
        assert_eq!(world.receive(&world.publish_queue, 0).await.len(), 1);
    }
    world.drain().await;
    let post = world.post(&id).await;
    assert_eq!((&post["state"], &post["targets"][0]["attempts"]), (&json!("published"), &json!(1)), "{post:#}");
    assert_eq!(world.page().len(), 1);
}

#[tokio::test]
async fn f21_what_came_late_among_the_dead_letters_is_there_for_the_rest_of_fourteen_days() {
    let world = World::start().await;
    let id = accept(&world, &world.connected().await, "nobody lived to work on it").await;
    world.advance(4 * 86_400 - 3_600);
    for _receive in 0..6 {
        assert_eq!(world.receive(&world.publish_queue, 0).await.len(), 1);
    }
    assert_eq!(world.receive(&world.publish_queue, 0).await.len(), 0, "moved to the dead letters");
    // Its age counts from its first send: ten days more are nearly all it has.
    world.advance(10 * 86_400);
    assert_eq!(world.receive(&world.dead_letter_queue, 0).await.len(), 1);
    move_back(&world).await;
    world.drain().await;
    assert_eq!((&world.post(&id).await["state"], world.page().len()), (&json!("expired"), 0));
}

#[tokio::test]
async fn f22_moved_back_after_three_days_nothing_is_posted_and_all_of_it_expires() {
    let world = World::start().await;
    let connection = world.connected().await;
    let sent = refused(&world, &connection, "sent").await;
    let unsent = never_sent(&world, &connection, "never sent").await;
    let live = refused_and_live(&world, &connection, "live").await;
    world.advance(3 * 86_400);
    move_back(&world).await;
    pass(&world, 4, 30).await;
    assert_eq!(world.post(&sent).await["state"], "expired");
    assert_eq!(world.post(&unsent).await["state"], "expired");
    assert_eq!(world.post(&live).await["state"], "published", "what is out is not expired");
    assert_eq!(world.page().len(), 1);
    assert_eq!(world.events(&sent).await, ["accepted", "started", "failed", "unknown", "expired"]);
    let dead = world.read("GET /v1/dead-letters", "/v1/dead-letters").await.unwrap();
    assert_eq!(dead["dead_letters"], json!([]));
}

#[tokio::test]
async fn moved_back_in_time_each_goes_out_once_and_what_is_out_is_not_posted_again() {
    let world = World::start().await;
    let connection = world.connected().await;
    let ids = [
        refused(&world, &connection, "sent").await,
        never_sent(&world, &connection, "never sent").await,
        refused_and_live(&world, &connection, "live").await,
    ];
    assert_eq!(world.page().len(), 1);
    world.advance(60);
    move_back(&world).await;
    pass(&world, 4, 30).await;
    for id in &ids {
        let post = world.post(id).await;
        assert_eq!(post["state"], "published", "{post:#}");
    }
    assert_eq!(world.page().len(), 3);
}

#[tokio::test]
async fn f13_a_repeated_job_of_a_dead_letter_does_nothing() {
    let world = World::start().await;
    let connection = world.connected().await;
    let id = never_sent(&world, &connection, "stays dead").await;
    let tenant = world.caller.tenant.id();
    let job = json!({ "v": 1, "tenant": tenant, "post": id, "target": "t1", "version": 1 });
    let mut older = job.clone();
    older["dead"] = json!(0);
    for body in [&job, &older] {
        world.sqs.send_message().queue_url(&world.publish_queue).message_body(body.to_string()).send().await.unwrap();
        world.drain().await;
        assert_eq!((&world.post(&id).await["state"], world.page().len()), (&json!("failed"), 0), "{body}");
    }
}

#[tokio::test]
async fn f13_redriven_through_the_api_and_moved_back_as_well_it_goes_out_once() {
    let world = World::start().await;
    let connection = world.connected().await;
    let id = never_sent(&world, &connection, "both ways").await;
    redrive(&world, &targets([&id])).await;
    move_back(&world).await;
    pass(&world, 4, 30).await;
    assert_eq!((&world.post(&id).await["state"], world.page().len()), (&json!("published"), 1));
}

#[tokio::test]
async fn what_fails_again_is_a_dead_letter_again_and_can_be_moved_back_again() {
    let world = World::start().await;
    let connection = world.connected().await;
    let id = never_sent(&world, &connection, "second life").await;
    let token = crate::graveyard::take_token(&world, &connection).await;
    move_back(&world).await;
    world.drain().await;
    assert_eq!(world.post(&id).await["state"], "failed");
    let dead = world.read("GET /v1/dead-letters", "/v1/dead-letters").await.unwrap();
    assert_eq!(dead["dead_letters"].as_array().unwrap().len(), 1);
    crate::graveyard::give_token(&world, token).await;
    move_back(&world).await;
    world.drain().await;
    assert_eq!((&world.post(&id).await["state"], world.page().len()), (&json!("published"), 1));
}

//! What may go wrong at TikTok between the wish and the video, and that none of it makes a second one.

use std::{sync::Arc, time::Duration};

use jiff::SignedDuration;
use serde_json::Value;
use shared::refresh::Round;
use simulator::{Fault, FaultKind, LoggedCall, tiktok::seed};

use crate::{
    tiktok::{FAR_PHOTO, FAR_VIDEO, accepted, calls, chosen, connected, far, on, settled, tiktok, video, videos},
    world::World,
};

/// Two pieces.
const LARGE: u64 = 25_000_000;

#[tokio::test]
async fn f34_the_last_piece_without_an_answer_is_asked_about_and_the_video_is_out_once() {
    let world = World::start().await;
    let connection = connected(&world).await;
    tiktok(&world).add_fault(Fault::new(FaultKind::LostAnswer).on_edge("PUT", "upload").times(1));
    let id = accepted(&world, &video(&world, &connection, 1_000)).await;
    world.drain().await;
    assert_eq!(world.state(&id).await, "unknown");
    assert_eq!(settled(&world, &id, 31).await, "published");
    assert_eq!((videos(&world).len(), calls(&world, "/video/init/")), (1, 1));
}

#[tokio::test]
async fn what_tiktok_refuses_after_it_took_it_fails_with_the_reason() {
    let world = World::start().await;
    let connection = connected(&world).await;
    tiktok(&world).fail_next("picture_size_check_failed");
    let id = accepted(&world, &video(&world, &connection, 1_000)).await;
    assert_eq!(settled(&world, &id, 31).await, "failed");
    let post = world.post(&id).await;
    assert_eq!(post["targets"][0]["reason"]["code"], "tiktok.media.picture_size");
    assert_eq!((videos(&world).len(), calls(&world, "/video/init/")), (0, 1));
}

#[tokio::test]
async fn what_failed_inside_tiktok_is_sent_again() {
    let world = World::start().await;
    let connection = connected(&world).await;
    tiktok(&world).fail_next("internal");
    let id = accepted(&world, &video(&world, &connection, 1_000)).await;
    assert_eq!(settled(&world, &id, 31).await, "published");
    assert_eq!((videos(&world).len(), calls(&world, "/video/init/")), (1, 2));
}

#[tokio::test]
async fn a_token_of_two_hours_is_renewed_before_the_next_post() {
    let world = World::start().await;
    let connection = connected(&world).await;
    for posts in 1..=3 {
        world.advance(3 * 3_600);
        let id = accepted(&world, &video(&world, &connection, 1_000 + posts)).await;
        assert_eq!(settled(&world, &id, 6).await, "published");
    }
    assert_eq!(videos(&world).len(), 3);
    // The exchange, and one renewal before each post.
    assert_eq!(calls(&world, "/oauth/token/"), 4);
}

#[tokio::test]
async fn f38_each_step_that_is_lost_on_the_way_makes_no_second_video() {
    for (method, edge) in [("POST", "creator_info"), ("POST", "video/init"), ("PUT", "upload")] {
        let world = World::start().await;
        let connection = connected(&world).await;
        tiktok(&world).add_fault(Fault::new(FaultKind::LostAnswer).on_edge(method, edge).times(1));
        let id = accepted(&world, &video(&world, &connection, LARGE)).await;
        world.drain().await;
        assert_eq!(world.state(&id).await, "retrying", "{edge}");
        assert_eq!(settled(&world, &id, 6).await, "published", "{edge}");
        let begun = tiktok(&world).tasks(seed::BAKERY).len();
        // What was begun and never got a byte comes to nothing.
        assert_eq!((videos(&world).len(), begun), (1, 1 + usize::from(edge == "video/init")), "{edge}");
    }
}

/// The call at an edge takes effect, and its answer does not come within the life of a consumer.
pub(crate) fn held(method: &str, edge: &str) -> Fault {
    let hold = Fault::new(FaultKind::AcceptedThenTimeout).on_edge(method, edge).times(1);
    Fault { hold_seconds: Some(3_600), ..hold }
}

/// Works on the post until the platform has taken the effect of a call that is [`held`], and is gone before the answer comes.
pub(crate) async fn die_at_held(world: &World, calls: impl Fn() -> Vec<LoggedCall>) {
    for _ in 0..10 {
        let messages = world.receive(&world.publish_queue, 180).await;
        {
            let work = world.consumer.batch(messages.clone(), Duration::from_secs(30));
            tokio::pin!(work);
            let ended = loop {
                tokio::select! {
                    biased;
                    _ = &mut work => break true,
                    () = tokio::task::yield_now() => {}
                }
                if calls().iter().any(|call| call.fault == Some(FaultKind::AcceptedThenTimeout)) {
                    break false;
                }
            };
            if !ended {
                return;
            }
        }
        for message in &messages {
            world.delete(&world.publish_queue, message).await;
        }
        world.advance(6);
        world.dispatcher.tick().await.unwrap();
    }
    panic!("the call was never made");
}

async fn die_at(world: &World, method: &str, edge: &str) {
    tiktok(world).add_fault(held(method, edge));
    die_at_held(world, || tiktok(world).requests()).await;
}

#[tokio::test]
async fn f33_a_consumer_that_dies_at_any_step_of_an_upload_leaves_one_video() {
    for (method, edge) in [("POST", "creator_info"), ("POST", "video/init"), ("PUT", "upload"), ("POST", "status")] {
        for size in [1_000, LARGE] {
            let world = World::start().await;
            let connection = connected(&world).await;
            let id = accepted(&world, &video(&world, &connection, size)).await;
            die_at(&world, method, edge).await;
            world.advance(181);
            world.dispatcher.tick().await.unwrap();
            assert_eq!(settled(&world, &id, 61).await, "published", "{edge} {size}");
            assert_eq!(videos(&world).len(), 1, "{edge} {size}");
        }
    }
}

#[tokio::test]
async fn f34_a_video_that_tiktok_fetches_is_found_though_its_id_was_lost() {
    let world = World::start().await;
    let connection = connected(&world).await;
    tiktok(&world).add_fault(Fault::new(FaultKind::LostAnswer).on_edge("POST", "video/init").times(1));
    let id = accepted(&world, &far(&connection, &[FAR_VIDEO], &chosen())).await;
    world.drain().await;
    assert_eq!(world.state(&id).await, "unknown");
    assert_eq!(settled(&world, &id, 61).await, "published");
    assert_eq!((videos(&world).len(), calls(&world, "/video/init/")), (1, 1));
    assert_eq!(world.post(&id).await["targets"][0]["remote_id"], videos(&world)[0].id);
}

#[tokio::test]
async fn f34_photos_whose_id_was_lost_are_left_to_a_person_and_never_sent_again() {
    let world = World::start().await;
    let connection = connected(&world).await;
    tiktok(&world).add_fault(Fault::new(FaultKind::LostAnswer).on_edge("POST", "content/init").times(1));
    let id = accepted(&world, &far(&connection, &[FAR_PHOTO], &chosen())).await;
    // Photos are never listed, so nothing that is shown or not shown tells of them.
    assert_eq!(settled(&world, &id, 301).await, "needs_review");
    assert_eq!((videos(&world).len(), calls(&world, "/content/init/")), (1, 1));
}

#[tokio::test]
async fn f39_a_post_that_tiktok_works_on_for_hours_is_watched_beyond_the_end_of_its_token() {
    let world = World::start().await;
    let connection = connected(&world).await;
    tiktok(&world).set_takes(SignedDuration::from_hours(5), SignedDuration::from_secs(10));
    let id = accepted(&world, &video(&world, &connection, 1_000)).await;
    for _ in 0..29 {
        world.drain().await;
        on(&world, 600).await;
        let state = world.state(&id).await;
        assert!(matches!(state.as_str(), "waiting" | "unknown"), "{state}");
    }
    assert_eq!(settled(&world, &id, 600).await, "published");
    assert_eq!((videos(&world).len(), calls(&world, "/video/init/")), (1, 1));
    assert!(calls(&world, "/oauth/token/") > 1);
}

#[tokio::test]
async fn f40_more_posts_than_fit_into_a_minute_all_go_out_once() {
    let world = World::start().await;
    let connection = connected(&world).await;
    let mut ids = Vec::new();
    for _ in 0..9 {
        ids.push(accepted(&world, &far(&connection, &[FAR_VIDEO], &chosen())).await);
    }
    for id in &ids {
        assert_eq!(settled(&world, id, 31).await, "published");
    }
    assert_eq!(videos(&world).len(), 9);
}

#[tokio::test]
async fn f41_an_account_that_has_had_its_posts_is_waited_for_until_the_posts_own_end() {
    let world = World::start().await;
    let connection = connected(&world).await;
    let capped = Fault::refusal(200, "spam_risk_too_many_posts").on_edge("POST", "creator_info");
    tiktok(&world).add_fault(capped);
    let id = accepted(&world, &video(&world, &connection, 1_000)).await;
    world.drain().await;
    let target = &world.post(&id).await["targets"][0];
    assert_eq!(
        (target["state"].as_str(), target["reason"]["code"].as_str()),
        (Some("waiting"), Some("tiktok.rate.posts"))
    );
    on(&world, 6 * 3_600 + 60).await;
    on(&world, 60).await;
    assert_eq!((world.state(&id).await.as_str(), calls(&world, "/creator_info/query/")), ("expired", 1));
}

#[tokio::test]
async fn f43_an_address_of_an_unverified_domain_fails_its_own_post_and_holds_up_nobody_elses() {
    let world = World::start().await;
    let connection = connected(&world).await;
    let elsewhere = ("https://cdn.example.net/a.jpg", "image");
    let id = accepted(&world, &far(&connection, &[elsewhere], &chosen())).await;
    world.drain().await;
    let target = &world.post(&id).await["targets"][0];
    assert_eq!(
        (target["state"].as_str(), target["reason"]["code"].as_str(), target["reason"]["act"].as_str()),
        (Some("failed"), Some("tiktok.media.domain_unverified"), Some("operator"))
    );
    let id = accepted(&world, &video(&world, &connection, 1_000)).await;
    assert_eq!(settled(&world, &id, 6).await, "published");
}

async fn view(world: &World, connection: &str) -> Value {
    world.read("GET /v1/connections/{connection}", &format!("/v1/connections/{connection}")).await.unwrap()
}

#[tokio::test]
async fn f48_a_renewal_whose_answer_was_lost_ends_in_reconnect_and_the_post_waits_for_its_owner() {
    let world = World::start().await;
    let connection = connected(&world).await;
    tiktok(&world).add_fault(Fault::new(FaultKind::LostAnswer).on_edge("POST", "token").times(1));
    world.advance(3 * 3_600);
    let id = accepted(&world, &video(&world, &connection, 1_000)).await;
    for _ in 0..10 {
        world.drain().await;
        on(&world, 61).await;
    }
    assert_eq!(view(&world, &connection).await["state"], "reconnect");
    assert_eq!((world.state(&id).await.as_str(), videos(&world).len()), ("waiting", 0));
    assert_eq!(connected(&world).await, connection);
    assert_eq!(settled(&world, &id, 61).await, "published");
    assert_eq!(videos(&world).len(), 1);
}

#[tokio::test]
async fn health_notices_a_permission_that_is_gone() {
    let world = World::start().await;
    let connection = connected(&world).await;
    tiktok(&world).add_fault(Fault::refusal(401, "scope_not_authorized").on_edge("POST", "creator_info"));
    world.advance(7 * 3_600);
    // Tokens of two hours are renewed all along; the check is made with a fresh one.
    let round = Arc::new(Round { health: world.health_sandbox() });
    assert_eq!(round.run(Duration::from_mins(1)).await.unwrap().renewed, 1);
    world.health.run(Duration::from_mins(1)).await.unwrap();
    let seen = view(&world, &connection).await;
    assert_eq!(
        (seen["state"].as_str(), seen["reason"]["code"].as_str()),
        (Some("degraded"), Some("connection.scopes_missing"))
    );
}

//! Videos and reels on a Page: each once, whatever is lost on the way, and watched until Facebook says what became of it.

use jiff::SignedDuration;
use serde_json::{Value, json};
use simulator::{
    Fault, FaultKind,
    facebook::{Facebook, VideoView, seed::BAKERY},
};

use crate::{
    tiktok::{accepted, on, settled},
    tiktok_faults::{die_at_held, held},
    world::World,
};

/// Three pieces of a video.
const LARGE: u64 = 3_000_000;

/// The ways to post a video: what the target says, and how large a file postd sends, if it does.
const WAYS: [(&str, &str); 4] =
    [("feed", "pull_from_url"), ("feed", "file_upload"), ("reel", "pull_from_url"), ("reel", "file_upload")];

fn facebook(world: &World) -> &Facebook {
    world.simulator.facebook()
}

fn videos(world: &World) -> Vec<VideoView> {
    facebook(world).page(BAKERY).unwrap().videos
}

fn out(world: &World) -> Vec<VideoView> {
    videos(world).into_iter().filter(|video| video.state == "published").collect()
}

/// What the app's own posts on the Page are.
fn shown(world: &World) -> usize {
    world.page().len()
}

fn film(world: &World, connection: &str, (placement, source): (&str, &str)) -> Value {
    let sent = format!("{}/_simulator/sample.mp4?size={LARGE}", world.simulator.url_of("facebook"));
    let url = if source == "file_upload" { sent } else { "https://cdn.example.com/a.mp4".into() };
    json!({
        "content": {
            "text": "Fresh bread",
            "media": [{ "url": url, "kind": "video", "title": "How we bake" }],
        },
        "targets": [{
            "connection": connection, "destination": BAKERY,
            "options": { "facebook": { "placement": placement, "source": source } },
        }],
    })
}

fn calls(world: &World, end: &str) -> usize {
    facebook(world).requests().iter().filter(|call| call.method == "POST" && call.path.ends_with(end)).count()
}

/// The edges of a way, as faults name them, in order; the last one publishes.
fn edges(way: (&str, &str)) -> &'static [&'static str] {
    match way {
        ("feed", "pull_from_url") => &["videos"],
        ("feed", _) => &["videos/start", "videos/transfer", "videos/finish"],
        (_, _) => &["video_reels/start", "video-upload", "video_reels/finish"],
    }
}

#[tokio::test]
async fn every_way_to_post_a_video_or_reel_goes_out_once() {
    for way in WAYS {
        let world = World::start().await;
        let connection = world.connected().await;
        let id = accepted(&world, &film(&world, &connection, way)).await;
        world.drain().await;
        // Facebook works on it; nothing is said to be out meanwhile.
        assert_eq!((world.state(&id).await.as_str(), shown(&world)), ("waiting", 0), "{way:?}");
        assert_eq!(settled(&world, &id, 6).await, "published", "{way:?}");
        let out = out(&world);
        assert_eq!((out.len(), shown(&world), videos(&world).len()), (1, 1, 1), "{way:?}");
        assert_eq!(
            (out[0].title.as_deref(), out[0].description.as_deref()),
            (Some("How we bake"), Some("Fresh bread"))
        );
        assert_eq!(out[0].is_reel, way.0 == "reel", "{way:?}");
        assert_eq!(out[0].received, if way.1 == "file_upload" { LARGE } else { 0 }, "{way:?}");
        let target = &world.post(&id).await["targets"][0];
        assert_eq!(target["remote_id"], out[0].id, "{way:?}");
        let link = target["url"].as_str().unwrap();
        assert_eq!(link, world.page()[0].permalink_url, "{way:?}");
    }
}

#[tokio::test]
async fn f38_each_call_of_a_video_that_is_lost_on_the_way_makes_no_second_one() {
    for way in WAYS {
        let (publish, before) = edges(way).split_last().unwrap();
        for edge in before {
            for kind in [FaultKind::LostAnswer, FaultKind::Status500After, FaultKind::Status500Before] {
                let world = World::start().await;
                let connection = world.connected().await;
                facebook(&world).add_fault(Fault::new(kind).on_edge("POST", edge).times(1));
                let id = accepted(&world, &film(&world, &connection, way)).await;
                world.drain().await;
                assert_eq!(settled(&world, &id, 6).await, "published", "{way:?} {edge} {kind:?}");
                assert_eq!((out(&world).len(), shown(&world)), (1, 1), "{way:?} {edge} {kind:?}");
                let path = publish.split('/').next().unwrap();
                assert!(calls(&world, path) > 0, "{way:?}");
            }
        }
    }
}

#[tokio::test]
async fn f34_f35_a_video_whose_publish_was_not_answered_is_found_and_out_once() {
    for way in WAYS {
        let (publish, _) = edges(way).split_last().unwrap();
        for kind in [FaultKind::LostAnswer, FaultKind::Status500After, FaultKind::TruncatedAnswer] {
            let world = World::start().await;
            let connection = world.connected().await;
            facebook(&world).add_fault(Fault::new(kind).on_edge("POST", publish).times(1));
            let id = accepted(&world, &film(&world, &connection, way)).await;
            world.drain().await;
            assert_eq!(world.state(&id).await, "unknown", "{way:?} {kind:?}");
            assert_eq!(settled(&world, &id, 61).await, "published", "{way:?} {kind:?}");
            assert_eq!((out(&world).len(), videos(&world).len(), shown(&world)), (1, 1, 1), "{way:?} {kind:?}");
            assert_eq!(world.post(&id).await["targets"][0]["remote_id"], out(&world)[0].id, "{way:?} {kind:?}");
        }
    }
}

#[tokio::test]
async fn f34_a_publish_that_never_came_about_is_made_once_where_the_video_itself_says_so() {
    for way in WAYS {
        let (publish, _) = edges(way).split_last().unwrap();
        let world = World::start().await;
        let connection = world.connected().await;
        facebook(&world).add_fault(Fault::new(FaultKind::Status500Before).on_edge("POST", publish).times(1));
        let id = accepted(&world, &film(&world, &connection, way)).await;
        world.drain().await;
        assert_eq!(world.state(&id).await, "unknown", "{way:?}");
        let state = settled(&world, &id, 121).await;
        if way == ("feed", "pull_from_url") {
            // Nothing tells of a video that Facebook may still be fetching: a person decides.
            assert_eq!((state.as_str(), videos(&world).len()), ("needs_review", 0));
        } else {
            assert_eq!((state.as_str(), out(&world).len(), videos(&world).len()), ("published", 1, 1), "{way:?}");
        }
    }
}

#[tokio::test]
async fn f33_f38_a_consumer_that_dies_at_any_call_of_a_video_leaves_one() {
    for way in WAYS {
        for edge in edges(way) {
            let world = World::start().await;
            let connection = world.connected().await;
            let id = accepted(&world, &film(&world, &connection, way)).await;
            facebook(&world).add_fault(held("POST", edge));
            die_at_held(&world, || facebook(&world).requests()).await;
            world.advance(181);
            world.dispatcher.tick().await.unwrap();
            assert_eq!(settled(&world, &id, 61).await, "published", "{way:?} {edge}");
            assert_eq!((out(&world).len(), shown(&world)), (1, 1), "{way:?} {edge}");
        }
    }
}

#[tokio::test]
async fn f38_a_reel_whose_upload_broke_off_goes_on_where_facebook_is() {
    let world = World::start().await;
    let connection = world.connected().await;
    facebook(&world).cut_next_upload(1_234_567);
    let id = accepted(&world, &film(&world, &connection, ("reel", "file_upload"))).await;
    world.drain().await;
    assert_eq!(world.state(&id).await, "retrying");
    assert_eq!(settled(&world, &id, 6).await, "published");
    // The file went up in two parts, within one session.
    assert_eq!((out(&world).len(), videos(&world).len(), out(&world)[0].received), (1, 1, LARGE));
    assert_eq!(facebook(&world).requests().iter().filter(|call| call.path.contains("/video-upload/")).count(), 2);
}

#[tokio::test]
async fn f39_a_video_that_facebook_can_make_nothing_of_fails_with_the_reason_and_is_not_sent_again() {
    for way in WAYS {
        let world = World::start().await;
        let connection = world.connected().await;
        facebook(&world).fail_next_video(1_363_128);
        let id = accepted(&world, &film(&world, &connection, way)).await;
        assert_eq!(settled(&world, &id, 31).await, "failed", "{way:?}");
        let post = world.post(&id).await;
        assert_eq!(post["targets"][0]["reason"]["code"], "facebook.video.duration", "{way:?}");
        assert_eq!((shown(&world), videos(&world).len()), (0, 1), "{way:?}");
    }
}

#[tokio::test]
async fn f39_a_video_that_facebook_works_on_for_hours_is_waited_for_and_out_once() {
    let world = World::start().await;
    let connection = world.connected().await;
    facebook(&world).set_video_takes(SignedDuration::from_hours(5));
    let id = accepted(&world, &film(&world, &connection, ("feed", "pull_from_url"))).await;
    for _ in 0..29 {
        world.drain().await;
        on(&world, 600).await;
        let state = world.state(&id).await;
        assert!(matches!(state.as_str(), "waiting" | "unknown"), "{state}");
    }
    assert_eq!(settled(&world, &id, 600).await, "published");
    assert_eq!((out(&world).len(), calls(&world, "/videos")), (1, 1));
}

#[tokio::test]
async fn f39_a_video_that_facebook_never_finishes_is_left_to_a_person_after_a_day() {
    let world = World::start().await;
    let connection = world.connected().await;
    facebook(&world).set_video_takes(SignedDuration::from_hours(1_000));
    let id = accepted(&world, &film(&world, &connection, ("reel", "pull_from_url"))).await;
    for _ in 0..27 {
        world.drain().await;
        let state = world.state(&id).await;
        assert!(matches!(state.as_str(), "waiting" | "unknown" | "needs_review"), "{state}");
        on(&world, 3_600).await;
    }
    assert_eq!((world.state(&id).await.as_str(), videos(&world).len()), ("needs_review", 1));
}

#[tokio::test]
async fn f12_what_a_page_would_refuse_of_a_video_is_told_at_once() {
    let world = World::start().await;
    let connection = world.connected().await;
    let mut body = film(&world, &connection, ("feed", "pull_from_url"));
    body["content"]["media"][0]["title"] = "x".repeat(255).into();
    body["targets"][0]["options"]["facebook"]["place"] = "110".into();
    let problem = world.create(&body).await.unwrap_err();
    let told: Vec<_> = problem.errors.iter().map(|error| (error.pointer.as_str(), error.code.as_str())).collect();
    assert!(told.contains(&("/targets/0/options/facebook/place", "facebook.video.place_unsupported")), "{told:?}");
    assert!(told.contains(&("/content/media/0/title", "facebook.video.title_too_long")), "{told:?}");
}

#[tokio::test]
async fn f41_a_page_that_has_had_its_reels_of_a_day_is_waited_for() {
    let world = World::start().await;
    let connection = world.connected().await;
    let full = Fault { status: Some(403), ..Fault::error(613, None) };
    facebook(&world).add_fault(full.on_edge("POST", "video_reels/finish").times(2));
    let id = accepted(&world, &film(&world, &connection, ("reel", "pull_from_url"))).await;
    assert_eq!(settled(&world, &id, 31).await, "published");
    assert_eq!((out(&world).len(), videos(&world).len()), (1, 1));
}

//! Videos at TikTok: from a login to a video that everyone sees, and everything that may go wrong in between.

use serde_json::{Value, json};
use simulator::tiktok::{Tiktok, VideoView, seed};

use crate::world::World;

pub(crate) fn tiktok(world: &World) -> &Tiktok {
    world.simulator.tiktok()
}

pub(crate) async fn connected(world: &World) -> String {
    let session = json!({ "platform": "tiktok", "return_url": "http://127.0.0.1:9/done" });
    let back = Box::pin(world.connect_as(seed::BAKERY, &[], &session)).await;
    let (_, id) = back.query_pairs().find(|(name, _)| name == "connection").expect("connected");
    id.into_owned()
}

pub(crate) fn video(world: &World, connection: &str, size: u64) -> Value {
    let url = format!("{}/_simulator/sample.mp4?size={size}", world.simulator.url_of("tiktok"));
    json!({
        "content": { "text": "Fresh bread", "media": [{ "url": url, "kind": "video" }] },
        "targets": [{
            "connection": connection,
            "options": { "tiktok": {
                "privacy_level": "PUBLIC_TO_EVERYONE", "allow_comment": true, "allow_duet": false, "allow_stitch": false,
            } },
        }],
    })
}

/// A post of what TikTok fetches, or of a draft.
pub(crate) fn far(connection: &str, media: &[(&str, &str)], options: &Value) -> Value {
    let media: Vec<Value> = media.iter().map(|(url, kind)| json!({ "url": url, "kind": kind })).collect();
    let target = json!({ "connection": connection, "options": { "tiktok": options } });
    json!({ "content": { "text": "Fresh bread", "media": media }, "targets": [target] })
}

pub(crate) const FAR_VIDEO: (&str, &str) = ("https://cdn.example.com/a.mp4", "video");
pub(crate) const FAR_PHOTO: (&str, &str) = ("https://cdn.example.com/a.jpg", "image");

/// What a person has chosen for a post that everyone sees.
pub(crate) fn chosen() -> Value {
    json!({
        "privacy_level": "PUBLIC_TO_EVERYONE", "allow_comment": true, "allow_duet": false, "allow_stitch": false,
        "source": "pull_from_url",
    })
}

pub(crate) async fn accepted(world: &World, body: &Value) -> String {
    world.create(body).await.unwrap()["id"].as_str().unwrap().to_owned()
}

pub(crate) fn videos(world: &World) -> Vec<VideoView> {
    tiktok(world).videos(seed::BAKERY)
}

pub(crate) fn calls(world: &World, end: &str) -> usize {
    tiktok(world).requests().iter().filter(|call| call.path.ends_with(end)).count()
}

pub(crate) async fn on(world: &World, seconds: i64) {
    world.advance(seconds);
    world.dispatcher.tick().await.unwrap();
    world.drain().await;
}

/// Lets time pass until the post is in a state where it stays.
pub(crate) async fn settled(world: &World, id: &str, step: i64) -> String {
    world.drain().await;
    for _ in 0..40 {
        let state = world.state(id).await;
        if matches!(state.as_str(), "published" | "failed" | "needs_review") {
            return state;
        }
        on(world, step).await;
    }
    world.state(id).await
}

#[tokio::test]
async fn a_person_connects_an_account_and_a_video_goes_out_once() {
    let world = World::start().await;
    let connection = connected(&world).await;
    let view = world.read("GET /v1/connections/{connection}", &format!("/v1/connections/{connection}")).await.unwrap();
    assert_eq!((view["state"].as_str(), view["account_name"].as_str()), (Some("active"), Some("Example Bakery")));
    let id = accepted(&world, &video(&world, &connection, 25_000_000)).await;
    assert_eq!(settled(&world, &id, 6).await, "published");
    let out = videos(&world);
    assert_eq!((out.len(), out[0].text.as_str(), calls(&world, "/video/init/")), (1, "Fresh bread", 1));
    // Its public id comes later than it does; until then it is known by its publish.
    let remote_id = world.post(&id).await["targets"][0]["remote_id"].as_str().unwrap().to_owned();
    assert!([Some(&out[0].id), out[0].publish_id.as_ref()].contains(&Some(&remote_id)), "{remote_id}");
}

#[tokio::test]
async fn f12_what_a_person_must_choose_is_asked_for() {
    let world = World::start().await;
    let connection = connected(&world).await;
    let mut body = video(&world, &connection, 1_000);
    body["targets"][0]["options"] =
        json!({ "tiktok": { "allow_comment": true, "allow_duet": true, "allow_stitch": true } });
    let problem = world.create(&body).await.unwrap_err();
    let told = (problem.errors[0].pointer.as_str(), problem.errors[0].code.as_str());
    assert_eq!(told, ("/targets/0/options/tiktok/privacy_level", "tiktok.privacy.missing"));
}

#[tokio::test]
async fn every_way_to_post_goes_out_once_and_drafts_wait_for_their_person() {
    let inbox = json!({ "mode": "inbox" });
    for (media, options, init, is_draft) in [
        (vec![FAR_VIDEO], chosen(), "/publish/video/init/", false),
        (vec![FAR_PHOTO, FAR_PHOTO], chosen(), "/content/init/", false),
        (vec![FAR_VIDEO], json!({ "mode": "inbox", "source": "pull_from_url" }), "/inbox/video/init/", true),
        (vec![FAR_PHOTO], inbox, "/content/init/", true),
    ] {
        let world = World::start().await;
        let connection = connected(&world).await;
        let id = accepted(&world, &far(&connection, &media, &options)).await;
        assert_eq!(settled(&world, &id, 6).await, "published", "{init} {options}");
        assert_eq!((calls(&world, init), calls(&world, "/init/")), (1, 1), "{init}");
        // What an account may post is asked before each post that goes out; a draft is its person's business.
        assert_eq!(calls(&world, "/creator_info/query/"), usize::from(!is_draft), "{init}");
        assert_eq!(videos(&world).len(), usize::from(!is_draft), "{init}");
        let remote_id = world.post(&id).await["targets"][0]["remote_id"].as_str().unwrap().to_owned();
        if is_draft {
            assert!(tiktok(&world).post_draft(&remote_id, "SELF_ONLY"), "{init}");
        }
    }
}

#[tokio::test]
async fn a_login_has_a_challenge_in_hexadecimal_and_asks_for_every_scope() {
    let world = World::start().await;
    let session = json!({ "platform": "tiktok", "return_url": "http://127.0.0.1:9/done" });
    let (page, _) = world.open(&session).await;
    let value = |name: &str| page.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned());
    let challenge = value("code_challenge").unwrap();
    assert!(challenge.len() == 64 && challenge.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')));
    assert_eq!(value("scope").unwrap().split(',').count(), 5);
    assert_eq!((value("client_id"), value("client_key").is_some()), (None, true));
}

#[tokio::test]
async fn a_reconnect_refuses_another_account() {
    let world = World::start().await;
    let wanted = json!({
        "platform": "tiktok", "return_url": "http://127.0.0.1:9/done", "reconnect": connected(&world).await,
    });
    let back = Box::pin(world.connect_as(seed::GARDEN, &[], &wanted)).await;
    assert!(back.query().unwrap().ends_with("error=other_account"), "{back}");
}

#[tokio::test]
async fn f12_what_the_account_does_not_offer_any_more_fails_before_anything_is_begun() {
    let world = World::start().await;
    let connection = connected(&world).await;
    tiktok(&world).set_private(seed::BAKERY, true);
    let id = accepted(&world, &video(&world, &connection, 1_000)).await;
    assert_eq!(settled(&world, &id, 6).await, "failed");
    let post = world.post(&id).await;
    assert_eq!(post["targets"][0]["reason"]["code"], "tiktok.privacy.not_offered");
    assert_eq!(tiktok(&world).tasks(seed::BAKERY).len(), 0);
}

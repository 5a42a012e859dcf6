//! Posts on Instagram, by either of its two logins: from a login to what is out, and everything that may go wrong in between.

use std::{sync::Arc, time::Duration};

use aws_lc_rs::hmac;
use bytes::Bytes;
use data_encoding::{BASE64URL_NOPAD, HEXLOWER};
use jiff::SignedDuration;
use rstest::rstest;
use serde_json::{Value, json};
use shared::{clock::Clock as _, http::Response, refresh::Round};
use simulator::{
    Fault, FaultKind,
    instagram::{
        APP, Instagram, MediaView,
        seed::{ADA, BAKERY, BAKERY_PAGE, CAFE_PAGE, CREATOR, CREATOR_SCOPED, GARDEN_PAGE, GRACE},
    },
};

use crate::world::World;

const DAY: i64 = 86_400;
const FACEBOOK: &str = "facebook";
const INSTAGRAM: &str = "instagram";

async fn by(login: &str) -> World {
    Box::pin(World::start_set(|settings| settings.instagram.set_login(login).unwrap())).await
}

fn instagram(world: &World) -> &Instagram {
    world.simulator.instagram()
}

async fn connected_as(world: &World, user: &str, pages: &[&str]) -> String {
    let session = json!({ "platform": "instagram", "return_url": "http://127.0.0.1:9/done" });
    let back = Box::pin(world.connect_as(user, pages, &session)).await;
    let (_, id) = back.query_pairs().find(|(name, _)| name == "connection").expect("connected");
    id.into_owned()
}

/// Ada with her bakery, or the creator who needs nobody's Page.
async fn connected(world: &World, login: &str) -> String {
    if login == FACEBOOK {
        connected_as(world, ADA, &[BAKERY_PAGE]).await
    } else {
        connected_as(world, CREATOR, &[]).await
    }
}

fn account(login: &str) -> &'static str {
    if login == FACEBOOK { BAKERY } else { CREATOR }
}

fn image() -> Value {
    json!({ "url": "https://example.com/a.jpg", "kind": "image", "alt_text": "A loaf" })
}

fn video() -> Value {
    json!({ "url": "https://example.com/a.mp4", "kind": "video" })
}

async fn accepted_with(world: &World, connection: &str, content: Value, options: Option<Value>) -> String {
    let mut target = json!({ "connection": connection });
    if let Some(options) = options {
        target["options"] = json!({ "instagram": options });
    }
    let body = json!({ "content": content, "targets": [target] });
    world.create(&body).await.unwrap()["id"].as_str().unwrap().to_owned()
}

async fn accepted(world: &World, connection: &str) -> String {
    accepted_with(world, connection, json!({ "text": "Fresh bread", "media": [image()] }), None).await
}

async fn on(world: &World, seconds: i64) {
    world.advance(seconds);
    world.dispatcher.tick().await.unwrap();
    world.drain().await;
}

/// Lets time pass until the post has come to an end.
async fn finish(world: &World, id: &str) -> Value {
    world.drain().await;
    for _ in 0..80 {
        let post = world.post(id).await;
        if ["published", "failed", "needs_review", "expired"].contains(&post["state"].as_str().unwrap()) {
            return post;
        }
        on(world, 10).await;
    }
    world.post(id).await
}

/// What our app put out.
fn out(world: &World, account: &str) -> Vec<MediaView> {
    let mut media = instagram(world).state().media_of(account);
    media.retain(|media| media.by_app);
    media
}

/// How often a publish was sent, and how many containers there are.
fn publishes(world: &World) -> usize {
    instagram(world).requests().iter().filter(|call| call.path.ends_with("/media_publish")).count()
}

fn containers(world: &World) -> usize {
    instagram(world).state().accounts.iter().map(|account| account.containers.len()).sum()
}

async fn shown(world: &World, connection: &str) -> Value {
    world.read("GET /v1/connections/{connection}", &format!("/v1/connections/{connection}")).await.unwrap()
}

#[rstest]
#[case::through_facebook(FACEBOOK)]
#[case::through_instagram(INSTAGRAM)]
#[tokio::test]
async fn a_person_connects_an_account_and_every_kind_of_post_goes_out_once(#[case] login: &str) {
    let world = by(login).await;
    let connection = connected(&world, login).await;
    let view = shown(&world, &connection).await;
    assert_eq!((view["state"].as_str(), view["destinations"].as_array().map(Vec::len)), (Some("active"), Some(1)));
    let story = json!({ "placement": "story" });
    for (index, (media, options, product, kind)) in [
        (vec![image()], None, "FEED", "IMAGE"),
        (vec![image(), video(), image()], None, "FEED", "CAROUSEL_ALBUM"),
        (vec![video()], Some(json!({ "share_to_feed": true })), "REELS", "VIDEO"),
        (vec![image()], Some(story.clone()), "STORY", "IMAGE"),
        (vec![video()], Some(story), "STORY", "VIDEO"),
    ]
    .into_iter()
    .enumerate()
    {
        let text = if product == "STORY" { Value::Null } else { json!(format!("Bread {index}")) };
        let content = json!({ "text": text, "media": media });
        let id = accepted_with(&world, &connection, content, options).await;
        let target = &finish(&world, &id).await["targets"][0];
        let out = out(&world, account(login));
        assert_eq!((out.len(), publishes(&world)), (index + 1, index + 1), "{target}");
        assert_eq!((out[0].product.as_str(), out[0].kind.as_str()), (product, kind));
        assert_eq!(target["remote_id"], out[0].id.as_str());
        assert_eq!(target["url"], out[0].permalink.as_str());
        // Posts of one moment have no order.
        world.advance(1);
    }
}

#[tokio::test]
async fn one_post_goes_to_a_page_and_to_an_account_each_in_its_own_way() {
    let world = World::start().await;
    let (page, account) = (world.connected().await, connected(&world, FACEBOOK).await);
    let body = json!({
        "content": { "text": "Both", "media": [image()] },
        "targets": [
            { "connection": page },
            { "connection": account, "options": { "instagram": { "collaborators": ["example"] } } },
        ],
    });
    let id = world.create(&body).await.unwrap()["id"].as_str().unwrap().to_owned();
    assert_eq!(finish(&world, &id).await["state"], "published");
    assert_eq!((out(&world, BAKERY).len(), world.page().len()), (1, 1));
}

#[tokio::test]
async fn f12_what_instagram_would_refuse_is_told_of_with_pointers_before_anything_is_stored() {
    let world = World::start().await;
    let (page, account) = (world.connected().await, connected(&world, FACEBOOK).await);
    let refused = async |connection: &str, content: Value, options: Value| {
        let body = json!({ "content": content, "targets": [{ "connection": connection, "options": options }] });
        let problem = world.create(&body).await.unwrap_err();
        (problem.errors[0].pointer.clone(), problem.errors[0].code.clone())
    };
    let told = |pointer: &str, code: &str| (pointer.to_owned(), code.to_owned());
    let picture = || json!({ "media": [image()] });
    assert_eq!(
        refused(&page, picture(), json!({ "instagram": {} })).await,
        told("/targets/0/options", "options.other_platform")
    );
    assert_eq!(
        refused(&account, json!({ "text": "x" }), json!({ "instagram": {} })).await,
        told("/content/media", "instagram.media.missing")
    );
    assert_eq!(
        refused(&account, picture(), json!({ "instagram": { "placement": "reel" } })).await,
        told("/content/media/0/kind", "instagram.reel.needs_video")
    );
    assert_eq!(
        refused(&account, picture(), json!({ "instagram": { "location": "here" } })).await,
        told("/targets/0/options/instagram/location", "instagram.location.not_an_id")
    );
    assert_eq!(refused(&account, picture(), json!({ "instagram": { "placement": "wall" } })).await.1, "body.shape");
}

#[tokio::test]
async fn f12_what_instagram_alone_can_know_fails_with_a_reason() {
    let world = World::start().await;
    let connection = connected(&world, FACEBOOK).await;
    let film = json!({ "url": "https://example.com/wrong-format.mp4", "kind": "video" });
    let id = accepted_with(&world, &connection, json!({ "media": [film] }), None).await;
    let target = &finish(&world, &id).await["targets"][0];
    assert_eq!(
        (target["state"].as_str(), target["reason"]["code"].as_str()),
        (Some("failed"), Some("instagram.media.video_format"))
    );
    assert_eq!(publishes(&world), 0);
}

#[rstest]
#[case::through_facebook(FACEBOOK)]
#[case::through_instagram(INSTAGRAM)]
#[tokio::test]
async fn f34_f35_a_post_whose_answer_was_lost_is_out_once(#[case] login: &str) {
    for kind in [FaultKind::LostAnswer, FaultKind::Status500After, FaultKind::TruncatedAnswer] {
        let world = by(login).await;
        let connection = connected(&world, login).await;
        instagram(&world).add_fault(Fault::new(kind).on_edge("POST", "media_publish").times(1));
        let id = accepted(&world, &connection).await;
        world.drain().await;
        on(&world, 5).await;
        assert_eq!((world.state(&id).await.as_str(), out(&world, account(login)).len()), ("unknown", 1), "{kind:?}");
        let post = finish(&world, &id).await;
        let out = out(&world, account(login));
        assert_eq!((post["state"].as_str(), out.len(), publishes(&world)), (Some("published"), 1, 1), "{kind:?}");
        assert_eq!(post["targets"][0]["remote_id"], out[0].id.as_str());
    }
}

#[tokio::test]
async fn f34_a_container_that_was_not_published_is_published_later_and_no_other_is_made() {
    for kind in [FaultKind::Status500Before, FaultKind::RefusedBefore] {
        let world = World::start().await;
        let connection = connected(&world, FACEBOOK).await;
        instagram(&world).add_fault(Fault::new(kind).on_edge("POST", "media_publish").times(1));
        let id = accepted(&world, &connection).await;
        world.drain().await;
        on(&world, 5).await;
        assert_eq!(world.state(&id).await, "unknown");
        // Somebody writes the same by hand meanwhile: it is not taken for ours.
        drop(instagram(&world).write_by_hand(BAKERY, "Fresh bread"));
        on(&world, 30).await;
        assert_eq!((world.state(&id).await.as_str(), publishes(&world)), ("unknown", 1), "too early to believe it");
        assert_eq!(finish(&world, &id).await["state"], "published", "{kind:?}");
        assert_eq!((out(&world, BAKERY).len(), publishes(&world), containers(&world)), (1, 2, 1), "{kind:?}");
    }
}

#[tokio::test]
async fn f46_a_post_that_is_out_beside_a_persons_twin_is_left_to_a_person() {
    let world = World::start().await;
    let connection = connected(&world, FACEBOOK).await;
    instagram(&world).add_fault(Fault::new(FaultKind::LostAnswer).on_edge("POST", "media_publish").times(1));
    let id = accepted(&world, &connection).await;
    world.drain().await;
    on(&world, 5).await;
    drop(instagram(&world).write_by_hand(BAKERY, "Fresh bread"));
    assert_eq!(finish(&world, &id).await["state"], "needs_review");
    assert_eq!(publishes(&world), 1);
}

#[tokio::test]
async fn f38_each_step_that_is_lost_on_the_way_makes_no_second_post() {
    for (method, edge) in [
        ("GET", "content_publishing_limit"),
        ("POST", "media"),
        ("GET", "container"),
        ("POST", "media_publish"),
        ("GET", "node"),
    ] {
        for kind in [FaultKind::LostAnswer, FaultKind::Status500After] {
            let world = World::start().await;
            let connection = connected(&world, FACEBOOK).await;
            instagram(&world).add_fault(Fault::new(kind).on_edge(method, edge).times(1));
            let content = json!({ "text": "Many", "media": [image(), image()] });
            let id = accepted_with(&world, &connection, content, None).await;
            let post = finish(&world, &id).await;
            let told = (post["state"].as_str(), out(&world, BAKERY).len(), publishes(&world));
            assert_eq!(told, (Some("published"), 1, 1), "{edge} {kind:?}");
        }
    }
}

#[tokio::test]
async fn f38_what_was_prepared_and_ended_meanwhile_is_prepared_again() {
    let world = World::start().await;
    let connection = connected(&world, FACEBOOK).await;
    let id = accepted(&world, &connection).await;
    world.drain().await;
    assert_eq!((world.state(&id).await.as_str(), containers(&world)), ("waiting", 1));
    instagram(&world).expire_containers();
    assert_eq!(finish(&world, &id).await["state"], "published");
    assert_eq!((out(&world, BAKERY).len(), publishes(&world), containers(&world)), (1, 1, 2));
}

#[tokio::test]
async fn f39_a_video_that_is_worked_on_for_hours_is_waited_for_and_goes_out_once() {
    let world = World::start().await;
    let connection = connected(&world, FACEBOOK).await;
    instagram(&world).set_processing(SignedDuration::ZERO, SignedDuration::from_hours(3));
    let id = accepted_with(&world, &connection, json!({ "media": [video()] }), None).await;
    world.drain().await;
    for _ in 0..35 {
        on(&world, 300).await;
        assert_eq!(world.state(&id).await, "waiting");
    }
    let looks = instagram(&world).requests().len();
    assert!(looks < 110, "{looks} calls in three hours");
    on(&world, 900).await;
    assert_eq!(finish(&world, &id).await["state"], "published");
    assert_eq!((out(&world, BAKERY).len(), publishes(&world), containers(&world)), (1, 1, 1));
}

#[tokio::test]
async fn f40_a_throttled_account_costs_no_attempt() {
    let world = World::start().await;
    let connection = connected(&world, FACEBOOK).await;
    let throttled = Fault { minutes: Some(3), ..Fault::new(FaultKind::RateLimited) };
    instagram(&world).add_fault(throttled.on_edge("POST", "media").times(1));
    let id = accepted(&world, &connection).await;
    world.drain().await;
    let target = &world.post(&id).await["targets"][0];
    assert_eq!(
        (target["state"].as_str(), target["reason"]["code"].as_str()),
        (Some("waiting"), Some("instagram.rate.business"))
    );
    on(&world, 181).await;
    assert_eq!(finish(&world, &id).await["state"], "published");
}

#[tokio::test]
async fn f41_the_quota_of_a_day_is_waited_for_before_anything_is_made() {
    let world = World::start().await;
    let connection = connected(&world, FACEBOOK).await;
    instagram(&world).set_quota(0);
    let id = accepted(&world, &connection).await;
    world.drain().await;
    let target = &world.post(&id).await["targets"][0];
    assert_eq!(
        (target["state"].as_str(), target["reason"]["code"].as_str()),
        (Some("waiting"), Some("instagram.rate.publish_quota"))
    );
    assert_eq!(containers(&world), 0);
    instagram(&world).set_quota(50);
    on(&world, 3_601).await;
    assert_eq!(finish(&world, &id).await["state"], "published");
}

#[rstest]
#[case::through_facebook(FACEBOOK)]
#[case::through_instagram(INSTAGRAM)]
#[tokio::test]
async fn a_token_that_died_holds_the_post_until_its_owner_connects_again(#[case] login: &str) {
    let world = by(login).await;
    let connection = connected(&world, login).await;
    instagram(&world).revoke(if login == FACEBOOK { ADA } else { CREATOR }, 460);
    let id = accepted(&world, &connection).await;
    world.drain().await;
    let view = shown(&world, &connection).await;
    assert_eq!(
        (view["state"].as_str(), view["reason"]["code"].as_str()),
        (Some("reconnect"), Some("instagram.token.password_changed"))
    );
    assert_eq!(world.state(&id).await, "waiting");
    assert_eq!(connected(&world, login).await, connection);
    on(&world, 60).await;
    assert_eq!(finish(&world, &id).await["state"], "published");
    assert_eq!(out(&world, account(login)).len(), 1);
}

#[tokio::test]
async fn a_reconnect_refuses_another_persons_grant() {
    let world = World::start().await;
    let wanted = json!({
        "platform": "instagram", "return_url": "http://127.0.0.1:9/done",
        "reconnect": connected(&world, FACEBOOK).await,
    });
    let back = world.connect_as(GRACE, &[GARDEN_PAGE], &wanted).await;
    assert!(back.query().unwrap().ends_with("error=other_account"), "{back}");
}

#[tokio::test]
async fn an_account_behind_a_page_without_the_task_is_listed_with_what_is_in_its_way() {
    let world = World::start().await;
    let view = shown(&world, &connected_as(&world, ADA, &[BAKERY_PAGE, CAFE_PAGE]).await).await;
    let told: Vec<_> = view["destinations"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|found| found["refusal"]["code"].as_str().or(found["reason"]["code"].as_str()))
        .collect();
    assert_eq!(told, ["instagram.page.task_missing"], "{view:#}");
}

#[tokio::test]
async fn a_token_of_instagram_login_is_renewed_by_itself_long_before_it_ends() {
    let world = by(INSTAGRAM).await;
    let connection = connected(&world, INSTAGRAM).await;
    let renewals =
        || instagram(&world).requests().iter().filter(|call| call.path.ends_with("/refresh_access_token")).count();
    let mut renewed_on = Vec::new();
    for day in 1..=90 {
        world.advance(DAY);
        Arc::new(Round { health: world.health_sandbox() }).run(Duration::from_mins(1)).await.unwrap();
        if renewals() > renewed_on.len() {
            renewed_on.push(day);
        }
    }
    // After two thirds of sixty days, less up to a twentieth that its connection has of its own.
    let [first, second] = renewed_on[..] else { panic!("{renewed_on:?}") };
    assert!((37..=41).contains(&first) && (37..=41).contains(&(second - first)), "{renewed_on:?}");
    assert_eq!(renewals(), 2);
    let id = accepted(&world, &connection).await;
    assert_eq!(finish(&world, &id).await["state"], "published");
    assert_eq!(shown(&world, &connection).await["state"], "active");
}

#[tokio::test]
async fn a_token_of_instagram_login_that_lapsed_waits_for_its_owner() {
    let world = by(INSTAGRAM).await;
    let connection = connected(&world, INSTAGRAM).await;
    world.advance(61 * DAY);
    let id = accepted(&world, &connection).await;
    world.drain().await;
    assert_eq!(
        (shown(&world, &connection).await["state"].as_str(), world.state(&id).await.as_str()),
        (Some("reconnect"), "waiting")
    );
    assert_eq!(publishes(&world), 0);
}

fn signature(body: &[u8]) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, APP.secret.as_bytes());
    format!("sha256={}", HEXLOWER.encode(hmac::sign(&key, body).as_ref()))
}

async fn delivered(world: &World, hook: &str, body: &str, signature: Option<&str>) -> u16 {
    let route = if hook.is_empty() { "POST /webhooks/{platform}" } else { "POST /webhooks/{platform}/{hook}" };
    let mut request = world.request(route, &format!("/webhooks/instagram{hook}"), &Value::Null);
    request.body = Bytes::copy_from_slice(body.as_bytes());
    if let Some(signature) = signature {
        request.headers.insert("x-hub-signature-256", signature.parse().unwrap());
    }
    let status = world.receiver.handle(request).await.unwrap_or_else(Response::from).status;
    world.understand().await;
    status
}

fn comment(account: &str, is_flat: bool) -> String {
    let value =
        json!({ "id": "17950", "text": "Sch\u{f6}n", "media": { "id": "17855", "media_product_type": "FEED" } });
    let entry = if is_flat {
        json!({ "id": account, "time": 1_795_219_200, "field": "comments", "value": value })
    } else {
        json!({ "id": account, "time": 1_795_219_200, "changes": [{ "field": "comments", "value": value }] })
    };
    json!({ "object": "instagram", "entry": [entry] }).to_string().replace('\u{f6}', "\\u00f6")
}

#[rstest]
#[case::through_facebook(FACEBOOK)]
#[case::through_instagram(INSTAGRAM)]
#[tokio::test]
async fn f74_f76_a_comment_is_taken_in_once_in_the_shape_of_either_login_and_only_when_it_is_signed(
    #[case] login: &str,
) {
    let world = by(login).await;
    let connection = connected(&world, login).await;
    let body = comment(account(login), login == INSTAGRAM);
    let good = signature(body.as_bytes());
    let (sha1, short) = (good.replace("sha256=", "sha1="), good.split_at(good.len() - 2).0);
    for wrong in [None, Some(""), Some("sha256="), Some(sha1.as_str()), Some(short)] {
        assert_eq!(delivered(&world, "", &body, wrong).await, 401, "{wrong:?}");
    }
    assert!(shown(&world, &connection).await["last_event"].is_null());
    for _ in 0..3 {
        assert_eq!(delivered(&world, "", &body, Some(&good)).await, 200);
    }
    let view = shown(&world, &connection).await;
    assert!(view["last_event"].to_string().contains("comments"), "{view:#}");
    let client = shared::aws::Clients::at(&world.emulators.endpoint_url()).dynamodb();
    let rows = client.scan().table_name("State").send().await.unwrap();
    let hooks = |prefix: &str| rows.items().iter().filter(|row| row["pk"].as_s().unwrap().contains(prefix)).count();
    assert_eq!((hooks("HOOK#instagram#"), hooks("#HOOK#2026")), (1, 1));
}

#[rstest]
#[case::through_facebook(FACEBOOK, ADA)]
#[case::through_instagram(INSTAGRAM, CREATOR)]
#[tokio::test]
async fn whoever_removes_the_app_is_asked_to_connect_again(#[case] login: &str, #[case] who: &str) {
    let world = by(login).await;
    let connection = connected(&world, login).await;
    let body = |secret: &str| {
        let issued_at = world.clock.now().as_second();
        let payload = json!({ "algorithm": "HMAC-SHA256", "issued_at": issued_at, "user_id": who }).to_string();
        let payload = BASE64URL_NOPAD.encode(payload.as_bytes());
        let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
        let signature = BASE64URL_NOPAD.encode(hmac::sign(&key, payload.as_bytes()).as_ref());
        format!("signed_request={signature}.{payload}")
    };
    // Facebook's app is another one.
    assert_eq!(delivered(&world, "/deauthorize", &body(simulator::APP_SECRET), None).await, 401);
    assert_eq!(shown(&world, &connection).await["state"], "active");
    assert_eq!(delivered(&world, "/deauthorize", &body(APP.secret), None).await, 200);
    let view = shown(&world, &connection).await;
    assert_eq!(
        (view["state"].as_str(), view["reason"]["code"].as_str()),
        (Some("reconnect"), Some("connection.revoked"))
    );
}

#[tokio::test]
async fn f80_a_handshake_with_our_word_is_answered_with_the_challenge_alone() {
    let world = World::start().await;
    for (token, challenge, expected) in
        [(APP.verify_token, "1158201444", 200), ("guess", "1158201444", 403), (APP.verify_token, "<script>", 403)]
    {
        let query = format!("hub.mode=subscribe&hub.verify_token={token}&hub.challenge={challenge}");
        let request = world.request("GET /webhooks/{platform}", &format!("/webhooks/instagram?{query}"), &Value::Null);
        let response = world.receiver.handle(request).await.unwrap_or_else(Response::from);
        assert_eq!(response.status, expected, "{token} {challenge}");
        assert!(expected != 200 || response.body == challenge);
    }
}

#[tokio::test]
async fn health_looks_at_both_kinds_of_grant() {
    for login in [FACEBOOK, INSTAGRAM] {
        let world = by(login).await;
        let connection = connected(&world, login).await;
        world.advance(7 * 3_600);
        world.health.run(Duration::from_mins(1)).await.unwrap();
        assert_eq!(shown(&world, &connection).await["state"], "active", "{login}");
        instagram(&world).revoke(if login == FACEBOOK { ADA } else { CREATOR }, 460);
        world.advance(7 * 3_600);
        world.health.run(Duration::from_mins(1)).await.unwrap();
        assert_eq!(shown(&world, &connection).await["state"], "reconnect", "{login}");
    }
}

#[tokio::test]
async fn an_account_of_instagram_login_is_published_to_by_the_id_that_it_has_there() {
    let world = by(INSTAGRAM).await;
    let view = shown(&world, &connected(&world, INSTAGRAM).await).await;
    assert_eq!(view["destinations"][0]["id"], CREATOR_SCOPED);
}

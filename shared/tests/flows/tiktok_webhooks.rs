//! What TikTok tells us unasked, and what that does to a connection.

use bytes::Bytes;
use serde_json::{Value, json};
use shared::http::Response;
use simulator::{Fault, FaultKind, tiktok::seed};

use crate::{
    tiktok::{accepted, connected, settled, tiktok, video, videos},
    world::World,
};

const ADDRESS: &str = "http://127.0.0.1:9/webhooks/tiktok";

/// Hands a delivery in; the status of the answer.
async fn hand_in(world: &World, (body, signature): (String, String)) -> u16 {
    let mut request = world.request("POST /webhooks/{platform}", "/webhooks/tiktok", &Value::Null);
    request.body = Bytes::from(body);
    request.headers.insert("tiktok-signature", signature.parse().unwrap());
    let status = world.receiver.handle(request).await.unwrap_or_else(Response::from).status;
    world.understand().await;
    status
}

async fn deliver(world: &World) -> Vec<u16> {
    let mut answers = Vec::new();
    for delivery in tiktok(world).take_webhooks() {
        answers.push(hand_in(world, delivery).await);
    }
    answers
}

async fn view(world: &World, connection: &str) -> Value {
    world.read("GET /v1/connections/{connection}", &format!("/v1/connections/{connection}")).await.unwrap()
}

async fn begin() -> (World, String) {
    let world = World::start().await;
    tiktok(&world).set_webhook_url(Some(ADDRESS));
    let connection = connected(&world).await;
    world.advance(10);
    (world, connection)
}

#[tokio::test]
async fn who_takes_the_permission_back_ends_the_connection_and_a_login_brings_it_back() {
    let (world, connection) = Box::pin(begin()).await;
    tiktok(&world).remove_authorization(seed::BAKERY, 1);
    assert_eq!(deliver(&world).await, [200]);
    let ended = view(&world, &connection).await;
    assert_eq!(
        (ended["state"].as_str(), ended["reason"]["code"].as_str()),
        (Some("reconnect"), Some("connection.revoked"))
    );
    let id = accepted(&world, &video(&world, &connection, 1_000)).await;
    world.drain().await;
    assert_eq!((world.state(&id).await.as_str(), videos(&world).len()), ("waiting", 0));
    assert_eq!(connected(&world).await, connection);
    assert_eq!(settled(&world, &id, 61).await, "published");
}

#[tokio::test]
async fn f76_a_delivery_that_is_not_signed_by_tiktok_is_refused() {
    let (world, connection) = Box::pin(begin()).await;
    tiktok(&world).add_fault(Fault::new(FaultKind::WebhookBadSignature).times(1));
    tiktok(&world).remove_authorization(seed::BAKERY, 1);
    assert_eq!(deliver(&world).await, [401]);
    assert_eq!(view(&world, &connection).await["state"], "active");
}

#[tokio::test]
async fn f77_a_removal_that_is_played_back_ends_no_newer_login_and_after_three_days_is_refused() {
    let (world, connection) = Box::pin(begin()).await;
    tiktok(&world).remove_authorization(seed::BAKERY, 1);
    let removal = tiktok(&world).take_webhooks().remove(0);
    world.advance(60);
    assert_eq!(connected(&world).await, connection);
    // Late by retries, and first heard of now: it is about the login before.
    assert_eq!(hand_in(&world, removal.clone()).await, 200);
    assert_eq!(view(&world, &connection).await["state"], "active");
    world.advance(74 * 3_600);
    assert_eq!(hand_in(&world, removal).await, 401);
}

#[tokio::test]
async fn f74_what_tiktok_tells_again_is_recorded_once() {
    let (world, connection) = Box::pin(begin()).await;
    let id = accepted(&world, &video(&world, &connection, 1_000)).await;
    assert_eq!(settled(&world, &id, 6).await, "published");
    world.advance(20);
    // The callback address does not answer; by hand it does.
    tiktok(&world).remove_authorization(seed::BAKERY, 1);
    let deliveries = tiktok(&world).take_webhooks();
    let removal = deliveries.into_iter().find(|(body, _)| body.contains("authorization.removed")).unwrap();
    for _ in 0..3 {
        assert_eq!(hand_in(&world, removal.clone()).await, 200);
    }
    let client = shared::aws::Clients::at(&world.emulators.endpoint_url()).dynamodb();
    let rows = client.scan().table_name("State").send().await.unwrap();
    let hooks = |prefix: &str| rows.items().iter().filter(|row| row["pk"].as_s().unwrap().contains(prefix)).count();
    assert_eq!((hooks("HOOK#tiktok#"), hooks("#HOOK#2026")), (1, 1));
}

/// A delivery about a post of the bakery, as TikTok signs it at this moment.
fn told(world: &World, event: &str, content: &Value) -> (String, String) {
    let body = json!({
        "client_key": simulator::tiktok::APP.id, "event": event, "create_time": world.clock_seconds(),
        "user_openid": seed::BAKERY, "content": content.to_string(),
    })
    .to_string();
    let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, simulator::tiktok::APP.secret.as_bytes());
    let time = world.clock_seconds();
    let signature = aws_lc_rs::hmac::sign(&key, format!("{time}.{body}").as_bytes());
    (body, format!("t={time},s={}", data_encoding::HEXLOWER.encode(signature.as_ref())))
}

#[tokio::test]
async fn what_everyone_may_see_is_told_with_its_public_id() {
    let (world, connection) = Box::pin(begin()).await;
    let id = tiktok(&world).write_by_hand(seed::BAKERY, "By hand");
    for (event, kind) in [
        ("post.publish.publicly_available", "post.published"),
        ("post.publish.no_longer_publicaly_available", "post.removed"),
    ] {
        let content = json!({ "publish_id": "v_pub_file~v2-1.1", "post_id": id, "publish_type": "DIRECT_PUBLISH" });
        assert_eq!(hand_in(&world, told(&world, event, &content)).await, 200);
        let event = &view(&world, &connection).await["last_event"];
        assert_eq!((event["kind"].as_str(), event["remote_id"].as_str()), (Some(kind), Some(id.as_str())));
    }
}

/// What TikTok tells of a post, in the order in which it happens.
const TOLD: [&str; 3] =
    ["post.publish.complete", "post.publish.publicly_available", "post.publish.no_longer_publicaly_available"];
const ORDERS: [[usize; 3]; 6] = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]];

/// When each of the three is told: before we have asked what became of the post, meanwhile, or after it has ended for us; and
/// whether the answer to the upload is lost, so that nothing of it is written down when TikTok begins to tell.
const MOMENTS: [([usize; 3], bool); 4] = [([0, 0, 0], false), ([0, 0, 0], true), ([0, 1, 2], true), ([2, 2, 2], false)];

#[tokio::test]
async fn f75_in_whatever_order_and_however_early_a_post_is_told_of_it_ends_once_and_as_it_would_have() {
    for order in ORDERS {
        // An account may publish fifteen times a day.
        let (world, connection) = Box::pin(begin()).await;
        for (number, (moments, is_lost)) in MOMENTS.into_iter().enumerate() {
            world.advance(61);
            if is_lost {
                tiktok(&world).add_fault(Fault::new(FaultKind::LostAnswer).on_edge("PUT", "upload").times(1));
            }
            let id = accepted(&world, &video(&world, &connection, 1_000)).await;
            let begun = || tiktok(&world).tasks(seed::BAKERY).into_iter().skip(number).collect::<Vec<_>>();
            for moment in 0..3 {
                match moment {
                    0 => {
                        world.drain().await;
                        assert_eq!(world.state(&id).await == "unknown", is_lost);
                    }
                    1 => crate::tiktok::on(&world, 1).await,
                    _ => assert_eq!(settled(&world, &id, 31).await, "published", "{order:?} {moments:?}"),
                }
                assert_eq!(begun().len(), 1, "the upload is begun once");
                let content = json!({ "publish_id": begun()[0].id, "post_id": format!("76{number:016}") });
                for (event, _) in order.iter().zip(moments).filter(|(_, at)| *at == moment) {
                    let delivery = told(&world, TOLD[*event], &content);
                    assert_eq!(hand_in(&world, delivery.clone()).await, 200);
                    assert_eq!(hand_in(&world, delivery).await, 200, "again, as TikTok may");
                }
            }
            let target = &world.post(&id).await["targets"][0];
            let own = videos(&world).into_iter().find(|video| video.publish_id.as_ref() == Some(&begun()[0].id));
            let own = own.expect("the video is out");
            let is_its =
                [Some(&own.id), own.publish_id.as_ref()].into_iter().flatten().any(|id| target["remote_id"] == **id);
            assert!(is_its, "{target}");
            assert_eq!(target["attempts"], 1);
        }
        assert_eq!(videos(&world).len(), MOMENTS.len());
        assert_eq!(view(&world, &connection).await["state"], "active");
    }
}

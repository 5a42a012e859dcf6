//! Posts that go out, now and later.

use serde_json::json;
use shared::ids::PostId;
use simulator::facebook::{Fault, FaultKind, seed};

use crate::world::World;

#[tokio::test]
async fn a_text_a_link_and_a_photo_go_out_as_they_were_written() {
    let world = World::start().await;
    let connection = world.connected().await;
    let targets = json!([{ "connection": connection }]);
    for content in [
        json!({ "text": "Fresh bread — frisches Brot 🥖" }),
        json!({ "text": "Our menu", "link": "https://example.com/menu" }),
        json!({ "text": "Look", "media": [{ "url": "https://example.com/bread.jpg", "kind": "image" }] }),
    ] {
        let accepted = world.create(&json!({ "content": content, "targets": targets })).await.unwrap();
        assert_eq!(accepted["state"], "queued");
        world.drain().await;
        let post = world.post(accepted["id"].as_str().unwrap()).await;
        assert_eq!(post["state"], "published", "{post:#}");
        assert_eq!(post["targets"][0]["attempts"], 1);
        let shown = &world.page()[0];
        // Facebook tells where a text or a link stands, and of a photo only its id.
        let url = shown.photos.is_empty().then_some(shown.permalink_url.as_str());
        assert_eq!(post["targets"][0]["url"].as_str(), url, "{post:#}");
        assert_eq!(post["targets"][0]["remote_id"], shown.id.as_str());
        assert_eq!(shown.message.as_deref(), content["text"].as_str());
        assert_eq!(shown.link.as_deref(), content["link"].as_str());
        assert_eq!(shown.photos.len(), content["media"].as_array().map_or(0, Vec::len));
    }
    assert_eq!(world.page().len(), 3);
}

#[tokio::test]
async fn f01_the_same_request_with_its_key_is_accepted_once_and_answered_alike() {
    let world = World::start().await;
    let body = json!({ "content": { "text": "once" }, "targets": [{ "connection": world.connected().await }] });
    let first = world.create_keyed("order-17", &body).await.unwrap();
    world.drain().await;
    world.advance(3_600);
    for _ in 0..3 {
        let again = world.create_keyed("order-17", &body).await.unwrap();
        assert_eq!((again.status, &again.body), (202, &first.body));
        assert!(again.headers.contains(&("idempotency-replayed", "true".into())));
    }
    world.drain().await;
    assert_eq!(world.page().len(), 1);
}

#[tokio::test]
async fn f01_times_finer_than_the_store_keeps_are_answered_alike() {
    let world = World::start().await;
    let body = json!({
        "content": { "text": "to the nanosecond" },
        "targets": [{ "connection": world.connected().await }],
        "schedule": { "at": "2026-11-22T00:00:00.123456789Z" },
        "not_after": "2026-11-22T01:00:00.123456789Z",
    });
    let first = world.create_keyed("k", &body).await.unwrap();
    assert_eq!(world.create_keyed("k", &body).await.unwrap().body, first.body);
}

#[tokio::test]
async fn f01_requests_at_the_same_moment_with_one_key_make_one_post() {
    let world = World::start().await;
    let body = json!({ "content": { "text": "at once" }, "targets": [{ "connection": world.connected().await }] });
    let (a, b, c) =
        tokio::join!(world.create_keyed("k", &body), world.create_keyed("k", &body), world.create_keyed("k", &body));
    assert_eq!(a.as_ref().unwrap().body, b.unwrap().body);
    assert_eq!(a.unwrap().body, c.unwrap().body);
    world.drain().await;
    assert_eq!(world.page().len(), 1);
}

#[tokio::test]
async fn f02_one_key_of_two_tenants_makes_two_posts() {
    let mut world = World::start().await;
    let mut ids = Vec::new();
    for _ in 0..2 {
        let body = json!({ "content": { "text": format!("{ids:?}") }, "targets": [{ "connection": world.connected().await }] });
        let response = world.create_keyed("shared-key", &body).await.unwrap();
        let view: serde_json::Value = serde_json::from_str(&response.body).unwrap();
        ids.push(view["id"].as_str().unwrap().parse::<PostId>().unwrap());
        world.caller = world.other_tenant().await;
    }
    assert_ne!(ids[0], ids[1]);
}

#[tokio::test]
async fn f03_another_body_under_a_used_key_is_refused_and_field_order_is_no_other_body() {
    let world = World::start().await;
    let connection = world.connected().await;
    let body = json!({ "content": { "text": "a", "link": "https://example.com/" }, "targets": [{ "connection": connection }] });
    world.create_keyed("k", &body).await.unwrap();
    let reordered = format!(
        r#"{{"targets":[{{"connection":"{connection}"}}],"content":{{"link":"https://example.com/","text":"a"}}}}"#
    );
    let mut request = world.request("POST /v1/posts", "/v1/posts", &serde_json::Value::Null);
    request.headers.insert("idempotency-key", "k".parse().unwrap());
    request.body = reordered.into();
    assert_eq!(world.publisher.handle(request).await.unwrap().status, 202);
    for other in [
        json!({ "content": { "text": "b", "link": "https://example.com/" }, "targets": [{ "connection": connection }] }),
        json!({ "content": { "text": "a" }, "targets": [{ "connection": connection }] }),
        json!({ "content": { "text": "a", "link": "https://example.com/" }, "targets": [{ "connection": connection }], "not_after": "2026-11-22T00:00:00Z" }),
    ] {
        assert_eq!(world.create_keyed("k", &other).await.unwrap_err().code, "idempotency.mismatch");
    }
    world.drain().await;
    assert_eq!(world.page().len(), 1);
}

#[tokio::test]
async fn f13_a_job_that_is_delivered_many_times_at_once_publishes_once() {
    let world = World::start().await;
    let body = json!({ "content": { "text": "once" }, "targets": [{ "connection": world.connected().await }] });
    let id = world.create(&body).await.unwrap()["id"].as_str().unwrap().to_owned();
    let messages = world.receive(&world.publish_queue, 180).await;
    let copies: Vec<_> = (0..8)
        .map(|copy| {
            let mut message = messages[0].clone();
            message.id = format!("copy-{copy}");
            message
        })
        .collect();
    world.consumer.batch(copies, std::time::Duration::from_secs(30)).await;
    world.advance(3_600);
    world.drain().await;
    assert_eq!(world.page().len(), 1);
    assert_eq!(world.post(&id).await["state"], "published");
}

#[tokio::test]
async fn a_scheduled_post_goes_out_at_its_time_and_not_before() {
    let world = World::start().await;
    let connection = world.connected().await;
    for (at, seconds) in [("2026-11-21T10:00:20Z", 20), ("2026-11-21T13:00:20Z", 10_800)] {
        let body =
            json!({ "content": { "text": at }, "targets": [{ "connection": connection }], "schedule": { "at": at } });
        let accepted = world.create(&body).await.unwrap();
        assert_eq!(accepted["state"], "scheduled");
        let before = world.page().len();
        world.advance(seconds - 15);
        world.dispatcher.tick().await.unwrap();
        world.drain().await;
        assert_eq!(world.page().len(), before, "too early");
        world.advance(16);
        world.drain().await;
        assert_eq!(world.page().len(), before + 1, "{at}");
        let id = accepted["id"].as_str().unwrap();
        assert_eq!(world.post(id).await["state"], "published");
        assert_eq!(world.events(id).await, ["accepted", "started", "published"]);
    }
}

#[tokio::test]
async fn f69_a_scheduled_post_goes_out_although_ten_ticks_were_lost() {
    let world = World::start().await;
    let body = json!({
        "content": { "text": "late" },
        "targets": [{ "connection": world.connected().await }],
        "schedule": { "local": "2026-11-21T12:00:00", "zone": "Europe/Berlin" },
    });
    world.create(&body).await.unwrap();
    world.advance(3_600 + 600);
    let tick = world.dispatcher.tick().await.unwrap();
    assert_eq!((tick.sent, tick.oldest_overdue_seconds), (1, 600));
    assert_eq!(world.dispatcher.tick().await.unwrap().sent, 0, "a second tick finds it postponed");
    world.drain().await;
    assert_eq!(world.page().len(), 1);
}

#[tokio::test]
async fn f23_a_lost_job_of_a_scheduled_post_is_sent_again() {
    let world = World::start().await;
    let body = json!({
        "content": { "text": "lost" },
        "targets": [{ "connection": world.connected().await }],
        "schedule": { "at": "2026-11-21T10:10:00Z" },
    });
    world.create(&body).await.unwrap();
    world.advance(600);
    world.dispatcher.tick().await.unwrap();
    world.sqs.purge_queue().queue_url(&world.publish_queue).send().await.unwrap();
    world.advance(301);
    assert_eq!(world.dispatcher.tick().await.unwrap().sent, 1);
    world.drain().await;
    assert_eq!(world.page().len(), 1);
}

#[tokio::test]
async fn f22_a_job_that_comes_back_after_days_expires_instead_of_going_out() {
    let world = World::start().await;
    let body = json!({ "content": { "text": "stale" }, "targets": [{ "connection": world.connected().await }] });
    let id = world.create(&body).await.unwrap()["id"].as_str().unwrap().to_owned();
    world.advance(6 * 3_600 + 1);
    world.drain().await;
    let post = world.post(&id).await;
    assert_eq!((post["state"].as_str(), world.page().len()), (Some("expired"), 0), "{post:#}");
    assert_eq!(post["targets"][0]["reason"]["code"], "post.expired");
}

#[tokio::test]
async fn a_failed_attempt_is_repeated_until_the_fourth() {
    let world = World::start().await;
    let connection = world.connected().await;
    let body = json!({ "content": { "text": "patience" }, "targets": [{ "connection": connection }] });
    // Reset before anything happened: nothing went out, so it may be sent again.
    world.simulator.facebook().add_fault(Fault::new(FaultKind::RateLimited).on_page(seed::BAKERY).times(1));
    let id = world.create(&body).await.unwrap()["id"].as_str().unwrap().to_owned();
    world.drain().await;
    let post = world.post(&id).await;
    assert_eq!(post["state"], "waiting", "the platform named a time: {post:#}");
    assert_eq!(post["targets"][0]["attempts"], 0, "keeping to it spends no attempt");
    world.advance(3_700);
    world.dispatcher.tick().await.unwrap();
    world.drain().await;
    assert_eq!(world.post(&id).await["state"], "published");
    assert_eq!(world.page().len(), 1);
}

#[tokio::test]
async fn what_the_platform_refuses_is_a_dead_letter_with_its_reason() {
    let world = World::start().await;
    let connection = world.connected().await;
    let body = json!({ "content": { "text": "refused" }, "targets": [{ "connection": connection }] });
    world.simulator.facebook().add_fault(Fault::error(100, None).on_page(seed::BAKERY).times(1));
    let id = world.create(&body).await.unwrap()["id"].as_str().unwrap().to_owned();
    world.drain().await;
    let post = world.post(&id).await;
    assert_eq!(post["state"], "failed", "{post:#}");
    let dead = world.read("GET /v1/dead-letters", "/v1/dead-letters").await.unwrap();
    assert_eq!(dead["dead_letters"][0]["post"], id.as_str());
    assert_eq!(dead["dead_letters"][0]["reason"], post["targets"][0]["reason"]);
    let letters = world.receive(&world.dead_letter_queue, 1).await;
    assert_eq!(letters.len(), 1);
    assert!(letters[0].body.contains(&id));
    assert_eq!(world.page().len(), 0);
}

#[tokio::test]
async fn a_dead_token_holds_the_posts_and_a_new_login_lets_them_go_out() {
    let world = World::start().await;
    let connection = world.connected().await;
    world.simulator.facebook().revoke_user(seed::ADA, 460);
    let body = json!({ "content": { "text": "held" }, "targets": [{ "connection": connection }] });
    let id = world.create(&body).await.unwrap()["id"].as_str().unwrap().to_owned();
    world.drain().await;
    let post = world.post(&id).await;
    assert_eq!(post["state"], "waiting", "{post:#}");
    let view = world.read("GET /v1/connections/{connection}", &format!("/v1/connections/{connection}")).await.unwrap();
    assert_eq!(view["state"], "reconnect");
    assert_eq!(view["reason"]["act"], "end_user");

    let session = json!({ "platform": "facebook", "return_url": "http://127.0.0.1:9/", "reconnect": connection });
    let back = world.connect_as(seed::ADA, &[seed::BAKERY], &session).await;
    assert!(back.query().unwrap().contains(&connection), "{back}");
    world.advance(16 * 60);
    world.dispatcher.tick().await.unwrap();
    world.drain().await;
    assert_eq!(world.post(&id).await["state"], "published");
    assert_eq!(world.page().len(), 1);
}

#[tokio::test]
async fn a_post_is_cancelled_before_it_goes_out_and_not_after() {
    let world = World::start().await;
    let connection = world.connected().await;
    for schedule in [json!(null), json!({ "at": "2026-11-21T13:00:00Z" })] {
        let mut body = json!({ "content": { "text": "never" }, "targets": [{ "connection": connection }] });
        if !schedule.is_null() {
            body["schedule"] = schedule;
        }
        let id = world.create(&body).await.unwrap()["id"].as_str().unwrap().to_owned();
        let request = world.request("DELETE /v1/posts/{post}", &format!("/v1/posts/{id}"), &json!(null));
        let cancelled = world.reader.handle(request.clone()).await.unwrap();
        assert!(cancelled.body.contains(r#""state":"cancelled""#), "{}", cancelled.body);
        world.advance(7_200);
        world.dispatcher.tick().await.unwrap();
        world.drain().await;
        assert_eq!(world.page().len(), 0);
        assert_eq!(world.reader.handle(request).await.unwrap().status, 200, "cancelling twice is cancelling");
    }
    let body = json!({ "content": { "text": "out" }, "targets": [{ "connection": connection }] });
    let id = world.create(&body).await.unwrap()["id"].as_str().unwrap().to_owned();
    world.drain().await;
    let request = world.request("DELETE /v1/posts/{post}", &format!("/v1/posts/{id}"), &json!(null));
    assert_eq!(world.reader.handle(request).await.unwrap_err().code, "post.not_cancellable");
}

#[tokio::test]
async fn f67_a_listing_in_pages_shows_every_post_once_the_newest_first() {
    let world = World::start().await;
    let connection = world.connected().await;
    let mut expected = Vec::new();
    for day in 0..3 {
        for number in 0..7 {
            let body =
                json!({ "content": { "text": format!("{day}/{number}") }, "targets": [{ "connection": connection }] });
            let accepted = world.create(&body).await.unwrap();
            expected.insert(0, accepted["id"].as_str().unwrap().to_owned());
            world.advance(1);
        }
        world.drain().await;
        world.advance(36 * 3_600);
    }
    for limit in [1, 4, 20, 21, 100] {
        let mut listed = Vec::new();
        let mut path = format!("/v1/posts?limit={limit}");
        loop {
            let page = world.read("GET /v1/posts", &path).await.unwrap();
            listed.extend(page["posts"].as_array().unwrap().iter().map(|post| post["id"].as_str().unwrap().to_owned()));
            let Some(cursor) = page["next_cursor"].as_str() else { break };
            path = format!("/v1/posts?limit={limit}&cursor={cursor}");
        }
        assert_eq!(listed, expected, "limit {limit}");
    }
}

//! Figures of posts: what is answered at once, what is read meanwhile, and what is told where there are none.

use std::{sync::Arc, time::Duration};

use serde_json::{Value, json};
use simulator::{
    Fault, FaultKind,
    linkedin::seed::{ANN, BAKERY},
};

use crate::{
    deletions::{Death, gone, naming, rows},
    gbp, tiktok,
    world::World,
};

const ROUTE: &str = "GET /v1/posts/{post}/analytics";

/// The figures of the first target, as the API tells them now.
pub(crate) async fn figures(world: &World, id: &str) -> Value {
    world.read(ROUTE, &format!("/v1/posts/{id}/analytics")).await.unwrap()["targets"][0].clone()
}

/// The same, once they have been read.
async fn read(world: &World, id: &str) -> Value {
    assert_eq!(figures(world, id).await["state"], "collecting");
    world.drain().await;
    figures(world, id).await
}

/// A post of a Page at LinkedIn: figures there rise with every minute.
pub(crate) async fn published(world: &World) -> String {
    let session = json!({ "platform": "linkedin_page", "return_url": "http://127.0.0.1:9/done" });
    let back = Box::pin(world.connect_as(ANN, &[], &session)).await;
    let (_, connection) = back.query_pairs().find(|(name, _)| name == "connection").expect("connected");
    let target = json!({ "connection": connection, "destination": BAKERY });
    let body = json!({ "content": { "text": "Fresh bread" }, "targets": [target] });
    let id = world.create(&body).await.unwrap()["id"].as_str().unwrap().to_owned();
    world.drain().await;
    assert_eq!(world.state(&id).await, "published");
    id
}

/// How often LinkedIn was asked for figures.
fn questions(world: &World) -> usize {
    let requests = world.simulator.linkedin().requests();
    requests.iter().filter(|call| call.path.contains("organizationalEntityShareStatistics")).count()
}

fn seen(view: &Value) -> u64 {
    let figures = view["figures"].as_object().unwrap();
    figures
        .iter()
        .filter(|(name, _)| name.to_lowercase().contains("impression"))
        .map(|(_, n)| n.as_u64().unwrap())
        .max()
        .unwrap()
}

#[tokio::test]
async fn figures_are_read_for_whoever_asks_and_move_with_the_platform() {
    let world = World::start().await;
    let id = published(&world).await;
    world.advance(600);
    let first = read(&world, &id).await;
    assert_eq!((first["state"].as_str(), first["as_of"].as_str()), (Some("current"), Some("2026-11-21T10:10:00Z")));
    for _ in 0..3 {
        assert_eq!(figures(&world, &id).await, first);
    }
    world.drain().await;
    assert_eq!(questions(&world), 1, "what is young enough is not read again");

    world.advance(15 * 60);
    let old = figures(&world, &id).await;
    assert_eq!((old["state"].as_str(), &old["figures"]), (Some("collecting"), &first["figures"]), "shown meanwhile");
    world.drain().await;
    let second = figures(&world, &id).await;
    assert_eq!((second["state"].as_str(), second["as_of"].as_str()), (Some("current"), Some("2026-11-21T10:25:00Z")));
    assert!(seen(&second) > seen(&first), "{first} {second}");
}

#[tokio::test]
async fn many_who_ask_at_once_are_one_question() {
    let world = World::start().await;
    let id = published(&world).await;
    world.advance(60);
    for _ in 0..5 {
        assert_eq!(figures(&world, &id).await["state"], "collecting");
    }
    world.drain().await;
    assert_eq!(questions(&world), 1);
}

#[tokio::test]
async fn days_stand_by_themselves_the_newest_first_as_they_were_last_read() {
    let world = World::start().await;
    let id = published(&world).await;
    for wait in [60, 3_600, 86_400] {
        world.advance(wait);
        read(&world, &id).await;
    }
    let view = world.read(ROUTE, &format!("/v1/posts/{id}/analytics?by=day")).await.unwrap();
    let days = view["targets"][0]["days"].as_array().unwrap();
    let told: Vec<_> = days.iter().map(|day| (day["day"].as_str().unwrap(), day["as_of"].as_str().unwrap())).collect();
    assert_eq!(told, [("2026-11-22", "2026-11-22T11:01:00Z"), ("2026-11-21", "2026-11-21T11:01:00Z")]);
    assert!(seen(&days[0]) > seen(&days[1]));
    assert_eq!(world.events(&id).await, ["accepted", "started", "published"], "figures are no history");
    let wrong = world.read(ROUTE, &format!("/v1/posts/{id}/analytics?by=week")).await;
    assert_eq!(wrong.unwrap_err().code, "query.invalid");
}

#[tokio::test]
async fn targets_without_figures_say_why() {
    let world = World::start().await;
    let connection = gbp::connected(&world).await;
    let update = gbp::accepted(&world, &gbp::update(&connection)).await;
    let early = figures(&world, &update).await;
    assert_eq!(
        (early["state"].as_str(), early["reason"]["code"].as_str()),
        (Some("not_published"), Some("figures.not_published"))
    );
    for _ in 0..10 {
        gbp::on(&world, 60).await;
    }
    let none = read(&world, &update).await;
    assert_eq!(
        (none["state"].as_str(), none["reason"]["code"].as_str()),
        (Some("unsupported"), Some("platform.unsupported"))
    );
    assert!(none.get("figures").is_none());

    let connection = tiktok::connected(&world).await;
    let video = tiktok::accepted(&world, &tiktok::video(&world, &connection, 5_000_000)).await;
    assert_eq!(tiktok::settled(&world, &video, 30).await, "published");
    assert_eq!(read(&world, &video).await["state"], "current");
}

#[tokio::test]
async fn another_tenants_figures_are_nobodys() {
    let mut world = World::start().await;
    let id = published(&world).await;
    world.caller = world.other_tenant().await;
    assert_eq!(world.read(ROUTE, &format!("/v1/posts/{id}/analytics")).await.unwrap_err().code, "post.unknown");
}

#[tokio::test]
async fn a_lost_message_is_made_good_by_the_next_who_asks() {
    let world = World::start().await;
    let id = published(&world).await;
    world.advance(60);
    figures(&world, &id).await;
    world.lose_messages().await;
    world.advance(119);
    figures(&world, &id).await;
    assert_eq!(world.pump().await, 0, "it may still be on its way");
    world.advance(1);
    assert_eq!(read(&world, &id).await["state"], "current");
}

#[tokio::test]
async fn what_cannot_be_read_is_tried_again_and_then_told_with_what_was_read_before() {
    let world = World::start().await;
    let id = published(&world).await;
    world.advance(60);
    let first = read(&world, &id).await;
    world.advance(900);
    world.simulator.linkedin().clear_requests();
    world.simulator.linkedin().add_fault(Fault::new(FaultKind::Status500Before));
    figures(&world, &id).await;
    for _ in 0..20 {
        world.drain().await;
        world.advance(5);
    }
    let failed = figures(&world, &id).await;
    assert_eq!(failed["state"], "failed", "{failed}");
    assert_eq!((world.simulator.linkedin().requests().len(), &failed["figures"]), (4, &first["figures"]));
    assert!(failed["reason"]["code"].as_str().unwrap().starts_with("linkedin."), "{failed}");
    world.simulator.linkedin().clear_faults();
    world.advance(900);
    assert_eq!(read(&world, &id).await["state"], "current");
}

#[tokio::test]
async fn what_was_taken_down_has_its_last_figures_and_is_asked_about_no_more() {
    let world = World::start().await;
    let id = published(&world).await;
    world.advance(60);
    let last = read(&world, &id).await;
    let path = format!("/v1/posts/{id}?unpublish=true");
    let answer = world.reader.handle(world.request("DELETE /v1/posts/{post}", &path, &Value::Null)).await.unwrap();
    assert_eq!(answer.status, 202);
    world.drain().await;
    world.advance(3_600);
    let view = figures(&world, &id).await;
    assert_eq!((view["state"].as_str(), &view["figures"]), (Some("removed"), &last["figures"]));
    assert_eq!((world.pump().await, questions(&world)), (0, 1));
}

#[tokio::test]
async fn f87_figures_go_with_their_tenant() {
    let world = World::start().await;
    let id = published(&world).await;
    world.advance(60);
    read(&world, &id).await;
    assert_eq!(naming(&rows(&world).await, "#METRIC#").len(), 1);
    gone(&world).await;
    for kind in ["#METRIC#", "#FIGURES"] {
        assert_eq!(naming(&rows(&world).await, kind), Vec::<String>::new());
    }
}

#[tokio::test]
async fn a_reading_goes_on_after_a_death_at_any_effect() {
    let world = Box::pin(World::start()).await;
    let id = published(&world).await;
    for after in [false, true] {
        for at in 0.. {
            world.advance(900);
            assert_eq!(figures(&world, &id).await["state"], "collecting");
            let messages = world.receive(&world.publish_queue, 60).await;
            let death = Death::new(at, after);
            let dying = Arc::new(world.sandbox_through(death.clone()));
            let returned = dying.batch(messages.clone(), Duration::from_secs(30)).await;
            for message in messages.iter().filter(|message| !returned.contains(&message.id)) {
                world.delete(&world.publish_queue, message).await;
            }
            world.advance(61);
            world.drain().await;
            let view = figures(&world, &id).await;
            assert_eq!(view["state"], "current", "{death:?}");
            if !death.came() {
                assert!(at > 3, "only {at} effects");
                break;
            }
        }
    }
    // The deaths may have taken more than one day.
    let days = (world.clock_seconds() - 1_795_219_200) / 86_400 + 1;
    let kept = i64::try_from(naming(&rows(&world).await, "#METRIC#").len()).unwrap();
    assert!((1..=days).contains(&kept), "a day has one row: {kept} in {days} days");
}

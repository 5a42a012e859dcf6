//! Posts that are out and are taken down: what the caller asks, what the platform answers, and what happens when an answer,
//! a message or a process is lost.

use std::{sync::Arc, time::Duration};

use serde_json::{Value, json};
use shared::{http::Response, problem::Problem, queue::Errand, store::AuditChain};
use simulator::{
    facebook::{Fault, FaultKind},
    linkedin,
};

use crate::{deletions::Death, gbp, tiktok, world::World};

const ROUTE: &str = "DELETE /v1/posts/{post}";

/// Asks for a post to be taken down: the answer.
async fn ask(world: &World, id: &str) -> Result<Response, Problem> {
    let path = format!("/v1/posts/{id}?unpublish=true");
    world.reader.handle(world.request(ROUTE, &path, &Value::Null)).await
}

/// The same, where it is a matter of course.
pub(crate) async fn asked(world: &World, id: &str) {
    assert_eq!(ask(world, id).await.unwrap().status, 202);
}

pub(crate) async fn published(world: &World) -> String {
    let id = world.accept(&world.connected().await, "Fresh bread").await;
    world.drain().await;
    assert_eq!((world.state(&id).await.as_str(), world.page().len()), ("published", 1));
    id
}

/// Where the removal of the first target stands, and why.
async fn removal(world: &World, id: &str) -> (String, String) {
    let removal = world.post(id).await["targets"][0]["removal"].clone();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    (text(&removal["state"]), text(&removal["problem"]["code"]))
}

fn is(state: &str, code: &str) -> (String, String) {
    (state.to_owned(), code.to_owned())
}

/// How often the platform was asked to delete something.
fn deletes(world: &World) -> usize {
    world.simulator.facebook().requests().iter().filter(|call| call.method == "DELETE").count()
}

/// Ticks, deliveries and the time between them.
async fn minutes(world: &World, minutes: usize) {
    for _ in 0..minutes {
        world.advance(60);
        world.dispatcher.tick().await.unwrap();
        world.drain().await;
    }
}

/// What the audit of the tenant says about removals: who, what, and what it became.
async fn audit(world: &World) -> Vec<(String, String, String)> {
    let AuditChain::Whole(records) = world.store.audit_chain(world.caller.tenant).await.unwrap() else {
        panic!("the audit is broken");
    };
    let records = records.into_iter().filter(|record| record.action.contains("removal"));
    let detail = |details: &std::collections::BTreeMap<String, String>| details.get("became").cloned();
    records.map(|record| (record.actor, record.action, detail(&record.details).unwrap_or_default())).collect()
}

fn fault(kind: FaultKind) -> Fault {
    Fault::new(kind).on_edge("DELETE", "node")
}

#[tokio::test]
async fn what_is_out_is_taken_down_when_the_caller_says_so_and_stays_otherwise() {
    let world = World::start().await;
    let id = published(&world).await;
    let plain = world.reader.handle(world.request(ROUTE, &format!("/v1/posts/{id}"), &Value::Null)).await;
    assert_eq!(plain.unwrap_err().code, "post.not_cancellable");
    for wrong in ["unpublish=false", "unpublish=", "unpublished=true"] {
        let request = world.request(ROUTE, &format!("/v1/posts/{id}?{wrong}"), &Value::Null);
        assert_eq!(world.reader.handle(request).await.unwrap_err().code, "query.invalid", "{wrong}");
    }
    assert_eq!((world.pump().await, world.page().len()), (0, 1));

    let answer = ask(&world, &id).await.unwrap();
    let view: Value = serde_json::from_str(&answer.body).unwrap();
    assert_eq!((answer.status, &view["targets"][0]["removal"]["state"]), (202, &json!("requested")));
    world.drain().await;
    assert_eq!((world.page().len(), removal(&world, &id).await), (0, is("removed", "")));
    assert_eq!(world.state(&id).await, "published", "how its publishing ended stays what it was");
    let events = world.events(&id).await;
    assert_eq!(events, ["accepted", "started", "published", "removal_requested", "removed"]);
    let key = world.caller.key.to_string();
    let expected = [
        (key, "post.removal_requested".to_owned(), String::new()),
        ("postd".to_owned(), "target.removal_ended".to_owned(), "removed".to_owned()),
    ];
    assert_eq!(audit(&world).await, expected);
    minutes(&world, 10).await;
    assert_eq!(deletes(&world), 1, "nothing reminds of what is done");
}

#[tokio::test]
async fn asking_twice_asks_the_platform_once_and_is_answered_with_what_became_of_it() {
    let world = World::start().await;
    let id = published(&world).await;
    asked(&world, &id).await;
    asked(&world, &id).await;
    world.drain().await;
    let again = ask(&world, &id).await.unwrap();
    let view: Value = serde_json::from_str(&again.body).unwrap();
    assert_eq!((again.status, &view["targets"][0]["removal"]["state"]), (200, &json!("removed")));
    minutes(&world, 3).await;
    assert_eq!((deletes(&world), audit(&world).await.len()), (1, 2));
}

#[tokio::test]
async fn what_waits_is_called_off_and_what_is_at_work_is_left_alone_until_it_is_out() {
    let world = World::start().await;
    let connection = world.connected().await;
    let mut body = json!({ "content": { "text": "later" }, "targets": [{ "connection": connection }] });
    body["schedule"] = json!({ "at": "2026-11-22T10:00:00Z" });
    let later = world.create(&body).await.unwrap()["id"].as_str().unwrap().to_owned();
    assert_eq!(ask(&world, &later).await.unwrap().status, 200);
    assert_eq!(world.state(&later).await, "cancelled");

    let id = world.accept(&connection, "at work").await;
    world.simulator.facebook().add_fault(Fault::new(FaultKind::LostAnswer).on_edge("POST", "feed").times(1));
    world.drain().await;
    assert_eq!(world.state(&id).await, "unknown");
    assert_eq!(ask(&world, &id).await.unwrap_err().code, "post.not_cancellable");
    minutes(&world, 2).await;
    assert_eq!((world.state(&id).await.as_str(), world.page().len()), ("published", 1));
    asked(&world, &id).await;
    world.drain().await;
    assert_eq!((world.page().len(), removal(&world, &id).await), (0, is("removed", "")));
}

#[tokio::test]
async fn another_tenants_post_is_no_post() {
    let mut world = World::start().await;
    let id = published(&world).await;
    world.caller = world.other_tenant().await;
    assert_eq!(ask(&world, &id).await.unwrap_err().code, "post.unknown");
    world.drain().await;
    assert_eq!(world.page().len(), 1);
}

#[tokio::test]
async fn a_lost_answer_is_asked_for_again_and_what_is_gone_is_removed() {
    for kind in [FaultKind::LostAnswer, FaultKind::Status500After, FaultKind::Status500Before] {
        let world = World::start().await;
        let id = published(&world).await;
        world.simulator.facebook().add_fault(fault(kind).times(1));
        asked(&world, &id).await;
        world.drain().await;
        let (state, _) = removal(&world, &id).await;
        assert_eq!(state, "requested", "{kind:?}");
        assert!(world.events(&id).await.contains(&"removal_waiting".to_owned()));
        world.advance(3);
        world.drain().await;
        assert_eq!((deletes(&world), world.page().len()), (2, 0), "{kind:?}");
        assert_eq!(removal(&world, &id).await, is("removed", ""), "{kind:?}");
    }
}

#[tokio::test]
async fn four_tries_without_an_answer_leave_nobody_the_wiser_and_may_be_followed_by_another_four() {
    let world = World::start().await;
    let id = published(&world).await;
    world.simulator.facebook().add_fault(fault(FaultKind::Status500Before));
    asked(&world, &id).await;
    minutes(&world, 30).await;
    assert_eq!((deletes(&world), removal(&world, &id).await.0.as_str()), (4, "unknown"));
    assert_eq!(audit(&world).await[1].2, "unknown");
    world.simulator.facebook().clear_faults();
    asked(&world, &id).await;
    world.drain().await;
    assert_eq!((world.page().len(), removal(&world, &id).await), (0, is("removed", "")));
}

#[tokio::test]
async fn a_platform_that_does_not_let_us_says_so_and_why() {
    let world = World::start().await;
    let id = published(&world).await;
    world.simulator.facebook().add_fault(Fault::error(200, None).on_edge("DELETE", "node").times(1));
    asked(&world, &id).await;
    world.drain().await;
    assert_eq!((world.page().len(), removal(&world, &id).await), (1, is("unsupported", "platform.unsupported")));

    let connection = tiktok::connected(&world).await;
    let video = tiktok::accepted(&world, &tiktok::video(&world, &connection, 5_000_000)).await;
    assert_eq!(tiktok::settled(&world, &video, 30).await, "published");
    asked(&world, &video).await;
    world.drain().await;
    assert_eq!(removal(&world, &video).await, is("unsupported", "platform.unsupported"));
    let problem = world.post(&video).await["targets"][0]["removal"]["problem"].clone();
    assert!(problem["message"].as_str().unwrap().contains("its owner deletes it in the app"), "{problem}");
    assert_eq!(tiktok::videos(&world).len(), 1);
}

#[tokio::test]
async fn google_and_linkedin_take_down_what_is_theirs() {
    let world = World::start().await;
    let connection = gbp::connected(&world).await;
    let update = gbp::accepted(&world, &gbp::update(&connection)).await;
    for _ in 0..10 {
        gbp::on(&world, 60).await;
    }
    assert_eq!((world.state(&update).await.as_str(), gbp::posts(&world).len()), ("published", 1));
    asked(&world, &update).await;
    world.drain().await;
    assert_eq!((gbp::posts(&world).len(), removal(&world, &update).await), (0, is("removed", "")));

    let session = json!({ "platform": "linkedin_page", "return_url": "http://127.0.0.1:9/done" });
    let back = Box::pin(world.connect_as(linkedin::seed::ANN, &[], &session)).await;
    let (_, connection) = back.query_pairs().find(|(name, _)| name == "connection").expect("connected");
    let target = json!({ "connection": connection, "destination": linkedin::seed::BAKERY });
    let body = json!({ "content": { "text": "Fresh bread" }, "targets": [target] });
    let id = world.create(&body).await.unwrap()["id"].as_str().unwrap().to_owned();
    world.drain().await;
    let posts = || world.simulator.linkedin().posts(linkedin::seed::BAKERY).into_iter().filter(|post| post.by_api);
    assert_eq!(posts().count(), 1);
    asked(&world, &id).await;
    world.drain().await;
    assert_eq!((posts().count(), removal(&world, &id).await), (0, is("removed", "")));
}

#[tokio::test]
async fn a_refusal_for_good_is_told_and_a_limit_is_waited_for_without_holding_posts_back() {
    let world = World::start().await;
    let id = published(&world).await;
    world.simulator.facebook().add_fault(Fault::error(100, None).on_edge("DELETE", "node").times(1));
    asked(&world, &id).await;
    world.drain().await;
    assert_eq!((world.page().len(), removal(&world, &id).await), (1, is("failed", "facebook.parameter.invalid")));

    let mut limit = fault(FaultKind::RateLimited).times(1);
    limit.minutes = Some(5);
    world.simulator.facebook().add_fault(limit);
    asked(&world, &id).await;
    world.drain().await;
    assert_eq!(removal(&world, &id).await.0, "requested");
    minutes(&world, 12).await;
    assert_eq!((world.page().len(), removal(&world, &id).await), (0, is("removed", "")));
}

#[tokio::test]
async fn a_missing_permission_holds_the_removal_and_nothing_else_and_ends_after_a_day() {
    let world = World::start().await;
    let connection = world.connected().await;
    let id = world.accept(&connection, "Fresh bread").await;
    world.drain().await;
    world.simulator.facebook().add_fault(Fault::error(190, Some(463)).on_edge("DELETE", "node"));
    asked(&world, &id).await;
    world.drain().await;
    assert_eq!(removal(&world, &id).await, is("requested", "facebook.token.expired"));
    let other = world.accept(&connection, "Fresh cake").await;
    world.drain().await;
    assert_eq!(world.state(&other).await, "published", "what only a removal was refused for, holds no post back");
    for _ in 0..100 {
        world.advance(16 * 60);
        world.dispatcher.tick().await.unwrap();
        world.drain().await;
    }
    assert_eq!(removal(&world, &id).await, is("failed", "facebook.token.expired"));
}

#[tokio::test]
async fn f23_a_removal_whose_message_is_lost_is_found_by_dispatch() {
    let world = World::start().await;
    let id = published(&world).await;
    asked(&world, &id).await;
    world.lose_messages().await;
    minutes(&world, 2).await;
    assert_eq!((world.page().len(), removal(&world, &id).await), (0, is("removed", "")));
}

#[tokio::test]
async fn a_removal_goes_on_after_a_death_at_any_effect() {
    let world = Box::pin(World::start()).await;
    let connection = world.connected().await;
    for after in [false, true] {
        for at in 0.. {
            let id = world.accept(&connection, &format!("{after} {at}")).await;
            world.drain().await;
            asked(&world, &id).await;
            let messages = world.receive(&world.publish_queue, 180).await;
            let death = Death::new(at, after);
            let dying = Arc::new(world.sandbox_through(death.clone()));
            let returned = dying.batch(messages.clone(), Duration::from_secs(30)).await;
            for message in messages.iter().filter(|message| !returned.contains(&message.id)) {
                world.delete(&world.publish_queue, message).await;
            }
            minutes(&world, 6).await;
            assert_eq!((world.page().len(), removal(&world, &id).await), (0, is("removed", "")), "{death:?}");
            if !death.came() {
                assert!(at > 4, "only {at} effects");
                break;
            }
        }
    }
}

#[tokio::test]
async fn f20_many_deliveries_of_one_removal_at_once_ask_the_platform_once() {
    let world = World::start().await;
    let id = published(&world).await;
    asked(&world, &id).await;
    let messages = world.receive(&world.publish_queue, 180).await;
    let copies = || vec![messages[0].clone()];
    let (one, other) = (Arc::new(world.sandbox()), Arc::new(world.sandbox()));
    let budget = Duration::from_secs(30);
    let (first, second) = tokio::join!(one.batch(copies(), budget), other.batch(copies(), budget));
    assert!(first.is_empty() || second.is_empty());
    assert_eq!((deletes(&world), world.page().len()), (1, 0));
    assert_eq!(removal(&world, &id).await, is("removed", ""));
}

#[tokio::test]
async fn what_the_platform_tells_is_shown_whoever_took_it_down_and_ends_what_was_asked() {
    let world = World::start().await;
    let id = published(&world).await;
    let remote = world.post(&id).await["targets"][0]["remote_id"].as_str().unwrap().to_owned();
    let value = json!({ "item": "status", "verb": "remove", "post_id": remote, "published": 1 });
    asked(&world, &id).await;
    world.lose_messages().await;
    assert_eq!(crate::webhooks::told(&world, &value).await.status, 200);
    world.understand().await;
    assert_eq!(removal(&world, &id).await, is("removed", ""));
    minutes(&world, 5).await;
    assert_eq!(deletes(&world), 0, "what the platform told is not asked for any more");

    let other = world.accept(&world.connected().await, "taken down by hand").await;
    world.drain().await;
    let remote = world.post(&other).await["targets"][0]["remote_id"].clone();
    let value = json!({ "item": "status", "verb": "remove", "post_id": remote, "published": 1 });
    for _ in 0..2 {
        crate::webhooks::told(&world, &value).await;
        world.understand().await;
    }
    assert_eq!(removal(&world, &other).await, is("removed", ""));
    assert_eq!(world.events(&other).await.last().map(String::as_str), Some("removed"));
    let ended = audit(&world).await.into_iter().filter(|(_, action, _)| action == "target.removal_ended").count();
    assert_eq!(ended, 2, "each is told once");
}

#[tokio::test]
#[expect(clippy::disallowed_methods, reason = "what an operator does")]
async fn f87_a_removal_of_a_deleted_tenant_is_dropped() {
    let world = World::start().await;
    let id = published(&world).await;
    asked(&world, &id).await;
    let now = shared::clock::Clock::now(&world.clock);
    let tenant = world.caller.tenant.id();
    shared::authorize::delete_tenant(&world.store, tenant, shared::store::Actor::Postd, now).await.unwrap();
    world.drain().await;
    assert_eq!((deletes(&world), world.page().len()), (0, 1));
    assert_eq!(ask(&world, &id).await.unwrap_err().code, "tenant.deleted");
}

#[tokio::test]
async fn f83_a_job_about_something_that_only_another_build_knows_waits_for_it_and_then_lies_among_the_dead_letters() {
    let world = World::start().await;
    let id = published(&world).await;
    asked(&world, &id).await;
    let body = world.receive(&world.publish_queue, 1).await.remove(0).body;
    assert_eq!(shared::queue::errand(&body), Ok(Some(Errand::Removal)));
    world.lose_messages().await;
    let strange = body.replace("removal", "embroidery");
    world.sqs.send_message().queue_url(&world.publish_queue).message_body(&strange).send().await.unwrap();
    for _ in 0..4 {
        assert_eq!(world.pump().await, 1, "it comes back");
        world.advance(61);
    }
    assert!(world.receive(&world.dead_letter_queue, 0).await.is_empty());
    assert_eq!(world.pump().await, 1);
    let dead = world
        .sqs
        .receive_message()
        .queue_url(&world.dead_letter_queue)
        .message_attribute_names("All")
        .send()
        .await
        .unwrap();
    let dead = &dead.messages()[0];
    assert_eq!(dead.body(), Some(strange.as_str()));
    let code = dead.message_attributes().unwrap()["code"].string_value();
    assert_eq!(code, Some("message.errand_unknown"));
    assert_eq!(world.page().len(), 1, "nobody acts upon it");
}

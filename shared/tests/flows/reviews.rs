//! A person says what became of a publish, where the platform could not.

use serde_json::{Value, json};
use shared::{
    http::Response,
    post::{Edit, Part},
    problem::Problem,
    store::{Edited, PostEdit, Review, Reviewed},
    target::{Answer, LogEntry, Resolved, State, Target},
};
use simulator::facebook::{Fault, FaultKind};

use crate::world::World;

/// A post whose answer was lost and which the platform does not show for a day; whether it is out, only the Page tells.
async fn in_doubt(world: &World, text: &str, kind: FaultKind, more: Value) -> String {
    let mut body = json!({ "content": { "text": text }, "targets": [{ "connection": world.connected().await }] });
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let id = world.create(&body).await.unwrap()["id"].as_str().unwrap().to_owned();
    doubt(world, kind).await;
    assert_eq!(world.post(&id).await["state"], "needs_review");
    id
}

async fn doubt(world: &World, kind: FaultKind) {
    let facebook = world.simulator.facebook();
    facebook.add_fault(Fault::new(kind).on_edge("POST", "feed").times(1));
    facebook.add_fault(Fault::new(FaultKind::Status500Before).on_edge("GET", "published_posts"));
    for seconds in [0, 40, 24 * 3_600] {
        world.advance(seconds);
        world.dispatcher.tick().await.unwrap();
        world.drain().await;
    }
    facebook.clear_faults();
}

async fn resolve(world: &World, id: &str, resolution: &Value) -> Result<Response, Problem> {
    resolve_keyed(world, id, resolution, None).await
}

async fn resolve_keyed(world: &World, id: &str, resolution: &Value, key: Option<&str>) -> Result<Response, Problem> {
    let route = "POST /v1/posts/{post}/targets/{target}/resolve";
    let mut request = world.request(route, &format!("/v1/posts/{id}/targets/t1/resolve"), resolution);
    if let Some(key) = key {
        request.headers.insert("idempotency-key", key.parse().unwrap());
    }
    world.reader.handle(request).await
}

fn view(response: &Response) -> Value {
    serde_json::from_str(&response.body).unwrap()
}

/// The line of a history for the answer that it is not out.
fn line(world: &World, found: &Target) -> LogEntry {
    LogEntry {
        target: found.target,
        fence: found.fence + 1,
        at: shared::clock::Clock::now(&world.clock),
        state: State::Queued,
        attempt: 0,
        by: Some(world.caller.key),
        reason: None,
        until: None,
    }
}

fn long() -> Value {
    json!({ "not_after": "2026-12-21T10:00:00Z" })
}

#[tokio::test]
async fn what_a_person_found_is_published_and_never_sent_again() {
    let world = World::start().await;
    let id = in_doubt(&world, "it is out", FaultKind::LostAnswer, long()).await;
    assert_eq!(world.page().len(), 1);
    let answer = json!({ "as": "published", "url": "https://www.facebook.com/1/posts/2", "remote_id": "1_2" });
    let resolved = resolve(&world, &id, &answer).await.unwrap();
    assert_eq!((resolved.status, view(&resolved)), (200, world.post(&id).await));
    let target = &view(&resolved)["targets"][0];
    assert_eq!(target["state"], "published");
    assert_eq!((&target["url"], &target["remote_id"]), (&answer["url"], &answer["remote_id"]));
    assert_eq!(target["reason"], Value::Null);
    for repeated in [answer, json!({ "as": "published" })] {
        assert_eq!(view(&resolve(&world, &id, &repeated).await.unwrap()), view(&resolved), "said twice is said once");
    }
    let problem = resolve(&world, &id, &json!({ "as": "not_published" })).await.unwrap_err();
    assert_eq!((problem.status, problem.code), (409, "target.not_in_review"));
    world.advance(3_600);
    world.dispatcher.tick().await.unwrap();
    world.drain().await;
    assert_eq!(world.page().len(), 1);
    assert_eq!(world.events(&id).await.last().unwrap(), "published");
    let shared::store::AuditChain::Whole(mut audit) = world.store.audit_chain(world.caller.tenant).await.unwrap()
    else {
        panic!("the audit is broken");
    };
    audit.retain(|record| record.action == "target.resolved");
    assert_eq!(audit.len(), 1, "one answer, however often it was given");
    assert_eq!((audit[0].action.as_str(), audit[0].subject.clone()), ("target.resolved", format!("{id}/t1")));
    assert_eq!((&*audit[0].actor, &*audit[0].details["became"]), (&*world.caller.key.to_string(), "published"));
}

#[tokio::test]
async fn what_a_person_did_not_find_is_sent_again_with_every_attempt_anew() {
    let world = World::start().await;
    let id = in_doubt(&world, "it is not out", FaultKind::Status500Before, long()).await;
    assert_eq!(world.page().len(), 0);
    let answer = json!({ "as": "not_published" });
    let target = view(&resolve(&world, &id, &answer).await.unwrap())["targets"][0].clone();
    assert_eq!((target["state"].as_str(), target["attempts"].as_u64()), (Some("queued"), Some(0)));
    assert_eq!(target["reason"]["code"], "review.not_published");
    assert_eq!(world.dispatcher.tick().await.unwrap().sent, 1, "at once");
    world.advance(1);
    world.drain().await;
    let post = world.post(&id).await;
    assert_eq!((post["state"].as_str(), post["targets"][0]["attempts"].as_u64()), (Some("published"), Some(1)));
    assert_eq!(world.page().len(), 1);
    assert_eq!(resolve(&world, &id, &answer).await.unwrap().status, 200, "the answer stays the answer");
    let opposite = resolve(&world, &id, &json!({ "as": "published" })).await.unwrap_err();
    assert_eq!(opposite.code, "target.not_in_review");

    let timeline = world.read("GET /v1/posts/{post}/timeline", &format!("/v1/posts/{id}/timeline")).await.unwrap();
    let entries = timeline["entries"].as_array().unwrap();
    let line = entries.iter().find(|entry| entry["reason"]["code"] == "review.not_published").unwrap();
    assert_eq!((&line["event"], &line["target"]), (&json!("queued"), &json!("t1")));
    assert_eq!(line["by"], world.caller.key.to_string());
    assert_eq!(entries.last().unwrap()["event"], "published");
}

#[tokio::test]
async fn f22_what_a_person_did_not_find_in_time_expires() {
    let world = World::start().await;
    let id = in_doubt(&world, "too late", FaultKind::Status500Before, json!({})).await;
    let target = view(&resolve(&world, &id, &json!({ "as": "not_published" })).await.unwrap())["targets"][0].clone();
    assert_eq!(target["state"], "expired");
    world.advance(600);
    assert_eq!(world.dispatcher.tick().await.unwrap().sent, 0);
    world.drain().await;
    assert_eq!(world.page().len(), 0);
    assert_eq!(world.events(&id).await.last().unwrap(), "expired");
}

#[tokio::test]
async fn an_old_request_does_not_answer_a_question_that_comes_up_anew() {
    let world = World::start().await;
    let id = in_doubt(&world, "twice in doubt", FaultKind::Status500Before, long()).await;
    let answer = json!({ "as": "not_published" });
    let tenant = world.caller.tenant;
    let first = world.store.post_with_targets(tenant, id.parse().unwrap()).await.unwrap().unwrap();
    resolve_keyed(&world, &id, &answer, Some("a")).await.unwrap();
    let queued = world.store.post_with_targets(tenant, id.parse().unwrap()).await.unwrap().unwrap();
    // It is queued again and not untouched: an edit that did not look closely enough is refused by the table.
    let mut after = queued.post.clone();
    after.version = 2;
    let at = shared::clock::Clock::now(&world.clock);
    let entry = Edit { version: 2, at, by: world.caller.key, changed: vec![Part::Content], planned_at: None };
    let edit = PostEdit { before: &queued.post, after: &after, entry: &entry, nonce: "n", due_at: at };
    let edited = world.store.edit(tenant, &edit).await.unwrap();
    assert!(matches!(edited, Edited::Started(State::Queued)), "{edited:?}");
    // This time it goes out, and again nobody sees it.
    doubt(&world, FaultKind::LostAnswer).await;
    assert_eq!((world.post(&id).await["state"].as_str(), world.page().len()), (Some("needs_review"), 1));
    let repeated = resolve_keyed(&world, &id, &answer, Some("a")).await.unwrap();
    assert_eq!((repeated.status, view(&repeated)["state"].as_str()), (200, Some("needs_review")));
    // And what was written for the first question does not fit the second.
    let resolved = Resolved { answer: Answer::NotPublished, by: world.caller.key, at, key: None };
    let found = &first.targets[0];
    let entry = line(&world, found);
    let review = Review { found, resolved: &resolved, entry: &entry, remote_id: None, url: None };
    assert_eq!(world.store.resolve(tenant, &review).await.unwrap(), Reviewed::Moved);
    world.advance(600);
    world.dispatcher.tick().await.unwrap();
    world.drain().await;
    assert_eq!(world.page().len(), 1);
    resolve_keyed(&world, &id, &json!({ "as": "published" }), Some("b")).await.unwrap();
    assert_eq!(world.post(&id).await["state"], "published");
}

#[tokio::test]
async fn only_a_question_is_answered_and_only_with_an_answer() {
    let world = World::start().await;
    let id = in_doubt(&world, "who knows", FaultKind::LostAnswer, long()).await;
    for (body, pointer, code) in [
        (json!({}), "", "body.shape"),
        (json!({ "as": "gone" }), "/as", "body.shape"),
        (json!({ "as": "published", "link": "https://example.com/" }), "/link", "body.shape"),
        (json!({ "as": "published", "url": "ftp://example.com/" }), "/url", "review.url"),
        (json!({ "as": "published", "remote_id": "" }), "/remote_id", "review.remote_id"),
        (json!({ "as": "not_published", "url": "https://example.com/" }), "/url", "review.nothing_there"),
        (json!({ "as": "not_published", "remote_id": "1" }), "/remote_id", "review.nothing_there"),
    ] {
        let problem = resolve(&world, &id, &body).await.unwrap_err();
        let told = (problem.errors[0].pointer.as_str(), problem.errors[0].code.as_str());
        assert_eq!((problem.status, told), (422, (pointer, code)), "{body}");
    }
    let route = "POST /v1/posts/{post}/targets/{target}/resolve";
    for target in ["t2", "x"] {
        let path = format!("/v1/posts/{id}/targets/{target}/resolve");
        let request = world.request(route, &path, &json!({ "as": "published" }));
        let problem = world.reader.handle(request).await.unwrap_err();
        assert_eq!((problem.status, problem.code), (404, "target.unknown"), "{target}");
    }
    let body = json!({ "content": { "text": "not begun" }, "targets": [{ "connection": world.connected().await }] });
    let other = world.create(&body).await.unwrap()["id"].as_str().unwrap().to_owned();
    for _ in 0..2 {
        let problem = resolve(&world, &other, &json!({ "as": "not_published" })).await.unwrap_err();
        assert_eq!((problem.status, problem.code), (409, "target.not_in_review"));
        world.drain().await;
    }
    assert_eq!(world.post(&id).await["state"], "needs_review", "nothing of this was an answer");
}

#[tokio::test]
async fn f61_an_answer_is_written_once_although_it_is_sent_twice() {
    let world = World::start().await;
    let id = in_doubt(&world, "answered twice", FaultKind::Status500Before, long()).await;
    let tenant = world.caller.tenant;
    let summary = world.store.post_with_targets(tenant, id.parse().unwrap()).await.unwrap().unwrap();
    let found = &summary.targets[0];
    let at = shared::clock::Clock::now(&world.clock);
    let resolved = Resolved { answer: Answer::NotPublished, by: world.caller.key, at, key: None };
    let entry = line(&world, found);
    let review = Review { found, resolved: &resolved, entry: &entry, remote_id: None, url: None };
    assert_eq!(world.store.resolve(tenant, &review).await.unwrap(), Reviewed::Done);
    assert_eq!(world.store.resolve(tenant, &review).await.unwrap(), Reviewed::Moved);
    world.dispatcher.tick().await.unwrap();
    world.drain().await;
    // It is out by now: the first answer, arriving once more, must not send it again.
    assert_eq!(world.store.resolve(tenant, &review).await.unwrap(), Reviewed::Moved);
    assert_eq!((world.post(&id).await["state"].as_str(), world.page().len()), (Some("published"), 1));
    // Of two people who answer at the same moment, one is heard.
    let id = in_doubt(&world, "two people", FaultKind::LostAnswer, long()).await;
    let (yes, no) = (json!({ "as": "published" }), json!({ "as": "not_published" }));
    let (yes, no) = tokio::join!(resolve(&world, &id, &yes), resolve(&world, &id, &no));
    assert_eq!([yes, no].iter().filter(|outcome| outcome.is_ok()).count(), 1);
}

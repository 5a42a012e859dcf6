//! Posts that are edited, moved to another time and called off before anything of them begins.

use aws_sdk_dynamodb::config::http::HttpRequest;
use serde_json::{Value, json};
use shared::{
    http::Response,
    ids::PostId,
    problem::Problem,
    store::{Claim, ClaimRequest, Edited, PostEdit, Store},
};

use crate::{intercept::OnRequest, world::World};

/// Lets every transaction come to DynamoDB under a token that it has never seen.
fn forget_token(request: &mut HttpRequest) {
    let body = request.body().bytes().unwrap_or_default();
    let Ok(mut body) = serde_json::from_slice::<Value>(body) else { return };
    if body["ClientRequestToken"].is_string() {
        body["ClientRequestToken"] = uuid::Uuid::new_v4().to_string().into();
        let body = body.to_string();
        request.headers_mut().insert("content-length", body.len().to_string());
        *request.body_mut() = body.into();
    }
}

/// Edits a post of which the caller has read `version`.
pub(crate) async fn edit(world: &World, id: &str, version: &str, changes: &Value) -> Result<Response, Problem> {
    let mut request = world.request("PATCH /v1/posts/{post}", &format!("/v1/posts/{id}"), changes);
    request.headers.insert("if-match", format!("\"{version}\"").parse().unwrap());
    world.publisher.handle(request).await
}

pub(crate) async fn cancel(world: &World, id: &str, version: Option<&str>) -> Result<Response, Problem> {
    let mut request = world.request("DELETE /v1/posts/{post}", &format!("/v1/posts/{id}"), &Value::Null);
    if let Some(version) = version {
        request.headers.insert("if-match", format!("\"{version}\"").parse().unwrap());
    }
    world.reader.handle(request).await
}

fn etag(response: &Response) -> &str {
    &response.headers.iter().find(|(name, _)| *name == "etag").expect("an ETag").1
}

fn view(response: &Response) -> Value {
    serde_json::from_str(&response.body).unwrap()
}

async fn post(world: &World, text: &str, more: Value) -> Value {
    let mut body = json!({ "content": { "text": text }, "targets": [{ "connection": world.connected().await }] });
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    body
}

async fn create(world: &World, text: &str, more: Value) -> String {
    let body = post(world, text, more).await;
    world.create(&body).await.unwrap()["id"].as_str().unwrap().to_owned()
}

fn at(time: &str) -> Value {
    json!({ "schedule": { "at": time } })
}

fn texts(world: &World) -> Vec<String> {
    world.page().into_iter().rev().filter_map(|post| post.message).collect()
}

#[tokio::test]
async fn an_edited_post_goes_out_as_it_was_edited_and_once() {
    let world = World::start().await;
    let near = create(&world, "near, old", at("2026-11-21T10:00:50Z")).await;
    let far = create(&world, "far, old", at("2026-11-21T13:00:00Z")).await;
    let now = create(&world, "now, old", json!({})).await;
    for (id, text) in [(&near, "near, new"), (&far, "far, new"), (&now, "now, new")] {
        let edited = edit(&world, id, "1", &json!({ "content": { "text": text } })).await.unwrap();
        assert_eq!((edited.status, etag(&edited)), (200, "\"2\""));
        assert_eq!(view(&edited), world.post(id).await, "the answer is the post as it stands");
        assert_eq!(view(&edited)["content"]["text"], text);
    }
    world.drain().await;
    assert_eq!(texts(&world), ["now, new"]);
    world.advance(51);
    world.drain().await;
    assert_eq!(texts(&world), ["now, new", "near, new"]);
    world.advance(3 * 3_600);
    world.dispatcher.tick().await.unwrap();
    world.drain().await;
    assert_eq!(texts(&world), ["now, new", "near, new", "far, new"]);
}

#[tokio::test]
async fn a_post_moves_to_any_other_time_and_its_end_moves_with_it_unless_it_was_chosen() {
    let world = World::start().await;
    let id = create(&world, "moving", at("2026-11-21T13:00:00Z")).await;
    let place = json!({ "schedule": { "local": "2026-11-21T16:00:00", "zone": "Europe/Berlin" } });
    let later = view(&edit(&world, &id, "1", &place).await.unwrap());
    assert_eq!(later["scheduled_at"], "2026-11-21T15:00:00Z");
    assert_eq!(later["schedule"]["zone"], "Europe/Berlin", "as it was written, too");
    assert_eq!(later["not_after"], "2026-11-21T21:00:00Z");
    world.advance(3 * 3_600 + 60);
    assert_eq!(world.dispatcher.tick().await.unwrap().sent, 0, "its old time means nothing");
    world.drain().await;

    let chosen = edit(&world, &id, "2", &json!({ "not_after": "2026-11-21T15:30:00Z" })).await.unwrap();
    assert_eq!(view(&chosen)["not_after"], "2026-11-21T15:30:00Z");
    let too_late = edit(&world, &id, "3", &at("2026-11-21T15:30:00Z")).await.unwrap_err();
    assert_eq!(
        (too_late.errors[0].pointer.as_str(), too_late.errors[0].code.as_str()),
        ("/not_after", "not_after.too_early")
    );
    let earlier = view(&edit(&world, &id, "3", &at("2026-11-21T14:00:00Z")).await.unwrap());
    assert_eq!(earlier["not_after"], "2026-11-21T15:30:00Z");
    let default = view(&edit(&world, &id, "4", &json!({ "not_after": null })).await.unwrap());
    assert_eq!(default["not_after"], "2026-11-21T20:00:00Z");

    let now = view(&edit(&world, &id, "5", &json!({ "schedule": null })).await.unwrap());
    assert_eq!((now["state"].as_str(), &now["scheduled_at"]), (Some("queued"), &Value::Null));
    assert_eq!(now["not_after"], "2026-11-21T19:01:00Z");
    world.drain().await;
    assert_eq!(texts(&world), ["moving"]);
}

#[tokio::test]
async fn a_targets_own_content_is_set_and_taken_away_and_the_targets_stay() {
    let world = World::start().await;
    let connection = world.connect_two_pages().await;
    let body = json!({
        "content": { "text": "for all" },
        "targets": [
            { "connection": connection, "destination": simulator::facebook::seed::BAKERY },
            { "connection": connection, "destination": simulator::facebook::seed::BOOKSHOP, "content": { "text": "for the bookshop" } },
        ],
        "schedule": { "at": "2026-11-21T12:00:00Z" },
    });
    let id = world.create(&body).await.unwrap()["id"].as_str().unwrap().to_owned();
    let own = json!({ "targets": [{ "target": "t1", "content": { "text": "for the bakery" } }, { "target": "t2", "content": null }] });
    edit(&world, &id, "1", &own).await.unwrap();
    for (changes, pointer, code) in [
        (json!({ "targets": [{ "target": "t3", "content": null }] }), "/targets/0/target", "target.unknown"),
        (
            json!({ "targets": [{ "target": "t1", "content": null }, { "target": "t1", "content": null }] }),
            "/targets/1/target",
            "target.repeated",
        ),
        (json!({ "targets": [{ "target": "t1", "connection": connection }] }), "/targets/0/connection", "body.shape"),
        (json!({ "targets": [{ "target": "t1" }] }), "/targets/0", "target.unchanged"),
    ] {
        let problem = edit(&world, &id, "2", &changes).await.unwrap_err();
        let told = (problem.errors[0].pointer.as_str(), problem.errors[0].code.as_str());
        assert_eq!((problem.status, told), (422, (pointer, code)), "{changes}: {problem:?}");
        if !["target.repeated", "target.unchanged"].contains(&code) {
            assert!(problem.detail.contains("cannot change: cancel it and create another"), "{}", problem.detail);
        }
    }
    world.advance(7_200);
    world.dispatcher.tick().await.unwrap();
    world.drain().await;
    assert_eq!(texts(&world), ["for the bakery"]);
    let bookshop = world.simulator.facebook().page(simulator::facebook::seed::BOOKSHOP).unwrap().posts;
    assert!(bookshop.iter().any(|post| post.message.as_deref() == Some("for all")));
}

#[tokio::test]
async fn f12_an_edit_keeps_the_same_rules_as_a_new_post() {
    let world = World::start().await;
    let id = create(&world, "fine", at("2026-11-21T13:00:00Z")).await;
    let too_long = "x".repeat(63_207);
    for (changes, pointer, code) in [
        (json!({}), "", "post.unchanged"),
        (json!({ "targets": [] }), "", "post.unchanged"),
        (json!({ "content": null }), "/content", "body.shape"),
        (json!({ "content": {} }), "/content", "facebook.post.empty"),
        (json!({ "content": { "text": too_long } }), "/content/text", "facebook.text.too_long"),
        (
            json!({ "targets": [{ "target": "t1", "content": { "text": too_long } }] }),
            "/targets/0/content/text",
            "facebook.text.too_long",
        ),
        (json!({ "state": "cancelled" }), "/state", "body.shape"),
        (json!({ "schedule": { "at": "2026-11-21T09:54:59Z" } }), "/schedule/at", "schedule.in_the_past"),
        (
            json!({ "schedule": { "local": "2026-12-01T10:00:00", "zone": "Mars/Olympus" } }),
            "/schedule/zone",
            "schedule.unknown_zone",
        ),
        (json!({ "not_after": "2026-11-21T13:00:00Z" }), "/not_after", "not_after.too_early"),
        (json!({ "not_after": "soon" }), "/not_after", "not_after.not_an_instant"),
    ] {
        let problem = edit(&world, &id, "1", &changes).await.unwrap_err();
        let told = (problem.errors[0].pointer.as_str(), problem.errors[0].code.as_str());
        assert_eq!((problem.status, told), (422, (pointer, code)), "{problem:?}");
    }
    // Piece by piece a post must not become larger than it could have been as a whole.
    let large = |characters| json!({ "text": "🥖".repeat(characters) });
    edit(&world, &id, "1", &json!({ "content": large(60_000) })).await.unwrap();
    let more = json!({ "targets": [{ "target": "t1", "content": large(10_000) }] });
    assert_eq!(edit(&world, &id, "2", &more).await.unwrap_err().code, "body.too_large");
    assert_eq!(world.post(&id).await["content"], large(60_000));
}

#[tokio::test]
async fn an_edit_names_the_version_that_it_means() {
    let world = World::start().await;
    let id = create(&world, "v1", at("2026-11-21T13:00:00Z")).await;
    let path = format!("/v1/posts/{id}");
    let read = world.reader.handle(world.request("GET /v1/posts/{post}", &path, &Value::Null)).await.unwrap();
    assert_eq!(etag(&read), "\"1\"");
    let change = json!({ "content": { "text": "v2" } });
    let request = world.request("PATCH /v1/posts/{post}", &path, &change);
    let problem = world.publisher.handle(request.clone()).await.unwrap_err();
    assert_eq!((problem.status, problem.code), (428, "precondition.required"));
    for (header, status, code) in [
        ("\"2\"", 412, "precondition.failed"),
        ("\"other\"", 412, "precondition.failed"),
        ("1", 400, "header.invalid"),
        ("\"\"", 400, "header.invalid"),
        ("*", 400, "header.invalid"),
        ("W/\"1\"", 400, "header.invalid"),
        ("\"1\", \"2\"", 400, "header.invalid"),
    ] {
        let mut request = request.clone();
        request.headers.insert("if-match", header.parse().unwrap());
        let problem = world.publisher.handle(request).await.unwrap_err();
        assert_eq!((problem.status, problem.code), (status, code), "{header}");
        let mut request = world.request("DELETE /v1/posts/{post}", &path, &Value::Null);
        request.headers.insert("if-match", header.parse().unwrap());
        let problem = world.reader.handle(request).await.unwrap_err();
        assert_eq!((problem.status, problem.code), (status, code), "{header}");
    }
    edit(&world, &id, "1", &change).await.unwrap();
    let (one, other) = (json!({ "content": { "text": "one" } }), json!({ "content": { "text": "other" } }));
    let (one, other) = tokio::join!(edit(&world, &id, "2", &one), edit(&world, &id, "2", &other));
    let lost = [one, other].into_iter().find_map(Result::err).expect("one of two edits of the same version loses");
    assert_eq!((lost.status, lost.code), (412, "precondition.failed"));
    assert_eq!(cancel(&world, &id, Some("3")).await.unwrap().status, 200);
}

#[tokio::test]
async fn what_has_begun_or_ended_is_not_edited() {
    let world = World::start().await;
    let out = create(&world, "out", json!({})).await;
    world.drain().await;
    let off = create(&world, "off", at("2026-11-21T13:00:00Z")).await;
    cancel(&world, &off, Some("1")).await.unwrap();
    for id in [&out, &off] {
        let problem = edit(&world, id, "1", &json!({ "content": { "text": "late" } })).await.unwrap_err();
        assert_eq!((problem.status, problem.code), (409, "post.not_editable"));
    }
    let unknown =
        edit(&world, &PostId::new().to_string(), "1", &json!({ "content": { "text": "x" } })).await.unwrap_err();
    assert_eq!((unknown.status, unknown.code), (404, "post.unknown"));
    assert_eq!(texts(&world), ["out"]);
}

#[tokio::test]
async fn f01_the_creating_request_is_answered_alike_after_edits() {
    let world = World::start().await;
    let mut body = post(&world, "first words", at("2026-11-21T13:00:00Z")).await;
    body["targets"][0]["content"] = json!({ "text": "own words" });
    let first = world.create_keyed("order-17", &body).await.unwrap();
    let id = view(&first)["id"].as_str().unwrap().to_owned();
    let changes =
        json!({ "content": { "text": "second" }, "schedule": null, "targets": [{ "target": "t1", "content": null }] });
    edit(&world, &id, "1", &changes).await.unwrap();
    for _ in 0..2 {
        let again = world.create_keyed("order-17", &body).await.unwrap();
        assert_eq!((again.status, &again.body, etag(&again)), (202, &first.body, "\"1\""));
        assert!(again.headers.contains(&("idempotency-replayed", "true".into())));
        world.drain().await;
        assert_eq!(texts(&world), ["second"]);
        // Once its time is over the request could not be accepted any more, and is answered all the same.
        world.advance(6 * 3_600);
    }
    body["content"]["text"] = "second".into();
    assert_eq!(world.create_keyed("order-17", &body).await.unwrap_err().code, "idempotency.mismatch");
}

#[tokio::test]
async fn a_cancelled_post_leaves_the_index_of_what_is_due() {
    let world = World::start().await;
    let id = create(&world, "never", at("2026-11-21T13:00:00Z")).await;
    edit(&world, &id, "1", &at("2026-11-21T12:00:00Z")).await.unwrap();
    let due = async || {
        let until = shared::clock::Clock::now(&world.clock) + jiff::SignedDuration::from_hours(24 * 400);
        let mut found = 0;
        for shard in 0..shared::store::Store::due_shards() {
            found += world.store.due_targets(shard, until, 10).await.unwrap().targets.len();
        }
        found
    };
    assert_eq!(due().await, 1);
    let problem = cancel(&world, &id, Some("1")).await.unwrap_err();
    assert_eq!((problem.code, due().await), ("precondition.failed", 1));
    // Edited between the reading and the writing of a cancellation.
    let mut read_before = world.store.post(world.caller.tenant, id.parse().unwrap(), true).await.unwrap().unwrap();
    read_before.version = 1;
    let by = (world.caller.key, shared::clock::Clock::now(&world.clock));
    let target = read_before.targets().next().unwrap();
    let outcome = world.store.cancel(world.caller.tenant, &read_before, target, by).await.unwrap();
    assert_eq!((outcome, due().await), (shared::store::Cancellation::Edited, 1));
    let cancelled = cancel(&world, &id, Some("2")).await.unwrap();
    assert_eq!((view(&cancelled)["state"].as_str(), etag(&cancelled)), (Some("cancelled"), "\"2\""));
    assert_eq!(due().await, 0);
    assert_eq!(cancel(&world, &id, None).await.unwrap().status, 200, "cancelling twice is cancelling");
}

#[tokio::test]
async fn f25_a_job_that_read_the_post_before_its_edit_claims_nothing() {
    let world = World::start().await;
    for (text, schedule) in [("fresh", json!({})), ("fresh again", at("2026-11-21T10:00:30Z"))] {
        let id = create(&world, "stale", schedule).await;
        let post: PostId = id.parse().unwrap();
        let read_before = world.store.post(world.caller.tenant, post, true).await.unwrap().unwrap();
        edit(&world, &id, "1", &json!({ "content": { "text": text } })).await.unwrap();
        world.advance(31);
        let (target, spec) = read_before.targets().next().unwrap();
        let now = shared::clock::Clock::now(&world.clock);
        let request = ClaimRequest {
            post: &read_before,
            target,
            spec,
            owner: "stale",
            now,
            lease_until: now + jiff::SignedDuration::from_secs(30),
            intent: None,
        };
        let claim = world.store.claim(world.caller.tenant, &request).await.unwrap();
        assert!(matches!(claim, Claim::Stale), "{claim:?}");
        world.drain().await;
        assert_eq!(world.post(&id).await["state"], "published");
    }
    assert_eq!(texts(&world), ["fresh", "fresh again"]);
}

#[tokio::test]
async fn f25_an_edit_at_the_moment_of_the_work_wins_as_a_whole_or_not_at_all() {
    let world = World::start().await;
    let connection = world.connected().await;
    for round in 0..24 {
        let body = json!({ "content": { "text": format!("old {round}") }, "targets": [{ "connection": connection }] });
        let id = world.create(&body).await.unwrap()["id"].as_str().unwrap().to_owned();
        let before = world.page().len();
        let work = async {
            // Each round the consumer begins a little later against the edit.
            for _ in 0..round * 2 {
                tokio::task::yield_now().await;
            }
            world.pump().await
        };
        let change = json!({ "content": { "text": format!("new {round}") } });
        let (edited, _) = tokio::join!(edit(&world, &id, "1", &change), work);
        world.drain().await;
        assert_eq!(world.post(&id).await["state"], "published");
        let which = match edited {
            Ok(_) => "new",
            Err(problem) => {
                assert_eq!((problem.status, problem.code), (409, "post.not_editable"), "{problem:?}");
                "old"
            }
        };
        assert_eq!(texts(&world)[before..], [format!("{which} {round}")]);
    }
}

#[tokio::test]
async fn f04_jobs_of_an_edit_that_was_never_made_are_dropped_and_the_post_goes_out() {
    let world = World::start().await;
    let id = create(&world, "as it was", json!({})).await;
    let message = world.receive(&world.publish_queue, 0).await.remove(0);
    let ghost = message.body.replace(r#""version":1"#, r#""version":2"#);
    assert_ne!(ghost, message.body);
    world.sqs.send_message().queue_url(&world.publish_queue).message_body(ghost).send().await.unwrap();
    for _ in 0..60 {
        world.drain().await;
        world.advance(1);
    }
    assert_eq!(world.post(&id).await["state"], "published");
    assert_eq!(texts(&world), ["as it was"]);
    world.advance(3_600);
    assert!(world.receive(&world.publish_queue, 0).await.is_empty(), "it went round for ever");
    assert!(world.receive(&world.dead_letter_queue, 0).await.is_empty());
}

#[tokio::test]
async fn a_job_that_is_early_by_days_is_dropped_and_its_target_goes_out_at_its_time() {
    let world = World::start().await;
    let id = create(&world, "in ten days", json!({})).await;
    let message = world.receive(&world.publish_queue, 0).await.remove(0);
    edit(&world, &id, "1", &at("2026-12-01T10:00:00Z")).await.unwrap();
    let early = message.body.replace(r#""version":1"#, r#""version":2"#);
    world.sqs.send_message().queue_url(&world.publish_queue).message_body(early).send().await.unwrap();
    world.drain().await;
    let depth = shared::queue::Queue::new(world.sqs.clone(), &world.publish_queue).depth().await.unwrap();
    assert_eq!(depth, shared::queue::Depth::default(), "it would come back every twelve hours, six times");
    world.advance(10 * 86_400);
    world.dispatcher.tick().await.unwrap();
    world.drain().await;
    assert_eq!(texts(&world), ["in ten days"]);
    assert!(world.receive(&world.dead_letter_queue, 0).await.is_empty());
}

#[tokio::test]
async fn f25_a_tick_that_sends_the_old_job_does_not_put_off_the_new_one() {
    let world = World::start().await;
    let id = create(&world, "old", at("2026-11-21T12:00:00Z")).await;
    let noon = "2026-11-21T12:00:00Z".parse::<jiff::Timestamp>().unwrap();
    let due = async || {
        for shard in 0..shared::store::Store::due_shards() {
            if let Some(due) = world.store.due_targets(shard, noon, 10).await.unwrap().targets.pop() {
                return Some(due);
            }
        }
        None
    };
    // A tick has found the target; before it has sent the job and moved the entry, the post is edited.
    let found = due().await.expect("due at noon");
    edit(&world, &id, "1", &json!({ "content": { "text": "new" } })).await.unwrap();
    assert!(!world.store.postpone(&found, noon + jiff::SignedDuration::from_mins(5)).await.unwrap());
    let now = due().await.expect("still due at noon");
    assert_eq!((now.target.version, now.target.not_before), (2, Some(noon)));
    assert!(world.store.postpone(&now, noon + jiff::SignedDuration::from_mins(5)).await.unwrap());
}

#[tokio::test]
async fn f61_f63_an_edit_whose_answer_was_lost_recognises_itself_however_late_it_is_repeated() {
    let world = World::start().await;
    let tenant = world.caller.tenant;
    let id = create(&world, "v1", at("2026-11-21T13:00:00Z")).await;
    let before = world.store.post(tenant, id.parse().unwrap(), true).await.unwrap().unwrap();
    let mut after = before.clone();
    after.version = 2;
    after.content.text = Some("v2".into());
    let entry = shared::post::Edit {
        version: 2,
        at: shared::clock::Clock::now(&world.clock),
        by: world.caller.key,
        changed: vec![shared::post::Part::Content],
        planned_at: None,
    };
    let due_at = before.planned.as_ref().unwrap().at;
    let ours = PostEdit { before: &before, after: &after, entry: &entry, nonce: "ours", due_at };
    let theirs = PostEdit { nonce: "theirs", ..ours };
    assert!(matches!(world.store.edit(tenant, &ours).await.unwrap(), Edited::Done(_)));
    // DynamoDB knows the token for ten minutes; then the repetition is a transaction like any other.
    let clients = shared::aws::Clients::at(&world.emulators.endpoint_url());
    let forgetful = clients.dynamodb().config().to_builder().interceptor(OnRequest(forget_token)).build();
    let forgetful = Store::new(aws_sdk_dynamodb::Client::from_conf(forgetful), "State");
    for store in [&world.store, &forgetful] {
        assert!(matches!(store.edit(tenant, &ours).await.unwrap(), Edited::Done(_)));
        assert!(matches!(store.edit(tenant, &theirs).await.unwrap(), Edited::Changed));
    }
    // Even if the post has gone on since, the edit was made, and is not made again.
    edit(&world, &id, "2", &json!({ "content": { "text": "v3" }, "schedule": null })).await.unwrap();
    world.drain().await;
    assert!(matches!(forgetful.edit(tenant, &ours).await.unwrap(), Edited::Done(_)));
    assert!(matches!(forgetful.edit(tenant, &theirs).await.unwrap(), Edited::Changed));
    assert_eq!(texts(&world), ["v3"]);
    assert_eq!(world.post(&id).await["content"]["text"], "v3");
}

#[tokio::test]
async fn the_timeline_tells_who_edited_and_called_off_what() {
    let world = World::start().await;
    let id = create(&world, "v1", at("2026-11-21T13:00:00Z")).await;
    world.advance(1);
    let changes = json!({ "content": { "text": "v2" }, "schedule": { "at": "2026-11-21T14:00:00Z" } });
    edit(&world, &id, "1", &changes).await.unwrap();
    world.advance(1);
    cancel(&world, &id, None).await.unwrap();
    let timeline = world.read("GET /v1/posts/{post}/timeline", &format!("/v1/posts/{id}/timeline")).await.unwrap();
    let key = world.caller.key.to_string();
    assert_eq!(
        timeline["entries"],
        json!([
            { "at": "2026-11-21T10:00:00Z", "event": "accepted", "by": key, "next_at": "2026-11-21T13:00:00Z" },
            {
                "at": "2026-11-21T10:00:01Z", "event": "edited", "by": key, "next_at": "2026-11-21T14:00:00Z",
                "reason": {
                    "code": "post.edited", "act": "nobody",
                    "message": "The caller changed the content, the schedule.",
                },
            },
            {
                "at": "2026-11-21T10:00:02Z", "event": "cancelled", "target": "t1", "by": key,
                "reason": {
                    "code": "post.cancelled", "act": "nobody",
                    "message": "It was called off; it was not published.",
                },
            },
        ])
    );
}

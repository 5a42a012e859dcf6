//! The end of a tenant, from the mark to the last row: nothing is accepted, nothing is left, and it may stop anywhere.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use aws_sdk_dynamodb::{
    config::{
        ConfigBag, Intercept, RuntimeComponents,
        interceptors::{BeforeDeserializationInterceptorContextMut, BeforeTransmitInterceptorContextMut},
    },
    error::BoxError,
    types::AttributeValue,
};
use jiff::SignedDuration;
use serde_json::{Value, json};
use shared::{
    authorize::{self, delete_tenant},
    clock::Clock as _,
    http::{Caller, Response},
    ids::TenantId,
    offboarding::{GRACE, Offboarding, Progress},
    problem::Code,
    store::{Actor, ConnectionState, Deletion, Marked},
};
use simulator::facebook::{Fault, FaultKind, seed};

use crate::world::World;

const TIME: Duration = Duration::from_mins(1);

type Row = HashMap<String, AttributeValue>;

/// Every row of both tables.
pub(crate) async fn rows(world: &World) -> Vec<Row> {
    let mut rows = Vec::new();
    for table in ["State", "Vault"] {
        let pages = world.dynamodb().scan().table_name(table).into_paginator().items().send();
        rows.extend(pages.try_collect().await.unwrap());
    }
    rows
}

/// Those that have `text` in any key or value, however deep.
pub(crate) fn naming(rows: &[Row], text: &str) -> Vec<String> {
    let named = rows.iter().filter(|row| format!("{row:?}").contains(text));
    named.map(|row| format!("{} {}", row["pk"].as_s().unwrap(), row["sk"].as_s().unwrap())).collect()
}

#[expect(clippy::disallowed_methods, reason = "what an operator does")]
async fn marked(world: &World, tenant: TenantId) -> Option<Marked> {
    let by = Actor::Operator("grace".into());
    let marked = delete_tenant(&world.store, tenant, by, world.clock.now()).await.unwrap();
    marked.map(|(_, marked)| marked)
}

async fn mark(world: &World, tenant: TenantId) -> Deletion {
    match marked(world, tenant).await {
        Some(Marked::Now(deletion)) => deletion,
        other => panic!("{other:?}"),
    }
}

/// Deletes the world's tenant, to the end.
pub(crate) async fn gone(world: &World) {
    mark(world, world.caller.tenant.id()).await;
    finish(world, &world.offboarding, world.caller).await;
}

/// Goes on with a deletion until nothing is left.
async fn finish(world: &World, offboarding: &Offboarding, caller: Caller) -> Deletion {
    for _ in 0..10 {
        match offboarding.advance(caller.tenant, TIME).await.unwrap() {
            Progress::Done(deletion) => return deletion,
            Progress::Waiting(_) => world.advance(GRACE.as_secs()),
            Progress::Unfinished(_) => {}
            Progress::Alive => panic!("the tenant is alive"),
        }
    }
    panic!("the deletion does not end");
}

/// What remains of a deleted tenant.
fn remains(tenant: TenantId) -> Vec<String> {
    vec![format!("T#{tenant} TENANT"), format!("T#{tenant} DELETED")]
}

/// A tenant that has something of everything.
async fn busy(world: &mut World) -> String {
    let connection = Box::pin(world.connect_two_pages()).await;
    let to = |page: &str| json!([{ "connection": connection, "destination": page }]);
    world.publisher.duplicate_window = Some(SignedDuration::from_hours(1));
    let out = json!({ "content": { "text": "out" }, "targets": to(seed::BAKERY) });
    world.create(&out).await.unwrap();
    world.drain().await;
    world.simulator.facebook().add_fault(Fault::error(100, None).on_page(seed::BAKERY).times(1));
    world.create(&json!({ "content": { "text": "dead" }, "targets": to(seed::BAKERY) })).await.unwrap();
    world.drain().await;
    let at = json!({ "at": "2026-12-01T12:00:00Z" });
    let planned = json!({ "content": { "text": "planned" }, "targets": to(seed::BOOKSHOP), "schedule": at });
    let id = world.create(&planned).await.unwrap()["id"].as_str().unwrap().to_owned();
    let mut edit = world.request(
        "PATCH /v1/posts/{post}",
        &format!("/v1/posts/{id}"),
        &json!({ "content": { "text": "edited" } }),
    );
    edit.headers.insert("if-match", r#""1""#.parse().unwrap());
    world.publisher.handle(edit).await.unwrap();
    // An open login, a health check, its line in the log, the lease of a renewal, a count of requests, a post that nobody has
    // begun.
    world.open(&json!({ "platform": "facebook", "return_url": "http://127.0.0.1:9/done" })).await;
    world.simulator.facebook().revoke_page(seed::BOOKSHOP, 460);
    world.advance(7 * 3_600);
    world.health.run(TIME).await.unwrap();
    let id = connection.parse().unwrap();
    let now = world.clock.now();
    world.store.log_health(world.caller.tenant, id, (ConnectionState::Active, None), now).await.unwrap();
    let lease = world.store.lease_refresh(world.caller.tenant, id, ("somebody", 1), now, now);
    lease.await.unwrap();
    let begins = "2026-11-21T17:00:00Z".parse().unwrap();
    let scope = format!("tenant#{}", world.caller.tenant.id());
    world.store.take_tokens(&scope, begins, (1, 100), TIME).await.unwrap();
    world.create(&json!({ "content": { "text": "never begun" }, "targets": to(seed::BAKERY) })).await.unwrap();
    connection
}

async fn status(world: &World, deletion: &Deletion) -> Value {
    world.read("GET /v1/deletions/{deletion}", &format!("/v1/deletions/{}", deletion.code)).await.unwrap()
}

#[tokio::test]
async fn f87_a_deleted_tenant_leaves_nothing_in_either_table_but_its_mark_and_others_lose_nothing() {
    let mut world = Box::pin(World::start()).await;
    busy(&mut world).await;
    let (tenant, first) = (world.caller.tenant.id(), world.caller);
    let other = world.other_tenant().await;
    world.caller = other;
    busy(&mut world).await;
    world.caller = first;
    let of_others = |rows: &[Row]| {
        let theirs = rows.iter().filter(|row| format!("{row:?}").contains(&other.tenant.id().to_string()));
        theirs.map(sorted).collect::<BTreeSet<String>>()
    };
    let before = rows(&world).await;
    let kinds = [
        "AUDIT#", "DAY#", "POST#", "SAID#", "RATE#", "USED#", "OAUTH#", "DEST#", "CONN#", "REFRESH", "HEALTH#", "KEY#",
    ];
    let named = naming(&before, &tenant.to_string());
    for kind in kinds {
        assert!(named.iter().any(|row| row.contains(kind)), "the scene has no {kind}: {named:#?}");
    }

    let deletion = mark(&world, tenant).await;
    // Nothing is removed before whatever was under way has come to its end.
    let Progress::Waiting(until) = world.offboarding.advance(first.tenant, TIME).await.unwrap() else { panic!() };
    assert_eq!(until, deletion.requested_at + GRACE);
    assert!(naming(&rows(&world).await, &tenant.to_string()).len() + 3 >= named.len());
    assert_eq!(status(&world, &deletion).await["state"], "in_progress");
    world.advance(GRACE.as_secs());
    let ran = world.offboarding.run(TIME).await.unwrap();
    assert_eq!((ran.done, ran.unfinished), (1, 0));

    let after = rows(&world).await;
    let mut left = naming(&after, &tenant.to_string());
    left.sort();
    let mut expected = remains(tenant);
    expected.sort();
    assert_eq!(left, expected);
    let (before, after_that) = (of_others(&before), of_others(&after));
    let changed: Vec<_> = before.symmetric_difference(&after_that).collect();
    assert!(before.len() > 20 && changed.is_empty(), "{changed:#?}");
    let Progress::Done(end) = world.offboarding.advance(first.tenant, TIME).await.unwrap() else { panic!() };
    assert!(end.rows > 20 && end.audit.as_ref().unwrap().entries >= 3 && end.place.is_none(), "{end:?}");
    let row = after
        .iter()
        .find(|row| row["sk"].as_s().unwrap() == "TENANT" && row["pk"].as_s().unwrap().contains(&tenant.to_string()));
    assert_eq!(row.unwrap()["name"].as_s().unwrap(), "");
    assert!(!row.unwrap().contains_key("due_at"));
    let told = status(&world, &deletion).await;
    assert_eq!((&told["state"], &told["confirmation_code"]), (&json!("done"), &json!(deletion.code.to_string())));
    assert!(!told.to_string().contains(&tenant.to_string()));
    // What was queued is dropped without an error, and nothing of it comes back to life.
    world.drain().await;
    world.sweep().await;
    world.drain().await;
    assert_eq!(naming(&rows(&world).await, &tenant.to_string()).len(), 2);
}

/// A row as text, its attributes in order, those within others too.
fn sorted(row: &Row) -> String {
    let text = |value: &AttributeValue| match (value.as_m(), value.as_l()) {
        (Ok(map), _) => sorted(map),
        (_, Ok(list)) => list.iter().map(|one| one.as_m().map_or_else(|_| format!("{one:?}"), sorted)).collect(),
        _ => format!("{value:?}"),
    };
    format!("{:?}", row.iter().map(|(name, value)| (name, text(value))).collect::<BTreeMap<_, _>>())
}

#[tokio::test]
async fn f87_from_the_mark_on_nothing_of_the_tenant_is_accepted_whoever_remembers_its_key() {
    let world = World::start().await;
    let connection = world.connected().await;
    let at = json!({ "at": "2026-12-01T12:00:00Z" });
    let body = json!({ "content": { "text": "planned" }, "targets": [{ "connection": connection }], "schedule": at });
    let post = world.create(&body).await.unwrap()["id"].as_str().unwrap().to_owned();
    let session = json!({ "platform": "facebook", "return_url": "http://127.0.0.1:9/done" });
    let (dialog, cookie) = world.open(&session).await;
    mark(&world, world.caller.tenant.id()).await;
    let before = rows(&world).await.len();

    let known = world.authorizer.identify(&format!("Bearer {}", world.key)).await.unwrap();
    assert_eq!(known, Err(Code::TenantDeleted));
    let wrong = format!("{}0", &world.key[..world.key.len() - 1]);
    assert_eq!(world.authorizer.identify(&format!("Bearer {wrong}")).await.unwrap(), Err(Code::KeyUnknown));
    // API Gateway remembers the authorizer's answer for a minute.
    let refused = |outcome: Result<Response, shared::problem::Problem>| {
        let problem = outcome.unwrap_err();
        assert_eq!((problem.code, problem.status), ("tenant.deleted", 403));
    };
    let path = format!("/v1/posts/{post}");
    refused(world.publisher.handle(world.request("POST /v1/posts", "/v1/posts", &body)).await);
    let mut one = body.clone();
    one["idempotency_key"] = "k".into();
    refused(
        world
            .publisher
            .handle(world.request("POST /v1/posts/bulk", "/v1/posts/bulk", &json!({ "posts": [one] })))
            .await,
    );
    let mut edit = world.request("PATCH /v1/posts/{post}", &path, &json!({ "content": { "text": "x" } }));
    edit.headers.insert("if-match", r#""1""#.parse().unwrap());
    refused(world.publisher.handle(edit).await);
    refused(world.reader.handle(world.request("DELETE /v1/posts/{post}", &path, &Value::Null)).await);
    let resolve = "POST /v1/posts/{post}/targets/{target}/resolve";
    refused(
        world
            .reader
            .handle(world.request(resolve, &format!("{path}/targets/t1/resolve"), &json!({ "as": "published" })))
            .await,
    );
    let redrive = json!({ "filter": {} });
    refused(
        world
            .redriver
            .handle(world.request("POST /v1/dead-letters/redrive", "/v1/dead-letters/redrive", &redrive), TIME)
            .await,
    );
    refused(world.connect.handle(world.request("POST /v1/connect/sessions", "/v1/connect/sessions", &session)).await);
    // A login that was under way brings nothing.
    let callback = world.consent(&dialog, seed::ADA, &[seed::BAKERY], "continue").await;
    let back = world.finish(&callback, &cookie).await;
    assert_eq!(back.query(), Some("error=tenant_deleted"));
    // Its session is used up; nothing else has changed.
    assert_eq!(rows(&world).await.len(), before - 1);
    // Neither an operator nor a tick works on it.
    #[expect(clippy::disallowed_methods, reason = "what an operator's commands ask")]
    let found = authorize::tenant_by_id(&world.store, world.caller.tenant.id()).await.unwrap();
    assert_eq!(found, None);
    world.advance(11 * 24 * 3_600);
    world.dispatcher.tick().await.unwrap();
    world.drain().await;
    let asked = world.simulator.facebook().requests().len();
    world.health.run(TIME).await.unwrap();
    assert_eq!((world.page().len(), world.simulator.facebook().requests().len()), (0, asked));
}

#[tokio::test]
async fn f87_the_wish_is_one_however_often_it_is_told() {
    let world = World::start().await;
    let tenant = world.caller.tenant.id();
    let (one, two) = tokio::join!(marked(&world, tenant), marked(&world, tenant));
    let code = |marked: Option<Marked>| match marked {
        Some(Marked::Now(deletion) | Marked::Before(deletion)) => deletion.code,
        None => panic!("the tenant is unknown"),
    };
    assert_eq!(code(one), code(two));
    let deletion = finish(&world, &world.offboarding, world.caller).await;
    let Some(Marked::Before(again)) = marked(&world, tenant).await else { panic!("deleted anew") };
    assert_eq!(again, deletion);
    assert_eq!(marked(&world, TenantId::new()).await, None);
}

#[tokio::test]
async fn a_grant_is_given_back_unless_another_tenant_still_needs_it() {
    let mut world = Box::pin(World::start()).await;
    let revocations = |world: &World| {
        let all = world.simulator.facebook().take_requests();
        all.iter()
            .filter(|call| call.method == "DELETE" && call.path.ends_with(&format!("/{}/permissions", seed::ADA)))
            .count()
    };
    let first = world.caller;
    world.connected().await;
    world.caller = world.other_tenant().await;
    world.connected().await;
    mark(&world, first.tenant.id()).await;
    let end = finish(&world, &world.offboarding, first).await;
    assert_eq!((revocations(&world), end.revoked), (0, 0), "the other tenant's posts still go out");
    let second = world.caller;
    mark(&world, second.tenant.id()).await;
    // The platform fails once: it is asked again with the next run.
    world.simulator.facebook().add_fault(Fault::new(FaultKind::Status500Before).times(1));
    assert!(matches!(world.offboarding.advance(second.tenant, TIME).await.unwrap(), Progress::Unfinished(_)));
    let end = finish(&world, &world.offboarding, second).await;
    assert_eq!((revocations(&world), end.revoked), (2, 1));
}

#[tokio::test]
async fn a_platform_that_does_not_answer_holds_up_no_deletion() {
    let world = World::start().await;
    world.connected().await;
    mark(&world, world.caller.tenant.id()).await;
    world.simulator.facebook().add_fault(Fault::new(FaultKind::Status500Before));
    assert!(matches!(world.offboarding.advance(world.caller.tenant, TIME).await.unwrap(), Progress::Unfinished(_)));
    world.advance(GRACE.as_secs());
    let end = finish(&world, &world.offboarding, world.caller).await;
    assert_eq!(end.revoked, 0);
    let mut left = naming(&rows(&world).await, &world.caller.tenant.id().to_string());
    left.sort();
    let mut expected = remains(world.caller.tenant.id());
    expected.sort();
    assert_eq!(left, expected);
}

/// The process dies at one of its calls to AWS: before it leaves, or after it took effect and before the answer is read.
#[derive(Debug, Clone, Default)]
pub(crate) struct Death {
    pub(crate) at: usize,
    pub(crate) after: bool,
    seen: Arc<AtomicUsize>,
    dead: Arc<AtomicBool>,
}

impl Death {
    pub(crate) fn new(at: usize, after: bool) -> Self {
        Self { at, after, ..Self::default() }
    }

    pub(crate) fn came(&self) -> bool {
        self.dead.load(Ordering::Relaxed)
    }
}

impl Intercept for Death {
    fn name(&self) -> &'static str {
        "Death"
    }

    fn modify_before_transmit(
        &self,
        _: &mut BeforeTransmitInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if self.came() {
            return Err("dead".into());
        }
        let number = self.seen.fetch_add(1, Ordering::Relaxed);
        if number == self.at {
            self.dead.store(true, Ordering::Relaxed);
            if !self.after {
                return Err("dies".into());
            }
        }
        Ok(())
    }

    fn modify_before_deserialization(
        &self,
        _: &mut BeforeDeserializationInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if self.came() { Err("dies".into()) } else { Ok(()) }
    }
}

#[tokio::test]
async fn f87_a_deletion_that_dies_at_any_effect_is_resumed_and_ends_the_same() {
    let mut world = Box::pin(World::start()).await;
    for after in [false, true] {
        for at in 0.. {
            let caller = world.other_tenant().await;
            world.caller = caller;
            let connection = Box::pin(world.connected()).await;
            world.accept(&connection, &format!("{after} {at}")).await;
            world.drain().await;
            world.accept(&connection, &format!("{after} {at}, never begun")).await;
            let deletion = mark(&world, caller.tenant.id()).await;
            let death = Death::new(at, after);
            let dying = world.offboarding_through(death.clone());
            // It dies before the rows are removed, or among them.
            if dying.advance(caller.tenant, TIME).await.is_ok() {
                world.advance(GRACE.as_secs());
                let _outcome = dying.advance(caller.tenant, TIME).await;
            }
            let end = finish(&world, &world.offboarding, caller).await;
            let mut left = naming(&rows(&world).await, &caller.tenant.id().to_string());
            left.sort();
            let mut expected = remains(caller.tenant.id());
            expected.sort();
            assert_eq!(left, expected, "{death:?}");
            assert_eq!((end.code, end.done_at.is_some()), (deletion.code, true), "{death:?}");
            assert_eq!(status(&world, &deletion).await["state"], "done", "{death:?}");
            world.drain().await;
            if !death.came() {
                assert!(at > 12, "only {at} effects");
                break;
            }
        }
    }
}

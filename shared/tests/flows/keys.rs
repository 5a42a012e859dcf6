//! The life of API keys: made, used, rotated, revoked, over; and what the audit says of it.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicU32, Ordering},
};

use aws_sdk_dynamodb::config::http::{HttpRequest, HttpResponse};
use jiff::{SignedDuration, Timestamp};
use shared::{
    authorize::{Authorizer, IssuedKey, NewKey, Revoked, Rotated, create_key, keys, revoke_key, rotate_key},
    clock::Clock as _,
    ids::KeyId,
    problem::Code,
    scope::{Scope, Scopes},
    store::{Actor, AuditChain, AuditRecord, Store},
};

use crate::{
    intercept::{OnAnswer, OnRequest},
    world::World,
};

const DAY: SignedDuration = SignedDuration::from_hours(24);

fn operator() -> Actor {
    Actor::Operator("ada".into())
}

async fn create(world: &World, new: &NewKey<'_>) -> IssuedKey {
    create_key(&world.store, world.caller.tenant, new, operator(), world.clock.now()).await.unwrap()
}

async fn rotate(world: &World, store: &Store, key: KeyId) -> Rotated {
    rotate_key(store, world.caller.tenant, (key, DAY), operator(), world.clock.now()).await.unwrap()
}

async fn revoke(world: &World, key: KeyId) -> Revoked {
    revoke_key(&world.store, world.caller.tenant, key, operator(), world.clock.now()).await.unwrap()
}

/// What becomes of a request with this key: `known`, or the code of the refusal.
async fn tried(world: &World, key: &str) -> &'static str {
    world.authorizer.identify(&format!("Bearer {key}")).await.unwrap().map_or_else(Code::name, |_| "known")
}

async fn audit(world: &World) -> Vec<AuditRecord> {
    match world.store.audit_chain(world.caller.tenant).await.unwrap() {
        AuditChain::Whole(records) => records,
        AuditChain::BrokenAt(sequence) => panic!("broken at {sequence}"),
    }
}

async fn last_use(world: &World, key: KeyId) -> Option<Timestamp> {
    let listed = keys(&world.store, world.caller.tenant).await.unwrap();
    listed.into_iter().find(|listed| listed.key.id == key).unwrap().last_used_at
}

/// A store over the world's table, for one call at a time, that loses the first `count` answers to `operation`; and how many
/// it has been asked for.
fn losing(world: &World, operation: &'static str, count: u32) -> (Store, Arc<AtomicU32>) {
    let asked = Arc::new(AtomicU32::new(0));
    let (counting, is_it) = (Arc::clone(&asked), Arc::new(AtomicBool::new(false)));
    let mark = Arc::clone(&is_it);
    let ask = OnRequest(move |request: &mut HttpRequest| {
        let target = request.headers().get("x-amz-target").unwrap_or_default();
        mark.store(target.ends_with(operation), Ordering::Relaxed);
    });
    let answer = OnAnswer(move |answer: &mut HttpResponse| {
        if is_it.load(Ordering::Relaxed) && counting.fetch_add(1, Ordering::Relaxed) < count {
            *answer = HttpResponse::new(500.try_into().unwrap(), "{}".into());
        }
    });
    let config = world.dynamodb().config().to_builder().interceptor(ask).interceptor(answer).build();
    (Store::new(aws_sdk_dynamodb::Client::from_conf(config), "State"), asked)
}

#[tokio::test]
async fn a_rotated_key_and_its_successor_both_work_until_the_overlap_is_over() {
    let world = World::start().await;
    let scopes = Scopes::from_iter([Scope::PostsRead]);
    let old = create(&world, &NewKey { scopes, ..NewKey::unlimited("staging", "backend") }).await;
    let Rotated::Done { issued: new, old_ends_at } = rotate(&world, &world.store, old.row.id).await else {
        panic!("not rotated")
    };
    assert_eq!(old_ends_at, world.clock.now() + DAY);
    assert_eq!((new.row.name.as_str(), new.row.scopes, new.row.ends_at), ("backend", scopes, None));
    assert!(new.expose().starts_with("postd_staging_"));
    assert_ne!(new.expose(), old.expose());
    world.advance(24 * 3_600 - 1);
    assert_eq!((tried(&world, old.expose()).await, tried(&world, new.expose()).await), ("known", "known"));
    world.advance(1);
    assert_eq!((tried(&world, old.expose()).await, tried(&world, new.expose()).await), ("key.expired", "known"));
}

#[tokio::test]
async fn a_key_is_rotated_once_however_many_try_at_once() {
    let world = World::start().await;
    let old = create(&world, &NewKey::unlimited("local", "contested")).await;
    let store = &world.store;
    let rounds = tokio::join!(
        rotate(&world, store, old.row.id),
        rotate(&world, store, old.row.id),
        rotate(&world, store, old.row.id)
    );
    let mut won = Vec::new();
    let mut told = Vec::new();
    for round in [rounds.0, rounds.1, rounds.2] {
        match round {
            Rotated::Done { issued, .. } => won.push(issued.row.id),
            Rotated::Before(newer) => told.push(newer.unwrap()),
            other @ (Rotated::Unknown | Rotated::NotGood) => panic!("{other:?}"),
        }
    }
    assert_eq!((won.len(), told.as_slice()), (1, [won[0], won[0]].as_slice()));
    let listed = keys(store, world.caller.tenant).await.unwrap();
    assert_eq!(listed.iter().filter(|listed| listed.key.name == "contested").count(), 2);
    let rotations = audit(&world).await.into_iter().filter(|record| record.action == "key.rotated");
    let rotations: Vec<_> = rotations.map(|record| record.details["to"].clone()).collect();
    assert_eq!(rotations, [won[0].to_string()], "told once, and of the key that is there");
}

#[tokio::test]
async fn a_successor_lives_as_long_as_the_old_key_was_made_to_and_the_old_key_no_longer_than_it_was() {
    let world = World::start().await;
    let ends_at = Some(world.clock.now() + DAY * 30);
    let old = create(&world, &NewKey { ends_at, ..NewKey::unlimited("local", "monthly") }).await;
    world.advance(29 * 24 * 3_600 + 12 * 3_600);
    let Rotated::Done { issued, old_ends_at } = rotate(&world, &world.store, old.row.id).await else {
        panic!("not rotated")
    };
    assert_eq!(Some(old_ends_at), ends_at, "an overlap does not prolong a key");
    assert_eq!(issued.row.ends_at, Some(world.clock.now() + DAY * 30));
    world.advance(12 * 3_600);
    assert!(matches!(rotate(&world, &world.store, old.row.id).await, Rotated::NotGood));
}

#[tokio::test]
async fn a_revoked_key_is_refused_from_that_moment_whatever_the_clocks_show() {
    let world = World::start().await;
    let key = create(&world, &NewKey::unlimited("local", "lost")).await;
    assert_eq!(tried(&world, key.expose()).await, "known");
    // The operator's clock is far ahead: a key that only had an end would live until then.
    let ahead = world.clock.now() + DAY * 365;
    let tenant = world.caller.tenant;
    let done = revoke_key(&world.store, tenant, key.row.id, operator(), ahead).await.unwrap();
    assert_eq!((done, tried(&world, key.expose()).await), (Revoked::Now, "key.revoked"));
    let wrong = format!("{}{}", &key.expose()[..key.expose().len() - 4], "0000");
    assert_eq!(tried(&world, &wrong).await, "key.unknown", "only who has the key hears what became of it");
    assert_eq!(revoke(&world, key.row.id).await, Revoked::Before);
    assert_eq!(revoke(&world, KeyId::new()).await, Revoked::Unknown);
    assert!(matches!(rotate(&world, &world.store, key.row.id).await, Rotated::NotGood));
    assert!(matches!(rotate(&world, &world.store, KeyId::new()).await, Rotated::Unknown));
    let told = audit(&world).await.into_iter().filter(|record| record.action == "key.revoked").count();
    assert_eq!(told, 1, "what changes nothing is not told");
}

#[tokio::test]
async fn a_rotated_key_can_be_revoked_before_its_overlap_is_over_and_its_successor_stays() {
    let world = World::start().await;
    let old = create(&world, &NewKey::unlimited("local", "leaked")).await;
    let Rotated::Done { issued, .. } = rotate(&world, &world.store, old.row.id).await else { panic!("not rotated") };
    assert_eq!(revoke(&world, old.row.id).await, Revoked::Now);
    assert_eq!((tried(&world, old.expose()).await, tried(&world, issued.expose()).await), ("key.revoked", "known"));
}

#[tokio::test]
async fn f09_a_key_of_another_tenant_can_be_neither_rotated_nor_revoked() {
    let world = World::start().await;
    let other = world.other_tenant().await.tenant;
    let (key, now) = (world.caller.key, world.clock.now());
    assert!(matches!(rotate_key(&world.store, other, (key, DAY), operator(), now).await.unwrap(), Rotated::Unknown));
    assert_eq!(revoke_key(&world.store, other, key, operator(), now).await.unwrap(), Revoked::Unknown);
    assert_eq!(tried(&world, &world.key).await, "known");
    // The ids alone, put together to a key of another tenant, open nothing.
    let ids = |tenant: shared::tenant::Tenant| tenant.id().uuid().simple().to_string();
    let moved = world.key.replace(&ids(world.caller.tenant), &ids(other));
    assert_eq!(tried(&world, &moved).await, "key.unknown");
}

#[tokio::test]
async fn the_last_use_is_noted_once_an_hour_and_costs_nothing_in_between() {
    let world = World::start().await;
    let key = create(&world, &NewKey::unlimited("local", "busy")).await;
    assert_eq!(last_use(&world, key.row.id).await, None);
    let writes = || world.emulators.counts().calls("DynamoDB.UpdateItem");
    let (begins, before) = (world.clock.now(), writes());
    for _ in 0..10 {
        assert_eq!(tried(&world, key.expose()).await, "known");
        world.advance(300);
    }
    assert_eq!((last_use(&world, key.row.id).await, writes() - before), (Some(begins), 1));
    world.advance(600);
    tried(&world, key.expose()).await;
    assert_eq!((last_use(&world, key.row.id).await, writes() - before), (Some(world.clock.now()), 2));
    // Another sandbox remembers nothing, asks once, and does not set the time back or forth within the hour.
    let noted = last_use(&world, key.row.id).await;
    let other = Authorizer::new(world.store.clone(), Arc::new(world.clock.clone()));
    world.advance(60);
    for _ in 0..3 {
        other.identify(&format!("Bearer {}", key.expose())).await.unwrap().unwrap();
    }
    assert_eq!((last_use(&world, key.row.id).await, writes() - before), (noted, 3));
    // A wrong secret is no use.
    let wrong = format!("{}{}", &key.expose()[..key.expose().len() - 4], "0000");
    world.advance(3_600);
    tried(&world, &wrong).await;
    assert_eq!(last_use(&world, key.row.id).await, noted);
}

#[tokio::test]
async fn a_use_that_cannot_be_noted_stops_nobody() {
    let world = World::start().await;
    let (store, asked) = losing(&world, "UpdateItem", u32::MAX);
    let authorizer = Authorizer::new(store, Arc::new(world.clock.clone()));
    let identity = authorizer.identify(&format!("Bearer {}", world.key)).await.unwrap().unwrap();
    assert_eq!(identity.key, world.caller.key);
    authorizer.identify(&format!("Bearer {}", world.key)).await.unwrap().unwrap();
    assert_eq!(asked.load(Ordering::Relaxed), 1, "it is tried once, and not again with the next request");
}

#[tokio::test]
async fn f06_a_change_whose_answer_is_lost_is_made_once_and_told_once() {
    let world = World::start().await;
    let old = create(&world, &NewKey::unlimited("local", "k")).await;
    // All answers to the transaction are lost, those to the SDK's repetitions too.
    let (store, asked) = losing(&world, "TransactWriteItems", 3);
    let Rotated::Done { issued, .. } = rotate(&world, &store, old.row.id).await else { panic!("not rotated") };
    assert_eq!(asked.load(Ordering::Relaxed), 3, "every answer was lost");
    assert_eq!(tried(&world, issued.expose()).await, "known");
    let records = audit(&world).await;
    assert_eq!(records.iter().filter(|record| record.action == "key.rotated").count(), 1);
    let named = keys(&world.store, world.caller.tenant).await.unwrap();
    assert_eq!(named.iter().filter(|listed| listed.key.name == "k").count(), 2);
}

#[tokio::test]
async fn every_change_of_a_tenant_and_its_keys_is_in_the_audit_with_who_made_it() {
    let world = World::start().await;
    let new = NewKey { scopes: Scopes::from_iter([Scope::PostsRead]), ..NewKey::unlimited("local", "k") };
    let key = create(&world, &new).await.row.id;
    let Rotated::Done { issued, .. } = rotate(&world, &world.store, key).await else { panic!("not rotated") };
    revoke(&world, issued.row.id).await;
    let connection = world.connected().await;
    world.connected().await;
    let records = audit(&world).await;
    let told: Vec<_> = records.iter().map(|it| (it.action.as_str(), it.subject.as_str(), it.actor.as_str())).collect();
    let (tenant, first) = (world.caller.tenant.id().to_string(), world.caller.key.to_string());
    let (old, new) = (key.to_string(), issued.row.id.to_string());
    assert_eq!(
        told,
        [
            ("tenant.created", tenant.as_str(), "postd"),
            ("key.created", first.as_str(), "postd"),
            ("key.created", old.as_str(), "operator ada"),
            ("key.rotated", old.as_str(), "operator ada"),
            ("key.revoked", new.as_str(), "operator ada"),
            ("connection.connected", connection.as_str(), first.as_str()),
            ("connection.reconnected", connection.as_str(), first.as_str()),
        ]
    );
    assert_eq!(
        (records[2].details["scopes"].as_str(), records[3].details["to"].as_str()),
        ("posts:read", new.as_str())
    );
    let all = format!("{records:?}");
    assert!(!all.contains(issued.expose().rsplit('_').next().unwrap()), "no secret is told");
}

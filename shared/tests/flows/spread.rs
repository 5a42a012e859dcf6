//! How rows spread over partitions, how small they stay, and that a listing misses none.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_dynamodb::types::AttributeValue;
use jiff::SignedDuration;
use serde_json::{Value, json};
use shared::{
    aws::Clients,
    clock::Clock as _,
    connector::{Checkpoint, Refusal},
    ids::{PostId, TargetId},
    store::{Claim, ClaimRequest, Settled},
    target::{LogEntry, Settlement},
};

use crate::{bulk, world::World};

type Row = std::collections::HashMap<String, AttributeValue>;

async fn rows(world: &World) -> Vec<Row> {
    let client = Clients::at(&world.emulators.endpoint_url()).dynamodb();
    let mut pages = client.scan().table_name("State").into_paginator().items().send();
    let mut rows = Vec::new();
    while let Some(row) = pages.next().await {
        rows.push(row.unwrap());
    }
    rows
}

fn field<'a>(row: &'a Row, name: &str) -> Option<&'a str> {
    row.get(name).map(|value| value.as_s().unwrap().as_str())
}

/// About what DynamoDB counts: names and values.
fn size(value: &AttributeValue) -> usize {
    match value {
        AttributeValue::S(text) | AttributeValue::N(text) => text.len(),
        AttributeValue::M(map) => 3 + map.iter().map(|(name, value)| name.len() + size(value)).sum::<usize>(),
        AttributeValue::L(list) => 3 + list.iter().map(size).sum::<usize>(),
        AttributeValue::Bool(_) | AttributeValue::Null(_) => 1,
        AttributeValue::B(_) | AttributeValue::Bs(_) | AttributeValue::Ns(_) | AttributeValue::Ss(_) | _ => {
            panic!("no row of ours has {value:?}")
        }
    }
}

fn size_of(row: &Row) -> usize {
    row.iter().map(|(name, value)| name.len() + size(value)).sum()
}

fn planned(connection: &str, numbers: std::ops::Range<usize>, at: &str) -> Value {
    let mut body = bulk::items(connection, numbers);
    for post in body["posts"].as_array_mut().unwrap() {
        post["schedule"] = json!({ "at": at });
    }
    body
}

#[tokio::test]
async fn f60_posts_spread_over_partitions_and_what_is_due_over_its_shards() {
    let mut world = World::start().await;
    let mut tenants = BTreeSet::new();
    for _ in 0..4 {
        let connection = world.connected().await;
        let answer = bulk::bulk(&world, &planned(&connection, 0..200, "2026-11-21T12:00:00Z")).await.unwrap();
        assert_eq!(answer["accepted"], 200);
        tenants.insert(world.caller.tenant.id().to_string());
        world.caller = world.other_tenant().await;
    }
    let mut posts: BTreeMap<String, usize> = BTreeMap::new();
    let mut days: BTreeMap<String, usize> = BTreeMap::new();
    let mut shards: BTreeMap<String, usize> = BTreeMap::new();
    for row in rows(&world).await {
        let (pk, sk) = (field(&row, "pk").unwrap(), field(&row, "sk").unwrap());
        if sk == "POST" {
            *posts.entry(pk.to_owned()).or_default() += 1;
        } else if pk.contains("#DAY#") {
            *days.entry(pk.to_owned()).or_default() += 1;
            *shards.entry(field(&row, "due_shard").unwrap().to_owned()).or_default() += 1;
        }
    }
    // A partition for each post; one for the targets of a tenant and day, and no tenant in another's.
    assert_eq!((posts.len(), posts.values().max()), (800, Some(&1)));
    assert_eq!(days.values().copied().collect::<Vec<_>>(), [200; 4]);
    assert!(days.keys().all(|day| tenants.iter().filter(|tenant| day.contains(*tenant)).count() == 1));
    // 200 in each shard are expected, whoever's they are; five standard deviations are 61.
    assert_eq!(shards.len(), 4);
    assert!(shards.values().all(|count| (140..=260).contains(count)), "{shards:?}");
}

#[tokio::test]
async fn f60_ids_of_keys_and_new_ids_alike_spread_over_the_shards() {
    // What the shard of a post hangs on: its id's last byte.
    let last = |id: PostId| usize::from(*id.uuid().as_bytes().last().unwrap() % 4);
    let mut derived = [0; 4];
    let mut new = [0; 4];
    for number in 0..4_000 {
        derived[last(PostId::derived(&["ten", "POST /v1/posts", &format!("order-{number}")]))] += 1;
        new[last(PostId::new())] += 1;
    }
    assert!(derived.iter().chain(&new).all(|count| (860..=1_140).contains(count)), "{derived:?} {new:?}");
}

#[tokio::test]
async fn f64_a_target_of_a_thousand_attempts_stays_small() {
    const LINES: u64 = 1_000;
    // A claim and a settlement each: the row neither grows nor does anything else with their number.
    const ROUNDS: u64 = 100;
    let world = World::start().await;
    let connection = world.connected().await;
    let body = json!({ "content": { "text": "patience" }, "targets": [{ "connection": connection }] });
    let id: PostId = world.create(&body).await.unwrap()["id"].as_str().unwrap().parse().unwrap();
    let (tenant, target) = (world.caller.tenant, TargetId::at(0).unwrap());
    let post = world.store.post(tenant, id, true).await.unwrap().unwrap();
    let reason: Refusal = serde_json::from_value(json!({
        "code": "facebook.rate.page", "message": "Too many calls to this Page.", "platform_code": "32",
        "trace_id": "A".repeat(32), "act": "nobody",
    }))
    .unwrap();
    for round in 1..=ROUNDS {
        let now = world.clock.now();
        let request = ClaimRequest {
            post: &post,
            target,
            spec: post.target(target).unwrap(),
            owner: "7c9e6679-7425-40de-944b-e07fc1f90ae7",
            now,
            lease_until: now,
            intent: None,
        };
        let Claim::Won(claimed) = world.store.claim(tenant, &request).await.unwrap() else { panic!("round {round}") };
        assert_eq!(claimed.fence, round);
        let end = Settlement::Waiting {
            until: now,
            checkpoint: Checkpoint::default(),
            publish_answered: false,
            needs_owner: false,
            reason: Some(reason.clone()),
        };
        assert_eq!(world.store.settle(tenant, &claimed, (&end, None), now).await.unwrap(), Settled::Done);
        world.clock.advance(SignedDuration::from_secs(1));
    }
    let mut lines = tokio::task::JoinSet::new();
    for fence in 1..=LINES {
        let (store, now) = (world.store.clone(), world.clock.now());
        let entry: LogEntry = serde_json::from_value(json!({
            "target": target, "fence": fence, "at": now.as_millisecond(), "state": "waiting", "attempt": 1,
            "reason": reason, "until": now.as_millisecond(),
        }))
        .unwrap();
        lines.spawn(async move { store.log(tenant, id, &entry).await.unwrap() });
        if fence % 20 == 0 {
            while lines.join_next().await.is_some() {}
        }
    }
    let rows = rows(&world).await;
    let of_this: Vec<&Row> = rows
        .iter()
        .filter(|row| field(row, "pk").unwrap().contains("#DAY#") || field(row, "pk").unwrap().contains("#POST#"))
        .collect();
    assert_eq!(of_this.len(), 1_002, "the post, the target and a line each");
    let largest = of_this.iter().map(|row| size_of(row)).max().unwrap();
    assert!(largest < 1_024, "{largest} bytes");
    let timeline = world.read("GET /v1/posts/{post}/timeline", &format!("/v1/posts/{id}/timeline")).await.unwrap();
    assert_eq!(timeline["entries"].as_array().unwrap().len(), 1_002, "accepted, started, a line each");
}

#[tokio::test]
async fn f67_a_listing_of_two_thousand_posts_in_pages_of_any_size_has_each_once() {
    let world = World::start().await;
    let connection = world.connected().await;
    let mut expected = BTreeSet::new();
    // Many of one millisecond, on three days: within one, only the id tells posts apart.
    for round in 0..4 {
        let body = planned(&connection, round * 500..(round + 1) * 500, "2026-12-24T12:00:00Z");
        let answer = bulk::bulk(&world, &body).await.unwrap();
        let results = answer["results"].as_array().unwrap();
        expected.extend(results.iter().map(|result| result["post"]["id"].as_str().unwrap().to_owned()));
        world.advance(if round == 1 { 1 } else { 86_400 });
    }
    assert_eq!(expected.len(), 2_000);
    for seed in 1_u64..=3 {
        let mut dice = seed;
        let mut listed = Vec::new();
        let mut cursor = String::new();
        loop {
            dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let limit = (dice >> 33) % 100 + 1;
            let page = world.read("GET /v1/posts", &format!("/v1/posts?limit={limit}{cursor}")).await.unwrap();
            let posts = page["posts"].as_array().unwrap();
            assert!(posts.len() as u64 <= limit);
            let of = |post: &Value| {
                (post["created_at"].as_str().unwrap().to_owned(), post["id"].as_str().unwrap().to_owned())
            };
            listed.extend(posts.iter().map(of));
            let Some(next) = page["next_cursor"].as_str() else { break };
            cursor = format!("&cursor={next}");
        }
        assert!(listed.is_sorted_by(|one, other| one > other), "seed {seed}: newest first, none twice");
        let ids: BTreeSet<String> = listed.into_iter().map(|(_, id)| id).collect();
        assert!(ids == expected, "seed {seed}: {} of {}", ids.len(), expected.len());
    }
}

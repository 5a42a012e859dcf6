//! What DynamoDB charges for a post. `docs/architecture.md` has the same figures.

use emulators::Counts;
use serde_json::{Value, json};
use shared::limit::Limits;
use simulator::facebook::{Fault, FaultKind, seed};

use crate::{bulk, figures, ingress, removal, world::World};

/// The write and read units that everything since `before` has cost.
fn units(world: &World, before: &Counts) -> (f64, f64) {
    let spent = world.emulators.counts().since(before);
    (spent.write_units(), spent.read_units())
}

async fn post(world: &World) -> Value {
    json!({ "content": { "text": "Fresh bread" }, "targets": [{ "connection": world.connected().await }] })
}

async fn accept(world: &World, body: &Value) -> (f64, f64) {
    let before = world.emulators.counts();
    world.create(body).await.unwrap();
    units(world, &before)
}

async fn work(world: &World) -> (f64, f64) {
    let before = world.emulators.counts();
    world.drain().await;
    units(world, &before)
}

async fn tick(world: &World) -> (f64, f64) {
    let before = world.emulators.counts();
    world.dispatcher.tick().await.unwrap();
    units(world, &before)
}

#[tokio::test]
async fn an_immediate_post_costs_three_write_units() {
    let world = World::start().await;
    let body = post(&world).await;
    // The reads are half a unit each: connection and tenant; then post, tenant and token.
    assert_eq!(accept(&world, &body).await, (1.0, 1.0));
    assert_eq!(work(&world).await, (2.0, 1.5));
    assert_eq!(world.page().len(), 1);
}

#[tokio::test]
async fn warm_work_asks_neither_kms_nor_secrets_manager() {
    let world = World::start().await;
    let mut body = post(&world).await;
    accept(&world, &body).await;
    work(&world).await;
    body["content"]["text"] = "Fresh cake".into();
    accept(&world, &body).await;
    let before = world.emulators.counts();
    work(&world).await;
    let spent = world.emulators.counts().since(&before);
    assert_eq!((spent.calls("KMS.Decrypt"), spent.calls("SecretsManager.GetSecretValue")), (0, 0));
    assert_eq!(world.page().len(), 2);
}

#[tokio::test]
async fn ten_warm_targets_take_three_conditional_writes_and_one_message_each() {
    let world = World::start().await;
    let mut body = post(&world).await;
    accept(&world, &body).await;
    work(&world).await;
    let before = world.emulators.counts();
    for number in 0..10 {
        body["content"]["text"] = format!("Fresh bread, batch {number}").into();
        accept(&world, &body).await;
    }
    let accepted = world.emulators.counts().since(&before);
    let writes = |counts: &Counts| {
        ["PutItem", "UpdateItem", "DeleteItem", "BatchWriteItem", "TransactWriteItems"]
            .map(|operation| counts.calls(&format!("DynamoDB.{operation}")))
    };
    assert_eq!((writes(&accepted), accepted.calls("SQS.SendMessage")), ([10, 0, 0, 0, 0], 10));
    let before = world.emulators.counts();
    world.drain().await;
    let published = world.emulators.counts().since(&before);
    assert_eq!(writes(&published).iter().sum::<u64>(), 20, "claim and settle: {published:#?}");
    assert_eq!(published.calls("SQS.SendMessage"), 0);
    for counts in [&accepted, &published] {
        assert!(counts.iter().all(|(name, _)| !name.starts_with("KMS.") && !name.starts_with("SecretsManager.")));
        assert!(counts.iter().all(|(_, count)| count.errors == 0), "{counts:#?}");
    }
    assert!(accepted.read_units() <= 10.0 && published.read_units() <= 15.0, "{accepted:#?} {published:#?}");
    assert_eq!(world.page().len(), 11);
}

#[tokio::test]
async fn a_scheduled_post_costs_eleven_write_units() {
    let world = World::start().await;
    let mut body = post(&world).await;
    body["schedule"] = json!({ "at": "2026-11-21T12:00:00Z" });
    // A transaction costs twice: post and target, and one unit in the index.
    assert_eq!(accept(&world, &body).await, (5.0, 1.0));
    world.advance(7_200);
    // The entry moves: out of its old place in the index and into a new one.
    assert_eq!(tick(&world).await, (3.0, 3.0));
    assert_eq!(work(&world).await, (3.0, 1.5));
    assert_eq!(tick(&world).await, (0.0, 2.0), "four shards, all empty");
    assert_eq!(world.page().len(), 1);
}

#[tokio::test]
async fn a_failed_attempt_costs_six_write_units_and_the_next_one_three() {
    let world = World::start().await;
    let body = post(&world).await;
    accept(&world, &body).await;
    world.simulator.facebook().add_fault(Fault::error(32, None).on_page(seed::BAKERY).times(1));
    // The end of the attempt and its line in the history are one transaction, which costs twice.
    assert_eq!(work(&world).await, (6.0, 1.5));
    world.advance(30);
    assert_eq!(work(&world).await, (3.0, 1.5));
    assert_eq!(world.page().len(), 1);
}

#[tokio::test]
async fn a_lost_answer_costs_six_write_units_and_the_question_seven() {
    let world = World::start().await;
    let body = post(&world).await;
    accept(&world, &body).await;
    world.simulator.facebook().add_fault(Fault::new(FaultKind::LostAnswer).on_edge("POST", "feed").times(1));
    assert_eq!(work(&world).await, (6.0, 1.5));
    world.advance(40);
    // Of two days the targets and the notes are read, before the platform is asked and after it has shown something.
    assert_eq!(work(&world).await, (7.0, 9.5));
    assert_eq!(world.page().len(), 1);
}

#[tokio::test]
async fn figures_cost_their_reading_and_next_to_nothing_while_they_are_young() {
    let world = World::start().await;
    let id = figures::published(&world).await;
    world.advance(600);
    let before = world.emulators.counts();
    figures::figures(&world, &id).await;
    let asked = units(&world, &before);
    let reading = work(&world).await;
    let before = world.emulators.counts();
    figures::figures(&world, &id).await;
    let young = units(&world, &before);
    assert_eq!([asked, reading, young], [(1.0, 3.5), (2.0, 3.5), (0.0, 3.5)]);
}

#[tokio::test]
async fn a_removal_costs_what_is_asked_done_and_noted_in_the_audit() {
    let world = World::start().await;
    let id = removal::published(&world).await;
    let before = world.emulators.counts();
    removal::asked(&world, &id).await;
    let asked = units(&world, &before);
    assert_eq!([asked, work(&world).await], [(7.0, 8.0), (9.0, 3.5)]);
    assert_eq!(world.page().len(), 0);
}

#[tokio::test]
async fn a_sweep_costs_what_is_kept_and_half_a_unit_for_each_young_post() {
    const POSTS: u32 = 40;
    let world = World::start().await;
    let mut body = post(&world).await;
    for number in 0..POSTS {
        body["content"]["text"] = format!("Fresh bread, batch {number}").into();
        accept(&world, &body).await;
    }
    work(&world).await;
    let sweep = async |hours: i64| {
        world.advance(hours * 3_600);
        let before = world.emulators.counts();
        assert_eq!(world.sweep().await.found, 0);
        let (writes, reads) = units(&world, &before);
        assert!(writes < 0.1, "{writes}");
        reads / f64::from(POSTS)
    };
    let (young, old) = (sweep(1).await, sweep(5 * 24).await);
    assert!(old > 0.1 && old < 0.2, "{old} read units for a post and its target that are only kept");
    assert!((young - old - 0.5).abs() < 0.01, "{young} read units for a post that could still be missing something");
}

#[tokio::test]
async fn a_hundred_bulk_posts_take_a_hundred_writes_ten_messages_calls_and_one_read() {
    let mut world = World::start().await;
    let connection = world.connected().await;
    let body = bulk::items(&connection, 0..100);
    let before = world.emulators.counts();
    let answer = bulk::bulk(&world, &body).await.unwrap();
    assert_eq!(answer["accepted"], 100);
    let spent = world.emulators.counts().since(&before);
    let calls: Vec<(&str, u64)> = spent.iter().map(|(name, count)| (name, count.calls)).collect();
    assert_eq!(calls, [("DynamoDB.BatchGetItem", 1), ("DynamoDB.PutItem", 100), ("SQS.SendMessageBatch", 10)]);
    // A post costs one write unit and a hundredth of a read unit.
    assert_eq!((spent.write_units(), spent.read_units()), (100.0, 1.0));
    let before = world.emulators.counts();
    world.drain().await;
    let spent = world.emulators.counts().since(&before);
    assert_eq!((spent.write_units(), spent.read_units()), (200.0, 150.0), "{spent:#?}");

    // A replay reads nothing more and writes nothing: each refused put counts as one unit all the same.
    let before = world.emulators.counts();
    assert_eq!(bulk::bulk(&world, &body).await.unwrap()["replayed"], 100);
    let spent = world.emulators.counts().since(&before);
    assert_eq!((spent.write_units(), spent.read_units()), (100.0, 1.0));

    // With a window for duplicates each target costs one write more.
    world.publisher.duplicate_window = Some(jiff::SignedDuration::from_hours(1));
    let before = world.emulators.counts();
    assert_eq!(bulk::bulk(&world, &bulk::items(&connection, 100..200)).await.unwrap()["accepted"], 100);
    let spent = world.emulators.counts().since(&before);
    assert_eq!((spent.write_units(), spent.read_units()), (200.0, 1.0));
}

#[tokio::test]
async fn the_guard_against_duplicates_costs_nothing_when_off_and_one_write_unit_when_on() {
    let mut world = World::start().await;
    let mut body = post(&world).await;
    let before = world.emulators.counts();
    assert_eq!(accept(&world, &body).await, (1.0, 1.0));
    let calls = |spent: &Counts| spent.iter().map(|(name, count)| (name.to_owned(), count.calls)).collect::<Vec<_>>();
    let off = calls(&world.emulators.counts().since(&before));
    let one = |name: &str| (name.to_owned(), 1);
    assert_eq!(off, [one("DynamoDB.BatchGetItem"), one("DynamoDB.PutItem"), one("SQS.SendMessage")]);
    world.publisher.duplicate_window = Some(jiff::SignedDuration::from_hours(1));
    body["content"]["text"] = "Fresh cake".into();
    assert_eq!(accept(&world, &body).await, (2.0, 1.0));
}

#[tokio::test]
async fn counting_requests_costs_one_write_unit_for_ten_requests_of_a_tenant_and_one_unit_for_each_further_block() {
    let world = World::start().await;
    let front = ingress::front(&world, &world.clock, Limits::default());
    let caller = ingress::tenant(1);
    let requests = async |count: usize| {
        let before = world.emulators.counts();
        for _ in 0..count {
            assert_eq!(ingress::call(&front, "GET /v1/posts", "203.0.113.7", &caller, "").await.0, 200);
        }
        units(&world, &before)
    };
    assert_eq!(requests(1).await, (1.0, 0.0), "the first of a sandbox waits for one write");
    assert_eq!(requests(9).await, (0.0, 0.0));
    assert_eq!(requests(90).await, (3.0, 0.0), "blocks of 20, 40 and 80");
    assert_eq!(requests(900).await, (26.0, 0.0), "thirty for the whole limit");
}

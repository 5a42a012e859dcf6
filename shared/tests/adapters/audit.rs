//! The audit: one unbroken chain per tenant, whoever writes at once and whoever meddles later.

use aws_sdk_dynamodb::types::AttributeValue;
use emulators::Table;
use jiff::Timestamp;
use shared::{
    ids::KeyId,
    store::{Actor, AuditAction, AuditChain, AuditEntry, AuditRecord, Store},
    tenant::Tenant,
};

use crate::{World, faults::LostAnswers, tenant};

fn store(world: &World) -> Store {
    world.emulators.create_table(&Table::new("State", "pk").with_sort_key("sk")).unwrap();
    Store::new(world.dynamodb(), "State")
}

fn entry(at: &str, subject: &str) -> AuditEntry {
    let at: Timestamp = at.parse().unwrap();
    AuditEntry::new(at, Actor::Postd, AuditAction::TargetResolved, subject).with("as", "published")
}

async fn whole(store: &Store, tenant: Tenant) -> Vec<AuditRecord> {
    match store.audit_chain(tenant).await.unwrap() {
        AuditChain::Whole(records) => records,
        AuditChain::BrokenAt(sequence) => panic!("broken at {sequence}"),
    }
}

/// Five entries over three months.
async fn written(world: &World) -> (Store, Tenant) {
    let (store, tenant) = (store(world), tenant("ours"));
    for (at, subject) in [
        ("2026-10-31T23:59:59.999Z", "one"),
        ("2026-11-01T00:00:00Z", "two"),
        ("2026-11-21T03:00:00Z", "three"),
        ("2027-01-02T00:00:00Z", "four"),
        ("2027-01-02T00:00:00Z", "five"),
    ] {
        store.audit(tenant, &entry(at, subject)).await.unwrap();
    }
    (store, tenant)
}

type Row = std::collections::HashMap<String, AttributeValue>;

/// Every row of the audit, the head among them.
async fn rows(world: &World) -> Vec<Row> {
    let mut rows = world.dynamodb().scan().table_name("State").send().await.unwrap().items.unwrap();
    rows.sort_by_key(|row| (row["pk"].as_s().unwrap().clone(), row["sk"].as_s().unwrap().clone()));
    rows
}

async fn put(world: &World, row: &Row) {
    world.dynamodb().put_item().table_name("State").set_item(Some(row.clone())).send().await.unwrap();
}

async fn delete(world: &World, row: &Row) {
    let delete = world.dynamodb().delete_item().table_name("State");
    delete.key("pk", row["pk"].clone()).key("sk", row["sk"].clone()).send().await.unwrap();
}

#[tokio::test]
async fn what_was_decided_is_read_back_in_order_with_who_and_what() {
    let world = World::start().await;
    let (store, ours) = written(&world).await;
    let key = KeyId::new();
    let at = shared::clock::Clock::now(&world.clock);
    let redriven = AuditEntry::new(at, Actor::Key(key), AuditAction::DeadLettersRedriven, "dead-letters")
        .with("posts", 3)
        .with("long", "ü".repeat(1_000));
    store.audit(ours, &redriven).await.unwrap();
    let records = whole(&store, ours).await;
    let subjects: Vec<_> = records.iter().map(|record| record.subject.as_str()).collect();
    assert_eq!(subjects, ["one", "two", "three", "four", "five", "dead-letters"]);
    let last = &records[5];
    assert_eq!((last.sequence, last.actor.clone(), last.at), (6, key.to_string(), at));
    assert_eq!((last.action.as_str(), last.details["posts"].as_str()), ("dead_letters.redriven", "3"));
    assert_eq!(last.details["long"].len(), 256, "texts are bounded");
    assert_eq!(whole(&store, tenant("theirs")).await, [], "another tenant has a chain of its own");
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_writers_at_once_keep_one_unbroken_chain() {
    let world = World::start().await;
    let (store, tenant) = (store(&world), tenant("ours"));
    let writers: Vec<_> = (0..10)
        .map(|writer| {
            let store = store.clone();
            tokio::spawn(async move {
                for number in 0..3 {
                    let entry = entry("2026-11-21T03:00:00Z", &format!("{writer}-{number}"));
                    store.audit(tenant, &entry).await.unwrap();
                }
            })
        })
        .collect();
    for writer in writers {
        writer.await.unwrap();
    }
    let records = whole(&store, tenant).await;
    let subjects: std::collections::BTreeSet<_> = records.iter().map(|record| record.subject.clone()).collect();
    assert_eq!((records.len(), subjects.len()), (30, 30), "every entry once");
}

/// Another value that can be read as well.
fn bend(name: &str, value: &AttributeValue) -> AttributeValue {
    if let Ok(number) = value.as_n() {
        return AttributeValue::N(format!("{number}1"));
    }
    let Ok(text) = value.as_s() else { return AttributeValue::M(Row::new()) };
    let digit = if text.ends_with('0') { '1' } else { '0' };
    let kept = if matches!(name, "id" | "tenant") { &text[..text.len() - 1] } else { text };
    AttributeValue::S(format!("{kept}{digit}"))
}

#[tokio::test]
async fn changing_or_removing_anything_breaks_the_chain() {
    let world = World::start().await;
    let (store, tenant) = written(&world).await;
    let rows = rows(&world).await;
    assert_eq!(rows.len(), 6);
    for row in &rows {
        delete(&world, row).await;
        // Without its head there is no chain to judge; the next entry would begin one that collides with this.
        if row["sk"].as_s().unwrap() != "AUDIT" {
            assert!(matches!(store.audit_chain(tenant).await.unwrap(), AuditChain::BrokenAt(_)), "without {row:?}");
        }
        put(&world, row).await;
        for name in row.keys().filter(|name| !matches!(name.as_str(), "pk" | "sk" | "first_month" | "last_month")) {
            let mut bent = row.clone();
            let value = bend(name, &row[name]);
            bent.insert(name.clone(), value);
            put(&world, &bent).await;
            let chain = store.audit_chain(tenant).await.unwrap();
            assert!(matches!(chain, AuditChain::BrokenAt(_)), "{name} of {row:?}");
            put(&world, row).await;
        }
    }
    assert_eq!(whole(&store, tenant).await.len(), 5);
}

#[tokio::test]
async fn an_entry_moved_to_another_tenant_breaks_the_chain_there() {
    let world = World::start().await;
    let (store, ours) = written(&world).await;
    let theirs = tenant("theirs");
    for mut row in rows(&world).await {
        let pk = row["pk"].as_s().unwrap().replace(&ours.id().to_string(), &theirs.id().to_string());
        row.insert("pk".into(), AttributeValue::S(pk));
        put(&world, &row).await;
    }
    assert_eq!(store.audit_chain(theirs).await.unwrap(), AuditChain::BrokenAt(1));
    assert_eq!(whole(&store, ours).await.len(), 5);
}

#[tokio::test]
async fn f06_an_entry_whose_answer_was_lost_is_recognised_and_stands_once() {
    let world = World::start().await;
    store(&world);
    let lost = LostAnswers::default();
    let client = aws_sdk_dynamodb::config::Builder::from(&world.config).interceptor(lost.clone()).build();
    let store = Store::new(aws_sdk_dynamodb::Client::from_conf(client), "State");
    let tenant = tenant("ours");
    store.audit(tenant, &entry("2026-11-21T03:00:00Z", "one")).await.unwrap();
    lost.to("TransactWriteItems", 1);
    store.audit(tenant, &entry("2026-11-21T03:00:00Z", "two")).await.unwrap();
    assert_eq!(lost.left(), 0, "an answer was lost");
    let subjects: Vec<_> = whole(&store, tenant).await.into_iter().map(|record| record.subject).collect();
    assert_eq!(subjects, ["one", "two"]);
}

//! Reads that are behind: a replica and an index that stand still while the table goes on.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicUsize, Ordering},
};

use aws_sdk_dynamodb::{Client, config::http::HttpRequest};
use emulators::{Projection, Table};
use serde_json::{Value, json};
use shared::{
    consume::Consumer,
    dispatch::Dispatcher,
    queue::Queue,
    store::Store,
    telemetry::{Function, Metrics},
};

use crate::{intercept::OnRequest, world::World};

/// The table that a replica which stands still answers from. Its name is as long as the other's: the request keeps its
/// length.
const BEHIND: &str = "Stale";

/// Once it stands still, every read that does not insist on what is newest is answered as of that moment.
#[derive(Debug, Clone, Default)]
struct Replica {
    stands_still: Arc<AtomicBool>,
    served: Arc<AtomicUsize>,
}

impl Replica {
    async fn stand_still(&self, world: &World) {
        let table = Table::new(BEHIND, "pk")
            .with_sort_key("sk")
            .with_index("due", "due_shard", "due_at", Projection::KeysOnly)
            .with_index("attention", "attention_group", "attention_at", Projection::All);
        world.emulators.create_table(&table).unwrap();
        let client = world.dynamodb();
        for row in client.scan().table_name("State").send().await.unwrap().items.unwrap() {
            client.put_item().table_name(BEHIND).set_item(Some(row)).send().await.unwrap();
        }
        self.stands_still.store(true, Ordering::Relaxed);
    }

    fn catch_up(&self) {
        self.stands_still.store(false, Ordering::Relaxed);
    }

    fn served(&self) -> usize {
        self.served.load(Ordering::Relaxed)
    }

    /// Serves a request, if it is a read that this replica may serve.
    fn serve(&self, request: &mut HttpRequest) {
        let operation = request.headers().get("x-amz-target").unwrap_or_default();
        let reads = [".GetItem", ".BatchGetItem", ".Query"].into_iter().any(|suffix| operation.ends_with(suffix));
        let body = String::from_utf8_lossy(request.body().bytes().unwrap_or_default()).into_owned();
        let insists = body.contains(r#""ConsistentRead":true"#);
        if reads && !insists && self.stands_still.load(Ordering::Relaxed) {
            let behind = body.replacen(r#""TableName":"State""#, &format!(r#""TableName":"{BEHIND}""#), 1).replacen(
                r#""RequestItems":{"State""#,
                &format!(r#""RequestItems":{{"{BEHIND}""#),
                1,
            );
            if behind != body {
                self.served.fetch_add(1, Ordering::Relaxed);
                *request.body_mut() = behind.into();
            }
        }
    }
}

/// A consumer and a dispatcher that read through the replica.
fn readers(world: &mut World, replica: &Replica) {
    let replica = replica.clone();
    let serving = OnRequest(move |request: &mut HttpRequest| replica.serve(request));
    world.consumer =
        Arc::new(Consumer { pace: shared::consume::Pace::default(), ..world.sandbox_through(serving.clone()) });
    let client = world.dynamodb().config().to_builder().interceptor(serving).build();
    let clock = Arc::new(world.clock.clone());
    world.dispatcher = Dispatcher {
        store: Store::new(Client::from_conf(client), "State"),
        queue: Queue::new(world.sqs.clone(), &world.publish_queue),
        metrics: Metrics::new(Function::Dispatch, clock.clone()),
        clock,
    };
}

async fn planned(world: &World, connection: &str, text: &str) -> String {
    let body = json!({
        "content": { "text": text }, "targets": [{ "connection": connection }],
        "schedule": { "at": "2026-11-21T11:00:00Z" },
    });
    world.create(&body).await.unwrap()["id"].as_str().unwrap().to_owned()
}

async fn edit(world: &World, id: &str, changes: &Value) {
    let mut request = world.request("PATCH /v1/posts/{post}", &format!("/v1/posts/{id}"), changes);
    request.headers.insert("if-match", r#""1""#.parse().unwrap());
    world.publisher.handle(request).await.unwrap();
}

fn texts(world: &World) -> Vec<String> {
    let mut texts: Vec<String> = world.page().into_iter().filter_map(|post| post.message).collect();
    texts.sort();
    texts
}

#[tokio::test]
async fn f65_a_post_that_is_read_as_it_was_before_its_edit_is_not_published_and_its_edit_is_once() {
    let mut world = World::start().await;
    let replica = Replica::default();
    readers(&mut world, &replica);
    let connection = world.connected().await;
    let id = planned(&world, &connection, "before").await;
    replica.stand_still(&world).await;
    edit(&world, &id, &json!({ "content": { "text": "after" }, "schedule": null })).await;
    for seconds in [1, 10] {
        world.pump().await;
        world.advance(seconds);
    }
    assert!(replica.served() >= 2, "the old post was read");
    assert_eq!((world.state(&id).await.as_str(), world.page().len()), ("queued", 0));
    replica.catch_up();
    world.advance(30);
    world.drain().await;
    assert_eq!((world.state(&id).await.as_str(), texts(&world)), ("published", vec!["after".to_owned()]));
    world.advance(3_600);
    world.dispatcher.tick().await.unwrap();
    world.drain().await;
    assert_eq!(texts(&world), ["after"]);
}

#[tokio::test]
async fn f65_a_job_of_an_edit_that_a_replica_does_not_show_publishes_nothing_of_the_old_version() {
    let mut world = World::start().await;
    let replica = Replica::default();
    readers(&mut world, &replica);
    let connection = world.connected().await;
    let id = planned(&world, &connection, "before").await;
    // The job of the first version is on its way when the post is edited; the replica still shows what the job wants.
    world.advance(3_600);
    world.dispatcher.tick().await.unwrap();
    replica.stand_still(&world).await;
    edit(&world, &id, &json!({ "content": { "text": "after" }, "schedule": { "at": "2026-11-21T12:00:00Z" } })).await;
    world.drain().await;
    assert!(replica.served() > 0, "the old post was read");
    assert_eq!((world.state(&id).await.as_str(), world.page().len()), ("scheduled", 0));
    replica.catch_up();
    world.advance(3_600);
    world.dispatcher.tick().await.unwrap();
    world.drain().await;
    assert_eq!(texts(&world), ["after"]);
}

#[tokio::test]
async fn f65_an_index_that_is_behind_sends_nothing_twice_and_loses_nothing() {
    let mut world = World::start().await;
    let replica = Replica::default();
    readers(&mut world, &replica);
    let connection = world.connected().await;
    planned(&world, &connection, "stays").await;
    let cancelled = planned(&world, &connection, "cancelled").await;
    let moved = planned(&world, &connection, "moved").await;
    replica.stand_still(&world).await;
    let request = world.request("DELETE /v1/posts/{post}", &format!("/v1/posts/{cancelled}"), &Value::Null);
    world.reader.handle(request).await.unwrap();
    edit(&world, &moved, &json!({ "schedule": { "at": "2026-11-21T13:00:00Z" } })).await;
    planned(&world, &connection, "came after").await;
    world.advance(3_600);
    let mut sent = 0;
    // The index says each time that three are due, also after one of them is out.
    for _ in 0..6 {
        sent += world.dispatcher.tick().await.unwrap().sent;
        world.drain().await;
        world.advance(5);
    }
    assert!(replica.served() > 0, "the old index was read");
    assert_eq!((sent, texts(&world)), (1, vec!["stays".to_owned()]));
    replica.catch_up();
    world.dispatcher.tick().await.unwrap();
    world.drain().await;
    assert_eq!(texts(&world), ["came after", "stays"]);
    world.advance(7_200);
    world.dispatcher.tick().await.unwrap();
    world.drain().await;
    assert_eq!(texts(&world), ["came after", "moved", "stays"]);
    assert_eq!(world.state(&cancelled).await, "cancelled");
}

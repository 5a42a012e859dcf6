//! Two builds at work on one queue and one table, as in the minutes of a deployment.

use std::{collections::HashMap, sync::Arc};

use aws_sdk_dynamodb::types::AttributeValue;
use serde_json::{Value, json};
use simulator::facebook::{Fault, FaultKind};

use crate::world::World;

type Row = HashMap<String, AttributeValue>;

/// What rows did not have in the first builds: one that was written by such a build, or by one that is still at work, lacks
/// it.
const NEWEST: [&str; 9] = [
    "not_after_given",
    "started_at",
    "cancelled_by",
    "resolved",
    "redriven_at",
    "reason",
    "checked_at",
    "last_event",
    "missing_scopes",
];
/// What the next build may add to any row.
const LATER: &str = "campaign";

fn later() -> AttributeValue {
    AttributeValue::M([("of".to_owned(), AttributeValue::S("a later build".to_owned()))].into())
}

async fn rows(world: &World) -> Vec<Row> {
    world.dynamodb().scan().table_name("State").send().await.unwrap().items.unwrap()
}

/// Posts, targets, connections and their lines of history, but not what accounts are found by.
fn is_of_work(row: &Row) -> bool {
    ["state", "request_fingerprint"].iter().any(|field| row.contains_key(*field))
}

/// Every other row is left as another build would: newer with something more, or older with less. How many were changed.
async fn touch(world: &World) -> usize {
    let mut touched = 0;
    for (number, mut row) in rows(world).await.into_iter().filter(is_of_work).enumerate() {
        let before = row.clone();
        if number % 2 == 0 {
            row.insert(LATER.to_owned(), later());
        } else {
            for name in NEWEST {
                row.remove(name);
            }
        }
        if row != before {
            touched += 1;
            world.dynamodb().put_item().table_name("State").set_item(Some(row)).send().await.unwrap();
        }
    }
    touched
}

/// Sends every message that is visible again with what a later build may add to it.
async fn repeat_as_a_later_build(world: &World) -> usize {
    let messages = world.receive(&world.publish_queue, 0).await;
    for message in &messages {
        let body = message.body.replacen(r#""v":1"#, r#""v":1,"priority":{"of":"a later build"},"lane":7"#, 1);
        assert_ne!(body, message.body);
        world.sqs.send_message().queue_url(&world.publish_queue).message_body(body).send().await.unwrap();
    }
    messages.len()
}

#[tokio::test]
async fn f86_two_builds_at_one_queue_publish_each_post_once_and_leave_each_others_fields_alone() {
    let mut world = Box::pin(World::start()).await;
    let connection = Box::pin(world.connected()).await;
    let (one, other) = (Arc::new(world.sandbox()), Arc::new(world.sandbox()));
    // Some fail on the way, so that one build goes on with what the other has begun.
    let facebook = world.simulator.facebook();
    for kind in [FaultKind::LostAnswer, FaultKind::Status500Before, FaultKind::RateLimited] {
        facebook.add_fault(Fault::new(kind).on_edge("POST", "feed").times(1));
    }
    let mut ids = Vec::new();
    for number in 0..8 {
        let mut body = json!({ "content": { "text": number.to_string() }, "targets": [{ "connection": connection }] });
        if number % 2 == 0 {
            body["schedule"] = json!({ "at": "2026-11-21T10:01:00Z" });
        }
        ids.push(world.create(&body).await.unwrap()["id"].as_str().unwrap().to_owned());
    }
    let (mut touched, mut repeated) = (0, 0);
    for round in 0..60 {
        touched += touch(&world).await;
        repeated += repeat_as_a_later_build(&world).await;
        world.consumer = if round % 2 == 0 { one.clone() } else { other.clone() };
        world.pump().await;
        world.advance(30);
        world.dispatcher.tick().await.unwrap();
    }
    world.drain().await;
    assert!(touched > 16 && repeated >= 8, "{touched} rows, {repeated} messages");
    for id in &ids {
        assert_eq!(world.state(id).await, "published");
    }
    let mut texts: Vec<String> = world.page().into_iter().filter_map(|post| post.message).collect();
    texts.sort();
    assert_eq!(texts, ["0", "1", "2", "3", "4", "5", "6", "7"]);
}

#[tokio::test]
async fn f86_what_a_later_build_wrote_into_a_row_survives_the_work_of_this_one() {
    let world = World::start().await;
    let connection = world.connected().await;
    let body = |text: &str| {
        json!({
            "content": { "text": text }, "targets": [{ "connection": connection }],
            "schedule": { "at": "2026-11-21T10:30:00Z" },
        })
    };
    let published = world.create(&body("published")).await.unwrap()["id"].as_str().unwrap().to_owned();
    let cancelled = world.create(&body("cancelled")).await.unwrap()["id"].as_str().unwrap().to_owned();
    let mut marked = 0;
    for mut row in rows(&world).await.into_iter().filter(is_of_work) {
        row.insert(LATER.to_owned(), later());
        world.dynamodb().put_item().table_name("State").set_item(Some(row)).send().await.unwrap();
        marked += 1;
    }
    assert_eq!(marked, 5, "two posts, two targets and a connection");
    let cancel = world.request("DELETE /v1/posts/{post}", &format!("/v1/posts/{cancelled}"), &Value::Null);
    world.reader.handle(cancel).await.unwrap();
    world.simulator.facebook().add_fault(Fault::new(FaultKind::LostAnswer).on_edge("POST", "feed").times(1));
    for _ in 0..40 {
        world.advance(60);
        world.dispatcher.tick().await.unwrap();
        world.drain().await;
    }
    assert_eq!(
        (world.state(&published).await, world.state(&cancelled).await),
        ("published".into(), "cancelled".into())
    );
    let kept = rows(&world).await.into_iter().filter(|row| row.get(LATER) == Some(&later())).count();
    assert_eq!(kept, marked);
}

//! What the queue may do to a job: deliver it many times, or deliver something that is none.

use std::time::Duration;

use serde_json::json;
use simulator::facebook::seed;
use simulator::facebook::{Fault, FaultKind};

use crate::support::System;
use crate::tenant::{ADAS, Tenant};

async fn send(system: &System, body: &str) {
    let queue = system.resource("PublishQueue");
    system.aws().sqs().send_message().queue_url(queue).message_body(body).send().await.unwrap();
}

/// Waits until no job is left, hidden and delayed ones included; what hides for long is brought back at once.
async fn drained(tenant: &Tenant<'_>) {
    let look = async || {
        tenant.system.turn_the_queues_clock(Duration::from_secs(1));
        let depth = tenant.read("/health/queue").await;
        let empty = ["visible", "in_flight", "delayed"].iter().all(|figure| depth[*figure] == 0);
        empty.then_some(())
    };
    tenant.system.eventually("the queue is empty", look).await;
}

#[tokio::test]
async fn f13_a_job_delivered_many_times_is_published_once() {
    let system = System::start(&[("ConsumerTimeout", "10"), ("PublishVisibilityTimeout", "60")]);
    let tenant = Tenant::new(&system).await;
    let connection = tenant.connect(seed::ADA, &ADAS).await;
    // Slow enough for the copies to arrive while the first is at work.
    let slow = Fault { milliseconds: Some(400), ..Fault::new(FaultKind::Slow) };
    system.facebook().add_fault(slow.on_edge("POST", "feed"));

    let text = "Delivered many times, published once.";
    let post = tenant.publish(&connection, seed::BAKERY, text).await;
    let job = json!({"v": 1, "tenant": tenant.id.id().to_string(), "post": post, "target": "t1", "version": 1});
    for _copy in 0..24 {
        send(&system, &job.to_string()).await;
    }
    let ended = tenant.settled(&post).await;
    assert_eq!((&ended["state"], &ended["targets"][0]["attempts"]), (&json!("published"), &json!(1)));
    // And once more, long after the end.
    send(&system, &job.to_string()).await;
    drained(&tenant).await;
    assert_eq!(system.on_page(seed::BAKERY, text), 1);
    assert_eq!(tenant.history(&post).await, ["accepted", "started", "published"]);
}

#[tokio::test]
async fn f18_what_is_no_job_becomes_a_dead_letter_and_its_neighbours_are_published() {
    let system = System::start(&[]);
    let tenant = Tenant::new(&system).await;
    let connection = tenant.connect(seed::GRACE, &crate::tenant::GRACES).await;
    let mut posts = Vec::new();
    for number in 0..4 {
        send(&system, &format!("this is no JSON, number {number}")).await;
        posts.push(tenant.publish(&connection, seed::GARDEN, &format!("A good neighbour, number {number}")).await);
    }
    for (number, post) in posts.iter().enumerate() {
        assert_eq!(tenant.settled(post).await["state"], "published");
        assert_eq!(system.on_page(seed::GARDEN, &format!("A good neighbour, number {number}")), 1);
    }

    let sqs = system.aws().sqs();
    let queue = system.resource("DeadLetterQueue");
    let mut dead = Vec::new();
    let look = async || {
        let request = sqs.receive_message().queue_url(&queue).max_number_of_messages(10);
        let received = request.wait_time_seconds(0).send().await.unwrap();
        for message in received.messages() {
            dead.push(message.body().unwrap().to_owned());
        }
        (dead.len() >= 4).then_some(())
    };
    system.eventually("all that is no job is in the dead letter queue", look).await;
    dead.sort();
    let expected: Vec<String> = (0..4).map(|number| format!("this is no JSON, number {number}")).collect();
    assert_eq!(dead, expected);
}

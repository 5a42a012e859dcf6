//! What goes through SQS, and how.

use std::time::Duration;

use aws_sdk_sqs::types::{Message, MessageSystemAttributeName};
use emulators::Queue as Description;
use jiff::{SignedDuration, civil::Date};
use shared::{
    connector::Act,
    ids::{PostId, TargetId, TenantId},
    platform::Platform,
    queue::{DeadLetters, Delay, Depth, Inbound, InboundMessage, Job, Queue, QueueError, Reason},
};

use crate::{World, connection, faults::Canned, patient};

async fn url(world: &World) -> String {
    world.emulators.create_queue(&Description::new("Jobs")).await.unwrap().url
}

fn job(number: u64) -> Job {
    Job { tenant: TenantId::derived(&["a"]), post: PostId::new(), target: TargetId::at(0).unwrap(), version: number }
}

async fn receive(world: &World, url: &str) -> Vec<Message> {
    let answer = world
        .sqs()
        .receive_message()
        .queue_url(url)
        .max_number_of_messages(10)
        .message_attribute_names("All")
        .message_system_attribute_names(MessageSystemAttributeName::All)
        .send()
        .await
        .unwrap();
    answer.messages.unwrap_or_default()
}

fn read(message: &Message) -> Job {
    Job::decode(message.body().unwrap()).unwrap()
}

#[tokio::test]
async fn a_job_arrives_as_it_was_sent_in_its_tenants_group() {
    let world = World::start().await;
    let url = url(&world).await;
    let sent = job(7);
    Queue::new(world.sqs(), &url).send(&sent, Delay::NONE).await.unwrap();
    let messages = receive(&world, &url).await;
    assert_eq!(messages.iter().map(read).collect::<Vec<_>>(), [sent]);
    let attributes = messages[0].attributes().unwrap();
    assert_eq!(attributes[&MessageSystemAttributeName::MessageGroupId], sent.tenant.to_string());
}

#[tokio::test]
async fn a_delayed_job_comes_no_sooner() {
    let world = World::start().await;
    let url = url(&world).await;
    let queue = Queue::new(world.sqs(), &url);
    queue.send(&job(1), Delay::fitting(SignedDuration::from_secs(900)).unwrap()).await.unwrap();
    assert_eq!(queue.depth().await.unwrap(), Depth { visible: 0, in_flight: 0, delayed: 1 });
    world.emulators.advance(Duration::from_secs(899));
    assert!(receive(&world, &url).await.is_empty());
    world.emulators.advance(Duration::from_secs(1));
    assert_eq!(receive(&world, &url).await.len(), 1);
}

#[tokio::test]
async fn a_returned_job_comes_back_when_it_was_told_to() {
    let world = World::start().await;
    let url = url(&world).await;
    let queue = Queue::new(world.sqs(), &url);
    queue.send(&job(1), Delay::NONE).await.unwrap();
    let received = receive(&world, &url).await;
    assert_eq!(queue.depth().await.unwrap(), Depth { visible: 0, in_flight: 1, delayed: 0 });
    let handle = received[0].receipt_handle().unwrap();
    queue.change_visibility(handle, SignedDuration::from_millis(2_500)).await.unwrap();
    world.emulators.advance(Duration::from_millis(2_500));
    assert!(receive(&world, &url).await.is_empty(), "seconds are rounded up");
    world.emulators.advance(Duration::from_millis(500));
    assert_eq!(receive(&world, &url).await.len(), 1);
}

#[tokio::test]
async fn a_batch_of_any_size_goes_out_ten_at_a_time() {
    let world = World::start().await;
    let url = url(&world).await;
    let queue = Queue::new(world.sqs(), &url);
    let jobs: Vec<Job> = (0..23).map(job).collect();
    let results = queue.send_batch(&jobs).await;
    assert!(results.len() == 23 && results.iter().all(Result::is_ok));
    assert_eq!(world.emulators.counts().calls("SQS.SendMessageBatch"), 3);
    let mut versions = Vec::new();
    while versions.len() < 23 {
        let messages = receive(&world, &url).await;
        assert!(!messages.is_empty());
        versions.extend(messages.iter().map(|message| read(message).version));
    }
    versions.sort_unstable();
    assert_eq!(versions, (0..23).collect::<Vec<_>>());
}

/// Sends three jobs to a server that answers so; gives the results as text, and the bodies that it saw.
async fn sent_to(answers: &[(u16, &str)]) -> (Vec<String>, Vec<String>) {
    let server = Canned::start(answers).await;
    let config = patient(&server.endpoint).await.into_builder();
    let config = config.retry_config(aws_config::retry::RetryConfig::disabled()).build();
    let queue = Queue::new(aws_sdk_sqs::Client::new(&config), &server.endpoint);
    let results = queue.send_batch(&[job(0), job(1), job(2)]).await;
    let shown = results.iter().map(|result| match result {
        Ok(()) => "sent".to_owned(),
        Err(error) => error.to_string(),
    });
    (shown.collect(), server.bodies())
}

const SECOND_FAILS: &str = r#"{
    "Successful": [{"Id":"0","MessageId":"m","MD5OfMessageBody":"x"},{"Id":"2","MessageId":"m","MD5OfMessageBody":"x"}],
    "Failed": [{"Id":"1","Code":"InternalError","SenderFault":false}]}"#;

#[tokio::test]
async fn what_fails_within_a_batch_is_tried_once_more_alone() {
    let one_sent = r#"{"Successful":[{"Id":"0","MessageId":"m","MD5OfMessageBody":"x"}],"Failed":[]}"#;
    let (results, bodies) = sent_to(&[(200, SECOND_FAILS), (200, one_sent)]).await;
    assert_eq!(results, ["sent", "sent", "sent"]);
    assert_eq!(bodies.len(), 2);
    assert!(bodies[1].contains(r#"\"version\":1"#) && !bodies[1].contains(r#"\"version\":2"#), "{}", bodies[1]);
}

#[tokio::test]
async fn what_fails_twice_is_reported_for_that_job_only() {
    let fails = r#"{"Successful":[],"Failed":[{"Id":"0","Code":"InvalidMessageContents","SenderFault":true}]}"#;
    let (results, bodies) = sent_to(&[(200, SECOND_FAILS), (200, fails)]).await;
    assert_eq!(results, ["sent", "the queue refused (InvalidMessageContents)", "sent"]);
    assert_eq!(bodies.len(), 2);
}

#[tokio::test]
async fn an_answer_that_forgets_a_job_does_not_count_it_as_sent() {
    let (results, _) = sent_to(&[(200, r#"{"Successful":[],"Failed":[]}"#)]).await;
    assert_eq!(results, ["the queue did not answer"; 3]);
}

#[tokio::test]
async fn a_call_that_fails_as_a_whole_fails_for_every_job() {
    let (results, bodies) = sent_to(&[(500, "")]).await;
    assert_eq!(results, ["the queue did not answer"; 3]);
    assert_eq!(bodies.len(), 1);
}

#[tokio::test]
async fn a_queue_that_is_not_there_refuses() {
    let world = World::start().await;
    let missing = format!("{}/000000000000/missing", world.emulators.endpoint_url());
    let error = Queue::new(world.sqs(), missing).send(&job(1), Delay::NONE).await.unwrap_err();
    assert!(matches!(error, QueueError::Refused { .. }), "{error:?}");
}

#[tokio::test]
async fn a_dead_letter_carries_its_reason_as_codes() {
    let world = World::start().await;
    let url = url(&world).await;
    let letters = DeadLetters::new(world.sqs(), &url);
    let reason = Reason {
        code: "facebook.text.too_long",
        act: Act::Caller,
        platform: Platform::Facebook,
        connection: connection("c"),
    };
    letters.send(&job(3), 7, &reason).await.unwrap();
    letters.send(&job(4), 8, &Reason { code: "The text is too long!", ..reason }).await.unwrap();
    assert_eq!(letters.depth().await.unwrap().visible, 2);
    let mut messages = receive(&world, &url).await;
    messages.sort_by_key(|message| read(message).version);
    let attribute = |index: usize, name: &str| {
        let attributes = messages[index].message_attributes().unwrap();
        attributes[name].string_value().unwrap().to_owned()
    };
    let mark = |index: usize| shared::queue::dead_fence(messages[index].body().unwrap());
    assert_eq!((mark(0), mark(1)), (Some(7), Some(8)), "under which claim it failed");
    assert_eq!(attribute(0, "code"), "facebook.text.too_long");
    assert_eq!(attribute(0, "act"), "caller");
    assert_eq!(attribute(0, "platform"), "facebook");
    assert_eq!(attribute(0, "connection"), connection("c").to_string());
    assert_eq!(attribute(1, "code"), "other");
}

#[tokio::test]
async fn an_inbound_message_arrives_as_it_was_sent() {
    let world = World::start().await;
    let url = url(&world).await;
    let sent = InboundMessage { platform: Platform::Facebook, day: Date::constant(2026, 11, 21), event: "e1".into() };
    Inbound::new(world.sqs(), &url).send(&sent).await.unwrap();
    let messages = receive(&world, &url).await;
    assert_eq!(InboundMessage::decode(messages[0].body().unwrap()), Ok(sent));
}

//! SQS: what the consumer and the event source mapping rely on.

use std::time::{Duration, Instant};

use aws_sdk_sqs::Client;
use aws_sdk_sqs::primitives::Blob;
use aws_sdk_sqs::types::{
    DeleteMessageBatchRequestEntry, Message, MessageAttributeValue, MessageSystemAttributeName, QueueAttributeName,
    SendMessageBatchRequestEntry,
};
use emulators::{Emulators, Queue, QueueAddress};

use crate::start;

async fn with_queue(queue: Queue) -> (Emulators, Client, QueueAddress) {
    let (emulators, config) = start().await;
    let address = emulators.create_queue(&queue).await.unwrap();
    (emulators, Client::new(&config), address)
}

async fn receive(client: &Client, queue: &QueueAddress) -> Vec<Message> {
    client
        .receive_message()
        .queue_url(&queue.url)
        .max_number_of_messages(10)
        .message_system_attribute_names(MessageSystemAttributeName::All)
        .message_attribute_names("All")
        .send()
        .await
        .unwrap()
        .messages
        .unwrap_or_default()
}

fn string(value: &str) -> MessageAttributeValue {
    MessageAttributeValue::builder().data_type("String").string_value(value).build().unwrap()
}

#[tokio::test]
async fn a_message_arrives_with_everything_it_was_sent_with() {
    let (_emulators, client, queue) = with_queue(Queue::new("jobs")).await;
    let binary =
        MessageAttributeValue::builder().data_type("Binary").binary_value(Blob::new([0, 255])).build().unwrap();
    let sent = client
        .send_message()
        .queue_url(&queue.url)
        .message_body("{\"v\":1}")
        .message_group_id("ten_1")
        .message_attributes("reason", string("gave up"))
        .message_attributes("raw", binary.clone())
        .send()
        .await
        .unwrap();
    let received = receive(&client, &queue).await;
    let [message] = received.as_slice() else { panic!("{received:?}") };
    assert_eq!(message.message_id(), sent.message_id());
    assert_eq!(message.body(), Some("{\"v\":1}"));
    assert_eq!(message.md5_of_body(), sent.md5_of_message_body());
    assert_eq!(message.md5_of_message_attributes(), sent.md5_of_message_attributes());
    assert_eq!(message.message_attributes().unwrap()["reason"], string("gave up"));
    assert_eq!(message.message_attributes().unwrap()["raw"], binary);
    let attributes = message.attributes().unwrap();
    assert_eq!(attributes[&MessageSystemAttributeName::ApproximateReceiveCount], "1");
    assert_eq!(attributes[&MessageSystemAttributeName::MessageGroupId], "ten_1");
    assert!(attributes.contains_key(&MessageSystemAttributeName::SentTimestamp));
}

#[tokio::test]
async fn the_digest_of_attributes_is_the_one_that_clients_check() {
    // The value that moto's tests expect, taken from the real service.
    let (_emulators, client, queue) = with_queue(Queue::new("jobs")).await;
    let number = MessageAttributeValue::builder().data_type("Number").string_value("1493147359900").build().unwrap();
    let send = client.send_message().queue_url(&queue.url).message_body("x").message_attributes("timestamp", number);
    assert_eq!(send.send().await.unwrap().md5_of_message_attributes(), Some("235c5c510d26fb653d073faed50ae77c"));
}

#[tokio::test]
async fn a_delayed_message_waits_and_a_hidden_one_comes_back() {
    let (emulators, client, queue) = with_queue(Queue::new("jobs").with_attribute("VisibilityTimeout", "60")).await;
    client.send_message().queue_url(&queue.url).message_body("x").delay_seconds(30).send().await.unwrap();
    assert!(receive(&client, &queue).await.is_empty());
    emulators.advance(Duration::from_secs(30));
    let first = receive(&client, &queue).await;
    assert_eq!(first.len(), 1);
    assert!(receive(&client, &queue).await.is_empty(), "hidden");
    emulators.advance(Duration::from_mins(1));
    let second = receive(&client, &queue).await;
    assert_eq!(second[0].attributes().unwrap()[&MessageSystemAttributeName::ApproximateReceiveCount], "2");

    // The first receipt is stale by now: the delete says yes and does nothing.
    let delete = |message: &Message| {
        client.delete_message().queue_url(&queue.url).receipt_handle(message.receipt_handle().unwrap())
    };
    delete(&first[0]).send().await.unwrap();
    emulators.advance(Duration::from_mins(1));
    let third = receive(&client, &queue).await;
    assert_eq!(third.len(), 1);
    delete(&third[0]).send().await.unwrap();
    emulators.advance(Duration::from_mins(1));
    assert!(receive(&client, &queue).await.is_empty());
}

#[tokio::test]
async fn visibility_can_be_changed_while_in_flight_only() {
    let (emulators, client, queue) = with_queue(Queue::new("jobs")).await;
    client.send_message().queue_url(&queue.url).message_body("x").send().await.unwrap();
    let received = receive(&client, &queue).await;
    let change = |seconds| {
        let handle = received[0].receipt_handle().unwrap();
        client.change_message_visibility().queue_url(&queue.url).receipt_handle(handle).visibility_timeout(seconds)
    };
    change(600).send().await.unwrap();
    emulators.advance(Duration::from_secs(599));
    assert!(receive(&client, &queue).await.is_empty());
    change(0).send().await.unwrap();
    assert_eq!(receive(&client, &queue).await.len(), 1);
    assert!(change(10).send().await.is_err(), "the receipt is stale");
}

#[tokio::test]
async fn a_long_poll_ends_with_the_first_message() {
    let (_emulators, client, queue) = with_queue(Queue::new("jobs")).await;
    let begun = Instant::now();
    let waiting = tokio::spawn({
        let receive = client.receive_message().queue_url(&queue.url).wait_time_seconds(20);
        async move { receive.send().await.unwrap() }
    });
    tokio::task::yield_now().await;
    client.send_message().queue_url(&queue.url).message_body("x").send().await.unwrap();
    assert_eq!(waiting.await.unwrap().messages().len(), 1);
    assert!(begun.elapsed() < Duration::from_secs(10));
}

#[tokio::test]
async fn after_too_many_receives_a_message_is_a_dead_letter_and_can_be_moved_back_as_a_new_one() {
    let (emulators, client, dead) = with_queue(Queue::new("dead")).await;
    let queue = emulators.create_queue(&Queue::new("jobs").with_redrive(&dead.arn, 2)).await.unwrap();
    let sent = client.send_message().queue_url(&queue.url).message_body("x").send().await.unwrap();
    for _receive in 0..2 {
        assert_eq!(receive(&client, &queue).await.len(), 1);
        assert!(receive(&client, &dead).await.is_empty());
        emulators.advance(Duration::from_secs(30));
    }
    assert!(receive(&client, &queue).await.is_empty());
    let letters = receive(&client, &dead).await;
    assert_eq!(letters[0].message_id(), sent.message_id());
    assert_eq!(letters[0].attributes().unwrap()[&MessageSystemAttributeName::DeadLetterQueueSourceArn], queue.arn);

    emulators.advance(Duration::from_secs(30));
    client.start_message_move_task().source_arn(&dead.arn).send().await.unwrap();
    let moved = receive(&client, &queue).await;
    assert_ne!(moved[0].message_id(), sent.message_id());
    assert_eq!(moved[0].attributes().unwrap()[&MessageSystemAttributeName::ApproximateReceiveCount], "1");
}

#[tokio::test]
async fn what_was_sent_to_a_dead_letter_queue_itself_moves_only_to_a_queue_that_is_named() {
    let (emulators, client, dead) = with_queue(Queue::new("dead")).await;
    let queue = emulators.create_queue(&Queue::new("jobs").with_redrive(&dead.arn, 2)).await.unwrap();
    client.send_message().queue_url(&dead.url).message_body("x").send().await.unwrap();

    client.start_message_move_task().source_arn(&dead.arn).send().await.unwrap();
    let tasks = client.list_message_move_tasks().source_arn(&dead.arn).send().await.unwrap();
    let task = &tasks.results()[0];
    assert_eq!((task.status(), task.approximate_number_of_messages_moved()), (Some("FAILED"), 0));
    assert!(receive(&client, &queue).await.is_empty());

    client.start_message_move_task().source_arn(&dead.arn).destination_arn(&queue.arn).send().await.unwrap();
    assert_eq!(receive(&client, &queue).await.len(), 1);
    assert!(receive(&client, &dead).await.is_empty());
}

#[tokio::test]
async fn a_batch_reports_each_entry_and_has_limits() {
    let (_emulators, client, queue) = with_queue(Queue::new("jobs")).await;
    let entry =
        |id: &str, body: &str| SendMessageBatchRequestEntry::builder().id(id).message_body(body).build().unwrap();
    let large = "x".repeat(262_145);
    let sent = client
        .send_message_batch()
        .queue_url(&queue.url)
        .entries(entry("a", "1"))
        .entries(entry("b", &large))
        .send()
        .await
        .unwrap();
    assert_eq!(sent.successful()[0].id(), "a");
    assert_eq!((sent.failed()[0].id(), sent.failed()[0].sender_fault()), ("b", true));

    let eleven = (0..11).map(|n| entry(&n.to_string(), "x")).collect();
    let refused = client.send_message_batch().queue_url(&queue.url).set_entries(Some(eleven)).send().await.unwrap_err();
    assert!(refused.into_service_error().is_too_many_entries_in_batch_request());
    let twice = client.send_message_batch().queue_url(&queue.url).entries(entry("a", "1")).entries(entry("a", "2"));
    assert!(twice.send().await.unwrap_err().into_service_error().is_batch_entry_ids_not_distinct());

    let received = receive(&client, &queue).await;
    let delete = DeleteMessageBatchRequestEntry::builder()
        .id("a")
        .receipt_handle(received[0].receipt_handle().unwrap())
        .build()
        .unwrap();
    let junk = DeleteMessageBatchRequestEntry::builder().id("b").receipt_handle("junk").build().unwrap();
    let deleted =
        client.delete_message_batch().queue_url(&queue.url).entries(delete).entries(junk).send().await.unwrap();
    assert_eq!((deleted.successful().len(), deleted.failed()[0].code()), (1, "ReceiptHandleIsInvalid"));
}

#[tokio::test]
async fn what_sqs_cannot_carry_is_refused() {
    let (_emulators, client, queue) = with_queue(Queue::new("jobs")).await;
    let send = |body: &str| client.send_message().queue_url(&queue.url).message_body(body);
    assert!(send("\u{0}").send().await.unwrap_err().into_service_error().is_invalid_message_contents());
    send(&"x".repeat(262_144)).send().await.unwrap();
    assert!(send(&"x".repeat(262_145)).send().await.is_err());
    assert!(
        send(&"x".repeat(262_144)).message_attributes("a", string("b")).send().await.is_err(),
        "attributes weigh too"
    );
    assert!(send("x").delay_seconds(901).send().await.is_err());
    let missing =
        client.send_message().queue_url("http://localhost/0/none").message_body("x").send().await.unwrap_err();
    assert!(missing.into_service_error().is_queue_does_not_exist());
}

#[tokio::test]
async fn figures_tell_visible_in_flight_and_delayed_apart() {
    let (_emulators, client, queue) = with_queue(Queue::new("jobs")).await;
    for delay in [0, 0, 60] {
        client.send_message().queue_url(&queue.url).message_body("x").delay_seconds(delay).send().await.unwrap();
    }
    client.receive_message().queue_url(&queue.url).send().await.unwrap();
    let attributes = client
        .get_queue_attributes()
        .queue_url(&queue.url)
        .attribute_names(QueueAttributeName::All)
        .send()
        .await
        .unwrap()
        .attributes
        .unwrap();
    let figure = |name: QueueAttributeName| attributes[&name].as_str();
    assert_eq!(figure(QueueAttributeName::ApproximateNumberOfMessages), "1");
    assert_eq!(figure(QueueAttributeName::ApproximateNumberOfMessagesNotVisible), "1");
    assert_eq!(figure(QueueAttributeName::ApproximateNumberOfMessagesDelayed), "1");
}

#[tokio::test]
async fn a_message_is_forgotten_after_the_retention_period() {
    let (emulators, client, queue) =
        with_queue(Queue::new("jobs").with_attribute("MessageRetentionPeriod", "60")).await;
    client.send_message().queue_url(&queue.url).message_body("x").send().await.unwrap();
    emulators.advance(Duration::from_secs(61));
    assert!(receive(&client, &queue).await.is_empty());
}

#[tokio::test]
async fn a_noisy_group_does_not_hold_up_the_others() {
    let (_emulators, client, queue) = with_queue(Queue::new("jobs")).await;
    let send = |group: &'static str, body: &str| {
        client.send_message().queue_url(&queue.url).message_body(body).message_group_id(group).send()
    };
    for _message in 0..20 {
        send("noisy", "n").await.unwrap();
    }
    send("quiet", "q").await.unwrap();
    let mut bodies = Vec::new();
    for _receive in 0..2 {
        bodies.extend(receive(&client, &queue).await.into_iter().filter_map(|message| message.body));
    }
    assert!(bodies.contains(&"q".to_owned()), "{bodies:?}");
}

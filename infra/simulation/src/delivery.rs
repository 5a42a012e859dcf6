//! What the event source mapping, the schedules and an operator do.

use std::{sync::Arc, time::Duration};

use serde_json::{Value, json};
use shared::{
    consume::{Consumer, Message},
    telemetry::Function,
};

use crate::{cloud::Cloud, fault::Mishap, process::Process};

/// What a consumer is given for a batch.
const TIME: Duration = Duration::from_secs(30);
/// What a tick is given.
const TICK_TIME: Duration = Duration::from_secs(50);
/// How long after its deadline a function may still run, in milliseconds.
const LATE_KILL: u64 = 15_000;

/// Room for one consumer, with the process that lives there.
#[derive(Default)]
pub struct Slot {
    /// Whether it is at work.
    pub busy: bool,
    living: Option<(Arc<Process>, Arc<Consumer>)>,
}

impl std::fmt::Debug for Slot {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Slot").field("busy", &self.busy).finish_non_exhaustive()
    }
}

impl Slot {
    /// The process, a new one if it died.
    pub fn take(&mut self, new: impl FnOnce() -> (Arc<Process>, Arc<Consumer>)) -> (Arc<Process>, Arc<Consumer>) {
        match &self.living {
            Some((process, consumer)) if !process.is_dead() => (Arc::clone(process), Arc::clone(consumer)),
            Some(_) | None => {
                let (process, consumer) = new();
                self.living = Some((Arc::clone(&process), Arc::clone(&consumer)));
                (process, consumer)
            }
        }
    }
}

/// Runs what a process does, unless it dies or Lambda kills it at its deadline, or up to 15 seconds later.
pub async fn invoke<T>(
    cloud: &Cloud,
    process: &Arc<Process>,
    limit: Duration,
    work: impl Future<Output = T>,
) -> Option<T> {
    let killed_after = limit + Duration::from_millis(cloud.plane.chance(LATE_KILL));
    tokio::select! {
        biased;
        () = process.death() => None,
        done = tokio::time::timeout(killed_after, work) => {
            if done.is_err() {
                process.kill();
            }
            done.ok()
        }
    }
}

/// A batch, and the answer to the queue.
pub async fn consume(cloud: &Cloud, process: &Arc<Process>, consumer: &Arc<Consumer>, messages: Vec<Message>) {
    let Some(returned) = invoke(cloud, process, TIME, consumer.batch(messages.clone(), TIME)).await else { return };
    for message in messages.iter().filter(|message| !returned.contains(&message.id)) {
        if !cloud.plane.mishap(Mishap::LostAcknowledgement) {
            delete(cloud, message).await;
        }
    }
}

/// Receives up to ten visible messages.
pub async fn receive(cloud: &Cloud) -> Vec<Message> {
    let names = &cloud.aws.names;
    let request = json!({
        "QueueUrl": names.publish_queue, "MaxNumberOfMessages": 10, "MessageSystemAttributeNames": ["All"],
    });
    let answer = cloud.aws.call("AmazonSQS.ReceiveMessage", &request).await;
    let messages = answer.get("Messages").and_then(Value::as_array).cloned().unwrap_or_default();
    messages.iter().filter_map(message).collect()
}

fn message(delivered: &Value) -> Option<Message> {
    let field = |name: &str| delivered.get(name)?.as_str().map(str::to_owned);
    let receives = delivered.get("Attributes")?.get("ApproximateReceiveCount")?.as_str()?.parse().ok()?;
    Some(Message { id: field("MessageId")?, receipt_handle: field("ReceiptHandle")?, receives, body: field("Body")? })
}

/// Lets the queue deliver a message once more.
pub async fn send_again(cloud: &Cloud, message: &Message, after: Duration) {
    let request = json!({
        "QueueUrl": cloud.aws.names.publish_queue, "MessageBody": message.body, "DelaySeconds": after.as_secs(),
    });
    cloud.aws.call("AmazonSQS.SendMessage", &request).await;
}

/// Deletes a message.
pub async fn delete(cloud: &Cloud, message: &Message) {
    let request = json!({ "QueueUrl": cloud.aws.names.publish_queue, "ReceiptHandle": message.receipt_handle });
    cloud.aws.call("AmazonSQS.DeleteMessage", &request).await;
}

/// One tick of dispatch, in a process of its own.
pub async fn tick(cloud: &Cloud) {
    let parts = cloud.process(Function::Dispatch);
    let dispatcher = parts.dispatcher();
    // A tick that fails is repeated by the next.
    let _outcome = invoke(cloud, &parts.process, TICK_TIME, dispatcher.tick()).await;
}

/// The sweep of the whole table, which a day of ticks makes.
pub async fn sweep(cloud: &Cloud) {
    let parts = cloud.process(Function::Dispatch);
    let dispatcher = parts.dispatcher();
    let _outcome = invoke(cloud, &parts.process, TICK_TIME, dispatcher.sweep(0, 1)).await;
}

/// An operator moves the dead letters back from the console.
pub async fn redrive(cloud: &Cloud) {
    let request = json!({
        "SourceArn": "arn:aws:sqs:us-east-1:000000000000:publish-dead",
        "DestinationArn": "arn:aws:sqs:us-east-1:000000000000:publish",
    });
    cloud.aws.call("AmazonSQS.StartMessageMoveTask", &request).await;
}

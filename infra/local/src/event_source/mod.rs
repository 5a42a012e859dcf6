//! The event source mapping between a queue and a function: long polls, hands over batches, deletes what the function has
//! done and leaves the rest to the visibility timeout.

mod outcome;
mod record;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use aws_sdk_sqs::Client;
use aws_sdk_sqs::error::DisplayErrorContext;
use aws_sdk_sqs::types::{DeleteMessageBatchRequestEntry, Message, MessageSystemAttributeName};
use bytes::Bytes;
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until};

use crate::lambda::{InvokeError, Lambda};
use crate::logs::{Level, Logs};
use outcome::Outcome;

/// How long one poll waits.
const POLL: Duration = Duration::from_secs(20);

/// How many batches are worked on at once when the template does not say: what Lambda starts with.
const DEFAULT_CONCURRENCY: u32 = 5;

/// How often a batch is offered to a function that has no free environment, before it goes back to the queue.
const OFFERS: u32 = 5;

/// A mapping as the template describes it.
#[derive(Debug, Clone)]
pub(crate) struct Mapping {
    pub(crate) name: String,
    pub(crate) function: String,
    pub(crate) queue_arn: String,
    pub(crate) batch_size: u32,
    pub(crate) window: Duration,
    pub(crate) reports_failures: bool,
    pub(crate) maximum_concurrency: Option<u32>,
}

/// Everything that one mapping works with.
#[derive(Debug)]
pub(crate) struct Poller {
    mapping: Mapping,
    queue_url: String,
    client: Client,
    lambda: Lambda,
    logs: Logs,
}

/// Polls until the task is aborted.
pub(crate) fn start(poller: Arc<Poller>) -> JoinHandle<()> {
    let concurrency = poller.mapping.maximum_concurrency.unwrap_or(DEFAULT_CONCURRENCY);
    tokio::spawn(async move {
        let permits = Arc::new(Semaphore::new(concurrency as usize));
        // Taken before receiving: what is received is worked on at once and loses none of its visibility by waiting.
        while let Ok(permit) = Arc::clone(&permits).acquire_owned().await {
            let batch = poller.collect().await;
            if batch.is_empty() {
                continue;
            }
            let poller = Arc::clone(&poller);
            tokio::spawn(async move {
                poller.deliver(batch).await;
                drop(permit);
            });
        }
    })
}

impl Poller {
    pub(crate) fn new(mapping: Mapping, queue_url: String, client: Client, lambda: Lambda, logs: Logs) -> Self {
        Self { mapping, queue_url, client, lambda, logs }
    }

    /// The mapping that it serves.
    pub(crate) fn mapping(&self) -> &Mapping {
        &self.mapping
    }

    /// Hands over one batch of what is visible now and waits until it is worked off. How many messages there were.
    pub(crate) async fn deliver_visible(&self) -> usize {
        let batch = self.receive(self.mapping.batch_size as usize, Duration::ZERO).await;
        let messages = batch.len();
        if messages > 0 {
            self.deliver(batch).await;
        }
        messages
    }

    /// The next batch: full, or whatever came until the window closed.
    async fn collect(&self) -> Vec<Message> {
        let size = self.mapping.batch_size as usize;
        let mut batch = self.receive(size, POLL).await;
        let closes = Instant::now() + self.mapping.window;
        while !batch.is_empty() && batch.len() < size && Instant::now() < closes {
            let left = closes.saturating_duration_since(Instant::now());
            batch.extend(self.receive(size - batch.len(), left).await);
        }
        batch
    }

    async fn receive(&self, most: usize, wait: Duration) -> Vec<Message> {
        let seconds = i32::try_from(wait.min(POLL).as_secs()).unwrap_or(0);
        let received = self
            .client
            .receive_message()
            .queue_url(&self.queue_url)
            .max_number_of_messages(i32::try_from(most.min(10)).unwrap_or(10))
            .wait_time_seconds(seconds)
            .message_system_attribute_names(MessageSystemAttributeName::All)
            .message_attribute_names("All")
            .send()
            .await;
        match received {
            Ok(received) => received.messages.unwrap_or_default(),
            Err(error) => {
                self.say(Level::Warn, &format!("cannot receive: {}", DisplayErrorContext(&error)));
                sleep_until(Instant::now() + Duration::from_secs(1)).await;
                Vec::new()
            }
        }
    }

    async fn deliver(&self, batch: Vec<Message>) {
        let event = Bytes::from(record::event(&batch, &self.mapping.queue_arn).to_string());
        let ids: BTreeSet<&str> = batch.iter().filter_map(Message::message_id).collect();
        let outcome = match self.offer(event).await {
            Ok(answer) if self.mapping.reports_failures => outcome::read(&answer, &ids),
            Ok(_) => Outcome::AllDone,
            // Lambda has logged why.
            Err(_) => Outcome::AllReturned("the function failed"),
        };
        let returned = match outcome {
            Outcome::AllDone => BTreeSet::new(),
            Outcome::AllReturned(reason) => {
                self.say(
                    Level::Warn,
                    &format!("{} of {} messages stay in the queue: {reason}", batch.len(), batch.len()),
                );
                return;
            }
            Outcome::Returned(ids) => {
                self.say(Level::Debug, &format!("{} of {} messages stay in the queue", ids.len(), batch.len()));
                ids
            }
        };
        let done: Vec<&Message> =
            batch.iter().filter(|message| !message.message_id().is_some_and(|id| returned.contains(id))).collect();
        for chunk in done.chunks(10) {
            self.delete(chunk).await;
        }
    }

    /// Offers the batch again while the function has no free environment, as Lambda does.
    async fn offer(&self, event: Bytes) -> Result<Bytes, InvokeError> {
        let mut wait = Duration::from_millis(200);
        for _offer in 1..OFFERS {
            match self.lambda.invoke(&self.mapping.function, event.clone()).await {
                Err(InvokeError::Throttled) => {}
                other => return other,
            }
            sleep_until(Instant::now() + wait).await;
            wait *= 2;
        }
        self.lambda.invoke(&self.mapping.function, event).await
    }

    async fn delete(&self, messages: &[&Message]) {
        let entries = messages
            .iter()
            .enumerate()
            .filter_map(|(index, message)| {
                let entry = DeleteMessageBatchRequestEntry::builder().id(index.to_string());
                entry.set_receipt_handle(message.receipt_handle().map(str::to_owned)).build().ok()
            })
            .collect();
        let request = self.client.delete_message_batch().queue_url(&self.queue_url).set_entries(Some(entries));
        if let Err(error) = request.send().await {
            self.say(Level::Warn, &format!("cannot delete: {}", DisplayErrorContext(&error)));
        }
    }

    fn say(&self, level: Level, text: &str) {
        self.logs.say(level, "queue", format!("{}: {text}", self.mapping.name));
    }
}

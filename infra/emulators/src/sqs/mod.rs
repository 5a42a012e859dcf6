//! Amazon SQS, standard queues: long poll, visibility, delay, redrive, retention, attributes, and the published limits.
//!
//! Written here, because the embeddable emulators drop message groups and binary attributes, know no limits and move no
//! dead letters back; and because a clock that a test can move saves every test its waiting.

mod error;
mod message;
mod messages;
mod queue;
mod queues;
mod requests;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::sync::Notify;
use uuid::Uuid;

use crate::clock::Clock;
use crate::server::Reply;
use crate::{Error, disk};
use error::Refusal;
use queue::Queue;

/// Everything SQS remembers.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct State {
    queues: BTreeMap<String, Queue>,
    moves: Vec<Value>,
    /// How many messages there were, for ids that no two share.
    #[serde(default)]
    sequence: u64,
}

/// The service.
#[derive(Debug)]
pub(crate) struct Sqs {
    state: Mutex<State>,
    /// Wakes long polls: something was sent, became visible, or the clock moved.
    changed: Notify,
    stopped: AtomicBool,
    clock: Arc<Clock>,
    endpoint: String,
}

type Answer = Result<Value, Refusal>;

impl Sqs {
    pub(crate) fn new(clock: Arc<Clock>, endpoint: String, state: State) -> Self {
        let stopped = AtomicBool::new(false);
        Self { state: Mutex::new(state), changed: Notify::new(), stopped, clock, endpoint }
    }

    /// Ends long polls with nothing.
    pub(crate) fn stop(&self) {
        self.stopped.store(true, Ordering::Relaxed);
        self.wake();
    }

    pub(crate) fn wake(&self) {
        self.changed.notify_waiters();
    }

    /// When the next message of a queue can be received.
    pub(crate) fn next_visible_ms(&self, url: &str) -> Option<u64> {
        self.lock().queue(url).ok()?.next_visible_at()
    }

    /// What every message of a queue says.
    pub(crate) fn message_bodies(&self, url: &str) -> Vec<String> {
        let mut state = self.lock();
        let messages =
            state.queue(url).map(|queue| queue.messages.iter().map(|message| message.body.clone()).collect());
        messages.unwrap_or_default()
    }

    /// Keeps all queues with their messages.
    pub(crate) fn save(&self, file: Option<&Path>) -> Result<(), Error> {
        disk::save(file, &*self.lock())
    }

    /// Answers one request of the JSON protocol.
    pub(crate) async fn handle(&self, operation: &str, body: &[u8]) -> Reply {
        match self.answer(operation, body).await {
            Ok(body) => Reply::json(200, &body),
            Err(refusal) => refusal.reply(),
        }
    }

    /// The same, for callers in this process.
    pub(crate) async fn answer(&self, operation: &str, body: &[u8]) -> Answer {
        match operation {
            "CreateQueue" => self.create_queue(read(body)?),
            "DeleteQueue" => self.delete_queue(&read(body)?),
            "GetQueueUrl" => self.queue_url(&read(body)?),
            "ListQueues" => Ok(self.list_queues(&read(body)?)),
            "GetQueueAttributes" => self.queue_attributes(&read(body)?),
            "SetQueueAttributes" => self.set_queue_attributes(&read(body)?),
            "PurgeQueue" => self.purge_queue(&read(body)?),
            "TagQueue" => self.tag_queue(read(body)?),
            "UntagQueue" => self.untag_queue(&read(body)?),
            "ListQueueTags" => self.list_queue_tags(&read(body)?),
            "ListDeadLetterSourceQueues" => self.list_dead_letter_sources(&read(body)?),
            "StartMessageMoveTask" => self.start_move(&read(body)?),
            "ListMessageMoveTasks" => Ok(self.list_moves(&read(body)?)),
            "SendMessage" => self.send_message(read(body)?),
            "SendMessageBatch" => self.send_batch(read(body)?),
            "ReceiveMessage" => self.receive_message(read(body)?).await,
            "DeleteMessage" => self.delete_message(&read(body)?),
            "DeleteMessageBatch" => self.delete_batch(&read(body)?),
            "ChangeMessageVisibility" => self.change_visibility(&read(body)?),
            "ChangeMessageVisibilityBatch" => self.change_visibility_batch(&read(body)?),
            _ => Err(Refusal::new(
                "UnsupportedOperation",
                "AWS.SimpleQueueService.UnsupportedOperation",
                format!("{operation} is not emulated."),
            )),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// A new message's id.
    fn message_id(&mut self, now: u64) -> String {
        self.sequence += 1;
        Uuid::from_u64_pair(now, self.sequence).to_string()
    }

    /// A queue by its URL, whose last segment is the name: the port may have changed since the URL was made.
    fn queue(&mut self, url: &str) -> Result<&mut Queue, Refusal> {
        let name = url.rsplit('/').next().unwrap_or_default();
        self.queues.get_mut(name).ok_or_else(Refusal::no_such_queue)
    }

    fn queue_by_arn(&mut self, arn: &str) -> Option<&mut Queue> {
        self.queues.values_mut().find(|queue| queue.arn == arn)
    }
}

fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, Refusal> {
    serde_json::from_slice(body).map_err(|error| {
        let message = error.to_string();
        match message.strip_prefix("missing field `").and_then(|rest| rest.split('`').next()) {
            Some(field) => Refusal::missing(field),
            None => Refusal::new("SerializationException", "SerializationException", message),
        }
    })
}

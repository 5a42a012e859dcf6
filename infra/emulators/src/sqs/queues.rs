//! What callers do to queues as a whole.

use serde_json::{Value, json};
use uuid::Uuid;

use super::error::Refusal;
use super::message::Message;
use super::queue::{Queue, Settings};
use super::requests::{
    CreateQueue, GetQueueAttributes, GetQueueUrl, ListQueues, OneQueue, SetQueueAttributes, StartMessageMoveTask,
    TagQueue, UntagQueue,
};
use super::{Answer, Sqs};
use crate::{ACCOUNT, REGION};

impl Sqs {
    pub(super) fn create_queue(&self, request: CreateQueue) -> Answer {
        let name = request.queue_name;
        let named =
            (1..=80).contains(&name.len()) && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'));
        if !named {
            let message = "Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length \
                           (FIFO queues are not emulated).";
            return Err(Refusal::parameter(message));
        }
        let mut settings = Settings::default();
        for (attribute, value) in &request.attributes {
            settings.set(attribute, value)?;
        }
        let mut state = self.lock();
        if let Some(policy) = &settings.redrive
            && state.queue_by_arn(&policy.dead_letter_target_arn).is_none()
        {
            return Err(no_dead_letter_queue(&policy.dead_letter_target_arn));
        }
        if let Some(existing) = state.queues.get(&name) {
            if existing.settings != settings {
                return Err(Refusal::new(
                    "QueueNameExists",
                    "QueueAlreadyExists",
                    "A queue already exists with the same name and a different value for an attribute.",
                ));
            }
        } else {
            let now = self.clock.now_ms();
            let arn = format!("arn:aws:sqs:{REGION}:{ACCOUNT}:{name}");
            let queue =
                Queue { arn, settings, tags: request.tags, created_at: now, changed_at: now, messages: Vec::new() };
            state.queues.insert(name.clone(), queue);
        }
        Ok(json!({"QueueUrl": self.url(&name)}))
    }

    pub(super) fn delete_queue(&self, request: &OneQueue) -> Answer {
        let name = request.queue_url.rsplit('/').next().unwrap_or_default();
        self.lock().queues.remove(name).ok_or_else(Refusal::no_such_queue)?;
        Ok(json!({}))
    }

    pub(super) fn queue_url(&self, request: &GetQueueUrl) -> Answer {
        if self.lock().queues.contains_key(&request.queue_name) {
            Ok(json!({"QueueUrl": self.url(&request.queue_name)}))
        } else {
            Err(Refusal::no_such_queue())
        }
    }

    pub(super) fn list_queues(&self, request: &ListQueues) -> Value {
        let prefix = request.queue_name_prefix.as_deref().unwrap_or_default();
        let state = self.lock();
        let urls: Vec<String> =
            state.queues.keys().filter(|name| name.starts_with(prefix)).map(|name| self.url(name)).collect();
        json!({"QueueUrls": urls})
    }

    pub(super) fn queue_attributes(&self, request: &GetQueueAttributes) -> Answer {
        let now = self.clock.now_ms();
        let mut state = self.lock();
        let queue = state.queue(&request.queue_url)?;
        queue.expire(now);
        let mut attributes = queue.attributes(now);
        let all = request.attribute_names.iter().any(|name| name == "All");
        attributes.retain(|name, _| all || request.attribute_names.contains(name));
        Ok(json!({"Attributes": attributes}))
    }

    pub(super) fn set_queue_attributes(&self, request: &SetQueueAttributes) -> Answer {
        let mut state = self.lock();
        let mut settings = state.queue(&request.queue_url)?.settings.clone();
        for (name, value) in &request.attributes {
            settings.set(name, value)?;
        }
        if let Some(policy) = &settings.redrive
            && state.queue_by_arn(&policy.dead_letter_target_arn).is_none()
        {
            return Err(no_dead_letter_queue(&policy.dead_letter_target_arn));
        }
        let queue = state.queue(&request.queue_url)?;
        queue.settings = settings;
        queue.changed_at = self.clock.now_ms();
        Ok(json!({}))
    }

    pub(super) fn purge_queue(&self, request: &OneQueue) -> Answer {
        self.lock().queue(&request.queue_url)?.messages.clear();
        Ok(json!({}))
    }

    pub(super) fn tag_queue(&self, request: TagQueue) -> Answer {
        self.lock().queue(&request.queue_url)?.tags.extend(request.tags);
        Ok(json!({}))
    }

    pub(super) fn untag_queue(&self, request: &UntagQueue) -> Answer {
        self.lock().queue(&request.queue_url)?.tags.retain(|key, _| !request.tag_keys.contains(key));
        Ok(json!({}))
    }

    pub(super) fn list_queue_tags(&self, request: &OneQueue) -> Answer {
        let mut state = self.lock();
        Ok(json!({"Tags": state.queue(&request.queue_url)?.tags}))
    }

    pub(super) fn list_dead_letter_sources(&self, request: &OneQueue) -> Answer {
        let mut state = self.lock();
        let target = state.queue(&request.queue_url)?.arn.clone();
        let urls: Vec<String> = state
            .queues
            .iter()
            .filter(|(_, queue)| {
                queue.settings.redrive.as_ref().is_some_and(|redrive| redrive.dead_letter_target_arn == target)
            })
            .map(|(name, _)| self.url(name))
            .collect();
        Ok(json!({"queueUrls": urls}))
    }

    /// Moves everything that is visible in a dead letter queue back, or to a queue that is named. What comes back is new to its queue: another
    /// message id, another sent time, no receives.
    pub(super) fn start_move(&self, request: &StartMessageMoveTask) -> Answer {
        let now = self.clock.now_ms();
        let mut state = self.lock();
        let missing = || Refusal::new("ResourceNotFoundException", "ResourceNotFoundException", "No such queue.");
        if request.destination_arn.as_ref().is_some_and(|arn| state.queue_by_arn(arn).is_none()) {
            return Err(missing());
        }
        let source = state.queue_by_arn(&request.source_arn).ok_or_else(missing)?;
        // What somebody has sent there directly has no queue that it came from: without a destination it stays.
        let has_destination =
            |message: &Message| request.destination_arn.is_some() || message.dead_letter_source.is_some();
        let visible = |message: &Message| message.visible_at <= now;
        let stays = source.messages.iter().any(|message| visible(message) && !has_destination(message));
        let moved: Vec<Message> =
            source.messages.extract_if(.., |message| visible(message) && has_destination(message)).collect();
        let count = moved.len();
        for message in moved {
            let target = request.destination_arn.clone().or_else(|| message.dead_letter_source.clone());
            let id = state.message_id(now);
            let Some(queue) = target.and_then(|arn| state.queue_by_arn(&arn)) else { return Err(missing()) };
            queue.messages.push(Message {
                id,
                sent_at: now,
                visible_at: now,
                first_received_at: None,
                receives: 0,
                receipt: 0,
                dead_letter_source: None,
                ..message
            });
        }
        let handle = Uuid::now_v7().to_string();
        let mut task = json!({
            "TaskHandle": handle, "Status": "COMPLETED", "SourceArn": request.source_arn,
            "DestinationArn": request.destination_arn, "StartedTimestamp": now,
            "ApproximateNumberOfMessagesMoved": count, "ApproximateNumberOfMessagesToMove": count,
        });
        if let (true, Some(task)) = (stays, task.as_object_mut()) {
            task.insert("Status".to_owned(), json!("FAILED"));
            task.insert("FailureReason".to_owned(), json!("CouldNotDetermineMessageSource"));
        }
        state.moves.push(task);
        drop(state);
        self.wake();
        Ok(json!({"TaskHandle": handle}))
    }

    pub(super) fn list_moves(&self, request: &StartMessageMoveTask) -> Value {
        let state = self.lock();
        let results: Vec<&Value> =
            state.moves.iter().rev().filter(|task| task.get("SourceArn") == Some(&json!(request.source_arn))).collect();
        json!({"Results": results})
    }

    fn url(&self, name: &str) -> String {
        format!("{}/{ACCOUNT}/{name}", self.endpoint)
    }
}

fn no_dead_letter_queue(arn: &str) -> Refusal {
    Refusal::parameter(format!(
        "Value {arn} for parameter RedrivePolicy is invalid. Reason: Dead letter target does not exist."
    ))
}

//! What callers do to messages.

use std::collections::{BTreeMap, HashSet};
use std::sync::atomic::Ordering;
use std::time::Duration;

use data_encoding::BASE64;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::error::Refusal;
use super::message::{self, Message, SYSTEM_ATTRIBUTES};
use super::requests::{
    Batch, ChangeMessageVisibility, DeleteMessage, Deleted, Entry, Hidden, ReceiveMessage, SendMessage, Sent,
};
use super::{Answer, Sqs, State};

/// The most that the messages of one batch may weigh together.
const LARGEST_BATCH: usize = 1_048_576;

impl Sqs {
    pub(super) fn send_message(&self, request: SendMessage) -> Answer {
        let now = self.clock.now_ms();
        let sent = self.lock().accept(&request.queue_url, request.message, now)?;
        self.wake();
        Ok(sent)
    }

    pub(super) fn send_batch(&self, request: Batch<Sent>) -> Answer {
        check_batch(&request.entries)?;
        let total: usize = request
            .entries
            .iter()
            .map(|entry| entry.message_body.len() + message::size_of_attributes(&entry.message_attributes).unwrap_or(0))
            .sum();
        if total > LARGEST_BATCH {
            return Err(Refusal::new(
                "BatchRequestTooLong",
                "AWS.SimpleQueueService.BatchRequestTooLong",
                format!("Batch requests cannot be longer than {LARGEST_BATCH} bytes. You have sent {total} bytes."),
            ));
        }
        let now = self.clock.now_ms();
        let mut state = self.lock();
        state.queue(&request.queue_url)?;
        let url = request.queue_url;
        let entries = request.entries.into_iter();
        let answer = batch(entries.map(|entry| (entry.id.clone(), state.accept(&url, entry, now))));
        drop(state);
        self.wake();
        Ok(answer)
    }

    pub(super) async fn receive_message(&self, request: ReceiveMessage) -> Answer {
        let most = ranged("MaxNumberOfMessages", request.max_number_of_messages, 1, 10)?.unwrap_or(1);
        let visibility = ranged("VisibilityTimeout", request.visibility_timeout, 0, 43_200)?;
        let wait = ranged("WaitTimeSeconds", request.wait_time_seconds, 0, 20)?;
        let wait = match wait {
            Some(wait) => wait,
            None => self.lock().queue(&request.queue_url)?.settings.receive_wait,
        };
        let deadline = Instant::now() + Duration::from_secs(u64::from(wait));
        loop {
            // Registered before looking, or a message sent in between would wake nobody.
            let changed = self.changed.notified();
            let now = self.clock.now_ms();
            let (messages, next) = self.lock().receive(&request.queue_url, most, visibility, now)?;
            if !messages.is_empty() {
                let messages: Vec<Value> = messages.iter().map(|message| render(message, &request)).collect();
                return Ok(json!({"Messages": messages}));
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() || self.stopped.load(Ordering::Relaxed) {
                return Ok(json!({}));
            }
            let until_next = next.map_or(left, |at| Duration::from_millis(at.saturating_sub(now).max(1)));
            // Either way the queue is looked at again.
            let _woken = tokio::time::timeout(left.min(until_next), changed).await;
        }
    }

    pub(super) fn delete_message(&self, request: &DeleteMessage) -> Answer {
        self.lock().delete(&request.queue_url, &request.entry)
    }

    pub(super) fn delete_batch(&self, request: &Batch<Deleted>) -> Answer {
        check_batch(&request.entries)?;
        let mut state = self.lock();
        state.queue(&request.queue_url)?;
        let entries = request.entries.iter();
        Ok(batch(entries.map(|entry| (entry.id.clone(), state.delete(&request.queue_url, entry)))))
    }

    pub(super) fn change_visibility(&self, request: &ChangeMessageVisibility) -> Answer {
        let now = self.clock.now_ms();
        let changed = self.lock().hide(&request.queue_url, &request.entry, now)?;
        self.wake();
        Ok(changed)
    }

    pub(super) fn change_visibility_batch(&self, request: &Batch<Hidden>) -> Answer {
        check_batch(&request.entries)?;
        let now = self.clock.now_ms();
        let mut state = self.lock();
        state.queue(&request.queue_url)?;
        let entries = request.entries.iter();
        let answer = batch(entries.map(|entry| (entry.id.clone(), state.hide(&request.queue_url, entry, now))));
        drop(state);
        self.wake();
        Ok(answer)
    }
}

impl State {
    fn accept(&mut self, url: &str, sent: Sent, now: u64) -> Answer {
        let queue = self.queue(url)?;
        if sent.message_body.is_empty() {
            return Err(Refusal::missing("MessageBody"));
        }
        if sent.message_deduplication_id.is_some() {
            return Err(Refusal::parameter("MessageDeduplicationId is only for FIFO queues, which are not emulated."));
        }
        check_group(sent.message_group_id.as_deref())?;
        let size = sent.message_body.len() + message::size_of_attributes(&sent.message_attributes)?;
        let most = queue.settings.maximum_message_size;
        if u32::try_from(size).map_or(true, |size| size > most) {
            return Err(Refusal::parameter(format!(
                "One or more parameters are invalid. Reason: Message must be shorter than {most} bytes."
            )));
        }
        message::check_characters(&sent.message_body)?;
        let delay = ranged("DelaySeconds", sent.delay_seconds, 0, 900)?.unwrap_or(queue.settings.delay);
        let trace_header = sent.message_system_attributes.get("AWSTraceHeader").and_then(|a| a.string_value.clone());
        let id = self.message_id(now);
        let queue = self.queue(url)?;
        let message = Message {
            id,
            body: sent.message_body,
            attributes: sent.message_attributes,
            group: sent.message_group_id,
            trace_header,
            sent_at: now,
            first_received_at: None,
            receives: 0,
            visible_at: now + u64::from(delay) * 1000,
            receipt: 0,
            dead_letter_source: None,
        };
        let mut answer =
            json!({"MessageId": message.id, "MD5OfMessageBody": message::md5_hex(message.body.as_bytes())});
        if let (Some(digest), Some(answer)) = (message::md5_of_attributes(&message.attributes), answer.as_object_mut())
        {
            answer.insert("MD5OfMessageAttributes".to_owned(), json!(digest));
        }
        queue.messages.push(message);
        Ok(answer)
    }

    /// What can be had now, and when there may be more.
    fn receive(
        &mut self,
        url: &str,
        most: u32,
        visibility: Option<u32>,
        now: u64,
    ) -> Result<(Vec<Message>, Option<u64>), Refusal> {
        let queue = self.queue(url)?;
        queue.expire(now);
        let visibility = visibility.unwrap_or(queue.settings.visibility_timeout);
        let dead = queue.give_up(now);
        let received = queue.receive(most as usize, visibility, now)?;
        let next = queue.next_visible_at();
        let target = queue.settings.redrive.as_ref().map(|redrive| redrive.dead_letter_target_arn.clone());
        if let Some(dead_letters) = target.and_then(|arn| self.queue_by_arn(&arn)) {
            dead_letters.messages.extend(dead);
        }
        Ok((received, next))
    }

    fn delete(&mut self, url: &str, entry: &Deleted) -> Answer {
        let (id, receipt) = read_handle(&entry.receipt_handle)?;
        // An old handle or a message that is gone: SQS says yes and does nothing.
        self.queue(url)?.messages.retain(|message| message.id != id || message.receipt != receipt);
        Ok(json!({}))
    }

    fn hide(&mut self, url: &str, entry: &Hidden, now: u64) -> Answer {
        let visibility =
            ranged("VisibilityTimeout", Some(entry.visibility_timeout), 0, 43_200)?.map(u64::from).unwrap_or_default();
        let (id, receipt) = read_handle(&entry.receipt_handle)?;
        let message = self
            .queue(url)?
            .messages
            .iter_mut()
            .find(|message| message.id == id && message.receipt == receipt && message.in_flight(now))
            .ok_or_else(|| {
                Refusal::parameter(format!(
                    "Value {} for parameter ReceiptHandle is invalid. Reason: Message does not exist or is not available \
                     for visibility timeout change.",
                    entry.receipt_handle
                ))
            })?;
        message.visible_at = now + visibility * 1000;
        Ok(json!({}))
    }
}

fn render(message: &Message, request: &ReceiveMessage) -> Value {
    let names: HashSet<&str> =
        request.attribute_names.iter().chain(&request.message_system_attribute_names).map(String::as_str).collect();
    let attributes: BTreeMap<&str, String> = SYSTEM_ATTRIBUTES
        .into_iter()
        .filter(|name| names.contains("All") || names.contains(name))
        .filter_map(|name| message.system_attribute(name).map(|value| (name, value)))
        .collect();
    let wanted = |name: &String| {
        request.message_attribute_names.iter().any(|asked| match asked.strip_suffix(".*") {
            Some(prefix) => name.starts_with(prefix),
            None => asked == "All" || asked == name,
        })
    };
    let sent: message::Attributes = message
        .attributes
        .iter()
        .filter(|(name, _)| wanted(name))
        .map(|(name, attribute)| (name.clone(), attribute.clone()))
        .collect();
    let handle = BASE64.encode(format!("{} {}", message.id, message.receipt).as_bytes());
    let mut answer = json!({
        "MessageId": message.id,
        "ReceiptHandle": handle,
        "MD5OfBody": message::md5_hex(message.body.as_bytes()),
        "Body": message.body,
    });
    if let Some(answer) = answer.as_object_mut() {
        if !attributes.is_empty() {
            answer.insert("Attributes".to_owned(), json!(attributes));
        }
        if let Some(digest) = message::md5_of_attributes(&sent) {
            answer.insert("MessageAttributes".to_owned(), json!(sent));
            answer.insert("MD5OfMessageAttributes".to_owned(), json!(digest));
        }
    }
    answer
}

fn read_handle(handle: &str) -> Result<(String, u32), Refusal> {
    let bad = || Refusal::bad_handle(handle);
    let text = String::from_utf8(BASE64.decode(handle.as_bytes()).map_err(|_| bad())?).map_err(|_| bad())?;
    let (id, receipt) = text.split_once(' ').ok_or_else(bad)?;
    Ok((id.to_owned(), receipt.parse().map_err(|_| bad())?))
}

fn ranged(name: &str, value: Option<i64>, least: u32, most: u32) -> Result<Option<u32>, Refusal> {
    match value {
        None => Ok(None),
        Some(value) => match u32::try_from(value) {
            Ok(number) if (least..=most).contains(&number) => Ok(Some(number)),
            _ => Err(Refusal::out_of_range(name, value, least, most)),
        },
    }
}

fn check_group(group: Option<&str>) -> Result<(), Refusal> {
    match group {
        Some(group) if group.is_empty() || group.len() > 128 || !group.chars().all(|c| c.is_ascii_graphic()) => {
            Err(Refusal::parameter(format!("Value {group} for parameter MessageGroupId is invalid.")))
        }
        Some(_) | None => Ok(()),
    }
}

fn check_batch<E: Entry>(entries: &[E]) -> Result<(), Refusal> {
    let prefixed = |code, query, message: String| Err(Refusal::new(code, query, message));
    if entries.is_empty() {
        return prefixed(
            "EmptyBatchRequest",
            "AWS.SimpleQueueService.EmptyBatchRequest",
            "There should be at least one entry in the request.".to_owned(),
        );
    }
    if entries.len() > 10 {
        return prefixed(
            "TooManyEntriesInBatchRequest",
            "AWS.SimpleQueueService.TooManyEntriesInBatchRequest",
            format!("Maximum number of entries per request are 10. You have sent {}.", entries.len()),
        );
    }
    let mut seen = HashSet::new();
    for entry in entries {
        let id = entry.id();
        let named =
            (1..=80).contains(&id.len()) && id.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'));
        if !named {
            return prefixed(
                "InvalidBatchEntryId",
                "AWS.SimpleQueueService.InvalidBatchEntryId",
                format!("A batch entry id \"{id}\" may hold 1 to 80 letters, digits, hyphens and underscores."),
            );
        }
        if !seen.insert(id) {
            return prefixed(
                "BatchEntryIdsNotDistinct",
                "AWS.SimpleQueueService.BatchEntryIdsNotDistinct",
                format!("Id {id} repeated."),
            );
        }
    }
    Ok(())
}

/// Reports each entry of a batch on its own.
fn batch(entries: impl IntoIterator<Item = (String, Answer)>) -> Value {
    let (mut successful, mut failed) = (Vec::new(), Vec::new());
    for (id, answer) in entries {
        match answer {
            Ok(mut answer) => {
                if let Some(answer) = answer.as_object_mut() {
                    answer.insert("Id".to_owned(), json!(id));
                }
                successful.push(answer);
            }
            Err(refusal) => failed
                .push(json!({"Id": id, "SenderFault": true, "Code": refusal.query_code, "Message": refusal.message})),
        }
    }
    json!({"Successful": successful, "Failed": failed})
}

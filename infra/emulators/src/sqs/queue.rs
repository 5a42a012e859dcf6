//! One queue: its settings and the life of the messages in it.

use std::collections::{BTreeMap, HashMap};

use serde::{Deserialize, Serialize};

use super::error::Refusal;
use super::message::Message;

/// Most messages that may be received and not yet deleted (standard queue).
const MOST_IN_FLIGHT: usize = 120_000;

/// A queue's settings, under the names SQS gives them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Settings {
    pub(crate) visibility_timeout: u32,
    pub(crate) delay: u32,
    pub(crate) maximum_message_size: u32,
    pub(crate) retention: u32,
    pub(crate) receive_wait: u32,
    pub(crate) redrive: Option<Redrive>,
    /// Accepted and given back, without effect here: policies, encryption.
    pub(crate) others: BTreeMap<String, String>,
}

/// When a message is given up, and where it goes then.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Redrive {
    pub(crate) dead_letter_target_arn: String,
    #[serde(deserialize_with = "number_or_text")]
    pub(crate) max_receive_count: u32,
}

/// `CloudFormation` and people write `maxReceiveCount` as a number or as text; SQS takes both.
fn number_or_text<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Either {
        Number(u32),
        Text(String),
    }
    match Either::deserialize(deserializer)? {
        Either::Number(number) => Ok(number),
        Either::Text(text) => text.parse().map_err(serde::de::Error::custom),
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            visibility_timeout: 30,
            delay: 0,
            maximum_message_size: 262_144,
            retention: 345_600,
            receive_wait: 0,
            redrive: None,
            others: BTreeMap::new(),
        }
    }
}

impl Settings {
    /// Takes one attribute of `CreateQueue` or `SetQueueAttributes`.
    pub(crate) fn set(&mut self, name: &str, value: &str) -> Result<(), Refusal> {
        match name {
            "VisibilityTimeout" => self.visibility_timeout = number(name, value, 0, 43_200)?,
            "DelaySeconds" => self.delay = number(name, value, 0, 900)?,
            "MaximumMessageSize" => self.maximum_message_size = number(name, value, 1024, 1_048_576)?,
            "MessageRetentionPeriod" => self.retention = number(name, value, 60, 1_209_600)?,
            "ReceiveMessageWaitTimeSeconds" => self.receive_wait = number(name, value, 0, 20)?,
            "RedrivePolicy" => self.redrive = redrive(value)?,
            "FifoQueue" | "ContentBasedDeduplication" | "DeduplicationScope" | "FifoThroughputLimit" => {
                return Err(Refusal::parameter(format!("{name}: FIFO queues are not emulated.")));
            }
            "Policy"
            | "KmsMasterKeyId"
            | "KmsDataKeyReusePeriodSeconds"
            | "SqsManagedSseEnabled"
            | "RedriveAllowPolicy" => {
                self.others.insert(name.to_owned(), value.to_owned());
            }
            _ => {
                return Err(Refusal::new(
                    "InvalidAttributeName",
                    "InvalidAttributeName",
                    format!("Unknown Attribute {name}."),
                ));
            }
        }
        Ok(())
    }
}

fn number(name: &str, value: &str, least: u32, most: u32) -> Result<u32, Refusal> {
    value.parse().ok().filter(|number| (least..=most).contains(number)).ok_or_else(|| {
        Refusal::new(
            "InvalidAttributeValue",
            "InvalidAttributeValue",
            format!("Invalid value for the parameter {name}."),
        )
    })
}

fn redrive(value: &str) -> Result<Option<Redrive>, Refusal> {
    if value.is_empty() {
        return Ok(None);
    }
    let bad = || Refusal::parameter(format!("Value {value} for parameter RedrivePolicy is invalid."));
    let policy: Redrive = serde_json::from_str(value).map_err(|_| bad())?;
    if (1..=1000).contains(&policy.max_receive_count) { Ok(Some(policy)) } else { Err(bad()) }
}

/// A standard queue.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Queue {
    pub(crate) arn: String,
    pub(crate) settings: Settings,
    pub(crate) tags: BTreeMap<String, String>,
    pub(crate) created_at: u64,
    pub(crate) changed_at: u64,
    pub(crate) messages: Vec<Message>,
}

impl Queue {
    /// Drops what is older than the retention period, counted from the first send.
    pub(crate) fn expire(&mut self, now: u64) {
        let retention = u64::from(self.settings.retention) * 1000;
        self.messages.retain(|message| message.sent_at.saturating_add(retention) > now);
    }

    /// Takes out what was received too often; the caller moves it to the dead letter queue.
    pub(crate) fn give_up(&mut self, now: u64) -> Vec<Message> {
        let Some(redrive) = &self.settings.redrive else { return Vec::new() };
        let most = redrive.max_receive_count;
        let exhausted = |message: &mut Message| message.receives >= most && message.visible_at <= now;
        let source = self.arn.clone();
        self.messages
            .extract_if(.., exhausted)
            .map(|message| Message { visible_at: now, receipt: 0, dead_letter_source: Some(source.clone()), ..message })
            .collect()
    }

    /// Hands out up to `most` visible messages and hides them for `visibility` seconds.
    ///
    /// Groups with less in flight go first: that is what makes a standard queue with message groups "fair".
    pub(crate) fn receive(&mut self, most: usize, visibility: u32, now: u64) -> Result<Vec<Message>, Refusal> {
        let mut busy: HashMap<Option<String>, usize> = HashMap::new();
        let mut in_flight = 0;
        for message in self.messages.iter().filter(|message| message.in_flight(now)) {
            in_flight += 1;
            *busy.entry(message.group.clone()).or_default() += 1;
        }
        if in_flight >= MOST_IN_FLIGHT {
            return Err(Refusal::new("OverLimit", "OverLimit", "Too many messages in flight."));
        }
        let mut visible: Vec<&mut Message> =
            self.messages.iter_mut().filter(|message| message.visible_at <= now).collect();
        visible.sort_by_key(
            |message| {
                if message.group.is_some() { busy.get(&message.group).copied().unwrap_or(0) } else { 0 }
            },
        );
        let hidden_until = now + u64::from(visibility) * 1000;
        Ok(visible
            .into_iter()
            .take(most)
            .map(|message| {
                message.receives += 1;
                message.receipt += 1;
                message.first_received_at.get_or_insert(now);
                message.visible_at = hidden_until;
                message.clone()
            })
            .collect())
    }

    /// When the next hidden or delayed message becomes visible.
    pub(crate) fn next_visible_at(&self) -> Option<u64> {
        self.messages.iter().map(|message| message.visible_at).min()
    }

    /// The attributes of `GetQueueAttributes`.
    pub(crate) fn attributes(&self, now: u64) -> BTreeMap<String, String> {
        let count = |predicate: &dyn Fn(&Message) -> bool| {
            self.messages.iter().filter(|message| predicate(message)).count().to_string()
        };
        let settings = &self.settings;
        let mut attributes: BTreeMap<String, String> = [
            ("QueueArn", self.arn.clone()),
            ("ApproximateNumberOfMessages", count(&|message| message.visible_at <= now)),
            ("ApproximateNumberOfMessagesNotVisible", count(&|message| message.in_flight(now))),
            ("ApproximateNumberOfMessagesDelayed", count(&|message| message.delayed(now))),
            ("CreatedTimestamp", (self.created_at / 1000).to_string()),
            ("LastModifiedTimestamp", (self.changed_at / 1000).to_string()),
            ("VisibilityTimeout", settings.visibility_timeout.to_string()),
            ("DelaySeconds", settings.delay.to_string()),
            ("MaximumMessageSize", settings.maximum_message_size.to_string()),
            ("MessageRetentionPeriod", settings.retention.to_string()),
            ("ReceiveMessageWaitTimeSeconds", settings.receive_wait.to_string()),
            ("SqsManagedSseEnabled", "true".to_owned()),
        ]
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect();
        if let Some(policy) = settings.redrive.as_ref().and_then(|policy| serde_json::to_string(policy).ok()) {
            attributes.insert("RedrivePolicy".to_owned(), policy);
        }
        attributes.extend(settings.others.clone());
        attributes
    }
}

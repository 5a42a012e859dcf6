//! One message: what a sender may put into it, and what a receiver sees.

use std::collections::BTreeMap;

use data_encoding::{BASE64, HEXLOWER};
use md5::{Digest, Md5};
use serde::{Deserialize, Serialize};

use super::error::Refusal;

/// One attribute of a message, as on the wire.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Attribute {
    data_type: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    string_value: Option<String>,
    /// Base64, as on the wire.
    #[serde(skip_serializing_if = "Option::is_none")]
    binary_value: Option<String>,
}

pub(crate) type Attributes = BTreeMap<String, Attribute>;

/// A message in a queue.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Message {
    pub(crate) id: String,
    pub(crate) body: String,
    pub(crate) attributes: Attributes,
    pub(crate) group: Option<String>,
    pub(crate) trace_header: Option<String>,
    pub(crate) sent_at: u64,
    pub(crate) first_received_at: Option<u64>,
    pub(crate) receives: u32,
    pub(crate) visible_at: u64,
    /// Receives so far in this queue make the newest receipt handle; older ones no longer count.
    pub(crate) receipt: u32,
    /// The queue that gave up on it, when this is a dead letter.
    pub(crate) dead_letter_source: Option<String>,
}

impl Message {
    /// Received and neither deleted nor back.
    pub(crate) fn in_flight(&self, now: u64) -> bool {
        self.visible_at > now && self.receipt > 0
    }

    /// Sent with a delay that has not passed.
    pub(crate) fn delayed(&self, now: u64) -> bool {
        self.visible_at > now && self.receipt == 0
    }

    /// The system attributes that SQS offers on receive.
    pub(crate) fn system_attribute(&self, name: &str) -> Option<String> {
        match name {
            "ApproximateReceiveCount" => Some(self.receives.to_string()),
            "ApproximateFirstReceiveTimestamp" => self.first_received_at.map(|at| at.to_string()),
            "SentTimestamp" => Some(self.sent_at.to_string()),
            "SenderId" => Some("AIDALOCALSENDER".to_owned()),
            "MessageGroupId" => self.group.clone(),
            "AWSTraceHeader" => self.trace_header.clone(),
            "DeadLetterQueueSourceArn" => self.dead_letter_source.clone(),
            _ => None,
        }
    }
}

pub(crate) const SYSTEM_ATTRIBUTES: [&str; 7] = [
    "ApproximateReceiveCount",
    "ApproximateFirstReceiveTimestamp",
    "SentTimestamp",
    "SenderId",
    "MessageGroupId",
    "AWSTraceHeader",
    "DeadLetterQueueSourceArn",
];

pub(crate) fn md5_hex(bytes: &[u8]) -> String {
    HEXLOWER.encode(&Md5::digest(bytes))
}

/// The digest of message attributes as AWS publishes it: sorted by name, each part with its length in front.
pub(crate) fn md5_of_attributes(attributes: &Attributes) -> Option<String> {
    fn part(buffer: &mut Vec<u8>, bytes: &[u8]) {
        buffer.extend_from_slice(&u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_be_bytes());
        buffer.extend_from_slice(bytes);
    }
    if attributes.is_empty() {
        return None;
    }
    let mut buffer = Vec::new();
    for (name, attribute) in attributes {
        part(&mut buffer, name.as_bytes());
        part(&mut buffer, attribute.data_type.as_bytes());
        buffer.push(if attribute.is_binary() { 2 } else { 1 });
        part(&mut buffer, &attribute.value());
    }
    Some(md5_hex(&buffer))
}

/// Checks attributes as SQS does, and says how many bytes they add to the message.
pub(crate) fn size_of_attributes(attributes: &Attributes) -> Result<usize, Refusal> {
    if attributes.len() > 10 {
        let count = attributes.len();
        return Err(Refusal::parameter(format!(
            "Number of message attributes [{count}] exceeds the allowed maximum [10]."
        )));
    }
    let mut size = 0;
    for (name, attribute) in attributes {
        attribute.check(name)?;
        size += name.len() + attribute.data_type.len() + attribute.value().len();
    }
    Ok(size)
}

/// Refuses what XML 1.0 cannot carry: SQS accepts `#x9 | #xA | #xD | #x20-#xD7FF | #xE000-#xFFFD | #x10000-#x10FFFF`.
pub(crate) fn check_characters(text: &str) -> Result<(), Refusal> {
    let carried =
        |c: char| matches!(c, '\t' | '\n' | '\r' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..);
    if text.chars().all(carried) {
        return Ok(());
    }
    let message = "Invalid binary character was found in the message body, the set of allowed characters is #x9 | #xA | #xD | \
                   #x20 to #xD7FF | #xE000 to #xFFFD | #x10000 to #x10FFFF";
    Err(Refusal::new("InvalidMessageContents", "InvalidMessageContents", message))
}

impl Attribute {
    fn is_binary(&self) -> bool {
        self.data_type == "Binary" || self.data_type.starts_with("Binary.")
    }

    fn value(&self) -> Vec<u8> {
        if self.is_binary() {
            let encoded = self.binary_value.as_deref().unwrap_or_default();
            BASE64.decode(encoded.as_bytes()).unwrap_or_default()
        } else {
            self.string_value.clone().unwrap_or_default().into_bytes()
        }
    }

    fn check(&self, name: &str) -> Result<(), Refusal> {
        let lower = name.to_ascii_lowercase();
        let named = (1..=256).contains(&name.len())
            && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.'))
            && !lower.starts_with("aws.")
            && !lower.starts_with("amazon.")
            && !name.starts_with('.')
            && !name.ends_with('.')
            && !name.contains("..");
        if !named {
            return Err(Refusal::parameter(format!("Message (user) attribute name '{name}' is invalid.")));
        }
        let base = self.data_type.split('.').next().unwrap_or_default();
        if !matches!(base, "String" | "Number" | "Binary") || self.data_type.len() > 256 {
            return Err(Refusal::parameter(format!(
                "The type of message (user) attribute '{name}' is invalid. You must use only the following supported \
                 type prefixes: Binary, Number, String."
            )));
        }
        let value = self.value();
        if value.is_empty() {
            return Err(Refusal::parameter(format!(
                "Message (user) attribute '{name}' must contain a non-empty value of type '{base}'."
            )));
        }
        if base == "Number" && self.string_value.as_deref().is_none_or(|text| text.parse::<f64>().is_err()) {
            return Err(Refusal::parameter(format!(
                "Can't cast the value of message (user) attribute '{name}' to a number."
            )));
        }
        check_characters(self.string_value.as_deref().unwrap_or_default())
    }
}

//! What the messages say, and how they are written and read.

use std::sync::Arc;

use jiff::civil::Date;
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::QueueError;
use crate::{
    ids::{PostId, TargetId, TenantId},
    platform::Platform,
};

/// The version of every format in this module.
const VERSION: u64 = 1;
/// The version of an inbound message about a withdrawal. A build that does not know these leaves it in the queue, where
/// it would take a delivery without a body for one that cannot be read.
pub(super) const WITHDRAWALS: u64 = 2;

/// A publish job: which target to drive, and the version of the target that the sender saw.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Job {
    /// Whose post.
    pub tenant: TenantId,
    /// Which post.
    pub post: PostId,
    /// Which of its targets.
    pub target: TargetId,
    /// The target's version when the message was sent: an outdated message is recognised by it.
    pub version: u64,
}

/// What a job is about, if not its target's way out. A build that knows none of these takes such a job for one about a
/// target that has ended, and drops it; dispatch sends another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Errand {
    /// To take down what is out.
    Removal,
    /// To read the figures of what is out.
    Figures,
}

/// A webhook event that was verified and stored: where to find it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct InboundMessage {
    /// Who sent it.
    pub platform: Platform,
    /// The day under which it is stored.
    pub day: Date,
    /// Its dedupe key.
    pub event: String,
}

/// A message that cannot be read. What it said is not repeated: a body may hold anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MessageError {
    /// Written by a build with a newer format; it must not be acted upon.
    #[error("the message has format version {0}; this build reads version 1")]
    Version(u64),
    /// A job about something that only another build knows.
    #[error("the job is about something that this build does not know")]
    Errand,
    /// Not a message of this kind at all.
    #[error("the message is not what this queue carries")]
    Malformed,
}

#[derive(Deserialize)]
struct Probe {
    v: u64,
}

#[derive(Serialize)]
struct Versioned<'a, T> {
    v: u64,
    #[serde(flatten)]
    message: &'a T,
}

pub(super) fn encode<T: Serialize>(message: &T) -> Result<String, QueueError> {
    encode_as(VERSION, message)
}

pub(super) fn encode_as<T: Serialize>(v: u64, message: &T) -> Result<String, QueueError> {
    serde_json::to_string(&Versioned { v, message })
        .map_err(|error| QueueError::Refused { code: "unencodable".into(), source: Arc::new(error) })
}

fn decode<T: DeserializeOwned>(body: &str) -> Result<T, MessageError> {
    decode_up_to(VERSION, body)
}

fn decode_up_to<T: DeserializeOwned>(newest: u64, body: &str) -> Result<T, MessageError> {
    match serde_json::from_str::<Probe>(body) {
        Ok(Probe { v }) if (VERSION..=newest).contains(&v) => {
            serde_json::from_str(body).map_err(|_| MessageError::Malformed)
        }
        Ok(Probe { v }) => Err(MessageError::Version(v)),
        Err(_) => Err(MessageError::Malformed),
    }
}

impl Job {
    /// Reads the body of a message.
    ///
    /// # Errors
    /// Another version, or not a job.
    pub fn decode(body: &str) -> Result<Self, MessageError> {
        decode(body)
    }
}

/// What the queue of dead letters carries: a job with the mark of its death.
#[derive(Serialize)]
pub(super) struct Buried<'a> {
    #[serde(flatten)]
    pub(super) job: &'a Job,
    pub(super) dead: u64,
}

#[derive(Deserialize)]
struct DeathMark {
    dead: Option<u64>,
}

/// The fence of the claim under which a job's target failed, if the message lay among the dead letters for that: whoever
/// moves it back into the queue of publish jobs wants the target to go on. Other builds ignore the mark.
#[must_use]
pub fn dead_fence(body: &str) -> Option<u64> {
    serde_json::from_str::<DeathMark>(body).ok()?.dead
}

/// A job that is about something else than its target's way out.
#[derive(Serialize)]
pub(super) struct WithErrand<'a> {
    #[serde(flatten)]
    pub(super) job: &'a Job,
    pub(super) errand: Errand,
}

#[derive(Deserialize)]
struct ErrandMark {
    errand: Option<serde_json::Value>,
}

/// What a job is about, if not its target's way out.
///
/// # Errors
/// Something that this build does not know.
pub fn errand(body: &str) -> Result<Option<Errand>, MessageError> {
    let mark: ErrandMark = serde_json::from_str(body).map_err(|_| MessageError::Malformed)?;
    mark.errand.map(|errand| serde_json::from_value(errand).map_err(|_| MessageError::Errand)).transpose()
}

impl InboundMessage {
    /// Reads the body of a message.
    ///
    /// # Errors
    /// Another version, or not an inbound message.
    pub fn decode(body: &str) -> Result<Self, MessageError> {
        decode_up_to(WITHDRAWALS, body)
    }
}

//! What a publish remembers between its steps.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::connector::{Checkpoint, ConnectorError, source::Seen};

const MOST_PARTS: usize = 2_000;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Stage {
    Look,
    Announce,
    Send,
    Finalize,
    Settle,
    Commit,
}

/// A part of a file that is still to be sent: its first and last byte, and what its address ends with.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Part(pub(super) u64, pub(super) u64, pub(super) String);

/// What is remembered between the steps.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Memory {
    pub(super) stage: Stage,
    /// The files that LinkedIn has, in their order; the one in work is the last.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) assets: Vec<String>,
    /// How many of them are wholly sent.
    #[serde(default)]
    pub(super) sent: usize,
    /// How many of them are ready.
    #[serde(default)]
    pub(super) ready: usize,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) seen: Option<Seen>,
    /// What the addresses of all parts begin with.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(super) base: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) parts: Vec<Part>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) tags: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) upload: Option<String>,
    #[serde(default)]
    pub(super) looks: u8,
    #[serde(default)]
    pub(super) restarts: u8,
}

impl Memory {
    pub(super) const fn at(stage: Stage) -> Self {
        Self {
            stage,
            assets: Vec::new(),
            sent: 0,
            ready: 0,
            seen: None,
            base: String::new(),
            parts: Vec::new(),
            tags: Vec::new(),
            upload: None,
            looks: 0,
            restarts: 0,
        }
    }

    /// Without what was known of the file in work.
    pub(super) fn cleared(self, stage: Stage) -> Self {
        let Self { mut assets, sent, ready, looks, restarts, .. } = self;
        assets.truncate(sent);
        Self { assets, sent, ready, looks, restarts, ..Self::at(stage) }
    }
}

/// The files of a post that were announced, from what its publish remembered.
pub(super) fn assets_of(checkpoint: &Checkpoint) -> Vec<String> {
    checkpoint.read::<Memory>().ok().flatten().map(|memory| memory.assets).unwrap_or_default()
}

/// The parts that LinkedIn asks for: from the first byte to the last, without a gap.
pub(super) fn instructions(value: &Value, length: u64) -> Result<Vec<Part>, ConnectorError> {
    let listed = value.get("uploadInstructions").and_then(Value::as_array);
    let listed = listed.ok_or(ConnectorError::Unreadable { what: "`uploadInstructions`" })?;
    let mut parts = Vec::new();
    let mut next = 0;
    for instruction in listed.iter().take(MOST_PARTS) {
        let number = |name: &str| instruction.get(name).and_then(Value::as_u64);
        let url = instruction.get("uploadUrl").and_then(Value::as_str);
        let (Some(first), Some(last), Some(url)) = (number("firstByte"), number("lastByte"), url) else { break };
        if first != next || last < first {
            break;
        }
        next = last.saturating_add(1);
        parts.push(Part(first, last, url.to_owned()));
    }
    if next == length && parts.len() == listed.len() {
        return Ok(parts);
    }
    Err(ConnectorError::Unreadable { what: "parts that are the whole video" })
}

/// Addresses of parts differ in little: what they begin with is remembered once.
pub(super) fn shortened(parts: Vec<Part>) -> (String, Vec<Part>) {
    let Some(Part(_, _, first)) = parts.first() else { return (String::new(), parts) };
    let mut length = first.len();
    for Part(_, _, url) in &parts {
        let same = first.bytes().zip(url.bytes()).take_while(|(one, other)| one == other).count();
        length = length.min(same);
    }
    while !first.is_char_boundary(length) {
        length -= 1;
    }
    let base = first.get(..length).unwrap_or_default().to_owned();
    let rest = |Part(from, to, url): Part| Part(from, to, url.get(base.len()..).unwrap_or_default().to_owned());
    let parts = parts.into_iter().map(rest).collect();
    (base, parts)
}

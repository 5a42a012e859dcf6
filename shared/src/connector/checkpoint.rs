//! What a publish remembers between its steps.

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::{Map, Value};

use super::ConnectorError;

/// What a connector must remember between the steps of one publish: container ids, offsets, publish ids. Never a secret.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Checkpoint(pub Map<String, Value>);

impl Checkpoint {
    /// Remembers this. It is plain data with text keys, which cannot but be an object.
    pub(super) fn of(memory: &impl Serialize) -> Self {
        match serde_json::to_value(memory) {
            Ok(Value::Object(members)) => Self(members),
            Ok(_) | Err(_) => Self::default(),
        }
    }

    /// What is remembered; `None` at the beginning.
    ///
    /// # Errors
    /// It is not what this connector remembers.
    pub(super) fn read<M: DeserializeOwned>(&self) -> Result<Option<M>, ConnectorError> {
        if self.0.is_empty() {
            return Ok(None);
        }
        let memory = serde_json::from_value(Value::Object(self.0.clone()));
        memory.map(Some).map_err(|_| ConnectorError::Unreadable { what: "what was remembered of the publish" })
    }
}

//! What was called, how often, and what DynamoDB would have charged for it.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

/// The calls of one operation.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct OperationCount {
    /// Requests, refused ones included.
    pub calls: u64,
    /// Requests that were answered with an error.
    pub errors: u64,
    /// DynamoDB read request units.
    pub read_units: f64,
    /// DynamoDB write request units.
    pub write_units: f64,
}

/// Calls by operation, named as in `DynamoDB.PutItem`, `SQS.SendMessage`, `KMS.Decrypt`, `SecretsManager.GetSecretValue`.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Counts {
    operations: BTreeMap<String, OperationCount>,
}

impl Counts {
    /// The figures of one operation; zeros when it was never called.
    #[must_use]
    pub fn operation(&self, name: &str) -> OperationCount {
        self.operations.get(name).copied().unwrap_or_default()
    }

    /// How often one operation was called.
    #[must_use]
    pub fn calls(&self, name: &str) -> u64 {
        self.operation(name).calls
    }

    /// Every operation that was called, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, OperationCount)> {
        self.operations.iter().map(|(name, count)| (name.as_str(), *count))
    }

    /// DynamoDB read request units, all operations together.
    #[must_use]
    pub fn read_units(&self) -> f64 {
        self.operations.values().map(|count| count.read_units).sum()
    }

    /// DynamoDB write request units, all operations together.
    #[must_use]
    pub fn write_units(&self) -> f64 {
        self.operations.values().map(|count| count.write_units).sum()
    }

    /// What was added since an earlier snapshot of the same emulators.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        let mut operations = BTreeMap::new();
        for (name, now) in &self.operations {
            let before = earlier.operation(name);
            let added = OperationCount {
                calls: now.calls.saturating_sub(before.calls),
                errors: now.errors.saturating_sub(before.errors),
                read_units: now.read_units - before.read_units,
                write_units: now.write_units - before.write_units,
            };
            if added.calls > 0 {
                operations.insert(name.clone(), added);
            }
        }
        Self { operations }
    }
}

/// The running tally behind [`Counts`].
#[derive(Debug, Default)]
pub(crate) struct Tally(Mutex<Counts>);

impl Tally {
    pub(crate) fn add(&self, operation: &str, added: OperationCount) {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = counts.operations.entry(operation.to_owned()).or_default();
        count.calls += added.calls;
        count.errors += added.errors;
        count.read_units += added.read_units;
        count.write_units += added.write_units;
    }

    pub(crate) fn snapshot(&self) -> Counts {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

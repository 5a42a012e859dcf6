//! Everything that is remembered: one DynamoDB table, keys built here and nowhere else, decisions by conditional write.
//!
//! The keys, and what a row costs to change, are listed in `docs/architecture.md`.

use std::collections::HashMap;

use aws_sdk_dynamodb::{
    Client,
    error::{ProvideErrorMetadata, SdkError},
    operation::put_item::PutItemError,
    types::{AttributeValue, ReturnValuesOnConditionCheckFailure},
};
use jiff::Timestamp;
use serde::{Serialize, de::DeserializeOwned};

mod audit;
mod claims;
mod connections;
mod cursor;
mod dead_letters;
mod deletions;
mod due;
mod edits;
mod erasure;
mod figures;
mod held;
mod hooks;
mod keys;
mod logins;
mod media;
mod posts;
mod rates;
mod refreshes;
mod removals;
mod reviews;
mod rivals;
mod said;
mod sessions;
mod settlements;
mod sweep;
mod targets;
mod tenancy;

pub use audit::{Actor, AuditAction, AuditChain, AuditEntry, AuditRecord, Change};
pub use claims::{Claim, ClaimRequest};
pub use connections::{Connection, ConnectionState, ENDING, HealthLine, LastEvent, SavedDestination, event_of};
pub use cursor::{Cursor, DeadLetterCursor, InvalidCursor};
pub use dead_letters::{DeadLetterFilter, Redrive, RedriveTo, Redriven};
pub use deletions::{AuditEnd, Deletion, DeletionStatus, Marked, PostOfJob, Purged, RowKey};
pub use due::{DuePage, DueTarget};
pub use edits::{Edited, PostEdit};
pub use erasure::Erased;
pub use hooks::{HookEvent, Receipt, Withdrawal, WithdrawalKind};
pub use logins::{Connected, Login};
pub use media::{Probed, Upload};
pub use posts::{Page, PostSummary, Reservation};
pub use refreshes::{Lease, Release, RenewalTimes, Renewed, Resting, Sent, Standing};
pub use reviews::{Review, Reviewed};
pub use rivals::Rivals;
pub use said::{Guard, Said};
pub use sessions::Session;
pub use settlements::Settled;
pub use sweep::{Place, Quiet, QuietRows};
pub use targets::Cancellation;
pub use tenancy::{ApiKey, TenantRow};

/// The condition of a row that must be new.
const NOT_THERE: &str = "attribute_not_exists(pk)";

/// A row as DynamoDB knows it.
pub(crate) type Item = HashMap<String, AttributeValue>;

/// The table `State`.
#[derive(Debug, Clone)]
pub struct Store {
    client: Client,
    table: String,
}

/// The store could not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// DynamoDB did not answer, or refused for a reason that passes. The write may or may not have taken effect.
    #[error("DynamoDB failed to {operation} ({code})")]
    Unavailable {
        /// What was asked.
        operation: &'static str,
        /// DynamoDB's code, or `no_answer`.
        code: String,
    },
    /// A new id is taken: this cannot be, and nothing was written.
    #[error("the key was taken when asked to {operation}")]
    Taken {
        /// What was asked.
        operation: &'static str,
    },
    /// A row does not have the shape that this version writes.
    #[error("a stored {what} cannot be read")]
    Corrupt {
        /// What it should be.
        what: &'static str,
        /// Why it is not.
        #[source]
        source: serde_dynamo::Error,
    },
}

impl Store {
    /// The store in `table`.
    #[must_use]
    pub fn new(client: Client, table: impl Into<String>) -> Self {
        Self { client, table: table.into() }
    }

    /// Whether the table answers.
    ///
    /// # Errors
    /// It does not.
    pub async fn ping(&self) -> Result<(), StoreError> {
        self.get("ping", "PING".to_owned(), "PING".to_owned(), false).await.map(|_| ())
    }

    /// Writes a row, whatever stands there.
    async fn put(&self, operation: &'static str, row: Item) -> Result<(), StoreError> {
        let put = self.client.put_item().table_name(&self.table).set_item(Some(row));
        put.send().await.map(|_| ()).map_err(unavailable(operation))
    }

    /// Writes a row in place of the one that stands there; nothing if none does.
    async fn put_over(&self, operation: &'static str, row: Item) -> Result<(), StoreError> {
        let put = self.client.put_item().table_name(&self.table).set_item(Some(row));
        match put.condition_expression("attribute_exists(pk)").send().await {
            Ok(_) => Ok(()),
            Err(error) => match error.as_service_error() {
                Some(PutItemError::ConditionalCheckFailedException(_)) => Ok(()),
                _ => Err(unavailable(operation)(error)),
            },
        }
    }

    /// Writes a row where there is none; the row that stands there, if one does.
    async fn put_new(&self, operation: &'static str, row: Item) -> Result<Option<Item>, StoreError> {
        let outcome = self
            .client
            .put_item()
            .table_name(&self.table)
            .set_item(Some(row))
            .condition_expression(NOT_THERE)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .send()
            .await;
        match outcome {
            Ok(_) => Ok(None),
            Err(error) => match error.as_service_error() {
                Some(PutItemError::ConditionalCheckFailedException(failed)) => {
                    Ok(Some(failed.item().cloned().unwrap_or_default()))
                }
                _ => Err(unavailable(operation)(error)),
            },
        }
    }

    /// Writes a row under a key that nobody else can have chosen.
    async fn put_unique(&self, operation: &'static str, row: Item) -> Result<(), StoreError> {
        match self.put_new(operation, row).await? {
            None => Ok(()),
            Some(_) => Err(StoreError::Taken { operation }),
        }
    }

    async fn get(
        &self,
        operation: &'static str,
        pk: String,
        sk: String,
        consistent: bool,
    ) -> Result<Option<Item>, StoreError> {
        self.client
            .get_item()
            .table_name(&self.table)
            .key("pk", AttributeValue::S(pk))
            .key("sk", AttributeValue::S(sk))
            .consistent_read(consistent)
            .send()
            .await
            .map(|output| output.item)
            .map_err(unavailable(operation))
    }

    /// All rows of a partition whose sort keys begin with `prefix`, in their order.
    async fn rows_under(
        &self,
        operation: &'static str,
        partition: String,
        prefix: &str,
        consistent: bool,
    ) -> Result<Vec<Item>, StoreError> {
        let pages = self
            .client
            .query()
            .table_name(&self.table)
            .key_condition_expression("pk = :pk AND begins_with(sk, :prefix)")
            .expression_attribute_values(":pk", AttributeValue::S(partition))
            .expression_attribute_values(":prefix", AttributeValue::S(prefix.to_owned()))
            .consistent_read(consistent)
            .into_paginator()
            .items()
            .send();
        pages.try_collect().await.map_err(unavailable(operation))
    }
}

/// Maps an SDK error, keeping its code and nothing of its prose.
fn unavailable<E, R>(operation: &'static str) -> impl Fn(SdkError<E, R>) -> StoreError
where
    SdkError<E, R>: ProvideErrorMetadata,
{
    move |error| StoreError::Unavailable { operation, code: error.code().unwrap_or("no_answer").to_owned() }
}

/// A row of `what` with its key.
fn to_row<T: Serialize>(what: &'static str, pk: String, sk: String, value: &T) -> Result<Item, StoreError> {
    let mut item: Item = serde_dynamo::to_item(value).map_err(|source| StoreError::Corrupt { what, source })?;
    item.insert("pk".into(), AttributeValue::S(pk));
    item.insert("sk".into(), AttributeValue::S(sk));
    Ok(item)
}

fn from_row<T: DeserializeOwned>(what: &'static str, item: Item) -> Result<T, StoreError> {
    serde_dynamo::from_item(item).map_err(|source| StoreError::Corrupt { what, source })
}

fn to_attribute<T: Serialize>(what: &'static str, value: &T) -> Result<AttributeValue, StoreError> {
    serde_dynamo::to_attribute_value(value).map_err(|source| StoreError::Corrupt { what, source })
}

#[expect(clippy::needless_pass_by_value, reason = "ids, names and numbers all come by value or by reference")]
fn text(value: impl ToString) -> AttributeValue {
    AttributeValue::S(value.to_string())
}

#[expect(clippy::needless_pass_by_value, reason = "ids, names and numbers all come by value or by reference")]
fn number(value: impl ToString) -> AttributeValue {
    AttributeValue::N(value.to_string())
}

fn millis(at: Timestamp) -> AttributeValue {
    number(at.as_millisecond())
}

/// DynamoDB's time to live counts in seconds.
fn time_to_live(at: Timestamp) -> AttributeValue {
    number(at.as_second())
}

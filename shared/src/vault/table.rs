//! The Vault table: its rows, and the mark of a deleted tenant, past which nothing is written.

use std::{collections::HashMap, sync::Arc};

use aws_sdk_dynamodb::{
    error::{BuildError, SdkError},
    operation::transact_write_items::TransactWriteItemsError,
    types::{AttributeValue, ConditionCheck, Delete, Put, TransactWriteItem, builders::PutBuilder},
};

use super::{
    TABLE, VaultError,
    error::service_error,
    row::{DELETED, partition_key},
};
use crate::{aws::Failure, ids::TenantId};

/// How many writes DynamoDB takes in one transaction.
const TRANSACTION: usize = 100;

/// A row as it is stored.
pub(super) type Item = HashMap<String, AttributeValue>;

/// Reads and writes rows of tenants.
pub(super) struct Table {
    pub(super) client: aws_sdk_dynamodb::Client,
    pub(super) name: String,
}

impl Table {
    /// The row with this sort key.
    pub(super) async fn get(
        &self,
        tenant: TenantId,
        sort_key: String,
        consistent: bool,
    ) -> Result<Option<Item>, VaultError> {
        let get = self.client.get_item().table_name(&self.name).set_key(Some(key(tenant, sort_key)));
        let answer = get.consistent_read(consistent).send().await;
        Ok(answer.map_err(|error| service_error(TABLE, error))?.item)
    }

    /// Why a row of `tenant` is not there.
    pub(super) async fn absence(&self, tenant: TenantId) -> VaultError {
        match self.is_deleted(tenant).await {
            Ok(true) => VaultError::TenantDeleted,
            Ok(false) => VaultError::NotFound,
            Err(error) => error,
        }
    }

    /// Whether the mark of a deleted tenant stands.
    pub(super) async fn is_deleted(&self, tenant: TenantId) -> Result<bool, VaultError> {
        Ok(self.get(tenant, DELETED.to_owned(), true).await?.is_some())
    }

    /// The beginning of a row to be put.
    pub(super) fn row(&self, tenant: TenantId, sort_key: String) -> PutBuilder {
        Put::builder().table_name(&self.name).set_item(Some(key(tenant, sort_key)))
    }

    /// Writes in order, in transactions that are whole or not at all, and only while the tenant is not deleted. The SDK
    /// gives each a token of its own, so that a repeated attempt whose first answer was lost does not meet its own
    /// effect as a conflict.
    pub(super) async fn write(&self, tenant: TenantId, writes: &[TransactWriteItem]) -> Result<(), VaultError> {
        for chunk in writes.chunks(TRANSACTION - 1) {
            let writes = [self.not_deleted(tenant)?].into_iter().chain(chunk.iter().cloned()).collect();
            let transaction = self.client.transact_write_items().set_transact_items(Some(writes));
            transaction.send().await.map_err(|error| transaction_error(error, VaultError::TenantDeleted))?;
        }
        Ok(())
    }

    /// What a transaction carries that is to write only while the tenant is not deleted.
    pub(super) fn not_deleted(&self, tenant: TenantId) -> Result<TransactWriteItem, VaultError> {
        let check = ConditionCheck::builder()
            .table_name(&self.name)
            .set_key(Some(key(tenant, DELETED.to_owned())))
            .condition_expression("attribute_not_exists(pk)")
            .build()
            .map_err(unbuildable)?;
        Ok(TransactWriteItem::builder().condition_check(check).build())
    }

    /// The sort keys that begin with `prefix`, as of now.
    pub(super) async fn sort_keys(&self, tenant: TenantId, prefix: &str) -> Result<Vec<String>, VaultError> {
        let mut rows = self
            .client
            .query()
            .table_name(&self.name)
            .key_condition_expression("pk = :pk AND begins_with(sk, :prefix)")
            .expression_attribute_values(":pk", AttributeValue::S(partition_key(tenant)))
            .expression_attribute_values(":prefix", AttributeValue::S(prefix.to_owned()))
            .projection_expression("sk")
            .consistent_read(true)
            .into_paginator()
            .items()
            .send();
        let mut sort_keys = Vec::new();
        while let Some(row) = rows.next().await {
            let mut row = row.map_err(|error| service_error(TABLE, error))?;
            if let Some(AttributeValue::S(sort_key)) = row.remove("sk") {
                sort_keys.push(sort_key);
            }
        }
        Ok(sort_keys)
    }

    /// Deletes rows, whether they are there or not, in transactions; `first` goes with the first of them.
    pub(super) async fn delete(
        &self,
        tenant: TenantId,
        sort_keys: Vec<String>,
        first: Option<Put>,
    ) -> Result<(), VaultError> {
        let mut writes: Vec<_> = first.map(|put| TransactWriteItem::builder().put(put).build()).into_iter().collect();
        for sort_key in sort_keys {
            let delete = Delete::builder().table_name(&self.name).set_key(Some(key(tenant, sort_key))).build();
            writes.push(TransactWriteItem::builder().delete(delete.map_err(unbuildable)?).build());
        }
        for chunk in writes.chunks(TRANSACTION) {
            let transaction = self.client.transact_write_items().set_transact_items(Some(chunk.to_vec()));
            transaction.send().await.map_err(|error| transaction_error(error, VaultError::Conflict))?;
        }
        Ok(())
    }
}

impl Table {
    /// Deletes a grant of this version, and other rows with it; `false`, and nothing is deleted, if it has another.
    pub(super) async fn delete_at(
        &self,
        tenant: TenantId,
        (grant, version): (String, u64),
        mut others: Vec<String>,
    ) -> Result<bool, VaultError> {
        let rest = others.split_off(others.len().min(TRANSACTION - 1));
        let decisive = Delete::builder()
            .table_name(&self.name)
            .set_key(Some(key(tenant, grant)))
            .condition_expression("#version = :version")
            .expression_attribute_names("#version", "version")
            .expression_attribute_values(":version", AttributeValue::N(version.to_string()));
        let mut writes = vec![TransactWriteItem::builder().delete(decisive.build().map_err(unbuildable)?).build()];
        for sort_key in others {
            let delete = Delete::builder().table_name(&self.name).set_key(Some(key(tenant, sort_key))).build();
            writes.push(TransactWriteItem::builder().delete(delete.map_err(unbuildable)?).build());
        }
        let outcome = self.client.transact_write_items().set_transact_items(Some(writes)).send().await;
        match outcome.map_err(|error| transaction_error(error, VaultError::Conflict)) {
            Ok(_) => self.delete(tenant, rest, None).await.map(|()| true),
            Err(VaultError::Conflict) => Ok(false),
            Err(error) => Err(error),
        }
    }
}

/// The key of a row.
pub(super) fn key(tenant: TenantId, sort_key: String) -> Item {
    [("pk", partition_key(tenant)), ("sk", sort_key)]
        .map(|(name, value)| (name.to_owned(), AttributeValue::S(value)))
        .into()
}

/// A finished put, as a part of a transaction.
pub(super) fn put(put: PutBuilder) -> Result<TransactWriteItem, VaultError> {
    Ok(TransactWriteItem::builder().put(put.build().map_err(unbuildable)?).build())
}

/// Something that lacks what DynamoDB demands: an error of ours.
pub(super) fn unbuildable(error: BuildError) -> VaultError {
    VaultError::Refused { what: TABLE, source: Arc::new(error) }
}

/// A transaction that its first condition cancelled is `first`, by another one a conflict; one that met another
/// transaction may be repeated.
fn transaction_error(error: SdkError<TransactWriteItemsError>, first: VaultError) -> VaultError {
    match error.as_service_error() {
        Some(TransactWriteItemsError::TransactionCanceledException(cancelled)) => {
            let reasons = cancelled.cancellation_reasons();
            match reasons.iter().position(|reason| reason.code() == Some("ConditionalCheckFailed")) {
                Some(0) => first,
                Some(_) => VaultError::Conflict,
                None => VaultError::Unavailable { what: TABLE, source: Failure::from(error).cause },
            }
        }
        Some(_) | None => service_error(TABLE, error),
    }
}

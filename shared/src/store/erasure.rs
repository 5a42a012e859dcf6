//! What goes of a connection when the person behind it wants to be forgotten: everything but the posts, which are the
//! tenant's.
//!
//! The row by which webhooks find the connection goes last: until then, whoever comes again finds what is left.

use aws_sdk_dynamodb::types::{ConditionCheck, Delete, TransactWriteItem};
use jiff::Timestamp;

use super::{AuditEntry, Change, Connection, RowKey, Store, StoreError, keys, millis, text};
use crate::{ids::ConnectionId, platform::Platform, tenant::Tenant};

const OPERATION: &str = "erase a connection";
/// How many places go in one transaction beside the connection, its entry in `due` and the audit.
const TOGETHER: usize = 90;
/// Its owner has not logged in since.
const NOT_SINCE: &str = "attribute_exists(pk) AND (attribute_not_exists(connected_at) OR connected_at <= :seen_at)";

/// What became of a connection that was to be erased.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Erased {
    /// It is gone.
    Done,
    /// Its owner has logged in since: it stays.
    Newer,
}

impl Store {
    /// Removes a connection, the ways to find it by its places, and with them, in one transaction, writes the audit's
    /// entry; unless its owner has logged in after `seen_at`. Of more than 90 places the first go before it.
    ///
    /// # Errors
    /// The store did not answer; repeat it.
    pub async fn erase_connection(
        &self,
        tenant: Tenant,
        connection: &Connection,
        seen_at: Timestamp,
        entry: &AuditEntry,
    ) -> Result<Erased, StoreError> {
        let row = RowKey::new(keys::tenant(tenant), keys::connection(connection.id));
        let sort = format!("{}#{}", keys::tenant(tenant), keys::connection(connection.id));
        let places = connection.destinations.iter().filter(|place| place.id != connection.account);
        let places: Vec<RowKey> =
            places.map(|place| RowKey::new(keys::destination(connection.platform, &place.id), &sort)).collect();
        let (first, last) = places.split_at(places.len().saturating_sub(TOGETHER));
        for chunk in first.chunks(TOGETHER) {
            let check = ConditionCheck::builder()
                .table_name(&self.table)
                .set_key(Some(row.item()))
                .condition_expression(NOT_SINCE)
                .expression_attribute_values(":seen_at", millis(seen_at));
            let check = TransactWriteItem::builder().condition_check(check.build().map_err(incomplete)?).build();
            let mut writes = vec![check];
            for place in chunk {
                writes.push(delete(self.deletion_of(place))?);
            }
            if !self.together(OPERATION, writes).await? {
                return Ok(Erased::Newer);
            }
        }
        let own = self
            .deletion_of(&row)
            .condition_expression(NOT_SINCE)
            .expression_attribute_values(":seen_at", millis(seen_at));
        let token = RowKey::new(keys::tenant(tenant), keys::token_end(connection.id));
        let mut writes = vec![delete(own)?, delete(self.deletion_of(&token))?];
        for place in last {
            writes.push(delete(self.deletion_of(place))?);
        }
        Ok(match self.decide(tenant, entry, writes).await? {
            Change::Done => Erased::Done,
            Change::Refused => Erased::Newer,
        })
    }

    /// Removes what is kept beside a connection that is gone: its health log, and what is known of its renewals.
    ///
    /// # Errors
    /// The store did not answer; repeat it.
    pub async fn erase_history(&self, tenant: Tenant, connection: ConnectionId) -> Result<(), StoreError> {
        let rows = self.rows_under(OPERATION, keys::health(tenant, connection), "", true).await?;
        self.delete_many(OPERATION, rows.iter().filter_map(RowKey::of).collect()).await
    }

    /// Removes the way to find a connection by its account, if the connection is gone: the last trace of it.
    ///
    /// # Errors
    /// The store did not answer; repeat it.
    pub async fn erase_account(
        &self,
        tenant: Tenant,
        (platform, account): (Platform, &str),
        connection: ConnectionId,
    ) -> Result<(), StoreError> {
        let check = ConditionCheck::builder()
            .table_name(&self.table)
            .key("pk", text(keys::tenant(tenant)))
            .key("sk", text(keys::connection(connection)))
            .condition_expression(super::NOT_THERE);
        let check = TransactWriteItem::builder().condition_check(check.build().map_err(incomplete)?).build();
        let sort = format!("{}#{}", keys::tenant(tenant), keys::connection(connection));
        let found = self.deletion_of(&RowKey::new(keys::destination(platform, account), sort));
        // A login has brought it back: then it is to be found.
        self.together(OPERATION, vec![check, delete(found)?]).await.map(|_| ())
    }

    fn deletion_of(&self, row: &RowKey) -> aws_sdk_dynamodb::types::builders::DeleteBuilder {
        Delete::builder().table_name(&self.table).set_key(Some(row.item()))
    }
}

fn delete(delete: aws_sdk_dynamodb::types::builders::DeleteBuilder) -> Result<TransactWriteItem, StoreError> {
    Ok(TransactWriteItem::builder().delete(delete.build().map_err(incomplete)?).build())
}

fn incomplete(_: aws_sdk_dynamodb::error::BuildError) -> StoreError {
    StoreError::Unavailable { operation: OPERATION, code: "incomplete_request".into() }
}

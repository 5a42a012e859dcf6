//! A login becomes a connection: its row, its sealed tokens, the ways to find it and its entry in the audit are written
//! together or not at all.

use aws_sdk_dynamodb::{
    operation::transact_write_items::TransactWriteItemsError,
    types::{TransactWriteItem, Update},
};
use jiff::Timestamp;

use super::{
    AuditEntry, Change, Connection, SavedDestination, Store, StoreError,
    connections::{STORE, TRANSACTION, connection_rows, health_row, incomplete, place_row},
    keys, millis, text, to_attribute, unavailable,
};
use crate::{tenant::Tenant, vault::SealedLogin};

/// What the first transaction holds besides destinations: the tenant's mark, the grant, the connection, its token's end, its
/// account's row, a line of the health log, and the audit's entry and head.
const BESIDES_DESTINATIONS: usize = 8;
/// How often a transaction is sent that finds another at work on a row.
const SENT_AT_MOST: u32 = 5;

/// A connection that was just made or made anew, and the tokens that came with it.
#[derive(Debug)]
pub struct Login<'a> {
    /// The connection. Its version of the grant is the sealed one, whatever it says.
    pub connection: &'a Connection,
    /// When it is looked at next.
    pub next_check: Timestamp,
    /// When its token is looked at next: to be renewed, or to warn its owner of its end.
    pub token_check: Option<Timestamp>,
    /// Whether the health log gets a line: the login has changed what was known about the connection.
    pub changes_health: bool,
    /// Its tokens.
    pub sealed: SealedLogin,
    /// What the audit says about it.
    pub entry: &'a AuditEntry,
}

/// What became of a login.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Connected {
    /// It is stored.
    Stored,
    /// The grant was replaced, or the tenant deleted, between sealing and storing: nothing is written; seal and store again.
    Overtaken,
}

/// Destinations that are stored together, and all that the connection names by then.
struct Batch {
    writes: Vec<TransactWriteItem>,
    named: Vec<SavedDestination>,
}

impl Store {
    /// Stores a login in one transaction with its tokens and its entry in the audit. What has no room in it (past 46
    /// destinations) follows in further ones, each of which adds destinations with their tokens: whenever that stops, there
    /// is a connection that has what it names, and no token that belongs to none.
    ///
    /// # Errors
    /// The store did not answer. If the first transaction was stored, the connection stands.
    pub async fn put_login(&self, tenant: Tenant, login: Login<'_>) -> Result<Connected, StoreError> {
        let connection = login.connection;
        let SealedLogin { with_each, grant, version, destinations: tokens } = login.sealed;
        let mut batches = self.batches(tenant, connection, tokens)?.into_iter();
        let Some(Batch { writes, named }) = batches.next() else { return Ok(Connected::Stored) };
        let first = Connection { destinations: named, token_version: Some(version), ..connection.clone() };
        let mut all = vec![with_each.clone(), grant];
        for row in connection_rows(tenant, &first, login.next_check, login.token_check)? {
            all.push(self.put_of(row)?);
        }
        all.push(self.put_of(place_row(tenant, connection, &connection.account))?);
        if login.changes_health {
            let state = (connection.state, connection.reason.as_ref());
            all.push(self.put_of(health_row(tenant, connection.id, state, connection.updated_at)?)?);
        }
        all.extend(writes);
        match self.decide(tenant, login.entry, all).await? {
            Change::Done => {}
            Change::Refused => return Ok(Connected::Overtaken),
        }
        for Batch { mut writes, named } in batches {
            writes.push(with_each.clone());
            writes.push(self.more_destinations(tenant, connection, &named)?);
            if !self.together(STORE, writes).await? {
                // Another login came in between, and has stored what it found itself; or the tenant is deleted.
                return Ok(Connected::Stored);
            }
        }
        Ok(Connected::Stored)
    }

    /// The destinations of a connection with their tokens, as many together as a transaction takes; at least one batch.
    fn batches(
        &self,
        tenant: Tenant,
        connection: &Connection,
        mut tokens: std::collections::BTreeMap<String, TransactWriteItem>,
    ) -> Result<Vec<Batch>, StoreError> {
        let mut batches = Vec::new();
        let mut room = TRANSACTION - BESIDES_DESTINATIONS;
        let (mut writes, mut named) = (Vec::new(), Vec::new());
        for destination in &connection.destinations {
            if named.iter().any(|known: &SavedDestination| known.id == destination.id) {
                // A transaction may name a row once.
                continue;
            }
            if room < 2 {
                batches.push(Batch { writes: std::mem::take(&mut writes), named: named.clone() });
                room = TRANSACTION - 2;
            }
            if destination.id != connection.account {
                writes.push(self.put_of(place_row(tenant, connection, &destination.id))?);
                room -= 1;
            }
            if let Some(token) = tokens.remove(&destination.id) {
                writes.push(token);
                room -= 1;
            }
            named.push(destination.clone());
        }
        batches.push(Batch { writes, named });
        Ok(batches)
    }

    fn more_destinations(
        &self,
        tenant: Tenant,
        connection: &Connection,
        destinations: &Vec<SavedDestination>,
    ) -> Result<TransactWriteItem, StoreError> {
        let connected_at = connection.connected_at.unwrap_or(connection.created_at);
        let update = Update::builder()
            .table_name(&self.table)
            .key("pk", text(keys::tenant(tenant)))
            .key("sk", text(keys::connection(connection.id)))
            .update_expression("SET destinations = :destinations")
            .condition_expression("connected_at = :connected_at")
            .expression_attribute_values(":destinations", to_attribute("destinations", destinations)?)
            .expression_attribute_values(":connected_at", millis(connected_at))
            .build()
            .map_err(incomplete)?;
        Ok(TransactWriteItem::builder().update(update).build())
    }

    /// Sends a transaction; `false` if a condition did not hold.
    pub(super) async fn together(
        &self,
        operation: &'static str,
        writes: Vec<TransactWriteItem>,
    ) -> Result<bool, StoreError> {
        for sent in 1.. {
            let outcome = self.client.transact_write_items().set_transact_items(Some(writes.clone())).send().await;
            let Err(error) = outcome else { return Ok(true) };
            if let Some(TransactWriteItemsError::TransactionCanceledException(cancelled)) = error.as_service_error() {
                let codes: Vec<_> =
                    cancelled.cancellation_reasons().iter().filter_map(|reason| reason.code()).collect();
                if codes.contains(&"ConditionalCheckFailed") {
                    return Ok(false);
                }
                // A health check or a renewal has the connection's row for a moment.
                if codes.contains(&"TransactionConflict") && sent < SENT_AT_MOST {
                    continue;
                }
            }
            return Err(unavailable(operation)(error));
        }
        Ok(false)
    }
}

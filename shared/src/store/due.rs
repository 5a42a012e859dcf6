//! The `due` index: everything that must happen at a time.

use aws_sdk_dynamodb::types::ReturnValue;
use jiff::Timestamp;
use tokio::task::JoinSet;

use super::{Connection, Item, Store, StoreError, from_row, keys, number, text, unavailable};
use crate::{
    ids::{ConnectionId, TenantId},
    target::Target,
    telemetry::Chain,
    tenant::Tenant,
};

/// A target whose time has come or is about to.
#[derive(Debug)]
pub struct DueTarget {
    /// Whose it is.
    pub tenant: Tenant,
    /// The row, as it was when the index was read.
    pub target: Target,
    /// The entry that was found: a later entry is another reminder.
    entry: String,
}

impl DueTarget {
    /// The time that it is or was due at: its own, or its entry's where it has none.
    #[must_use]
    pub fn since(&self) -> Timestamp {
        // Nothing of a target that is out waits but its removal.
        let removal = self.target.removal_to_do().map(|removal| removal.next_at.unwrap_or(removal.since));
        removal
            .or(self.target.not_before)
            .unwrap_or_else(|| keys::time_of(&self.entry).unwrap_or(self.target.updated_at))
    }
}

/// Due targets of one shard.
#[derive(Debug)]
pub struct DuePage {
    /// The longest overdue first.
    pub targets: Vec<DueTarget>,
    /// Whether the shard holds more.
    pub more: bool,
}

impl Store {
    /// How many shards each kind of due things has.
    #[must_use]
    pub const fn due_shards() -> u8 {
        keys::DUE_SHARDS
    }

    /// Targets of one shard that are due by `until`, the longest overdue first, at most `limit`.
    ///
    /// # Errors
    /// The store did not answer.
    pub async fn due_targets(&self, shard: u8, until: Timestamp, limit: i32) -> Result<DuePage, StoreError> {
        let entries = self.due(keys::due_targets_shard(shard), until, limit).await?;
        let more = i32::try_from(entries.len()).is_ok_and(|found| found >= limit);
        let mut reads = JoinSet::new();
        for entry in entries {
            let store = self.clone();
            reads.spawn(async move { store.due_target(entry).await });
        }
        let mut targets = Vec::new();
        while let Some(read) = reads.join_next().await {
            match read {
                Ok(Ok(target)) => targets.extend(target),
                // Neither does one that cannot be had.
                Ok(Err(error)) => tracing::error!(error = %Chain(&error), "a due target was passed over"),
                Err(_) => {}
            }
        }
        targets.sort_by(|one: &DueTarget, other| one.entry.cmp(&other.entry));
        Ok(DuePage { targets, more })
    }

    async fn due_target(&self, entry: Entry) -> Result<Option<DueTarget>, StoreError> {
        // The index is read first and the row second: what has moved on meanwhile is not due any more.
        let row = self.get("read a due target", entry.pk.clone(), entry.sk, true).await?;
        let Some(row) = row.filter(|row| due_at(row) == Some(&entry.due_at)) else { return Ok(None) };
        let Some(tenant) = tenant_of(&entry.pk) else { return Ok(None) };
        match from_row("target", row) {
            Ok(target) => Ok(Some(DueTarget { tenant, target, entry: entry.due_at })),
            Err(error) => {
                // One row that cannot be read does not keep all others from going out.
                tracing::error!(error = %Chain(&error), "a due target was passed over");
                Ok(None)
            }
        }
    }

    /// Moves a reminder, so that the target is looked at again if the message sent for it is lost. `false` if the target
    /// has moved on by itself.
    ///
    /// # Errors
    /// The store did not answer.
    pub async fn postpone(&self, due: &DueTarget, to: Timestamp) -> Result<bool, StoreError> {
        let target = &due.target;
        let sort = keys::target(target.created_at, target.post, target.target);
        let builder = self
            .update_target(due.tenant, target.created_at, target.post, target.target)
            .update_expression("SET due_at = :to")
            // An edit to the same time leaves the entry as it is; the job that was sent for the old version is nothing
            // to wait for.
            .condition_expression("due_at = :entry AND version = :version")
            .expression_attribute_values(":version", number(target.version))
            .expression_attribute_values(":to", text(keys::at(to, &sort)))
            .expression_attribute_values(":entry", text(&due.entry));
        Ok(self.conditional("postpone a reminder", builder).await?.is_ok())
    }

    /// Connections of one shard whose health is to be checked by `until`. Each is moved on to `next` before it is
    /// returned, so that two ticks at once do not check it twice.
    ///
    /// # Errors
    /// The store did not answer.
    pub async fn take_due_health(
        &self,
        shard: u8,
        until: Timestamp,
        next: Timestamp,
        limit: i32,
    ) -> Result<Vec<(Tenant, Connection)>, StoreError> {
        self.take_due_connections(keys::due_health_shard(shard), until, next, limit).await
    }

    /// Connections of one shard whose token is about to end; like [`Self::take_due_health`].
    ///
    /// # Errors
    /// The store did not answer.
    pub async fn take_due_tokens(
        &self,
        shard: u8,
        until: Timestamp,
        next: Timestamp,
        limit: i32,
    ) -> Result<Vec<(Tenant, Connection)>, StoreError> {
        let mut taken = Vec::new();
        for entry in self.due(keys::due_tokens_shard(shard), until, limit).await? {
            let Some(item) = self.move_on(&entry, next, &entry.sk).await? else { continue };
            let (Some(tenant), Some(id)) = (tenant_of(&entry.pk), connection_of(&item)) else { continue };
            taken.extend(self.connection(tenant, id).await?.map(|connection| (tenant, connection)));
        }
        Ok(taken)
    }

    async fn take_due_connections(
        &self,
        shard: String,
        until: Timestamp,
        next: Timestamp,
        limit: i32,
    ) -> Result<Vec<(Tenant, Connection)>, StoreError> {
        let mut taken = Vec::new();
        for entry in self.due(shard, until, limit).await? {
            let Some(item) = self.move_on(&entry, next, &entry.sk).await? else { continue };
            let Some(tenant) = tenant_of(&entry.pk) else { continue };
            match from_row("connection", item) {
                Ok(connection) => taken.push((tenant, connection)),
                // One row that cannot be read does not keep the others from being looked at.
                Err(error) => tracing::error!(error = %Chain(&error), "a due connection was passed over"),
            }
        }
        Ok(taken)
    }

    /// Moves an entry to a later time; the row as it is then, or `None` if another was faster.
    async fn move_on(&self, entry: &Entry, next: Timestamp, then: &str) -> Result<Option<Item>, StoreError> {
        let builder = self
            .client
            .update_item()
            .table_name(&self.table)
            .key("pk", text(&entry.pk))
            .key("sk", text(&entry.sk))
            .update_expression("SET due_at = :next")
            .condition_expression("due_at = :entry")
            .return_values(ReturnValue::AllNew)
            .expression_attribute_values(":next", text(keys::at(next, then)))
            .expression_attribute_values(":entry", text(&entry.due_at));
        Ok(self.conditional("take a due connection", builder).await?.ok())
    }

    async fn due(&self, shard: String, until: Timestamp, limit: i32) -> Result<Vec<Entry>, StoreError> {
        let output = self
            .client
            .query()
            .table_name(&self.table)
            .index_name("due")
            .key_condition_expression("due_shard = :due_shard AND due_at <= :until")
            .expression_attribute_values(":due_shard", text(shard))
            .expression_attribute_values(":until", text(keys::until(until)))
            .limit(limit)
            .send()
            .await
            .map_err(unavailable("read what is due"))?;
        Ok(output.items.into_iter().flatten().filter_map(|item| Entry::of(&item)).collect())
    }
}

/// An entry of the index.
struct Entry {
    pk: String,
    sk: String,
    due_at: String,
}

impl Entry {
    fn of(item: &Item) -> Option<Self> {
        let field = |name| item.get(name)?.as_s().ok().cloned();
        Some(Self { pk: field("pk")?, sk: field("sk")?, due_at: field("due_at")? })
    }
}

fn due_at(item: &Item) -> Option<&String> {
    item.get("due_at")?.as_s().ok()
}

/// The tenant whose key this is. Our own index vouches for it.
pub(super) fn tenant_of(pk: &str) -> Option<Tenant> {
    let id: TenantId = pk.strip_prefix("T#")?.split('#').next()?.parse().ok()?;
    Some(Tenant::verified(id))
}

fn connection_of(item: &Item) -> Option<ConnectionId> {
    item.get("connection")?.as_s().ok()?.parse().ok()
}

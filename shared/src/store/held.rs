//! Targets that wait for the owner of a connection: found by the connection, and let go when it is renewed.

use jiff::Timestamp;

use super::{Item, Store, StoreError, keys, millis, text, unavailable};
use crate::{ids::ConnectionId, target::State, tenant::Tenant};

impl Store {
    /// Makes everything that waits for the owner of a connection due at once; how many targets that were. One that was held a
    /// moment ago may not stand in the index yet: its own time comes within minutes.
    ///
    /// # Errors
    /// The store did not answer: what is still held goes on at its own time.
    pub async fn release_held(&self, tenant: Tenant, id: ConnectionId, now: Timestamp) -> Result<u64, StoreError> {
        let group = keys::held(tenant, id);
        let mut released = 0;
        let mut pages = self
            .client
            .query()
            .table_name(&self.table)
            .index_name("attention")
            .key_condition_expression("attention_group = :attention_group")
            .expression_attribute_values(":attention_group", text(&group))
            .into_paginator()
            .items()
            .send();
        while let Some(item) = pages.next().await {
            let item = item.map_err(unavailable("find what a connection holds"))?;
            released += u64::from(self.release(&item, &group, now).await?);
        }
        Ok(released)
    }

    /// `false` if it has moved on by itself.
    async fn release(&self, held: &Item, group: &str, now: Timestamp) -> Result<bool, StoreError> {
        let (Some(pk), Some(sk)) = (held.get("pk"), held.get("sk")) else { return Ok(false) };
        let sort = sk.as_s().map(String::as_str).unwrap_or_default();
        let builder = self
            .client
            .update_item()
            .table_name(&self.table)
            .key("pk", pk.clone())
            .key("sk", sk.clone())
            .update_expression("SET not_before = :now, due_at = :due REMOVE attention_group, attention_at")
            .condition_expression("attention_group = :attention_group AND #state = :waiting")
            .expression_attribute_names("#state", "state")
            .expression_attribute_values(":waiting", text(State::Waiting.name()))
            .expression_attribute_values(":attention_group", text(group))
            .expression_attribute_values(":now", millis(now))
            .expression_attribute_values(":due", text(keys::at(now, sort)));
        Ok(self.conditional("release a target", builder).await?.is_ok())
    }
}

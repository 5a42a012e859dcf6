//! Tenants and their API keys. Each change is one transaction with its entry in the audit: neither is there without the other.

use std::{collections::HashMap, time::Duration};

use aws_sdk_dynamodb::{
    config::{Builder, retry::RetryConfig, timeout::TimeoutConfig},
    error::BuildError,
    operation::update_item::UpdateItemError,
    types::{Put, TransactWriteItem, Update},
};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use url::Url;

use super::{
    AuditEntry, Change, Deletion, Item, NOT_THERE, Store, StoreError, from_row, keys, millis, text, to_attribute,
    to_row, unavailable,
};
use crate::{
    ids::{KeyId, TenantId},
    platform::Platform,
    scope::Scopes,
    tenant::Tenant,
};

/// A tenant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TenantRow {
    /// The id.
    pub id: TenantId,
    /// A name for people.
    pub name: String,
    /// When it was created: no listing looks back further.
    #[serde(with = "jiff::fmt::serde::timestamp::millisecond::required")]
    pub created_at: Timestamp,
    /// Where browsers may be sent after a login; without any, nobody logs in (RFC 9700 §4.11: no open redirector).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub return_urls: Vec<Url>,
    /// Where it has an app of its own, for connections from now on.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub own_apps: Vec<Platform>,
    /// Set once it is deleted. Then it has no name any more in the end, and nothing is accepted from it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deletion: Option<Deletion>,
}

/// An API key, without its secret: of that there is only a hash.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApiKey {
    /// The id, part of the key itself.
    pub id: KeyId,
    /// A name for people.
    pub name: String,
    /// SHA-256 of the secret, in hexadecimal digits. The secret has 256 bits: no slow hash is needed.
    pub secret_hash: String,
    /// What it may do. A row without scopes is of a time when every key could do everything, and its key still can: also
    /// what later builds add.
    #[serde(default = "every_scope")]
    pub scopes: Scopes,
    /// The environment that it shows, for the key that takes its place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub environment: Option<String>,
    /// When it was created.
    #[serde(with = "jiff::fmt::serde::timestamp::millisecond::required")]
    pub created_at: Timestamp,
    /// When it ends, if it does.
    #[serde(
        default,
        with = "jiff::fmt::serde::timestamp::millisecond::optional",
        skip_serializing_if = "Option::is_none"
    )]
    pub ends_at: Option<Timestamp>,
    /// When it was taken back, if it was. `ends_at` is set then, too: a build that does not know this field goes by it.
    #[serde(
        default,
        with = "jiff::fmt::serde::timestamp::millisecond::optional",
        skip_serializing_if = "Option::is_none"
    )]
    pub revoked_at: Option<Timestamp>,
    /// The key that takes its place, if it was rotated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replaced_by: Option<KeyId>,
}

fn every_scope() -> Scopes {
    Scopes::ALL
}

impl Store {
    /// Creates a tenant.
    ///
    /// # Errors
    /// The store did not answer, or the id is taken.
    pub async fn put_tenant(&self, row: &TenantRow, entry: &AuditEntry) -> Result<Tenant, StoreError> {
        let tenant = Tenant::verified(row.id);
        let item = to_row("tenant", keys::tenant(tenant), keys::TENANT.to_owned(), row)?;
        self.add("create a tenant", tenant, item, entry).await?;
        Ok(tenant)
    }

    /// The tenant's own row.
    ///
    /// # Errors
    /// The store did not answer.
    pub async fn tenant(&self, tenant: Tenant) -> Result<Option<TenantRow>, StoreError> {
        let item = self.get("read a tenant", keys::tenant(tenant), keys::TENANT.to_owned(), false).await?;
        item.map(|item| from_row("tenant", item)).transpose()
    }

    /// The same as of now, whatever was written a moment ago: a read of twice the price.
    ///
    /// # Errors
    /// The store did not answer.
    pub async fn latest_tenant(&self, tenant: Tenant) -> Result<Option<TenantRow>, StoreError> {
        let item = self.get("read a tenant", keys::tenant(tenant), keys::TENANT.to_owned(), true).await?;
        item.map(|item| from_row("tenant", item)).transpose()
    }

    /// All tenants, the oldest first. This reads the whole table, page by page: it is for an operator's rare question, and no
    /// request comes near it (the API's functions have no right to scan).
    ///
    /// # Errors
    /// The store did not answer.
    pub async fn tenants(&self) -> Result<Vec<TenantRow>, StoreError> {
        let mut pages = self
            .client
            .scan()
            .table_name(&self.table)
            .filter_expression("sk = :tenant")
            .expression_attribute_values(":tenant", text(keys::TENANT))
            .into_paginator()
            .items()
            .send();
        let mut rows: Vec<TenantRow> = Vec::new();
        while let Some(item) = pages.next().await {
            rows.push(from_row("tenant", item.map_err(unavailable("list tenants"))?)?);
        }
        rows.sort_by_key(|row| (row.created_at, row.id));
        Ok(rows)
    }

    /// Says where browsers of this tenant may be sent after a login, in place of what was said before; refused if there is no
    /// such tenant. [`ReturnUrls`](crate::connect::ReturnUrls) says what may be listed.
    ///
    /// # Errors
    /// The store did not answer.
    pub async fn set_return_urls(
        &self,
        tenant: Tenant,
        urls: &[Url],
        entry: &AuditEntry,
    ) -> Result<Change, StoreError> {
        self.set_of_tenant("list return addresses", tenant, ("return_urls", &urls), entry).await
    }

    /// Says where this tenant has an app of its own, in place of what was said before; refused if there is no such tenant.
    /// Connections keep the app that they were made with.
    ///
    /// # Errors
    /// The store did not answer.
    pub async fn set_own_apps(
        &self,
        tenant: Tenant,
        platforms: &[Platform],
        entry: &AuditEntry,
    ) -> Result<Change, StoreError> {
        self.set_of_tenant("list a tenant's apps", tenant, ("own_apps", &platforms), entry).await
    }

    async fn set_of_tenant(
        &self,
        operation: &'static str,
        tenant: Tenant,
        (field, value): (&'static str, &impl Serialize),
        entry: &AuditEntry,
    ) -> Result<Change, StoreError> {
        let update = Update::builder()
            .table_name(&self.table)
            .key("pk", text(keys::tenant(tenant)))
            .key("sk", text(keys::TENANT))
            .update_expression("SET #field = :value")
            .condition_expression("attribute_exists(pk)")
            .expression_attribute_names("#field", field)
            .expression_attribute_values(":value", to_attribute(field, value)?);
        let update = update.build().map_err(incomplete(operation))?;
        self.decide(tenant, entry, vec![TransactWriteItem::builder().update(update).build()]).await
    }

    /// Adds a key.
    ///
    /// # Errors
    /// The store did not answer, or the id is taken.
    pub async fn put_key(&self, tenant: Tenant, key: &ApiKey, entry: &AuditEntry) -> Result<(), StoreError> {
        let item = to_row("API key", keys::tenant(tenant), keys::key(key.id), key)?;
        self.add("create an API key", tenant, item, entry).await
    }

    /// The key `id` that claims to be `tenant`'s, as it stands at this moment. This is where a tenant is verified, so a bare id
    /// comes in.
    pub(crate) async fn key(&self, tenant: TenantId, id: KeyId) -> Result<Option<ApiKey>, StoreError> {
        let pk = keys::tenant(Tenant::verified(tenant));
        let item = self.get("read an API key", pk, keys::key(id), true).await?;
        item.map(|item| from_row("API key", item)).transpose()
    }

    /// The keys of a tenant, the oldest first.
    ///
    /// # Errors
    /// The store did not answer.
    pub async fn keys(&self, tenant: Tenant) -> Result<Vec<ApiKey>, StoreError> {
        let rows = self.rows_under("list API keys", keys::tenant(tenant), keys::KEY_PREFIX, true).await?;
        rows.into_iter().map(|item| from_row("API key", item)).collect()
    }

    /// Adds `new` and lets `old`, which is good and was not replaced before, end at `old_ends_at`.
    ///
    /// # Errors
    /// The store did not answer.
    pub async fn replace_key(
        &self,
        tenant: Tenant,
        (old, old_ends_at): (KeyId, Timestamp),
        new: &ApiKey,
        entry: &AuditEntry,
    ) -> Result<Change, StoreError> {
        const OPERATION: &str = "rotate an API key";
        let item = to_row("API key", keys::tenant(tenant), keys::key(new.id), new)?;
        let update = self
            .change_of(tenant, old)
            .update_expression("SET ends_at = :ends_at, replaced_by = :new")
            .condition_expression(
                "attribute_exists(pk) AND attribute_not_exists(revoked_at) AND attribute_not_exists(replaced_by)",
            )
            .expression_attribute_values(":ends_at", millis(old_ends_at))
            .expression_attribute_values(":new", text(new.id));
        let changes = vec![
            TransactWriteItem::builder().update(update.build().map_err(incomplete(OPERATION))?).build(),
            self.put_where_none(OPERATION, item)?,
        ];
        self.decide(tenant, entry, changes).await
    }

    /// Takes a key back.
    ///
    /// # Errors
    /// The store did not answer.
    pub async fn end_key(
        &self,
        tenant: Tenant,
        id: KeyId,
        now: Timestamp,
        entry: &AuditEntry,
    ) -> Result<Change, StoreError> {
        let update = self
            .change_of(tenant, id)
            .update_expression("SET revoked_at = :now, ends_at = :now")
            .condition_expression("attribute_exists(pk) AND attribute_not_exists(revoked_at)")
            .expression_attribute_values(":now", millis(now));
        let update = update.build().map_err(incomplete("revoke an API key"))?;
        self.decide(tenant, entry, vec![TransactWriteItem::builder().update(update).build()]).await
    }

    /// Keeps that a key was used at `now`, unless a use after `since` is known. The row is no part of the key: whoever may
    /// write it can change nothing about what the key may do.
    ///
    /// # Errors
    /// The store did not answer within `patience`. It is not asked twice.
    pub async fn note_use(
        &self,
        tenant: Tenant,
        key: KeyId,
        (now, since): (Timestamp, Timestamp),
        patience: Duration,
    ) -> Result<(), StoreError> {
        let once = Builder::new()
            .retry_config(RetryConfig::disabled())
            .timeout_config(TimeoutConfig::builder().operation_timeout(patience).build());
        let outcome = self
            .client
            .update_item()
            .table_name(&self.table)
            .key("pk", text(keys::used(tenant)))
            .key("sk", text(keys::key(key)))
            .update_expression("SET id = :id, last_used_at = :now")
            .condition_expression("attribute_not_exists(last_used_at) OR last_used_at <= :since")
            .expression_attribute_values(":id", text(key))
            .expression_attribute_values(":now", millis(now))
            .expression_attribute_values(":since", millis(since))
            .customize()
            .config_override(once)
            .send()
            .await;
        match outcome {
            Ok(_) => Ok(()),
            Err(error) => match error.as_service_error() {
                Some(UpdateItemError::ConditionalCheckFailedException(_)) => Ok(()),
                _ => Err(unavailable("note the use of an API key")(error)),
            },
        }
    }

    /// When each key of a tenant was last used, as far as is known.
    ///
    /// # Errors
    /// The store did not answer.
    pub async fn uses(&self, tenant: Tenant) -> Result<HashMap<KeyId, Timestamp>, StoreError> {
        #[derive(Deserialize)]
        struct Use {
            id: KeyId,
            #[serde(with = "jiff::fmt::serde::timestamp::millisecond::required")]
            last_used_at: Timestamp,
        }
        let rows = self.rows_under("list uses of API keys", keys::used(tenant), keys::KEY_PREFIX, false).await?;
        let uses = rows.into_iter().map(|item| {
            let used: Use = from_row("use of an API key", item)?;
            Ok((used.id, used.last_used_at))
        });
        uses.collect()
    }

    /// Adds a row that nobody else can have written, with its entry.
    async fn add(
        &self,
        operation: &'static str,
        tenant: Tenant,
        row: Item,
        entry: &AuditEntry,
    ) -> Result<(), StoreError> {
        let change = self.put_where_none(operation, row)?;
        match self.decide(tenant, entry, vec![change]).await? {
            Change::Done => Ok(()),
            Change::Refused => Err(StoreError::Taken { operation }),
        }
    }

    /// A row to be put where there is none, as a part of a transaction.
    pub(super) fn put_where_none(&self, operation: &'static str, row: Item) -> Result<TransactWriteItem, StoreError> {
        let put = Put::builder().table_name(&self.table).set_item(Some(row)).condition_expression(NOT_THERE);
        Ok(TransactWriteItem::builder().put(put.build().map_err(incomplete(operation))?).build())
    }

    fn change_of(&self, tenant: Tenant, key: KeyId) -> aws_sdk_dynamodb::types::builders::UpdateBuilder {
        let update = Update::builder().table_name(&self.table);
        update.key("pk", text(keys::tenant(tenant))).key("sk", text(keys::key(key)))
    }
}

fn incomplete(operation: &'static str) -> impl Fn(BuildError) -> StoreError {
    move |_| StoreError::Unavailable { operation, code: "incomplete_request".into() }
}

//! Tenants and their API keys.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Store, StoreError, from_row, keys, to_row};
use crate::{
    ids::{KeyId, TenantId},
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
}

fn every_scope() -> Scopes {
    Scopes::ALL
}

impl Store {
    /// Creates a tenant.
    ///
    /// # Errors
    /// The store did not answer, or the id is taken.
    pub async fn put_tenant(&self, row: &TenantRow) -> Result<Tenant, StoreError> {
        let tenant = Tenant::verified(row.id);
        let item = to_row("tenant", keys::tenant(tenant), keys::TENANT.to_owned(), row)?;
        self.put_unique("create a tenant", item).await?;
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

    /// Adds a key.
    ///
    /// # Errors
    /// The store did not answer, or the id is taken.
    pub async fn put_key(&self, tenant: Tenant, key: &ApiKey) -> Result<(), StoreError> {
        self.put_unique("create an API key", to_row("API key", keys::tenant(tenant), keys::key(key.id), key)?).await
    }

    /// The key `id` that claims to be `tenant`'s. This is where a tenant is verified, so a bare id comes in.
    pub(crate) async fn key(&self, tenant: TenantId, id: KeyId) -> Result<Option<ApiKey>, StoreError> {
        let pk = keys::tenant(Tenant::verified(tenant));
        let item = self.get("read an API key", pk, keys::key(id), false).await?;
        item.map(|item| from_row("API key", item)).transpose()
    }
}

//! Deletes a tenant: marks it, so that nothing of it is ever sealed again, and removes what there is.
//!
//! Every opening reads its row, so what is removed is closed at once, whatever data keys are still in memory somewhere.

use aws_sdk_dynamodb::types::{AttributeValue, Put};

use super::{
    TABLE, Vault, VaultError,
    error::service_error,
    row::{CONNECTIONS, DELETED},
    table::unbuildable,
};
use crate::{ids::TenantId, tenant::Tenant};

/// How often the rows are looked for. Once the mark stands none is added, so two looks see nothing but what was there.
const LOOKS: u32 = 16;

impl Vault {
    /// Marks a tenant as deleted: from now on nothing of it is sealed. What there is still opens, so that its grants can be
    /// given back; [`Self::delete_tenant`] removes it.
    ///
    /// # Errors
    /// The mark may stand; repeat it.
    pub async fn close_tenant(&self, tenant: Tenant) -> Result<(), VaultError> {
        let table = &self.keys.table;
        if table.is_deleted(tenant.id()).await? {
            return Ok(());
        }
        let mark = self.mark(tenant.id())?;
        let put = table.client.put_item().table_name(&table.name).set_item(Some(mark.item));
        put.send().await.map(|_| ()).map_err(|error| service_error(TABLE, error))
    }

    /// Deletes every token of a tenant that [is closed](Self::close_tenant), and leaves its data key. May be repeated.
    ///
    /// # Errors
    /// Some may be left: repeat it.
    pub async fn delete_tokens(&self, tenant: Tenant) -> Result<(), VaultError> {
        let tokens = self.keys.table.sort_keys(tenant.id(), CONNECTIONS).await?;
        self.keys.table.delete(tenant.id(), tokens, None).await
    }

    /// Deletes every token of a tenant for good, and its data key last. May be repeated, and must be until it succeeds.
    ///
    /// The mark and the first 99 tokens go in one transaction. Once this has succeeded, no token of the tenant opens
    /// and none is stored: [`VaultError::TenantDeleted`]. A token that was read before is in somebody's hands; a read
    /// that is not [consistent](Self::latest_destination_token) may still see a row for the moment that its deletion
    /// takes to reach all of DynamoDB's copies.
    ///
    /// # Errors
    /// Some tokens may be left: repeat it.
    pub async fn delete_tenant(&self, tenant: Tenant) -> Result<(), VaultError> {
        let tenant = tenant.id();
        self.mark_deleted(tenant).await?;
        for _ in 0..LOOKS {
            let rows = self.keys.table.sort_keys(tenant, "").await?;
            let (tokens, others): (Vec<_>, Vec<_>) = rows
                .into_iter()
                .filter(|sort_key| sort_key != DELETED)
                .partition(|sort_key| sort_key.starts_with(CONNECTIONS));
            let found = if tokens.is_empty() { others } else { tokens };
            if found.is_empty() {
                tracing::info!(%tenant, "the tenant's tokens and data key are deleted");
                return Ok(());
            }
            self.keys.table.delete(tenant, found, None).await?;
        }
        // Only a build that does not know of the mark could do this.
        Err(VaultError::Conflict)
    }

    /// Sets the mark, together with the deletion of as many tokens as one transaction takes.
    async fn mark_deleted(&self, tenant: TenantId) -> Result<(), VaultError> {
        let table = &self.keys.table;
        if table.is_deleted(tenant).await? {
            return Ok(());
        }
        let mark = self.mark(tenant)?;
        let tokens = table.sort_keys(tenant, CONNECTIONS).await?;
        match table.delete(tenant, tokens, Some(mark.clone())).await {
            // Somebody wrote one of the tokens at the same moment. The mark alone stops them; the rest follows.
            Err(VaultError::Unavailable { .. }) => {
                let put = table.client.put_item().table_name(&table.name).set_item(Some(mark.item));
                put.send().await.map_err(|error| service_error(TABLE, error))?;
                Ok(())
            }
            outcome => outcome,
        }
    }

    fn mark(&self, tenant: TenantId) -> Result<Put, VaultError> {
        let deleted_at = AttributeValue::S(self.keys.clock.now().to_string());
        let mark = self.keys.table.row(tenant, DELETED.to_owned()).item("deleted_at", deleted_at);
        mark.build().map_err(unbuildable)
    }
}

//! Tenants, as operators make and find them.

use jiff::Timestamp;

use crate::{
    ids::TenantId,
    store::{Actor, AuditAction, AuditEntry, Store, StoreError, TenantRow},
    tenant::Tenant,
};

/// Creates a tenant, with the first entry of its audit.
///
/// # Errors
/// The store did not answer; the tenant may be there.
pub async fn create_tenant(
    store: &Store,
    name: &str,
    by: Actor,
    now: Timestamp,
) -> Result<(Tenant, TenantRow), StoreError> {
    let row = TenantRow { id: TenantId::new(), name: name.to_owned(), created_at: now };
    let entry = AuditEntry::new(now, by, AuditAction::TenantCreated, row.id).with("name", name);
    let tenant = store.put_tenant(&row, &entry).await?;
    Ok((tenant, row))
}

/// The tenant with this id, if there is one, for an operator.
///
/// Nothing proves that the caller may act for it but the caller's rights to the table. So no function may call this, and
/// clippy sees to it (`disallowed-methods`).
///
/// # Errors
/// The store did not answer.
pub async fn tenant_by_id(store: &Store, id: TenantId) -> Result<Option<Tenant>, StoreError> {
    let tenant = Tenant::verified(id);
    Ok(store.tenant(tenant).await?.map(|_| tenant))
}

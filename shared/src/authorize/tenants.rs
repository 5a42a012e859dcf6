//! Tenants, as operators make, set up and find them. Each change is one transaction with its entry in the audit.

use std::collections::BTreeSet;

use jiff::Timestamp;

use crate::{
    connect::ReturnUrls,
    ids::{DeletionCode, TenantId},
    platform::Platform,
    store::{Actor, AuditAction, AuditEntry, Change, Marked, Store, StoreError, TenantRow},
    tenant::Tenant,
};

/// Creates a tenant whose browsers may be sent to `return_urls` after a login, with the first entry of its audit.
///
/// # Errors
/// The store did not answer; the tenant may be there.
pub async fn create_tenant(
    store: &Store,
    name: &str,
    return_urls: &ReturnUrls,
    by: Actor,
    now: Timestamp,
) -> Result<(Tenant, TenantRow), StoreError> {
    let row = TenantRow {
        id: TenantId::new(),
        name: name.to_owned(),
        created_at: now,
        return_urls: return_urls.as_slice().to_vec(),
        own_apps: Vec::new(),
        deletion: None,
    };
    let entry = AuditEntry::new(now, by, AuditAction::TenantCreated, row.id).with("name", name);
    let entry = if row.return_urls.is_empty() { entry } else { entry.with("return_urls", return_urls) };
    let tenant = store.put_tenant(&row, &entry).await?;
    Ok((tenant, row))
}

/// Says where browsers of a tenant may be sent after a login, in place of what was said before. Sessions that have begun
/// still end where they were to. Refused if there is no such tenant.
///
/// # Errors
/// The store did not answer; it may be said.
pub async fn set_return_urls(
    store: &Store,
    tenant: Tenant,
    urls: &ReturnUrls,
    by: Actor,
    now: Timestamp,
) -> Result<Change, StoreError> {
    let entry = AuditEntry::new(now, by, AuditAction::ReturnUrlsSet, tenant.id())
        .with("count", urls.as_slice().len())
        .with("return_urls", urls);
    store.set_return_urls(tenant, urls.as_slice(), &entry).await
}

/// Says at which platforms a tenant has an app of its own, in place of what was said before. Connections keep the app that
/// they were made with. Refused if there is no such tenant.
///
/// # Errors
/// The store did not answer; it may be said.
pub async fn set_own_apps(
    store: &Store,
    tenant: Tenant,
    platforms: &BTreeSet<Platform>,
    by: Actor,
    now: Timestamp,
) -> Result<Change, StoreError> {
    let platforms: Vec<Platform> = platforms.iter().copied().collect();
    let names: Vec<&str> = platforms.iter().map(|platform| platform.name()).collect();
    let entry = AuditEntry::new(now, by, AuditAction::OwnAppsSet, tenant.id()).with("platforms", names.join(" "));
    store.set_own_apps(tenant, &platforms, &entry).await
}

/// Marks a tenant as deleted, for an operator: from now on nothing is accepted from it, and what there is of it goes
/// ([`crate::offboarding`]). A repetition changes nothing and says how far it has come. `None` if there is no such tenant.
///
/// As with [`tenant_by_id`], nothing proves that the caller may do this but their rights to the table.
///
/// # Errors
/// The store did not answer; the tenant may be marked.
pub async fn delete_tenant(
    store: &Store,
    id: TenantId,
    by: Actor,
    now: Timestamp,
) -> Result<Option<(Tenant, Marked)>, StoreError> {
    let code = DeletionCode::drawn();
    let entry = AuditEntry::new(now, by, AuditAction::TenantDeleted, id).with("confirmation_code", code);
    let tenant = Tenant::verified(id);
    Ok(store.mark_deleted(tenant, code, now, &entry).await?.map(|marked| (tenant, marked)))
}

/// The tenant with this id, if there is one that is not deleted, for an operator.
///
/// Nothing proves that the caller may act for it but the caller's rights to the table. So no function may call this, and
/// clippy sees to it (`disallowed-methods`).
///
/// # Errors
/// The store did not answer.
pub async fn tenant_by_id(store: &Store, id: TenantId) -> Result<Option<Tenant>, StoreError> {
    let tenant = Tenant::verified(id);
    Ok(store.tenant(tenant).await?.filter(|row| row.deletion.is_none()).map(|_| tenant))
}

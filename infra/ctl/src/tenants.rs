//! Tenants: make one, list them, say where their browsers may be sent and whose apps they use.

use std::collections::BTreeSet;

use serde::Serialize;
use shared::{
    authorize::{create_tenant, set_own_apps, set_return_urls},
    connect::ReturnUrls,
    ids::TenantId,
    platform::Platform,
    store::{Actor, Change, TenantRow},
    tenant::Tenant,
};
use url::Url;

use crate::{
    arguments::Tenants,
    deletion::state,
    failure::Failure,
    output::{note, say, say_json, table},
    place::Postd,
};

/// A tenant, as `--json` tells it.
#[derive(Debug, Serialize)]
struct TenantView<'a> {
    id: String,
    name: &'a str,
    state: &'static str,
    created_at: String,
    return_urls: &'a [Url],
    own_apps: &'a [Platform],
    #[serde(skip_serializing_if = "Option::is_none")]
    confirmation_code: Option<String>,
}

#[derive(Debug, Serialize)]
struct TenantsView<'a> {
    tenants: Vec<TenantView<'a>>,
}

fn view(row: &TenantRow) -> TenantView<'_> {
    TenantView {
        id: row.id.to_string(),
        name: &row.name,
        state: state(row.deletion.as_ref()),
        created_at: row.created_at.to_string(),
        return_urls: &row.return_urls,
        own_apps: &row.own_apps,
        confirmation_code: row.deletion.as_ref().map(|deletion| deletion.code.to_string()),
    }
}

pub(crate) async fn run(postd: &Postd, command: Tenants, by: Actor, json: bool) -> Result<(), Failure> {
    match command {
        Tenants::Create { name, return_urls } => {
            let urls = listed(return_urls)?;
            let row = create_tenant(&postd.store, &name, &urls, by, postd.now()).await?.1;
            note(&format!("The tenant \"{}\" was created; its id:", row.name));
            if json { say_json(&view(&row)) } else { say(&row.id.to_string()) }
        }
        Tenants::List => {
            let rows = postd.store.tenants().await?;
            if json {
                return say_json(&TenantsView { tenants: rows.iter().map(view).collect() });
            }
            let cells = |row: &TenantRow| {
                let state = state(row.deletion.as_ref()).to_owned();
                [row.id.to_string(), state, row.created_at.to_string(), row.name.clone()]
            };
            let lines: Vec<_> = rows.iter().map(cells).collect();
            table(["TENANT", "STATE", "CREATED", "NAME"], &lines)
        }
        Tenants::ReturnUrls { tenant, set, clear } => {
            let tenant = crate::tenant(postd, tenant).await?;
            if clear || !set.is_empty() {
                let urls = listed(set)?;
                done(tenant.id(), set_return_urls(&postd.store, tenant, &urls, by, postd.now()).await?)?;
            }
            let row = row(postd, tenant).await?;
            if json {
                return say_json(&view(&row));
            }
            if row.return_urls.is_empty() {
                note("No return address is listed: nobody can connect an account.");
            }
            row.return_urls.iter().try_for_each(|url| say(url.as_str()))
        }
        Tenants::OwnApps { tenant, set, clear } => {
            let tenant = crate::tenant(postd, tenant).await?;
            if clear || !set.is_empty() {
                let platforms: BTreeSet<Platform> = set.into_iter().collect();
                done(tenant.id(), set_own_apps(&postd.store, tenant, &platforms, by, postd.now()).await?)?;
            }
            let row = row(postd, tenant).await?;
            if json {
                return say_json(&view(&row));
            }
            row.own_apps.iter().try_for_each(|platform| say(platform.name()))
        }
        // It looks after the vault as well, and has a place of its own.
        Tenants::Delete(_) => Err(Failure::Usage("the vault is needed for this")),
    }
}

fn listed(urls: Vec<Url>) -> Result<ReturnUrls, Failure> {
    // Each of them was checked when the command line was read.
    ReturnUrls::new(urls).map_err(|_| Failure::Usage("a tenant lists at most 50 return addresses"))
}

fn done(tenant: TenantId, change: Change) -> Result<(), Failure> {
    match change {
        Change::Done => Ok(()),
        Change::Refused => Err(nobody(tenant)),
    }
}

/// The tenant as it is now, after what was said about it.
async fn row(postd: &Postd, tenant: Tenant) -> Result<TenantRow, Failure> {
    postd.store.latest_tenant(tenant).await?.ok_or_else(|| nobody(tenant.id()))
}

fn nobody(tenant: TenantId) -> Failure {
    Failure::Refused(format!("there is no tenant {tenant}"))
}

//! Tenants: make one, list them.

use serde::Serialize;
use shared::{
    authorize::create_tenant,
    store::{Actor, TenantRow},
};

use crate::{
    arguments::Tenants,
    failure::Failure,
    output::{note, say, say_json, table},
    place::Postd,
};

/// A tenant, as `--json` tells it.
#[derive(Debug, Serialize)]
struct TenantView<'a> {
    id: String,
    name: &'a str,
    created_at: String,
}

#[derive(Debug, Serialize)]
struct TenantsView<'a> {
    tenants: Vec<TenantView<'a>>,
}

fn view(row: &TenantRow) -> TenantView<'_> {
    TenantView { id: row.id.to_string(), name: &row.name, created_at: row.created_at.to_string() }
}

pub(crate) async fn run(postd: &Postd, command: Tenants, by: Actor, json: bool) -> Result<(), Failure> {
    match command {
        Tenants::Create { name } => {
            let row = create_tenant(&postd.store, &name, by, postd.now()).await?.1;
            note(&format!("The tenant \"{}\" was created; its id:", row.name));
            if json { say_json(&view(&row)) } else { say(&row.id.to_string()) }
        }
        Tenants::List => {
            let rows = postd.store.tenants().await?;
            if json {
                return say_json(&TenantsView { tenants: rows.iter().map(view).collect() });
            }
            let lines: Vec<_> =
                rows.iter().map(|row| [row.id.to_string(), row.created_at.to_string(), row.name.clone()]).collect();
            table(["TENANT", "CREATED", "NAME"], &lines)
        }
    }
}

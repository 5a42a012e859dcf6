//! Deletes a tenant: asks twice, marks it, and sees to the rest as far as it is told to.

use std::{
    io::{self, BufRead as _},
    time::Duration,
};

use jiff::Timestamp;
use serde::Serialize;
use shared::{
    authorize::delete_tenant,
    ids::TenantId,
    offboarding::{Offboarding, Progress},
    store::{Actor, Deletion, Marked},
    tenant::Tenant,
};

use crate::{
    arguments::{DeleteTenant, Place},
    failure::Failure,
    output::{note, say, say_json},
    place::Postd,
};

/// How long the work goes on before it tells how far it is.
const SLICE: Duration = Duration::from_secs(20);
/// How long nothing is looked at while there is nothing to do.
const NAP: Duration = Duration::from_secs(30);

/// A deletion, as `--json` tells it.
#[derive(Debug, Serialize)]
struct DeletionView {
    tenant: String,
    state: &'static str,
    confirmation_code: String,
    requested_at: String,
    /// Grants that were given back to their platforms.
    revoked: u64,
    /// Rows that are gone.
    rows: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    audit_entries: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    audit_last_hash: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    done_at: Option<String>,
}

/// What a tenant is, by its deletion.
pub(crate) fn state(deletion: Option<&Deletion>) -> &'static str {
    match deletion {
        None => "active",
        Some(Deletion { done_at: None, .. }) => "deleting",
        Some(Deletion { done_at: Some(_), .. }) => "deleted",
    }
}

fn view(tenant: TenantId, deletion: &Deletion) -> DeletionView {
    let audit = deletion.audit.as_ref();
    DeletionView {
        tenant: tenant.to_string(),
        state: state(Some(deletion)),
        confirmation_code: deletion.code.to_string(),
        requested_at: deletion.requested_at.to_string(),
        revoked: deletion.revoked,
        rows: deletion.rows,
        audit_entries: audit.map(|end| end.entries),
        audit_last_hash: audit.map(|end| end.hash.clone()),
        done_at: deletion.done_at.map(|at| at.to_string()),
    }
}

pub(crate) async fn delete(place: &Place, wanted: &DeleteTenant, by: Actor, json: bool) -> Result<(), Failure> {
    let (postd, vault) = Postd::with_vault(place).await?;
    if !wanted.yes {
        confirm(wanted.tenant)?;
    }
    let (tenant, deletion) = marked(&postd, wanted.tenant, by).await?;
    if !json {
        say(&deletion.code.to_string())?;
    }
    let offboarding = Offboarding { store: postd.store.clone(), vault, platforms: None, clock: postd.clock() };
    let end = see_to_it(&offboarding, tenant, wanted.wait).await?.unwrap_or(deletion);
    if end.done_at.is_some() {
        note(&format!("Nothing is left: {} rows and all tokens are deleted, and the data key last.", end.rows));
    }
    if json { say_json(&view(wanted.tenant, &end)) } else { Ok(()) }
}

/// Whoever deletes a tenant types its id.
fn confirm(tenant: TenantId) -> Result<(), Failure> {
    note(&format!(
        "This deletes everything of {tenant}: keys, connections with their tokens, posts, history and audit (`audit \
         export` keeps that). Nothing brings it back. Type the id of the tenant to go on:"
    ));
    let mut line = String::new();
    let read = io::stdin().lock().read_line(&mut line);
    match read {
        Ok(_) if line.trim() == tenant.to_string() => Ok(()),
        Ok(_) | Err(_) => Err(Failure::Refused("that was not the id: nothing was deleted".to_owned())),
    }
}

#[expect(clippy::disallowed_methods, reason = "whoever has rights to the table itself may act for any tenant")]
async fn marked(postd: &Postd, id: TenantId, by: Actor) -> Result<(Tenant, Deletion), Failure> {
    let marked = delete_tenant(&postd.store, id, by, postd.now()).await?;
    match marked {
        Some((tenant, Marked::Now(deletion))) => {
            note(&format!("{id} is deleted: nothing is accepted from it any more. Its confirmation code:"));
            Ok((tenant, deletion))
        }
        Some((tenant, Marked::Before(deletion))) => {
            note(&format!("{id} was deleted at {}. Its confirmation code:", deletion.requested_at));
            Ok((tenant, deletion))
        }
        None => Err(Failure::Refused(format!("there is no tenant {id}"))),
    }
}

/// Goes on until nothing is left; or until there is nothing to do for some time, unless it is told to wait.
async fn see_to_it(offboarding: &Offboarding, tenant: Tenant, wait: bool) -> Result<Option<Deletion>, Failure> {
    let mut told = None;
    loop {
        match offboarding.advance(tenant, SLICE).await? {
            Progress::Done(deletion) => return Ok(Some(deletion)),
            Progress::Alive => return Ok(None),
            Progress::Unfinished(deletion) => note(&format!("{} rows are deleted.", deletion.rows)),
            Progress::Waiting(until) if wait => {
                if told != Some(until) {
                    note(&format!("What is under way is let go to its end: rows are deleted from {until} on."));
                    told = Some(until);
                }
                nap(until.duration_since(now(offboarding)).unsigned_abs().min(NAP)).await;
            }
            Progress::Waiting(until) => {
                note(&format!(
                    "What is under way is let go to its end. From {until} on the rest is deleted by the function \
                     `refresh`; or by this command, if it is run again or with --wait."
                ));
                return Ok(None);
            }
        }
    }
}

fn now(offboarding: &Offboarding) -> Timestamp {
    offboarding.clock.now()
}

#[expect(clippy::disallowed_methods, reason = "nobody is billed for a person who waits")]
async fn nap(time: Duration) {
    tokio::time::sleep(time).await;
}

//! The audit: check it, take it out.

use serde_json::json;
use shared::store::{AuditChain, AuditRecord};

use crate::{
    arguments::Audit,
    failure::Failure,
    output::{note, say, say_json},
    place::Postd,
    tenant,
};

pub(crate) async fn run(postd: &Postd, command: Audit, json: bool) -> Result<(), Failure> {
    match command {
        Audit::Verify { tenant: id } => {
            let tenant = tenant(postd, id).await?;
            match postd.store.audit_chain(tenant).await? {
                AuditChain::Whole(records) => whole(&records, json),
                AuditChain::BrokenAt(sequence) => {
                    if json {
                        say_json(&json!({ "whole": false, "broken_at": sequence }))?;
                    }
                    Err(Failure::Broken(sequence))
                }
            }
        }
        Audit::Export { tenant: id, month } => {
            let tenant = tenant(postd, id).await?;
            let records = postd.store.audit_entries(tenant, month).await?;
            records.iter().try_for_each(say_json)?;
            note(&format!(
                "{} entries, as they stand there: `audit verify` says whether they are whole.",
                records.len()
            ));
            Ok(())
        }
    }
}

fn whole(records: &[AuditRecord], json: bool) -> Result<(), Failure> {
    let last = records.last();
    if json {
        let hash = last.map(|record| record.hash.as_str());
        return say_json(&json!({ "whole": true, "entries": records.len(), "last_hash": hash }));
    }
    say(&format!("whole: {} entries", records.len()))?;
    if let Some(last) = last {
        // Whoever keeps this elsewhere can tell later that nobody has replaced the chain as a whole.
        note(&format!("The last one is of {} and has the hash {}", last.at, last.hash));
    }
    Ok(())
}

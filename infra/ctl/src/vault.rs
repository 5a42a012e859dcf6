//! The vault: tokens are sealed again with the current data keys.

use jiff::Timestamp;
use serde_json::json;
use shared::vault::{Place as Row, Progress, ReEncryption, Scope};

use crate::{
    arguments::{Place, ReEncrypt, VaultCommand},
    failure::Failure,
    output::{note, say, say_json},
    place::Postd,
    tenant,
};

/// How many rows are sealed again before it is told how far that is: what is done again at most after a Ctrl-C.
const PAGE: u16 = 100;

pub(crate) async fn run(place: &Place, command: VaultCommand, json: bool) -> Result<(), Failure> {
    match command {
        VaultCommand::ReEncrypt(wanted) => re_encrypt(place, wanted, json).await,
    }
}

async fn re_encrypt(place: &Place, wanted: ReEncrypt, json: bool) -> Result<(), Failure> {
    let (postd, vault) = Postd::with_vault(place).await?;
    let scope = match wanted.tenant {
        Some(id) => Scope::Tenant(tenant(&postd, id).await?),
        None => Scope::Everyone { segment: 0, segments: 1 },
    };
    let now = postd.now();
    let since = wanted.keys_made_since.map_or(Timestamp::MIN, |since| since.at(now));
    if since > now {
        // Each seal would have a new key made that is no more of the future than the last.
        return Err(Failure::Usage("`--keys-made-since` lies in the future: no key is that young"));
    }
    let job = ReEncryption { scope, keys_made_since: since, page: PAGE };
    let mut total = Progress { done: 0, skipped: 0, failed: 0, next: wanted.from };
    let interrupted = tokio::signal::ctrl_c();
    tokio::pin!(interrupted);
    loop {
        let from = total.next.clone();
        let page = tokio::select! {
            // What of the page is sealed already stays so: it is found to be done the next time.
            _ = &mut interrupted => return Err(stopped(from.as_ref(), since, "interrupted")),
            page = vault.re_encrypt(&job, from.as_ref()) => page,
        };
        let page = page.map_err(|error| {
            note(&stopped(from.as_ref(), since, "stopped").to_string());
            Failure::Vault(error)
        })?;
        total = Progress {
            done: total.done + page.done,
            skipped: total.skipped + page.skipped,
            failed: total.failed + page.failed,
            next: page.next,
        };
        if total.next.is_none() {
            break;
        }
        note(&format!("{} sealed again, {} skipped, {} failed so far", total.done, total.skipped, total.failed));
    }
    if json {
        say_json(&json!({ "done": total.done, "skipped": total.skipped, "failed": total.failed }))?;
    } else {
        say(&format!("{} sealed again, {} skipped, {} failed", total.done, total.skipped, total.failed))?;
    }
    if total.failed > 0 { Err(Failure::Unsealed(total.failed)) } else { Ok(()) }
}

/// How to go on.
fn stopped(from: Option<&Row>, since: Timestamp, how: &str) -> Failure {
    let from = from.map_or_else(String::new, |from| format!(" --from {from}"));
    let since = if since == Timestamp::MIN { String::new() } else { format!(" --keys-made-since {since}") };
    let again =
        if from.is_empty() && since.is_empty() { " the same command".to_owned() } else { format!("{since}{from}") };
    Failure::Interrupted(format!("{how}; what is sealed again stays so. Go on with:{again}"))
}

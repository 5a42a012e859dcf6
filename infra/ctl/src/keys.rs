//! API keys: make, list, rotate, revoke.

use jiff::Timestamp;
use serde::Serialize;
use shared::{
    authorize::{IssuedKey, KeyState, NewKey, Revoked, Rotated, create_key, keys, revoke_key, rotate_key},
    scope::Scopes,
    store::{Actor, ApiKey},
};

use crate::{
    arguments::{CreateKey, Keys, Place},
    failure::Failure,
    output::{note, say, say_json, table},
    place::Postd,
    tenant,
};

/// A key, as `--json` tells it.
#[derive(Debug, Serialize)]
struct KeyView<'a> {
    id: String,
    name: &'a str,
    state: &'static str,
    scopes: Scopes,
    created_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    ends_at: Option<String>,
    /// To the hour.
    #[serde(skip_serializing_if = "Option::is_none")]
    last_used_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    replaced_by: Option<String>,
    /// The key itself, in the answer that made it.
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<&'a str>,
}

#[derive(Debug, Serialize)]
struct KeysView<'a> {
    keys: Vec<KeyView<'a>>,
}

fn view(row: &ApiKey, last_used_at: Option<Timestamp>, now: Timestamp) -> KeyView<'_> {
    KeyView {
        id: row.id.to_string(),
        name: &row.name,
        state: state(row, now),
        scopes: row.scopes,
        created_at: row.created_at.to_string(),
        ends_at: row.ends_at.map(|at| at.to_string()),
        last_used_at: last_used_at.map(|at| at.to_string()),
        replaced_by: row.replaced_by.map(|key| key.to_string()),
        key: None,
    }
}

fn state(row: &ApiKey, now: Timestamp) -> &'static str {
    match KeyState::of(row, now) {
        KeyState::Good => "good",
        KeyState::Ended => "ended",
        KeyState::Revoked => "revoked",
    }
}

pub(crate) async fn run(place: &Place, command: Keys, by: Actor, json: bool) -> Result<(), Failure> {
    match command {
        Keys::Create(wanted) => create(place, &wanted, by, json).await,
        Keys::List { tenant } => list(place, tenant, json).await,
        Keys::Rotate { tenant: id, key, overlap } => {
            let postd = Postd::at(place).await?;
            let tenant = tenant(&postd, id).await?;
            let now = postd.now();
            match rotate_key(&postd.store, tenant, (key, overlap), by, now).await? {
                Rotated::Done { issued, old_ends_at } => {
                    note(&format!("{key} ends at {old_ends_at}. Its place takes {}:", issued.row.id));
                    show(&issued, now, json)
                }
                Rotated::Unknown => Err(unknown(key)),
                Rotated::NotGood => {
                    Err(Failure::Refused(format!("{key} has ended or was revoked: create another key")))
                }
                Rotated::Before(Some(newer)) => {
                    Err(Failure::Refused(format!("{key} was rotated before: {newer} has taken its place")))
                }
                Rotated::Before(None) => {
                    Err(Failure::Refused(format!("{key} was just rotated or revoked: list the keys")))
                }
            }
        }
        Keys::Revoke { tenant: id, key } => {
            let postd = Postd::at(place).await?;
            let tenant = tenant(&postd, id).await?;
            match revoke_key(&postd.store, tenant, key, by, postd.now()).await? {
                Revoked::Now => note(&format!("{key} is revoked: within a minute nobody can use it.")),
                Revoked::Before => note(&format!("{key} was revoked before.")),
                Revoked::Unknown => return Err(unknown(key)),
            }
            if json { say_json(&serde_json::json!({ "id": key, "state": "revoked" })) } else { Ok(()) }
        }
    }
}

async fn create(place: &Place, wanted: &CreateKey, by: Actor, json: bool) -> Result<(), Failure> {
    let environment = wanted.environment(place);
    let environment = environment.ok_or(Failure::Usage("say --environment: dev, staging or production"))?;
    let postd = Postd::at(place).await?;
    let now = postd.now();
    let ends_at = match wanted.expires {
        None => None,
        Some(end) => match end.at(now) {
            Some(at) if at > now => Some(at),
            Some(_) => return Err(Failure::Usage("--expires lies in the past")),
            None => return Err(Failure::Usage("--expires lies beyond all times")),
        },
    };
    let tenant = tenant(&postd, wanted.tenant).await?;
    let new = NewKey { environment, name: &wanted.name, scopes: wanted.scopes(), ends_at };
    let issued = create_key(&postd.store, tenant, &new, by, now).await?;
    let end = ends_at.map_or_else(|| "does not end by itself".to_owned(), |at| format!("ends at {at}"));
    note(&format!("{} \"{}\" may {}, and {end}:", issued.row.id, issued.row.name, issued.row.scopes));
    show(&issued, now, json)
}

/// Shows a new key. Nobody can show it again.
fn show(issued: &IssuedKey, now: Timestamp, json: bool) -> Result<(), Failure> {
    let shown = if json {
        say_json(&KeyView { key: Some(issued.expose()), ..view(&issued.row, None, now) })
    } else {
        say(issued.expose())
    };
    match shown {
        Ok(()) => {
            note("It is shown this once: only its hash is kept.");
            Ok(())
        }
        Err(failure) => {
            note(&format!("{} was made and could not be shown: revoke it.", issued.row.id));
            Err(failure)
        }
    }
}

async fn list(place: &Place, id: shared::ids::TenantId, json: bool) -> Result<(), Failure> {
    let postd = Postd::at(place).await?;
    let tenant = tenant(&postd, id).await?;
    let (rows, now) = (keys(&postd.store, tenant).await?, postd.now());
    if json {
        let keys = rows.iter().map(|listed| view(&listed.key, listed.last_used_at, now)).collect();
        return say_json(&KeysView { keys });
    }
    let time = |at: Option<Timestamp>, none: &str| at.map_or_else(|| none.to_owned(), |at| at.to_string());
    let lines: Vec<_> = rows
        .iter()
        .map(|listed| {
            let key = &listed.key;
            [
                key.id.to_string(),
                state(key, now).to_owned(),
                time(key.ends_at, "-"),
                time(listed.last_used_at, "never"),
                key.scopes.to_string(),
                key.name.clone(),
            ]
        })
        .collect();
    table(["KEY", "STATE", "ENDS", "LAST USED", "SCOPES", "NAME"], &lines)
}

fn unknown(key: shared::ids::KeyId) -> Failure {
    Failure::Refused(format!("the tenant has no key {key}"))
}

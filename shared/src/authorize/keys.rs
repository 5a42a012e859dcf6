//! The life of a key: made, rotated, revoked. Each change and its entry in the audit are one write.

use aws_lc_rs::rand;
use data_encoding::HEXLOWER;
use jiff::{SignedDuration, Timestamp};
use secrecy::{ExposeSecret, SecretString};

use super::text;
use crate::{
    ids::KeyId,
    scope::Scopes,
    store::{Actor, ApiKey, AuditAction, AuditEntry, Change, Store, StoreError},
    tenant::Tenant,
};

/// A key to be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NewKey<'a> {
    /// The environment that the key shows in its text: without an underscore.
    pub environment: &'a str,
    /// A name for people.
    pub name: &'a str,
    /// What it may do.
    pub scopes: Scopes,
    /// When it ends, if it does.
    pub ends_at: Option<Timestamp>,
}

impl<'a> NewKey<'a> {
    /// A key that may do everything, and has no end.
    #[must_use]
    pub fn unlimited(environment: &'a str, name: &'a str) -> Self {
        Self { environment, name, scopes: Scopes::ALL, ends_at: None }
    }
}

/// A key as it is shown, once.
#[derive(Debug)]
pub struct IssuedKey {
    /// What is stored of it.
    pub row: ApiKey,
    /// The key itself.
    secret: SecretString,
}

impl IssuedKey {
    /// A key that nobody knows yet.
    fn draw(tenant: Tenant, new: &NewKey<'_>, now: Timestamp) -> Result<Self, StoreError> {
        let mut random = [0; 32];
        rand::fill(&mut random)
            .map_err(|_| StoreError::Unavailable { operation: "make a key", code: "no_random_numbers".into() })?;
        let secret = HEXLOWER.encode(&random);
        let id = KeyId::new();
        let row = ApiKey {
            id,
            name: new.name.to_owned(),
            secret_hash: text::hash(&secret),
            scopes: new.scopes,
            environment: Some(new.environment.to_owned()),
            created_at: now,
            ends_at: new.ends_at,
            revoked_at: None,
            replaced_by: None,
        };
        Ok(Self { row, secret: SecretString::from(text::spell(new.environment, tenant, id, &secret)) })
    }

    /// The key itself, to be shown to its owner.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.secret.expose_secret()
    }
}

/// Whether a key is good for anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyState {
    /// It is.
    Good,
    /// Its time is over.
    Ended,
    /// It was taken back.
    Revoked,
}

impl KeyState {
    /// The state of a key at `now`. A key that was revoked is so whatever the time, so that no two clocks can disagree.
    #[must_use]
    pub fn of(key: &ApiKey, now: Timestamp) -> Self {
        if key.revoked_at.is_some() {
            Self::Revoked
        } else if key.ends_at.is_some_and(|ends_at| ends_at <= now) {
            Self::Ended
        } else {
            Self::Good
        }
    }
}

/// What became of a rotation.
#[derive(Debug)]
pub enum Rotated {
    /// There is another key.
    Done {
        /// It.
        issued: IssuedKey,
        /// When the old one ends.
        old_ends_at: Timestamp,
    },
    /// The tenant has no such key.
    Unknown,
    /// The key has ended or was revoked: there is nothing to go on from.
    NotGood,
    /// It was rotated before, to this key if it is known. Another rotation would leave two keys in its place.
    Before(Option<KeyId>),
}

/// What became of a revocation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Revoked {
    /// From now on the key is good for nothing.
    Now,
    /// So it was already.
    Before,
    /// The tenant has no such key.
    Unknown,
}

/// A key and its use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedKey {
    /// The key.
    pub key: ApiKey,
    /// When it was last used, to the hour; `None` if it never was, as far as is known.
    pub last_used_at: Option<Timestamp>,
}

/// Creates a key for a tenant.
///
/// # Errors
/// The store did not answer (the key may be there, and nobody knows it), or the machine has no random numbers.
pub async fn create_key(
    store: &Store,
    tenant: Tenant,
    new: &NewKey<'_>,
    by: Actor,
    now: Timestamp,
) -> Result<IssuedKey, StoreError> {
    let issued = IssuedKey::draw(tenant, new, now)?;
    let entry = described(AuditEntry::new(now, by, AuditAction::KeyCreated, issued.row.id), &issued.row);
    store.put_key(tenant, &issued.row, &entry).await?;
    Ok(issued)
}

/// Makes another key with the name and the scopes of `id`, which ends after `overlap` or at its own end, whichever is first. If
/// the old key had an end, the new one lives as long as the old one was made to.
///
/// # Errors
/// The store did not answer (the rotation may have happened, and nobody knows the new key), or the machine has no random
/// numbers.
pub async fn rotate_key(
    store: &Store,
    tenant: Tenant,
    (id, overlap): (KeyId, SignedDuration),
    by: Actor,
    now: Timestamp,
) -> Result<Rotated, StoreError> {
    let Some(old) = store.key(tenant.id(), id).await? else { return Ok(Rotated::Unknown) };
    if KeyState::of(&old, now) != KeyState::Good {
        return Ok(Rotated::NotGood);
    }
    if old.replaced_by.is_some() {
        return Ok(Rotated::Before(old.replaced_by));
    }
    let lifetime = old.ends_at.map(|ends_at| ends_at.duration_since(old.created_at));
    let new = NewKey {
        environment: old.environment.as_deref().unwrap_or(UNTOLD),
        name: &old.name,
        scopes: old.scopes,
        ends_at: lifetime.map(|lifetime| now.saturating_add(lifetime).unwrap_or(Timestamp::MAX)),
    };
    let issued = IssuedKey::draw(tenant, &new, now)?;
    let overlap_ends = now.saturating_add(overlap).unwrap_or(Timestamp::MAX);
    let old_ends_at = old.ends_at.map_or(overlap_ends, |ends_at| ends_at.min(overlap_ends));
    let entry = described(AuditEntry::new(now, by, AuditAction::KeyRotated, id), &issued.row)
        .with("to", issued.row.id)
        .with("old_ends_at", old_ends_at);
    match store.replace_key(tenant, (id, old_ends_at), &issued.row, &entry).await? {
        Change::Done => Ok(Rotated::Done { issued, old_ends_at }),
        // Somebody was faster.
        Change::Refused => {
            let old = store.key(tenant.id(), id).await?;
            Ok(Rotated::Before(old.and_then(|old| old.replaced_by)))
        }
    }
}

/// Takes a key back, at once.
///
/// # Errors
/// The store did not answer; the key may be revoked. To do it again does no harm.
pub async fn revoke_key(
    store: &Store,
    tenant: Tenant,
    id: KeyId,
    by: Actor,
    now: Timestamp,
) -> Result<Revoked, StoreError> {
    let entry = AuditEntry::new(now, by, AuditAction::KeyRevoked, id);
    match store.end_key(tenant, id, now, &entry).await? {
        Change::Done => Ok(Revoked::Now),
        Change::Refused => {
            Ok(if store.key(tenant.id(), id).await?.is_some() { Revoked::Before } else { Revoked::Unknown })
        }
    }
}

/// The keys of a tenant, the oldest first, those that are over among them.
///
/// # Errors
/// The store did not answer.
pub async fn keys(store: &Store, tenant: Tenant) -> Result<Vec<ListedKey>, StoreError> {
    let mut uses = store.uses(tenant).await?;
    let keys = store.keys(tenant).await?;
    Ok(keys.into_iter().map(|key| ListedKey { last_used_at: uses.remove(&key.id), key }).collect())
}

/// What a key shows whose row does not tell its environment: it was made by an older build.
const UNTOLD: &str = "live";

fn described(entry: AuditEntry, key: &ApiKey) -> AuditEntry {
    let entry = entry.with("name", &key.name).with("scopes", key.scopes);
    match key.ends_at {
        Some(ends_at) => entry.with("ends_at", ends_at),
        None => entry,
    }
}

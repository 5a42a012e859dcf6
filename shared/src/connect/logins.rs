//! Storing a login: the connection and its tokens under the seal, both in one write, or neither.

use jiff::Timestamp;

use crate::{
    connector::TokenSet,
    health::WARN_AHEAD,
    refresh::schedule,
    secret::AccessToken,
    store::{AuditEntry, Connected, Connection, Login, Store, StoreError},
    tenant::Tenant,
    vault::{Expected, Vault, VaultError},
};

/// How often a login is sealed anew because the grant was replaced meanwhile.
const ATTEMPTS: u32 = 4;

/// What a login has brought.
#[derive(Debug)]
pub struct NewLogin<'a> {
    /// The connection, all but its version of the grant.
    pub connection: &'a Connection,
    /// Its tokens.
    pub tokens: &'a TokenSet,
    /// Those of its destinations, by the platform's id.
    pub destinations: &'a [(String, AccessToken)],
    /// What is there already.
    pub expected: Expected,
    /// When it is looked at next.
    pub next_check: Timestamp,
    /// Whether this changes what was known about the connection.
    pub changes_health: bool,
    /// What the audit says about it.
    pub entry: &'a AuditEntry,
}

/// Why a login was not stored.
#[derive(Debug, thiserror::Error)]
pub enum NotStored {
    /// There is no seal.
    #[error("the tokens could not be sealed")]
    Vault(#[from] VaultError),
    /// The store did not answer; the connection may be there.
    #[error("the connection could not be stored")]
    Store(#[from] StoreError),
    /// Others were faster, every time.
    #[error("the grant was replaced again and again while a login was stored")]
    Overtaken,
}

/// Stores the connection and its tokens together. A refresh may replace the grant at the same moment: the login has the last
/// word.
///
/// # Errors
/// See [`NotStored`].
pub async fn store_login(store: &Store, vault: &Vault, tenant: Tenant, login: NewLogin<'_>) -> Result<(), NotStored> {
    let NewLogin { connection, tokens, destinations, expected, next_check, changes_health, entry } = login;
    let now = connection.updated_at;
    let token_check = if connection.renews {
        Some(schedule::next_look(tokens, connection.id, now))
    } else {
        connection.ends_at().map(|ends_at| ends_at.saturating_sub(WARN_AHEAD).unwrap_or(now).max(now))
    };
    for _ in 0..ATTEMPTS {
        let sealed = vault.seal_login(tenant, connection.id, tokens, destinations, expected).await?;
        let login = Login { connection, next_check, token_check, changes_health, sealed, entry };
        // A transaction of two tables is a large future: whoever waits for something else need not carry it.
        match Box::pin(store.put_login(tenant, login)).await? {
            Connected::Stored => return Ok(()),
            Connected::Overtaken => {}
        }
    }
    Err(NotStored::Overtaken)
}

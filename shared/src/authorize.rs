//! API keys: made here, checked here.
//!
//! A key is `postd_<environment>_<id>_<secret>`. The id carries the tenant, so that one read finds the key's row; the
//! secret has 256 random bits, and only its hash is stored.

use std::sync::Arc;

use aws_lc_rs::{constant_time, digest, rand};
use data_encoding::HEXLOWER;
use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use uuid::Uuid;

use crate::{
    clock::Clock,
    ids::{KeyId, TenantId},
    problem::Code,
    scope::Scopes,
    store::{ApiKey, Store, StoreError, TenantRow},
    tenant::Tenant,
};

const PREFIX: &str = "postd";

/// Checks API keys.
pub struct Authorizer {
    /// Where the keys are.
    pub store: Store,
    /// The time.
    pub clock: Arc<dyn Clock>,
}

/// Who a key speaks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Identity {
    /// The tenant.
    pub tenant: Tenant,
    /// The key.
    pub key: KeyId,
    /// What the key may do.
    pub scopes: Scopes,
}

impl Authorizer {
    /// Who the value of an `Authorization` header speaks for, or why for nobody: [`Code::KeyUnknown`] or
    /// [`Code::KeyExpired`].
    ///
    /// # Errors
    /// The store did not answer: nothing can be said about the key.
    pub async fn identify(&self, authorization: &str) -> Result<Result<Identity, Code>, StoreError> {
        let Some((tenant, id, secret)) = bearer(authorization).and_then(parse) else {
            return Ok(Err(Code::KeyUnknown));
        };
        let Some(row) = self.store.key(tenant, id).await? else { return Ok(Err(Code::KeyUnknown)) };
        if constant_time::verify_slices_are_equal(hash(secret).as_bytes(), row.secret_hash.as_bytes()).is_err() {
            return Ok(Err(Code::KeyUnknown));
        }
        if row.ends_at.is_some_and(|ends_at| ends_at <= self.clock.now()) {
            return Ok(Err(Code::KeyExpired));
        }
        Ok(Ok(Identity { tenant: Tenant::verified(tenant), key: id, scopes: row.scopes }))
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
    /// The key itself, to be shown to its owner.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.secret.expose_secret()
    }
}

/// Creates a tenant.
///
/// # Errors
/// The store did not answer.
pub async fn create_tenant(store: &Store, name: &str, now: Timestamp) -> Result<Tenant, StoreError> {
    store.put_tenant(&TenantRow { id: TenantId::new(), name: name.to_owned(), created_at: now }).await
}

/// A key to be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NewKey<'a> {
    /// The environment that the key shows in its text.
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

/// Creates a key for a tenant.
///
/// # Errors
/// The store did not answer, or the machine has no random numbers.
pub async fn create_key(
    store: &Store,
    tenant: Tenant,
    new: &NewKey<'_>,
    now: Timestamp,
) -> Result<IssuedKey, StoreError> {
    let NewKey { environment, name, scopes, ends_at } = *new;
    let mut random = [0; 32];
    rand::fill(&mut random)
        .map_err(|_| StoreError::Unavailable { operation: "make a key", code: "no_random_numbers".into() })?;
    let secret = HEXLOWER.encode(&random);
    let id = KeyId::new();
    let row = ApiKey { id, name: name.to_owned(), secret_hash: hash(&secret), scopes, created_at: now, ends_at };
    store.put_key(tenant, &row).await?;
    let (tenant, key) = (tenant.id().uuid().simple(), id.uuid().simple());
    Ok(IssuedKey { row, secret: SecretString::from(format!("{PREFIX}_{environment}_{tenant}{key}_{secret}")) })
}

fn bearer(authorization: &str) -> Option<&str> {
    let (scheme, key) = authorization.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| key.trim())
}

fn parse(key: &str) -> Option<(TenantId, KeyId, &str)> {
    let mut parts = key.split('_');
    let (prefix, _environment, id, secret) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    if prefix != PREFIX || parts.next().is_some() || id.len() != 64 || !id.is_ascii() || secret.len() != 64 {
        return None;
    }
    let (tenant, key) = id.split_at(32);
    let uuid = |text| Uuid::try_parse(text).ok();
    Some((TenantId::from(uuid(tenant)?), KeyId::from(uuid(key)?), secret))
}

fn hash(secret: &str) -> String {
    HEXLOWER.encode(digest::digest(&digest::SHA256, secret.as_bytes()).as_ref())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_bearer_key_of_our_shape_is_looked_up() {
        let id = "0193f0a1b2c37d4e8f90a1b2c3d4e5f60193f0a1b2c37d4e8f90a1b2c3d4e5f7";
        let secret = "a".repeat(64);
        let key = format!("postd_local_{id}_{secret}");
        assert!(parse(bearer(&format!("Bearer {key}")).unwrap()).is_some());
        assert!(bearer(&format!("bearer {key}")).is_some());
        for wrong in [
            String::new(),
            key.replace("postd", "stripe"),
            key.replace(&secret, "short"),
            format!("{key}_more"),
            key.replace(id, &"ü".repeat(32)),
            format!("postd_local_{}_{secret}", "x".repeat(64)),
        ] {
            assert!(parse(&wrong).is_none(), "{wrong}");
        }
        assert!(bearer(&format!("Basic {key}")).is_none());
    }
}

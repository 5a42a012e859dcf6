//! API keys: made here, checked here.
//!
//! A key is `postd_<environment>_<id>_<secret>`. The id carries the tenant, so that one read finds the key's row; the
//! secret has 256 random bits, and only its hash is stored.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use aws_lc_rs::constant_time;
use jiff::{SignedDuration, Timestamp};

mod keys;
mod tenants;
mod text;

pub use keys::{IssuedKey, KeyState, ListedKey, NewKey, Revoked, Rotated, create_key, keys, revoke_key, rotate_key};
pub use tenants::{create_tenant, delete_tenant, set_own_apps, set_return_urls, tenant_by_id};

use crate::{
    clock::Clock,
    ids::KeyId,
    problem::Code,
    scope::Scopes,
    store::{Store, StoreError},
    telemetry::Chain,
    tenant::Tenant,
};

/// How exactly the last use of a key is known.
const USE_NOTED_EVERY: SignedDuration = SignedDuration::from_hours(1);
/// How long a caller waits for its use to be noted; then it goes on.
const PATIENCE: Duration = Duration::from_millis(500);
/// How many keys a sandbox remembers to have noted.
const REMEMBERED: usize = 4_096;

/// Checks API keys.
pub struct Authorizer {
    store: Store,
    clock: Arc<dyn Clock>,
    /// When this sandbox last set out to note each key's use.
    noted: Mutex<HashMap<KeyId, Timestamp>>,
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
    /// An authorizer of the keys in `store`.
    #[must_use]
    pub fn new(store: Store, clock: Arc<dyn Clock>) -> Self {
        Self { store, clock, noted: Mutex::default() }
    }

    /// Who the value of an `Authorization` header speaks for, or why for nobody: [`Code::KeyUnknown`],
    /// [`Code::KeyExpired`], [`Code::KeyRevoked`] or [`Code::TenantDeleted`].
    ///
    /// The answer depends on nothing but the header and the rows of key and tenant, which are read as they stand at this moment: API Gateway
    /// remembers the answer for all routes, and a key that was revoked must not be known anew.
    ///
    /// # Errors
    /// The store did not answer: nothing can be said about the key.
    pub async fn identify(&self, authorization: &str) -> Result<Result<Identity, Code>, StoreError> {
        let Some((tenant, id, secret)) = text::bearer(authorization).and_then(text::parse) else {
            return Ok(Err(Code::KeyUnknown));
        };
        // Side by side: the caller waits for both. Nobody is known of a tenant that is deleted, whatever keys are left of it.
        let (row, deleted) = tokio::join!(self.store.key(tenant, id), self.store.is_deleted(Tenant::verified(tenant)));
        let Some(row) = row? else { return Ok(Err(Code::KeyUnknown)) };
        // The secret first: whoever does not have it learns nothing about the key.
        if constant_time::verify_slices_are_equal(text::hash(secret).as_bytes(), row.secret_hash.as_bytes()).is_err() {
            return Ok(Err(Code::KeyUnknown));
        }
        if deleted? {
            return Ok(Err(Code::TenantDeleted));
        }
        let now = self.clock.now();
        match KeyState::of(&row, now) {
            KeyState::Revoked => return Ok(Err(Code::KeyRevoked)),
            KeyState::Ended => return Ok(Err(Code::KeyExpired)),
            KeyState::Good => {}
        }
        let identity = Identity { tenant: Tenant::verified(tenant), key: id, scopes: row.scopes };
        self.note_use(identity, now).await;
        Ok(Ok(identity))
    }

    /// Keeps when the key was used, about once an hour. Whatever comes of it, the caller goes on.
    async fn note_use(&self, identity: Identity, now: Timestamp) {
        if !self.is_first_of_the_hour(identity.key, now) {
            return;
        }
        let since = now.saturating_sub(USE_NOTED_EVERY).unwrap_or(now);
        let noted = Box::pin(self.store.note_use(identity.tenant, identity.key, (now, since), PATIENCE)).await;
        if let Err(error) = noted {
            tracing::warn!(key = %identity.key, error = %Chain(&error), "the use of a key was not noted");
        }
    }

    /// Whether this sandbox has not tried to note the key's use for an hour: it tries once, and another sandbox or hour will.
    fn is_first_of_the_hour(&self, key: KeyId, now: Timestamp) -> bool {
        let mut noted = self.noted.lock().unwrap_or_else(PoisonError::into_inner);
        if noted.get(&key).is_some_and(|at| now.duration_since(*at).abs() < USE_NOTED_EVERY) {
            return false;
        }
        if noted.len() >= REMEMBERED {
            // Whoever comes back asks the table again.
            noted.clear();
        }
        noted.insert(key, now);
        true
    }
}

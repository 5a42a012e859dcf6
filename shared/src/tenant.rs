//! The proof that a caller may act for a tenant.

use crate::ids::TenantId;

/// A tenant whose identity has been proved: by an API key, a finished OAuth session, a stored job or a stored webhook.
///
/// Every call of the store takes one and builds its key from it, so data of another tenant cannot even be named. Only
/// this crate makes them, in the modules that verify.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Tenant(TenantId);

impl Tenant {
    /// Vouches for `id`. Call this only where the id has just been verified.
    pub(crate) fn verified(id: TenantId) -> Self {
        Self(id)
    }

    /// A tenant of a simulation, which has no keys to prove one.
    #[cfg(feature = "simulation")]
    #[must_use]
    pub fn simulated(id: TenantId) -> Self {
        Self(id)
    }

    /// The tenant's id.
    #[must_use]
    pub fn id(self) -> TenantId {
        self.0
    }
}

//! Why the vault did not do what it was asked to.

use std::{error::Error, sync::Arc};

use crate::aws::Failure;

/// Why a token could not be read or written. None of these says anything about the token.
#[derive(Debug, Clone, thiserror::Error)]
pub enum VaultError {
    /// No answer, or not now: it passes.
    #[error("{what} did not answer")]
    Unavailable {
        /// KMS or the Vault table.
        what: &'static str,
        /// Why.
        #[source]
        source: Arc<dyn Error + Send + Sync>,
    },
    /// The key is disabled, awaits deletion or may not be used; the table is gone or may not be used. Nothing is lost,
    /// and nothing goes on until an operator sets it right.
    #[error("{what} refused")]
    Refused {
        /// KMS or the Vault table.
        what: &'static str,
        /// Why.
        #[source]
        source: Arc<dyn Error + Send + Sync>,
    },
    /// There is no such token.
    #[error("the vault holds no such token")]
    NotFound,
    /// The token has been replaced meanwhile; read it again.
    #[error("the token was replaced meanwhile")]
    Conflict,
    /// The tenant has been deleted, and all its tokens with it.
    #[error("the tenant is deleted")]
    TenantDeleted,
    /// What is stored does not open: damaged, moved from another row, or sealed by a later build.
    #[error("the stored token does not open")]
    Corrupt,
}

impl VaultError {
    /// A stable code for logs and metrics.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Unavailable { .. } => "vault.unavailable",
            Self::Refused { .. } => "vault.refused",
            Self::NotFound => "vault.not_found",
            Self::Conflict => "vault.conflict",
            Self::TenantDeleted => "vault.tenant_deleted",
            Self::Corrupt => "vault.corrupt",
        }
    }
}

impl From<super::envelope::Unreadable> for VaultError {
    fn from(_: super::envelope::Unreadable) -> Self {
        Self::Corrupt
    }
}

/// A part of a stored item that is not there or not of its type.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct Unexpected(pub(super) &'static str);

/// What a failed call to KMS or DynamoDB means.
pub(super) fn service_error(what: &'static str, failure: impl Into<Failure>) -> VaultError {
    let Failure { refusal, cause: source } = failure.into();
    match refusal.as_deref() {
        // KMS says so when the wrapped key is damaged, of another KMS key, or was wrapped for another tenant.
        Some("InvalidCiphertextException" | "IncorrectKeyException") => VaultError::Corrupt,
        Some(_) => VaultError::Refused { what, source },
        None => VaultError::Unavailable { what, source },
    }
}

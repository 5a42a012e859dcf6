//! How a command fails: what is told, and with which exit code.

use std::{error::Error, process::ExitCode};

use shared::{offboarding::OffboardingError, store::StoreError, vault::VaultError};

/// Why a command did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// AWS did not answer, or refused.
    #[error("the state table did not do what it was asked")]
    Store(#[from] StoreError),
    /// The vault or KMS did not answer, or refused.
    #[error("the vault did not do what it was asked")]
    Vault(#[from] VaultError),
    /// Not all tokens are sealed again.
    #[error("{0} tokens could not be sealed again; they are as they were")]
    Unsealed(u64),
    /// Somebody has had enough.
    #[error("{0}")]
    Interrupted(String),
    /// The tables could not be listed.
    #[error("the tables of this account and region cannot be listed; --state-table does without")]
    Tables(#[source] Box<dyn Error + Send + Sync>),
    /// The answer could not be shown.
    #[error("{0}")]
    Unshown(&'static str, #[source] std::io::Error),
    /// Something is missing on the command line.
    #[error("{0}")]
    Usage(&'static str),
    /// There is no such thing, or it is not in a state for this.
    #[error("{0}")]
    Refused(String),
    /// The chain of the audit is broken.
    #[error("the audit is broken at entry {0}: it was changed, is missing, or is one too many")]
    Broken(u64),
}

impl From<OffboardingError> for Failure {
    fn from(error: OffboardingError) -> Self {
        match error {
            OffboardingError::Store(error) => Self::Store(error),
            OffboardingError::Vault(error) => Self::Vault(error),
        }
    }
}

impl Failure {
    /// The exit code, as the help tells it.
    pub(crate) fn code(&self) -> ExitCode {
        ExitCode::from(match self {
            Self::Store(_) | Self::Vault(_) | Self::Tables(_) | Self::Unshown(..) => 1,
            Self::Usage(_) => 2,
            Self::Refused(_) => 3,
            Self::Broken(_) => 4,
            Self::Unsealed(_) => 5,
            Self::Interrupted(_) => 130,
        })
    }

    /// The failure with everything that led to it.
    pub(crate) fn story(&self) -> String {
        let mut text = self.to_string();
        let mut cause = self.source();
        while let Some(error) = cause {
            text.push_str(": ");
            text.push_str(&error.to_string());
            cause = error.source();
        }
        text
    }
}

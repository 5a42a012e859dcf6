//! Why a target cannot be worked on right now, or never again, before any call to the platform.

use jiff::{SignedDuration, Timestamp};

use super::{
    Consumer, Work,
    attempt::{Keys, later, ours, waiting},
};
use crate::{
    connector::{Act, Refusal},
    target::{Settlement, Target},
    telemetry::{Chain, Metric},
    vault::{Purpose, VaultError},
};

/// How long a target waits while KMS, the vault or Secrets Manager do not answer.
const OUTAGE: SignedDuration = SignedDuration::from_secs(30);

/// What stands in the way.
pub(super) enum Hold {
    /// Something of ours does not answer: it passes, and spends no attempt.
    Outage(Refusal),
    /// There is no token for this destination any more.
    Gone(Refusal),
}

impl Hold {
    pub(super) fn settlement(self, target: &Target, now: Timestamp) -> Settlement {
        match self {
            Self::Outage(reason) => waiting(target, later(now, OUTAGE), reason),
            // It may be out already: the read-back says so as soon as there is a token again, or a person does.
            Self::Gone(reason) if target.publish_answered() => {
                Settlement::Unknown { until: later(now, OUTAGE), reason }
            }
            Self::Gone(reason) => Settlement::Failed(reason),
        }
    }

    pub(super) fn reason(&self) -> &Refusal {
        match self {
            Self::Outage(reason) | Self::Gone(reason) => reason,
        }
    }
}

impl Consumer {
    /// The token and our app's credentials, or why there are none.
    pub(super) async fn keys(&self, work: &Work<'_>) -> Result<Keys, Hold> {
        let spec = work.spec;
        let token = self
            .vault
            .destination_token(work.tenant, spec.connection, &spec.destination, Purpose::Publish)
            .await
            .map_err(|error| {
                if matches!(error, VaultError::NotFound) {
                    return Hold::Gone(ours(
                        "connection.token_missing",
                        Act::EndUser,
                        "The connection has no token for this destination any more: connect the account again.",
                    ));
                }
                tracing::error!(error = %Chain(&error), "the vault did not open; the target waits");
                self.metrics.emit(Some(spec.platform), &[(Metric::VaultUnavailable, 1)]);
                Hold::Outage(ours(
                    "vault.unavailable",
                    Act::Operator,
                    "The token vault did not open; postd tries again.",
                ))
            })?;
        let app = self.apps.credentials(spec.platform).await.map_err(|error| {
            tracing::error!(error = %Chain(&error), "our app's credentials cannot be read; the target waits");
            Hold::Outage(ours(
                "app.unavailable",
                Act::Operator,
                "Our app's credentials could not be read; postd tries again.",
            ))
        })?;
        Ok(Keys { token, app })
    }
}

/// Its time ran out.
pub(super) fn expired() -> Refusal {
    ours("post.expired", Act::Caller, "Its time ran out before it could go out; it was not published.")
}

/// Every attempt was begun and none came to an end that could be recorded.
pub(super) fn exhausted(last: Option<&Refusal>) -> Refusal {
    last.cloned().unwrap_or_else(|| {
        ours("attempts.exhausted", Act::Operator, "No attempt came to its end; nothing was sent to the platform.")
    })
}

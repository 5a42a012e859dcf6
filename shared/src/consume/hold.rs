//! Why a target cannot be worked on right now, or never again, before any call to the platform.

use jiff::{SignedDuration, Timestamp};

use super::{
    Consumer, Work,
    attempt::{GrantKey, HELD, Keys, held_for_owner, later, ours, waiting},
    backoff,
    pace::{self, BELIEVED, Obstacle, Place, WaitsFor, Way},
};
use crate::{
    apps::Apps,
    connector::{
        Act, ConnectorError, Disposition, Refusal, TokenOf,
        driver::{Calls, Contact},
    },
    connectors::Connectors,
    platform::AppOwner,
    post::TargetSpec,
    target::{Settlement, Target},
    telemetry::{Chain, Metric, Metrics},
    tenant::Tenant,
    vault::{Purpose, Vault, VaultError},
};

/// How long a target waits while KMS, the vault or Secrets Manager do not answer.
pub(super) const OUTAGE: SignedDuration = SignedDuration::from_secs(30);

/// What stands in the way.
pub(crate) enum Hold {
    /// Something of ours does not answer: it passes, and spends no attempt.
    Outage(Refusal),
    /// There is no token for this destination any more.
    Gone(Refusal),
    /// This sandbox has learned that a call would come to nothing.
    Paced(Obstacle),
}

impl Hold {
    pub(super) fn settlement(self, target: &Target, now: Timestamp) -> Settlement {
        match self {
            Self::Outage(reason) => waiting(target, later(now, OUTAGE), reason),
            Self::Paced(obstacle) => obstacle.settlement(target, now),
            // It may be out already: the read-back says so as soon as there is a token again, or a person does.
            Self::Gone(reason) if target.publish_answered() => {
                Settlement::Unknown { until: later(now, OUTAGE), reason }
            }
            Self::Gone(reason) => Settlement::Failed(reason),
        }
    }

    pub(crate) fn reason(&self) -> &Refusal {
        match self {
            Self::Outage(reason) | Self::Gone(reason) => reason,
            Self::Paced(obstacle) => &obstacle.reason,
        }
    }

    /// When a question to the platform can be asked.
    pub(super) fn until(&self, now: Timestamp) -> Timestamp {
        match self {
            Self::Outage(_) | Self::Gone(_) => now,
            Self::Paced(obstacle) => obstacle.until,
        }
    }
}

impl Obstacle {
    fn settlement(self, target: &Target, now: Timestamp) -> Settlement {
        let left = self.until.duration_since(now);
        match self.waits_for {
            WaitsFor::Time => waiting(target, later(now, backoff::spread(left, target)), self.reason),
            WaitsFor::Platform => {
                let wait = backoff::spread(left, target).max(backoff::outage(target, now));
                waiting(target, later(now, wait), self.reason)
            }
            WaitsFor::Owner => held_for_owner(target, later(now, HELD), self.reason),
            WaitsFor::Operator => waiting(target, later(now, HELD), self.reason),
        }
    }
}

impl Consumer {
    /// The token and our app's credentials, or why there are none.
    pub(super) async fn keys(&self, work: &Work<'_>) -> Result<Keys, Hold> {
        let means = (&self.vault, &self.apps, &self.connectors, &self.metrics);
        let keys = keys(means, work.tenant, work.spec, (work.purpose(), self.clock.now())).await?;
        self.renewed_in_time(work, keys).await
    }

    /// The keys, unless this sandbox has learned that a call with them would come to nothing.
    pub(super) fn unless_held(&self, work: &Work<'_>, keys: Keys, now: Timestamp) -> Result<Keys, Hold> {
        match self.pace.obstacle(&way(work, &keys), now) {
            Some(obstacle) => Err(Hold::Paced(obstacle)),
            None => Ok(keys),
        }
    }

    /// Remembers for other jobs what these calls have shown; `true` if the platform is out of order and this was not the
    /// target's fault.
    pub(super) fn learn(
        &self,
        work: &Work<'_>,
        keys: &Keys,
        calls: &Calls<'_>,
        failure: Option<(&ConnectorError, &Disposition)>,
    ) -> bool {
        let now = self.clock.now();
        let way = way(work, keys);
        let Some(contact) = calls.contact() else { return false };
        let is_out_of_order = self.noted(work, contact);
        match failure {
            Some((ConnectorError::RateLimited { refusal, retry_after: Some(wait) }, _)) => {
                let place = pace::place_of_limit(refusal, &way);
                self.pace.hold(place, later(now, *wait), refusal.clone(), WaitsFor::Time);
            }
            // Whether it stays dead, its renewal tells.
            Some((_, Disposition::Reconnect)) if keys.grant.is_some_and(|grant| grant.renews) => {}
            Some((error, Disposition::Reconnect)) => self.token_is_dead(work, keys, error.refusal()),
            Some((error, Disposition::Operator)) => {
                let place = Place::App(way.platform, way.own_app);
                self.pace.hold(place, later(now, BELIEVED), error.refusal(), WaitsFor::Operator);
            }
            Some((_, Disposition::Retry(_) | Disposition::Fail | Disposition::ReadBack)) | None => {
                match calls.hold_back() {
                    Some(wait) => {
                        let place = Place::Destination(way.platform, way.destination.to_owned());
                        self.pace.hold(place, later(now, wait), quota(), WaitsFor::Time);
                    }
                    None if contact == Contact::Answered => self.pace.went_through(&way, now),
                    None => {}
                }
            }
        }
        is_out_of_order
    }

    /// Remembers whether the platform is there at all, and nothing else; `true` if it is out of order.
    pub(super) fn noted(&self, work: &Work<'_>, contact: Contact) -> bool {
        let target = (work.post.id, work.job.target);
        self.pace.contact(work.spec.platform, target, contact, self.clock.now())
    }

    /// Keeps other jobs from trying what the platform has just refused.
    pub(super) fn token_is_dead(&self, work: &Work<'_>, keys: &Keys, reason: Refusal) {
        self.pace.token_is_dead(&way(work, keys), later(self.clock.now(), BELIEVED), reason);
    }

    /// Whether the token of a refused call is not, or no longer, the one that the last login brought.
    pub(super) async fn token_was_replaced(&self, work: &Work<'_>, keys: &Keys) -> bool {
        let spec = work.spec;
        if let Some(known) = keys.grant {
            let stored = self.vault.grant(work.tenant, spec.connection, work.purpose()).await;
            return stored.is_ok_and(|(_, version)| version != known.version);
        }
        let stored =
            self.vault.latest_destination_token(work.tenant, spec.connection, &spec.destination, work.purpose());
        stored.await.is_ok_and(|stored| stored.expose() != keys.token.expose())
    }
}

fn way<'a>(work: &Work<'a>, keys: &'a Keys) -> Way<'a> {
    let TargetSpec { platform, connection, destination, app, .. } = work.spec;
    let own_app = match app {
        AppOwner::Shared => None,
        AppOwner::Tenant => Some(work.tenant.id()),
    };
    Way { platform: *platform, own_app, destination, connection: *connection, token: &keys.token }
}

fn quota() -> Refusal {
    ours("platform.quota", Act::Nobody, "The quota for this destination is used up; postd goes on when it frees.")
}

/// The token that a target is published with and our app's credentials, or why there are none.
pub(crate) async fn keys(
    (vault, apps, connectors, metrics): (&Vault, &Apps, &Connectors, &Metrics),
    tenant: Tenant,
    spec: &TargetSpec,
    (purpose, read_at): (Purpose, jiff::Timestamp),
) -> Result<Keys, Hold> {
    let sealed = match connectors.of(spec.platform).token_of() {
        TokenOf::Destination => vault
            .destination_token(tenant, spec.connection, &spec.destination, purpose)
            .await
            .map(|token| (token, None)),
        TokenOf::Grant => vault.recent_grant(tenant, spec.connection, purpose).await.map(|(tokens, version)| {
            let grant = GrantKey::of(&tokens, version);
            (tokens.access, Some(grant))
        }),
    };
    let (token, grant) = sealed.map_err(|error| {
        if matches!(error, VaultError::NotFound | VaultError::TenantDeleted) {
            return Hold::Gone(ours(
                "connection.token_missing",
                Act::EndUser,
                "The connection has no token for this destination any more: connect the account again.",
            ));
        }
        tracing::error!(error = %Chain(&error), "the vault did not open; the target waits");
        metrics.count(Some(spec.platform), Metric::VaultUnavailable);
        Hold::Outage(ours("vault.unavailable", Act::Operator, "The token vault did not open; postd tries again."))
    })?;
    let app = apps.credentials_of(tenant, spec.platform, spec.app).await.map_err(|error| {
        tracing::error!(error = %Chain(&error), "our app's credentials cannot be read; the target waits");
        Hold::Outage(ours(
            "app.unavailable",
            Act::Operator,
            "Our app's credentials could not be read; postd tries again.",
        ))
    })?;
    Ok(Keys { token, app, grant, read_at })
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

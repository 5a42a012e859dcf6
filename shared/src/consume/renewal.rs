//! A token that ends while posts wait for it: renewed before it does, or when the platform refuses it.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::{
    Consumer, SHORTEST_CALL, Work,
    attempt::{HELD, Keys, later},
    hold::Hold,
    pace::{Obstacle, WaitsFor},
};
use crate::{
    connector::{Refusal, TokenSet},
    refresh::{Refreshed, Refresher, Why, Wish, schedule},
    telemetry::Chain,
};

/// How long a job waits for another's renewal: it comes back otherwise.
const PATIENCE: Duration = Duration::from_secs(3);
/// The longest that the call for a new token may take: the post itself must still go out.
const LONGEST_CALL: Duration = Duration::from_secs(8);
/// How long a target waits while the store does not answer.
const OUTAGE: SignedDuration = SignedDuration::from_secs(30);

/// A token that may be renewed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct GrantKey {
    /// The version of the grant.
    pub(crate) version: u64,
    /// When the token ends.
    ends_at: Option<Timestamp>,
    /// Whether it can be renewed without its owner.
    pub(crate) renews: bool,
}

impl GrantKey {
    pub(super) fn of(tokens: &TokenSet, version: u64) -> Self {
        Self { version, ends_at: tokens.access_expires_at, renews: tokens.refresh.is_some() }
    }
}

/// What a refused token leads to.
pub(super) enum AfterRefusal {
    /// There is another token, or will be by then.
    Again(Timestamp, Refusal),
    /// The connection needs its owner, and that is recorded.
    Ended(Refusal),
    /// What the platform said stands.
    Stands,
}

impl Consumer {
    fn refresher(&self) -> Refresher<'_> {
        Refresher {
            store: &self.store,
            vault: &self.vault,
            apps: &self.apps,
            connectors: &self.connectors,
            transport: self.transport.as_ref(),
            clock: self.clock.as_ref(),
            metrics: &self.metrics,
        }
    }

    fn wish(work: &Work<'_>, grant: GrantKey, why: Why) -> Wish {
        Wish {
            tenant: work.tenant,
            connection: work.spec.connection,
            platform: work.spec.platform,
            app: work.spec.app,
            came_with: grant.version,
            why,
            patience: PATIENCE,
            budget: work.deadline.budget().with_calls(SHORTEST_CALL, LONGEST_CALL),
        }
    }

    /// The keys with a token that does not end while it is used. One that cannot be renewed now is used for as long as it
    /// works.
    pub(super) async fn renewed_in_time(&self, work: &Work<'_>, keys: Keys) -> Result<Keys, Hold> {
        let now = self.clock.now();
        let Some(grant) = keys.grant.filter(|grant| grant.renews && schedule::is_near(grant.ends_at, now)) else {
            return Ok(keys);
        };
        let works = grant.ends_at.is_none_or(|ends_at| ends_at > now);
        // Boxed: it is rare, and every job would carry its size.
        match Box::pin(self.refresher().refresh(&Self::wish(work, grant, Why::Ending))).await {
            Ok(Refreshed::Renewed { tokens, version }) => {
                let grant = Some(GrantKey::of(&tokens, version));
                Ok(Keys { token: tokens.access, grant, read_at: self.clock.now(), ..keys })
            }
            Ok(Refreshed::Ended(reason)) => {
                Err(Hold::Paced(Obstacle { until: later(now, HELD), reason, waits_for: WaitsFor::Owner }))
            }
            Ok(Refreshed::Later { at, reason }) if !works => {
                Err(Hold::Paced(Obstacle { until: at, reason, waits_for: WaitsFor::Time }))
            }
            Ok(Refreshed::Later { .. } | Refreshed::Useless | Refreshed::Unsupported) => Ok(keys),
            Err(error) => {
                tracing::warn!(error = %Chain(&error), "a token that ends soon was not renewed; it is used as it is");
                Ok(keys)
            }
        }
    }

    /// The platform has refused the token: what is to be done depends on whether there is another, or can be.
    pub(super) async fn after_refusal(&self, work: &Work<'_>, keys: &Keys, refusal: &Refusal) -> AfterRefusal {
        let now = self.clock.now();
        let Some(grant) = keys.grant.filter(|grant| grant.renews) else {
            // Refused with a token that a new login has replaced since: nothing is wrong with the connection.
            return if self.token_was_replaced(work, keys).await {
                AfterRefusal::Again(now, refusal.clone())
            } else {
                AfterRefusal::Stands
            };
        };
        match Box::pin(self.refresher().refresh(&Self::wish(work, grant, Why::Refused))).await {
            Ok(Refreshed::Renewed { .. }) => AfterRefusal::Again(self.clock.now(), refusal.clone()),
            Ok(Refreshed::Later { at, reason }) => AfterRefusal::Again(at, reason),
            Ok(Refreshed::Ended(reason)) => {
                self.token_is_dead(work, keys, reason.clone());
                AfterRefusal::Ended(reason)
            }
            Ok(Refreshed::Useless | Refreshed::Unsupported) => {
                self.token_is_dead(work, keys, refusal.clone());
                AfterRefusal::Stands
            }
            Err(error) => {
                tracing::error!(error = %Chain(&error), "a refused token was not renewed; the target waits");
                AfterRefusal::Again(later(now, OUTAGE), refusal.clone())
            }
        }
    }
}

//! The scheduled renewal: whatever token's time has come.

use std::{sync::Arc, time::Duration};

use jiff::{SignedDuration, Timestamp};
use tokio::{task::JoinSet, time::Instant};

use super::{Refreshed, Refresher, Why, Wish, after, schedule};
use crate::{
    connector::driver::Budget,
    health::{CHECKED_EVERY, HealthCheck},
    store::{Connection, ConnectionState, RenewalTimes, Store, StoreError},
    telemetry::Chain,
    tenant::Tenant,
    vault::{Purpose, VaultError},
};

/// How long the renewal of one connection may take.
const RENEWAL_TAKES: Duration = Duration::from_secs(12);
/// How many connections of a shard are taken at once, and worked on side by side.
const PAGE: i32 = 25;
/// When a token whose renewal came to nothing is looked at again: with the next tick.
const AGAIN: SignedDuration = SignedDuration::from_mins(15);

/// `functions/refresh`: renews what can be renewed, and has the owners of everything else warned in time.
pub struct Round {
    /// Asks about connections that nobody renews but their owners.
    pub health: HealthCheck,
}

/// What one run did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
pub struct Taken {
    /// How many tokens were renewed.
    pub renewed: u64,
    /// How many are to be tried again.
    pub later: u64,
    /// How many connections were asked about.
    pub checked: u64,
    /// How many of all these need their owner.
    pub reconnect: u64,
}

impl Round {
    /// Takes what is due, until nothing is or `time_left` is nearly over; the next run goes on from there.
    ///
    /// # Errors
    /// The store did not answer.
    pub async fn run(self: &Arc<Self>, time_left: Duration) -> Result<Taken, StoreError> {
        let ends = Instant::now() + time_left;
        let health = &self.health;
        let now = health.clock.now();
        let mut taken = Taken::default();
        for shard in 0..Store::due_shards() {
            loop {
                if ends.saturating_duration_since(Instant::now()) < RENEWAL_TAKES * 2 {
                    tracing::warn!(taken.renewed, "time is over; the next run goes on");
                    health.metrics.flush();
                    return Ok(taken);
                }
                let due = health.store.take_due_tokens(shard, now, after(now, AGAIN), PAGE).await?;
                if due.is_empty() {
                    break;
                }
                let mut jobs = JoinSet::new();
                for (tenant, connection) in due {
                    let round = Arc::clone(self);
                    jobs.spawn(async move { round.one(tenant, &connection).await });
                }
                while let Some(outcome) = jobs.join_next().await {
                    match outcome {
                        Ok(Ok(ended)) => taken.add(ended),
                        // One that fails does not break the others off: what they are about to store exists only once.
                        Ok(Err(error)) => {
                            tracing::error!(error = %Chain(&error), "a token was passed over; it is looked at again");
                            taken.later += 1;
                        }
                        Err(_) => tracing::error!("a renewal broke off; it is looked at again"),
                    }
                }
            }
        }
        health.metrics.flush();
        Ok(taken)
    }

    async fn one(&self, tenant: Tenant, connection: &Connection) -> Result<Ended, StoreError> {
        if self.health.store.is_deleted(tenant).await? {
            return Ok(Ended::Checked);
        }
        if connection.renews && connection.state != ConnectionState::Disconnected {
            return self.renew(tenant, connection).await;
        }
        self.ask(tenant, connection).await
    }

    /// Nobody renews it but its owner.
    async fn ask(&self, tenant: Tenant, connection: &Connection) -> Result<Ended, StoreError> {
        let state = self.health.check(tenant, connection).await?;
        self.look_again(tenant, connection, CHECKED_EVERY).await?;
        Ok(if state == ConnectionState::Reconnect { Ended::CheckedAndOver } else { Ended::Checked })
    }

    async fn look_again(
        &self,
        tenant: Tenant,
        connection: &Connection,
        wait: SignedDuration,
    ) -> Result<(), StoreError> {
        let next = after(self.health.clock.now(), wait);
        self.health.store.look_at_token(tenant, connection.id, next).await
    }

    async fn renew(&self, tenant: Tenant, connection: &Connection) -> Result<Ended, StoreError> {
        let health = &self.health;
        let seen_at = health.clock.now();
        let (tokens, version) = match health.vault.grant(tenant, connection.id, Purpose::Refresh).await {
            Ok(grant) => grant,
            // Given up a moment ago.
            Err(VaultError::NotFound | VaultError::TenantDeleted) => return Ok(Ended::Checked),
            Err(error) => {
                tracing::error!(error = %Chain(&error), "the vault did not open; the token is looked at again");
                return Ok(Ended::Later);
            }
        };
        if millis(tokens.access_expires_at) != millis(connection.access_expires_at) {
            // Renewed since this look was planned, and the planning of the next one was lost.
            let times = RenewalTimes::of(&tokens, version, seen_at);
            let next = schedule::next_look(&tokens, connection.id, seen_at);
            health.store.record_renewal(tenant, connection.id, &times, (next, seen_at)).await?;
            return Ok(Ended::Checked);
        }
        let wish = Wish {
            tenant,
            connection: connection.id,
            platform: connection.platform,
            app: connection.app,
            came_with: version,
            why: Why::Ending,
            patience: Duration::ZERO,
            budget: Budget::lasting(RENEWAL_TAKES),
        };
        match Box::pin(health.refresher().refresh(&wish)).await? {
            Refreshed::Renewed { .. } => Ok(Ended::Renewed),
            Refreshed::Ended(_) => {
                // Its owner knows. Should they come, their login plans the next look.
                self.look_again(tenant, connection, CHECKED_EVERY).await?;
                Ok(Ended::Over)
            }
            Refreshed::Later { at, .. } => {
                let wait = at.duration_since(health.clock.now()).max(SignedDuration::from_mins(1));
                self.look_again(tenant, connection, wait).await?;
                Ok(Ended::Later)
            }
            Refreshed::Useless | Refreshed::Unsupported => self.ask(tenant, connection).await,
        }
    }
}

/// How the work on one connection ended.
#[derive(Debug, Clone, Copy)]
enum Ended {
    Renewed,
    Later,
    Over,
    Checked,
    CheckedAndOver,
}

impl Taken {
    fn add(&mut self, ended: Ended) {
        match ended {
            Ended::Renewed => self.renewed += 1,
            Ended::Later => self.later += 1,
            Ended::Over => self.reconnect += 1,
            Ended::Checked => self.checked += 1,
            Ended::CheckedAndOver => {
                self.checked += 1;
                self.reconnect += 1;
            }
        }
    }
}

/// Rows and seals keep milliseconds.
fn millis(at: Option<Timestamp>) -> Option<i64> {
    at.map(Timestamp::as_millisecond)
}

impl HealthCheck {
    /// Renews tokens with what this check has.
    #[must_use]
    pub fn refresher(&self) -> Refresher<'_> {
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
}

//! Renews the token of a connection, one at a time across all functions, and never gives up what works for what may not.
//!
//! Many platforms take a refresh token once and answer a second use by ending the grant. So: whoever renews holds a lease with
//! a fencing number; that the token leaves is on disk before it does; what comes back is stored over the version that was
//! read and no other; and a refusal is believed only if nobody has stored a newer token meanwhile. Losers wait a moment and
//! take the winner's token. An answer that is lost is asked for once more at once, because servers that forgive this forgive
//! it for seconds; after that, tries are minutes apart, and the old token is used for as long as it works.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;
use uuid::Uuid;

mod attempt;
mod outcome;
mod round;
pub mod schedule;

pub use round::{Round, Taken};

use crate::{
    apps::Apps,
    clock::Clock,
    connector::{Act, Refusal, TokenSet, driver::Budget, transport::Transport},
    connectors::Connectors,
    ids::ConnectionId,
    platform::{AppOwner, Platform},
    store::{Lease, Store, StoreError},
    telemetry::{Chain, Metrics},
    tenant::Tenant,
    vault::{Purpose, Vault, VaultError},
};

/// How long reading the grant, its keys and our app may take before the lease passes to another.
const READING_TAKES: SignedDuration = SignedDuration::from_secs(15);
/// The first look of a loser after the winner, and the longest time between two looks.
const FIRST_LOOK: Duration = Duration::from_millis(100);
const LAST_LOOK: Duration = Duration::from_secs(1);
/// How long a try waits while something of ours does not answer.
const OUTAGE: SignedDuration = SignedDuration::from_secs(30);
/// With less than this left no token is sent: an answer that comes too late is lost, and at a strict server the grant with it.
const SHORTEST: Duration = Duration::from_secs(6);

/// Renews tokens, with what its function has.
pub struct Refresher<'a> {
    /// Where leases and connections are.
    pub store: &'a Store,
    /// Where tokens are.
    pub vault: &'a Vault,
    /// Our apps at the platforms.
    pub apps: &'a Apps,
    /// The platforms.
    pub connectors: &'a Connectors,
    /// The way there.
    pub transport: &'a dyn Transport,
    /// The time.
    pub clock: &'a dyn Clock,
    /// Where figures go.
    pub metrics: &'a Metrics,
}

/// Which token, and for whom.
#[derive(Debug, Clone, Copy)]
pub struct Wish {
    /// The tenant.
    pub tenant: Tenant,
    /// The connection.
    pub connection: ConnectionId,
    /// Where it is.
    pub platform: Platform,
    /// Whose app it was made with.
    pub app: AppOwner,
    /// The version of the grant that is to be renewed, as the vault told it: a newer one is the answer.
    pub came_with: u64,
    /// Why.
    pub why: Why,
    /// How long another's renewal is waited for.
    pub patience: Duration,
    /// The time that all of it may take.
    pub budget: Budget,
}

/// Why a token is renewed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// It ends soon.
    Ending,
    /// The platform has refused it.
    Refused,
}

/// What came of a wish.
#[derive(Debug, Clone)]
pub enum Refreshed {
    /// There is a newer token than the one they came with, renewed by us, by another or by a login.
    Renewed {
        /// The tokens.
        tokens: TokenSet,
        /// Their version.
        version: u64,
    },
    /// Not now: what they came with is still the newest. Try again then.
    Later {
        /// When.
        at: Timestamp,
        /// Why not.
        reason: Refusal,
    },
    /// The connection needs its owner, and that is recorded.
    Ended(Refusal),
    /// The token was renewed a moment ago because it had been refused, and the new one is refused as well: renewing does not
    /// help, and what the platform said about the token stands.
    Useless,
    /// This grant is renewed by its owner alone.
    Unsupported,
}

impl Refresher<'_> {
    /// Brings a newer token than the one that the wish came with.
    ///
    /// # Errors
    /// The store did not answer.
    pub async fn refresh(&self, wish: &Wish) -> Result<Refreshed, StoreError> {
        let owner = Uuid::new_v4().simple().to_string();
        let ends = Instant::now() + wish.patience;
        loop {
            if wish.budget.next_call().is_none_or(|left| left < SHORTEST) {
                return Ok(Refreshed::Later { at: self.clock.now(), reason: no_time() });
            }
            let now = self.clock.now();
            let until = after(now, READING_TAKES);
            match self.store.lease_refresh(wish.tenant, wish.connection, (&owner, wish.came_with), now, until).await? {
                Lease::Won(standing) => return self.hold(wish, &standing).await,
                Lease::Ended(reason) => return Ok(Refreshed::Ended(reason)),
                Lease::Resting(at, reason) => return Ok(Refreshed::Later { at, reason }),
                Lease::Held(until) => {
                    if let Some(outcome) = self.look_on(wish, until, ends).await? {
                        return Ok(outcome);
                    }
                }
            }
        }
    }

    /// Watches another's renewal. `None` if the lease has become free and nothing is newer.
    async fn look_on(
        &self,
        wish: &Wish,
        held_until: Timestamp,
        ends: Instant,
    ) -> Result<Option<Refreshed>, StoreError> {
        let mut pause = FIRST_LOOK;
        loop {
            let left = ends.saturating_duration_since(Instant::now());
            if left.is_zero() {
                let at = held_until.min(after(self.clock.now(), SignedDuration::from_secs(5)));
                return Ok(Some(Refreshed::Later { at, reason: at_work() }));
            }
            rest(pause.min(left)).await;
            pause = (pause * 2).min(LAST_LOOK);
            let standing = self.store.refresh_standing(wish.tenant, wish.connection).await?.unwrap_or_default();
            if standing.lease_until.is_some_and(|until| until >= self.clock.now()) {
                continue;
            }
            return match self.stored(wish).await {
                Ok((tokens, version)) if version > wish.came_with => Ok(Some(Refreshed::Renewed { tokens, version })),
                Ok(_) if standing.lease_until.is_none() => Ok(None),
                // Its holder has been gone for a moment only: its clock may be behind ours.
                Ok(_) => continue,
                Err(error) => Ok(Some(self.outage(&error))),
            };
        }
    }

    /// The grant as of now.
    async fn stored(&self, wish: &Wish) -> Result<(TokenSet, u64), VaultError> {
        self.vault.grant(wish.tenant, wish.connection, Purpose::Refresh).await
    }

    /// What is missing is ours, so it passes, and says nothing about the connection.
    fn outage(&self, error: &(dyn std::error::Error + 'static)) -> Refreshed {
        tracing::error!(error = %Chain(error), "a token cannot be renewed now");
        let reason = Refusal::ours(
            "connection.refresh_unavailable",
            Act::Operator,
            "The token could not be renewed because something of ours did not answer; postd tries again.",
        );
        Refreshed::Later { at: after(self.clock.now(), OUTAGE), reason }
    }
}

/// Losers look after the winner, and a new token is stored again and again: both in less time than a message would take.
#[expect(
    clippy::disallowed_methods,
    reason = "bounded by the wish's patience or by the lease, and rarer than one call in a thousand"
)]
async fn rest(time: Duration) {
    tokio::time::sleep(time).await;
}

fn after(now: Timestamp, time: SignedDuration) -> Timestamp {
    now.saturating_add(time).unwrap_or(Timestamp::MAX)
}

fn no_time() -> Refusal {
    Refusal::ours("connection.refresh_out_of_time", Act::Nobody, "There was no time left to renew the token.")
}

fn at_work() -> Refusal {
    Refusal::ours("connection.refresh_running", Act::Nobody, "The token is being renewed; postd goes on in a moment.")
}

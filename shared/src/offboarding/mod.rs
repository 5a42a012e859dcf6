//! The end of a tenant: first a mark that nothing gets past, last the key that its tokens were sealed with.
//!
//! In between, whatever was under way at the moment of the mark is let go to its end; every grant is given back to its
//! platform, as far as that works; and every row of the tenant is removed. Each step may be made again, and a deletion
//! that stops anywhere goes on from there: by the schedule of `functions/refresh`, or by `postctl`.

use std::{sync::Arc, time::Duration};

use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;

mod revocation;

pub use revocation::Platforms;

use crate::{
    clock::Clock,
    store::{Deletion, Store, StoreError},
    telemetry::Chain,
    tenant::Tenant,
    vault::{Vault, VaultError},
};

/// How long after the mark rows are removed: by then whoever saw the tenant alive a moment before it has come to its end.
/// Longer than any function of the template may live, the margin of a lease and the lag of a replica.
pub const GRACE: SignedDuration = SignedDuration::from_mins(16);
/// How many tenants are gone on with in one run.
const TENANTS: i32 = 100;
/// How many rows of the table are looked at in one call; DynamoDB looks at no more than a megabyte of them.
const PAGE: i32 = 4_000;
/// With less time than this nothing more is begun.
const SHORTEST: Duration = Duration::from_secs(3);

/// Deletes tenants.
pub struct Offboarding {
    /// Where everything is.
    pub store: Store,
    /// Where the tokens are.
    pub vault: Vault,
    /// The way to the platforms, to give grants back; without it, that is left to others, and not waited for.
    pub platforms: Option<Platforms>,
    /// The time.
    pub clock: Arc<dyn Clock>,
}

/// How far a deletion has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Progress {
    /// What was under way at the moment of the mark may still be: nothing is removed before then.
    Waiting(Timestamp),
    /// The time was over; there is more to do.
    Unfinished(Deletion),
    /// Nothing is left but this.
    Done(Deletion),
    /// The tenant is not deleted.
    Alive,
}

/// What one run did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
pub struct Ran {
    /// How many deletions have come to their end.
    pub done: u64,
    /// How many are to be gone on with.
    pub unfinished: u64,
}

/// Why a deletion has stopped. It may be gone on with at any time.
#[derive(Debug, thiserror::Error)]
pub enum OffboardingError {
    /// The table `State` did not answer.
    #[error("the rows of a deleted tenant could not be removed")]
    Store(#[from] StoreError),
    /// The vault did not answer.
    #[error("the tokens of a deleted tenant could not be removed")]
    Vault(#[from] VaultError),
}

impl Offboarding {
    /// Goes on with every deletion whose time has come, until `time_left` is nearly over.
    ///
    /// # Errors
    /// The store did not say which these are. What stops a single one is logged, and the next run tries again.
    pub async fn run(&self, time_left: Duration) -> Result<Ran, StoreError> {
        let ends = Instant::now() + time_left;
        let mut ran = Ran::default();
        for tenant in self.store.due_deletions(self.clock.now(), TENANTS).await? {
            let left = ends.saturating_duration_since(Instant::now());
            if left < SHORTEST {
                ran.unfinished += 1;
                continue;
            }
            match Box::pin(self.advance(tenant, left)).await {
                Ok(Progress::Done(_)) => ran.done += 1,
                Ok(Progress::Waiting(until)) => {
                    ran.unfinished += 1;
                    self.rest(tenant, until).await;
                }
                Ok(Progress::Unfinished(_)) => ran.unfinished += 1,
                Ok(Progress::Alive) => {}
                Err(error) => {
                    ran.unfinished += 1;
                    tracing::error!(tenant = %tenant.id(), error = %Chain(&error), "a deletion has stopped; it goes on");
                }
            }
        }
        Ok(ran)
    }

    /// Goes on with the deletion of one tenant, until nothing is left or `time_left` is nearly over.
    ///
    /// # Errors
    /// Something did not answer.
    pub async fn advance(&self, tenant: Tenant, time_left: Duration) -> Result<Progress, OffboardingError> {
        let ends = Instant::now() + time_left;
        let Some(deletion) = self.store.deletion(tenant).await? else { return Ok(Progress::Alive) };
        if deletion.done_at.is_some() {
            return Ok(Progress::Done(deletion));
        }
        self.vault.close_tenant(tenant).await?;
        let from = deletion.requested_at.saturating_add(GRACE).unwrap_or(Timestamp::MAX);
        let given_back = match &self.platforms {
            Some(platforms) => self.give_back(platforms, tenant, ends).await?,
            None => true,
        };
        if self.clock.now() < from {
            // What could not be given back is tried again with the next run, and not waited for after that.
            return Ok(if given_back { Progress::Waiting(from) } else { Progress::Unfinished(deletion) });
        }
        self.vault.delete_tokens(tenant).await?;
        self.store.keep_audit_end(tenant).await?;
        if !self.remove_rows(tenant, ends).await? {
            let deletion = self.store.deletion(tenant).await?;
            return Ok(deletion.map_or(Progress::Alive, Progress::Unfinished));
        }
        // Last: until here, whatever should turn up could still be opened and be given back.
        self.vault.delete_tenant(tenant).await?;
        self.store.finish_deletion(tenant, deletion.code, self.clock.now()).await?;
        tracing::info!(tenant = %tenant.id(), code = %deletion.code, "the tenant is deleted");
        Ok(self.store.deletion(tenant).await?.map_or(Progress::Alive, Progress::Done))
    }

    /// Looks through the table; `false` if the time was over before its end.
    async fn remove_rows(&self, tenant: Tenant, ends: Instant) -> Result<bool, OffboardingError> {
        loop {
            let Some(deletion) = self.store.deletion(tenant).await? else { return Ok(true) };
            if deletion.emptied_at.is_some() {
                return Ok(true);
            }
            if ends.saturating_duration_since(Instant::now()) < SHORTEST {
                return Ok(false);
            }
            let place = deletion.place.as_ref();
            let purged = self.store.purge(tenant, place, PAGE).await?;
            // Whoever else is at work has gone on from the same place, and removed the same.
            let kept = self.store.keep_place(tenant, place, &purged, self.clock.now()).await?;
            if kept && purged.rows > 0 {
                tracing::info!(tenant = %tenant.id(), rows = purged.rows, "rows of a deleted tenant were removed");
            }
        }
    }

    /// Nobody needs to look before then. If that cannot be written, somebody looks sooner.
    async fn rest(&self, tenant: Tenant, until: Timestamp) {
        if let Err(error) = self.store.rest_deletion(tenant, until).await {
            tracing::warn!(error = %Chain(&error), "a deletion was not put off; it is looked at sooner");
        }
    }
}

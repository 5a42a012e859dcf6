//! Gives the grants of a deleted tenant back to their platforms: as far as it works, and for as long as there is time.

use std::{sync::Arc, time::Duration};

use tokio::time::Instant;

use super::{Offboarding, OffboardingError, SHORTEST};
use crate::{
    apps::Apps,
    connector::{
        Disposition,
        driver::{self, Budget, Calls},
        transport::Transport,
    },
    connectors::Connectors,
    platform::AppOwner,
    store::{Connection, StoreError},
    telemetry::Chain,
    tenant::Tenant,
    vault::{Purpose, VaultError},
};

/// How long giving back one grant may take.
const REVOKING_TAKES: Duration = Duration::from_secs(5);

/// The way to the platforms.
pub struct Platforms {
    /// Our apps there.
    pub apps: Apps,
    /// How they are spoken to.
    pub connectors: Connectors,
    /// The way there.
    pub transport: Arc<dyn Transport>,
}

/// What became of one grant.
enum GivenBack {
    /// The platform has it back.
    Yes,
    /// It is of no use to anybody, or the platform takes none back, or somebody else still needs it.
    NotNeeded,
    /// The platform did not answer.
    NotNow,
}

impl Offboarding {
    /// Gives back what can be given back, and deletes the tokens of each connection after that; `false` if something is to
    /// be tried again.
    pub(super) async fn give_back(
        &self,
        platforms: &Platforms,
        tenant: Tenant,
        ends: Instant,
    ) -> Result<bool, OffboardingError> {
        let mut all = true;
        for connection in self.store.connections(tenant).await? {
            if ends.saturating_duration_since(Instant::now()) < REVOKING_TAKES + SHORTEST {
                return Ok(false);
            }
            match self.give_one_back(platforms, tenant, &connection).await? {
                GivenBack::Yes => {
                    self.vault.delete_connection(tenant, connection.id).await?;
                    self.store.count_revoked(tenant).await?;
                }
                GivenBack::NotNeeded => self.vault.delete_connection(tenant, connection.id).await?,
                GivenBack::NotNow => all = false,
            }
        }
        Ok(all)
    }

    async fn give_one_back(
        &self,
        platforms: &Platforms,
        tenant: Tenant,
        connection: &Connection,
    ) -> Result<GivenBack, OffboardingError> {
        let tokens = match self.vault.grant(tenant, connection.id, Purpose::Revoke).await {
            Ok((tokens, _)) => tokens,
            Err(VaultError::NotFound | VaultError::TenantDeleted | VaultError::Corrupt) => {
                return Ok(GivenBack::NotNeeded);
            }
            Err(error) => return Err(error.into()),
        };
        if self.is_shared(tenant, connection).await? {
            // A platform takes back everything that a person has granted to our app, for whichever tenant that was.
            return Ok(GivenBack::NotNeeded);
        }
        let connector = platforms.connectors.of(connection.platform);
        let Ok(flow) = connector.revoke(&connection.account) else { return Ok(GivenBack::NotNeeded) };
        let app = match platforms.apps.credentials_of(tenant, connection.platform, connection.app).await {
            Ok(app) => app,
            Err(error) => {
                tracing::error!(error = %Chain(&error), "our app's credentials cannot be read");
                return Ok(GivenBack::NotNow);
            }
        };
        let budget = Budget::lasting(REVOKING_TAKES);
        let mut calls = Calls::new(platforms.transport.as_ref(), connector, &app, Some(&tokens.access), budget);
        let Err(failure) = driver::run_flow(flow, &mut calls).await else { return Ok(GivenBack::Yes) };
        let code = failure.refusal().code;
        tracing::warn!(tenant = %tenant.id(), connection = %connection.id, code = %code, "a grant was not given back");
        Ok(match failure.disposition() {
            Disposition::Reconnect | Disposition::Fail => GivenBack::NotNeeded,
            Disposition::Retry(_) | Disposition::ReadBack | Disposition::Operator => GivenBack::NotNow,
        })
    }

    /// Whether a tenant that is not deleted has a connection of the same person, through the same app.
    async fn is_shared(&self, tenant: Tenant, connection: &Connection) -> Result<bool, StoreError> {
        if connection.app == AppOwner::Tenant {
            return Ok(false);
        }
        for (other, _) in self.store.connections_at(connection.platform, &connection.account).await? {
            if other != tenant && !self.store.is_deleted(other).await? {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

//! Brings the renewal of a token forward: what takes hours of waiting at AWS, and a clock in tests, takes one write here.

use std::sync::Arc;

use shared::authorize::Authorizer;
use shared::aws::Clients;
use shared::clock::SystemClock;
use shared::ids::ConnectionId;
use shared::store::{Store, StoreError};

use crate::{Cloud, clock};

/// Why a renewal is not brought forward.
#[derive(Debug, thiserror::Error)]
pub enum RenewalError {
    /// This cloud was started without one, or deleted it.
    #[error("there is no tenant whose connections could be renewed")]
    NoTenant,
    /// It cannot be one.
    #[error("not the id of a connection")]
    NotAConnection,
    /// The table refused.
    #[error("the next look at the token was not stored")]
    Store(#[from] StoreError),
}

impl Cloud {
    /// Lets the next run of the renewal (see [`Cloud::fire_schedule`]) take the token of a connection of this cloud's
    /// tenant, as it will once two thirds of the token's life are over.
    ///
    /// # Errors
    /// See [`RenewalError`].
    pub async fn bring_renewal_forward(&self, connection: &str) -> Result<(), RenewalError> {
        let connection: ConnectionId = connection.parse().map_err(|_| RenewalError::NotAConnection)?;
        let table = self.resource("StateTable").ok_or(RenewalError::NoTenant)?;
        let store = Store::new(Clients::at(&self.aws_url()).dynamodb(), table);
        let authorizer = Authorizer::new(store.clone(), Arc::new(SystemClock));
        let identified = authorizer.identify(&format!("Bearer {}", self.api_key())).await?;
        let tenant = identified.map_err(|_| RenewalError::NoTenant)?.tenant;
        store.look_at_token(tenant, connection, clock::now()).await?;
        Ok(())
    }
}

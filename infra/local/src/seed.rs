//! What a fresh local cloud needs before anybody can use it: the simulator's app in the app's secret, and a tenant with a
//! key.

use std::path::Path;

use emulators::Emulators;
use serde::{Deserialize, Serialize};
use serde_json::json;
use shared::authorize::{NewKey, create_key, create_tenant};
use shared::aws::Clients;
use shared::store::{Actor, Store};

use crate::clock;

/// A tenant that may call the API.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeededTenant {
    /// The tenant's id.
    pub id: String,
    /// A key of theirs.
    pub api_key: String,
}

/// Why there is no tenant.
#[derive(Debug, thiserror::Error)]
pub enum SeedError {
    /// The table refused.
    #[error("the tenant was not stored")]
    Store(#[from] shared::store::StoreError),
    /// The emulator refused.
    #[error("the app's secret was not written")]
    Secret(#[from] emulators::Error),
    /// The key cannot be kept for the next run.
    #[error("the tenant's key was not kept in the state directory")]
    Keep(#[source] std::io::Error),
}

/// The file in the state directory that keeps the key: the table knows only its hash.
pub(crate) const TENANT_FILE: &str = "tenant.json";

/// Writes the simulated app into the secret of the real one.
pub(crate) async fn app(emulators: &Emulators, secret_arn: &str) -> Result<(), SeedError> {
    let app = json!({
        "client_id": simulator::APP_ID,
        "client_secret": simulator::APP_SECRET,
        "webhook_verify_token": simulator::VERIFY_TOKEN,
    });
    emulators.create_secret(secret_arn, &app.to_string()).await?;
    Ok(())
}

/// Creates a tenant with a key, or finds the one that an earlier run left.
pub(crate) async fn tenant(
    emulators: &Emulators,
    table: &str,
    name: &str,
    state_directory: Option<&Path>,
) -> Result<SeededTenant, SeedError> {
    let file = state_directory.map(|directory| directory.join(TENANT_FILE));
    let kept = file.as_ref().and_then(|file| std::fs::read(file).ok());
    if let Some(kept) = kept.and_then(|bytes| serde_json::from_slice(&bytes).ok()) {
        return Ok(kept);
    }
    let clients = Clients::at(&emulators.endpoint_url()).await;
    let store = Store::new(clients.dynamodb(), table);
    let now = clock::now();
    let (tenant, _) = create_tenant(&store, name, Actor::Postd, now).await?;
    let key = create_key(&store, tenant, &NewKey::unlimited("local", name), Actor::Postd, now).await?;
    let seeded = SeededTenant { id: tenant.id().to_string(), api_key: key.expose().to_owned() };
    if let Some(file) = file {
        std::fs::write(file, json!(seeded).to_string()).map_err(SeedError::Keep)?;
    }
    Ok(seeded)
}

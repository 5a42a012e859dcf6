//! What a fresh local cloud needs before anybody can use it: the simulators' apps in the apps' secrets, and a tenant with a
//! key.

use std::{path::Path, sync::Arc};

use emulators::Emulators;
use serde::{Deserialize, Serialize};
use serde_json::json;
use shared::authorize::{Authorizer, NewKey, create_key, create_tenant, set_return_urls};
use shared::aws::Clients;
use shared::clock::SystemClock;
use shared::connect::ReturnUrls;
use shared::platform::Platform;
use shared::store::{Actor, Store, StoreError};
use shared::tenant::Tenant;

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
    /// Nobody simulates the platform.
    #[error("there is no simulator of {0}")]
    NotSimulated(Platform),
    /// The key cannot be kept for the next run.
    #[error("the tenant's key was not kept in the state directory")]
    Keep(#[source] std::io::Error),
}

/// The file in the state directory that keeps the key: the table knows only its hash.
pub(crate) const TENANT_FILE: &str = "tenant.json";

/// Where the demo and the examples of the API send browsers after a login. Addresses on this machine need no listing.
const RETURN_URLS: [&str; 2] = ["https://app.example.com/connected", "https://app.example.com/settings/connections"];

fn return_urls() -> ReturnUrls {
    // The test below sees to it that they may be listed.
    ReturnUrls::new(RETURN_URLS.into_iter().filter_map(|url| url.parse().ok())).unwrap_or_default()
}

/// A tenant that an earlier build left may lack them; a list that somebody has set stays.
async fn list_return_urls(store: &Store, tenant: Tenant) -> Result<(), StoreError> {
    let known = store.tenant(tenant).await?;
    if known.is_some_and(|row| row.return_urls.is_empty()) {
        set_return_urls(store, tenant, &return_urls(), Actor::Postd, clock::now()).await?;
    }
    Ok(())
}

/// The resource of the template that keeps the app at a platform.
pub(crate) fn secret_of(platform: Platform) -> &'static str {
    match platform {
        Platform::Facebook => "FacebookApp",
        Platform::Mailchimp => "MailchimpApp",
        Platform::Tiktok => "TiktokApp",
        Platform::Gbp => "GbpApp",
        Platform::Linkedin => "LinkedinApp",
        Platform::LinkedinPage => "LinkedinPageApp",
        Platform::Instagram => "InstagramApp",
    }
}

/// Writes the simulated app at a platform into the secret of the real one.
pub(crate) async fn app(emulators: &Emulators, platform: Platform, secret_arn: &str) -> Result<(), SeedError> {
    let app = simulator::app(platform.name()).ok_or(SeedError::NotSimulated(platform))?;
    let webhook_secrets =
        if platform == Platform::Mailchimp { vec![simulator::mailchimp::SIGNING_SECRET] } else { Vec::new() };
    let app = json!({
        "client_id": app.id,
        "client_secret": app.secret,
        "webhook_verify_token": app.verify_token,
        "webhook_secrets": webhook_secrets,
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
    let clients = Clients::at(&emulators.endpoint_url());
    let store = Store::new(clients.dynamodb(), table);
    if let Some(kept) = kept.and_then(|bytes| serde_json::from_slice::<SeededTenant>(&bytes).ok()) {
        let authorizer = Authorizer::new(store.clone(), Arc::new(SystemClock));
        if let Ok(identity) = authorizer.identify(&format!("Bearer {}", kept.api_key)).await? {
            list_return_urls(&store, identity.tenant).await?;
        }
        return Ok(kept);
    }
    let now = clock::now();
    let (tenant, _) = create_tenant(&store, name, &return_urls(), Actor::Postd, now).await?;
    let key = create_key(&store, tenant, &NewKey::unlimited("local", name), Actor::Postd, now).await?;
    let seeded = SeededTenant { id: tenant.id().to_string(), api_key: key.expose().to_owned() };
    if let Some(file) = file {
        std::fs::write(file, json!(seeded).to_string()).map_err(SeedError::Keep)?;
    }
    Ok(seeded)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_demo_tenants_return_addresses_may_be_listed() {
        assert_eq!(return_urls().as_slice().len(), RETURN_URLS.len());
    }
}

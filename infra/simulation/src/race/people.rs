//! The owner of the account of a race.

use std::{sync::Arc, time::Duration};

use jiff::SignedDuration;
use shared::{
    connect::{NewLogin, store_login},
    ids::{ConnectionId, TenantId},
    platform::{AppOwner, Platform},
    store::{Actor, AuditAction, AuditEntry, Connection, ConnectionState, SavedDestination, Store},
    telemetry::Function,
    tenant::Tenant,
    vault::Expected,
};
use tokio::sync::Mutex;
use uuid::Uuid;

use super::{Stage, refresher::Refreshing, server::ACCOUNT};
use crate::{cloud::SetUpError, time};

/// The one tenant and the one connection.
pub(super) fn ids() -> (Tenant, ConnectionId) {
    let tenant = Tenant::simulated(TenantId::from(Uuid::from_u64_pair(1, 1)));
    (tenant, ConnectionId::from(Uuid::from_u64_pair(2, 1)))
}

/// Whoever gave consent, and may give it again.
#[derive(Clone)]
pub(super) struct Owner {
    stage: Stage,
    process: Arc<Refreshing>,
    /// Nobody logs in twice at once.
    at_it: Arc<Mutex<()>>,
}

impl Owner {
    pub(super) fn new(stage: &Stage) -> Self {
        Self {
            stage: stage.clone(),
            process: Arc::new(Refreshing::calm(stage, Function::Oauth)),
            at_it: Arc::default(),
        }
    }

    /// A login, in the order of the callback: the platform's answer, then the connection with its tokens under their seal.
    pub(super) async fn log_in(&self) -> Result<(), SetUpError> {
        let refused = |error: &dyn std::error::Error| SetUpError::Tenants(error.to_string());
        let _alone = self.at_it.lock().await;
        let (tenant, id) = ids();
        let Some(tokens) = self.stage.server.login() else {
            return Err(SetUpError::Tenants("the server gave no tokens".into()));
        };
        self.stage.plane.note(|| "      the owner logs in".into());
        time::pass(Duration::from_millis(20 + self.stage.plane.chance(700))).await;
        let health = &self.process.health;
        let now = health.clock.now();
        let connection = Connection {
            id,
            platform: Platform::Facebook,
            account: ACCOUNT.into(),
            account_name: "Account".into(),
            app: AppOwner::Shared,
            end_user: None,
            state: ConnectionState::Active,
            reason: None,
            scopes: Vec::new(),
            missing_scopes: Vec::new(),
            destinations: vec![SavedDestination { id: "1".into(), name: "1".into(), refusal: None }],
            connected_at: Some(now),
            created_at: now,
            updated_at: now,
            checked_at: None,
            access_expires_at: tokens.access_expires_at,
            data_access_expires_at: None,
            renews: true,
            refresh_expires_at: tokens.refresh_expires_at,
            token_version: None,
            last_event: None,
        };
        let far = now.saturating_add(SignedDuration::from_hours(24 * 300)).unwrap_or(now);
        let login = NewLogin {
            connection: &connection,
            tokens: &tokens,
            destinations: &[],
            expected: Expected::Any,
            next_check: far,
            changes_health: false,
            entry: &AuditEntry::new(now, Actor::Postd, AuditAction::Connected, id),
        };
        store_login(&health.store, &health.vault, tenant, login).await.map_err(|error| refused(&error))?;
        self.stage.plane.note(|| "      the login is stored".into());
        Ok(())
    }

    pub(super) fn store(&self) -> &Store {
        &self.process.health.store
    }

    /// A login that nothing goes wrong with did not come about.
    pub(super) fn failed(&self, error: &SetUpError) {
        self.stage.oracle.violated("F49", &format!("a login failed: {error}"));
    }
}

//! From a grant to the connection that it makes or renews.

use jiff::Timestamp;

use super::{
    ConnectFlow,
    callback::{Made, Refused},
    logins::{NewLogin, store_login},
    owner,
};
use crate::{
    connector::{Act, Grant, Refusal},
    health::{CHECKED_EVERY, WARN_AHEAD, no_destination},
    ids::ConnectionId,
    platform::AppOwner,
    secret::AccessToken,
    store::{Actor, AuditAction, AuditEntry, Connection, ConnectionState, SavedDestination, Session, StoreError},
    telemetry::Chain,
    tenant::Tenant,
    vault::Expected,
};

impl ConnectFlow {
    /// Keeps what the platform granted.
    pub(super) async fn keep(&self, session: &Session, grant: Grant) -> Result<Made, Refused> {
        let tenant = owner(session);
        let now = self.clock.now();
        if self.store.is_deleted(tenant).await.map_err(|error| unavailable(&error))? {
            return Err(Refused::TenantDeleted);
        }
        let earlier = self.earlier(tenant, session, &grant).await?;
        let id = earlier.as_ref().map_or_else(ConnectionId::new, |earlier| earlier.id);
        let action = if earlier.is_some() { AuditAction::Reconnected } else { AuditAction::Connected };
        let destinations: Vec<(String, AccessToken)> = grant
            .destinations
            .iter()
            .filter_map(|destination| Some((destination.id.clone(), destination.token.clone()?)))
            .collect();
        let tokens = grant.tokens.clone();
        let connection = connection(id, earlier.as_ref(), session, grant, now);
        let login = NewLogin {
            connection: &connection,
            tokens: &tokens,
            destinations: &destinations,
            expected: if earlier.is_some() { Expected::Any } else { Expected::Absent },
            next_check: now.saturating_add(CHECKED_EVERY).unwrap_or(Timestamp::MAX),
            // A renewal that changed something has its line in the health log.
            changes_health: earlier
                .is_some_and(|earlier| (earlier.state, &earlier.reason) != (connection.state, &connection.reason)),
            entry: &entry(session, action, &connection, now),
        };
        store_login(&self.store, &self.vault, tenant, login).await.map_err(|error| {
            tracing::error!(error = %Chain(&error), "a login was not stored");
            Refused::Unavailable
        })?;
        tracing::info!(
            tenant = %tenant.id(), connection = %id, platform = %connection.platform,
            destinations = connection.destinations.len(), "connected"
        );
        self.release(tenant, id).await;
        Ok(Made { connection: id, missing_scopes: connection.missing_scopes })
    }

    /// What waited for this login goes out with the next tick. The connection stands, whatever becomes of that: what is not
    /// released now is looked at within a quarter of an hour.
    async fn release(&self, tenant: Tenant, id: ConnectionId) {
        match self.store.release_held(tenant, id, self.clock.now()).await {
            Ok(0) => {}
            Ok(released) => tracing::info!(tenant = %tenant.id(), connection = %id, released, "held targets go on"),
            Err(error) => tracing::warn!(error = %Chain(&error), "held targets were not released; their time comes"),
        }
    }

    /// The connection that this grant renews: the one that was named, if it is the same account's; else one of the same
    /// account that the tenant has already.
    async fn earlier(&self, tenant: Tenant, session: &Session, grant: &Grant) -> Result<Option<Connection>, Refused> {
        if let Some(id) = session.reconnect {
            let named = self.store.connection(tenant, id).await.map_err(|error| unavailable(&error))?;
            return match named {
                Some(named) if is_of(&named, session, grant) => Ok(Some(named)),
                Some(_) | None => Err(Refused::OtherAccount),
            };
        }
        let all = self.store.connections(tenant).await.map_err(|error| unavailable(&error))?;
        Ok(all.into_iter().find(|one| is_of(one, session, grant)))
    }
}

fn entry(session: &Session, action: AuditAction, connection: &Connection, now: Timestamp) -> AuditEntry {
    let by = session.begun_by.map_or(Actor::Postd, Actor::Key);
    let entry = AuditEntry::new(now, by, action, connection.id)
        .with("platform", connection.platform)
        .with("account", &connection.account)
        .with("session", session.id)
        .with("destinations", connection.destinations.len());
    match connection.app {
        AppOwner::Shared => entry,
        AppOwner::Tenant => entry.with("app", "tenant"),
    }
}

/// Whether a connection is of the account that this grant is of. Platforms know one person under another id with each app.
fn is_of(connection: &Connection, session: &Session, grant: &Grant) -> bool {
    connection.account == grant.account && connection.platform == session.platform && connection.app == session.app
}

fn unavailable(error: &StoreError) -> Refused {
    tracing::error!(error = %Chain(error), "the store did not answer");
    Refused::Unavailable
}

fn connection(
    id: ConnectionId,
    earlier: Option<&Connection>,
    session: &Session,
    grant: Grant,
    now: Timestamp,
) -> Connection {
    let reason = degraded(&grant);
    Connection {
        id,
        platform: session.platform,
        account: grant.account,
        account_name: grant.account_name,
        app: session.app,
        end_user: session.end_user.clone().or_else(|| earlier.and_then(|earlier| earlier.end_user.clone())),
        state: if reason.is_some() { ConnectionState::Degraded } else { ConnectionState::Active },
        reason,
        scopes: grant.scopes,
        missing_scopes: grant.missing_scopes,
        destinations: grant
            .destinations
            .into_iter()
            .map(|destination| SavedDestination {
                id: destination.id,
                name: destination.name,
                refusal: destination.refusal,
            })
            .collect(),
        created_at: earlier.map_or(now, |earlier| earlier.created_at),
        connected_at: Some(now),
        updated_at: now,
        checked_at: Some(now),
        access_expires_at: grant.tokens.access_expires_at,
        data_access_expires_at: grant.tokens.data_access_expires_at,
        renews: grant.tokens.refresh.is_some(),
        refresh_expires_at: grant.tokens.refresh_expires_at,
        token_version: None,
        last_event: None,
    }
}

/// What a fresh grant lacks.
fn degraded(grant: &Grant) -> Option<Refusal> {
    let advise = |code: &str, message: &str| Refusal {
        code: code.into(),
        message: message.into(),
        platform_code: None,
        trace_id: None,
        act: Act::EndUser,
    };
    if !grant.missing_scopes.is_empty() {
        return Some(advise(
            "connection.scopes_missing",
            "Some permissions were declined (see `missing_scopes`): connect again and grant them.",
        ));
    }
    if grant.destinations.iter().all(|destination| destination.refusal.is_some()) {
        return Some(no_destination());
    }
    None
}

/// Keeps the two constants honest: a connection is checked several times before it ends.
const _: () = assert!(CHECKED_EVERY.as_secs() < WARN_AHEAD.as_secs());

//! From a grant to a connection: tokens first, under the seal; then the connection that speaks of them.

use jiff::Timestamp;

use super::{ConnectFlow, callback::Refused};
use crate::{
    connector::{Act, Grant, Refusal},
    health::{CHECKED_EVERY, WARN_AHEAD, no_destination},
    ids::ConnectionId,
    refresh::schedule,
    secret::AccessToken,
    store::{Actor, AuditAction, AuditEntry, Connection, ConnectionState, SavedDestination, Session},
    telemetry::Chain,
    tenant::Tenant,
    vault::Expected,
};

impl ConnectFlow {
    /// Keeps what the platform granted.
    pub(super) async fn keep(&self, session: &Session, grant: Grant) -> Result<ConnectionId, Refused> {
        // Only an authorized caller makes a session, and this one was just taken out of the store.
        let tenant = Tenant::verified(session.tenant);
        let now = self.clock.now();
        let earlier = self.earlier(tenant, session, &grant).await?;
        let id = earlier.as_ref().map_or_else(ConnectionId::new, |earlier| earlier.id);
        let action = if earlier.is_some() { AuditAction::Reconnected } else { AuditAction::Connected };
        let tokens: Vec<(String, AccessToken)> = grant
            .destinations
            .iter()
            .filter_map(|destination| Some((destination.id.clone(), destination.token.clone()?)))
            .collect();
        let sealed = self.vault.put_grant(tenant, id, &grant.tokens, &tokens, Expected::Any).await;
        let version = sealed.map_err(|error| {
            tracing::error!(error = %Chain(&error), "the tokens could not be sealed");
            Refused::Unavailable
        })?;
        let next_look = schedule::next_look(&grant.tokens, id, now);
        let was = earlier.as_ref().map(|earlier| (earlier.state, earlier.reason.clone()));
        let created_at = earlier.map(|earlier| earlier.created_at);
        let connection = Connection { token_version: Some(version), ..connection(id, created_at, session, grant, now) };
        let next_check = now.saturating_add(CHECKED_EVERY).unwrap_or(Timestamp::MAX);
        let warn_at = if connection.renews {
            Some(next_look)
        } else {
            connection.ends_at().map(|ends_at| ends_at.saturating_sub(WARN_AHEAD).unwrap_or(now).max(now))
        };
        self.store.put_connection(tenant, &connection, next_check, warn_at).await.map_err(|error| {
            tracing::error!(error = %Chain(&error), "the connection could not be stored");
            Refused::Unavailable
        })?;
        tracing::info!(
            tenant = %tenant.id(), connection = %id, platform = %connection.platform,
            destinations = connection.destinations.len(), "connected"
        );
        self.audit(tenant, session, action, &connection).await;
        self.tell(tenant, &connection, was).await;
        self.release(tenant, id).await;
        Ok(id)
    }

    /// The connection stands: that the audit cannot be written does not undo it.
    async fn audit(&self, tenant: Tenant, session: &Session, action: AuditAction, connection: &Connection) {
        let by = session.begun_by.map_or(Actor::Postd, Actor::Key);
        let entry = AuditEntry::new(self.clock.now(), by, action, connection.id)
            .with("platform", connection.platform)
            .with("account", &connection.account)
            .with("session", session.id)
            .with("destinations", connection.destinations.len());
        if let Err(error) = self.store.audit(tenant, &entry).await {
            tracing::error!(connection = %connection.id, error = %Chain(&error), "a login is missing in the audit");
        }
    }

    /// A renewal that changed something has its line in the health log. The connection stands, whatever becomes of that.
    async fn tell(&self, tenant: Tenant, connection: &Connection, was: Option<(ConnectionState, Option<Refusal>)>) {
        if was.is_none_or(|was| was == (connection.state, connection.reason.clone())) {
            return;
        }
        let state = (connection.state, connection.reason.as_ref());
        if let Err(error) = self.store.log_health(tenant, connection.id, state, connection.updated_at).await {
            tracing::warn!(error = %Chain(&error), "a renewed connection is missing in its health log");
        }
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
        let unavailable = |error: crate::store::StoreError| {
            tracing::error!(error = %Chain(&error), "the store did not answer");
            Refused::Unavailable
        };
        if let Some(id) = session.reconnect {
            let named = self.store.connection(tenant, id).await.map_err(unavailable)?;
            return match named {
                Some(named) if named.account == grant.account && named.platform == session.platform => Ok(Some(named)),
                Some(_) | None => Err(Refused::OtherAccount),
            };
        }
        let all = self.store.connections(tenant).await.map_err(unavailable)?;
        Ok(all.into_iter().find(|one| one.platform == session.platform && one.account == grant.account))
    }
}

fn connection(
    id: ConnectionId,
    created_at: Option<Timestamp>,
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
        created_at: created_at.unwrap_or(now),
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

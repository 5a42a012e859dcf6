//! What a person's withdrawal does to their connections, of all tenants: the tokens go; and if they want to be forgotten,
//! everything goes that postd knows of them.
//!
//! Every write may be made twice, so that a crash between two of them loses neither. A login after the withdrawal has the
//! last word.

use super::{
    Inbound,
    inbound::{InboundError, revoked},
};
use crate::{
    ids::ConnectionId,
    platform::{AppOwner, Platform},
    queue::InboundMessage,
    store::{
        Actor, AuditAction, AuditEntry, Connection, Erased, HookEvent, LastEvent, Receipt, Withdrawal, WithdrawalKind,
    },
    tenant::Tenant,
};

impl Inbound {
    pub(super) async fn withdraw(
        &self,
        message: &InboundMessage,
        delivery: &HookEvent,
        withdrawal: &Withdrawal,
    ) -> Result<(), InboundError> {
        let platform = message.platform;
        for (tenant, id) in self.store.connections_at(platform, &withdrawal.account).await? {
            // What a deleted tenant has goes with it.
            if self.store.is_deleted(tenant).await? {
                continue;
            }
            let connection = self.store.connection_as_of_now(tenant, id).await?;
            // A place of another account may have the same number, and so may a person to whom a tenant's own app gave it:
            // platforms number people for each app, and it was the shared one that was spoken of.
            let is_theirs = |found: &Connection| found.account == withdrawal.account && found.app == AppOwner::Shared;
            if connection.as_ref().is_some_and(|found| !is_theirs(found)) {
                continue;
            }
            match withdrawal.kind {
                WithdrawalKind::Deauthorized => {
                    if let Some(connection) = connection {
                        self.deauthorize(tenant, &connection, delivery, withdrawal).await?;
                    }
                }
                WithdrawalKind::DataDeletion => {
                    self.erase(tenant, (platform, id), connection.as_ref(), withdrawal).await?;
                }
            }
        }
        if let Some(code) = withdrawal.code {
            self.store.finish_status(code, self.clock.now()).await?;
            // It names the person; and it goes last, because it is all that the message has.
            self.store.delete_hook(platform, &message.day.to_string(), &message.event).await?;
        }
        Ok(())
    }

    /// The person has removed our app: their tokens are dead, and go.
    async fn deauthorize(
        &self,
        tenant: Tenant,
        connection: &Connection,
        delivery: &HookEvent,
        withdrawal: &Withdrawal,
    ) -> Result<(), InboundError> {
        let now = self.clock.now();
        let seen_at = withdrawal.seen_at;
        let last =
            LastEvent { kind: "connection.revoked".to_owned(), remote_id: None, received_at: delivery.received_at };
        self.store.set_last_event(tenant, connection.id, &last).await?;
        // Read before the connection ends: a login after this is of another version, and keeps its tokens.
        let version = match connection.token_version {
            Some(version) => Some(version),
            None => self.vault.version_of(tenant, connection.id).await?,
        };
        let mut entry = None;
        if self.store.end_connection(tenant, connection.id, (&revoked(), seen_at), now).await? {
            if let Some(version) = version {
                let deleted = self.vault.delete_grant(tenant, connection.id, version).await?;
                tracing::info!(tenant = %tenant.id(), connection = %connection.id, deleted, "a person has removed our app");
            }
            let told = AuditEntry::new(now, Actor::Postd, AuditAction::Disconnected, connection.id);
            entry = Some(told.with("platform", connection.platform).with("account", &connection.account));
        }
        let about = (connection.platform, connection.id);
        let receipt = self.store.put_tenant_event(tenant, about, &last, &delivery.key, entry.as_ref()).await?;
        if receipt == Receipt::New {
            tracing::info!(tenant = %tenant.id(), connection = %connection.id, "a withdrawal is recorded");
        }
        Ok(())
    }

    /// The person wants to be forgotten.
    async fn erase(
        &self,
        tenant: Tenant,
        (platform, id): (Platform, ConnectionId),
        connection: Option<&Connection>,
        withdrawal: &Withdrawal,
    ) -> Result<(), InboundError> {
        if let Some(connection) = connection {
            let mut entry = AuditEntry::new(self.clock.now(), Actor::Postd, AuditAction::DataDeleted, id)
                .with("platform", connection.platform);
            if let Some(code) = withdrawal.code {
                entry = entry.with("confirmation_code", code);
            }
            if self.store.erase_connection(tenant, connection, withdrawal.seen_at, &entry).await? == Erased::Newer {
                tracing::info!(tenant = %tenant.id(), connection = %id, "its owner has logged in since; it stays");
                return Ok(());
            }
        }
        // From here on nothing leads to the connection but the row that was found; that one goes last.
        self.vault.delete_connection(tenant, id).await?;
        self.store.erase_history(tenant, id).await?;
        self.store.erase_account(tenant, (platform, &withdrawal.account), id).await?;
        tracing::info!(tenant = %tenant.id(), connection = %id, "a person is forgotten");
        Ok(())
    }
}

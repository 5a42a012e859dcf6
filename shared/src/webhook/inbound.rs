//! Understands deliveries: finds the connections that they are about, and records what they mean for each, once.

use std::sync::Arc;

use crate::{
    clock::Clock,
    connector::{Act, Refusal, WebhookEvent, WebhookKind},
    connectors::Connectors,
    consume::Message,
    platform::Platform,
    queue::InboundMessage,
    removal::{Removal, RemovalState},
    store::{Actor, AuditAction, AuditEntry, HookEvent, LastEvent, Receipt, Settled, Store, StoreError},
    telemetry::Chain,
    tenant::Tenant,
    vault::{Vault, VaultError},
};

/// Understands deliveries.
pub struct Inbound {
    /// Where deliveries and connections are.
    pub store: Store,
    /// Where the tokens are of those who withdraw.
    pub vault: Vault,
    /// Whose words they are.
    pub connectors: Connectors,
    /// The time.
    pub clock: Arc<dyn Clock>,
}

/// Why a delivery comes back.
#[derive(Debug, thiserror::Error)]
pub(super) enum InboundError {
    /// The table `State` did not answer.
    #[error("what a delivery means could not be recorded")]
    Store(#[from] StoreError),
    /// The vault did not answer.
    #[error("the tokens of a person who withdraws could not be deleted")]
    Vault(#[from] VaultError),
}

impl Inbound {
    /// Works through a batch and returns the ids of those that must come back.
    pub async fn batch(&self, messages: Vec<Message>) -> Vec<String> {
        let mut returned = Vec::new();
        for record in messages {
            let outcome = match InboundMessage::decode(&record.body) {
                Ok(message) => self.message(&message).await,
                Err(error) => {
                    tracing::error!(message_id = %record.id, %error, "unreadable message");
                    returned.push(record.id);
                    continue;
                }
            };
            if let Err(error) = outcome {
                tracing::error!(message_id = %record.id, error = %Chain(&error), "a delivery was not worked on; it comes back");
                returned.push(record.id);
            }
        }
        returned
    }

    async fn message(&self, message: &InboundMessage) -> Result<(), InboundError> {
        let platform = message.platform;
        let Some(delivery) = self.store.hook(platform, &message.day.to_string(), &message.event).await? else {
            tracing::warn!(%platform, "a message names a delivery that is not stored");
            return Ok(());
        };
        if let Some(withdrawal) = &delivery.withdrawal {
            return self.withdraw(message, &delivery, withdrawal).await;
        }
        let events = match self.connectors.of(platform).parse_webhook_event(delivery.body.as_bytes()) {
            Ok(events) => events,
            Err(error) => {
                // Signed and unreadable: it stays stored for a person; coming back would not make it readable.
                tracing::error!(%platform, error = %Chain(&error), "a signed delivery cannot be read");
                return Ok(());
            }
        };
        for event in events {
            self.event(platform, &delivery, &event).await?;
        }
        Ok(())
    }

    async fn event(&self, platform: Platform, delivery: &HookEvent, event: &WebhookEvent) -> Result<(), StoreError> {
        if delivery.hint {
            return self.look(platform, event).await;
        }
        let (kind, remote_id) = match &event.kind {
            WebhookKind::PostPublished { remote_id } => ("post.published", Some(remote_id)),
            WebhookKind::PostRemoved { remote_id } => ("post.removed", Some(remote_id)),
            WebhookKind::ConnectionRevoked => ("connection.revoked", None),
            WebhookKind::Other { name } => (name.as_str(), None),
        };
        let last =
            LastEvent { kind: kind.to_owned(), remote_id: remote_id.cloned(), received_at: delivery.received_at };
        for (tenant, connection) in self.store.connections_at(platform, &event.account).await? {
            if self.store.is_deleted(tenant).await? {
                continue;
            }
            // Every write here may be made twice, so that a crash between two of them loses neither.
            self.store.set_last_event(tenant, connection, &last).await?;
            if let WebhookKind::PostRemoved { remote_id } = &event.kind {
                self.removed(tenant, platform, remote_id).await?;
            }
            let mut entry = None;
            if event.kind == WebhookKind::ConnectionRevoked {
                // Deliveries are late and repeated: one of before the last login is about the grant that this login renewed.
                let seen_at = event.occurred_at.unwrap_or(delivery.received_at).min(delivery.received_at);
                let now = self.clock.now();
                if self.store.end_connection(tenant, connection, (&revoked(), seen_at), now).await? {
                    let told = AuditEntry::new(now, Actor::Postd, AuditAction::Disconnected, connection);
                    entry = Some(told.with("platform", platform).with("account", &event.account));
                }
            }
            let about = (platform, connection);
            let receipt = self.store.put_tenant_event(tenant, about, &last, &event.dedupe_key, entry.as_ref()).await?;
            if receipt == Receipt::New {
                tracing::info!(tenant = %tenant.id(), %connection, kind, "event recorded");
            }
        }
        Ok(())
    }
}

impl Inbound {
    /// The platform tells that a post is gone, whoever took it down: its target says so from now on, and whatever was asked
    /// about it is done.
    async fn removed(&self, tenant: Tenant, platform: Platform, remote_id: &str) -> Result<(), StoreError> {
        let now = self.clock.now();
        for target in self.store.targets_called(tenant, platform, remote_id, now).await? {
            let known = target.removal.as_ref();
            if known.is_some_and(|removal| removal.state == RemovalState::Removed) {
                continue;
            }
            // Whoever is at it at this moment learns the same from the platform.
            if self.store.put_removal(tenant, &target, &Removal::told(known, now), None).await? == Settled::Done {
                tracing::info!(tenant = %tenant.id(), post = %target.post, target = %target.target, "the platform tells that it is gone");
                let subject = format!("{}/{}", target.post, target.target);
                let entry = AuditEntry::new(now, Actor::Postd, AuditAction::RemovalEnded, subject)
                    .with("became", RemovalState::Removed.name())
                    .with("told_by", platform);
                if let Err(error) = self.store.audit(tenant, &entry).await {
                    tracing::error!(error = %Chain(&error), "the end of a removal is missing in the audit");
                }
            }
        }
        Ok(())
    }

    /// Nothing is believed of a hint: the connections that it names are looked at soon, that is all (F78).
    async fn look(&self, platform: Platform, event: &WebhookEvent) -> Result<(), StoreError> {
        let now = self.clock.now();
        for (tenant, connection) in self.store.connections_at(platform, &event.account).await? {
            if !self.store.is_deleted(tenant).await? && self.store.check_soon(tenant, connection, now).await? {
                tracing::info!(tenant = %tenant.id(), %connection, "a hint: the connection is looked at");
            }
        }
        Ok(())
    }
}

pub(super) fn revoked() -> Refusal {
    Refusal {
        code: "connection.revoked".into(),
        message: "The platform says that the permission was withdrawn: connect the account again.".into(),
        platform_code: None,
        trace_id: None,
        act: Act::EndUser,
    }
}

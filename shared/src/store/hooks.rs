//! Webhook deliveries as they came, once each, and what they meant for a tenant.

use jiff::{SignedDuration, Timestamp, tz::TimeZone};
use serde::{Deserialize, Serialize};

use super::{AuditEntry, Change, Store, StoreError, from_row, keys, text, time_to_live, to_row};
use crate::{
    ids::{ConnectionId, DeletionCode},
    platform::Platform,
    tenant::Tenant,
};

/// How long deliveries are kept; longer than any platform repeats one (F74).
const KEPT: SignedDuration = SignedDuration::from_hours(30 * 24);

/// Whether a delivery was seen before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Receipt {
    /// It is new and stored.
    New,
    /// It was stored before.
    Repeated,
}

/// That a person has withdrawn from our app, as the platform told it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Withdrawal {
    /// How far.
    pub kind: WithdrawalKind,
    /// The platform's id of the person.
    pub account: String,
    /// A login after this has the last word.
    #[serde(with = "jiff::fmt::serde::timestamp::millisecond::required")]
    pub seen_at: Timestamp,
    /// Under which the person may ask what became of it, if anything is to be deleted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<DeletionCode>,
}

/// How far a person withdraws.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WithdrawalKind {
    /// They have removed our app.
    Deauthorized,
    /// They want us to delete what we hold of them.
    DataDeletion,
}

/// A delivery that was verified, or is a hint, with its raw body.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HookEvent {
    /// Repeats of one delivery have one key.
    pub key: String,
    /// The body as it came.
    pub body: String,
    /// When it came.
    #[serde(with = "jiff::fmt::serde::timestamp::millisecond::required")]
    pub received_at: Timestamp,
    /// What it says, if it came as a signed request; then there is no body.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub withdrawal: Option<Withdrawal>,
    /// Whether nobody signed it, and it is no more than a hint.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub hint: bool,
}

impl HookEvent {
    /// The day under which it is stored.
    #[must_use]
    pub fn day(&self) -> String {
        self.received_at.to_zoned(TimeZone::UTC).date().to_string()
    }
}

impl Store {
    /// Stores a verified delivery, unless one with its key came on the same day. A repeat after midnight (UTC) is stored
    /// and recorded once more; what it changes is the same.
    ///
    /// # Errors
    /// The store did not answer: the platform must be told to send it again.
    pub async fn put_hook(&self, platform: Platform, event: &HookEvent) -> Result<Receipt, StoreError> {
        let mut row = to_row("webhook", keys::hook(platform, &event.day()), event.key.clone(), event)?;
        row.insert("expires_at".into(), time_to_live(event.received_at.saturating_add(KEPT).unwrap_or(Timestamp::MAX)));
        self.put_once("store a webhook", row).await
    }

    /// A stored delivery.
    ///
    /// # Errors
    /// The store did not answer.
    pub async fn hook(&self, platform: Platform, day: &str, key: &str) -> Result<Option<HookEvent>, StoreError> {
        let item = self.get("read a webhook", keys::hook(platform, day), key.to_owned(), true).await?;
        item.map(|item| from_row("webhook", item)).transpose()
    }

    /// Removes a stored delivery that speaks of a person who wants to be forgotten.
    ///
    /// # Errors
    /// The store did not answer.
    pub async fn delete_hook(&self, platform: Platform, day: &str, key: &str) -> Result<(), StoreError> {
        let row = super::RowKey::new(keys::hook(platform, day), key);
        self.delete_many("remove a webhook", vec![row]).await
    }

    /// Records what a delivery meant for one connection, once; and with it, in one write, what the audit is to say of it.
    ///
    /// # Errors
    /// The store did not answer.
    pub async fn put_tenant_event(
        &self,
        tenant: Tenant,
        (platform, connection): (Platform, ConnectionId),
        event: &super::LastEvent,
        dedupe_key: &str,
        entry: Option<&AuditEntry>,
    ) -> Result<Receipt, StoreError> {
        const OPERATION: &str = "record an event";
        let day = event.received_at.to_zoned(TimeZone::UTC).date().to_string();
        let sort = format!("{platform}#{dedupe_key}#{connection}");
        let mut row = to_row("event", keys::tenant_hook(tenant, &day), sort, event)?;
        row.insert("connection".into(), text(connection));
        row.insert("expires_at".into(), time_to_live(event.received_at.saturating_add(KEPT).unwrap_or(Timestamp::MAX)));
        let Some(entry) = entry else { return self.put_once(OPERATION, row).await };
        let change = self.put_where_none(OPERATION, row)?;
        Ok(match self.decide(tenant, entry, vec![change]).await? {
            Change::Done => Receipt::New,
            Change::Refused => Receipt::Repeated,
        })
    }

    async fn put_once(&self, operation: &'static str, row: super::Item) -> Result<Receipt, StoreError> {
        Ok(if self.put_new(operation, row).await?.is_none() { Receipt::New } else { Receipt::Repeated })
    }
}

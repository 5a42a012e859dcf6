//! The audit: who decided what, append-only, each entry chained to the one before by its hash.
//!
//! A tenant's entries stand in one partition per month; its head row has the number and the hash of the last one. Entry
//! and head are written together, and only onto the head that was read: there is one order, and nothing can be changed or
//! taken out without breaking the chain ([`Store::audit_chain`]).

use std::{collections::BTreeMap, fmt};

use aws_sdk_dynamodb::{
    operation::transact_write_items::TransactWriteItemsError,
    types::{Put, TransactWriteItem},
};
use jiff::{Timestamp, civil::Date};
use serde::{Deserialize, Serialize};
use uuid::{NoContext, Uuid};

use super::{AuditEnd, Item, NOT_THERE, Store, StoreError, from_row, keys, text, to_row, unavailable};
use crate::{
    connector::canonical::{canonical, sha256_hex},
    ids::{KeyId, TenantId},
    tenant::Tenant,
};

const OPERATION: &str = "write an audit entry";
/// How often an entry is put onto a new head before its writer gives up. Of all who try at once one wins every time.
const ATTEMPTS: u32 = 32;
/// How many details an entry has at most.
const MOST_DETAILS: usize = 24;
/// The longest subject, name or value of a detail, in bytes; what is longer is cut.
const LONGEST_TEXT: usize = 256;

/// Who decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Actor {
    /// Whoever holds this API key.
    Key(KeyId),
    /// Whoever runs postd, by the name that they gave themselves.
    Operator(String),
    /// postd itself.
    Postd,
}

impl fmt::Display for Actor {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Key(key) => key.fmt(formatter),
            Self::Operator(name) => write!(formatter, "operator {name}"),
            Self::Postd => formatter.write_str("postd"),
        }
    }
}

/// What was decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AuditAction {
    /// A person said whether a target is out.
    TargetResolved,
    /// A caller wants what is out taken down.
    RemovalRequested,
    /// What came of that for one target, or what the platform told by itself.
    RemovalEnded,
    /// Dead letters were sent back to work.
    DeadLettersRedriven,
    /// An account was connected.
    Connected,
    /// A connection was renewed by its owner.
    Reconnected,
    /// The platform said that the owner has withdrawn the permission.
    Disconnected,
    /// A tenant was created.
    TenantCreated,
    /// It was said where browsers may be sent after a login.
    ReturnUrlsSet,
    /// It was said where a tenant has an app of its own.
    OwnAppsSet,
    /// An API key was made.
    KeyCreated,
    /// An API key was given a successor, and an end.
    KeyRotated,
    /// An API key was taken back.
    KeyRevoked,
    /// A person had the platform ask us to delete what we hold of them.
    DataDeleted,
    /// A tenant was marked as deleted.
    TenantDeleted,
}

impl AuditAction {
    /// The name, as it is stored and shown.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::TargetResolved => "target.resolved",
            Self::RemovalRequested => "post.removal_requested",
            Self::RemovalEnded => "target.removal_ended",
            Self::DeadLettersRedriven => "dead_letters.redriven",
            Self::Connected => "connection.connected",
            Self::Reconnected => "connection.reconnected",
            Self::Disconnected => "connection.disconnected",
            Self::TenantCreated => "tenant.created",
            Self::ReturnUrlsSet => "tenant.return_urls_set",
            Self::OwnAppsSet => "tenant.own_apps_set",
            Self::KeyCreated => "key.created",
            Self::KeyRotated => "key.rotated",
            Self::KeyRevoked => "key.revoked",
            Self::DataDeleted => "connection.data_deleted",
            Self::TenantDeleted => "tenant.deleted",
        }
    }
}

/// One decision to keep. Long texts are cut (256 bytes); none may be content or a token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditEntry {
    at: Timestamp,
    actor: Actor,
    action: AuditAction,
    subject: String,
    details: BTreeMap<&'static str, String>,
}

impl AuditEntry {
    /// An entry about `subject`: an id or a path of ids, such as `post_…/t1`.
    #[must_use]
    pub fn new(at: Timestamp, actor: Actor, action: AuditAction, subject: impl fmt::Display) -> Self {
        Self { at, actor, action, subject: bounded(subject.to_string()), details: BTreeMap::new() }
    }

    /// The entry with one more detail: an id, a code, a number. Past two dozen nothing is added.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl fmt::Display) -> Self {
        if self.details.len() < MOST_DETAILS {
            self.details.insert(name, bounded(value.to_string()));
        }
        self
    }
}

fn bounded(mut text: String) -> String {
    text.truncate(text.floor_char_boundary(LONGEST_TEXT));
    text
}

/// An entry as it is stored and shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditRecord {
    /// Sortable by the time of the decision.
    pub id: Uuid,
    /// Whose.
    pub tenant: TenantId,
    /// Which in the tenant's chain, counted from 1.
    pub sequence: u64,
    /// When.
    #[serde(with = "jiff::fmt::serde::timestamp::millisecond::required")]
    pub at: Timestamp,
    /// Who: the id of an API key, `operator` and a name, or `postd`.
    pub actor: String,
    /// What: the name of an [`AuditAction`], of this build or another.
    pub action: String,
    /// About what.
    pub subject: String,
    /// What else is to be known.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub details: BTreeMap<String, String>,
    /// The hash of the entry before; empty for the first.
    pub previous: String,
    /// SHA-256 over everything above, in hexadecimal digits.
    pub hash: String,
}

impl AuditRecord {
    fn sealed(tenant: Tenant, id: Uuid, entry: &AuditEntry, head: Option<&Head>) -> Self {
        let details = entry.details.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
        let mut record = Self {
            id,
            tenant: tenant.id(),
            sequence: head.map_or(0, |head| head.sequence).saturating_add(1),
            at: entry.at,
            actor: bounded(entry.actor.to_string()),
            action: entry.action.name().to_owned(),
            subject: entry.subject.clone(),
            details,
            previous: head.map(|head| head.hash.clone()).unwrap_or_default(),
            hash: String::new(),
        };
        record.hash = record.computed_hash();
        record
    }

    /// The hash that the entry must have.
    fn computed_hash(&self) -> String {
        let mut value = serde_json::to_value(self).unwrap_or_default();
        if let Some(members) = value.as_object_mut() {
            members.remove("hash");
        }
        sha256_hex(&canonical(&value))
    }
}

/// The row that knows the end of a chain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Head {
    sequence: u64,
    hash: String,
    /// The first and the last month that hold an entry: a chain is read from one to the other.
    first_month: Date,
    last_month: Date,
}

/// What became of a change that is written together with its entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// Both are there.
    Done,
    /// What was to change is not as the change takes it to be: nothing was written.
    Refused,
}

/// Why an attempt wrote nothing, as far as is known.
enum Miss {
    /// Another entry was faster.
    MovedOn,
    /// A condition of the change does not hold.
    Refused,
    /// The store did not answer.
    Failed(StoreError),
}

impl From<StoreError> for Miss {
    fn from(error: StoreError) -> Self {
        Self::Failed(error)
    }
}

/// What a verification found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AuditChain {
    /// Every entry is there and as it was written; all of them, the oldest first.
    Whole(Vec<AuditRecord>),
    /// The entry with this number was changed, is missing, or is one too many.
    BrokenAt(u64),
}

impl Store {
    /// Keeps `entry`: one transaction of entry and head, repeated on a new head when another was faster.
    ///
    /// # Errors
    /// The store did not answer; the entry may be there.
    pub async fn audit(&self, tenant: Tenant, entry: &AuditEntry) -> Result<(), StoreError> {
        match self.decide(tenant, entry, Vec::new()).await? {
            Change::Done => Ok(()),
            // Without a change there is nothing that could refuse it.
            Change::Refused => Err(StoreError::Unavailable { operation: OPERATION, code: "refused".into() }),
        }
    }

    /// Makes `changes` and keeps `entry` about them in one transaction: neither is there without the other.
    pub(super) async fn decide(
        &self,
        tenant: Tenant,
        entry: &AuditEntry,
        changes: Vec<TransactWriteItem>,
    ) -> Result<Change, StoreError> {
        let id = Uuid::new_v7(uuid_time(entry.at));
        let key = (keys::audit(tenant, keys::month(entry.at)), id.simple().to_string());
        for _ in 0..ATTEMPTS {
            let head = self.audit_head(tenant).await?;
            let record = AuditRecord::sealed(tenant, id, entry, head.as_ref());
            let Err(miss) = self.append(tenant, &record, head, &changes).await else { return Ok(Change::Done) };
            // The id is ours alone: if a row has it, our write took effect and only its answer was lost.
            if self.get("find an audit entry", key.0.clone(), key.1.clone(), true).await?.is_some() {
                return Ok(Change::Done);
            }
            match miss {
                Miss::MovedOn => {}
                Miss::Refused => return Ok(Change::Refused),
                Miss::Failed(error) => return Err(error),
            }
        }
        Err(StoreError::Unavailable { operation: OPERATION, code: "contended".into() })
    }

    /// One attempt.
    async fn append(
        &self,
        tenant: Tenant,
        record: &AuditRecord,
        head: Option<Head>,
        changes: &[TransactWriteItem],
    ) -> Result<(), Miss> {
        let month = keys::month(record.at);
        let next = Head {
            sequence: record.sequence,
            hash: record.hash.clone(),
            first_month: head.as_ref().map_or(month, |head| head.first_month.min(month)),
            last_month: head.as_ref().map_or(month, |head| head.last_month.max(month)),
        };
        let sort = record.id.simple().to_string();
        let entry = to_row("audit entry", keys::audit(tenant, month), sort, record)?;
        let next = to_row("audit head", keys::tenant(tenant), keys::AUDIT.to_owned(), &next)?;
        let put = |row: Item| Put::builder().table_name(&self.table).set_item(Some(row));
        let onto = match &head {
            None => put(next).condition_expression(NOT_THERE),
            Some(head) => put(next)
                .condition_expression("#hash = :previous")
                .expression_attribute_names("#hash", "hash")
                .expression_attribute_values(":previous", text(&head.hash)),
        };
        let mut writes = Vec::new();
        for put in [put(entry).condition_expression(NOT_THERE), onto] {
            let incomplete = |_| StoreError::Unavailable { operation: OPERATION, code: "incomplete_request".into() };
            writes.push(TransactWriteItem::builder().put(put.build().map_err(incomplete)?).build());
        }
        let own = writes.len();
        writes.extend_from_slice(changes);
        let outcome = self
            .client
            .transact_write_items()
            .set_transact_items(Some(writes))
            // New for every attempt: under one token another content would be refused.
            .client_request_token(Uuid::new_v4().simple().to_string())
            .send()
            .await;
        let Err(error) = outcome else { return Ok(()) };
        if let Some(TransactWriteItemsError::TransactionCanceledException(cancelled)) = error.as_service_error() {
            let reasons: Vec<&str> =
                cancelled.cancellation_reasons().iter().map(|reason| reason.code().unwrap_or_default()).collect();
            // A change that does not hold now will not hold on the next head either.
            if reasons.iter().skip(own).any(|code| *code == "ConditionalCheckFailed") {
                return Err(Miss::Refused);
            }
            if reasons.iter().any(|code| matches!(*code, "ConditionalCheckFailed" | "TransactionConflict")) {
                return Err(Miss::MovedOn);
            }
        }
        Err(unavailable(OPERATION)(error).into())
    }

    async fn audit_head(&self, tenant: Tenant) -> Result<Option<Head>, StoreError> {
        let (pk, sk) = (keys::tenant(tenant), keys::AUDIT.to_owned());
        let item = self.get("read the head of the audit", pk, sk, true).await?;
        item.map(|item| from_row("audit head", item)).transpose()
    }

    /// All entries of a tenant, verified: each hash, each link to the one before, and the end that the head knows.
    ///
    /// # Errors
    /// The store did not answer.
    pub async fn audit_chain(&self, tenant: Tenant) -> Result<AuditChain, StoreError> {
        // Entries may be added meanwhile: what was there before must be among them, and none may be beyond the end.
        let Some(before) = self.audit_head(tenant).await? else { return Ok(AuditChain::Whole(Vec::new())) };
        let records = self.audit_months(tenant, &before).await?;
        let after = self.audit_head(tenant).await?.map_or(0, |head| head.sequence);
        if let Some(beyond) = records.last().map(|record| record.sequence).filter(|sequence| *sequence > after) {
            return Ok(AuditChain::BrokenAt(beyond));
        }
        Ok(verified(tenant, records, &before))
    }

    /// The entries of a tenant as they stand there, in order; or only those of the month that begins with `month`.
    ///
    /// # Errors
    /// The store did not answer, or an entry cannot be read.
    pub async fn audit_entries(&self, tenant: Tenant, month: Option<Date>) -> Result<Vec<AuditRecord>, StoreError> {
        let mut records = match month {
            Some(month) => self.audit_month(tenant, month.first_of_month()).await?,
            None => match self.audit_head(tenant).await? {
                Some(head) => self.audit_months(tenant, &head).await?,
                None => Vec::new(),
            },
        };
        records.sort_by_key(|record| record.sequence);
        Ok(records)
    }

    /// Where the chain of a tenant ends; `None` if it has no entry.
    pub(super) async fn audit_end(&self, tenant: Tenant) -> Result<Option<AuditEnd>, StoreError> {
        let head = self.audit_head(tenant).await?;
        Ok(head.map(|head| AuditEnd { entries: head.sequence, hash: head.hash }))
    }

    /// The entries of all months that `head` knows, in order.
    async fn audit_months(&self, tenant: Tenant, head: &Head) -> Result<Vec<AuditRecord>, StoreError> {
        let mut records = Vec::new();
        let mut month = head.first_month;
        while month <= head.last_month {
            records.extend(self.audit_month(tenant, month).await?);
            month = keys::month_after(month);
        }
        records.sort_by_key(|record| record.sequence);
        Ok(records)
    }

    /// The entries of the month that begins with `month`, as they stand there.
    async fn audit_month(&self, tenant: Tenant, month: Date) -> Result<Vec<AuditRecord>, StoreError> {
        let mut pages = self
            .client
            .query()
            .table_name(&self.table)
            .key_condition_expression("pk = :pk")
            .expression_attribute_values(":pk", text(keys::audit(tenant, month)))
            .consistent_read(true)
            .into_paginator()
            .items()
            .send();
        let mut records = Vec::new();
        while let Some(item) = pages.next().await {
            records.push(from_row("audit entry", item.map_err(unavailable("read the audit"))?)?);
        }
        Ok(records)
    }
}

/// Walks the chain up to `head`. What was added after the head was read is left out: its links are judged next time.
fn verified(tenant: Tenant, mut records: Vec<AuditRecord>, head: &Head) -> AuditChain {
    records.retain(|record| record.sequence <= head.sequence);
    let mut previous = String::new();
    let mut sequence = 0;
    for record in &records {
        sequence += 1;
        let linked = record.sequence == sequence && record.previous == previous && record.tenant == tenant.id();
        if !linked || record.hash != record.computed_hash() {
            return AuditChain::BrokenAt(sequence);
        }
        previous.clone_from(&record.hash);
    }
    if sequence != head.sequence || previous != head.hash {
        return AuditChain::BrokenAt(sequence.saturating_add(1).min(head.sequence));
    }
    AuditChain::Whole(records)
}

fn uuid_time(at: Timestamp) -> uuid::Timestamp {
    let nanos = u32::try_from(at.subsec_nanosecond()).unwrap_or(0);
    uuid::Timestamp::from_unix(NoContext, u64::try_from(at.as_second()).unwrap_or(0), nanos)
}

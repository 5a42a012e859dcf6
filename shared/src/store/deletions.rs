//! Tenants that are deleted: the mark that every use case meets, how far the deletion has come, and what remains of it.
//!
//! The mark stands in the tenant's own row and never goes away again, so no id of a deleted tenant is ever alive. While
//! something is left to do, that row also stands in the `due` index.

use aws_sdk_dynamodb::{
    operation::update_item::builders::UpdateItemFluentBuilder,
    types::{DeleteRequest, TransactWriteItem, Update, WriteRequest},
};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{
    AuditEntry, Change, Connection, Item, Store, StoreError, due::tenant_of, from_row, keys, millis, number, text,
    to_attribute, to_row, unavailable,
};
use crate::{
    ids::{ConnectionId, DeletionCode, PostId},
    post::Post,
    tenant::Tenant,
};

/// The attribute of a tenant's row that marks it as deleted.
const MARK: &str = "deletion";
/// How many rows DynamoDB removes in one call.
const BATCH: usize = 25;
/// How often what it left undone is sent again.
const TRIES: u32 = 8;

/// The deletion of a tenant: asked for, under way or done. The mark itself, and all that remains at the end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deletion {
    /// Under which anybody who knows it may ask how far it is.
    pub code: DeletionCode,
    /// Since when nothing of the tenant is accepted.
    #[serde(with = "jiff::fmt::serde::timestamp::millisecond::required")]
    pub requested_at: Timestamp,
    /// How many grants were given back to their platforms.
    #[serde(default)]
    pub revoked: u64,
    /// How many rows were removed from the table `State`.
    #[serde(default)]
    pub rows: u64,
    /// Where the audit ended before it was removed: an export can still be held against this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub audit: Option<AuditEnd>,
    /// Up to where the table has been looked through.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<RowKey>,
    /// When the last row was removed.
    #[serde(
        default,
        with = "jiff::fmt::serde::timestamp::millisecond::optional",
        skip_serializing_if = "Option::is_none"
    )]
    pub emptied_at: Option<Timestamp>,
    /// When nothing was left to do.
    #[serde(
        default,
        with = "jiff::fmt::serde::timestamp::millisecond::optional",
        skip_serializing_if = "Option::is_none"
    )]
    pub done_at: Option<Timestamp>,
}

/// The last entry of an audit that is gone.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditEnd {
    /// How many entries there were.
    pub entries: u64,
    /// The hash of the last one; empty if there was none.
    pub hash: String,
}

/// The key of a row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RowKey {
    pk: String,
    sk: String,
}

/// What the owner of a confirmation code may know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeletionStatus {
    /// When it was asked for.
    #[serde(with = "jiff::fmt::serde::timestamp::millisecond::required")]
    pub requested_at: Timestamp,
    /// When nothing was left.
    #[serde(
        default,
        with = "jiff::fmt::serde::timestamp::millisecond::optional",
        skip_serializing_if = "Option::is_none"
    )]
    pub done_at: Option<Timestamp>,
}

/// What became of the wish to delete a tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Marked {
    /// From now on it is deleted.
    Now(Deletion),
    /// It was before; this is how far that has come.
    Before(Deletion),
}

/// What a job finds of its post.
#[derive(Debug)]
pub enum PostOfJob {
    /// It.
    Found(Box<Post>),
    /// Nothing.
    Missing,
    /// Its tenant is deleted.
    TenantDeleted,
}

/// One part of the table, looked through for rows of one tenant.
#[derive(Debug)]
pub struct Purged {
    /// How many rows were removed.
    pub rows: u64,
    /// Up to where; `None` at the end of the table.
    pub place: Option<RowKey>,
}

impl Store {
    /// Marks a tenant as deleted, with its entry in the audit: one transaction. Once it is marked it stays as it is, and
    /// the answer is the same. `None` if there is no such tenant.
    ///
    /// # Errors
    /// The store did not answer; it may be marked.
    pub async fn mark_deleted(
        &self,
        tenant: Tenant,
        code: DeletionCode,
        now: Timestamp,
        entry: &AuditEntry,
    ) -> Result<Option<Marked>, StoreError> {
        const OPERATION: &str = "mark a tenant as deleted";
        let deletion = Deletion {
            code,
            requested_at: now,
            revoked: 0,
            rows: 0,
            audit: None,
            place: None,
            emptied_at: None,
            done_at: None,
        };
        let mark = Update::builder()
            .table_name(&self.table)
            .key("pk", text(keys::tenant(tenant)))
            .key("sk", text(keys::TENANT))
            .update_expression("SET deletion = :deletion, due_shard = :shard, due_at = :now")
            .condition_expression("attribute_exists(pk) AND attribute_not_exists(deletion)")
            .expression_attribute_values(":deletion", to_attribute(MARK, &deletion)?)
            .expression_attribute_values(":shard", text(keys::DUE_DELETIONS))
            .expression_attribute_values(":now", text(keys::at(now, &keys::tenant(tenant))));
        let status = self.put_where_none(OPERATION, status_row(code, now)?)?;
        let incomplete = |_| StoreError::Unavailable { operation: OPERATION, code: "incomplete_request".into() };
        let mark = TransactWriteItem::builder().update(mark.build().map_err(incomplete)?).build();
        match self.decide(tenant, entry, vec![mark, status]).await? {
            Change::Done => Ok(Some(Marked::Now(deletion))),
            Change::Refused => Ok(self.deletion(tenant).await?.map(Marked::Before)),
        }
    }

    /// How far the deletion of a tenant has come, as of now; `None` if it is not deleted.
    ///
    /// # Errors
    /// The store did not answer.
    pub async fn deletion(&self, tenant: Tenant) -> Result<Option<Deletion>, StoreError> {
        let row = self.get("read a tenant", keys::tenant(tenant), keys::TENANT.to_owned(), true).await?;
        let mark = row.and_then(|mut row| row.remove(MARK));
        let what = "deletion of a tenant";
        mark.map(|mark| serde_dynamo::from_attribute_value(mark).map_err(|source| StoreError::Corrupt { what, source }))
            .transpose()
    }

    /// Whether a tenant is deleted, as of now. Whoever is about to write something of a tenant asks, unless what it reads
    /// anyway tells ([`Self::post_of_job`], [`Self::connections_of_post`]).
    ///
    /// # Errors
    /// The store did not answer.
    pub async fn is_deleted(&self, tenant: Tenant) -> Result<bool, StoreError> {
        let row = self.get("read a tenant", keys::tenant(tenant), keys::TENANT.to_owned(), true).await?;
        Ok(row.is_some_and(|row| row.contains_key(MARK)))
    }

    /// The post that a job is about, with the word whether its tenant is deleted: one call. Both as of a moment ago.
    ///
    /// # Errors
    /// The store did not answer.
    pub async fn post_of_job(&self, tenant: Tenant, post: PostId) -> Result<PostOfJob, StoreError> {
        let key = (keys::post(tenant, post), keys::POST.to_owned());
        let Some(rows) = self.unless_deleted("read a post", tenant, vec![key]).await? else {
            return Ok(PostOfJob::TenantDeleted);
        };
        match rows.into_iter().next() {
            Some(row) => Ok(PostOfJob::Found(Box::new(from_row("post", row)?))),
            None => Ok(PostOfJob::Missing),
        }
    }

    /// Those of `ids` that there are; `None` if the tenant is deleted. All of it as of a moment ago.
    ///
    /// # Errors
    /// The store did not answer.
    pub async fn connections_of_post(
        &self,
        tenant: Tenant,
        ids: impl Iterator<Item = ConnectionId>,
    ) -> Result<Option<Vec<Connection>>, StoreError> {
        let mut keys: Vec<_> = ids.map(|id| (keys::tenant(tenant), keys::connection(id))).collect();
        keys.sort_unstable();
        keys.dedup();
        let Some(rows) = self.unless_deleted("read connections", tenant, keys).await? else { return Ok(None) };
        rows.into_iter().map(|row| from_row("connection", row)).collect::<Result<_, _>>().map(Some)
    }

    /// These rows, in one call with the tenant's own; `None` if it is deleted.
    async fn unless_deleted(
        &self,
        operation: &'static str,
        tenant: Tenant,
        mut wanted: Vec<(String, String)>,
    ) -> Result<Option<Vec<Item>>, StoreError> {
        wanted.push((keys::tenant(tenant), keys::TENANT.to_owned()));
        let is_tenant =
            |row: &Item| row.get("sk").and_then(|sort| sort.as_s().ok()).is_some_and(|sk| sk == keys::TENANT);
        let (own, rows): (Vec<_>, Vec<_>) = self.get_many(operation, wanted).await?.into_iter().partition(is_tenant);
        Ok(own.iter().all(|row| !row.contains_key(MARK)).then_some(rows))
    }

    /// Tenants whose deletion is to be gone on with by `until`, the one that has waited longest first.
    ///
    /// # Errors
    /// The store did not answer.
    pub async fn due_deletions(&self, until: Timestamp, limit: i32) -> Result<Vec<Tenant>, StoreError> {
        let output = self
            .client
            .query()
            .table_name(&self.table)
            .index_name("due")
            .key_condition_expression("due_shard = :shard AND due_at <= :until")
            .expression_attribute_values(":shard", text(keys::DUE_DELETIONS))
            .expression_attribute_values(":until", text(keys::until(until)))
            .limit(limit)
            .send()
            .await
            .map_err(unavailable("read what is to be deleted"))?;
        let found = output.items.into_iter().flatten();
        Ok(found.filter_map(|item| tenant_of(item.get("pk")?.as_s().ok()?)).collect())
    }

    /// The deletion has nothing to do before `at`.
    ///
    /// # Errors
    /// The store did not answer.
    pub async fn rest_deletion(&self, tenant: Tenant, at: Timestamp) -> Result<(), StoreError> {
        let change = self
            .tenant_update(tenant)
            .update_expression("SET due_at = :at")
            .condition_expression("attribute_exists(due_shard)")
            .expression_attribute_values(":at", text(keys::at(at, &keys::tenant(tenant))));
        self.conditional("put a deletion off", change).await.map(|_| ())
    }

    /// Counts a grant that was given back.
    ///
    /// # Errors
    /// The store did not answer.
    pub async fn count_revoked(&self, tenant: Tenant) -> Result<(), StoreError> {
        let change = self
            .tenant_update(tenant)
            .update_expression("SET deletion.revoked = deletion.revoked + :one")
            .condition_expression("attribute_exists(deletion)")
            .expression_attribute_values(":one", number(1));
        self.conditional("count a revoked grant", change).await.map(|_| ())
    }

    /// Keeps where the audit ends, which is about to be removed; what was kept first stays.
    ///
    /// # Errors
    /// The store did not answer.
    pub async fn keep_audit_end(&self, tenant: Tenant) -> Result<(), StoreError> {
        let end = self.audit_end(tenant).await?.unwrap_or_default();
        let change = self
            .tenant_update(tenant)
            .update_expression("SET deletion.audit = :audit")
            .condition_expression("attribute_exists(deletion) AND attribute_not_exists(deletion.audit)")
            .expression_attribute_values(":audit", to_attribute("audit", &end)?);
        self.conditional("keep the end of an audit", change).await.map(|_| ())
    }

    /// Looks through one part of the table, from `place` on, and removes every row of the tenant but the mark. A table has
    /// no list of a tenant's posts: one that nobody has begun is found in no other way.
    ///
    /// # Errors
    /// The store did not answer; some rows may be gone. The same part may be looked through again.
    pub async fn purge(&self, tenant: Tenant, place: Option<&RowKey>, limit: i32) -> Result<Purged, StoreError> {
        const OPERATION: &str = "look for rows of a deleted tenant";
        let (pk, used, rate) = (keys::tenant(tenant), keys::used(tenant), keys::tenant_rate(tenant));
        let output = self
            .client
            .scan()
            .table_name(&self.table)
            .consistent_read(true)
            .limit(limit)
            // Rows beyond the tenant's own partitions name it: its places in webhooks, its logins.
            .filter_expression("begins_with(pk, :pk) OR pk = :used OR pk = :rate OR tenant = :tenant")
            .projection_expression("pk, sk")
            .expression_attribute_values(":pk", text(&pk))
            .expression_attribute_values(":used", text(used))
            .expression_attribute_values(":rate", text(rate))
            .expression_attribute_values(":tenant", text(tenant.id()))
            .set_exclusive_start_key(place.map(RowKey::item))
            .send()
            .await
            .map_err(unavailable(OPERATION))?;
        let found = output.items.into_iter().flatten().filter_map(|item| RowKey::of(&item));
        let found: Vec<RowKey> = found.filter(|key| key.pk != pk || key.sk != keys::TENANT).collect();
        let rows = u64::try_from(found.len()).unwrap_or(u64::MAX);
        self.delete_many("remove rows of a deleted tenant", found).await?;
        Ok(Purged { rows, place: output.last_evaluated_key.as_ref().and_then(RowKey::of) })
    }

    /// Keeps that everything from `from` on was looked through by `purged`. `false` if somebody else was faster: then the
    /// deletion has come farther than this one knows.
    ///
    /// # Errors
    /// The store did not answer.
    pub async fn keep_place(
        &self,
        tenant: Tenant,
        from: Option<&RowKey>,
        purged: &Purged,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let change = self
            .tenant_update(tenant)
            .expression_attribute_names("#rows", "rows")
            .expression_attribute_names("#place", "place")
            .expression_attribute_values(":rows", number(purged.rows));
        let change = match &purged.place {
            Some(place) => change
                .update_expression("SET deletion.#place = :place, deletion.#rows = deletion.#rows + :rows")
                .expression_attribute_values(":place", to_attribute("place", place)?),
            None => change
                .update_expression(
                    "SET deletion.emptied_at = :now, deletion.#rows = deletion.#rows + :rows REMOVE deletion.#place",
                )
                .expression_attribute_values(":now", millis(now)),
        };
        let here = "attribute_exists(deletion) AND attribute_not_exists(deletion.emptied_at) AND ";
        let change = match from {
            Some(from) => change
                .condition_expression(format!("{here}deletion.#place = :from"))
                .expression_attribute_values(":from", to_attribute("place", from)?),
            None => change.condition_expression(format!("{here}attribute_not_exists(deletion.#place)")),
        };
        Ok(self.conditional("keep the place of a deletion", change).await?.is_ok())
    }

    /// Nothing is left of the tenant but its mark, which forgets its name.
    ///
    /// # Errors
    /// The store did not answer.
    pub async fn finish_deletion(&self, tenant: Tenant, code: DeletionCode, now: Timestamp) -> Result<(), StoreError> {
        // First what others may ask, so that this is never left behind: a repetition does both again.
        self.finish_status(code, now).await?;
        let change = self
            .tenant_update(tenant)
            .update_expression(
                "SET deletion.done_at = if_not_exists(deletion.done_at, :now), #name = :nobody REMOVE due_shard, due_at",
            )
            .condition_expression("attribute_exists(deletion)")
            .expression_attribute_names("#name", "name")
            .expression_attribute_values(":nobody", text(""))
            .expression_attribute_values(":now", millis(now));
        self.conditional("finish a deletion", change).await.map(|_| ())
    }

    /// Makes a status that can be asked for under `code`, unless there is one.
    ///
    /// # Errors
    /// The store did not answer.
    pub async fn put_deletion_status(&self, code: DeletionCode, now: Timestamp) -> Result<(), StoreError> {
        self.put_new("keep the status of a deletion", status_row(code, now)?).await.map(|_| ())
    }

    /// Keeps that nothing is left to do.
    ///
    /// # Errors
    /// The store did not answer.
    pub async fn finish_status(&self, code: DeletionCode, now: Timestamp) -> Result<(), StoreError> {
        let change = self
            .client
            .update_item()
            .table_name(&self.table)
            .key("pk", text(keys::deletion(code)))
            .key("sk", text(keys::STATUS))
            .update_expression("SET done_at = if_not_exists(done_at, :now)")
            .condition_expression("attribute_exists(pk)")
            .expression_attribute_values(":now", millis(now));
        self.conditional("finish the status of a deletion", change).await.map(|_| ())
    }

    /// The status under a confirmation code.
    ///
    /// # Errors
    /// The store did not answer.
    pub async fn deletion_status(&self, code: DeletionCode) -> Result<Option<DeletionStatus>, StoreError> {
        let row =
            self.get("read the status of a deletion", keys::deletion(code), keys::STATUS.to_owned(), true).await?;
        row.map(|row| from_row("status of a deletion", row)).transpose()
    }

    fn tenant_update(&self, tenant: Tenant) -> UpdateItemFluentBuilder {
        self.client
            .update_item()
            .table_name(&self.table)
            .key("pk", text(keys::tenant(tenant)))
            .key("sk", text(keys::TENANT))
    }

    /// Removes rows, whether they are there or not.
    pub(super) async fn delete_many(&self, operation: &'static str, rows: Vec<RowKey>) -> Result<(), StoreError> {
        let incomplete = |_| StoreError::Unavailable { operation, code: "incomplete_request".into() };
        for batch in rows.chunks(BATCH) {
            let mut left = Vec::new();
            for row in batch {
                let delete = DeleteRequest::builder().set_key(Some(row.item())).build().map_err(incomplete)?;
                left.push(WriteRequest::builder().delete_request(delete).build());
            }
            // DynamoDB may do a part and leave the rest.
            for _ in 0..TRIES {
                let written = self.client.batch_write_item().request_items(&self.table, left).send().await;
                let output = written.map_err(unavailable(operation))?;
                left = output.unprocessed_items.into_iter().flatten().flat_map(|(_, writes)| writes).collect();
                if left.is_empty() {
                    break;
                }
            }
            if !left.is_empty() {
                return Err(StoreError::Unavailable { operation, code: "unprocessed_items".into() });
            }
        }
        Ok(())
    }
}

impl RowKey {
    pub(super) fn new(pk: impl Into<String>, sk: impl Into<String>) -> Self {
        Self { pk: pk.into(), sk: sk.into() }
    }

    pub(super) fn of(item: &Item) -> Option<Self> {
        let field = |name| item.get(name)?.as_s().ok().cloned();
        Some(Self { pk: field("pk")?, sk: field("sk")? })
    }

    pub(super) fn item(&self) -> Item {
        [("pk", &self.pk), ("sk", &self.sk)].map(|(name, value)| (name.to_owned(), text(value))).into()
    }
}

fn status_row(code: DeletionCode, now: Timestamp) -> Result<Item, StoreError> {
    let status = DeletionStatus { requested_at: now, done_at: None };
    to_row("status of a deletion", keys::deletion(code), keys::STATUS.to_owned(), &status)
}

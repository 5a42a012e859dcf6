//! Posts: accepted with one conditional write that is also the reservation of the idempotency key.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_dynamodb::{
    error::ProvideErrorMetadata,
    operation::transact_write_items::TransactWriteItemsError,
    types::{CancellationReason, KeysAndAttributes, Put, ReturnValuesOnConditionCheckFailure, TransactWriteItem},
};
use jiff::{Timestamp, ToSpan, civil::Date, tz::TimeZone};

use super::{Cursor, Item, NOT_THERE, Store, StoreError, from_row, keys, text, to_row, unavailable};
use crate::{
    ids::PostId,
    post::Post,
    target::{LogEntry, State, Target},
    tenant::Tenant,
};

/// How many days one listing looks back through before it hands out a cursor, so that no request runs for ever.
const DAYS_PER_LISTING: u32 = 60;

/// What became of the wish to accept a post.
#[derive(Debug)]
pub enum Reservation {
    /// It is accepted.
    New,
    /// It was accepted before, from the same request; this is what was written then.
    Replay(Box<Post>),
    /// Its key was used for another request.
    Mismatch,
    /// Another request with its key is being accepted at this moment; how that ends is not known yet.
    Running,
}

/// What a write of a new post met.
enum Written {
    /// Nothing: it is there now.
    New,
    /// A post with its id.
    Earlier(Item),
    /// A transaction on the same rows that has not ended.
    Conflict,
}

/// How often a write that met another transaction is tried. Each try is preceded by a look at what the other has left,
/// so that no time needs to be waited out.
const CONFLICTING_TRIES: u32 = 4;

/// A post with the rows of its targets, as far as there are any yet.
#[derive(Debug, Clone)]
pub struct PostSummary {
    /// What the caller asked for.
    pub post: Post,
    /// What has become of it; a target without a row is queued.
    pub targets: Vec<Target>,
}

impl PostSummary {
    /// The row of one target.
    #[must_use]
    pub fn target(&self, id: crate::ids::TargetId) -> Option<&Target> {
        self.targets.iter().find(|row| row.target == id)
    }
}

/// A page of a listing.
#[derive(Debug)]
pub struct Page<T, C = Cursor> {
    /// What stands on it.
    pub items: Vec<T>,
    /// Where the next one begins, if there may be one.
    pub next: Option<C>,
}

impl Store {
    /// Accepts `post`. `nonce` is new for every request: it tells our own write, whose answer was lost, from another's.
    ///
    /// An immediate post is one conditional put. A post with a time is one transaction with its targets, because these must
    /// be found when their time comes; `due_at` says when dispatch looks at them.
    ///
    /// # Errors
    /// The store did not answer; the caller repeats the request with its key.
    pub async fn accept(
        &self,
        tenant: Tenant,
        post: &Post,
        nonce: &str,
        due_at: Option<Timestamp>,
    ) -> Result<Reservation, StoreError> {
        let mut row = to_row("post", keys::post(tenant, post.id), keys::POST.to_owned(), post)?;
        row.insert("nonce".into(), text(nonce));
        let mut tries = CONFLICTING_TRIES;
        let earlier = loop {
            let written = match due_at {
                None => self.put_post(row.clone()).await?,
                Some(due_at) => self.put_planned_post(tenant, post, row.clone(), nonce, due_at).await?,
            };
            match written {
                Written::New => return Ok(Reservation::New),
                Written::Earlier(item) => break item,
                Written::Conflict => {}
            }
            // Whoever stood in the way has written the same post by now, or nothing.
            if let Some(item) =
                self.get("read a post", keys::post(tenant, post.id), keys::POST.to_owned(), true).await?
            {
                break item;
            }
            tries = tries.saturating_sub(1);
            if tries == 0 {
                return Ok(Reservation::Running);
            }
        };
        let ours = earlier.get("nonce").and_then(|value| value.as_s().ok()).is_some_and(|stored| stored == nonce);
        if ours {
            return Ok(Reservation::New);
        }
        let earlier: Post = from_row("post", earlier)?;
        if earlier.request_fingerprint == post.request_fingerprint {
            Ok(Reservation::Replay(Box::new(self.as_accepted(tenant, earlier).await?)))
        } else {
            Ok(Reservation::Mismatch)
        }
    }

    async fn put_post(&self, row: Item) -> Result<Written, StoreError> {
        match self.put_new("accept a post", row).await {
            Ok(None) => Ok(Written::New),
            Ok(Some(earlier)) => Ok(Written::Earlier(earlier)),
            Err(StoreError::Unavailable { code, .. }) if is_conflict(&code) => Ok(Written::Conflict),
            Err(error) => Err(error),
        }
    }

    async fn put_planned_post(
        &self,
        tenant: Tenant,
        post: &Post,
        row: Item,
        nonce: &str,
        due_at: Timestamp,
    ) -> Result<Written, StoreError> {
        let mut writes = vec![self.put_if_absent(row)?];
        for target in untouched_targets(post, post.created_at) {
            writes.push(self.put_if_absent(due_row(tenant, &target, due_at)?)?);
        }
        let outcome = self
            .client
            .transact_write_items()
            .set_transact_items(Some(writes))
            .client_request_token(nonce)
            .send()
            .await;
        let Err(error) = outcome else { return Ok(Written::New) };
        if let Some(TransactWriteItemsError::TransactionCanceledException(cancelled)) = error.as_service_error() {
            let reasons = cancelled.cancellation_reasons();
            if let Some(reason) = reasons.first()
                && reason.code() == Some("ConditionalCheckFailed")
            {
                return Ok(Written::Earlier(CancellationReason::item(reason).cloned().unwrap_or_default()));
            }
            if reasons.iter().any(|reason| reason.code() == Some("TransactionConflict")) {
                return Ok(Written::Conflict);
            }
        }
        if error.code().is_some_and(is_conflict) {
            return Ok(Written::Conflict);
        }
        Err(unavailable("accept a scheduled post")(error))
    }

    fn put_if_absent(&self, row: Item) -> Result<TransactWriteItem, StoreError> {
        let put = Put::builder()
            .table_name(&self.table)
            .set_item(Some(row))
            .condition_expression(NOT_THERE)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .build()
            .map_err(|_| StoreError::Unavailable { operation: "accept a post", code: "incomplete_request".into() })?;
        Ok(TransactWriteItem::builder().put(put).build())
    }

    /// What the caller asked for. `consistent` costs twice and sees a write of a moment ago.
    ///
    /// # Errors
    /// The store did not answer.
    pub async fn post(&self, tenant: Tenant, id: PostId, consistent: bool) -> Result<Option<Post>, StoreError> {
        let item = self.get("read a post", keys::post(tenant, id), keys::POST.to_owned(), consistent).await?;
        item.map(|item| from_row("post", item)).transpose()
    }

    /// A post with what has become of it.
    ///
    /// # Errors
    /// The store did not answer.
    pub async fn post_with_targets(&self, tenant: Tenant, id: PostId) -> Result<Option<PostSummary>, StoreError> {
        let Some(post) = self.post(tenant, id, true).await? else { return Ok(None) };
        let (day, prefix) = (keys::day(tenant, post.created_at), keys::targets_of(post.created_at, id));
        let rows = self.rows_under("read targets", day, &prefix, true).await?;
        let targets = rows.into_iter().map(|row| from_row("target", row)).collect::<Result<_, _>>()?;
        Ok(Some(PostSummary { post, targets }))
    }

    /// The posts of a tenant that are scheduled or that a consumer has begun, newest first, back to the day `oldest`.
    ///
    /// # Errors
    /// The store did not answer.
    pub async fn posts(
        &self,
        tenant: Tenant,
        after: Option<Cursor>,
        (newest, oldest): (Timestamp, Timestamp),
        limit: usize,
    ) -> Result<Page<PostSummary>, StoreError> {
        let oldest = utc_date(oldest);
        let (mut day, mut before) = match after {
            Some(cursor) => (cursor.day, cursor.before),
            None => (utc_date(newest), None),
        };
        let mut found: Vec<(PostId, Vec<Target>)> = Vec::new();
        let mut days_left = DAYS_PER_LISTING;
        let next = loop {
            let full = self.targets_of_day(tenant, day, before.take(), limit, &mut found).await?;
            if full {
                let last = found.last().and_then(|(post, rows)| Some((post, rows.first()?.created_at)));
                break last.map(|(post, at)| Cursor { day, before: Some(keys::targets_of(at, *post)) });
            }
            day = day.saturating_sub(1.day());
            if day < oldest {
                break None;
            }
            days_left = days_left.saturating_sub(1);
            if days_left == 0 {
                break Some(Cursor { day, before: None });
            }
        };
        let mut posts = self.posts_by_id(tenant, found.iter().map(|(id, _)| *id)).await?;
        let items = found
            .into_iter()
            .filter_map(|(id, targets)| posts.remove(&id).map(|post| PostSummary { post, targets }))
            .collect();
        Ok(Page { items, next })
    }

    /// Collects the targets of one day, newest first, by post; `true` as soon as there are `limit` whole posts and the
    /// day holds more.
    async fn targets_of_day(
        &self,
        tenant: Tenant,
        day: Date,
        before: Option<String>,
        limit: usize,
        found: &mut Vec<(PostId, Vec<Target>)>,
    ) -> Result<bool, StoreError> {
        let at = day.to_zoned(TimeZone::UTC).map_or(Timestamp::MIN, |zoned| zoned.timestamp());
        let mut pages = self
            .client
            .query()
            .table_name(&self.table)
            .key_condition_expression("pk = :pk AND sk < :before")
            .expression_attribute_values(":pk", text(keys::day(tenant, at)))
            .expression_attribute_values(":before", text(before.as_deref().unwrap_or("~")))
            .scan_index_forward(false)
            .limit(i32::try_from(limit.saturating_mul(3)).unwrap_or(i32::MAX))
            .into_paginator()
            .items()
            .send();
        while let Some(item) = pages.next().await {
            let target: Target = from_row("target", item.map_err(unavailable("list targets"))?)?;
            let whole = found.len() == limit;
            match found.last_mut() {
                Some((post, rows)) if *post == target.post => rows.push(target),
                _ if whole => return Ok(true),
                _ => found.push((target.post, vec![target])),
            }
        }
        Ok(false)
    }

    /// Those of `ids` that there are.
    ///
    /// # Errors
    /// The store did not answer.
    pub async fn posts_by_id(
        &self,
        tenant: Tenant,
        ids: impl Iterator<Item = PostId>,
    ) -> Result<BTreeMap<PostId, Post>, StoreError> {
        let ids: BTreeSet<PostId> = ids.collect();
        let keys = ids.into_iter().map(|id| (keys::post(tenant, id), keys::POST.to_owned())).collect();
        let rows = self.get_many("read posts", keys).await?;
        rows.into_iter().map(|item| from_row::<Post>("post", item).map(|post| (post.id, post))).collect()
    }

    /// Reads many rows, in batches, until DynamoDB has answered for each.
    pub(super) async fn get_many(
        &self,
        operation: &'static str,
        keys: Vec<(String, String)>,
    ) -> Result<Vec<Item>, StoreError> {
        let mut rows = Vec::new();
        for batch in keys.chunks(100) {
            let mut left: Vec<Item> = batch
                .iter()
                .map(|(pk, sk)| Item::from([("pk".to_owned(), text(pk)), ("sk".to_owned(), text(sk))]))
                .collect();
            // DynamoDB may answer for a part and leave the rest; each round answers for at least one key.
            while !left.is_empty() {
                let wanted = KeysAndAttributes::builder()
                    .set_keys(Some(left))
                    .build()
                    .map_err(|_| StoreError::Unavailable { operation, code: "incomplete_request".into() })?;
                let output = self
                    .client
                    .batch_get_item()
                    .request_items(&self.table, wanted)
                    .send()
                    .await
                    .map_err(unavailable(operation))?;
                rows.extend(output.responses.into_iter().flatten().flat_map(|(_, items)| items));
                left = output.unprocessed_keys.into_iter().flatten().flat_map(|(_, unread)| unread.keys).collect();
            }
        }
        Ok(rows)
    }

    /// Adds a line to a target's history. The same line twice is one line.
    ///
    /// # Errors
    /// The store did not answer.
    pub async fn log(&self, tenant: Tenant, post: PostId, entry: &LogEntry) -> Result<(), StoreError> {
        let row = to_row("log entry", keys::post(tenant, post), keys::log(entry.target, entry.fence), entry)?;
        self.put("write a log entry", row).await
    }

    /// Everything that went wrong or had to wait, oldest first within each target.
    ///
    /// # Errors
    /// The store did not answer.
    pub async fn logs(&self, tenant: Tenant, post: PostId) -> Result<Vec<LogEntry>, StoreError> {
        let rows = self
            .rows_under("read log entries", keys::post(tenant, post), keys::TARGET_PREFIX, false)
            .await?
            .into_iter();
        // Figures stand beside them.
        let is_line =
            |row: &Item| row.get("sk").and_then(|sort| sort.as_s().ok()).is_some_and(|sort| keys::is_log(sort));
        rows.filter(is_line).map(|row| from_row("log entry", row)).collect()
    }
}

/// Whether DynamoDB refused because another transaction holds the row, or because this very one is still at work: the SDK
/// sent it twice.
pub(super) fn is_conflict(code: &str) -> bool {
    matches!(code, "TransactionConflictException" | "TransactionInProgressException")
}

/// The row of a target that dispatch looks at from `due_at` on.
pub(super) fn due_row(tenant: Tenant, target: &Target, due_at: Timestamp) -> Result<Item, StoreError> {
    let sort = keys::target(target.created_at, target.post, target.target);
    let due = keys::at(due_at, &sort);
    let mut row = to_row("target", keys::day(tenant, target.created_at), sort, target)?;
    row.insert("due_shard".into(), text(keys::due_targets(target.post)));
    row.insert("due_at".into(), text(due));
    Ok(row)
}

/// The rows that a scheduled post begins with, and those that an edit begins anew with.
pub(super) fn untouched_targets(post: &Post, updated_at: Timestamp) -> impl Iterator<Item = Target> {
    let state = if post.planned.is_some() { State::Scheduled } else { State::Queued };
    post.targets().map(move |(target, spec)| Target {
        post: post.id,
        target,
        version: post.version,
        state,
        fence: 0,
        platform: spec.platform,
        connection: spec.connection,
        destination: spec.destination.clone(),
        created_at: post.created_at,
        updated_at,
        attempts: 0,
        owner: None,
        lease_until: None,
        not_before: post.planned.as_ref().map(|planned| planned.at),
        intent: None,
        checkpoint: None,
        remote_id: None,
        url: None,
        reason: None,
        started_at: None,
        cancelled_by: None,
        resolved: None,
        not_after: None,
        redriven_at: None,
        removal: None,
    })
}

fn utc_date(at: Timestamp) -> Date {
    at.to_zoned(TimeZone::UTC).date()
}

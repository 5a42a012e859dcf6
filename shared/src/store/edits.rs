//! Edits: a post and all its targets take the next version together, or not at all.

use aws_sdk_dynamodb::{
    operation::transact_write_items::TransactWriteItemsError,
    types::{CancellationReason, Put, ReturnValuesOnConditionCheckFailure, TransactWriteItem, builders::PutBuilder},
};
use jiff::Timestamp;

use super::{
    Item, Store, StoreError, from_row, keys, number,
    posts::{due_row, untouched_targets},
    text, to_row, unavailable,
};
use crate::{
    ids::PostId,
    post::{Edit, Post},
    target::{State, Target},
    tenant::Tenant,
};

const OPERATION: &str = "edit a post";
/// How often a transaction is sent that another write of the same rows got in the way of.
const TRIES: u32 = 3;

/// An edit to be made.
#[derive(Debug)]
pub struct PostEdit<'a> {
    /// The post as it was read.
    pub before: &'a Post,
    /// The post as it shall be, under the next version.
    pub after: &'a Post,
    /// The line for its history.
    pub entry: &'a Edit,
    /// New for every request: it tells our own write, whose answer was lost, from another's.
    pub nonce: &'a str,
    /// When dispatch first looks at the targets.
    pub due_at: Timestamp,
}

/// What became of the wish to edit a post.
#[derive(Debug)]
pub enum Edited {
    /// It is edited; these are the rows of its targets.
    Done(Vec<Target>),
    /// It has another version by now.
    Changed,
    /// Something of it has begun or ended; nothing was changed.
    Started(State),
}

impl Store {
    /// Edits a post of which nothing has begun: post, history and the rows of all targets in one transaction, under the
    /// next version. Whoever holds a job or has read the post of the version before can claim nothing any more.
    ///
    /// # Errors
    /// The store did not answer: it may have been edited all the same.
    pub async fn edit(&self, tenant: Tenant, edit: &PostEdit<'_>) -> Result<Edited, StoreError> {
        let rows: Vec<Target> = untouched_targets(edit.after, edit.entry.at).collect();
        let mut tries = 1;
        let reasons = loop {
            let sent = self
                .client
                .transact_write_items()
                .set_transact_items(Some(self.edit_writes(tenant, edit, &rows)?))
                .client_request_token(edit.nonce)
                .send()
                .await;
            let Err(error) = sent else { return Ok(Edited::Done(rows)) };
            match error.as_service_error() {
                Some(TransactWriteItemsError::TransactionCanceledException(cancelled)) => {
                    let reasons = cancelled.cancellation_reasons().to_vec();
                    if reasons.iter().any(refused) {
                        break reasons;
                    }
                    if tries == TRIES {
                        return Err(unavailable(OPERATION)(error));
                    }
                    tries += 1;
                }
                _ => return Err(unavailable(OPERATION)(error)),
            }
        };
        // The post's write comes first. If it was refused, our own may have been made before, and a claim since then.
        match reasons.first().filter(|reason| refused(reason)) {
            Some(_) if self.is_ours(tenant, edit).await? => Ok(Edited::Done(rows)),
            Some(_) => Ok(Edited::Changed),
            None => {
                let standing = reasons.iter().find(|reason| refused(reason)).and_then(CancellationReason::item);
                let standing: Target = from_row("target", standing.cloned().unwrap_or_default())?;
                Ok(Edited::Started(standing.state))
            }
        }
    }

    fn edit_writes(
        &self,
        tenant: Tenant,
        edit: &PostEdit<'_>,
        rows: &[Target],
    ) -> Result<Vec<TransactWriteItem>, StoreError> {
        let PostEdit { before, after, entry, nonce, due_at } = *edit;
        let partition = || keys::post(tenant, after.id);
        let mut post = to_row("post", partition(), keys::POST.to_owned(), after)?;
        post.insert("nonce".into(), text(nonce));
        let mut line = to_row("edit", partition(), keys::edit(after.version), entry)?;
        line.insert("nonce".into(), text(nonce));
        let at_version = self
            .put_row(post)
            .condition_expression("version = :before")
            .expression_attribute_values(":before", number(before.version));
        let mut writes = vec![write(at_version)?, write(self.put_row(line))?];
        if before.version == 1 {
            // What the creating request was answered with is needed for as long as that request may be repeated.
            writes.push(write(self.put_row(to_row("post", partition(), keys::ACCEPTED.to_owned(), before)?))?);
        }
        for target in rows {
            let untouched = self
                .put_row(due_row(tenant, target, due_at)?)
                .condition_expression(
                    "attribute_not_exists(pk) OR (version = :before AND fence = :never AND \
                     #state IN (:scheduled, :queued))",
                )
                .expression_attribute_names("#state", "state")
                .expression_attribute_values(":before", number(before.version))
                .expression_attribute_values(":never", number(0))
                .expression_attribute_values(":scheduled", text(State::Scheduled.name()))
                .expression_attribute_values(":queued", text(State::Queued.name()));
            writes.push(write(untouched)?);
        }
        Ok(writes)
    }

    fn put_row(&self, row: Item) -> PutBuilder {
        Put::builder()
            .table_name(&self.table)
            .set_item(Some(row))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
    }

    /// Whether this very edit made the version that it meant to make: the SDK, or DynamoDB after ten minutes, may have
    /// taken its repetition for another edit.
    async fn is_ours(&self, tenant: Tenant, edit: &PostEdit<'_>) -> Result<bool, StoreError> {
        let key = (keys::post(tenant, edit.after.id), keys::edit(edit.after.version));
        let line = self.get(OPERATION, key.0, key.1, true).await?;
        let nonce = line.as_ref().and_then(|line| line.get("nonce")?.as_s().ok());
        Ok(nonce.is_some_and(|nonce| nonce == edit.nonce))
    }

    /// The post as its creating request was answered.
    ///
    /// # Errors
    /// The store did not answer.
    pub async fn as_accepted(&self, tenant: Tenant, post: Post) -> Result<Post, StoreError> {
        if post.version == 1 {
            return Ok(post);
        }
        let key = keys::post(tenant, post.id);
        let first = self.get("read an accepted post", key, keys::ACCEPTED.to_owned(), true).await?;
        first.map_or(Ok(post), |first| from_row("post", first))
    }

    /// Every edit of a post, the first one first.
    ///
    /// # Errors
    /// The store did not answer.
    pub async fn edits(&self, tenant: Tenant, post: PostId) -> Result<Vec<Edit>, StoreError> {
        let rows = self.rows_under("read edits", keys::post(tenant, post), keys::EDIT_PREFIX, true).await?;
        rows.into_iter().map(|row| from_row("edit", row)).collect()
    }
}

fn refused(reason: &CancellationReason) -> bool {
    reason.code() == Some("ConditionalCheckFailed")
}

fn write(put: PutBuilder) -> Result<TransactWriteItem, StoreError> {
    let put = put.build();
    let put = put.map_err(|_| StoreError::Unavailable { operation: OPERATION, code: "incomplete_request".into() })?;
    Ok(TransactWriteItem::builder().put(put).build())
}

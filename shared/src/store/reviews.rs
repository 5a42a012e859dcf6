//! A person's answer to the question what became of a publish: one transaction of the target and its history.

use aws_sdk_dynamodb::{
    operation::transact_write_items::TransactWriteItemsError,
    types::{CancellationReason, Put, TransactWriteItem, Update},
};
use url::Url;

use super::{
    Store, StoreError, keys, number,
    targets::{Change, Expression},
    text, to_attribute, to_row, unavailable,
};
use crate::{
    target::{LogEntry, Resolved, State, Target},
    tenant::Tenant,
};

const OPERATION: &str = "resolve a target";

/// What a person's answer leads to.
#[derive(Debug)]
pub struct Review<'a> {
    /// The target as it was read: in `needs_review`.
    pub found: &'a Target,
    /// The answer, and whose it is.
    pub resolved: &'a Resolved,
    /// The line for its history; its state is what the target becomes, its fence the target's next one.
    pub entry: &'a LogEntry,
    /// The platform's id of the post, if it was told.
    pub remote_id: Option<&'a str>,
    /// Where people see it, if it was told.
    pub url: Option<&'a Url>,
}

/// Whether an answer was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reviewed {
    /// It was.
    Done,
    /// The target has moved on: answered before, perhaps by ourselves. Nothing was written.
    Moved,
}

impl Store {
    /// Writes a person's answer, if the target still waits for one since it was read.
    ///
    /// # Errors
    /// The store did not answer: it may have been written all the same.
    pub async fn resolve(&self, tenant: Tenant, review: &Review<'_>) -> Result<Reviewed, StoreError> {
        let incomplete = |_| StoreError::Unavailable { operation: OPERATION, code: "incomplete_request".into() };
        let found = review.found;
        let line = to_row(
            "log entry",
            keys::post(tenant, found.post),
            keys::log(found.target, review.entry.fence),
            review.entry,
        )?;
        let line = Put::builder().table_name(&self.table).set_item(Some(line)).build().map_err(incomplete)?;
        let sort = keys::target(found.created_at, found.post, found.target);
        let Expression { update, mut names, mut values } = change(review)?.expression("");
        names.insert("#fence".into(), "fence".into());
        values.insert(":fence".into(), number(found.fence));
        values.insert(":needs_review".into(), text(State::NeedsReview.name()));
        let target = Update::builder()
            .table_name(&self.table)
            .key("pk", text(keys::day(tenant, found.created_at)))
            .key("sk", text(sort))
            .update_expression(update)
            .condition_expression("#fence = :fence AND #state = :needs_review")
            .set_expression_attribute_names(Some(names))
            .set_expression_attribute_values(Some(values))
            .build()
            .map_err(incomplete)?;
        let writes =
            [TransactWriteItem::builder().update(target).build(), TransactWriteItem::builder().put(line).build()];
        let sent = self.client.transact_write_items().set_transact_items(Some(writes.into())).send().await;
        let Err(error) = sent else { return Ok(Reviewed::Done) };
        match error.as_service_error() {
            Some(TransactWriteItemsError::TransactionCanceledException(cancelled))
                if cancelled.cancellation_reasons().first().and_then(CancellationReason::code)
                    == Some("ConditionalCheckFailed") =>
            {
                Ok(Reviewed::Moved)
            }
            _ => Err(unavailable(OPERATION)(error)),
        }
    }
}

fn change(review: &Review<'_>) -> Result<Change, StoreError> {
    let Review { found, resolved, entry, remote_id, url } = *review;
    let mut change = Change::new(entry.state, resolved.at);
    change.set("fence", number(entry.fence));
    change.set("resolved", to_attribute("resolution", resolved)?);
    change.remove(&["checkpoint", "owner"]);
    // Without an id nobody could tell this post from another with the same words: the intent stays, and says that it is out.
    if entry.state != State::Published || remote_id.is_some() {
        change.remove(&["intent"]);
    }
    if entry.state == State::Published {
        change.remove(&["reason"]);
        if let Some(remote_id) = remote_id {
            change.set("remote_id", text(remote_id));
        }
        if let Some(url) = url {
            change.set("url", text(url));
        }
    } else if let Some(reason) = &entry.reason {
        change.set("reason", to_attribute("reason", reason)?);
    }
    if entry.state == State::Queued {
        // Every attempt anew, and no message goes along: dispatch sends one at its next tick.
        let sort = keys::target(found.created_at, found.post, found.target);
        change.set("attempts", number(0));
        change.set("due_shard", text(keys::due_targets(found.post)));
        change.set("due_at", text(keys::at(resolved.at, &sort)));
    }
    Ok(change)
}

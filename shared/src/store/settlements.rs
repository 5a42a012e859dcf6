//! How an attempt goes on and how it ends: each one conditional write that only the holder of the claim can make, or one
//! transaction of it and its line in the target's history.

use aws_sdk_dynamodb::{
    error::ProvideErrorMetadata,
    operation::{transact_write_items::TransactWriteItemsError, update_item::builders::UpdateItemFluentBuilder},
    types::{AttributeValue, CancellationReason, Put, ReturnValuesOnConditionCheckFailure, TransactWriteItem, Update},
};
use jiff::{SignedDuration, Timestamp};

use super::{
    Item, Store, StoreError, from_row, keys, millis, number,
    posts::is_conflict,
    targets::{Change, Expression},
    text, to_attribute, to_row, unavailable,
};
use crate::{
    connector::Checkpoint,
    defect::Defect,
    target::{Intent, LogEntry, Settlement, State, Target},
    tenant::Tenant,
};

/// How long after a target's time its reminder stands, which dispatch sees 90 s ahead: so a minute after it. The message that
/// was sent along should have done its work by then; the reminder is for the case that it was lost.
pub(super) const REMINDER: SignedDuration = SignedDuration::from_secs(150);
/// The longest wait that a message can carry.
const LONGEST_MESSAGE_WAIT: SignedDuration = SignedDuration::from_mins(15);
/// How often a transaction is sent that finds another at work on the row.
const SENT_AT_MOST: u32 = 3;

const OPERATION: &str = "settle a target";

/// Whether a settlement was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Settled {
    /// It was.
    Done,
    /// The claim had passed to another in the meantime; nothing was written.
    Lost,
}

/// Only the holder of the claim meets it.
const CLAIMED: &str = "fence = :fence AND #state IN (:held_running, :held_unknown)";

impl Store {
    /// Stores what the connector must remember, and the intent where the next call publishes; [`Settled::Lost`] means
    /// that the call must not be made.
    ///
    /// # Errors
    /// The store did not answer: the call must not be made either.
    pub async fn record_step(
        &self,
        tenant: Tenant,
        claimed: &Target,
        checkpoint: &Checkpoint,
        intent: Option<&Intent>,
    ) -> Result<Settled, StoreError> {
        let (set_intent, intent) = match intent {
            Some(intent) => (", intent = :intent", Some(to_attribute("intent", intent)?)),
            None => ("", None),
        };
        let mut builder = self
            .update_claimed(tenant, claimed)
            .update_expression(format!("SET checkpoint = :checkpoint{set_intent}"))
            .expression_attribute_values(":checkpoint", to_attribute("checkpoint", checkpoint)?);
        if let Some(intent) = intent {
            builder = builder.expression_attribute_values(":intent", intent);
        }
        Ok(match self.conditional("record a step", builder).await? {
            Ok(_) => Settled::Done,
            Err(_) => Settled::Lost,
        })
    }

    /// Writes how an attempt ended, and its line for the target's history if there is one: both or neither. A claim that
    /// has passed to another writes nothing.
    ///
    /// # Errors
    /// The store did not answer; if nothing was written, the target stays as it was until its lease ends.
    pub async fn settle(
        &self,
        tenant: Tenant,
        claimed: &Target,
        (settlement, line): (&Settlement, Option<&LogEntry>),
        now: Timestamp,
    ) -> Result<Settled, StoreError> {
        // DynamoDB knows a transaction that arrives twice, late or not; what the fence is for shows in writes that it does not.
        let line = line.filter(|_| !Defect::IgnoresTheFence.is_present());
        let stood_in_the_way = if let Some(line) = line {
            self.settle_and_log(tenant, claimed, settlement, line, now).await?
        } else {
            let builder = change(tenant, claimed, settlement, now)?.apply(self.update_claimed(tenant, claimed));
            self.conditional(OPERATION, builder).await?.err()
        };
        let Some(found) = stood_in_the_way else { return Ok(Settled::Done) };
        // The SDK may have sent it twice: then it stands as we wanted it, under our own claim.
        let found: Target = from_row("target", found)?;
        let written = found.fence == claimed.fence && found.state == settlement.state();
        Ok(if written { Settled::Done } else { Settled::Lost })
    }

    /// The row that stood in the way, if one did.
    async fn settle_and_log(
        &self,
        tenant: Tenant,
        claimed: &Target,
        settlement: &Settlement,
        line: &LogEntry,
        now: Timestamp,
    ) -> Result<Option<Item>, StoreError> {
        let incomplete = |_| StoreError::Unavailable { operation: OPERATION, code: "incomplete_request".into() };
        let row = to_row("log entry", keys::post(tenant, claimed.post), keys::log(line.target, line.fence), line)?;
        let put = Put::builder().table_name(&self.table).set_item(Some(row)).build().map_err(incomplete)?;
        let Expression { update, mut names, mut values } = change(tenant, claimed, settlement, now)?.expression("");
        names.insert("#state".into(), "state".into());
        values.extend(held_by(claimed).map(|(name, value)| (name.to_owned(), value)));
        let target = Update::builder()
            .table_name(&self.table)
            .key("pk", text(keys::day(tenant, claimed.created_at)))
            .key("sk", text(keys::target(claimed.created_at, claimed.post, claimed.target)))
            .update_expression(update)
            .condition_expression(claim_condition())
            .set_expression_attribute_names(Some(names))
            .set_expression_attribute_values(Some(values))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .build()
            .map_err(incomplete)?;
        let writes =
            [TransactWriteItem::builder().update(target).build(), TransactWriteItem::builder().put(put).build()];
        let mut sent = 1;
        loop {
            let outcome = self.client.transact_write_items().set_transact_items(Some(writes.to_vec())).send().await;
            let Err(error) = outcome else { return Ok(None) };
            let reason = match error.as_service_error() {
                Some(TransactWriteItemsError::TransactionCanceledException(cancelled)) => {
                    cancelled.cancellation_reasons().first()
                }
                _ => None,
            };
            match reason.and_then(CancellationReason::code) {
                Some("ConditionalCheckFailed") => {
                    return Ok(Some(reason.and_then(CancellationReason::item).cloned().unwrap_or_default()));
                }
                code if sent < SENT_AT_MOST
                    && (code == Some("TransactionConflict") || error.code().is_some_and(is_conflict)) =>
                {
                    sent += 1;
                }
                _ => return Err(unavailable(OPERATION)(error)),
            }
        }
    }

    /// An update that only the holder of the claim can make.
    fn update_claimed(&self, tenant: Tenant, claimed: &Target) -> UpdateItemFluentBuilder {
        let builder = self
            .update_target(tenant, claimed.created_at, claimed.post, claimed.target)
            .condition_expression(claim_condition())
            .expression_attribute_names("#state", "state");
        held_by(claimed)
            .into_iter()
            .fold(builder, |builder, (name, value)| builder.expression_attribute_values(name, value))
    }
}

fn claim_condition() -> String {
    let anybody = if Defect::IgnoresTheFence.is_present() { " OR attribute_exists(pk)" } else { "" };
    format!("{CLAIMED}{anybody}")
}

/// The values that [`CLAIMED`] names.
fn held_by(claimed: &Target) -> [(&'static str, AttributeValue); 3] {
    [
        (":fence", number(claimed.fence)),
        (":held_running", text(State::Running.name())),
        (":held_unknown", text(State::Unknown.name())),
    ]
}

/// What a settlement changes in the target's row.
fn change(tenant: Tenant, claimed: &Target, settlement: &Settlement, now: Timestamp) -> Result<Change, StoreError> {
    let mut change = Change::new(settlement.state(), now);
    let sort = keys::target(claimed.created_at, claimed.post, claimed.target);
    match settlement {
        Settlement::Published(published) => {
            change.set("remote_id", text(&published.remote_id));
            if let Some(url) = &published.url {
                change.set("url", text(url));
            }
            change.remove(&["intent", "checkpoint", "reason"]);
        }
        Settlement::Waiting { checkpoint, publish_answered, needs_owner, .. } => {
            if *needs_owner {
                change.set("attention_group", text(keys::held(tenant, claimed.connection)));
                change.set("attention_at", text(keys::at(now, &sort)));
            }
            if checkpoint.0.is_empty() {
                change.remove(&["checkpoint"]);
            } else {
                change.set("checkpoint", to_attribute("checkpoint", checkpoint)?);
            }
            change.set("attempts", number(claimed.attempts.saturating_sub(1)));
            if *publish_answered && !Defect::ForgetsAnsweredPublishes.is_present() {
                change.set("intent.answered", AttributeValue::Bool(true));
            } else {
                change.remove(&["intent"]);
            }
        }
        Settlement::Retrying { .. } if Defect::ForgetsAnsweredPublishes.is_present() => {
            change.remove(&["intent", "checkpoint"]);
        }
        // What was prepared is still there: the next attempt goes on from it. What can be published once only is published
        // by no other than itself.
        Settlement::Retrying { .. } | Settlement::Queued { goes_on: true, .. } => change.remove(&["intent"]),
        Settlement::Expired(_) | Settlement::Queued { goes_on: false, .. } => {
            change.remove(&["intent", "checkpoint"]);
        }
        // From here on only the platform's own word counts, or a person's.
        Settlement::Unknown { .. } | Settlement::NeedsReview(_) if claimed.publish_answered() => {
            change.remove(&["intent.answered"]);
        }
        Settlement::Unknown { .. } | Settlement::NeedsReview(_) => {}
        Settlement::Failed(_) => {
            change.set("attention_group", text(keys::dead_letters(tenant)));
            change.set("attention_at", text(keys::at(now, &sort)));
            // The intent stays, and what the publish had remembered with it: whoever sends the target back to work must
            // ask the platform first.
        }
    }
    if let Some(reason) = settlement.reason() {
        change.set("reason", to_attribute("reason", reason)?);
    }
    if let Some(until) = goes_on_at(settlement, now).filter(|_| !Defect::ForgetsReminders.is_present()) {
        change.set("not_before", millis(until));
        change.set("due_shard", text(keys::due_targets(claimed.post)));
        // What waits longer than a message can is sent by dispatch alone, and then in time.
        let travels = until.duration_since(now) <= LONGEST_MESSAGE_WAIT;
        let due_at = if travels { until.saturating_add(REMINDER).unwrap_or(until) } else { until };
        change.set("due_at", text(keys::at(due_at, &sort)));
    }
    Ok(change)
}

/// When what goes on by itself is looked at again, in case that its message is lost.
fn goes_on_at(settlement: &Settlement, now: Timestamp) -> Option<Timestamp> {
    settlement.until().or_else(|| matches!(settlement, Settlement::Queued { .. }).then_some(now))
}

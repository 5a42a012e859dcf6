//! Targets: settled and cancelled by one conditional write each. (Claims are in `claims`, a person's answers in `reviews`.)

use std::collections::HashMap;

use aws_sdk_dynamodb::{
    operation::update_item::{UpdateItemError, builders::UpdateItemFluentBuilder},
    types::{AttributeValue, ReturnValuesOnConditionCheckFailure},
};
use jiff::{SignedDuration, Timestamp};

use super::{Item, Store, StoreError, from_row, keys, millis, number, text, to_attribute, unavailable};
use crate::{
    connector::{Act, Checkpoint, Refusal},
    defect::Defect,
    ids::{KeyId, PostId, TargetId},
    post::{Post, TargetSpec},
    target::{Intent, Settlement, State, Target},
    tenant::Tenant,
};

/// Whether a settlement was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Settled {
    /// It was.
    Done,
    /// The claim had passed to another in the meantime; nothing was written.
    Lost,
}

/// What became of the wish to call a target off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cancellation {
    /// It will not go out.
    Done,
    /// Too late; it stands like this.
    TooLate(State),
    /// The post was edited in the meantime; nothing was changed.
    Edited,
}

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

    /// Writes how an attempt ended. A claim that has passed to another writes nothing.
    ///
    /// # Errors
    /// The store did not answer; the target stays as it was until its lease ends.
    pub async fn settle(
        &self,
        tenant: Tenant,
        claimed: &Target,
        settlement: &Settlement,
        now: Timestamp,
    ) -> Result<Settled, StoreError> {
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
            // What was prepared is still there: the next attempt goes on from it.
            Settlement::Retrying { .. } => change.remove(&["intent"]),
            Settlement::Expired(_) | Settlement::Queued { .. } => change.remove(&["intent", "checkpoint"]),
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
        // What goes on by itself is looked at again, in case that its message is lost.
        let goes_on = match settlement {
            Settlement::Queued { .. } => Some(now),
            Settlement::Waiting { .. }
            | Settlement::Retrying { .. }
            | Settlement::Unknown { .. }
            | Settlement::Published(_)
            | Settlement::NeedsReview(_)
            | Settlement::Failed(_)
            | Settlement::Expired(_) => settlement.until(),
        };
        if let Some(until) = goes_on.filter(|_| !Defect::ForgetsReminders.is_present()) {
            change.set("not_before", millis(until));
            change.set("due_shard", text(keys::due_targets(claimed.post)));
            // What waits longer than a message can is sent by dispatch alone, and then in time.
            let travels = until.duration_since(now) <= LONGEST_MESSAGE_WAIT;
            let due_at = if travels { until.saturating_add(REMINDER).unwrap_or(until) } else { until };
            change.set("due_at", text(keys::at(due_at, &sort)));
        }
        let builder = change.apply(self.update_claimed(tenant, claimed));
        match self.conditional("settle a target", builder).await? {
            Ok(_) => Ok(Settled::Done),
            Err(item) => {
                // The SDK may have sent it twice: then it stands as we wanted it, under our own claim.
                let found: Target = from_row("target", item)?;
                let written = found.fence == claimed.fence && found.state == settlement.state();
                Ok(if written { Settled::Done } else { Settled::Lost })
            }
        }
    }

    /// Calls a target off, if nothing is at work on it and nothing may be out.
    ///
    /// # Errors
    /// The store did not answer.
    pub async fn cancel(
        &self,
        tenant: Tenant,
        post: &Post,
        (target, spec): (TargetId, &TargetSpec),
        (by, now): (KeyId, Timestamp),
    ) -> Result<Cancellation, StoreError> {
        let mut change = Change::new(State::Cancelled, now);
        let reason = Refusal::ours("post.cancelled", Act::Nobody, "It was called off; it was not published.");
        change.set("reason", to_attribute("reason", &reason)?);
        change.set("cancelled_by", text(by));
        change.set("version", number(post.version));
        change.set("post", text(post.id));
        change.set("target", text(target));
        change.set("platform", text(spec.platform));
        change.set("connection", text(spec.connection));
        change.set("destination", text(&spec.destination));
        change.set("created_at", millis(post.created_at));
        let mut condition = "attribute_not_exists(pk) OR (version = :set_version AND attribute_not_exists(intent) AND \
             #state IN (:scheduled, :queued, :waiting, :retrying))"
            .to_owned();
        if Defect::CancelsRunningTargets.is_present() {
            condition.push_str(" OR attribute_exists(lease_until)");
        }
        let builder = change
            .apply_with(self.update_target(tenant, post.created_at, post.id, target), "ADD fence :one")
            .expression_attribute_values(":one", number(1))
            .condition_expression(condition);
        let builder = [State::Scheduled, State::Queued, State::Waiting, State::Retrying]
            .into_iter()
            .fold(builder, |builder, state| {
                builder.expression_attribute_values(format!(":{}", state.name()), text(state.name()))
            });
        Ok(match self.conditional("cancel a target", builder).await? {
            Ok(_) => Cancellation::Done,
            Err(item) => {
                let found: Target = from_row("target", item)?;
                if found.state == State::Cancelled {
                    Cancellation::Done
                } else if found.version == post.version {
                    Cancellation::TooLate(found.state)
                } else {
                    Cancellation::Edited
                }
            }
        })
    }

    pub(super) fn update_target(
        &self,
        tenant: Tenant,
        created_at: Timestamp,
        post: PostId,
        target: TargetId,
    ) -> UpdateItemFluentBuilder {
        self.client
            .update_item()
            .table_name(&self.table)
            .key("pk", text(keys::day(tenant, created_at)))
            .key("sk", text(keys::target(created_at, post, target)))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
    }

    /// An update that only the holder of the claim can make.
    fn update_claimed(&self, tenant: Tenant, claimed: &Target) -> UpdateItemFluentBuilder {
        let mut condition = "fence = :fence AND #state IN (:held_running, :held_unknown)".to_owned();
        if Defect::IgnoresTheFence.is_present() {
            condition.push_str(" OR attribute_exists(pk)");
        }
        self.update_target(tenant, claimed.created_at, claimed.post, claimed.target)
            .condition_expression(condition)
            .expression_attribute_names("#state", "state")
            .expression_attribute_values(":fence", number(claimed.fence))
            .expression_attribute_values(":held_running", text(State::Running.name()))
            .expression_attribute_values(":held_unknown", text(State::Unknown.name()))
    }

    /// Sends a conditional update: the new row, or the row that stood in its way.
    pub(super) async fn conditional(
        &self,
        operation: &'static str,
        builder: UpdateItemFluentBuilder,
    ) -> Result<Result<Item, Item>, StoreError> {
        match builder.send().await {
            Ok(output) => Ok(Ok(output.attributes.unwrap_or_default())),
            Err(error) => match error.as_service_error() {
                Some(UpdateItemError::ConditionalCheckFailedException(failed)) => {
                    Ok(Err(failed.item().cloned().unwrap_or_default()))
                }
                _ => Err(unavailable(operation)(error)),
            },
        }
    }
}

/// How long after a target's time its reminder stands, which dispatch sees 90 s ahead: so a minute after it. The message that
/// was sent along should have done its work by then; the reminder is for the case that it was lost.
pub(super) const REMINDER: SignedDuration = SignedDuration::from_secs(150);
/// The longest wait that a message can carry.
const LONGEST_MESSAGE_WAIT: SignedDuration = SignedDuration::from_mins(15);

/// One update expression in the making: every change sets the state and its time, and lifts the lease.
pub(super) struct Change {
    sets: Vec<(&'static str, AttributeValue)>,
    removes: Vec<&'static str>,
}

impl Change {
    pub(super) fn new(state: State, now: Timestamp) -> Self {
        let mut change = Self { sets: Vec::new(), removes: Vec::new() };
        change.set("state", text(state.name()));
        change.set("updated_at", millis(now));
        change.remove(&["lease_until"]);
        change
    }

    pub(super) fn set(&mut self, name: &'static str, value: AttributeValue) {
        self.sets.push((name, value));
    }

    pub(super) fn remove(&mut self, names: &[&'static str]) {
        self.removes.extend(names);
    }

    fn apply(self, builder: UpdateItemFluentBuilder) -> UpdateItemFluentBuilder {
        self.apply_with(builder, "")
    }

    pub(super) fn apply_with(self, mut builder: UpdateItemFluentBuilder, also: &str) -> UpdateItemFluentBuilder {
        let Expression { update, names, values } = self.expression(also);
        for (short, name) in names {
            builder = builder.expression_attribute_names(short, name);
        }
        for (short, value) in values {
            builder = builder.expression_attribute_values(short, value);
        }
        builder.update_expression(update)
    }

    /// Every name goes through a substitute (`#…`): half of the plain words are reserved in DynamoDB.
    pub(super) fn expression(mut self, also: &str) -> Expression {
        // What is not set anew about time, place and who is needed is stale.
        for stale in ["not_before", "due_shard", "due_at", "attention_group", "attention_at"] {
            if !self.sets.iter().any(|(name, _)| *name == stale) {
                self.removes.push(stale);
            }
        }
        let sets: Vec<String> =
            self.sets.iter().map(|(name, _)| format!("{} = :set_{}", path(name), name.replace('.', "_"))).collect();
        let removes: Vec<String> = self.removes.iter().map(|name| path(name)).collect();
        let named = self.sets.iter().map(|(name, _)| *name).chain(self.removes.iter().copied());
        let parts = named.flat_map(|name| name.split('.'));
        Expression {
            update: format!("SET {} REMOVE {} {also}", sets.join(", "), removes.join(", ")),
            names: parts.map(|part| (format!("#{part}"), part.to_owned())).collect(),
            values: self
                .sets
                .into_iter()
                .map(|(name, value)| (format!(":set_{}", name.replace('.', "_")), value))
                .collect(),
        }
    }
}

/// A name as an expression spells it; a dot leads into a map.
fn path(name: &str) -> String {
    let parts: Vec<String> = name.split('.').map(|part| format!("#{part}")).collect();
    parts.join(".")
}

/// A change as DynamoDB wants it.
pub(super) struct Expression {
    pub(super) update: String,
    pub(super) names: HashMap<String, String>,
    pub(super) values: HashMap<String, AttributeValue>,
}

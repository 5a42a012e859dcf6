//! Targets: what every change of one has in common, and calling one off. (Claims are in `claims`, ends of attempts in
//! `settlements`, a person's answers in `reviews`.)

use std::collections::HashMap;

use aws_sdk_dynamodb::{
    operation::update_item::{UpdateItemError, builders::UpdateItemFluentBuilder},
    types::{AttributeValue, ReturnValuesOnConditionCheckFailure},
};
use jiff::Timestamp;

use super::{Item, Store, StoreError, from_row, keys, millis, number, text, to_attribute, unavailable};
use crate::{
    connector::{Act, Refusal},
    defect::Defect,
    ids::{KeyId, PostId, TargetId},
    post::{Post, TargetSpec},
    target::{State, Target},
    tenant::Tenant,
};

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

    pub(super) fn apply(self, builder: UpdateItemFluentBuilder) -> UpdateItemFluentBuilder {
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

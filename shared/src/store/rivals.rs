//! What else of ours a read-back could mistake for the post that it looks for.

use jiff::{SignedDuration, Timestamp};

use super::{Store, StoreError, from_row, keys, millis, text, unavailable};
use crate::{
    target::{State, Target},
    tenant::Tenant,
};

/// Targets of ours that a read-back could mistake for another.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rivals {
    /// The platform's ids of those that are out: a read-back must pass over these.
    pub published: Vec<String>,
    /// Whether another publish with the very same content may be out, too: then a post that is found may be either's.
    pub unknown_twin: bool,
}

impl Rivals {
    fn add(&mut self, target: &Target, other: Target) {
        if (other.post, other.target) == (target.post, target.target) {
            return;
        }
        let fingerprint = |of: &Target| of.intent.as_ref().map(|intent| intent.fingerprint.clone());
        let twin = fingerprint(&other).is_some() && fingerprint(&other) == fingerprint(target);
        // A failed target keeps its intent and is known not to be out, as far as the platform's answers can be trusted. Only
        // where these are questioned, of a dead letter, its likes among the dead letters are questioned as well.
        self.unknown_twin |= twin && (other.state != State::Failed || target.state == State::Failed);
        self.published.extend(other.remote_id);
    }
}

impl Store {
    /// What else of ours may be mistaken for `target` at its destination: posts accepted from the day before its publish
    /// was sent on.
    ///
    /// # Errors
    /// The store did not answer.
    pub async fn rivals(&self, tenant: Tenant, target: &Target, now: Timestamp) -> Result<Rivals, StoreError> {
        let sent_at = target.intent.as_ref().map_or(target.updated_at, |intent| intent.at);
        let mut rivals = Rivals::default();
        let mut day = sent_at.saturating_sub(SignedDuration::from_hours(24)).unwrap_or(sent_at);
        let last = keys::day(tenant, now);
        loop {
            let partition = keys::day(tenant, day);
            let mut pages = self
                .client
                .query()
                .table_name(&self.table)
                .key_condition_expression("pk = :pk")
                .filter_expression(
                    "destination = :destination AND updated_at >= :sent_at AND \
                     (#state = :published OR attribute_exists(intent))",
                )
                .expression_attribute_names("#state", "state")
                .expression_attribute_values(":pk", text(&partition))
                .expression_attribute_values(":destination", text(&target.destination))
                .expression_attribute_values(":published", text(State::Published.name()))
                .expression_attribute_values(":sent_at", millis(sent_at))
                .into_paginator()
                .items()
                .send();
            while let Some(item) = pages.next().await {
                rivals.add(target, from_row("target", item.map_err(unavailable("find our own posts"))?)?);
            }
            if partition >= last {
                return Ok(rivals);
            }
            day = day.saturating_add(SignedDuration::from_hours(24)).unwrap_or(Timestamp::MAX);
        }
    }
}

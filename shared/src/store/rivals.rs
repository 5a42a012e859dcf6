//! What else of ours a read-back could mistake for the post that it looks for.

use aws_sdk_dynamodb::types::AttributeValue;
use jiff::{SignedDuration, Timestamp};

use super::{Item, Store, StoreError, from_row, keys, millis, text, time_to_live, unavailable};
use crate::{
    post::Post,
    target::{State, Target},
    tenant::Tenant,
};

/// Targets are looked for under the day on which their posts were accepted. One that is begun longer after that than this is
/// noted under the day on which it is begun, too.
const LONG_BEFORE: SignedDuration = SignedDuration::from_hours(20);
/// How much earlier than the publish in question another may have ended and still be mistaken for it: more than a
/// platform's listing is asked to go back.
const NEAR: SignedDuration = SignedDuration::from_mins(10);
/// One day: how far beside the day of the publish its rivals can be noted.
const DAY: SignedDuration = SignedDuration::from_hours(24);
/// How long a note is kept: a dead letter is asked about as long as anybody redrives it.
const KEPT: SignedDuration = SignedDuration::from_hours(200 * 24);

/// Targets of ours that a read-back could mistake for another.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rivals {
    /// The platform's ids of those that are out: a read-back must pass over these.
    pub published: Vec<String>,
    /// Whether another publish with the very same content may be out, too: then a post that is found may be either's.
    pub unknown_twin: bool,
}

impl Rivals {
    fn add(&mut self, target: &Target, since: Timestamp, other: Target) {
        if (other.post, other.target) == (target.post, target.target) || other.destination != target.destination {
            return;
        }
        let fingerprint = |of: &Target| of.intent.as_ref().map(|intent| intent.fingerprint.clone());
        let twin = fingerprint(&other).is_some() && fingerprint(&other) == fingerprint(target);
        // A failed target keeps its intent and is known not to be out, as far as the platform's answers can be trusted. Only
        // where these are questioned, of a dead letter, its likes among the dead letters are questioned as well.
        self.unknown_twin |= twin && (other.state != State::Failed || target.state == State::Failed);
        if other.state == State::Published && other.updated_at >= since {
            self.published.extend(other.remote_id);
        }
    }
}

impl Store {
    /// What else of ours may be mistaken for `target` at its destination: what was published around the time at which its
    /// publish was sent or later, and every publish whose end is open.
    ///
    /// # Errors
    /// The store did not answer.
    pub async fn rivals(&self, tenant: Tenant, target: &Target, now: Timestamp) -> Result<Rivals, StoreError> {
        let sent_at = target.intent.as_ref().map_or(target.updated_at, |intent| intent.at);
        let since = sent_at.saturating_sub(NEAR).unwrap_or(sent_at);
        // What is begun a day after it cannot be mistaken for it any more.
        let last = keys::day(tenant, now.min(sent_at.saturating_add(DAY).unwrap_or(sent_at)));
        let mut rivals = Rivals::default();
        let mut day = since.saturating_sub(DAY).unwrap_or(since);
        loop {
            let partition = keys::day(tenant, day);
            for row in self.rivals_of_a_day(&partition, target, since).await? {
                rivals.add(target, since, from_row("target", row)?);
            }
            for note in self.rivals_begun(tenant, day, target).await? {
                if let Some(row) = self.noted_target(note).await? {
                    rivals.add(target, since, from_row("target", row)?);
                }
            }
            if partition >= last {
                return Ok(rivals);
            }
            day = day.saturating_add(DAY).unwrap_or(Timestamp::MAX);
        }
    }

    async fn rivals_of_a_day(&self, day: &str, target: &Target, since: Timestamp) -> Result<Vec<Item>, StoreError> {
        let pages = self
            .client
            .query()
            .table_name(&self.table)
            .key_condition_expression("pk = :pk")
            .filter_expression(
                "destination = :destination AND \
                 ((#state = :published AND updated_at >= :since) OR attribute_exists(intent))",
            )
            .expression_attribute_names("#state", "state")
            .expression_attribute_values(":pk", text(day))
            .expression_attribute_values(":destination", text(&target.destination))
            .expression_attribute_values(":published", text(State::Published.name()))
            .expression_attribute_values(":since", millis(since))
            .consistent_read(true)
            .into_paginator()
            .items()
            .send();
        pages.try_collect().await.map_err(unavailable("find our own posts"))
    }

    async fn rivals_begun(&self, tenant: Tenant, day: Timestamp, target: &Target) -> Result<Vec<Item>, StoreError> {
        let pages = self
            .client
            .query()
            .table_name(&self.table)
            .key_condition_expression("pk = :pk")
            .filter_expression("destination = :destination")
            .expression_attribute_values(":pk", text(keys::begun(tenant, day)))
            .expression_attribute_values(":destination", text(&target.destination))
            .consistent_read(true)
            .into_paginator()
            .items()
            .send();
        pages.try_collect().await.map_err(unavailable("find our own posts"))
    }

    /// The row that a note stands for.
    async fn noted_target(&self, mut note: Item) -> Result<Option<Item>, StoreError> {
        let (Some(AttributeValue::S(day)), Some(AttributeValue::S(sort))) = (note.remove("day"), note.remove("sk"))
        else {
            return Ok(None);
        };
        self.get("find our own posts", day, sort, true).await
    }

    /// Notes a target that is about to be begun long after its post was accepted, so that a read-back of another finds it.
    pub(super) async fn note_begun(
        &self,
        tenant: Tenant,
        post: &Post,
        (sort, destination): (String, &str),
        now: Timestamp,
    ) -> Result<(), StoreError> {
        if now.duration_since(post.created_at) < LONG_BEFORE {
            return Ok(());
        }
        let row = [
            ("pk", text(keys::begun(tenant, now))),
            ("sk", text(sort)),
            ("day", text(keys::day(tenant, post.created_at))),
            ("destination", text(destination)),
            ("expires_at", time_to_live(now.saturating_add(KEPT).unwrap_or(now))),
        ];
        self.put("note a target", row.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()).await
    }
}

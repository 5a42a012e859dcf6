//! Removals of published targets: every change is one conditional write on the removal that was seen.

use aws_sdk_dynamodb::types::AttributeValue;
use jiff::{Timestamp, ToSpan};
use tokio::task::JoinSet;

use super::{Item, Settled, Store, StoreError, from_row, keys, number, settlements, text, to_attribute, unavailable};
use crate::{
    platform::Platform,
    queue::Delay,
    removal::Removal,
    target::{State, Target},
    tenant::Tenant,
};

/// How many days before today posts are looked for by what their platform calls them.
const LOOKED_BACK: i64 = 31;
/// How many of these days are looked at at once.
const DAYS_AT_ONCE: usize = 8;

impl Store {
    /// When dispatch is to look after something that goes on at `at`: where a message is sent along, in case that it is lost;
    /// else in time.
    #[must_use]
    pub fn reminder(at: Timestamp, now: Timestamp) -> Timestamp {
        let travels = at.duration_since(now) <= Delay::LONGEST;
        if travels { at.saturating_add(settlements::REMINDER).unwrap_or(at) } else { at }
    }

    /// Writes how the removal of a target stands, if it stands as it was `seen` and the target is published. Dispatch looks
    /// at it from `due_at` on, if it is to.
    ///
    /// # Errors
    /// The store did not answer.
    pub async fn put_removal(
        &self,
        tenant: Tenant,
        seen: &Target,
        removal: &Removal,
        due_at: Option<Timestamp>,
    ) -> Result<Settled, StoreError> {
        let mut condition = "#state = :published AND ".to_owned();
        let mut builder = self
            .update_target(tenant, seen.created_at, seen.post, seen.target)
            .expression_attribute_names("#state", "state")
            .expression_attribute_names("#removal", "removal")
            .expression_attribute_values(":published", text(State::Published.name()))
            .expression_attribute_values(":removal", to_attribute("removal", removal)?);
        if let Some(earlier) = &seen.removal {
            condition.push_str("#removal.#fence = :seen");
            builder = builder
                .expression_attribute_names("#fence", "fence")
                .expression_attribute_values(":seen", number(earlier.fence));
        } else {
            condition.push_str("attribute_not_exists(#removal)");
        }
        builder = match due_at {
            Some(due_at) => {
                let sort = keys::target(seen.created_at, seen.post, seen.target);
                builder
                    .update_expression("SET #removal = :removal, due_shard = :due_shard, due_at = :due_at")
                    .expression_attribute_values(":due_shard", text(keys::due_targets(seen.post)))
                    .expression_attribute_values(":due_at", text(keys::at(due_at, &sort)))
            }
            None => builder.update_expression("SET #removal = :removal REMOVE due_shard, due_at"),
        };
        let Err(found) = self.conditional("write a removal", builder.condition_expression(condition)).await? else {
            return Ok(Settled::Done);
        };
        if found.is_empty() {
            return Ok(Settled::Lost);
        }
        // The SDK may have sent it twice: then it stands as we wanted it.
        let found: Target = from_row("target", found)?;
        Ok(if found.removal.as_ref() == Some(removal) { Settled::Done } else { Settled::Lost })
    }

    /// The published targets that the platform calls so, among posts that were accepted in the last 31 days. There is no index
    /// for it: that would cost every post a write, and this is asked only when a platform tells that a post is gone.
    ///
    /// # Errors
    /// The store did not answer.
    pub async fn targets_called(
        &self,
        tenant: Tenant,
        platform: Platform,
        remote_id: &str,
        now: Timestamp,
    ) -> Result<Vec<Target>, StoreError> {
        let mut days: Vec<String> = Vec::new();
        for back in 0..=LOOKED_BACK {
            let day = now.saturating_sub((back * 24).hours()).unwrap_or(now);
            days.push(keys::day(tenant, day));
        }
        for some in days.chunks(DAYS_AT_ONCE) {
            let mut reads = JoinSet::new();
            for day in some {
                let (store, day, remote_id) = (self.clone(), day.clone(), remote_id.to_owned());
                reads.spawn(async move { store.called_on(day, platform, remote_id).await });
            }
            let mut found = Vec::new();
            while let Some(read) = reads.join_next().await {
                let broken_off = |_| StoreError::Unavailable { operation: FIND, code: "broken_off".into() };
                for row in read.map_err(broken_off)?? {
                    found.push(from_row("target", row)?);
                }
            }
            if !found.is_empty() {
                return Ok(found);
            }
        }
        Ok(Vec::new())
    }

    async fn called_on(&self, day: String, platform: Platform, remote_id: String) -> Result<Vec<Item>, StoreError> {
        let pages = self
            .client
            .query()
            .table_name(&self.table)
            .key_condition_expression("pk = :pk")
            .filter_expression("remote_id = :remote_id AND platform = :platform AND #state = :published")
            .expression_attribute_names("#state", "state")
            .expression_attribute_values(":pk", text(day))
            .expression_attribute_values(":platform", text(platform))
            .expression_attribute_values(":published", text(State::Published.name()))
            .expression_attribute_values(":remote_id", AttributeValue::S(remote_id))
            .into_paginator()
            .items()
            .send();
        pages.try_collect().await.map_err(unavailable(FIND))
    }
}

const FIND: &str = "find a post by its platform's name for it";

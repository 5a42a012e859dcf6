//! Dead letters: targets that failed for good, listed by time, and sent back to work by one conditional write each.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use jiff::Timestamp;

use super::{
    DeadLetterCursor, Item, Page, Store, StoreError, from_row, keys, millis, number, settlements::REMINDER,
    targets::Change, text, to_attribute, unavailable,
};
use crate::{
    connector::{Act, Published, Refusal},
    ids::{ConnectionId, TargetId},
    platform::Platform,
    post::Post,
    target::{State, Target},
    tenant::Tenant,
};

/// How many entries of the index are looked at in one call.
const ENTRIES_PER_CALL: i32 = 200;
/// After how many calls a listing hands out a cursor although its page is not full.
const CALLS_PER_LISTING: u32 = 10;

/// Which dead letters are meant; what is absent does not matter.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DeadLetterFilter {
    /// Those of one platform.
    pub platform: Option<Platform>,
    /// Those of one connection.
    pub connection: Option<ConnectionId>,
    /// Those that failed with one code.
    pub code: Option<String>,
    /// Those that one kind of people can do something about.
    pub act: Option<Act>,
    /// Those that failed no earlier.
    pub from: Option<Timestamp>,
    /// Those that failed no later.
    pub to: Option<Timestamp>,
}

/// Where a dead letter goes from here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RedriveTo {
    /// To a consumer: no publish was ever sent for it.
    Queue,
    /// To a consumer that asks the platform first: a publish was sent for it.
    Inquiry,
    /// Nowhere: it is out.
    Published(Published),
    /// To a person: the platform cannot tell whether it is out, for this reason.
    Review(Refusal),
}

impl RedriveTo {
    /// The state that it leads to.
    #[must_use]
    pub const fn state(&self) -> State {
        match self {
            Self::Queue => State::Queued,
            Self::Inquiry => State::Unknown,
            Self::Published(_) => State::Published,
            Self::Review(_) => State::NeedsReview,
        }
    }
}

/// The wish to send a dead letter back to work.
#[derive(Debug)]
pub struct Redrive<'a> {
    /// The row as it was seen.
    pub failed: &'a Target,
    /// Where it goes.
    pub to: &'a RedriveTo,
    /// New for every wish: recognises our own write.
    pub owner: &'a str,
    /// The time.
    pub now: Timestamp,
    /// Not to be claimed before this.
    pub not_before: Timestamp,
    /// Past this it does not go out any more; as before if absent.
    pub not_after: Option<Timestamp>,
    /// Why it is at work again, if it is.
    pub reason: &'a Refusal,
}

/// What became of that wish.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Redriven {
    /// It went there.
    Done,
    /// It was not the dead letter any more that was seen; it stands like this.
    Lost(State),
}

impl Store {
    /// Dead letters, the latest first. A page may be short of `limit`, or empty, and still not be the last.
    ///
    /// # Errors
    /// The store did not answer.
    pub async fn dead_letters(
        &self,
        tenant: Tenant,
        filter: &DeadLetterFilter,
        after: Option<&DeadLetterCursor>,
        limit: usize,
    ) -> Result<Page<Target, DeadLetterCursor>, StoreError> {
        let mut found: Vec<(String, Target)> = Vec::new();
        let mut start: Option<HashMap<String, AttributeValue>> = None;
        for _ in 0..CALLS_PER_LISTING {
            let output = self.query_dead_letters(tenant, filter, after, start.take()).await?;
            for item in output.items.into_iter().flatten() {
                let Some(at) = attention_at(&item) else { continue };
                if after.is_some_and(|cursor| cursor.before == at) {
                    continue;
                }
                if found.len() == limit {
                    let next = found.last().map(|(at, _)| DeadLetterCursor { before: at.clone() });
                    return Ok(page(found, next));
                }
                found.push((at, from_row("dead letter", item)?));
            }
            start = output.last_evaluated_key;
            if start.is_none() {
                return Ok(page(found, None));
            }
        }
        let next = start.as_ref().and_then(attention_at).map(|before| DeadLetterCursor { before });
        Ok(page(found, next))
    }

    async fn query_dead_letters(
        &self,
        tenant: Tenant,
        filter: &DeadLetterFilter,
        after: Option<&DeadLetterCursor>,
        start: Option<HashMap<String, AttributeValue>>,
    ) -> Result<aws_sdk_dynamodb::operation::query::QueryOutput, StoreError> {
        let lowest = filter.from.map_or_else(|| "0".to_owned(), |from| keys::at(from, ""));
        let highest = filter.to.map_or_else(|| "~".to_owned(), keys::until);
        let highest = after.map_or(highest.clone(), |cursor| cursor.before.clone().min(highest));
        let mut builder = self
            .client
            .query()
            .table_name(&self.table)
            .index_name("attention")
            .key_condition_expression("attention_group = :group AND attention_at BETWEEN :lowest AND :highest")
            .expression_attribute_values(":group", text(keys::dead_letters(tenant)))
            // An upper bound below the lower one is refused: then this one entry stands for nothing.
            .expression_attribute_values(":highest", text(highest.max(lowest.clone())))
            .expression_attribute_values(":lowest", text(lowest))
            .scan_index_forward(false)
            .limit(ENTRIES_PER_CALL)
            .set_exclusive_start_key(start);
        let mut conditions = Vec::new();
        let wanted = [
            ("#platform = :platform", filter.platform.map(text)),
            ("#connection = :connection", filter.connection.map(text)),
            ("#reason.#code = :code", filter.code.as_ref().map(text)),
            ("#reason.#act = :act", filter.act.map(|act| to_attribute("act", &act)).transpose()?),
        ];
        for (condition, value) in wanted {
            let Some(value) = value else { continue };
            let (path, name) = condition.split_once(" = ").unwrap_or_default();
            for part in path.split('.') {
                builder = builder.expression_attribute_names(part, part.trim_start_matches('#'));
            }
            builder = builder.expression_attribute_values(name, value);
            conditions.push(condition);
        }
        if !conditions.is_empty() {
            builder = builder.filter_expression(conditions.join(" AND "));
        }
        builder.send().await.map_err(unavailable("list dead letters"))
    }

    /// The row of one target, as it is now.
    ///
    /// # Errors
    /// The store did not answer.
    pub async fn target(&self, tenant: Tenant, post: &Post, target: TargetId) -> Result<Option<Target>, StoreError> {
        let (pk, sk) = (keys::day(tenant, post.created_at), keys::target(post.created_at, post.id, target));
        let item = self.get("read a target", pk, sk, true).await?;
        item.map(|item| from_row("target", item)).transpose()
    }

    /// The rows of many targets, as far as there are any.
    ///
    /// # Errors
    /// The store did not answer.
    pub async fn targets(
        &self,
        tenant: Tenant,
        wanted: impl Iterator<Item = (&Post, TargetId)>,
    ) -> Result<Vec<Target>, StoreError> {
        let key = |(post, id): (&Post, TargetId)| {
            (keys::day(tenant, post.created_at), keys::target(post.created_at, post.id, id))
        };
        let rows = self.get_many("read targets", wanted.map(key).collect()).await?;
        rows.into_iter().map(|item| from_row("target", item)).collect()
    }

    /// Sends a dead letter back to work, if it still is the one that was seen.
    ///
    /// # Errors
    /// The store did not answer.
    pub async fn redrive(&self, tenant: Tenant, wish: &Redrive<'_>) -> Result<Redriven, StoreError> {
        let failed = wish.failed;
        let mut change = Change::new(wish.to.state(), wish.now);
        change.set("owner", text(wish.owner));
        match wish.to {
            RedriveTo::Published(published) => {
                change.set("remote_id", text(&published.remote_id));
                if let Some(url) = &published.url {
                    change.set("url", text(url));
                }
                change.remove(&["intent", "checkpoint", "reason"]);
            }
            RedriveTo::Review(reason) => {
                change.set("reason", to_attribute("reason", reason)?);
                change.remove(&["intent.answered"]);
            }
            RedriveTo::Queue | RedriveTo::Inquiry => {
                let sort = keys::target(failed.created_at, failed.post, failed.target);
                let reminder = wish.not_before.saturating_add(REMINDER).unwrap_or(wish.not_before);
                change.set("reason", to_attribute("reason", wish.reason)?);
                change.set("attempts", number(0));
                change.set("redriven_at", millis(wish.now));
                change.set("not_before", millis(wish.not_before));
                change.set("due_shard", text(keys::due_targets(failed.post)));
                change.set("due_at", text(keys::at(reminder, &sort)));
                match wish.to {
                    // Whatever had been answered: from here on only the platform's own word counts, or a person's.
                    RedriveTo::Inquiry => change.remove(&["intent.answered"]),
                    RedriveTo::Queue | RedriveTo::Published(_) | RedriveTo::Review(_) => change.remove(&["checkpoint"]),
                }
                if let Some(not_after) = wish.not_after {
                    change.set("not_after", millis(not_after));
                }
            }
        }
        let builder = change
            .apply_with(self.update_target(tenant, failed.created_at, failed.post, failed.target), "ADD fence :one")
            .expression_attribute_values(":one", number(1))
            .condition_expression("fence = :fence AND #state = :failed")
            .expression_attribute_values(":fence", number(failed.fence))
            .expression_attribute_values(":failed", text(State::Failed.name()));
        Ok(match self.conditional("redrive a target", builder).await? {
            Ok(_) => Redriven::Done,
            Err(item) => {
                let found: Target = from_row("target", item)?;
                // The SDK may have sent it twice: then it stands as we wanted it, under our own name.
                let ours = found.owner.as_deref() == Some(wish.owner) && found.state == wish.to.state();
                if ours { Redriven::Done } else { Redriven::Lost(found.state) }
            }
        })
    }
}

fn page(found: Vec<(String, Target)>, next: Option<DeadLetterCursor>) -> Page<Target, DeadLetterCursor> {
    Page { items: found.into_iter().map(|(_, target)| target).collect(), next }
}

fn attention_at(item: &Item) -> Option<String> {
    item.get("attention_at")?.as_s().ok().cloned()
}

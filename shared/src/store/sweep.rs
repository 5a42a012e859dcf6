//! What stands still and has no reminder: read by looking through the table, a segment at a time.

use std::collections::{BTreeSet, HashMap};

use aws_sdk_dynamodb::types::AttributeValue;
use jiff::Timestamp;

use super::{Item, Store, StoreError, due::tenant_of, from_row, keys, millis, text, unavailable};
use crate::{
    ids::TargetId,
    post::Post,
    target::{State, Target},
    telemetry::Chain,
    tenant::Tenant,
};

/// What counts as standing still.
#[derive(Debug, Clone, Copy)]
pub struct Quiet {
    /// Nothing has happened to it since then.
    pub since: Timestamp,
    /// Posts that could go out until before this are left alone.
    pub ended_after: Timestamp,
}

/// What one page of a segment holds.
#[derive(Debug, Default)]
pub struct QuietRows {
    /// Posts that any of their targets may be missing of.
    pub posts: Vec<(Tenant, Post)>,
    /// Targets that are at work by their row, and that nothing will remind of.
    pub targets: Vec<(Tenant, Target)>,
    /// Where the segment goes on, if it does.
    pub next: Option<Place>,
}

/// A place within a segment.
#[derive(Debug)]
pub struct Place(HashMap<String, AttributeValue>);

impl Store {
    /// One page of the `segment`th of `segments` equal parts of the table. It sees rows as they were a moment ago, which does for
    /// what has stood still for long.
    ///
    /// # Errors
    /// The store did not answer.
    pub async fn quiet_rows(
        &self,
        (segment, segments): (u32, u32),
        quiet: Quiet,
        after: Option<Place>,
    ) -> Result<QuietRows, StoreError> {
        let unsettled: Vec<State> = State::ALL.into_iter().filter(|state| !state.is_settled()).collect();
        let names: Vec<String> = unsettled.iter().map(|state| format!(":{}", state.name())).collect();
        // Only posts have a request's fingerprint, and only targets have both a fence and a time of change. What is
        // scheduled is born with its rows.
        let post = "(attribute_exists(request_fingerprint) AND attribute_not_exists(planned) AND \
                    created_at < :since AND not_after > :ended_after)";
        let target = format!(
            "(attribute_exists(fence) AND attribute_not_exists(due_at) AND updated_at < :since AND \
             (attribute_not_exists(lease_until) OR lease_until < :since) AND #state IN ({}))",
            names.join(", ")
        );
        let mut scan = self
            .client
            .scan()
            .table_name(&self.table)
            .segment(i32::try_from(segment).unwrap_or(i32::MAX))
            .total_segments(i32::try_from(segments).unwrap_or(i32::MAX))
            .filter_expression(format!("{post} OR {target}"))
            .expression_attribute_names("#state", "state")
            .expression_attribute_values(":since", millis(quiet.since))
            .expression_attribute_values(":ended_after", millis(quiet.ended_after))
            .set_exclusive_start_key(after.map(|place| place.0));
        for state in unsettled {
            scan = scan.expression_attribute_values(format!(":{}", state.name()), text(state.name()));
        }
        let output = scan.send().await.map_err(unavailable("look through a segment"))?;
        let mut rows = QuietRows { next: output.last_evaluated_key.map(Place), ..QuietRows::default() };
        for item in output.items.into_iter().flatten() {
            // One row that cannot be read does not hide the others.
            if let Err(error) = rows.take(item) {
                tracing::error!(error = %Chain(&error), "a row was passed over");
            }
        }
        Ok(rows)
    }

    /// The targets of a post that have a row, as of a moment ago.
    ///
    /// # Errors
    /// The store did not answer.
    pub async fn begun_targets(&self, tenant: Tenant, post: &Post) -> Result<BTreeSet<TargetId>, StoreError> {
        let mut pages = self
            .client
            .query()
            .table_name(&self.table)
            .key_condition_expression("pk = :pk AND begins_with(sk, :prefix)")
            .expression_attribute_values(":pk", text(keys::day(tenant, post.created_at)))
            .expression_attribute_values(":prefix", text(keys::targets_of(post.created_at, post.id)))
            .into_paginator()
            .items()
            .send();
        let mut begun = BTreeSet::new();
        while let Some(item) = pages.next().await {
            let item = item.map_err(unavailable("read targets"))?;
            // Its key is enough: a row that cannot be read is there all the same.
            begun.extend(item.get("sk").and_then(|sort| sort.as_s().ok()).and_then(|sort| keys::target_of(sort)));
        }
        Ok(begun)
    }
}

impl QuietRows {
    fn take(&mut self, item: Item) -> Result<(), StoreError> {
        let Some(tenant) = item.get("pk").and_then(|pk| pk.as_s().ok()).and_then(|pk| tenant_of(pk)) else {
            return Ok(());
        };
        if item.contains_key("fence") {
            self.targets.push((tenant, from_row("target", item)?));
        } else {
            self.posts.push((tenant, from_row("post", item)?));
        }
        Ok(())
    }
}

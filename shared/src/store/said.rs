//! Who has said what where: the guard rows against one content going out twice at one destination.
//!
//! One row for each content and destination names the posts that say it, each with its time. Every change is one
//! conditional put: where no row is, or on the revision that was read.

use aws_sdk_dynamodb::{operation::put_item::PutItemError, types::ReturnValuesOnConditionCheckFailure};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{NOT_THERE, Store, StoreError, from_row, keys, text, time_to_live, to_row, unavailable};
use crate::{
    ids::{PostId, TargetId},
    post::Post,
    target::State,
    tenant::Tenant,
};

/// A post that says a content at a destination.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Said {
    /// Which post.
    pub post: PostId,
    /// When it goes out.
    #[serde(with = "jiff::fmt::serde::timestamp::millisecond::required")]
    pub at: Timestamp,
    /// When this was noted, which is a moment before the post is stored.
    #[serde(with = "jiff::fmt::serde::timestamp::millisecond::required")]
    pub noted_at: Timestamp,
}

/// All posts that say one content at one destination, as far as they are remembered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Guard {
    /// The posts.
    pub posts: Vec<Said>,
    /// New with every write: tells our own write, whose answer was lost, from another's.
    pub revision: String,
}

impl Store {
    /// Writes a guard row in the place of the one with `revision`, or where there is none; else the row that stands
    /// there. It is forgotten some time after `until`.
    ///
    /// # Errors
    /// The store did not answer.
    pub async fn put_guard(
        &self,
        tenant: Tenant,
        content: &str,
        (guard, until): (&Guard, Timestamp),
        revision: Option<&str>,
    ) -> Result<Option<Guard>, StoreError> {
        let operation = "write a guard";
        let mut row = to_row("guard", keys::said(tenant, content), keys::SAID.to_owned(), guard)?;
        row.insert("expires_at".into(), time_to_live(until));
        let put = self
            .client
            .put_item()
            .table_name(&self.table)
            .set_item(Some(row))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        let put = match revision {
            None => put.condition_expression(NOT_THERE),
            // A row that the time to live has taken in the meantime leaves the place free.
            Some(revision) => put
                .condition_expression(format!("{NOT_THERE} OR revision = :revision"))
                .expression_attribute_values(":revision", text(revision)),
        };
        let Err(error) = put.send().await else { return Ok(None) };
        let Some(PutItemError::ConditionalCheckFailedException(failed)) = error.as_service_error() else {
            return Err(unavailable(operation)(error));
        };
        let found: Guard = from_row("guard", failed.item().cloned().unwrap_or_default())?;
        Ok((found.revision != guard.revision).then_some(found))
    }

    /// The guard row of a content at a destination.
    ///
    /// # Errors
    /// The store did not answer.
    pub async fn guard(&self, tenant: Tenant, content: &str) -> Result<Option<Guard>, StoreError> {
        let item = self.get("read a guard", keys::said(tenant, content), keys::SAID.to_owned(), true).await?;
        item.map(|item| from_row("guard", item)).transpose()
    }

    /// Where one target of a post stands; `None` if no consumer has begun with it.
    ///
    /// # Errors
    /// The store did not answer.
    pub async fn state_of(&self, tenant: Tenant, post: &Post, target: TargetId) -> Result<Option<State>, StoreError> {
        #[derive(Deserialize)]
        struct Row {
            state: State,
        }
        let (day, sort) = (keys::day(tenant, post.created_at), keys::target(post.created_at, post.id, target));
        let item = self.get("read a target", day, sort, true).await?;
        Ok(item.map(|item| from_row::<Row>("target", item)).transpose()?.map(|row| row.state))
    }
}

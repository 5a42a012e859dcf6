//! How many requests a caller has made in a minute, over all sandboxes.

use std::time::Duration;

use aws_sdk_dynamodb::{
    config::{Builder, retry::RetryConfig, timeout::TimeoutConfig},
    operation::update_item::UpdateItemError,
    types::{AttributeValue, ReturnValue},
};
use jiff::{SignedDuration, Timestamp};

use super::{Store, StoreError, keys, number, text, time_to_live, unavailable};

/// How long a row is kept after its minute: whose clock is behind still finds it.
const KEPT: SignedDuration = SignedDuration::from_mins(10);
const OPERATION: &str = "take tokens";

impl Store {
    /// Takes `count` tokens of the window that begins at `window`, or as many as are left of `limit`: how many were taken in all,
    /// by anyone, before this. `limit` or more: none was left.
    ///
    /// A window has a row of its own, so an old one is never mistaken for the present, whether `DynamoDB` has removed it or not.
    ///
    /// # Errors
    /// The store did not answer within `patience`. It is not asked twice: a repeated write would take twice.
    pub async fn take_tokens(
        &self,
        scope: &str,
        window: Timestamp,
        (count, limit): (u32, u32),
        patience: Duration,
    ) -> Result<u64, StoreError> {
        let once = Builder::new()
            .retry_config(RetryConfig::disabled())
            .timeout_config(TimeoutConfig::builder().operation_timeout(patience).build());
        let outcome = self
            .client
            .update_item()
            .table_name(&self.table)
            .key("pk", text(keys::rate(scope)))
            .key("sk", text(keys::window(window)))
            .update_expression("SET expires_at = :expires_at ADD taken :count")
            .condition_expression("attribute_not_exists(taken) OR taken < :limit")
            .expression_attribute_values(":expires_at", time_to_live(window.saturating_add(KEPT).unwrap_or(window)))
            .expression_attribute_values(":count", number(count))
            .expression_attribute_values(":limit", number(limit))
            .return_values(ReturnValue::UpdatedNew)
            .customize()
            .config_override(once)
            .send()
            .await;
        match outcome {
            Ok(output) => {
                let taken = output.attributes.as_ref().and_then(|row| row.get("taken")).and_then(whole);
                // DynamoDB says what it has counted; without its figure all of this counts as the last.
                Ok(taken.map_or(u64::from(limit), |taken| taken.saturating_sub(u64::from(count))))
            }
            Err(error) => match error.as_service_error() {
                Some(UpdateItemError::ConditionalCheckFailedException(_)) => Ok(u64::from(limit)),
                _ => Err(unavailable(OPERATION)(error)),
            },
        }
    }
}

fn whole(value: &AttributeValue) -> Option<u64> {
    value.as_n().ok()?.parse().ok()
}

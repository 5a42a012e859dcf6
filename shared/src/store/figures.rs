//! Figures of published targets: one row for how their reading stands, one for each day.

use aws_sdk_dynamodb::{operation::put_item::PutItemError, types::AttributeValue};

use super::{NOT_THERE, Store, StoreError, from_row, keys, millis, number, text, to_row, unavailable};
use crate::{
    figures::{Collection, Figures},
    ids::{PostId, TargetId},
    tenant::Tenant,
};

/// How many days of figures are read at most.
const MOST_DAYS: i32 = 90;

impl Store {
    /// How the reading of a target's figures stands; `None` if nobody has ever asked for them.
    ///
    /// # Errors
    /// The store did not answer.
    pub async fn collection(
        &self,
        tenant: Tenant,
        post: PostId,
        target: TargetId,
    ) -> Result<Option<Collection>, StoreError> {
        let row = self.get("read figures", keys::post(tenant, post), keys::figures(target), true).await?;
        row.map(|row| from_row("figures", row)).transpose()
    }

    /// How the reading of the figures of many targets stands, as of a moment ago.
    ///
    /// # Errors
    /// The store did not answer.
    pub async fn collections(
        &self,
        tenant: Tenant,
        post: PostId,
        targets: impl Iterator<Item = TargetId>,
    ) -> Result<Vec<Collection>, StoreError> {
        let wanted = targets.map(|target| (keys::post(tenant, post), keys::figures(target))).collect();
        let rows = self.get_many("read figures", wanted).await?;
        rows.into_iter().map(|row| from_row("figures", row)).collect()
    }

    /// Writes how the reading stands over the round that was `seen`, or where there was none; `false` if another round has
    /// begun.
    ///
    /// # Errors
    /// The store did not answer.
    pub async fn put_collection(
        &self,
        tenant: Tenant,
        post: PostId,
        collection: &Collection,
        seen: Option<u64>,
    ) -> Result<bool, StoreError> {
        let row = to_row("figures", keys::post(tenant, post), keys::figures(collection.target), collection)?;
        let put = self.client.put_item().table_name(&self.table).set_item(Some(row));
        let put = match seen {
            None => put.condition_expression(NOT_THERE),
            Some(round) => put
                .condition_expression("#round = :round")
                .expression_attribute_names("#round", "round")
                .expression_attribute_values(":round", number(round)),
        };
        written("write figures", put.send().await)
    }

    /// Keeps figures under their day, unless later ones stand there.
    ///
    /// # Errors
    /// The store did not answer.
    pub async fn put_figures(
        &self,
        tenant: Tenant,
        post: PostId,
        target: TargetId,
        figures: &Figures,
    ) -> Result<(), StoreError> {
        let row = to_row("figures", keys::post(tenant, post), keys::metric(target, figures.day()), figures)?;
        let put = self
            .client
            .put_item()
            .table_name(&self.table)
            .set_item(Some(row))
            .condition_expression(format!("{NOT_THERE} OR as_of < :as_of"))
            .expression_attribute_values(":as_of", millis(figures.as_of));
        written("keep figures", put.send().await).map(|_| ())
    }

    /// The figures of a target by day, the newest first, of the 90 last days that have any.
    ///
    /// # Errors
    /// The store did not answer.
    pub async fn figures_by_day(
        &self,
        tenant: Tenant,
        post: PostId,
        target: TargetId,
    ) -> Result<Vec<Figures>, StoreError> {
        let output = self
            .client
            .query()
            .table_name(&self.table)
            .key_condition_expression("pk = :pk AND begins_with(sk, :prefix)")
            .expression_attribute_values(":pk", text(keys::post(tenant, post)))
            .expression_attribute_values(":prefix", AttributeValue::S(keys::metrics(target)))
            .scan_index_forward(false)
            .limit(MOST_DAYS)
            .send()
            .await
            .map_err(unavailable("read figures"))?;
        output.items.into_iter().flatten().map(|row| from_row("figures", row)).collect()
    }
}

/// Whether a conditional put found what it expected.
fn written<T>(
    operation: &'static str,
    outcome: Result<T, aws_sdk_dynamodb::error::SdkError<PutItemError>>,
) -> Result<bool, StoreError> {
    match outcome {
        Ok(_) => Ok(true),
        Err(error) => match error.as_service_error() {
            Some(PutItemError::ConditionalCheckFailedException(_)) => Ok(false),
            _ => Err(unavailable(operation)(error)),
        },
    }
}

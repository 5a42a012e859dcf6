//! Seals again what lies under another data key than the current one, page by page, while everything goes on.
//!
//! A record tells by itself whether it is done: its envelope names its data key. So nothing is noted beside the records,
//! and a page that was cut short anywhere is simply done again. A record is replaced only if it still is what was read:
//! a login or a refresh that comes between stands, and nothing older is ever put over it.

use std::{collections::HashMap, fmt, str::FromStr, sync::Arc};

use aws_sdk_dynamodb::{
    operation::update_item::UpdateItemError,
    primitives::Blob,
    types::{AttributeValue, ReturnValuesOnConditionCheckFailure},
};
use data_encoding::BASE64URL_NOPAD;
use jiff::Timestamp;

use super::{
    Purpose, TABLE, Vault, VaultError, envelope,
    error::service_error,
    row::{CONNECTIONS, Row, partition_key},
    table::{Item, key},
};
use crate::{ids::TenantId, tenant::Tenant};

/// How often a record that changes under the hands of the job is tried again before it counts as failed.
const ATTEMPTS: u32 = 4;

/// Whose records are sealed again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// Those of one tenant.
    Tenant(Tenant),
    /// Those of all tenants that lie in one segment of the table; segments may be done at the same time.
    Everyone {
        /// Which, counted from 0.
        segment: u16,
        /// Of how many.
        segments: u16,
    },
}

/// A re-encryption: the same for each of its pages.
#[derive(Debug, Clone, Copy)]
pub struct ReEncryption {
    /// Whose records.
    pub scope: Scope,
    /// A tenant whose data key was made before this gets a new one first. [`Timestamp::MIN`]: the current one is right.
    pub keys_made_since: Timestamp,
    /// How many rows are read for a page: what is done again at most where a page is cut short.
    pub page: u16,
}

/// What one page of a re-encryption came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Progress {
    /// Records that are sealed with the current data key now.
    pub done: u64,
    /// Records that were so already, or were replaced or deleted meanwhile.
    pub skipped: u64,
    /// Records that do not open, and were left as they are. The log names each.
    pub failed: u64,
    /// Where the next page begins; `None` after the last one.
    pub next: Option<Place>,
}

/// A place in a re-encryption, which can be written down and read again. It names a row and holds no secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    partition_key: String,
    sort_key: String,
}

/// A text that is no [`Place`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a place in a re-encryption")]
pub struct InvalidPlace;

impl fmt::Display for Place {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = format!("{}\n{}", self.partition_key, self.sort_key);
        formatter.write_str(&BASE64URL_NOPAD.encode(text.as_bytes()))
    }
}

impl FromStr for Place {
    type Err = InvalidPlace;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let bytes = BASE64URL_NOPAD.decode(text.as_bytes()).map_err(|_| InvalidPlace)?;
        let text = String::from_utf8(bytes).map_err(|_| InvalidPlace)?;
        let (partition_key, sort_key) = text.split_once('\n').ok_or(InvalidPlace)?;
        Ok(Self { partition_key: partition_key.to_owned(), sort_key: sort_key.to_owned() })
    }
}

/// What became of one record.
enum Fate {
    Done,
    Skipped,
    Failed,
}

/// What became of a record that was to be replaced.
enum Replaced {
    Yes,
    /// It is something else by now.
    Changed(Item),
    Gone,
}

impl Vault {
    /// Seals one page of records with their tenants' current data keys, and says where the next page begins.
    ///
    /// A process that sealed with the replaced key a moment ago may do so for five minutes more: records of such late
    /// writers are found by going through them again after that.
    ///
    /// # Errors
    /// KMS or the Vault table did not answer, or refused. What was sealed again stays so; the same page may be repeated.
    pub async fn re_encrypt(&self, job: &ReEncryption, from: Option<&Place>) -> Result<Progress, VaultError> {
        let (items, next) = self.page(job, from).await?;
        let mut progress = Progress { done: 0, skipped: 0, failed: 0, next };
        let mut current = None;
        for item in items.into_iter().filter(|item| item.contains_key("sealed")) {
            match self.fate(item, job, &mut current).await {
                Ok(Fate::Done) => progress.done += 1,
                Ok(Fate::Skipped) | Err(VaultError::TenantDeleted) => progress.skipped += 1,
                Ok(Fate::Failed) => progress.failed += 1,
                Err(error) => return Err(error),
            }
        }
        Ok(progress)
    }

    /// Sees to one record. `current` is the current key of the tenant whose record came before.
    async fn fate(
        &self,
        item: Item,
        job: &ReEncryption,
        current: &mut Option<(TenantId, Arc<[u8]>)>,
    ) -> Result<Fate, VaultError> {
        let place = place(&item);
        let row = place.as_ref().and_then(|place| Row::parse(&place.partition_key, &place.sort_key));
        let Some(row) = row else {
            tracing::error!("a sealed row of the Vault table has a key that is none of ours");
            return Ok(Fate::Failed);
        };
        let wrapped = self.current_for(&row, job, current).await?;
        self.seal_again(&row, item, &wrapped).await
    }

    /// The wrapped key that the row's tenant seals with. Rows of a tenant follow each other, so one is remembered.
    async fn current_for(
        &self,
        row: &Row<'_>,
        job: &ReEncryption,
        known: &mut Option<(TenantId, Arc<[u8]>)>,
    ) -> Result<Arc<[u8]>, VaultError> {
        match known {
            Some((tenant, wrapped)) if *tenant == row.tenant => Ok(Arc::clone(wrapped)),
            Some(_) | None => {
                let wrapped = self.keys.current(row.tenant, job.keys_made_since).await?;
                *known = Some((row.tenant, Arc::clone(&wrapped)));
                Ok(wrapped)
            }
        }
    }

    async fn seal_again(&self, row: &Row<'_>, mut item: Item, current: &[u8]) -> Result<Fate, VaultError> {
        for _ in 0..ATTEMPTS {
            let Some(AttributeValue::B(sealed)) = item.get("sealed").cloned() else { return Ok(Fate::Skipped) };
            if envelope::is_sealed_with(current, sealed.as_ref()) {
                return Ok(Fate::Skipped);
            }
            let plain = match self.open(row, &item, Purpose::ReEncrypt).await {
                Ok(plain) => plain,
                Err(VaultError::Corrupt) => return Ok(Fate::Failed),
                Err(error) => return Err(error),
            };
            let again = self.seal(row, plain).await?;
            match self.replace(row, sealed, Blob::new(again)).await? {
                Replaced::Yes => return Ok(Fate::Done),
                Replaced::Changed(newer) => item = newer,
                Replaced::Gone => return Ok(Fate::Skipped),
            }
        }
        let (tenant, connection, field) = (row.tenant, row.connection, row.field.name());
        tracing::warn!(%tenant, %connection, field, "a token changed again and again and was not sealed anew");
        Ok(Fate::Failed)
    }

    /// Puts `again` in the place of `sealed`, and of nothing else.
    async fn replace(&self, row: &Row<'_>, sealed: Blob, again: Blob) -> Result<Replaced, VaultError> {
        let table = &self.keys.table;
        let update = table
            .client
            .update_item()
            .table_name(&table.name)
            .set_key(Some(key(row.tenant, row.sort_key())))
            .update_expression("SET sealed = :again, resealed_at = :now")
            .condition_expression("sealed = :sealed")
            .expression_attribute_values(":again", AttributeValue::B(again.clone()))
            .expression_attribute_values(":sealed", AttributeValue::B(sealed))
            .expression_attribute_values(":now", AttributeValue::S(self.keys.clock.now().to_string()))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .send()
            .await;
        let Err(error) = update else { return Ok(Replaced::Yes) };
        let Some(UpdateItemError::ConditionalCheckFailedException(failed)) = error.as_service_error() else {
            return Err(service_error(TABLE, error));
        };
        Ok(match failed.item() {
            None => Replaced::Gone,
            // Our own write, whose first answer was lost.
            Some(item) if item.get("sealed") == Some(&AttributeValue::B(again)) => Replaced::Yes,
            Some(item) => Replaced::Changed(item.clone()),
        })
    }

    /// One page of rows, and where the next one begins.
    async fn page(&self, job: &ReEncryption, from: Option<&Place>) -> Result<(Vec<Item>, Option<Place>), VaultError> {
        let table = &self.keys.table;
        let start = from.map(|place| {
            [("pk", &place.partition_key), ("sk", &place.sort_key)]
                .map(|(name, value)| (name.to_owned(), AttributeValue::S(value.clone())))
                .into()
        });
        let limit = i32::from(job.page.max(1));
        let (items, last): (_, Option<Item>) = match job.scope {
            Scope::Tenant(tenant) => {
                let answer = table
                    .client
                    .query()
                    .table_name(&table.name)
                    .key_condition_expression("pk = :pk AND begins_with(sk, :connections)")
                    .expression_attribute_values(":pk", AttributeValue::S(partition_key(tenant.id())))
                    .expression_attribute_values(":connections", AttributeValue::S(CONNECTIONS.to_owned()))
                    .set_exclusive_start_key(start)
                    .consistent_read(true)
                    .limit(limit)
                    .send()
                    .await
                    .map_err(|error| service_error(TABLE, error))?;
                (answer.items, answer.last_evaluated_key)
            }
            Scope::Everyone { segment, segments } => {
                let answer = table
                    .client
                    .scan()
                    .table_name(&table.name)
                    .segment(i32::from(segment))
                    .total_segments(i32::from(segments))
                    .set_exclusive_start_key(start)
                    .consistent_read(true)
                    .limit(limit)
                    .send()
                    .await
                    .map_err(|error| service_error(TABLE, error))?;
                (answer.items, answer.last_evaluated_key)
            }
        };
        Ok((items.unwrap_or_default(), last.as_ref().and_then(place)))
    }
}

fn place(key: &HashMap<String, AttributeValue>) -> Option<Place> {
    let text = |name: &str| key.get(name)?.as_s().ok().cloned();
    Some(Place { partition_key: text("pk")?, sort_key: text("sk")? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_reads_back_as_it_was_written_and_nothing_else_is_one() {
        let place = Place { partition_key: "T#ten_1".into(), sort_key: "CONN#con_2#DEST#a\nb ü#".into() };
        let text = place.to_string();
        assert_eq!(text.parse(), Ok(place));
        assert!(text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')), "{text}");
        for wrong in ["", "!", "AAAA", &text[..3]] {
            assert_eq!(wrong.parse::<Place>(), Err(InvalidPlace), "{wrong}");
        }
    }
}

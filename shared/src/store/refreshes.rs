//! Who renews the token of a connection, how far that got, and what came of it: one row for each connection, and each
//! change of it one conditional write on its fencing number.

use aws_sdk_dynamodb::{
    error::ProvideErrorMetadata,
    operation::{transact_write_items::TransactWriteItemsError, update_item::builders::UpdateItemFluentBuilder},
    types::{CancellationReason, Put, ReturnValue, ReturnValuesOnConditionCheckFailure, TransactWriteItem, Update},
};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::{
    ConnectionState, Store, StoreError, connections::health_row, from_row, keys, millis, number, posts::is_conflict,
    text, to_attribute, unavailable,
};
use crate::{
    connector::{Refusal, TokenSet},
    defect::Defect,
    ids::ConnectionId,
    tenant::Tenant,
};

/// How far the clocks of two machines may differ without the one taking over what the other is still at.
const SKEW: SignedDuration = SignedDuration::from_secs(10);
/// How often a transaction is sent that finds another at work on a row.
const SENT_AT_MOST: u32 = 3;

/// What is known about the renewals of one connection.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standing {
    /// Grows with every lease.
    pub fence: u64,
    #[serde(default)]
    owner: Option<String>,
    /// Until when somebody holds the lease.
    #[serde(default, with = "jiff::fmt::serde::timestamp::millisecond::optional")]
    pub lease_until: Option<Timestamp>,
    /// The refresh token that was last sent to the platform, and not known to be without effect.
    #[serde(default)]
    pub sent: Option<Sent>,
    /// The last renewal that was stored.
    #[serde(default)]
    pub renewed: Option<Renewed>,
    /// Why nobody tries now.
    #[serde(default)]
    pub resting: Option<Resting>,
    #[serde(default, with = "jiff::fmt::serde::timestamp::millisecond::optional")]
    rests_until: Option<Timestamp>,
    #[serde(default)]
    ended_version: Option<u64>,
}

/// A refresh token that left for the platform.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sent {
    /// The version of the grant that it belongs to.
    pub version: u64,
    /// How often it left.
    pub times: u32,
    /// When it last did.
    #[serde(with = "jiff::fmt::serde::timestamp::millisecond::required")]
    pub at: Timestamp,
}

/// A renewal that was stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Renewed {
    /// The version of the grant that it made.
    pub version: u64,
    /// When.
    #[serde(with = "jiff::fmt::serde::timestamp::millisecond::required")]
    pub at: Timestamp,
    /// Whether that was because the platform had refused the token before it.
    pub refused: bool,
}

/// Why a grant is not renewed now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resting {
    /// The version of the grant that this is about.
    pub version: u64,
    /// How many tries have failed.
    pub failures: u32,
    /// Why the last one did.
    pub reason: Refusal,
}

/// What whoever wants to renew a token finds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Lease {
    /// The lease is ours.
    Won(Box<Standing>),
    /// Another has it, at most until then.
    Held(Timestamp),
    /// The last try failed, and the next one is due then.
    Resting(Timestamp, Refusal),
    /// The platform has said that this grant is over.
    Ended(Refusal),
}

/// How a lease is given back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Release {
    /// Nothing was done.
    Untouched,
    /// The token was renewed.
    Renewed(Renewed),
    /// It was not, and the next try is due then; `sent` as it was before if nothing reached the platform.
    Rest {
        /// Until when.
        until: Timestamp,
        /// Why.
        resting: Resting,
        /// What the platform may have seen.
        sent: Option<Sent>,
    },
}

/// What a renewed grant says about its ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RenewalTimes {
    /// The version of the grant.
    pub version: u64,
    /// When the access token ends.
    pub access_expires_at: Option<Timestamp>,
    /// When reads end.
    pub data_access_expires_at: Option<Timestamp>,
    /// When the refresh token ends.
    pub refresh_expires_at: Option<Timestamp>,
    /// When the tokens were read or obtained: a login after that has the last word.
    pub seen_at: Timestamp,
}

impl RenewalTimes {
    /// Those of the grant in this version, read or obtained at `seen_at`.
    #[must_use]
    pub fn of(tokens: &TokenSet, version: u64, seen_at: Timestamp) -> Self {
        Self {
            version,
            access_expires_at: tokens.access_expires_at,
            data_access_expires_at: tokens.data_access_expires_at,
            refresh_expires_at: tokens.refresh_expires_at,
            seen_at,
        }
    }

    /// When the connection ends unless its owner comes.
    #[must_use]
    pub fn ends_at(&self) -> Option<Timestamp> {
        let token = last_end(self.refresh_expires_at, self.access_expires_at);
        token.into_iter().chain(self.data_access_expires_at).min()
    }
}

/// When a grant that is renewed ends: with its refresh token, or with the last access token that this has brought.
pub(super) fn last_end(refresh: Option<Timestamp>, access: Option<Timestamp>) -> Option<Timestamp> {
    refresh.map(|refresh| access.map_or(refresh, |access| access.max(refresh)))
}

impl Store {
    fn update_refresh(&self, tenant: Tenant, id: ConnectionId) -> UpdateItemFluentBuilder {
        self.client
            .update_item()
            .table_name(&self.table)
            .key("pk", text(keys::health(tenant, id)))
            .key("sk", text(keys::REFRESH))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
    }

    /// Takes the lease on the renewal of a grant, for whoever has read its version `version`; one write.
    ///
    /// # Errors
    /// The store did not answer.
    pub async fn lease_refresh(
        &self,
        tenant: Tenant,
        id: ConnectionId,
        (owner, version): (&str, u64),
        now: Timestamp,
        until: Timestamp,
    ) -> Result<Lease, StoreError> {
        let mut builder = self
            .update_refresh(tenant, id)
            .update_expression("SET #owner = :owner, lease_until = :until ADD fence :one")
            .return_values(ReturnValue::AllNew)
            .expression_attribute_names("#owner", "owner")
            .expression_attribute_values(":owner", text(owner))
            .expression_attribute_values(":until", millis(until))
            .expression_attribute_values(":one", number(1));
        if !Defect::RefreshesWithoutLease.is_present() {
            // What is said about an older grant does not concern the one that a login has brought since.
            let condition = "(attribute_not_exists(lease_until) OR lease_until < :free) AND \
                (attribute_not_exists(rests_until) OR rests_until <= :now OR resting.version < :version) AND \
                (attribute_not_exists(ended_version) OR ended_version < :version)";
            builder = builder
                .condition_expression(condition)
                .expression_attribute_values(":free", millis(now.saturating_sub(SKEW).unwrap_or(now)))
                .expression_attribute_values(":now", millis(now))
                .expression_attribute_values(":version", number(version));
        }
        let found: Standing = match self.conditional("take the lease on a token", builder).await? {
            Ok(item) => return Ok(Lease::Won(Box::new(from_row("lease on a token", item)?))),
            Err(item) => from_row("lease on a token", item)?,
        };
        if found.owner.as_deref() == Some(owner) && found.lease_until.is_some() {
            // The SDK sent it twice because its first answer was lost: it was won then.
            return Ok(Lease::Won(Box::new(found)));
        }
        let held = found.lease_until.map(|until| until.saturating_add(SKEW).unwrap_or(until));
        let ended = found.ended_version.is_some_and(|ended| ended >= version);
        Ok(match (held.filter(|until| *until >= now), found.resting, found.rests_until) {
            (_, Some(resting), _) if ended => Lease::Ended(resting.reason),
            (Some(until), _, _) => Lease::Held(until),
            (None, Some(resting), Some(until)) => Lease::Resting(until, resting.reason),
            // It changed hands between our write and the answer.
            (None, _, _) => Lease::Held(now),
        })
    }

    /// What is known about the renewals of a connection, as of now.
    ///
    /// # Errors
    /// The store did not answer.
    pub async fn refresh_standing(&self, tenant: Tenant, id: ConnectionId) -> Result<Option<Standing>, StoreError> {
        let item =
            self.get("read a lease on a token", keys::health(tenant, id), keys::REFRESH.to_owned(), true).await?;
        item.map(|item| from_row("lease on a token", item)).transpose()
    }

    /// Records that the refresh token is about to leave, and prolongs the lease; `false` if the lease has passed to another:
    /// it must not leave then.
    ///
    /// # Errors
    /// The store did not answer: it must not leave either.
    pub async fn record_refresh(
        &self,
        tenant: Tenant,
        id: ConnectionId,
        fence: u64,
        sent: Sent,
        until: Timestamp,
    ) -> Result<bool, StoreError> {
        let mut builder = self
            .update_refresh(tenant, id)
            .update_expression("SET sent = :sent, lease_until = :until")
            .expression_attribute_values(":sent", to_attribute("sent token", &sent)?)
            .expression_attribute_values(":until", millis(until));
        if !Defect::RefreshesWithoutLease.is_present() {
            builder = builder
                .condition_expression("fence = :fence AND attribute_exists(lease_until)")
                .expression_attribute_values(":fence", number(fence));
        }
        Ok(self.conditional("record a refresh", builder).await?.is_ok())
    }

    /// Gives the lease back; `false` if it has passed to another, to whom it is left.
    ///
    /// # Errors
    /// The store did not answer: the lease ends by itself.
    pub async fn release_refresh(
        &self,
        tenant: Tenant,
        id: ConnectionId,
        fence: u64,
        release: &Release,
    ) -> Result<bool, StoreError> {
        let builder = self
            .update_refresh(tenant, id)
            .condition_expression("fence = :fence")
            .expression_attribute_names("#owner", "owner")
            .expression_attribute_values(":fence", number(fence));
        let builder = match release {
            Release::Untouched => builder.update_expression("REMOVE #owner, lease_until"),
            Release::Renewed(renewed) => builder
                .update_expression("SET renewed = :renewed REMOVE #owner, lease_until, sent, resting, rests_until")
                .expression_attribute_values(":renewed", to_attribute("renewal", renewed)?),
            Release::Rest { until, resting, sent } => {
                let builder = builder
                    .expression_attribute_values(":until", millis(*until))
                    .expression_attribute_values(":resting", to_attribute("failed renewal", resting)?);
                let rests = "SET rests_until = :until, resting = :resting";
                match sent {
                    Some(sent) => builder
                        .update_expression(format!("{rests}, sent = :sent REMOVE #owner, lease_until"))
                        .expression_attribute_values(":sent", to_attribute("sent token", sent)?),
                    None => builder.update_expression(format!("{rests} REMOVE #owner, lease_until, sent")),
                }
            }
        };
        Ok(self.conditional("give a lease on a token back", builder).await?.is_ok())
    }

    /// Records that the platform has ended the grant of this version: the connection needs its owner, nobody tries again, and
    /// the health log has its line; all of it or nothing. `false` if the lease has passed to another, or the connection was
    /// made anew or given up.
    ///
    /// # Errors
    /// The store did not answer.
    pub async fn end_by_refresh(
        &self,
        tenant: Tenant,
        id: ConnectionId,
        (fence, resting): (u64, &Resting),
        seen_at: Timestamp,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        const OPERATION: &str = "end a connection";
        let incomplete = |_| StoreError::Unavailable { operation: OPERATION, code: "incomplete_request".into() };
        let lease = Update::builder()
            .table_name(&self.table)
            .key("pk", text(keys::health(tenant, id)))
            .key("sk", text(keys::REFRESH))
            .update_expression(
                "SET ended_version = :version, resting = :resting REMOVE #owner, lease_until, rests_until",
            )
            .expression_attribute_names("#owner", "owner")
            .expression_attribute_values(":version", number(resting.version))
            .expression_attribute_values(":resting", to_attribute("failed renewal", resting)?);
        let lease = if Defect::RefreshesWithoutLease.is_present() {
            lease
        } else {
            lease.condition_expression("fence = :fence").expression_attribute_values(":fence", number(fence))
        };
        let believes = Defect::BelievesRefusalsAtOnce.is_present();
        let seen_at = if believes { Timestamp::MAX } else { seen_at };
        let state = (ConnectionState::Reconnect, Some(&resting.reason), seen_at);
        let connection = self.connection_change(tenant, id, state, now)?;
        let mut unless_newer = connection.get_condition_expression().clone().unwrap_or_default();
        if !believes {
            // A login is known by its version, too: clocks differ.
            unless_newer.push_str(" AND (attribute_not_exists(token_version) OR token_version <= :token_version)");
        }
        let change = connection.get_update_expression().clone().unwrap_or_default();
        let connection = connection
            .update_expression(change.replacen("SET ", "SET ended_version = :token_version, ", 1))
            .condition_expression(unless_newer)
            .expression_attribute_values(":token_version", number(resting.version));
        let line = health_row(tenant, id, (ConnectionState::Reconnect, Some(&resting.reason)), now)?;
        let line = Put::builder().table_name(&self.table).set_item(Some(line)).build().map_err(incomplete)?;
        let writes = vec![
            TransactWriteItem::builder().update(lease.build().map_err(incomplete)?).build(),
            TransactWriteItem::builder().update(connection.build().map_err(incomplete)?).build(),
            TransactWriteItem::builder().put(line).build(),
        ];
        for sent in 1.. {
            let outcome = self.client.transact_write_items().set_transact_items(Some(writes.clone())).send().await;
            let Err(error) = outcome else { return Ok(true) };
            let codes: Vec<String> = match error.as_service_error() {
                Some(TransactWriteItemsError::TransactionCanceledException(cancelled)) => cancelled
                    .cancellation_reasons()
                    .iter()
                    .filter_map(CancellationReason::code)
                    .map(Into::into)
                    .collect(),
                _ => Vec::new(),
            };
            if codes.iter().any(|code| code == "ConditionalCheckFailed") {
                return Ok(false);
            }
            let meets_another = codes.iter().any(|code| code == "TransactionConflict");
            if sent >= SENT_AT_MOST || !(meets_another || error.code().is_some_and(is_conflict)) {
                return Err(unavailable(OPERATION)(error));
            }
        }
        Ok(false)
    }

    /// Writes the ends of a renewed grant into its connection, and when its token is looked at next. What a later renewal or
    /// a login has written stands.
    ///
    /// # Errors
    /// The store did not answer: the next look repairs it.
    pub async fn record_renewal(
        &self,
        tenant: Tenant,
        id: ConnectionId,
        times: &RenewalTimes,
        (next, now): (Timestamp, Timestamp),
    ) -> Result<(), StoreError> {
        let mut builder = self
            .client
            .update_item()
            .table_name(&self.table)
            .key("pk", text(keys::tenant(tenant)))
            .key("sk", text(keys::connection(id)))
            .condition_expression(
                "attribute_exists(pk) AND (attribute_not_exists(connected_at) OR connected_at <= :seen_at) AND \
                 (attribute_not_exists(token_version) OR token_version <= :version)",
            )
            .expression_attribute_values(":seen_at", millis(times.seen_at))
            .expression_attribute_values(":version", number(times.version))
            .expression_attribute_values(":renews", aws_sdk_dynamodb::types::AttributeValue::Bool(true))
            .expression_attribute_values(":now", millis(now));
        let mut sets: Vec<_> =
            ["token_version = :version", "renews = :renews", "checked_at = :now"].map(String::from).into();
        let mut removes = Vec::new();
        for (name, value) in [
            ("access_expires_at", times.access_expires_at),
            ("data_access_expires_at", times.data_access_expires_at),
            ("refresh_expires_at", times.refresh_expires_at),
        ] {
            match value {
                Some(at) => {
                    sets.push(format!("{name} = :{name}"));
                    builder = builder.expression_attribute_values(format!(":{name}"), millis(at));
                }
                None => removes.push(name),
            }
        }
        let mut expression = format!("SET {}", sets.join(", "));
        if !removes.is_empty() {
            expression = format!("{expression} REMOVE {}", removes.join(", "));
        }
        if self.conditional("record a renewal", builder.update_expression(expression)).await?.is_ok() {
            self.look_at_token(tenant, id, next).await?;
        }
        Ok(())
    }

    /// Sets when a connection's token is looked at next.
    ///
    /// # Errors
    /// The store did not answer.
    pub async fn look_at_token(&self, tenant: Tenant, id: ConnectionId, at: Timestamp) -> Result<(), StoreError> {
        let sort = keys::token_end(id);
        let builder = self
            .client
            .update_item()
            .table_name(&self.table)
            .key("pk", text(keys::tenant(tenant)))
            .key("sk", text(&sort))
            .update_expression("SET #connection = :connection, due_shard = :shard, due_at = :at")
            .expression_attribute_names("#connection", "connection")
            .expression_attribute_values(":connection", text(id))
            .expression_attribute_values(":shard", text(keys::due_tokens(id)))
            .expression_attribute_values(":at", text(keys::at(at, &sort)));
        self.conditional("set when a token is looked at", builder).await.map(|_| ())
    }
}

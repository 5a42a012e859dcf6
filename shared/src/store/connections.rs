//! Connections: one OAuth grant each, with its destinations and its health.

use aws_sdk_dynamodb::types::{Put, TransactWriteItem, Update, builders::UpdateBuilder};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::{
    Item, Store, StoreError, from_row, keys, millis, refreshes::last_end, text, time_to_live, to_attribute, to_row,
    unavailable,
};
use crate::{
    connector::Refusal,
    ids::{ConnectionId, TenantId},
    platform::{AppOwner, Platform},
    tenant::Tenant,
};

/// Why a connection is degraded that ends soon.
pub const ENDING: &str = "connection.ending";
const HEALTH_PREFIX: &str = "HEALTH#";
/// How long after a check another hint is worth one.
const HINTS_APART: SignedDuration = SignedDuration::from_mins(10);
/// How long the health log is kept.
const HEALTH_LOG_KEPT: SignedDuration = SignedDuration::from_hours(90 * 24);
/// How many writes DynamoDB takes in one transaction.
pub(super) const TRANSACTION: usize = 100;
pub(super) const STORE: &str = "store a connection";

/// Whether a connection can be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum ConnectionState {
    /// It works.
    Active,
    /// It works, and will not for long, or not for everything.
    Degraded,
    /// It does not work until its owner connects again.
    Reconnect,
    /// It was given up.
    Disconnected,
}

/// A place that a connection may publish to, as it is stored and shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SavedDestination {
    /// The platform's id.
    pub id: String,
    /// A name to show.
    pub name: String,
    /// Why this connection may not publish there, if so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refusal: Option<Refusal>,
}

/// The last thing that the platform told about a connection without being asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastEvent {
    /// What happened: `post.published`, `post.removed`, `connection.revoked`, or the platform's own name.
    pub kind: String,
    /// The platform's id of what it happened to, if any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remote_id: Option<String>,
    /// When it reached us.
    #[serde(with = "jiff::fmt::serde::timestamp::millisecond::required")]
    pub received_at: Timestamp,
}

/// A connection, without its tokens: these are in the vault.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Connection {
    /// The id; a reconnect keeps it.
    pub id: ConnectionId,
    /// Where.
    pub platform: Platform,
    /// The platform's id of whoever gave consent.
    pub account: String,
    /// A name to show for it.
    pub account_name: String,
    /// Whose app it was made with.
    #[serde(default, skip_serializing_if = "AppOwner::is_shared")]
    pub app: AppOwner,
    /// What the caller calls whoever connected it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end_user: Option<String>,
    /// Whether it can be used.
    pub state: ConnectionState,
    /// Why it is not active, if so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Refusal>,
    /// What was granted.
    pub scopes: Vec<String>,
    /// What was asked and not granted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub missing_scopes: Vec<String>,
    /// Where it may publish.
    pub destinations: Vec<SavedDestination>,
    /// When it was made.
    #[serde(with = "jiff::fmt::serde::timestamp::millisecond::required")]
    pub created_at: Timestamp,
    /// When its owner last connected it: what was learned before that says nothing about it.
    #[serde(
        default,
        with = "jiff::fmt::serde::timestamp::millisecond::optional",
        skip_serializing_if = "Option::is_none"
    )]
    pub connected_at: Option<Timestamp>,
    /// When it last changed.
    #[serde(with = "jiff::fmt::serde::timestamp::millisecond::required")]
    pub updated_at: Timestamp,
    /// When it was last seen to work or not to.
    #[serde(
        default,
        with = "jiff::fmt::serde::timestamp::millisecond::optional",
        skip_serializing_if = "Option::is_none"
    )]
    pub checked_at: Option<Timestamp>,
    /// When the token ends, if the platform said so.
    #[serde(
        default,
        with = "jiff::fmt::serde::timestamp::millisecond::optional",
        skip_serializing_if = "Option::is_none"
    )]
    pub access_expires_at: Option<Timestamp>,
    /// When reads end without a new login, if the platform said so.
    #[serde(
        default,
        with = "jiff::fmt::serde::timestamp::millisecond::optional",
        skip_serializing_if = "Option::is_none"
    )]
    pub data_access_expires_at: Option<Timestamp>,
    /// Whether the token is renewed without its owner: then its end is not the connection's.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub renews: bool,
    /// When renewing ends without a new login, if the platform said so.
    #[serde(
        default,
        with = "jiff::fmt::serde::timestamp::millisecond::optional",
        skip_serializing_if = "Option::is_none"
    )]
    pub refresh_expires_at: Option<Timestamp>,
    /// Which version of the grant this is about: what is learned with an older one says nothing about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token_version: Option<u64>,
    /// The last thing that the platform told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_event: Option<LastEvent>,
}

impl Connection {
    /// The first of the dates on which this connection stops working by itself.
    #[must_use]
    pub fn ends_at(&self) -> Option<Timestamp> {
        let token = if self.renews {
            last_end(self.refresh_expires_at, self.access_expires_at)
        } else {
            self.access_expires_at
        };
        token.into_iter().chain(self.data_access_expires_at).min()
    }
}

/// Neither given up nor made anew since it was seen.
const UNLESS_NEWER: &str = "attribute_exists(pk) AND #state <> :disconnected AND \
                            (attribute_not_exists(connected_at) OR connected_at <= :seen_at)";
/// The grant that it has is not one whose end the platform has told of.
const NOT_ENDED: &str = "(attribute_not_exists(ended_version) OR token_version > ended_version)";

impl Store {
    pub(super) fn put_of(&self, row: Item) -> Result<TransactWriteItem, StoreError> {
        let put = Put::builder().table_name(&self.table).set_item(Some(row)).build().map_err(incomplete)?;
        Ok(TransactWriteItem::builder().put(put).build())
    }

    /// One connection.
    ///
    /// # Errors
    /// The store did not answer.
    pub async fn connection(&self, tenant: Tenant, id: ConnectionId) -> Result<Option<Connection>, StoreError> {
        let item = self.get("read a connection", keys::tenant(tenant), keys::connection(id), false).await?;
        item.map(|item| from_row("connection", item)).transpose()
    }

    /// One connection, whatever was written a moment ago.
    ///
    /// # Errors
    /// The store did not answer.
    pub async fn connection_as_of_now(
        &self,
        tenant: Tenant,
        id: ConnectionId,
    ) -> Result<Option<Connection>, StoreError> {
        let item = self.get("read a connection", keys::tenant(tenant), keys::connection(id), true).await?;
        item.map(|item| from_row("connection", item)).transpose()
    }

    /// Those of `ids` that there are.
    ///
    /// # Errors
    /// The store did not answer.
    pub async fn connections_by_id(
        &self,
        tenant: Tenant,
        ids: impl Iterator<Item = ConnectionId>,
    ) -> Result<Vec<Connection>, StoreError> {
        let mut keys: Vec<_> = ids.map(|id| (keys::tenant(tenant), keys::connection(id))).collect();
        keys.sort_unstable();
        keys.dedup();
        let rows = self.get_many("read connections", keys).await?;
        rows.into_iter().map(|item| from_row("connection", item)).collect()
    }

    /// All connections of a tenant, the oldest first.
    ///
    /// # Errors
    /// The store did not answer.
    pub async fn connections(&self, tenant: Tenant) -> Result<Vec<Connection>, StoreError> {
        let (partition, prefix) = (keys::tenant(tenant), keys::CONNECTION_PREFIX);
        let rows = self.rows_under("list connections", partition, prefix, false).await?;
        // The rows that only wait for a token's end stand beside their connections.
        let connections = rows.into_iter().filter(|row| row.contains_key("platform"));
        connections.map(|row| from_row("connection", row)).collect()
    }

    /// The connections of all tenants that may publish to a place, or that an account has granted, for a verified webhook
    /// about the one or the other.
    ///
    /// # Errors
    /// The store did not answer.
    pub async fn connections_at(
        &self,
        platform: Platform,
        destination: &str,
    ) -> Result<Vec<(Tenant, ConnectionId)>, StoreError> {
        let mut pages = self
            .client
            .query()
            .table_name(&self.table)
            .key_condition_expression("pk = :pk")
            .expression_attribute_values(":pk", text(keys::destination(platform, destination)))
            .into_paginator()
            .items()
            .send();
        let mut found = Vec::new();
        while let Some(item) = pages.next().await {
            let row: DestinationRow = from_row("destination", item.map_err(unavailable("find connections"))?)?;
            found.push((Tenant::verified(row.tenant), row.connection));
        }
        Ok(found)
    }

    /// Records that a connection needs its owner, by what was seen at `seen_at` with its tokens or heard from the platform;
    /// and a line in its health log. A login after that has the last word: then nothing is recorded, and the answer is `false`.
    ///
    /// # Errors
    /// The store did not answer.
    pub async fn end_connection(
        &self,
        tenant: Tenant,
        id: ConnectionId,
        (reason, seen_at): (&Refusal, Timestamp),
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let state = (ConnectionState::Reconnect, Some(reason));
        let ended = self.set_connection_state(tenant, id, (state.0, state.1, seen_at), now).await?;
        if ended {
            self.log_health(tenant, id, state, now).await?;
        }
        Ok(ended)
    }

    /// Records what was learned about a connection at `seen_at`; `false` if it was given up, made anew since then, or ended by
    /// the platform's word: it stays as it is.
    ///
    /// # Errors
    /// The store did not answer.
    pub async fn set_connection_state(
        &self,
        tenant: Tenant,
        id: ConnectionId,
        (state, reason, seen_at): (ConnectionState, Option<&Refusal>, Timestamp),
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let change = self.connection_change(tenant, id, (state, reason, seen_at), now)?;
        let incomplete =
            |_| StoreError::Unavailable { operation: "record a connection's state", code: "incomplete_request".into() };
        let change = change.build().map_err(incomplete)?;
        let builder = self
            .client
            .update_item()
            .table_name(change.table_name)
            .set_key(Some(change.key))
            .update_expression(change.update_expression)
            .set_condition_expression(change.condition_expression)
            .set_expression_attribute_names(change.expression_attribute_names)
            .set_expression_attribute_values(change.expression_attribute_values);
        Ok(self.conditional("record a connection's state", builder).await?.is_ok())
    }

    /// The update of [`Self::set_connection_state`], also fit for a transaction. A grant whose end the platform has told of
    /// ([`Self::end_by_refresh`]) ends in a login or in a newer version: whatever was learned with an older one, such as that
    /// its access token still works, does not bring the connection back.
    pub(super) fn connection_change(
        &self,
        tenant: Tenant,
        id: ConnectionId,
        (state, reason, seen_at): (ConnectionState, Option<&Refusal>, Timestamp),
        now: Timestamp,
    ) -> Result<UpdateBuilder, StoreError> {
        let sort = keys::connection(id);
        let mut builder = Update::builder()
            .table_name(&self.table)
            .key("pk", text(keys::tenant(tenant)))
            .key("sk", text(&sort))
            .condition_expression(if state == ConnectionState::Reconnect {
                UNLESS_NEWER.to_owned()
            } else {
                format!("{UNLESS_NEWER} AND {NOT_ENDED}")
            })
            .expression_attribute_names("#state", "state")
            .expression_attribute_values(":disconnected", to_attribute("state", &ConnectionState::Disconnected)?)
            .expression_attribute_values(":state", to_attribute("state", &state)?)
            .expression_attribute_values(":seen_at", millis(seen_at))
            .expression_attribute_values(":now", millis(now));
        let mut sets = "SET #state = :state, checked_at = :now, updated_at = :now".to_owned();
        let mut removes = Vec::new();
        match reason {
            Some(reason) => {
                sets.push_str(", reason = :reason");
                builder = builder.expression_attribute_values(":reason", to_attribute("reason", reason)?);
            }
            None => removes.push("reason"),
        }
        if state == ConnectionState::Active {
            removes.extend(["attention_group", "attention_at"]);
        } else {
            sets.push_str(", attention_group = :attention_group, attention_at = :attention_at");
            builder = builder
                .expression_attribute_values(":attention_group", text(keys::troubled_connections(tenant)))
                .expression_attribute_values(":attention_at", text(keys::at(now, &sort)));
        }
        if !removes.is_empty() {
            sets.push_str(" REMOVE ");
            sets.push_str(&removes.join(", "));
        }
        Ok(builder.update_expression(sets))
    }

    /// Records that a connection was looked at and is as it was: the time of its last change stays.
    ///
    /// # Errors
    /// The store did not answer.
    pub async fn seen_connection(&self, tenant: Tenant, id: ConnectionId, now: Timestamp) -> Result<(), StoreError> {
        let builder = self
            .client
            .update_item()
            .table_name(&self.table)
            .key("pk", text(keys::tenant(tenant)))
            .key("sk", text(keys::connection(id)))
            .update_expression("SET checked_at = :now")
            .condition_expression("attribute_exists(pk)")
            .expression_attribute_values(":now", millis(now));
        self.conditional("record a look at a connection", builder).await.map(|_| ())
    }

    /// The connections of a tenant that need somebody, the one that has for longest first: from the index, which lags a moment.
    ///
    /// # Errors
    /// The store did not answer.
    pub async fn troubled_connections(&self, tenant: Tenant) -> Result<Vec<Connection>, StoreError> {
        let rows = self
            .client
            .query()
            .table_name(&self.table)
            .index_name("attention")
            .key_condition_expression("attention_group = :attention_group")
            .expression_attribute_values(":attention_group", text(keys::troubled_connections(tenant)))
            .into_paginator()
            .items()
            .send();
        let rows = rows.try_collect().await.map_err(unavailable("list connections that need attention"))?;
        rows.into_iter().map(|row| from_row("connection", row)).collect()
    }

    /// The last changes of a connection, the newest first.
    ///
    /// # Errors
    /// The store did not answer.
    pub async fn health_log(
        &self,
        tenant: Tenant,
        id: ConnectionId,
        limit: i32,
    ) -> Result<Vec<HealthLine>, StoreError> {
        let output = self
            .client
            .query()
            .table_name(&self.table)
            .key_condition_expression("pk = :pk AND begins_with(sk, :prefix)")
            .expression_attribute_values(":pk", text(keys::health(tenant, id)))
            .expression_attribute_values(":prefix", text(HEALTH_PREFIX))
            .scan_index_forward(false)
            .limit(limit)
            .send()
            .await
            .map_err(unavailable("read the health log"))?;
        let lines = output.items.into_iter().flatten().map(|item| {
            let sort = item.get("sk").and_then(|sort| sort.as_s().ok()).cloned().unwrap_or_default();
            let line: HealthLine = from_row("health line", item)?;
            let at = line.at.or_else(|| keys::time_of(sort.strip_prefix(HEALTH_PREFIX)?));
            Ok(HealthLine { at, ..line })
        });
        lines.collect()
    }

    /// Brings the next check of a connection forward, unless it was checked a moment ago: hints cost next to nothing to make
    /// up. `false` if that changed nothing.
    ///
    /// # Errors
    /// The store did not answer.
    pub async fn check_soon(&self, tenant: Tenant, id: ConnectionId, now: Timestamp) -> Result<bool, StoreError> {
        let sort = keys::connection(id);
        let recently = now.saturating_sub(HINTS_APART).unwrap_or(Timestamp::MIN);
        let builder = self
            .client
            .update_item()
            .table_name(&self.table)
            .key("pk", text(keys::tenant(tenant)))
            .key("sk", text(&sort))
            .update_expression("SET due_at = :soon")
            .condition_expression("due_at > :soon AND (attribute_not_exists(checked_at) OR checked_at < :recently)")
            .expression_attribute_values(":soon", text(keys::at(now, &sort)))
            .expression_attribute_values(":recently", millis(recently));
        Ok(self.conditional("bring a check forward", builder).await?.is_ok())
    }

    /// Records the last thing that the platform told about a connection.
    ///
    /// # Errors
    /// The store did not answer.
    pub async fn set_last_event(&self, tenant: Tenant, id: ConnectionId, event: &LastEvent) -> Result<(), StoreError> {
        // Webhooks arrive in any order: an older one does not displace a newer.
        let builder = self
            .client
            .update_item()
            .table_name(&self.table)
            .key("pk", text(keys::tenant(tenant)))
            .key("sk", text(keys::connection(id)))
            .update_expression("SET last_event = :event")
            .condition_expression(
                "attribute_exists(pk) AND \
                 (attribute_not_exists(last_event) OR last_event.received_at <= :received_at)",
            )
            .expression_attribute_values(":event", to_attribute("event", event)?)
            .expression_attribute_values(":received_at", millis(event.received_at));
        self.conditional("record an event", builder).await.map(|_| ())
    }

    /// Adds a line to a connection's health log.
    ///
    /// # Errors
    /// The store did not answer.
    pub async fn log_health(
        &self,
        tenant: Tenant,
        id: ConnectionId,
        (state, reason): (ConnectionState, Option<&Refusal>),
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let row = health_row(tenant, id, (state, reason), now)?;
        self.put("write the health log", row).await
    }
}

/// A line of the health log.
pub(super) fn health_row(
    tenant: Tenant,
    id: ConnectionId,
    (state, reason): (ConnectionState, Option<&Refusal>),
    now: Timestamp,
) -> Result<Item, StoreError> {
    let event = event_of(state, reason).to_owned();
    let line = HealthLine { event, state, reason: reason.cloned(), at: Some(now) };
    let mut row =
        to_row("health line", keys::health(tenant, id), format!("{HEALTH_PREFIX}{}", keys::at(now, "")), &line)?;
    row.insert("expires_at".into(), time_to_live(now.saturating_add(HEALTH_LOG_KEPT).unwrap_or(now)));
    Ok(row)
}

/// The connection's own row, and the one that waits for its token's end.
pub(super) fn connection_rows(
    tenant: Tenant,
    connection: &Connection,
    next_check: Timestamp,
    warn_at: Option<Timestamp>,
) -> Result<Vec<Item>, StoreError> {
    let sort = keys::connection(connection.id);
    let mut row = to_row("connection", keys::tenant(tenant), sort.clone(), connection)?;
    row.insert("due_shard".into(), text(keys::due_health(connection.id)));
    row.insert("due_at".into(), text(keys::at(next_check, &sort)));
    if connection.state != ConnectionState::Active {
        row.insert("attention_group".into(), text(keys::troubled_connections(tenant)));
        row.insert("attention_at".into(), text(keys::at(connection.updated_at, &sort)));
    }
    let mut rows = vec![row];
    if let Some(warn_at) = warn_at {
        let sort = keys::token_end(connection.id);
        rows.push(Item::from([
            ("pk".to_owned(), text(keys::tenant(tenant))),
            ("sk".to_owned(), text(&sort)),
            ("connection".to_owned(), text(connection.id)),
            ("due_shard".to_owned(), text(keys::due_tokens(connection.id))),
            ("due_at".to_owned(), text(keys::at(warn_at, &sort))),
        ]));
    }
    Ok(rows)
}

/// The row under which a webhook about a place finds the connection.
pub(super) fn place_row(tenant: Tenant, connection: &Connection, place: &str) -> Item {
    Item::from([
        ("pk".to_owned(), text(keys::destination(connection.platform, place))),
        ("sk".to_owned(), text(format!("{}#{}", keys::tenant(tenant), keys::connection(connection.id)))),
        ("tenant".to_owned(), text(tenant.id())),
        ("connection".to_owned(), text(connection.id)),
    ])
}

pub(super) fn incomplete(_: aws_sdk_dynamodb::error::BuildError) -> StoreError {
    StoreError::Unavailable { operation: STORE, code: "incomplete_request".into() }
}

#[derive(Deserialize)]
struct DestinationRow {
    tenant: TenantId,
    connection: ConnectionId,
}

/// A line of the health log: what changed about a connection, and when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HealthLine {
    /// See [`event_of`].
    #[serde(default)]
    event: String,
    /// The state from then on.
    pub state: ConnectionState,
    /// Why, unless all is well.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Refusal>,
    #[serde(
        default,
        with = "jiff::fmt::serde::timestamp::millisecond::optional",
        skip_serializing_if = "Option::is_none"
    )]
    at: Option<Timestamp>,
}

impl HealthLine {
    /// When it changed; lines of before this was written down have it in their key alone.
    #[must_use]
    pub fn at(&self) -> Option<Timestamp> {
        self.at
    }

    /// What happened.
    #[must_use]
    pub fn event(&self) -> &'static str {
        event_of(self.state, self.reason.as_ref())
    }
}

/// What is told when a connection comes into this state for this reason.
#[must_use]
pub fn event_of(state: ConnectionState, reason: Option<&Refusal>) -> &'static str {
    match state {
        ConnectionState::Active => "connection.recovered",
        ConnectionState::Degraded if reason.is_some_and(|reason| reason.code == ENDING) => "connection.expiring",
        ConnectionState::Degraded => "connection.degraded",
        ConnectionState::Reconnect => "connection.reconnect",
        ConnectionState::Disconnected => "connection.disconnected",
    }
}

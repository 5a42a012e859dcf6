//! Posts, targets and connections as callers see them.

use jiff::Timestamp;
use serde::Serialize;
use url::Url;

use crate::{
    connector::{Act, Refusal},
    content::Content,
    ids::{ConnectionId, PostId, TargetId},
    platform::Platform,
    post::{Post, TargetSpec},
    removal::{Removal, RemovalState},
    schedule::Schedule,
    store::{Connection, ConnectionState, HealthLine, LastEvent, PostSummary, event_of},
    target::{State, Target},
};

/// A post, with what has become of it.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PostView {
    /// The id.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub id: PostId,
    /// Where the post as a whole stands: its targets' common state, or the one that is furthest from its end.
    pub state: State,
    /// When it was accepted.
    #[cfg_attr(feature = "openapi", schema(value_type = String, format = DateTime))]
    pub created_at: Timestamp,
    /// What was asked for.
    pub content: Content,
    /// The schedule as the caller wrote it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub schedule: Option<Schedule>,
    /// The instant that the schedule means.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>, format = DateTime))]
    pub scheduled_at: Option<Timestamp>,
    /// Past this nothing goes out any more.
    #[cfg_attr(feature = "openapi", schema(value_type = String, format = DateTime))]
    pub not_after: Timestamp,
    /// The targets, in the caller's order.
    pub targets: Vec<TargetView>,
}

/// A target, with what has become of it.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct TargetView {
    /// The id within the post: `t1`, `t2`, …
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub id: TargetId,
    /// The platform.
    pub platform: Platform,
    /// The connection.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub connection: ConnectionId,
    /// The platform's id of the destination.
    pub destination: String,
    /// Where it stands.
    pub state: State,
    /// How many attempts were made.
    pub attempts: u32,
    /// The platform's id of what was published.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remote_id: Option<String>,
    /// Where people see it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<Url>,
    /// Why it stands where it stands, if something went wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<ReasonView>,
    /// Past this it does not go out any more, if it was given a time of its own when it was redriven.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>, format = DateTime))]
    pub not_after: Option<Timestamp>,
    /// Its being taken down, if that was asked for or the platform told it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub removal: Option<RemovalView>,
    /// When it goes on by itself, if it waits for that.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>, format = DateTime))]
    pub next_at: Option<Timestamp>,
    /// When it last changed.
    #[cfg_attr(feature = "openapi", schema(value_type = String, format = DateTime))]
    pub updated_at: Timestamp,
}

/// How the removal of a published target stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RemovalView {
    /// Where it stands.
    pub state: RemovalState,
    /// When that changed last.
    #[cfg_attr(feature = "openapi", schema(value_type = String, format = DateTime))]
    pub at: Timestamp,
    /// When it is tried again, if it is under way.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>, format = DateTime))]
    pub next_at: Option<Timestamp>,
    /// What is in the way, or why it is not done.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problem: Option<ReasonView>,
}

impl From<&Removal> for RemovalView {
    fn from(removal: &Removal) -> Self {
        Self {
            state: removal.state,
            at: removal.at,
            next_at: removal.next_at,
            problem: removal.problem.as_ref().map(ReasonView::from),
        }
    }
}

/// Why something is as it is, and who can change it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ReasonView {
    /// Stable: branch on this.
    pub code: String,
    /// What it means and what to do.
    pub message: String,
    /// Who can do something about it.
    pub act: Act,
    /// The platform's own codes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub platform_code: Option<String>,
    /// The platform's trace id, for a support case.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trace_id: Option<String>,
}

impl From<&Refusal> for ReasonView {
    fn from(refusal: &Refusal) -> Self {
        Self {
            code: refusal.code.clone(),
            message: refusal.message.clone(),
            act: refusal.act,
            platform_code: refusal.platform_code.clone(),
            trace_id: refusal.trace_id.clone(),
        }
    }
}

impl PostView {
    /// A post at the moment of its acceptance: what is answered then, and on every replay.
    #[must_use]
    pub fn accepted(post: &Post) -> Self {
        Self::of(post, |_| None)
    }

    /// A post with what has become of it.
    #[must_use]
    pub fn current(summary: &PostSummary) -> Self {
        Self::of(&summary.post, |id| summary.target(id))
    }

    fn of<'a>(post: &Post, row: impl Fn(TargetId) -> Option<&'a Target>) -> Self {
        let targets: Vec<TargetView> =
            post.targets().map(|(id, spec)| TargetView::of(post, id, spec, row(id))).collect();
        Self {
            id: post.id,
            state: overall(targets.iter().map(|target| target.state)),
            created_at: post.created_at,
            content: post.content.clone(),
            schedule: post.planned.as_ref().map(|planned| planned.schedule.clone()),
            scheduled_at: post.planned.as_ref().map(|planned| planned.at),
            not_after: post.not_after,
            targets,
        }
    }
}

impl TargetView {
    /// A target as its row tells, or as the post alone tells while there is none.
    #[must_use]
    pub fn of(post: &Post, id: TargetId, spec: &TargetSpec, row: Option<&Target>) -> Self {
        let initial = if post.planned.is_some() { State::Scheduled } else { State::Queued };
        Self {
            id,
            platform: spec.platform,
            connection: spec.connection,
            destination: spec.destination.clone(),
            state: row.map_or(initial, |row| row.state),
            attempts: row.map_or(0, |row| row.attempts),
            remote_id: row.and_then(|row| row.remote_id.clone()),
            url: row.and_then(|row| row.url.clone()),
            reason: row.and_then(|row| row.reason.as_ref()).map(ReasonView::from),
            not_after: row.and_then(|row| row.not_after),
            removal: row.and_then(|row| row.removal.as_ref()).map(RemovalView::from),
            next_at: row.and_then(|row| row.not_before),
            updated_at: row.map_or(post.created_at, |row| row.updated_at),
        }
    }
}

/// One state for many: whatever still needs something comes first, and success only counts if it is everywhere.
fn overall(states: impl Iterator<Item = State>) -> State {
    let rank = |state: State| match state {
        State::NeedsReview => 0,
        State::Unknown => 1,
        State::Running => 2,
        State::Retrying => 3,
        State::Waiting => 4,
        State::Queued => 5,
        State::Scheduled => 6,
        State::Failed => 7,
        State::Expired => 8,
        State::Cancelled => 9,
        State::Published => 10,
    };
    states.min_by_key(|state| rank(*state)).unwrap_or(State::Queued)
}

/// A connection, without any secret.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ConnectionView {
    /// The id.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub id: ConnectionId,
    /// Where.
    pub platform: Platform,
    /// A name to show for whoever gave consent.
    pub account_name: String,
    /// What the caller calls whoever connected it, as the connect session said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub end_user: Option<String>,
    /// Whether it can be used.
    pub state: ConnectionState,
    /// Why it is not active, and what to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<ReasonView>,
    /// What needs somebody, since when, and the way to a new login; absent while all is well.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attention: Option<ConnectionEventView>,
    /// What changed lately, the newest first: when one connection is looked at, not in lists.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub history: Vec<ConnectionEventView>,
    /// Where it may publish.
    pub destinations: Vec<DestinationView>,
    /// What was granted.
    pub scopes: Vec<String>,
    /// What was asked and not granted.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub missing_scopes: Vec<String>,
    /// When it was made.
    #[cfg_attr(feature = "openapi", schema(value_type = String, format = DateTime))]
    pub created_at: Timestamp,
    /// When it was last seen to work or not to.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>, format = DateTime))]
    pub checked_at: Option<Timestamp>,
    /// When it ends unless its owner connects again, as far as the platform told.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>, format = DateTime))]
    pub ends_at: Option<Timestamp>,
    /// The last thing that the platform told about it without being asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_event: Option<EventView>,
}

/// Something that changed about a connection.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ConnectionEventView {
    /// `connection.expiring`, `connection.degraded`, `connection.reconnect` or `connection.recovered`.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub event: &'static str,
    /// When.
    #[cfg_attr(feature = "openapi", schema(value_type = String, format = DateTime))]
    pub at: Timestamp,
    /// Why, and what to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<ReasonView>,
    /// The request that begins a new login of the same account, where that helps: add a `return_url` to its body, and send
    /// the owner's browser to the `url` of the answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reconnect: Option<ReconnectView>,
}

/// The request that begins a new login.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ReconnectView {
    /// The method.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub method: &'static str,
    /// The path.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub path: &'static str,
    /// What the body holds besides `return_url`.
    pub body: ReconnectBody,
}

/// What the body of a request for a new login holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ReconnectBody {
    /// The platform.
    pub platform: Platform,
    /// The connection, which keeps its id.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub reconnect: ConnectionId,
}

impl ConnectionEventView {
    fn of(
        (id, platform): (ConnectionId, Platform),
        (state, reason): (ConnectionState, Option<&Refusal>),
        at: Timestamp,
    ) -> Self {
        let helps = state != ConnectionState::Active && reason.is_none_or(|reason| reason.act == Act::EndUser);
        let body = ReconnectBody { platform, reconnect: id };
        Self {
            event: event_of(state, reason),
            at,
            reason: reason.map(ReasonView::from),
            reconnect: helps.then_some(ReconnectView { method: "POST", path: "/v1/connect/sessions", body }),
        }
    }
}

/// A place to publish to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct DestinationView {
    /// The platform's id.
    pub id: String,
    /// A name to show.
    pub name: String,
    /// Whether the connection may publish there.
    pub usable: bool,
    /// Why not, if not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<ReasonView>,
}

/// Something that the platform told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct EventView {
    /// `post.published`, `post.removed`, `connection.revoked`, or the platform's own name.
    pub kind: String,
    /// The platform's id of what it happened to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remote_id: Option<String>,
    /// When it reached us.
    #[cfg_attr(feature = "openapi", schema(value_type = String, format = DateTime))]
    pub received_at: Timestamp,
}

impl From<Connection> for ConnectionView {
    fn from(connection: Connection) -> Self {
        let ends_at = connection.ends_at();
        let of = (connection.id, connection.platform);
        let attention = match connection.state {
            ConnectionState::Active | ConnectionState::Disconnected => None,
            state @ (ConnectionState::Degraded | ConnectionState::Reconnect) => {
                Some(ConnectionEventView::of(of, (state, connection.reason.as_ref()), connection.updated_at))
            }
        };
        Self {
            attention,
            history: Vec::new(),
            id: connection.id,
            platform: connection.platform,
            account_name: connection.account_name,
            end_user: connection.end_user,
            state: connection.state,
            reason: connection.reason.as_ref().map(ReasonView::from),
            destinations: connection
                .destinations
                .into_iter()
                .map(|destination| DestinationView {
                    usable: destination.refusal.is_none(),
                    reason: destination.refusal.as_ref().map(ReasonView::from),
                    id: destination.id,
                    name: destination.name,
                })
                .collect(),
            scopes: connection.scopes,
            missing_scopes: connection.missing_scopes,
            created_at: connection.created_at,
            checked_at: connection.checked_at,
            ends_at,
            last_event: connection.last_event.map(EventView::from),
        }
    }
}

impl ConnectionView {
    /// The same with its last changes.
    #[must_use]
    pub fn with_history(self, lines: &[HealthLine]) -> Self {
        let of = (self.id, self.platform);
        let event =
            |line: &HealthLine| Some(ConnectionEventView::of(of, (line.state, line.reason.as_ref()), line.at()?));
        Self { history: lines.iter().filter_map(event).collect(), ..self }
    }
}

impl From<LastEvent> for EventView {
    fn from(event: LastEvent) -> Self {
        Self { kind: event.kind, remote_id: event.remote_id, received_at: event.received_at }
    }
}

//! What happened to a post: who, what, when and why.

use jiff::Timestamp;
use serde::Serialize;

use super::{Reader, store_failed};
use crate::{
    http::{Request, Response},
    ids::{PostId, TargetId},
    problem::Problem,
    store::PostSummary,
    target::{LogEntry, State, Target},
    view::ReasonView,
};

/// The history of a post.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct TimelineView {
    /// The post.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub post: PostId,
    /// What happened, the oldest first.
    pub entries: Vec<TimelineEntry>,
}

/// One thing that happened.
#[derive(Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct TimelineEntry {
    /// When.
    #[cfg_attr(feature = "openapi", schema(value_type = String, format = DateTime))]
    pub at: Timestamp,
    /// What: `accepted`, `started`, or the state that it led to.
    pub event: &'static str,
    /// To which target; to the whole post if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>))]
    pub target: Option<TargetId>,
    /// Who: the id of an API key, or `postd`.
    pub by: String,
    /// Which attempt it belongs to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attempt: Option<u32>,
    /// Why.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<ReasonView>,
    /// When it goes on.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>, format = DateTime))]
    pub next_at: Option<Timestamp>,
}

impl Reader {
    pub(super) async fn timeline(&self, request: &Request) -> Result<Response, Problem> {
        let summary = self.summary(request).await?;
        let logs = self.store.logs(request.caller()?.tenant, summary.post.id).await.map_err(store_failed)?;
        Ok(Response::json(200, &TimelineView { post: summary.post.id, entries: entries(&summary, logs) }))
    }
}

fn entries(summary: &PostSummary, logs: Vec<LogEntry>) -> Vec<TimelineEntry> {
    let post = &summary.post;
    let mut entries = vec![TimelineEntry {
        at: post.created_at,
        event: "accepted",
        target: None,
        by: post.accepted_by.to_string(),
        attempt: None,
        reason: None,
        next_at: post.planned.as_ref().map(|planned| planned.at),
    }];
    for target in &summary.targets {
        entries.extend(target.started_at.map(|at| of_target(target, at, "started")));
        let told = logs
            .iter()
            .any(|log| log.target == target.target && log.fence == target.fence && log.state == target.state);
        let began = matches!(target.state, State::Scheduled | State::Queued);
        if !told && !began && target.state != State::Running {
            let mut entry = of_target(target, target.updated_at, target.state.name());
            entry.attempt = (target.attempts > 0).then_some(target.attempts);
            entry.reason = target.reason.as_ref().map(ReasonView::from);
            entries.push(entry);
        }
    }
    entries.extend(logs.into_iter().map(|log| TimelineEntry {
        at: log.at,
        event: log.state.name(),
        target: Some(log.target),
        by: "postd".into(),
        attempt: (log.attempt > 0).then_some(log.attempt),
        reason: log.reason.as_ref().map(ReasonView::from),
        next_at: log.until,
    }));
    // Stable: what happened in the same millisecond stays in the order of its happening.
    entries.sort_by_key(|entry| entry.at);
    entries
}

fn of_target(target: &Target, at: Timestamp, event: &'static str) -> TimelineEntry {
    TimelineEntry {
        at,
        event,
        target: Some(target.target),
        by: "postd".into(),
        attempt: None,
        reason: None,
        next_at: None,
    }
}

//! What happened to a post: who, what, when and why.

use jiff::Timestamp;
use serde::Serialize;

use super::{Reader, store_failed};
use crate::{
    connector::{Act, Refusal},
    http::{Request, Response},
    ids::{KeyId, PostId, TargetId},
    platform::Platform,
    post::{Edit, Post},
    problem::Problem,
    removal::{Removal, RemovalState},
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
    /// What: `accepted`, `edited`, `started`, the state that it led to, or what became of a
    /// removal (`removal_requested`, `removal_waiting`, `removed`, `removal_failed`, `removal_unsupported`,
    /// `removal_unknown`).
    pub event: &'static str,
    /// To which target; to the whole post if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>))]
    pub target: Option<TargetId>,
    /// Who: the id of an API key, `platform` where its answer brought it about, or `postd`.
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

/// Everything that is on record about a post.
struct Record<'a> {
    /// As it stands.
    summary: &'a PostSummary,
    /// As it was accepted.
    accepted: &'a Post,
    /// How it was edited since.
    edits: Vec<Edit>,
    /// What went wrong, had to wait or was decided by a person.
    logs: Vec<LogEntry>,
}

impl Reader {
    pub(super) async fn timeline(&self, request: &Request) -> Result<Response, Problem> {
        let tenant = request.caller()?.tenant;
        let summary = self.summary(request).await?;
        let post = &summary.post;
        let logs = self.store.logs(tenant, post.id).await.map_err(store_failed)?;
        let edits = if post.version == 1 {
            Vec::new()
        } else {
            self.store.edits(tenant, post.id).await.map_err(store_failed)?
        };
        let accepted = self.store.as_accepted(tenant, post.clone()).await.map_err(store_failed)?;
        let record = Record { summary: &summary, accepted: &accepted, edits, logs };
        Ok(Response::json(200, &TimelineView { post: post.id, entries: entries(record) }))
    }
}

fn entries(record: Record<'_>) -> Vec<TimelineEntry> {
    let Record { summary, accepted, edits, logs } = record;
    let mut entries = vec![TimelineEntry {
        at: accepted.created_at,
        event: "accepted",
        target: None,
        by: accepted.accepted_by.to_string(),
        attempt: None,
        reason: None,
        next_at: accepted.planned.as_ref().map(|planned| planned.at),
    }];
    entries.extend(edits.iter().map(of_edit));
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
            entry.by = who(target.cancelled_by, target.reason.as_ref(), Some(target.platform));
            entries.push(entry);
        }
        entries.extend(target.removal.iter().flat_map(|removal| of_removal(target, removal)));
    }
    entries.extend(logs.into_iter().map(|log| TimelineEntry {
        at: log.at,
        event: log.state.name(),
        target: Some(log.target),
        by: who(log.by, log.reason.as_ref(), accepted.target(log.target).map(|spec| spec.platform)),
        attempt: (log.attempt > 0).then_some(log.attempt),
        reason: log.reason.as_ref().map(ReasonView::from),
        next_at: log.until,
    }));
    // Stable: what happened in the same millisecond stays in the order of its happening.
    entries.sort_by_key(|entry| entry.at);
    entries
}

/// Who brought a change about: a caller, the platform with its answer, or postd by itself.
fn who(caller: Option<KeyId>, reason: Option<&Refusal>, platform: Option<Platform>) -> String {
    let said_by_platform = reason.zip(platform).is_some_and(|(reason, platform)| {
        // Rules that we check ourselves begin with its name, too, but carry no code of its own.
        reason.platform_code.is_some() && reason.code.split('.').next() == Some(platform.name())
    });
    match caller {
        Some(key) => key.to_string(),
        None if said_by_platform => "platform".into(),
        None => "postd".into(),
    }
}

fn of_edit(edit: &Edit) -> TimelineEntry {
    let parts: Vec<&str> = edit.changed.iter().map(|part| part.words()).collect();
    let message = format!("The caller changed {}.", parts.join(", "));
    TimelineEntry {
        at: edit.at,
        event: "edited",
        target: None,
        by: edit.by.to_string(),
        attempt: None,
        reason: Some(ReasonView::from(&Refusal::ours("post.edited", Act::Nobody, &message))),
        next_at: edit.planned_at,
    }
}

/// Who wanted it taken down, and what has come of it. Of several wishes the last one is told; the audit has them all.
fn of_removal(target: &Target, removal: &Removal) -> Vec<TimelineEntry> {
    let mut entries = Vec::new();
    if let Some(by) = removal.by {
        let asked = of_target(target, removal.since, "removal_requested");
        entries.push(TimelineEntry { by: by.to_string(), ..asked });
    }
    let event = match removal.state {
        RemovalState::Requested if removal.problem.is_some() => "removal_waiting",
        RemovalState::Requested => return entries,
        RemovalState::Removed => "removed",
        RemovalState::Failed => "removal_failed",
        RemovalState::Unsupported => "removal_unsupported",
        RemovalState::Unknown => "removal_unknown",
    };
    let by = match removal.by {
        Some(_) => who(None, removal.problem.as_ref(), Some(target.platform)),
        None => "platform".to_owned(),
    };
    entries.push(TimelineEntry {
        by,
        attempt: (removal.attempts > 0).then_some(removal.attempts),
        reason: removal.problem.as_ref().map(ReasonView::from),
        next_at: removal.next_at,
        ..of_target(target, removal.at, event)
    });
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

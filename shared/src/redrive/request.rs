//! What a caller sends, and what it means.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::MOST_TARGETS;
use crate::{
    connector::Act,
    ids::{ConnectionId, PostId, TargetId},
    platform::Platform,
    problem::Fault,
    schedule,
    store::DeadLetterFilter,
};

/// Which dead letters to send back to work: either `targets` or `filter`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct NewRedrive {
    /// These: 1 to 500.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub targets: Option<Vec<TargetName>>,
    /// All that this matches, the latest first, at most 500 in one call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub filter: Option<RedriveFilter>,
    /// Only say what would happen: nothing is written and nothing is posted, and the platforms are asked as they would be.
    #[serde(default)]
    pub dry_run: bool,
    /// Past this instant (RFC 3339 with an offset) none of them goes out any more. Without it each keeps its time, and what
    /// is too late by that stays where it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_after: Option<String>,
}

/// One target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct TargetName {
    /// The post.
    #[cfg_attr(feature = "openapi", schema(value_type = String, example = "post_0193f0a1b2c37d4e8f90a1b2c3d4e5f6"))]
    pub post: PostId,
    /// Which of its targets.
    #[cfg_attr(feature = "openapi", schema(value_type = String, example = "t1"))]
    pub target: TargetId,
}

/// Which dead letters are meant; what is absent does not matter.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct RedriveFilter {
    /// Those of one platform.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub platform: Option<Platform>,
    /// Those of one connection.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>))]
    pub connection: Option<ConnectionId>,
    /// Those that failed with one code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// Those that one kind of people can do something about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub act: Option<Act>,
    /// Those that failed no earlier (RFC 3339 with an offset).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// Those that failed no later (RFC 3339 with an offset).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
}

/// Which dead letters are meant.
pub(super) enum Scope {
    Targets(Vec<TargetName>),
    Filter(DeadLetterFilter),
}

/// A request that was understood.
pub(super) struct Wanted {
    pub(super) scope: Scope,
    pub(super) dry_run: bool,
    pub(super) not_after: Option<Timestamp>,
}

impl Wanted {
    /// Reads a request; the error holds everything that is wrong with it.
    pub(super) fn of(new: NewRedrive, now: Timestamp) -> Result<Self, Vec<Fault>> {
        let mut faults = Vec::new();
        let not_after = instant("/not_after", "not_after.not_an_instant", new.not_after.as_deref(), &mut faults);
        if not_after.is_some_and(|at| at <= now) {
            faults.push(Fault::new("/not_after", "not_after.too_early", "It must lie in the future."));
        }
        let scope = match (new.targets, new.filter) {
            (Some(targets), None) => Some(Scope::Targets(named(targets, &mut faults))),
            (None, Some(filter)) => Some(Scope::Filter(understood(filter, &mut faults))),
            (Some(_), Some(_)) | (None, None) => None,
        };
        match scope {
            Some(scope) if faults.is_empty() => Ok(Self { scope, dry_run: new.dry_run, not_after }),
            Some(_) => Err(faults),
            None => {
                faults.push(Fault::new("", "redrive.scope", "Send either `targets` or `filter`."));
                Err(faults)
            }
        }
    }
}

/// The targets, each once.
fn named(targets: Vec<TargetName>, faults: &mut Vec<Fault>) -> Vec<TargetName> {
    if targets.is_empty() || targets.len() > MOST_TARGETS {
        faults.push(Fault::new("/targets", "redrive.count", format!("Name 1 to {MOST_TARGETS} targets.")));
    }
    let mut seen = std::collections::BTreeSet::new();
    targets.into_iter().filter(|target| seen.insert(*target)).collect()
}

fn understood(filter: RedriveFilter, faults: &mut Vec<Fault>) -> DeadLetterFilter {
    let code = "filter.not_an_instant";
    DeadLetterFilter {
        platform: filter.platform,
        connection: filter.connection,
        code: filter.code,
        act: filter.act,
        from: instant("/filter/from", code, filter.from.as_deref(), faults),
        to: instant("/filter/to", code, filter.to.as_deref(), faults),
    }
}

fn instant(pointer: &str, code: &str, text: Option<&str>, faults: &mut Vec<Fault>) -> Option<Timestamp> {
    // To the millisecond, as it is stored and compared.
    let parsed = schedule::instant(text?).ok().and_then(|at| Timestamp::from_millisecond(at.as_millisecond()).ok());
    if parsed.is_none() {
        let text = "Write a time with an offset, such as 2026-12-24T18:00:00+01:00.";
        faults.push(Fault::new(pointer, code, text));
    }
    parsed
}

//! What becomes of each target of a redrive, as callers see it.

use jiff::Timestamp;
use serde::Serialize;
use url::Url;

use super::TargetName;
use crate::{
    connector::{Published, Refusal},
    ids::{PostId, TargetId},
    view::ReasonView,
};

/// What became of one target; in a dry run, what would.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It goes out at `next_at`, unless the platform shows by then that it is out.
    Posts,
    /// The platform shows it: it is `published`, and nothing is posted.
    AlreadyLive,
    /// A publish was sent for it and the platform could not be asked just now: it is asked before anything is posted.
    AsksFirst,
    /// Its connection does not work until its owner connects again. It stays a dead letter.
    NeedsReconnect,
    /// The platform cannot tell whether it is out: it is `needs_review`, and a person must say.
    NeedsReview,
    /// Its time is over and the request gave no other. It stays a dead letter.
    Expired,
    /// It is no dead letter, or not any more.
    NotFailed,
    /// None of your posts has such a target.
    NotFound,
    /// Time ran out before its turn came, or the store did not answer for it: send it again.
    NotReached,
}

impl Outcome {
    /// Every outcome.
    pub const ALL: [Self; 9] = [
        Self::Posts,
        Self::AlreadyLive,
        Self::AsksFirst,
        Self::NeedsReconnect,
        Self::NeedsReview,
        Self::Expired,
        Self::NotFailed,
        Self::NotFound,
        Self::NotReached,
    ];

    /// The name, as it is shown.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Posts => "posts",
            Self::AlreadyLive => "already_live",
            Self::AsksFirst => "asks_first",
            Self::NeedsReconnect => "needs_reconnect",
            Self::NeedsReview => "needs_review",
            Self::Expired => "expired",
            Self::NotFailed => "not_failed",
            Self::NotFound => "not_found",
            Self::NotReached => "not_reached",
        }
    }
}

/// What a redrive did; in a dry run, what it would do.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RedriveView {
    /// Whether nothing was written.
    pub dry_run: bool,
    /// How many targets had each outcome; what nobody had is left out.
    #[cfg_attr(feature = "openapi", schema(value_type = std::collections::BTreeMap<String, u32>))]
    pub counts: std::collections::BTreeMap<&'static str, u32>,
    /// Each target, in the order of the request or of the list of dead letters.
    pub targets: Vec<RedrivenView>,
    /// Whether the filter matches more than these. What stays a dead letter is matched again: go on with the `failed_at`
    /// of the last one as `to`.
    pub more: bool,
}

/// What became of one target.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RedrivenView {
    /// The post.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub post: PostId,
    /// Which of its targets.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub target: TargetId,
    /// What became of it.
    pub outcome: Outcome,
    /// When it had failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>, format = DateTime))]
    pub failed_at: Option<Timestamp>,
    /// When a consumer takes it up.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>, format = DateTime))]
    pub next_at: Option<Timestamp>,
    /// The platform's id of what is out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remote_id: Option<String>,
    /// Where people see it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<Url>,
    /// Why, where the outcome alone does not say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<ReasonView>,
}

impl RedrivenView {
    pub(super) fn new(name: TargetName, outcome: Outcome) -> Self {
        Self {
            post: name.post,
            target: name.target,
            outcome,
            failed_at: None,
            next_at: None,
            remote_id: None,
            url: None,
            reason: None,
        }
    }

    pub(super) fn because(mut self, reason: &Refusal) -> Self {
        self.reason = Some(ReasonView::from(reason));
        self
    }

    pub(super) fn live(mut self, published: &Published) -> Self {
        self.remote_id = Some(published.remote_id.clone());
        self.url.clone_from(&published.url);
        self
    }
}

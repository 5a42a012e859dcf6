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
    /// Time ran out before its turn came; or the store did not answer for it, and it is not known whether it went on. Send
    /// it again: that is safe.
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

/// How many targets had each outcome.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RedriveCounts {
    /// `posts`
    pub posts: u32,
    /// `already_live`
    pub already_live: u32,
    /// `asks_first`
    pub asks_first: u32,
    /// `needs_reconnect`
    pub needs_reconnect: u32,
    /// `needs_review`
    pub needs_review: u32,
    /// `expired`
    pub expired: u32,
    /// `not_failed`
    pub not_failed: u32,
    /// `not_found`
    pub not_found: u32,
    /// `not_reached`
    pub not_reached: u32,
}

impl RedriveCounts {
    pub(super) fn of(targets: &[RedrivenView]) -> Self {
        let mut counts = Self::default();
        for target in targets {
            *counts.of_outcome(target.outcome) += 1;
        }
        counts
    }

    fn of_outcome(&mut self, outcome: Outcome) -> &mut u32 {
        match outcome {
            Outcome::Posts => &mut self.posts,
            Outcome::AlreadyLive => &mut self.already_live,
            Outcome::AsksFirst => &mut self.asks_first,
            Outcome::NeedsReconnect => &mut self.needs_reconnect,
            Outcome::NeedsReview => &mut self.needs_review,
            Outcome::Expired => &mut self.expired,
            Outcome::NotFailed => &mut self.not_failed,
            Outcome::NotFound => &mut self.not_found,
            Outcome::NotReached => &mut self.not_reached,
        }
    }

    /// Every outcome that anybody had, by name.
    pub(super) fn named(&self) -> impl Iterator<Item = (&'static str, u32)> {
        let mut counts = self.clone();
        Outcome::ALL
            .into_iter()
            .map(move |outcome| (outcome.name(), *counts.of_outcome(outcome)))
            .filter(|(_, count)| *count > 0)
    }
}

/// What a redrive did; in a dry run, what it would do.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RedriveView {
    /// Whether nothing was written.
    pub dry_run: bool,
    /// How many targets had each outcome.
    pub counts: RedriveCounts,
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

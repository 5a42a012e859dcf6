//! What a platform's refusal means, decided once for every caller.

use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

use super::Effect;
use crate::defect::Defect;

/// Who can do something about an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Act {
    /// Whoever called the API: the request is wrong.
    Caller,
    /// Whoever owns the account at the platform: reconnect, confirm, wait out a block.
    EndUser,
    /// Whoever runs postd: our app or our set-up is wrong.
    Operator,
    /// Nobody: it passes, or it is as it is.
    Nobody,
}

/// A refusal, in words that may be shown and codes that may be counted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// Stable, such as `facebook.page.task_missing`; bounded in number, so it may be a metric.
    pub code: String,
    /// What it means and what to do about it; our words, never the platform's prose.
    pub message: String,
    /// The platform's own codes, such as `190/463`.
    pub platform_code: Option<String>,
    /// The platform's trace id, for a support case.
    pub trace_id: Option<String>,
    /// Who can do something about it.
    pub act: Act,
}

impl Refusal {
    /// One of ours: no platform had a part in it.
    #[must_use]
    pub fn ours(code: &str, act: Act, message: &str) -> Self {
        Self { code: code.into(), message: message.into(), platform_code: None, trace_id: None, act }
    }
}

/// A call that did not bring what it should.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConnectorError {
    /// The token is dead, or the grant no longer covers the call.
    #[error("the platform no longer accepts the connection ({})", .0.code)]
    Unauthorized(Refusal),
    /// Too many calls; the platform may say how long to wait.
    #[error("the platform asks to slow down ({})", .refusal.code)]
    RateLimited {
        /// The platform's words for it.
        refusal: Refusal,
        /// How long it asks us to wait.
        retry_after: Option<SignedDuration>,
    },
    /// The platform failed (5xx, its own transient codes): after a `Publish` nobody knows what happened.
    #[error("the platform failed ({})", .0.code)]
    Unavailable(Refusal),
    /// A refusal that is known to come before any effect and to pass: worth another try, even for a `Publish`.
    #[error("the platform refused for the moment ({})", .0.code)]
    Transient(Refusal),
    /// The platform will never take this.
    #[error("the platform refused ({})", .0.code)]
    Rejected(Refusal),
    /// A refusal after which the post may be out all the same, such as "identical post" or "blocked".
    #[error("the platform refused, and the post may be out ({})", .0.code)]
    Ambiguous(Refusal),
    /// Our app is misconfigured: never the user's fault.
    #[error("our app at the platform is misconfigured ({})", .0.code)]
    Operator(Refusal),
    /// The answer is not what the platform documents.
    #[error("the platform's answer cannot be read: {what}")]
    Unreadable {
        /// What was expected.
        what: &'static str,
    },
    /// The platform has no such thing.
    #[error("{platform} cannot {what}: {reason}")]
    Unsupported {
        /// The platform.
        platform: &'static str,
        /// What was asked.
        what: &'static str,
        /// Why not.
        reason: &'static str,
    },
}

/// What to do about a [`ConnectorError`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Disposition {
    /// Try again, no sooner than this if given.
    Retry(Option<SignedDuration>),
    /// Refresh once; then the connection needs its owner. Its targets are held, not failed.
    Reconnect,
    /// Never again.
    Fail,
    /// Ask the platform what happened.
    ReadBack,
    /// Hold and alarm: our app is misconfigured.
    Operator,
}

impl ConnectorError {
    /// Decides once, for every caller, what a failure of a call with this effect means.
    #[must_use]
    pub fn disposition(&self, effect: Effect) -> Disposition {
        let unless_published = |otherwise| match effect {
            Effect::Publish if !Defect::RepeatsUnansweredPublishes.is_present() => Disposition::ReadBack,
            Effect::Publish | Effect::Read | Effect::Stage => otherwise,
        };
        match self {
            Self::Unauthorized(_) => Disposition::Reconnect,
            Self::RateLimited { retry_after, .. } => Disposition::Retry(*retry_after),
            Self::Transient(_) => Disposition::Retry(None),
            Self::Unavailable(_) | Self::Unreadable { .. } => unless_published(Disposition::Retry(None)),
            Self::Ambiguous(_) => unless_published(Disposition::Fail),
            Self::Rejected(_) | Self::Unsupported { .. } => Disposition::Fail,
            Self::Operator(_) => Disposition::Operator,
        }
    }

    /// The refusal to record, whatever the kind.
    #[must_use]
    pub fn refusal(&self) -> Refusal {
        match self {
            Self::Unauthorized(refusal)
            | Self::RateLimited { refusal, .. }
            | Self::Unavailable(refusal)
            | Self::Transient(refusal)
            | Self::Rejected(refusal)
            | Self::Ambiguous(refusal)
            | Self::Operator(refusal) => refusal.clone(),
            Self::Unreadable { what } => Refusal {
                code: "platform.answer_unreadable".into(),
                message: format!("The platform's answer could not be read: {what}."),
                platform_code: None,
                trace_id: None,
                act: Act::Nobody,
            },
            Self::Unsupported { platform, what, reason } => Refusal {
                code: "platform.unsupported".into(),
                message: format!("{platform} cannot {what}: {reason}."),
                platform_code: None,
                trace_id: None,
                act: Act::Caller,
            },
        }
    }
}

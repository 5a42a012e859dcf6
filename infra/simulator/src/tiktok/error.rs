//! Refusals in TikTok's envelope.

use crate::faults::{Fault, FaultKind};
use crate::reply::Reply;
use serde_json::json;

/// A refusal.
#[derive(Clone, Debug)]
pub(crate) struct ApiError {
    pub(crate) status: u16,
    pub(crate) code: String,
    message: String,
}

impl ApiError {
    pub(crate) fn new(status: u16, code: &str, message: impl Into<String>) -> Self {
        Self { status, code: code.to_owned(), message: message.into() }
    }

    pub(crate) fn params(message: impl Into<String>) -> Self {
        Self::new(400, "invalid_params", message)
    }

    pub(crate) fn token() -> Self {
        Self::new(401, "access_token_invalid", "The access token is invalid or not found in the request.")
    }

    pub(crate) fn scope(scope: &str) -> Self {
        Self::new(401, "scope_not_authorized", format!("The user did not authorize the scope {scope}."))
    }

    /// What a fault that refuses makes of a call.
    pub(crate) fn of_fault(fault: &Fault) -> Self {
        let message = fault.message.clone().unwrap_or_else(|| "An error made on demand.".to_owned());
        match fault.kind {
            FaultKind::RateLimited => Self::new(429, "rate_limit_exceeded", "The API rate limit was exceeded."),
            FaultKind::Status500After | FaultKind::Status500Before => {
                Self::new(fault.status.unwrap_or(500), "internal_error", message)
            }
            FaultKind::Error
            | FaultKind::AcceptedThenTimeout
            | FaultKind::LostAnswer
            | FaultKind::TruncatedAnswer
            | FaultKind::RefusedBefore
            | FaultKind::Slow
            | FaultKind::LateAnswer
            | FaultKind::WebhookDuplicate
            | FaultKind::WebhookReorder
            | FaultKind::WebhookBadSignature
            | FaultKind::WebhookLost => {
                Self::new(fault.status.unwrap_or(400), fault.name.as_deref().unwrap_or("invalid_params"), message)
            }
        }
    }

    /// The answer. What a proxy in front of TikTok says has no body of TikTok's.
    pub(crate) fn reply(&self, log_id: &str) -> Reply {
        if matches!(self.status, 502..=504) {
            return Reply::html(self.status, "<html><body><h1>Bad gateway</h1></body></html>".to_owned());
        }
        let error = json!({"code": self.code, "message": self.message, "log_id": log_id});
        Reply::json(self.status, &json!({"data": {}, "error": error}))
    }
}

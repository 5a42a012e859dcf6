//! Refusals as Google words them: `google.rpc.Status` in an envelope, and those of OAuth.

use crate::faults::{Fault, FaultKind};
use crate::reply::Reply;
use serde_json::{Value, json};

/// A refusal.
#[derive(Clone, Debug)]
pub(crate) struct ApiError {
    pub(crate) status: u16,
    pub(crate) name: String,
    message: String,
    details: Vec<Value>,
    /// What Google's front end answers, without an envelope.
    is_front_end: bool,
}

impl ApiError {
    pub(crate) fn new(status: u16, name: &str, message: &str) -> Self {
        Self { status, name: name.to_owned(), message: message.to_owned(), details: Vec::new(), is_front_end: false }
    }

    fn with_info(mut self, reason: &str, metadata: &Value) -> Self {
        self.details.push(json!({
            "@type": "type.googleapis.com/google.rpc.ErrorInfo",
            "reason": reason,
            "domain": "googleapis.com",
            "metadata": metadata,
        }));
        self
    }

    /// A field that v4 does not take: the message says nothing, the details do.
    pub(crate) fn validation(code: u64, field: &str, message: &str) -> Self {
        let mut error = Self::new(400, "INVALID_ARGUMENT", "Request contains an invalid argument.");
        error.details.push(json!({
            "@type": "type.googleapis.com/google.mybusiness.v4.ValidationError",
            "errorDetails": [{"code": code, "field": field, "message": message}],
        }));
        error
    }

    pub(crate) fn invalid(message: &str) -> Self {
        Self::new(400, "INVALID_ARGUMENT", message)
    }

    pub(crate) fn unauthenticated() -> Self {
        let text = "Request had invalid authentication credentials. Expected OAuth 2 access token, login cookie or other \
                    valid authentication credential.";
        Self::new(401, "UNAUTHENTICATED", text)
    }

    pub(crate) fn scope() -> Self {
        Self::new(403, "PERMISSION_DENIED", "Request had insufficient authentication scopes.")
            .with_info("ACCESS_TOKEN_SCOPE_INSUFFICIENT", &json!({"service": "mybusiness.googleapis.com"}))
    }

    pub(crate) fn disabled(service: &str) -> Self {
        let text = format!("{service} has not been used in project 800000000001 before or it is disabled.");
        Self::new(403, "PERMISSION_DENIED", &text).with_info("SERVICE_DISABLED", &json!({"service": service}))
    }

    pub(crate) fn forbidden() -> Self {
        Self::new(403, "PERMISSION_DENIED", "The caller does not have permission")
    }

    pub(crate) fn missing() -> Self {
        Self::new(404, "NOT_FOUND", "Requested entity was not found.")
    }

    /// No API has such a path.
    pub(crate) fn nowhere() -> Self {
        Self { is_front_end: true, ..Self::new(404, "NOT_FOUND", "") }
    }

    /// Too many calls; a limit of zero is that of a project which was never approved.
    pub(crate) fn quota(service: &str, limit: u32) -> Self {
        let text =
            format!("Quota exceeded for quota metric 'Requests' and limit 'Requests per minute' of '{service}'.");
        Self::new(429, "RESOURCE_EXHAUSTED", &text).with_info(
            "RATE_LIMIT_EXCEEDED",
            &json!({
                "service": service,
                "quota_limit": "DefaultRequestsPerMinutePerProject",
                "quota_limit_value": limit.to_string(),
                "consumer": "projects/800000000001",
            }),
        )
    }

    /// What a fault that refuses makes of a call.
    pub(crate) fn of_fault(fault: &Fault) -> Self {
        match fault.kind {
            FaultKind::RateLimited => Self::quota("mybusiness.googleapis.com", 300),
            FaultKind::Status500After | FaultKind::Status500Before => match fault.status.unwrap_or(500) {
                status @ (502 | 504) => Self { is_front_end: true, ..Self::new(status, "UNAVAILABLE", "") },
                503 => Self::new(503, "UNAVAILABLE", "The service is currently unavailable."),
                status => Self::new(status, "INTERNAL", "Internal error encountered."),
            },
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
            | FaultKind::WebhookLost => Self::made(fault),
        }
    }

    /// `name` is the reason where it is one, and else the status; `code` the number of a validation.
    fn made(fault: &Fault) -> Self {
        let message = fault.message.clone().unwrap_or_else(|| "An error made on demand.".to_owned());
        let status = fault.status.unwrap_or(400);
        if let Some(code) = fault.code.and_then(|code| u64::try_from(code).ok()) {
            return Self::validation(code, "media", &message);
        }
        match fault.name.as_deref() {
            Some(reason @ ("SERVICE_DISABLED" | "accessNotConfigured" | "ACCESS_TOKEN_SCOPE_INSUFFICIENT")) => {
                Self::new(status, "PERMISSION_DENIED", &message).with_info(reason, &json!({}))
            }
            name => Self::new(status, name.unwrap_or("INVALID_ARGUMENT"), &message),
        }
    }

    pub(crate) fn reply(&self) -> Reply {
        if self.is_front_end {
            let body = format!(
                "<!DOCTYPE html><html lang=en><title>Error {0}</title><p><b>{0}.</b> <ins>That’s an error.</ins></html>",
                self.status
            );
            return Reply::html(self.status, body);
        }
        let mut error = json!({"code": self.status, "message": self.message, "status": self.name});
        if let (Some(members), false) = (error.as_object_mut(), self.details.is_empty()) {
            members.insert("details".to_owned(), self.details.clone().into());
        }
        Reply::json(self.status, &json!({ "error": error }))
    }
}

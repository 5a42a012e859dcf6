//! Refusals, in LinkedIn's form.

use crate::faults::{Fault, FaultKind};
use crate::reply::Reply;
use serde_json::{Value, json};

/// A refusal.
#[derive(Clone, Debug)]
pub(crate) struct ApiError {
    pub(crate) status: u16,
    pub(crate) code: Option<String>,
    pub(crate) message: String,
    pub(crate) service: Option<u64>,
    pub(crate) details: Option<Value>,
}

impl ApiError {
    pub(crate) fn new(status: u16, code: &str, message: &str) -> Self {
        Self { status, code: Some(code.to_owned()), message: message.to_owned(), service: None, details: None }
    }

    pub(crate) fn bad(code: &str, message: &str) -> Self {
        Self::new(400, code, message)
    }

    pub(crate) fn denied(what: &str) -> Self {
        let message = format!("Not enough permissions to access: {what}");
        Self { service: Some(100), ..Self::new(403, "ACCESS_DENIED", &message) }
    }

    pub(crate) fn token(code: &str) -> Self {
        Self { service: Some(65601), ..Self::new(401, code, "The token used in the request is not valid") }
    }

    pub(crate) fn missing() -> Self {
        Self::new(404, "RESOURCE_NOT_FOUND", "Could not find entity")
    }

    pub(crate) fn version(version: &str) -> Self {
        Self::new(426, "NONEXISTENT_VERSION", &format!("Requested version {version}01 is not active"))
    }

    pub(crate) fn throttled(scope: &str) -> Self {
        let message = format!("Resource level throttle {scope} DAY limit for calls to this resource is reached.");
        Self { service: Some(101), ..Self::new(429, "TOO_MANY_REQUESTS", &message) }
    }

    pub(crate) fn duplicate(urn: &str) -> Self {
        let details = json!({
            "inputErrors": [{"description": "Duplicate post is detected", "input": {}, "code": "DUPLICATE_POST"}],
        });
        let message = format!("Content is a duplicate of {urn}");
        Self { code: None, details: Some(details), ..Self::new(422, "", &message) }
    }

    pub(crate) fn of_fault(fault: &Fault) -> Self {
        let name = fault.name.as_deref();
        match fault.kind {
            FaultKind::RateLimited => Self::throttled(name.unwrap_or("APPLICATION")),
            FaultKind::Status500Before | FaultKind::Status500After => {
                Self::new(fault.status.unwrap_or(500), "INTERNAL_SERVER_ERROR", "Made on purpose")
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
                let message = fault.message.as_deref().unwrap_or("Made on purpose");
                Self::new(fault.status.unwrap_or(400), name.unwrap_or("INVALID_VALUE_FOR_FIELD"), message)
            }
        }
    }

    pub(crate) fn reply(&self) -> Reply {
        let mut body = json!({"status": self.status, "message": self.message});
        if let Some(members) = body.as_object_mut() {
            if let Some(code) = &self.code {
                members.insert("code".to_owned(), code.as_str().into());
            }
            if let Some(service) = self.service {
                members.insert("serviceErrorCode".to_owned(), service.into());
            }
            if let Some(details) = &self.details {
                members.insert("errorDetails".to_owned(), details.clone());
                members.insert("errorDetailType".to_owned(), "com.linkedin.common.error.BadRequest".into());
            }
        }
        Reply::json(self.status, &body)
    }
}

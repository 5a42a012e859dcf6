//! Refusals in the form of RFC 9457, as Mailchimp words them.

use crate::faults::{Fault, FaultKind};
use crate::reply::Reply;
use serde_json::{Value, json};

const KIND: &str = "https://mailchimp.com/developer/marketing/docs/errors/";

/// A refusal.
#[derive(Clone, Debug)]
pub(crate) struct ApiError {
    pub(crate) status: u16,
    pub(crate) title: String,
    detail: String,
    errors: Vec<(String, String)>,
}

impl ApiError {
    pub(crate) fn new(status: u16, title: &str, detail: impl Into<String>) -> Self {
        Self { status, title: title.to_owned(), detail: detail.into(), errors: Vec::new() }
    }

    pub(crate) fn key_missing() -> Self {
        Self::new(401, "API Key Missing", "Your request did not include an API key.")
    }

    pub(crate) fn key_invalid() -> Self {
        let detail = "Your API key may be invalid, or you've attempted to access the wrong datacenter.";
        Self::new(401, "API Key Invalid", detail)
    }

    pub(crate) fn forbidden(detail: &str) -> Self {
        Self::new(403, "Forbidden", detail)
    }

    pub(crate) fn missing() -> Self {
        Self::new(404, "Resource Not Found", "The requested resource could not be found.")
    }

    pub(crate) fn method(detail: &str) -> Self {
        Self::new(405, "Method Not Allowed", detail)
    }

    pub(crate) fn bad(detail: &str) -> Self {
        Self::new(400, "Bad Request", detail)
    }

    /// What is wrong with which fields.
    pub(crate) fn invalid(errors: Vec<(String, String)>) -> Self {
        let detail =
            "The resource submitted could not be validated. For field-specific details, see the 'errors' array.";
        Self { errors, ..Self::new(400, "Invalid Resource", detail) }
    }

    pub(crate) fn field(name: &str, message: &str) -> Self {
        Self::invalid(vec![(name.to_owned(), message.to_owned())])
    }

    /// What a fault that refuses makes of a call.
    pub(crate) fn of_fault(fault: &Fault) -> Self {
        let message = fault.message.clone().unwrap_or_else(|| "An error made on demand.".to_owned());
        match fault.kind {
            FaultKind::RateLimited => {
                Self::new(429, "Too Many Requests", "You have exceeded the limit of 10 simultaneous connections.")
            }
            FaultKind::Status500After | FaultKind::Status500Before => {
                Self::new(fault.status.unwrap_or(500), "Internal Server Error", message)
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
                Self::new(fault.status.unwrap_or(400), fault.name.as_deref().unwrap_or("Bad Request"), message)
            }
        }
    }

    /// The answer. What a proxy in front of Mailchimp says has no body of Mailchimp's.
    pub(crate) fn reply(&self, instance: &str) -> Reply {
        if matches!(self.status, 502..=504) {
            return Reply::html(self.status, "<html><body><h1>Bad gateway</h1></body></html>".to_owned());
        }
        if self.status == 403 && self.title == "Edge" {
            return Reply::html(403, "<html><body>Access Denied</body></html>".to_owned());
        }
        let errors: Vec<Value> =
            self.errors.iter().map(|(field, message)| json!({"field": field, "message": message})).collect();
        let mut body = json!({
            "type": KIND, "title": self.title, "status": self.status, "detail": self.detail, "instance": instance,
        });
        if let (Some(members), false) = (body.as_object_mut(), errors.is_empty()) {
            members.insert("errors".to_owned(), errors.into());
        }
        Reply::problem(self.status, &body)
    }
}

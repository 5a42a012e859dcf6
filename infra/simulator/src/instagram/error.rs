//! Refusals in Graph's envelope.

use crate::faults::{Fault, FaultKind};
use crate::params::BadParameter;
use crate::reply::Reply;
use serde_json::{Value, json};

/// A refusal.
#[derive(Clone, Debug)]
pub(crate) struct GraphError {
    status: u16,
    pub(crate) code: i64,
    subcode: Option<i64>,
    kind: &'static str,
    message: String,
    /// Minutes until a throttled caller may come back.
    pub(crate) wait_minutes: Option<u64>,
}

impl GraphError {
    pub(crate) fn new(code: i64, subcode: Option<i64>, message: impl Into<String>) -> Self {
        let message = message.into();
        Self { status: 400, code, subcode, kind: "OAuthException", message, wait_minutes: None }
    }

    pub(crate) fn parameter(message: impl AsRef<str>) -> Self {
        Self::new(100, None, format!("(#100) {}", message.as_ref()))
    }

    pub(crate) fn media(code: i64, subcode: i64) -> Self {
        Self::new(code, Some(subcode), "The media could not be created or published.")
    }

    /// There is no such object, or the caller may not know.
    pub(crate) fn missing(id: &str) -> Self {
        let message = format!("Unsupported request. Object with ID '{id}' does not exist.");
        Self { kind: "GraphMethodException", ..Self::new(100, Some(33), message) }
    }

    pub(crate) fn unknown_path(path: &str) -> Self {
        Self::new(2500, None, format!("Unknown path components: /{path}"))
    }

    pub(crate) fn permission(scope: &str) -> Self {
        let message = format!("(#10) Application does not have permission for this action: {scope}");
        Self { status: 403, ..Self::new(10, None, message) }
    }

    pub(crate) fn dead_token(subcode: i64) -> Self {
        Self::new(190, Some(subcode), "Error validating access token.")
    }

    pub(crate) fn no_token() -> Self {
        Self::new(190, None, "Invalid OAuth access token - Cannot parse access token")
    }

    /// A proof that does not fit the token.
    pub(crate) fn bad_proof(message: &str) -> Self {
        Self { kind: "GraphMethodException", ..Self::new(100, None, message) }
    }

    pub(crate) fn throttled(minutes: u64) -> Self {
        let message = "(#80002) There have been too many calls to this Instagram account.";
        Self { wait_minutes: Some(minutes), ..Self::new(80_002, None, message) }
    }

    /// What a fault that refuses makes of a call.
    pub(crate) fn of_fault(fault: &Fault) -> Self {
        let message = fault.message.clone().unwrap_or_else(|| "An error made on demand.".to_owned());
        match fault.kind {
            FaultKind::RateLimited => Self::throttled(fault.minutes.unwrap_or(5)),
            FaultKind::Status500After | FaultKind::Status500Before => Self {
                status: fault.status.unwrap_or(500),
                ..Self::new(fault.code.unwrap_or(2), fault.subcode, message)
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
            | FaultKind::WebhookLost => {
                let status = fault.status.unwrap_or(400);
                Self { status, ..Self::new(fault.code.unwrap_or(100), fault.subcode, message) }
            }
        }
    }

    /// Code and subcode, as a log names them.
    pub(crate) fn name(&self) -> String {
        self.subcode.map_or_else(|| self.code.to_string(), |subcode| format!("{}/{subcode}", self.code))
    }

    pub(crate) fn reply(&self, trace: &str) -> Reply {
        let mut error = json!({
            "message": self.message,
            "type": self.kind,
            "code": self.code,
            "is_transient": false,
            "fbtrace_id": trace,
        });
        if let (Some(fields), Some(subcode)) = (error.as_object_mut(), self.subcode) {
            fields.insert("error_subcode".to_owned(), Value::from(subcode));
        }
        Reply::json(self.status, &json!({ "error": error }))
    }
}

impl From<BadParameter> for GraphError {
    fn from(BadParameter(message): BadParameter) -> Self {
        Self::parameter(message)
    }
}

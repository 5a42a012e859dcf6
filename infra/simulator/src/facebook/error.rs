//! Refusals in Graph's envelope.

use crate::faults::{Fault, FaultKind};
use crate::params::BadParameter;
use serde_json::{Value, json};

/// A refusal, as Graph words it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct GraphError {
    pub(crate) status: u16,
    pub(crate) code: i64,
    pub(crate) subcode: Option<i64>,
    pub(crate) kind: &'static str,
    pub(crate) message: String,
    pub(crate) transient: bool,
    /// Title and text for a person.
    pub(crate) for_people: Option<(&'static str, &'static str)>,
    /// Minutes until a throttled caller may come back.
    pub(crate) wait_minutes: Option<u64>,
    /// What a program needs to go on.
    pub(crate) data: Option<Value>,
}

impl GraphError {
    pub(crate) fn new(code: i64, message: impl Into<String>) -> Self {
        Self {
            status: 400,
            code,
            subcode: None,
            kind: "OAuthException",
            message: message.into(),
            transient: false,
            for_people: None,
            wait_minutes: None,
            data: None,
        }
    }

    pub(crate) fn subcode(self, subcode: i64) -> Self {
        Self { subcode: Some(subcode), ..self }
    }

    pub(crate) fn status(self, status: u16) -> Self {
        Self { status, ..self }
    }

    pub(crate) fn for_people(self, title: &'static str, text: &'static str) -> Self {
        Self { for_people: Some((title, text)), ..self }
    }

    /// #100: the request itself is wrong.
    pub(crate) fn parameter(message: impl AsRef<str>) -> Self {
        Self::new(100, format!("(#100) {}", message.as_ref()))
    }

    /// #100 with a reason as subcode; the text says nothing.
    pub(crate) fn invalid(subcode: i64, title: &'static str, text: &'static str) -> Self {
        Self::new(100, "Invalid parameter").subcode(subcode).for_people(title, text)
    }

    /// #100/33: there is no such object, or the caller may not know.
    pub(crate) fn missing(method: &str, id: &str) -> Self {
        let message = format!(
            "Unsupported {} request. Object with ID '{id}' does not exist, cannot be loaded due to missing \
             permissions, or does not support this operation. Please read the Graph API documentation at \
             https://developers.facebook.com/docs/graph-api",
            method.to_ascii_lowercase()
        );
        Self { kind: "GraphMethodException", ..Self::new(100, message).subcode(33) }
    }

    /// 2500: the path leads nowhere.
    pub(crate) fn unknown_path(path: &str) -> Self {
        Self::new(2500, format!("Unknown path components: /{path}"))
    }

    /// A permission is missing: 3, 10 or 200 to 299.
    pub(crate) fn permission(code: i64, message: &str) -> Self {
        Self::new(code, format!("(#{code}) {message}")).status(403)
    }

    /// The token does not work (any more).
    pub(crate) fn dead_token(subcode: i64) -> Self {
        let reason = match subcode {
            458 => "The user has not authorized the application",
            459 => "The user is checkpointed and must log in at www.facebook.com",
            460 => {
                "The session has been invalidated because the user changed their password or Facebook has changed the session for security reasons"
            }
            463 => "Session has expired",
            464 => "The user is not a confirmed user",
            492 => "The session is invalid: the user has no role on the Page any more",
            _ => "The session is invalid",
        };
        Self::new(190, format!("Error validating access token: {reason}.")).subcode(subcode)
    }

    /// The token was never a token.
    pub(crate) fn unparsable_token() -> Self {
        Self::new(190, "Invalid OAuth access token - Cannot parse access token")
    }

    /// The Page's budget is used up.
    pub(crate) fn throttled_page(wait_minutes: u64) -> Self {
        let message = "(#80001) There have been too many calls to this Page account. Wait a bit and try again. For more \
                       info, please refer to https://developers.facebook.com/docs/graph-api/overview/rate-limiting.";
        Self { wait_minutes: Some(wait_minutes), ..Self::new(80001, message) }
    }

    /// The app's budget is used up.
    pub(crate) fn throttled_app() -> Self {
        Self { transient: true, ..Self::new(4, "(#4) Application request limit reached").status(403) }
    }

    /// The platform has a problem of its own: code 1 or 2.
    pub(crate) fn unavailable(code: i64, status: u16) -> Self {
        let message = if code == 2 {
            "An unexpected error has occurred. Please retry your request later."
        } else {
            "An unknown error has occurred."
        };
        Self { transient: true, ..Self::new(code, message).status(status) }
    }

    /// What a fault that refuses makes of a call.
    pub(crate) fn of_fault(fault: &Fault) -> Self {
        let code = fault.code.unwrap_or(1);
        match fault.kind {
            FaultKind::RateLimited => Self::throttled_page(fault.minutes.unwrap_or(5)),
            FaultKind::Status500After | FaultKind::Status500Before => {
                Self::unavailable(code, fault.status.unwrap_or(500))
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
                let message = fault.message.clone().unwrap_or_else(|| format!("(#{code}) An error made on demand"));
                let error = Self::new(code, message).status(fault.status.unwrap_or(400));
                Self { subcode: fault.subcode, transient: matches!(code, 1 | 2), ..error }
            }
        }
    }

    /// The envelope.
    pub(crate) fn body(&self, trace: &str) -> Value {
        let mut error = json!({
            "message": self.message,
            "type": self.kind,
            "code": self.code,
            "is_transient": self.transient,
            "fbtrace_id": trace,
        });
        if let Some(fields) = error.as_object_mut() {
            if let Some(subcode) = self.subcode {
                fields.insert("error_subcode".to_owned(), subcode.into());
            }
            if let Some(data) = &self.data {
                fields.insert("error_data".to_owned(), data.clone());
            }
            if let Some((title, text)) = self.for_people {
                fields.insert("error_user_title".to_owned(), title.into());
                fields.insert("error_user_msg".to_owned(), text.into());
            }
        }
        json!({ "error": error })
    }
}

impl From<BadParameter> for GraphError {
    fn from(problem: BadParameter) -> Self {
        Self::parameter(problem.0)
    }
}

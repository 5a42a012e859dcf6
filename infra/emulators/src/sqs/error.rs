//! What SQS answers when it refuses, in the names the SDKs know.

use crate::server::Reply;

/// A refusal by SQS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal {
    /// The shape's name in the JSON protocol.
    pub(crate) code: &'static str,
    /// The older name that the SDKs take from `x-amzn-query-error`.
    pub(crate) query_code: &'static str,
    pub(crate) message: String,
}

impl Refusal {
    pub(crate) fn new(code: &'static str, query_code: &'static str, message: impl Into<String>) -> Self {
        Self { code, query_code, message: message.into() }
    }

    pub(crate) fn parameter(message: impl Into<String>) -> Self {
        Self::new("InvalidParameterValue", "InvalidParameterValue", message)
    }

    pub(crate) fn out_of_range(name: &str, value: impl std::fmt::Display, least: u32, most: u32) -> Self {
        Self::parameter(format!(
            "Value {value} for parameter {name} is invalid. Reason: Must be between {least} and {most}, if provided."
        ))
    }

    pub(crate) fn missing(name: &str) -> Self {
        Self::new("MissingParameter", "MissingParameter", format!("The request must contain the parameter {name}."))
    }

    pub(crate) fn no_such_queue() -> Self {
        Self::new("QueueDoesNotExist", "AWS.SimpleQueueService.NonExistentQueue", "The specified queue does not exist.")
    }

    pub(crate) fn bad_handle(handle: &str) -> Self {
        Self::new(
            "ReceiptHandleIsInvalid",
            "ReceiptHandleIsInvalid",
            format!("The input receipt handle \"{handle}\" is not a valid receipt handle."),
        )
    }

    pub(crate) fn reply(&self) -> Reply {
        let body = serde_json::json!({"__type": format!("com.amazonaws.sqs#{}", self.code), "message": self.message});
        Reply::json(400, &body).with_header("x-amzn-query-error", &format!("{};Sender", self.query_code))
    }
}

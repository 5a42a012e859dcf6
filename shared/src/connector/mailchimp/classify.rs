//! What every error of the Marketing API means to us: one table by status, and nothing else decides.
//!
//! The texts inside an error are never read. The title is compared with the documented ones, because 403 stands for two
//! things, and shown only if it is one of them.

use http::StatusCode;
use serde_json::Value;

use crate::connector::{Act, Answer, ConnectorError, Refusal, retry_after::retry_after};

/// The titles that are documented.
const TITLES: [&str; 15] = [
    "Bad Request",
    "Invalid Resource",
    "Invalid Action",
    "JSON Parse Exception",
    "API Key Missing",
    "API Key Invalid",
    "Forbidden",
    "User Disabled",
    "Wrong Datacenter",
    "Resource Not Found",
    "Method Not Allowed",
    "Invalid Method Override",
    "Requested Fields Invalid",
    "Too Many Requests",
    "Internal Server Error",
];
/// The most fields that a message names.
const MOST_FIELDS: usize = 5;

/// What an answer refuses, if it refuses anything. `body` is its object, if it has one.
pub(super) fn error(answer: &Answer, body: Option<&Value>) -> Option<ConnectorError> {
    let problem = body.filter(|body| body.get("title").is_some_and(Value::is_string));
    // A problem tells its own status, which counts if the answer says that all is well.
    let inner =
        problem.and_then(|problem| problem.get("status")?.as_u64()).and_then(|status| u16::try_from(status).ok());
    let inner = inner.filter(|status| (400..600).contains(status)).and_then(|status| StatusCode::from_u16(status).ok());
    let status = match inner {
        Some(inner) if answer.status.is_success() => inner,
        _ if answer.status.is_success() => return None,
        _ => answer.status,
    };
    Some(of_status(status, answer, problem))
}

fn of_status(status: StatusCode, answer: &Answer, problem: Option<&Value>) -> ConnectorError {
    use Act::{Caller, EndUser, Nobody, Operator};
    let title = problem.and_then(|problem| problem.get("title")?.as_str());
    let title = title.and_then(|title| TITLES.into_iter().find(|known| *known == title));
    let refusal = |code: &str, act, message: &str| Refusal {
        platform_code: Some(
            title.map_or_else(|| status.as_str().to_owned(), |title| format!("{} {title}", status.as_str())),
        ),
        trace_id: trace_id(answer, problem),
        ..Refusal::ours(code, act, message)
    };
    let throttled = |refusal| ConnectorError::RateLimited { refusal, retry_after: retry_after(&answer.headers) };
    match (status.as_u16(), problem) {
        (400, Some(problem)) => {
            let message = format!("Mailchimp refuses the request{}.", named_fields(problem));
            ConnectorError::Rejected(refusal("mailchimp.request.refused", Caller, &message))
        }
        (401, Some(_)) => {
            let message = "Mailchimp no longer accepts the connection: connect the account again.";
            ConnectorError::Unauthorized(refusal("mailchimp.token.invalid", EndUser, message))
        }
        (403, Some(_)) if title == Some("User Disabled") => {
            let message = "The person's access to the Mailchimp account has ended: connect with another login.";
            ConnectorError::Unauthorized(refusal("mailchimp.user.disabled", EndUser, message))
        }
        (403, Some(_)) => {
            let message = "The person's role or the account's plan does not allow this at Mailchimp.";
            ConnectorError::Rejected(refusal("mailchimp.permission.missing", EndUser, message))
        }
        // Mailchimp's edge throttles with a bare 403.
        (403, None) => throttled(refusal("mailchimp.rate.edge", Nobody, "Too many calls to Mailchimp.")),
        (404, Some(_)) => {
            let message = "Mailchimp has no such campaign, audience or segment.";
            ConnectorError::Rejected(refusal("mailchimp.object.missing", Caller, message))
        }
        (405, Some(_)) => {
            let message = "The campaign is in a state that does not allow this.";
            ConnectorError::Ambiguous(refusal("mailchimp.campaign.wrong_state", Nobody, message))
        }
        (414 | 422, Some(_)) => {
            let message = "Mailchimp does not understand the request: a fault in postd.";
            ConnectorError::Rejected(refusal("mailchimp.request.malformed", Operator, message))
        }
        (426, _) => {
            let message = "Mailchimp wants another version of TLS.";
            ConnectorError::Operator(refusal("mailchimp.request.not_encrypted", Operator, message))
        }
        (429, _) => {
            throttled(refusal("mailchimp.rate.account", Nobody, "Too many calls at once for this Mailchimp account."))
        }
        (408 | 500..=599, _) => {
            ConnectorError::Unavailable(refusal("mailchimp.service.unavailable", Nobody, "Mailchimp failed."))
        }
        (_, Some(_)) => {
            let message = "Mailchimp refused with a status that postd does not know.";
            ConnectorError::Ambiguous(refusal("mailchimp.error.unknown", Operator, message))
        }
        (_, None) => ConnectorError::Unreadable { what: "an error in its documented form" },
    }
}

/// The names of the fields that are refused, such as `settings.reply_to`: names, and never what is said about them.
fn named_fields(problem: &Value) -> String {
    let errors = problem.get("errors").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let is_name = |text: &&str| {
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'[' | b']');
        (1..=60).contains(&text.len()) && text.bytes().all(is_plain)
    };
    let fields = errors.iter().filter_map(|error| error.get("field")?.as_str()).filter(is_name);
    let fields: Vec<String> = fields.take(MOST_FIELDS).map(|field| format!("`{field}`")).collect();
    if fields.is_empty() { String::new() } else { format!(", for {}", fields.join(", ")) }
}

/// What Mailchimp's support asks for, in a form that cannot forge a log line.
fn trace_id(answer: &Answer, problem: Option<&Value>) -> Option<String> {
    let header = answer.headers.get("x-request-id").and_then(|value| value.to_str().ok());
    let text = problem.and_then(|problem| problem.get("instance")?.as_str()).filter(|text| is_plain(text));
    text.or(header.filter(|text| is_plain(text))).map(str::to_owned)
}

fn is_plain(text: &str) -> bool {
    (1..=64).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

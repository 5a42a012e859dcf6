//! What every refusal of Google's APIs means to us: by status, the `reason` in its details and the numbers of a validation;
//! texts are never read.

use jiff::SignedDuration;
use serde_json::Value;

use crate::connector::{Act, Answer, ConnectorError, Refusal, retry_after::retry_after};

const SERVICE_OFF: [&str; 2] = ["SERVICE_DISABLED", "accessNotConfigured"];
/// Google could not fetch the file of a post.
const NOT_FETCHED: u64 = 1_000;
/// Something is wrong with the file of a post.
const MEDIA: u64 = 5;
/// No answer is believed for longer than this.
const LONGEST_DELAY: SignedDuration = SignedDuration::from_hours(24);

/// What a refusal says of itself.
struct Report<'a> {
    status: u16,
    /// `INVALID_ARGUMENT` and its like, if it is one of the documented names.
    name: Option<&'a str>,
    details: &'a [Value],
    is_documented: bool,
}

impl<'a> Report<'a> {
    fn of(answer: &Answer, body: Option<&'a Value>) -> Self {
        let envelope = body.and_then(|body| body.get("error")).filter(|error| error.is_object());
        let told = envelope.and_then(|error| error.get("code")).and_then(Value::as_u64);
        let status = if answer.status.is_success() {
            told.and_then(|code| u16::try_from(code).ok()).unwrap_or_default()
        } else {
            answer.status.as_u16()
        };
        let name = envelope.and_then(|error| error.get("status")).and_then(Value::as_str);
        let details = envelope.and_then(|error| error.get("details")).and_then(Value::as_array);
        Self {
            status,
            name: name.filter(|name| NAMES.contains(name)),
            details: details.map(Vec::as_slice).unwrap_or_default(),
            is_documented: envelope.is_some(),
        }
    }

    /// The `reason` of an `ErrorInfo`.
    fn reason(&self) -> Option<&'a str> {
        self.details.iter().find_map(|detail| detail.get("reason").and_then(Value::as_str))
    }

    fn metadata(&self, name: &str) -> Option<&'a str> {
        self.details.iter().find_map(|detail| detail.get("metadata")?.get(name)?.as_str())
    }

    /// The first thing that a validation found: its number, and the field that it is about.
    fn validation(&self) -> Option<(u64, Option<&'a str>)> {
        let found = |detail: &'a Value| detail.get("errorDetails").and_then(Value::as_array)?.first();
        let first = self.details.iter().find_map(found)?;
        Some((first.get("code")?.as_u64()?, first.get("field").and_then(Value::as_str)))
    }

    /// The wait of a `RetryInfo`, such as `30s`.
    fn delay(&self) -> Option<SignedDuration> {
        let text = self.details.iter().find_map(|detail| detail.get("retryDelay").and_then(Value::as_str))?;
        let seconds = text.strip_suffix('s')?.split('.').next()?.parse().ok()?;
        Some(SignedDuration::from_secs(seconds).clamp(SignedDuration::ZERO, LONGEST_DELAY))
    }

    /// What Google said, in numbers and in words that can forge no log line.
    fn code(&self) -> String {
        let name = self.name.map(|name| format!(" {name}")).unwrap_or_default();
        let reason = self.reason().filter(|reason| is_plain(reason)).map(|reason| format!(" {reason}"));
        let validation = self.validation().map(|(code, field)| match field.filter(|field| is_plain(field)) {
            Some(field) => format!("/{code} {field}"),
            None => format!("/{code}"),
        });
        let rest = validation.or(reason).unwrap_or_default();
        format!("{}{name}{rest}", self.status)
    }
}

const NAMES: [&str; 15] = [
    "INVALID_ARGUMENT",
    "FAILED_PRECONDITION",
    "OUT_OF_RANGE",
    "UNAUTHENTICATED",
    "PERMISSION_DENIED",
    "NOT_FOUND",
    "ALREADY_EXISTS",
    "ABORTED",
    "RESOURCE_EXHAUSTED",
    "CANCELLED",
    "INTERNAL",
    "UNKNOWN",
    "UNAVAILABLE",
    "DEADLINE_EXCEEDED",
    "DATA_LOSS",
];

fn is_plain(text: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-' | b'[' | b']');
    (1..=48).contains(&text.len()) && text.bytes().all(is_plain)
}

/// What an answer refuses, if it does.
pub(super) fn error(answer: &Answer, body: Option<&Value>) -> Option<ConnectorError> {
    let is_error = body.is_some_and(|body| body.get("error").is_some());
    if answer.status.is_success() && !is_error {
        return None;
    }
    Some(meaning(answer, &Report::of(answer, body)))
}

fn meaning(answer: &Answer, report: &Report<'_>) -> ConnectorError {
    let refusal = |code: &str, act, message: &str| Refusal {
        platform_code: Some(report.code()),
        ..Refusal::ours(code, act, message)
    };
    match report.status {
        400 | 412 => ConnectorError::Rejected(invalid(report)),
        401 => {
            let text = "Google no longer accepts the connection: connect the account again.";
            ConnectorError::Unauthorized(refusal("gbp.token.invalid", Act::EndUser, text))
        }
        403 if report.is_documented => forbidden(answer, report),
        404 if report.is_documented => {
            let text = "The location or post does not exist, or the person does not see it any more.";
            ConnectorError::Rejected(refusal("gbp.object.missing", Act::EndUser, text))
        }
        // Google's front end, and none of its APIs, answers so: no API has the path.
        404 => {
            let text = "Google does not know the address that postd called: a fault in postd.";
            ConnectorError::Rejected(refusal("gbp.request.malformed", Act::Operator, text))
        }
        408 | 500..=599 => {
            let text = "Google failed or is not available.";
            ConnectorError::Unavailable(refusal("gbp.service.unavailable", Act::Nobody, text))
        }
        409 => {
            let text = "Google broke the call off because of another one; it may have been carried out.";
            ConnectorError::Ambiguous(refusal("gbp.request.aborted", Act::Nobody, text))
        }
        429 => throttled(answer, report),
        _ if report.is_documented && report.status != 0 => {
            let text = "Google refused in a way that postd does not know.";
            ConnectorError::Ambiguous(refusal("gbp.error.unknown", Act::Operator, text))
        }
        _ => ConnectorError::Unreadable { what: "an error in its documented form" },
    }
}

fn invalid(report: &Report<'_>) -> Refusal {
    let (code, text) = match (report.name, report.validation()) {
        (_, Some((NOT_FETCHED, _))) => {
            let text =
                "Google could not fetch the photo: it must be a JPEG or PNG at a public address without redirect.";
            ("gbp.media.not_fetched", text)
        }
        (_, Some((MEDIA, _))) => ("gbp.media.refused", "Google does not take the photo: use another JPEG or PNG."),
        (Some("FAILED_PRECONDITION"), _) => (
            "gbp.request.precondition",
            "Google does not allow this for the location as it stands: look at its profile.",
        ),
        (_, None | Some(_)) => {
            ("gbp.request.refused", "Google does not accept a part of the post: the platform's code names the field.")
        }
    };
    let act = if code == "gbp.request.precondition" { Act::EndUser } else { Act::Caller };
    Refusal { platform_code: Some(report.code()), ..Refusal::ours(code, act, text) }
}

/// A 403 is our app's fault, the login's, or the person's: only its reason tells.
fn forbidden(answer: &Answer, report: &Report<'_>) -> ConnectorError {
    let refusal = |code: &str, act, message: &str| Refusal {
        platform_code: Some(report.code()),
        ..Refusal::ours(code, act, message)
    };
    match (report.reason(), report.name) {
        (Some(reason), _) if SERVICE_OFF.contains(&reason) => {
            let text =
                "An API of Google Business Profile is not enabled for our project, or Google has not approved it.";
            ConnectorError::Operator(refusal("gbp.app.api_disabled", Act::Operator, text))
        }
        (Some("ACCESS_TOKEN_SCOPE_INSUFFICIENT"), _) => {
            let text = "The permission to manage the business is missing: connect again and grant it.";
            ConnectorError::Unauthorized(refusal("gbp.scope.missing", Act::EndUser, text))
        }
        (Some("RATE_LIMIT_EXCEEDED"), _) | (_, Some("RESOURCE_EXHAUSTED")) => throttled(answer, report),
        (_, Some("PERMISSION_DENIED")) => {
            let text = "The person has no access to the location any more, or its profile is suspended.";
            ConnectorError::Rejected(refusal("gbp.location.forbidden", Act::EndUser, text))
        }
        (_, _) => {
            let text = "Google refused in a way that postd does not know.";
            ConnectorError::Ambiguous(refusal("gbp.error.unknown", Act::Operator, text))
        }
    }
}

/// A quota of zero is none that passes: Google gives it to projects that it has not approved.
fn throttled(answer: &Answer, report: &Report<'_>) -> ConnectorError {
    let refusal = |code: &str, act, message: &str| Refusal {
        platform_code: Some(report.code()),
        ..Refusal::ours(code, act, message)
    };
    if report.metadata("quota_limit_value") == Some("0") {
        let text = "Our project may make no calls at all: Google has not approved it for Google Business Profile.";
        return ConnectorError::Operator(refusal("gbp.app.not_approved", Act::Operator, text));
    }
    let retry_after = retry_after(&answer.headers).max(report.delay());
    // The quota that is documented is the project's; one that says that it is another's holds nobody else back.
    let is_another = report.metadata("quota_limit").is_some_and(|limit| !limit.ends_with("PerProject"));
    let refusal = if is_another {
        refusal("gbp.rate.location", Act::Nobody, "Too many calls for this location.")
    } else {
        refusal("gbp.rate.app", Act::Nobody, "Our project makes too many calls.")
    };
    ConnectorError::RateLimited { refusal, retry_after }
}

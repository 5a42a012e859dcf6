//! What every error of LinkedIn means to us: one table by status and code, and nothing else decides. Texts are read in three
//! places only, where LinkedIn gives nothing else: which day's quota is used up, which post a duplicate is one of, and
//! whether an author needs another permission.

use http::{StatusCode, header};
use jiff::{SignedDuration, Timestamp, fmt::rfc2822, tz::TimeZone};
use serde_json::Value;

use super::api;
use crate::connector::{Act, Answer, ConnectorError, Refusal, retry_after::retry_after};

const UNKNOWN_WAIT: SignedDuration = SignedDuration::from_mins(1);
const BAD_REQUESTS: [&str; 13] = [
    "MISSING_FIELD",
    "INVALID_VALUE_FOR_FIELD",
    "FIELD_LENGTH_TOO_LONG",
    "INVALID_VALUE_BLANK_FIELD",
    "INVALID_URN_TYPE",
    "INVALID_URN_ID",
    "INVALID_IMAGE_ID",
    "INVALID_VIDEO_ID",
    "INVALID_DOCUMENT_ID",
    "ILLEGAL_ARGUMENT",
    "QUERY_PARAM_NOT_ALLOWED",
    "PARAM_INVALID",
    "BAD_REQUEST",
];

struct Body<'a> {
    answer: &'a Answer,
    body: Option<&'a Value>,
}

/// What an answer refuses, if it refuses anything. `body` is its object, if it has one.
pub(super) fn error(answer: &Answer, body: Option<&Value>) -> Option<ConnectorError> {
    if answer.status.is_success() {
        return None;
    }
    let body = Body { answer, body };
    Some(match answer.status.as_u16() {
        // A proxy's page says nothing about the connection, nor that anything is missing.
        400..=428 | 430..=499 if !body.is_documented() && answer.status != StatusCode::REQUEST_TIMEOUT => {
            ConnectorError::Unreadable { what: "an error of the documented form" }
        }
        400 => body.bad_request(),
        401 => ConnectorError::Unauthorized(body.refusal(
            "linkedin.token.invalid",
            Act::EndUser,
            "LinkedIn no longer accepts the connection: connect the account again.",
        )),
        403 => body.forbidden(),
        404 => ConnectorError::Rejected(body.refusal(
            "linkedin.object.missing",
            Act::Caller,
            "LinkedIn does not know it, or no longer.",
        )),
        405 | 411 | 413 | 415 => ConnectorError::Rejected(body.refusal(
            "linkedin.request.malformed",
            Act::Operator,
            "LinkedIn does not take the form of the call.",
        )),
        409 => ConnectorError::Unavailable(body.refusal(
            "linkedin.write.conflict",
            Act::Nobody,
            "Somebody else wrote at the same moment.",
        )),
        422 => body.unprocessable(),
        426 => ConnectorError::Operator(body.refusal(
            "linkedin.version.ended",
            Act::Operator,
            "The version of the API that postd is set to has ended: set a newer one.",
        )),
        429 => body.throttled(),
        408 | 500..=599 => {
            ConnectorError::Unavailable(body.refusal("linkedin.service.unavailable", Act::Nobody, "LinkedIn failed."))
        }
        402 | 406 | 407 | 410 | 412 | 414 | 416..=421 | 423..=425 | 427 | 428 | 430..=499 => body.unknown(),
        _ => ConnectorError::Unreadable { what: "neither a success nor an error" },
    })
}

impl Body<'_> {
    fn is_documented(&self) -> bool {
        let has = |name| self.body.is_some_and(|body| body.get(name).is_some());
        has("status") || has("message") || has("error") || has("code") || has("serviceErrorCode")
    }

    fn word(&self) -> Option<&str> {
        let body = self.body?;
        let inner = body.pointer("/errorDetails/inputErrors/0/code").and_then(Value::as_str);
        inner.or_else(|| body.get("code")?.as_str()).filter(|word| is_word(word))
    }

    fn message(&self) -> &str {
        self.body.and_then(|body| body.get("message")?.as_str()).unwrap_or_default()
    }

    fn refusal(&self, code: &str, act: Act, message: &str) -> Refusal {
        let status = self.answer.status.as_u16();
        let number = self.body.and_then(|body| body.get("serviceErrorCode")?.as_u64());
        let word = self.word().map(str::to_owned).or(number.map(|number| number.to_string()));
        Refusal {
            platform_code: Some(word.map_or_else(|| status.to_string(), |word| format!("{status} {word}"))),
            trace_id: trace_id(self.answer),
            ..Refusal::ours(code, act, message)
        }
    }

    fn bad_request(&self) -> ConnectorError {
        match self.word() {
            Some("MEDIA_ASSET_WAITING_UPLOAD") => ConnectorError::Transient(self.refusal(
                "linkedin.media.not_ready",
                Act::Nobody,
                "LinkedIn is still at work on a file of the post.",
            )),
            Some("MEDIA_ASSET_PROCESSING_FAILED") => ConnectorError::Rejected(self.refusal(
                "linkedin.media.failed",
                Act::Caller,
                "LinkedIn could not make anything of a file of the post.",
            )),
            Some("EXPIRED_UPLOAD_URL") => ConnectorError::Transient(self.refusal(
                "linkedin.upload.expired",
                Act::Nobody,
                "The address of the upload has expired; postd begins it anew.",
            )),
            Some("VERSION_MISSING") => ConnectorError::Operator(self.refusal(
                "linkedin.version.missing",
                Act::Operator,
                "The call named no version of the API.",
            )),
            None if self.message().contains("Organization permissions must be used") => self.permission(),
            Some(word) if !BAD_REQUESTS.contains(&word) => self.unknown(),
            Some(_) | None => ConnectorError::Rejected(self.refusal(
                "linkedin.request.refused",
                Act::Caller,
                "LinkedIn does not take what the post says.",
            )),
        }
    }

    fn permission(&self) -> ConnectorError {
        ConnectorError::Unauthorized(self.refusal(
            "linkedin.permission.missing",
            Act::EndUser,
            "The connection may not do this: connect the account again, or have its role at the Page restored.",
        ))
    }

    fn forbidden(&self) -> ConnectorError {
        if self.message().starts_with("Unpermitted fields present") {
            return ConnectorError::Rejected(self.refusal(
                "linkedin.request.not_permitted",
                Act::Operator,
                "Our app or the version of the API does not allow a field of the call.",
            ));
        }
        self.permission()
    }

    /// The identical post that LinkedIn speaks of may be this one, if an earlier call was carried out and not answered.
    fn unprocessable(&self) -> ConnectorError {
        if self.word() != Some("DUPLICATE_POST") {
            return ConnectorError::Rejected(self.refusal(
                "linkedin.request.refused",
                Act::Caller,
                "LinkedIn does not take what the post says.",
            ));
        }
        let text = "LinkedIn has a post that says the same. It may be this one.";
        let mut refusal = self.refusal("linkedin.post.duplicate", Act::EndUser, text);
        if let Some(urn) = duplicate_of(self.message()) {
            refusal.platform_code = Some(format!("422 DUPLICATE_POST {urn}"));
        }
        ConnectorError::Ambiguous(refusal)
    }

    fn throttled(&self) -> ConnectorError {
        let message = self.message();
        let is_daily = message.contains("DAY");
        let (code, act) = if message.contains("APPLICATION") {
            ("linkedin.rate.app", Act::Operator)
        } else if message.contains("MEMBER") {
            ("linkedin.rate.member", Act::EndUser)
        } else {
            ("linkedin.rate.throttled", Act::Nobody)
        };
        let text = "LinkedIn takes no more calls for now: its daily quotas begin anew at midnight UTC.";
        let daily = is_daily.then(|| until_midnight(self.answer)).flatten();
        let wait = retry_after(&self.answer.headers).or(daily).unwrap_or(UNKNOWN_WAIT);
        ConnectorError::RateLimited { refusal: self.refusal(code, act, text), retry_after: Some(wait) }
    }

    fn unknown(&self) -> ConnectorError {
        ConnectorError::Ambiguous(self.refusal(
            "linkedin.error.unknown",
            Act::Operator,
            "LinkedIn refused in a way that postd does not know.",
        ))
    }
}

/// The post that a refusal calls a duplicate names.
fn duplicate_of(message: &str) -> Option<&str> {
    let at = message.find("urn:li:")?;
    let rest = message.get(at..)?;
    let end = rest.find(|character: char| !(character.is_ascii_alphanumeric() || matches!(character, ':' | '-' | '_')));
    let urn = rest.get(..end.unwrap_or(rest.len()))?;
    api::id_of(urn, &api::POSTS).map(|_| urn)
}

/// How long it is until the daily quotas begin anew, by LinkedIn's own clock.
fn until_midnight(answer: &Answer) -> Option<SignedDuration> {
    let date = answer.headers.get(header::DATE)?.to_str().ok()?;
    let now: Timestamp = rfc2822::parse(date).ok()?.timestamp();
    let tomorrow = now.to_zoned(TimeZone::UTC).date().tomorrow().ok()?;
    let midnight = tomorrow.to_zoned(TimeZone::UTC).ok()?.timestamp();
    Some(midnight.duration_since(now))
}

fn is_word(text: &str) -> bool {
    (1..=60).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_')
}

/// What LinkedIn's support asks for, in a form that cannot forge a log line.
fn trace_id(answer: &Answer) -> Option<String> {
    let header = |name| answer.headers.get(name).and_then(|value| value.to_str().ok());
    let text = header("x-li-uuid").or_else(|| header("x-li-request-id"))?;
    let is_plain = (1..=64).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'=' | b'/' | b'+'));
    is_plain.then(|| text.to_owned())
}

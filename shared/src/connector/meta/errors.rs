//! The Graph API's envelope of errors, and what a platform's own table makes of its codes.
//!
//! The texts inside an error are never read: they change, and they are translated. Whoever adds a line to a table writes
//! down whether the refusal is known to come before any effect; when that is not known it is `PerhapsOut`.

use serde_json::Value;

use super::usage;
use crate::{
    connector::{Act, Answer, ConnectorError, Refusal, retry_after::retry_after},
    defect::Defect,
};

/// What a (code, subcode) stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::connector) struct Meaning {
    pub(in crate::connector) kind: Kind,
    pub(in crate::connector) code: &'static str,
    pub(in crate::connector) message: &'static str,
    pub(in crate::connector) act: Act,
}

/// What follows from a refusal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::connector) enum Kind {
    /// The token or the permission is gone.
    Dead,
    /// Too many calls; not carried out.
    Throttled,
    /// The platform failed; a publish may have been carried out.
    Failed,
    /// Refused before any effect, and only for the moment.
    NotYet,
    /// Will never be taken.
    Never,
    /// A refusal after which the post may be out.
    PerhapsOut,
    /// Our app is not what we think it is.
    Misconfigured,
}

pub(in crate::connector) const fn dead(code: &'static str, message: &'static str) -> Meaning {
    Meaning { kind: Kind::Dead, code, message, act: Act::EndUser }
}

pub(in crate::connector) const fn throttled(code: &'static str, message: &'static str) -> Meaning {
    Meaning { kind: Kind::Throttled, code, message, act: Act::Nobody }
}

pub(in crate::connector) const fn failed(code: &'static str, message: &'static str) -> Meaning {
    Meaning { kind: Kind::Failed, code, message, act: Act::Nobody }
}

pub(in crate::connector) const fn not_yet(code: &'static str, act: Act, message: &'static str) -> Meaning {
    Meaning { kind: Kind::NotYet, code, message, act }
}

pub(in crate::connector) const fn never(code: &'static str, act: Act, message: &'static str) -> Meaning {
    Meaning { kind: Kind::Never, code, message, act }
}

pub(in crate::connector) const fn perhaps_out(code: &'static str, act: Act, message: &'static str) -> Meaning {
    Meaning { kind: Kind::PerhapsOut, code, message, act }
}

pub(in crate::connector) const fn misconfigured(code: &'static str, message: &'static str) -> Meaning {
    Meaning { kind: Kind::Misconfigured, code, message, act: Act::Operator }
}

/// The code of an app that Meta does not know.
pub(in crate::connector) const APP_UNKNOWN: i64 = 101;

/// A platform's table: what each of its codes means.
#[derive(Debug)]
pub(in crate::connector) struct Errors {
    /// By code and subcode; where a subcode is known it decides.
    pub(in crate::connector) by_subcode: fn(i64, i64) -> Option<Meaning>,
    /// By code alone.
    pub(in crate::connector) by_code: fn(i64) -> Option<Meaning>,
    /// A code that nobody knows.
    pub(in crate::connector) unknown: Meaning,
    /// A token that is no longer good.
    pub(in crate::connector) token_invalid: Meaning,
    /// Too many calls, by the status alone.
    pub(in crate::connector) too_many: Meaning,
    /// A failing platform, by the status alone.
    pub(in crate::connector) unavailable: Meaning,
    /// A token of another app than ours.
    pub(in crate::connector) other_app: Meaning,
}

impl Errors {
    /// The whole table: the subcode decides where it is known, else the code, else nobody knows.
    pub(in crate::connector) fn meaning(&self, code: i64, subcode: Option<i64>) -> Meaning {
        let by_subcode = subcode.and_then(|subcode| (self.by_subcode)(code, subcode));
        by_subcode.or_else(|| (self.by_code)(code)).unwrap_or(self.unknown)
    }

    /// What an error envelope means.
    pub(in crate::connector) fn envelope(&self, envelope: &Value, answer: &Answer) -> ConnectorError {
        let number = |name: &str| match envelope.get(name) {
            Some(Value::String(text)) => text.parse().ok(),
            Some(value) => value.as_i64(),
            None => None,
        };
        let Some(code) = number("code") else {
            return ConnectorError::Unreadable { what: "a `code` in the error" };
        };
        let subcode = number("error_subcode").filter(|subcode| *subcode != 0);
        let is_transient = envelope.get("is_transient").and_then(Value::as_bool) == Some(true);
        // A wrong `appsecret_proof` has no code of its own: code 100 is a caller's mistake everywhere else.
        let is_bad_proof = (code, subcode) == (100, None)
            && envelope.get("type").and_then(Value::as_str) == Some("GraphMethodException");
        let mut meaning = self.meaning(if is_bad_proof { APP_UNKNOWN } else { code }, subcode);
        // A failing server's word that something will never be taken is not trusted; neither is a refusal that calls itself
        // transient.
        if (is_transient || answer.status.is_server_error()) && matches!(meaning.kind, Kind::Never | Kind::PerhapsOut) {
            meaning.kind = Kind::Failed;
        }
        let platform_code = match subcode {
            Some(subcode) => format!("{code}/{subcode}"),
            None => code.to_string(),
        };
        error(meaning, Some(platform_code), meta_id(envelope.get("fbtrace_id")), answer)
    }

    /// What a status means where there is no envelope: a proxy's or a dying server's answer.
    pub(in crate::connector) fn status_alone(&self, answer: &Answer) -> ConnectorError {
        let meaning = match answer.status.as_u16() {
            401 => self.token_invalid,
            429 => self.too_many,
            408 | 500..=599 => self.unavailable,
            _ => return ConnectorError::Unreadable { what: "an error in its documented form" },
        };
        error(meaning, Some(format!("http {}", answer.status.as_u16())), None, answer)
    }

    /// What a dead token's own report means (`debug_token` answers 200 and carries the code inside).
    pub(in crate::connector) fn token_report(&self, code: i64, subcode: Option<i64>) -> ConnectorError {
        let meaning = match self.meaning(code, subcode) {
            meaning if meaning.kind == Kind::Dead => meaning,
            _ => self.token_invalid,
        };
        let platform_code = match subcode {
            Some(subcode) => format!("{code}/{subcode}"),
            None => code.to_string(),
        };
        ConnectorError::Unauthorized(refusal(meaning, Some(platform_code), None))
    }
}

/// A meaning with what the answer tells beyond it.
pub(in crate::connector) fn error(
    meaning: Meaning,
    platform_code: Option<String>,
    trace_id: Option<String>,
    answer: &Answer,
) -> ConnectorError {
    let mut refusal = refusal(meaning, platform_code, trace_id);
    if Defect::QuotesPlatforms.is_present() {
        refusal.message = String::from_utf8_lossy(&answer.body).into_owned();
    }
    match meaning.kind {
        Kind::Dead => ConnectorError::Unauthorized(refusal),
        Kind::Throttled => {
            let asked = usage::wait(&answer.headers).max(retry_after(&answer.headers));
            ConnectorError::RateLimited { refusal, retry_after: asked }
        }
        Kind::Failed => ConnectorError::Unavailable(refusal),
        Kind::NotYet => ConnectorError::Transient(refusal),
        Kind::Never => ConnectorError::Rejected(refusal),
        Kind::PerhapsOut => ConnectorError::Ambiguous(refusal),
        Kind::Misconfigured => ConnectorError::Operator(refusal),
    }
}

/// A meaning as what is recorded of it.
pub(in crate::connector) fn refusal(
    meaning: Meaning,
    platform_code: Option<String>,
    trace_id: Option<String>,
) -> Refusal {
    Refusal { code: meaning.code.into(), message: meaning.message.into(), platform_code, trace_id, act: meaning.act }
}

/// Meta's trace id: letters, digits, `_` and `-` only, for a log line that cannot be forged through it.
fn meta_id(value: Option<&Value>) -> Option<String> {
    let text = value?.as_str()?;
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    ((1..=64).contains(&text.len()) && text.bytes().all(is_plain)).then(|| text.into())
}

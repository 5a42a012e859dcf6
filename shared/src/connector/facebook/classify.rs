//! What every error of the Graph API means to us: one table by (code, subcode), and nothing else decides.
//!
//! The texts inside an error are never read: they change, and they are translated. Whoever adds a line writes down
//! whether the refusal is known to come before any effect; when that is not known it is `Ambiguous`.

use serde_json::Value;

use super::{meta_id, usage};
use crate::{
    connector::{Act, Answer, ConnectorError, Refusal, retry_after::retry_after},
    defect::Defect,
};

/// What a (code, subcode) stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Meaning {
    kind: Kind,
    code: &'static str,
    message: &'static str,
    act: Act,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// The token or the permission is gone.
    Dead,
    /// Too many calls; not carried out.
    Throttled,
    /// The platform failed; a publish may have been carried out.
    Failed,
    /// Will never be taken.
    Never,
    /// A refusal after which the post may be out.
    PerhapsOut,
    /// Our app is not what we think it is.
    Misconfigured,
}

const fn dead(code: &'static str, message: &'static str) -> Meaning {
    Meaning { kind: Kind::Dead, code, message, act: Act::EndUser }
}

const fn throttled(code: &'static str, message: &'static str) -> Meaning {
    Meaning { kind: Kind::Throttled, code, message, act: Act::Nobody }
}

const fn failed(code: &'static str, message: &'static str) -> Meaning {
    Meaning { kind: Kind::Failed, code, message, act: Act::Nobody }
}

const fn never(code: &'static str, act: Act, message: &'static str) -> Meaning {
    Meaning { kind: Kind::Never, code, message, act }
}

const fn perhaps_out(code: &'static str, act: Act, message: &'static str) -> Meaning {
    Meaning { kind: Kind::PerhapsOut, code, message, act }
}

const fn misconfigured(code: &'static str, message: &'static str) -> Meaning {
    Meaning { kind: Kind::Misconfigured, code, message, act: Act::Operator }
}

/// The code of an app that Facebook does not know.
const APP_UNKNOWN: i64 = 101;

const UNKNOWN: Meaning =
    perhaps_out("facebook.error.unknown", Act::Operator, "Facebook refused with a code that postd does not know.");

/// The whole table: the subcode decides where it is known, else the code, else nobody knows.
fn meaning(code: i64, subcode: Option<i64>) -> Meaning {
    subcode.and_then(|subcode| by_subcode(code, subcode)).or_else(|| by_code(code)).unwrap_or(UNKNOWN)
}

fn by_subcode(code: i64, subcode: i64) -> Option<Meaning> {
    use Act::{Caller, EndUser, Nobody};
    Some(match (code, subcode) {
        (102 | 190, 458) => dead("facebook.token.app_removed", "The person removed the app; connect again."),
        (102 | 190, 459) => dead("facebook.token.checkpoint", "Facebook wants the person to log in and confirm."),
        (102 | 190, 460) => dead("facebook.token.password_changed", "The password was changed; connect again."),
        (102 | 190, 463) => dead("facebook.token.expired", "The connection expired; connect again."),
        (102 | 190, 464) => dead("facebook.token.unconfirmed", "The person's account is not confirmed."),
        (102 | 190, 467) => dead("facebook.token.invalid", "The connection is no longer valid; connect again."),
        (102 | 190, 492) => dead("facebook.token.page_role_lost", "The person lost the role on the Page."),
        // The object is missing, or forbidden, or cannot do this. After a publish even this has been seen while the post
        // was out.
        (100, 33) => perhaps_out("facebook.object.missing", Caller, "The object does not exist or is not accessible."),
        (20, 1_772_107) => perhaps_out("facebook.post.error_after_effect", Nobody, "The call failed after its effect."),
        (4, 2_207_051) => perhaps_out("facebook.account.action_blocked", EndUser, "Facebook blocked the action."),
        (_, 1_366_046) => never("facebook.media.too_large", Caller, "The photo is too large: under 4 MB is safe."),
        (_, 1_349_125) => never("facebook.media.format", Caller, "The photo's format is not supported."),
        (_, 2_069_019) => never("facebook.media.unusable", Caller, "The file cannot be used."),
        (_, 1_346_003) => never("facebook.post.abusive", EndUser, "Facebook takes the content for abusive."),
        (_, 1_404_102) => {
            never("facebook.post.community_standards", EndUser, "The content breaks the community standards.")
        }
        (_, 1_404_006) => never("facebook.account.security_check", EndUser, "Facebook wants a security check."),
        (_, 1_404_078) => {
            never("facebook.page.authorization_needed", EndUser, "The Page needs Page Publishing Authorization.")
        }
        (_, 1_404_112) => never("facebook.account.limited", EndUser, "Facebook has limited the account."),
        (_, 4_854_002) => never("facebook.account.confirm_identity", EndUser, "Facebook wants a proof of identity."),
        (_, 1_366_051) => perhaps_out("facebook.media.already_posted", Nobody, "These photos are already posted."),
        (_, 1_390_008) => throttled("facebook.rate.too_fast", "The account posts too fast."),
        (_, 1_363_047 | 1_609_010) => failed("facebook.service.unavailable", "Facebook is not available."),
        (_, 1_609_005 | 2_061_006 | 1_609_008) => return by_code(subcode),
        _ => return None,
    })
}

fn by_code(code: i64) -> Option<Meaning> {
    use Act::{Caller, EndUser};
    Some(match code {
        1 | 2 => failed("facebook.service.unavailable", "Facebook failed or is not available."),
        4 => throttled("facebook.rate.app", "The app makes too many calls."),
        17 => throttled("facebook.rate.user", "The account makes too many calls."),
        32 => throttled("facebook.rate.page", "Too many calls to this Page."),
        341 => throttled("facebook.rate.app", "The app has reached a limit."),
        613 => throttled("facebook.rate.custom", "Too many calls of this kind."),
        80_000..=80_006 | 80_008 | 80_009 | 80_014 => {
            throttled("facebook.rate.business", "Too many calls to this account.")
        }
        3 | 10 | 200..=299 => {
            dead("facebook.permission.missing", "A permission is missing; connect again and grant it.")
        }
        100 => never("facebook.parameter.invalid", Caller, "Facebook does not accept a part of the request."),
        APP_UNKNOWN => {
            misconfigured("facebook.app.unknown", "Facebook does not know the app: check its id and secret.")
        }
        102 | 190 => dead("facebook.token.invalid", "The connection is no longer valid; connect again."),
        368 => perhaps_out("facebook.account.blocked", EndUser, "Facebook blocks the account for now."),
        506 => perhaps_out("facebook.post.duplicate", Caller, "The same text was posted just before."),
        1_609_005 => never("facebook.link.unusable", Caller, "Facebook cannot use the link."),
        2_061_006 => never("facebook.link.invalid", Caller, "The link is not a valid address."),
        1_609_008 => never("facebook.link.own_site", Caller, "A link to Facebook itself cannot be posted."),
        _ => return None,
    })
}

/// What an error envelope means.
pub(super) fn envelope(envelope: &Value, answer: &Answer) -> ConnectorError {
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
    let is_bad_proof =
        (code, subcode) == (100, None) && envelope.get("type").and_then(Value::as_str) == Some("GraphMethodException");
    let mut meaning = meaning(if is_bad_proof { APP_UNKNOWN } else { code }, subcode);
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
pub(super) fn status_alone(answer: &Answer) -> ConnectorError {
    let meaning = match answer.status.as_u16() {
        401 => dead("facebook.token.invalid", "The connection is no longer valid; connect again."),
        429 => throttled("facebook.rate.status", "Too many calls."),
        408 | 500..=599 => failed("facebook.service.unavailable", "Facebook failed or is not available."),
        _ => return ConnectorError::Unreadable { what: "an error in its documented form" },
    };
    error(meaning, Some(format!("http {}", answer.status.as_u16())), None, answer)
}

/// What a dead token's own report means (`debug_token` answers 200 and carries the code inside).
pub(super) fn token_report(code: i64, subcode: Option<i64>) -> ConnectorError {
    let meaning = match meaning(code, subcode) {
        meaning if meaning.kind == Kind::Dead => meaning,
        _ => dead("facebook.token.invalid", "The connection is no longer valid; connect again."),
    };
    let platform_code = match subcode {
        Some(subcode) => format!("{code}/{subcode}"),
        None => code.to_string(),
    };
    ConnectorError::Unauthorized(refusal(meaning, Some(platform_code), None))
}

fn error(meaning: Meaning, platform_code: Option<String>, trace_id: Option<String>, answer: &Answer) -> ConnectorError {
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
        Kind::Never => ConnectorError::Rejected(refusal),
        Kind::PerhapsOut => ConnectorError::Ambiguous(refusal),
        Kind::Misconfigured => ConnectorError::Operator(refusal),
    }
}

fn refusal(meaning: Meaning, platform_code: Option<String>, trace_id: Option<String>) -> Refusal {
    Refusal { code: meaning.code.into(), message: meaning.message.into(), platform_code, trace_id, act: meaning.act }
}

#[cfg(test)]
mod tests;

//! What TikTok's refusals mean. Its codes decide, and nothing else; a code may come with status 200.

use http::StatusCode;
use jiff::SignedDuration;

use crate::connector::{Act, Answer, ConnectorError, Refusal, retry_after::retry_after};

/// Quotas are counted over one sliding minute, and no answer says when it frees.
const MINUTE: SignedDuration = SignedDuration::from_mins(1);

#[derive(Clone, Copy)]
enum Kind {
    /// The token is dead, or does not cover the call.
    Reconnect,
    /// Too many, for so long.
    Wait(SignedDuration),
    /// Never.
    Never,
    /// It may be out all the same.
    PerhapsOut,
    /// TikTok failed.
    Failing,
    /// Our app is at fault.
    Misconfigured,
}

struct Meaning {
    kind: Kind,
    code: &'static str,
    act: Act,
    message: &'static str,
}

const fn meaning(kind: Kind, code: &'static str, act: Act, message: &'static str) -> Meaning {
    Meaning { kind, code, act, message }
}

const CAPPED: &str = "tiktok.rate.posts";
const BANNED: &str = "tiktok.account.banned";

/// The table of error codes.
fn of(code: &str) -> Option<Meaning> {
    use Act::{Caller, EndUser, Nobody, Operator};
    use Kind::{Failing, Misconfigured, Never, PerhapsOut, Reconnect, Wait};
    Some(match code {
        "invalid_params" | "invalid_param" => {
            meaning(Never, "tiktok.parameter.invalid", Caller, "TikTok does not take what the post says.")
        }
        "invalid_file_upload" => {
            meaning(Never, "tiktok.upload.refused", Caller, "TikTok does not take a file of this kind or size.")
        }
        "access_token_invalid" => {
            meaning(Reconnect, "tiktok.token.invalid", EndUser, "TikTok no longer accepts the connection.")
        }
        "scope_not_authorized" | "scope_permission_missed" => {
            let text = "The connection lacks a permission: connect again and grant every one.";
            meaning(Reconnect, "tiktok.permission.missing", EndUser, text)
        }
        "url_ownership_unverified" => {
            // It is one post's address that is at fault: the posts of others are not to wait for it.
            let text = "TikTok fetches files only from domains that are verified for the app in its developer portal.";
            meaning(Never, "tiktok.media.domain_unverified", Operator, text)
        }
        "privacy_level_option_mismatch" => {
            let text = "The account does not offer this privacy level any more: choose one of those that it offers.";
            meaning(Never, "tiktok.privacy.not_offered", Caller, text)
        }
        "unaudited_client_can_only_post_to_private_accounts" => {
            let text =
                "TikTok has not audited the app: until then it posts to accounts only that are private themselves.";
            meaning(Misconfigured, "tiktok.app.unaudited", Operator, text)
        }
        "spam_risk_too_many_posts" => {
            let text = "The account has had its posts for the last 24 hours, through all apps together.";
            meaning(Wait(SignedDuration::from_hours(24)), CAPPED, Nobody, text)
        }
        "spam_risk_user_banned_from_posting" => {
            meaning(Never, BANNED, EndUser, "TikTok has banned the account from posting: see its notices in the app.")
        }
        "spam_risk" | "spam_risk_text" => {
            meaning(Never, "tiktok.post.spam_risk", EndUser, "TikTok takes the post for spam: change it.")
        }
        "reached_active_user_cap" => {
            let text = "The app has had as many posting accounts in 24 hours as TikTok allows it.";
            meaning(Wait(SignedDuration::from_hours(1)), "tiktok.rate.active_users", Operator, text)
        }
        "spam_risk_too_many_pending_share" => {
            let text = "Five drafts wait in the inbox: finish or discard some in the app.";
            meaning(Wait(SignedDuration::from_mins(15)), "tiktok.rate.pending_drafts", EndUser, text)
        }
        "rate_limit_exceeded" => {
            meaning(Wait(MINUTE), "tiktok.rate.calls", Nobody, "Too many calls for this account within a minute.")
        }
        "internal_error" => meaning(Failing, "tiktok.service.unavailable", Nobody, "TikTok failed."),
        "invalid_publish_id" => {
            meaning(PerhapsOut, "tiktok.publish.unknown_id", Nobody, "TikTok does not know the upload any more.")
        }
        "token_not_authorized_for_specified_publish_id" => {
            let text = "TikTok says that the post was made by another account.";
            meaning(PerhapsOut, "tiktok.publish.other_account", EndUser, text)
        }
        _ => return None,
    })
}

/// What an answer that is no success means.
pub(super) fn refused(answer: &Answer, code: Option<&str>, trace_id: Option<&str>) -> ConnectorError {
    let status = answer.status;
    let known = code.and_then(|code| of(code).map(|meaning| (code, meaning)));
    let platform_code = match &known {
        Some((code, _)) => (*code).to_owned(),
        // Words that nobody knows stay out.
        None => status.as_str().to_owned(),
    };
    let refusal = |code: &str, act, message: &str| Refusal {
        platform_code: Some(platform_code.clone()),
        trace_id: trace_id.map(Into::into),
        ..Refusal::ours(code, act, message)
    };
    if status.is_server_error() {
        let text = "TikTok failed, or cannot be reached.";
        return ConnectorError::Unavailable(refusal("tiktok.service.unavailable", Act::Nobody, text));
    }
    if let Some((_, meaning)) = known {
        return error(meaning.kind, refusal(meaning.code, meaning.act, meaning.message), answer);
    }
    if status == StatusCode::TOO_MANY_REQUESTS {
        let refusal = refusal("tiktok.rate.calls", Act::Nobody, "Too many calls for this account within a minute.");
        return error(Kind::Wait(MINUTE), refusal, answer);
    }
    match code {
        Some(code) if code != "ok" => {
            let text = "TikTok answered with an error that postd does not know.";
            ConnectorError::Ambiguous(refusal("tiktok.error.unknown", Act::Operator, text))
        }
        Some(_) | None => ConnectorError::Unreadable { what: "an answer of TikTok's" },
    }
}

fn error(kind: Kind, refusal: Refusal, answer: &Answer) -> ConnectorError {
    match kind {
        Kind::Reconnect => ConnectorError::Unauthorized(refusal),
        Kind::Wait(wait) => {
            let retry_after = retry_after(&answer.headers).max(Some(wait));
            ConnectorError::RateLimited { refusal, retry_after }
        }
        Kind::Never => ConnectorError::Rejected(refusal),
        Kind::PerhapsOut => ConnectorError::Ambiguous(refusal),
        Kind::Failing => ConnectorError::Unavailable(refusal),
        Kind::Misconfigured => ConnectorError::Operator(refusal),
    }
}

/// What a post came to that TikTok had taken and did not publish.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Failure {
    /// The same may go well another time.
    Passing(Refusal),
    /// It would end the same.
    Final(Refusal),
}

impl Failure {
    pub(super) fn refusal(self) -> Refusal {
        match self {
            Self::Passing(refusal) | Self::Final(refusal) => refusal,
        }
    }
}

/// What a `fail_reason` means. In all of these nothing was published.
pub(super) fn failure(reason: &str) -> Failure {
    use Act::{Caller, EndUser, Nobody, Operator};
    let (passes, code, act, message) = match reason {
        "internal" => (true, "tiktok.service.failed", Nobody, "TikTok failed while it worked on the post."),
        "video_pull_failed" | "photo_pull_failed" => {
            (true, "tiktok.media.pull_failed", Caller, "TikTok could not fetch a file of the post.")
        }
        "file_format_check_failed" => (false, "tiktok.media.format", Caller, "TikTok does not take the file's format."),
        "duration_check_failed" => {
            (false, "tiktok.media.duration", Caller, "The video is longer or shorter than this account may post.")
        }
        "frame_rate_check_failed" => {
            (false, "tiktok.media.frame_rate", Caller, "A video has between 23 and 60 frames in a second.")
        }
        "picture_size_check_failed" => {
            (false, "tiktok.media.picture_size", Caller, "Each side has between 360 and 4,096 pixels; photos 1080p.")
        }
        "spam_risk" | "spam_risk_text" => {
            (false, "tiktok.post.spam_risk", EndUser, "TikTok takes the post for spam: change it.")
        }
        "spam_risk_user_banned_from_posting" => {
            (false, BANNED, EndUser, "TikTok has banned the account from posting: see its notices in the app.")
        }
        "spam_risk_too_many_posts" => {
            (false, CAPPED, Nobody, "The account has had its posts for 24 hours: publish it again tomorrow.")
        }
        "auth_removed" => {
            (false, "tiktok.token.removed", EndUser, "The account took the permission back: connect it again.")
        }
        "publish_cancelled" => (false, "tiktok.publish.cancelled", Nobody, "The post was cancelled at TikTok."),
        "app_version_check_failed" => {
            (false, "tiktok.app.version", EndUser, "The person's TikTok app is too old: it needs an update.")
        }
        "privacy_level_not_authorized" => {
            (false, "tiktok.privacy.not_offered", Caller, "The account does not offer this privacy level any more.")
        }
        _ => {
            (false, "tiktok.publish.failed", Operator, "TikTok did not publish, for a reason that postd does not know.")
        }
    };
    let is_known = code != "tiktok.publish.failed";
    let refusal = Refusal { platform_code: is_known.then(|| reason.into()), ..Refusal::ours(code, act, message) };
    if passes { Failure::Passing(refusal) } else { Failure::Final(refusal) }
}

/// TikTok sends no figures about quotas: a 429 alone says that the minute is full.
pub(super) fn usage_wait(answer: &Answer) -> Option<SignedDuration> {
    (answer.status == StatusCode::TOO_MANY_REQUESTS).then_some(MINUTE)
}

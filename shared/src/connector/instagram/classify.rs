//! What every error of the Graph API means to us on Instagram: one table by (code, subcode), and nothing else decides.
//!
//! Whoever adds a line writes down whether the refusal is known to come before any effect; when that is not known it is
//! `PerhapsOut`, or `Failed` where the same call may work later. A container tells afterwards what became of it.

use crate::connector::{
    Act, Answer, ConnectorError,
    meta::errors::{
        self, APP_UNKNOWN, Errors, Kind, Meaning, dead, failed, misconfigured, never, not_yet, perhaps_out, throttled,
    },
};

/// What the codes mean on Instagram.
pub(super) static ERRORS: Errors = Errors {
    by_subcode,
    by_code,
    unknown: perhaps_out(
        "instagram.error.unknown",
        Act::Operator,
        "Instagram refused with a code that postd does not know.",
    ),
    token_invalid: TOKEN_INVALID,
    too_many: throttled("instagram.rate.status", "Too many calls."),
    unavailable: UNAVAILABLE,
    other_app: never("instagram.token.other_app", Act::Operator, "The token was issued to another app."),
};

const TOKEN_INVALID: Meaning = dead("instagram.token.invalid", "The connection is no longer valid; connect again.");
const UNAVAILABLE: Meaning = failed("instagram.service.unavailable", "Instagram failed or is not available.");
const FETCH_FAILED: Meaning =
    failed("instagram.media.fetch_failed", "Instagram could not fetch the file; postd tries again.");

fn by_subcode(code: i64, subcode: i64) -> Option<Meaning> {
    use Act::{Caller, EndUser};
    Some(match (code, subcode) {
        (102 | 190, 458) => dead("instagram.token.app_removed", "The person removed the app; connect again."),
        (102 | 190, 459) => dead("instagram.token.checkpoint", "Meta wants the person to log in and confirm."),
        (102 | 190, 460) => dead("instagram.token.password_changed", "The password was changed; connect again."),
        (102 | 190, 463) => dead("instagram.token.expired", "The connection expired; connect again."),
        (102 | 190, 464) => dead("instagram.token.unconfirmed", "The person's account is not confirmed."),
        (102 | 190, 467) => TOKEN_INVALID,
        (102 | 190, 492) => dead("instagram.token.page_role_lost", "The person lost the role on the linked Page."),
        // Seen on containers and posts that were there: after a publish it says nothing.
        (100, 33) => perhaps_out("instagram.object.missing", Caller, "The object does not exist or is not accessible."),
        (_, 2_207_051) => perhaps_out(
            "instagram.account.action_blocked",
            EndUser,
            "Instagram blocked the action; the post may be out.",
        ),
        (_, 2_207_042) => {
            throttled("instagram.rate.publish_quota", "The account has published as much as it may within a day.")
        }
        (_, 2_207_003) => FETCH_FAILED,
        (_, 2_207_020) => failed("instagram.container.expired", "The prepared post expired; postd prepares it again."),
        (_, 2_207_001 | 2_207_032 | 2_207_053) => UNAVAILABLE,
        (_, 2_207_082) => failed("instagram.media.upload_failed", "Instagram failed to take in the file."),
        (_, 2_207_077) => failed("instagram.media.download_failed", "Instagram failed to fetch the file."),
        (_, 2_207_085) => failed("instagram.service.fatal", "Instagram failed; it passes."),
        // Known to come before any effect: nothing is there yet that could be published.
        (_, 2_207_008) => {
            not_yet("instagram.container.not_found_yet", Act::Nobody, "The prepared post is not found yet.")
        }
        (_, 2_207_027) => not_yet("instagram.container.not_finished", Act::Nobody, "Instagram is still at work."),
        (_, 2_207_052) => not_yet(
            "instagram.media.not_fetched",
            Caller,
            "Instagram could not fetch the file: its address must be public, without redirect or login.",
        ),
        // A container that was published is said to be gone as well.
        (_, 2_207_006) => perhaps_out("instagram.container.missing", Caller, "The prepared post is gone."),
        (_, 2_207_050) => never("instagram.account.restricted", EndUser, "Instagram has restricted the account."),
        (_, 2_207_057) => never("instagram.thumbnail.offset_invalid", Caller, "The moment lies outside of the video."),
        (_, 2_207_023) => never("instagram.media.type_unknown", Caller, "Instagram does not know this type of post."),
        (_, 2_207_028) => never("instagram.carousel.invalid", Caller, "Instagram does not accept the carousel."),
        (_, 2_207_035 | 2_207_036 | 2_207_037 | 2_207_040) => {
            never("instagram.tags.invalid", Caller, "Instagram does not accept a tag.")
        }
        (_, 2_207_026) => {
            never("instagram.media.video_format", Caller, "Instagram does not take videos of this format.")
        }
        (_, 2_207_004) => never("instagram.media.too_large", Caller, "The file is too large: pictures may have 8 MB."),
        (_, 2_207_005) => never("instagram.media.format", Caller, "The picture's format is not supported: use JPEG."),
        (_, 2_207_009) => never("instagram.media.aspect", Caller, "The picture must be between 4:5 and 1.91:1."),
        (_, 2_207_010) => never("instagram.text.refused", Caller, "Instagram finds the caption too long."),
        (_, 2_207_081) => never("instagram.trial.not_eligible", EndUser, "The account may not publish trial reels."),
        _ => return None,
    })
}

fn by_code(code: i64) -> Option<Meaning> {
    use Act::{Caller, EndUser};
    Some(match code {
        -2 => FETCH_FAILED,
        -1 | 1 | 2 => UNAVAILABLE,
        4 | 341 => throttled("instagram.rate.app", "The app makes too many calls."),
        9 => throttled("instagram.rate.publish_quota", "The account has published as much as it may within a day."),
        17 => throttled("instagram.rate.user", "The account makes too many calls."),
        32 => throttled("instagram.rate.page", "Too many calls for the linked Page."),
        613 => throttled("instagram.rate.custom", "Too many calls of this kind."),
        80_000..=80_006 | 80_008 | 80_009 | 80_014 => {
            throttled("instagram.rate.business", "Too many calls to this account.")
        }
        3 | 10 | 200..=299 => {
            dead("instagram.permission.missing", "A permission is missing; connect again and grant it.")
        }
        100 => never("instagram.parameter.invalid", Caller, "Instagram does not accept a part of the request."),
        APP_UNKNOWN => misconfigured("instagram.app.unknown", "Meta does not know the app: check its id and secret."),
        102 | 190 => TOKEN_INVALID,
        368 => perhaps_out("instagram.account.blocked", EndUser, "Instagram blocks the account for now."),
        506 => perhaps_out("instagram.post.duplicate", Caller, "The same post was made just before."),
        9004 => not_yet(
            "instagram.media.not_fetched",
            Caller,
            "Instagram could not fetch the file: its address must be public, without redirect or login.",
        ),
        9007 => not_yet("instagram.container.not_finished", Act::Nobody, "Instagram is still at work."),
        _ => return None,
    })
}

/// What the text of a failed container means: only the digits of its code are read. Nothing was published.
pub(super) fn of_container(status: &str, answer: &Answer) -> ConnectorError {
    let code = code_in(status);
    let meaning = code.and_then(|code| by_subcode(0, code)).unwrap_or(never(
        "instagram.container.failed",
        Act::Caller,
        "Instagram could not make a post of the file.",
    ));
    // A refusal that may be out belongs to publishes; a container in error is surely none.
    let meaning = match meaning.kind {
        Kind::PerhapsOut => Meaning { kind: Kind::Never, ..meaning },
        Kind::Dead | Kind::Throttled | Kind::Failed | Kind::NotYet | Kind::Never | Kind::Misconfigured => meaning,
    };
    errors::error(meaning, code.map(|code| code.to_string()), None, answer)
}

/// The first number of seven digits that begins with 2207.
fn code_in(status: &str) -> Option<i64> {
    let numbers = status.split(|character: char| !character.is_ascii_digit());
    numbers.filter(|number| number.len() == 7 && number.starts_with("2207")).find_map(|number| number.parse().ok())
}

/// An account that has published as much as it may: as the quota says before anything is sent.
pub(super) fn quota_reached(wait: jiff::SignedDuration) -> ConnectorError {
    let meaning =
        throttled("instagram.rate.publish_quota", "The account has published as much as it may within a day.");
    ConnectorError::RateLimited { refusal: errors::refusal(meaning, None, None), retry_after: Some(wait) }
}

/// A container that is published, by a call that was taken for none.
pub(super) fn published_before() -> ConnectorError {
    let meaning =
        perhaps_out("instagram.container.published_before", Act::Nobody, "An earlier call published it after all.");
    ConnectorError::Ambiguous(errors::refusal(meaning, None, None))
}

/// A container that ended more often than it was made again.
pub(super) fn expired() -> ConnectorError {
    let meaning = never("instagram.container.expired", Act::Nobody, "The prepared post expired again and again.");
    ConnectorError::Rejected(errors::refusal(meaning, None, None))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_the_text_of_a_container_only_the_code_is_read() {
        assert_eq!(code_in("Error: Media upload has failed with error code 2207026"), Some(2_207_026));
        assert_eq!(code_in("Error: 12207026 and 22070261"), None);
        assert_eq!(code_in(""), None);
    }
}

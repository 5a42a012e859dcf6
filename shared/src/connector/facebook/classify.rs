//! What every error of the Graph API means to us: one table by (code, subcode), and nothing else decides.
//!
//! The texts inside an error are never read: they change, and they are translated. Whoever adds a line writes down
//! whether the refusal is known to come before any effect; when that is not known it is `Ambiguous`.

use crate::connector::{
    Act,
    meta::errors::{APP_UNKNOWN, Errors, Meaning, dead, failed, misconfigured, never, not_yet, perhaps_out, throttled},
};

const UNKNOWN: Meaning =
    perhaps_out("facebook.error.unknown", Act::Operator, "Facebook refused with a code that postd does not know.");

/// What the codes mean on Facebook Pages.
pub(super) static ERRORS: Errors = Errors {
    by_subcode,
    by_code,
    unknown: UNKNOWN,
    token_invalid: dead("facebook.token.invalid", "The connection is no longer valid; connect again."),
    too_many: throttled("facebook.rate.status", "Too many calls."),
    unavailable: failed("facebook.service.unavailable", "Facebook failed or is not available."),
    other_app: never("facebook.token.other_app", Act::Operator, "The token was issued to another app."),
};

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
        (_, 1_363_040) => never("facebook.video.aspect", Caller, "A reel is upright: 9 to 16."),
        (_, 1_363_127) => never("facebook.video.resolution", Caller, "A reel has at least 540 by 960 pixels."),
        (_, 1_363_128) => never("facebook.video.duration", Caller, "A reel is 3 to 90 seconds long."),
        (_, 1_363_129) => never("facebook.video.frame_rate", Caller, "A reel has 24 to 60 frames a second."),
        (_, 1_363_022) => return by_code(382),
        (_, 1_363_023) => never("facebook.video.too_large", Caller, "The video is too large."),
        (_, 1_363_031) => never("facebook.video.not_a_video", Caller, "The file is not a video."),
        (_, 1_363_005 | 1_363_042) => return by_code(200),
        // After these a session goes on: where it stands, or at the offset that comes with the second.
        (_, 1_363_019 | 1_363_030 | 1_363_033) => return by_code(6000),
        (_, 1_363_037) => failed("facebook.upload.offset", "Facebook wants another piece of the file."),
        (_, 1_363_057) => return by_code(389),
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
        351 | 352 => {
            never("facebook.video.format", Caller, "Facebook cannot read the video: its format is not supported.")
        }
        382 => never("facebook.video.too_small", Caller, "The video is too small: Facebook wants 1 KB at least."),
        // Nothing comes of a video that was not fetched, and the next try has been seen to succeed.
        389 => not_yet("facebook.video.not_fetched", Caller, "Facebook could not fetch the video from its address."),
        381 | 6000 | 6001 => {
            failed("facebook.upload.interrupted", "Something went wrong with the upload of the video.")
        }
        368 => perhaps_out("facebook.account.blocked", EndUser, "Facebook blocks the account for now."),
        506 => perhaps_out("facebook.post.duplicate", Caller, "The same text was posted just before."),
        1_609_005 => never("facebook.link.unusable", Caller, "Facebook cannot use the link."),
        2_061_006 => never("facebook.link.invalid", Caller, "The link is not a valid address."),
        1_609_008 => never("facebook.link.own_site", Caller, "A link to Facebook itself cannot be posted."),
        _ => return None,
    })
}

#[cfg(test)]
mod tests;

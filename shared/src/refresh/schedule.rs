//! When a token is looked at next, from the lifetimes in the platform's own answers.

use jiff::{SignedDuration, Timestamp};

use crate::{connector::TokenSet, health::WARN_AHEAD, ids::ConnectionId};

/// A token that ends within this time is renewed before a call is made with it: longer than a job's calls take.
pub const NEAR: SignedDuration = SignedDuration::from_mins(2);
/// Never sooner, however short a life is: no run takes the same token twice.
const SOONEST: SignedDuration = SignedDuration::from_mins(1);
/// Where the platform has named no end, the grant is looked at after this.
const NO_END: SignedDuration = SignedDuration::from_hours(24);

/// When the grant that was obtained or seen `now` is looked at next: when two thirds of the access token's life are over,
/// less up to a twentieth so that tokens of one moment do not come back at one moment; before the refresh token ends; and when
/// the owner is to be warned.
#[must_use]
pub fn next_look(tokens: &TokenSet, connection: ConnectionId, now: Timestamp) -> Timestamp {
    let part = |end: Timestamp| {
        let life = end.duration_since(now).max(SignedDuration::ZERO);
        let drawn = i64::from(connection.uuid().as_bytes().last().copied().unwrap_or_default());
        // Two thirds less 0 to 5 hundredths.
        let thousandths = 666 - drawn * 50 / 255;
        let millis = life.as_millis() * i128::from(thousandths) / 1_000;
        later(now, SignedDuration::from_millis(i64::try_from(millis).unwrap_or(i64::MAX)))
    };
    let warn = |end: Timestamp| end.saturating_sub(WARN_AHEAD).ok().filter(|warn_at| *warn_at > now);
    let (ends, refresh_ends) = (tokens.access_expires_at, tokens.refresh_expires_at);
    let looks = [
        ends.map(part),
        refresh_ends.filter(|end| *end > now).map(part),
        refresh_ends.and_then(warn),
        tokens.data_access_expires_at.and_then(warn),
    ];
    let next = looks.into_iter().flatten().min().unwrap_or_else(|| later(now, NO_END));
    next.max(later(now, SOONEST))
}

/// Whether a call with a token that ends then is better made with the next one.
#[must_use]
pub fn is_near(ends_at: Option<Timestamp>, now: Timestamp) -> bool {
    ends_at.is_some_and(|ends_at| ends_at.duration_since(now) <= NEAR)
}

fn later(now: Timestamp, time: SignedDuration) -> Timestamp {
    now.saturating_add(time).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::{AccessToken, RefreshToken};

    fn now() -> Timestamp {
        "2026-11-21T12:00:00Z".parse().unwrap()
    }

    fn in_minutes(minutes: i64) -> Timestamp {
        later(now(), SignedDuration::from_mins(minutes))
    }

    fn tokens(access: Option<i64>, refresh: Option<i64>) -> TokenSet {
        TokenSet {
            access: AccessToken::new("a"),
            access_expires_at: access.map(in_minutes),
            data_access_expires_at: None,
            refresh: Some(RefreshToken::new("r")),
            refresh_expires_at: refresh.map(in_minutes),
        }
    }

    const DAY: i64 = 24 * 60;

    fn looked_at(access: Option<i64>, refresh: Option<i64>) -> Vec<i64> {
        (0..16)
            .map(|number: u8| {
                let id = format!("con_0193f0a1b2c37d4e8f90a1b2c3d4e5{:02x}", number * 17).parse().unwrap();
                next_look(&tokens(access, refresh), id, now()).duration_since(now()).as_mins()
            })
            .collect()
    }

    #[test]
    fn f47_a_token_is_looked_at_when_two_thirds_of_its_own_life_are_over_and_never_all_at_once() {
        // Google, TikTok, LinkedIn.
        for (life, refresh) in [(60, None), (120, Some(180 * DAY)), (60 * DAY, Some(365 * DAY))] {
            let looks = looked_at(Some(life), refresh);
            assert!(looks.iter().all(|look| *look * 100 >= life * 60 && *look * 100 <= life * 67), "{life}: {looks:?}");
            assert!(looks.first() != looks.last(), "{life}: {looks:?}");
        }
    }

    #[test]
    fn the_owner_is_warned_two_weeks_before_the_refresh_token_ends() {
        assert_eq!(looked_at(Some(60 * DAY), Some(20 * DAY)), [6 * DAY; 16]);
        assert!(looked_at(None, None).iter().all(|look| *look == DAY));
    }

    #[test]
    fn a_refresh_token_that_ends_before_the_access_token_is_used_before_it_ends() {
        assert!(looked_at(Some(60 * DAY), Some(DAY)).iter().all(|look| *look < DAY));
    }

    #[test]
    fn what_ends_within_two_minutes_is_near() {
        assert!(is_near(Some(in_minutes(2)), now()) && is_near(Some(in_minutes(-5)), now()));
        assert!(!is_near(Some(in_minutes(3)), now()) && !is_near(None, now()));
    }
}

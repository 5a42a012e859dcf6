//! When a post shall go out: resolved once, when the post is accepted, and stored with what the caller wrote.

use jiff::{
    SignedDuration, Timestamp,
    civil::DateTime,
    tz::{Disambiguation, TimeZone},
};
use serde::{Deserialize, Serialize};

/// How far ahead a post may be scheduled.
pub const MAX_AHEAD: SignedDuration = SignedDuration::from_hours(400 * 24);
/// How far in the past a schedule may lie and still mean "now".
pub const MAX_BEHIND: SignedDuration = SignedDuration::from_mins(5);
/// How long after its time a post may still go out, unless the caller says otherwise.
pub const DEFAULT_PATIENCE: SignedDuration = SignedDuration::from_hours(6);

/// A time as the caller wrote it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(untagged)]
pub enum Schedule {
    /// An instant.
    Instant(Instant),
    /// A time on a wall clock.
    Wall(Wall),
}

/// An instant, with its offset: `2026-12-24T18:00:00+01:00`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Instant {
    /// RFC 3339, with an offset or `Z`.
    pub at: String,
}

/// A time on the clocks of a place. In a gap (clocks go forward) the post goes out as much later as the gap is long; in
/// an overlap (clocks go back) it goes out the first time that the clock shows the time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Wall {
    /// Date and time without an offset: `2026-12-24T18:00:00`.
    pub local: String,
    /// An IANA zone such as `Europe/Berlin`.
    pub zone: String,
}

/// A schedule that cannot be kept; `pointer` is relative to the schedule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ScheduleError {
    /// Not an instant.
    #[error("not a time with an offset, such as 2026-12-24T18:00:00+01:00")]
    NotAnInstant,
    /// Not a local time.
    #[error("not a local time without an offset, such as 2026-12-24T18:00:00")]
    NotLocal,
    /// No such zone.
    #[error("not an IANA time zone, such as Europe/Berlin")]
    UnknownZone,
    /// More than five minutes ago.
    #[error("more than five minutes in the past")]
    Past,
    /// More than 400 days ahead.
    #[error("more than 400 days ahead")]
    TooFar,
}

impl ScheduleError {
    /// Stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NotAnInstant => "schedule.not_an_instant",
            Self::NotLocal => "schedule.not_local",
            Self::UnknownZone => "schedule.unknown_zone",
            Self::Past => "schedule.in_the_past",
            Self::TooFar => "schedule.too_far",
        }
    }

    /// The field that is wrong, as a JSON pointer relative to the schedule.
    #[must_use]
    pub const fn pointer(&self, schedule: &Schedule) -> &'static str {
        match (self, schedule) {
            (Self::UnknownZone, _) => "/zone",
            (_, Schedule::Instant(_)) => "/at",
            (_, Schedule::Wall(_)) => "/local",
        }
    }
}

impl Schedule {
    /// The instant that is meant.
    ///
    /// # Errors
    /// The time or zone cannot be read, or lies outside what is allowed.
    pub fn resolve(&self, now: Timestamp) -> Result<Timestamp, ScheduleError> {
        let at = match self {
            Self::Instant(wanted) => instant(&wanted.at)?,
            Self::Wall(wall) => wall.resolve()?,
        };
        if now.duration_since(at) > MAX_BEHIND {
            return Err(ScheduleError::Past);
        }
        if at.duration_since(now) > MAX_AHEAD {
            return Err(ScheduleError::TooFar);
        }
        Ok(at)
    }
}

/// Reads an instant as callers write it: RFC 3339, with an offset or `Z`, and nothing else.
pub(crate) fn instant(text: &str) -> Result<Timestamp, ScheduleError> {
    let (date_and_time, offset) = split(text).ok_or(ScheduleError::NotAnInstant)?;
    let known = matches!(offset, "Z" | "z")
        || (offset.len() == "+00:00".len() && matches!(offset.as_bytes(), [b'+' | b'-', .., b':', _, _]));
    if date_and_time.len() < "0000-00-00T00:00".len() || !known {
        return Err(ScheduleError::NotAnInstant);
    }
    text.parse().map_err(|_| ScheduleError::NotAnInstant)
}

/// Cuts the text of a time into date and time of day, and what follows: the offset, or something that does not belong
/// there. The parser takes more than a caller should write: a date alone, and zones in brackets, which it then ignores.
fn split(text: &str) -> Option<(&str, &str)> {
    let plain = |letter: char| letter.is_ascii_digit() || matches!(letter, 'T' | 't' | ':' | '.');
    let (date, time) = text.split_at_checked("0000-00-00".len())?;
    let end = time.find(|letter: char| !plain(letter)).unwrap_or(time.len());
    let whole = date.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-')
        && time.starts_with(['T', 't'])
        && time.get(3..4) == Some(":");
    if whole { text.split_at_checked(date.len() + end) } else { None }
}

impl Wall {
    fn resolve(&self) -> Result<Timestamp, ScheduleError> {
        // An offset would say another time than the zone does.
        if !matches!(split(&self.local), Some((_, ""))) {
            return Err(ScheduleError::NotLocal);
        }
        let local: DateTime = self.local.parse().map_err(|_| ScheduleError::NotLocal)?;
        let zone = TimeZone::get(&self.zone).map_err(|_| ScheduleError::UnknownZone)?;
        let ambiguous = zone.into_ambiguous_zoned(local);
        ambiguous
            .disambiguate(Disambiguation::Compatible)
            .map(|zoned| zoned.timestamp())
            .map_err(|_| ScheduleError::NotLocal)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wall(local: &str, zone: &str) -> Schedule {
        Schedule::Wall(Wall { local: local.into(), zone: zone.into() })
    }

    fn instant(at: &str) -> Schedule {
        Schedule::Instant(Instant { at: at.into() })
    }

    fn now() -> Timestamp {
        "2026-03-01T12:00:00Z".parse().unwrap()
    }

    #[test]
    fn f26_a_wall_time_follows_the_zone_through_gap_and_overlap() {
        for (local, zone, expected) in [
            ("2026-06-01T10:00:00", "Europe/Berlin", "2026-06-01T08:00:00Z"),
            ("2026-06-01T10:00", "Europe/Berlin", "2026-06-01T08:00:00Z"),
            ("2026-06-01T10:00:07.25", "Europe/Berlin", "2026-06-01T08:00:07.25Z"),
            // The gap of the day that the clocks go forward, from its first second to its last: an hour later.
            ("2026-03-29T01:59:59", "Europe/Berlin", "2026-03-29T00:59:59Z"),
            ("2026-03-29T02:00:00", "Europe/Berlin", "2026-03-29T01:00:00Z"),
            ("2026-03-29T02:30:00", "Europe/Berlin", "2026-03-29T01:30:00Z"),
            ("2026-03-29T02:59:59", "Europe/Berlin", "2026-03-29T01:59:59Z"),
            ("2026-03-29T03:00:00", "Europe/Berlin", "2026-03-29T01:00:00Z"),
            // The overlap of the day that they go back: the first of the two, in summer time.
            ("2026-10-25T02:00:00", "Europe/Berlin", "2026-10-25T00:00:00Z"),
            ("2026-10-25T02:30:00", "Europe/Berlin", "2026-10-25T00:30:00Z"),
            ("2026-10-25T02:59:59", "Europe/Berlin", "2026-10-25T00:59:59Z"),
            ("2026-10-25T03:00:00", "Europe/Berlin", "2026-10-25T02:00:00Z"),
            // The other half of the earth, and the one zone that moves by half an hour.
            ("2026-10-04T02:30:00", "Australia/Sydney", "2026-10-03T16:30:00Z"),
            ("2026-10-04T02:15:00", "Australia/Lord_Howe", "2026-10-03T15:45:00Z"),
            ("2027-04-04T01:45:00", "Australia/Lord_Howe", "2027-04-03T14:45:00Z"),
            ("2026-11-01T01:30:00", "America/New_York", "2026-11-01T05:30:00Z"),
            ("2026-06-01T10:00:00", "Asia/Kathmandu", "2026-06-01T04:15:00Z"),
        ] {
            let resolved = wall(local, zone).resolve(now()).unwrap();
            assert_eq!(resolved, expected.parse::<Timestamp>().unwrap(), "{local} {zone}");
        }
    }

    /// The first instant at which the clocks of the zone show `local`; if they never do, as much later as they were
    /// moved. Worked out second by second from instants, without asking how to resolve anything.
    fn first_shown(local: DateTime, zone: &TimeZone) -> Timestamp {
        let as_if_utc = local.to_zoned(TimeZone::UTC).unwrap().timestamp();
        let offset = |at: Timestamp| SignedDuration::from_secs(i64::from(zone.to_offset(at).seconds()));
        let day = SignedDuration::from_hours(26);
        let (before, after) = (offset(as_if_utc - day), offset(as_if_utc + day));
        let mut shown: Vec<Timestamp> =
            [before, after].map(|by| as_if_utc - by).into_iter().filter(|at| *at + offset(*at) == as_if_utc).collect();
        shown.sort();
        shown.first().copied().unwrap_or(as_if_utc - before)
    }

    proptest::proptest! {
        #[test]
        fn f26_every_wall_time_of_400_days_means_the_first_time_that_the_clocks_show_it(
            seconds in 0_i64..34_000_000,
            change in 0_usize..3,
            zone in proptest::sample::select(vec![
                "Europe/Berlin", "Europe/Dublin", "America/New_York", "America/St_Johns", "America/Santiago", "Asia/Tehran",
                "Africa/Cairo", "Africa/Casablanca", "Australia/Lord_Howe", "Pacific/Auckland", "Pacific/Chatham",
                "Antarctica/Troll", "UTC",
            ]),
        ) {
            let tz = TimeZone::get(zone).unwrap();
            let mut at = now() + SignedDuration::from_secs(seconds);
            // Two of three are brought close to a change of the clocks, before or after it.
            if change > 0 && let Some(next) = tz.following(at).next() {
                let near = SignedDuration::from_secs(seconds % 9_000 - 4_500);
                at = next.timestamp() + near;
            }
            let local = tz.to_datetime(at);
            // Also what the clocks leave out: shifted by an odd amount, so that it falls into gaps.
            for shift in [0_i64, 1_799, 3_599] {
                let local = local + SignedDuration::from_secs(shift);
                let resolved = wall(&local.to_string(), zone).resolve(now());
                let expected = first_shown(local, &tz);
                if expected.duration_since(now()) <= MAX_AHEAD && now().duration_since(expected) <= MAX_BEHIND {
                    proptest::prop_assert_eq!(resolved, Ok(expected), "{} {}", local, zone);
                }
            }
        }

        #[test]
        fn an_instant_or_a_wall_time_of_any_letters_is_read_or_refused(text in "[0-9TtZz:+.\\[-]{0,30}") {
            let _read = (instant(&text).resolve(now()), wall(&text, "Europe/Berlin").resolve(now()));
        }
    }

    #[test]
    fn f26_schedules_reach_from_five_minutes_ago_to_400_days_ahead() {
        assert_eq!(instant("2026-03-01T11:54:59Z").resolve(now()), Err(ScheduleError::Past));
        assert!(instant("2026-03-01T11:55:00Z").resolve(now()).is_ok());
        assert!(instant("2027-04-05T12:00:00Z").resolve(now()).is_ok());
        assert_eq!(instant("2027-04-05T12:00:01Z").resolve(now()), Err(ScheduleError::TooFar));
    }

    #[test]
    fn what_cannot_be_read_names_its_field() {
        let cases = [
            (instant("2026-03-02T10:00:00"), ScheduleError::NotAnInstant, "/at"),
            (instant("tomorrow"), ScheduleError::NotAnInstant, "/at"),
            (wall("2026-03-02T10:00:00+01:00", "Europe/Berlin"), ScheduleError::NotLocal, "/local"),
            (wall("2026-03-02T10:00:00Z", "Europe/Berlin"), ScheduleError::NotLocal, "/local"),
            (wall("2026-03-02", "Europe/Berlin"), ScheduleError::NotLocal, "/local"),
            (wall("2026-03-02T10", "Europe/Berlin"), ScheduleError::NotLocal, "/local"),
            (wall("2026-03-02T10:00:00[America/New_York]", "Europe/Berlin"), ScheduleError::NotLocal, "/local"),
            (wall("2026-02-29T10:00:00", "Europe/Berlin"), ScheduleError::NotLocal, "/local"),
            (wall("2026-03-02T25:00:00", "Europe/Berlin"), ScheduleError::NotLocal, "/local"),
            (instant("2026-03-02T10:00:00+01:00[America/New_York]"), ScheduleError::NotAnInstant, "/at"),
            (instant("2026-03-02T10:00:00 +01:00"), ScheduleError::NotAnInstant, "/at"),
            (instant("2026-03-02Z"), ScheduleError::NotAnInstant, "/at"),
            (instant("\u{2003}2026-03-02T10:00Z"), ScheduleError::NotAnInstant, "/at"),
            (wall("2026-03-02T10:00:00", "Europe/Atlantis"), ScheduleError::UnknownZone, "/zone"),
            (wall("2026-03-02T10:00:00", ""), ScheduleError::UnknownZone, "/zone"),
        ];
        for (schedule, expected, pointer) in cases {
            let error = schedule.resolve(now()).unwrap_err();
            assert_eq!((&error, error.pointer(&schedule)), (&expected, pointer), "{schedule:?}");
        }
    }
}

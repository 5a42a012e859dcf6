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
            Self::Instant(Instant { at }) => at.parse().map_err(|_| ScheduleError::NotAnInstant)?,
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

impl Wall {
    fn resolve(&self) -> Result<Timestamp, ScheduleError> {
        // `DateTime` accepts an offset and drops it, which would move the post: refuse what is also an instant.
        if self.local.parse::<Timestamp>().is_ok() {
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
    fn a_wall_time_follows_the_zone_through_gap_and_overlap() {
        for (local, expected) in [
            ("2026-06-01T10:00:00", "2026-06-01T08:00:00Z"),
            // 02:30 does not exist on the day the clocks go forward: 03:30 summer time.
            ("2026-03-29T02:30:00", "2026-03-29T01:30:00Z"),
            // 02:30 comes twice on the day the clocks go back: the first one, in summer time.
            ("2026-10-25T02:30:00", "2026-10-25T00:30:00Z"),
        ] {
            let resolved = wall(local, "Europe/Berlin").resolve(now()).unwrap();
            assert_eq!(resolved, expected.parse::<Timestamp>().unwrap(), "{local}");
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
            (wall("2026-03-02T10:00:00", "Europe/Atlantis"), ScheduleError::UnknownZone, "/zone"),
        ];
        for (schedule, expected, pointer) in cases {
            let error = schedule.resolve(now()).unwrap_err();
            assert_eq!((&error, error.pointer(&schedule)), (&expected, pointer), "{schedule:?}");
        }
    }
}

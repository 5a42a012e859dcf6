//! Days and the dates of HTTP, for the little that S3 needs of them.

const WEEKDAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
pub(super) const DAY_MS: u64 = 86_400_000;

/// Days from 1970-01-01 to a date of the Gregorian calendar.
pub(super) fn days_since_epoch(year: u64, month: u64, day: u64) -> u64 {
    // Years begin in March, so that the leap day is the last one.
    let (year, month) = if month <= 2 { (year - 1, month + 9) } else { (year, month - 3) };
    let days = 365 * year + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + day - 1;
    days.saturating_sub(719_468)
}

/// `Sat, 21 Nov 2026 10:00:00 GMT`.
pub(super) fn http_date(ms: u64) -> String {
    let (days, second) = (ms / DAY_MS, ms / 1000 % 86_400);
    let shifted = days + 719_468;
    let era = shifted / 146_097;
    let of_era = shifted % 146_097;
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let (month, carried) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
    let year = year_of_era + era * 400 + carried;
    let name = |names: &[&'static str], index: u64| {
        usize::try_from(index).ok().and_then(|index| names.get(index).copied()).unwrap_or_default()
    };
    format!(
        "{}, {day:02} {} {year} {:02}:{:02}:{:02} GMT",
        name(&WEEKDAYS, days % 7),
        name(&MONTHS, month - 1),
        second / 3600,
        second / 60 % 60,
        second % 60
    )
}

/// When what was made at `ms` goes, if it is kept for `days`: S3 rounds up to the next midnight (UTC).
pub(super) fn expires_at(ms: u64, days: u32) -> u64 {
    (ms / DAY_MS + 1 + u64::from(days)) * DAY_MS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_those_of_the_calendar() {
        assert_eq!(days_since_epoch(1970, 1, 1), 0);
        assert_eq!(days_since_epoch(2000, 3, 1), 11_017);
        assert_eq!(days_since_epoch(2026, 11, 21), 20_778);
        assert_eq!(http_date(0), "Thu, 01 Jan 1970 00:00:00 GMT");
        assert_eq!(http_date(951_782_399_000), "Mon, 28 Feb 2000 23:59:59 GMT");
        assert_eq!(http_date(20_778 * DAY_MS + 36_000_000), "Sat, 21 Nov 2026 10:00:00 GMT");
    }

    #[test]
    fn what_is_kept_for_a_day_goes_at_the_midnight_after_the_next_one() {
        assert_eq!(expires_at(0, 1), 2 * DAY_MS);
        assert_eq!(expires_at(DAY_MS - 1, 1), 2 * DAY_MS);
        assert_eq!(expires_at(DAY_MS, 1), 3 * DAY_MS);
    }
}

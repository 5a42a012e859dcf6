//! The machine's clock: the local cloud is where time comes from, so it is read in this one place.

use jiff::{Timestamp, Zoned};

#[expect(
    clippy::disallowed_methods,
    reason = "the local cloud stands in for the services that tell functions the time"
)]
pub(crate) fn now() -> Timestamp {
    Timestamp::now()
}

/// The wall clock of whoever reads the log.
#[expect(clippy::disallowed_methods, reason = "only for the time in front of a log line")]
pub(crate) fn time_of_day() -> String {
    Zoned::now().strftime("%H:%M:%S%.3f").to_string()
}

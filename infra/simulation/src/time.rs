//! Controlled time: tokio's paused clock, shown as dates; each process may see it a little off.

use jiff::{SignedDuration, Timestamp};
use shared::clock::Clock;
use tokio::time::Instant;

/// Lets time pass. All waiting of a run goes through here: its clock moves on by itself as soon as nobody can do anything.
#[expect(clippy::disallowed_methods, reason = "nothing waits for real on a paused clock")]
pub async fn pass(time: std::time::Duration) {
    tokio::time::sleep(time).await;
}

/// Lets time pass until then.
pub async fn until(when: Instant) {
    tokio::time::sleep_until(when).await;
}

/// The one true time of a run.
#[derive(Debug, Clone, Copy)]
pub struct Time {
    start: Timestamp,
    origin: Instant,
}

impl Time {
    /// Begins now, at `start`.
    #[must_use]
    pub fn beginning(start: Timestamp) -> Self {
        Self { start, origin: Instant::now() }
    }

    /// The date and time.
    #[must_use]
    pub fn now(self) -> Timestamp {
        self.start.saturating_add(self.elapsed()).unwrap_or(Timestamp::MAX)
    }

    /// Since the beginning.
    #[must_use]
    pub fn elapsed(self) -> SignedDuration {
        SignedDuration::try_from(self.origin.elapsed()).unwrap_or(SignedDuration::MAX)
    }

    /// Milliseconds since the Unix epoch.
    #[must_use]
    pub fn now_ms(self) -> u64 {
        u64::try_from(self.now().as_millisecond()).unwrap_or(0)
    }

    /// When the clock will show `at`.
    #[must_use]
    pub fn instant(self, at: Timestamp) -> Instant {
        let wait = at.duration_since(self.start);
        self.origin + std::time::Duration::try_from(wait).unwrap_or_default()
    }
}

/// The time as one process sees it.
#[derive(Debug, Clone, Copy)]
pub struct ProcessClock {
    /// The true time.
    pub time: Time,
    /// How far this process is ahead of it.
    pub ahead: SignedDuration,
}

impl Clock for ProcessClock {
    fn now(&self) -> Timestamp {
        self.time.now().saturating_add(self.ahead).unwrap_or(Timestamp::MAX)
    }
}

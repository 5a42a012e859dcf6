//! The emulators' clock: the machine's or one that is given, plus whatever a test has added to it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Tells milliseconds since the Unix epoch.
pub type Time = Box<dyn Fn() -> u64 + Send + Sync>;

/// Time as SQS visibility, delays and retention, and DynamoDB's expiry see it.
#[derive(Default)]
pub(crate) struct Clock {
    ahead_ms: AtomicU64,
    /// Tells the time in place of the machine.
    given: Option<Time>,
}

impl std::fmt::Debug for Clock {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Clock").field("now_ms", &self.now_ms()).finish_non_exhaustive()
    }
}

impl Clock {
    /// A clock that shows what `time` says.
    pub(crate) fn given(time: Time) -> Self {
        Self { ahead_ms: AtomicU64::default(), given: Some(time) }
    }

    /// Milliseconds since the Unix epoch.
    pub(crate) fn now_ms(&self) -> u64 {
        let base = self.given.as_ref().map_or_else(machine_ms, |time| time());
        base.saturating_add(self.ahead_ms.load(Ordering::Relaxed))
    }

    /// Moves this clock forward for good.
    pub(crate) fn advance(&self, by: Duration) {
        self.ahead_ms.fetch_add(millis(by), Ordering::Relaxed);
    }
}

#[expect(clippy::disallowed_methods, reason = "the one place where the emulators read the machine's clock")]
fn machine_ms() -> u64 {
    millis(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO))
}

impl dynoxide::storage_backend::Clock for Clock {
    fn now_unix_secs(&self) -> u64 {
        self.now_ms() / 1000
    }

    fn now_unix_secs_f64(&self) -> f64 {
        Duration::from_millis(self.now_ms()).as_secs_f64()
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

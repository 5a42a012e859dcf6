//! The simulator's time: the machine's clock by default, or one that a test moves by hand.

use jiff::{SignedDuration, Timestamp};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// Where the simulator takes the time from.
#[derive(Clone, Debug, Default)]
pub enum Clock {
    /// The machine's clock.
    #[default]
    System,
    /// A clock that stands still until it is moved.
    Manual(ManualClock),
}

impl Clock {
    /// The present moment.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "the one place where the simulator asks the machine for the time")]
    pub fn now(&self) -> Timestamp {
        match self {
            Self::System => Timestamp::now(),
            Self::Manual(clock) => clock.now(),
        }
    }

    /// Returns once the clock shows `moment` or later.
    #[expect(
        clippy::disallowed_methods,
        reason = "the simulator is a long-running process, not a function that pays for waiting"
    )]
    pub(crate) async fn reach(&self, moment: Timestamp) {
        match self {
            Self::System => {
                let wait = moment.duration_since(Timestamp::now());
                if let Ok(wait) = Duration::try_from(wait) {
                    tokio::time::sleep(wait).await;
                }
            }
            Self::Manual(clock) => {
                let mut watcher = clock.0.subscribe();
                // The sender lives in `clock`, so waiting cannot fail before the moment is reached.
                let _ = watcher.wait_for(|now| *now >= moment).await;
            }
        }
    }
}

/// A clock that moves only when told; clones show the same time.
#[derive(Clone, Debug)]
pub struct ManualClock(Arc<watch::Sender<Timestamp>>);

impl ManualClock {
    /// A clock standing at `start`.
    #[must_use]
    pub fn new(start: Timestamp) -> Self {
        Self(Arc::new(watch::Sender::new(start)))
    }

    /// The moment it shows.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        *self.0.borrow()
    }

    /// Moves it forward (or back, by a negative duration); stays put when the result is out of range.
    pub fn advance(&self, by: SignedDuration) {
        self.0.send_modify(|now| *now = now.checked_add(by).unwrap_or(*now));
    }
}

//! What a caller who measures is told about the functions, as it happens.

use std::sync::Arc;
use std::time::Duration;

/// Something about a function; functions are named by their binaries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Observed {
    /// A process asked for its first event.
    Started {
        /// Which function.
        function: String,
        /// From right before the process was spawned until the request for the event had arrived.
        took: Duration,
    },
    /// An event was answered.
    Answered {
        /// Which function.
        function: String,
        /// From handing over the event until the answer had arrived.
        took: Duration,
    },
    /// A line was written to standard output or standard error.
    Logged {
        /// Which function.
        function: String,
        /// Its length without the line break.
        bytes: usize,
    },
}

/// Hears what happens; deaf unless made with [`Observer::new`].
#[derive(Clone, Default)]
pub struct Observer(Option<Arc<dyn Fn(Observed) + Send + Sync>>);

impl Observer {
    /// Hands everything to `hear`, which must not take long: a function may be waiting.
    #[must_use]
    pub fn new(hear: impl Fn(Observed) + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(hear)))
    }

    pub(crate) fn tell(&self, observed: impl FnOnce() -> Observed) {
        if let Some(hear) = &self.0 {
            hear(observed());
        }
    }
}

impl std::fmt::Debug for Observer {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_tuple("Observer").field(&self.0.is_some()).finish()
    }
}

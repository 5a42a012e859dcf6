//! The time by AWS: leases and settle times are compared between processes, so all of them must go by one clock.
//!
//! Lambda's machines keep good time, and nothing promises that each of them always does. Every answer of AWS carries a
//! `Date`; a process whose own clock lies outside the time in which that answer came about takes AWS's time from then on
//! (F66). The first call of every job is a read, so this is settled before anything is decided.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
};

use aws_smithy_runtime_api::client::{
    http::{
        HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient, SharedHttpConnector,
    },
    orchestrator::HttpRequest,
    runtime_components::RuntimeComponents,
};
use jiff::{SignedDuration, Timestamp, fmt::rfc2822};

use crate::clock::Clock;

/// `Date` has whole seconds; less than this beside them is no error of our clock.
const TOLERANCE: SignedDuration = SignedDuration::from_secs(2);

/// A clock that is put right by AWS.
pub struct AwsClock {
    machine: Arc<dyn Clock>,
    ahead_ms: AtomicI64,
}

impl fmt::Debug for AwsClock {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ahead_ms = self.ahead_ms.load(Ordering::Relaxed);
        formatter.debug_struct("AwsClock").field("ahead_ms", &ahead_ms).finish_non_exhaustive()
    }
}

impl AwsClock {
    /// Shows what `machine` shows, until AWS says otherwise.
    #[must_use]
    pub fn over(machine: Arc<dyn Clock>) -> Self {
        Self { machine, ahead_ms: AtomicI64::new(0) }
    }

    /// An answer that was asked for when the machine's clock showed `asked` and that has just come says that AWS's clock
    /// showed `date`, in whole seconds.
    fn hear(&self, asked: Timestamp, date: Timestamp) {
        let behind = date.duration_since(self.now());
        // Of several answers to calls of one moment only the first one finds the clock wrong.
        let ahead = self.corrected(asked).duration_since(date);
        let wrong = if behind > TOLERANCE {
            behind
        } else if ahead > TOLERANCE {
            -ahead
        } else {
            return;
        };
        tracing::warn!(seconds = wrong.as_secs(), "this machine's clock was wrong; AWS's time counts from here on");
        self.ahead_ms.fetch_add(i64::try_from(wrong.as_millis()).unwrap_or(0), Ordering::Relaxed);
    }

    /// What the machine's clock would have shown, had it been right.
    fn corrected(&self, shown: Timestamp) -> Timestamp {
        let ahead = SignedDuration::from_millis(self.ahead_ms.load(Ordering::Relaxed));
        shown.saturating_add(ahead).unwrap_or(Timestamp::MAX)
    }
}

impl Clock for AwsClock {
    fn now(&self) -> Timestamp {
        self.corrected(self.machine.now())
    }
}

/// An HTTP client whose answers put a clock right.
#[derive(Debug, Clone)]
pub struct Listening {
    client: SharedHttpClient,
    clock: Arc<AwsClock>,
}

impl Listening {
    /// Calls through `client`, and lets `clock` hear the answers.
    #[must_use]
    pub fn new(client: impl HttpClient + 'static, clock: Arc<AwsClock>) -> Self {
        Self { client: SharedHttpClient::new(client), clock }
    }
}

impl HttpClient for Listening {
    fn http_connector(&self, settings: &HttpConnectorSettings, components: &RuntimeComponents) -> SharedHttpConnector {
        let connector = self.client.http_connector(settings, components);
        SharedHttpConnector::new(ListeningConnector { connector, clock: Arc::clone(&self.clock) })
    }
}

#[derive(Debug)]
struct ListeningConnector {
    connector: SharedHttpConnector,
    clock: Arc<AwsClock>,
}

impl HttpConnector for ListeningConnector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let clock = Arc::clone(&self.clock);
        let asked = clock.machine.now();
        let answer = self.connector.call(request);
        HttpConnectorFuture::new(async move {
            let answer = answer.await?;
            let date = answer.headers().get("date").and_then(|date| rfc2822::parse(date).ok());
            if let Some(date) = date {
                clock.hear(asked, date.timestamp());
            }
            Ok(answer)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::ManualClock;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn heard(machine: &str, asked: &str, date: &str) -> Timestamp {
        let clock = AwsClock::over(Arc::new(ManualClock::at(at(machine))));
        clock.hear(at(asked), at(date));
        clock.now()
    }

    #[test]
    fn f66_a_clock_that_is_wrong_by_minutes_takes_the_time_of_aws() {
        let ahead = heard("2026-11-21T10:05:00.200Z", "2026-11-21T10:05:00Z", "2026-11-21T10:00:00Z");
        assert_eq!(ahead, at("2026-11-21T10:00:00.200Z"));
        let behind = heard("2026-11-21T09:55:00Z", "2026-11-21T09:54:59Z", "2026-11-21T10:00:00Z");
        assert_eq!(behind, at("2026-11-21T10:00:00Z"));
    }

    #[test]
    fn f66_many_answers_of_one_moment_correct_a_clock_once() {
        for (machine, asked) in
            [("2026-11-21T10:05:00.200Z", "2026-11-21T10:05:00Z"), ("2026-11-21T09:55:00Z", "2026-11-21T09:54:59Z")]
        {
            let clock = AwsClock::over(Arc::new(ManualClock::at(at(machine))));
            for _ in 0..10 {
                clock.hear(at(asked), at("2026-11-21T10:00:00Z"));
            }
            assert!(clock.now().duration_since(at("2026-11-21T10:00:00Z")).abs() < TOLERANCE, "{}", clock.now());
        }
    }

    #[test]
    fn f66_whole_seconds_and_slow_answers_do_not_move_a_clock_that_is_right() {
        let right = at("2026-11-21T10:00:09.900Z");
        assert_eq!(heard("2026-11-21T10:00:09.900Z", "2026-11-21T10:00:09.800Z", "2026-11-21T10:00:09Z"), right);
        // Ten seconds on the way: the date lies between question and answer.
        assert_eq!(heard("2026-11-21T10:00:09.900Z", "2026-11-21T10:00:00Z", "2026-11-21T10:00:01Z"), right);
    }
}

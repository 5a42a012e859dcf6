//! EventBridge: `rate(…)` schedules. Each ticks once right after the start, so that nobody waits for the first minute, and
//! then on the full period: every minute on the minute.

use std::time::Duration;

use bytes::Bytes;
use serde_json::json;
use tokio::task::JoinHandle;
use uuid::Uuid;

use crate::clock;
use crate::lambda::{InvokeError, Lambda};

/// How often a schedule fires.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Rate(Duration);

impl Rate {
    /// Reads `rate(1 minute)`, `rate(6 hours)`, `rate(2 days)`.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (count, unit) = text.strip_prefix("rate(")?.strip_suffix(')')?.split_once(' ')?;
        let count: u32 = count.parse().ok().filter(|count| *count > 0)?;
        let one = match unit {
            "minute" | "minutes" => Duration::from_mins(1),
            "hour" | "hours" => Duration::from_hours(1),
            "day" | "days" => Duration::from_hours(24),
            _ => return None,
        };
        Some(Self(one * count))
    }

    /// The time from one tick to the next.
    pub(crate) fn period(self) -> Duration {
        self.0
    }

    /// How long until the next full period after `now_ms` since the epoch.
    fn wait(self, now_ms: u64) -> Duration {
        let period = u64::try_from(self.0.as_millis()).unwrap_or(u64::MAX);
        Duration::from_millis(period - now_ms % period)
    }
}

/// A schedule and the function it calls.
#[derive(Debug, Clone)]
pub(crate) struct Schedule {
    pub(crate) name: String,
    pub(crate) function: String,
    pub(crate) rate: Rate,
}

impl Schedule {
    /// Fires once, now, and waits for the function. A failure is told, not repeated.
    pub(crate) async fn fire(&self, lambda: &Lambda) -> Result<(), InvokeError> {
        lambda.invoke(&self.function, self.event()).await.map(drop)
    }

    /// Ticks until the task is aborted.
    pub(crate) fn start(self, lambda: Lambda) -> JoinHandle<()> {
        tokio::spawn(async move {
            loop {
                let (schedule, called) = (self.clone(), lambda.clone());
                // A slow run does not hold up the next tick. Lambda logs its failures.
                tokio::spawn(async move { called.invoke_async(&schedule.function, schedule.event()).await });
                let now = u64::try_from(clock::now().as_millisecond()).unwrap_or(0);
                tokio::time::sleep_until(tokio::time::Instant::now() + self.rate.wait(now)).await;
            }
        })
    }

    fn event(&self) -> Bytes {
        let now = clock::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
        let rule = format!("arn:aws:events:{}:{}:rule/{}", emulators::REGION, emulators::ACCOUNT, self.name);
        let event = json!({
            "version": "0", "id": Uuid::now_v7().to_string(), "detail-type": "Scheduled Event", "source": "aws.events",
            "account": emulators::ACCOUNT, "time": now, "region": emulators::REGION, "resources": [rule], "detail": {},
        });
        Bytes::from(event.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_a_count_and_a_unit() {
        assert_eq!(Rate::parse("rate(1 minute)"), Some(Rate(Duration::from_mins(1))));
        assert_eq!(Rate::parse("rate(6 hours)"), Some(Rate(Duration::from_hours(6))));
        for nonsense in ["rate(0 minutes)", "rate(1 week)", "rate(minute)", "cron(0 12 * * ? *)", "1 minute"] {
            assert_eq!(Rate::parse(nonsense), None, "{nonsense}");
        }
    }

    #[test]
    fn ticks_fall_on_the_full_period() {
        let minute = Rate(Duration::from_mins(1));
        assert_eq!(minute.wait(59_000), Duration::from_secs(1));
        assert_eq!(minute.wait(60_000), Duration::from_mins(1));
    }

    #[test]
    fn the_event_is_the_one_eventbridge_sends() {
        let rate = Rate(Duration::from_mins(1));
        let schedule = Schedule { name: "EveryMinute".to_owned(), function: "dispatch".to_owned(), rate };
        let event: serde_json::Value = serde_json::from_slice(&schedule.event()).unwrap();
        assert_eq!(event["detail-type"], "Scheduled Event");
        assert_eq!(event["resources"], json!(["arn:aws:events:us-east-1:000000000000:rule/EveryMinute"]));
        assert!(event["time"].as_str().unwrap().parse::<jiff::Timestamp>().is_ok());
    }
}

//! What a run does, and what goes wrong at the platform while it does.

use std::time::Duration;

use jiff::SignedDuration;
use simulator::facebook::{Fault, FaultKind};

/// A run.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    pub(crate) posts: u32,
    /// Consumers to kill while they work.
    pub(crate) kills: u32,
    pub(crate) seed: u64,
    pub(crate) pace: Pace,
}

/// Whether anybody waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pace {
    /// Everything takes the time that it takes.
    Real,
    /// The queue's clock is turned while nobody works, and nothing makes postd wait for a minute.
    Quick,
}

/// The least that the template allows, so that a dead consumer's claim ends after 15 s and its messages come back after a
/// minute.
const CONSUMER_TIMEOUT: &str = "10";
const VISIBILITY_TIMEOUT: &str = "60";

/// All posts come from one tenant, as fast as they are taken.
const TENANT_REQUESTS: &str = "1000000";

impl Pace {
    /// The template's parameters.
    pub(crate) fn parameters(self) -> [(&'static str, &'static str); 4] {
        let settle = match self {
            Self::Real => "5",
            Self::Quick => "3",
        };
        [
            ("ConsumerTimeout", CONSUMER_TIMEOUT),
            ("PublishVisibilityTimeout", VISIBILITY_TIMEOUT),
            ("TenantRequestsPerMinute", TENANT_REQUESTS),
            ("FacebookSettleSeconds", settle),
        ]
    }

    /// How long a new post stays out of the platform's listings: less than the time that postd gives it.
    pub(crate) fn listing_lag(self) -> SignedDuration {
        match self {
            Self::Real => SignedDuration::from_secs(3),
            Self::Quick => SignedDuration::from_secs(1),
        }
    }

    /// How many seconds ahead a scheduled post is: some more than a minute and a half, so that dispatch sends their jobs.
    pub(crate) fn ahead(self) -> [(u64, u64); 2] {
        match self {
            Self::Real => [(5, 60), (92, 110)],
            Self::Quick => [(2, 6), (2, 6)],
        }
    }

    /// How many seconds after its time a post that is soon of no use may still go out.
    pub(crate) fn shortest_life(self) -> u64 {
        match self {
            Self::Real => 30,
            Self::Quick => 10,
        }
    }

    /// The longest wait before the next kill, in milliseconds.
    pub(crate) fn longest_wait(self) -> u64 {
        match self {
            Self::Real => 500,
            Self::Quick => 400,
        }
    }

    /// How long the system may take to come to rest after the last kill.
    pub(crate) fn patience(self) -> Duration {
        match self {
            Self::Real => Duration::from_mins(15),
            Self::Quick => Duration::from_mins(3),
        }
    }

    /// What goes wrong at the platform, each by its own chance per call. The first that strikes a call is the only one.
    pub(crate) fn faults(self) -> Vec<Fault> {
        use FaultKind::{
            AcceptedThenTimeout, LateAnswer, LostAnswer, RateLimited, RefusedBefore, Slow, Status500After,
            Status500Before, TruncatedAnswer,
        };
        let throttled = Fault { status: Some(429), ..Fault::error(613, None) };
        let slow = |kind, milliseconds| Fault { milliseconds: Some(milliseconds), ..Fault::new(kind) };
        let mut publish = vec![
            // Longer than the consumer waits for any call.
            Fault { hold_seconds: Some(12), ..chance(Fault::new(AcceptedThenTimeout), 0.01) },
            Fault { hold_seconds: Some(2), ..chance(Fault::new(AcceptedThenTimeout), 0.02) },
            chance(Fault::new(LostAnswer), 0.04),
            chance(Fault::new(TruncatedAnswer), 0.03),
            chance(Fault::new(Status500After), 0.03),
            chance(Fault::new(Status500Before), 0.04),
            chance(Fault::new(RefusedBefore), 0.04),
            chance(throttled, 0.02),
        ];
        if self == Self::Real {
            publish.push(Fault { minutes: Some(1), ..chance(Fault::new(RateLimited), 0.02) });
        }
        // Those that do not fail take their time, or hardly a consumer would be hit at work.
        publish.extend([
            chance(slow(Slow, 1_500), 0.1),
            chance(slow(LateAnswer, 1_500), 0.1),
            chance(slow(Slow, 500), 0.5),
            slow(LateAnswer, 500),
        ]);
        let mut faults: Vec<Fault> = ["feed", "photos"]
            .into_iter()
            .flat_map(|edge| publish.iter().map(move |fault| fault.clone().on_edge("POST", edge)))
            .collect();
        if self == Self::Real {
            // A question without an answer is asked again after a minute.
            let read = [LostAnswer, TruncatedAnswer, Status500Before, RefusedBefore];
            faults.extend(read.map(|kind| chance(Fault::new(kind), 0.003).on_edge("GET", "published_posts")));
        }
        faults.push(chance(slow(Slow, 200), 0.5).on_edge("GET", "published_posts"));
        faults
    }
}

fn chance(fault: Fault, probability: f64) -> Fault {
    fault.with_probability(probability)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_platform_shows_what_it_took_before_postd_believes_its_listing() {
        for pace in [Pace::Real, Pace::Quick] {
            let slow = pace.faults().into_iter().filter(|fault| fault.kind == FaultKind::Slow);
            let slowest = slow.filter_map(|fault| fault.milliseconds).max().unwrap();
            let shown = SignedDuration::from_millis(i64::try_from(slowest).unwrap()) + pace.listing_lag();
            let [.., (name, settle)] = pace.parameters();
            assert_eq!(name, "FacebookSettleSeconds");
            assert!(shown < SignedDuration::from_secs(settle.parse().unwrap()), "{pace:?}");
        }
    }

    #[test]
    fn every_publish_call_is_struck_and_only_some_of_them_fail() {
        for (pace, edge) in
            [(Pace::Real, "feed"), (Pace::Real, "photos"), (Pace::Quick, "feed"), (Pace::Quick, "photos")]
        {
            let faults: Vec<Fault> =
                pace.faults().into_iter().filter(|fault| fault.edge.as_deref() == Some(edge)).collect();
            let (last, likely) = faults.split_last().unwrap();
            assert_eq!((last.kind, last.probability, last.count), (FaultKind::LateAnswer, None, None));
            let harmless = |fault: &&Fault| matches!(fault.kind, FaultKind::Slow | FaultKind::LateAnswer);
            let failing = likely.iter().filter(|fault| !harmless(fault));
            assert!(failing.map(|fault| fault.probability.unwrap()).sum::<f64>() < 0.3);
        }
    }
}

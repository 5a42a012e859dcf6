//! What the run says: a line now and then, the table at the end, and whatever must never have been.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::time::Duration;

use super::killer::Hands;
use super::platform::Tally;
use super::verdict::{Fate, Violation};

/// How many of a hundred targets have to be published at least: a system that gives up neither repeats nor loses anything.
const LEAST_PUBLISHED: usize = 80;

/// Everything that is known at the end.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) seed: u64,
    pub(crate) posts: usize,
    pub(crate) scheduled: u32,
    pub(crate) repeated: u32,
    /// Requests that had to be sent again because no good answer came.
    pub(crate) sent_again: u32,
    pub(crate) wanted_kills: u32,
    pub(crate) in_flight: u32,
    pub(crate) kills: u32,
    pub(crate) hands: Hands,
    pub(crate) tally: Tally,
    pub(crate) moved: u64,
    pub(crate) took: Duration,
    /// Whether every target ended and the queues ran empty in time.
    pub(crate) rested: bool,
    pub(crate) fates: Vec<Fate>,
    pub(crate) strays: Vec<String>,
}

impl Outcome {
    /// What must never be, with what it happened to.
    fn violations(&self) -> Vec<(Violation, &Fate)> {
        self.fates.iter().filter_map(|fate| Some((fate.violation()?, fate))).collect()
    }

    fn published(&self) -> usize {
        self.fates.iter().filter(|fate| fate.state == "published").count()
    }

    /// Whether the run has shown what it was to show; what has not held, if not.
    pub(crate) fn complaints(&self) -> Vec<String> {
        let mut complaints: Vec<String> =
            self.violations().iter().map(|(violation, fate)| format!("{violation}: {fate}")).collect();
        complaints.extend(self.strays.iter().map(|id| format!("nobody asked for this post: {id}")));
        if self.tally.duplicates > 0 {
            complaints.push(format!("{} publish calls for posts that were out already", self.tally.duplicates));
        }
        let (published, all) = (self.published(), self.fates.len());
        if published * 100 < all * LEAST_PUBLISHED {
            complaints.push(format!("only {published} of {all} targets were published, less than {LEAST_PUBLISHED} %"));
        }
        if !self.rested {
            complaints.push("the system has not come to rest in time".to_owned());
        }
        if self.in_flight < self.wanted_kills {
            complaints.push(format!("only {} of {} consumers were killed at work", self.in_flight, self.wanted_kills));
        }
        complaints
    }

    /// The table.
    pub(crate) fn table(&self) -> String {
        let Self { hands, tally, .. } = self;
        let violations = self.violations();
        let duplicates = violations.iter().filter(|(violation, _)| *violation == Violation::Duplicate).count();
        let early = violations.iter().filter(|(violation, _)| *violation == Violation::TooEarly).count();
        let lost = violations.iter().filter(|(violation, _)| violation.is_loss()).count();
        let mut states: BTreeMap<&str, usize> = BTreeMap::from([("published", 0), ("failed", 0), ("needs_review", 0)]);
        for fate in &self.fates {
            *states.entry(&fate.state).or_default() += 1;
        }
        // Rounded down: 100 % are all.
        let share = (self.published() * 100).checked_div(self.fates.len()).unwrap_or(0);
        let in_hands = hands.before + hands.between + hands.after;
        let asked = format!(
            "{}, {} with a time; {} requests repeated, {} sent again for want of an answer",
            self.posts, self.scheduled, self.repeated, self.sent_again
        );
        let killed =
            format!("{}, {} of them in flight, with {in_hands} jobs in their hands", self.kills, self.in_flight);
        let claimed = format!("{}, {} of them already shown by the platform", hands.between, hands.shown);
        let calls = format!("{}, {} took effect", tally.publishes, tally.effects);
        let rows = [
            ("posts", asked),
            ("targets", self.fates.len().to_string()),
            ("  by state", list(&states)),
            ("  published", format!("{share} %, at least {LEAST_PUBLISHED} % asked for")),
            ("kills", killed),
            ("  before a claim", hands.before.to_string()),
            ("  claimed, not settled", claimed),
            ("  settled", hands.after.to_string()),
            ("publish calls", calls),
            ("  refused as duplicates", tally.duplicates.to_string()),
            ("read-back calls", tally.reads.to_string()),
            ("faults at the platform", list(&tally.faults)),
            ("moved from dead letters", self.moved.to_string()),
            ("duplicates", duplicates.to_string()),
            ("lost", lost.to_string()),
            ("before their time", early.to_string()),
            ("duration", format!("{:.0} s", self.took.as_secs_f64())),
            ("seed", self.seed.to_string()),
        ];
        let mut table = String::new();
        for (name, value) in rows {
            // Writing into a String cannot fail.
            let _written = writeln!(table, "  {name:<24} {value}");
        }
        table
    }
}

/// `lost_answer 3, slow 4`.
pub(crate) fn list(counts: &BTreeMap<impl std::fmt::Display, impl std::fmt::Display>) -> String {
    let all: Vec<String> = counts.iter().map(|(name, count)| format!("{name} {count}")).collect();
    all.join(", ")
}

pub(crate) fn say(line: &str) -> io::Result<()> {
    writeln!(io::stdout(), "{line}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome() -> Outcome {
        let fate = |shown: &[&str]| Fate {
            post: "post_1".to_owned(),
            target: "t1".to_owned(),
            page: "1".to_owned(),
            state: "published".to_owned(),
            remote_id: Some("1_1".to_owned()),
            shown: shown.iter().map(|id| (*id).to_owned()).collect(),
            out_at: None,
            scheduled_at: None,
        };
        Outcome {
            seed: 7,
            posts: 3,
            scheduled: 1,
            repeated: 1,
            sent_again: 0,
            wanted_kills: 2,
            in_flight: 2,
            kills: 3,
            hands: Hands { before: 1, between: 2, shown: 1, after: 1 },
            tally: Tally::default(),
            moved: 0,
            took: Duration::from_secs(9),
            rested: true,
            fates: vec![fate(&["1_1"]), fate(&["1_1"])],
            strays: Vec::new(),
        }
    }

    fn lines(outcome: &Outcome) -> Vec<String> {
        outcome.table().lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect()
    }

    #[test]
    fn a_run_that_held_has_nothing_to_complain_about() {
        let outcome = outcome();
        assert_eq!(outcome.complaints(), Vec::<String>::new());
        for line in [
            "kills 3, 2 of them in flight, with 4 jobs in their hands",
            "published 100 %, at least 80 % asked for",
            "duplicates 0",
            "lost 0",
            "before their time 0",
            "seed 7",
        ] {
            assert!(lines(&outcome).contains(&line.to_owned()), "{line}\n{}", outcome.table());
        }
    }

    #[test]
    fn everything_that_must_not_be_is_told_with_the_post_that_it_happened_to() {
        let mut outcome = outcome();
        let twice = Fate { shown: vec!["1_1".to_owned(), "1_2".to_owned()], ..outcome.fates[0].clone() };
        let gone = Fate { state: "queued".to_owned(), shown: Vec::new(), ..outcome.fates[0].clone() };
        outcome.fates.extend([twice, gone]);
        outcome.strays.push("1_3".to_owned());
        outcome.tally.duplicates = 1;
        outcome.rested = false;
        outcome.in_flight = 1;
        assert_eq!(
            outcome.complaints(),
            [
                "the Page shows it more than once: post_1 t1 on 1: published, remote id 1_1, shown as [\"1_1\", \"1_2\"]",
                "it has not come to an end: post_1 t1 on 1: queued, remote id 1_1, shown as []",
                "nobody asked for this post: 1_3",
                "1 publish calls for posts that were out already",
                "only 3 of 4 targets were published, less than 80 %",
                "the system has not come to rest in time",
                "only 1 of 2 consumers were killed at work",
            ]
        );
        assert!(lines(&outcome).contains(&"duplicates 1".to_owned()) && lines(&outcome).contains(&"lost 1".to_owned()));
    }
}

//! The sum of many runs.

use std::{collections::BTreeMap, fmt, time::Duration};

use crate::{
    fault::{Fault, Mishap},
    oracle::Decisions,
    run::Outcome,
    watch::Looked,
};

/// What many runs have shown.
#[derive(Debug, Clone, Default)]
pub struct Totals {
    /// How many seeds were played.
    pub seeds: u64,
    /// How many of these were played twice and had the same trace.
    pub repeated: u64,
    /// Faults by kind.
    pub faults: BTreeMap<Fault, u64>,
    /// Mishaps by kind.
    pub mishaps: BTreeMap<Mishap, u64>,
    /// Accepted posts.
    pub accepted: u64,
    /// Targets by the state in which they ended.
    pub states: BTreeMap<String, u64>,
    /// Posts that platforms took.
    pub publications: u64,
    /// Targets that became unknown, and those that were resolved.
    pub unknowns: (u64, u64),
    /// What people changed.
    pub decisions: Decisions,
    /// Bytes that were searched for secrets, by where they stood.
    pub looked: Looked,
    /// Calls that had their token where it belongs.
    pub used: u64,
    /// Time on the runs' own clocks.
    pub virtual_time: Duration,
    /// Seeds with something that must not be, and what.
    pub violations: Vec<(u64, Vec<String>)>,
}

impl Totals {
    /// Adds a run.
    pub fn add(&mut self, seed: u64, outcome: &Outcome) {
        self.seeds += 1;
        for (fault, count) in &outcome.faults {
            *self.faults.entry(*fault).or_default() += count;
        }
        for (mishap, count) in &outcome.mishaps {
            *self.mishaps.entry(*mishap).or_default() += count;
        }
        self.accepted += outcome.accepted;
        for (state, count) in &outcome.states {
            *self.states.entry(state.clone()).or_default() += count;
        }
        self.publications += outcome.publications;
        self.unknowns.0 += outcome.unknowns.0;
        self.unknowns.1 += outcome.unknowns.1;
        self.decisions += outcome.decisions;
        self.add_looked(&outcome.looked, outcome.used);
        self.virtual_time += outcome.virtual_time;
        if !outcome.violations.is_empty() {
            self.violations.push((seed, outcome.violations.clone()));
        }
    }

    fn add_looked(&mut self, looked: &Looked, used: u64) {
        for (place, bytes) in looked {
            *self.looked.entry(*place).or_default() += bytes;
        }
        self.used += used;
    }

    /// Adds what another thread has summed up.
    pub fn merge(&mut self, other: Self) {
        self.seeds += other.seeds;
        self.repeated += other.repeated;
        for (fault, count) in other.faults {
            *self.faults.entry(fault).or_default() += count;
        }
        for (mishap, count) in other.mishaps {
            *self.mishaps.entry(mishap).or_default() += count;
        }
        self.accepted += other.accepted;
        for (state, count) in other.states {
            *self.states.entry(state).or_default() += count;
        }
        self.publications += other.publications;
        self.unknowns.0 += other.unknowns.0;
        self.unknowns.1 += other.unknowns.1;
        self.decisions += other.decisions;
        self.add_looked(&other.looked, other.used);
        self.virtual_time += other.virtual_time;
        self.violations.extend(other.violations);
    }

    /// How many seeds broke this invariant.
    #[must_use]
    pub fn broken(&self, invariant: &str) -> usize {
        self.violations.iter().filter(|(_, all)| all.iter().any(|one| one.starts_with(invariant))).count()
    }
}

impl fmt::Display for Totals {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let days = self.virtual_time.as_secs() / 86_400;
        writeln!(formatter, "seeds                  {:>12}", self.seeds)?;
        writeln!(formatter, "  played twice, same   {:>12}", self.repeated)?;
        writeln!(formatter, "virtual time           {days:>12} days")?;
        writeln!(formatter, "posts accepted         {:>12}", self.accepted)?;
        writeln!(formatter, "posts at the platforms {:>12}", self.publications)?;
        for (state, count) in &self.states {
            writeln!(formatter, "  targets {state:<13}{count:>12}")?;
        }
        let looked: u64 = self.looked.values().sum();
        writeln!(formatter, "searched for secrets   {:>12} KB", looked / 1_000)?;
        writeln!(formatter, "outcomes unknown       {:>12}", self.unknowns.0)?;
        writeln!(formatter, "  resolved             {:>12}", self.unknowns.1)?;
        writeln!(formatter, "posts edited           {:>12}", self.decisions.edited)?;
        writeln!(formatter, "reviews answered       {:>12}", self.decisions.resolved)?;
        writeln!(formatter, "dead letters redriven  {:>12}", self.decisions.redriven)?;
        for (fault, count) in &self.faults {
            writeln!(formatter, "fault {:<17}{count:>12}", fault.name())?;
        }
        for (mishap, count) in &self.mishaps {
            writeln!(formatter, "mishap {:<20}{count:>8}", mishap.name())?;
        }
        writeln!(formatter, "duplicates (I1)        {:>12}", self.broken("I1:"))?;
        writeln!(formatter, "lost (I2)              {:>12}", self.broken("I2:"))?;
        write!(formatter, "seeds with a violation {:>12}", self.violations.len())
    }
}

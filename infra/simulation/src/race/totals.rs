//! Many races, and what they have shown together.

use std::{fmt, sync::atomic::AtomicBool};

use shared::defect::Defect;

use super::{Scenario, play};
use crate::{
    defects::{self, Found},
    enumerate::PlayError,
    seeds::{self, Seeds},
};

/// Every so many seeds one is played twice.
const REPEAT: u64 = 100;

/// The sum of many races.
#[derive(Debug, Clone, Default)]
pub struct Totals {
    /// How many seeds were played.
    pub seeds: u64,
    /// How many of these were played twice and had the same trace.
    pub repeated: u64,
    /// How many processes wanted to renew.
    pub refreshers: u64,
    /// How many times a server gave new tokens.
    pub renewed: u64,
    /// How many second uses servers forgave.
    pub forgiven: u64,
    /// Families that ended because an answer was lost and asked for once more.
    pub unpreventable: u64,
    /// How many logins there were.
    pub logins: u64,
    /// How many faults struck.
    pub faults: u64,
    /// Seeds with something that must not be, and what.
    pub violations: Vec<(u64, Vec<String>)>,
}

impl Totals {
    fn merge(&mut self, other: Self) {
        self.seeds += other.seeds;
        self.repeated += other.repeated;
        self.refreshers += other.refreshers;
        self.renewed += other.renewed;
        self.forgiven += other.forgiven;
        self.unpreventable += other.unpreventable;
        self.logins += other.logins;
        self.faults += other.faults;
        self.violations.extend(other.violations);
    }
}

impl fmt::Display for Totals {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(formatter, "seeds                  {:>12}", self.seeds)?;
        writeln!(formatter, "  played twice, same   {:>12}", self.repeated)?;
        writeln!(formatter, "refreshers             {:>12}", self.refreshers)?;
        writeln!(formatter, "logins                 {:>12}", self.logins)?;
        writeln!(formatter, "faults                 {:>12}", self.faults)?;
        writeln!(formatter, "renewals by servers    {:>12}", self.renewed)?;
        writeln!(formatter, "second uses forgiven   {:>12}", self.forgiven)?;
        writeln!(formatter, "ends after lost answer {:>12}", self.unpreventable)?;
        let caused = self.violations.iter().filter(|(_, all)| all.iter().any(|one| one.starts_with("F47"))).count();
        writeln!(formatter, "ends caused by us      {caused:>12}")?;
        write!(formatter, "seeds with a violation {:>12}", self.violations.len())
    }
}

/// Plays races and sums up what they showed; see [`seeds::play`].
///
/// # Errors
/// A run could not be set up, or the same seed had two histories.
pub fn play_many(seeds: Seeds, stop: &AtomicBool, progress: impl Fn(u64) + Sync) -> Result<Totals, PlayError> {
    let mut totals = seeds::spread(seeds, stop, progress, one, Totals::merge)?;
    totals.violations.sort();
    Ok(totals)
}

fn one(seed: u64, totals: &mut Totals) -> Result<(), PlayError> {
    let scenario = Scenario::random(seed);
    let outcome = play(&scenario, false)?;
    totals.seeds += 1;
    totals.refreshers += outcome.refreshers;
    totals.renewed += outcome.renewed;
    totals.forgiven += outcome.forgiven;
    totals.unpreventable += outcome.unpreventable;
    totals.logins += outcome.logins;
    totals.faults += outcome.faults;
    if !outcome.violations.is_empty() {
        totals.violations.push((seed, outcome.violations));
    }
    if seed.is_multiple_of(REPEAT) {
        if play(&scenario, false)?.trace != outcome.trace {
            return Err(format!("seed {seed} had two histories").into());
        }
        totals.repeated += 1;
    }
    Ok(())
}

/// Plays races from seed 1 on, on a library with this defect, until its check shows it; none if `most` do not.
///
/// # Errors
/// A run could not be set up.
pub fn find(defect: Defect, most: u64) -> Result<Option<Found>, PlayError> {
    defects::find_by(defect, most, |seed| Ok(play(&Scenario::random(seed), false)?.violations))
}

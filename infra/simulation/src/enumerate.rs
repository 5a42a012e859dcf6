//! Every fault at every effect of one publish, and every ordered pair of them.

use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use crate::{
    fault::{Fault, Place},
    run::Outcome,
    scenario::{Scenario, Way},
};

/// Faults at effects, counted from 0.
pub type Script = Vec<(usize, Fault)>;

/// Why nothing could be played.
pub type PlayError = Box<dyn std::error::Error + Send + Sync>;

/// How many scripts were played, and which of them showed something.
#[derive(Debug, Clone, Default)]
pub struct Enumeration {
    /// Runs with one fault.
    pub singles: usize,
    /// Runs with two.
    pub pairs: usize,
    /// What was not as it must be, with the script that shows it.
    pub violations: Vec<(Script, Vec<String>)>,
}

/// The faults that strike at a place.
pub fn faults_at(place: Place) -> impl Iterator<Item = Fault> {
    Fault::ALL.into_iter().filter(move |fault| fault.strikes(place))
}

/// The runs with one fault each, of the publish in one way.
///
/// # Errors
/// A run could not be set up.
pub fn singles(way: Way) -> Result<Vec<Script>, PlayError> {
    let calm = crate::play(&Scenario::single(way, Vec::new()), false)?;
    let scripts = calm.places.iter().enumerate();
    Ok(scripts.flat_map(|(index, place)| faults_at(*place).map(move |fault| vec![(index, fault)])).collect())
}

/// Plays every single fault of one way to publish, and every ordered pair of them, on several threads.
///
/// # Errors
/// A run could not be set up.
pub fn all(way: Way, threads: usize) -> Result<Enumeration, PlayError> {
    let scripts = singles(way)?;
    let next = AtomicUsize::new(0);
    let parts: Mutex<Vec<Result<Enumeration, PlayError>>> = Mutex::default();
    let work = || {
        while let Some(script) = scripts.get(next.fetch_add(1, Ordering::Relaxed)) {
            let part = after(way, script);
            parts.lock().unwrap_or_else(PoisonError::into_inner).push(part);
        }
    };
    thread::scope(|scope| {
        for _ in 0..threads.max(1) {
            scope.spawn(work);
        }
    });
    let mut all = Enumeration::default();
    for part in parts.into_inner().unwrap_or_else(PoisonError::into_inner) {
        all.add(part?);
    }
    all.violations.sort();
    Ok(all)
}

/// Plays one script, and each that has one more fault after it.
///
/// # Errors
/// A run could not be set up.
pub fn after(way: Way, first: &Script) -> Result<Enumeration, PlayError> {
    let mut found = Enumeration { singles: 1, ..Enumeration::default() };
    let outcome = found.play(way, first)?;
    let from = first.last().map_or(0, |(index, _)| index + 1);
    let places = outcome.places.iter().enumerate().skip(from);
    let seconds = places.flat_map(|(index, place)| faults_at(*place).map(move |fault| (index, fault)));
    for second in seconds {
        let script: Script = first.iter().copied().chain([second]).collect();
        found.pairs += 1;
        found.play(way, &script)?;
    }
    Ok(found)
}

impl Enumeration {
    fn play(&mut self, way: Way, script: &Script) -> Result<Outcome, PlayError> {
        let outcome = crate::play(&Scenario::single(way, script.clone()), false)?;
        let mut violations = outcome.violations.clone();
        // With one or two faults and nothing else, a post always goes out, unless nobody was promised that.
        if outcome.accepted != 1 {
            violations.push("the post was not accepted".into());
        } else if outcome.publications != 1 && !outcome.states.contains_key("needs_review") {
            violations.push(format!("{} posts at the platform, {:?}", outcome.publications, outcome.states));
        }
        if !violations.is_empty() {
            self.violations.push((script.clone(), violations));
        }
        Ok(outcome)
    }

    /// Adds what another part has found.
    pub fn add(&mut self, other: Self) {
        self.singles += other.singles;
        self.pairs += other.pairs;
        self.violations.extend(other.violations);
    }
}

//! Many seeds, on several threads.

use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
};

use crate::{enumerate::PlayError, scenario::Scenario, totals::Totals};

/// Every so many seeds one is played twice.
const REPEAT: u64 = 100;

/// Which seeds, and how.
#[derive(Debug, Clone, Copy)]
pub struct Seeds {
    /// The first.
    pub first: u64,
    /// How many.
    pub count: u64,
    /// On how many threads.
    pub threads: usize,
}

/// Plays seeds and sums up what they showed. `progress` is called now and then with the number of seeds played so far;
/// `stop` ends the run early.
///
/// # Errors
/// A run could not be set up, or the same seed had two histories.
pub fn play(seeds: Seeds, stop: &AtomicBool, progress: impl Fn(u64) + Sync) -> Result<Totals, PlayError> {
    let next = AtomicU64::new(0);
    let totals = Mutex::new(Totals::default());
    let failed: Mutex<Option<PlayError>> = Mutex::new(None);
    let work = || {
        let mut mine = Totals::default();
        while !stop.load(Ordering::Relaxed) {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= seeds.count {
                break;
            }
            if let Err(error) = one(seeds.first + number, &mut mine) {
                failed.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
                stop.store(true, Ordering::Relaxed);
            }
            progress(number + 1);
        }
        totals.lock().unwrap_or_else(PoisonError::into_inner).merge(mine);
    };
    thread::scope(|scope| {
        for _ in 0..seeds.threads.max(1) {
            scope.spawn(work);
        }
    });
    if let Some(error) = failed.into_inner().unwrap_or_else(PoisonError::into_inner) {
        return Err(error);
    }
    let mut totals = totals.into_inner().unwrap_or_else(PoisonError::into_inner);
    totals.violations.sort();
    Ok(totals)
}

fn one(seed: u64, totals: &mut Totals) -> Result<(), PlayError> {
    let scenario = Scenario::random(seed);
    let outcome = crate::play(&scenario, false)?;
    totals.add(seed, &outcome);
    if seed.is_multiple_of(REPEAT) {
        let again = crate::play(&scenario, false)?;
        if again.trace != outcome.trace {
            return Err(format!("seed {seed} had two histories").into());
        }
        totals.repeated += 1;
    }
    Ok(())
}

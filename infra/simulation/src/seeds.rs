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
    let mut totals = spread(seeds, stop, progress, one, Totals::merge)?;
    totals.violations.sort();
    Ok(totals)
}

/// Spreads seeds over threads: `one` plays a seed and adds to the thread's sum, `merge` adds the sums of two threads.
///
/// # Errors
/// The first of `one`.
pub fn spread<T: Default + Send>(
    seeds: Seeds,
    stop: &AtomicBool,
    progress: impl Fn(u64) + Sync,
    one: impl Fn(u64, &mut T) -> Result<(), PlayError> + Sync,
    merge: impl Fn(&mut T, T) + Sync,
) -> Result<T, PlayError> {
    let next = AtomicU64::new(0);
    let totals = Mutex::new(T::default());
    let failed: Mutex<Option<PlayError>> = Mutex::new(None);
    let work = || {
        let mut mine = T::default();
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
        merge(&mut totals.lock().unwrap_or_else(PoisonError::into_inner), mine);
    };
    thread::scope(|scope| {
        for _ in 0..seeds.threads.max(1) {
            scope.spawn(work);
        }
    });
    match failed.into_inner().unwrap_or_else(PoisonError::into_inner) {
        Some(error) => Err(error),
        None => Ok(totals.into_inner().unwrap_or_else(PoisonError::into_inner)),
    }
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

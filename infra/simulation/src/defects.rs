//! Whether the simulation finds what a careless version of the library would do.

use shared::defect::Defect;

use crate::{enumerate::PlayError, scenario::Scenario};

/// A seed that shows a defect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// How many seeds it took.
    pub seeds: u64,
    /// What was not as it must be.
    pub violations: Vec<String>,
}

/// Plays seeds from 1 on, on a library with this defect, until one shows it; none if `most` seeds do not.
///
/// # Errors
/// A run could not be set up.
pub fn find(defect: Defect, most: u64) -> Result<Option<Found>, PlayError> {
    Defect::set(Some(defect));
    let found = search(most);
    Defect::set(None);
    found
}

fn search(most: u64) -> Result<Option<Found>, PlayError> {
    for seed in 1..=most {
        let outcome = crate::play(&Scenario::random(seed), false)?;
        if !outcome.violations.is_empty() {
            return Ok(Some(Found { seeds: seed, violations: outcome.violations }));
        }
    }
    Ok(None)
}

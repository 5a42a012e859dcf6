//! Whether the simulation finds what a careless version of the library would do.

use shared::defect::Defect;

use crate::{enumerate::PlayError, scenario::Scenario};

/// A seed that shows a defect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// How many seeds it took.
    pub seeds: u64,
    /// What was not as it must be.
    pub violation: String,
}

/// The check of the oracle that has to show a defect: its invariant, and words of what it says. Others may break as well;
/// but each check here has a defect that goes unfound without it.
#[must_use]
pub const fn shown_by(defect: Defect) -> (&'static str, &'static str) {
    match defect {
        Defect::AcknowledgesWithoutRecord | Defect::StoresBeforeSending | Defect::DropsEarlyJobs => {
            ("I2", "nothing will ever happen to")
        }
        Defect::ClaimsWhateverIsDelivered
        | Defect::RepeatsUnansweredPublishes
        | Defect::RestartsExpiredClaims
        | Defect::BelievesListingsAtOnce
        | Defect::ForgetsAnsweredPublishes => ("I1", "was published 2 times, 1 asked for it"),
        Defect::IgnoresTheFence => ("I5", "went from Some(\"published\") to"),
        Defect::TakesTheNewestPost => ("I3", "which does not say that"),
        Defect::IgnoresNotAfter => ("I4", "too late"),
        Defect::PublishesWithoutIntent => ("I2", "and is out"),
        Defect::ForgetsReminders => ("I13", "nothing reminds of it"),
        Defect::MistakesOwnPosts => ("I3", "two targets are said to be"),
        Defect::CancelsRunningTargets => ("I5", "went from Some(\"running\") to \"cancelled\""),
        Defect::IgnoresIdempotencyKeys => ("I11", "the same request was answered in two ways"),
        Defect::PublishesOldVersions => ("I5", "the version of"),
        Defect::LogsTokens => ("I8", "a secret stands in a log line"),
        Defect::QuotesPlatforms => ("I8", "a secret stands in a request to AWS"),
        Defect::PanicsWithTokens => ("I8", "a secret stands in a panic's words"),
        Defect::PutsTokensIntoAddresses => ("I8", "a secret stands in a call to a platform"),
        Defect::RefreshesWithoutLease => ("F47", "by using token"),
        Defect::StoresOverNewerTokens => ("F48", "at rest, and the grant is over: false"),
        Defect::BelievesRefusalsAtOnce => ("F49", "ended the connection though a newer token was stored"),
    }
}

/// Plays seeds from 1 on, on a library with this defect, until [its check](shown_by) shows it; none if `most` seeds do not.
///
/// # Errors
/// A run could not be set up.
pub fn find(defect: Defect, most: u64) -> Result<Option<Found>, PlayError> {
    find_by(defect, most, |seed| Ok(crate::play(&Scenario::random(seed), false)?.violations))
}

/// Like [`find`], in what `violations` plays for a seed.
///
/// # Errors
/// A run could not be set up.
pub fn find_by(
    defect: Defect,
    most: u64,
    violations: impl Fn(u64) -> Result<Vec<String>, PlayError>,
) -> Result<Option<Found>, PlayError> {
    Defect::set(Some(defect));
    let found = search(shown_by(defect), most, violations);
    Defect::set(None);
    found
}

fn search(
    (invariant, words): (&str, &str),
    most: u64,
    violations: impl Fn(u64) -> Result<Vec<String>, PlayError>,
) -> Result<Option<Found>, PlayError> {
    let shows = |violation: &String| {
        violation.split_once(": ").is_some_and(|(which, what)| which == invariant && what.contains(words))
    };
    for seed in 1..=most {
        if let Some(violation) = violations(seed)?.into_iter().find(shows) {
            return Ok(Some(Found { seeds: seed, violation }));
        }
    }
    Ok(None)
}

//! The pipeline on controlled time: the real use cases over the real SDK against the embedded emulators and the simulated
//! platforms, in one process, with a layer under both that can make anything go wrong, and an oracle that watches.
//!
//! One seed is one history: [`scenario::Scenario::random`] decides who wants what and what goes wrong, [`run::play`] plays
//! it, and what it brings back is either in order or a list of what was not.

pub mod aws;
pub mod callers;
pub mod carriage;
pub mod cloud;
pub mod defects;
pub mod delivery;
pub mod enumerate;
pub mod fault;
pub mod model;
pub mod oracle;
pub mod people;
pub mod plane;
pub mod platforms;
pub mod process;
pub mod race;
pub mod run;
pub mod scenario;
pub mod seeds;
pub mod tenants;
pub mod time;
pub mod totals;
pub mod verdict;
pub mod watch;
pub mod ways;
pub mod wire;

/// Plays a scenario on a runtime of its own.
///
/// # Errors
/// The world could not be set up, or the runtime does not start.
pub fn play(
    scenario: &scenario::Scenario,
    tell: bool,
) -> Result<run::Outcome, Box<dyn std::error::Error + Send + Sync>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build()?;
    let played = runtime.block_on(run::play(scenario, tell));
    watch::end();
    Ok(played?)
}

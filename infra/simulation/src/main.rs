//! Plays seeds by the thousand, or one seed with its whole history, or every fault at every effect.

use std::{
    error::Error,
    process::ExitCode,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use clap::Parser;
use shared::defect::Defect;
use simulation::{
    defects::{self, Found},
    enumerate::{self, PlayError},
    race,
    scenario::{Scenario, Way},
    seeds::{self, Seeds},
};

/// Plays the publish pipeline on controlled time, with every fault there is, and watches what it promises.
#[derive(Debug, Parser)]
#[command(version)]
struct Arguments {
    /// How many seeds to play.
    #[arg(long, default_value_t = 1_000)]
    seeds: u64,
    /// The first of them.
    #[arg(long, default_value_t = 1)]
    first: u64,
    /// On how many threads; as many as there are processors if not given.
    #[arg(long)]
    threads: Option<usize>,
    /// Plays one seed and prints its whole history.
    #[arg(long, conflicts_with_all = ["seeds", "first", "enumerate"])]
    seed: Option<u64>,
    /// With `--seed`: plays it with this known defect, such as `IgnoresTheFence`.
    #[arg(long, requires = "seed", value_parser = defect)]
    defect: Option<Defect>,
    /// Plays every single fault at every effect of one publish, and every ordered pair, instead of seeds.
    #[arg(long, conflicts_with = "seeds")]
    enumerate: bool,
    /// Plays races for tokens that work once, instead of posts.
    #[arg(long, conflicts_with = "enumerate")]
    refreshes: bool,
    /// Gives the library one known defect after the other, and tells how many seeds it takes to find each.
    #[arg(long, conflicts_with_all = ["enumerate", "seed"])]
    defects: bool,
}

type Failure = Box<dyn Error + Send + Sync>;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let threads = arguments.threads.or_else(|| std::thread::available_parallelism().ok().map(usize::from)).unwrap_or(1);
    let played = match arguments.seed {
        Some(seed) => {
            Defect::set(arguments.defect);
            if arguments.refreshes { one_race(seed) } else { one(seed) }
        }
        None if arguments.enumerate => all_pairs(threads),
        None if arguments.defects && arguments.refreshes => {
            all_defects(&Defect::OF_REFRESHES, arguments.seeds, race::find)
        }
        None if arguments.defects => all_defects(&Defect::ALL, arguments.seeds, defects::find),
        None => many(&arguments, threads),
    };
    match played {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            tell(&format!("simulation: {error}"));
            ExitCode::FAILURE
        }
    }
}

fn defect(name: &str) -> Result<Defect, String> {
    let mut all = Defect::ALL.into_iter().chain(Defect::OF_REFRESHES);
    let known = all.find(|defect| format!("{defect:?}") == name);
    known.ok_or_else(|| format!("the defects are {:?} and {:?}", Defect::ALL, Defect::OF_REFRESHES))
}

#[expect(clippy::print_stdout, reason = "a program for people")]
fn tell(line: &str) {
    println!("{line}");
}

fn one(seed: u64) -> Result<bool, Failure> {
    let scenario = Scenario::random(seed);
    let outcome = simulation::play(&scenario, true)?;
    tell(&format!("{scenario:#?}"));
    for line in &outcome.lines {
        tell(line);
    }
    tell(&format!(
        "seed {seed}: {} accepted, {:?}, {} posts at the platforms, trace {:016x}",
        outcome.accepted, outcome.states, outcome.publications, outcome.trace
    ));
    for violation in &outcome.violations {
        tell(&format!("VIOLATION {violation}"));
    }
    Ok(outcome.violations.is_empty())
}

fn one_race(seed: u64) -> Result<bool, Failure> {
    let scenario = race::Scenario::random(seed);
    let outcome = race::play(&scenario, true)?;
    tell(&format!("{scenario:#?}"));
    for line in &outcome.lines {
        tell(line);
    }
    tell(&format!("seed {seed}: {} renewals, trace {:016x}", outcome.renewed, outcome.trace));
    for violation in &outcome.violations {
        tell(&format!("VIOLATION {violation}"));
    }
    Ok(outcome.violations.is_empty())
}

fn many(arguments: &Arguments, threads: usize) -> Result<bool, Failure> {
    let stop = Arc::new(AtomicBool::new(false));
    stop_on_interrupt(&stop)?;
    let began = Instant::now();
    let last_told = AtomicU64::new(0);
    let seeds = Seeds { first: arguments.first, count: arguments.seeds, threads };
    let progress = |played| {
        let elapsed = began.elapsed();
        let due = elapsed.as_secs() / 10;
        if last_told.fetch_max(due, Ordering::Relaxed) < due {
            let left = elapsed.mul_f64(left(played, arguments.seeds));
            tell(&format!("{played} of {} seeds, {} left", arguments.seeds, minutes(left)));
        }
    };
    let (told, played, violations) = if arguments.refreshes {
        let totals = race::play_many(seeds, &stop, progress)?;
        (totals.to_string(), totals.seeds, totals.violations)
    } else {
        let totals = seeds::play(seeds, &stop, progress)?;
        (totals.to_string(), totals.seeds, totals.violations)
    };
    tell(&told);
    tell(&format!("took                   {:>12}", minutes(began.elapsed())));
    for (seed, violations) in violations.iter().take(20) {
        for violation in violations {
            tell(&format!("VIOLATION seed {seed}: {violation}"));
        }
    }
    if played < arguments.seeds {
        tell("stopped early");
    }
    Ok(violations.is_empty())
}

/// How much is left, as a multiple of what is done.
#[expect(clippy::cast_precision_loss, reason = "an estimate")]
fn left(played: u64, of: u64) -> f64 {
    of.saturating_sub(played) as f64 / played.max(1) as f64
}

fn minutes(time: Duration) -> String {
    format!("{} min {:02} s", time.as_secs() / 60, time.as_secs() % 60)
}

type Find = fn(Defect, u64) -> Result<Option<Found>, PlayError>;

fn all_defects(defects: &[Defect], most: u64, find: Find) -> Result<bool, Failure> {
    let mut all = true;
    for defect in defects {
        let found = find(*defect, most)?;
        all &= found.is_some();
        tell(&match found {
            Some(found) => format!("{defect:?}: found by seed {}: {}", found.seeds, found.violation),
            None => format!("{defect:?}: NOT FOUND in {most} seeds"),
        });
    }
    Ok(all)
}

fn all_pairs(threads: usize) -> Result<bool, Failure> {
    let mut in_order = true;
    for way in Way::ALL {
        let all = enumerate::all(way, threads)?;
        tell(&format!("{way:?}: {} singles and {} ordered pairs", all.singles, all.pairs));
        for (script, violations) in all.violations.iter().take(20) {
            tell(&format!("VIOLATION {script:?}: {violations:?}"));
        }
        in_order &= all.violations.is_empty();
    }
    Ok(in_order)
}

/// Ctrl-C lets the seeds at hand end, and the summary is told.
fn stop_on_interrupt(stop: &Arc<AtomicBool>) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
    let stop = Arc::clone(stop);
    std::thread::spawn(move || {
        let interrupted = runtime.block_on(tokio::signal::ctrl_c());
        stop.store(interrupted.is_ok(), Ordering::Relaxed);
    });
    Ok(())
}

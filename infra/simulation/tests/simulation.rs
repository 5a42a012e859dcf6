//! Every fault at every effect and every ordered pair of them, thousands of seeds, and the defects that must be found.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

use std::sync::atomic::AtomicBool;

use shared::defect::Defect;
use simulation::{
    defects, enumerate,
    fault::{Fault, Mishap},
    model, race,
    scenario::{Scenario, Way},
    seeds::{self, Seeds},
    watch::Spot,
};

/// How many random histories every test run plays.
const SEEDS: u64 = 2_000;
/// How many random races for a token every test run plays.
const RACES: u64 = 500;
/// No defect may hide for longer.
const MOST_SEEDS: u64 = 1_000;

fn threads() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

fn holds(way: Way) {
    let all = enumerate::all(way, threads()).unwrap();
    assert!(all.singles > 50 && all.pairs > 3_000, "{} singles, {} pairs", all.singles, all.pairs);
    assert!(all.violations.is_empty(), "{} scripts, such as {:#?}", all.violations.len(), all.violations.first());
}

#[test]
fn f33_every_fault_and_every_pair_of_them_leave_a_post_of_one_call_out_once() {
    holds(Way::OneCall);
}

#[test]
fn f33_f38_every_fault_and_every_pair_of_them_leave_a_post_in_stages_out_once() {
    holds(Way::Staged);
}

#[test]
fn f33_f39_every_fault_and_every_pair_of_them_leave_a_post_that_is_watched_out_once() {
    holds(Way::Polled);
}

#[test]
fn f13_f23_f56_f66_thousands_of_histories_keep_every_promise() {
    let totals =
        seeds::play(Seeds { first: 1, count: SEEDS, threads: threads() }, &AtomicBool::new(false), |_| {}).unwrap();
    assert!(totals.violations.is_empty(), "{:#?}", totals.violations.first());
    assert_eq!((totals.seeds, totals.repeated), (SEEDS, SEEDS / 100));
    // Each kind of fault and mishap has been there, or the histories prove nothing about it.
    for fault in Fault::ALL {
        assert!(totals.faults.get(&fault).is_some_and(|count| *count > 20), "{}", fault.name());
    }
    for mishap in Mishap::ALL {
        assert!(totals.mishaps.get(&mishap).is_some_and(|count| *count > 20), "{}", mishap.name());
    }
    let decisions = totals.decisions;
    assert!(decisions.edited > 20 && decisions.resolved > 20 && decisions.redriven > 20, "{decisions:?}");
    assert!(totals.unknowns.0 > 100 && totals.publications > SEEDS, "{totals}");
    // No secret was seen (f56), and not because nobody looked. Nothing panics here, so there are no words of panics.
    let looked = |spot: Spot| totals.looked.get(&spot).copied().unwrap_or_default() / SEEDS;
    for spot in Spot::ALL.into_iter().filter(|spot| *spot != Spot::Panic) {
        assert!(looked(spot) > 100, "{spot:?}: {:?}", totals.looked);
    }
    assert!(totals.used > totals.publications, "tokens are where they belong: {}", totals.used);
}

#[test]
fn f39_what_a_platform_never_finishes_is_watched_for_a_day_and_then_left_to_a_person() {
    let mut scenario = Scenario::single(Way::Polled, Vec::new());
    scenario.wishes[0].text = model::ENDLESS.into();
    let outcome = simulation::play(&scenario, false).unwrap();
    assert_eq!(outcome.violations, Vec::<String>::new());
    // The person sees it at the account.
    assert_eq!((outcome.publications, outcome.decisions.resolved), (1, 1));
    assert_eq!(outcome.states, [("published".to_owned(), 1)].into());
    let hours = outcome.virtual_time.as_secs() / 3_600;
    assert!((24..27).contains(&hours), "{hours} h");
}

#[test]
fn every_known_defect_is_found_by_the_check_that_is_there_for_it() {
    for defect in Defect::ALL {
        let found = defects::find(defect, MOST_SEEDS).unwrap();
        let check = defects::shown_by(defect);
        assert!(found.is_some(), "{defect:?} was not shown by {check:?} in {MOST_SEEDS} seeds");
    }
}

#[test]
fn the_same_seed_has_the_same_history() {
    for seed in [3, 7, 44] {
        let scenario = Scenario::random(seed);
        let (one, other) = (simulation::play(&scenario, true).unwrap(), simulation::play(&scenario, true).unwrap());
        assert_eq!(one.lines, other.lines);
        assert_eq!(one.trace, other.trace);
    }
}

#[test]
fn other_seeds_have_other_histories() {
    let traces: std::collections::BTreeSet<u64> =
        (1..=20).map(|seed| simulation::play(&Scenario::random(seed), false).unwrap().trace).collect();
    assert_eq!(traces.len(), 20);
}

#[test]
fn f47_f48_f49_races_for_a_token_end_no_grant_that_need_not_end() {
    let seeds = Seeds { first: 1, count: RACES, threads: threads() };
    let totals = race::play_many(seeds, &AtomicBool::new(false), |_| {}).unwrap();
    assert!(totals.violations.is_empty(), "{:#?}", totals.violations.first());
    assert_eq!((totals.seeds, totals.repeated), (RACES, RACES / 100));
    // Everything has been there, or the races prove nothing about it.
    assert!(totals.logins > RACES && totals.faults > RACES / 2 && totals.renewed > RACES, "{totals}");
    assert!(totals.unpreventable > 0 && totals.forgiven > 0, "{totals}");
}

#[test]
fn f47_f49_every_known_defect_of_a_refresh_is_found() {
    for defect in Defect::OF_REFRESHES {
        let found = race::find(defect, MOST_SEEDS).unwrap();
        assert!(found.is_some(), "{defect:?} was not found in {MOST_SEEDS} seeds");
    }
}

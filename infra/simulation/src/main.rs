//! Plays seeds and tells what they showed.
fn main() {
    let from: u64 = std::env::args().nth(1).and_then(|a| a.parse().ok()).unwrap_or(1);
    let to: u64 = std::env::args().nth(2).and_then(|a| a.parse().ok()).unwrap_or(from);
    let began = std::time::Instant::now();
    for seed in from..=to {
        let scenario = simulation::scenario::Scenario::random(seed);
        let outcome = simulation::play(&scenario, from == to).unwrap();
        if from == to { for line in &outcome.lines { println!("{line}"); } println!("{scenario:#?}"); }
        if from == to || !outcome.violations.is_empty() {
            println!("seed {seed}: {:?} accepted {} states {:?} pubs {} vt {:?} {:?}", outcome.violations, outcome.accepted, outcome.states, outcome.publications, outcome.virtual_time, outcome.unknowns);
        }
    }
    println!("{:?}", began.elapsed());
}

//! `cargo run -p local -- chaos`: posts go out through a platform that fails, while consumers die by SIGKILL; and in the end
//! each post is out once, or told not to be out, whatever was killed.

mod api;
mod callers;
mod dice;
mod killer;
mod plan;
mod platform;
mod report;
mod rest;
mod verdict;

use std::error::Error;
use std::time::{Duration, Instant};

use local::Cloud;
use serde_json::Value;
use tokio::signal::unix::{SignalKind, signal};
use uuid::Uuid;

use crate::arguments::ChaosArguments;
use api::Api;
use callers::Callers;
use killer::Kills;
use local::demo::browser::Client;
use plan::{Pace, Plan};
use platform::Platform;
use report::{Outcome, list, say};
use rest::Rest;

type Failure = Box<dyn Error>;

/// How often a line is said.
const PROGRESS: Duration = Duration::from_secs(5);

/// Starts a cloud, lets it storm, and judges. `true` if all of it held.
pub(crate) async fn run(arguments: ChaosArguments) -> Result<bool, Failure> {
    let ChaosArguments { posts, kills, seed, quick, cloud } = arguments;
    let seed = seed.unwrap_or_else(|| u64::from(Uuid::new_v4().as_fields().0));
    let plan = Plan { posts, kills, seed, pace: if quick { Pace::Quick } else { Pace::Real } };
    let mut options = cloud.options("chaos");
    for (name, value) in plan.pace.parameters() {
        options.parameters.insert(name.to_owned(), value.to_owned());
    }
    let listing_lag = plan.pace.listing_lag();
    options.simulator = simulator::Options { seed, listing_lag, ..simulator::Options::default() };
    say(&format!("chaos: {posts} posts, {kills} consumers killed at work, seed {seed}"))?;
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        held = with_cloud(options, &plan) => held,
        _asked = tokio::signal::ctrl_c() => broken_off(seed),
        _asked = terminate.recv() => broken_off(seed),
    }
}

/// The functions end with the cloud that was dropped.
fn broken_off(seed: u64) -> Result<bool, Failure> {
    say(&format!("\nBroken off; nothing is proved. seed {seed}"))?;
    Ok(false)
}

async fn with_cloud(options: local::Options, plan: &Plan) -> Result<bool, Failure> {
    let cloud = Cloud::start(options).await?;
    let client = Client::new(cloud.api_url(), &cloud.simulator_url(), cloud.api_key());
    let outcome = storm(&cloud, &client, plan).await;
    let outcome = outcome.map_err(|error| format!("{error} (seed {})", plan.seed));
    cloud.shutdown().await?;
    let outcome = outcome?;
    say(&format!("\n{}", outcome.table()))?;
    let complaints = outcome.complaints();
    for complaint in &complaints {
        say(&format!("VIOLATION (seed {}): {complaint}", plan.seed))?;
    }
    if complaints.is_empty() {
        say("All of it held: nothing was published twice, nothing before its time, and nothing was lost.")?;
    }
    Ok(complaints.is_empty())
}

/// Everything between a cloud that runs and one that rests.
async fn storm(cloud: &Cloud, client: &Client, plan: &Plan) -> Result<Outcome, Failure> {
    let api = Api::new(client);
    let callers = Callers::connect(&api, plan).await?;
    let kills = Kills::new(cloud, &api, plan);
    let platform = Platform::of(cloud)?;
    let rest = Rest::new(cloud, &api, plan);
    let facebook = cloud.simulator().ok_or("the simulator is gone")?.facebook();
    plan.pace.faults().into_iter().for_each(|fault| facebook.add_fault(fault));
    let began = Instant::now();
    let run = async {
        tokio::try_join!(callers.run(&kills), kills.run(|| callers.accepted()))?;
        say("        enough; now everything comes to rest")?;
        rest.come(&callers.accepted(), &kills).await
    };
    let progress = || {
        say(&format!(
            "{:>5.0} s  {} posts accepted, {} consumers killed ({} in flight), {} publish calls, {} posts on the Pages  {}",
            began.elapsed().as_secs_f64(),
            callers.count(),
            kills.all(),
            kills.in_flight(),
            platform.tally().publishes,
            platform.shown(),
            list(&rest.states()),
        ))
    };
    let rested = tokio::select! {
        rested = run => rested?,
        failed = now_and_then(progress) => return Err(failed.into()),
    };
    let accepted = callers.accepted();
    let (fates, strays) = platform.fates(&accepted, &rest.views());
    Ok(Outcome {
        seed: plan.seed,
        posts: accepted.len(),
        scheduled: callers.scheduled(),
        repeated: callers.repeated(),
        sent_again: api.again(),
        wanted_kills: plan.kills,
        in_flight: kills.in_flight(),
        kills: kills.all(),
        hands: kills.hands(),
        tally: platform.tally(),
        moved: rest.moved(),
        took: began.elapsed(),
        rested,
        fates,
        strays,
    })
}

/// Repeats it until it fails.
async fn now_and_then(tell: impl Fn() -> std::io::Result<()>) -> std::io::Error {
    loop {
        pause(PROGRESS).await;
        if let Err(error) = tell() {
            return error;
        }
    }
}

/// What stands at a JSON pointer; null if nothing does.
fn field<'a>(value: &'a Value, pointer: &str) -> &'a Value {
    value.pointer(pointer).unwrap_or(&Value::Null)
}

async fn pause(duration: Duration) {
    tokio::time::sleep_until(tokio::time::Instant::now() + duration).await;
}

//! Races for a token that works once: up to ten processes want to renew the same grant at once, while answers are lost,
//! processes die or stand still past their lease, AWS fails, and people log in. The server ends a grant whose refresh token is
//! used twice; whether that was bound to happen is for `verdict` to say.

use std::{sync::Arc, time::Duration};

use jiff::{SignedDuration, Timestamp};
use shared::telemetry::Function;
use simulator::tokens::Rotation;
use tokio::{task::JoinSet, time::Instant};

mod people;
mod refresher;
mod server;
mod totals;
mod verdict;

pub use refresher::TOKENS;
pub use totals::{Totals, find, play_many};

use crate::{
    aws::Aws,
    cloud::SetUpError,
    fault::{Fault, Mishap, Mix, Place},
    oracle::Oracle,
    plane::{Plan, Plane},
    time::{self, Time},
    watch::{self, Watch},
};
use refresher::Refreshing;
use server::Server;

const START: &str = "2026-11-21T10:00:00Z";
/// Longer than any lease and any late effect.
const AT_REST: Duration = Duration::from_mins(5);

/// Who wants what when, and what goes wrong.
#[derive(Debug, Clone)]
pub struct Scenario {
    /// Decides everything that is left to chance.
    pub seed: u64,
    /// What the server does with used tokens.
    pub rotation: Rotation,
    /// Who comes at once.
    pub storms: Vec<Storm>,
    /// What goes wrong.
    pub mix: Mix,
}

/// Processes that want to renew the same grant within a few seconds.
#[derive(Debug, Clone)]
pub struct Storm {
    /// How long after the one before.
    pub after: Duration,
    /// When each of them begins, in milliseconds.
    pub begin: Vec<u64>,
    /// How long Lambda lets them work.
    pub deadline: Duration,
    /// When the owner of the account logs in, if they do.
    pub login: Option<u64>,
}

impl Scenario {
    /// Whatever the seed decides.
    #[must_use]
    pub fn random(seed: u64) -> Self {
        let mut random = fastrand::Rng::with_seed(seed ^ 0x7261_6365);
        let rotation = match random.u8(..10) {
            0..=5 => Rotation::Strict,
            6..=8 => Rotation::Grace(SignedDuration::from_mins(10)),
            _ => Rotation::Never,
        };
        let storms = (0..random.usize(1..=4)).map(|_| Storm::random(&mut random)).collect();
        Self { seed, rotation, storms, mix: mix(&mut random) }
    }
}

impl Storm {
    fn random(random: &mut fastrand::Rng) -> Self {
        // Some come while frozen holders of the storm before may still wake up.
        let after = if random.bool() { random.u64(1..90) } else { random.u64(90..3_600) };
        let within = random.choice([50, 1_000, 6_000]).unwrap_or(50);
        Self {
            after: Duration::from_secs(after),
            begin: (0..random.usize(2..=10)).map(|_| random.u64(..within)).collect(),
            deadline: Duration::from_secs(random.choice([30, 60, 240]).unwrap_or(60)),
            login: (random.u8(..100) < 35).then(|| random.u64(..within)),
        }
    }
}

/// Few effects, so at high rates; every third seed has no fault at all and shows what mere concurrency does.
fn mix(random: &mut fastrand::Rng) -> Mix {
    let mut mix = Mix::default();
    if random.u8(..3) == 0 {
        return mix;
    }
    for fault in Fault::ALL {
        if random.u8(..100) < 35 {
            mix.faults.push((fault, random.u16(1..40)));
        }
    }
    for mishap in [Mishap::ClockOffset, Mishap::StaleRead] {
        if random.bool() {
            mix.mishaps.push((mishap, random.u16(50..1_000)));
        }
    }
    if random.u8(..100) < 15 {
        let place = random.choice([Place::DynamoDb, Place::Keys, Place::Platform]).unwrap_or(Place::Platform);
        let begins = Duration::from_secs(random.u64(..600));
        mix.outages.push((place, begins, Duration::from_secs(random.u64(2..900))));
    }
    mix
}

/// What a race has shown.
#[derive(Debug, Clone, Default)]
pub struct Outcome {
    /// What was not as it must be; empty if all is well.
    pub violations: Vec<String>,
    /// The whole history as one number.
    pub trace: u64,
    /// The history, if it was kept.
    pub lines: Vec<String>,
    /// How many processes wanted to renew.
    pub refreshers: u64,
    /// How many times the server gave new tokens.
    pub renewed: u64,
    /// How many second uses it forgave.
    pub forgiven: u64,
    /// How many families ended because an answer was lost and asked for once more: the one end that nobody can prevent.
    pub unpreventable: u64,
    /// How many logins there were.
    pub logins: u64,
    /// How many faults struck.
    pub faults: u64,
}

/// Everything that the processes of a race share.
#[derive(Clone)]
pub(crate) struct Stage {
    pub(crate) time: Time,
    pub(crate) plane: Arc<Plane>,
    /// For what nothing goes wrong with.
    pub(crate) calm: Arc<Plane>,
    pub(crate) aws: Arc<Aws>,
    pub(crate) oracle: Arc<Oracle>,
    pub(crate) server: Arc<Server>,
    pub(crate) configuration: aws_config::SdkConfig,
}

/// Plays a race on a runtime of its own.
///
/// # Errors
/// The world could not be set up, or the runtime does not start.
pub fn play(scenario: &Scenario, tell: bool) -> Result<Outcome, Box<dyn std::error::Error + Send + Sync>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build()?;
    let played = runtime.block_on(run(scenario, tell));
    watch::end();
    Ok(played?)
}

async fn run(scenario: &Scenario, tell: bool) -> Result<Outcome, SetUpError> {
    fastrand::seed(scenario.seed);
    let stage = Stage::new(scenario, tell).await?;
    let owner = people::Owner::new(&stage);
    owner.log_in().await?;
    stage.plane.begin();
    let mut logins = 1;
    let mut running = JoinSet::new();
    for storm in &scenario.storms {
        time::pass(storm.after).await;
        let began = Instant::now();
        for begin in &storm.begin {
            let refreshing = Refreshing::new(&stage, Function::Refresh);
            let (starts, deadline) = (began + Duration::from_millis(*begin), storm.deadline);
            running.spawn(async move {
                time::until(starts).await;
                refreshing.work(deadline).await;
            });
        }
        if let Some(begin) = storm.login {
            let owner = owner.clone();
            logins += 1;
            running.spawn(async move {
                time::until(began + Duration::from_millis(begin)).await;
                // The stage manager's own login: nothing goes wrong with it, and it takes its time.
                if let Err(error) = owner.log_in().await {
                    owner.failed(&error);
                }
            });
        }
    }
    while running.join_next().await.is_some() {}
    stage.plane.calm();
    time::pass(AT_REST).await;
    Ok(verdict::of(&stage, &owner, scenario, logins).await)
}

impl Stage {
    async fn new(scenario: &Scenario, tell: bool) -> Result<Self, SetUpError> {
        let start: Timestamp = START.parse().unwrap_or(Timestamp::UNIX_EPOCH);
        let time = Time::beginning(start);
        let plan = Plan::Random(scenario.mix.clone(), Duration::from_hours(24));
        let plane = Arc::new(Plane::new(time, plan, scenario.seed, tell));
        let calm = Arc::new(Plane::new(time, Plan::Script(Vec::new()), scenario.seed, false));
        let oracle = Arc::new(Oracle::default());
        let watch = Watch::new(Arc::clone(&oracle));
        let aws = Arc::new(Aws::new(time, Arc::clone(&plane), Arc::clone(&oracle), Arc::clone(&watch)).await?);
        let server = Arc::new(Server::new(scenario.rotation, time, Arc::clone(&plane), Arc::clone(&oracle), watch));
        let configuration = shared::aws::configuration("http://emulators.invalid");
        let retries = configuration.retry_config().cloned().unwrap_or_else(aws_config::retry::RetryConfig::standard);
        let configuration =
            configuration.into_builder().retry_config(retries.with_use_static_exponential_base(true)).build();
        Ok(Self { time, plane, calm, aws, oracle, server, configuration })
    }
}

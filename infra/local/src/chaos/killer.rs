//! Kills consumers at random moments, as the end of their machines would, and looks at what they were doing.

use std::cell::Cell;
use std::time::{Duration, Instant};

use local::{Cloud, EnvironmentInfo};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use shared::queue::Job;

use super::api::Api;
use super::callers::Accepted;
use super::dice::Dice;
use super::plan::Plan;
use super::{Failure, field, pause};

/// How long a killed process may take to be gone.
const DYING: Duration = Duration::from_secs(30);
/// Without any consumer at work for so long, nothing is left to do.
const NOTHING_TO_DO: Duration = Duration::from_mins(3);

/// Everybody who was killed, and the jobs in their hands.
pub(crate) struct Kills<'a> {
    cloud: &'a Cloud,
    api: &'a Api<'a>,
    plan: &'a Plan,
    idle: Cell<u32>,
    in_flight: Cell<u32>,
    last: Cell<Option<Instant>>,
    hands: Cell<Hands>,
}

/// The jobs that killed consumers had in their hands, by where their targets stood.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Hands {
    /// Nobody had claimed the target yet, or somebody had put it off.
    pub(crate) before: u32,
    /// Claimed and not settled: somebody may have been calling the platform.
    pub(crate) between: u32,
    /// Of these, the platform showed the post already.
    pub(crate) shown: u32,
    /// Settled; only the message was left to be deleted.
    pub(crate) after: u32,
}

impl<'a> Kills<'a> {
    pub(crate) fn new(cloud: &'a Cloud, api: &'a Api<'a>, plan: &'a Plan) -> Self {
        let (idle, in_flight) = (Cell::new(0), Cell::new(0));
        Self { cloud, api, plan, idle, in_flight, last: Cell::new(None), hands: Cell::default() }
    }

    /// Kills whoever the dice choose, until enough have died at work.
    pub(crate) async fn run(&self, accepted: impl Fn() -> Vec<Accepted>) -> Result<(), Failure> {
        let mut dice = Dice::new(self.plan.seed, 2);
        let mut worked = Instant::now();
        while self.in_flight.get() < self.plan.kills {
            pause(Duration::from_millis(dice.between(0, self.plan.pace.longest_wait()))).await;
            let consumers = self.cloud.environments("consumer");
            if consumers.iter().any(|consumer| consumer.event.is_some()) {
                worked = Instant::now();
            } else if worked.elapsed() > NOTHING_TO_DO {
                return Ok(());
            }
            if let Some(victim) = dice.one_of(&consumers)
                && self.kill(victim)?
            {
                self.look_at_hands(victim, &accepted()).await?;
            }
        }
        Ok(())
    }

    /// Whether it died at work.
    fn kill(&self, victim: &EnvironmentInfo) -> Result<bool, Failure> {
        let pid = Pid::from_raw(victim.pid).ok_or("a consumer has no process id")?;
        if kill_process(pid, Signal::KILL).is_err() {
            // It has ended by itself, and so nobody was killed.
            return Ok(false);
        }
        self.last.set(Some(Instant::now()));
        let died_in = if victim.event.is_some() { &self.in_flight } else { &self.idle };
        died_in.set(died_in.get() + 1);
        Ok(victim.event.is_some())
    }

    /// Asks the API where the targets stand that the dead consumer had jobs for. Nobody else has these jobs until the queue
    /// shows them again.
    async fn look_at_hands(&self, victim: &EnvironmentInfo, accepted: &[Accepted]) -> Result<(), Failure> {
        let ends = Instant::now() + DYING;
        while self.cloud.environments("consumer").iter().any(|consumer| consumer.id == victim.id) {
            if Instant::now() > ends {
                return Err(format!("process {} lives on after SIGKILL", victim.pid).into());
            }
            pause(Duration::from_millis(1)).await;
        }
        let event: Value = serde_json::from_slice(victim.event.as_deref().unwrap_or_default())?;
        let records = field(&event, "/Records").as_array().into_iter().flatten();
        let jobs = records.filter_map(|record| Job::decode(field(record, "/body").as_str()?).ok());
        for job in jobs {
            let (post, target) = (job.post.to_string(), job.target.to_string());
            let Some(post) = accepted.iter().find(|accepted| accepted.id == post) else {
                // Its acceptance is still on the way.
                self.count(|hands| &mut hands.before);
                continue;
            };
            let view = self.api.read(&format!("/v1/posts/{}", post.id)).await?;
            let views = field(&view, "/targets").as_array().into_iter().flatten();
            let view = views.into_iter().find(|view| field(view, "/id") == target.as_str()).unwrap_or(&Value::Null);
            match field(view, "/state").as_str().unwrap_or_default() {
                "running" => self.interrupted(post, field(view, "/destination")),
                "unknown" if field(view, "/next_at").is_null() => self.interrupted(post, field(view, "/destination")),
                "scheduled" | "queued" | "waiting" | "retrying" | "unknown" => self.count(|hands| &mut hands.before),
                _ended => self.count(|hands| &mut hands.after),
            }
        }
        Ok(())
    }

    fn interrupted(&self, post: &Accepted, page: &Value) {
        self.count(|hands| &mut hands.between);
        let page = self.cloud.simulator().and_then(|simulator| simulator.facebook().page(page.as_str()?));
        let posts = page.map(|page| page.posts).unwrap_or_default();
        if posts.iter().any(|shown| shown.message.as_ref() == Some(&post.text)) {
            self.count(|hands| &mut hands.shown);
        }
    }

    fn count(&self, which: impl Fn(&mut Hands) -> &mut u32) {
        let mut hands = self.hands.get();
        *which(&mut hands) += 1;
        self.hands.set(hands);
    }

    /// Who died at work.
    pub(crate) fn in_flight(&self) -> u32 {
        self.in_flight.get()
    }

    /// Who died, at work or idle.
    pub(crate) fn all(&self) -> u32 {
        self.in_flight.get() + self.idle.get()
    }

    pub(crate) fn hands(&self) -> Hands {
        self.hands.get()
    }

    /// How long nobody has been killed.
    pub(crate) fn quiet(&self) -> Duration {
        self.last.get().map_or(Duration::MAX, |last| last.elapsed())
    }
}

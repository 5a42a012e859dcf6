//! The layer that every effect passes: it decides what goes wrong, does it, and keeps the trace.

use std::{
    collections::BTreeMap,
    fmt,
    future::pending,
    hash::{DefaultHasher, Hash, Hasher},
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

use crate::{
    fault::{Fault, Mishap, Mix, Place},
    process::Process,
    time::{Time, pass},
};

/// What a call would do, once it is let through.
pub type Performing<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// How long a frozen process stands still, in milliseconds: some wake up while their claim holds, some when it has ended and
/// Lambda has not killed them yet, most never.
const FREEZE: std::ops::Range<u64> = 5_000..120_000;
/// A late effect comes within the time that a platform is given to settle.
const LATEST: u64 = 20_000;
/// Longer than any caller waits.
const NEVER_ANSWERED: Duration = Duration::from_mins(1);

/// Why a call has no proper answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lost {
    /// Nothing was sent.
    Before,
    /// It was sent, and the answer did not come.
    After,
    /// It was refused for the moment.
    Throttled,
    /// The other side failed; whether it has done it does not show.
    Error,
}

/// What shall go wrong.
#[derive(Debug, Clone)]
pub enum Plan {
    /// These effects, counted from 0, and nothing else.
    Script(Vec<(usize, Fault)>),
    /// By chance, until the faults end.
    Random(Mix, Duration),
}

/// The layer itself.
pub struct Plane {
    time: Time,
    plan: Plan,
    state: Mutex<State>,
}

struct State {
    random: fastrand::Rng,
    effects: usize,
    trace: DefaultHasher,
    lines: Option<Vec<String>>,
    /// The places of the effects so far, for a script.
    places: Vec<Place>,
    faults: BTreeMap<Fault, u64>,
    mishaps: BTreeMap<Mishap, u64>,
    calm: bool,
}

impl fmt::Debug for Plane {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Plane").field("plan", &self.plan).finish_non_exhaustive()
    }
}

impl Plane {
    /// A layer with this plan. `seed` decides everything that is left to chance.
    #[must_use]
    pub fn new(time: Time, plan: Plan, seed: u64, tell: bool) -> Self {
        let state = State {
            random: fastrand::Rng::with_seed(seed),
            effects: 0,
            trace: DefaultHasher::new(),
            lines: tell.then(Vec::new),
            places: Vec::new(),
            faults: BTreeMap::new(),
            mishaps: BTreeMap::new(),
            calm: true,
        };
        Self { time, plan, state: Mutex::new(state) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From here on effects count and faults strike; before, the world is being set up.
    pub fn begin(&self) {
        self.state().calm = false;
    }

    /// From here on nothing goes wrong any more.
    pub fn calm(&self) {
        self.state().calm = true;
    }

    /// Whether faults may still strike.
    #[must_use]
    pub fn is_calm(&self) -> bool {
        let state = self.state();
        state.calm || self.ended()
    }

    fn ended(&self) -> bool {
        match &self.plan {
            Plan::Script(_) => false,
            Plan::Random(_, ends) => self.elapsed() >= *ends,
        }
    }

    fn elapsed(&self) -> Duration {
        Duration::try_from(self.time.elapsed()).unwrap_or_default()
    }

    /// Whether a mishap comes now.
    #[must_use]
    pub fn mishap(&self, mishap: Mishap) -> bool {
        let Plan::Random(mix, _) = &self.plan else { return false };
        let rate = mix.rate(mishap);
        if rate == 0 || self.ended() {
            return false;
        }
        let mut state = self.state();
        let strikes = !state.calm && state.random.u16(..1000) < rate;
        if strikes {
            *state.mishaps.entry(mishap).or_default() += 1;
        }
        drop(state);
        if strikes {
            self.note(|| format!("! {}", mishap.name()));
        }
        strikes
    }

    /// A number by chance, below `limit`.
    #[must_use]
    pub fn chance(&self, limit: u64) -> u64 {
        self.state().random.u64(..limit.max(1))
    }

    /// Writes a line into the trace.
    pub fn note(&self, line: impl FnOnce() -> String) {
        let line = format!("{:>9} {}", self.time.elapsed().as_millis(), line());
        let mut state = self.state();
        line.hash(&mut state.trace);
        if let Some(lines) = &mut state.lines {
            lines.push(line);
        }
    }

    /// The trace so far, as one number.
    #[must_use]
    pub fn trace(&self) -> u64 {
        self.state().trace.finish()
    }

    /// The trace so far, if it is kept.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        self.state().lines.clone().unwrap_or_default()
    }

    /// What went wrong so far.
    #[must_use]
    pub fn tally(&self) -> (BTreeMap<Fault, u64>, BTreeMap<Mishap, u64>) {
        let state = self.state();
        (state.faults.clone(), state.mishaps.clone())
    }

    /// The places of all effects so far.
    #[must_use]
    pub fn places(&self) -> Vec<Place> {
        self.state().places.clone()
    }

    /// Decides about the next effect; also how long it takes, in milliseconds.
    fn decide(&self, place: Place) -> (usize, Option<Fault>, u64) {
        let ended = self.ended();
        let mut state = self.state();
        if state.calm {
            return (0, None, 1);
        }
        let index = state.effects;
        state.effects += 1;
        state.places.push(place);
        let (fault, latency) = match &self.plan {
            Plan::Script(script) => (script.iter().find(|(at, _)| *at == index).map(|(_, fault)| *fault), 1),
            Plan::Random(mix, _) => {
                let latency = state.random.u64(1..12);
                (if ended { None } else { random_fault(mix, place, self.elapsed(), &mut state.random) }, latency)
            }
        };
        let fault = fault.filter(|fault| fault.strikes(place));
        if let Some(fault) = fault {
            *state.faults.entry(fault).or_default() += 1;
        }
        (index, fault, latency)
    }

    /// Lets an effect happen, or not, or not quite.
    ///
    /// # Errors
    /// How its answer was lost.
    pub async fn pass<T: Send + 'static>(
        &self,
        process: &Arc<Process>,
        place: Place,
        name: &str,
        perform: Performing<T>,
    ) -> Result<T, Lost> {
        process.thaw().await;
        let (index, fault, latency) = self.decide(place);
        self.note(|| {
            let fault = fault.map_or("", Fault::name);
            format!("{index:>5} {:<12} {name} {fault}", process.name)
        });
        pass(Duration::from_millis(latency)).await;
        let Some(fault) = fault else {
            let answer = perform.await;
            process.thaw().await;
            return Ok(answer);
        };
        process.strike(fault);
        match fault {
            Fault::FailBefore => Err(Lost::Before),
            Fault::ErrorBefore => Err(Lost::Error),
            Fault::Throttle => Err(Lost::Throttled),
            Fault::FailAfter => {
                perform.await;
                Err(Lost::After)
            }
            Fault::ErrorAfter => {
                perform.await;
                Err(Lost::Error)
            }
            Fault::Late => {
                let after = Duration::from_millis(3_000 + self.chance(LATEST - 3_000));
                tokio::spawn(async move {
                    pass(after).await;
                    perform.await;
                });
                pass(NEVER_ANSWERED).await;
                Err(Lost::After)
            }
            Fault::Slow => {
                pass(Duration::from_millis(200 + self.chance(4_000))).await;
                Ok(perform.await)
            }
            Fault::CrashBefore => {
                process.kill();
                pending().await
            }
            Fault::CrashAfter => {
                perform.await;
                process.kill();
                pending().await
            }
            Fault::Freeze => {
                process.freeze(
                    Instant::now() + Duration::from_millis(FREEZE.start + self.chance(FREEZE.end - FREEZE.start)),
                );
                process.thaw().await;
                Ok(perform.await)
            }
        }
    }
}

fn random_fault(mix: &Mix, place: Place, elapsed: Duration, random: &mut fastrand::Rng) -> Option<Fault> {
    let out = |(at, begins, lasts): &(Place, Duration, Duration)| {
        *at == place && elapsed >= *begins && elapsed < *begins + *lasts
    };
    if mix.outages.iter().any(out) {
        let drawn = random.choice([Fault::FailBefore, Fault::Throttle, Fault::ErrorBefore]);
        return drawn.filter(|fault| fault.strikes(place)).or(Some(Fault::FailBefore));
    }
    let drawn = random.u16(..1000);
    let mut below = 0;
    mix.faults.iter().find_map(|(fault, rate)| {
        below += rate;
        (drawn < below).then_some(*fault)
    })
}

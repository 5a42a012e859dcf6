//! One run: callers, ticks, deliveries and mishaps on controlled time, until nothing is left to do.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BinaryHeap},
    sync::Arc,
    time::Duration,
};

use jiff::Timestamp;
use shared::{consume::Message, telemetry::Function};
use tokio::{task::JoinSet, time::Instant};

use crate::{
    callers::Caller,
    cloud::{Cloud, SetUpError},
    delivery::{self, Slot},
    fault::{Fault, Mishap},
    oracle::Decisions,
    plane::{Plan, Plane},
    scenario::{Scenario, Wish},
    tenants::{self, Tenants},
    time, verdict,
    watch::Looked,
};

/// When every run begins.
const START: &str = "2026-03-28T21:00:00Z";
/// The table is swept once a day.
const DAY: Duration = Duration::from_hours(24);
/// A run that is not at rest after so many steps goes round in circles.
const MOST_STEPS: usize = 100_000;
/// How many messages are doubled in one run. Doubles are doubled again: without a bound there are histories in which they
/// grow faster than any consumer works, and nothing else happens any more.
const MOST_DUPLICATES: u32 = 1_000;
/// Longer than any effect is late.
const LATE_EFFECTS: Duration = Duration::from_secs(21);
/// How often people look at what waits for their word.
const MOST_REVIEWS: usize = 2;
/// How long after the last fault everything must have ended: a read-back asks for a day before a person
/// must, and a person may send a target to the next.
const PATIENCE: Duration = Duration::from_hours(5 * 24);

/// What a run has shown.
#[derive(Debug, Clone, Default)]
pub struct Outcome {
    /// What was not as it must be; empty if all is well.
    pub violations: Vec<String>,
    /// The whole history as one number.
    pub trace: u64,
    /// The history, if it was kept.
    pub lines: Vec<String>,
    /// The places of all effects.
    pub places: Vec<crate::fault::Place>,
    /// What went wrong, by kind.
    pub faults: BTreeMap<Fault, u64>,
    /// What went wrong around, by kind.
    pub mishaps: BTreeMap<Mishap, u64>,
    /// How many posts were accepted.
    pub accepted: u64,
    /// How many targets these had, by the state in which they ended.
    pub states: BTreeMap<String, u64>,
    /// How many posts the platforms took.
    pub publications: u64,
    /// How many targets became unknown, and how many of these were resolved.
    pub unknowns: (u64, u64),
    /// What people changed on the way.
    pub decisions: Decisions,
    /// How many bytes were searched for secrets, by where they stood.
    pub looked: Looked,
    /// How many calls had their token where it belongs.
    pub used: u64,
    /// How long it took on its own clock.
    pub virtual_time: Duration,
}

/// What happens at a time.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    Wish(usize),
    Cancel(usize),
    Edit(usize),
    SendBack,
    Tick,
    Redrive,
    Sweep,
}

/// What comes back from what was started.
#[derive(Debug)]
enum Done {
    Consumed(usize),
    Ticked,
    Called,
}

/// Plays a scenario.
///
/// # Errors
/// The world could not be set up.
pub async fn play(scenario: &Scenario, tell: bool) -> Result<Outcome, SetUpError> {
    fastrand::seed(scenario.seed);
    let start: Timestamp = START.parse().unwrap_or(Timestamp::UNIX_EPOCH);
    let plane = |time| Plane::new(time, scenario.plan.clone(), scenario.seed, tell);
    let cloud = Cloud::new(start, plane, scenario.seed).await?;
    let tenants = Box::pin(tenants::set_up(&cloud, scenario.tenants)).await?;
    let mut run = Run::new(scenario, cloud, tenants);
    run.cloud.plane.begin();
    run.go().await;
    run.cloud.plane.calm();
    run.callers.settle_edits(scenario).await;
    Ok(verdict::of(&run.cloud, scenario, &run.tenants, &run.callers.accepted()).await)
}

struct Run<'a> {
    scenario: &'a Scenario,
    cloud: Cloud,
    tenants: Arc<Tenants>,
    callers: Caller,
    events: BinaryHeap<Reverse<(Instant, usize, Event)>>,
    sequence: usize,
    slots: Vec<Slot>,
    running: JoinSet<Done>,
    ticking: bool,
    moved: usize,
    swept: usize,
    reviewed: usize,
    calmed: bool,
    duplicates: u32,
}

impl<'a> Run<'a> {
    fn new(scenario: &'a Scenario, cloud: Cloud, tenants: Tenants) -> Self {
        let tenants = Arc::new(tenants);
        let slots = (0..scenario.consumers).map(|_| Slot::default()).collect();
        let callers = Caller::new(cloud.clone(), Arc::clone(&tenants));
        let mut run = Self {
            scenario,
            cloud,
            tenants,
            callers,
            events: BinaryHeap::new(),
            sequence: 0,
            slots,
            running: JoinSet::new(),
            ticking: false,
            moved: 0,
            swept: 0,
            reviewed: 0,
            calmed: false,
            duplicates: 0,
        };
        for (index, wish) in scenario.wishes.iter().enumerate() {
            run.callers.announce(wish);
            run.at(wish.at, Event::Wish(index));
            if let Some(cancel) = wish.cancel {
                run.at(wish.at + cancel, Event::Cancel(index));
            }
            if let Some(edit) = &wish.edit {
                run.at(wish.at + edit.after, Event::Edit(index));
            }
        }
        for redrive in &scenario.redrives {
            run.at(*redrive, Event::SendBack);
        }
        if run.loses_messages() {
            run.at(DAY, Event::Sweep);
        }
        run
    }

    fn at(&mut self, after: Duration, event: Event) {
        self.when(Instant::now() + after, event);
    }

    fn when(&mut self, when: Instant, event: Event) {
        self.sequence += 1;
        self.events.push(Reverse((when, self.sequence, event)));
    }

    async fn go(&mut self) {
        for _ in 0..MOST_STEPS {
            // What has gone wrong once is shown best by what led to it, and may never come to rest.
            if self.cloud.oracle.is_violated() {
                return;
            }
            if self.cloud.time.elapsed() > self.limit() {
                return self.cloud.oracle.violated("liveness", "it has not ended days after the last fault");
            }
            self.happen().await;
            self.receive().await;
            self.expect_tick();
            let next = self.next();
            let Some(next) = next else {
                if self.running.is_empty() {
                    // What comes late comes within this time, and may stir everything up again.
                    if !self.calmed {
                        self.calmed = true;
                        time::pass(LATE_EFFECTS).await;
                    } else if self.at_rest() {
                        return;
                    } else {
                        self.calmed = false;
                    }
                } else {
                    self.join().await;
                }
                continue;
            };
            tokio::select! {
                biased;
                Some(done) = self.running.join_next() => self.finished(done.ok().as_ref()),
                () = time::until(next) => {}
            }
        }
        self.cloud.oracle.violated("liveness", "it goes round in circles");
    }

    async fn join(&mut self) {
        if let Some(done) = self.running.join_next().await {
            self.finished(done.ok().as_ref());
        }
    }

    fn finished(&mut self, done: Option<&Done>) {
        match done {
            Some(Done::Consumed(slot)) => {
                if let Some(slot) = self.slots.get_mut(*slot) {
                    slot.busy = false;
                }
            }
            Some(Done::Ticked) => self.ticking = false,
            Some(Done::Called) => {}
            None => self.cloud.oracle.violated("panic", "a function panicked"),
        }
    }

    /// The next moment at which something happens by itself.
    fn next(&self) -> Option<Instant> {
        let event = self.events.peek().map(|Reverse((when, _, _))| *when);
        let idle = self.slots.iter().any(|slot| !slot.busy);
        let message = self.cloud.aws.next_message_ms().filter(|_| idle).and_then(|ms| {
            let at = Timestamp::from_millisecond(i64::try_from(ms).ok()?).ok()?;
            Some(self.cloud.time.instant(at))
        });
        event.into_iter().chain(message).min()
    }

    /// Ticks come each minute; those that would find nothing are left out.
    fn expect_tick(&mut self) {
        if self.ticking || self.events.iter().any(|Reverse((_, _, event))| *event == Event::Tick) {
            return;
        }
        let Some(due) = self.cloud.aws.next_due_ms() else { return };
        let now = self.cloud.time.now_ms();
        let from = due.saturating_sub(90_000).max(now);
        let minute = (from / 60_000 + 1) * 60_000;
        let at = i64::try_from(minute).ok().and_then(|ms| Timestamp::from_millisecond(ms).ok());
        if let Some(at) = at {
            let when = self.cloud.time.instant(at);
            self.when(when, Event::Tick);
        }
    }

    async fn happen(&mut self) {
        while let Some(Reverse((when, _, _))) = self.events.peek() {
            if *when > Instant::now() {
                return;
            }
            let Some(Reverse((_, _, event))) = self.events.pop() else { return };
            match event {
                Event::Wish(index) => self.call(index, |caller, wish| async move { caller.ask(index, &wish).await }),
                Event::Cancel(index) => {
                    self.call(index, |caller, wish| async move { caller.cancel(index, &wish).await });
                }
                Event::Edit(index) => self.call(index, |caller, wish| async move { caller.edit(index, &wish).await }),
                Event::SendBack => self.send_back(),
                Event::Tick => self.tick(),
                Event::Redrive => delivery::redrive(&self.cloud).await,
                Event::Sweep => self.sweep(),
            }
        }
    }

    /// Lets a caller do something about a wish.
    fn call<F>(&mut self, index: usize, act: impl FnOnce(Caller, Wish) -> F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let Some(wish) = self.scenario.wishes.get(index).cloned() else { return };
        let acting = act(self.callers.clone(), wish);
        self.running.spawn(async move {
            acting.await;
            Done::Called
        });
    }

    fn send_back(&mut self) {
        let caller = self.callers.clone();
        self.running.spawn(async move {
            caller.redrive().await;
            Done::Called
        });
    }

    fn tick(&mut self) {
        if self.cloud.plane.mishap(Mishap::LostTick) {
            return;
        }
        self.ticking = true;
        let twice = self.cloud.plane.mishap(Mishap::DoubleTick);
        let cloud = self.cloud.clone();
        self.running.spawn(async move {
            let other = cloud.clone();
            let second = async move {
                if twice {
                    delivery::tick(&other).await;
                }
            };
            tokio::join!(delivery::tick(&cloud), second);
            Done::Ticked
        });
    }

    /// While things go wrong there is a sweep each day; those after that are counted where they are asked for.
    fn sweep(&mut self) {
        if self.cloud.time.elapsed() < jiff::SignedDuration::try_from(self.ends()).unwrap_or_default() {
            self.at(DAY, Event::Sweep);
        }
        let cloud = self.cloud.clone();
        self.running.spawn(async move {
            delivery::sweep(&cloud).await;
            Done::Called
        });
    }

    /// Lets idle consumers receive what is visible.
    async fn receive(&mut self) {
        while self.slots.iter().any(|slot| !slot.busy) {
            let messages = delivery::receive(&self.cloud).await;
            if messages.is_empty() {
                return;
            }
            let mut kept = Vec::new();
            for message in messages {
                if self.cloud.plane.mishap(Mishap::PhantomReceive) {
                    continue;
                }
                if self.cloud.plane.mishap(Mishap::LostMessage) {
                    delivery::delete(&self.cloud, &message).await;
                    continue;
                }
                if self.duplicates < MOST_DUPLICATES && self.cloud.plane.mishap(Mishap::Duplicate) {
                    self.duplicates += 1;
                    let after = Duration::from_secs(self.cloud.plane.chance(90));
                    delivery::send_again(&self.cloud, &message, after).await;
                }
                kept.push(message.clone());
            }
            if !kept.is_empty() {
                self.deliver(kept);
            }
            if self.cloud.plane.mishap(Mishap::Redrive) {
                let after = Duration::from_millis(self.cloud.plane.chance(600_000));
                self.at(after, Event::Redrive);
            }
        }
    }

    /// Hands messages to an idle consumer.
    fn deliver(&mut self, messages: Vec<Message>) {
        let idle = self.slots.iter_mut().enumerate().find(|(_, slot)| !slot.busy);
        let Some((index, slot)) = idle else { return };
        slot.busy = true;
        let (process, consumer) = slot.take(|| {
            let parts = self.cloud.process(Function::Consumer);
            (Arc::clone(&parts.process), Arc::new(parts.consumer()))
        });
        let cloud = self.cloud.clone();
        self.running.spawn(async move {
            delivery::consume(&cloud, &process, &consumer, messages).await;
            Done::Consumed(index)
        });
    }

    /// Nothing moves any more. `false` if something was done about what is left.
    fn at_rest(&mut self) -> bool {
        let open = verdict::open_targets(&self.cloud, self.scenario, &self.tenants, &self.callers.accepted());
        if open.is_empty() {
            return !self.review();
        }
        let over = self.cloud.time.elapsed() > self.limit();
        // What an operator and the sweep do about the rest, they do when nothing goes wrong any more.
        let calm = self.ends().saturating_sub(Duration::try_from(self.cloud.time.elapsed()).unwrap_or_default());
        if !over && self.moved < 3 && !self.cloud.aws.dead_letters().is_empty() {
            self.moved += 1;
            self.at(calm + Duration::from_mins(1), Event::Redrive);
            return false;
        }
        if !over && self.swept < 3 && (self.moved > 0 || self.loses_messages()) {
            self.swept += 1;
            self.at(calm + Duration::from_hours(1), Event::Sweep);
            return false;
        }
        for target in open {
            self.cloud.oracle.violated("I2", &format!("nothing will ever happen to {target}"));
        }
        true
    }

    /// People look at what only they can decide. `false` if there is no such thing, or they have looked often enough.
    fn review(&mut self) -> bool {
        let doubts = verdict::doubts(&self.cloud, &self.callers.accepted());
        if doubts.is_empty() || self.reviewed == MOST_REVIEWS {
            return false;
        }
        self.reviewed += 1;
        let (caller, scenario) = (self.callers.clone(), self.scenario.clone());
        self.running.spawn(async move {
            caller.resolve(doubts, &scenario).await;
            Done::Called
        });
        true
    }

    fn loses_messages(&self) -> bool {
        match &self.scenario.plan {
            Plan::Script(_) => false,
            Plan::Random(mix, _) => mix.loses_messages(),
        }
    }

    /// When the last thing goes wrong.
    fn ends(&self) -> Duration {
        match &self.scenario.plan {
            Plan::Script(_) => Duration::ZERO,
            Plan::Random(_, ends) => *ends,
        }
    }

    /// By then everything has ended, one way or another.
    fn limit(&self) -> jiff::SignedDuration {
        let scheduled = self.scenario.wishes.iter().map(|wish| {
            let edited = wish.edit.as_ref().and_then(|edit| Some(edit.after + edit.ahead?)).unwrap_or_default();
            wish.at + wish.ahead.unwrap_or_default().max(edited)
        });
        let last = scheduled.max().unwrap_or_default().max(self.ends());
        jiff::SignedDuration::try_from(last + PATIENCE).unwrap_or(jiff::SignedDuration::MAX)
    }
}

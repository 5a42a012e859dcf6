//! What this sandbox has learned about the platforms: who asked us to slow down, whose token is dead, who does not answer.
//! Other jobs then wait without a call.
//!
//! It lives in memory, belongs to one sandbox and may be lost at any time: it saves calls, and nothing is decided by it. When
//! a wait is over, one job goes ahead and the others follow only after it has succeeded.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use aws_lc_rs::digest::{Digest, SHA256, digest};
use jiff::{SignedDuration, Timestamp};

use super::attempt::{later, ours};
use crate::{
    connector::{Act, Refusal, driver::Contact},
    ids::{ConnectionId, PostId, TargetId, TenantId},
    platform::Platform,
    secret::AccessToken,
};

/// So many failures in a row, of at least two targets, are an outage and no misfortune.
const OUTAGE: u32 = 5;
/// How long a platform that does not answer is left alone, at first; each probe that fails doubles it.
const FIRST_PROBE: SignedDuration = SignedDuration::from_secs(30);
const LAST_PROBE: SignedDuration = SignedDuration::from_mins(5);
/// How long a probe may take before another job may try.
const PROBE_TAKES: SignedDuration = SignedDuration::from_secs(25);
/// How long a dead token or a misconfigured app is believed without asking again.
pub(super) const BELIEVED: SignedDuration = SignedDuration::from_mins(1);
/// More places than this are not remembered: the ones whose time came first are forgotten.
const MOST: usize = 5_000;
/// After standing still for longer, connections are not trusted any more: servers close idle ones without our seeing it.
const FROZEN: SignedDuration = SignedDuration::from_secs(10);

/// What stands in the way of a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Obstacle {
    pub(crate) until: Timestamp,
    pub(crate) reason: Refusal,
    pub(crate) waits_for: WaitsFor,
}

/// What has to happen before the call can be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum WaitsFor {
    /// A limit frees.
    Time,
    /// The platform gets well.
    Platform,
    /// The connection's owner connects again.
    Owner,
    /// Our operator mends our app.
    Operator,
}

/// Where a call goes, and with what.
#[derive(Debug, Clone, Copy)]
pub(super) struct Way<'a> {
    pub(super) platform: Platform,
    /// Whose own app the calls are made for; `None`: the shared one.
    pub(super) own_app: Option<TenantId>,
    pub(super) destination: &'a str,
    pub(super) connection: ConnectionId,
    pub(super) token: &'a AccessToken,
}

/// To what a wait applies.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Place {
    /// Everything that one app does there, the shared one or a tenant's own.
    App(Platform, Option<TenantId>),
    /// One destination.
    Destination(Platform, String),
    /// Everything that is done with this connection's token.
    Connection(ConnectionId),
}

struct Gate {
    until: Timestamp,
    reason: Refusal,
    waits_for: WaitsFor,
    /// Only calls with this token are concerned: another one may have come with a new login.
    token: Option<Digest>,
}

#[derive(Default)]
struct Circuit {
    failures: u32,
    first: Option<(PostId, TargetId)>,
    several: bool,
    /// Open until then; a probe may go after that.
    open: Option<(Timestamp, SignedDuration)>,
}

#[derive(Default)]
struct Learned {
    gates: BTreeMap<Place, Gate>,
    circuits: BTreeMap<Platform, Circuit>,
    seen: Option<Timestamp>,
}

/// What a sandbox has learned.
#[derive(Default)]
pub struct Pace(Mutex<Learned>);

impl std::fmt::Debug for Pace {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let learned = self.learned();
        formatter.debug_struct("Pace").field("gates", &learned.gates.len()).finish_non_exhaustive()
    }
}

impl Pace {
    fn learned(&self) -> MutexGuard<'_, Learned> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes that the sandbox is awake; `true` if it has stood still for so long that its connections are not to be
    /// trusted.
    pub(super) fn awake(&self, now: Timestamp) -> bool {
        let before = self.learned().seen.replace(now);
        before.is_some_and(|before| now.duration_since(before).abs() > FROZEN)
    }

    /// What stands in the way of a call, if anything. If a wait has just ended, whoever asks first is let through to try, and
    /// the others wait for the outcome.
    pub(super) fn obstacle(&self, way: &Way<'_>, now: Timestamp) -> Option<Obstacle> {
        let mut learned = self.learned();
        let Learned { gates, circuits, .. } = &mut *learned;
        let mut tries = Vec::new();
        for place in way.places() {
            let Some(gate) = gates.get(&place) else { continue };
            if gate.token.as_ref().is_some_and(|dead| dead.as_ref() != of(way.token).as_ref()) {
                gates.remove(&place);
                continue;
            }
            if now < gate.until {
                return Some(Obstacle { until: gate.until, reason: gate.reason.clone(), waits_for: gate.waits_for });
            }
            tries.push(place);
        }
        let probe = later(now, PROBE_TAKES);
        if let Some((until, _)) = circuits.get_mut(&way.platform).and_then(|circuit| circuit.open.as_mut()) {
            if now < *until {
                return Some(Obstacle { until: *until, reason: unavailable(), waits_for: WaitsFor::Platform });
            }
            *until = probe;
        }
        for place in tries {
            if let Some(gate) = gates.get_mut(&place) {
                gate.until = probe;
            }
        }
        None
    }

    /// Notes how the last call ended; `true` if the platform is taken to be out of order.
    pub(super) fn contact(&self, platform: Platform, target: (PostId, TargetId), how: Contact, now: Timestamp) -> bool {
        let mut learned = self.learned();
        let circuit = learned.circuits.entry(platform).or_default();
        match how {
            Contact::Answered => *circuit = Circuit::default(),
            Contact::Failing | Contact::Silent | Contact::NotReached => circuit.failed(target, now),
        }
        circuit.open.is_some()
    }

    /// Keeps everybody away from a place.
    pub(super) fn hold(&self, place: Place, until: Timestamp, reason: Refusal, waits_for: WaitsFor) {
        self.learned().insert(place, Gate { until, reason, waits_for, token: None });
    }

    /// Keeps everybody from using a token.
    pub(super) fn token_is_dead(&self, way: &Way<'_>, until: Timestamp, reason: Refusal) {
        let gate = Gate { until, reason, waits_for: WaitsFor::Owner, token: Some(of(way.token)) };
        self.learned().insert(Place::Connection(way.connection), gate);
    }

    /// A call went through: nothing is in the way any more.
    pub(super) fn went_through(&self, way: &Way<'_>, now: Timestamp) {
        let mut learned = self.learned();
        for place in way.places() {
            // What another job learned meanwhile still holds; a try that succeeded is over.
            let over = |gate: &Gate| gate.until <= later(now, PROBE_TAKES);
            if learned.gates.get(&place).is_some_and(over) {
                learned.gates.remove(&place);
            }
        }
    }
}

impl Way<'_> {
    fn places(&self) -> [Place; 3] {
        [
            Place::Connection(self.connection),
            Place::App(self.platform, self.own_app),
            Place::Destination(self.platform, self.destination.to_owned()),
        ]
    }
}

impl Learned {
    fn insert(&mut self, place: Place, gate: Gate) {
        if self.gates.len() >= MOST
            && let Some(first) = self.gates.iter().min_by_key(|(_, gate)| gate.until).map(|(place, _)| place.clone())
        {
            self.gates.remove(&first);
        }
        self.gates.insert(place, gate);
    }
}

impl Circuit {
    fn failed(&mut self, target: (PostId, TargetId), now: Timestamp) {
        self.failures = self.failures.saturating_add(1);
        let first = *self.first.get_or_insert(target);
        self.several |= first != target;
        if let Some((until, wait)) = &mut self.open {
            // A call that left before the circuit opened tells nothing new; one that was let through to try does.
            if *until <= later(now, PROBE_TAKES) {
                *wait = (*wait * 2).min(LAST_PROBE);
                *until = later(now, *wait);
            }
        } else if self.failures >= OUTAGE && self.several {
            tracing::warn!(failures = self.failures, "the platform is out of order; targets wait");
            self.open = Some((later(now, FIRST_PROBE), FIRST_PROBE));
        }
    }
}

fn of(token: &AccessToken) -> Digest {
    digest(&SHA256, token.expose().as_bytes())
}

fn unavailable() -> Refusal {
    ours("platform.unavailable", Act::Nobody, "The platform is out of order; postd goes on when it answers again.")
}

/// Whether a limit concerns our app as a whole: connectors give such refusals a code that ends in `.rate.app`.
pub(super) fn place_of_limit(reason: &Refusal, way: &Way<'_>) -> Place {
    if reason.code.ends_with(".rate.app") {
        Place::App(way.platform, way.own_app)
    } else {
        Place::Destination(way.platform, way.destination.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + seconds).unwrap()
    }

    fn target(number: usize) -> (PostId, TargetId) {
        (PostId::derived(&["p"]), TargetId::at(number).unwrap())
    }

    fn way<'a>(destination: &'a str, token: &'a AccessToken) -> Way<'a> {
        let connection = "con_0193f0a1b2c37d4e8f90a1b2c3d4e5f6".parse().unwrap();
        Way { platform: Platform::Facebook, own_app: None, destination, connection, token }
    }

    fn reason() -> Refusal {
        ours("facebook.rate.page", Act::Nobody, "Too many calls to this Page.")
    }

    #[test]
    fn f42_five_failures_of_two_targets_open_the_circuit_and_one_probe_at_a_time_goes_through() {
        let (known, token) = (Pace::default(), AccessToken::new("t"));
        let page = way("1", &token);
        for number in 0..4 {
            assert!(!known.contact(Platform::Facebook, target(number), Contact::Silent, at(0)));
        }
        assert_eq!(known.obstacle(&page, at(0)), None);
        assert!(known.contact(Platform::Facebook, target(0), Contact::Failing, at(0)));
        let mut now = 0;
        for wait in [30, 60, 120, 240, 300, 300] {
            let obstacle = known.obstacle(&page, at(now)).unwrap();
            assert_eq!((obstacle.until, obstacle.reason.code.as_str()), (at(now + wait), "platform.unavailable"));
            now += wait;
            assert_eq!(known.obstacle(&page, at(now)), None, "the probe");
            assert!(known.obstacle(&page, at(now)).is_some(), "one at a time");
            known.contact(Platform::Facebook, target(7), Contact::NotReached, at(now));
        }
        assert_eq!(known.obstacle(&page, at(now + 300)), None);
        assert!(!known.contact(Platform::Facebook, target(7), Contact::Answered, at(now + 300)));
        assert_eq!(known.obstacle(&page, at(now + 300)), None);
        assert_eq!(known.obstacle(&page, at(now + 300)), None, "closed for all");
    }

    /// Ten sandboxes and 3,000 targets meet an outage of half an hour, second by second.
    #[test]
    fn f42_an_outage_of_half_an_hour_costs_hardly_more_calls_than_none() {
        const TARGETS: usize = 3_000;
        const SANDBOXES: usize = 10;
        let token = AccessToken::new("t");
        let page = way("1", &token);
        let sandboxes: Vec<Pace> = (0..SANDBOXES).map(|_| Pace::default()).collect();
        let mut waiting: Vec<(Timestamp, usize)> = (0..TARGETS).map(|number| (at(0), number)).collect();
        let (mut calls, mut during) = (0, 0);
        for second in 0..4_000 {
            let now = at(second);
            let (due, mut later_on): (Vec<_>, Vec<_>) = waiting.into_iter().partition(|(until, _)| *until <= now);
            for (turn, batch) in due.chunks(10).enumerate() {
                let sandbox = &sandboxes[turn % SANDBOXES];
                // All of a batch set out before the first of them has come back.
                let way_is_free: Vec<_> =
                    batch.iter().map(|(_, number)| (*number, sandbox.obstacle(&page, now))).collect();
                for (number, obstacle) in way_is_free {
                    let age = SignedDuration::from_secs((second / 2).clamp(3, 300));
                    let target = (PostId::derived(&[&number.to_string()]), TargetId::at(0).unwrap());
                    let spread = SignedDuration::from_secs(i64::try_from(number % 60).unwrap());
                    match obstacle {
                        Some(obstacle) => later_on.push((obstacle.until.max(now + age) + spread, number)),
                        None if second < 1_800 => {
                            (calls, during) = (calls + 1, during + 1);
                            sandbox.contact(Platform::Facebook, target, Contact::NotReached, now);
                            later_on.push((now + age + spread, number));
                        }
                        None => {
                            calls += 1;
                            sandbox.contact(Platform::Facebook, target, Contact::Answered, now);
                        }
                    }
                }
            }
            waiting = later_on;
        }
        assert!(waiting.is_empty(), "{} still wait", waiting.len());
        assert!(during <= SANDBOXES * (10 + 9), "{during} calls while nobody answered");
        assert!(calls <= TARGETS + TARGETS / 10, "{calls} calls for {TARGETS} targets");
    }

    #[test]
    fn f42_one_target_that_fails_again_and_again_is_no_outage_and_an_answer_in_between_begins_anew() {
        let known = Pace::default();
        for _ in 0..50 {
            assert!(!known.contact(Platform::Facebook, target(1), Contact::Failing, at(0)));
        }
        for round in 0..20 {
            assert!(!known.contact(Platform::Facebook, target(round % 4), Contact::Answered, at(0)));
            for number in 0..4 {
                assert!(!known.contact(Platform::Facebook, target(number), Contact::Failing, at(0)));
            }
        }
    }

    #[test]
    fn f40_a_held_destination_holds_no_other_and_lets_one_try_when_its_time_is_over() {
        let (known, token) = (Pace::default(), AccessToken::new("t"));
        let (one, two) = (way("1", &token), way("2", &token));
        known.hold(place_of_limit(&reason(), &one), at(300), reason(), WaitsFor::Time);
        assert_eq!(known.obstacle(&one, at(299)).unwrap().until, at(300));
        assert_eq!(known.obstacle(&two, at(0)), None);
        assert_eq!(known.obstacle(&one, at(300)), None);
        assert!(known.obstacle(&one, at(300)).is_some());
        known.went_through(&one, at(301));
        assert_eq!(known.obstacle(&one, at(301)), None);
        let app = Refusal { code: "facebook.rate.app".into(), ..reason() };
        known.hold(place_of_limit(&app, &one), at(900), app, WaitsFor::Time);
        assert!(known.obstacle(&two, at(400)).is_some(), "the app's limit is everybody's");
    }

    #[test]
    fn a_dead_token_bars_itself_and_not_the_one_of_the_next_login() {
        let (known, dead, new) = (Pace::default(), AccessToken::new("dead"), AccessToken::new("new"));
        known.token_is_dead(&way("1", &dead), at(60), reason());
        assert_eq!(known.obstacle(&way("2", &dead), at(1)).unwrap().waits_for, WaitsFor::Owner);
        assert_eq!(known.obstacle(&way("1", &new), at(1)), None);
        assert_eq!(known.obstacle(&way("1", &new), at(1)), None);
    }

    #[test]
    fn f37_a_long_silence_is_noticed_whichever_way_the_clock_went() {
        let known = Pace::default();
        assert_eq!([0, 5, 16, 17, -100].map(|seconds| known.awake(at(seconds))), [false, false, true, false, true]);
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let (known, token) = (Pace::default(), AccessToken::new("t"));
        for number in 0..=MOST {
            let name = number.to_string();
            let place = place_of_limit(&reason(), &way(&name, &token));
            known.hold(place, at(i64::try_from(number).unwrap()), reason(), WaitsFor::Time);
        }
        assert_eq!(known.learned().gates.len(), MOST);
        assert_eq!(known.obstacle(&way("0", &token), at(-1)), None, "the first to end is forgotten");
    }

    #[test]
    fn the_misconfigured_app_of_one_tenant_holds_nobody_elses_targets() {
        let (pace, token) = (Pace::default(), AccessToken::new("t"));
        let tenant = |name| Some(TenantId::derived(&[name]));
        let through = |own_app| Way { own_app, ..way("100", &token) };
        pace.hold(Place::App(Platform::Facebook, tenant("a")), at(60), reason(), WaitsFor::Operator);
        assert!(pace.obstacle(&through(tenant("a")), at(0)).is_some());
        assert!(pace.obstacle(&through(tenant("b")), at(0)).is_none());
        assert!(pace.obstacle(&through(None), at(0)).is_none());
    }
}

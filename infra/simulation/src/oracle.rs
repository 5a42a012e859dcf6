//! What must hold, checked at every step: each change of a target, each post that a platform takes.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::AddAssign,
    sync::{Mutex, MutexGuard, PoisonError},
};

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use crate::aws::{Key, number, text};

/// How much later than its `not_after` a post may appear: a call that was begun in time may take this long.
const LATE: SignedDuration = SignedDuration::from_secs(60);

/// How much earlier than its time a post may appear: clocks that AWS's answers put right are right to this.
const EARLY: SignedDuration = SignedDuration::from_secs(5);

/// A place and a text: what tells one target from another at a platform.
pub type Mark = (String, String);

/// A post that a platform took.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Publication {
    /// Where.
    pub destination: String,
    /// What it says.
    pub text: String,
    /// The platform's id.
    pub remote_id: String,
    /// When.
    pub at: Timestamp,
}

/// What is allowed to happen to a mark.
#[derive(Debug, Clone, Default)]
pub struct Allowance {
    /// How many posts may say this there.
    pub posts: usize,
    /// Not before this.
    pub not_before: Option<Timestamp>,
    /// Not after this.
    pub not_after: Option<Timestamp>,
    /// Called off at this time.
    pub cancelled_at: Option<Timestamp>,
}

/// How often people changed something, and it took effect.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Decisions {
    /// Posts that were edited.
    pub edited: u64,
    /// Targets of which a person said whether they are out.
    pub resolved: u64,
    /// Targets that had failed and were sent back to work.
    pub redriven: u64,
}

impl AddAssign for Decisions {
    fn add_assign(&mut self, other: Self) {
        self.edited += other.edited;
        self.resolved += other.resolved;
        self.redriven += other.redriven;
    }
}

/// Watches.
#[derive(Debug, Default)]
pub struct Oracle(Mutex<Notes>);

#[derive(Debug, Default)]
struct Notes {
    violations: Vec<String>,
    publications: Vec<Publication>,
    allowances: BTreeMap<Mark, Allowance>,
    unknowns: u64,
    read_backs: u64,
    decisions: Decisions,
}

impl Oracle {
    fn notes(&self) -> MutexGuard<'_, Notes> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes that something is not as it must be.
    pub fn violated(&self, invariant: &str, what: &str) {
        self.notes().violations.push(format!("{invariant}: {what}"));
    }

    /// Whether anything was not as it must be.
    #[must_use]
    pub fn is_violated(&self) -> bool {
        !self.notes().violations.is_empty()
    }

    /// Everything that was not as it must be.
    #[must_use]
    pub fn violations(&self) -> Vec<String> {
        self.notes().violations.clone()
    }

    /// Every post that a platform took.
    #[must_use]
    pub fn publications(&self) -> Vec<Publication> {
        self.notes().publications.clone()
    }

    /// How many targets became unknown, and how many of these a read-back resolved.
    #[must_use]
    pub fn unknowns(&self) -> (u64, u64) {
        let notes = self.notes();
        (notes.unknowns, notes.read_backs)
    }

    /// What people have decided.
    #[must_use]
    pub fn decisions(&self) -> Decisions {
        self.notes().decisions
    }

    /// A post was edited.
    pub fn edited(&self) {
        self.notes().decisions.edited += 1;
    }

    /// Changes what may happen to a mark.
    pub fn allow(&self, mark: Mark, change: impl FnOnce(&mut Allowance)) {
        change(self.notes().allowances.entry(mark).or_default());
    }

    /// A platform took a post.
    pub fn published(&self, publication: &Publication) {
        let mut notes = self.notes();
        let mark = (publication.destination.clone(), publication.text.clone());
        let allowance = notes.allowances.get(&mark).cloned().unwrap_or_default();
        notes.publications.push(publication.clone());
        let same = |other: &&Publication| other.destination == mark.0 && other.text == mark.1;
        let count = notes.publications.iter().filter(same).count();
        let Publication { at, text, .. } = publication;
        if count > allowance.posts {
            notes
                .violations
                .push(format!("I1: {text:?} was published {count} times, {} asked for it", allowance.posts));
        }
        if allowance.not_before.is_some_and(|earliest| earliest.duration_since(*at) > EARLY) {
            notes.violations.push(format!("I4: {text:?} went out at {at}, too early"));
        }
        if allowance.not_after.is_some_and(|latest| at.duration_since(latest) > LATE) {
            notes.violations.push(format!("I4: {text:?} went out at {at}, too late"));
        }
        if allowance.cancelled_at.is_some_and(|cancelled| cancelled <= *at) {
            notes.violations.push(format!("I4: {text:?} went out at {at} although it was called off"));
        }
    }

    /// A row of `State` changed.
    pub fn row_changed(&self, key: &Key, before: Option<&Value>, after: Option<&Value>, now: Timestamp) {
        if !key.0.contains("#DAY#") {
            return;
        }
        let Some(after) = after else {
            self.violated("I5", &format!("the target {} disappeared", key.1));
            return;
        };
        let (from, to) = (before.and_then(|row| text(row, "state")), text(after, "state").unwrap_or_default());
        for count in ["fence", "version"] {
            let count_of = |row: &Value| number(row, count).unwrap_or(0);
            if before.is_some_and(|before| count_of(before) > count_of(after)) {
                self.violated("I5", &format!("the {count} of {} went back at {now}", key.1));
            }
        }
        if from != Some(to) && !may_follow(from, to) {
            self.violated("I5", &format!("{} went from {from:?} to {to:?} at {now}", key.1));
        }
        let waits = matches!(to, "scheduled" | "waiting" | "retrying")
            || to == "unknown" && number(after, "lease_until").is_none();
        if waits && text(after, "due_at").is_none() {
            self.violated("I13", &format!("{} is {to} and nothing reminds of it", key.1));
        }
        if from != Some(to) && to == "unknown" {
            self.notes().unknowns += 1;
        }
        if from == Some(to) {
            return;
        }
        let mut notes = self.notes();
        match from {
            Some("unknown") => notes.read_backs += 1,
            Some("needs_review") => notes.decisions.resolved += 1,
            Some("failed") => notes.decisions.redriven += 1,
            Some(_) | None => {}
        }
    }

    /// What must hold of all targets at the end: a published one has its post, no post is recorded for two, and what is
    /// said not to be out is not.
    pub fn settled(&self, targets: &[Settled]) {
        let publications = self.publications();
        let mut taken = BTreeSet::new();
        for target in targets {
            let (destination, words) = &target.mark;
            let there =
                |publication: &&Publication| publication.destination == *destination && publication.text == *words;
            let count = publications.iter().filter(there).count();
            let claimed =
                targets.iter().filter(|other| other.mark == target.mark && other.state == "published").count();
            match target.state.as_str() {
                "published" => {
                    let id = target.remote_id.clone().unwrap_or_default();
                    let found = publications.iter().filter(there).any(|publication| publication.remote_id == id);
                    if !found && !target.by_person {
                        self.violated("I3", &format!("{words:?} is said to be {id:?}, which does not say that"));
                    }
                    if !target.by_person && !taken.insert(id.clone()) {
                        self.violated("I3", &format!("two targets are said to be {id:?}"));
                    }
                }
                "failed" | "expired" | "cancelled" if count > claimed && !target.has_twin => {
                    self.violated("I2", &format!("{words:?} is said to be {} and is out", target.state));
                }
                _ => {}
            }
        }
    }
}

/// A target at the end of a run.
#[derive(Debug, Clone)]
pub struct Settled {
    /// Where and what.
    pub mark: Mark,
    /// How it ended.
    pub state: String,
    /// The platform's id of it.
    pub remote_id: Option<String>,
    /// Whether a person has said how it ended.
    pub by_person: bool,
    /// Whether another post says the same at the same place.
    pub has_twin: bool,
}

/// Which state may follow which; the first one may come from nowhere.
fn may_follow(from: Option<&str>, to: &str) -> bool {
    match from {
        None => matches!(to, "scheduled" | "queued" | "running" | "cancelled"),
        Some("scheduled" | "queued") => matches!(to, "running" | "cancelled" | "expired" | "scheduled" | "queued"),
        Some("running") => to != "scheduled" && to != "cancelled",
        Some("waiting" | "retrying") => matches!(to, "running" | "cancelled" | "expired" | "unknown"),
        Some("unknown") => matches!(to, "published" | "queued" | "needs_review" | "failed" | "expired"),
        Some("needs_review") => matches!(to, "published" | "queued" | "expired"),
        Some("failed") => matches!(to, "queued" | "unknown" | "published" | "expired"),
        Some(_) => false,
    }
}

//! What callers do in a run: who posts what, where and when, and what they do about it later.

use std::time::Duration;

use crate::{
    fault::Mix,
    plane::Plan,
    ways::{POLLED, STAGED},
};

/// Where a post goes: one kind of publish each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Way {
    /// One call: a Facebook Page.
    OneCall,
    /// A container, then its publication.
    Staged,
    /// A call whose outcome comes later.
    Polled,
}

impl Way {
    /// Every way.
    pub const ALL: [Self; 3] = [Self::OneCall, Self::Staged, Self::Polled];

    /// The place of a tenant that is reached in this way; `page` is its Page.
    #[must_use]
    pub fn destination(self, tenant: usize, page: &str) -> String {
        match self {
            Self::OneCall => page.to_owned(),
            Self::Staged => format!("{STAGED}-{tenant}"),
            Self::Polled => format!("{POLLED}-{tenant}"),
        }
    }
}

/// A post that somebody wants.
#[derive(Debug, Clone)]
pub struct Wish {
    /// Whose.
    pub tenant: usize,
    /// When it is asked for, since the beginning.
    pub at: Duration,
    /// Where to: one or several ways.
    pub ways: Vec<Way>,
    /// What it says.
    pub text: String,
    /// How far ahead it is scheduled.
    pub ahead: Option<Duration>,
    /// How long after its time it may still go out.
    pub patience: Option<Duration>,
    /// When it is called off, after it was accepted.
    pub cancel: Option<Duration>,
    /// Whether the request is sent once more after it was accepted.
    pub repeat: bool,
    /// Whether another wish says the same at the same place.
    pub twin: bool,
}

/// A whole run.
#[derive(Debug, Clone)]
pub struct Scenario {
    /// Decides whatever is left to chance.
    pub seed: u64,
    /// How many tenants there are.
    pub tenants: usize,
    /// How many consumers may run at once.
    pub consumers: usize,
    /// What is wanted.
    pub wishes: Vec<Wish>,
    /// What goes wrong.
    pub plan: Plan,
}

impl Scenario {
    /// One post and a script of faults.
    #[must_use]
    pub fn single(way: Way, script: Vec<(usize, crate::fault::Fault)>) -> Self {
        let wish = Wish {
            tenant: 0,
            at: Duration::ZERO,
            ways: vec![way],
            text: "the one".into(),
            ahead: None,
            patience: None,
            cancel: None,
            repeat: false,
            twin: false,
        };
        Self { seed: 1, tenants: 1, consumers: 2, wishes: vec![wish], plan: Plan::Script(script) }
    }

    /// A run by chance.
    #[must_use]
    pub fn random(seed: u64) -> Self {
        let mut random = fastrand::Rng::with_seed(seed);
        // Most runs are small, so that many differ; some are crowded.
        let size = random.u8(..100);
        let (tenants, posts, hours) = match size {
            0..92 => (random.usize(1..=3), random.usize(1..=2), 2),
            92..99 => (random.usize(1..=8), random.usize(3..=12), 24),
            _ if random.u8(..100) < 25 => (random.usize(4..=20), random.usize(60..=200), 72),
            _ => (random.usize(2..=12), random.usize(16..=40), 48),
        };
        let span = Duration::from_secs(hours * 3_600);
        let mut wishes: Vec<Wish> = Vec::with_capacity(posts);
        for number in 0..posts {
            let wish = match wishes.get(number.wrapping_sub(1)) {
                Some(last) if random.u8(..100) < 10 => {
                    let mut twin = Wish { at: last.at + Duration::from_secs(random.u64(..120)), ..last.clone() };
                    twin.twin = true;
                    twin
                }
                Some(_) | None => wish(&mut random, tenants, number, span),
            };
            if wish.twin
                && let Some(last) = wishes.last_mut()
            {
                last.twin = true;
            }
            wishes.push(wish);
        }
        let mix = Mix::random(&mut random, span);
        let consumers = random.usize(1..=4);
        Self { seed, tenants, consumers, wishes, plan: Plan::Random(mix, span + Duration::from_mins(30)) }
    }
}

fn wish(random: &mut fastrand::Rng, tenants: usize, number: usize, span: Duration) -> Wish {
    let tenant = random.usize(..tenants);
    let mut ways: Vec<Way> = Way::ALL.into_iter().filter(|_| random.u8(..100) < 40).collect();
    if ways.is_empty() {
        ways.extend(random.choice(Way::ALL));
    }
    let seconds = |random: &mut fastrand::Rng, most: u64| Duration::from_secs(random.u64(1..=most));
    let ahead = (random.u8(..100) < 40).then(|| {
        let most = if random.bool() { 120 } else { span.as_secs() };
        seconds(random, most)
    });
    let patience = (random.u8(..100) < 15).then(|| seconds(random, 3_600));
    let cancel = (random.u8(..100) < 10).then(|| seconds(random, 200));
    let burst = random.u8(..100) < 50;
    let at = if burst { seconds(random, 30) } else { seconds(random, span.as_secs()) };
    let repeat = random.u8(..100) < 20;
    Wish {
        tenant,
        at,
        ways,
        text: format!("tenant {tenant} post {number}"),
        ahead,
        patience,
        cancel,
        repeat,
        twin: false,
    }
}

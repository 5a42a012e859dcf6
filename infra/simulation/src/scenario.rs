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
    /// When it is changed, after it was asked for, and how.
    pub edit: Option<Edit>,
    /// Whether the request is sent once more after it was accepted.
    pub repeat: bool,
    /// Whether another wish says the same at the same place.
    pub twin: bool,
}

impl Wish {
    /// What the post may say, in the end: what was asked for, and what an edit makes of it.
    pub fn texts(&self) -> impl Iterator<Item = &str> {
        std::iter::once(self.text.as_str()).chain(self.edit.iter().map(|edit| edit.text.as_str()))
    }
}

/// A change of a post.
#[derive(Debug, Clone)]
pub struct Edit {
    /// How long after the post was asked for.
    pub after: Duration,
    /// What it shall say.
    pub text: String,
    /// How far ahead of the edit it shall go out; as before if absent.
    pub ahead: Option<Duration>,
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
    /// When somebody sends everything that failed back to work, through the API.
    pub redrives: Vec<Duration>,
    /// What goes wrong.
    pub plan: Plan,
}

impl Scenario {
    /// One post and a script of faults. With this seed the model makes whoever publishes there wait once: further waits
    /// would meet nothing new.
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
            edit: None,
            repeat: false,
            twin: false,
        };
        let plan = Plan::Script(script);
        Self { seed: 4, tenants: 1, consumers: 2, wishes: vec![wish], redrives: Vec::new(), plan }
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
                    let mut twin = twin(&mut random, last);
                    twin.twin = true;
                    // Twins are told apart by their texts nowhere: nobody edits them.
                    twin.edit = None;
                    twin
                }
                Some(_) | None => wish(&mut random, tenants, number, span),
            };
            if wish.twin
                && let Some(last) = wishes.last_mut()
            {
                last.twin = true;
                last.edit = None;
            }
            wishes.push(wish);
        }
        let mix = Mix::random(&mut random, span);
        let consumers = random.usize(1..=4);
        let redrives = (0..random.usize(..3)).map(|_| span.mul_f64(random.f64())).collect();
        Self { seed, tenants, consumers, wishes, redrives, plan: Plan::Random(mix, span + Duration::from_mins(30)) }
    }
}

/// A post that says the same at the same place: asked for at about the same time, or when the other one goes out.
fn twin(random: &mut fastrand::Rng, of: &Wish) -> Wish {
    let later = Duration::from_secs(random.u64(..120));
    match of.ahead {
        Some(ahead) if random.bool() => Wish { at: of.at + ahead + later, ahead: None, ..of.clone() },
        Some(_) | None => Wish { at: of.at + later, ..of.clone() },
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
    // Some change their mind at the last moment.
    let in_time = match ahead.filter(|_| random.u8(..100) < 70) {
        Some(ahead) => ahead.saturating_sub(Duration::from_millis(random.u64(..1_500))),
        None => seconds(random, 300),
    };
    let edit = (random.u8(..100) < 20).then(|| Edit {
        after: in_time,
        text: format!("tenant {tenant} post {number}, edited"),
        // Who has named a last moment keeps to it.
        ahead: (patience.is_none() && random.bool()).then(|| seconds(random, 1_200)),
    });
    Wish {
        tenant,
        at,
        ways,
        text: format!("tenant {tenant} post {number}"),
        ahead,
        patience,
        cancel,
        edit,
        repeat,
        twin: false,
    }
}

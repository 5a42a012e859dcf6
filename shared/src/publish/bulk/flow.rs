//! The way of many posts through the queue and the store: noted, sent, stored, a bounded number at once.
//!
//! A post's jobs go out before its row is written, as always; ten jobs of any posts make one call. Of what has begun,
//! everything ends before anything new is begun, so that no job waits long for its post.

use std::{
    collections::{BTreeSet, VecDeque},
    sync::Arc,
    time::Duration,
};

use jiff::Timestamp;
use tokio::{task::JoinSet, time::Instant};

use super::{
    super::{Accepted, Guarded, Notes, Publisher, jobs, unsent},
    answer::Results,
};
use crate::{
    http::Caller,
    ids::PostId,
    post::Post,
    problem::{Code, Problem},
    queue::{Delay, Job},
    telemetry::Chain,
};

/// How many calls are in flight at once.
const IN_FLIGHT: usize = 16;
/// How many of these send jobs: what is sent waits for its row to be written.
const SENDING: usize = 2;
/// How many jobs one call sends.
const BATCH: usize = 10;
/// Kept back from the function's time for the answer.
const ANSWER_TAKES: Duration = Duration::from_secs(1);
/// With less time than this before the end no post is begun.
const SHORTEST: Duration = Duration::from_secs(3);

/// When what must have ended.
#[derive(Debug, Clone, Copy)]
pub(super) struct Deadline {
    /// No post is begun any more.
    begun: Instant,
    /// What is still at work is broken off.
    broken_off: Instant,
}

impl Deadline {
    pub(super) fn after(time_left: Duration) -> Self {
        let now = Instant::now();
        let before = |kept: Duration| now + time_left.saturating_sub(kept);
        Self { begun: before(ANSWER_TAKES + SHORTEST), broken_off: before(ANSWER_TAKES) }
    }
}

/// A post on its way.
pub(super) struct Item {
    index: usize,
    post: Post,
    now: Timestamp,
    allow_duplicate: bool,
    /// What it says where, if that is guarded.
    contents: Vec<String>,
    jobs: Vec<(Job, Delay)>,
    notes: Notes,
}

impl Item {
    pub(super) fn new(
        index: usize,
        post: Post,
        (allow_duplicate, contents): (bool, Vec<String>),
        now: Timestamp,
    ) -> Self {
        Self { index, post, now, allow_duplicate, contents, jobs: Vec::new(), notes: Notes::default() }
    }
}

/// A post that cannot be accepted now, unless it was accepted before.
pub(super) struct Lookup {
    pub(super) index: usize,
    pub(super) id: PostId,
    pub(super) fingerprint: String,
    pub(super) problem: Problem,
}

/// What a task leaves behind.
enum Done {
    /// It is noted, or another post stands in its way.
    Guarded(Box<Item>, Result<Option<Problem>, Problem>),
    /// These are in the queue, and those are not.
    Sent(Vec<Item>, Vec<(usize, Problem)>),
    /// It has come to its end.
    Ended(usize, Result<Accepted, Problem>),
    /// It was accepted before, or not.
    Found(usize, Result<Accepted, Problem>),
}

/// Everything on its way.
pub(super) struct Flow {
    publisher: Arc<Publisher>,
    caller: Caller,
    now: Timestamp,
    deadline: Deadline,
    waiting: VecDeque<Item>,
    sendable: VecDeque<Item>,
    writable: VecDeque<Item>,
    lookups: VecDeque<Lookup>,
    /// What is being noted at this moment: of two posts that say the same, the first is noted first.
    guarding: BTreeSet<String>,
    sending: usize,
    /// Posts with jobs in the queue, or about to be: only the store knows what became of them.
    begun: BTreeSet<usize>,
    tasks: JoinSet<Done>,
}

impl Flow {
    pub(super) fn new(publisher: &Publisher, caller: Caller, now: Timestamp, deadline: Deadline) -> Self {
        Self {
            publisher: Arc::new(publisher.clone()),
            caller,
            now,
            deadline,
            waiting: VecDeque::new(),
            sendable: VecDeque::new(),
            writable: VecDeque::new(),
            lookups: VecDeque::new(),
            guarding: BTreeSet::new(),
            sending: 0,
            begun: BTreeSet::new(),
            tasks: JoinSet::new(),
        }
    }

    pub(super) fn push(&mut self, mut item: Item) {
        item.jobs = jobs(&self.caller, &item.post, self.now);
        self.waiting.push_back(item);
    }

    pub(super) fn look_up(&mut self, lookup: Lookup) {
        self.lookups.push_back(lookup);
    }

    /// Brings everything to its end, or to the end of the time.
    pub(super) async fn run(mut self, results: &mut Results) {
        loop {
            self.begin();
            match tokio::time::timeout_at(self.deadline.broken_off, self.tasks.join_next()).await {
                Ok(Some(Ok(done))) => self.take(done, results),
                Ok(Some(Err(error))) => tracing::error!(error = %Chain(&error), "a post was lost on its way"),
                Ok(None) => break,
                Err(_) => {
                    self.tasks.shutdown().await;
                    break;
                }
            }
        }
        results.fill(|index| {
            let text = if self.begun.contains(&index) {
                "It is not known whether the post was accepted; send the same post again."
            } else {
                "The time was up before this post was begun; send the same post again."
            };
            Problem::new(Code::Unavailable, text)
        });
    }

    /// Begins as much as may be in flight; what has come farthest goes first.
    fn begin(&mut self) {
        let in_time = Instant::now() < self.deadline.begun;
        while self.tasks.len() < IN_FLIGHT {
            if let Some(item) = self.writable.pop_front() {
                self.store(item);
            } else if in_time && self.has_batch() {
                self.send();
            } else if in_time && let Some(item) = self.next_waiting() {
                self.start(item);
            } else if in_time && let Some(lookup) = self.lookups.pop_front() {
                self.find(lookup);
            } else {
                return;
            }
        }
    }

    /// Whether there are jobs for a whole call, or for the last one.
    fn has_batch(&self) -> bool {
        let jobs = || self.sendable.iter().map(|item| item.jobs.len()).sum::<usize>();
        let last = self.waiting.is_empty() && self.guarding.is_empty();
        self.sending < SENDING && !self.sendable.is_empty() && (last || jobs() >= BATCH)
    }

    /// The next post that says nothing that is being noted at this moment.
    fn next_waiting(&mut self) -> Option<Item> {
        let free = |item: &Item| item.contents.iter().all(|content| !self.guarding.contains(content));
        let position = self.waiting.iter().position(free)?;
        self.waiting.remove(position)
    }

    fn start(&mut self, mut item: Item) {
        if item.contents.is_empty() {
            return self.noted(item);
        }
        self.guarding.extend(item.contents.iter().cloned());
        let (publisher, caller) = (Arc::clone(&self.publisher), self.caller);
        self.tasks.spawn(async move {
            let guarded = publisher.guard(&caller, &item.post, item.allow_duplicate, item.now).await;
            let outcome = match guarded {
                Ok(Guarded::Free(notes)) => {
                    item.notes = notes;
                    Ok(None)
                }
                Ok(Guarded::Duplicate(problem)) => Ok(Some(problem)),
                Err(problem) => Err(problem),
            };
            Done::Guarded(Box::new(item), outcome)
        });
    }

    fn noted(&mut self, item: Item) {
        if item.jobs.is_empty() {
            self.begun.insert(item.index);
            self.writable.push_back(item);
        } else {
            self.sendable.push_back(item);
        }
    }

    /// Sends the jobs of as many posts as one call takes; a post with more has calls of its own.
    fn send(&mut self) {
        let mut items: Vec<Item> = Vec::new();
        let mut count = 0;
        while let Some(item) = self.sendable.pop_front_if(|item| count == 0 || count + item.jobs.len() <= BATCH) {
            count += item.jobs.len();
            self.begun.insert(item.index);
            items.push(item);
        }
        self.sending += 1;
        let (publisher, caller) = (Arc::clone(&self.publisher), self.caller);
        self.tasks.spawn(async move {
            let jobs: Vec<(Job, Delay)> = items.iter().flat_map(|item| item.jobs.iter().copied()).collect();
            let mut outcomes = publisher.queue.send_each(&jobs).await.into_iter();
            let (mut sent, mut unable) = (Vec::new(), Vec::new());
            for mut item in items {
                // Every outcome is taken out, so that the next post gets its own.
                let own: Vec<_> = outcomes.by_ref().take(item.jobs.len()).collect();
                match own.into_iter().collect::<Result<(), _>>() {
                    Ok(()) => sent.push(item),
                    Err(error) => {
                        publisher.take_back(&caller, item.post.id, std::mem::take(&mut item.notes)).await;
                        unable.push((item.index, unsent(&error)));
                    }
                }
            }
            Done::Sent(sent, unable)
        });
    }

    fn store(&mut self, item: Item) {
        let (publisher, caller) = (Arc::clone(&self.publisher), self.caller);
        self.tasks.spawn(async move {
            let Item { index, post, notes, now, .. } = item;
            Done::Ended(index, publisher.accept(&caller, post, notes, now).await)
        });
    }

    fn find(&mut self, lookup: Lookup) {
        let (publisher, caller) = (Arc::clone(&self.publisher), self.caller);
        self.tasks.spawn(async move {
            let Lookup { index, id, fingerprint, problem } = lookup;
            Done::Found(index, publisher.replay_or(&caller, id, &fingerprint, problem).await)
        });
    }

    fn take(&mut self, done: Done, results: &mut Results) {
        match done {
            Done::Guarded(item, outcome) => {
                for content in &item.contents {
                    self.guarding.remove(content);
                }
                match outcome {
                    Ok(None) => self.noted(*item),
                    Ok(Some(problem)) => {
                        let Item { index, post, .. } = *item;
                        let (id, fingerprint) = (post.id, post.request_fingerprint);
                        self.look_up(Lookup { index, id, fingerprint, problem });
                    }
                    Err(problem) => results.refuse(item.index, problem),
                }
            }
            Done::Sent(sent, unable) => {
                self.sending = self.sending.saturating_sub(1);
                self.writable.extend(sent);
                for (index, problem) in unable {
                    results.refuse(index, problem);
                }
            }
            Done::Ended(index, Ok(accepted)) => results.accept(index, &accepted),
            Done::Found(index, Ok(accepted)) => results.accept_found(index, &accepted),
            Done::Ended(index, Err(problem)) | Done::Found(index, Err(problem)) => results.refuse(index, problem),
        }
    }
}

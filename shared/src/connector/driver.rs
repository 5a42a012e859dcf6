//! Runs any connector: sends what it asks for, puts on disk first what must be there first, and turns silence after a
//! publish into [`Ended::Unknown`].
//!
//! The order is the promise: a call that makes a post visible leaves only after its intent is stored, and is sent at
//! most once. Whatever happens to the process after that, the intent says that the platform has to be asked.

use std::time::Duration;

use jiff::SignedDuration;
use serde::Serialize;
use tokio::time::Instant;

use super::{
    Act, Answer, Authentication, Body, Checkpoint, Connector, ConnectorError, Disposition, Effect, Flow, Next,
    Prepared, Published, Refusal, Request, Step,
    canonical::{canonical, sha256_hex},
    retry_after::retry_after,
    source::Source,
    transport::{Cause, Transport, TransportError},
};
use crate::{
    defect::Defect,
    secret::{AccessToken, AppCredentials},
};

// Bounds on conversations that a hostile or confused platform could keep going for ever.
const MOST_FLOW_CALLS: usize = 250;
const MOST_PUBLISH_STEPS: u32 = 50;
/// The most pieces of files in one run; the time ends most runs sooner, and the next one goes on from the checkpoint.
const MOST_PIECES: u32 = 2_000;

/// The time that calls may take: each call gets what is left, up to a limit, and none starts with too little left.
#[derive(Debug, Clone, Copy)]
pub struct Budget {
    ends: Instant,
    longest_call: Duration,
    shortest_call: Duration,
}

impl Budget {
    /// The longest that one call may take, unless said otherwise.
    pub const LONGEST_CALL: Duration = Duration::from_secs(20);
    /// With less than this left no call is started, unless said otherwise.
    pub const SHORTEST_CALL: Duration = Duration::from_secs(2);

    /// A budget that begins now and lasts `total`.
    #[must_use]
    pub fn lasting(total: Duration) -> Self {
        Self { ends: Instant::now() + total, longest_call: Self::LONGEST_CALL, shortest_call: Self::SHORTEST_CALL }
    }

    /// Sets how long a call may take at most, and how much must be left for one to start.
    #[must_use]
    pub fn with_calls(mut self, shortest: Duration, longest: Duration) -> Self {
        self.shortest_call = shortest;
        self.longest_call = longest;
        self
    }

    /// The deadline of a call that starts now, or `None` if too little is left.
    #[must_use]
    pub fn next_call(&self) -> Option<Duration> {
        let left = self.left();
        (left >= self.shortest_call).then(|| left.min(self.longest_call))
    }

    fn left(&self) -> Duration {
        self.ends.saturating_duration_since(Instant::now())
    }
}

/// Everything that calls to one platform account have in common.
pub struct Calls<'a> {
    /// Sends the calls.
    pub transport: &'a dyn Transport,
    /// The platform.
    pub connector: &'a dyn Connector,
    /// Our app there.
    pub app: &'a AppCredentials,
    /// The token that calls are signed with; flows that bring their own need none.
    pub token: Option<&'a AccessToken>,
    /// The time that is left.
    pub budget: Budget,
    hold_back: Option<SignedDuration>,
    contact: Option<Contact>,
}

/// How the last call ended, as far as it tells whether the platform is there at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Contact {
    /// It answered, whatever it said.
    Answered,
    /// It answered that it is failing (5xx).
    Failing,
    /// The call left and nothing came back.
    Silent,
    /// It could not be reached; nothing left this machine.
    NotReached,
}

impl Contact {
    fn of(outcome: &Result<Answer, TransportError>) -> Option<Self> {
        match outcome {
            Ok(answer) if answer.status.is_server_error() => Some(Self::Failing),
            Ok(_) => Some(Self::Answered),
            // Our own mistake: it says nothing about the platform.
            Err(TransportError::NotSent(Cause::Address | Cause::Malformed) | TransportError::Source(_)) => None,
            Err(TransportError::NotSent(_)) => Some(Self::NotReached),
            Err(TransportError::NoAnswer(_)) => Some(Self::Silent),
        }
    }
}

impl<'a> Calls<'a> {
    /// Calls through `transport` to the platform of `connector`.
    #[must_use]
    pub fn new(
        transport: &'a dyn Transport,
        connector: &'a dyn Connector,
        app: &'a AppCredentials,
        token: Option<&'a AccessToken>,
        budget: Budget,
    ) -> Self {
        Self { transport, connector, app, token, budget, hold_back: None, contact: None }
    }

    /// How long the platform asked us to hold back, by `Retry-After` and the usage figures on the answers so far: the longest
    /// of them.
    #[must_use]
    pub fn hold_back(&self) -> Option<SignedDuration> {
        self.hold_back
    }

    /// How the last call ended, if one was made.
    #[must_use]
    pub fn contact(&self) -> Option<Contact> {
        self.contact
    }

    async fn send(&mut self, mut request: Request) -> Result<Answer, CallFailed> {
        match (request.authentication, self.token) {
            (Authentication::Complete, _) => {}
            (Authentication::Token, Some(token)) => self.connector.sign(&mut request, token, self.app),
            (Authentication::Token, None) => return Err(CallFailed::Refused(token_missing())),
        }
        let deadline = self.budget.next_call().ok_or(CallFailed::OutOfTime)?;
        let platform = self.connector.platform().name();
        let began = Instant::now();
        let outcome = self.transport.send(request, deadline).await;
        let duration_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.contact = Contact::of(&outcome).or(self.contact);
        match outcome {
            Ok(answer) => {
                tracing::debug!(connector.name = platform, status = answer.status.as_u16(), duration_ms, "answered");
                let asked = self.connector.usage_wait(&answer).max(retry_after(&answer.headers));
                self.hold_back = self.hold_back.max(asked);
                Ok(answer)
            }
            Err(error) => {
                tracing::debug!(connector.name = platform, %error, duration_ms, "no answer");
                Err(CallFailed::Transport(error))
            }
        }
    }
}

impl Calls<'_> {
    /// Whether a call failed for nothing but the end of our time, without any effect that may not be repeated.
    fn is_cut_off(&self, failure: &CallFailed, effect: Effect) -> bool {
        let may_be_repeated = match failure {
            CallFailed::Transport(TransportError::NotSent(Cause::Timeout)) => true,
            CallFailed::Transport(TransportError::NoAnswer(Cause::Timeout)) => effect != Effect::Publish,
            CallFailed::Transport(_) | CallFailed::Refused(_) | CallFailed::OutOfTime | CallFailed::TooManyCalls => {
                false
            }
        };
        may_be_repeated && self.budget.next_call().is_none()
    }

    async fn look(&mut self, source: Source) -> Result<Answer, CallFailed> {
        let deadline = self.budget.next_call().ok_or(CallFailed::OutOfTime)?;
        let seen = self.transport.look(source, deadline).await;
        seen.map(|seen| seen.answer()).map_err(|problem| CallFailed::Transport(TransportError::Source(problem)))
    }
}

/// A flow that did not reach its end.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CallFailed {
    /// The platform refused, or its answer cannot be read.
    #[error(transparent)]
    Refused(#[from] ConnectorError),
    /// There is no answer.
    #[error(transparent)]
    Transport(TransportError),
    /// The time budget does not allow another call; the last one was not started.
    #[error("no time is left for another call")]
    OutOfTime,
    /// More calls than any honest conversation needs.
    #[error("the platform keeps the conversation going without end")]
    TooManyCalls,
}

impl CallFailed {
    /// What to do about it, for a flow whose calls may be repeated.
    #[must_use]
    pub fn disposition(&self) -> Disposition {
        match self {
            Self::Refused(error) => error.disposition(Effect::Read),
            Self::Transport(TransportError::Source(problem)) => problem.error().disposition(Effect::Read),
            Self::Transport(_) | Self::OutOfTime => Disposition::Retry(None),
            Self::TooManyCalls => Disposition::Fail,
        }
    }

    /// The refusal to record, whatever the kind.
    #[must_use]
    pub fn refusal(&self) -> Refusal {
        match self {
            Self::Refused(error) => error.refusal(),
            Self::Transport(error) => unanswered(*error),
            Self::OutOfTime => ours("platform.out_of_time", "There was no time left to call the platform."),
            Self::TooManyCalls => ours("platform.endless", "The platform's listing did not come to an end."),
        }
    }
}

/// Runs a flow to its end.
///
/// # Errors
/// The platform refused, did not answer, or the time ran out.
pub async fn run_flow<T>(mut flow: Box<dyn Flow<T>>, calls: &mut Calls<'_>) -> Result<T, CallFailed> {
    let mut answer = None;
    for _ in 0..=MOST_FLOW_CALLS {
        match flow.advance(answer.as_ref())? {
            Step::Done(result) => return Ok(result),
            Step::Call(request) => answer = Some(calls.send(request).await?),
        }
    }
    Err(CallFailed::TooManyCalls)
}

/// The mark that a publish call may have left: on disk before it does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Intent {
    /// Which step of the publish it is, from 1.
    pub step: u32,
    /// What is published where, as a hash: see [`content_fingerprint`].
    pub fingerprint: String,
}

/// Puts on disk what must be there before a call is made.
pub trait Journal: Send {
    /// Why it could not: fenced off by a newer attempt, or the store cannot be reached.
    type Error: Send;

    /// Stores `checkpoint`, and `intent` with it if there is one: the next call is a publish and is made only if this
    /// succeeds. Whoever implements it adds the time.
    fn before_step(
        &mut self,
        intent: Option<&Intent>,
        checkpoint: &Checkpoint,
    ) -> impl Future<Output = Result<(), Self::Error>> + Send;

    /// Asked when a publish is about to leave and nothing is awaited any more: the process may have been frozen since the
    /// intent was stored, or the store slow.
    ///
    /// # Errors
    /// It must not leave now.
    fn before_publish(&mut self) -> Result<(), Self::Error> {
        Ok(())
    }
}

/// How a run of a publish ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ended<E> {
    /// The post is out.
    Published(Published),
    /// The platform is working: come back after this long with this checkpoint.
    Waiting {
        /// How long.
        delay: SignedDuration,
        /// What to remember meanwhile.
        checkpoint: Checkpoint,
        /// Whether a publish was sent and answered: what is left is to see what becomes of it, never to send it again.
        publish_answered: bool,
    },
    /// A call failed, and the post is not out because of it.
    Failed {
        /// Why.
        error: ConnectorError,
        /// What the call would have done.
        effect: Effect,
        /// What to do about it; never [`Disposition::ReadBack`].
        disposition: Disposition,
    },
    /// A publish left and nobody knows what came of it: the platform has to be asked.
    Unknown {
        /// Why nobody knows.
        cause: Refusal,
    },
    /// The time budget did not allow the next call, and it was not made, or the end of the time cut off a piece of a file of
    /// which earlier ones had got through: an intent stored for it stands for nothing.
    OutOfTime {
        /// Where to go on.
        checkpoint: Checkpoint,
    },
    /// The platform could not be reached, and nothing left this machine: an intent stored for the call stands for nothing.
    NotSent {
        /// What was in the way.
        cause: Refusal,
        /// Where to go on.
        checkpoint: Checkpoint,
    },
    /// A publish was about to leave too late, and did not: an intent stored for it stands for nothing.
    Withheld {
        /// The journal's word.
        error: E,
        /// Where to go on.
        checkpoint: Checkpoint,
    },
    /// The journal refused, and the call that needed it was not made.
    JournalLost(E),
}

/// The first step of a publish, known before the target is claimed, so that one write can be claim and intent.
#[derive(Debug)]
pub struct FirstStep {
    next: Next,
    fingerprint: String,
    stored: Checkpoint,
    publish_answered: bool,
}

impl FirstStep {
    /// Asks the connector where a publish begins, or goes on from `checkpoint`.
    ///
    /// # Errors
    /// The connector sees without any call that the platform will never take this post.
    pub fn plan(connector: &dyn Connector, post: &Prepared, checkpoint: &Checkpoint) -> Result<Self, ConnectorError> {
        let next = connector.publish(post, checkpoint, None)?;
        let fingerprint = content_fingerprint(connector, post);
        Ok(Self { next, fingerprint, stored: checkpoint.clone(), publish_answered: false })
    }

    /// Says that an earlier run had its publish answered: whatever fails from here on, the post may be out.
    #[must_use]
    pub fn after_publish(mut self) -> Self {
        self.publish_answered = true;
        self
    }

    /// The intent to store with the claim, if the first call is a publish.
    #[must_use]
    pub fn intent(&self) -> Option<Intent> {
        match &self.next {
            Next::Call { effect: Effect::Publish, .. } => {
                Some(Intent { step: 1, fingerprint: self.fingerprint.clone() })
            }
            Next::Call { effect: Effect::Read | Effect::Stage, .. }
            | Next::Look { .. }
            | Next::Wait { .. }
            | Next::Done(_) => None,
        }
    }

    /// The checkpoint to store with the claim.
    #[must_use]
    pub fn checkpoint(&self) -> &Checkpoint {
        match &self.next {
            Next::Call { checkpoint, .. } | Next::Look { checkpoint, .. } | Next::Wait { checkpoint, .. } => checkpoint,
            Next::Done(_) => &self.stored,
        }
    }
}

/// Whether the claim already put [`FirstStep::intent`] and [`FirstStep::checkpoint`] on disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FirstRecord {
    /// It did.
    Stored,
    /// It did not: the journal has to.
    NotStored,
}

/// Publishes `post` from its first step until it is out, waits, fails, or nobody knows.
pub async fn run_publish<J: Journal>(
    calls: &mut Calls<'_>,
    post: &Prepared,
    first: FirstStep,
    record: FirstRecord,
    journal: &mut J,
) -> Ended<J::Error> {
    let FirstStep { mut next, fingerprint, mut stored, publish_answered: mut publish_left } = first;
    let (mut step, mut pieces) = (0, 0);
    // How long a piece of this run has taken at most, if one has got through.
    let mut slowest_piece: Option<Duration> = None;
    while step < MOST_PUBLISH_STEPS && pieces < MOST_PIECES {
        let (asked, effect, checkpoint) = match next {
            Next::Done(published) => return Ended::Published(published),
            Next::Wait { delay, checkpoint } => {
                return Ended::Waiting { delay, checkpoint, publish_answered: publish_left };
            }
            Next::Call { request, effect, checkpoint } => (Asked::Platform(request), effect, checkpoint),
            Next::Look { source, checkpoint } => (Asked::File(source), Effect::Read, checkpoint),
        };
        // A large file has many pieces, and each brings the publish nearer to its end.
        let is_piece = matches!(&asked, Asked::Platform(Request { body: Body::Piece(_), .. }));
        if is_piece {
            pieces += 1;
        } else {
            step += 1;
        }
        // What is cut off would have to be sent again: a piece that may take longer than there is time is the next run's.
        let may_be_cut_off = is_piece && slowest_piece.is_some_and(|slowest| calls.budget.left() < slowest * 2);
        if may_be_cut_off || calls.budget.next_call().is_none() {
            // The call is not made. What a publish was answered with is in the checkpoint: the next run goes on from it.
            return if publish_left {
                Ended::Waiting { delay: SignedDuration::ZERO, checkpoint, publish_answered: true }
            } else {
                Ended::OutOfTime { checkpoint }
            };
        }
        let is_first = step + pieces == 1;
        let on_disk = is_first && record == FirstRecord::Stored;
        let intent = (effect == Effect::Publish)
            .then(|| Intent { step: step.saturating_add(pieces), fingerprint: fingerprint.clone() });
        if !on_disk
            && (intent.is_some() || checkpoint != stored)
            && let Err(error) = journal.before_step(intent.as_ref(), &checkpoint).await
        {
            return Ended::JournalLost(error);
        }
        stored = checkpoint;
        if effect == Effect::Publish
            && let Err(error) = journal.before_publish()
        {
            return if publish_left {
                Ended::Unknown { cause: ours("platform.out_of_time", "There was no time left to call the platform.") }
            } else {
                Ended::Withheld { error, checkpoint: stored }
            };
        }
        let (began, contact) = (Instant::now(), calls.contact);
        let outcome = match asked {
            Asked::Platform(request) => calls.send(request).await,
            Asked::File(source) => calls.look(source).await,
        };
        // From here on the platform may have acted, unless the transport knows better.
        next = match outcome {
            Ok(answer) => {
                publish_left |= effect == Effect::Publish;
                if is_piece {
                    slowest_piece = slowest_piece.max(Some(began.elapsed()));
                }
                match calls.connector.publish(post, &stored, Some(&answer)) {
                    Ok(next) => next,
                    Err(error) => return refused(error, effect, publish_left),
                }
            }
            // Pieces get through, and our own time was over: that is no word of the platform's, and no failure.
            Err(failure)
                if is_piece && slowest_piece.is_some() && !publish_left && calls.is_cut_off(&failure, effect) =>
            {
                calls.contact = contact;
                return Ended::OutOfTime { checkpoint: stored };
            }
            Err(failure) => return unsent(failure, effect, publish_left, stored),
        };
    }
    let error = ConnectorError::Unreadable { what: "an end to the steps of a publish" };
    refused(error, Effect::Stage, publish_left)
}

/// Who is asked next.
#[expect(clippy::large_enum_variant, reason = "there is one at a time, and a call is the usual one")]
enum Asked {
    Platform(Request),
    File(Source),
}

/// What a publish puts where: see [`fingerprint_of`].
#[must_use]
pub fn content_fingerprint(connector: &dyn Connector, post: &Prepared) -> String {
    match &post.options {
        // As builds wrote it that knew no options.
        None => fingerprint_of(&(connector.platform(), &post.destination, &post.content)),
        Some(options) => fingerprint_of(&(connector.platform(), &post.destination, &post.content, options)),
    }
}

/// A value as SHA-256 in hexadecimal digits over one canonical JSON spelling: equal values have equal fingerprints,
/// whatever the order of their keys.
#[must_use]
pub fn fingerprint_of(value: &impl Serialize) -> String {
    // What is hashed here is plain data with text keys, which JSON can always hold; anything else would hash as null.
    sha256_hex(&canonical(&serde_json::to_value(value).unwrap_or_default()))
}

// A publish that was answered and whose later steps fail is not a failed publish: only its own answer can say that.
fn refused<E>(error: ConnectorError, effect: Effect, publish_left: bool) -> Ended<E> {
    let disposition = error.disposition(effect);
    let is_unknown = match disposition {
        Disposition::ReadBack => true,
        Disposition::Retry(_) | Disposition::Reconnect | Disposition::Fail | Disposition::Operator => {
            publish_left && effect != Effect::Publish
        }
    };
    if is_unknown { Ended::Unknown { cause: error.refusal() } } else { Ended::Failed { error, effect, disposition } }
}

fn unsent<E>(failure: CallFailed, effect: Effect, publish_left: bool, checkpoint: Checkpoint) -> Ended<E> {
    let is_unknown = publish_left
        || match (&failure, effect) {
            (CallFailed::Transport(TransportError::NoAnswer(_)), Effect::Publish) => {
                !Defect::RepeatsUnansweredPublishes.is_present()
            }
            (
                CallFailed::Transport(_) | CallFailed::Refused(_) | CallFailed::OutOfTime | CallFailed::TooManyCalls,
                _,
            ) => false,
        };
    if is_unknown {
        return Ended::Unknown { cause: failure.refusal() };
    }
    let error = match failure {
        CallFailed::OutOfTime => return Ended::OutOfTime { checkpoint },
        CallFailed::Refused(error) => error,
        CallFailed::Transport(TransportError::NotSent(Cause::Connect | Cause::Timeout | Cause::Broken)) => {
            return Ended::NotSent { cause: failure.refusal(), checkpoint };
        }
        CallFailed::Transport(TransportError::NotSent(Cause::Address | Cause::Malformed | Cause::TooLarge))
        | CallFailed::TooManyCalls => ConnectorError::Transient(failure.refusal()),
        CallFailed::Transport(TransportError::Source(problem)) => problem.error(),
        CallFailed::Transport(TransportError::NoAnswer(_)) => ConnectorError::Unavailable(failure.refusal()),
    };
    let disposition = error.disposition(effect);
    Ended::Failed { error, effect, disposition }
}

fn unanswered(error: TransportError) -> Refusal {
    match error {
        TransportError::NotSent(cause) => Refusal {
            platform_code: Some(cause.name().into()),
            ..ours("platform.not_reached", "The platform could not be reached; nothing was sent.")
        },
        TransportError::NoAnswer(cause) => Refusal {
            platform_code: Some(cause.name().into()),
            ..ours("platform.no_answer", "The platform did not answer; what it did is not known.")
        },
        TransportError::Source(problem) => problem.refusal(),
    }
}

fn token_missing() -> ConnectorError {
    ConnectorError::Operator(Refusal {
        act: Act::Operator,
        ..ours("platform.token_missing", "A call needs a token and none was given.")
    })
}

fn ours(code: &str, message: &str) -> Refusal {
    Refusal { code: code.into(), message: message.into(), platform_code: None, trace_id: None, act: Act::Nobody }
}

#[cfg(test)]
mod tests;

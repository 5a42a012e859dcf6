//! Publishes in steps: the quota, a container for each file of a carousel, the container of the post, looks at what they are
//! at, the publish itself, and where it is seen.
//!
//! Everything but `media_publish` may be repeated. Its container's id is in the checkpoint before it leaves, and whoever
//! comes after it looks at that container first: what it is at says whether it was published.

use jiff::SignedDuration;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    classify, graph,
    plan::{self, Form},
    preflight::preflight,
    requests,
};
use crate::connector::{
    Act, Answer, Checkpoint, ConnectorError, Disposition, Effect, Finding, Next, Prepared, Published, Refusal, Request,
    settings::InstagramSettings,
};

/// The day of the quota rolls, and nobody says when it frees.
const QUOTA_WAIT: SignedDuration = SignedDuration::from_mins(60);
/// Before a container is made again that failed for the moment.
const PAUSE: SignedDuration = SignedDuration::from_secs(30);
/// How often a post that is out is asked for its address.
const ADDRESS_TRIES: u64 = 3;

/// Where a publish stands. The names are in checkpoints.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Step {
    #[default]
    Quota,
    Child,
    ChildStatus,
    Container,
    Status,
    Publish,
    /// It was published by a call that nobody saw the end of, and that was taken for none.
    Find,
    Address,
}

/// What is remembered between steps.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct State {
    step: Step,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    children: Vec<String>,
    /// How many of the children are finished.
    #[serde(default)]
    ready: usize,
    /// What is published.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) container: Option<String>,
    /// Whether a publish of this container left, or was about to.
    #[serde(default)]
    sent: bool,
    /// What was published.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) media: Option<String>,
    /// Looks at one thing, and how long they were apart in all, in seconds.
    #[serde(default)]
    looks: u64,
    #[serde(default)]
    waited: i64,
    /// Containers that were given up.
    #[serde(default)]
    lost: u64,
}

impl State {
    /// What a checkpoint holds; an empty one is the beginning.
    pub(super) fn read(checkpoint: &Checkpoint) -> Result<Self, ConnectorError> {
        Ok(checkpoint.read()?.unwrap_or_default())
    }

    fn checkpoint(&self) -> Checkpoint {
        Checkpoint::of(self)
    }

    fn at(&self, step: Step) -> Self {
        Self { step, looks: 0, waited: 0, ..self.clone() }
    }
}

/// What a container says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Status {
    InProgress,
    Finished,
    Published,
    Expired,
    Failed,
}

/// Reads what a container is at. A word that nobody knows is taken for work in progress: it says neither yes nor no.
pub(super) fn status(body: &Value) -> Result<Status, ConnectorError> {
    let word = body.get("status_code").and_then(Value::as_str);
    Ok(match word.ok_or(ConnectorError::Unreadable { what: "the `status_code` of a container" })? {
        "FINISHED" => Status::Finished,
        "PUBLISHED" => Status::Published,
        "EXPIRED" => Status::Expired,
        "ERROR" => Status::Failed,
        _ => Status::InProgress,
    })
}

struct Publish<'a> {
    settings: &'a InstagramSettings,
    post: &'a Prepared,
    form: Form,
}

/// The next step.
pub(super) fn step(
    settings: &InstagramSettings,
    post: &Prepared,
    checkpoint: &Checkpoint,
    answer: Option<&Answer>,
) -> Result<Next, ConnectorError> {
    let state = State::read(checkpoint)?;
    let form = Form::of(&post.content, plan::options(post.options.as_ref()));
    let publish = Publish { settings, post, form };
    match answer {
        Some(answer) => publish.take(state, answer),
        None if state.step == Step::Quota => {
            match preflight(settings, &post.content, post.options.as_ref()).into_iter().next() {
                Some(finding) => Err(refused_before(finding)),
                None => publish.ask(state),
            }
        }
        // Nobody knows what became of it: the container does.
        None if state.step == Step::Publish => publish.ask(state.at(Step::Status)),
        None => publish.ask(state),
    }
}

impl Publish<'_> {
    /// The call of a step.
    fn ask(&self, mut state: State) -> Result<Next, ConnectorError> {
        let account = self.post.destination.as_str();
        let (request, effect) = match state.step {
            Step::Quota => (requests::quota(self.settings, account), Effect::Read),
            Step::Child => (requests::child(self.settings, self.post, state.children.len())?, Effect::Stage),
            Step::ChildStatus => {
                let child = state.children.get(state.ready).ok_or(NO_CONTAINER)?;
                (requests::status(self.settings, child), Effect::Read)
            }
            Step::Container => {
                (requests::container(self.settings, self.post, self.form, &state.children)?, Effect::Stage)
            }
            Step::Status => (requests::status(self.settings, container(&state)?), Effect::Read),
            Step::Publish => {
                state.sent = true;
                (requests::publish(self.settings, account, container(&state)?), Effect::Publish)
            }
            // From here on nobody may say that it is not out: what becomes of this call is read back.
            Step::Find => (requests::status(self.settings, container(&state)?), Effect::Publish),
            Step::Address => {
                let media = state.media.as_deref().ok_or(NO_CONTAINER)?;
                (requests::permalink(self.settings, media), Effect::Read)
            }
        };
        Ok(Self::call(request, effect, &state))
    }

    fn call(request: Request, effect: Effect, state: &State) -> Next {
        Next::Call { request, effect, checkpoint: state.checkpoint() }
    }

    /// What an answer leads to.
    fn take(&self, mut state: State, answer: &Answer) -> Result<Next, ConnectorError> {
        match state.step {
            Step::Quota => {
                check_quota(&graph::read(answer)?)?;
                self.ask(state.at(self.first()))
            }
            Step::Child => {
                state.children.push(created(answer)?);
                let is_last = state.children.len() >= self.post.content.media.len();
                self.ask(state.at(if is_last { Step::ChildStatus } else { Step::Child }))
            }
            Step::ChildStatus | Step::Status => self.looked(state, answer),
            Step::Container => match created(answer) {
                Ok(id) => self.ask(State { container: Some(id), sent: false, ..state.at(Step::Status) }),
                // The files of a carousel end with their day.
                Err(error) if self.form == Form::Carousel && is_gone(&error) => self.again(&state, error, PAUSE),
                Err(error) => Err(error),
            },
            Step::Publish => {
                let body = graph::read(answer)?;
                let id = graph::id(body.get("id")).ok_or(ConnectorError::Unreadable { what: "the id of the post" })?;
                self.ask(State { media: Some(id), ..state.at(Step::Address) })
            }
            Step::Find => Err(graph::read(answer).err().unwrap_or_else(classify::published_before)),
            Step::Address => self.addressed(&state, answer),
        }
    }

    fn first(&self) -> Step {
        match self.form {
            Form::Carousel => Step::Child,
            Form::Image | Form::Reel | Form::Story => Step::Container,
        }
    }

    fn looked(&self, mut state: State, answer: &Answer) -> Result<Next, ConnectorError> {
        let body = match graph::read(answer) {
            // Containers that were there have been said to be missing: for a while that is believed of none.
            Err(error) if graph::is_missing(&error) => {
                let is_early = state.waited < self.settings.looks.patience.as_secs();
                return if state.sent || is_early { Ok(self.wait(state)) } else { self.again(&state, error, PAUSE) };
            }
            read => read?,
        };
        let is_child = state.step == Step::ChildStatus;
        match status(&body)? {
            Status::InProgress => Ok(self.wait(state)),
            Status::Finished if is_child => {
                state.ready += 1;
                let is_last = state.ready >= state.children.len();
                self.ask(state.at(if is_last { Step::Container } else { Step::ChildStatus }))
            }
            Status::Finished => self.ask(state.at(Step::Publish)),
            Status::Published if is_child => self.again(&state, classify::expired(), PAUSE),
            Status::Published => self.ask(state.at(Step::Find)),
            Status::Expired => self.again(&state, classify::expired(), SignedDuration::ZERO),
            Status::Failed => {
                let words = body.get("status").and_then(Value::as_str).unwrap_or_default();
                let error = classify::of_container(words, answer);
                match error.disposition(Effect::Stage) {
                    Disposition::Retry(wait) => self.again(&state, error, wait.unwrap_or(PAUSE).max(PAUSE)),
                    Disposition::Reconnect | Disposition::Fail | Disposition::ReadBack | Disposition::Operator => {
                        Err(error)
                    }
                }
            }
        }
    }

    /// Comes back later: soon at first, then ever more seldom.
    fn wait(&self, mut state: State) -> Next {
        let delay = self.settings.looks.wait(state.looks, state.waited);
        state.looks += 1;
        state.waited = state.waited.saturating_add(delay.as_secs());
        Next::Wait { delay, checkpoint: state.checkpoint() }
    }

    /// A container that will never be finished is made anew, a few times. Nothing was published by it.
    fn again(&self, state: &State, error: ConnectorError, pause: SignedDuration) -> Result<Next, ConnectorError> {
        let lost = state.lost + 1;
        if lost >= self.settings.container_tries {
            return Err(match error.disposition(Effect::Stage) {
                Disposition::Fail => error,
                Disposition::Retry(_) | Disposition::Reconnect | Disposition::ReadBack | Disposition::Operator => {
                    ConnectorError::Rejected(error.refusal())
                }
            });
        }
        // Finished children stay; if the whole is lost, they may have ended as well.
        let kept = if state.step == Step::ChildStatus { state.ready } else { 0 };
        let children = state.children.iter().take(kept).cloned().collect();
        let fresh = State { step: self.first(), children, ready: kept, lost, ..State::default() };
        Ok(Next::Wait { delay: pause, checkpoint: fresh.checkpoint() })
    }

    /// The post is out; its address is told if Instagram tells it soon.
    fn addressed(&self, state: &State, answer: &Answer) -> Result<Next, ConnectorError> {
        let remote_id = state.media.clone().ok_or(NO_CONTAINER)?;
        match graph::read(answer) {
            Ok(body) if graph::id(body.get("id")).as_ref() == Some(&remote_id) => {
                Ok(Next::Done(Published { remote_id, url: graph::address(body.get("permalink")) }))
            }
            Ok(_) | Err(_) if state.looks < ADDRESS_TRIES => Ok(self.wait(state.clone())),
            Ok(_) | Err(_) => Ok(Next::Done(Published { remote_id, url: None })),
        }
    }
}

fn container(state: &State) -> Result<&str, ConnectorError> {
    state.container.as_deref().ok_or(NO_CONTAINER)
}

fn created(answer: &Answer) -> Result<String, ConnectorError> {
    let body = graph::read(answer)?;
    graph::id(body.get("id")).ok_or(ConnectorError::Unreadable { what: "the id of a container" })
}

fn is_gone(error: &ConnectorError) -> bool {
    let code = error.refusal().platform_code.unwrap_or_default();
    ["/2207006", "/2207008", "/2207020"].iter().any(|gone| code.ends_with(gone))
}

/// What is left of the day's quota. Where Instagram does not say, the publish itself will.
fn check_quota(body: &Value) -> Result<(), ConnectorError> {
    let used = body.pointer("/data/0/quota_usage").and_then(Value::as_u64);
    let total = body.pointer("/data/0/config/quota_total").and_then(Value::as_u64);
    match (used, total) {
        (Some(used), Some(total)) if used >= total => Err(classify::quota_reached(QUOTA_WAIT)),
        (_, _) => Ok(()),
    }
}

fn refused_before(finding: Finding) -> ConnectorError {
    ConnectorError::Rejected(Refusal {
        code: finding.rule.into(),
        message: finding.message,
        platform_code: None,
        trace_id: None,
        act: Act::Caller,
    })
}

const NO_CONTAINER: ConnectorError = ConnectorError::Unreadable { what: "the container that was remembered" };

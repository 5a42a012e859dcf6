//! One execution environment: a process, and the event it has in hand.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{Instant, timeout, timeout_at};
use uuid::Uuid;

use super::process::Process;
use super::runtime_api::RuntimeApi;
use super::{FunctionDefinition, InvokeError, Settings};
use crate::clock;
use crate::observe::{Observed, Observer};

/// How long Lambda gives a function to ask for its first event.
const LONGEST_INIT: Duration = Duration::from_secs(10);

/// An event on its way to the function.
#[derive(Debug)]
pub(super) struct Invocation {
    pub(super) request_id: String,
    pub(super) deadline_ms: i64,
    pub(super) function_arn: String,
    pub(super) payload: Bytes,
}

/// What the function does at the moment, as far as the Runtime API can see.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Phase {
    Starting,
    /// It asks for an event.
    Waiting,
    Working,
    /// It reported that it cannot start.
    Failed(String),
}

/// An environment as tests and tools see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EnvironmentInfo {
    /// Its id, the last part of its log stream at AWS.
    pub id: String,
    /// Its process.
    pub pid: i32,
    /// Whether it works on an event.
    pub busy: bool,
    /// The event that it has in hand and has not answered.
    pub event: Option<Bytes>,
}

type Answer = Result<Bytes, InvokeError>;

/// The environment.
#[derive(Debug)]
pub(super) struct Environment {
    pub(super) id: String,
    pub(super) definition: Arc<FunctionDefinition>,
    api: Arc<RuntimeApi>,
    process: Mutex<Process>,
    phase: watch::Sender<Phase>,
    sender: mpsc::Sender<Invocation>,
    receiver: tokio::sync::Mutex<mpsc::Receiver<Invocation>>,
    in_hand: Mutex<Option<InHand>>,
    /// It has asked for its first event.
    started: AtomicBool,
    observer: Observer,
}

#[derive(Debug)]
struct InHand {
    request_id: String,
    payload: Bytes,
    deadline: Instant,
    /// When the function took it.
    taken: Option<Instant>,
    answer: Option<oneshot::Sender<Answer>>,
}

impl Environment {
    /// Starts a process and waits until it asks for its first event.
    pub(super) async fn start(
        definition: &Arc<FunctionDefinition>,
        settings: &Settings,
        api: &Arc<RuntimeApi>,
    ) -> Result<Arc<Self>, InvokeError> {
        let id = Uuid::now_v7().simple().to_string();
        let process = Process::start(definition, settings, &api.address_for(&id)).map_err(InvokeError::Init)?;
        let (sender, receiver) = mpsc::channel(1);
        let environment = Arc::new(Self {
            id,
            definition: Arc::clone(definition),
            api: Arc::clone(api),
            process: Mutex::new(process),
            phase: watch::Sender::new(Phase::Starting),
            sender,
            receiver: tokio::sync::Mutex::new(receiver),
            in_hand: Mutex::new(None),
            started: AtomicBool::new(false),
            observer: settings.observer.clone(),
        });
        if !api.admit(&environment) {
            return Err(InvokeError::Stopping);
        }
        match timeout(LONGEST_INIT, environment.ready()).await {
            Ok(Ok(())) => Ok(environment),
            Ok(Err(reason)) => {
                environment.discard();
                Err(InvokeError::Init(reason))
            }
            Err(_elapsed) => {
                environment.discard();
                Err(InvokeError::Init(format!("no request for an event within {} s", LONGEST_INIT.as_secs())))
            }
        }
    }

    /// Waits until the function asks for an event.
    async fn ready(&self) -> Result<(), String> {
        let mut phase = self.phase.subscribe();
        let end = self.process().end();
        tokio::select! {
            biased;
            phase = phase.wait_for(|phase| matches!(phase, Phase::Waiting | Phase::Failed(_))) => {
                match phase.as_deref() {
                    Ok(Phase::Failed(reason)) => Err(reason.clone()),
                    Ok(Phase::Waiting | Phase::Starting | Phase::Working) | Err(_) => Ok(()),
                }
            }
            status = end => Err(status),
        }
    }

    /// Hands over an event and waits for the answer, the end of the process or the deadline.
    pub(super) async fn work(&self, request_id: &str, payload: Bytes) -> Answer {
        let allowed = self.definition.timeout;
        let deadline = Instant::now() + allowed;
        let (answer, answered) = oneshot::channel();
        *self.in_hand() = Some(InHand {
            request_id: request_id.to_owned(),
            payload: payload.clone(),
            deadline,
            taken: None,
            answer: Some(answer),
        });
        let millis = i64::try_from(allowed.as_millis()).unwrap_or(i64::MAX);
        let invocation = Invocation {
            request_id: request_id.to_owned(),
            deadline_ms: clock::now().as_millisecond().saturating_add(millis),
            function_arn: format!(
                "arn:aws:lambda:{}:{}:function:{}",
                emulators::REGION,
                emulators::ACCOUNT,
                self.definition.name
            ),
            payload,
        };
        self.phase.send_replace(Phase::Working);
        self.process().thaw();
        let end = self.process().end();
        if self.sender.send(invocation).await.is_err() {
            return Err(InvokeError::Crashed(end.await));
        }
        let outcome = tokio::select! {
            biased;
            answer = answered => answer.unwrap_or(Err(InvokeError::Stopping)),
            status = end => Err(if self.api.is_stopping() { InvokeError::Stopping } else { InvokeError::Crashed(status) }),
            () = tokio::time::sleep_until(deadline) => Err(InvokeError::TimedOut(allowed.as_secs())),
        };
        if matches!(outcome, Err(InvokeError::TimedOut(_) | InvokeError::Crashed(_))) {
            self.discard();
        }
        outcome
    }

    /// After the answer: waits until the function asks for more, then freezes it and keeps it; or gives it up at the deadline.
    pub(super) async fn settle(self: Arc<Self>, freeze: bool) {
        let Some(deadline) = self.in_hand().as_ref().map(|in_hand| in_hand.deadline) else { return };
        let settled = timeout_at(deadline, self.ready()).await;
        // What it had in hand stays until the next event: an environment between answer and rest must look as if it settles, or
        // an event that comes just then starts another one.
        match settled {
            Ok(Ok(())) => self.rest(freeze),
            Ok(Err(_)) | Err(_) => self.discard(),
        }
    }

    /// Keeps it, frozen or not, until there is an event.
    pub(super) fn rest(self: Arc<Self>, freeze: bool) {
        if freeze {
            self.process().freeze();
        }
        let api = Arc::clone(&self.api);
        api.keep_idle(self);
    }

    /// The Runtime API's `/next`: an event, or nothing once the environment is given up.
    pub(super) async fn next(&self) -> Option<Invocation> {
        if !self.started.swap(true, Ordering::Relaxed) {
            let took = self.process().began().elapsed();
            self.observer.tell(|| Observed::Started { function: self.definition.binary.clone(), took });
        }
        // Locked before the phase changes: whoever sees `Waiting` may send at once.
        let mut receiver = self.receiver.lock().await;
        self.phase.send_replace(Phase::Waiting);
        let invocation = receiver.recv().await?;
        if let Some(in_hand) = self.in_hand().as_mut() {
            in_hand.taken = Some(Instant::now());
        }
        Some(invocation)
    }

    /// The Runtime API's `/response` and `/error`; false when this is not the event in hand.
    pub(super) fn answer(&self, request_id: &str, answer: Answer) -> bool {
        let mut in_hand = self.in_hand();
        let of_request = in_hand.as_mut().filter(|in_hand| in_hand.request_id == request_id);
        let taken = of_request.as_ref().and_then(|in_hand| in_hand.taken);
        let sender = of_request.and_then(|in_hand| in_hand.answer.take());
        if let (Some(taken), Some(_)) = (taken, &sender) {
            let took = taken.elapsed();
            self.observer.tell(|| Observed::Answered { function: self.definition.binary.clone(), took });
        }
        // Whoever waited may have given up at the deadline in this very moment.
        sender.is_some_and(|sender| sender.send(answer).is_ok())
    }

    /// The Runtime API's `/init/error`.
    pub(super) fn init_failed(&self, reason: String) {
        self.phase.send_replace(Phase::Failed(reason));
    }

    pub(super) fn is_alive(&self) -> bool {
        self.process().ended().is_none()
    }

    /// It has answered and will ask for more any moment.
    pub(super) fn is_settling(&self) -> bool {
        self.in_hand().as_ref().is_some_and(|in_hand| in_hand.answer.is_none())
    }

    pub(super) fn info(&self) -> EnvironmentInfo {
        let unanswered = |in_hand: &InHand| in_hand.answer.is_some().then(|| in_hand.payload.clone());
        let event = self.in_hand().as_ref().and_then(unanswered);
        let busy = *self.phase.borrow() == Phase::Working;
        EnvironmentInfo { id: self.id.clone(), pid: self.process().pid(), busy, event }
    }

    /// Kills the process; the next event gets a new one.
    pub(super) fn discard(&self) {
        self.process().kill();
        self.api.forget(&self.id);
    }

    /// Kills the process and waits for its end.
    pub(super) async fn stop(&self) {
        let end = self.process().end();
        self.discard();
        end.await;
    }

    fn process(&self) -> MutexGuard<'_, Process> {
        self.process.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn in_hand(&self) -> MutexGuard<'_, Option<InHand>> {
        self.in_hand.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

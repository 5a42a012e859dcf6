//! From a call to its answer, on any platform: faults before, the platform itself, faults after, the log.

use crate::body::Severed;
use crate::call::Call;
use crate::clock::Clock;
use crate::faults::{Fault, FaultKind};
use crate::log::LoggedCall;
use crate::outbox::Sends;
use crate::reply::Reply;
use jiff::SignedDuration;
use std::future::pending;

/// How long a silent connection stays open when the fault does not say.
const HOLD_SECONDS: u64 = 60;
/// Longer waits are cut.
const LONGEST_WAIT: SignedDuration = SignedDuration::from_hours(1);

/// What came of a call.
#[derive(Debug)]
pub(crate) struct Acted {
    pub(crate) reply: Reply,
    /// The platform's word for the error, when it refused.
    pub(crate) code: Option<String>,
}

impl Acted {
    pub(crate) fn accepted(reply: Reply) -> Self {
        Self { reply, code: None }
    }

    pub(crate) fn refused(reply: Reply, code: impl Into<String>) -> Self {
        Self { reply, code: Some(code.into()) }
    }
}

/// A platform that faults can strike.
pub(crate) trait Stage: Sends {
    /// The fault that strikes this call.
    fn strike(&self, call: &Call) -> Option<Fault>;
    /// Lets the call happen.
    fn act(&self, call: &Call) -> impl Future<Output = Acted> + Send;
    /// What a fault that refuses answers, in the platform's words.
    fn refusal(&self, call: &Call, fault: &Fault) -> Acted;
    /// Writes a call down.
    fn note(&self, entry: LoggedCall);
}

/// Answers a call, or severs its connection.
pub(crate) async fn serve(platform: &impl Stage, call: &Call) -> Result<Reply, Severed> {
    let fault = platform.strike(call);
    if let Some(fault) = &fault {
        match fault.kind {
            FaultKind::RefusedBefore => {
                note(platform, call, None, Effect { took: false, code: None, fault: Some(fault.kind) });
                return Err(Severed::Reset);
            }
            FaultKind::Slow => wait_milliseconds(platform.clock(), fault.milliseconds.unwrap_or(1000)).await,
            FaultKind::Status500Before | FaultKind::RateLimited => return Ok(refuse(platform, call, fault, false)),
            FaultKind::Error if !fault.after => return Ok(refuse(platform, call, fault, false)),
            FaultKind::Error
            | FaultKind::AcceptedThenTimeout
            | FaultKind::LostAnswer
            | FaultKind::TruncatedAnswer
            | FaultKind::LateAnswer
            | FaultKind::Status500After
            | FaultKind::WebhookDuplicate
            | FaultKind::WebhookReorder
            | FaultKind::WebhookBadSignature
            | FaultKind::WebhookLost => {}
        }
    }
    let Acted { reply, code } = platform.act(call).await;
    platform.bell().notify_one();
    match fault {
        // Only what was accepted can lose its answer.
        Some(fault) if code.is_none() => spoil(platform, call, &fault, reply).await,
        fault => {
            let effect = Effect { took: code.is_none(), code, fault: fault.map(|fault| fault.kind) };
            note(platform, call, Some(reply.status), effect);
            Ok(reply)
        }
    }
}

/// The call took effect; now something happens to its answer.
async fn spoil(platform: &impl Stage, call: &Call, fault: &Fault, reply: Reply) -> Result<Reply, Severed> {
    let took = || Effect { took: true, code: None, fault: Some(fault.kind) };
    match fault.kind {
        FaultKind::AcceptedThenTimeout => {
            note(platform, call, None, took());
            let seconds = fault.hold_seconds.unwrap_or(HOLD_SECONDS);
            wait_milliseconds(platform.clock(), seconds.saturating_mul(1000)).await;
            Err(Severed::Closed)
        }
        FaultKind::LostAnswer => {
            note(platform, call, None, took());
            Err(Severed::Closed)
        }
        FaultKind::Status500After | FaultKind::Error => Ok(refuse(platform, call, fault, true)),
        FaultKind::TruncatedAnswer => {
            note(platform, call, Some(reply.status), took());
            Ok(Reply { broken: true, ..reply })
        }
        FaultKind::LateAnswer => {
            note(platform, call, Some(reply.status), took());
            wait_milliseconds(platform.clock(), fault.milliseconds.unwrap_or(1000)).await;
            Ok(reply)
        }
        FaultKind::RefusedBefore
        | FaultKind::Slow
        | FaultKind::Status500Before
        | FaultKind::RateLimited
        | FaultKind::WebhookDuplicate
        | FaultKind::WebhookReorder
        | FaultKind::WebhookBadSignature
        | FaultKind::WebhookLost => {
            note(platform, call, Some(reply.status), took());
            Ok(reply)
        }
    }
}

/// Answers with the fault's refusal, whatever happened before.
fn refuse(platform: &impl Stage, call: &Call, fault: &Fault, took: bool) -> Reply {
    let Acted { reply, code } = platform.refusal(call, fault);
    note(platform, call, Some(reply.status), Effect { took, code, fault: Some(fault.kind) });
    reply
}

struct Effect {
    took: bool,
    code: Option<String>,
    fault: Option<FaultKind>,
}

fn note(platform: &impl Stage, call: &Call, status: Option<u16>, effect: Effect) {
    let entry = LoggedCall::of(call, status, platform.clock().now());
    platform.note(LoggedCall { took_effect: effect.took, code: effect.code, fault: effect.fault, ..entry });
}

/// Waits on the simulator's clock; for ever when that clock stands still.
async fn wait_milliseconds(clock: &Clock, milliseconds: u64) {
    let wait = i64::try_from(milliseconds).map_or(LONGEST_WAIT, SignedDuration::from_millis).min(LONGEST_WAIT);
    match clock.now().checked_add(wait) {
        Ok(moment) => clock.reach(moment).await,
        Err(_) => pending().await,
    }
}

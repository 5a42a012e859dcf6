//! From a request to its answer: faults before, the world, faults after, the log.

use super::error::GraphError;
use super::faults::{Fault, FaultKind, Scope};
use super::graph::{self, Answered};
use super::handle::Facebook;
use super::log::LoggedCall;
use super::photos::{Download, local_address};
use super::tokens::Caller;
use super::{control, pages, versions};
use crate::APP_ID;
use crate::body::Severed;
use crate::call::{Call, Unreadable};
use crate::client;
use crate::reply::Reply;
use hyper::Method;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use std::future::pending;

/// How long a silent connection stays open when the fault does not say.
const HOLD_SECONDS: u64 = 60;
/// Longer waits are cut.
const LONGEST_WAIT: SignedDuration = SignedDuration::from_hours(1);

impl Facebook {
    /// Answers a request, or severs its connection.
    pub(crate) async fn serve(&self, call: Result<Call, Unreadable>) -> Result<Reply, Severed> {
        let call = match call {
            Ok(call) => call,
            Err(problem) => {
                let error = GraphError::parameter(problem.to_string());
                return Ok(Reply::json(error.status, &error.body("A0unreadable")));
            }
        };
        let segments = call.segments();
        match segments.as_slice() {
            ["_simulator", "pictures", ..] => return Ok(pages::picture()),
            ["_simulator", "sample.png"] => return Ok(pages::sample_photo()),
            ["_simulator", rest @ ..] => return Ok(control::serve(self, rest, &call).await),
            ["dialog", "oauth"] => return Ok(self.serve_dialog(&call)),
            [version, "dialog", "oauth"] if matches!(versions::serving(version, self.now()), Some(Ok(_))) => {
                return Ok(self.serve_dialog(&call));
            }
            _ => {}
        }
        if call.method == Method::GET && call.token().is_none() {
            let now = self.now();
            let mut world = self.world();
            world.settle(now);
            if let Some(page) = world.show(&segments) {
                return Ok(page);
            }
        }
        self.serve_graph(&call).await
    }

    fn serve_dialog(&self, call: &Call) -> Reply {
        let now = self.now();
        let mut world = self.world();
        let reply = world.dialog(call, now);
        world.log.add(entry(call, Some(reply.status), None, true, None, now));
        drop(world);
        self.ring();
        reply
    }

    async fn serve_graph(&self, call: &Call) -> Result<Reply, Severed> {
        let fault = self.pick_fault(call);
        let kind = fault.as_ref().map(|fault| fault.kind);
        if let Some(fault) = &fault {
            match fault.kind {
                FaultKind::RefusedBefore => {
                    self.note(call, None, None, false, kind);
                    return Err(Severed::Reset);
                }
                FaultKind::Slow => self.wait_milliseconds(fault.milliseconds.unwrap_or(1000)).await,
                FaultKind::Status500Before | FaultKind::RateLimited => return Ok(self.refuse(call, fault, false)),
                FaultKind::Error if !fault.after => return Ok(self.refuse(call, fault, false)),
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
        let answered = self.act(call).await;
        self.ring();
        // Only what was accepted can lose its answer.
        if let (Some(fault), Ok(_)) = (&fault, &answered.result) {
            return self.spoil(call, fault, &answered).await;
        }
        let code = answered.result.as_ref().err().map(|error| error.code);
        let reply = self.reply(&answered);
        self.note(call, Some(reply.status), code, code.is_none(), kind);
        Ok(reply)
    }

    /// The call took effect; now something happens to its answer.
    async fn spoil(&self, call: &Call, fault: &Fault, answered: &Answered) -> Result<Reply, Severed> {
        match fault.kind {
            FaultKind::AcceptedThenTimeout => {
                self.note(call, None, None, true, Some(fault.kind));
                let seconds = fault.hold_seconds.unwrap_or(HOLD_SECONDS);
                self.wait_milliseconds(seconds.saturating_mul(1000)).await;
                Err(Severed::Closed)
            }
            FaultKind::LostAnswer => {
                self.note(call, None, None, true, Some(fault.kind));
                Err(Severed::Closed)
            }
            FaultKind::Status500After | FaultKind::Error => Ok(self.refuse(call, fault, true)),
            FaultKind::TruncatedAnswer => {
                let reply = self.reply(answered);
                self.note(call, Some(reply.status), None, true, Some(fault.kind));
                Ok(Reply { broken: true, ..reply })
            }
            FaultKind::LateAnswer => {
                let reply = self.reply(answered);
                self.note(call, Some(reply.status), None, true, Some(fault.kind));
                self.wait_milliseconds(fault.milliseconds.unwrap_or(1000)).await;
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
                let reply = self.reply(answered);
                self.note(call, Some(reply.status), None, true, Some(fault.kind));
                Ok(reply)
            }
        }
    }

    /// Lets the call happen.
    async fn act(&self, call: &Call) -> Answered {
        let now = self.now();
        if call.method == Method::POST
            && let Ok(target) = graph::target(call, now)
        {
            if target == [APP_ID, "subscriptions"] {
                return self.subscribe(call, now).await;
            }
            if let [_, "photos"] = target.as_slice() {
                let download = download(call).await;
                return self.answer(call, &download);
            }
        }
        self.answer(call, &Download::NotTried)
    }

    fn answer(&self, call: &Call, download: &Download) -> Answered {
        let now = self.now();
        let mut world = self.world();
        world.settle(now);
        world.answer(call, download, now)
    }

    /// `POST /{app}/subscriptions`: checks, asks the callback, then remembers.
    async fn subscribe(&self, call: &Call, now: Timestamp) -> Answered {
        let (caller, plan) = {
            let mut world = self.world();
            let caller = match world.admit(call, now) {
                Ok(caller) => caller,
                Err(refused) => return *refused,
            };
            let plan = world.plan_subscription(&caller, call);
            (caller, plan)
        };
        let result = match plan {
            Ok(handshake) => match self.shake_hands(&handshake.callback, &handshake.verify_token).await {
                Ok(()) => Ok(self.world().subscribe(handshake)),
                Err(error) => Err(error),
            },
            Err(error) => Err(error),
        };
        Answered { result, caller: Some(caller) }
    }

    fn pick_fault(&self, call: &Call) -> Option<Fault> {
        let now = self.now();
        let mut world = self.world();
        let target = graph::target(call, now).unwrap_or_default();
        let (page, edge) = graph::scope(&target);
        // `me` of a Page token is the Page.
        let page = match page.as_deref() {
            Some("me") => call.token().and_then(|token| world.tokens.get(&token)?.page.clone()),
            _ => page,
        };
        let scope = Scope { page: page.as_deref(), edge: &edge, method: call.method.as_str() };
        let mut dice = world.ids.clone();
        let fault = world.faults.strike(&scope, &mut dice);
        world.ids = dice;
        fault
    }

    /// Answers with the fault's refusal, whatever happened before.
    fn refuse(&self, call: &Call, fault: &Fault, took_effect: bool) -> Reply {
        let error = fault.refusal();
        let code = error.code;
        let now = self.now();
        let caller = self.world().caller(call, now).ok();
        let reply = self.reply(&Answered { result: Err(error), caller });
        self.note(call, Some(reply.status), Some(code), took_effect, Some(fault.kind));
        reply
    }

    fn reply(&self, answered: &Answered) -> Reply {
        let mut world = self.world();
        let trace = world.ids.opaque("A", 22);
        let (mut reply, wait) = match &answered.result {
            Ok(value) => (Reply::json(200, value), None),
            Err(error) => (Reply::json(error.status, &error.body(&trace)), error.wait_minutes),
        };
        reply = reply.header("x-fb-trace-id", &trace).header("cache-control", "private, no-cache, no-store");
        if let Some(caller) = &answered.caller {
            for (name, value) in world.limits.headers(caller, wait) {
                reply = reply.header(name, &value);
            }
        } else if let Some(wait) = wait {
            for (name, value) in world.limits.headers(&Caller::App, Some(wait)) {
                reply = reply.header(name, &value);
            }
        }
        reply
    }

    fn note(&self, call: &Call, status: Option<u16>, code: Option<i64>, took_effect: bool, fault: Option<FaultKind>) {
        let now = self.now();
        self.world().log.add(LoggedCall { code, ..entry(call, status, None, took_effect, fault, now) });
    }

    /// Waits on the simulator's clock; for ever when that clock stands still.
    async fn wait_milliseconds(&self, milliseconds: u64) {
        let wait = i64::try_from(milliseconds).map_or(LONGEST_WAIT, SignedDuration::from_millis).min(LONGEST_WAIT);
        match self.now().checked_add(wait) {
            Ok(moment) => self.clock().reach(moment).await,
            Err(_) => pending().await,
        }
    }
}

fn entry(
    call: &Call,
    status: Option<u16>,
    code: Option<i64>,
    took_effect: bool,
    fault: Option<FaultKind>,
    now: Timestamp,
) -> LoggedCall {
    LoggedCall {
        at: now.to_string(),
        method: call.method.to_string(),
        path: call.path.clone(),
        status,
        code,
        took_effect,
        fault,
    }
}

/// Looks at a photo that lies on this machine.
async fn download(call: &Call) -> Download {
    let Some(url) = local_address(call) else { return Download::NotTried };
    match client::call(Method::GET, &url, &[], String::new()).await {
        Ok((200, bytes)) => Download::Done(bytes),
        Ok(_) | Err(_) => Download::Failed,
    }
}

/// An answer of the control interface.
pub(crate) fn json(status: u16, value: &impl serde::Serialize) -> Reply {
    Reply::json(status, &serde_json::to_value(value).unwrap_or(Value::Null))
}

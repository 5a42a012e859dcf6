//! From a request to its answer.

use super::error::GraphError;
use super::graph::{self, Answered};
use super::handle::Facebook;
use super::outbox::USER_AGENT;
use super::photos::{Download, local_address};
use super::tokens::Caller;
use super::{control, pages, versions};
use crate::APP_ID;
use crate::body::Severed;
use crate::call::{Call, Unreadable};
use crate::client;
use crate::faults::{Fault, Scope};
use crate::log::LoggedCall;
use crate::reply::Reply;
use crate::sample;
use crate::stage::{self, Acted, Stage};
use hyper::Method;
use jiff::Timestamp;
use serde_json::Value;

impl Facebook {
    /// Answers a request, or severs its connection.
    pub(crate) async fn serve(&self, call: &Call) -> Result<Reply, Severed> {
        let segments = call.segments();
        let is_upload = segments.first() == Some(&graph::UPLOADS);
        // A file is in no form, and no problem for that.
        let is_file = |problem: &Unreadable| is_upload && *problem == Unreadable::Form;
        if let Some(problem) = call.problem.filter(|problem| !is_file(problem)) {
            let error = GraphError::parameter(problem.to_string());
            return Ok(Reply::json(error.status, &error.body("A0unreadable")));
        }
        match segments.as_slice() {
            ["_simulator", "pictures", ..] => return Ok(pages::picture()),
            ["_simulator", "sample.png"] => return Ok(pages::sample_photo()),
            ["_simulator", "sample.mp4"] => return Ok(sample::video(call)),
            ["_simulator", rest @ ..] => return Ok(control::serve(self, rest, call).await),
            ["dialog", "oauth"] => return Ok(self.serve_dialog(call)),
            [version, "dialog", "oauth"] if matches!(versions::serving(version, self.now()), Some(Ok(_))) => {
                return Ok(self.serve_dialog(call));
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
        stage::serve(self, call).await
    }

    fn serve_dialog(&self, call: &Call) -> Reply {
        let now = self.now();
        let mut world = self.world();
        let reply = world.dialog(call, now);
        world.log.add(LoggedCall::of(call, Some(reply.status), now));
        drop(world);
        self.ring();
        reply
    }

    /// Lets the call happen.
    async fn answered(&self, call: &Call) -> Answered {
        let now = self.now();
        if call.method == Method::POST
            && let Ok(target) = graph::target(call, now)
        {
            if target == [APP_ID, "subscriptions"] {
                return self.subscribe(call, now).await;
            }
            if let [_, "photos" | "videos"] | [graph::UPLOADS, ..] = target.as_slice() {
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
}

impl Stage for Facebook {
    fn strike(&self, call: &Call) -> Option<Fault> {
        let now = self.now();
        let mut world = self.world();
        let target = graph::target(call, now).unwrap_or_default();
        let (page, edge) = world.scope(&target, call);
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

    async fn act(&self, call: &Call) -> Acted {
        let answered = self.answered(call).await;
        let code = answered.result.as_ref().err().map(|error| error.code.to_string());
        Acted { reply: self.reply(&answered), code }
    }

    fn refusal(&self, call: &Call, fault: &Fault) -> Acted {
        let error = GraphError::of_fault(fault);
        let code = error.code.to_string();
        let now = self.now();
        let caller = self.world().caller(call, now).ok();
        Acted::refused(self.reply(&Answered { result: Err(error), caller }), code)
    }

    fn note(&self, entry: LoggedCall) {
        self.world().log.add(entry);
    }
}

/// Looks at a photo that lies on this machine.
async fn download(call: &Call) -> Download {
    let Some(url) = local_address(call) else { return Download::NotTried };
    match client::call(Method::GET, &url, &[("user-agent", USER_AGENT)], String::new()).await {
        Ok((200, bytes)) => Download::Done(bytes),
        Ok(_) | Err(_) => Download::Failed,
    }
}

/// An answer of the control interface.
pub(crate) fn json(status: u16, value: &impl serde::Serialize) -> Reply {
    Reply::json(status, &serde_json::to_value(value).unwrap_or(Value::Null))
}

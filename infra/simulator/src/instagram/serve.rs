//! From a request to its answer.

use super::error::GraphError;
use super::graph::{Answered, Target};
use super::handle::Instagram;
use super::{control, pages};
use crate::body::Severed;
use crate::call::Call;
use crate::faults::{Fault, Scope};
use crate::log::LoggedCall;
use crate::reply::Reply;
use crate::stage::{self, Acted, Stage};
use crate::store;
use hyper::Method;

impl Instagram {
    /// Answers a request, or severs its connection.
    pub(crate) async fn serve(&self, call: &Call) -> Result<Reply, Severed> {
        match call.segments().as_slice() {
            ["_simulator", rest @ ..] => Ok(control::serve(self, rest, call).await),
            [_, "dialog", "oauth"] => Ok(self.consent(call, false)),
            ["oauth", "authorize"] => Ok(self.consent(call, true)),
            [] if call.method == Method::GET => Ok(pages::front(&self.state())),
            ["p" | "reel" | "stories", shortcode] if call.method == Method::GET => {
                Ok(pages::post(&self.state(), shortcode))
            }
            _ => stage::serve(self, call).await,
        }
    }

    fn consent(&self, call: &Call, by_instagram: bool) -> Reply {
        let now = self.now();
        let mut world = self.world();
        let reply = world.consent(call, by_instagram, now);
        world.log.add(LoggedCall::of(call, Some(reply.status), now));
        reply
    }

    fn reply(&self, answered: &Answered) -> Acted {
        let mut world = self.world();
        let trace = world.ids.opaque("A", 22);
        let wait = answered.result.as_ref().err().and_then(|error| error.wait_minutes);
        let usage = answered.account.map(|account| world.usage(account, wait));
        drop(world);
        let mut acted = match &answered.result {
            Ok(value) => Acted::accepted(Reply::json(200, value)),
            Err(error) => Acted::refused(error.reply(&trace), error.name()),
        };
        acted.reply = acted.reply.header("x-fb-trace-id", &trace).header("date", &self.date());
        if let Some(usage) = usage {
            acted.reply = acted.reply.header("x-business-use-case-usage", &usage);
        }
        acted
    }

    /// The platform's own clock, as its answers show it.
    fn date(&self) -> String {
        self.now().strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
    }
}

impl Stage for Instagram {
    fn strike(&self, call: &Call) -> Option<Fault> {
        let (node, edge) = Target::of(call).scope();
        let mut world = self.world();
        let account = node.map(|node| {
            let container = world.containers.get(node).map(|container| container.account);
            let media = world.media.get(node).map(|media| media.account);
            let scoped = world.accounts.values().find(|account| account.scoped_id == node).map(|account| account.id);
            container.or(media).or(scoped).unwrap_or(node).to_owned()
        });
        let edge = match node {
            Some(node) if edge == "node" && world.containers.contains_key(node) => "container".to_owned(),
            Some(_) | None => edge,
        };
        let scope = Scope { page: account.as_deref(), edge: &edge, method: call.method.as_str() };
        let mut dice = world.ids.clone();
        let fault = world.faults.strike(&scope, &mut dice);
        world.ids = dice;
        fault
    }

    async fn act(&self, call: &Call) -> Acted {
        let now = self.now();
        let named = ["image_url", "video_url", "cover_url"].into_iter().filter_map(|name| call.params.text(name));
        let is_there = store::gives_out(self.store(), named).await;
        let answered = match call.problem {
            Some(problem) => Answered { result: Err(GraphError::parameter(problem.to_string())), account: None },
            None if !is_there => Answered { result: Err(GraphError::media(9004, 2_207_052)), account: None },
            None => self.world().answer(call, now),
        };
        self.reply(&answered)
    }

    fn refusal(&self, _call: &Call, fault: &Fault) -> Acted {
        self.reply(&Answered { result: Err(GraphError::of_fault(fault)), account: Some(super::seed::BAKERY) })
    }

    fn note(&self, entry: LoggedCall) {
        self.world().log.add(entry);
    }
}

//! From a request to its answer.

use super::api;
use super::error::ApiError;
use super::handle::Linkedin;
use super::{control, pages};
use crate::body::Severed;
use crate::call::Call;
use crate::faults::{Fault, Scope};
use crate::log::LoggedCall;
use crate::reply::Reply;
use crate::stage::{self, Acted, Stage};
use hyper::Method;
use jiff::tz::TimeZone;

impl Linkedin {
    /// Answers a request, or severs its connection. Every answer has a `Date`, by the simulator's clock.
    pub(crate) async fn serve(&self, call: &Call) -> Result<Reply, Severed> {
        let reply = match call.segments().as_slice() {
            ["_simulator", name] if call.method == Method::GET && name.starts_with("sample.") => {
                pages::sample(name, call).unwrap_or_else(|| ApiError::missing().reply())
            }
            ["_simulator", rest @ ..] => control::serve(self, rest, call).await,
            [] if call.method == Method::GET => pages::front(&self.state()),
            _ => stage::serve(self, call).await?,
        };
        let date = self.now().to_zoned(TimeZone::UTC).strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
        Ok(reply.header("date", &date))
    }

    fn refused(&self, error: &ApiError) -> Acted {
        let trace = self.world().ids.opaque("AAY", 20);
        let code = error.code.clone().unwrap_or_else(|| error.status.to_string());
        Acted::refused(error.reply().header("x-li-uuid", &trace), code)
    }
}

impl Stage for Linkedin {
    fn strike(&self, call: &Call) -> Option<Fault> {
        let mut world = self.world();
        let scope = Scope { page: None, edge: api::edge(call), method: call.method.as_str() };
        let mut dice = world.ids.clone();
        let fault = world.faults.strike(&scope, &mut dice);
        world.ids = dice;
        fault
    }

    async fn act(&self, call: &Call) -> Acted {
        match api::answer(self, call, self.now()) {
            Ok(acted) => acted,
            Err(error) => self.refused(&error),
        }
    }

    fn refusal(&self, _call: &Call, fault: &Fault) -> Acted {
        self.refused(&ApiError::of_fault(fault))
    }

    fn note(&self, entry: LoggedCall) {
        self.world().log.add(entry);
    }
}

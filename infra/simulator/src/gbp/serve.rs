//! From a request to its answer.

use super::error::ApiError;
use super::handle::Gbp;
use super::route::Place;
use super::{control, jwt, pages};
use crate::body::Severed;
use crate::call::Call;
use crate::faults::{Fault, FaultKind, Scope};
use crate::log::LoggedCall;
use crate::reply::Reply;
use crate::stage::{self, Acted, Stage};
use hyper::Method;
use jiff::Timestamp;
use serde_json::Value;

impl Gbp {
    /// Answers a request, or severs its connection.
    pub(crate) async fn serve(&self, call: &Call) -> Result<Reply, Severed> {
        match call.segments().as_slice() {
            ["_simulator", rest @ ..] => Ok(control::serve(self, rest, call)),
            [] if call.method == Method::GET => Ok(pages::front(&self.state())),
            _ => stage::serve(self, call).await,
        }
    }

    async fn answered(&self, place: &Place, call: &Call, now: Timestamp) -> Result<Acted, ApiError> {
        match place {
            Place::Authorize => return Ok(Acted::accepted(self.world().authorize(call, now))),
            Place::Token => {
                let (reply, code) = self.world().token(call, now);
                return Ok(Acted { reply, code });
            }
            Place::Revoke => {
                let (reply, code) = self.world().give_back(call);
                return Ok(Acted { reply, code });
            }
            Place::Keys => {
                let reply = Reply::json(200, &jwt::published(self.world().key));
                return Ok(Acted::accepted(reply.header("cache-control", "public, max-age=19845, must-revalidate")));
            }
            Place::Nowhere => return Err(ApiError::nowhere()),
            Place::Accounts
            | Place::Locations(_)
            | Place::Location(_)
            | Place::Voice(_)
            | Place::Notifications(_)
            | Place::Figures(_)
            | Place::Posts(..)
            | Place::Post(..) => {}
        }
        self.api(place, call, now).await.map(|body| Acted::accepted(Reply::json(200, &body)))
    }

    async fn api(&self, place: &Place, call: &Call, now: Timestamp) -> Result<Value, ApiError> {
        let caller = self.world().caller(place.service(), call.bearer.as_deref(), now)?;
        if let (Place::Posts(account, location), &Method::POST) = (place, &call.method) {
            return self.create(&caller, (account, location), call, now).await;
        }
        let mut world = self.world();
        match (place, &call.method) {
            (Place::Accounts, &Method::GET) => world.list_accounts(&caller, call),
            (Place::Locations(account), &Method::GET) => world.list_locations(&caller, account, call),
            (Place::Location(location), &Method::GET) => world.read_location(&caller, location, call),
            (Place::Voice(location), &Method::GET) => world.voice(&caller, location),
            (Place::Notifications(account), &Method::GET) => world.read_notifications(&caller, account),
            (Place::Notifications(account), &Method::PATCH) => world.set_notifications(&caller, account, call),
            (Place::Figures(location), &Method::GET) => world.figures(&caller, location, call, now),
            (Place::Posts(account, location), &Method::GET) => {
                world.list_posts(&caller, (account, location), call, now)
            }
            (Place::Post(account, location, post), &Method::GET) => world.read_post(&caller, (account, location), post),
            (Place::Post(account, location, post), &Method::PATCH) => {
                world.edit_post(&caller, (account, location), post, call, now)
            }
            (Place::Post(account, location, post), &Method::DELETE) => {
                world.delete_post(&caller, (account, location), post, now)
            }
            (_, _) => Err(ApiError::nowhere()),
        }
    }
}

impl Stage for Gbp {
    fn strike(&self, call: &Call) -> Option<Fault> {
        let place = Place::of(call);
        let destination = place.destination();
        let mut world = self.world();
        let scope = Scope { page: destination.as_deref(), edge: place.edge(), method: call.method.as_str() };
        let mut dice = world.ids.clone();
        let fault = world.faults.strike(&scope, &mut dice);
        world.ids = dice;
        fault
    }

    async fn act(&self, call: &Call) -> Acted {
        let now = self.now();
        self.world().settle(now);
        match self.answered(&Place::of(call), call, now).await {
            Ok(acted) => acted,
            Err(error) => Acted::refused(error.reply(), error.name),
        }
    }

    fn refusal(&self, _call: &Call, fault: &Fault) -> Acted {
        let error = ApiError::of_fault(fault);
        let reply = error.reply();
        let reply = match (fault.kind, fault.minutes) {
            (FaultKind::RateLimited, Some(minutes)) => {
                reply.header("retry-after", &minutes.saturating_mul(60).to_string())
            }
            _ => reply,
        };
        Acted::refused(reply, error.name)
    }

    fn note(&self, entry: LoggedCall) {
        self.world().log.add(entry);
    }
}

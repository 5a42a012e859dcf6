//! From a request to its answer.

use super::api::{self, Place};
use super::error::ApiError;
use super::handle::Mailchimp;
use super::{control, pages};
use crate::body::Severed;
use crate::call::Call;
use crate::faults::{Fault, FaultKind, Scope};
use crate::log::LoggedCall;
use crate::reply::Reply;
use crate::stage::{self, Acted, Stage};
use hyper::Method;

impl Mailchimp {
    /// Answers a request, or severs its connection.
    pub(crate) async fn serve(&self, call: &Call) -> Result<Reply, Severed> {
        match call.segments().as_slice() {
            ["_simulator", rest @ ..] => Ok(control::serve(self, rest, call).await),
            [] if call.method == Method::GET => Ok(pages::front(&self.state())),
            ["archive", campaign] if call.method == Method::GET => Ok(pages::archive(&self.state(), campaign)),
            _ => stage::serve(self, call).await,
        }
    }

    fn reply(&self, error: &ApiError) -> Acted {
        let mut world = self.world();
        let instance = world.ids.opaque("", 32).to_ascii_lowercase();
        let request = world.ids.opaque("", 24);
        drop(world);
        Acted::refused(error.reply(&instance).header("x-request-id", &request), error.title.clone())
    }
}

impl Stage for Mailchimp {
    fn strike(&self, call: &Call) -> Option<Fault> {
        let place = Place::of(call);
        let mut world = self.world();
        let list = place.list(&world, call);
        let scope = Scope { page: list.as_deref(), edge: place.edge(), method: call.method.as_str() };
        let mut dice = world.ids.clone();
        let fault = world.faults.strike(&scope, &mut dice);
        world.ids = dice;
        fault
    }

    async fn act(&self, call: &Call) -> Acted {
        let now = self.now();
        self.world().settle(now);
        // `X-Trigger-Error: APIKeyMissing` makes the real API fail on purpose, too.
        if let Some(error) = call.header("x-trigger-error").and_then(triggered) {
            return self.reply(&error);
        }
        match api::answer(self, call, now).await {
            Ok(acted) => acted,
            Err(error) => self.reply(&error),
        }
    }

    fn refusal(&self, _call: &Call, fault: &Fault) -> Acted {
        let acted = self.reply(&ApiError::of_fault(fault));
        match (fault.kind, fault.minutes) {
            (FaultKind::RateLimited, Some(minutes)) => {
                Acted { reply: acted.reply.header("retry-after", &(minutes * 60).to_string()), ..acted }
            }
            _ => acted,
        }
    }

    fn note(&self, entry: LoggedCall) {
        self.world().log.add(entry);
    }
}

fn triggered(name: &str) -> Option<ApiError> {
    Some(match name {
        "APIKeyMissing" => ApiError::key_missing(),
        "APIKeyInvalid" => ApiError::key_invalid(),
        "Forbidden" => ApiError::forbidden("Made on purpose."),
        "ResourceNotFound" => ApiError::missing(),
        "InternalServerError" => ApiError::new(500, "Internal Server Error", "Made on purpose."),
        _ => return None,
    })
}

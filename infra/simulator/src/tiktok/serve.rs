//! From a request to its answer.

use super::api::{self, Place};
use super::error::ApiError;
use super::handle::Tiktok;
use super::{control, pages};
use crate::body::Severed;
use crate::call::Call;
use crate::faults::{Fault, FaultKind, Scope};
use crate::log::LoggedCall;
use crate::reply::Reply;
use crate::sample;
use crate::stage::{self, Acted, Stage};
use hyper::Method;

impl Tiktok {
    /// Answers a request, or severs its connection.
    pub(crate) async fn serve(&self, call: &Call) -> Result<Reply, Severed> {
        match call.segments().as_slice() {
            ["_simulator", "sample.mp4"] => Ok(sample::video(call)),
            ["_simulator", rest @ ..] => Ok(control::serve(self, rest, call)),
            [] if call.method == Method::GET => Ok(pages::front(&self.state())),
            _ => stage::serve(self, call).await,
        }
    }

    fn reply(&self, error: &ApiError) -> Acted {
        let log_id = self.world().ids.opaque("2026", 24);
        Acted::refused(error.reply(&log_id), error.code.clone())
    }
}

impl Stage for Tiktok {
    fn strike(&self, call: &Call) -> Option<Fault> {
        let place = Place::of(call);
        let now = self.now();
        let mut world = self.world();
        let caller = world.caller(call.bearer.as_deref(), now).ok();
        let page = caller.as_ref().map(|caller| caller.account.open_id);
        let scope = Scope { page, edge: place.edge(), method: call.method.as_str() };
        let mut dice = world.ids.clone();
        let fault = world.faults.strike(&scope, &mut dice);
        world.ids = dice;
        fault
    }

    async fn act(&self, call: &Call) -> Acted {
        let now = self.now();
        self.world().settle(now);
        match api::answer(self, call, now) {
            Ok(acted) => acted,
            Err(error) => self.reply(&error),
        }
    }

    fn refusal(&self, call: &Call, fault: &Fault) -> Acted {
        // Uploads know statuses only.
        if Place::of(call) == Place::Upload {
            let status = match fault.kind {
                FaultKind::RateLimited => 429,
                FaultKind::Status500After | FaultKind::Status500Before => fault.status.unwrap_or(500),
                FaultKind::Error
                | FaultKind::AcceptedThenTimeout
                | FaultKind::LostAnswer
                | FaultKind::TruncatedAnswer
                | FaultKind::RefusedBefore
                | FaultKind::Slow
                | FaultKind::LateAnswer
                | FaultKind::WebhookDuplicate
                | FaultKind::WebhookReorder
                | FaultKind::WebhookBadSignature
                | FaultKind::WebhookLost => fault.status.unwrap_or(400),
            };
            return Acted::refused(Reply::html(status, String::new()), status.to_string());
        }
        self.reply(&ApiError::of_fault(fault))
    }

    fn note(&self, entry: LoggedCall) {
        self.world().log.add(entry);
    }
}

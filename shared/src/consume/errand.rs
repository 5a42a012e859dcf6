//! What else is done about a target that is out: taking it down, reading its figures. Here is what both have in common: the
//! keys, the calls, and what follows from a call that brought nothing.
//!
//! No refusal of such a call keeps anything from going out: a permission that publishing does not need, or a limit that it
//! does not share, is no reason to hold posts. What holds posts back holds these back as well.

use jiff::Timestamp;

use super::{
    Consumer, Work,
    attempt::{HELD, Keys, later},
    backoff,
    hold::Hold,
    pace::{Obstacle, WaitsFor},
    renewal::AfterRefusal,
};
use crate::{
    connector::{
        ConnectorError, Disposition, Flow, Refusal,
        driver::{self, CallFailed, Calls},
        transport::TransportError,
    },
    store::StoreError,
    target::Target,
};

/// How far an errand has come.
#[derive(Clone, Copy)]
pub(super) struct Standing<'a> {
    pub(super) target: &'a Target,
    /// Since when it is wanted.
    pub(super) since: Timestamp,
    /// How many tries have failed.
    pub(super) failures: u32,
}

/// What follows where a call was not made, or brought nothing.
pub(super) enum Onward {
    /// Something is in the way until then; no try is spent.
    Wait(Timestamp, Refusal),
    /// A try has failed, and the next one may not.
    Again {
        /// When it is worth one.
        at: Timestamp,
        /// What happened.
        reason: Refusal,
        /// Whether the platform may have done it all the same.
        perhaps_done: bool,
    },
    /// It will not be.
    Over(Refusal),
    /// The platform has no such thing.
    Unsupported(Refusal),
}

impl Consumer {
    /// The keys, unless something is in the way of a call.
    pub(super) async fn errand_keys(&self, work: &Work<'_>, target: &Target) -> Result<Keys, Onward> {
        let keys = self.keys(work).await.and_then(|keys| self.unless_held(work, keys, self.clock.now()));
        keys.map_err(|hold| held(hold, target, self.clock.now()))
    }

    /// Makes the calls of `flow`.
    pub(super) async fn run_errand<T>(
        &self,
        work: &Work<'_>,
        standing: Standing<'_>,
        flow: Box<dyn Flow<T>>,
        keys: &Keys,
    ) -> Result<Result<T, Onward>, StoreError> {
        let connector = self.connectors.of(work.spec.platform);
        let budget = work.deadline.budget();
        let mut calls = Calls::new(self.transport.as_ref(), connector, &keys.app, Some(&keys.token), budget);
        let failure = match driver::run_flow(flow, &mut calls).await {
            Ok(result) => {
                self.learn(work, keys, &calls, None);
                return Ok(Ok(result));
            }
            Err(failure) => failure,
        };
        let is_out_of_order = calls.contact().is_some_and(|contact| self.noted(work, contact));
        let no_sooner = later(self.clock.now(), calls.hold_back().unwrap_or_default());
        let onward = self.onward(work, standing, keys, (&failure, is_out_of_order)).await?;
        Ok(Err(match onward {
            Onward::Wait(at, reason) => Onward::Wait(at.max(no_sooner), reason),
            Onward::Again { at, reason, perhaps_done } => Onward::Again { at: at.max(no_sooner), reason, perhaps_done },
            onward @ (Onward::Over(_) | Onward::Unsupported(_)) => onward,
        }))
    }

    /// What follows from a call that brought nothing.
    async fn onward(
        &self,
        work: &Work<'_>,
        Standing { target, since, failures }: Standing<'_>,
        keys: &Keys,
        (failure, is_out_of_order): (&CallFailed, bool),
    ) -> Result<Onward, StoreError> {
        let now = self.clock.now();
        let reason = failure.refusal();
        let again = |wait, reason| {
            let wait = backoff::delay(failures.saturating_add(1), target.post.uuid().as_u128()).max(wait);
            Onward::Again { at: later(now, wait), reason, perhaps_done: is_silence(failure) }
        };
        Ok(match failure.disposition() {
            Disposition::Retry(Some(wait)) if is_limit(failure) => {
                Onward::Wait(later(now, backoff::spread(wait, target)), reason)
            }
            Disposition::Retry(_) if is_out_of_order => {
                Onward::Wait(later(now, backoff::outage_since(since, target, now)), reason)
            }
            Disposition::Retry(wait) => again(wait.unwrap_or_default(), reason),
            Disposition::Reconnect => match self.after_refusal(work, keys, &reason).await {
                AfterRefusal::Again(at, reason) => again(at.duration_since(now), reason),
                AfterRefusal::Ended(reason) => Onward::Wait(later(now, HELD), reason),
                AfterRefusal::Stands => {
                    // Whether the whole connection is over, its health check finds out: it may be this one permission.
                    self.store.check_soon(work.tenant, work.spec.connection, now).await?;
                    Onward::Wait(later(now, HELD), reason)
                }
            },
            Disposition::Operator => {
                tracing::error!(code = %reason.code, "our app at the platform is misconfigured");
                Onward::Wait(later(now, self.misconfigured(work, keys).await), reason)
            }
            Disposition::Fail | Disposition::ReadBack => match failure {
                CallFailed::Refused(error) => refused(error),
                CallFailed::Transport(_) | CallFailed::OutOfTime | CallFailed::TooManyCalls => Onward::Over(reason),
            },
        })
    }
}

/// What follows from a refusal for good, the platform's or the connector's own.
pub(super) fn refused(error: &ConnectorError) -> Onward {
    match error {
        ConnectorError::Unsupported { .. } => Onward::Unsupported(error.refusal()),
        ConnectorError::Unauthorized(_)
        | ConnectorError::RateLimited { .. }
        | ConnectorError::Unavailable(_)
        | ConnectorError::Transient(_)
        | ConnectorError::Rejected(_)
        | ConnectorError::Ambiguous(_)
        | ConnectorError::Operator(_)
        | ConnectorError::Unreadable { .. } => Onward::Over(error.refusal()),
    }
}

/// Nothing has been tried.
fn held(hold: Hold, target: &Target, now: Timestamp) -> Onward {
    match hold {
        Hold::Outage(reason) => Onward::Wait(later(now, backoff::spread(super::hold::OUTAGE, target)), reason),
        Hold::Gone(reason) => Onward::Over(reason),
        Hold::Paced(Obstacle { until, reason, waits_for: WaitsFor::Time | WaitsFor::Platform }) => {
            Onward::Wait(later(now, backoff::spread(until.duration_since(now), target)), reason)
        }
        Hold::Paced(Obstacle { reason, waits_for: WaitsFor::Owner | WaitsFor::Operator, .. }) => {
            Onward::Wait(later(now, HELD), reason)
        }
    }
}

fn is_limit(failure: &CallFailed) -> bool {
    matches!(failure, CallFailed::Refused(ConnectorError::RateLimited { .. }))
}

/// Whether nobody knows what the platform has done.
fn is_silence(failure: &CallFailed) -> bool {
    matches!(
        failure,
        CallFailed::Transport(TransportError::NoAnswer(_))
            | CallFailed::Refused(ConnectorError::Unavailable(_) | ConnectorError::Unreadable { .. })
    )
}

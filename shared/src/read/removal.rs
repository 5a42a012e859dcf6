//! Having what is out taken down: the wish is written down and the consumer does the rest.

use super::{Reader, shown, write_failed};
use crate::{
    connector::{Act, Refusal},
    http::{Request, Response},
    ids::TargetId,
    problem::{Code, Problem},
    queue::Errand,
    removal::{Removal, RemovalState},
    store::{Actor, AuditAction, AuditEntry, PostSummary, Settled, Store},
    target::{State, Target},
    telemetry::Chain,
    view::PostView,
};

/// Whether the caller means what is out as well.
///
/// # Errors
/// The query says something else.
pub(super) fn wants_removal(request: &Request) -> Result<bool, Problem> {
    request.only_queries(&["unpublish"])?;
    match request.query("unpublish") {
        None => Ok(false),
        Some("true") => Ok(true),
        Some(_) => Err(Problem::new(Code::QueryInvalid, "`unpublish` is `true`, or left out.")),
    }
}

impl Reader {
    /// Asks for the removal of every target that is out, unless that was asked for before; `cancelled` others were called off.
    pub(super) async fn take_down(&self, request: &Request, cancelled: usize) -> Result<Response, Problem> {
        let caller = request.caller()?;
        let summary = self.summary(request).await?;
        let mut asked = Vec::new();
        for target in &summary.targets {
            if self.ask(request, target).await? {
                asked.push(target.target);
            }
        }
        if !asked.is_empty() {
            self.audit_request(request, &summary, &asked).await?;
            // What cannot be sent, dispatch finds in the `due` index.
            self.send(caller.tenant, &summary.post, &asked, Errand::Removal).await;
        }
        let current = self.summary(request).await?;
        if cancelled == 0 && current.targets.iter().all(|target| target.removal.is_none()) {
            let text = format!(
                "It is {}: nothing of it can be called off, and nothing is out that could be taken down.",
                PostView::current(&current).state.name()
            );
            return Err(Problem::new(Code::PostNotCancellable, text));
        }
        let is_under_way = current.targets.iter().any(|target| target.removal_to_do().is_some());
        let response = shown(&current);
        Ok(if is_under_way { Response { status: 202, ..response } } else { response })
    }

    /// Writes the wish down; `true` if there is work to do now.
    async fn ask(&self, request: &Request, target: &Target) -> Result<bool, Problem> {
        let (caller, now) = (request.caller()?, self.clock.now());
        let again = target.removal.as_ref().is_none_or(|removal| removal.state.may_be_asked_again());
        if target.state != State::Published || !again {
            return Ok(false);
        }
        let wish = Removal::asked(target.removal.as_ref(), caller.key, now);
        let (wish, due_at) = match &target.remote_id {
            Some(_) => (wish, Some(Store::reminder(now, now))),
            None => (wish.ended(RemovalState::Unsupported, Some(id_unknown()), now), None),
        };
        let written = self.store.put_removal(caller.tenant, target, &wish, due_at).await.map_err(write_failed)?;
        Ok(written == Settled::Done)
    }

    /// The wish stands in each target: that the audit cannot be written does not undo it.
    async fn audit_request(&self, request: &Request, summary: &PostSummary, asked: &[TargetId]) -> Result<(), Problem> {
        let caller = request.caller()?;
        let targets: Vec<String> = asked.iter().map(ToString::to_string).collect();
        let (at, by) = (self.clock.now(), Actor::Key(caller.key));
        let entry = AuditEntry::new(at, by, AuditAction::RemovalRequested, summary.post.id);
        if let Err(error) = self.store.audit(caller.tenant, &entry.with("targets", targets.join(" "))).await {
            tracing::error!(error = %Chain(&error), key = %caller.key, "a wish for a removal is missing in the audit");
        }
        Ok(())
    }
}

/// A person said that it is out, and not what the platform calls it.
fn id_unknown() -> Refusal {
    Refusal::ours(
        "removal.id_unknown",
        Act::EndUser,
        "postd does not know the platform's id of this post, as a person said that it is out: take it down there.",
    )
}

//! Calling a post off: every target on which nothing is at work and of which nothing may be out.

use super::{Reader, removal::wants_removal, shown, write_failed};
use crate::{
    http::{Request, Response, at_another_version},
    problem::{Code, Problem},
    store::{Cancellation, PostSummary},
    view::PostView,
};

/// How often a post is read again that was edited in the meantime.
const TRIES: u32 = 3;

impl Reader {
    pub(super) async fn cancel(&self, request: &Request) -> Result<Response, Problem> {
        let unpublish = wants_removal(request)?;
        self.alive(request).await?;
        let mut tries = 1;
        loop {
            let summary = self.summary(request).await?;
            request.only_if_at(summary.post.version)?;
            match self.cancel_as_read(request, &summary).await? {
                Some(cancelled) if unpublish => return self.take_down(request, cancelled).await,
                Some(cancelled) => return self.cancelled(request, cancelled).await,
                // Whoever named a version has not seen the edit; whoever did not means the post, however it reads.
                None if request.if_match()?.is_some() || tries == TRIES => return Err(at_another_version()),
                None => tries += 1,
            }
        }
    }

    /// How many targets are cancelled now; `None` if the post was edited since it was read. An edit takes all targets or
    /// none, and none of a post that is partly cancelled, so the first target decides.
    async fn cancel_as_read(&self, request: &Request, summary: &PostSummary) -> Result<Option<usize>, Problem> {
        let caller = request.caller()?;
        let now = self.clock.now();
        let mut cancelled = 0_usize;
        for target in summary.post.targets() {
            let by = (caller.key, now);
            match self.store.cancel(caller.tenant, &summary.post, target, by).await.map_err(write_failed)? {
                Cancellation::Done => cancelled += 1,
                Cancellation::Edited => return Ok(None),
                Cancellation::TooLate(state) => {
                    tracing::info!(post = %summary.post.id, target = %target.0, state = state.name(), "too late to cancel");
                }
            }
        }
        Ok(Some(cancelled))
    }

    async fn cancelled(&self, request: &Request, cancelled: usize) -> Result<Response, Problem> {
        let current = self.summary(request).await?;
        if cancelled == 0 {
            let text = format!("It is {}: every target has begun or ended.", PostView::current(&current).state.name());
            return Err(Problem::new(Code::PostNotCancellable, text));
        }
        Ok(shown(&current))
    }
}

//! A person's answer where the platform had none: whether a target is out.

use serde::Deserialize;
use url::Url;

use super::{Reader, shown, write_failed};
use crate::{
    connector::{Act, Refusal},
    http::{Caller, Request, Response},
    ids::TargetId,
    post::Post,
    problem::{Code, Fault, Problem},
    store::{Actor, AuditAction, AuditEntry, PostSummary, Review, Reviewed},
    target::{Answer, LogEntry, Resolved, State, Target},
    telemetry::Chain,
};

/// The longest id of a platform that is taken.
const LONGEST_REMOTE_ID: usize = 255;
/// The longest address that is taken.
const LONGEST_URL: usize = 2048;

/// What a person found at the platform.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Resolution {
    /// Whether the post is there. What is not there is sent again, unless its time is over.
    pub r#as: Answer,
    /// Where people see it; only if it is there.
    #[serde(default)]
    pub url: Option<Url>,
    /// The platform's id of it; only if it is there.
    #[serde(default)]
    pub remote_id: Option<String>,
}

impl Reader {
    pub(super) async fn resolve(&self, request: &Request) -> Result<Response, Problem> {
        let caller = request.caller()?;
        request.only_queries(&[])?;
        self.alive(request).await?;
        let summary = self.summary(request).await?;
        let target: TargetId = request.parameter("target", Code::TargetUnknown)?;
        if summary.post.target(target).is_none() {
            return Err(Problem::new(Code::TargetUnknown, format!("The post has no target {target}.")));
        }
        let resolution: Resolution = request.json()?;
        check(&resolution)?;
        let key = request.idempotency_key()?;
        match summary.target(target) {
            Some(found) if found.state == State::NeedsReview && !given_before(found, key) => {
                self.answer((&caller, key), &summary.post, found, &resolution).await?;
                answered(&self.summary(request).await?, target, &resolution)
            }
            Some(_) | None => answered(&summary, target, &resolution),
        }
    }

    /// Writes the answer, if nobody else was faster.
    async fn answer(
        &self,
        (caller, key): (&Caller, Option<&str>),
        post: &Post,
        found: &Target,
        resolution: &Resolution,
    ) -> Result<(), Problem> {
        let now = self.clock.now();
        let resolved = Resolved { answer: resolution.r#as, by: caller.key, at: now, key: key.map(str::to_owned) };
        let (state, reason) = match resolution.r#as {
            Answer::Published => (State::Published, by_person("review.published", "A person saw that it is out.")),
            Answer::NotPublished if now > found.not_after(post) => (
                State::Expired,
                by_person("review.not_published", "A person saw that it is not out; its time is over, so it stays so."),
            ),
            Answer::NotPublished => {
                (State::Queued, by_person("review.not_published", "A person saw that it is not out; it is sent again."))
            }
        };
        let entry = LogEntry {
            target: found.target,
            fence: found.fence + 1,
            at: now,
            state,
            attempt: 0,
            by: Some(caller.key),
            reason: Some(reason),
            until: None,
        };
        let review = Review {
            found,
            resolved: &resolved,
            entry: &entry,
            remote_id: resolution.remote_id.as_deref(),
            url: resolution.url.as_ref(),
        };
        if self.store.resolve(caller.tenant, &review).await.map_err(write_failed)? == Reviewed::Done {
            tracing::info!(post = %post.id, target = %found.target, state = state.name(), "a person answered");
            let subject = format!("{}/{}", post.id, found.target);
            let entry = AuditEntry::new(now, Actor::Key(caller.key), AuditAction::TargetResolved, subject)
                .with("became", state.name());
            // The answer stands in the target's history as well: that the audit cannot be written does not undo it.
            if let Err(error) = self.store.audit(caller.tenant, &entry).await {
                tracing::error!(error = %Chain(&error), key = %caller.key, "an answer is missing in the audit");
            }
        }
        Ok(())
    }
}

/// The post, if the last answer is this one, whoever gave it.
fn answered(summary: &PostSummary, target: TargetId, resolution: &Resolution) -> Result<Response, Problem> {
    let row = summary.target(target);
    match row.and_then(|row| row.resolved.as_ref()) {
        Some(resolved) if resolved.answer == resolution.r#as => Ok(shown(summary)),
        Some(_) => {
            let text = "A person has given the opposite answer before; look at the post's timeline.";
            Err(Problem::new(Code::TargetNotInReview, text))
        }
        None => {
            let state = row.map_or(State::Queued, |row| row.state).name();
            let text = format!("It is {state}: only a target in needs_review can be resolved.");
            Err(Problem::new(Code::TargetNotInReview, text))
        }
    }
}

/// Whether this request has answered already, and the target has come to need another answer since: it went out again,
/// and the repetition of an old request knows nothing about that.
fn given_before(found: &Target, key: Option<&str>) -> bool {
    key.is_some() && found.resolved.as_ref().and_then(|resolved| resolved.key.as_deref()) == key
}

fn by_person(code: &str, message: &str) -> Refusal {
    Refusal::ours(code, Act::Nobody, message)
}

fn check(resolution: &Resolution) -> Result<(), Problem> {
    let mut faults = Vec::new();
    if resolution.r#as == Answer::NotPublished {
        for (pointer, given) in [("/url", resolution.url.is_some()), ("/remote_id", resolution.remote_id.is_some())] {
            if given {
                faults.push(Fault::new(pointer, "review.nothing_there", "What was not published has none."));
            }
        }
    }
    if let Some(url) = &resolution.url
        && (!matches!(url.scheme(), "https" | "http") || url.as_str().len() > LONGEST_URL)
    {
        let text = format!("An http or https address of at most {LONGEST_URL} characters.");
        faults.push(Fault::new("/url", "review.url", text));
    }
    if let Some(id) = &resolution.remote_id
        && (id.is_empty() || id.len() > LONGEST_REMOTE_ID || id.chars().any(char::is_control))
    {
        let text = format!("The platform's id, of 1 to {LONGEST_REMOTE_ID} bytes.");
        faults.push(Fault::new("/remote_id", "review.remote_id", text));
    }
    if faults.is_empty() { Ok(()) } else { Err(Problem::invalid(faults)) }
}

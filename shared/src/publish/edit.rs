//! Editing a post of which nothing has begun: what, when, and what single targets say.

use jiff::Timestamp;
use uuid::Uuid;

use super::{NewPost, NewTarget, PostChanges, Publisher, SAFETY_NET, due_at, jobs, unavailable, unsent, validate};
use crate::{
    http::{Caller, Request, Response, at_another_version},
    ids::{PostId, TargetId},
    post::{Edit, Part, Post, TargetSpec, default_not_after},
    problem::{Code, Fault, Problem},
    schedule::Schedule,
    store::{Edited, PostEdit, PostSummary},
    target::State,
    view::PostView,
};

/// What to do about targets that shall be others.
const OTHER_TARGETS: &str = "The places that a post goes to cannot change: cancel it and create another.";

impl Publisher {
    pub(super) async fn edit(&self, request: &Request) -> Result<Response, Problem> {
        let caller = request.caller()?;
        request.only_queries(&[])?;
        let id: PostId = request.parameter("post", Code::PostUnknown)?;
        if request.if_match()?.is_none() {
            let text = "Send `If-Match` with the `ETag` of the post as you read it.";
            return Err(Problem::new(Code::PreconditionRequired, text));
        }
        let changes = changes(request)?;
        let found = self.store.post_with_targets(caller.tenant, id).await.map_err(unavailable)?;
        let found = found.ok_or_else(|| Problem::new(Code::PostUnknown, "None of your posts has this id."))?;
        request.only_if_at(found.post.version)?;
        if let Some(begun) = found.targets.iter().find(|target| !target.is_untouched()) {
            return Err(begun_already(begun.state));
        }
        let now = self.now();
        let after = self.changed(&caller, &found.post, &changes, now).await?;
        self.make(&caller, (&found.post, after), &changes, now).await
    }

    /// The post as it would be, if that keeps every rule.
    async fn changed(
        &self,
        caller: &Caller,
        before: &Post,
        changes: &PostChanges,
        now: Timestamp,
    ) -> Result<Post, Problem> {
        let mut faults = Vec::new();
        let merged = merged(before, changes, &mut faults);
        validate::size(&merged)?;
        let checked = self.check(caller.tenant, &merged, now).await?;
        let validated = match checked {
            Ok(validated) => Some(validated),
            Err(found) => {
                faults.extend(found.into_iter().map(|fault| in_changes(fault, changes)));
                None
            }
        };
        let planned = match (&changes.schedule, &validated) {
            (None, _) => before.planned.clone(),
            (Some(_), Some(validated)) => validated.planned.clone(),
            (Some(_), None) => None,
        };
        let goes_out = planned.as_ref().map_or(now, |planned| planned.at.max(now));
        let wanted = validated.as_ref().and_then(|validated| validated.not_after);
        let (not_after, not_after_given) = match (&changes.not_after, wanted) {
            (Some(_), Some(wanted)) => (wanted, true),
            (Some(_), None) => (default_not_after(goes_out), false),
            (None, _) if before.has_own_not_after() => (before.not_after, true),
            (None, _) if changes.schedule.is_some() => (default_not_after(goes_out), false),
            (None, _) => (before.not_after, false),
        };
        if validated.is_some() && not_after <= goes_out {
            let text = "The post's `not_after` must lie after its time and in the future: name a later one.";
            faults.push(Fault::new("/not_after", "not_after.too_early", text));
        }
        match validated {
            Some(validated) if faults.is_empty() => Ok(Post {
                version: before.version + 1,
                content: validated.content,
                targets: validated.targets,
                planned,
                not_after,
                not_after_given,
                ..before.clone()
            }),
            Some(_) | None => Err(Problem::invalid(faults)),
        }
    }

    /// Sends the jobs of what goes out soon, and writes the edit.
    async fn make(
        &self,
        caller: &Caller,
        (before, after): (&Post, Post),
        changes: &PostChanges,
        now: Timestamp,
    ) -> Result<Response, Problem> {
        self.enqueue(&jobs(caller, &after, now)).await.map_err(|error| unsent(&error))?;
        let entry = Edit {
            version: after.version,
            at: now,
            by: caller.key,
            changed: parts(changes),
            planned_at: after.planned.as_ref().map(|planned| planned.at),
        };
        let edit = PostEdit {
            before,
            after: &after,
            entry: &entry,
            nonce: &Uuid::new_v4().simple().to_string(),
            // What goes out at once has a row now, so it may as well have a reminder.
            due_at: due_at(&after, now).unwrap_or_else(|| now.saturating_add(SAFETY_NET).unwrap_or(now)),
        };
        match self.store.edit(caller.tenant, &edit).await.map_err(unavailable)? {
            Edited::Done(targets) => {
                tracing::info!(tenant = %caller.tenant.id(), post = %after.id, version = after.version, "edited");
                let version = after.version;
                let view = PostView::current(&PostSummary { post: after, targets });
                Ok(Response::json(200, &view).at_version(version))
            }
            Edited::Changed => Err(at_another_version()),
            Edited::Started(state) => Err(begun_already(state)),
        }
    }
}

fn changes(request: &Request) -> Result<PostChanges, Problem> {
    let changes: PostChanges = request.json().map_err(|mut problem| {
        // Whoever names a connection here wants another target.
        if problem.errors.iter().any(|fault| fault.pointer.starts_with("/targets/")) {
            problem.detail = format!("{} {OTHER_TARGETS}", problem.detail);
        }
        problem
    })?;
    if parts(&changes).is_empty() && changes.targets.is_empty() {
        let text = "Name at least one of `content`, `schedule`, `not_after` and `targets`.";
        return Err(Problem::invalid(vec![Fault::new("", "post.unchanged", text)]));
    }
    Ok(changes)
}

fn parts(changes: &PostChanges) -> Vec<Part> {
    let named = [
        (changes.content.is_some(), Part::Content),
        (changes.schedule.is_some(), Part::Schedule),
        (changes.not_after.is_some(), Part::NotAfter),
        (changes.targets.iter().any(|target| target.content.is_some()), Part::TargetContent),
        (changes.targets.iter().any(|target| target.options.is_some()), Part::TargetOptions),
    ];
    named.into_iter().filter(|(named, _)| *named).map(|(_, part)| part).collect()
}

/// The post as a new one would be written, so that the same rules hold. A time that does not change is left out: it was
/// checked when it was chosen, and may have come since.
fn merged(before: &Post, changes: &PostChanges, faults: &mut Vec<Fault>) -> NewPost {
    let mut targets: Vec<NewTarget> = before.targets.iter().map(as_new).collect();
    for (index, change) in changes.targets.iter().enumerate() {
        if changes.targets.iter().take(index).any(|earlier| earlier.target == change.target) {
            let text = "Another entry of this request names the same target.";
            faults.push(Fault::new(format!("/targets/{index}/target"), "target.repeated", text));
        }
        if change.content.is_none() && change.options.is_none() {
            let text = "Name at least one of `content` and `options`.";
            faults.push(Fault::new(format!("/targets/{index}"), "target.unchanged", text));
        }
        if let Some(target) = targets.get_mut(change.target.index()) {
            if let Some(content) = &change.content {
                target.content.clone_from(content);
            }
            if let Some(options) = &change.options {
                target.options.clone_from(options);
            }
        } else {
            let text = format!("The post has no target {}. {OTHER_TARGETS}", change.target);
            faults.push(Fault::new(format!("/targets/{index}/target"), "target.unknown", text));
        }
    }
    let schedule: Option<Schedule> = changes.schedule.clone().flatten();
    NewPost {
        // An edit is not guarded against duplicates.
        allow_duplicate: true,
        content: changes.content.clone().unwrap_or_else(|| before.content.clone()),
        targets,
        schedule,
        not_after: changes.not_after.clone().flatten(),
    }
}

fn as_new(spec: &TargetSpec) -> NewTarget {
    NewTarget {
        connection: spec.connection,
        destination: Some(spec.destination.clone()),
        content: spec.content.clone(),
        options: spec.options.clone(),
    }
}

/// A fault of the whole post, told of the body that brought it about. What the body does not name has no pointer into
/// it; then the text says which target it is.
fn in_changes(fault: Fault, changes: &PostChanges) -> Fault {
    let Some(rest) = fault.pointer.strip_prefix("/targets/") else {
        let unnamed = fault.pointer.starts_with("/content") && changes.content.is_none();
        return if unnamed { Fault { pointer: String::new(), ..fault } } else { fault };
    };
    let (number, field) = rest.split_once('/').unwrap_or((rest, ""));
    let Some(target) = number.parse().ok().and_then(TargetId::at) else { return fault };
    let detail = format!("{target}: {}", fault.detail);
    let entry = changes.targets.iter().position(|change| change.target == target);
    let pointer = match entry {
        Some(entry) if field.starts_with("content") || field.starts_with("options") => {
            format!("/targets/{entry}/{field}")
        }
        Some(entry) => format!("/targets/{entry}"),
        None => String::new(),
    };
    Fault { pointer, detail, code: fault.code }
}

fn begun_already(state: State) -> Problem {
    let text = format!("One of its targets is {}: only a post of which nothing has begun can be edited.", state.name());
    Problem::new(Code::PostNotEditable, text)
}

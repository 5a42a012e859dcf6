//! Publishes a post by one call, and asks until Google has looked at it.
//!
//! An answer with status 200 is no success: the post may be processed still, or rejected. What is processed is asked about
//! in ever longer waits, and a rejection heard in that way is told by the read-back, which sees the post itself.

use http::Method;
use jiff::SignedDuration;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use url::Url;

use super::{
    api,
    post::{self, State},
    preflight,
};
use crate::connector::{
    Act, Answer, Body, Checkpoint, ConnectorError, Effect, Finding, Next, Prepared, Refusal, Request,
    settings::GbpSettings,
};

/// The waits between looks; the last one repeats.
const WAITS: [SignedDuration; 6] = [
    SignedDuration::from_secs(5),
    SignedDuration::from_secs(15),
    SignedDuration::from_secs(60),
    SignedDuration::from_mins(5),
    SignedDuration::from_mins(15),
    SignedDuration::from_hours(1),
];

/// What is remembered of a post that Google has taken and not finished with.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Memory {
    /// Its whole name.
    post: String,
    /// How often it was asked about.
    looks: u32,
}

/// The name of the post that a publish had made, from what it remembered.
pub(super) fn post_of(checkpoint: &Checkpoint) -> Option<String> {
    checkpoint.read::<Memory>().ok().flatten().map(|memory| memory.post)
}

/// The next step of a publish.
///
/// # Errors
/// Google refused, or its answer cannot be read.
pub(super) fn step(
    settings: &GbpSettings,
    prepared: &Prepared,
    checkpoint: &Checkpoint,
    answer: Option<&Answer>,
) -> Result<Next, ConnectorError> {
    match (checkpoint.read()?, answer) {
        (None, None) => create(settings, prepared),
        (None, Some(answer)) => seen(&api::read(answer)?, prepared, 0),
        (Some(memory), None) => look(settings, memory),
        (Some(memory), Some(answer)) => {
            let post = api::read(answer)?;
            if post.get("name").and_then(Value::as_str) != Some(memory.post.as_str()) {
                return Err(ConnectorError::Unreadable { what: "the post that was asked for" });
            }
            seen(&post, prepared, memory.looks)
        }
    }
}

fn create(settings: &GbpSettings, prepared: &Prepared) -> Result<Next, ConnectorError> {
    if let Some(finding) =
        preflight::preflight(settings, &prepared.content, prepared.options.as_ref()).into_iter().next()
    {
        return Err(refused_before(&finding));
    }
    let url = posts(settings, &prepared.destination)?;
    let request = Request { body: Body::Json(post::body(prepared)), ..Request::new(Method::POST, url) };
    Ok(Next::Call { request, effect: Effect::Publish, checkpoint: Checkpoint::default() })
}

/// Where the posts of a destination are.
///
/// # Errors
/// It is no destination: no call is made to find that out.
pub(super) fn posts(settings: &GbpSettings, destination: &str) -> Result<Url, ConnectorError> {
    let Some((account, location)) = api::place(destination) else {
        let text = "A destination is named `accounts/{account}/locations/{location}`: connect the account again.";
        return Err(ConnectorError::Rejected(Refusal::ours("gbp.location.unknown", Act::EndUser, text)));
    };
    let path = ["v4", "accounts", account, "locations", location, "localPosts"];
    Ok(api::address(&settings.posts_url, &path))
}

/// The call that asks for a post.
///
/// # Errors
/// This is no name of a post.
pub(super) fn ask(settings: &GbpSettings, name: &str) -> Result<Request, ConnectorError> {
    let (account, location, post) =
        api::post(name).ok_or(ConnectorError::Unreadable { what: "the post of our checkpoint" })?;
    let path = ["v4", "accounts", account, "locations", location, "localPosts", post];
    Ok(Request::new(Method::GET, api::address(&settings.posts_url, &path)))
}

fn look(settings: &GbpSettings, memory: Memory) -> Result<Next, ConnectorError> {
    let request = ask(settings, &memory.post)?;
    let memory = Memory { looks: memory.looks.saturating_add(1), ..memory };
    Ok(Next::Call { request, effect: Effect::Read, checkpoint: Checkpoint::of(&memory) })
}

fn seen(post: &Value, prepared: &Prepared, looks: u32) -> Result<Next, ConnectorError> {
    let published = post::published(post, &prepared.destination)?;
    match post::state(post) {
        State::Out => Ok(Next::Done(published)),
        State::Rejected => Err(ConnectorError::Rejected(rejected())),
        State::Processing => {
            let wait = usize::try_from(looks).ok().and_then(|looks| WAITS.get(looks));
            let delay = wait.copied().unwrap_or(SignedDuration::from_hours(1));
            Ok(Next::Wait { delay, checkpoint: Checkpoint::of(&Memory { post: published.remote_id, looks }) })
        }
    }
}

/// Google has looked at a post and does not show it.
pub(super) fn rejected() -> Refusal {
    let text = "Google rejected the post, and does not say why: its content policy forbids phone numbers in the text, \
                for one. Change it and publish it anew.";
    Refusal::ours("gbp.post.rejected", Act::Caller, text)
}

fn refused_before(finding: &Finding) -> ConnectorError {
    ConnectorError::Rejected(Refusal::ours(finding.rule, Act::Caller, &finding.message))
}

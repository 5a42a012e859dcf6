//! Publishes: asks what the account may post, begins the post, uploads the file where that is ours to do, and watches the
//! status until it says what became of it.

use http::{HeaderValue, Method, StatusCode, header};
use jiff::SignedDuration;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use url::Url;

use super::{
    api, preflight,
    requests::{self, Post, Way},
    status::{self, Status},
};
use crate::connector::{
    Act, Answer, Authentication, Body, Checkpoint, ConnectorError, Effect, Next, Prepared, Published, Refusal, Request,
    settings::TiktokSettings, source::Seen,
};

/// How often an upload is begun anew after its address has died.
const MOST_RESTARTS: u32 = 3;

/// Where a publish stands.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Stage {
    /// At its beginning.
    #[default]
    Start,
    /// The account is asked what it may post.
    Creator,
    /// The file is looked at.
    Look,
    /// The post is begun.
    Init,
    /// The file is uploaded.
    Upload,
    /// TikTok is working.
    Status,
}

/// What is remembered between the steps.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct State {
    #[serde(default)]
    pub(super) stage: Stage,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) seen: Option<Seen>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) publish_id: Option<String>,
    /// Lives for an hour, takes the bytes of this one file, and is no use for anything else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) upload_url: Option<Url>,
    #[serde(default, skip_serializing_if = "is_zero")]
    pub(super) offset: u64,
    #[serde(default, skip_serializing_if = "is_zero")]
    polls: u64,
    #[serde(default, skip_serializing_if = "is_zero")]
    restarts: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands out references")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

impl State {
    pub(super) fn read(checkpoint: &Checkpoint) -> Result<Self, ConnectorError> {
        Ok(checkpoint.read()?.unwrap_or_default())
    }

    fn checkpoint(&self) -> Checkpoint {
        Checkpoint::of(self)
    }

    fn seen(&self) -> Result<&Seen, ConnectorError> {
        self.seen.as_ref().ok_or(ConnectorError::Unreadable { what: "the file of an upload" })
    }
}

/// The next step.
pub(super) fn step(
    settings: &TiktokSettings,
    prepared: &Prepared,
    checkpoint: &Checkpoint,
    answer: Option<&Answer>,
) -> Result<Next, ConnectorError> {
    let state = State::read(checkpoint)?;
    let post = Post::of(settings, prepared);
    match (state.stage, answer) {
        (Stage::Start, _) => {
            let findings = preflight::preflight(settings, &prepared.content, prepared.options.as_ref());
            match findings.into_iter().next() {
                Some(finding) => {
                    Err(ConnectorError::Rejected(Refusal::ours(finding.rule, Act::Caller, &finding.message)))
                }
                // What an account may post is asked with a permission that drafts do not need.
                None if post.is_direct() => Ok(post.ask_creator(state)),
                None => post.begin(state),
            }
        }
        (Stage::Creator, None) => Ok(post.ask_creator(state)),
        (Stage::Creator, Some(answer)) => {
            preflight::check_creator(&post, &api::read(answer)?)?;
            post.begin(state)
        }
        (Stage::Look, None) => post.look(state),
        (Stage::Look, Some(answer)) => post.looked(state, answer),
        (Stage::Init, None) => Ok(post.init(state)),
        (Stage::Init, Some(answer)) => post.begun(state, answer),
        (Stage::Upload, None) => post.piece(state),
        (Stage::Upload, Some(answer)) => post.uploaded(state, answer),
        (Stage::Status, None) => post.ask_status(state),
        (Stage::Status, Some(answer)) => post.watched(state, answer),
    }
}

fn call(request: Request, effect: Effect, state: &State) -> Next {
    Next::Call { request, effect, checkpoint: state.checkpoint() }
}

fn wait(state: State) -> Next {
    // Thirty questions a minute are allowed, for all posts of the account together; most posts take less than a minute.
    let delay = match state.polls {
        0..6 => SignedDuration::from_secs(5),
        6..26 => SignedDuration::from_secs(30),
        _ => SignedDuration::from_mins(5),
    };
    Next::Wait { delay, checkpoint: State { stage: Stage::Status, ..state }.checkpoint() }
}

impl Post<'_> {
    fn ask_creator(&self, state: State) -> Next {
        call(self.creator(), Effect::Read, &State { stage: Stage::Creator, ..state })
    }

    /// The account may post: the file is next, or TikTok fetches it.
    fn begin(&self, state: State) -> Result<Next, ConnectorError> {
        match self.way {
            Way::Upload => self.look(state),
            Way::Pull | Way::Photos => Ok(self.init(state)),
        }
    }

    fn look(&self, state: State) -> Result<Next, ConnectorError> {
        let source = self.prepared.media(0)?;
        Ok(Next::Look { source, checkpoint: State { stage: Stage::Look, ..state }.checkpoint() })
    }

    fn looked(&self, state: State, answer: &Answer) -> Result<Next, ConnectorError> {
        let seen = Seen::read(answer)?;
        preflight::check_file(self, &seen)?;
        Ok(self.init(State { seen: Some(seen), ..state }))
    }

    /// Nothing can appear before bytes are there. What TikTok fetches itself, it may publish from here on.
    fn init(&self, state: State) -> Next {
        let effect = match self.way {
            Way::Upload => Effect::Stage,
            Way::Pull | Way::Photos => Effect::Publish,
        };
        call(self.init_call(state.seen.as_ref()), effect, &State { stage: Stage::Init, ..state })
    }

    fn begun(&self, state: State, answer: &Answer) -> Result<Next, ConnectorError> {
        let data = api::read(answer)?;
        let publish_id = api::id(data.get("publish_id"));
        let publish_id = publish_id.ok_or(ConnectorError::Unreadable { what: "the id of a publish" })?;
        let state = State { publish_id: Some(publish_id), polls: 0, offset: 0, ..state };
        match self.way {
            Way::Pull | Way::Photos => Ok(wait(state)),
            Way::Upload => {
                let url = api::upload_url(self.settings, data.get("upload_url").and_then(Value::as_str))?;
                self.piece(State { upload_url: Some(url), ..state })
            }
        }
    }

    fn piece(&self, state: State) -> Result<Next, ConnectorError> {
        let seen = state.seen()?;
        let address = state.upload_url.as_ref().map(Url::as_str);
        let url = api::upload_url(self.settings, address)?;
        let end = self.plan(seen).end(state.offset);
        let piece = seen.piece(self.prepared.media(0)?, state.offset, end.saturating_sub(state.offset))?;
        let mut request = Request::new(Method::PUT, url);
        // The address is the permission: no token goes there.
        request.authentication = Authentication::Complete;
        let media_type = preflight::video_type(self, seen).unwrap_or("video/mp4");
        request.headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
        if let Ok(range) = HeaderValue::try_from(piece.content_range()) {
            request.headers.insert(header::CONTENT_RANGE, range);
        }
        request.body = Body::Piece(piece);
        // The last piece makes the post.
        let effect = if end >= seen.length { Effect::Publish } else { Effect::Stage };
        Ok(call(request, effect, &State { stage: Stage::Upload, ..state }))
    }

    fn uploaded(&self, state: State, answer: &Answer) -> Result<Next, ConnectorError> {
        let seen = state.seen()?;
        let (size, end) = (seen.length, self.plan(seen).end(state.offset));
        let is_last = end >= size;
        match answer.status {
            StatusCode::CREATED if is_last => Ok(wait(State { upload_url: None, polls: 0, ..state })),
            StatusCode::PARTIAL_CONTENT if !is_last => {
                let stored = stored(answer, self.plan(seen).chunk).unwrap_or(end);
                self.go_on(state, stored, size)
            }
            StatusCode::RANGE_NOT_SATISFIABLE => match stored(answer, self.plan(seen).chunk) {
                Some(stored) => self.go_on(state, stored, size),
                // The status says how much is there.
                None => self.ask_status(State { polls: 0, ..state }),
            },
            StatusCode::FORBIDDEN | StatusCode::NOT_FOUND if !is_last => self.restart(state),
            StatusCode::FORBIDDEN | StatusCode::NOT_FOUND => Err(ConnectorError::Ambiguous(expired(answer))),
            StatusCode::BAD_REQUEST => {
                let text = "TikTok does not take the upload.";
                Err(ConnectorError::Rejected(Refusal {
                    platform_code: Some("400".into()),
                    ..Refusal::ours("tiktok.upload.refused", Act::Operator, text)
                }))
            }
            // Anything else is no answer of an upload: a proxy's page, or TikTok failing.
            _ => match api::read(answer) {
                Err(error) => Err(error),
                Ok(_) => Err(ConnectorError::Unreadable { what: "an answer to an upload" }),
            },
        }
    }

    fn go_on(&self, state: State, stored: u64, size: u64) -> Result<Next, ConnectorError> {
        if stored > size {
            return Err(ConnectorError::Unreadable { what: "a range of the upload" });
        }
        if stored == size {
            return Ok(wait(State { upload_url: None, polls: 0, ..state }));
        }
        self.piece(State { offset: stored, ..state })
    }

    /// The address has died before all bytes were there, and with it what was uploaded.
    fn restart(&self, state: State) -> Result<Next, ConnectorError> {
        if state.restarts >= u64::from(MOST_RESTARTS) {
            let text = "The upload takes longer than the hour that TikTok gives it.";
            return Err(ConnectorError::Rejected(Refusal::ours("tiktok.upload.expired", Act::Caller, text)));
        }
        let restarts = state.restarts.saturating_add(1);
        Ok(self.init(State { seen: state.seen, restarts, ..State::default() }))
    }

    fn ask_status(&self, state: State) -> Result<Next, ConnectorError> {
        let id = state.publish_id.as_deref().ok_or(ConnectorError::Unreadable { what: "the id of a publish" })?;
        let request = requests::status(self.settings, id);
        let polls = state.polls.saturating_add(1);
        Ok(call(request, Effect::Read, &State { stage: Stage::Status, polls, ..state }))
    }

    fn watched(&self, state: State, answer: &Answer) -> Result<Next, ConnectorError> {
        let size = state.seen.as_ref().map(|seen| seen.length);
        match status::read(answer)? {
            Status::Out { videos } => published(&state, videos).map(Next::Done),
            Status::InInbox if !self.is_direct() => published(&state, Vec::new()).map(Next::Done),
            // The rest of an upload whose range was refused.
            Status::Working { uploaded: Some(uploaded) }
                if state.upload_url.is_some() && size.is_some_and(|size| uploaded < size) =>
            {
                self.piece(State { offset: uploaded, ..state })
            }
            Status::Working { .. } | Status::InInbox => Ok(wait(state)),
            Status::Failed(failure) => Err(ConnectorError::Rejected(failure.refusal())),
        }
    }
}

/// The post: by its public id where there is one already, and else by the id of its publish.
pub(super) fn published(state: &State, videos: Vec<String>) -> Result<Published, ConnectorError> {
    let remote_id = videos.into_iter().next().or_else(|| state.publish_id.clone());
    let remote_id = remote_id.ok_or(ConnectorError::Unreadable { what: "the id of a publish" })?;
    Ok(Published { remote_id, url: None })
}

/// How many bytes TikTok has: `bytes 0-{uploaded}/{total}`. Whether that is a count or the last byte, is not documented; pieces
/// tell, and else it is the last byte, as everywhere.
fn stored(answer: &Answer, chunk: u64) -> Option<u64> {
    let text = answer.headers.get(header::CONTENT_RANGE)?.to_str().ok()?;
    let (range, total) = text.strip_prefix("bytes ")?.split_once('/')?;
    let uploaded: u64 = range.split_once('-')?.1.parse().ok()?;
    let is_count = total.parse() == Ok(uploaded) || uploaded.is_multiple_of(chunk);
    if is_count { Some(uploaded) } else { uploaded.checked_add(1) }
}

fn expired(answer: &Answer) -> Refusal {
    Refusal {
        platform_code: Some(answer.status.as_str().into()),
        ..Refusal::ours("tiktok.upload.expired", Act::Nobody, "TikTok does not know the upload any more.")
    }
}

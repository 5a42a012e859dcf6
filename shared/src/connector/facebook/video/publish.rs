//! Publishes a video or reel, step by step; what each step brought is in the checkpoint of the next.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use url::Url;

use super::{
    super::{graph, publish::refused_before},
    plan::Plan,
    preflight::check_file,
    requests,
    status::{self, Phase, Word},
};
use crate::connector::{
    Act, Answer, Checkpoint, ConnectorError, Effect, Next, Prepared, Published, Refusal, Request,
    settings::FacebookSettings, source::Seen,
};

/// How often in a row a call for the file may bring nothing, and how often a session is begun anew.
const MOST_TRIES: u64 = 5;
const MOST_SESSIONS: u64 = 3;

/// Where a publish stands. The names are in checkpoints.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Stage {
    #[default]
    Start,
    /// The file is looked at.
    Look,
    /// A session is opened.
    Open,
    /// A piece of a video goes up.
    Transfer,
    /// The file of a reel, or its address, goes up.
    Send,
    /// The reel is asked whether its file is there.
    Arrived,
    /// The publish.
    Finish,
    /// The video is asked whether an earlier publish was carried out.
    Check,
    /// Facebook is working.
    Watch,
}

/// What is remembered between the steps.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct State {
    #[serde(default)]
    stage: Stage,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    seen: Option<Seen>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) video: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    session: Option<String>,
    /// No use without a token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    upload_url: Option<Url>,
    /// The piece that Facebook asks for.
    #[serde(default, skip_serializing_if = "is_zero")]
    start: u64,
    #[serde(default, skip_serializing_if = "is_zero")]
    end: u64,
    /// Facebook took all of the file, or its address.
    #[serde(default)]
    is_taken: bool,
    /// Calls in a row that brought nothing of the file.
    #[serde(default, skip_serializing_if = "is_zero")]
    tries: u64,
    /// Sessions before this one.
    #[serde(default, skip_serializing_if = "is_zero")]
    sessions: u64,
    /// Publishes of this video that left, or were about to.
    #[serde(default, skip_serializing_if = "is_zero")]
    finishes: u64,
    /// Looks at one thing, and how long they were apart in all, in seconds.
    #[serde(default, skip_serializing_if = "is_zero")]
    looks: u64,
    #[serde(default)]
    waited: i64,
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

    /// Whether there was one publish, and nobody saw what it was answered.
    pub(super) fn is_unanswered(&self) -> bool {
        self.stage == Stage::Finish && self.finishes == 1
    }

    fn at(self, stage: Stage) -> Self {
        Self { stage, looks: 0, waited: 0, ..self }
    }

    fn seen(&self) -> Result<&Seen, ConnectorError> {
        self.seen.as_ref().ok_or(ConnectorError::Unreadable { what: "the file of an upload" })
    }

    fn video(&self) -> Result<&str, ConnectorError> {
        self.video.as_deref().ok_or(ConnectorError::Unreadable { what: "the id of a video" })
    }
}

/// The next step.
///
/// # Errors
/// Facebook refused, or its answer cannot be read.
pub(in crate::connector::facebook) fn step(
    settings: &FacebookSettings,
    post: &Prepared,
    checkpoint: &Checkpoint,
    answer: Option<&Answer>,
) -> Result<Next, ConnectorError> {
    let state = State::read(checkpoint)?;
    let plan = Plan::of(settings, post);
    match (state.stage, answer) {
        (Stage::Start, _) => {
            let findings = super::super::publish::preflight(settings, &post.content, post.options.as_ref());
            match findings.into_iter().next() {
                Some(finding) => Err(refused_before(finding)),
                None => plan.begin(state),
            }
        }
        (Stage::Look, None) => plan.look(state),
        (Stage::Look, Some(answer)) => plan.looked(state, answer),
        (Stage::Open, None) => Ok(plan.open(state)),
        (Stage::Open, Some(answer)) => plan.opened(state, answer),
        (Stage::Transfer, None) => plan.transfer(state),
        (Stage::Transfer, Some(answer)) => plan.transferred(state, answer),
        // How much arrived of what was sent, the reel itself knows.
        (Stage::Send | Stage::Arrived, None) => plan.ask(state, Stage::Arrived),
        (Stage::Send, Some(answer)) => {
            graph::succeeded(&graph::read(answer)?)?;
            plan.ask(State { is_taken: true, ..state.at(Stage::Arrived) }, Stage::Arrived)
        }
        (Stage::Arrived, Some(answer)) => plan.arrived(state, answer),
        (Stage::Finish, None) if state.video.is_none() => plan.finish(state),
        (Stage::Finish | Stage::Check, None) => plan.ask(state, Stage::Check),
        (Stage::Check, Some(answer)) => plan.checked(state, answer),
        (Stage::Finish, Some(answer)) => plan.finished(state, answer),
        (Stage::Watch, None) => plan.ask(state, Stage::Watch),
        (Stage::Watch, Some(answer)) => plan.watched(state, answer),
    }
}

fn call(request: Request, effect: Effect, state: &State) -> Next {
    Next::Call { request, effect, checkpoint: state.checkpoint() }
}

impl Plan<'_> {
    fn begin(&self, state: State) -> Result<Next, ConnectorError> {
        match (self.is_fetched(), self.is_reel()) {
            (true, false) => self.finish(state),
            (true, true) => Ok(self.open(state)),
            (false, _) => self.look(state),
        }
    }

    fn look(&self, state: State) -> Result<Next, ConnectorError> {
        Ok(Next::Look { source: self.post.media(0)?, checkpoint: state.at(Stage::Look).checkpoint() })
    }

    fn looked(&self, state: State, answer: &Answer) -> Result<Next, ConnectorError> {
        let seen = Seen::read(answer)?;
        check_file(self, &seen)?;
        Ok(self.open(State { seen: Some(seen), ..state }))
    }

    fn open(&self, state: State) -> Next {
        let length = state.seen.as_ref().map_or(0, |seen| seen.length);
        call(self.open_call(length), Effect::Stage, &state.at(Stage::Open))
    }

    fn opened(&self, state: State, answer: &Answer) -> Result<Next, ConnectorError> {
        let body = graph::read(answer)?;
        let video = graph::id(body.get("video_id"));
        let video = Some(video.ok_or(ConnectorError::Unreadable { what: "the id of a video" })?);
        if self.is_reel() {
            let url = body.get("upload_url").and_then(Value::as_str).and_then(|address| Url::parse(address).ok());
            let url = url.filter(|url| self.settings.accepts_upload(url) && requests::is_upload(url));
            let upload_url = Some(url.ok_or(ConnectorError::Unreadable { what: "an address of an upload" })?);
            return self.send(State { video, upload_url, is_taken: false, tries: 0, ..state });
        }
        let session = graph::id(body.get("upload_session_id"));
        let session = Some(session.ok_or(ConnectorError::Unreadable { what: "the session of an upload" })?);
        self.go_on(State { video, session, tries: 0, ..state }, &body)
    }

    /// The piece that Facebook asks for, or the publish, if it asks for none any more.
    fn go_on(&self, state: State, body: &Value) -> Result<Next, ConnectorError> {
        let offset = |name| graph::number(body.get(name));
        let (Some(start), Some(end)) = (offset("start_offset"), offset("end_offset")) else {
            return Err(ConnectorError::Unreadable { what: "the offsets of an upload" });
        };
        let length = state.seen()?.length;
        if start == length {
            return self.finish(state);
        }
        if start > length || end <= start {
            return Err(ConnectorError::Unreadable { what: "offsets within the file" });
        }
        self.transfer(State { start, end, ..state })
    }

    fn transfer(&self, state: State) -> Result<Next, ConnectorError> {
        let session = state.session.as_deref().unwrap_or_default();
        let request = self.transfer_call(session, state.seen()?, (state.start, state.end))?;
        Ok(call(request, Effect::Stage, &state.at(Stage::Transfer)))
    }

    /// Facebook's offset counts: a piece whose answer was lost is refused with the one that comes after it.
    fn transferred(&self, state: State, answer: &Answer) -> Result<Next, ConnectorError> {
        let (body, is_correction) = match graph::read(answer) {
            Ok(body) => (body, false),
            Err(error) if error.refusal().code == "facebook.upload.offset" => (asked_for(answer)?, true),
            Err(error) if is_missing(&error) => return self.restart(state, error),
            Err(error) => return Err(error),
        };
        let has_moved = graph::number(body.get("start_offset")).is_some_and(|start| start > state.start);
        let tries = if has_moved { 0 } else { state.tries.saturating_add(1) };
        if tries >= MOST_TRIES || (!has_moved && !is_correction) {
            return Err(stuck());
        }
        self.go_on(State { tries, ..state }, &body)
    }

    fn send(&self, state: State) -> Result<Next, ConnectorError> {
        let tries = state.tries.saturating_add(1);
        if tries > MOST_TRIES {
            return Err(stuck());
        }
        let url = state.upload_url.clone().filter(|url| self.settings.accepts_upload(url));
        let url = url.ok_or(ConnectorError::Unreadable { what: "an address of an upload" })?;
        let request = match &state.seen {
            Some(seen) => self.send_call(url, seen, state.start)?,
            None => self.hand_over_call(url)?,
        };
        Ok(call(request, Effect::Stage, &State { tries, ..state.at(Stage::Send) }))
    }

    fn ask(&self, state: State, at: Stage) -> Result<Next, ConnectorError> {
        let request = requests::status(self.settings, state.video()?);
        Ok(call(request, Effect::Read, &State { stage: at, ..state }))
    }

    fn arrived(&self, state: State, answer: &Answer) -> Result<Next, ConnectorError> {
        let word = match graph::read(answer) {
            Ok(body) => status::read(&body)?,
            Err(error) if is_missing(&error) => return self.restart(state, error),
            Err(error) => return Err(error),
        };
        match word {
            // It is ours alone, and nothing of it was published: this is of no video that we made.
            Word::Out { .. } => Err(ConnectorError::Unreadable { what: "a reel that is not out yet" }),
            Word::Failed(refusal) => Err(ConnectorError::Rejected(refusal)),
            Word::Working { uploading: Phase::Complete, .. } => self.finish(state),
            Word::Working { uploading, bytes, .. } => match &state.seen {
                _ if state.is_taken => Ok(self.wait(state)),
                Some(seen) if bytes < seen.length => {
                    let tries = if bytes > state.start { 0 } else { state.tries };
                    self.send(State { start: bytes, tries, ..state })
                }
                None if uploading == Phase::NotBegun => self.send(state),
                Some(_) | None => Ok(self.wait(state)),
            },
        }
    }

    /// Facebook has forgotten the session: nothing was published by it, and its file goes up anew.
    fn restart(&self, state: State, error: ConnectorError) -> Result<Next, ConnectorError> {
        let sessions = state.sessions.saturating_add(1);
        if sessions >= MOST_SESSIONS {
            return Err(error);
        }
        Ok(self.open(State { seen: state.seen, sessions, ..State::default() }))
    }

    fn finish(&self, state: State) -> Result<Next, ConnectorError> {
        let request = self.finish_call(state.session.as_deref(), state.video.as_deref())?;
        let finishes = state.finishes.saturating_add(1);
        Ok(call(request, Effect::Publish, &State { finishes, ..state.at(Stage::Finish) }))
    }

    fn finished(&self, state: State, answer: &Answer) -> Result<Next, ConnectorError> {
        let body = match graph::read(answer) {
            // It may be refused because the one before it was carried out.
            Err(ConnectorError::Rejected(refusal)) if state.finishes > 1 && state.video.is_some() => {
                return Err(ConnectorError::Ambiguous(refusal));
            }
            read => read?,
        };
        let video = match state.video {
            Some(video) => {
                graph::succeeded(&body)?;
                video
            }
            None => graph::id(body.get("id")).ok_or(ConnectorError::Unreadable { what: "the id of a video" })?,
        };
        Ok(self.wait(State { video: Some(video), ..State { video: None, ..state }.at(Stage::Watch) }))
    }

    fn checked(&self, state: State, answer: &Answer) -> Result<Next, ConnectorError> {
        match status::read(&graph::read(answer)?)? {
            Word::Out { url } => published(&state, url),
            Word::Failed(refusal) => Err(ConnectorError::Rejected(refusal)),
            Word::Working { .. } => self.finish(state),
        }
    }

    fn watched(&self, state: State, answer: &Answer) -> Result<Next, ConnectorError> {
        match status::read(&graph::read(answer)?)? {
            Word::Out { url } => published(&state, url),
            Word::Failed(refusal) => Err(ConnectorError::Rejected(refusal)),
            Word::Working { .. } => Ok(self.wait(state)),
        }
    }

    /// Comes back later: soon at first, then ever more seldom.
    fn wait(&self, state: State) -> Next {
        let delay = self.settings.video_looks.wait(state.looks, state.waited);
        let (looks, waited) = (state.looks.saturating_add(1), state.waited.saturating_add(delay.as_secs()));
        Next::Wait { delay, checkpoint: State { looks, waited, ..state }.checkpoint() }
    }
}

fn published(state: &State, url: Option<Url>) -> Result<Next, ConnectorError> {
    Ok(Next::Done(Published { remote_id: state.video()?.to_owned(), url }))
}

/// What a refused piece is told to be instead; as an object, or as the text of one.
fn asked_for(answer: &Answer) -> Result<Value, ConnectorError> {
    let data = answer.json().and_then(|body| body.pointer("/error/error_data").cloned());
    let data = match data {
        Some(Value::String(text)) => serde_json::from_str(&text).ok(),
        data => data,
    };
    data.ok_or(ConnectorError::Unreadable { what: "the offsets of an upload" })
}

fn is_missing(error: &ConnectorError) -> bool {
    error.refusal().code == "facebook.object.missing"
}

fn stuck() -> ConnectorError {
    let text = "Facebook takes no more of the file, and says nothing against it.";
    ConnectorError::Transient(Refusal::ours("facebook.upload.stuck", Act::Nobody, text))
}

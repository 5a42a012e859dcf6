//! From a post to `POST /rest/posts`: each file is looked at, announced, sent (a video in the parts that LinkedIn asks for)
//! and waited for; then the post is made, once.
//!
//! An address of an upload may expire, and a file that nobody uses costs nothing: what cannot be gone on with is begun
//! anew, up to the post itself. That one is never sent a second time by this connector.

use http::{HeaderValue, Method, StatusCode, header};
use jiff::SignedDuration;
use serde_json::{Value, json};
use url::Url;

use super::{
    Profile, api,
    memory::{Memory, Part, Stage, instructions, shortened},
    post, preflight,
};
use crate::{
    connector::{
        Act, Answer, Authentication, Body, Checkpoint, ConnectorError, Effect, Next, Prepared, Published, Refusal,
        Request, settings::LinkedinSettings, source::Seen,
    },
    content::MediaKind,
};

/// How long LinkedIn is given between two looks at a file: the first waits, then the longest.
const WAITS: [i64; 6] = [2, 5, 10, 20, 40, 60];
/// How long a file is given whose state LinkedIn does not let us see.
const BLIND_WAIT: SignedDuration = SignedDuration::from_secs(10);
const MOST_RESTARTS: u8 = 3;
/// After so many files a run ends, so that none has more steps than the driver allows.
const FILES_PER_RUN: usize = 10;
const LONGEST_TAG: usize = 300;

/// The next step of a publish.
///
/// # Errors
/// LinkedIn refused, or its answer cannot be read.
pub(super) fn step(
    settings: &LinkedinSettings,
    profile: Profile,
    post: &Prepared,
    checkpoint: &Checkpoint,
    answer: Option<&Answer>,
) -> Result<Next, ConnectorError> {
    let publish = Publish { settings, profile, post };
    let Some(memory) = checkpoint.read()? else {
        publish.check()?;
        return publish.next_file(Memory::at(Stage::Look));
    };
    match answer {
        Some(answer) => publish.answered(memory, answer),
        None => publish.go_on(memory),
    }
}

struct Publish<'a> {
    settings: &'a LinkedinSettings,
    profile: Profile,
    post: &'a Prepared,
}

impl Publish<'_> {
    fn check(&self) -> Result<(), ConnectorError> {
        let findings =
            preflight::preflight(self.settings, self.profile, &self.post.content, self.post.options.as_ref());
        if let Some(finding) = findings.into_iter().next() {
            return Err(ConnectorError::Rejected(Refusal::ours(finding.rule, Act::Caller, &finding.message)));
        }
        let kind = match self.profile {
            Profile::Member => "person",
            Profile::Page => "organization",
        };
        let author = api::id_of(&self.post.destination, &[kind, "organizationBrand"]);
        author.map(|_| ()).ok_or(ConnectorError::Unreadable { what: "the URN of an author" })
    }

    /// After an interruption: the answer to the last call, if it was made, is lost.
    fn go_on(&self, memory: Memory) -> Result<Next, ConnectorError> {
        match memory.stage {
            Stage::Look | Stage::Announce => self.next_file(memory),
            Stage::Send => self.send(memory),
            Stage::Finalize => self.finalize(memory),
            Stage::Settle => self.settle(memory),
            // LinkedIn may have said that a file is not ready after all: they are looked at before the post is made.
            Stage::Commit => self.settle(Memory { ready: 0, ..memory }),
        }
    }

    fn answered(&self, memory: Memory, answer: &Answer) -> Result<Next, ConnectorError> {
        match memory.stage {
            Stage::Look => self.announce(Memory { seen: Some(Seen::read(answer)?), ..memory }),
            Stage::Announce => self.announced(memory, &api::read(answer)?),
            Stage::Send => self.sent(memory, answer),
            Stage::Finalize => self.finalized(memory, answer),
            Stage::Settle => self.settled(memory, answer),
            Stage::Commit => committed(answer).map(Next::Done),
        }
    }

    fn kind(&self, index: usize) -> Result<MediaKind, ConnectorError> {
        let media = self.post.content.media.get(index);
        media.map(|media| media.kind).ok_or(ConnectorError::Unreadable { what: "a file of our checkpoint" })
    }

    fn call(request: Request, effect: Effect, memory: &Memory) -> Next {
        Next::Call { request, effect, checkpoint: Checkpoint::of(memory) }
    }

    fn next_file(&self, memory: Memory) -> Result<Next, ConnectorError> {
        if memory.sent >= self.post.content.media.len() {
            return self.settle(memory);
        }
        let memory = memory.cleared(Stage::Look);
        let source = self.post.media(memory.sent)?;
        Ok(Next::Look { source, checkpoint: Checkpoint::of(&memory) })
    }

    fn announce(&self, memory: Memory) -> Result<Next, ConnectorError> {
        let kind = self.kind(memory.sent)?;
        let length = memory.seen.as_ref().map_or(0, |seen| seen.length);
        let mut wanted = json!({ "owner": self.post.destination });
        if let (MediaKind::Video, Some(members)) = (kind, wanted.as_object_mut()) {
            members.insert("fileSizeBytes".into(), length.into());
            members.insert("uploadCaptions".into(), false.into());
            members.insert("uploadThumbnail".into(), false.into());
        }
        let request = self.action(kind, "initializeUpload", json!({ "initializeUploadRequest": wanted }));
        Ok(Self::call(request, Effect::Stage, &Memory { stage: Stage::Announce, ..memory }))
    }

    fn action(&self, kind: MediaKind, action: &str, body: Value) -> Request {
        let (path, _) = post::names(kind);
        let request = api::call(self.settings, Method::POST, path, Some(&format!("action={action}")));
        Request { body: Body::Json(body), ..request }
    }

    fn announced(&self, memory: Memory, body: &Value) -> Result<Next, ConnectorError> {
        let kind = self.kind(memory.sent)?;
        let (_, name) = post::names(kind);
        let value = body.get("value").ok_or(ConnectorError::Unreadable { what: "a `value`" })?;
        let asset =
            api::urn(value.get(name), &[name]).ok_or(ConnectorError::Unreadable { what: "the URN of a file" })?;
        let length = memory.seen.as_ref().map_or(0, |seen| seen.length);
        let parts = match kind {
            MediaKind::Video => instructions(value, length)?,
            MediaKind::Image | MediaKind::Document => {
                let url = value.get("uploadUrl").and_then(Value::as_str);
                let url = url.ok_or(ConnectorError::Unreadable { what: "an `uploadUrl`" })?;
                vec![Part(0, length.saturating_sub(1), url.to_owned())]
            }
        };
        for Part(_, _, address) in &parts {
            let is_theirs = Url::parse(address).is_ok_and(|url| self.settings.accepts_upload(&url));
            if !is_theirs {
                return Err(ConnectorError::Unreadable { what: "an address of an upload at LinkedIn" });
            }
        }
        let upload = value.get("uploadToken").and_then(Value::as_str).map(str::to_owned);
        let mut memory = Memory { stage: Stage::Send, upload, ..memory };
        memory.assets.push(asset);
        (memory.base, memory.parts) = shortened(parts);
        self.send(memory)
    }

    fn send(&self, memory: Memory) -> Result<Next, ConnectorError> {
        let (Some(Part(first, last, end)), Some(seen)) = (memory.parts.first(), &memory.seen) else {
            return Err(ConnectorError::Unreadable { what: "the parts of our checkpoint" });
        };
        let url = Url::parse(&format!("{}{end}", memory.base)).ok().filter(|url| self.settings.accepts_upload(url));
        let url = url.ok_or(ConnectorError::Unreadable { what: "an address of an upload at LinkedIn" })?;
        let is_video = self.kind(memory.sent)? == MediaKind::Video;
        let length = last.saturating_sub(*first).saturating_add(1);
        let body = Body::Piece(seen.piece(self.post.media(memory.sent)?, *first, length)?);
        let mut request = Request { body, ..Request::new(Method::PUT, url) };
        request.headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
        // The addresses of a video's parts are signed; a token there is refused.
        if is_video {
            request.authentication = Authentication::Complete;
        }
        Ok(Self::call(request, Effect::Stage, &Memory { stage: Stage::Send, ..memory }))
    }

    fn sent(&self, mut memory: Memory, answer: &Answer) -> Result<Next, ConnectorError> {
        let is_video = self.kind(memory.sent)? == MediaKind::Video;
        match api::done(answer, &[StatusCode::OK, StatusCode::CREATED]) {
            Ok(()) => {}
            // The address of a part is its own permission: a refusal of it says nothing of the connection.
            Err(_) if is_video && matches!(answer.status.as_u16(), 401 | 403 | 404 | 410) => {
                let text = "LinkedIn takes no more at the address of the upload.";
                let refusal = Refusal::ours("linkedin.upload.expired", Act::Nobody, text);
                return self.restart(memory, ConnectorError::Transient(refusal));
            }
            // An address that has expired, or that LinkedIn has forgotten, is asked for anew.
            Err(ConnectorError::Transient(refusal)) if refusal.code == "linkedin.upload.expired" => {
                return self.restart(memory, ConnectorError::Transient(refusal));
            }
            Err(ConnectorError::Rejected(refusal)) if refusal.code == "linkedin.object.missing" => {
                return self.restart(memory, ConnectorError::Rejected(refusal));
            }
            Err(error) => return Err(error),
        }
        if is_video {
            let tag =
                answer.headers.get(header::ETAG).and_then(|tag| tag.to_str().ok()).map(|tag| tag.trim_matches('"'));
            let tag = tag.filter(|tag| (1..=LONGEST_TAG).contains(&tag.len()));
            memory.tags.push(tag.ok_or(ConnectorError::Unreadable { what: "the `ETag` of a part" })?.to_owned());
            memory.parts.remove(0);
            if memory.parts.is_empty() {
                return self.finalize(memory);
            }
            return self.send(memory);
        }
        self.file_is_sent(memory)
    }

    fn restart(&self, memory: Memory, error: ConnectorError) -> Result<Next, ConnectorError> {
        if memory.restarts >= MOST_RESTARTS {
            return Err(error);
        }
        self.next_file(Memory { restarts: memory.restarts + 1, ..memory })
    }

    fn finalize(&self, memory: Memory) -> Result<Next, ConnectorError> {
        let asset = memory.assets.last().ok_or(ConnectorError::Unreadable { what: "the video of our checkpoint" })?;
        let wanted = json!({
            "video": asset, "uploadToken": memory.upload.as_deref().unwrap_or_default(), "uploadedPartIds": memory.tags,
        });
        let request = self.action(MediaKind::Video, "finalizeUpload", json!({ "finalizeUploadRequest": wanted }));
        Ok(Self::call(request, Effect::Stage, &Memory { stage: Stage::Finalize, ..memory }))
    }

    /// A second call may be refused because the first was carried out: what the video's state says counts.
    fn finalized(&self, memory: Memory, answer: &Answer) -> Result<Next, ConnectorError> {
        match api::done(answer, &[StatusCode::OK]) {
            Ok(()) | Err(ConnectorError::Rejected(_) | ConnectorError::Ambiguous(_)) => self.file_is_sent(memory),
            Err(error) => Err(error),
        }
    }

    fn file_is_sent(&self, memory: Memory) -> Result<Next, ConnectorError> {
        let memory = Memory { sent: memory.assets.len(), ..memory }.cleared(Stage::Look);
        if memory.sent.is_multiple_of(FILES_PER_RUN) {
            return Ok(Next::Wait { delay: SignedDuration::from_secs(1), checkpoint: Checkpoint::of(&memory) });
        }
        self.next_file(memory)
    }

    /// Looks at the files one after another; a post that is made before they are ready may be seen by nobody.
    fn settle(&self, memory: Memory) -> Result<Next, ConnectorError> {
        let memory = memory.cleared(Stage::Settle);
        let Some(asset) = memory.assets.get(memory.ready) else { return Ok(self.commit(memory)) };
        let (path, _) = post::names(self.kind(memory.ready)?);
        let request = api::call(self.settings, Method::GET, &format!("{path}/{}", api::encoded(asset)), None);
        Ok(Self::call(request, Effect::Read, &memory))
    }

    fn settled(&self, memory: Memory, answer: &Answer) -> Result<Next, ConnectorError> {
        let body = match api::read(answer) {
            Ok(body) => body,
            // An app that may only write is not shown the state of a file.
            Err(ConnectorError::Unauthorized(refusal)) if refusal.code == "linkedin.permission.missing" => {
                return self.unseen(memory);
            }
            Err(error) => return Err(error),
        };
        let state = body.get("status").and_then(Value::as_str);
        match state.ok_or(ConnectorError::Unreadable { what: "the `status` of a file" })? {
            "AVAILABLE" => self.settle(Memory { ready: memory.ready + 1, looks: 0, ..memory }),
            "PROCESSING_FAILED" => {
                let text = "LinkedIn could not make anything of a file of the post.";
                Err(ConnectorError::Rejected(Refusal::ours("linkedin.media.failed", Act::Caller, text)))
            }
            "WAITING_UPLOAD" | "PROCESSING" => {
                let seconds = WAITS.get(usize::from(memory.looks)).or(WAITS.last()).copied().unwrap_or(60);
                let memory = Memory { looks: memory.looks.saturating_add(1), ..memory };
                Ok(Next::Wait { delay: SignedDuration::from_secs(seconds), checkpoint: Checkpoint::of(&memory) })
            }
            _ => Err(ConnectorError::Unreadable { what: "a `status` that is documented" }),
        }
    }

    /// The file in question is waited for once, by the clock.
    fn unseen(&self, memory: Memory) -> Result<Next, ConnectorError> {
        if memory.looks > 0 {
            return self.settle(Memory { ready: memory.ready + 1, looks: 0, ..memory });
        }
        Ok(Next::Wait { delay: BLIND_WAIT, checkpoint: Checkpoint::of(&Memory { looks: 1, ..memory }) })
    }

    fn commit(&self, memory: Memory) -> Next {
        let body = Body::Json(post::body(self.post, &memory.assets));
        let request = Request { body, ..api::call(self.settings, Method::POST, "posts", None) };
        Self::call(request, Effect::Publish, &Memory { stage: Stage::Commit, ..memory })
    }
}

/// The id of a post is in a header; the body is empty.
fn committed(answer: &Answer) -> Result<Published, ConnectorError> {
    api::done(answer, &[StatusCode::CREATED])?;
    let remote_id = api::created(answer, &api::POSTS);
    let remote_id = remote_id.ok_or(ConnectorError::Unreadable { what: "the id of a post" })?;
    Ok(Published { url: api::permalink(&remote_id), remote_id })
}

//! The calls that a video or reel is made with.

use http::{HeaderName, HeaderValue, Method, header};
use url::Url;

use super::{super::graph, plan::Plan};
use crate::connector::{
    Body, ConnectorError, Request,
    canonical::sha256_hex,
    settings::FacebookSettings,
    source::{LARGEST_PIECE, Seen},
};

const UPLOADS: &str = "video-upload";
const BYTES: HeaderValue = HeaderValue::from_static("application/octet-stream");
const OFFSET: HeaderName = HeaderName::from_static("offset");
const FILE_SIZE: HeaderName = HeaderName::from_static("file_size");
const FILE_URL: HeaderName = HeaderName::from_static("file_url");

type Fields = Vec<(String, String)>;

fn form(url: Url, fields: Fields) -> Request {
    Request { body: Body::Form(fields), ..Request::new(Method::POST, url) }
}

fn field(name: &str, value: impl Into<String>) -> (String, String) {
    (name.into(), value.into())
}

/// Whether an address is one that takes the file of a reel: there calls are signed in another way.
pub(in crate::connector::facebook) fn is_upload(url: &Url) -> bool {
    url.path_segments().is_some_and(|mut segments| segments.any(|segment| segment == UPLOADS))
}

/// What the video says of itself.
pub(super) fn status(settings: &FacebookSettings, video: &str) -> Request {
    let mut url = graph::edge(settings, &[video]);
    url.query_pairs_mut().append_pair("fields", "status,published,permalink_url");
    Request::new(Method::GET, url)
}

impl Plan<'_> {
    /// What people read beside the video.
    fn words(&self) -> Fields {
        let title = self.media().and_then(|media| media.title.as_ref()).map(|title| field("title", title));
        let text = self.post.content.text.as_ref().map(|text| field("description", text));
        let label = self.is_ai_generated().map(|is_made| field("is_ai_generated", is_made.to_string()));
        [title, text, label].into_iter().flatten().collect()
    }

    fn reels(&self) -> Url {
        graph::edge(self.settings, &[&self.post.destination, "video_reels"])
    }

    fn videos(&self) -> Url {
        graph::videos(self.settings, &self.post.destination)
    }

    /// A session: Facebook gives the video its id, and shows nothing of it.
    pub(super) fn open_call(&self, length: u64) -> Request {
        if self.is_reel() {
            return form(self.reels(), vec![field("upload_phase", "start")]);
        }
        form(self.videos(), vec![field("upload_phase", "start"), field("file_size", length.to_string())])
    }

    /// The piece of a video that Facebook asks for next.
    pub(super) fn transfer_call(
        &self,
        session: &str,
        seen: &Seen,
        (start, end): (u64, u64),
    ) -> Result<Request, ConnectorError> {
        let length = end.min(seen.length).saturating_sub(start).min(LARGEST_PIECE);
        let piece = seen.piece(self.post.media(0)?, start, length)?;
        let offset = start.to_string();
        let fields = [("upload_phase", "transfer"), ("upload_session_id", session), ("start_offset", &offset)];
        // Whoever made the file cannot know the session: no byte of it ends the form early.
        let boundary = sha256_hex(&format!("{session} {offset}"));
        let (piece, content_type) = piece.in_form(&fields, "video_file_chunk", &boundary);
        let mut request = Request { body: Body::Piece(piece), ..Request::new(Method::POST, self.videos()) };
        let content_type = HeaderValue::try_from(content_type);
        let content_type = content_type.map_err(|_| ConnectorError::Unreadable { what: "the type of a form" })?;
        request.headers.insert(header::CONTENT_TYPE, content_type);
        Ok(request)
    }

    /// The file of a reel from `offset` to its end.
    pub(super) fn send_call(&self, url: Url, seen: &Seen, offset: u64) -> Result<Request, ConnectorError> {
        let piece = seen.piece(self.post.media(0)?, offset, seen.length.saturating_sub(offset))?;
        let mut request = Request { body: Body::Piece(piece), ..Request::new(Method::POST, url) };
        request.headers.insert(header::CONTENT_TYPE, BYTES);
        request.headers.insert(OFFSET, offset.into());
        request.headers.insert(FILE_SIZE, seen.length.into());
        Ok(request)
    }

    /// Where Facebook is to fetch the file of a reel.
    pub(super) fn hand_over_call(&self, url: Url) -> Result<Request, ConnectorError> {
        let address = self.media().map(|media| media.address().as_str()).unwrap_or_default();
        let value = HeaderValue::try_from(address);
        let mut value = value.map_err(|_| ConnectorError::Unreadable { what: "an address for a header" })?;
        // Addresses may be signed.
        value.set_sensitive(true);
        let mut request = Request::new(Method::POST, url);
        request.headers.insert(FILE_URL, value);
        Ok(request)
    }

    /// The publish.
    pub(super) fn finish_call(&self, session: Option<&str>, video: Option<&str>) -> Result<Request, ConnectorError> {
        let missing = ConnectorError::Unreadable { what: "the session of an upload" };
        let mut fields = if self.is_reel() {
            let video = video.ok_or(missing)?;
            let mut fields = vec![field("upload_phase", "finish"), field("video_id", video)];
            fields.push(field("video_state", "PUBLISHED"));
            fields.extend(self.place().map(|place| field("place", place)));
            fields
        } else if self.is_fetched() {
            vec![field("file_url", self.media().map(|media| media.address().as_str()).unwrap_or_default())]
        } else {
            vec![field("upload_phase", "finish"), field("upload_session_id", session.ok_or(missing)?)]
        };
        fields.extend(self.words());
        Ok(form(if self.is_reel() { self.reels() } else { self.videos() }, fields))
    }
}

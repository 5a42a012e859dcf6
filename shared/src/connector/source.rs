//! Files that a post names and the platform does not fetch: we fetch them, piece by piece, and pass them on.
//!
//! A connector names a file of its post and a range of it; it never sees the bytes. Every piece is compared with what
//! the file was when it was first looked at: what has changed meanwhile is not put together with what was sent before.

use std::fmt;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use url::Url;

use super::{Act, Answer, ConnectorError, Prepared, Refusal};
use crate::content::MediaKind;

/// The most that one call may carry of a file: 64 MiB. It is passed on as it comes and never held as a whole.
pub const LARGEST_PIECE: u64 = 64 * 1024 * 1024;

/// A file that a post names. Made from a post only: no answer of a platform can lead us elsewhere.
#[derive(Clone, PartialEq, Eq)]
pub struct Source {
    url: Url,
    kind: MediaKind,
    is_upload: bool,
}

impl Source {
    /// Where it stands.
    #[must_use]
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// What it should be.
    #[must_use]
    pub fn kind(&self) -> MediaKind {
        self.kind
    }

    /// Whether it is in our own bucket, at an address that we signed ourselves: no word of a caller makes it so.
    #[must_use]
    pub fn is_upload(&self) -> bool {
        self.is_upload
    }

    /// Whether a media type may be that of such a file. A store that knows no types says `application/octet-stream`.
    #[must_use]
    pub fn is_of_type(&self, media_type: &str) -> bool {
        let (top, rest) = media_type.split_once('/').unwrap_or((media_type, ""));
        let is_bytes = matches!((top, rest), ("application" | "binary", "octet-stream"));
        is_bytes
            || match self.kind {
                MediaKind::Image => top == "image",
                MediaKind::Video => top == "video",
                MediaKind::Document => top == "application",
            }
    }
}

/// An address may be signed, and so a secret.
impl fmt::Debug for Source {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Source({} at {})", self.kind.name(), self.url.host_str().unwrap_or("-"))
    }
}

impl Prepared {
    /// A file of the post, by its place among the media.
    ///
    /// # Errors
    /// There is none.
    pub fn media(&self, index: usize) -> Result<Source, ConnectorError> {
        let media = self.content.media.get(index).ok_or(NO_FILE)?;
        Ok(Source { url: media.address().clone(), kind: media.kind, is_upload: media.known.address.is_some() })
    }

    /// The thumbnail of a file of the post.
    ///
    /// # Errors
    /// There is none.
    pub fn thumbnail(&self, index: usize) -> Result<Source, ConnectorError> {
        let media = self.content.media.get(index).ok_or(NO_FILE)?;
        let url = media.thumbnail_address().ok_or(NO_FILE)?.clone();
        Ok(Source { url, kind: MediaKind::Image, is_upload: media.known.thumbnail.is_some() })
    }
}

const NO_FILE: ConnectorError = ConnectorError::Unreadable { what: "a file that the post names" };

/// What a file was when it was looked at. It has a place in a checkpoint: it names no address.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen {
    /// How many bytes it has.
    pub length: u64,
    /// What its server says that it is, in lower case and without parameters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub media_type: Option<String>,
    /// Its strong entity tag.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub etag: Option<String>,
    /// Whether its server gives out parts of it: if not, it can only be sent as a whole.
    pub in_parts: bool,
}

impl Seen {
    /// Reads the answer to a [`Next::Look`](super::Next::Look).
    ///
    /// # Errors
    /// It is the answer to something else.
    pub fn read(answer: &Answer) -> Result<Self, ConnectorError> {
        serde_json::from_slice(&answer.body).map_err(|_| ConnectorError::Unreadable { what: "the look of a file" })
    }

    /// The answer that [`Self::read`] reads.
    #[must_use]
    pub fn answer(&self) -> Answer {
        let body = serde_json::to_vec(self).unwrap_or_default();
        Answer { status: http::StatusCode::OK, headers: http::HeaderMap::new(), body: body.into() }
    }

    /// A range of `source`, to be the body of a call.
    ///
    /// # Errors
    /// The range is empty or reaches beyond the file, is larger than a call may carry, or is a part of what is given out
    /// as a whole only.
    pub fn piece(&self, source: Source, first: u64, length: u64) -> Result<Piece, ConnectorError> {
        let end = first.checked_add(length).filter(|end| length > 0 && *end <= self.length);
        end.ok_or(ConnectorError::Unreadable { what: "a range within the file" })?;
        if length > LARGEST_PIECE {
            return Err(refused(SourceProblem::TooLarge));
        }
        if !self.in_parts && length != self.length {
            return Err(refused(SourceProblem::NoParts));
        }
        Ok(Piece { source, first, length, seen: self.clone(), around: None })
    }
}

/// A range of a file.
#[derive(Clone, PartialEq, Eq)]
pub struct Piece {
    source: Source,
    first: u64,
    length: u64,
    seen: Seen,
    around: Option<Box<Around>>,
}

/// What is sent before and after the bytes of a piece, in the same body.
#[derive(Clone, PartialEq, Eq)]
struct Around {
    before: Bytes,
    after: Bytes,
}

impl Piece {
    /// The file.
    #[must_use]
    pub fn source(&self) -> &Source {
        &self.source
    }

    /// Its first byte.
    #[must_use]
    pub fn first(&self) -> u64 {
        self.first
    }

    /// How many bytes it has.
    #[must_use]
    pub fn length(&self) -> u64 {
        self.length
    }

    /// What the file was when it was looked at.
    #[must_use]
    pub fn seen(&self) -> &Seen {
        &self.seen
    }

    /// The same bytes as the file `name` of a form (`multipart/form-data`) with these fields before it, and the content type
    /// that the call then has. `boundary` must be nothing that whoever made the file can know.
    #[must_use]
    pub fn in_form(mut self, fields: &[(&str, &str)], name: &str, boundary: &str) -> (Self, String) {
        let disposition = |name: &str| format!("--{boundary}\r\nContent-Disposition: form-data; name=\"{name}\"");
        let mut before = String::new();
        for (name, value) in fields {
            before.extend([disposition(name).as_str(), "\r\n\r\n", value, "\r\n"]);
        }
        before.push_str(&disposition(name));
        before.push_str("; filename=\"file\"\r\nContent-Type: application/octet-stream\r\n\r\n");
        let after = format!("\r\n--{boundary}--\r\n");
        self.around = Some(Box::new(Around { before: before.into(), after: after.into() }));
        (self, format!("multipart/form-data; boundary={boundary}"))
    }

    /// What is sent before the bytes.
    pub(super) fn before(&self) -> Bytes {
        self.around.as_ref().map_or_else(Bytes::new, |around| around.before.clone())
    }

    /// What is sent after the bytes.
    pub(super) fn after(&self) -> Bytes {
        self.around.as_ref().map_or_else(Bytes::new, |around| around.after.clone())
    }

    /// The last byte.
    #[must_use]
    pub fn last(&self) -> u64 {
        self.first.saturating_add(self.length.saturating_sub(1))
    }

    /// What a `Content-Range` says of it: `bytes 0-9/100`.
    #[must_use]
    pub fn content_range(&self) -> String {
        format!("bytes {}-{}/{}", self.first, self.last(), self.seen.length)
    }
}

impl fmt::Debug for Piece {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Piece({} of {:?})", self.content_range(), self.source)
    }
}

/// Why a file cannot be passed on. None of these shows its address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SourceProblem {
    /// No connection, no answer, or one that says to come later.
    #[error("the file's server does not answer")]
    Unreachable,
    /// The file ended, or its server fell silent, before all of the range was there.
    #[error("the file breaks off")]
    BrokenOff,
    /// Its server gives it to nobody, or not to us.
    #[error("the file's server refuses")]
    Refused,
    /// The address leads where we do not go.
    #[error("the file's address may not be called")]
    NotPublic,
    /// Its server sends us elsewhere.
    #[error("the file's server redirects")]
    Redirected,
    /// Its server does not say how long it is.
    #[error("the length of the file is not known")]
    NoLength,
    /// It has no bytes.
    #[error("the file is empty")]
    Empty,
    /// Its server gives it out as a whole only.
    #[error("the file is not given out in parts")]
    NoParts,
    /// It is not what it was when it was first looked at.
    #[error("the file has changed")]
    Changed,
    /// It is not a file of the kind that the post says.
    #[error("the file is of another type")]
    WrongType,
    /// It is larger than one call may carry.
    #[error("the file is too large")]
    TooLarge,
    /// It was uploaded to us, and is not there any more.
    #[error("the upload is gone")]
    UploadGone,
    /// Files are not fetched here.
    #[error("files are not fetched here")]
    Unsupported,
}

impl SourceProblem {
    /// The refusal to record.
    #[must_use]
    pub fn refusal(self) -> Refusal {
        let (code, act, message) = match self {
            Self::Unreachable => ("media.unreachable", Act::Caller, "The file's server does not answer."),
            Self::BrokenOff => ("media.broken_off", Act::Caller, "The file broke off before its end."),
            Self::Refused => ("media.refused", Act::Caller, "The file's server refuses to give it to postd."),
            Self::NotPublic => ("media.not_public", Act::Caller, "The file's address does not lead to a public place."),
            Self::Redirected => {
                ("media.redirected", Act::Caller, "The file's server redirects: give the address that it leads to.")
            }
            Self::NoLength => ("media.no_length", Act::Caller, "The file's server does not say how long the file is."),
            Self::Empty => ("media.empty", Act::Caller, "The file is empty."),
            Self::NoParts => {
                let text =
                    "The file's server does not give it out in parts (HTTP ranges), and it is too large otherwise.";
                ("media.no_parts", Act::Caller, text)
            }
            Self::Changed => {
                let text = "The file is not the one any more that the upload began with: publish it anew.";
                ("media.changed", Act::Caller, text)
            }
            Self::WrongType => ("media.wrong_type", Act::Caller, "The file is not of the kind that the post says."),
            Self::TooLarge => ("media.too_large", Act::Caller, "The file is too large."),
            Self::UploadGone => {
                let text = "The uploaded file is not there any more: upload it again, and publish anew.";
                ("media.upload_gone", Act::Caller, text)
            }
            Self::Unsupported => ("media.unsupported", Act::Operator, "This installation does not fetch files."),
        };
        Refusal::ours(code, act, message)
    }

    /// Whether it may be otherwise in a moment.
    #[must_use]
    pub const fn passes(self) -> bool {
        match self {
            Self::Unreachable | Self::BrokenOff => true,
            Self::Refused
            | Self::NotPublic
            | Self::Redirected
            | Self::NoLength
            | Self::Empty
            | Self::NoParts
            | Self::Changed
            | Self::WrongType
            | Self::TooLarge
            | Self::UploadGone
            | Self::Unsupported => false,
        }
    }

    /// The error of a call that was to carry the file. Nothing was sent of it, or not all.
    #[must_use]
    pub fn error(self) -> ConnectorError {
        if self.passes() { ConnectorError::Transient(self.refusal()) } else { refused(self) }
    }
}

fn refused(problem: SourceProblem) -> ConnectorError {
    ConnectorError::Rejected(problem.refusal())
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    fn post() -> Prepared {
        let media = json!([{ "url": "https://cdn.example.com/a.mp4?signature=hunter2", "kind": "video",
            "thumbnail": "https://cdn.example.com/a.jpg" }]);
        Prepared { content: serde_json::from_value(json!({ "media": media })).unwrap(), ..Prepared::at("1") }
    }

    fn seen(length: u64, in_parts: bool) -> Seen {
        Seen { length, media_type: None, etag: None, in_parts }
    }

    #[test]
    fn f56_neither_a_file_nor_a_piece_shows_the_address() {
        let source = post().media(0).unwrap();
        let piece = seen(10, true).piece(source.clone(), 0, 10).unwrap();
        let shown = format!("{source:?} {piece:?}");
        assert_eq!(shown, "Source(video at cdn.example.com) Piece(bytes 0-9/10 of Source(video at cdn.example.com))");
    }

    #[test]
    fn files_are_those_of_the_post() {
        let post = post();
        assert_eq!(post.media(0).unwrap().kind(), MediaKind::Video);
        assert_eq!(post.thumbnail(0).unwrap().kind(), MediaKind::Image);
        assert!(post.media(1).is_err() && post.thumbnail(1).is_err());
    }

    #[rstest]
    #[case::all(0, 100, true)]
    #[case::the_end(99, 1, true)]
    #[case::nothing(0, 0, false)]
    #[case::beyond(99, 2, false)]
    #[case::far_beyond(u64::MAX, 2, false)]
    fn a_piece_lies_within_its_file(#[case] first: u64, #[case] length: u64, #[case] fits: bool) {
        assert_eq!(seen(100, true).piece(post().media(0).unwrap(), first, length).is_ok(), fits);
    }

    #[test]
    fn what_is_given_out_as_a_whole_is_sent_as_a_whole() {
        let source = || post().media(0).unwrap();
        assert!(seen(100, false).piece(source(), 0, 100).is_ok());
        let error = seen(100, false).piece(source(), 0, 99).unwrap_err();
        assert_eq!(error.refusal().code, "media.no_parts");
        let error = seen(LARGEST_PIECE + 1, true).piece(source(), 0, LARGEST_PIECE + 1).unwrap_err();
        assert_eq!(error.refusal().code, "media.too_large");
    }

    #[rstest]
    #[case("video/mp4", true)]
    #[case("application/octet-stream", true)]
    #[case("binary/octet-stream", true)]
    #[case("text/html", false)]
    #[case("image/png", false)]
    #[case("videomp4", false)]
    #[case("", false)]
    fn a_file_has_the_type_of_its_kind(#[case] media_type: &str, #[case] fits: bool) {
        assert_eq!(post().media(0).unwrap().is_of_type(media_type), fits);
    }

    #[test]
    fn a_piece_may_be_a_file_of_a_form() {
        let piece = seen(100, true).piece(post().media(0).unwrap(), 10, 5).unwrap();
        assert!(piece.before().is_empty() && piece.after().is_empty());
        let (piece, content_type) = piece.in_form(&[("phase", "transfer"), ("at", "10")], "chunk", "b-1");
        assert_eq!(content_type, "multipart/form-data; boundary=b-1");
        let before = "--b-1\r\nContent-Disposition: form-data; name=\"phase\"\r\n\r\ntransfer\r\n\
                      --b-1\r\nContent-Disposition: form-data; name=\"at\"\r\n\r\n10\r\n\
                      --b-1\r\nContent-Disposition: form-data; name=\"chunk\"; filename=\"file\"\r\n\
                      Content-Type: application/octet-stream\r\n\r\n";
        assert_eq!((piece.before().as_ref(), piece.after().as_ref()), (before.as_bytes(), &b"\r\n--b-1--\r\n"[..]));
        assert_eq!((piece.first(), piece.length()), (10, 5));
    }

    #[test]
    fn what_was_seen_goes_through_an_answer_unchanged() {
        let one = Seen { media_type: Some("video/mp4".into()), etag: Some("\"a\"".into()), ..seen(7, true) };
        assert_eq!(Seen::read(&one.answer()).unwrap(), one);
    }
}

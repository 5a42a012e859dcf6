//! Fetches files that posts name, range by range, and checks that each is what it was.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use hyper::body::{Body as _, Frame, Incoming};

use crate::{
    connector::source::{Piece, Seen, Source, SourceProblem},
    reach::client::{Call, FetchError, Fetcher},
};

/// The length of the longest entity tag that is kept.
const LONGEST_TAG: usize = 200;

/// Looks at a file by its first byte. Addresses that are signed for reading often refuse HEAD, and a server that promises
/// ranges need not keep its word.
pub(super) async fn look(fetcher: &Fetcher, source: &Source) -> Result<Seen, SourceProblem> {
    let mut call = Call::get(source.url().clone());
    call.headers.insert(header::RANGE, HeaderValue::from_static("bytes=0-0"));
    let answer = ask(fetcher, source, call).await?;
    let headers = answer.headers();
    let (length, in_parts) = match answer.status() {
        StatusCode::PARTIAL_CONTENT => {
            let range = content_range(headers).filter(|range| (range.first, range.last) == (0, 0));
            (range.ok_or(SourceProblem::NoLength)?.length, true)
        }
        StatusCode::OK => (content_length(headers), false),
        // The range of an empty file cannot be satisfied.
        StatusCode::RANGE_NOT_SATISFIABLE => (Some(0), false),
        status => return Err(status_problem(status)),
    };
    let length = length.ok_or(SourceProblem::NoLength)?;
    if length == 0 {
        return Err(SourceProblem::Empty);
    }
    let media_type = media_type(headers);
    if media_type.as_deref().is_some_and(|media_type| !source.is_of_type(media_type)) {
        return Err(SourceProblem::WrongType);
    }
    Ok(Seen { length, media_type, etag: strong_tag(headers), in_parts })
}

/// Opens a range of a file, which must still be what it was.
pub(super) async fn open(fetcher: &Fetcher, piece: &Piece) -> Result<Stream, SourceProblem> {
    let (seen, is_whole) = (piece.seen(), piece.length() == piece.seen().length);
    let mut call = Call::get(piece.source().url().clone());
    if seen.in_parts {
        let range = HeaderValue::try_from(format!("bytes={}-{}", piece.first(), piece.last()));
        call.headers.insert(header::RANGE, range.map_err(|_| SourceProblem::NoParts)?);
    }
    let answer = ask(fetcher, piece.source(), call).await?;
    let headers = answer.headers();
    match answer.status() {
        StatusCode::PARTIAL_CONTENT => {
            let range = content_range(headers).ok_or(SourceProblem::NoParts)?;
            if range.length != Some(seen.length) {
                return Err(SourceProblem::Changed);
            }
            if (range.first, range.last) != (piece.first(), piece.last()) {
                return Err(SourceProblem::NoParts);
            }
        }
        StatusCode::OK if content_length(headers) != Some(seen.length) => return Err(SourceProblem::Changed),
        StatusCode::OK if !is_whole => return Err(SourceProblem::NoParts),
        StatusCode::OK => {}
        // What it once had is not there any more.
        StatusCode::RANGE_NOT_SATISFIABLE | StatusCode::PRECONDITION_FAILED => return Err(SourceProblem::Changed),
        status => return Err(status_problem(status)),
    }
    if seen.etag.is_some() && strong_tag(headers) != seen.etag {
        return Err(SourceProblem::Changed);
    }
    Ok(Stream { body: answer.into_body(), left: piece.length() })
}

/// What is in our own bucket is asked for where we have signed; everything else under the rules for callers' addresses.
async fn ask(fetcher: &Fetcher, source: &Source, call: Call) -> Result<Response<Incoming>, SourceProblem> {
    if !source.is_upload() {
        return fetcher.open(call).await.map_err(problem);
    }
    let answer = fetcher.open_own(call).await.map_err(problem)?;
    // S3 does not tell those apart who may not list the bucket.
    match answer.status() {
        StatusCode::NOT_FOUND | StatusCode::FORBIDDEN => Err(SourceProblem::UploadGone),
        _ => Ok(answer),
    }
}

/// The bytes of a range, as they come.
pub(super) struct Stream {
    body: Incoming,
    left: u64,
}

impl Stream {
    /// How many bytes are still to come.
    pub(super) fn left(&self) -> u64 {
        self.left
    }

    /// The next bytes; none after the last one that was promised.
    pub(super) fn poll(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Bytes, SourceProblem>>> {
        while self.left > 0 {
            let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(context) else { return Poll::Pending };
            let data = match frame.map(|frame| frame.map(Frame::into_data)) {
                Some(Ok(Ok(data))) => data,
                // Trailers.
                Some(Ok(Err(_))) => continue,
                Some(Err(_)) | None => return Poll::Ready(Some(Err(SourceProblem::BrokenOff))),
            };
            let length = data.len() as u64;
            if length > self.left {
                return Poll::Ready(Some(Err(SourceProblem::Changed)));
            }
            self.left -= length;
            return Poll::Ready(Some(Ok(data)));
        }
        Poll::Ready(None)
    }
}

/// A `Content-Range` of an answer.
struct ContentRange {
    first: u64,
    last: u64,
    /// None if the server does not know it.
    length: Option<u64>,
}

fn content_range(headers: &HeaderMap) -> Option<ContentRange> {
    let (range, length) = only(headers, &header::CONTENT_RANGE)?.strip_prefix("bytes ")?.split_once('/')?;
    let (first, last) = range.split_once('-')?;
    let length = if length == "*" { None } else { Some(length.parse().ok()?) };
    Some(ContentRange { first: first.parse().ok()?, last: last.parse().ok()?, length })
}

fn content_length(headers: &HeaderMap) -> Option<u64> {
    only(headers, &header::CONTENT_LENGTH)?.parse().ok()
}

fn media_type(headers: &HeaderMap) -> Option<String> {
    let essence = only(headers, &header::CONTENT_TYPE)?.split(';').next()?.trim().to_ascii_lowercase();
    (!essence.is_empty() && essence.len() <= 100).then_some(essence)
}

/// A weak tag promises that files are alike, and not that their bytes are.
fn strong_tag(headers: &HeaderMap) -> Option<String> {
    let tag = only(headers, &header::ETAG)?;
    (tag.starts_with('"') && tag.len() <= LONGEST_TAG).then(|| tag.to_owned())
}

fn only<'a>(headers: &'a HeaderMap, name: &header::HeaderName) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter();
    let (Some(value), None) = (values.next(), values.next()) else { return None };
    value.to_str().ok().map(str::trim)
}

fn status_problem(status: StatusCode) -> SourceProblem {
    match status {
        StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_EARLY | StatusCode::TOO_MANY_REQUESTS => {
            SourceProblem::Unreachable
        }
        status if status.is_server_error() => SourceProblem::Unreachable,
        _ => SourceProblem::Refused,
    }
}

fn problem(error: FetchError) -> SourceProblem {
    match error {
        FetchError::Refused(_) | FetchError::Malformed => SourceProblem::NotPublic,
        FetchError::Connect | FetchError::Broken | FetchError::Timeout => SourceProblem::Unreachable,
        FetchError::Redirected => SourceProblem::Redirected,
        FetchError::TooLarge => SourceProblem::TooLarge,
        FetchError::WrongType => SourceProblem::WrongType,
    }
}

#[cfg(test)]
mod tests;

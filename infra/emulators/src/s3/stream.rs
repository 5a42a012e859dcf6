//! The bytes of an object, or of a range of it, read from their file as they are sent.

use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{HeaderValue, StatusCode, header};
use hyper::body::{Body, Frame, SizeHint};

use super::error::S3Error;

/// How much is held of an object at once.
const PIECE: u64 = 64 * 1024;

/// A part of a file as the body of an answer.
pub(super) struct Pieces {
    file: File,
    left: u64,
}

impl Pieces {
    pub(super) fn of(mut file: File, first: u64, length: u64) -> std::io::Result<Self> {
        file.seek(SeekFrom::Start(first))?;
        Ok(Self { file, left: length })
    }
}

impl Body for Pieces {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, std::io::Error>>> {
        if self.left == 0 {
            return Poll::Ready(None);
        }
        let length = self.left.min(PIECE);
        let mut piece = vec![0; usize::try_from(length).unwrap_or_default()];
        if let Err(error) = self.file.read_exact(&mut piece) {
            self.left = 0;
            return Poll::Ready(Some(Err(error)));
        }
        self.left -= length;
        Poll::Ready(Some(Ok(Frame::data(piece.into()))))
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}

/// The first byte and the length of a `Range`; what S3 does not understand it passes over.
///
/// # Errors
/// Nothing of the object lies in it.
pub(super) fn range(text: &str, length: u64) -> Result<Option<(u64, u64)>, S3Error> {
    let Some((first, last)) = text.strip_prefix("bytes=").and_then(|range| range.split_once('-')) else {
        return Ok(None);
    };
    let bounds = match (first.parse::<u64>(), last.parse::<u64>()) {
        (Ok(first), Ok(last)) if first <= last => (first, last.min(length.saturating_sub(1))),
        (Ok(first), Err(_)) if last.is_empty() => (first, length.saturating_sub(1)),
        (Err(_), Ok(count)) if first.is_empty() && count > 0 => {
            (length.saturating_sub(count), length.saturating_sub(1))
        }
        _ => return Ok(None),
    };
    if bounds.0 >= length {
        let mut error =
            S3Error::new(StatusCode::RANGE_NOT_SATISFIABLE, "InvalidRange", "The requested range is not satisfiable");
        if let Ok(value) = HeaderValue::from_str(&format!("bytes */{length}")) {
            error.headers.insert(header::CONTENT_RANGE, value);
        }
        return Err(error);
    }
    Ok(Some((bounds.0, bounds.1 - bounds.0 + 1)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_those_of_http() {
        for (text, expected) in [
            ("bytes=0-0", Some((0, 1))),
            ("bytes=0-99", Some((0, 10))),
            ("bytes=9-", Some((9, 1))),
            ("bytes=-3", Some((7, 3))),
            ("bytes=-30", Some((0, 10))),
            ("bytes=3-2", None),
            ("bytes=0-1,3-4", None),
            ("lines=0-1", None),
        ] {
            assert_eq!(range(text, 10).unwrap(), expected, "{text}");
        }
        assert_eq!(range("bytes=10-", 10).unwrap_err().code, "InvalidRange");
        assert_eq!(range("bytes=0-0", 0).unwrap_err().code, "InvalidRange");
    }
}

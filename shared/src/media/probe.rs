//! What a file is, from its bytes: read in ranges, a bounded number of them, none of them large. Whatever the bytes say, the
//! answer is the facts or a clear refusal.
//!
//! Pictures are measured by `imagesize`. Videos are not read by a library: it would want a reader that can seek, or read the
//! tables of all samples into memory, where the header of an hour's film at the end of its file is some ranged reads
//! away here; and the little that is needed of it stands in four boxes (see [`super::movie`]).

use std::{
    future::Future,
    panic::{AssertUnwindSafe, catch_unwind},
};

use bytes::Bytes;

use super::{movie, orientation};
use crate::content::Facts;

/// How much is read at once.
pub(crate) const BLOCK: u64 = 64 * 1024;
/// How often. A file that wants more is no file that a camera or an editor wrote.
const READS: u32 = 48;
/// How much of a picture is read before its size is not known: what stands before it, a profile and a preview, is smaller.
const PICTURE: u64 = 1024 * 1024;

/// A file that can be read in ranges.
pub(crate) trait Ranges: Send {
    /// Why a range cannot be had.
    type Error: Send;

    /// The bytes from `first` on, `length` of them or as many as there are.
    fn read(&mut self, first: u64, length: u64) -> impl Future<Output = Result<Bytes, Self::Error>> + Send;
}

/// Why a file is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unfit {
    /// Its bytes are of another type than it was announced with.
    OtherType,
    /// Its bytes begin as they should and make no sense.
    Corrupt,
}

impl Unfit {
    /// The stable code.
    pub(crate) const fn code(self) -> &'static str {
        match self {
            Self::OtherType => "media.other_type",
            Self::Corrupt => "media.corrupt",
        }
    }

    /// The words for a code.
    pub(crate) fn text(code: &str) -> &'static str {
        if code == Self::OtherType.code() {
            "The bytes of the file are of another type than it was announced with: upload it anew, under its type."
        } else {
            "The file cannot be read: it is damaged, or not whole."
        }
    }
}

/// Why there are no facts.
pub(crate) enum Failure<E> {
    /// The file is not taken.
    Unfit(Unfit),
    /// It could not be read.
    Unread(E),
}

impl<E> From<Unfit> for Failure<E> {
    fn from(unfit: Unfit) -> Self {
        Self::Unfit(unfit)
    }
}

/// A part of a file in memory, and the way to the rest.
pub(crate) struct Window<'a, R> {
    ranges: &'a mut R,
    /// How many bytes the file has.
    pub(crate) length: u64,
    first: u64,
    bytes: Bytes,
    reads: u32,
}

impl<'a, R: Ranges> Window<'a, R> {
    pub(crate) fn over(ranges: &'a mut R, length: u64) -> Self {
        Self { ranges, length, first: 0, bytes: Bytes::new(), reads: 0 }
    }

    /// The `count` bytes from `first` on, which are no more than a block.
    pub(crate) async fn bytes(&mut self, first: u64, count: u64) -> Result<Bytes, Failure<R::Error>> {
        if first.checked_add(count).is_none_or(|end| end > self.length) {
            return Err(Unfit::Corrupt.into());
        }
        if let Some(bytes) = self.held(first, count) {
            return Ok(bytes);
        }
        if self.reads == READS {
            return Err(Unfit::Corrupt.into());
        }
        self.reads += 1;
        let wanted = BLOCK.max(count).min(self.length - first);
        self.bytes = self.ranges.read(first, wanted).await.map_err(Failure::Unread)?;
        self.first = first;
        self.held(first, count).ok_or(Failure::Unfit(Unfit::Corrupt))
    }

    fn held(&self, first: u64, count: u64) -> Option<Bytes> {
        let from = usize::try_from(first.checked_sub(self.first)?).ok()?;
        let to = from.checked_add(usize::try_from(count).ok()?)?;
        (to <= self.bytes.len()).then(|| self.bytes.slice(from..to))
    }
}

/// The facts of a file of `length` bytes that was announced as of `content_type`.
pub(crate) async fn probe<R: Ranges>(
    ranges: &mut R,
    length: u64,
    content_type: &str,
) -> Result<Facts, Failure<R::Error>> {
    let mut window = Window::over(ranges, length);
    let start = window.bytes(0, length.min(BLOCK)).await?;
    let found = kind_of(&start);
    if !found.is_some_and(|found| is_called(found, content_type)) {
        return Err(Unfit::OtherType.into());
    }
    let mut facts =
        Facts { content_type: content_type.to_owned(), bytes: length, width: None, height: None, duration_ms: None };
    match content_type.split_once('/').map_or("", |(top, _)| top) {
        "image" => {
            if let Some((width, height)) = picture(&mut window, &start).await? {
                (facts.width, facts.height) = (Some(width), Some(height));
            }
        }
        "video" if found == Some("mp4") => {
            let movie = movie::read(&mut window).await?;
            (facts.width, facts.height, facts.duration_ms) = (movie.width, movie.height, movie.duration_ms);
        }
        _ => {}
    }
    Ok(facts)
}

/// The size of a picture as it is shown; `None` if it stands farther behind than anybody reads.
async fn picture<R: Ranges>(
    window: &mut Window<'_, R>,
    start: &Bytes,
) -> Result<Option<(u32, u32)>, Failure<R::Error>> {
    let mut bytes = start.clone();
    loop {
        match measured(&bytes) {
            Some(size) => return Ok(Some(orientation::shown(&bytes, size))),
            None if bytes.len() as u64 == window.length => return Err(Unfit::Corrupt.into()),
            None if bytes.len() as u64 >= PICTURE => return Ok(None),
            None => bytes = window.bytes(0, PICTURE.min(window.length)).await?,
        }
    }
}

/// Width and height, by a library that may not have seen every broken picture yet.
fn measured(bytes: &[u8]) -> Option<(u32, u32)> {
    let size = catch_unwind(AssertUnwindSafe(|| imagesize::blob_size(bytes))).ok()?.ok()?;
    let pixels = |count: usize| u32::try_from(count).ok().filter(|count| *count > 0);
    Some((pixels(size.width)?, pixels(size.height)?))
}

/// What a file is by how it begins.
fn kind_of(start: &[u8]) -> Option<&'static str> {
    let at = |offset: usize, text: &[u8]| start.get(offset..).is_some_and(|rest| rest.starts_with(text));
    let brand = start.get(8..12).unwrap_or_default();
    Some(match () {
        () if at(0, b"\xff\xd8\xff") => "jpeg",
        () if at(0, b"\x89PNG\r\n\x1a\n") => "png",
        () if at(0, b"GIF87a") || at(0, b"GIF89a") => "gif",
        () if at(0, b"RIFF") && brand == b"WEBP" => "webp",
        () if at(0, b"BM") => "bmp",
        () if at(0, b"II*\0") || at(0, b"MM\0*") => "tiff",
        () if at(4, b"ftyp") && matches!(brand, b"heic" | b"heix" | b"mif1" | b"heif") => "heic",
        () if at(4, b"ftyp") || at(4, b"moov") || at(4, b"mdat") || at(4, b"wide") || at(4, b"free") => "mp4",
        () if at(0, b"\x1a\x45\xdf\xa3") => "webm",
        () if at(0, b"%PDF-") => "pdf",
        () if at(0, b"PK\x03\x04") => "zip",
        () if at(0, b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1") => "ole",
        () => return None,
    })
}

/// Whether a file that is a `found` may go by this media type.
fn is_called(found: &str, content_type: &str) -> bool {
    match content_type {
        "image/jpeg" => found == "jpeg",
        "image/png" => found == "png",
        "image/gif" => found == "gif",
        "image/webp" => found == "webp",
        "image/bmp" => found == "bmp",
        "image/tiff" => found == "tiff",
        "image/heic" => found == "heic",
        "video/mp4" | "video/quicktime" => found == "mp4",
        "video/webm" => found == "webm",
        "application/pdf" => found == "pdf",
        "application/msword" | "application/vnd.ms-powerpoint" => found == "ole",
        "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
        | "application/vnd.openxmlformats-officedocument.presentationml.presentation" => found == "zip",
        _ => false,
    }
}

#[cfg(test)]
pub(crate) mod tests;

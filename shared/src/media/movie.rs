//! The header of an MP4 or MOV film (ISO/IEC 14496-12), wherever in the file it stands: how long it plays, and how large
//! its picture is shown.
//!
//! Only the beginnings of boxes are read, and of four of them some bytes more: `mvhd` and `mehd` for the time, `tkhd` and
//! `hdlr` for the picture. The number of boxes is bounded, and so is the number of reads (see [`Window`]).

use bytes::Bytes;

use super::probe::{Failure, Ranges, Unfit, Window};

/// How many boxes are looked at.
const BOXES: u32 = 1024;

/// What a film's header says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Movie {
    pub(super) width: Option<u32>,
    pub(super) height: Option<u32>,
    pub(super) duration_ms: Option<u64>,
}

/// A box: its name, and where its content begins and ends.
#[derive(Debug, Clone, Copy)]
struct Part {
    name: [u8; 4],
    body: u64,
    end: u64,
}

/// What is known so far.
#[derive(Default)]
struct Reading {
    boxes: u32,
    timescale: u64,
    duration: u64,
    fragments: u64,
    size: Option<(u32, u32)>,
}

/// Reads the header of a film.
pub(super) async fn read<R: Ranges>(window: &mut Window<'_, R>) -> Result<Movie, Failure<R::Error>> {
    let mut reading = Reading::default();
    let (mut at, length) = (0, window.length);
    while at < length {
        let part = reading.part(window, at, length).await?;
        if &part.name == b"moov" {
            reading.header(window, part).await?;
            return Ok(reading.movie());
        }
        at = part.end;
    }
    Err(Unfit::Corrupt.into())
}

impl Reading {
    /// The box at `at`, which must end by `end`.
    async fn part<R: Ranges>(
        &mut self,
        window: &mut Window<'_, R>,
        at: u64,
        end: u64,
    ) -> Result<Part, Failure<R::Error>> {
        self.boxes += 1;
        if self.boxes > BOXES {
            return Err(Unfit::Corrupt.into());
        }
        let head = window.bytes(at, 8).await?;
        let name = field(&head, 4);
        let (before, size) = match u32::from_be_bytes(field(&head, 0)) {
            // To the end of the file.
            0 => (8, end - at),
            1 => (16, u64::from_be_bytes(field(&window.bytes(at + 8, 8).await?, 0))),
            size => (8, u64::from(size)),
        };
        let ends = at.checked_add(size).filter(|ends| size >= before && *ends <= end);
        Ok(Part { name, body: at + before, end: ends.ok_or(Unfit::Corrupt)? })
    }

    async fn header<R: Ranges>(&mut self, window: &mut Window<'_, R>, whole: Part) -> Result<(), Failure<R::Error>> {
        let mut at = whole.body;
        while at < whole.end {
            let part = self.part(window, at, whole.end).await?;
            match &part.name {
                b"mvhd" => {
                    let (timescale, duration) = times(&beginning(window, part, 32).await?)?;
                    (self.timescale, self.duration) = (timescale, duration);
                }
                b"trak" => self.track(window, part).await?,
                b"mvex" => self.extension(window, part).await?,
                _ => {}
            }
            at = part.end;
        }
        Ok(())
    }

    /// A film in fragments has its length here.
    async fn extension<R: Ranges>(&mut self, window: &mut Window<'_, R>, whole: Part) -> Result<(), Failure<R::Error>> {
        let mut at = whole.body;
        while at < whole.end {
            let part = self.part(window, at, whole.end).await?;
            if &part.name == b"mehd" {
                let bytes = beginning(window, part, 12).await?;
                let is_long = bytes.first() == Some(&1);
                self.fragments = if is_long {
                    u64::from_be_bytes(checked(&bytes, 4)?)
                } else {
                    u64::from(u32::from_be_bytes(checked(&bytes, 4)?))
                };
            }
            at = part.end;
        }
        Ok(())
    }

    async fn track<R: Ranges>(&mut self, window: &mut Window<'_, R>, whole: Part) -> Result<(), Failure<R::Error>> {
        let (mut at, mut size, mut is_video) = (whole.body, None, false);
        while at < whole.end {
            let part = self.part(window, at, whole.end).await?;
            match &part.name {
                b"tkhd" => size = shown(&beginning(window, part, 96).await?)?,
                b"mdia" => is_video = self.is_video(window, part).await?,
                _ => {}
            }
            at = part.end;
        }
        // Of several, the first is the one that is shown.
        if is_video && self.size.is_none() {
            self.size = size;
        }
        Ok(())
    }

    async fn is_video<R: Ranges>(
        &mut self,
        window: &mut Window<'_, R>,
        whole: Part,
    ) -> Result<bool, Failure<R::Error>> {
        let mut at = whole.body;
        while at < whole.end {
            let part = self.part(window, at, whole.end).await?;
            if &part.name == b"hdlr" {
                return Ok(checked::<4>(&beginning(window, part, 12).await?, 8)? == *b"vide");
            }
            at = part.end;
        }
        Ok(false)
    }

    fn movie(&self) -> Movie {
        let units = if self.duration > 0 { self.duration } else { self.fragments };
        let milliseconds = u128::from(units) * 1000;
        let duration = milliseconds.checked_div(u128::from(self.timescale)).and_then(|ms| u64::try_from(ms).ok());
        Movie {
            width: self.size.map(|(width, _)| width),
            height: self.size.map(|(_, height)| height),
            duration_ms: duration.filter(|duration| *duration > 0),
        }
    }
}

/// The first bytes of a box's content, `most` of them or as many as it has.
async fn beginning<R: Ranges>(window: &mut Window<'_, R>, part: Part, most: u64) -> Result<Bytes, Failure<R::Error>> {
    window.bytes(part.body, most.min(part.end - part.body)).await
}

/// Units a second, and how many of them; all ones stand for what is not known.
fn times(bytes: &[u8]) -> Result<(u64, u64), Unfit> {
    let long = |at| Ok::<_, Unfit>(u64::from(u32::from_be_bytes(checked(bytes, at)?)));
    match bytes.first() {
        Some(0) => Ok((long(12)?, long(16).map(|units| if units == u64::from(u32::MAX) { 0 } else { units })?)),
        Some(1) => {
            let units = u64::from_be_bytes(checked(bytes, 24)?);
            Ok((long(20)?, if units == u64::MAX { 0 } else { units }))
        }
        _ => Err(Unfit::Corrupt),
    }
}

/// The size of a track's picture in whole pixels, turned as its matrix turns it; `None` if it has none.
fn shown(bytes: &[u8]) -> Result<Option<(u32, u32)>, Unfit> {
    let matrix = match bytes.first() {
        Some(0) => 40,
        Some(1) => 52,
        _ => return Err(Unfit::Corrupt),
    };
    let number = |at| Ok::<_, Unfit>(u32::from_be_bytes(checked(bytes, at)?));
    let is_turned = number(matrix)? == 0 && number(matrix + 16)? == 0 && number(matrix + 4)? != 0;
    // 16.16 fixed point.
    let (width, height) = (number(matrix + 36)? >> 16, number(matrix + 40)? >> 16);
    let size = if is_turned { (height, width) } else { (width, height) };
    Ok((width > 0 && height > 0).then_some(size))
}

fn checked<const N: usize>(bytes: &[u8], at: usize) -> Result<[u8; N], Unfit> {
    at.checked_add(N).and_then(|end| bytes.get(at..end)?.try_into().ok()).ok_or(Unfit::Corrupt)
}

/// The same for bytes that were read to be long enough.
fn field<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    checked(bytes, at).unwrap_or([0; N])
}

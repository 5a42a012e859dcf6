use proptest::prelude::*;

use super::*;

/// A file in memory, which counts what is read of it.
pub(crate) struct Whole {
    bytes: Bytes,
    reads: u32,
    read: u64,
}

impl Whole {
    pub(crate) fn of(bytes: impl Into<Bytes>) -> Self {
        Self { bytes: bytes.into(), reads: 0, read: 0 }
    }
}

impl Ranges for Whole {
    type Error = std::convert::Infallible;

    async fn read(&mut self, first: u64, length: u64) -> Result<Bytes, Self::Error> {
        self.reads += 1;
        let first = usize::try_from(first).unwrap().min(self.bytes.len());
        let last = first.saturating_add(usize::try_from(length).unwrap()).min(self.bytes.len());
        self.read += (last - first) as u64;
        Ok(self.bytes.slice(first..last))
    }
}

/// The facts of a file, or the code of what is wrong with it.
fn facts(bytes: impl Into<Bytes>, content_type: &str) -> Result<Facts, &'static str> {
    let mut whole = Whole::of(bytes);
    let length = whole.bytes.len() as u64;
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let outcome = runtime.block_on(probe(&mut whole, length, content_type));
    assert!(whole.reads <= READS + 1 && whole.read <= 4 * 1024 * 1024, "{} reads, {} bytes", whole.reads, whole.read);
    match outcome {
        Ok(facts) => Ok(facts),
        Err(Failure::Unfit(unfit)) => Err(unfit.code()),
        Err(Failure::Unread(never)) => match never {},
    }
}

fn size(bytes: impl Into<Bytes>, content_type: &str) -> Result<(u32, u32), &'static str> {
    facts(bytes, content_type).map(|facts| facts.size().unwrap_or_default())
}

fn png(width: u32, height: u32) -> Vec<u8> {
    let mut bytes = b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR".to_vec();
    bytes.extend(width.to_be_bytes());
    bytes.extend(height.to_be_bytes());
    bytes.extend([8, 2, 0, 0, 0, 0, 0, 0, 0]);
    bytes
}

/// A JPEG with these segments before its frame.
fn jpeg(before: &[(u8, Vec<u8>)], width: u16, height: u16) -> Vec<u8> {
    let mut bytes = b"\xff\xd8".to_vec();
    let mut segment = |marker: u8, body: &[u8]| {
        bytes.extend([0xff, marker]);
        bytes.extend(u16::try_from(body.len() + 2).unwrap().to_be_bytes());
        bytes.extend(body);
    };
    for (marker, body) in before {
        segment(*marker, body);
    }
    let [[h1, h2], [w1, w2]] = [height.to_be_bytes(), width.to_be_bytes()];
    segment(0xc0, &[8, h1, h2, w1, w2, 3, 1, 0x11, 0, 2, 0x11, 1, 3, 0x11, 1]);
    bytes.extend(b"\xff\xda\0\x08\x01\x01\0\0\x3f\0\0\xff\xd9");
    bytes
}

/// An Exif segment that says how the camera was held.
fn held(orientation: u16) -> (u8, Vec<u8>) {
    let mut body = b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01".to_vec();
    body.extend(orientation.to_be_bytes());
    body.extend([0; 6]);
    (0xe1, body)
}

fn boxed(name: [u8; 4], body: &[u8]) -> Vec<u8> {
    let mut bytes = u32::try_from(body.len() + 8).unwrap().to_be_bytes().to_vec();
    bytes.extend(name);
    bytes.extend(body);
    bytes
}

/// The header of a film of `seconds`, its picture turned or not.
fn header(seconds: u32, (width, height): (u32, u32), is_turned: bool) -> Vec<u8> {
    let mut mvhd = vec![0; 12];
    mvhd.extend(600_u32.to_be_bytes());
    mvhd.extend((seconds * 600).to_be_bytes());
    mvhd.extend([0; 80]);
    let one = 0x0001_0000_u32;
    let matrix =
        if is_turned { [0, one, 0, !one + 1, 0, 0, 0, 0, 1 << 30] } else { [one, 0, 0, 0, one, 0, 0, 0, 1 << 30] };
    let mut tkhd = vec![0; 40];
    tkhd.extend(matrix.into_iter().flat_map(u32::to_be_bytes));
    tkhd.extend((width << 16).to_be_bytes());
    tkhd.extend((height << 16).to_be_bytes());
    let handler = |kind: &[u8]| boxed(*b"mdia", &boxed(*b"hdlr", &[&[0; 8], kind, &[0; 13]].concat()));
    let sound = boxed(*b"trak", &[boxed(*b"tkhd", &[0; 84]), handler(b"soun")].concat());
    let picture = boxed(*b"trak", &[boxed(*b"tkhd", &tkhd), handler(b"vide")].concat());
    boxed(*b"moov", &[boxed(*b"mvhd", &mvhd), sound, picture].concat())
}

fn ftyp() -> Vec<u8> {
    boxed(*b"ftyp", b"isom\0\0\x02\0isomiso2")
}

fn film(header: &[u8]) -> Vec<u8> {
    [ftyp(), header.to_vec(), boxed(*b"mdat", &[7; 1000])].concat()
}

#[test]
fn pictures_are_measured() {
    assert_eq!(size(png(640, 480), "image/png"), Ok((640, 480)));
    assert_eq!(size(jpeg(&[], 1080, 1350), "image/jpeg"), Ok((1080, 1350)));
    assert_eq!(size(b"GIF89a\x10\0\x20\0\0\0\0".to_vec(), "image/gif"), Ok((16, 32)));
}

#[test]
fn a_picture_that_was_taken_upright_is_measured_upright() {
    for (orientation, expected) in [(1, (400, 300)), (3, (400, 300)), (6, (300, 400)), (8, (300, 400))] {
        assert_eq!(size(jpeg(&[held(orientation)], 400, 300), "image/jpeg"), Ok(expected), "{orientation}");
    }
}

#[test]
fn what_stands_before_the_size_of_a_picture_is_read_up_to_a_bound() {
    let filler = |count: usize| vec![(0xe2, vec![0; 65_000]); count];
    assert_eq!(size(jpeg(&filler(3), 400, 300), "image/jpeg"), Ok((400, 300)));
    // Farther behind, the size is not known, and that is no fault of the file.
    assert_eq!(size(jpeg(&filler(40), 400, 300), "image/jpeg"), Ok((0, 0)));
}

#[test]
fn films_are_measured_wherever_their_header_stands() {
    let expected = |facts: Facts| (facts.size(), facts.duration_ms);
    let in_front = film(&header(12, (1920, 1080), false));
    assert_eq!(facts(in_front, "video/mp4").map(expected), Ok((Some((1920, 1080)), Some(12_000))));
    let mut large = u32::to_be_bytes(1).to_vec();
    large.extend(b"mdat");
    large.extend(u64::to_be_bytes(16 + 3_000_000));
    large.extend(vec![7; 3_000_000]);
    let at_the_end = [ftyp(), large, header(90, (1080, 1920), false)].concat();
    assert_eq!(facts(at_the_end, "video/quicktime").map(expected), Ok((Some((1080, 1920)), Some(90_000))));
    let turned = film(&header(3, (1920, 1080), true));
    assert_eq!(facts(turned, "video/mp4").map(expected), Ok((Some((1080, 1920)), Some(3_000))));
}

#[test]
fn a_file_that_is_another_than_it_says_is_refused() {
    assert_eq!(facts(png(1, 1), "image/jpeg"), Err("media.other_type"));
    assert_eq!(facts(b"<html></html>".to_vec(), "image/png"), Err("media.other_type"));
    assert_eq!(facts(film(&header(1, (2, 2), false)), "image/heic"), Err("media.other_type"));
    assert!(facts(b"%PDF-1.7\n".to_vec(), "application/pdf").is_ok());
    assert!(facts(b"\x1a\x45\xdf\xa3webm".to_vec(), "video/webm").is_ok());
}

#[test]
fn a_film_that_is_not_whole_is_refused() {
    let whole = film(&header(1, (2, 2), false));
    for length in [8, 20, 30, 60, 200, ftyp().len() + 3] {
        assert_eq!(facts(whole[..length].to_vec(), "video/mp4"), Err("media.corrupt"), "{length}");
    }
    assert_eq!(facts([ftyp(), boxed(*b"mdat", &[0; 10])].concat(), "video/mp4"), Err("media.corrupt"), "no header");
    let endless = [ftyp(), boxed(*b"free", b"").repeat(5_000)].concat();
    assert_eq!(facts(endless, "video/mp4"), Err("media.corrupt"), "too many boxes");
    assert_eq!(facts([ftyp(), b"\0\0\0\0free".to_vec()].concat(), "video/mp4"), Err("media.corrupt"), "to the end");
    assert_eq!(facts([ftyp(), b"\0\0\0\x07free".to_vec()].concat(), "video/mp4"), Err("media.corrupt"), "too short");
}

fn type_of(index: usize) -> &'static str {
    ["image/jpeg", "image/png", "image/gif", "image/webp", "image/bmp", "image/tiff", "image/heic", "video/mp4"][index]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(256) })]

    #[test]
    fn hostile_bytes_are_facts_or_a_refusal(
        bytes in prop::collection::vec(any::<u8>(), 1..600),
        start in 0_usize..8,
    ) {
        let starts: [&[u8]; 8] = [
            b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF89a", b"RIFF\0\0\0\0WEBP", b"BM", b"II*\0",
            b"\0\0\0\x18ftypheic", b"\0\0\0\x10ftypisom",
        ];
        let _outcome = facts([starts[start], &bytes].concat(), type_of(start));
    }

    #[test]
    fn a_damaged_film_is_facts_or_a_refusal(at in 0_usize..700, value in any::<u8>(), is_turned in any::<bool>()) {
        let mut bytes = film(&header(5, (640, 360), is_turned));
        let at = at % bytes.len();
        bytes[at] = value;
        let _outcome = facts(bytes, "video/mp4");
    }

    #[test]
    fn a_damaged_picture_is_facts_or_a_refusal(at in 0_usize..100, value in any::<u8>()) {
        let mut bytes = jpeg(&[held(6)], 640, 360);
        let at = at % bytes.len();
        bytes[at] = value;
        let _outcome = facts(bytes, "image/jpeg");
    }
}

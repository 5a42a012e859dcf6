//! A camera writes a picture as its sensor lies, and beside it how it was held: who measures a picture turns it.

/// The size at which a picture is shown, from the one at which it is stored.
pub(super) fn shown(bytes: &[u8], (width, height): (u32, u32)) -> (u32, u32) {
    // 5 to 8 lie on their side (Exif 2.32, section 4.6.4).
    if matches!(orientation(bytes), Some(5..=8)) { (height, width) } else { (width, height) }
}

/// The orientation that the Exif segment of a JPEG names.
fn orientation(bytes: &[u8]) -> Option<u16> {
    let mut at = bytes.starts_with(b"\xff\xd8").then_some(2_usize)?;
    // Each segment is at least its length of two bytes long, so this comes to an end.
    loop {
        let [0xff, marker, high, low] = *bytes.get(at..at.checked_add(4)?)? else { return None };
        let length = usize::from(u16::from_be_bytes([high, low]));
        let segment = bytes.get(at.checked_add(4)?..at.checked_add(2)?.checked_add(length)?)?;
        if let (0xe1, Some(tiff)) = (marker, segment.strip_prefix(b"Exif\0\0")) {
            return tag(tiff);
        }
        // The picture itself begins: nothing of this kind follows.
        if marker == 0xda || length < 2 {
            return None;
        }
        at = at.checked_add(2)?.checked_add(length)?;
    }
}

/// The tag 0x0112 of the first directory.
fn tag(tiff: &[u8]) -> Option<u16> {
    let is_little = match tiff.get(..4)? {
        b"II*\0" => true,
        b"MM\0*" => false,
        _ => return None,
    };
    let short = |at: usize| {
        let bytes: [u8; 2] = tiff.get(at..at.checked_add(2)?)?.try_into().ok()?;
        Some(if is_little { u16::from_le_bytes(bytes) } else { u16::from_be_bytes(bytes) })
    };
    let long = |at: usize| {
        let bytes: [u8; 4] = tiff.get(at..at.checked_add(4)?)?.try_into().ok()?;
        Some(if is_little { u32::from_le_bytes(bytes) } else { u32::from_be_bytes(bytes) })
    };
    let directory = usize::try_from(long(4)?).ok()?;
    let entries = usize::from(short(directory)?);
    (0..entries).find_map(|index| {
        let entry = directory.checked_add(2)?.checked_add(index.checked_mul(12)?)?;
        (short(entry)? == 0x0112).then(|| short(entry.checked_add(8)?)).flatten()
    })
}

//! `multipart/form-data`, as far as a photo upload needs it.

use bytes::Bytes;

/// One part of a form.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Part {
    pub(crate) name: String,
    pub(crate) is_file: bool,
    pub(crate) content: Bytes,
}

/// The parts of `body`, or nothing when it is not a well-formed form.
pub(crate) fn parse(content_type: &str, body: &Bytes) -> Option<Vec<Part>> {
    let boundary = parameter(content_type, "boundary")?;
    let delimiter = format!("--{boundary}").into_bytes();
    let mut parts = Vec::new();
    let mut position = find(body, &delimiter, 0)? + delimiter.len();
    loop {
        if body.get(position..position + 2)? == b"--" {
            return Some(parts);
        }
        let head_start = position + 2;
        let head_end = find(body, b"\r\n\r\n", head_start)?;
        let content_start = head_end + 4;
        let next = find(body, &delimiter, content_start)?;
        let content_end = next.checked_sub(2)?;
        let head = std::str::from_utf8(body.get(head_start..head_end)?).ok()?;
        let disposition = head.lines().find(|line| line.to_ascii_lowercase().starts_with("content-disposition:"))?;
        body.get(content_start..content_end)?;
        parts.push(Part {
            name: parameter(disposition, "name")?,
            is_file: parameter(disposition, "filename").is_some(),
            content: body.slice(content_start..content_end),
        });
        position = next + delimiter.len();
    }
}

fn find(body: &[u8], needle: &[u8], from: usize) -> Option<usize> {
    body.get(from..)?.windows(needle.len()).position(|window| window == needle).map(|found| found + from)
}

fn parameter(header: &str, name: &str) -> Option<String> {
    header.split(';').skip(1).find_map(|piece| {
        let (key, value) = piece.split_once('=')?;
        (key.trim() == name).then(|| value.trim().trim_matches('"').to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_with_a_field_and_a_file_is_read() {
        let body = Bytes::from_static(
            b"--x\r\nContent-Disposition: form-data; name=\"caption\"\r\n\r\nHi\r\n--x\r\n\
              Content-Disposition: form-data; name=\"source\"; filename=\"a.png\"\r\nContent-Type: image/png\r\n\r\n\x89PNG\r\n--x--\r\n",
        );
        let parts = parse("multipart/form-data; boundary=x", &body).unwrap();
        assert_eq!(parts[0], Part { name: "caption".into(), is_file: false, content: "Hi".into() });
        assert_eq!(parts[1], Part { name: "source".into(), is_file: true, content: Bytes::from_static(b"\x89PNG") });
    }

    #[test]
    fn a_form_that_breaks_off_is_refused() {
        let body = Bytes::from_static(b"--x\r\nContent-Disposition: form-data; name=\"caption\"\r\n\r\nHi");
        assert_eq!(parse("multipart/form-data; boundary=x", &body), None);
    }
}

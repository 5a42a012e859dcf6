//! What a secret may look like when it has got somewhere.

use std::fmt::{self, Write as _};

use data_encoding::{BASE64_NOPAD, BASE64URL_NOPAD, Encoding, HEXLOWER, HEXUPPER};

/// A way to write bytes down.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Form {
    /// As it is.
    Raw,
    /// Hexadecimal, with small letters.
    HexLower,
    /// Hexadecimal, with capital letters.
    HexUpper,
    /// Base64, standing this many bytes (0, 1 or 2) after a group's beginning: inside a larger body, say.
    Base64(u8),
    /// Base64 with the alphabet for addresses, in the same places.
    Base64Url(u8),
    /// As in a query or a form.
    UrlEncoded,
    /// As in a query or a form, with small hexadecimal letters.
    UrlEncodedLower,
    /// As inside a JSON string.
    JsonEscaped,
    /// As Rust's `Debug` shows bytes: `[107, 86, …]`.
    Numbers,
}

impl Form {
    /// Every form.
    pub const ALL: [Self; 13] = [
        Self::Raw,
        Self::HexLower,
        Self::HexUpper,
        Self::Base64(0),
        Self::Base64(1),
        Self::Base64(2),
        Self::Base64Url(0),
        Self::Base64Url(1),
        Self::Base64Url(2),
        Self::UrlEncoded,
        Self::UrlEncodedLower,
        Self::JsonEscaped,
        Self::Numbers,
    ];

    /// What surely stands there when `bytes` are written in this form, whatever stands before and after them.
    #[must_use]
    pub fn of(self, bytes: &[u8]) -> Vec<u8> {
        match self {
            Self::Raw => bytes.to_vec(),
            Self::HexLower => HEXLOWER.encode(bytes).into_bytes(),
            Self::HexUpper => HEXUPPER.encode(bytes).into_bytes(),
            Self::Base64(offset) => base64(&BASE64_NOPAD, offset, bytes),
            Self::Base64Url(offset) => base64(&BASE64URL_NOPAD, offset, bytes),
            Self::UrlEncoded => url_encoded(bytes, |text, byte| write!(text, "%{byte:02X}")),
            Self::UrlEncodedLower => url_encoded(bytes, |text, byte| write!(text, "%{byte:02x}")),
            Self::JsonEscaped => json_escaped(bytes),
            Self::Numbers => {
                let numbers: Vec<String> = bytes.iter().map(u8::to_string).collect();
                numbers.join(", ").into_bytes()
            }
        }
    }
}

impl fmt::Display for Form {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Raw => formatter.write_str("raw"),
            Self::HexLower | Self::HexUpper => formatter.write_str("hexadecimal"),
            Self::Base64(offset) => write!(formatter, "base64 at {offset}"),
            Self::Base64Url(offset) => write!(formatter, "base64url at {offset}"),
            Self::UrlEncoded | Self::UrlEncodedLower => formatter.write_str("URL-encoded"),
            Self::JsonEscaped => formatter.write_str("JSON-escaped"),
            Self::Numbers => formatter.write_str("as numbers"),
        }
    }
}

/// The characters that depend on `bytes` alone: those at the edges mix in what stands next to them.
fn base64(encoding: &Encoding, offset: u8, bytes: &[u8]) -> Vec<u8> {
    let mut padded = vec![0; usize::from(offset)];
    padded.extend_from_slice(bytes);
    let encoded = encoding.encode(&padded).into_bytes();
    let (first, end) = ((usize::from(offset) * 8).div_ceil(6), padded.len() * 8 / 6);
    encoded.get(first..end).unwrap_or_default().to_vec()
}

fn url_encoded(bytes: &[u8], escape: impl Fn(&mut String, u8) -> fmt::Result) -> Vec<u8> {
    let mut text = String::new();
    for byte in bytes {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            text.push(char::from(*byte));
        } else if escape(&mut text, *byte).is_err() {
            // A string takes everything.
            break;
        }
    }
    text.into_bytes()
}

/// As `serde_json` escapes: what needs it, and nothing else.
fn json_escaped(bytes: &[u8]) -> Vec<u8> {
    let mut escaped = Vec::with_capacity(bytes.len());
    for byte in bytes {
        match byte {
            b'"' => escaped.extend(b"\\\""),
            b'\\' => escaped.extend(b"\\\\"),
            b'\n' => escaped.extend(b"\\n"),
            b'\r' => escaped.extend(b"\\r"),
            b'\t' => escaped.extend(b"\\t"),
            0x08 => escaped.extend(b"\\b"),
            0x0c => escaped.extend(b"\\f"),
            0..0x20 => escaped.extend(format!("\\u{byte:04x}").bytes()),
            _ => escaped.push(*byte),
        }
    }
    escaped
}

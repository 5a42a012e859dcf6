//! Tokens as the bytes that go under the seal: the only place where one is written out, into memory that is zeroized.
//!
//! A list of fields, each a tag, a length and bytes. A reader ignores tags that it does not know, so that a build can be
//! rolled back past one that added a field.

use jiff::Timestamp;
use zeroize::Zeroizing;

use crate::{
    connector::TokenSet,
    secret::{AccessToken, RefreshToken},
};

use super::envelope::Unreadable;

const ACCESS: u8 = 1;
const ACCESS_EXPIRES_AT: u8 = 2;
const DATA_ACCESS_EXPIRES_AT: u8 = 3;
const REFRESH: u8 = 4;
const REFRESH_EXPIRES_AT: u8 = 5;

/// The tokens of a grant.
pub(super) fn write_grant(tokens: &TokenSet) -> Zeroizing<Vec<u8>> {
    let instant = |time: Timestamp| time.as_millisecond().to_be_bytes();
    let access_ends = tokens.access_expires_at.map(instant);
    let data_access_ends = tokens.data_access_expires_at.map(instant);
    let refresh_ends = tokens.refresh_expires_at.map(instant);
    write(&[
        (ACCESS, Some(tokens.access.expose().as_bytes())),
        (ACCESS_EXPIRES_AT, access_ends.as_ref().map(<[u8; 8]>::as_slice)),
        (DATA_ACCESS_EXPIRES_AT, data_access_ends.as_ref().map(<[u8; 8]>::as_slice)),
        (REFRESH, tokens.refresh.as_ref().map(|token| token.expose().as_bytes())),
        (REFRESH_EXPIRES_AT, refresh_ends.as_ref().map(<[u8; 8]>::as_slice)),
    ])
}

/// The token of a destination.
pub(super) fn write_destination(token: &AccessToken) -> Zeroizing<Vec<u8>> {
    write(&[(ACCESS, Some(token.expose().as_bytes()))])
}

fn write(fields: &[(u8, Option<&[u8]>)]) -> Zeroizing<Vec<u8>> {
    // Sized beforehand: a buffer that grows leaves copies behind that nobody zeroizes.
    let size = fields.iter().filter_map(|(_, value)| *value).map(|value| 5 + value.len()).sum();
    let mut buffer = Zeroizing::new(Vec::with_capacity(size));
    for (tag, value) in fields {
        if let Some(value) = value {
            buffer.push(*tag);
            buffer.extend_from_slice(&u32::try_from(value.len()).unwrap_or(u32::MAX).to_be_bytes());
            buffer.extend_from_slice(value);
        }
    }
    buffer
}

/// Reads what [`write_grant`] wrote.
///
/// # Errors
/// It did not write this.
pub(super) fn read_grant(bytes: &[u8]) -> Result<TokenSet, Unreadable> {
    let access = field(bytes, ACCESS)?.ok_or(Unreadable)?;
    Ok(TokenSet {
        access: AccessToken::new(text(access)?),
        access_expires_at: field(bytes, ACCESS_EXPIRES_AT)?.map(instant).transpose()?,
        data_access_expires_at: field(bytes, DATA_ACCESS_EXPIRES_AT)?.map(instant).transpose()?,
        refresh: field(bytes, REFRESH)?.map(text).transpose()?.map(RefreshToken::new),
        refresh_expires_at: field(bytes, REFRESH_EXPIRES_AT)?.map(instant).transpose()?,
    })
}

/// Reads what [`write_destination`] wrote.
///
/// # Errors
/// It did not write this.
pub(super) fn read_destination(bytes: &[u8]) -> Result<AccessToken, Unreadable> {
    text(field(bytes, ACCESS)?.ok_or(Unreadable)?).map(AccessToken::new)
}

fn text(bytes: &[u8]) -> Result<&str, Unreadable> {
    std::str::from_utf8(bytes).map_err(|_| Unreadable)
}

fn instant(bytes: &[u8]) -> Result<Timestamp, Unreadable> {
    let bytes = bytes.try_into().map_err(|_| Unreadable)?;
    Timestamp::from_millisecond(i64::from_be_bytes(bytes)).map_err(|_| Unreadable)
}

/// The value of the first field with this tag.
fn field(mut bytes: &[u8], wanted: u8) -> Result<Option<&[u8]>, Unreadable> {
    while let Some((tag, rest)) = bytes.split_first() {
        let (length, rest) = rest.split_first_chunk().ok_or(Unreadable)?;
        let length = usize::try_from(u32::from_be_bytes(*length)).map_err(|_| Unreadable)?;
        let (value, rest) = rest.split_at_checked(length).ok_or(Unreadable)?;
        if *tag == wanted {
            return Ok(Some(value));
        }
        bytes = rest;
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn full() -> TokenSet {
        TokenSet {
            access: AccessToken::new("EAAB"),
            access_expires_at: Some(Timestamp::from_second(1_800_000_000).unwrap()),
            data_access_expires_at: Some(Timestamp::from_second(1_900_000_000).unwrap()),
            refresh: Some(RefreshToken::new("refresh")),
            refresh_expires_at: Some(Timestamp::from_second(2_000_000_000).unwrap()),
        }
    }

    #[test]
    fn a_grant_reads_back_as_it_was_written() {
        let tokens = read_grant(&write_grant(&full())).unwrap();
        assert_eq!(tokens.access.expose(), "EAAB");
        assert_eq!(tokens.access_expires_at, full().access_expires_at);
        assert_eq!(tokens.data_access_expires_at, full().data_access_expires_at);
        assert_eq!(tokens.refresh.unwrap().expose(), "refresh");
        assert_eq!(tokens.refresh_expires_at, full().refresh_expires_at);
    }

    #[test]
    fn what_a_grant_does_not_have_stays_absent() {
        let bare = TokenSet {
            access_expires_at: None,
            data_access_expires_at: None,
            refresh: None,
            refresh_expires_at: None,
            ..full()
        };
        let tokens = read_grant(&write_grant(&bare)).unwrap();
        assert!(tokens.access_expires_at.is_none() && tokens.data_access_expires_at.is_none());
        assert!(tokens.refresh.is_none() && tokens.refresh_expires_at.is_none());
    }

    #[test]
    fn a_grant_that_was_sealed_before_there_was_an_end_of_the_refresh_token_is_still_read() {
        let old = write(&[(ACCESS, Some(b"EAAB")), (REFRESH, Some(b"refresh"))]);
        let tokens = read_grant(&old).unwrap();
        assert_eq!(tokens.refresh.unwrap().expose(), "refresh");
        assert!(tokens.refresh_expires_at.is_none());
    }

    #[test]
    fn the_buffer_never_grows_while_it_is_written() {
        let buffer = write_grant(&full());
        assert_eq!(buffer.capacity(), buffer.len());
    }

    #[test]
    fn fields_that_a_later_build_adds_are_ignored() {
        let mut later = write(&[(99, Some(b"new"))]);
        later.extend_from_slice(&write_destination(&AccessToken::new("EAAB")));
        assert_eq!(read_destination(&later).unwrap().expose(), "EAAB");
    }

    #[test]
    fn f57_a_token_is_written_out_into_one_buffer_that_never_grows_and_is_zeroized() {
        fn is_zeroized<T: zeroize::ZeroizeOnDrop>(_value: &T) {}
        let written = write_grant(&full());
        is_zeroized(&written);
        assert_eq!(written.len(), written.capacity(), "what grows leaves copies behind");
    }

    #[test]
    fn damaged_bytes_are_refused_and_never_panic() {
        let whole = write_grant(&full());
        for length in 0..whole.len() {
            // A cut between two fields leaves a shorter list, which lacks the last field at least.
            if let Ok(tokens) = read_grant(&whole[..length]) {
                assert!(tokens.refresh_expires_at.is_none(), "{length} bytes");
            }
        }
        for wrong in [&b""[..], b"\x01", b"\x01\0\0\0\x05abc", b"\x01\xff\xff\xff\xff", b"\x01\0\0\0\x01\xff"] {
            assert_eq!(read_destination(wrong).err(), Some(Unreadable));
        }
    }
}

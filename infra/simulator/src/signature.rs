//! Keyed hashes as Meta uses them: webhook signatures, application secret proofs, signed requests.

use aws_lc_rs::{constant_time, hmac};
use data_encoding::{BASE64URL_NOPAD, HEXLOWER};

/// HMAC-SHA256.
pub(crate) fn digest(key: &[u8], message: &[u8]) -> Vec<u8> {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), message).as_ref().to_vec()
}

/// HMAC-SHA256 in lower-case hexadecimal.
pub(crate) fn hexadecimal(key: &str, message: &[u8]) -> String {
    HEXLOWER.encode(&digest(key.as_bytes(), message))
}

/// Whether two secrets are equal, in constant time.
pub(crate) fn equal(left: &str, right: &str) -> bool {
    constant_time::verify_slices_are_equal(left.as_bytes(), right.as_bytes()).is_ok()
}

/// A `signed_request`: the signature covers the encoded payload.
pub(crate) fn signed_request(key: &str, payload: &serde_json::Value) -> String {
    let payload = BASE64URL_NOPAD.encode(payload.to_string().as_bytes());
    let signature = BASE64URL_NOPAD.encode(&digest(key.as_bytes(), payload.as_bytes()));
    format!("{signature}.{payload}")
}

/// `json` as Meta sends it: slashes and everything outside ASCII escaped, so that only the raw bytes verify.
pub(crate) fn escaped(json: &serde_json::Value) -> String {
    let mut escaped = String::new();
    for unit in json.to_string().encode_utf16() {
        match u8::try_from(unit) {
            Ok(b'/') => escaped.push_str("\\/"),
            Ok(byte) if byte.is_ascii() => escaped.push(char::from(byte)),
            Ok(_) | Err(_) => {
                escaped.push_str("\\u");
                escaped.push_str(&HEXLOWER.encode(&unit.to_be_bytes()));
            }
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_outside_ascii_is_escaped_in_lower_case() {
        assert_eq!(escaped(&serde_json::json!("äÖ 🍞 a/b")), r#""\u00e4\u00d6 \ud83c\udf5e a\/b""#);
    }

    #[test]
    fn the_hash_is_the_published_test_vector() {
        // RFC 4231, test case 2.
        assert_eq!(
            hexadecimal("Jefe", b"what do ya want for nothing?"),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
        );
    }
}

//! PKCE (RFC 7636): whoever brings a code must have begun the very session that it was given to.
//!
//! The verifier is derived from the two secrets of a session, the one in its address and the one in the browser's cookie.
//! Both come back with the callback, so nothing more is stored, and whoever sees the address alone cannot make it.

use aws_lc_rs::digest;
use data_encoding::{BASE64URL_NOPAD, HEXLOWER};

use crate::{connector::Pkce, hmac, secret::CodeVerifier};

/// What the verifier is derived for: no other use of the two secrets may lead to it.
const PURPOSE: &[u8] = b"postd pkce verifier 1\0";

/// The verifier of one session in one browser.
pub(super) fn verifier(state: &str, browser: &str) -> CodeVerifier {
    let message = [PURPOSE, state.as_bytes()].concat();
    CodeVerifier::new(BASE64URL_NOPAD.encode(&hmac::Key::new(browser.as_bytes()).sign(&message)))
}

/// What the platform is shown of it beforehand.
pub(super) fn challenge(verifier: &CodeVerifier, form: Pkce) -> String {
    let hash = digest::digest(&digest::SHA256, verifier.expose().as_bytes());
    match form {
        Pkce::S256 => BASE64URL_NOPAD.encode(hash.as_ref()),
        Pkce::S256Hex => HEXLOWER.encode(hash.as_ref()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_challenge_is_that_of_the_rfc_or_tiktoks() {
        // RFC 7636, appendix B.
        let verifier = CodeVerifier::new("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk");
        assert_eq!(challenge(&verifier, Pkce::S256), "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
        assert_eq!(
            challenge(&verifier, Pkce::S256Hex),
            "13d31e961a1ad8ec2f16b10c4c982e0876a878ad6df144566ee1894acb70f9c3"
        );
    }

    #[test]
    fn f72_every_session_in_every_browser_has_a_verifier_of_its_own() {
        let known = verifier("state", "browser");
        assert_eq!(known.expose().len(), 43, "the least that RFC 7636 allows, of 256 bits");
        assert_eq!(verifier("state", "browser").expose(), known.expose());
        assert_ne!(verifier("state", "another").expose(), known.expose());
        assert_ne!(verifier("another", "browser").expose(), known.expose());
    }
}

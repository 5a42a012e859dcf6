//! Identity tokens, signed with RS256 by keys that change.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_SHA256};
use data_encoding::BASE64URL_NOPAD;
use serde_json::{Value, json};
use std::sync::OnceLock;

/// Keys are made once for the whole process: that takes a while. The first signs; after a rotation the second does.
static KEYS: OnceLock<[Option<KeyPair>; 2]> = OnceLock::new();

fn key(generation: usize) -> Option<&'static KeyPair> {
    let keys =
        KEYS.get_or_init(|| [KeyPair::generate(KeySize::Rsa2048).ok(), KeyPair::generate(KeySize::Rsa2048).ok()]);
    keys.get(generation % keys.len())?.as_ref()
}

fn name(generation: usize) -> String {
    format!("simulated-{generation}")
}

/// A token with these claims, signed by the key of this generation.
pub(crate) fn signed(claims: &Value, generation: usize) -> Option<String> {
    let header = json!({"alg": "RS256", "kid": name(generation), "typ": "JWT"});
    let part = |value: &Value| BASE64URL_NOPAD.encode(value.to_string().as_bytes());
    let text = format!("{}.{}", part(&header), part(claims));
    let key = key(generation)?;
    let mut signature = vec![0; key.public_modulus_len()];
    key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), text.as_bytes(), &mut signature).ok()?;
    Some(format!("{text}.{}", BASE64URL_NOPAD.encode(&signature)))
}

/// The public keys, as Google publishes them.
pub(crate) fn published(generation: usize) -> Value {
    let of = |generation: usize| {
        let (n, e) = numbers(key(generation)?.public_key().as_ref())?;
        let (n, e) = (BASE64URL_NOPAD.encode(n), BASE64URL_NOPAD.encode(e));
        Some(json!({"kty": "RSA", "alg": "RS256", "use": "sig", "kid": name(generation), "n": n, "e": e}))
    };
    json!({"keys": of(generation).into_iter().collect::<Vec<_>>()})
}

/// Modulus and exponent of an `RSAPublicKey`: a DER sequence of two integers.
fn numbers(der: &[u8]) -> Option<(&[u8], &[u8])> {
    let (0x30, body, _) = element(der)? else { return None };
    let (0x02, modulus, rest) = element(body)? else { return None };
    let (0x02, exponent, _) = element(rest)? else { return None };
    Some((trimmed(modulus), trimmed(exponent)))
}

fn trimmed(number: &[u8]) -> &[u8] {
    match number {
        [0, rest @ ..] => rest,
        _ => number,
    }
}

/// One element of DER: its tag, its content, and what follows.
fn element(der: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&tag, rest) = der.split_first()?;
    let (&first, rest) = rest.split_first()?;
    let (length, rest) = if first < 0x80 {
        (usize::from(first), rest)
    } else {
        let (bytes, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
        (bytes.iter().fold(0_usize, |length, byte| (length << 8) | usize::from(*byte)), rest)
    };
    let (content, rest) = rest.split_at_checked(length)?;
    Some((tag, content, rest))
}

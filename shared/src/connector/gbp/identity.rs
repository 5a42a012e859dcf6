//! Identity tokens of Google (JWTs): who gave consent, and who pushes a notification.

use data_encoding::BASE64URL_NOPAD;
use serde_json::Value;

/// No token of Google is longer.
const LONGEST: usize = 8_192;

/// A token, taken apart; nothing of it is checked yet.
pub(super) struct Parts<'a> {
    /// What the signature covers.
    pub(super) signed: &'a str,
    pub(super) header: Value,
    pub(super) claims: Value,
    pub(super) signature: Vec<u8>,
}

/// Takes a token apart: three parts in base64url, the first two of them JSON objects.
pub(super) fn parts(token: &str) -> Option<Parts<'_>> {
    if token.len() > LONGEST {
        return None;
    }
    let (signed, signature) = token.rsplit_once('.')?;
    let (header, claims) = signed.split_once('.')?;
    let object = |part: &str| {
        let bytes = BASE64URL_NOPAD.decode(part.as_bytes()).ok()?;
        serde_json::from_slice::<Value>(&bytes).ok().filter(Value::is_object)
    };
    let signature = BASE64URL_NOPAD.decode(signature.as_bytes()).ok()?;
    Some(Parts { signed, header: object(header)?, claims: object(claims)?, signature })
}

/// Whether the claims name Google as their issuer, in either of its two spellings.
pub(super) fn is_googles(claims: &Value) -> bool {
    matches!(claims.get("iss").and_then(Value::as_str), Some("https://accounts.google.com" | "accounts.google.com"))
}

/// Who a login is, from the token endpoint's own answer: that came over TLS from Google, which stands for the signature
/// (`OpenID` Connect Core, section 3.1.3.7). The id, and a name to show.
pub(super) fn person(token: &str, client_id: &str) -> Option<(String, String)> {
    let claims = parts(token)?.claims;
    let text = |name: &str| claims.get(name).and_then(Value::as_str);
    if !is_googles(&claims) || text("aud") != Some(client_id) {
        return None;
    }
    let is_id = |id: &&str| (1..=255).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_alphanumeric());
    let id = text("sub").filter(is_id)?.to_owned();
    let name = super::api::name(claims.get("email")).unwrap_or_else(|| id.clone());
    Some((id, name))
}

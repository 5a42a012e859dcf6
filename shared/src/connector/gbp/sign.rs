//! Attaches a token: in a header, and in the form of the one call that wants it there.

use http::{HeaderValue, header};

use crate::{
    connector::{Authentication, Body, Request},
    secret::AccessToken,
};

/// What the form of a revocation calls the token.
pub(super) const TOKEN: &str = "token";

/// Signs `request` with `token`; signing twice leaves the second signature.
pub(super) fn sign(request: &mut Request, token: &AccessToken) {
    // Of all calls only the one that gives a grant back is a form.
    if let Body::Form(fields) = &mut request.body {
        fields.retain(|(name, _)| name != TOKEN);
        fields.push((TOKEN.into(), token.expose().into()));
        return;
    }
    // Tokens are checked when they are read, so this succeeds; if it did not, the call would go out without a token and
    // Google would refuse it.
    if let Ok(mut value) = HeaderValue::try_from(format!("Bearer {}", token.expose())) {
        value.set_sensitive(true);
        request.headers.insert(header::AUTHORIZATION, value);
    }
}

/// Signs `request` for good: for a flow that brings its own token.
pub(super) fn signed(mut request: Request, token: &AccessToken) -> Request {
    sign(&mut request, token);
    request.authentication = Authentication::Complete;
    request
}

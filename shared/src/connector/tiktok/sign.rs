//! Attaches a token: in a header; in the form of the one call that gives it back.

use http::{HeaderValue, header};

use crate::{
    connector::{Authentication, Body, Request},
    secret::{AccessToken, AppCredentials},
};

/// Signs `request` with `token`; signing twice leaves the second signature.
pub(super) fn sign(request: &mut Request, token: &AccessToken, app: &AppCredentials) {
    // Only the call that gives a grant back has a form: it wants the token and the app's credentials in there.
    if let Body::Form(fields) = &mut request.body {
        fields.clear();
        fields.push(("client_key".into(), app.client_id.clone()));
        fields.push(("client_secret".into(), app.client_secret.expose().into()));
        fields.push(("token".into(), token.expose().into()));
        return;
    }
    bearer(request, token);
}

/// Signs `request` for good: for a flow that brings its own token.
pub(super) fn signed(mut request: Request, token: &AccessToken) -> Request {
    bearer(&mut request, token);
    request.authentication = Authentication::Complete;
    request
}

fn bearer(request: &mut Request, token: &AccessToken) {
    // A token that cannot stand in a header goes nowhere: TikTok refuses the call without one.
    if let Ok(mut value) = HeaderValue::try_from(format!("Bearer {}", token.expose())) {
        value.set_sensitive(true);
        request.headers.insert(header::AUTHORIZATION, value);
    }
}

//! Attaches a token the way the Graph API wants it: in a header, never in the address, with the proof that we hold the
//! app's secret.

use data_encoding::HEXLOWER;
use http::{HeaderValue, header};

use super::graph;
use crate::{
    connector::{Authentication, Body, Request},
    defect::Defect,
    hmac,
    secret::{AccessToken, AppCredentials, AppSecret},
};

const PROOF: &str = "appsecret_proof";

/// Signs `request` with `token`; signing twice leaves the second signature.
pub(in crate::connector) fn sign(request: &mut Request, token: &AccessToken, app: &AppCredentials) {
    bearer(request, token.expose());
    let proof = proof(token, &app.client_secret);
    graph::without_parameters(&mut request.url, &[PROOF]);
    if Defect::PutsTokensIntoAddresses.is_present() {
        request.url.query_pairs_mut().append_pair("access_token", token.expose());
    }
    match &mut request.body {
        Body::Form(fields) => {
            fields.retain(|(name, _)| name != PROOF);
            fields.push((PROOF.into(), proof));
        }
        Body::Empty | Body::Json(_) | Body::Bytes(_) | Body::Piece(_) => {
            request.url.query_pairs_mut().append_pair(PROOF, &proof);
        }
    }
}

/// Signs `request` for good: for a flow that brings its own token.
pub(in crate::connector) fn signed(mut request: Request, token: &AccessToken, app: &AppCredentials) -> Request {
    sign(&mut request, token, app);
    request.authentication = Authentication::Complete;
    request
}

/// Makes `request` as the app itself, without a person: `{id}|{secret}` is the app's token.
pub(in crate::connector) fn as_app(mut request: Request, app: &AppCredentials) -> Request {
    bearer(&mut request, &format!("{}|{}", app.client_id, app.client_secret.expose()));
    request.authentication = Authentication::Complete;
    request
}

/// Puts a token into the header, and nothing else.
pub(in crate::connector) fn bearer(request: &mut Request, token: &str) {
    authorization(request, "Bearer", token);
}

/// Signs a call that carries a file to `rupload.facebook.com`, where the header has another scheme and no proof is known.
pub(in crate::connector) fn upload(request: &mut Request, token: &AccessToken) {
    authorization(request, "OAuth", token.expose());
}

fn authorization(request: &mut Request, scheme: &str, token: &str) {
    // Tokens are checked when they are read, so this succeeds; if it did not, the call would go out without a token and
    // the platform would refuse it.
    if let Ok(mut value) = HeaderValue::try_from(format!("{scheme} {token}")) {
        value.set_sensitive(true);
        request.headers.insert(header::AUTHORIZATION, value);
    }
}

/// HMAC-SHA256 of the token under the app's secret, in lower-case hexadecimal digits.
fn proof(token: &AccessToken, secret: &AppSecret) -> String {
    HEXLOWER.encode(&hmac::Key::new(secret.expose().as_bytes()).sign(token.expose().as_bytes()))
}

#[cfg(test)]
mod tests {
    use http::Method;
    use url::Url;

    use super::*;
    use crate::secret::VerifyToken;

    fn app() -> AppCredentials {
        AppCredentials {
            client_id: "123".into(),
            client_secret: AppSecret::new("app-secret"),
            previous_client_secret: None,
            webhook_verify_token: VerifyToken::new("verify-me"),
            previous_webhook_verify_token: None,
            webhook_secrets: Vec::new(),
        }
    }

    // printf token | openssl dgst -sha256 -hmac app-secret
    const EXPECTED: &str = "4b062935fec529e51d39e89ee371a452c231b1e0c5549ac72d83fc4f3a0b0471";

    fn request() -> Request {
        Request::new(Method::GET, Url::parse("https://graph.facebook.com/v26.0/1?fields=id").unwrap())
    }

    #[test]
    fn a_read_carries_the_token_in_a_header_and_the_proof_in_the_query() {
        let mut request = request();
        sign(&mut request, &AccessToken::new("token"), &app());
        assert_eq!(request.url.query(), Some(format!("fields=id&appsecret_proof={EXPECTED}").as_str()));
        let header = &request.headers[header::AUTHORIZATION];
        assert_eq!(header, "Bearer token");
        assert!(header.is_sensitive());
    }

    #[test]
    fn a_form_carries_the_proof_among_its_fields() {
        let mut request = request();
        request.body = Body::Form(vec![("message".into(), "hello".into())]);
        sign(&mut request, &AccessToken::new("token"), &app());
        sign(&mut request, &AccessToken::new("token"), &app());
        let expected = vec![("message".into(), "hello".into()), (PROOF.to_owned(), EXPECTED.to_owned())];
        assert!(request.body == Body::Form(expected));
        assert_eq!(request.url.query(), Some("fields=id"));
    }

    #[test]
    fn signing_again_replaces_the_signature() {
        let mut request = request();
        sign(&mut request, &AccessToken::new("other"), &app());
        sign(&mut request, &AccessToken::new("token"), &app());
        assert_eq!(request.url.query(), Some(format!("fields=id&appsecret_proof={EXPECTED}").as_str()));
        assert_eq!(request.headers[header::AUTHORIZATION], "Bearer token");
    }

    #[test]
    fn f56_a_signed_request_shows_neither_token_nor_proof() {
        let request = signed(request(), &AccessToken::new("token"), &app());
        assert_eq!(format!("{request:?}"), "Request(GET graph.facebook.com/v26.0/1)");
        let request = as_app(super::tests::request(), &app());
        assert!(!format!("{request:?}{:?}", request.headers).contains("app-secret"));
    }
}

//! The signed request with which Meta tells that a person has removed our app, or wants to be forgotten.
//!
//! `base64url(signature) "." base64url(payload)`, unpadded; the signature is over the payload as it is encoded.

use data_encoding::BASE64URL_NOPAD;
use serde_json::Value;

use super::graph;
use crate::{
    connector::{SignedRequest, SignedRequestError},
    hmac,
    secret::{AppCredentials, AppSecret},
};

const FIELD: &str = "signed_request";
const ALGORITHM: &str = "HMAC-SHA256";
/// The longest that is looked at: Meta's have some 200 bytes.
const LONGEST: usize = 4096;

/// Reads the form that a callback is sent with. Nothing of the payload is believed, or even read, before its signature.
pub(in crate::connector) fn read(app: &AppCredentials, body: &[u8]) -> Result<SignedRequest, SignedRequestError> {
    let mut fields = form_urlencoded::parse(body).filter(|(name, _)| name == FIELD);
    let (Some((_, text)), None) = (fields.next(), fields.next()) else {
        return Err(SignedRequestError::Malformed("The body is a form with one field `signed_request`."));
    };
    if text.len() > LONGEST {
        return Err(SignedRequestError::Malformed("The signed request is longer than any of Meta's."));
    }
    let parts = text.split_once('.').filter(|(_, payload)| !payload.contains('.'));
    let (signature, encoded) =
        parts.ok_or(SignedRequestError::Malformed("A signed request has two parts with a dot in between."))?;
    let signature = BASE64URL_NOPAD.decode(signature.as_bytes());
    let signature = signature.map_err(|_| SignedRequestError::Malformed("The signature is not unpadded base64url."))?;
    let secrets = [Some(&app.client_secret), app.previous_client_secret.as_ref()];
    // The comparison inside `verify` takes the same time whatever differs.
    let is_signed = secrets.into_iter().flatten().map(AppSecret::expose).any(|secret| {
        !secret.is_empty() && hmac::Key::new(secret.as_bytes()).verify(encoded.as_bytes(), &signature).is_ok()
    });
    if !is_signed {
        return Err(SignedRequestError::NotSigned);
    }
    payload(encoded).map(|(account, issued_at)| SignedRequest { account, issued_at, text: text.into_owned() })
}

fn payload(encoded: &str) -> Result<(String, Option<jiff::Timestamp>), SignedRequestError> {
    let payload = BASE64URL_NOPAD.decode(encoded.as_bytes());
    let payload = payload.map_err(|_| SignedRequestError::Malformed("The payload is not unpadded base64url."))?;
    let payload: Value =
        serde_json::from_slice(&payload).map_err(|_| SignedRequestError::Malformed("The payload is not JSON."))?;
    if payload.get("algorithm").and_then(Value::as_str) != Some(ALGORITHM) {
        return Err(SignedRequestError::Malformed("The payload names another algorithm than HMAC-SHA256."));
    }
    let account = graph::id(payload.get("user_id"));
    let account = account.ok_or(SignedRequestError::Malformed("The payload names no person in `user_id`."))?;
    Ok((account, graph::seconds(payload.get("issued_at"))))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;
    use crate::secret::{AppSecret, VerifyToken};

    fn app(secret: &str, previous: Option<&str>) -> AppCredentials {
        AppCredentials {
            client_id: "123".into(),
            client_secret: AppSecret::new(secret),
            previous_client_secret: previous.map(AppSecret::new),
            webhook_verify_token: VerifyToken::new("verify-me"),
            previous_webhook_verify_token: None,
            webhook_secrets: Vec::new(),
        }
    }

    fn signed(secret: &str, payload: &str) -> String {
        let payload = BASE64URL_NOPAD.encode(payload.as_bytes());
        let signature = BASE64URL_NOPAD.encode(&hmac::Key::new(secret.as_bytes()).sign(payload.as_bytes()));
        format!("{signature}.{payload}")
    }

    fn body(request: &str) -> Vec<u8> {
        form_urlencoded::Serializer::new(String::new()).append_pair(FIELD, request).finish().into_bytes()
    }

    fn good() -> String {
        json!({ "algorithm": ALGORITHM, "issued_at": 1_795_255_200, "user_id": "218471" }).to_string()
    }

    #[test]
    fn a_request_that_either_secret_has_signed_names_the_person_and_the_time() {
        for app in [app("new", None), app("other", Some("new"))] {
            let read = read(&app, &body(&signed("new", &good()))).unwrap();
            assert_eq!((read.account.as_str(), read.issued_at.unwrap().as_second()), ("218471", 1_795_255_200));
        }
        // The vector of Meta's own documentation: a number for an id, and no time.
        let payload = json!({ "algorithm": ALGORITHM, "user_id": 218_471 }).to_string();
        let read = read(&app("new", None), &body(&signed("new", &payload))).unwrap();
        assert_eq!((read.account.as_str(), read.issued_at), ("218471", None));
    }

    #[test]
    fn what_another_has_signed_is_not_signed_whatever_it_says() {
        for payload in [good(), "{}".to_owned(), "not even JSON".to_owned()] {
            let request = signed("stranger", &payload);
            assert_eq!(read(&app("new", Some("old")), &body(&request)), Err(SignedRequestError::NotSigned));
        }
        // No secret at all signs nothing; neither does a shortened signature.
        assert_eq!(read(&app("", None), &body(&signed("", &good()))), Err(SignedRequestError::NotSigned));
        let request = signed("new", &good());
        let (signature, payload) = request.split_once('.').unwrap();
        let short = format!(
            "{}.{payload}",
            BASE64URL_NOPAD.encode(&BASE64URL_NOPAD.decode(signature.as_bytes()).unwrap()[..16])
        );
        assert_eq!(read(&app("new", None), &body(&short)), Err(SignedRequestError::NotSigned));
    }

    #[rstest]
    #[case::no_form(b"{}".to_vec())]
    #[case::no_field(b"signed=1".to_vec())]
    #[case::empty(b"".to_vec())]
    #[case::two_fields([body("a.b"), b"&".to_vec(), body("a.b")].concat())]
    #[case::no_dot(body("abc"))]
    #[case::another_dot(body(&format!("{}.x", signed("new", &good()))))]
    #[case::padded(body(&signed("new", &good()).replace('.', "=.")))]
    #[case::too_long(body(&"a".repeat(LONGEST + 1)))]
    #[case::no_json(body(&signed("new", "not JSON")))]
    #[case::no_object(body(&signed("new", "[]")))]
    #[case::another_algorithm(body(&signed("new", &good().replace("SHA256", "SHA1"))))]
    #[case::no_algorithm(body(&signed("new", r#"{"user_id":"1"}"#)))]
    #[case::no_person(body(&signed("new", r#"{"algorithm":"HMAC-SHA256"}"#)))]
    #[case::an_id_that_is_none(body(&signed("new", r#"{"algorithm":"HMAC-SHA256","user_id":"1#T"}"#)))]
    #[case::bytes(vec![0xff; 64])]
    fn what_cannot_be_read_is_malformed(#[case] body: Vec<u8>) {
        assert!(matches!(read(&app("new", None), &body), Err(SignedRequestError::Malformed(_))));
    }
}

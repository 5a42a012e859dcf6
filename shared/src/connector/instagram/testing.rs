//! What the tests of this connector share.

use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use serde_json::{Value, json};

use crate::{
    connector::{Answer, ConnectorError, Request, Step},
    secret::{AppCredentials, AppSecret, VerifyToken},
};

pub(super) fn app() -> AppCredentials {
    AppCredentials {
        client_id: "123".into(),
        client_secret: AppSecret::new("app-secret"),
        previous_client_secret: Some(AppSecret::new("old-secret")),
        webhook_verify_token: VerifyToken::new("verify-me"),
        previous_webhook_verify_token: None,
        webhook_secrets: Vec::new(),
    }
}

pub(super) fn answer(status: u16, body: impl Into<Bytes>) -> Answer {
    Answer { status: StatusCode::from_u16(status).unwrap(), headers: HeaderMap::new(), body: body.into() }
}

pub(super) fn ok(body: &Value) -> Answer {
    answer(200, body.to_string())
}

pub(super) fn refused(status: u16, code: i64, subcode: Option<i64>) -> Answer {
    let mut error = json!({"message": "(#1) prose", "type": "OAuthException", "code": code, "fbtrace_id": "AbC-1_"});
    if let Some(subcode) = subcode {
        error["error_subcode"] = subcode.into();
    }
    answer(status, json!({"error": error}).to_string())
}

pub(super) fn called<T>(step: Result<Step<T>, ConnectorError>) -> Request {
    match step.unwrap() {
        Step::Call(request) => request,
        Step::Done(_) => panic!("done instead of a call"),
    }
}

pub(super) fn done<T>(step: Result<Step<T>, ConnectorError>) -> T {
    match step.unwrap() {
        Step::Done(result) => result,
        Step::Call(request) => panic!("{request:?} instead of an end"),
    }
}

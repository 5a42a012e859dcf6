//! What the tests of this connector share.

use serde_json::{Value, json};

pub(super) use crate::connector::compliance::instance::{answer, json_answer};
use crate::{
    connector::{Answer, ConnectorError, Prepared, Request, Step},
    secret::{AppCredentials, AppSecret, VerifyToken},
};

pub(super) const PLACE: &str = "accounts/111/locations/222";
pub(super) const POST: &str = "accounts/111/locations/222/localPosts/9007199254740993";
pub(super) const MARKER: &str = "post_01jd-t1";

pub(super) fn app() -> AppCredentials {
    AppCredentials {
        client_id: "123.apps.googleusercontent.com".into(),
        client_secret: AppSecret::new("app-secret"),
        previous_client_secret: None,
        webhook_verify_token: VerifyToken::new("the-audience"),
        previous_webhook_verify_token: Some(VerifyToken::new("the-old-audience")),
        webhook_secrets: Vec::new(),
    }
}

pub(super) fn ok(body: &Value) -> Answer {
    json_answer(200, body)
}

pub(super) fn refused(status: u16, name: &str, details: &Value) -> Answer {
    let error = json!({"code": status, "message": "prose", "status": name, "details": details});
    json_answer(status, &json!({ "error": error }))
}

/// The details of an `ErrorInfo`.
pub(super) fn info(reason: &str, metadata: &Value) -> Value {
    let kind = "type.googleapis.com/google.rpc.ErrorInfo";
    json!([{"@type": kind, "reason": reason, "domain": "googleapis.com", "metadata": metadata}])
}

/// The details of a validation by v4.
pub(super) fn invalid(code: u64, field: &str) -> Value {
    let kind = "type.googleapis.com/google.mybusiness.v4.ValidationError";
    json!([{"@type": kind, "errorDetails": [{"code": code, "field": field, "message": "prose"}]}])
}

pub(super) fn prepared(content: Value, options: Option<Value>) -> Prepared {
    Prepared {
        content: serde_json::from_value(content).unwrap(),
        options: options.map(|options| serde_json::from_value(options).unwrap()),
        marker: MARKER.into(),
        ..Prepared::at(PLACE)
    }
}

/// A post as Google answers it.
pub(super) fn post(state: &str) -> Value {
    json!({
        "name": POST,
        "languageCode": "en",
        "summary": "Hello",
        "state": state,
        "topicType": "STANDARD",
        "createTime": "2026-11-21T10:00:01.512Z",
        "updateTime": "2026-11-21T10:00:01.512Z",
        "searchUrl": "https://local.google.com/place?id=1&use=posts&lpsid=2",
    })
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

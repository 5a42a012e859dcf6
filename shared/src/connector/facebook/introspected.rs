//! What a token's own report is taken for.

use jiff::Timestamp;
use rstest::rstest;
use serde_json::{Value, json};

use super::{testing::*, *};
use crate::connector::{Disposition, Step};

fn health(body: &Value) -> Result<Health, ConnectorError> {
    let token = AccessToken::new("EAAP");
    let mut flow = HealthFlow::new(
        asked(&FacebookSettings::default()),
        &app(),
        &token,
        &["pages_show_list".into(), "gone".into()],
    );
    let request = called(flow.advance(None));
    assert_eq!(request.url.query(), Some("input_token=EAAP"));
    assert_eq!(request.headers["authorization"], "Bearer 123|app-secret");
    match flow.advance(Some(&ok(body)))? {
        Step::Done(health) => Ok(health),
        Step::Call(request) => panic!("{request:?}"),
    }
}

#[test]
fn a_living_token_tells_its_dates_and_what_it_lacks() {
    let health = health(&json!({"data": {
        "app_id": "123", "is_valid": true, "expires_at": 0, "data_access_expires_at": 1_802_995_200,
        "scopes": ["pages_show_list"], "user_id": "218471",
    }}));
    let expected = Health {
        access_expires_at: None,
        data_access_expires_at: Some(Timestamp::from_second(1_802_995_200).unwrap()),
        missing_scopes: vec!["gone".into()],
    };
    assert_eq!(health, Ok(expected));
}

#[rstest]
#[case::password(json!({"code": 190, "message": "...", "subcode": 460}), "facebook.token.password_changed")]
#[case::no_subcode(json!({"code": 190}), "facebook.token.invalid")]
#[case::odd_code(json!({"code": 1}), "facebook.token.invalid")]
fn a_dead_token_is_dead_in_spite_of_status_200(#[case] error: Value, #[case] code: &str) {
    let body = json!({"data": {"app_id": "123", "is_valid": false, "error": error, "scopes": []}});
    let error = health(&body).unwrap_err();
    assert_eq!(error.refusal().code, code);
    assert_eq!(error.disposition(crate::connector::Effect::Read), Disposition::Reconnect);
}

#[test]
fn a_token_of_another_app_is_refused() {
    let body = json!({"data": {"app_id": "999", "is_valid": true}});
    assert_eq!(health(&body).unwrap_err().refusal().code, "facebook.token.other_app");
}

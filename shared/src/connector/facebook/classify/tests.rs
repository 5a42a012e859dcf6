use http::HeaderValue;
use jiff::SignedDuration;
use rstest::rstest;
use serde_json::json;

use super::super::{graph, testing::*};
use crate::connector::{Answer, Disposition, Effect};

const RETRY: Disposition = Disposition::Retry(None);
const RECONNECT: Disposition = Disposition::Reconnect;
const READ_BACK: Disposition = Disposition::ReadBack;

#[rstest]
#[case::bad_gateway(502, "<html>", READ_BACK, RETRY)]
#[case::empty_500(500, "", READ_BACK, RETRY)]
#[case::request_timeout(408, "", READ_BACK, RETRY)]
#[case::too_many(429, "", RETRY, RETRY)]
#[case::unauthorized(401, "", RECONNECT, RECONNECT)]
#[case::forbidden_by_a_proxy(403, "<html>", READ_BACK, RETRY)]
#[case::not_found(404, "{}", READ_BACK, RETRY)]
#[case::redirect(302, "", READ_BACK, RETRY)]
#[case::ok_but_not_json(200, "<html>", READ_BACK, RETRY)]
#[case::ok_but_a_list(200, "[]", READ_BACK, RETRY)]
#[case::error_without_code(400, r#"{"error":{"message":"x"}}"#, READ_BACK, RETRY)]
#[case::error_as_text(200, r#"{"error":"invalid_request"}"#, READ_BACK, RETRY)]
fn f35_an_answer_without_an_envelope_leaves_a_publish_unknown(
    #[case] status: u16,
    #[case] body: &'static str,
    #[case] after_publish: Disposition,
    #[case] otherwise: Disposition,
) {
    let error = graph::read(&answer(status, body)).unwrap_err();
    assert_eq!(error.disposition(Effect::Publish), after_publish, "{error:?}");
    assert_eq!(error.disposition(Effect::Read), otherwise, "{error:?}");
}

#[rstest]
#[case::a_failing_server(refused(500, 100, None))]
#[case::a_failing_server_with_an_unknown_code(refused(503, 777, None))]
#[case::transient_by_its_own_word(
    answer(400, json!({"error": {"code": 100, "is_transient": true}}).to_string())
)]
fn f35_a_refusal_by_a_failing_server_is_not_trusted(#[case] answer: Answer) {
    let error = graph::read(&answer).unwrap_err();
    assert_eq!(error.disposition(Effect::Publish), READ_BACK);
    assert_eq!(error.disposition(Effect::Read), RETRY);
}

#[test]
fn a_throttled_page_names_its_wait() {
    let mut answer = refused(400, 80_001, None);
    let usage = r#"{"100":[{"type":"pages","call_count":100,"estimated_time_to_regain_access":19}]}"#;
    answer.headers.insert("x-business-use-case-usage", HeaderValue::from_static(usage));
    let error = graph::read(&answer).unwrap_err();
    assert_eq!(error.disposition(Effect::Publish), Disposition::Retry(Some(SignedDuration::from_mins(19))));
}

#[test]
fn the_platforms_prose_is_never_repeated() {
    let secret = "prose with a token EAAP";
    let body = json!({"error": {"message": secret, "error_user_msg": secret, "code": 100, "fbtrace_id": secret}});
    let error = graph::read(&answer(400, body.to_string())).unwrap_err();
    assert!(!format!("{error:?} {error}").contains("EAAP"));
    assert_eq!(error.refusal().trace_id, None);
}

use http::HeaderValue;
use jiff::SignedDuration;
use rstest::rstest;
use serde_json::json;

use super::{
    super::{graph, testing::*},
    *,
};
use crate::connector::{Disposition, Effect};

const RETRY: Disposition = Disposition::Retry(None);
const FAIL: Disposition = Disposition::Fail;
const RECONNECT: Disposition = Disposition::Reconnect;
const READ_BACK: Disposition = Disposition::ReadBack;

#[rstest]
#[case::unknown(1, None, "facebook.service.unavailable", READ_BACK, RETRY)]
#[case::service(2, None, "facebook.service.unavailable", READ_BACK, RETRY)]
#[case::capability(3, None, "facebook.permission.missing", RECONNECT, RECONNECT)]
#[case::app_limit(4, None, "facebook.rate.app", RETRY, RETRY)]
#[case::action_blocked(4, Some(2_207_051), "facebook.account.action_blocked", READ_BACK, FAIL)]
#[case::permission(10, None, "facebook.permission.missing", RECONNECT, RECONNECT)]
#[case::user_limit(17, None, "facebook.rate.user", RETRY, RETRY)]
#[case::after_effect(20, Some(1_772_107), "facebook.post.error_after_effect", READ_BACK, FAIL)]
#[case::page_limit(32, None, "facebook.rate.page", RETRY, RETRY)]
#[case::parameter(100, None, "facebook.parameter.invalid", FAIL, FAIL)]
#[case::missing_object(100, Some(33), "facebook.object.missing", READ_BACK, FAIL)]
#[case::app_unknown(101, None, "facebook.app.unknown", Disposition::Operator, Disposition::Operator)]
#[case::session(102, None, "facebook.token.invalid", RECONNECT, RECONNECT)]
#[case::session_expired(102, Some(463), "facebook.token.expired", RECONNECT, RECONNECT)]
#[case::token(190, None, "facebook.token.invalid", RECONNECT, RECONNECT)]
#[case::app_removed(190, Some(458), "facebook.token.app_removed", RECONNECT, RECONNECT)]
#[case::checkpoint(190, Some(459), "facebook.token.checkpoint", RECONNECT, RECONNECT)]
#[case::password(190, Some(460), "facebook.token.password_changed", RECONNECT, RECONNECT)]
#[case::expired(190, Some(463), "facebook.token.expired", RECONNECT, RECONNECT)]
#[case::unconfirmed(190, Some(464), "facebook.token.unconfirmed", RECONNECT, RECONNECT)]
#[case::invalid(190, Some(467), "facebook.token.invalid", RECONNECT, RECONNECT)]
#[case::page_role(190, Some(492), "facebook.token.page_role_lost", RECONNECT, RECONNECT)]
#[case::token_with_new_subcode(190, Some(9999), "facebook.token.invalid", RECONNECT, RECONNECT)]
#[case::first_permission(200, None, "facebook.permission.missing", RECONNECT, RECONNECT)]
#[case::engagement(283, None, "facebook.permission.missing", RECONNECT, RECONNECT)]
#[case::last_permission(299, None, "facebook.permission.missing", RECONNECT, RECONNECT)]
#[case::app_count(341, None, "facebook.rate.app", RETRY, RETRY)]
#[case::blocked(368, None, "facebook.account.blocked", READ_BACK, FAIL)]
#[case::duplicate(506, None, "facebook.post.duplicate", READ_BACK, FAIL)]
#[case::custom_limit(613, None, "facebook.rate.custom", RETRY, RETRY)]
#[case::anomalous(613, Some(1996), "facebook.rate.custom", RETRY, RETRY)]
#[case::business_first(80_000, None, "facebook.rate.business", RETRY, RETRY)]
#[case::business_pages(80_001, None, "facebook.rate.business", RETRY, RETRY)]
#[case::business_instagram(80_002, None, "facebook.rate.business", RETRY, RETRY)]
#[case::business_ads(80_004, Some(2_446_079), "facebook.rate.business", RETRY, RETRY)]
#[case::business_8(80_008, None, "facebook.rate.business", RETRY, RETRY)]
#[case::business_9(80_009, None, "facebook.rate.business", RETRY, RETRY)]
#[case::business_14(80_014, None, "facebook.rate.business", RETRY, RETRY)]
#[case::bad_link(1_609_005, None, "facebook.link.unusable", FAIL, FAIL)]
#[case::invalid_link(2_061_006, None, "facebook.link.invalid", FAIL, FAIL)]
#[case::own_link(1_609_008, None, "facebook.link.own_site", FAIL, FAIL)]
#[case::bad_link_as_subcode(100, Some(1_609_005), "facebook.link.unusable", FAIL, FAIL)]
#[case::invalid_link_as_subcode(100, Some(2_061_006), "facebook.link.invalid", FAIL, FAIL)]
#[case::own_link_as_subcode(100, Some(1_609_008), "facebook.link.own_site", FAIL, FAIL)]
#[case::photo_too_large(324, Some(1_366_046), "facebook.media.too_large", FAIL, FAIL)]
#[case::photo_format(324, Some(1_349_125), "facebook.media.format", FAIL, FAIL)]
#[case::photo_unusable(324, Some(2_069_019), "facebook.media.unusable", FAIL, FAIL)]
#[case::photos_used(100, Some(1_366_051), "facebook.media.already_posted", READ_BACK, FAIL)]
#[case::too_fast(368, Some(1_390_008), "facebook.rate.too_fast", RETRY, RETRY)]
#[case::abusive(368, Some(1_346_003), "facebook.post.abusive", FAIL, FAIL)]
#[case::security_check(190, Some(1_404_006), "facebook.account.security_check", FAIL, FAIL)]
#[case::standards(368, Some(1_404_102), "facebook.post.community_standards", FAIL, FAIL)]
#[case::authorization(200, Some(1_404_078), "facebook.page.authorization_needed", FAIL, FAIL)]
#[case::limited(368, Some(1_404_112), "facebook.account.limited", FAIL, FAIL)]
#[case::identity(200, Some(4_854_002), "facebook.account.confirm_identity", FAIL, FAIL)]
#[case::service_subcode(100, Some(1_363_047), "facebook.service.unavailable", READ_BACK, RETRY)]
#[case::service_subcode_too(100, Some(1_609_010), "facebook.service.unavailable", READ_BACK, RETRY)]
#[case::never_seen(777, None, "facebook.error.unknown", READ_BACK, FAIL)]
#[case::below_the_permissions(199, None, "facebook.error.unknown", READ_BACK, FAIL)]
#[case::above_the_permissions(300, None, "facebook.error.unknown", READ_BACK, FAIL)]
#[case::no_business_7(80_007, None, "facebook.error.unknown", READ_BACK, FAIL)]
fn f43_every_code_has_one_meaning(
    #[case] code: i64,
    #[case] subcode: Option<i64>,
    #[case] name: &str,
    #[case] after_publish: Disposition,
    #[case] otherwise: Disposition,
    // "HTTP status varies; trust the code": an error may come with 200.
    #[values(200, 400, 403)] status: u16,
) {
    let error = graph::read(&refused(status, code, subcode)).unwrap_err();
    let found = error.refusal();
    assert_eq!(found.code, name);
    assert_eq!(found.platform_code, Some(subcode.map_or(code.to_string(), |subcode| format!("{code}/{subcode}"))));
    assert_eq!(found.trace_id.as_deref(), Some("AbC-1_"));
    assert_eq!(error.disposition(Effect::Publish), after_publish);
    assert_eq!(error.disposition(Effect::Stage), otherwise);
    assert_eq!(error.disposition(Effect::Read), otherwise);
}

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

//! The traffic that Meta's documents and those who use the API show, to the letter.

use rstest::rstest;
use serde_json::json;

use super::{testing::*, *};
use crate::connector::{Body, Disposition, Effect, compliance::instance::tokens, compliance::instance::with_header};

const MEDIA: &str = "17855555555555555";

fn connector() -> Instagram {
    Instagram::new(InstagramSettings::default())
}

fn picture() -> Prepared {
    let content = json!({"text": "Hi", "media": [{"url": "https://example.com/a.jpg", "kind": "image"}]});
    Prepared { content: serde_json::from_value(content).unwrap(), ..Prepared::at("17841400000000000") }
}

#[test]
fn the_accounts_of_a_person_are_those_that_are_linked_to_the_pages() {
    let listed = answer(
        200,
        r#"{"data":[{"id":"100200300400","name":"Example Page","access_token":"EAAPabc","tasks":["CREATE_CONTENT","MODERATE","ANALYZE"],
            "instagram_business_account":{"id":"17841400000000000","username":"example"}}],
            "paging":{"cursors":{"before":"QVFI","after":"QVFJ"}}}"#,
    );
    let mut flow = connector().fetch_accounts();
    let request = called(flow.advance(None));
    assert_eq!(request.url.path(), "/v26.0/me/accounts");
    let found = done(flow.advance(Some(&listed)));
    assert_eq!((found.len(), found[0].id.as_str(), found[0].name.as_str()), (1, "17841400000000000", "example"));
    assert!(found[0].refusal.is_none() && found[0].token.is_some());
}

#[test]
fn a_dead_token_is_told_of_with_status_200() {
    let report = answer(
        200,
        r#"{"data":{"app_id":"123","type":"USER","application":"Our App","data_access_expires_at":1802995200,"expires_at":1800403200,
            "is_valid":false,"error":{"code":190,"message":"session has been invalidated","subcode":460},"scopes":["pages_show_list"],
            "granular_scopes":[{"scope":"pages_manage_posts","target_ids":["100200300400"]}],"user_id":"218471"}}"#,
    );
    let mut flow = connector().health_check(&app(), &tokens("EAAP"), &[]);
    called(flow.advance(None));
    let Err(error) = flow.advance(Some(&report)) else { panic!("alive") };
    assert_eq!(error.refusal().code, "instagram.token.password_changed");
    assert_eq!(error.disposition(Effect::Read), Disposition::Reconnect);
}

#[test]
fn a_picture_goes_from_its_container_to_its_post() {
    let mut checkpoint = Checkpoint::default();
    let mut next = connector().publish(&picture(), &checkpoint, None).unwrap();
    let mut calls = Vec::new();
    for body in [
        r#"{"data":[{"quota_usage":2,"config":{"quota_total":100,"quota_duration":86400}}]}"#,
        r#"{"id":"17900000000000001"}"#,
        r#"{"status_code":"IN_PROGRESS","id":"17900000000000001"}"#,
        r#"{"status_code":"FINISHED","status":"Finished: Media has been uploaded and it is ready to be published.","id":"17900000000000001"}"#,
        r#"{"id":"17855555555555555"}"#,
        r#"{"id":"17855555555555555","permalink":"https://www.instagram.com/p/Cabc/"}"#,
    ] {
        if let Next::Wait { checkpoint: later, .. } = &next {
            checkpoint = later.clone();
            next = connector().publish(&picture(), &checkpoint, None).unwrap();
        }
        let Next::Call { request, effect, checkpoint: stored } = next else { panic!("{next:?}") };
        let fields = match &request.body {
            Body::Form(fields) => fields.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>(),
            Body::Empty | Body::Json(_) | Body::Bytes(_) | Body::Piece(_) => Vec::new(),
        };
        calls.push(format!("{} {} {}", request.method, request.url.path(), fields.join("&")).trim_end().to_owned());
        assert_eq!(effect == Effect::Publish, request.url.path().ends_with("/media_publish"));
        checkpoint = stored;
        next = connector().publish(&picture(), &checkpoint, Some(&answer(200, body))).unwrap();
    }
    let Next::Done(published) = next else { panic!("{next:?}") };
    assert_eq!(published.remote_id, MEDIA);
    assert_eq!(
        calls,
        [
            "GET /v26.0/17841400000000000/content_publishing_limit",
            "POST /v26.0/17841400000000000/media image_url=https://example.com/a.jpg&caption=Hi",
            "GET /v26.0/17900000000000001",
            "GET /v26.0/17900000000000001",
            "POST /v26.0/17841400000000000/media_publish creation_id=17900000000000001",
            "GET /v26.0/17855555555555555",
        ]
    );
}

#[test]
fn a_container_in_error_says_why_in_seven_digits() {
    let looking = json!({"step": "status", "container": "17900000000000001"});
    let failed = answer(
        200,
        r#"{"status_code":"ERROR","status":"Error: Media upload has failed with error code 2207026","id":"17900000000000001"}"#,
    );
    let looking = Checkpoint(looking.as_object().unwrap().clone());
    let error = connector().publish(&picture(), &looking, Some(&failed)).unwrap_err();
    assert_eq!(error.refusal().code, "instagram.media.video_format");
    assert_eq!(error.refusal().platform_code.as_deref(), Some("2207026"));
}

#[rstest]
#[case::not_finished(
    400,
    r#"{"error":{"message":"Media ID is not available","type":"OAuthException","code":9007,"error_subcode":2207027,"is_transient":false,
        "error_user_title":"a","error_user_msg":"b","fbtrace_id":"Aabc"}}"#,
    "instagram.container.not_finished",
    Disposition::Retry(None)
)]
#[case::an_error_with_status_200(
    200,
    r#"{"error":{"message":"(#100) …","type":"OAuthException","code":100,"error_subcode":33,"fbtrace_id":"Aabc"}}"#,
    "instagram.object.missing",
    Disposition::ReadBack
)]
fn a_refused_publish_is_known_by_its_codes(
    #[case] status: u16,
    #[case] body: &'static str,
    #[case] code: &str,
    #[case] expected: Disposition,
) {
    let sent = json!({"step": "publish", "container": "17900000000000001", "sent": true});
    let sent = Checkpoint(sent.as_object().unwrap().clone());
    let error = connector().publish(&picture(), &sent, Some(&answer(status, body))).unwrap_err();
    assert_eq!((error.refusal().code.as_str(), error.disposition(Effect::Publish)), (code, expected));
    assert_eq!(error.refusal().trace_id.as_deref(), Some("Aabc"));
}

#[test]
fn a_throttled_account_is_left_alone_for_as_long_as_the_header_says() {
    let usage = r#"{"17841400000000000":[{"type":"instagram","call_count":100,"total_cputime":3,"total_time":4,"estimated_time_to_regain_access":19}]}"#;
    let body = r#"{"error":{"message":"(#80002) There have been too many calls","type":"OAuthException","code":80002,"fbtrace_id":"Aabc"}}"#;
    let throttled = with_header(answer(400, body), "x-business-use-case-usage", usage);
    let error = connector().publish(&picture(), &Checkpoint::default(), Some(&throttled)).unwrap_err();
    assert_eq!(error.disposition(Effect::Read), Disposition::Retry(Some(SignedDuration::from_mins(19))));
    assert_eq!(connector().usage_wait(&throttled), Some(SignedDuration::from_mins(19)));
}

#[test]
fn a_post_that_was_taken_down_says_success() {
    let mut flow = connector().delete_post(MEDIA).unwrap();
    let request = called(flow.advance(None));
    assert_eq!((request.method.as_str(), request.url.path()), ("DELETE", "/v26.0/17855555555555555"));
    done(flow.advance(Some(&answer(200, r#"{"success":true}"#))));
}

//! The sample traffic of the facts about LinkedIn, line by line: each is read, and means what the facts say. Where a sample
//! leaves out the middle of an address, a whole one of the same host stands here.

use rstest::rstest;
use serde_json::{Value, json};

use super::recorded::*;
use super::*;
use crate::{
    connector::{
        Disposition, Effect, Published, Step,
        compliance::instance::{answer, with_header},
    },
    secret::AuthorizationCode,
};

const TOKEN: &str = r#"{"access_token":"AQX…","expires_in":5184000,"refresh_token":"AQW…","refresh_token_expires_in":31536000,"scope":"openid,profile,w_member_social","token_type":"Bearer"}"#;
const INTROSPECTED: &str = r#"{"active":true,"client_id":"86…","authorized_at":1790000000,"created_at":1790000000,"status":"active","expires_at":1795184000,"scope":"w_member_social","auth_type":"3L"}"#;
const USERINFO: &str = r#"{"sub":"782bbtaQ","name":"Ann Example","given_name":"Ann","family_name":"Example","picture":"https://media.licdn.com/…","locale":{"country":"US","language":"en"},"email":"ann@example.com","email_verified":true}"#;
const ACLS: &str = r#"{"elements":[{"organization":"urn:li:organization:2414183","role":"ADMINISTRATOR","roleAssignee":"urn:li:person:782bbtaQ","state":"APPROVED"}],"paging":{"start":0,"count":10,"links":[],"total":1}}"#;
const IMAGE: &str = r#"{"value":{"uploadUrlExpiresAt":1795305600000,"uploadUrl":"https://www.linkedin.com/dms-uploads/…","image":"urn:li:image:C4E10AQFoyyAjHPMQuQ"}}"#;
const IMAGE_STATE: &str = r#"{"owner":"urn:li:organization:2414183","status":"AVAILABLE","downloadUrl":"https://media.licdn.com/…","downloadUrlExpiresAt":1795305600000,"id":"urn:li:image:C4E10AQFoyyAjHPMQuQ"}"#;
const VIDEO: &str = r#"{"value":{"uploadUrlsExpireAt":1797811200000,"video":"urn:li:video:C5F10AQG","uploadInstructions":[{"uploadUrl":"https://www.linkedin.com/dms-uploads/1","firstByte":0,"lastByte":4194303},{"uploadUrl":"https://www.linkedin.com/dms-uploads/2","firstByte":4194304,"lastByte":6000000}],"uploadToken":""}}"#;
const DUPLICATE: &str = r#"{"errorDetailType":"com.linkedin.common.error.BadRequest","message":"Content is a duplicate of urn:li:share:7447617633195212800","errorDetails":{"inputErrors":[{"description":"Duplicate post is detected","input":{},"code":"DUPLICATE_POST"}]},"status":422}"#;
const DEAD_VERSION: &str =
    r#"{"status":426,"code":"NONEXISTENT_VERSION","message":"Requested version 20251101 is not active"}"#;
const THROTTLED: &str = r#"{"status":429,"serviceErrorCode":101,"code":"TOO_MANY_REQUESTS","message":"Resource level throttle APPLICATION DAY limit for calls to this resource is reached."}"#;
const DENIED: &str = r#"{"status":403,"serviceErrorCode":100,"code":"ACCESS_DENIED","message":"Not enough permissions to access: partnerApiPostsExternal.CREATE.20260901"}"#;
const REVOKED: &str = r#"{"status":401,"serviceErrorCode":65601,"code":"REVOKED_ACCESS_TOKEN","message":"The token used in the request has been revoked by the user"}"#;

fn member() -> Linkedin {
    Linkedin::member(LinkedinSettings::default())
}

fn page() -> Linkedin {
    Linkedin::page(LinkedinSettings::default())
}

/// Runs a flow over answers; the calls that it made, as method, path and query.
fn told<T>(mut flow: Box<dyn Flow<T>>, answers: &[Answer]) -> (Vec<String>, T) {
    let (mut calls, mut last) = (Vec::new(), None);
    for number in 0..=answers.len() {
        match flow.advance(last).unwrap() {
            Step::Done(outcome) => return (calls, outcome),
            Step::Call(request) => {
                let query = request.url.query().map(|query| format!("?{query}")).unwrap_or_default();
                calls.push(format!("{} {}{query}", request.method, request.url.path()));
                last = answers.get(number);
            }
        }
    }
    panic!("it goes on after {calls:?}")
}

/// The calls of a publish that goes well, and the last word on it.
fn published(content: Value, answers: &[Answer]) -> (Vec<String>, Published) {
    let (connector, post) = (page(), post(PAGE, content, None));
    let (mut calls, mut answers) = (Vec::new(), answers.iter());
    let mut next = connector.publish(&post, &Checkpoint::default(), None).unwrap();
    loop {
        next = match next {
            Next::Done(published) => return (calls, published),
            Next::Call { request, checkpoint, .. } => {
                let query = request.url.query().map(|query| format!("?{query}")).unwrap_or_default();
                calls.push(format!("{} {}{query}", request.method, request.url.path()));
                connector.publish(&post, &checkpoint, answers.next()).unwrap()
            }
            Next::Look { checkpoint, .. } => connector.publish(&post, &checkpoint, answers.next()).unwrap(),
            Next::Wait { .. } => panic!("it waits after {calls:?}"),
        }
    }
}

#[test]
fn a_login_of_a_member() {
    let grant = CodeGrant {
        code: AuthorizationCode::new("AQT"),
        redirect_uri: Url::parse("https://postd.example/v1/oauth/linkedin/callback").unwrap(),
        verifier: None,
    };
    let token = with_header(answer(200, TOKEN.replace('…', "a")), "date", "Sat, 21 Nov 2026 10:00:00 GMT");
    let (calls, grant) = told(member().authenticate(&app(), grant), &[token, answer(200, USERINFO)]);
    assert_eq!(calls, ["POST /oauth/v2/accessToken", "GET /v2/userinfo"]);
    assert_eq!((grant.account.as_str(), grant.account_name.as_str()), (MEMBER, "Ann Example"));
    assert_eq!(grant.scopes, ["openid", "profile", "w_member_social"]);
    assert_eq!(grant.missing_scopes, [""; 0]);
    assert_eq!(grant.destinations.len(), 1);
    assert_eq!((grant.destinations[0].id.as_str(), grant.destinations[0].refusal.is_none()), (MEMBER, true));
    assert_eq!(grant.tokens.access_expires_at, Some("2027-01-20T10:00:00Z".parse().unwrap()));
    assert_eq!(grant.tokens.refresh_expires_at, Some("2027-11-21T10:00:00Z".parse().unwrap()));
}

#[test]
fn an_introspected_token() {
    let tokens = crate::connector::compliance::instance::tokens("AQX");
    let needed = ["w_member_social".to_owned()];
    let (calls, health) = told(member().health_check(&app(), &tokens, &needed), &[answer(200, INTROSPECTED)]);
    assert_eq!(calls, ["POST /oauth/v2/introspectToken"]);
    assert_eq!(health.access_expires_at, Some(jiff::Timestamp::from_second(1_795_184_000).unwrap()));
    assert_eq!(health.missing_scopes, [""; 0]);
}

#[test]
fn the_roles_at_pages() {
    let name = answer(200, r#"{"localizedName":"Example Bakery","vanityName":"example-bakery"}"#);
    let (calls, destinations) = told(page().fetch_accounts(), &[answer(200, ACLS), name]);
    let acls = "GET /rest/organizationAcls?q=roleAssignee&state=APPROVED&start=0&count=100";
    assert_eq!(calls, [acls, "GET /rest/organizations/2414183"]);
    let found: Vec<_> = destinations.iter().map(|found| (found.id.as_str(), found.name.as_str())).collect();
    assert_eq!(found, [(PAGE, "Example Bakery")]);
    assert!(destinations[0].refusal.is_none());
}

#[test]
fn an_image_from_its_announcement_to_the_post() {
    let image = json!({"media": [{"url": "https://cdn.example.com/a.jpg", "kind": "image"}]});
    let answers = [seen(9), answer(200, IMAGE), answer(201, ""), answer(200, IMAGE_STATE), created()];
    let (calls, published) = published(image, &answers);
    assert_eq!(
        calls,
        [
            "POST /rest/images?action=initializeUpload",
            "PUT /dms-uploads/%E2%80%A6",
            "GET /rest/images/urn%3Ali%3Aimage%3AC4E10AQFoyyAjHPMQuQ",
            "POST /rest/posts",
        ]
    );
    assert_eq!(published.remote_id, POST);
    let url = "https://www.linkedin.com/feed/update/urn:li:share:7447617633195212800/";
    assert_eq!(published.url.unwrap().as_str(), url);
}

#[test]
fn a_video_from_its_announcement_to_the_post() {
    let video = json!({"media": [{"url": "https://cdn.example.com/a.mp4", "kind": "video"}]});
    let part = || with_header(answer(200, ""), "etag", "\"abc123\"");
    let ready = answer(200, IMAGE_STATE.replace("image", "video"));
    let (calls, _) =
        published(video, &[seen(6_000_001), answer(200, VIDEO), part(), part(), answer(200, ""), ready, created()]);
    assert_eq!(
        calls,
        [
            "POST /rest/videos?action=initializeUpload",
            "PUT /dms-uploads/1",
            "PUT /dms-uploads/2",
            "POST /rest/videos?action=finalizeUpload",
            "GET /rest/videos/urn%3Ali%3Avideo%3AC5F10AQG",
            "POST /rest/posts",
        ]
    );
}

#[test]
fn a_post_is_taken_down() {
    let (calls, ()) = told(member().delete_post(POST).unwrap(), &[answer(204, "")]);
    assert_eq!(calls, ["DELETE /rest/posts/urn%3Ali%3Ashare%3A7447617633195212800"]);
}

#[rstest]
#[case::again(422, DUPLICATE, "linkedin.post.duplicate", Disposition::ReadBack)]
#[case::dead_version(426, DEAD_VERSION, "linkedin.version.ended", Disposition::Operator)]
#[case::throttled(429, THROTTLED, "linkedin.rate.app", Disposition::Retry(Some(SignedDuration::from_hours(1))))]
#[case::no_permission(403, DENIED, "linkedin.permission.missing", Disposition::Reconnect)]
#[case::dead_token(401, REVOKED, "linkedin.token.invalid", Disposition::Reconnect)]
fn f43_a_refused_post(
    #[case] status: u16,
    #[case] body: &'static str,
    #[case] code: &str,
    #[case] disposition: Disposition,
) {
    let post = post(PAGE, json!({"text": "Bread"}), None);
    let Next::Call { checkpoint, effect: Effect::Publish, .. } =
        page().publish(&post, &Checkpoint::default(), None).unwrap()
    else {
        panic!("no publish")
    };
    let answer = with_header(answer(status, body), "date", "Sat, 21 Nov 2026 23:00:00 GMT");
    let error = page().publish(&post, &checkpoint, Some(&answer)).unwrap_err();
    assert_eq!((error.refusal().code.as_str(), error.disposition(Effect::Publish)), (code, disposition));
}

#[test]
fn f80_the_challenge_of_the_developer_portal() {
    let code = "890e4665-4dfe-4ab1-b689-ed553bceeed0";
    let answered = page().webhook_handshake(&app(), &[("challengeCode".into(), code.into())]).unwrap();
    let answered: Value = serde_json::from_str(&answered).unwrap();
    let key = crate::hmac::Key::new(b"app-secret");
    let response = data_encoding::HEXLOWER.encode(&key.sign(code.as_bytes()));
    assert_eq!(answered, json!({"challengeCode": code, "challengeResponse": response}));
    for wrong in ["", "<script>", "a b", "{\"a\":1}", &"a".repeat(101)] {
        assert_eq!(page().webhook_handshake(&app(), &[("challengeCode".into(), wrong.into())]), None, "{wrong}");
    }
    assert_eq!(page().webhook_handshake(&app(), &[("hub.challenge".into(), code.into())]), None);
}

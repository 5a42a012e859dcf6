use rstest::rstest;
use serde_json::{Value, json};

use super::{super::testing::*, *};
use crate::{
    connector::{
        Answer, Authentication, CodeGrant, ConnectorError, Disposition, Flow as _, Grant, Request, Step,
        meta::login::AuthenticateFlow,
    },
    secret::AuthorizationCode,
};

fn flow() -> AuthenticateFlow<Listing> {
    let redirect_uri = Url::parse("https://postd.example/v1/oauth/facebook/callback").unwrap();
    let grant = CodeGrant { code: AuthorizationCode::new("the code&"), redirect_uri, verifier: None };
    AuthenticateFlow::new(login(&FacebookSettings::default()), app(), grant)
}

fn about() -> Value {
    json!({"data": {
        "app_id": "123", "type": "USER", "is_valid": true, "expires_at": 1_800_403_200,
        "data_access_expires_at": 1_802_995_200, "user_id": "218471",
        "scopes": ["pages_show_list", "pages_manage_posts", "pages_read_engagement", "public_profile"],
    }})
}

fn token(value: &str) -> Value {
    json!({"access_token": value, "token_type": "bearer", "expires_in": 5_184_000})
}

fn pages() -> Value {
    json!({"data": [
        {"id": "100", "name": "Example Page", "access_token": "PAGE", "tasks": ["CREATE_CONTENT"]},
        {"id": "200", "name": "Other Page", "access_token": "PAGE2", "tasks": ["CREATE_CONTENT"]},
    ]})
}

/// Answers each call in turn and returns the calls and the end.
fn run(answers: &[Answer]) -> (Vec<Request>, Result<Step<Grant>, ConnectorError>) {
    let mut flow = flow();
    let mut calls = Vec::new();
    let mut step = flow.advance(None);
    for answer in answers {
        calls.push(called(step));
        step = flow.advance(Some(answer));
    }
    (calls, step)
}

#[test]
fn the_dialog_is_opened_with_exactly_the_documented_parameters() {
    let redirect_uri = Url::parse("https://postd.example/v1/oauth/facebook/callback").unwrap();
    let mut request = AuthorizeRequest { redirect_uri: &redirect_uri, state: "s t", ask_again: false, challenge: None };
    let settings = FacebookSettings::default();
    let url = authorize_url(&settings, &app(), &request);
    assert_eq!(
        url.as_str(),
        "https://www.facebook.com/v26.0/dialog/oauth?client_id=123\
         &redirect_uri=https%3A%2F%2Fpostd.example%2Fv1%2Foauth%2Ffacebook%2Fcallback&state=s+t&response_type=code\
         &scope=pages_show_list%2Cpages_manage_posts%2Cpages_read_engagement%2Cpages_manage_metadata%2Cread_insights"
    );
    request.ask_again = true;
    assert!(authorize_url(&settings, &app(), &request).as_str().ends_with("&auth_type=rerequest"));
}

#[test]
fn a_code_becomes_a_grant_with_its_pages() {
    let me = json!({"id": "218471", "name": "Ada"});
    let (calls, step) = run(&[ok(&token("SHORT")), ok(&token("LONG")), ok(&about()), ok(&me), ok(&pages())]);
    let paths: Vec<_> = calls.iter().map(|call| call.url.path()).collect();
    assert_eq!(
        paths,
        [
            "/v26.0/oauth/access_token",
            "/v26.0/oauth/access_token",
            "/v26.0/debug_token",
            "/v26.0/me",
            "/v26.0/me/accounts"
        ]
    );
    assert!(calls[0].url.query().unwrap().ends_with("&code=the+code%26"));
    assert!(calls[1].url.query().unwrap().ends_with("&grant_type=fb_exchange_token&fb_exchange_token=SHORT"));
    assert_eq!(calls[2].url.query(), Some("input_token=LONG"));
    assert_eq!(calls[4].headers["authorization"], "Bearer LONG");
    assert!(calls[4].url.query().unwrap().contains("appsecret_proof="));
    assert!(calls.iter().all(|call| call.authentication == Authentication::Complete));

    let grant = done(step);
    assert_eq!((grant.account.as_str(), grant.account_name.as_str()), ("218471", "Ada"));
    assert_eq!(grant.tokens.access.expose(), "LONG");
    assert_eq!(grant.tokens.access_expires_at.unwrap().as_second(), 1_800_403_200);
    assert_eq!(grant.tokens.data_access_expires_at.unwrap().as_second(), 1_802_995_200);
    assert_eq!(grant.missing_scopes, ["pages_manage_metadata", "read_insights"]);
    assert_eq!(grant.destinations.len(), 2);
    assert_eq!(grant.destinations[0].token.as_ref().unwrap().expose(), "PAGE");
    assert!(grant.destinations.iter().all(|destination| destination.refusal.is_none()));
}

#[test]
fn a_page_that_was_not_ticked_is_listed_and_refused() {
    let mut about = about();
    about["data"]["granular_scopes"] = json!([{"scope": "pages_manage_posts", "target_ids": ["100"]}]);
    let me = answer(500, "");
    let (_, step) = run(&[ok(&token("SHORT")), ok(&token("LONG")), ok(&about), me, ok(&pages())]);
    let grant = done(step);
    assert_eq!(grant.account_name, "218471", "a missing name is no failure");
    assert!(grant.destinations[0].refusal.is_none());
    assert_eq!(grant.destinations[1].refusal.as_ref().unwrap().code, "facebook.page.not_granted");
}

#[rstest]
#[case::used_up(refused(400, 100, Some(36009)))]
#[case::redirect_differs(refused(400, 191, None))]
#[case::expired(refused(400, 190, Some(463)))]
fn a_code_that_is_refused_means_begin_again(#[case] answer: Answer) {
    let (_, step) = run(&[answer]);
    let error = step.unwrap_err();
    assert_eq!(error.refusal().code, "facebook.oauth.code_refused");
    assert_eq!(error.disposition(crate::connector::Effect::Read), Disposition::Fail);
}

#[test]
fn a_token_of_another_app_makes_no_grant() {
    let mut about = about();
    about["data"]["app_id"] = json!("999");
    let (_, step) = run(&[ok(&token("SHORT")), ok(&token("LONG")), ok(&about)]);
    assert_eq!(step.unwrap_err().refusal().code, "facebook.token.other_app");
}

#[test]
fn a_flow_that_is_over_stays_over() {
    let mut flow = flow();
    called(flow.advance(None));
    assert!(flow.advance(Some(&answer(200, "{}"))).is_err());
    assert!(flow.advance(Some(&ok(&token("SHORT")))).is_err());
}

#[test]
fn f56_no_call_shows_a_secret() {
    let (calls, step) = run(&[ok(&token("SHORT")), ok(&token("LONG")), ok(&about()), ok(&json!({})), ok(&pages())]);
    let shown = format!("{calls:?} {:?}", done(step));
    for secret in ["the code", "app-secret", "SHORT", "LONG", "PAGE"] {
        assert!(!shown.contains(secret), "{secret} in {shown}");
    }
}

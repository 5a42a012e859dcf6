//! What holds for Google Business Profile alone.

use http::Method;
use jiff::Timestamp;
use rstest::rstest;
use serde_json::{Value, json};

use super::{
    recorded::{exchanged, id_token},
    testing::*,
    *,
};
use crate::{
    connector::{Authentication, Body, Disposition, Effect, Step, settings::gbp::GBP_SCOPE},
    secret::{AuthorizationCode, CodeVerifier},
};

fn gbp() -> Gbp {
    Gbp::new(GbpSettings::default())
}

fn sent(post: &Prepared) -> (Request, Value) {
    let next = gbp().publish(post, &Checkpoint::default(), None).unwrap();
    let Next::Call { request, effect: Effect::Publish, .. } = next else { panic!("{next:?}") };
    let Body::Json(body) = &request.body else { panic!("no JSON") };
    let body = body.clone();
    (request, body)
}

#[test]
fn a_post_goes_to_account_and_location_with_its_topic() {
    let (request, body) = sent(&prepared(json!({"text": "Hello", "link": "https://e.com/a?b=c"}), None));
    assert_eq!(request.method, Method::POST);
    let expected = "https://mybusiness.googleapis.com/v4/accounts/111/locations/222/localPosts";
    assert_eq!(request.url.as_str(), expected);
    let url = "https://e.com/a?b=c&utm_id=post_01jd-t1";
    let expected = json!({
        "topicType": "STANDARD", "summary": "Hello", "callToAction": {"actionType": "LEARN_MORE", "url": url},
    });
    assert_eq!(body, expected);
}

#[test]
fn an_offer_has_its_event_its_address_and_no_button() {
    let options = json!({"gbp": {
        "event": {"title": "Brake week", "start": "2026-12-01T08:00:00", "end": "2026-12-07T18:30:05"},
        "offer": {"coupon_code": "B20", "terms": "One per vehicle"},
        "language": "en-US",
        "mark_link": false,
    }});
    let photo = json!({"url": "https://e.com/a.jpg", "kind": "image"});
    let (_, body) =
        sent(&prepared(json!({"text": "20 %", "link": "https://e.com/b", "media": [photo]}), Some(options)));
    let expected = json!({
        "topicType": "OFFER",
        "languageCode": "en-US",
        "summary": "20 %",
        "event": {"title": "Brake week", "schedule": {
            "startDate": {"year": 2026, "month": 12, "day": 1},
            "startTime": {"hours": 8, "minutes": 0, "seconds": 0, "nanos": 0},
            "endDate": {"year": 2026, "month": 12, "day": 7},
            "endTime": {"hours": 18, "minutes": 30, "seconds": 5, "nanos": 0},
        }},
        "offer": {"couponCode": "B20", "redeemOnlineUrl": "https://e.com/b", "termsConditions": "One per vehicle"},
        "media": [{"mediaFormat": "PHOTO", "sourceUrl": "https://e.com/a.jpg"}],
    });
    assert_eq!(body, expected);
}

#[test]
fn an_event_may_have_a_button_and_a_mark_of_its_own_stays() {
    let event = json!({"title": "Tasting", "start": "2026-12-01T00:00:00", "end": "2026-12-01T01:00:00"});
    let button = json!({"action": "sign_up", "url": "https://e.com/?utm_id=winter"});
    let options = json!({"gbp": {"event": event, "call_to_action": button}});
    let (_, body) = sent(&prepared(json!({"text": "Come"}), Some(options)));
    assert_eq!(body["topicType"], "EVENT");
    assert_eq!(body["callToAction"], json!({"actionType": "SIGN_UP", "url": "https://e.com/?utm_id=winter"}));
    assert_eq!(body["event"]["schedule"]["startTime"]["hours"], 0);
}

#[test]
fn a_post_that_google_looks_at_is_asked_about_ever_more_rarely() {
    let post_of = prepared(json!({"text": "Hello"}), None);
    let mut next = gbp().publish(&post_of, &Checkpoint::default(), Some(&ok(&post("PROCESSING")))).unwrap();
    let mut waits = Vec::new();
    for _ in 0..8 {
        let Next::Wait { delay, checkpoint } = next else { panic!("{next:?}") };
        waits.push(delay.as_secs());
        let looked = gbp().publish(&post_of, &checkpoint, None).unwrap();
        let Next::Call { request, effect: Effect::Read, checkpoint } = looked else { panic!("{looked:?}") };
        assert_eq!(request.url.path(), format!("/v4/{POST}"));
        next = gbp().publish(&post_of, &checkpoint, Some(&ok(&post("LOCAL_POST_STATE_UNSPECIFIED")))).unwrap();
    }
    assert_eq!(waits, [5, 15, 60, 300, 900, 3600, 3600, 3600]);
}

#[test]
fn a_rejected_post_is_no_success_whatever_the_status() {
    let post_of = prepared(json!({"text": "Hello"}), None);
    let error = gbp().publish(&post_of, &Checkpoint::default(), Some(&ok(&post("REJECTED")))).unwrap_err();
    assert_eq!(
        (error.refusal().code.as_str(), error.disposition(Effect::Publish)),
        ("gbp.post.rejected", Disposition::Fail)
    );
}

#[rstest]
#[case::another_location("accounts/111/locations/333/localPosts/1", false)]
#[case::another_account_of_it("accounts/999/locations/222/localPosts/1", true)]
#[case::no_post("accounts/111/locations/222", false)]
fn f44_an_answer_about_another_location_is_none(#[case] name: &str, #[case] is_ours: bool) {
    let mut answer = post("LIVE");
    answer["name"] = name.into();
    let next = gbp().publish(&prepared(json!({"text": "a"}), None), &Checkpoint::default(), Some(&ok(&answer)));
    assert_eq!(matches!(next, Ok(Next::Done(_))), is_ours, "{next:?}");
}

#[test]
fn a_destination_without_its_account_is_refused_before_any_call() {
    let post = Prepared { destination: "locations/222".into(), ..prepared(json!({"text": "a"}), None) };
    let error = gbp().publish(&post, &Checkpoint::default(), None).unwrap_err();
    assert_eq!(error.refusal().code, "gbp.location.unknown");
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn looked_for(post: &Prepared) -> Fingerprint {
    Fingerprint::of(post, at("2026-11-21T10:00:00Z"), at("2026-11-21T11:00:00Z"))
}

fn read_back(fingerprint: Fingerprint, pages: &[Value]) -> Result<ReadBack, ConnectorError> {
    let mut flow = gbp().read_back(&app(), fingerprint);
    called(flow.advance(None));
    let (last, before) = pages.split_last().unwrap();
    for page in before {
        called(flow.advance(Some(&ok(page))));
    }
    flow.advance(Some(&ok(last))).map(|step| match step {
        Step::Done(verdict) => verdict,
        Step::Call(request) => panic!("{request:?}"),
    })
}

fn with_url(url: &str) -> Value {
    let mut listed = post("LIVE");
    listed["callToAction"] = json!({"actionType": "LEARN_MORE", "url": url});
    listed
}

#[test]
fn f46_only_the_post_with_our_mark_is_ours() {
    let ours = prepared(json!({"text": "Hello", "link": "https://e.com/a"}), None);
    let marked = with_url("https://e.com/a?utm_id=post_01jd-t1");
    let of_another = with_url("https://e.com/a?utm_id=post_01je-t1");
    let by_hand = with_url("https://e.com/a");
    let found =
        read_back(looked_for(&ours), &[json!({"nextPageToken": "a"}), json!({"localPosts": [of_another, marked]})]);
    assert!(matches!(found, Ok(ReadBack::Found(found)) if found.remote_id == POST));
    assert_eq!(read_back(looked_for(&ours), &[json!({"localPosts": [of_another]})]), Ok(ReadBack::Absent));
    let verdict = read_back(looked_for(&ours), &[json!({"localPosts": [by_hand]})]).unwrap();
    assert!(matches!(verdict, ReadBack::Undecided { .. }), "{verdict:?}");
}

#[rstest]
#[case::ours("2026-11-21T10:00:01Z", "Hello", "found")]
#[case::by_the_clock_of_google("2026-11-21T09:58:30Z", "Hello", "found")]
#[case::of_before("2026-11-21T09:57:59Z", "Hello", "absent")]
#[case::much_later("2026-11-21T10:30:00Z", "Hello", "undecided")]
#[case::another("2026-11-21T10:00:01Z", "Hello!", "absent")]
#[case::respaced("2026-11-21T10:00:01Z", " Hello\n", "found")]
#[case::no_time("yesterday", "Hello", "undecided")]
fn f46_without_a_mark_time_and_words_tell(#[case] time: &str, #[case] text: &str, #[case] expected: &str) {
    let mut listed = post("LIVE");
    listed["createTime"] = time.into();
    listed["summary"] = text.into();
    let verdict = read_back(looked_for(&prepared(json!({"text": "Hello"}), None)), &[json!({"localPosts": [listed]})]);
    let found = match verdict.unwrap() {
        ReadBack::Found(_) => "found",
        ReadBack::Absent => "absent",
        ReadBack::Undecided { .. } => "undecided",
        ReadBack::Refused(_) => "refused",
    };
    assert_eq!(found, expected);
}

#[test]
fn f46_two_that_say_the_same_are_left_to_a_person_and_a_known_one_is_passed_over() {
    let ours = prepared(json!({"text": "Hello"}), None);
    let mut twin = post("LIVE");
    twin["name"] = format!("{PLACE}/localPosts/2").into();
    let page = json!({"localPosts": [twin, post("LIVE")]});
    let verdict = read_back(looked_for(&ours), std::slice::from_ref(&page)).unwrap();
    assert!(matches!(verdict, ReadBack::Undecided { .. }), "{verdict:?}");
    let fingerprint = Fingerprint { exclude: vec![format!("{PLACE}/localPosts/2")], ..looked_for(&ours) };
    assert!(matches!(read_back(fingerprint, &[page]), Ok(ReadBack::Found(found)) if found.remote_id == POST));
}

#[test]
fn a_listing_is_not_believed_before_its_time() {
    let ours = prepared(json!({"text": "Hello"}), None);
    let early = Fingerprint { now: at("2026-11-21T10:04:59Z"), ..looked_for(&ours) };
    assert!(matches!(read_back(early, &[json!({})]), Ok(ReadBack::Undecided { .. })));
    assert_eq!(read_back(looked_for(&ours), &[json!({})]), Ok(ReadBack::Absent));
}

#[rstest]
#[case::live("LIVE", Some("found"))]
#[case::rejected("REJECTED", Some("refused"))]
#[case::processing("PROCESSING", None)]
fn f39_what_a_known_post_says_of_itself_counts(#[case] state: &str, #[case] expected: Option<&str>) {
    let ours = prepared(json!({"text": "Hello"}), None);
    let next = gbp().publish(&ours, &Checkpoint::default(), Some(&ok(&post("PROCESSING")))).unwrap();
    let Next::Wait { checkpoint, .. } = next else { panic!("{next:?}") };
    let fingerprint = Fingerprint { checkpoint, ..looked_for(&ours) };
    let verdict = read_back(fingerprint, &[post(state)]);
    match (verdict, expected) {
        (Ok(ReadBack::Found(_)), Some("found")) => {}
        (Ok(ReadBack::Refused(refusal)), Some("refused")) => assert_eq!(refusal.code, "gbp.post.rejected"),
        (Err(error), None) => assert_eq!(error.disposition(Effect::Read), Disposition::Retry(None)),
        (other, _) => panic!("{other:?}"),
    }
}

fn grant() -> CodeGrant {
    CodeGrant {
        code: AuthorizationCode::new("4/0code"),
        redirect_uri: "https://postd.example/v1/oauth/gbp/callback".parse().unwrap(),
        verifier: Some(CodeVerifier::new("verifier")),
    }
}

#[test]
fn every_page_of_every_account_is_read_and_a_location_is_listed_once() {
    let mut flow = gbp().authenticate(&app(), grant());
    let exchange = called(flow.advance(None));
    assert_eq!((exchange.method, exchange.authentication), (Method::POST, Authentication::Complete));
    let first = called(flow.advance(Some(&ok(&exchanged(&format!("openid {GBP_SCOPE}"))))));
    assert_eq!(first.url.as_str(), "https://mybusinessaccountmanagement.googleapis.com/v1/accounts?pageSize=20");
    let group = json!({"accounts": [{"name": "accounts/9", "type": "LOCATION_GROUP"}], "nextPageToken": "b c"});
    let second = called(flow.advance(Some(&ok(&group))));
    assert!(second.url.as_str().ends_with("?pageSize=20&pageToken=b+c"), "{}", second.url);
    let own = json!({"accounts": [{"name": "accounts/111", "type": "PERSONAL"}]});
    let listed = called(flow.advance(Some(&ok(&own))));
    assert_eq!(listed.url.path(), "/v1/accounts/111/locations");
    assert!(listed.url.query_pairs().any(|(name, value)| name == "readMask" && !value.is_empty()));
    let location = |id: &str, metadata: Value| {
        json!({"name": format!("locations/{id}"), "title": "Shop", "metadata": metadata,
               "storefrontAddress": {"locality": "Berlin"}})
    };
    let good = json!({"hasVoiceOfMerchant": true});
    let page = json!({"locations": [location("222", good.clone())]});
    let listed = called(flow.advance(Some(&ok(&page))));
    assert_eq!(listed.url.path(), "/v1/accounts/9/locations");
    let page = json!({"locations": [
        location("222", good),
        location("333", json!({"canOperateLocalPost": true})),
        location("444", json!({"hasVoiceOfMerchant": true, "duplicateLocation": "locations/222"})),
    ]});
    let granted = done(flow.advance(Some(&ok(&page))));
    assert_eq!((granted.account.as_str(), granted.account_name.as_str()), ("117", "ada@example.com"));
    let found: Vec<_> = granted
        .destinations
        .iter()
        .map(|found| (found.id.as_str(), found.refusal.as_ref().map(|refusal| refusal.code.as_str())))
        .collect();
    let expected = [
        ("accounts/111/locations/222", None),
        ("accounts/9/locations/333", Some("gbp.location.not_verified")),
        ("accounts/9/locations/444", Some("gbp.location.duplicate")),
    ];
    assert_eq!(found, expected);
    assert_eq!(granted.destinations[0].name, "Shop (Berlin)");
}

#[test]
fn whoever_unticks_the_permission_is_asked_for_it_and_nothing_is_listed() {
    let mut flow = gbp().authenticate(&app(), grant());
    called(flow.advance(None));
    let granted = done(flow.advance(Some(&ok(&exchanged("openid email")))));
    assert_eq!(granted.missing_scopes, [GBP_SCOPE]);
    assert!(granted.destinations.is_empty());
}

#[test]
fn a_login_of_another_app_or_without_lasting_access_is_none() {
    let scope = format!("openid {GBP_SCOPE}");
    let mut other = exchanged(&scope);
    let claims = json!({"iss": "https://accounts.google.com", "aud": "another app", "sub": "117"});
    other["id_token"] = id_token(&claims).into();
    let mut brief = exchanged(&scope);
    brief.as_object_mut().unwrap().remove("refresh_token");
    for body in [other, brief] {
        let mut flow = gbp().authenticate(&app(), grant());
        called(flow.advance(None));
        assert!(flow.advance(Some(&ok(&body))).is_err(), "{body}");
    }
}

#[test]
fn what_is_gone_has_been_given_back_and_taken_down() {
    let mut flow = gbp().revoke("117").unwrap();
    let mut request = called(flow.advance(None));
    gbp().sign(&mut request, &AccessToken::new("ya29.a"), &app());
    assert!(matches!(&request.body, Body::Form(form) if form == &[("token".to_owned(), "ya29.a".to_owned())]));
    assert!(request.headers.is_empty());
    done(flow.advance(Some(&json_answer(400, &json!({"error": "invalid_token"})))));
    let mut flow = gbp().delete_post(POST).unwrap();
    assert_eq!(called(flow.advance(None)).url.path(), format!("/v4/{POST}"));
    done(flow.advance(Some(&refused(404, "NOT_FOUND", &json!([])))));
    let mut flow = gbp().delete_post(POST).unwrap();
    called(flow.advance(None));
    assert!(flow.advance(Some(&answer(404, "<!DOCTYPE html>"))).is_err());
}

#[test]
fn a_health_check_reports_a_missing_permission() {
    let tokens = crate::connector::compliance::instance::tokens("ya29.a");
    let mut flow = gbp().health_check(&app(), &tokens, &[]);
    called(flow.advance(None));
    let details = info("ACCESS_TOKEN_SCOPE_INSUFFICIENT", &json!({}));
    let health = done(flow.advance(Some(&refused(403, "PERMISSION_DENIED", &details))));
    assert_eq!(health.missing_scopes, [GBP_SCOPE]);
}

//! Traffic as Google's documents and its users show it, to the letter.

use jiff::Timestamp;
use rstest::rstest;
use serde_json::{Value, json};

use super::{testing::*, *};
use crate::{
    connector::{Body, Disposition, Effect, WebhookKind},
    secret::RefreshToken,
};

fn gbp() -> Gbp {
    Gbp::new(GbpSettings::default())
}

const OFFER: &str = r#"{"languageCode":"en-US","topicType":"OFFER","summary":"20% off all brake service this week.",
 "event":{"title":"Brake week","schedule":{"startDate":{"year":2026,"month":12,"day":1},"startTime":{"hours":8},"endDate":{"year":2026,"month":12,"day":7},"endTime":{"hours":18}}},
 "offer":{"couponCode":"BRAKE20","redeemOnlineUrl":"https://example.com/b?utm_id=pub_01J","termsConditions":"One per vehicle"},
 "media":[{"mediaFormat":"PHOTO","sourceUrl":"https://cdn.example.com/a/01J.jpg"}]}"#;

const MADE: &str = r#"{"name":"accounts/111/locations/222/localPosts/333","languageCode":"en-US","state":"PROCESSING","topicType":"OFFER","createTime":"2026-11-21T01:40:11.512Z","updateTime":"2026-11-21T01:40:11.512Z","searchUrl":"https://local.google.com/place?id=1&use=posts&lpsid=2"}"#;

const REFUSED: &str = r#"{"error":{"code":400,"message":"Request contains an invalid argument.","status":"INVALID_ARGUMENT","details":[{"@type":"type.googleapis.com/google.mybusiness.v4.ValidationError","errorDetails":[{"code":2,"field":"topic_type","message":"Topic type is required for post creation."}]}]}}"#;

const PUSH: &str = r#"{"message":{"data":"eyJ0eXBlIjoiTkVXX1JFVklFVyIsImxvY2F0aW9uX25hbWUiOiJhY2NvdW50cy8xMTEvbG9jYXRpb25zLzIyMiIsInJldmlld19uYW1lIjoiYWNjb3VudHMvMTExL2xvY2F0aW9ucy8yMjIvcmV2aWV3cy9BYkNkIn0=",
 "attributes":{},"messageId":"13379245872014","message_id":"13379245872014","publishTime":"2026-11-21T01:41:12.031Z","publish_time":"2026-11-21T01:41:12.031Z"},
 "subscription":"projects/p/subscriptions/gbp-push","deliveryAttempt":1}"#;

fn offer() -> Prepared {
    let content = json!({
        "text": "20% off all brake service this week.",
        "media": [{"url": "https://cdn.example.com/a/01J.jpg", "kind": "image"}],
    });
    let options = json!({"gbp": {
        "language": "en-US",
        "event": {"title": "Brake week", "start": "2026-12-01T08:00", "end": "2026-12-07T18:00"},
        "offer": {"coupon_code": "BRAKE20", "redeem_url": "https://example.com/b", "terms": "One per vehicle"},
    }});
    Prepared { marker: "pub_01J".into(), ..prepared(content, Some(options)) }
}

/// Zeros may be left out of a time.
fn without_zeros(value: &mut Value) {
    match value {
        Value::Object(members) => {
            members.retain(|_, member| *member != json!(0));
            members.values_mut().for_each(without_zeros);
        }
        Value::Array(entries) => entries.iter_mut().for_each(without_zeros),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[test]
fn the_offer_of_the_documents_is_what_we_send() {
    let next = gbp().publish(&offer(), &Checkpoint::default(), None).unwrap();
    let Next::Call { request, effect: Effect::Publish, .. } = next else { panic!("{next:?}") };
    let Body::Json(mut body) = request.body else { panic!("no JSON") };
    without_zeros(&mut body);
    assert_eq!(body, serde_json::from_str::<Value>(OFFER).unwrap());
}

#[test]
fn the_answer_of_the_documents_is_a_post_that_is_looked_at() {
    let next = gbp().publish(&offer(), &Checkpoint::default(), Some(&answer(200, MADE))).unwrap();
    let Next::Wait { checkpoint, .. } = next else { panic!("{next:?}") };
    let next = gbp().publish(&offer(), &checkpoint, None).unwrap();
    let Next::Call { request, effect: Effect::Read, .. } = next else { panic!("{next:?}") };
    let expected = "https://mybusiness.googleapis.com/v4/accounts/111/locations/222/localPosts/333";
    assert_eq!(request.url.as_str(), expected);
}

#[test]
fn the_refusal_of_the_documents_tells_number_and_field() {
    let error = gbp().publish(&offer(), &Checkpoint::default(), Some(&answer(400, REFUSED))).unwrap_err();
    let refusal = error.refusal();
    assert_eq!(refusal.code, "gbp.request.refused");
    assert_eq!(refusal.platform_code.as_deref(), Some("400 INVALID_ARGUMENT/2 topic_type"));
    assert_eq!(error.disposition(Effect::Publish), Disposition::Fail);
}

#[rstest]
#[case::ended("invalid_grant", "Token has been expired or revoked.", Disposition::Reconnect)]
#[case::our_app("invalid_client", "Unauthorized", Disposition::Operator)]
fn the_refusals_of_the_token_endpoint_end_the_grant_or_are_our_fault(
    #[case] error: &str,
    #[case] description: &str,
    #[case] expected: Disposition,
) {
    let tokens = crate::connector::compliance::instance::tokens("ya29.a");
    let tokens = TokenSet { refresh: Some(RefreshToken::new("1//0")), ..tokens };
    let mut flow = gbp().refresh_token(&app(), tokens).unwrap();
    assert_eq!(called(flow.advance(None)).url.as_str(), "https://oauth2.googleapis.com/token");
    let body = json!({"error": error, "error_description": description});
    let refused = flow.advance(Some(&json_answer(400, &body))).unwrap_err();
    assert_eq!(refused.disposition(Effect::Read), expected);
}

#[test]
fn an_answer_with_another_refresh_token_and_its_end_is_read_whole() {
    let tokens = crate::connector::compliance::instance::tokens("ya29.a");
    let tokens = TokenSet { refresh: Some(RefreshToken::new("1//0")), ..tokens };
    let mut flow = gbp().refresh_token(&app(), tokens).unwrap();
    called(flow.advance(None));
    let body = json!({
        "access_token": "ya29.b", "expires_in": 3599, "refresh_token": "1//1", "scope": "openid",
        "token_type": "Bearer", "refresh_token_expires_in": 604_800,
    });
    let renewed = done(flow.advance(Some(&ok(&body))));
    assert_eq!((renewed.access.expose(), renewed.refresh.as_ref().map(RefreshToken::expose)), ("ya29.b", Some("1//1")));
}

#[test]
fn the_push_of_the_documents_is_a_review_of_a_location() {
    let expected = WebhookEvent {
        dedupe_key: "13379245872014".into(),
        account: PLACE.into(),
        kind: WebhookKind::Other { name: "NEW_REVIEW".into() },
        occurred_at: Some("2026-11-21T01:41:12.031Z".parse::<Timestamp>().unwrap()),
    };
    assert_eq!(gbp().parse_webhook_event(PUSH.as_bytes()).unwrap(), [expected]);
}

#[test]
fn f76_a_push_that_is_cut_anywhere_panics_nothing() {
    for length in 0..PUSH.len() {
        assert!(gbp().parse_webhook_event(&PUSH.as_bytes()[..length]).is_err(), "{length}");
    }
}

#[rstest]
#[case::snake(
    r#"{"type":"NEW_REVIEW","location_name":"accounts/111/locations/222","review_name":"accounts/111/locations/222/reviews/AbCd"}"#,
    "NEW_REVIEW",
    PLACE
)]
#[case::camel(
    r#"{"notificationType":"VOICE_OF_MERCHANT_UPDATED","locationName":"accounts/111/locations/222"}"#,
    "VOICE_OF_MERCHANT_UPDATED",
    PLACE
)]
#[case::without_the_account(
    r#"{"notificationType":"GOOGLE_UPDATE","locationName":"locations/222"}"#,
    "GOOGLE_UPDATE",
    "locations/222"
)]
fn both_spellings_of_a_notification_are_read(#[case] data: &str, #[case] kind: &str, #[case] account: &str) {
    let data = data_encoding::BASE64.encode(data.as_bytes());
    let body = json!({"message": {"data": data, "messageId": "1"}, "subscription": "s"}).to_string();
    let event = gbp().parse_webhook_event(body.as_bytes()).unwrap().remove(0);
    assert_eq!((event.account.as_str(), event.kind), (account, WebhookKind::Other { name: kind.into() }));
}

//! What is particular to Mailchimp: drafts that are found again, a campaign that is sent once, accounts that move.

use rstest::rstest;
use serde_json::{Value, json};

use super::{recorded::*, *};
use crate::connector::{Body, Disposition, Effect, Step, compliance::instance::answer};

fn connector() -> Mailchimp {
    Mailchimp::new(MailchimpSettings::default())
}

fn plain() -> Prepared {
    post(json!({"text": "Bread"}), json!({"subject": "Bread", "from_name": "Ada", "reply_to": "a@example.com"}))
}

fn remembering(memory: Value) -> Checkpoint {
    serde_json::from_value(memory).unwrap()
}

fn next(checkpoint: Value, answer: Option<&Answer>) -> Result<Next, ConnectorError> {
    connector().publish(&plain(), &remembering(checkpoint), answer)
}

fn called(next: Result<Next, ConnectorError>) -> (String, Effect, Checkpoint) {
    match next.unwrap() {
        Next::Call { request, effect, checkpoint } => {
            (format!("{} {}", request.method, request.url.path()), effect, checkpoint)
        }
        other @ (Next::Look { .. } | Next::Wait { .. } | Next::Done(_)) => panic!("{other:?}"),
    }
}

fn campaign(status: &str) -> Answer {
    ok(&json!({"id": "42694e9e57", "status": status, "emails_sent": 0}))
}

#[test]
fn f34_a_campaign_that_may_have_been_sent_is_looked_at_before_anything_else() {
    let memory = json!({"stage": "send", "campaign": "42694e9e57", "sends": 1});
    let (call, effect, checkpoint) = called(next(memory, None));
    assert_eq!((call.as_str(), effect), ("GET /3.0/campaigns/42694e9e57", Effect::Read));
    for status in ["sending", "sent", "canceling", "canceled", "archived"] {
        let done = connector().publish(&plain(), &checkpoint, Some(&campaign(status))).unwrap();
        let Next::Done(published) = done else { panic!("{status}: {done:?}") };
        assert_eq!(published.remote_id, "42694e9e57");
    }
    let (call, effect, checkpoint) = called(connector().publish(&plain(), &checkpoint, Some(&campaign("save"))));
    assert_eq!((call.as_str(), effect), ("POST /3.0/campaigns/42694e9e57/actions/send", Effect::Publish));
    assert_eq!(checkpoint.0["sends"], 2);
}

#[test]
fn f35_only_the_first_sending_can_be_refused_for_good() {
    let refused = problem(400, "Invalid Action");
    for (sends, expected) in [(1, Disposition::Fail), (2, Disposition::ReadBack)] {
        let memory = json!({"stage": "send", "campaign": "42694e9e57", "sends": sends});
        let error = next(memory, Some(&refused)).unwrap_err();
        assert_eq!(error.disposition(Effect::Publish), expected, "{sends}");
    }
}

#[rstest]
#[case("schedule")]
#[case("paused")]
fn a_draft_that_somebody_else_decides_about_is_left_to_them(#[case] status: &str) {
    let memory = json!({"stage": "status", "campaign": "42694e9e57"});
    let error = next(memory, Some(&campaign(status))).unwrap_err();
    assert_eq!(error.refusal().code, "mailchimp.campaign.held");
}

#[test]
fn f46_only_the_campaign_with_our_marker_is_ours() {
    let listed = |title: &str| {
        ok(
            &json!({"campaigns": [{"id": "0123456789", "status": "save", "settings": {"title": title}}], "total_items": 1}),
        )
    };
    let find = json!({"stage": "find"});
    for other in ["Bread", "Bread [postd:post_1-t11]", "[postd:post_1-t1] Bread", "Bread [postd:post_2-t1]", ""] {
        assert_eq!(called(next(find.clone(), Some(&listed(other)))).0, "POST /3.0/campaigns", "{other}");
    }
    let ours = called(next(find, Some(&listed("Something else [postd:post_1-t1]")))).0;
    assert_eq!(ours, "PUT /3.0/campaigns/0123456789/content");
}

#[test]
fn f38_a_draft_whose_making_was_not_answered_is_looked_for() {
    assert_eq!(called(next(json!({"stage": "create"}), None)).0, "GET /3.0/campaigns");
}

#[test]
fn a_test_mail_that_may_have_gone_out_is_not_repeated() {
    let (call, effect, _) = called(next(json!({"stage": "test", "campaign": "42694e9e57"}), None));
    assert_eq!((call.as_str(), effect), ("GET /3.0/campaigns/42694e9e57", Effect::Read));
}

#[test]
fn a_campaign_that_is_not_ready_is_waited_for_a_little_and_then_says_what_is_missing() {
    let not_ready = ok(&json!({"is_ready": false, "items": [
        {"type": "error", "id": 304, "heading": "prose"}, {"type": "warning", "id": 1}, {"type": "error", "id": 401},
    ]}));
    let mut checkpoint = remembering(json!({"stage": "check", "campaign": "42694e9e57"}));
    for _ in 0..3 {
        let next = connector().publish(&plain(), &checkpoint, Some(&not_ready)).unwrap();
        let Next::Wait { checkpoint: later, .. } = next else { panic!("{next:?}") };
        checkpoint = later;
    }
    let refusal = connector().publish(&plain(), &checkpoint, Some(&not_ready)).unwrap_err().refusal();
    assert_eq!(refusal.code, "mailchimp.campaign.not_ready");
    assert_eq!(refusal.platform_code.as_deref(), Some("checklist 304,401"));
    assert!(!refusal.message.contains("prose"));
}

#[test]
fn a_footer_is_added_where_nobody_could_leave() {
    let body = |options: Value| {
        let post = post(json!({"text": "Bread"}), options);
        let checkpoint = remembering(json!({"stage": "sender"}));
        let next = connector().publish(&post, &checkpoint, Some(&ok(&json!({})))).unwrap();
        let Next::Call { request: Request { body: Body::Json(body), .. }, .. } = next else { panic!("{next:?}") };
        body
    };
    let footer = |options: Value| body(options)["settings"]["auto_footer"].clone();
    assert_eq!(footer(json!({"subject": "a", "html": "<p>a"})), true);
    assert_eq!(footer(json!({"subject": "a", "html": "<p>*|UNSUB|*"})), false);
    assert_eq!(footer(json!({"subject": "a", "html": "<p>a", "auto_footer": false})), false);
    assert_eq!(footer(json!({"subject": "a"})), Value::Null);
    assert_eq!(body(json!({"subject": "Bread"}))["settings"]["title"], "Bread [postd:post_1-t1]");
}

fn step<T>(flow: &mut Box<dyn Flow<T>>, answer: Option<&Answer>) -> Request {
    match flow.advance(answer).unwrap() {
        Step::Call(request) => request,
        Step::Done(_) => panic!("done instead of a call"),
    }
}

#[rstest]
#[case::documented(json!({"dc": "us6", "api_endpoint": "https://us6.api.mailchimp.com"}), "us6.api.mailchimp.com")]
#[case::with_a_slash(json!({"dc": "us6", "api_endpoint": "https://us6.api.mailchimp.com/"}), "us6.api.mailchimp.com")]
#[case::another_host(json!({"dc": "us6", "api_endpoint": "https://evil.example"}), "api.mailchimp.com")]
#[case::another_data_centre(json!({"dc": "us6", "api_endpoint": "https://us7.api.mailchimp.com"}), "api.mailchimp.com")]
#[case::plain_http(json!({"dc": "us6", "api_endpoint": "http://us6.api.mailchimp.com"}), "api.mailchimp.com")]
#[case::a_host_in_it(json!({"dc": "us6.evil.example#"}), "api.mailchimp.com")]
#[case::nothing(json!({}), "api.mailchimp.com")]
fn f45_no_call_goes_where_a_data_centre_cannot_be(#[case] metadata: Value, #[case] host: &str) {
    let redirect_uri = "https://postd.example/callback".parse().unwrap();
    let code = crate::secret::AuthorizationCode::new("code");
    let mut flow = connector().authenticate(&app(), CodeGrant { code, redirect_uri, verifier: None });
    step(&mut flow, None);
    step(&mut flow, Some(&ok(&json!({"access_token": "abc", "expires_in": 0, "scope": null}))));
    let request = step(&mut flow, Some(&ok(&metadata)));
    assert_eq!(request.url.host_str(), Some(host));
}

fn health(second: &Answer) -> ConnectorError {
    let tokens = crate::connector::compliance::instance::tokens("abc-us6");
    let mut flow = connector().health_check(&app(), &tokens, &["send".to_owned()]);
    step(&mut flow, None);
    let request = step(&mut flow, Some(&problem(401, "API Key Invalid")));
    assert_eq!(request.url.as_str(), "https://login.mailchimp.com/oauth2/metadata");
    flow.advance(Some(second)).unwrap_err()
}

#[test]
fn a_token_is_dead_only_if_the_login_says_so_too() {
    let moved = health(&ok(&json!({"dc": "us7", "api_endpoint": "https://us7.api.mailchimp.com"})));
    assert_eq!(
        (moved.refusal().code.as_str(), moved.disposition(Effect::Read)),
        ("mailchimp.account.moved", Disposition::Reconnect)
    );
    let odd = health(&ok(&json!({"dc": "us6"})));
    assert_eq!(odd.disposition(Effect::Read), Disposition::Retry(None));
    let dead = health(&problem(401, "API Key Invalid"));
    assert_eq!(dead.disposition(Effect::Read), Disposition::Reconnect);
    let silent = health(&answer(502, "<html>"));
    assert_eq!(silent.disposition(Effect::Read), Disposition::Retry(None));
}

#[test]
fn f78_only_the_key_in_the_address_makes_an_unsigned_delivery_a_hint() {
    let headers = http::HeaderMap::new();
    let hint = |query: &[(&str, &str)], headers: &http::HeaderMap| {
        let query: Vec<_> = query.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let delivery =
            WebhookDelivery { headers, query: &query, body: SENT.as_bytes(), now: jiff::Timestamp::UNIX_EPOCH };
        assert!(!connector().validate_webhook_signature(&app(), delivery));
        connector().is_webhook_hint(&app(), delivery)
    };
    assert!(hint(&[("key", "hook-key")], &headers));
    for wrong in [&[][..], &[("key", "")], &[("key", "hook-ke")], &[("key", "hook-key"), ("key", "hook-key")]] {
        assert!(!hint(wrong, &headers), "{wrong:?}");
    }
    let mut forged = headers.clone();
    forged.insert("x-mailchimp-signature", "t=1,v1=00".parse().unwrap());
    assert!(!hint(&[("key", "hook-key")], &forged), "a signature that does not fit");
}

#[test]
fn f77_a_signature_is_good_for_five_minutes_and_any_of_several_may_fit() {
    let signed = signed(SENT);
    let (_, value) = &signed.headers[0];
    let is_signed = |value: &str, seconds: i64| {
        let mut headers = http::HeaderMap::new();
        headers.insert("x-mailchimp-signature", value.parse().unwrap());
        let now = jiff::Timestamp::from_second(1_763_689_200 + seconds).unwrap();
        let delivery = WebhookDelivery { headers: &headers, query: &[], body: SENT.as_bytes(), now };
        connector().validate_webhook_signature(&app(), delivery)
    };
    assert!(is_signed(value, 300) && is_signed(value, -300));
    assert!(!is_signed(value, 301) && !is_signed(value, -301));
    let (time, signature) = value.split_once(',').unwrap();
    assert!(is_signed(&format!("{time},v1=00ff,{signature}"), 0));
    assert!(is_signed(&format!("{time},{signature},v2=zz"), 0));
    for wrong in
        [signature.to_owned(), time.to_owned(), format!("{time},{time},{signature}"), format!("t=1,{signature}")]
    {
        assert!(!is_signed(&wrong, 0), "{wrong}");
    }
}

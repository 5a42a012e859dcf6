//! What holds for the publish and the read-back beyond what holds for every connector.

use rstest::rstest;
use serde_json::{Value, json};

use super::{testing::*, *};
use crate::connector::{Body, Disposition, Effect, ReadBack};

fn connector() -> Instagram {
    Instagram::new(InstagramSettings::default())
}

fn picture() -> Prepared {
    let content = json!({"text": "Bread", "media": [{"url": "https://example.com/a.jpg", "kind": "image"}]});
    Prepared { content: serde_json::from_value(content).unwrap(), ..Prepared::at("17841400000000000") }
}

fn at(state: &Value) -> Checkpoint {
    Checkpoint(state.as_object().unwrap().clone())
}

fn call(next: Next) -> (Request, Effect, Value) {
    match next {
        Next::Call { request, effect, checkpoint } => (request, effect, Value::Object(checkpoint.0)),
        other @ (Next::Look { .. } | Next::Wait { .. } | Next::Done(_)) => panic!("{other:?}"),
    }
}

fn waits(next: Next) -> (i64, Value) {
    match next {
        Next::Wait { delay, checkpoint } => (delay.as_secs(), Value::Object(checkpoint.0)),
        other @ (Next::Look { .. } | Next::Call { .. } | Next::Done(_)) => panic!("{other:?}"),
    }
}

fn looking() -> Value {
    json!({"step": "status", "container": "17900000000000001"})
}

#[test]
fn the_container_is_remembered_before_it_is_published() {
    let finished = ok(&json!({"id": "17900000000000001", "status_code": "FINISHED"}));
    let (request, effect, stored) = call(connector().publish(&picture(), &at(&looking()), Some(&finished)).unwrap());
    assert_eq!((effect, request.url.path()), (Effect::Publish, "/v26.0/17841400000000000/media_publish"));
    assert!(request.body == Body::Form(vec![("creation_id".into(), "17900000000000001".into())]));
    assert_eq!((&stored["container"], &stored["sent"]), (&json!("17900000000000001"), &json!(true)));
    // Whoever comes after it looks first.
    let (request, effect, _) = call(connector().publish(&picture(), &at(&stored), None).unwrap());
    assert_eq!((effect, request.url.path()), (Effect::Read, "/v26.0/17900000000000001"));
}

#[test]
fn f46_a_container_that_was_published_behind_our_back_is_read_back_and_never_searched_for_by_its_newness() {
    let mut state = looking();
    state["sent"] = json!(true);
    let published = ok(&json!({"id": "17900000000000001", "status_code": "PUBLISHED"}));
    let (request, effect, stored) = call(connector().publish(&picture(), &at(&state), Some(&published)).unwrap());
    assert_eq!((effect, request.url.path()), (Effect::Publish, "/v26.0/17900000000000001"));
    for answer in [published, refused(500, 2, None), refused(400, 100, Some(33))] {
        let error = connector().publish(&picture(), &at(&stored), Some(&answer)).unwrap_err();
        assert_eq!(error.disposition(effect), Disposition::ReadBack);
    }
}

#[test]
fn looks_become_seldom_and_never_end_in_a_failure() {
    let (mut state, working) = (looking(), ok(&json!({"status_code": "IN_PROGRESS"})));
    let mut waited = Vec::new();
    for _ in 0..80 {
        let (delay, next) = waits(connector().publish(&picture(), &at(&state), Some(&working)).unwrap());
        waited.push(delay);
        state = next;
    }
    assert_eq!(waited[..6], [5, 10, 20, 40, 60, 60]);
    assert_eq!(waited[79], 600);
    let unknown_word = ok(&json!({"status_code": "PONDERING"}));
    waits(connector().publish(&picture(), &at(&looking()), Some(&unknown_word)).unwrap());
}

#[rstest]
#[case::expired(json!({"status_code": "EXPIRED"}), true)]
#[case::fetch_timed_out(json!({"status_code": "ERROR", "status": "Error: 2207003"}), true)]
#[case::wrong_format(json!({"status_code": "ERROR", "status": "Error: code 2207026"}), false)]
#[case::no_reason(json!({"status_code": "ERROR"}), false)]
fn a_container_that_ended_is_made_again_where_that_helps(#[case] body: Value, #[case] is_made_again: bool) {
    let next = connector().publish(&picture(), &at(&looking()), Some(&ok(&body)));
    if is_made_again {
        let (_, stored) = waits(next.unwrap());
        let (request, effect, _) = call(connector().publish(&picture(), &at(&stored), None).unwrap());
        assert_eq!((effect, request.url.path()), (Effect::Stage, "/v26.0/17841400000000000/media"));
    } else {
        assert_eq!(next.unwrap_err().disposition(Effect::Read), Disposition::Fail);
    }
}

#[test]
fn a_container_is_not_made_again_for_ever() {
    let mut state = looking();
    state["lost"] = json!(2);
    let error =
        connector().publish(&picture(), &at(&state), Some(&ok(&json!({"status_code": "EXPIRED"})))).unwrap_err();
    assert_eq!(error.refusal().code, "instagram.container.expired");
    assert_eq!(error.disposition(Effect::Read), Disposition::Fail);
}

#[test]
fn f46_a_container_that_was_sent_is_never_replaced_because_it_is_missing() {
    let mut state = looking();
    state["sent"] = json!(true);
    state["waited"] = json!(90_000);
    let missing = refused(400, 100, Some(33));
    waits(connector().publish(&picture(), &at(&state), Some(&missing)).unwrap());
    state["sent"] = json!(false);
    let (_, stored) = waits(connector().publish(&picture(), &at(&state), Some(&missing)).unwrap());
    assert_eq!(stored["step"], "container");
}

#[test]
fn a_full_quota_waits_before_anything_is_made() {
    let full = ok(&json!({"data": [{"quota_usage": 50, "config": {"quota_total": 50, "quota_duration": 86400}}]}));
    let error = connector().publish(&picture(), &Checkpoint::default(), Some(&full)).unwrap_err();
    assert_eq!(error.refusal().code, "instagram.rate.publish_quota");
    assert_eq!(error.disposition(Effect::Read), Disposition::Retry(Some(SignedDuration::from_mins(60))));
}

#[test]
fn an_address_that_is_not_told_is_left_out_after_a_while() {
    let state = json!({"step": "address", "container": "1", "media": "17855", "looks": 3});
    let failing = refused(500, 2, None);
    match connector().publish(&picture(), &at(&state), Some(&failing)).unwrap() {
        Next::Done(published) => assert_eq!((published.remote_id.as_str(), published.url), ("17855", None)),
        other @ (Next::Look { .. } | Next::Call { .. } | Next::Wait { .. }) => panic!("{other:?}"),
    }
}

fn fingerprint(checkpoint: &Value) -> Fingerprint {
    let time = |text: &str| text.parse().unwrap();
    let mut fingerprint = Fingerprint::of(&picture(), time("2026-11-21T10:00:00Z"), time("2026-11-21T10:02:00Z"));
    fingerprint.checkpoint = at(checkpoint);
    fingerprint
}

fn verdict(checkpoint: &Value, answers: &[Answer]) -> ReadBack {
    let mut flow = connector().read_back(&app(), fingerprint(checkpoint));
    let mut step = flow.advance(None);
    for answer in answers {
        called(step);
        step = flow.advance(Some(answer));
    }
    done(step)
}

fn listed(posts: &[(&str, &str, &str)]) -> Answer {
    let posts: Vec<Value> = posts
        .iter()
        .map(|(id, caption, time)| json!({"id": id, "caption": caption, "timestamp": time, "media_product_type": "FEED"}))
        .collect();
    ok(&json!({"data": posts}))
}

const IN_TIME: &str = "2026-11-21T10:00:03+0000";
const BEFORE: &str = "2026-11-21T09:59:00+0000";

#[test]
fn f34_a_published_container_is_found_by_time_and_caption() {
    let state = json!({"step": "publish", "container": "17900000000000001", "sent": true});
    let published = ok(&json!({"status_code": "PUBLISHED"}));
    let found = |posts: &[(&str, &str, &str)]| verdict(&state, &[published.clone(), listed(posts)]);
    let ReadBack::Found(post) = found(&[("3", "Cake", IN_TIME), ("2", " Bread\n", IN_TIME), ("1", "Bread", BEFORE)])
    else {
        panic!("not found")
    };
    assert_eq!(post.remote_id, "2");
    for posts in [&[][..], &[("1", "Bread", BEFORE)], &[("2", "Bread", IN_TIME), ("3", "Bread", IN_TIME)]] {
        assert!(matches!(found(posts), ReadBack::Undecided { .. }), "{posts:?}");
    }
}

#[test]
fn f46_a_twin_by_a_person_is_not_taken_for_an_unpublished_container() {
    let state = json!({"step": "publish", "container": "17900000000000001", "sent": true});
    let finished = ok(&json!({"status_code": "FINISHED"}));
    let answers = [finished.clone(), listed(&[("2", "Bread", IN_TIME)]), finished];
    assert_eq!(verdict(&state, &answers), ReadBack::Absent);
}

#[rstest]
#[case::expired(json!({"status_code": "EXPIRED"}))]
#[case::failed(json!({"status_code": "ERROR", "status": "Error: 2207026"}))]
fn a_container_that_ended_was_not_published(#[case] body: Value) {
    let state = json!({"step": "publish", "container": "17900000000000001", "sent": true});
    assert_eq!(verdict(&state, &[ok(&body)]), ReadBack::Absent);
}

#[test]
fn f46_a_container_that_cannot_be_read_decides_nothing() {
    let state = json!({"step": "publish", "container": "17900000000000001", "sent": true});
    for posts in [&[][..], &[("2", "Bread", IN_TIME)]] {
        let answers = [refused(400, 100, Some(33)), listed(posts)];
        assert!(matches!(verdict(&state, &answers), ReadBack::Undecided { .. }));
    }
}

#[test]
fn what_was_answered_is_found_by_its_id() {
    let state = json!({"step": "address", "container": "1", "media": "17855", "sent": true});
    let link = "https://www.instagram.com/p/ABC/";
    let ReadBack::Found(post) = verdict(&state, &[ok(&json!({"id": "17855", "permalink": link}))]) else {
        panic!("not found")
    };
    assert_eq!((post.remote_id.as_str(), post.url.unwrap().as_str()), ("17855", link));
}

#[test]
fn a_signed_request_says_who_removed_the_app() {
    let payload = data_encoding::BASE64URL_NOPAD
        .encode(br#"{"algorithm":"HMAC-SHA256","issued_at":1795219200,"user_id":"17841400000000000"}"#);
    let read = |key: &[u8]| {
        let signature = crate::hmac::Key::new(key).sign(payload.as_bytes());
        let body = format!("signed_request={}.{payload}", data_encoding::BASE64URL_NOPAD.encode(&signature));
        connector().signed_request(&app(), body.as_bytes())
    };
    for key in [b"app-secret".as_slice(), b"old-secret"] {
        assert_eq!(read(key).unwrap().account, "17841400000000000");
    }
    assert_eq!(read(b"another"), Err(crate::connector::SignedRequestError::NotSigned));
}

#[rstest]
#[case::revoked("instagram_content_publish", "revoked", true)]
#[case::of_a_page("pages_manage_posts", "revoked", false)]
#[case::granted("instagram_basic", "granted", false)]
fn only_a_revoked_permission_of_instagram_ends_a_connection(
    #[case] field: &str,
    #[case] verb: &str,
    #[case] ends: bool,
) {
    let body = json!({"object": "permissions", "entry": [{"id": "42", "time": 1, "changes": [
        {"field": field, "value": {"verb": verb}},
    ]}]});
    let events = connector().parse_webhook_event(body.to_string().as_bytes()).unwrap();
    assert_eq!(events[0].kind == crate::connector::WebhookKind::ConnectionRevoked, ends);
}

use rstest::rstest;
use serde_json::json;

use super::{super::testing::*, *};
use crate::connector::Prepared;

const SENT_AT: &str = "2026-11-21T10:00:00Z";
const UNPROVEN: &str = "a post on the Page resembles this one and is not surely it";
const SEVERAL: &str = "several posts on the Page say the same";

fn fingerprint(content: Value) -> Fingerprint {
    let post = Prepared { content: serde_json::from_value(content).unwrap(), ..Prepared::at("100") };
    Fingerprint::of(&post, SENT_AT.parse().unwrap(), "2026-11-21T10:01:00Z".parse().unwrap())
}

fn flow(fingerprint: Fingerprint) -> ReadBackFlow {
    ReadBackFlow::new(FacebookSettings::default(), "123".into(), fingerprint)
}

/// A listed post by our app, one second after the intent, that says "Hello".
fn listed(changes: &Value) -> Value {
    let mut post = json!({
        "id": "100_5", "message": "Hello", "created_time": "2026-11-21T10:00:01+0000", "is_published": true,
        "application": {"id": "123"}, "permalink_url": "https://www.facebook.com/100/posts/5",
    });
    for (name, value) in changes.as_object().unwrap() {
        post[name] = value.clone();
    }
    post
}

fn verdict(fingerprint: Fingerprint, posts: &[Value]) -> ReadBack {
    let mut flow = flow(fingerprint);
    called(flow.advance(None));
    done(flow.advance(Some(&ok(&json!({"data": posts})))))
}

fn found(id: &str) -> ReadBack {
    let url = Url::parse("https://www.facebook.com/100/posts/5").unwrap();
    ReadBack::Found(Published { remote_id: id.into(), url: Some(url) })
}

#[test]
fn the_listing_is_asked_for_the_time_of_the_publish() {
    let mut flow = flow(fingerprint(json!({"text": "Hello"})));
    let url = called(flow.advance(None)).url;
    assert_eq!(url.path(), "/v26.0/100/published_posts");
    let query: std::collections::BTreeMap<_, _> = url.query_pairs().into_owned().collect();
    let since = "2026-11-21T09:55:00Z".parse::<Timestamp>().unwrap().as_second();
    let until = "2026-11-21T10:01:01Z".parse::<Timestamp>().unwrap().as_second();
    assert_eq!(query["since"], since.to_string());
    assert_eq!(query["until"], until.to_string());
    assert_eq!(query["limit"], "25");
    assert!(query["fields"].contains("application{id}") && !query["fields"].contains(' '));
}

#[rstest]
#[case::itself(listed(&json!({})), found("100_5"))]
#[case::re_spaced(listed(&json!({"message": "  Hello \r\n"})), found("100_5"))]
#[case::in_the_same_second(listed(&json!({"created_time": "2026-11-21T10:00:00+0000"})), found("100_5"))]
#[case::with_a_clock_a_little_behind(listed(&json!({"created_time": "2026-11-21T09:59:58+0000"})), found("100_5"))]
#[case::with_a_clock_far_behind(
    listed(&json!({"created_time": "2026-11-21T09:59:57+0000"})), ReadBack::Undecided { reason: UNPROVEN }
)]
#[case::without_a_time(listed(&json!({"created_time": null})), ReadBack::Undecided { reason: UNPROVEN })]
#[case::with_a_photo(
    listed(&json!({"attachments": {"data": [{"media_type": "photo"}]}})), ReadBack::Undecided { reason: UNPROVEN }
)]
#[case::a_persons(listed(&json!({"application": null})), ReadBack::Absent)]
#[case::another_apps(listed(&json!({"application": {"id": "999"}})), ReadBack::Absent)]
#[case::other_words(listed(&json!({"message": "Hello!"})), ReadBack::Absent)]
#[case::not_public(listed(&json!({"is_published": false})), ReadBack::Absent)]
fn f34_a_post_is_found_by_app_time_and_words(#[case] post: Value, #[case] expected: ReadBack) {
    assert_eq!(verdict(fingerprint(json!({"text": "Hello"})), &[post]), expected);
}

#[test]
fn f46_the_newest_post_is_never_taken_for_ours() {
    let by_a_person = listed(&json!({"id": "100_9", "application": null}));
    let other_words = listed(&json!({"id": "100_8", "message": "News"}));
    let posts = vec![by_a_person, other_words, listed(&json!({}))];
    assert_eq!(verdict(fingerprint(json!({"text": "Hello"})), &posts), found("100_5"));
}

#[test]
fn f46_two_identical_posts_by_a_human_do_not_count() {
    let human = |id: &str| listed(&json!({"id": id, "application": null}));
    let posts = vec![human("100_7"), human("100_8")];
    assert_eq!(verdict(fingerprint(json!({"text": "Hello"})), &posts), ReadBack::Absent);
}

#[test]
fn f46_two_candidates_are_for_a_person_to_decide() {
    let posts = vec![listed(&json!({})), listed(&json!({"id": "100_6"}))];
    assert_eq!(verdict(fingerprint(json!({"text": "Hello"})), &posts), ReadBack::Undecided { reason: SEVERAL });
}

#[test]
fn f46_what_belongs_to_another_of_our_posts_is_left_out() {
    let posts = vec![listed(&json!({})), listed(&json!({"id": "100_6"}))];
    let mut wanted = fingerprint(json!({"text": "Hello"}));
    wanted.exclude = vec!["100_6".into()];
    assert_eq!(verdict(wanted.clone(), &posts), found("100_5"));
    wanted.exclude = vec!["100_6".into(), "100_5".into()];
    assert_eq!(verdict(wanted, &posts), ReadBack::Absent);
}

#[rstest]
#[case::shown(json!([{"media_type": "link", "unshimmed_url": "https://example.com/a?b=c"}]), found("100_5"))]
#[case::as_a_target(json!([{"media_type": "link", "target": {"url": "https://example.com/a?b=c"}}]), found("100_5"))]
#[case::another(json!([{"unshimmed_url": "https://example.com/z"}]), ReadBack::Undecided { reason: UNPROVEN })]
#[case::none(json!([]), ReadBack::Undecided { reason: UNPROVEN })]
fn a_link_is_part_of_the_post(#[case] attachments: Value, #[case] expected: ReadBack) {
    let wanted = fingerprint(json!({"text": "Hello", "link": "https://example.com/a?b=c"}));
    assert_eq!(verdict(wanted, &[listed(&json!({"attachments": {"data": attachments}}))]), expected);
}

#[rstest]
#[case::shown(json!([{"media_type": "photo"}]), found("100_5"))]
#[case::none(json!([]), ReadBack::Undecided { reason: UNPROVEN })]
fn a_photo_is_part_of_the_post(#[case] attachments: Value, #[case] expected: ReadBack) {
    let photo = json!({"url": "https://example.com/a.jpg", "kind": "image"});
    let wanted = fingerprint(json!({"text": "Hello", "media": [photo]}));
    assert_eq!(verdict(wanted, &[listed(&json!({"attachments": {"data": attachments}}))]), expected);
}

#[test]
fn absence_is_proven_by_a_listing_that_was_read_to_its_end() {
    let mut flow = flow(fingerprint(json!({"text": "Hello"})));
    called(flow.advance(None));
    let next = "https://graph.facebook.com/v26.0/100/published_posts?after=QVF";
    let empty = json!({"data": [], "paging": {"next": next}});
    assert_eq!(called(flow.advance(Some(&ok(&empty)))).url.as_str(), next);
    let last = json!({"data": [listed(&json!({}))]});
    assert_eq!(done(flow.advance(Some(&ok(&last)))), found("100_5"));
}

#[test]
fn a_post_that_two_pages_repeat_is_one_post() {
    let mut flow = flow(fingerprint(json!({"text": "Hello"})));
    called(flow.advance(None));
    let next = "https://graph.facebook.com/v26.0/100/published_posts?after=QVF";
    called(flow.advance(Some(&ok(&json!({"data": [listed(&json!({}))], "paging": {"next": next}})))));
    assert_eq!(done(flow.advance(Some(&ok(&json!({"data": [listed(&json!({}))]}))))), found("100_5"));
}

#[test]
fn f44_a_listing_that_leads_elsewhere_proves_nothing() {
    let mut flow = flow(fingerprint(json!({"text": "Hello"})));
    called(flow.advance(None));
    let body = json!({"data": [], "paging": {"next": "https://evil.example/v26.0/100/published_posts"}});
    assert!(flow.advance(Some(&ok(&body))).is_err());
}

#[test]
fn f44_a_listing_without_end_proves_nothing() {
    let mut flow = flow(fingerprint(json!({"text": "Hello"})));
    called(flow.advance(None));
    let next = "https://graph.facebook.com/v26.0/100/published_posts?after=QVF";
    let body = ok(&json!({"data": [], "paging": {"next": next}}));
    for _ in 1..MOST_PAGES {
        called(flow.advance(Some(&body)));
    }
    assert!(matches!(done(flow.advance(Some(&body))), ReadBack::Undecided { .. }));
}

#[test]
fn an_error_is_no_absence() {
    for answer in [refused(200, 100, Some(33)), refused(500, 1, None), answer(200, "{}"), answer(200, "<html>")] {
        let mut flow = flow(fingerprint(json!({"text": "Hello"})));
        called(flow.advance(None));
        assert!(flow.advance(Some(&answer)).is_err(), "{answer:?}");
    }
}

#[test]
fn before_the_settle_time_absence_is_not_proven() {
    let mut wanted = fingerprint(json!({"text": "Hello"}));
    wanted.now = "2026-11-21T10:00:29Z".parse().unwrap();
    assert!(matches!(verdict(wanted.clone(), &[]), ReadBack::Undecided { .. }));
    assert_eq!(verdict(wanted, &[listed(&json!({}))]), found("100_5"));
}

#[test]
fn what_is_too_long_ago_for_the_listing_is_not_asked() {
    let mut wanted = fingerprint(json!({"text": "Hello"}));
    wanted.now = "2027-06-21T10:00:00Z".parse().unwrap();
    assert!(matches!(done(flow(wanted).advance(None)), ReadBack::Undecided { .. }));
}

/// A listed post that shows a video.
fn shows(video: &str, changes: &Value) -> Value {
    let mut post = listed(&json!({
        "created_time": "2026-11-21T10:20:00+0000",
        "attachments": {"data": [{"media_type": "video", "target": {"id": video}}]},
    }));
    for (name, value) in changes.as_object().unwrap() {
        post[name] = value.clone();
    }
    post
}

fn about_a_video(minutes: i64, posts: &[Value], exclude: &[&str]) -> Result<ReadBack, ConnectorError> {
    let video = json!({"url": "https://example.com/a.mp4", "kind": "video"});
    let mut wanted = fingerprint(json!({"text": "Hello", "media": [video]}));
    wanted.now = wanted.not_before.saturating_add(SignedDuration::from_mins(minutes)).unwrap();
    wanted.exclude = exclude.iter().map(|id| (*id).to_owned()).collect();
    let mut flow = super::flow(&FacebookSettings::default(), "123", wanted);
    called(flow.advance(None));
    flow.advance(Some(&ok(&json!({ "data": posts })))).map(|step| done(Ok(step)))
}

#[test]
fn f34_a_video_that_facebook_fetches_is_found_by_app_words_and_time_and_known_by_its_own_id() {
    let posts = [shows("801", &json!({})), listed(&json!({})), shows("802", &json!({"application": null}))];
    assert_eq!(about_a_video(30, &posts, &[]), Ok(found("801")));
    let twins = [shows("801", &json!({})), shows("803", &json!({"id": "100_6"}))];
    assert_eq!(about_a_video(30, &twins, &["803"]), Ok(found("801")));
    assert_eq!(about_a_video(30, &twins, &[]), Ok(ReadBack::Undecided { reason: SEVERAL }));
}

#[test]
fn f34_a_video_that_is_not_listed_is_waited_for_and_never_called_absent() {
    let error = about_a_video(64, &[], &[]).unwrap_err();
    assert_eq!(error.refusal().code, "facebook.video.processing");
    assert!(matches!(about_a_video(66, &[], &[]), Ok(ReadBack::Undecided { .. })));
}

#[test]
fn f46_a_video_of_ours_is_not_taken_for_a_text_or_a_photo_that_says_the_same() {
    let posts = [shows("801", &json!({"created_time": "2026-11-21T10:00:01+0000"}))];
    let mut wanted = fingerprint(json!({"text": "Hello"}));
    assert_eq!(verdict(wanted.clone(), &posts), ReadBack::Undecided { reason: UNPROVEN });
    wanted.exclude = vec!["801".into()];
    assert_eq!(verdict(wanted, &posts), ReadBack::Absent);
    let photo = json!({"url": "https://example.com/a.jpg", "kind": "image"});
    let wanted = fingerprint(json!({"text": "Hello", "media": [photo]}));
    assert_eq!(verdict(wanted, &posts), ReadBack::Undecided { reason: UNPROVEN });
}

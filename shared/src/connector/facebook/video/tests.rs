use http::{Method, header};
use jiff::{SignedDuration, Timestamp};
use rstest::rstest;
use serde_json::{Value, json};

use super::{
    super::testing::*,
    status::{self, Phase, Word},
    *,
};
use crate::connector::{
    Answer, Body, Checkpoint, ConnectorError, Disposition, Effect, Fingerprint, Flow, Next, Prepared, ReadBack,
    Request, settings::FacebookSettings, source::Seen,
};

const VIDEO: &str = "800000000000001";

fn film(options: &Value) -> Prepared {
    let media = json!([{"url": "https://example.com/a.mp4", "kind": "video", "title": "Bread"}]);
    Prepared {
        content: serde_json::from_value(json!({"text": "Fresh bread", "media": media})).unwrap(),
        options: Some(serde_json::from_value(json!({ "facebook": options })).unwrap()),
        ..Prepared::at("100")
    }
}

fn next(post: &Prepared, checkpoint: &Checkpoint, answer: Option<&Answer>) -> Result<Next, ConnectorError> {
    step(&FacebookSettings::default(), post, checkpoint, answer)
}

fn call(next: Next) -> (Request, Effect, Checkpoint) {
    match next {
        Next::Call { request, effect, checkpoint } => (request, effect, checkpoint),
        other @ (Next::Look { .. } | Next::Wait { .. } | Next::Done(_)) => panic!("{other:?}"),
    }
}

fn seen(length: u64) -> Answer {
    Seen { length, media_type: None, etag: None, in_parts: true }.answer()
}

/// Goes through these answers; what is next, and what was remembered for the last of them.
fn after(post: &Prepared, answers: &[Answer]) -> (Result<Next, ConnectorError>, Checkpoint) {
    let mut checkpoint = Checkpoint::default();
    let mut step = next(post, &checkpoint, None);
    for answer in answers {
        checkpoint = match step.unwrap() {
            Next::Call { checkpoint, .. } | Next::Look { checkpoint, .. } => checkpoint,
            other @ (Next::Wait { .. } | Next::Done(_)) => panic!("{other:?}"),
        };
        step = next(post, &checkpoint, Some(answer));
    }
    (step, checkpoint)
}

fn form(request: &Request) -> String {
    let Body::Form(fields) = &request.body else { panic!("no form") };
    fields.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("&")
}

fn session() -> Answer {
    ok(&json!({"upload_session_id": "700", "video_id": VIDEO, "start_offset": "0", "end_offset": "2000000"}))
}

fn reel() -> Answer {
    let upload_url = format!("https://rupload.facebook.com/video-upload/v26.0/{VIDEO}");
    ok(&json!({"video_id": VIDEO, "upload_url": upload_url}))
}

fn success() -> Answer {
    ok(&json!({"success": true}))
}

/// A status as Meta documents it: uploading, processing, publishing.
fn phases(uploading: &str, processing: &str, publishing: &str, bytes: u64) -> Answer {
    ok(&json!({"id": VIDEO, "published": false, "status": {
        "video_status": "processing",
        "uploading_phase": {"status": uploading, "bytes_transferred": bytes},
        "processing_phase": {"status": processing},
        "publishing_phase": {"status": publishing},
    }}))
}

#[test]
fn a_video_that_facebook_fetches_is_one_call_and_watched() {
    let post = film(&json!({"is_ai_generated": true}));
    let (request, effect, checkpoint) = call(next(&post, &Checkpoint::default(), None).unwrap());
    assert_eq!((effect, request.method.clone()), (Effect::Publish, Method::POST));
    assert_eq!(request.url.as_str(), "https://graph-video.facebook.com/v26.0/100/videos");
    let fields = "file_url=https://example.com/a.mp4&title=Bread&description=Fresh bread&is_ai_generated=true";
    assert_eq!(form(&request), fields);
    let waiting = next(&post, &checkpoint, Some(&ok(&json!({ "id": VIDEO })))).unwrap();
    let Next::Wait { delay, checkpoint } = waiting else { panic!("{waiting:?}") };
    assert_eq!(delay, SignedDuration::from_secs(5));
    let (request, effect, _) = call(next(&post, &checkpoint, None).unwrap());
    assert_eq!(effect, Effect::Read);
    let address = "https://graph.facebook.com/v26.0/800000000000001?fields=status%2Cpublished%2Cpermalink_url";
    assert_eq!(request.url.as_str(), address);
}

#[test]
fn a_video_goes_up_in_the_pieces_that_facebook_asks_for_and_is_then_published() {
    let post = film(&json!({"source": "file_upload"}));
    let (step, _) = after(&post, &[seen(3_000_000)]);
    let (request, effect, _) = call(step.unwrap());
    assert_eq!((effect, form(&request).as_str()), (Effect::Stage, "upload_phase=start&file_size=3000000"));
    let (step, _) = after(&post, &[seen(3_000_000), session()]);
    let (request, effect, _) = call(step.unwrap());
    let Body::Piece(piece) = &request.body else { panic!("no piece") };
    assert_eq!((effect, piece.first(), piece.length()), (Effect::Stage, 0, 2_000_000));
    assert!(request.headers[header::CONTENT_TYPE].to_str().unwrap().starts_with("multipart/form-data; boundary="));
    let moved = ok(&json!({"start_offset": 2_000_000, "end_offset": 3_000_000}));
    let (step, _) = after(&post, &[seen(3_000_000), session(), moved.clone()]);
    let (request, _, _) = call(step.unwrap());
    let Body::Piece(piece) = &request.body else { panic!("no piece") };
    assert_eq!((piece.first(), piece.length()), (2_000_000, 1_000_000));
    let whole = ok(&json!({"start_offset": "3000000", "end_offset": "3000000"}));
    let (step, _) = after(&post, &[seen(3_000_000), session(), moved, whole]);
    let (request, effect, _) = call(step.unwrap());
    let fields = "upload_phase=finish&upload_session_id=700&title=Bread&description=Fresh bread";
    assert_eq!((effect, form(&request).as_str()), (Effect::Publish, fields));
}

#[rstest]
#[case::as_an_object(json!({"start_offset": 1_048_576, "end_offset": 2_097_152}))]
#[case::as_text(json!("{\"start_offset\":\"1048576\",\"end_offset\":\"2097152\"}"))]
fn f38_a_piece_whose_answer_was_lost_is_gone_on_with_at_facebooks_offset(#[case] data: Value) {
    let post = film(&json!({"source": "file_upload"}));
    let (_, checkpoint) = after(&post, &[seen(3_000_000), session(), answer(500, "")]);
    let (again, _, stored) = call(next(&post, &checkpoint, None).unwrap());
    let Body::Piece(piece) = &again.body else { panic!("no piece") };
    assert_eq!(piece.first(), 0);
    let refused = json!({"error": {"message": "x", "code": 6000, "error_subcode": 1_363_037, "error_data": data}});
    let (request, effect, _) = call(next(&post, &stored, Some(&answer(400, refused.to_string()))).unwrap());
    let Body::Piece(piece) = &request.body else { panic!("no piece") };
    assert_eq!((effect, piece.first(), piece.length()), (Effect::Stage, 1_048_576, 1_048_576));
}

#[rstest]
#[case::backwards(json!({"start_offset": 5, "end_offset": 4}))]
#[case::beyond_the_file(json!({"start_offset": 9_000_000, "end_offset": 9_000_001}))]
#[case::nothing(json!({}))]
#[case::without_end(json!({"start_offset": "0", "end_offset": "2000000"}))]
fn f44_offsets_that_lead_nowhere_end_the_attempt(#[case] body: Value) {
    let post = film(&json!({"source": "file_upload"}));
    let error = after(&post, &[seen(3_000_000), session(), ok(&body)]).0.unwrap_err();
    assert_eq!(error.disposition(Effect::Stage), Disposition::Retry(None), "{error:?}");
}

#[test]
fn a_reel_is_named_to_facebook_and_published_once_its_file_is_there() {
    let post = film(&json!({"placement": "reel", "place": "110"}));
    let (request, effect, _) = call(next(&post, &Checkpoint::default(), None).unwrap());
    assert_eq!((effect, form(&request).as_str()), (Effect::Stage, "upload_phase=start"));
    assert_eq!(request.url.as_str(), "https://graph.facebook.com/v26.0/100/video_reels");
    let (request, effect, _) = call(after(&post, &[reel()]).0.unwrap());
    assert_eq!((effect, request.url.host_str()), (Effect::Stage, Some("rupload.facebook.com")));
    assert_eq!(request.headers["file_url"], "https://example.com/a.mp4");
    assert!(request.headers["file_url"].is_sensitive());
    let waiting = after(&post, &[reel(), success(), phases("in_progress", "not_started", "not_started", 10)]).0;
    assert!(matches!(waiting, Ok(Next::Wait { .. })), "{waiting:?}");
    let there = phases("complete", "in_progress", "not_started", 10);
    let (request, effect, _) = call(after(&post, &[reel(), success(), there]).0.unwrap());
    let fields = "upload_phase=finish&video_id=800000000000001&video_state=PUBLISHED&place=110&title=Bread\
                  &description=Fresh bread";
    assert_eq!((effect, form(&request).as_str()), (Effect::Publish, fields));
}

#[test]
fn f38_a_reel_goes_on_at_the_offset_that_facebook_has() {
    let post = film(&json!({"placement": "reel", "source": "file_upload"}));
    let (step, _) = after(&post, &[seen(1_048_576), reel()]);
    let (request, _, _) = call(step.unwrap());
    assert_eq!(
        (&request.headers["offset"], &request.headers["file_size"]),
        (&"0".parse().unwrap(), &"1048576".parse().unwrap())
    );
    let (_, checkpoint) = after(&post, &[seen(1_048_576), reel(), answer(500, "")]);
    let (request, effect, checkpoint) = call(next(&post, &checkpoint, None).unwrap());
    assert_eq!((effect, request.url.path()), (Effect::Read, "/v26.0/800000000000001"));
    let part = phases("in_progress", "not_started", "not_started", 1_000_000);
    let (request, effect, _) = call(next(&post, &checkpoint, Some(&part)).unwrap());
    let Body::Piece(piece) = &request.body else { panic!("no piece") };
    assert_eq!((effect, piece.first(), piece.length()), (Effect::Stage, 1_000_000, 48_576));
    assert_eq!(request.headers["offset"], "1000000");
}

#[rstest]
#[case::another_host("https://rupload.example/video-upload/v26.0/8")]
#[case::another_path("https://rupload.facebook.com/elsewhere/8")]
#[case::no_address("video-upload")]
fn f44_an_upload_elsewhere_is_refused(#[case] address: &str) {
    let post = film(&json!({"placement": "reel"}));
    let opened = ok(&json!({"video_id": VIDEO, "upload_url": address}));
    let error = after(&post, &[opened]).0.unwrap_err();
    assert_eq!(error.refusal().code, "platform.answer_unreadable");
}

#[rstest]
#[case::small(1_023, json!({"source": "file_upload"}), Some("facebook.video.too_small"))]
#[case::smallest(1_024, json!({"source": "file_upload"}), None)]
#[case::largest(10_000_000_000, json!({"source": "file_upload"}), None)]
#[case::too_large(10_000_000_001, json!({"source": "file_upload"}), Some("facebook.video.too_large"))]
#[case::largest_reel(67_108_864, json!({"source": "file_upload", "placement": "reel"}), None)]
#[case::large_reel(
    67_108_865, json!({"source": "file_upload", "placement": "reel"}), Some("facebook.video.too_large_to_send")
)]
fn f12_a_file_that_facebook_would_not_take_is_not_sent(
    #[case] length: u64,
    #[case] options: Value,
    #[case] code: Option<&str>,
) {
    let step = after(&film(&options), &[seen(length)]).0;
    assert_eq!(step.err().map(|error| error.refusal().code).as_deref(), code);
}

#[test]
fn f34_a_second_publish_of_the_same_video_that_is_refused_may_be_out() {
    let post = film(&json!({"placement": "reel"}));
    let there = || phases("complete", "complete", "not_started", 10);
    let (step, _) = after(&post, &[reel(), success(), there()]);
    let (_, _, first) = call(step.unwrap());
    let refused = refused(400, 100, None);
    let error = next(&post, &first, Some(&refused)).unwrap_err();
    assert_eq!(error.disposition(Effect::Publish), Disposition::Fail);
    // Whoever comes after it asks the reel first.
    let (request, effect, checkpoint) = call(next(&post, &first, None).unwrap());
    assert_eq!((effect, request.method), (Effect::Read, Method::GET));
    let (_, effect, second) = call(next(&post, &checkpoint, Some(&there())).unwrap());
    assert_eq!(effect, Effect::Publish);
    let error = next(&post, &second, Some(&refused)).unwrap_err();
    assert_eq!(error.disposition(Effect::Publish), Disposition::ReadBack);
}

fn word(body: &Value) -> Word {
    status::read(body).unwrap()
}

#[rstest]
#[case::reel_out(json!({"status": {"video_status": "ready", "publishing_phase": {"status": "complete"}}}), true)]
#[case::video_out(json!({"status": {"video_status": "ready"}, "published": true}), true)]
#[case::ready_and_not_published(json!({"status": {"video_status": "ready"}, "published": false}), false)]
#[case::published_and_not_ready(json!({"status": {"video_status": "processing"}, "published": true}), false)]
#[case::ready_and_yet_to_be_published(
    json!({"status": {"video_status": "ready", "publishing_phase": {"status": "not_started"}}, "published": true}), false
)]
#[case::a_new_word(json!({"status": {"video_status": "gelatinous", "publishing_phase": {"status": "jiggling"}}}), false)]
fn a_video_is_out_when_its_publishing_is_complete(#[case] body: Value, #[case] is_out: bool) {
    let word = word(&body);
    assert_eq!(matches!(word, Word::Out { .. }), is_out, "{word:?}");
    assert!(!matches!(word, Word::Failed(_)), "{word:?}");
}

#[rstest]
#[case::a_reel_that_is_too_wide(json!([{"code": 1_363_040, "message": "prose"}]), "facebook.video.aspect", Some("1363040"))]
#[case::by_code(json!([{"code": 352}]), "facebook.video.format", Some("352"))]
#[case::the_first_that_is_known(json!([{"code": 7}, {"code": 1_363_128}]), "facebook.video.duration", Some("1363128"))]
#[case::nobody_knows(json!([{"code": 7}]), "facebook.video.failed", Some("7"))]
#[case::without_words(json!([]), "facebook.video.failed", None)]
fn a_video_that_failed_says_why(#[case] errors: Value, #[case] code: &str, #[case] theirs: Option<&str>) {
    let status = json!({"video_status": "error", "processing_phase": {"status": "error", "errors": errors}});
    let Word::Failed(refusal) = word(&json!({ "status": status })) else { panic!("not failed") };
    assert_eq!((refusal.code.as_str(), refusal.platform_code.as_deref()), (code, theirs));
    assert!(!refusal.message.contains("prose"));
}

#[test]
fn the_sample_of_a_reel_under_way_is_read() {
    let sample = json!({"status": {
        "video_status": "processing", "uploading_phase": {"status": "complete"},
        "processing_phase": {"status": "in_progress"}, "publishing_phase": {"status": "not_started"},
    }, "id": VIDEO});
    let expected = Word::Working {
        uploading: Phase::Complete,
        bytes: 0,
        processing: Phase::UnderWay,
        publishing: Phase::NotBegun,
    };
    assert_eq!(word(&sample), expected);
    assert!(status::read(&json!({"id": VIDEO})).is_err());
}

fn asked(stage: &str, finishes: u64, seconds: i64, answer: &Answer) -> Result<ReadBack, ConnectorError> {
    let at = Timestamp::from_second(1_800_000_000).unwrap();
    let now = at.saturating_add(SignedDuration::from_secs(seconds)).unwrap();
    let checkpoint = json!({"stage": stage, "video": VIDEO, "finishes": finishes});
    let checkpoint = serde_json::from_value(checkpoint).unwrap();
    let fingerprint = Fingerprint { checkpoint, ..Fingerprint::of(&film(&json!({"placement": "reel"})), at, now) };
    let mut flow = status_flow(&FacebookSettings::default(), &fingerprint).unwrap();
    assert_eq!(called(flow.advance(None)).url.path(), "/v26.0/800000000000001");
    flow.advance(Some(answer)).map(|step| done(Ok(step)))
}

#[rstest]
#[case::not_published("finish", 1, 31, phases("complete", "complete", "not_started", 9), Some(ReadBack::Absent))]
#[case::never_begun("finish", 1, 31, phases("complete", "not_started", "not_started", 9), Some(ReadBack::Absent))]
#[case::too_early("finish", 1, 29, phases("complete", "complete", "not_started", 9), None)]
#[case::under_way("finish", 1, 3_600, phases("complete", "in_progress", "not_started", 9), None)]
#[case::being_published("finish", 1, 3_600, phases("complete", "complete", "in_progress", 9), None)]
// The first of two may have been carried out, and the second refused for that.
#[case::twice("finish", 2, 3_600, phases("complete", "complete", "not_started", 9), None)]
#[case::answered("watch", 1, 3_600, phases("complete", "complete", "not_started", 9), None)]
fn f34_a_publish_is_absent_only_where_nothing_is_under_way(
    #[case] stage: &str,
    #[case] finishes: u64,
    #[case] seconds: i64,
    #[case] status: Answer,
    #[case] expected: Option<ReadBack>,
) {
    match (asked(stage, finishes, seconds, &status), expected) {
        (Ok(said), Some(expected)) => assert_eq!(said, expected),
        (Err(error), None) => assert_eq!(error.disposition(Effect::Read), Disposition::Retry(None)),
        (said, expected) => panic!("{said:?} instead of {expected:?}"),
    }
}

#[test]
fn f34_a_video_that_is_out_is_found_by_its_id_and_one_that_failed_is_refused() {
    let Ok(ReadBack::Found(found)) = asked("finish", 1, 31, &phases("complete", "complete", "complete", 9)) else {
        panic!("not found")
    };
    assert_eq!(found.remote_id, VIDEO);
    let said = asked("watch", 1, 31, &phases("complete", "error", "not_started", 9));
    assert!(matches!(said, Ok(ReadBack::Refused(_))), "{said:?}");
}

#[test]
fn the_figures_of_a_video_are_its_views_and_those_of_its_post() {
    let mut flow = FiguresFlow::new(FacebookSettings::default(), VIDEO);
    assert_eq!(called(flow.advance(None)).url.path(), "/v26.0/800000000000001");
    let video = ok(&json!({"id": VIDEO, "views": 12, "post_id": "5", "from": {"id": "100"}}));
    assert_eq!(called(flow.advance(Some(&video))).url.path(), "/v26.0/100_5/insights");
    let insights = ok(&json!({"data": [{"name": "post_clicks", "period": "lifetime", "values": [{"value": 3}]}]}));
    let figures = done(flow.advance(Some(&insights)));
    assert_eq!(figures.0.into_iter().collect::<Vec<_>>(), [("post_clicks".to_owned(), 3), ("views".to_owned(), 12)]);
}

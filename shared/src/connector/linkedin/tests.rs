//! What the suite for every connector does not ask.

use http::Method;
use rstest::rstest;
use serde_json::{Value, json};

use super::recorded::*;
use super::*;
use crate::connector::{Authentication, Body, Effect, Published, Step, compliance::instance::with_header};

fn page() -> Linkedin {
    Linkedin::page(LinkedinSettings::default())
}

fn go_on(post: &Prepared, checkpoint: &Checkpoint, answer: Option<&Answer>) -> (Option<Request>, Effect, Checkpoint) {
    match page().publish(post, checkpoint, answer).unwrap() {
        Next::Call { request, effect, checkpoint } => (Some(request), effect, checkpoint),
        Next::Look { checkpoint, .. } | Next::Wait { checkpoint, .. } => (None, Effect::Read, checkpoint),
        Next::Done(published) => panic!("{published:?}"),
    }
}

fn body_of(content: Value, options: Option<Value>) -> Value {
    let (request, effect, _) = go_on(&post(PAGE, content, options), &Checkpoint::default(), None);
    let request = request.unwrap();
    assert_eq!((effect, request.method.clone(), request.url.path()), (Effect::Publish, Method::POST, "/rest/posts"));
    assert_eq!(request.headers["linkedin-version"], "202609");
    assert_eq!(request.headers["x-restli-protocol-version"], "2.0.0");
    match request.body {
        Body::Json(body) => body,
        Body::Empty | Body::Form(_) | Body::Bytes(_) | Body::Piece(_) => panic!("no JSON"),
    }
}

#[test]
fn a_text_goes_out_as_little_text_with_its_options() {
    let body = body_of(
        json!({"text": "Hi @Acme (you) #Rye"}),
        Some(json!({
            "reshare_disabled": true, "mentions": [{"name": "Acme", "urn": "urn:li:organization:1"}],
        })),
    );
    assert_eq!(body["commentary"], "Hi @[Acme](urn:li:organization:1) \\(you\\) {hashtag|\\#|Rye}");
    assert_eq!(body["isReshareDisabledByAuthor"], true);
    assert_eq!((body["author"].as_str(), body["visibility"].as_str()), (Some(PAGE), Some("PUBLIC")));
    assert!(body.get("content").is_none());
}

#[test]
fn a_link_is_an_article_and_a_question_is_a_poll() {
    let body = body_of(json!({"link": "https://example.com/a"}), Some(json!({"article_description": "All of it"})));
    let article = json!({"source": "https://example.com/a", "title": "example.com", "description": "All of it"});
    assert_eq!(body["content"], json!({ "article": article }));
    assert_eq!(body["commentary"], "");
    let poll = json!({"poll": {"question": "Rye?", "options": ["Yes", "No"], "duration": "seven_days"}});
    let body = body_of(json!({"text": "Say"}), Some(poll));
    let expected = json!({"question": "Rye?", "options": [{"text": "Yes"}, {"text": "No"}], "settings": {"duration": "SEVEN_DAYS"}});
    assert_eq!(body["content"], json!({ "poll": expected }));
}

/// The calls of a publish up to the post itself, and its body.
fn walked(content: Value, answers: &[Answer]) -> Vec<Request> {
    let post = post(PAGE, content, None);
    let mut requests = Vec::new();
    let (mut request, _, mut checkpoint) = go_on(&post, &Checkpoint::default(), None);
    for answer in answers {
        requests.extend(request.take());
        (request, _, checkpoint) = go_on(&post, &checkpoint, Some(answer));
    }
    requests.extend(request);
    requests
}

#[test]
fn a_video_goes_out_in_the_parts_that_were_asked_for() {
    let video = json!({"media": [{"url": "https://cdn.example.com/a.mp4", "kind": "video"}]});
    let part = |tag| with_header(crate::connector::compliance::instance::answer(200, ""), "etag", tag);
    let answers = [seen(6_000_001), announced_video(), part("\"abc\""), part("/ambry-video/x")];
    let requests = walked(video, &answers);
    let parts: Vec<&Request> = requests.iter().filter(|request| request.method == Method::PUT).collect();
    let ranges: Vec<String> = parts
        .iter()
        .map(|request| match &request.body {
            Body::Piece(piece) => piece.content_range(),
            Body::Empty | Body::Form(_) | Body::Json(_) | Body::Bytes(_) => String::new(),
        })
        .collect();
    assert_eq!(ranges, ["bytes 0-4194303/6000001", "bytes 4194304-6000000/6000001"]);
    assert!(parts.iter().all(|request| request.authentication == Authentication::Complete));
    assert_eq!(parts[1].url.as_str(), "https://www.linkedin.com/dms-uploads/v/2?part=2");
    let Body::Json(finalize) = &requests.last().unwrap().body else { panic!("no JSON") };
    assert_eq!(finalize["finalizeUploadRequest"]["uploadedPartIds"], json!(["abc", "/ambry-video/x"]));
}

#[rstest]
#[case::forbidden(403, "<Error>Request has expired</Error>")]
#[case::documented(401, r#"{"status":401,"code":"EXPIRED"}"#)]
#[case::gone(410, "")]
fn a_part_that_is_refused_is_announced_anew_and_ends_no_connection(#[case] status: u16, #[case] body: &'static str) {
    let post = post(PAGE, json!({"media": [{"url": "https://cdn.example.com/a.mp4", "kind": "video"}]}), None);
    let refused = || crate::connector::compliance::instance::answer(status, body);
    let (_, _, mut checkpoint) = go_on(&post, &Checkpoint::default(), None);
    for _ in 0..3 {
        for answer in [seen(6_000_001), announced_video()] {
            (_, _, checkpoint) = go_on(&post, &checkpoint, Some(&answer));
        }
        (_, _, checkpoint) = go_on(&post, &checkpoint, Some(&refused()));
    }
    for answer in [seen(6_000_001), announced_video()] {
        (_, _, checkpoint) = go_on(&post, &checkpoint, Some(&answer));
    }
    let error = page().publish(&post, &checkpoint, Some(&refused())).unwrap_err();
    assert_eq!(error.refusal().code, "linkedin.upload.expired");
    assert!(matches!(error, ConnectorError::Transient(_)), "{error:?}");
}

#[test]
fn figures_of_the_whole_page_are_not_those_of_a_post() {
    let total = |element: Value| {
        let mut flow = page().post_analytics(POST).unwrap();
        flow.advance(None).unwrap();
        flow.advance(Some(&ok(&listed("a", 1)))).unwrap();
        let Step::Done(Analytics(figures)) = flow.advance(Some(&ok(&json!({"elements": [element]})))).unwrap() else {
            panic!("no figures")
        };
        figures.get("likes").copied()
    };
    let figures = json!({"likeCount": 7});
    assert_eq!(total(json!({"totalShareStatistics": figures, "share": POST})), Some(7));
    assert_eq!(total(json!({"totalShareStatistics": figures, "share": "urn:li:share:1"})), None);
    assert_eq!(total(json!({"totalShareStatistics": figures, "organizationalEntity": PAGE})), None);
}

#[test]
fn an_image_goes_out_with_the_token() {
    let image = json!({"media": [{"url": "https://cdn.example.com/a.jpg", "kind": "image"}]});
    let requests = walked(image, &[seen(9), announced("image")]);
    let put = requests.last().unwrap();
    assert_eq!((put.method.clone(), put.authentication), (Method::PUT, Authentication::Token));
}

#[rstest]
#[case::elsewhere("https://evil.example/upload")]
#[case::metadata("http://169.254.169.254/")]
#[case::nothing("")]
fn f45_an_upload_goes_nowhere_but_to_linkedin(#[case] url: &str) {
    let post = post(PAGE, json!({"media": [{"url": "https://cdn.example.com/a.jpg", "kind": "image"}]}), None);
    let (_, _, checkpoint) = go_on(&post, &Checkpoint::default(), None);
    let (_, _, checkpoint) = go_on(&post, &checkpoint, Some(&seen(9)));
    let announced = ok(&json!({"value": {"image": "urn:li:image:a", "uploadUrl": url}}));
    assert!(matches!(page().publish(&post, &checkpoint, Some(&announced)), Err(ConnectorError::Unreadable { .. })));
}

#[test]
fn twenty_images_have_room_in_the_steps_of_the_runs() {
    let image = json!({"url": "https://cdn.example.com/a.jpg", "kind": "image"});
    let post = post(PAGE, json!({ "media": vec![image; 20] }), None);
    let (mut steps, mut longest) = (0, 0);
    let mut next = page().publish(&post, &Checkpoint::default(), None).unwrap();
    loop {
        let (checkpoint, answer) = match next {
            Next::Look { checkpoint, .. } => (checkpoint, seen(9)),
            Next::Call { request, effect: Effect::Stage, checkpoint } if request.method == Method::PUT => {
                (checkpoint, crate::connector::compliance::instance::answer(201, ""))
            }
            Next::Call { effect: Effect::Stage, checkpoint, .. } => (checkpoint, announced("image")),
            Next::Call { effect: Effect::Read, checkpoint, .. } => (checkpoint, state("AVAILABLE")),
            Next::Call { effect: Effect::Publish, .. } => break,
            Next::Wait { checkpoint, .. } => {
                steps = 0;
                next = page().publish(&post, &checkpoint, None).unwrap();
                continue;
            }
            Next::Done(published) => panic!("{published:?}"),
        };
        steps += 1;
        longest = longest.max(steps);
        next = page().publish(&post, &checkpoint, Some(&answer)).unwrap();
    }
    assert!(longest < 45, "{longest}");
}

fn read_back(entries: &[Value], exclude: &[&str], age_seconds: i64) -> ReadBack {
    let post = post(PAGE, json!({"text": "Fresh (bread) https://example.com/a?b=c"}), None);
    let began: jiff::Timestamp = "2026-11-21T10:00:00Z".parse().unwrap();
    let mut fingerprint = Fingerprint::of(&post, began, began + SignedDuration::from_secs(age_seconds));
    fingerprint.exclude = exclude.iter().map(|id| (*id).to_owned()).collect();
    let mut flow = page().read_back(&app(), fingerprint);
    let Step::Call(request) = flow.advance(None).unwrap() else { panic!("no call") };
    let query = "q=author&author=urn%3Ali%3Aorganization%3A2414183&start=0&count=20&sortBy=CREATED";
    assert_eq!(request.url.query(), Some(query));
    let answer = ok(&json!({"elements": entries, "paging": {"links": []}}));
    match flow.advance(Some(&answer)).unwrap() {
        Step::Done(verdict) => verdict,
        Step::Call(request) => panic!("{request:?}"),
    }
}

#[test]
fn a_lost_post_of_a_page_is_found_by_time_and_text() {
    let began = jiff::Timestamp::as_millisecond("2026-11-21T10:00:00Z".parse().unwrap());
    let text = "Fresh \\(bread\\) https://lnkd.in/x";
    let found = |verdict| matches!(verdict, ReadBack::Found(Published { remote_id, .. }) if remote_id == POST);
    assert!(found(read_back(&[listed(text, began + 900)], &[], 60)));
    assert_eq!(read_back(&[], &[], 120), ReadBack::Absent);
    assert!(matches!(read_back(&[], &[], 119), ReadBack::Undecided { .. }), "the listing may lag behind");
    assert_eq!(read_back(&[listed("Another", began)], &[], 120), ReadBack::Absent);
    assert_eq!(read_back(&[listed(text, began)], &[POST], 120), ReadBack::Absent);
    assert!(matches!(read_back(&[listed(text, began - 9_000)], &[], 120), ReadBack::Undecided { .. }));
    let mut twin = listed(text, began);
    twin["id"] = "urn:li:ugcPost:7447617633195212801".into();
    assert!(matches!(read_back(&[listed(text, began), twin], &[], 120), ReadBack::Undecided { .. }));
}

#[test]
fn a_renewal_that_linkedin_refuses_ends_the_connection() {
    let tokens = TokenSet {
        refresh: Some(crate::secret::RefreshToken::new("old")),
        ..crate::connector::compliance::instance::tokens("a")
    };
    let mut flow = page().refresh_token(&app(), tokens).unwrap();
    flow.advance(None).unwrap();
    let answer = crate::connector::compliance::instance::json_answer(400, &json!({"error": "invalid_request"}));
    let Err(error) = flow.advance(Some(&answer)) else { panic!("renewed") };
    assert_eq!(error.refusal().code, "linkedin.refresh.refused");
    assert!(matches!(error, ConnectorError::Unauthorized(_)));
    let tokens = crate::connector::compliance::instance::tokens("a");
    assert!(matches!(page().refresh_token(&app(), tokens), Err(ConnectorError::Unsupported { .. })));
}

#[test]
fn a_member_s_app_answers_no_challenge() {
    let query = [("challengeCode".to_owned(), "890e4665-4dfe-4ab1-b689-ed553bceeed0".to_owned())];
    assert!(page().webhook_handshake(&app(), &query).is_some());
    assert_eq!(Linkedin::member(LinkedinSettings::default()).webhook_handshake(&app(), &query), None);
}

#[test]
fn f76_the_prefix_belongs_to_what_is_signed() {
    let signature =
        |message: &str| data_encoding::HEXLOWER.encode(&crate::hmac::Key::new(b"app-secret").sign(message.as_bytes()));
    let is_taken = |header: String| {
        let mut headers = http::HeaderMap::new();
        headers.insert("x-li-signature", header.parse().unwrap());
        let (body, now) = (ACTIONS.as_bytes(), "2026-11-21T10:00:00Z".parse().unwrap());
        page().validate_webhook_signature(&app(), WebhookDelivery { headers: &headers, query: &[], body, now })
    };
    assert!(is_taken(signature(&format!("hmacsha256={ACTIONS}"))));
    assert!(is_taken(format!("hmacsha256={}", signature(&format!("hmacsha256={ACTIONS}")))));
    assert!(!is_taken(signature(ACTIONS)));
}

#[test]
fn an_event_keeps_an_id_that_no_double_can_hold() {
    let events = page().parse_webhook_event(ACTIONS.as_bytes()).unwrap();
    let found: Vec<_> = events.iter().map(|event| (event.dedupe_key.as_str(), event.account.as_str())).collect();
    assert_eq!(found, [("9223372036854775806", PAGE), ("9223372036854775807", PAGE)]);
    let kind = crate::connector::WebhookKind::Other { name: "organization.comment".into() };
    assert_eq!(events[0].kind, kind);
    assert_eq!(events[0].occurred_at, Some("2026-11-21T10:00:00Z".parse().unwrap()));
}

#[test]
fn a_member_has_figures_where_our_app_may_ask_for_them() {
    let mut settings = LinkedinSettings::default();
    settings.member_scopes.push("r_member_postAnalytics".into());
    let mut flow = Linkedin::member(settings).post_analytics("urn:li:ugcPost:1").unwrap();
    let mut step = flow.advance(None).unwrap();
    for (metric, kind) in [("IMPRESSION", json!("IMPRESSION")), ("MEMBERS_REACHED", json!({"a": "b"}))] {
        let Step::Call(request) = step else { panic!("no call") };
        let query = format!("q=entity&entity=(ugc:urn%3Ali%3AugcPost%3A1)&queryType={metric}&aggregation=TOTAL");
        assert_eq!(request.url.query(), Some(query.as_str()));
        step = flow.advance(Some(&ok(&json!({"elements": [{"count": 7, "metricType": kind}]})))).unwrap();
    }
    for _ in 0..2 {
        step = flow.advance(Some(&ok(&json!({"elements": []})))).unwrap();
    }
    assert!(matches!(step, Step::Call(_)));
    let Step::Done(Analytics(figures)) = flow.advance(Some(&ok(&json!({"elements": []})))).unwrap() else { panic!() };
    assert_eq!(
        figures.into_iter().collect::<Vec<_>>(),
        [(String::from("impressions"), 7), (String::from("unique_impressions"), 7)]
    );
}

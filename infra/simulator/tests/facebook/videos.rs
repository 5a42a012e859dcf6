//! Videos and reels on a Page: sessions, offsets, files, what Facebook says while it works on them.

use crate::support::Stage;
use bytes::Bytes;
use hyper::Request;
use jiff::SignedDuration;
use serde_json::{Value, json};
use simulator::facebook::seed::{BAKERY, CAFE};

/// A form and the code and subcode that refuse it.
type Refused<'a> = (&'a [(&'a str, &'a str)], (i64, Option<i64>));

const VIDEOS: &str = "/v26.0/100000000000101/videos";
const REELS: &str = "/v26.0/100000000000101/video_reels";
const FILE: &str = "https://cdn.example.com/bread.mp4";

fn video_of(answer: &Value) -> String {
    answer["video_id"].as_str().or(answer["id"].as_str()).unwrap_or_else(|| panic!("no video: {answer}")).to_owned()
}

async fn status(stage: &Stage, video: &str) -> Value {
    let path = format!("/v26.0/{video}?fields=status,published,permalink_url,post_id,views");
    stage.get(&path, &stage.page).await.json()
}

/// A piece of a video as the file of a form; the status and the answer.
async fn transfer(stage: &Stage, session: &str, offset: u64, piece: &[u8]) -> (u16, Value) {
    let mut body = Vec::new();
    for (name, value) in
        [("upload_phase", "transfer"), ("upload_session_id", session), ("start_offset", &offset.to_string())]
    {
        body.extend(format!("--b\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n").bytes());
    }
    body.extend(b"--b\r\nContent-Disposition: form-data; name=\"video_file_chunk\"; filename=\"f\"\r\n\r\n");
    body.extend(piece);
    body.extend(b"\r\n--b--\r\n");
    let request = Request::builder()
        .method("POST")
        .uri(VIDEOS)
        .header("authorization", format!("Bearer {}", stage.page))
        .header("content-type", "multipart/form-data; boundary=b");
    let answer = stage.whole(request, Bytes::from(body)).await;
    (answer.status, answer.json())
}

/// The file of a reel, or its address.
async fn upload(stage: &Stage, reel: &str, headers: &[(&str, &str)], body: Vec<u8>) -> (u16, Value) {
    let mut request = Request::builder()
        .method("POST")
        .uri(format!("/video-upload/v26.0/{reel}"))
        .header("content-type", "application/octet-stream");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let answer = stage.whole(request, Bytes::from(body)).await;
    (answer.status, answer.json())
}

async fn open_reel(stage: &Stage) -> String {
    let answer = stage.post(REELS, &stage.page, &[("upload_phase", "start")]).await.json();
    let reel = video_of(&answer);
    assert!(answer["upload_url"].as_str().unwrap().ends_with(&format!("/video-upload/v26.0/{reel}")));
    reel
}

async fn finish(stage: &Stage, reel: &str) -> (i64, Option<i64>) {
    let form = [("upload_phase", "finish"), ("video_id", reel), ("video_state", "PUBLISHED"), ("description", "Loaf")];
    let answer = stage.post(REELS, &stage.page, &form).await;
    if answer.status == 200 { (0, None) } else { answer.refusal() }
}

#[tokio::test]
async fn a_video_by_its_address_is_shown_once_facebook_has_worked_on_it() {
    let stage = Stage::new().await;
    let form = [("file_url", FILE), ("title", "Bread"), ("description", "Fresh from the oven")];
    let video = video_of(&stage.post(VIDEOS, &stage.page, &form).await.json());
    let before = status(&stage, &video).await;
    assert_eq!((&before["status"]["video_status"], &before["published"]), (&json!("processing"), &json!(true)));
    assert!(stage.shown().is_empty());
    stage.advance(SignedDuration::from_secs(10));
    let after = status(&stage, &video).await;
    assert_eq!(after["status"]["video_status"], "ready");
    assert_eq!(after["status"]["publishing_phase"]["status"], "complete");
    assert_eq!(stage.shown(), ["Fresh from the oven"]);
    let listed =
        stage.get(&format!("/v26.0/{BAKERY}/published_posts?fields=attachments,status_type"), &stage.page).await;
    let listed = &listed.data()[0];
    assert_eq!(listed["status_type"], "added_video");
    assert_eq!(listed["attachments"]["data"][0]["target"]["id"], json!(video));
    assert_eq!(stage.get(VIDEOS, &stage.page).await.data().len(), 1);
    let page = stage.send("GET", &format!("/{BAKERY}/videos/{video}"), None, "", "").await.unwrap();
    assert!(page.status == 200 && page.text.contains("Fresh from the oven"), "{}", page.text);
}

#[tokio::test]
async fn a_session_takes_the_pieces_that_it_asks_for_in_order_and_no_other() {
    let stage = Stage::new().await;
    stage.simulator.facebook().set_video_piece(2_000);
    let start = stage.post(VIDEOS, &stage.page, &[("upload_phase", "start"), ("file_size", "3000")]).await.json();
    let (video, session) = (video_of(&start), start["upload_session_id"].as_str().unwrap().to_owned());
    assert_eq!((&start["start_offset"], &start["end_offset"]), (&json!("0"), &json!("2000")));
    let (code, wrong) = transfer(&stage, &session, 100, &[0; 10]).await;
    assert_eq!((code, wrong["error"]["error_subcode"].as_i64()), (400, Some(1_363_037)));
    assert_eq!(wrong["error"]["error_data"], json!({"start_offset": 0, "end_offset": 2_000}));
    assert_eq!(transfer(&stage, &session, 0, &[0; 2_001]).await.0, 400);
    assert_eq!(transfer(&stage, &session, 0, &[]).await.1["error"]["error_subcode"], 1_363_020);
    let finish = [("upload_phase", "finish"), ("upload_session_id", session.as_str()), ("description", "Loaf")];
    assert_eq!(stage.post(VIDEOS, &stage.page, &finish).await.refusal(), (6000, Some(1_363_033)));
    let moved = transfer(&stage, &session, 0, &[0; 2_000]).await;
    assert_eq!(moved, (200, json!({"start_offset": "2000", "end_offset": "3000"})));
    // What was there before is asked for no more.
    assert_eq!(transfer(&stage, &session, 0, &[0; 2_000]).await.1["error"]["error_data"]["start_offset"], 2_000);
    assert_eq!(transfer(&stage, &session, 2_000, &[0; 1_000]).await.1["start_offset"], "3000");
    assert_eq!(status(&stage, &video).await["status"]["uploading_phase"]["bytes_transferred"], 3_000);
    assert_eq!(stage.post(VIDEOS, &stage.page, &finish).await.json(), json!({"success": true}));
    assert_eq!(stage.post(VIDEOS, &stage.page, &finish).await.refusal(), (100, Some(33)));
    stage.advance(SignedDuration::from_secs(10));
    assert_eq!(stage.shown(), ["Loaf"]);
}

#[tokio::test]
async fn a_reel_is_published_once_its_file_is_there_and_is_on_no_list_of_posts() {
    let stage = Stage::new().await;
    let reel = open_reel(&stage).await;
    assert_eq!(finish(&stage, &reel).await, (6000, Some(1_363_020)));
    let token = format!("OAuth {}", stage.page);
    let bearer = format!("Bearer {}", stage.page);
    let headers = |token, offset| [("authorization", token), ("offset", offset), ("file_size", "2000")];
    assert_eq!(upload(&stage, &reel, &headers(&bearer, "0"), vec![0; 2_000]).await.1["error"]["code"], 190);
    stage.simulator.facebook().cut_next_upload(1_500);
    assert_eq!(
        upload(&stage, &reel, &headers(&token, "0"), vec![0; 2_000]).await.1["error"]["error_subcode"],
        1_363_033
    );
    assert_eq!(status(&stage, &reel).await["status"]["uploading_phase"]["bytes_transferred"], 1_500);
    assert_eq!(
        upload(&stage, &reel, &headers(&token, "0"), vec![0; 2_000]).await.1["error"]["error_subcode"],
        1_363_037
    );
    assert_eq!(upload(&stage, &reel, &headers(&token, "1500"), vec![0; 500]).await, (200, json!({"success": true})));
    assert_eq!(status(&stage, &reel).await["status"]["publishing_phase"]["status"], "not_started");
    assert_eq!(finish(&stage, &reel).await, (0, None));
    assert_eq!(finish(&stage, &reel).await.0, 100);
    stage.advance(SignedDuration::from_secs(10));
    assert_eq!(status(&stage, &reel).await["status"]["publishing_phase"]["publish_status"], "published");
    let listed = stage.get(&format!("/v26.0/{BAKERY}/published_posts"), &stage.page).await.data();
    assert!(listed.iter().all(|post| post["message"] != "Loaf"), "{listed:?}");
    assert_eq!(stage.get(REELS, &stage.page).await.data().len(), 1);
    let page = stage.send("GET", &format!("/reel/{reel}"), None, "", "").await.unwrap();
    assert!(page.status == 200 && page.text.contains("Loaf"), "{}", page.text);
}

#[tokio::test]
async fn files_that_facebook_cannot_fetch_are_refused() {
    let stage = Stage::new().await;
    let reel = open_reel(&stage).await;
    let token = format!("OAuth {}", stage.page);
    for address in [
        "http://cdn.example.com/a.mp4",
        "https://localhost/a.mp4",
        "https://nowhere.invalid/a.mp4",
        "https://video.xx.fbcdn.net/a.mp4",
        "http://127.0.0.1:1/a.mp4",
    ] {
        let answer = stage.post(VIDEOS, &stage.page, &[("file_url", address)]).await;
        assert_eq!(answer.refusal(), (389, Some(1_363_057)), "{address}");
        let headers = [("authorization", token.as_str()), ("file_url", address)];
        assert_eq!(upload(&stage, &reel, &headers, Vec::new()).await.1["error"]["code"], 389, "{address}");
    }
    // What stands on this machine is looked at.
    for (size, code) in [(1_000, 400), (2_000, 200)] {
        let address = stage.url(&format!("/_simulator/sample.mp4?size={size}"));
        assert_eq!(stage.post(VIDEOS, &stage.page, &[("file_url", &address)]).await.status, code, "{size}");
    }
}

#[tokio::test]
async fn videos_that_break_a_rule_are_refused_and_leave_nothing_behind() {
    let stage = Stage::new().await;
    let long = "x".repeat(255);
    let cases: [Refused; 8] = [
        (&[], (100, Some(1_363_020))),
        (&[("file_url", FILE), ("title", &long)], (100, None)),
        (&[("file_url", FILE), ("place", "110")], (100, None)),
        (&[("file_url", FILE), ("upload_phase", "start")], (100, None)),
        (&[("upload_phase", "begin")], (100, None)),
        (&[("upload_phase", "start")], (100, None)),
        (&[("upload_phase", "start"), ("file_size", "1023")], (382, Some(1_363_022))),
        (&[("upload_phase", "start"), ("file_size", "10000000001")], (100, Some(1_363_023))),
    ];
    for (form, expected) in cases {
        assert_eq!(stage.post(VIDEOS, &stage.page, form).await.refusal(), expected, "{form:?}");
    }
    let cafe = stage.token_of(CAFE);
    for edge in ["videos", "video_reels"] {
        let answer = stage.post(&format!("/v26.0/{CAFE}/{edge}"), &cafe, &[("upload_phase", "start")]).await;
        assert_eq!(answer.refusal().0, 200, "{edge}");
    }
    assert!(stage.simulator.facebook().page(BAKERY).unwrap().videos.is_empty());
}

#[tokio::test]
async fn a_page_takes_thirty_reels_in_a_rolling_day() {
    let stage = Stage::new().await;
    let token = format!("OAuth {}", stage.page);
    let ready = async || {
        let reel = open_reel(&stage).await;
        let headers = [("authorization", token.as_str()), ("file_url", FILE)];
        assert_eq!(upload(&stage, &reel, &headers, Vec::new()).await.0, 200);
        reel
    };
    for _ in 0..30 {
        assert_eq!(finish(&stage, &ready().await).await, (0, None));
    }
    let one_more = ready().await;
    assert_eq!(finish(&stage, &one_more).await.0, 613);
    stage.advance(SignedDuration::from_hours(24));
    assert_eq!(finish(&stage, &one_more).await, (0, None));
}

#[tokio::test]
async fn what_facebook_can_make_nothing_of_says_why_and_is_never_shown() {
    let stage = Stage::new().await;
    stage.simulator.facebook().fail_next_video(352);
    let video = video_of(&stage.post(VIDEOS, &stage.page, &[("file_url", FILE)]).await.json());
    assert_eq!(status(&stage, &video).await["status"]["video_status"], "processing");
    stage.advance(SignedDuration::from_secs(10));
    let failed = status(&stage, &video).await;
    assert_eq!(failed["status"]["video_status"], "error");
    assert_eq!(failed["status"]["processing_phase"]["errors"][0]["code"], 352);
    assert!(stage.shown().is_empty());
}

#[tokio::test]
async fn figures_of_a_video_grow_and_it_can_be_taken_down() {
    let stage = Stage::new().await;
    let video = video_of(&stage.post(VIDEOS, &stage.page, &[("file_url", FILE)]).await.json());
    stage.advance(SignedDuration::from_secs(10));
    let first = status(&stage, &video).await;
    stage.advance(SignedDuration::from_hours(24));
    let second = status(&stage, &video).await;
    assert!(second["views"].as_u64() > first["views"].as_u64(), "{first} {second}");
    let post = second["post_id"].as_str().unwrap();
    let insights = stage.get(&format!("/v26.0/{post}/insights?metric=post_video_views"), &stage.page).await.data();
    assert!(insights[0]["values"][0]["value"].as_u64() > Some(0), "{insights:?}");
    assert_eq!(stage.delete(&format!("/v26.0/{video}"), &stage.page).await.json(), json!({"success": true}));
    assert_eq!(stage.get(&format!("/v26.0/{video}"), &stage.page).await.refusal(), (100, Some(33)));
    assert!(stage.simulator.facebook().page(BAKERY).unwrap().posts.iter().all(|post| post.video.is_none()));
}

//! Posts: what begins them, their bytes, what becomes of them, what is refused.

use serde_json::{Value, json};
use simulator::tiktok::seed::{BAKERY, GARDEN};

use crate::support::{SCOPES, Stage};

const INIT: &str = "/v2/post/publish/video/init/";
const INBOX: &str = "/v2/post/publish/inbox/video/init/";
const PHOTOS: &str = "/v2/post/publish/content/init/";
const STATUS: &str = "/v2/post/publish/status/fetch/";
const CREATOR: &str = "/v2/post/publish/creator_info/query/";

fn video(source: &Value) -> Value {
    let info = json!({"title": "Bread", "privacy_level": "PUBLIC_TO_EVERYONE", "brand_content_toggle": false});
    json!({"post_info": info, "source_info": source})
}

fn file(size: u64, chunk: u64, count: u64) -> Value {
    json!({"source": "FILE_UPLOAD", "video_size": size, "chunk_size": chunk, "total_chunk_count": count})
}

fn far(url: &str) -> Value {
    json!({"source": "PULL_FROM_URL", "video_url": url})
}

async fn status(stage: &Stage, id: &Value) -> Value {
    stage.post(STATUS, &json!({"publish_id": id})).await.data()
}

#[tokio::test]
async fn bytes_come_in_order_and_make_a_video() {
    let stage = Stage::new().await;
    let begun = stage.post(INIT, &video(&file(11_000_001, 5_000_000, 2))).await.data();
    let address = begun["upload_url"].as_str().unwrap();
    let early = stage.put(address, "bytes 5000000-11000000/11000001", vec![0; 6_000_001]).await;
    assert_eq!((early.status, &early.headers["content-range"]), (416, &"bytes 0-0/11000001".parse().unwrap()));
    let first = stage.put(address, "bytes 0-4999999/11000001", vec![0; 5_000_000]).await;
    assert_eq!((first.status, &first.headers["content-range"]), (206, &"bytes 0-5000000/11000001".parse().unwrap()));
    let odd = stage.put(address, "bytes 5000000-5999999/11000001", vec![0; 1_000_000]).await;
    assert_eq!(odd.status, 400);
    assert_eq!(status(&stage, &begun["publish_id"]).await["uploaded_bytes"], 5_000_000);
    let last = stage.put(address, "bytes 5000000-11000000/11000001", vec![0; 6_000_001]).await;
    assert_eq!(last.status, 201);
    assert_eq!(status(&stage, &begun["publish_id"]).await["status"], "PROCESSING_UPLOAD");
    stage.advance(10);
    let done = status(&stage, &begun["publish_id"]).await;
    assert_eq!((done["status"].as_str(), done.get("publicaly_available_post_id")), (Some("PUBLISH_COMPLETE"), None));
    stage.advance(10);
    let id = status(&stage, &begun["publish_id"]).await["publicaly_available_post_id"][0].as_u64().unwrap();
    assert!(id > 1 << 53);
    let listed = stage.post("/v2/video/list/?fields=id,video_description", &json!({"max_count": 20})).await.data();
    assert_eq!(listed["videos"][0], json!({"id": id.to_string(), "video_description": "Bread"}));
}

#[tokio::test]
async fn an_address_dies_after_an_hour() {
    let stage = Stage::new().await;
    let begun = stage.post(INIT, &video(&file(10, 10, 1))).await.data();
    stage.advance(3_600);
    let late = stage.put(begun["upload_url"].as_str().unwrap(), "bytes 0-9/10", vec![0; 10]).await;
    assert_eq!(late.status, 403);
    let unknown = format!("{}/upload/video/?upload_id=a&upload_token=b", stage.simulator.url_of("tiktok"));
    assert_eq!(stage.put(&unknown, "bytes 0-9/10", vec![0; 10]).await.status, 404);
}

#[tokio::test]
async fn pieces_are_what_the_rules_say() {
    let stage = Stage::new().await;
    for wrong in
        [file(0, 0, 1), file(10_000_000, 4_000_000, 2), file(11_000_000, 5_000_000, 3), file(65_000_000, 65_000_000, 1)]
    {
        assert_eq!(stage.post(INIT, &video(&wrong)).await.status, 400, "{wrong}");
        stage.advance(60);
    }
    let large = stage.post(INIT, &video(&file(4_000_000_001, 10_000_000, 400))).await;
    assert_eq!(large.verdict(), (400, "invalid_file_upload".to_owned()));
}

#[tokio::test]
async fn what_is_fetched_comes_over_https_from_verified_domains() {
    let stage = Stage::new().await;
    let ask = async |url: &str| stage.post(INIT, &video(&far(url))).await.verdict();
    assert_eq!(ask("https://cdn.example.com/a.mp4").await, (200, "ok".to_owned()));
    assert_eq!(ask("http://cdn.example.com/a.mp4").await, (400, "invalid_params".to_owned()));
    assert_eq!(ask("https://notexample.com/a.mp4").await, (403, "url_ownership_unverified".to_owned()));
}

#[tokio::test]
async fn fields_that_nobody_knows_and_levels_that_are_not_offered_are_refused() {
    let stage = Stage::new().await;
    let mut odd = video(&far("https://example.com/a.mp4"));
    odd["post_info"]["titel"] = "x".into();
    assert_eq!(stage.post(INIT, &odd).await.verdict(), (400, "invalid_params".to_owned()));
    let garden = stage.tiktok().tokens(GARDEN, &SCOPES).0;
    let refused = stage.post_as(&garden, INIT, &video(&far("https://example.com/a.mp4"))).await;
    assert_eq!(refused.verdict(), (403, "privacy_level_option_mismatch".to_owned()));
    let mut long = video(&far("https://example.com/a.mp4"));
    long["post_info"]["title"] = "a".repeat(2_201).into();
    assert_eq!(stage.post(INIT, &long).await.status, 400);
}

#[tokio::test]
async fn bans_and_caps_are_told_with_200_when_the_account_is_asked_about() {
    let stage = Stage::new().await;
    let empty = json!({});
    stage.tiktok().set_banned(BAKERY, true);
    assert_eq!(stage.post(CREATOR, &empty).await.verdict(), (200, "spam_risk_user_banned_from_posting".to_owned()));
    let refused = stage.post(INIT, &video(&far("https://example.com/a.mp4"))).await;
    assert_eq!(refused.verdict(), (403, "spam_risk_user_banned_from_posting".to_owned()));
    stage.tiktok().set_banned(BAKERY, false);
    stage.tiktok().set_audited(false);
    let refused = stage.post(INIT, &video(&far("https://example.com/a.mp4"))).await;
    assert_eq!(refused.verdict().1, "unaudited_client_can_only_post_to_private_accounts");
    stage.tiktok().set_audited(true);
    for _ in 0..15 {
        stage.advance(61);
        assert_eq!(stage.post(INIT, &video(&far("https://example.com/a.mp4"))).await.status, 200);
    }
    stage.advance(61);
    assert_eq!(stage.post(CREATOR, &empty).await.verdict(), (200, "spam_risk_too_many_posts".to_owned()));
}

#[tokio::test]
async fn calls_are_counted_over_a_sliding_minute() {
    let stage = Stage::new().await;
    let ask = async || stage.post(INIT, &video(&far("https://example.com/a.mp4"))).await.status;
    for _ in 0..6 {
        assert_eq!(ask().await, 200);
    }
    assert_eq!(ask().await, 429);
    stage.advance(59);
    assert_eq!(ask().await, 429);
    stage.advance(1);
    assert_eq!(ask().await, 200);
}

#[tokio::test]
async fn drafts_wait_for_the_person_and_five_are_enough() {
    let stage = Stage::new().await;
    let body = json!({"source_info": far("https://example.com/a.mp4")});
    let mut ids = Vec::new();
    for _ in 0..5 {
        ids.push(stage.post(INBOX, &body).await.data()["publish_id"].clone());
        stage.advance(20);
    }
    assert_eq!(stage.post(INBOX, &body).await.verdict(), (403, "spam_risk_too_many_pending_share".to_owned()));
    assert_eq!(status(&stage, &ids[0]).await["status"], "SEND_TO_USER_INBOX");
    assert!(stage.tiktok().post_draft(ids[0].as_str().unwrap(), "SELF_ONLY"));
    assert_eq!(status(&stage, &ids[0]).await["status"], "PUBLISH_COMPLETE");
    stage.advance(60);
    assert_eq!(stage.post(INBOX, &body).await.status, 200);
}

#[tokio::test]
async fn photos_are_fetched_and_not_listed() {
    let stage = Stage::new().await;
    let body = |count: usize, index: usize| {
        json!({
            "media_type": "PHOTO", "post_mode": "DIRECT_POST",
            "post_info": {"description": "Rolls", "privacy_level": "PUBLIC_TO_EVERYONE", "disable_comment": true},
            "source_info": {
                "source": "PULL_FROM_URL", "photo_cover_index": index,
                "photo_images": vec!["https://example.com/a.jpg"; count],
            },
        })
    };
    assert_eq!(stage.post(PHOTOS, &body(36, 0)).await.status, 400);
    assert_eq!(stage.post(PHOTOS, &body(2, 2)).await.status, 400);
    let begun = stage.post(PHOTOS, &body(2, 1)).await.data();
    stage.advance(20);
    assert_eq!(status(&stage, &begun["publish_id"]).await["status"], "PUBLISH_COMPLETE");
    let listed = stage.post("/v2/video/list/?fields=id,title", &json!({})).await.data();
    assert_eq!(listed["videos"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_post_that_fails_says_why_and_ids_are_the_accounts_own() {
    let stage = Stage::new().await;
    stage.tiktok().fail_next("frame_rate_check_failed");
    let begun = stage.post(INIT, &video(&far("https://example.com/a.mp4"))).await.data();
    stage.advance(10);
    let failed = status(&stage, &begun["publish_id"]).await;
    assert_eq!(
        (failed["status"].as_str(), failed["fail_reason"].as_str()),
        (Some("FAILED"), Some("frame_rate_check_failed"))
    );
    let garden = stage.tiktok().tokens(GARDEN, &SCOPES).0;
    let foreign = stage.post_as(&garden, STATUS, &json!({"publish_id": begun["publish_id"]})).await;
    assert_eq!(foreign.verdict(), (400, "token_not_authorized_for_specified_publish_id".to_owned()));
    let unknown = stage.post(STATUS, &json!({"publish_id": "v_pub_url~v2.0"})).await;
    assert_eq!(unknown.verdict(), (400, "invalid_publish_id".to_owned()));
}

#[tokio::test]
async fn listings_have_pages_by_time() {
    let stage = Stage::new().await;
    for index in 0..4 {
        stage.advance(1);
        let _id = stage.tiktok().write_by_hand(BAKERY, &format!("Video {index}"));
    }
    let (mut seen, mut body) = (Vec::new(), json!({"max_count": 2}));
    loop {
        let page = stage.post("/v2/video/list/?fields=title", &body).await.data();
        seen.extend(page["videos"].as_array().unwrap().iter().map(|video| video["title"].as_str().unwrap().to_owned()));
        if page["has_more"] == false {
            break;
        }
        body["cursor"] = page["cursor"].clone();
    }
    assert_eq!(seen, ["Video 3", "Video 2", "Video 1", "Video 0", "We open at seven tomorrow"]);
}

//! What TikTok tells unasked.

use aws_lc_rs::hmac;
use serde_json::{Value, json};
use simulator::tiktok::{APP, seed::BAKERY};

use crate::support::Stage;

fn told(stage: &Stage) -> Vec<(String, Value)> {
    let mut events = Vec::new();
    for (body, signature) in stage.tiktok().take_webhooks() {
        let (time, signature) = signature.strip_prefix("t=").unwrap().split_once(",s=").unwrap();
        let key = hmac::Key::new(hmac::HMAC_SHA256, APP.secret.as_bytes());
        let expected = hmac::sign(&key, format!("{time}.{body}").as_bytes());
        assert_eq!(signature, data_encoding::HEXLOWER.encode(expected.as_ref()));
        let body: Value = serde_json::from_str(&body).unwrap();
        assert_eq!((body["client_key"].as_str(), body["user_openid"].as_str()), (Some(APP.id), Some(BAKERY)));
        let content = serde_json::from_str(body["content"].as_str().unwrap()).unwrap();
        events.push((body["event"].as_str().unwrap().to_owned(), content));
    }
    events
}

#[tokio::test]
async fn a_post_is_told_when_it_is_out_when_it_is_seen_and_when_it_is_gone() {
    let stage = Stage::new().await;
    stage.tiktok().set_webhook_url(Some("http://127.0.0.1:9/webhooks/tiktok"));
    let info = json!({"privacy_level": "PUBLIC_TO_EVERYONE", "brand_content_toggle": false});
    let source = json!({"source": "PULL_FROM_URL", "video_url": "https://example.com/a.mp4"});
    let begun =
        stage.post("/v2/post/publish/video/init/", &json!({"post_info": info, "source_info": source})).await.data();
    // The clock does not move while the webhooks are taken: nobody else delivers them.
    stage.advance(20);
    let events = told(&stage);
    let names: Vec<&str> = events.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["post.publish.complete", "post.publish.publicly_available"]);
    assert!(events.iter().all(|(_, content)| content["publish_id"] == begun["publish_id"]));
    let video = events[1].1["post_id"].as_str().unwrap().to_owned();
    assert!(stage.tiktok().hide(&video));
    let events = told(&stage);
    assert_eq!(events[0].0, "post.publish.no_longer_publicaly_available");
    stage.tiktok().remove_authorization(BAKERY, 1);
    assert_eq!(told(&stage), [("authorization.removed".to_owned(), json!({"reason": 1}))]);
    assert_eq!(stage.get("/v2/user/info/?fields=open_id").await.status, 401);
}

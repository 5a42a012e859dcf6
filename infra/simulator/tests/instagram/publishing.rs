//! Containers and posts.

use crate::support::Stage;
use serde_json::json;
use simulator::instagram::seed::{BAKERY, CAFE, CREATOR, CREATOR_SCOPED, GARDEN};

const IMAGE: (&str, &str) = ("image_url", "https://example.com/a.jpg");
const VIDEO: (&str, &str) = ("video_url", "https://example.com/a.mp4");

#[tokio::test]
async fn a_container_is_worked_on_then_finished_then_published_once() {
    let stage = Stage::new().await;
    let container = stage.container(&[("media_type", "REELS"), VIDEO, ("caption", "Film")]).await.id();
    assert_eq!(stage.status(&container).await, "IN_PROGRESS");
    assert_eq!(stage.publish(&container).await.refusal(), (9007, Some(2_207_027)));
    stage.advance(25);
    assert_eq!(stage.status(&container).await, "FINISHED");
    let media = stage.publish(&container).await.id();
    assert_eq!(stage.status(&container).await, "PUBLISHED");
    assert_eq!(stage.publish(&container).await.refusal(), (24, Some(2_207_006)));
    let read = stage.get(&format!("/v26.0/{media}?fields=id,permalink,media_product_type"), &stage.page).await.json();
    assert_eq!(read["media_product_type"], "REELS");
    // An address is never made of the id.
    assert!(!read["permalink"].as_str().unwrap().contains(&media));
    let shown = stage.simulator.instagram().state().media_of(BAKERY);
    assert_eq!((shown.len(), shown[0].caption.as_deref()), (1, Some("Film")));
}

#[tokio::test]
async fn a_container_ends_with_its_day() {
    let stage = Stage::new().await;
    let container = stage.container(&[IMAGE]).await.id();
    stage.advance(24 * 3600);
    assert_eq!(stage.status(&container).await, "EXPIRED");
    assert_eq!(stage.publish(&container).await.refusal(), (-2, Some(2_207_020)));
}

#[tokio::test]
async fn a_file_that_cannot_be_shown_ends_its_container_or_is_refused_at_once() {
    let stage = Stage::new().await;
    let wrong = ("video_url", "https://example.com/wrong-format.mp4");
    let container = stage.container(&[("media_type", "REELS"), wrong]).await.id();
    stage.advance(25);
    let read = stage.get(&format!("/v26.0/{container}?fields=status_code,status"), &stage.page).await.json();
    assert_eq!(read["status_code"], "ERROR");
    assert!(read["status"].as_str().unwrap().contains("2207026"));
    for (address, expected) in [
        ("http://example.com/a.jpg", (9004, Some(2_207_052))),
        ("https://nowhere.invalid/a.jpg", (9004, Some(2_207_052))),
        ("https://example.com/a.png", (36_001, Some(2_207_005))),
        ("https://example.com/too-large.jpg", (36_000, Some(2_207_004))),
        ("https://example.com/too-wide.jpg", (36_003, Some(2_207_009))),
    ] {
        assert_eq!(stage.container(&[("image_url", address)]).await.refusal(), expected, "{address}");
    }
}

#[tokio::test]
async fn a_carousel_takes_finished_children_of_its_account() {
    let stage = Stage::new().await;
    let child = |file| [file, ("is_carousel_item", "true")];
    let first = stage.container(&child(IMAGE)).await.id();
    let second = stage.container(&[VIDEO, ("media_type", "VIDEO"), ("is_carousel_item", "true")]).await.id();
    let children = format!("{first},{second}");
    let parent = [("media_type", "CAROUSEL"), ("children", children.as_str()), ("caption", "Many")];
    assert_eq!(stage.container(&parent).await.refusal(), (9007, Some(2_207_027)));
    stage.advance(25);
    assert_eq!(stage.publish(&first).await.refusal(), (100, None));
    let container = stage.container(&parent).await.id();
    stage.advance(3);
    stage.publish(&container).await.id();
    let shown = stage.simulator.instagram().state().media_of(BAKERY);
    assert_eq!((shown[0].kind.as_str(), shown[0].files.len()), ("CAROUSEL_ALBUM", 2));
    let alone = [("media_type", "CAROUSEL"), ("children", first.as_str())];
    assert_eq!(stage.container(&alone).await.refusal(), (100, Some(2_207_028)));
}

#[tokio::test]
async fn what_is_not_documented_is_refused() {
    let stage = Stage::new().await;
    let long = "é".repeat(2_201);
    for form in [
        &[IMAGE, VIDEO][..],
        &[("caption", "nothing to see")],
        &[IMAGE, ("colour", "red")],
        &[IMAGE, ("share_to_feed", "true")],
        &[IMAGE, ("media_type", "STORIES"), ("caption", "none here")],
        &[IMAGE, ("is_carousel_item", "true"), ("caption", "none here")],
        &[IMAGE, ("collaborators", r#"["a","b","c","d"]"#)],
        &[VIDEO, ("media_type", "REELS"), ("alt_text", "none here")],
    ] {
        assert_eq!(stage.container(form).await.refusal().0, 100, "{form:?}");
    }
    assert_eq!(stage.container(&[IMAGE, ("caption", &long)]).await.refusal(), (36_004, Some(2_207_010)));
    let tag = r#"[{"username":"a","x":1.5,"y":0}]"#;
    assert_eq!(stage.container(&[IMAGE, ("user_tags", tag)]).await.refusal(), (100, Some(2_207_035)));
}

#[tokio::test]
async fn the_quota_counts_what_is_out_and_throttling_tells_its_wait() {
    let stage = Stage::new().await;
    let instagram = stage.simulator.instagram();
    instagram.set_quota(1);
    let first = stage.container(&[IMAGE]).await.id();
    let second = stage.container(&[IMAGE]).await.id();
    stage.advance(3);
    stage.publish(&first).await.id();
    assert_eq!(stage.publish(&second).await.refusal(), (9, Some(2_207_042)));
    let path = format!("/v26.0/{BAKERY}/content_publishing_limit?fields=quota_usage,config");
    let limit = stage.get(&path, &stage.page).await.json();
    assert_eq!(limit["data"][0], json!({"quota_usage": 1, "config": {"quota_total": 1, "quota_duration": 86_400}}));
    instagram.set_budget(1);
    let throttled = stage.get(&path, &stage.page).await;
    assert_eq!(throttled.refusal(), (80_002, None));
    let usage = throttled.headers["x-business-use-case-usage"].to_str().unwrap();
    assert!(
        usage.contains(r#""call_count":100"#) && !usage.contains(r#""estimated_time_to_regain_access":0"#),
        "{usage}"
    );
}

#[tokio::test]
async fn who_may_not_is_refused() {
    let stage = Stage::new().await;
    let path = |account: &str| format!("/v26.0/{account}/media");
    assert_eq!(stage.post(&path(CAFE), &stage.user, &[IMAGE]).await.refusal(), (10, None));
    assert_eq!(stage.post(&path(GARDEN), &stage.user, &[IMAGE]).await.refusal(), (100, Some(33)));
    assert_eq!(stage.post(&path(BAKERY), "EAAPnobody", &[IMAGE]).await.refusal(), (190, None));
    // Instagram Login has another id for its account.
    assert_eq!(stage.post(&path(CREATOR), &stage.creator, &[IMAGE]).await.refusal(), (2, None));
    let container = stage.post(&path(CREATOR_SCOPED), &stage.creator, &[IMAGE]).await.id();
    stage.advance(3);
    let publish = format!("/v26.0/{CREATOR_SCOPED}/media_publish");
    let media = stage.post(&publish, &stage.creator, &[("creation_id", &container)]).await.id();
    let deleted = stage.send("DELETE", &format!("/v26.0/{media}"), Some(&stage.creator), "").await;
    assert_eq!(deleted.refusal(), (100, Some(33)));
}

#[tokio::test]
async fn figures_move_and_one_dead_metric_fails_the_call() {
    let stage = Stage::new().await;
    let container = stage.container(&[IMAGE]).await.id();
    stage.advance(3);
    let media = stage.publish(&container).await.id();
    let views = async || {
        let read = stage.get(&format!("/v26.0/{media}/insights?metric=views,reach"), &stage.page).await.json();
        read["data"][0]["values"][0]["value"].as_u64().unwrap()
    };
    let before = views().await;
    stage.advance(3600);
    assert!(views().await > before);
    let dead = stage.get(&format!("/v26.0/{media}/insights?metric=views,impressions"), &stage.page).await;
    assert_eq!(dead.refusal(), (100, None));
}

#[tokio::test]
async fn listings_are_cut_into_pages_and_lag_behind() {
    let stage = Stage::new().await;
    let instagram = stage.simulator.instagram();
    for number in 0..3 {
        drop(instagram.write_by_hand(BAKERY, &format!("Post {number}")));
        stage.advance(1);
    }
    let first = stage.get(&format!("/v26.0/{BAKERY}/media?fields=caption&limit=2"), &stage.page).await.json();
    assert_eq!(first["data"][0]["caption"], "Post 2");
    let next = first["paging"]["next"].as_str().unwrap().split("/instagram").nth(1).unwrap().to_owned();
    let second = stage.get(&next, &stage.page).await.json();
    assert_eq!(second["data"].as_array().unwrap().len(), 1);
    assert!(second.get("paging").is_none());
    instagram.set_listing_lag(jiff::SignedDuration::from_mins(1));
    let none = stage.get(&format!("/v26.0/{BAKERY}/media?fields=caption"), &stage.page).await.json();
    assert_eq!(none["data"], json!([]));
}

#[tokio::test]
async fn people_see_what_is_out() {
    let stage = Stage::new().await;
    drop(stage.simulator.instagram().write_by_hand(BAKERY, "<b>Bread</b>"));
    let front = stage.send("GET", "/", None, "").await;
    assert!(front.text.contains("@examplebakery") && front.text.contains("&lt;b&gt;Bread"), "{}", front.text);
    let shown = stage.simulator.instagram().state().media_of(BAKERY);
    let path = shown[0].permalink.split("/instagram").nth(1).unwrap().to_owned();
    assert_eq!(stage.send("GET", &path, None, "").await.status, 200);
}

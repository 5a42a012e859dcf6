//! Writing to a Page: what goes through, what is refused and how.

use crate::support::{Stage, query};
use bytes::Bytes;
use jiff::SignedDuration;
use serde_json::json;
use simulator::facebook::seed::{ADA, BAKERY, CAFE};

/// A form and the code and subcode that refuse it.
type Refused<'a> = (&'a [(&'a str, &'a str)], (i64, Option<i64>));

const FEED: &str = "/v26.0/100000000000101/feed";
const PHOTOS: &str = "/v26.0/100000000000101/photos";
const IMAGE: &str = "https://cdn.example.com/bread.jpg";

#[tokio::test]
async fn a_text_post_appears_and_answers_the_fields_that_were_asked_for() {
    let stage = Stage::new().await;
    let answer = stage
        .post(&format!("{FEED}?fields=id,permalink_url,created_time"), &stage.page, &[("message", "Grüße 🍞")])
        .await;
    let id = answer.id();
    let number = id.strip_prefix(&format!("{BAKERY}_")).unwrap();
    assert_eq!(answer.json()["permalink_url"], stage.url(&format!("/{BAKERY}/posts/{number}")));
    assert_eq!(answer.json()["created_time"], "2026-11-21T12:00:00+0000");
    assert_eq!(stage.shown(), ["Grüße 🍞"]);
    let page = stage.send("GET", &format!("/{BAKERY}/posts/{number}"), None, "", "").await.unwrap();
    assert!(page.status == 200 && page.text.contains("Grüße 🍞"));
}

#[tokio::test]
async fn json_form_and_query_bodies_mean_the_same() {
    let stage = Stage::new().await;
    let body = json!({"message": "as JSON", "published": true}).to_string();
    let answer = stage.send("POST", FEED, Some(&stage.page), "application/json", &body).await.unwrap();
    assert_eq!(answer.status, 200);
    let path = format!("{FEED}?{}", query(&[("message", "as query"), ("access_token", &stage.page)]));
    assert_eq!(stage.send("POST", &path, None, "", "").await.unwrap().status, 200);
    let form = query(&[("message", "as form"), ("access_token", &stage.page)]);
    let form = stage.send("POST", FEED, None, "application/x-www-form-urlencoded", &form).await.unwrap();
    assert_eq!(form.status, 200);
    assert_eq!(stage.shown(), ["as form", "as query", "as JSON"]);
}

#[tokio::test]
async fn a_body_that_is_not_what_it_says_is_refused() {
    let stage = Stage::new().await;
    let broken = stage.send("POST", FEED, Some(&stage.page), "application/json", "{").await.unwrap();
    assert_eq!(broken.refusal().0, 100);
    let unknown = stage.send("POST", FEED, Some(&stage.page), "text/plain", "message=Hi").await.unwrap();
    assert_eq!(unknown.refusal().0, 100);
    assert!(stage.shown().is_empty());
}

#[tokio::test]
async fn posts_that_break_a_rule_are_refused_and_leave_nothing_behind() {
    let stage = Stage::new().await;
    let long = "x".repeat(63_207);
    let cases: [Refused; 16] = [
        (&[], (100, None)),
        (&[("message", "  \n ")], (100, None)),
        (&[("message", &long)], (100, None)),
        (&[("message", "Hi"), ("mesage", "typo")], (100, None)),
        (&[("message", "Hi"), ("published", "maybe")], (100, None)),
        (&[("message", "Hi"), ("link", "not a link")], (100, Some(2_061_006))),
        (&[("message", "Hi"), ("link", "ftp://example.com/x")], (100, Some(2_061_006))),
        (&[("message", "Hi"), ("link", "http://127.0.0.1/x")], (100, Some(1_609_005))),
        (&[("message", "Hi"), ("link", "https://www.facebook.com/somebody")], (100, Some(1_609_008))),
        (&[("message", "Hi"), ("attached_media", "[{\"media_fbid\":\"12\"}]")], (100, Some(33))),
        (&[("message", "Hi"), ("attached_media", "[1]")], (100, None)),
        (&[("message", "Hi"), ("attached_media", "{}")], (100, None)),
        (&[("message", "Hi"), ("scheduled_publish_time", "1795300000")], (100, None)),
        (&[("message", "Hi"), ("published", "false"), ("scheduled_publish_time", "1795262700")], (100, None)),
        (&[("message", "Hi"), ("published", "false"), ("unpublished_content_type", "LATER")], (100, None)),
        (&[("message", "Hi"), ("published", "false"), ("unpublished_content_type", "SCHEDULED")], (100, None)),
    ];
    for (form, expected) in cases {
        let answer = stage.post(FEED, &stage.page, form).await;
        assert_eq!((answer.status, answer.refusal()), (400, expected), "{form:.80?}");
    }
    let unknown_field = stage.post(&format!("{FEED}?fields=id,permalink"), &stage.page, &[("message", "Hi")]).await;
    assert_eq!(unknown_field.refusal(), (100, None));
    assert!(stage.shown().is_empty());
}

#[tokio::test]
async fn the_longest_text_is_accepted() {
    let stage = Stage::new().await;
    assert_eq!(stage.publish(&"ä".repeat(63_206)).await.status, 200);
}

#[tokio::test]
async fn the_same_text_twice_in_a_row_is_a_duplicate() {
    let stage = Stage::new().await;
    assert_eq!(stage.publish("Once").await.status, 200);
    assert_eq!(stage.publish("Once").await.refusal(), (506, Some(1_455_006)));
    assert_eq!(stage.publish("Twice").await.status, 200);
    assert_eq!(stage.publish("Once").await.status, 200);
    assert_eq!(stage.shown(), ["Once", "Twice", "Once"]);
    stage.simulator.facebook().set_refuse_duplicates(false);
    assert_eq!(stage.publish("Once").await.status, 200);
}

#[tokio::test]
async fn only_a_token_of_that_page_may_write() {
    let stage = Stage::new().await;
    let form = [("message", "Hi")];
    assert_eq!(stage.post(FEED, &stage.user, &form).await.refusal(), (210, None));
    assert_eq!(stage.post(FEED, &stage.token_of(CAFE), &form).await.refusal(), (100, Some(33)));
    let app = format!("{}|{}", simulator::APP_ID, simulator::APP_SECRET);
    assert_eq!(stage.post(FEED, &app, &form).await.refusal(), (210, None));
    assert_eq!(stage.post("/v26.0/123/feed", &stage.page, &form).await.refusal(), (100, Some(33)));
    assert!(stage.shown().is_empty());
}

#[tokio::test]
async fn writing_needs_the_task_and_both_permissions() {
    let stage = Stage::new().await;
    let cafe = stage.token_of(CAFE);
    let answer = stage.post(&format!("/v26.0/{CAFE}/feed"), &cafe, &[("message", "Hi")]).await;
    assert_eq!((answer.status, answer.refusal()), (403, (200, None)));
    let no_write = stage.with_scopes(&["pages_show_list", "pages_read_engagement"]);
    assert_eq!(stage.post(FEED, &no_write, &[("message", "Hi")]).await.refusal(), (200, None));
    let no_read = stage.with_scopes(&["pages_show_list", "pages_manage_posts"]);
    assert_eq!(stage.post(FEED, &no_read, &[("message", "Hi")]).await.refusal(), (283, None));
}

#[tokio::test]
async fn a_photo_by_address_is_posted_with_its_caption() {
    let stage = Stage::new().await;
    let form = [("url", IMAGE), ("caption", "Fresh"), ("alt_text_custom", "A loaf")];
    let answer = stage.post(PHOTOS, &stage.page, &form).await.json();
    let post = answer["post_id"].as_str().unwrap();
    assert!(answer["id"].is_string() && post.starts_with(BAKERY));
    let fields = "message,status_type,attachments{media_type,target{id}}";
    let read = stage.get(&format!("/v26.0/{post}?{}", query(&[("fields", fields)])), &stage.page).await.json();
    assert_eq!(read["message"], "Fresh");
    assert_eq!(read["status_type"], "added_photos");
    assert_eq!(read["attachments"]["data"][0], json!({"media_type": "photo", "target": {"id": answer["id"]}}));
}

#[tokio::test]
async fn photos_that_break_a_rule_are_refused() {
    let stage = Stage::new().await;
    let long = "x".repeat(63_207);
    let cases: [Refused; 8] = [
        (&[], (324, None)),
        (&[("url", "bread.jpg")], (100, None)),
        (&[("url", "ftp://example.com/bread.jpg")], (100, None)),
        (&[("url", "https://example.com/bread.pdf")], (100, Some(1_349_125))),
        (&[("url", "https://192.168.1.1/bread.jpg")], (324, Some(2_069_019))),
        (&[("url", "http://127.0.0.1:9/bread.jpg")], (324, Some(2_069_019))),
        (&[("url", IMAGE), ("caption", &long)], (100, None)),
        (&[("url", IMAGE), ("link", "https://example.com")], (100, None)),
    ];
    for (form, expected) in cases {
        assert_eq!(stage.post(PHOTOS, &stage.page, form).await.refusal(), expected, "{form:.80?}");
    }
    assert!(stage.shown().is_empty());
}

#[tokio::test]
async fn an_uploaded_photo_has_to_be_a_small_image() {
    let stage = Stage::new().await;
    let upload = |content: &[u8]| {
        let mut body =
            b"--frontier\r\nContent-Disposition: form-data; name=\"source\"; filename=\"a.png\"\r\n\r\n".to_vec();
        body.extend_from_slice(content);
        body.extend_from_slice(
            b"\r\n--frontier\r\nContent-Disposition: form-data; name=\"caption\"\r\n\r\nUp\r\n--frontier--\r\n",
        );
        let kind = "multipart/form-data; boundary=frontier";
        stage.send_bytes("POST", PHOTOS, Some(&stage.page), kind, Bytes::from(body))
    };
    assert_eq!(upload(b"<html>").await.unwrap().refusal(), (100, Some(1_349_125)));
    let mut large = b"\x89PNG\r\n\x1a\n".to_vec();
    large.resize(4 * 1024 * 1024 + 1, 0);
    assert_eq!(upload(&large).await.unwrap().refusal(), (100, Some(1_366_046)));
    assert_eq!(upload(b"\x89PNG\r\n\x1a\nrest").await.unwrap().status, 200);
    assert_eq!(stage.shown(), ["Up"]);
}

async fn staged(stage: &Stage, extra: &[(&str, &str)]) -> String {
    let mut form = vec![("url", IMAGE), ("published", "false")];
    form.extend(extra);
    let answer = stage.post(PHOTOS, &stage.page, &form).await;
    assert!(answer.json()["post_id"].is_null());
    answer.id()
}

#[tokio::test]
async fn staged_photos_become_one_post_and_cannot_be_used_again() {
    let stage = Stage::new().await;
    let (first, second) = (staged(&stage, &[]).await, staged(&stage, &[]).await);
    assert!(stage.shown().is_empty());
    let (one, two) = (json!({"media_fbid": first}).to_string(), json!({"media_fbid": second}).to_string());
    let form = [("message", "Two"), ("attached_media[0]", one.as_str()), ("attached_media[1]", two.as_str())];
    let post = stage.post(FEED, &stage.page, &form).await.id();
    let read = stage.get(&format!("/v26.0/{post}?fields=attachments"), &stage.page).await.json();
    let album = &read["attachments"]["data"][0];
    assert_eq!((&album["media_type"], album["subattachments"]["data"].as_array().unwrap().len()), (&json!("album"), 2));
    let again = [("message", "Three"), ("attached_media[0]", one.as_str())];
    assert_eq!(stage.post(FEED, &stage.page, &again).await.refusal(), (100, Some(1_366_051)));
}

#[tokio::test]
async fn a_temporary_photo_is_gone_after_a_day() {
    let stage = Stage::new().await;
    let photo = staged(&stage, &[("temporary", "true")]).await;
    stage.advance(SignedDuration::from_hours(24));
    let media = json!([{"media_fbid": photo}]).to_string();
    let answer = stage.post(FEED, &stage.page, &[("message", "Late"), ("attached_media", &media)]).await;
    assert_eq!(answer.refusal(), (100, Some(33)));
}

#[tokio::test]
async fn a_scheduled_post_goes_out_by_itself() {
    let stage = Stage::new().await;
    let form = [
        ("message", "Tomorrow"),
        ("published", "false"),
        ("unpublished_content_type", "SCHEDULED"),
        ("scheduled_publish_time", "2026-11-21T13:00:00+0000"),
    ];
    let id = stage.post(FEED, &stage.page, &form).await.id();
    assert!(stage.shown().is_empty());
    let scheduled = stage.get(&format!("/v26.0/{BAKERY}/scheduled_posts"), &stage.page).await.data();
    assert_eq!(scheduled[0]["id"], id);
    stage.advance(SignedDuration::from_hours(1));
    assert_eq!(stage.shown(), ["Tomorrow"]);
    let read = stage.get(&format!("/v26.0/{id}?fields=created_time,is_published"), &stage.page).await.json();
    assert_eq!((&read["created_time"], &read["is_published"]), (&json!("2026-11-21T13:00:00+0000"), &json!(true)));
}

#[tokio::test]
async fn an_unpublished_post_is_on_no_list_until_it_is_published() {
    let stage = Stage::new().await;
    let id = stage.post(FEED, &stage.page, &[("message", "Draft"), ("published", "false")]).await.id();
    assert!(stage.shown().is_empty());
    let answer = stage.post(&format!("/v26.0/{id}"), &stage.page, &[("is_published", "true")]).await;
    assert_eq!(answer.json(), json!({"success": true}));
    assert_eq!(stage.shown(), ["Draft"]);
}

#[tokio::test]
async fn a_post_is_edited_only_by_the_app_that_made_it() {
    let stage = Stage::new().await;
    let id = stage.publish("Bread").await.id();
    assert_eq!(stage.post(&format!("/v26.0/{id}"), &stage.page, &[("message", "Rolls")]).await.status, 200);
    assert_eq!(stage.shown(), ["Rolls"]);
    let unknown = stage.post(&format!("/v26.0/{id}"), &stage.page, &[("link", "https://example.com")]).await;
    assert_eq!(unknown.refusal(), (100, None));
    let by_hand = stage.simulator.facebook().write_by_hand(BAKERY, "By hand");
    let refused = stage.post(&format!("/v26.0/{by_hand}"), &stage.page, &[("message", "Mine")]).await;
    assert_eq!(refused.refusal(), (200, None));
}

#[tokio::test]
async fn a_deleted_post_is_gone_for_everybody() {
    let stage = Stage::new().await;
    let id = stage.publish("Bread").await.id();
    assert_eq!(stage.delete(&format!("/v26.0/{id}"), &stage.user).await.refusal(), (210, None));
    assert_eq!(stage.delete(&format!("/v26.0/{id}"), &stage.page).await.json(), json!({"success": true}));
    assert!(stage.shown().is_empty());
    assert_eq!(stage.get(&format!("/v26.0/{id}"), &stage.page).await.refusal(), (100, Some(33)));
    assert_eq!(stage.delete(&format!("/v26.0/{id}"), &stage.page).await.refusal(), (100, Some(33)));
    assert_eq!(stage.publish("Bread").await.status, 200, "its text may be used again");
}

#[tokio::test]
async fn a_deleted_photo_takes_its_post_along() {
    let stage = Stage::new().await;
    let photo = stage.post(PHOTOS, &stage.page, &[("url", IMAGE), ("caption", "Bread")]).await.id();
    assert_eq!(stage.delete(&format!("/v26.0/{photo}"), &stage.page).await.status, 200);
    assert!(stage.shown().is_empty());
}

#[tokio::test]
async fn a_removed_role_stops_the_page_token() {
    let stage = Stage::new().await;
    stage.simulator.facebook().remove_role(ADA, BAKERY);
    assert_eq!(stage.publish("Hi").await.refusal(), (190, Some(492)));
}

#[tokio::test]
async fn a_photo_on_this_machine_is_really_looked_at() {
    let stage = Stage::new().await;
    let post =
        async |path: &str| stage.post(PHOTOS, &stage.page, &[("url", &stage.url(path)), ("caption", "Local")]).await;
    assert_eq!(post("/_simulator/missing.png").await.refusal(), (324, Some(2_069_019)));
    assert_eq!(post("/_simulator/pictures/1.png").await.refusal(), (100, Some(1_349_125)), "an SVG, whatever its name");
    assert_eq!(post("/_simulator/sample.png").await.status, 200);
    assert_eq!(stage.shown(), ["Local"]);
}

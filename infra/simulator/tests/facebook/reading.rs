//! Listings, objects, insights.

use crate::support::{Stage, query};
use jiff::SignedDuration;
use serde_json::json;
use simulator::facebook::seed::{ADA, BAKERY, CAFE, FRANCHISE, HOLDING, ODDITIES};
use simulator::{APP_ID, APP_SECRET};

const POSTS: &str = "/v26.0/100000000000101/published_posts";

#[tokio::test]
async fn the_listing_tells_our_posts_from_a_persons() {
    let stage = Stage::new().await;
    stage
        .post(
            &format!("/v26.0/{BAKERY}/feed"),
            &stage.page,
            &[("message", "Ours"), ("link", "https://example.com/a?b=c")],
        )
        .await;
    let fields = "id,message,created_time,permalink_url,application{id},is_published,status_type,attachments{media_type,target,unshimmed_url}";
    let posts = stage.get(&format!("{POSTS}?{}", query(&[("fields", fields)])), &stage.page).await.data();
    assert_eq!(posts.len(), 2);
    assert_eq!(posts[0]["application"], json!({"id": APP_ID}));
    assert_eq!(posts[0]["created_time"], "2026-11-21T12:00:00+0000");
    assert_eq!((&posts[0]["is_published"], &posts[0]["status_type"]), (&json!(true), &json!("shared_story")));
    let attachment = &posts[0]["attachments"]["data"][0];
    assert_eq!(attachment["unshimmed_url"], "https://example.com/a?b=c");
    assert!(attachment["target"]["url"].as_str().unwrap().starts_with("https://l.facebook.com/"));
    assert!(posts[1]["application"].is_null());
}

#[tokio::test]
async fn all_three_listings_show_what_is_published() {
    let stage = Stage::new().await;
    stage.publish("Bread").await;
    for edge in ["feed", "posts", "published_posts"] {
        let posts = stage.get(&format!("/v26.0/{BAKERY}/{edge}"), &stage.page).await.data();
        assert_eq!(posts[0]["message"], "Bread", "{edge}");
    }
}

#[tokio::test]
async fn since_until_and_limit_cut_the_listing_and_cursors_walk_it() {
    let stage = Stage::new().await;
    for number in 0..5 {
        stage.publish(&format!("Post {number}")).await;
        stage.advance(SignedDuration::from_mins(1));
    }
    let pairs = [("since", "2026-11-21T12:01:00+0000"), ("until", "1795262580"), ("fields", "message"), ("limit", "2")];
    let mut path = format!("{POSTS}?{}", query(&pairs));
    let mut seen = Vec::new();
    loop {
        let page = stage.get(&path, &stage.page).await.json();
        seen.extend(page["data"].as_array().unwrap().iter().map(|post| post["message"].as_str().unwrap().to_owned()));
        let Some(next) = page["paging"]["next"].as_str() else { break };
        path = next.strip_prefix(&stage.simulator.url()).unwrap().to_owned();
    }
    assert_eq!(seen, ["Post 3", "Post 2", "Post 1"]);
    assert_eq!(stage.get(&format!("{POSTS}?limit=101"), &stage.page).await.refusal(), (100, None));
    assert_eq!(stage.get(&format!("{POSTS}?after=%21"), &stage.page).await.refusal(), (100, None));
}

#[tokio::test]
async fn an_odd_listing_begins_with_an_empty_page_that_has_a_next() {
    let stage = Stage::new().await;
    let token = stage.token_of(ODDITIES);
    stage.post(&format!("/v26.0/{ODDITIES}/feed"), &token, &[("message", "Odd")]).await;
    let first = stage.get(&format!("/v26.0/{ODDITIES}/published_posts"), &token).await;
    assert!(first.data().is_empty());
    let next = first.json()["paging"]["next"].as_str().unwrap().to_owned();
    let second = stage.get(next.strip_prefix(&stage.simulator.url()).unwrap(), &token).await;
    assert_eq!(second.data()[0]["message"], "Odd");
    assert!(second.json()["paging"]["next"].is_null());
}

#[tokio::test]
async fn a_new_post_stays_out_of_the_listing_for_the_lag() {
    let stage = Stage::new().await;
    stage.simulator.facebook().set_listing_lag(SignedDuration::from_secs(30));
    let id = stage.publish("Slow").await.id();
    assert_eq!(stage.get(POSTS, &stage.page).await.data().len(), 1);
    assert_eq!(stage.get(&format!("/v26.0/{id}"), &stage.page).await.json()["message"], "Slow");
    stage.advance(SignedDuration::from_secs(30));
    assert_eq!(stage.get(POSTS, &stage.page).await.data().len(), 2);
}

#[tokio::test]
async fn reading_wants_known_fields_known_parameters_and_the_page_itself() {
    let stage = Stage::new().await;
    assert_eq!(stage.get(&format!("{POSTS}?fields=id,text"), &stage.page).await.refusal(), (100, None));
    assert_eq!(stage.get(&format!("{POSTS}?fields=id%7B"), &stage.page).await.refusal(), (2500, None));
    for removed in ["pretty=1", "debug=all", "date_format=U"] {
        assert_eq!(stage.get(&format!("{POSTS}?{removed}"), &stage.page).await.refusal(), (100, None), "{removed}");
    }
    assert_eq!(stage.get("/v26.0/?ids=1,2", &stage.page).await.refusal(), (100, None));
    assert_eq!(stage.get(POSTS, &stage.user).await.refusal(), (210, None));
    assert_eq!(stage.get(&format!("/v26.0/{BAKERY}/likes_of_all"), &stage.page).await.refusal(), (2500, None));
    assert_eq!(stage.get("/v26.0/123456", &stage.page).await.refusal(), (100, Some(33)));
    let blind = stage.with_scopes(&["pages_show_list", "pages_manage_posts"]);
    assert_eq!(stage.get(POSTS, &blind).await.refusal(), (283, None));
}

#[tokio::test]
async fn comments_and_reactions_need_their_own_permission() {
    let stage = Stage::new().await;
    let id = stage.publish("Hi").await.id();
    let path = format!("/v26.0/{id}?fields=comments.limit(0).summary(true),reactions.limit(0).summary(true)");
    assert_eq!(stage.get(&path, &stage.page).await.refusal(), (10, None));
    let token = stage.with_scopes(&["pages_show_list", "pages_read_engagement", "pages_read_user_content"]);
    assert_eq!(stage.get(&path, &token).await.json()["comments"]["summary"]["total_count"], 0);
}

#[tokio::test]
async fn a_page_and_its_user_read_the_page() {
    let stage = Stage::new().await;
    let path = format!("/v26.0/{BAKERY}?fields=id,name,username,fan_count,link");
    let page = stage.get(&path, &stage.page).await.json();
    assert_eq!((&page["name"], &page["username"]), (&json!("Example Bakery"), &json!("examplebakery")));
    assert_eq!(page["link"], stage.url(&format!("/{BAKERY}")));
    let token = stage.get(&format!("/v26.0/{BAKERY}?fields=access_token"), &stage.user).await.json();
    assert_eq!(token["access_token"], stage.page.as_str());
    let me = stage.get("/me?fields=id,name", &stage.user).await.json();
    assert_eq!(me, json!({"id": ADA, "name": "Ada Example"}));
    let foreign = stage.get(&format!("/v26.0/{BAKERY}"), &stage.token_of(CAFE)).await;
    assert_eq!(foreign.refusal(), (100, Some(33)));
}

#[tokio::test]
async fn old_versions_are_served_in_silence_and_unknown_ones_refused() {
    let stage = Stage::new().await;
    for version in ["v26.0", "v21.0", "v20.0", "v3.1", "v2.12"] {
        assert_eq!(stage.get(&format!("/{version}/me"), &stage.user).await.status, 200, "{version}");
    }
    for version in ["v27.0", "v99.0", "v26.1"] {
        assert_eq!(stage.get(&format!("/{version}/me"), &stage.user).await.refusal(), (2500, None), "{version}");
    }
}

#[tokio::test]
async fn live_metrics_have_figures_and_one_dead_metric_spoils_the_call() {
    let stage = Stage::new().await;
    let path = |metric: &str| format!("/v26.0/{BAKERY}/insights?{}", query(&[("metric", metric), ("period", "day")]));
    let data = stage.get(&path("page_follows,page_media_view"), &stage.page).await.data();
    assert_eq!(data.len(), 2);
    assert_eq!((&data[0]["name"], data[0]["values"].as_array().unwrap().len()), (&json!("page_follows"), 2));
    assert!(data[0]["values"][0]["value"].is_number() && data[1]["values"][0]["value"].is_object());
    for dead in ["page_impressions", "page_fans", "page_follows,page_posts_impressions", "nonsense", ""] {
        assert_eq!(stage.get(&path(dead), &stage.page).await.refusal(), (100, None), "{dead}");
    }
    let long = [("metric", "page_follows"), ("since", "2026-01-01T00:00:00Z")];
    let long = format!("/v26.0/{BAKERY}/insights?{}", query(&long));
    assert_eq!(stage.get(&long, &stage.page).await.refusal(), (100, None));
}

#[tokio::test]
async fn post_insights_are_the_same_on_every_reading() {
    let stage = Stage::new().await;
    let id = stage.publish("Hi").await.id();
    let path = format!("/v26.0/{id}/insights?metric=post_media_view,post_reactions_by_type_total");
    let first = stage.get(&path, &stage.page).await.data();
    assert!(first[1]["values"][0]["value"]["like"].is_number());
    assert_eq!(first, stage.get(&path, &stage.page).await.data());
    let dead = format!("/v26.0/{id}/insights?metric=post_impressions");
    assert_eq!(stage.get(&dead, &stage.page).await.refusal(), (100, None));
}

#[tokio::test]
async fn insights_need_permission_task_and_a_hundred_fans() {
    let stage = Stage::new().await;
    let oddities = format!("/v26.0/{ODDITIES}/insights?metric=page_follows");
    assert_eq!(stage.get(&oddities, &stage.token_of(ODDITIES)).await.refusal(), (200, None));
    let cafe = format!("/v26.0/{CAFE}/insights?metric=page_follows");
    assert_eq!(stage.get(&cafe, &stage.token_of(CAFE)).await.data().len(), 1);
    let token = stage.with_scopes(&["pages_show_list", "pages_read_engagement"]);
    let bakery = format!("/v26.0/{BAKERY}/insights?metric=page_follows");
    assert_eq!(stage.get(&bakery, &token).await.refusal(), (10, None));
}

#[tokio::test]
async fn photos_are_listed_once_they_are_posted() {
    let stage = Stage::new().await;
    let path = format!("/v26.0/{BAKERY}/photos");
    let url = ("url", "https://cdn.example.com/bread.jpg");
    stage.post(&path, &stage.page, &[url, ("published", "false")]).await;
    let photo = stage.post(&path, &stage.page, &[url, ("caption", "Bread")]).await.id();
    let listed = stage.get(&format!("{path}?fields=id,name,page_story_id"), &stage.page).await.data();
    assert_eq!(listed.len(), 1);
    assert_eq!((&listed[0]["id"], &listed[0]["name"]), (&json!(photo), &json!("Bread")));
    let read = stage.get(&format!("/v26.0/{photo}?fields=link,name"), &stage.page).await.json();
    assert_eq!(read["name"], "Bread");
}

#[tokio::test]
async fn the_app_itself_is_no_reader_of_pages() {
    let stage = Stage::new().await;
    let app = format!("{APP_ID}|{APP_SECRET}");
    assert_eq!(stage.get(POSTS, &app).await.refusal(), (210, None));
    assert_eq!(stage.get("/v26.0/me", &app).await.refusal(), (2500, None));
    assert_eq!(stage.get(&format!("/v26.0/{APP_ID}"), &app).await.json()["id"], APP_ID);
}

#[tokio::test]
async fn a_page_of_a_business_is_found_through_the_business_only() {
    let stage = Stage::new().await;
    let facebook = stage.simulator.facebook();
    let scopes = ["pages_show_list", "business_management"];
    let user = facebook.user_token(ADA, &[BAKERY, FRANCHISE], &scopes, true);
    let accounts = stage.get("/v26.0/me/accounts?fields=id", &user).await.data();
    assert_eq!(accounts, [json!({"id": BAKERY})]);
    let businesses = stage.get("/v26.0/me/businesses?fields=id,name", &user).await.data();
    assert_eq!(businesses, [json!({"id": HOLDING, "name": "Example Holding"})]);
    let owned = stage.get(&format!("/v26.0/{HOLDING}/owned_pages?fields=id,access_token"), &user).await.data();
    assert_eq!(owned[0]["id"], FRANCHISE);
    assert_eq!(stage.get("/v26.0/me", owned[0]["access_token"].as_str().unwrap()).await.json()["id"], FRANCHISE);
    assert!(stage.get(&format!("/v26.0/{HOLDING}/client_pages"), &user).await.data().is_empty());
    let plain = facebook.user_token(ADA, &[BAKERY], &["pages_show_list"], true);
    assert_eq!(stage.get("/v26.0/me/businesses", &plain).await.refusal(), (200, None));
}

//! Tokens: introspection, proofs, the ways they die.

use crate::support::{Stage, query};
use hyper::Method;
use jiff::SignedDuration;
use serde_json::json;
use simulator::facebook::seed::{ADA, BAKERY, CAFE, ODDITIES};
use simulator::{APP_ID, APP_SECRET, Options};

fn app() -> String {
    format!("{APP_ID}|{APP_SECRET}")
}

/// A proof as Meta defines it, computed by other means than the simulator's.
fn proof(token: &str) -> String {
    let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, APP_SECRET.as_bytes());
    data_encoding::HEXLOWER.encode(aws_lc_rs::hmac::sign(&key, token.as_bytes()).as_ref())
}

#[tokio::test]
async fn debug_token_tells_type_scopes_and_ticked_pages() {
    let stage = Stage::new().await;
    let data = |input: String| {
        let stage = &stage;
        async move { stage.get(&format!("/v26.0/debug_token?input_token={input}"), &app()).await.json()["data"].clone() }
    };
    let user = data(stage.user.clone()).await;
    assert_eq!((&user["type"], &user["is_valid"], &user["user_id"]), (&json!("USER"), &json!(true), &json!(ADA)));
    assert_eq!(user["expires_at"], 1_795_262_400 + 5_184_000);
    assert_eq!(user["data_access_expires_at"], 1_795_262_400 + 7_776_000);
    let granular = user["granular_scopes"].as_array().unwrap();
    let posts = granular.iter().find(|entry| entry["scope"] == "pages_manage_posts").unwrap();
    assert_eq!(posts["target_ids"], json!([BAKERY, CAFE, ODDITIES]));
    let page = data(stage.page.clone()).await;
    assert_eq!((&page["type"], &page["expires_at"], &page["profile_id"]), (&json!("PAGE"), &json!(0), &json!(BAKERY)));
    assert_eq!(data("nonsense".to_owned()).await["is_valid"], false);
}

#[tokio::test]
async fn debug_token_answers_200_for_a_dead_token() {
    let stage = Stage::new().await;
    stage.simulator.facebook().revoke_page(BAKERY, 460);
    let answer = stage.get(&format!("/v26.0/debug_token?input_token={}", stage.page), &app()).await;
    assert_eq!(answer.status, 200);
    let data = &answer.json()["data"];
    assert_eq!((&data["is_valid"], &data["error"]["subcode"]), (&json!(false), &json!(460)));
    let by_page = stage.get(&format!("/v26.0/debug_token?input_token={}", stage.user), &stage.token_of(CAFE)).await;
    assert_eq!(by_page.refusal().0, 100);
}

#[tokio::test]
async fn calls_without_or_with_a_foreign_token_are_refused() {
    let stage = Stage::new().await;
    let none = stage.send("GET", "/v26.0/me", None, "", "").await.unwrap();
    assert_eq!((none.status, none.refusal()), (400, (104, None)));
    assert_eq!(stage.get("/v26.0/me", "EAAPguess").await.refusal(), (190, None));
    assert_eq!(stage.get("/v26.0/me", &format!("{APP_ID}|guess")).await.refusal(), (190, None));
}

#[tokio::test]
async fn a_wrong_proof_is_refused_even_where_none_is_needed() {
    let stage = Stage::new().await;
    let path = |proof: &str| format!("/v26.0/me?appsecret_proof={proof}");
    assert_eq!(stage.get(&path(&proof(&stage.user)), &stage.user).await.status, 200);
    assert_eq!(stage.get(&path(&proof("other")), &stage.user).await.refusal(), (100, None));
}

#[tokio::test]
async fn a_proof_can_be_made_mandatory() {
    let stage = Stage::with(Options { require_proof: true, ..Options::default() }).await;
    assert_eq!(stage.publish("Hi").await.refusal(), (100, None));
    let form = [("message", "Hi"), ("appsecret_proof", &proof(&stage.page))];
    assert_eq!(stage.post(&format!("/v26.0/{BAKERY}/feed"), &stage.page, &form).await.status, 200);
}

#[tokio::test]
async fn a_killed_token_says_why() {
    let stage = Stage::new().await;
    let facebook = stage.simulator.facebook();
    for subcode in [458, 459, 460, 463, 464, 467, 492] {
        facebook.revoke_page(BAKERY, subcode);
        assert_eq!(stage.publish("Hi").await.refusal(), (190, Some(subcode)));
    }
    assert_eq!(stage.get("/v26.0/me", &stage.user).await.status, 200, "the user's token lives on");
    facebook.revoke_user(ADA, 460);
    assert_eq!(stage.get("/v26.0/me", &stage.user).await.refusal(), (190, Some(460)));
}

#[tokio::test]
async fn an_expired_user_token_leaves_the_page_token_alive() {
    let stage = Stage::new().await;
    stage.simulator.facebook().expire_user(ADA);
    assert_eq!(stage.get("/v26.0/me", &stage.user).await.refusal(), (190, Some(463)));
    assert_eq!(stage.publish("Still here").await.status, 200);
    stage.simulator.facebook().expire_page(BAKERY);
    assert_eq!(stage.publish("Gone").await.refusal(), (190, Some(463)));
}

#[tokio::test]
async fn a_page_token_from_a_short_token_dies_with_it() {
    let stage = Stage::new().await;
    let facebook = stage.simulator.facebook();
    let user = facebook.user_token(ADA, &[BAKERY], &crate::support::SCOPES, false);
    let page = facebook.page_token(&user, BAKERY).unwrap();
    assert_eq!(stage.get("/v26.0/me", &page).await.status, 200);
    stage.advance(SignedDuration::from_hours(1));
    assert_eq!(stage.get("/v26.0/me", &page).await.refusal(), (190, Some(463)));
}

#[tokio::test]
async fn ninety_days_after_the_login_reading_stops_and_writing_goes_on() {
    let stage = Stage::new().await;
    stage.advance(SignedDuration::from_hours(90 * 24));
    let read = stage.get(&format!("/v26.0/{BAKERY}/published_posts"), &stage.page).await;
    assert_eq!(read.refusal(), (10, None));
    assert_eq!(stage.publish("Still").await.status, 200);
    let data = stage.get(&format!("/v26.0/debug_token?input_token={}", stage.page), &app()).await.json();
    assert_eq!((&data["data"]["is_valid"], &data["data"]["expires_at"]), (&json!(true), &json!(0)));
}

#[tokio::test]
async fn permissions_are_listed_for_people_not_for_pages() {
    let stage = Stage::new().await;
    let listed = stage.get("/v26.0/me/permissions", &stage.user).await.data();
    assert!(listed.contains(&json!({"permission": "pages_manage_posts", "status": "granted"})));
    assert_eq!(stage.get("/v26.0/me/permissions", &stage.page).await.refusal(), (100, None));
}

#[tokio::test]
async fn a_withdrawn_permission_is_declined_and_missed() {
    let stage = Stage::new().await;
    let answer = stage.delete(&format!("/v26.0/{ADA}/permissions/pages_manage_posts"), &stage.user).await;
    assert_eq!(answer.json(), json!({"success": true}));
    let listed = stage.get("/v26.0/me/permissions?status=declined", &stage.user).await.data();
    assert_eq!(listed, [json!({"permission": "pages_manage_posts", "status": "declined"})]);
    assert_eq!(stage.publish("Hi").await.refusal(), (200, None));
    let by_parameter = format!("/v26.0/me/permissions?{}", query(&[("permission", "read_insights")]));
    assert_eq!(stage.delete(&by_parameter, &stage.user).await.status, 200);
    assert_eq!(stage.delete("/v26.0/me/permissions/everything", &stage.user).await.refusal(), (100, None));
}

#[tokio::test]
async fn removing_the_app_kills_every_token_of_the_person() {
    let stage = Stage::new().await;
    assert_eq!(stage.delete(&format!("/v26.0/{ADA}/permissions"), &stage.user).await.status, 200);
    assert_eq!(stage.get("/v26.0/me", &stage.user).await.refusal(), (190, Some(458)));
    assert_eq!(stage.publish("Hi").await.refusal(), (190, Some(458)));
}

#[tokio::test]
async fn the_seed_decides_every_token() {
    let token = async |seed| Stage::with(Options { seed, ..Options::default() }).await.user;
    assert_eq!(token(7).await, token(7).await);
    assert_ne!(token(7).await, token(8).await);
}

#[tokio::test]
async fn only_the_methods_of_an_edge_are_served() {
    let stage = Stage::new().await;
    let put = stage.send(Method::PUT.as_str(), "/v26.0/me", Some(&stage.user), "", "").await.unwrap();
    assert_eq!(put.refusal().0, 100);
}

//! Both logins, their tokens and what becomes of them.

use crate::support::{CALLBACK, OWN_SCOPES, SCOPES, Stage, query};
use simulator::instagram::APP;
use simulator::instagram::seed::{ADA, BAKERY, BAKERY_PAGE, CREATOR};
use url::Url;

fn page(path: &str, scopes: &[&str]) -> String {
    let scope = scopes.join(",");
    let pairs = [
        ("client_id", APP.id),
        ("redirect_uri", CALLBACK),
        ("state", "the state"),
        ("response_type", "code"),
        ("scope", scope.as_str()),
    ];
    format!("{path}?{}", query(&pairs))
}

/// What the browser is sent back with.
async fn consent(stage: &Stage, page: &str, form: &[(&str, &str)]) -> Vec<(String, String)> {
    let answer = stage.send("POST", page, None, &query(form)).await;
    assert_eq!(answer.status, 302, "{}", answer.text);
    let location = Url::parse(answer.headers["location"].to_str().unwrap()).unwrap();
    location.query_pairs().into_owned().collect()
}

fn value<'a>(pairs: &'a [(String, String)], name: &str) -> &'a str {
    pairs.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str()).unwrap_or_default()
}

#[tokio::test]
async fn a_person_ticks_pages_and_a_code_becomes_a_token_once() {
    let stage = Stage::new().await;
    let page = page("/v26.0/dialog/oauth", &SCOPES);
    let shown = stage.send("GET", &page, None, "").await;
    assert!(shown.text.contains("@examplebakery") && shown.text.contains("instagram_content_publish"));
    let back = consent(&stage, &page, &[("user", ADA), ("pages", BAKERY_PAGE), ("action", "continue")]).await;
    assert_eq!(value(&back, "state"), "the state");
    let pairs = [
        ("client_id", APP.id),
        ("client_secret", APP.secret),
        ("redirect_uri", CALLBACK),
        ("code", value(&back, "code")),
    ];
    let path = format!("/v26.0/oauth/access_token?{}", query(&pairs));
    let token = stage.send("GET", &path, None, "").await.json()["access_token"].as_str().unwrap().to_owned();
    assert_eq!(stage.send("GET", &path, None, "").await.refusal(), (100, Some(36_009)));
    let fields = "id,name,access_token,tasks,instagram_business_account{id,username}";
    let pages = stage.get(&format!("/v26.0/me/accounts?{}", query(&[("fields", fields)])), &token).await.json();
    assert_eq!(pages["data"].as_array().unwrap().len(), 1);
    assert_eq!(pages["data"][0]["instagram_business_account"]["id"], BAKERY);
}

#[tokio::test]
async fn who_cancels_goes_back_with_the_reason() {
    let stage = Stage::new().await;
    for page in [page("/v26.0/dialog/oauth", &SCOPES), page("/oauth/authorize", &OWN_SCOPES)] {
        let back = consent(&stage, &page, &[("action", "cancel")]).await;
        assert_eq!((value(&back, "error"), value(&back, "error_reason")), ("access_denied", "user_denied"));
    }
}

#[tokio::test]
async fn a_page_that_asks_for_the_wrong_thing_is_refused() {
    let stage = Stage::new().await;
    for wrong in
        [page("/oauth/authorize", &SCOPES), page("/v26.0/dialog/oauth", &OWN_SCOPES), page("/oauth/authorize", &[])]
    {
        assert_eq!(stage.send("GET", &wrong, None, "").await.status, 400, "{wrong}");
    }
}

#[tokio::test]
async fn an_account_logs_in_by_itself_and_its_token_renews_itself_after_a_day() {
    let stage = Stage::new().await;
    let back =
        consent(&stage, &page("/oauth/authorize", &OWN_SCOPES), &[("user", CREATOR), ("action", "continue")]).await;
    let form = query(&[
        ("client_id", APP.id),
        ("client_secret", APP.secret),
        ("grant_type", "authorization_code"),
        ("redirect_uri", CALLBACK),
        ("code", value(&back, "code")),
    ]);
    let short = stage.send("POST", "/oauth/access_token", None, &form).await.json();
    assert_eq!(short["permissions"].as_str().unwrap().split(',').count(), 3);
    let short = short["access_token"].as_str().unwrap();
    let pairs = [("grant_type", "ig_exchange_token"), ("client_secret", APP.secret), ("access_token", short)];
    let long = stage.send("GET", &format!("/access_token?{}", query(&pairs)), None, "").await.json();
    assert_eq!(long["expires_in"], 5_184_000);
    let long = long["access_token"].as_str().unwrap();
    let renewal =
        format!("/refresh_access_token?{}", query(&[("grant_type", "ig_refresh_token"), ("access_token", long)]));
    assert_eq!(stage.send("GET", &renewal, None, "").await.refusal(), (100, None));
    stage.advance(24 * 3600);
    assert_eq!(stage.send("GET", &renewal, None, "").await.json()["expires_in"], 5_184_000);
    stage.advance(60 * 24 * 3600);
    assert_eq!(stage.send("GET", &renewal, None, "").await.refusal(), (190, Some(463)));
}

#[tokio::test]
async fn a_permission_is_taken_back_alone() {
    let stage = Stage::new().await;
    let path = format!("/v26.0/{ADA}/permissions/instagram_content_publish");
    assert_eq!(stage.send("DELETE", &path, Some(&stage.user), "").await.status, 200);
    let form = [("image_url", "https://example.com/a.jpg")];
    assert_eq!(stage.container(&form).await.refusal(), (10, None));
    assert_eq!(stage.get("/v26.0/me?fields=id,name", &stage.user).await.json()["id"], ADA);
}

//! The login, tokens and data centres.

use simulator::mailchimp::{APP, seed};

use crate::support::Stage;

fn ask(redirect_uri: &str) -> String {
    let query = form_urlencoded::Serializer::new(String::new())
        .extend_pairs([
            ("response_type", "code"),
            ("client_id", APP.id),
            ("redirect_uri", redirect_uri),
            ("state", "a&b"),
        ])
        .finish();
    format!("/oauth2/authorize?{query}")
}

fn exchange(code: &str, redirect_uri: &str, secret: &str) -> String {
    form_urlencoded::Serializer::new(String::new())
        .extend_pairs([
            ("grant_type", "authorization_code"),
            ("client_id", APP.id),
            ("client_secret", secret),
            ("redirect_uri", redirect_uri),
            ("code", code),
        ])
        .finish()
}

const CALLBACK: &str = "https://postd.example/callback";

#[tokio::test]
async fn a_person_clicks_through_and_the_code_is_good_once() {
    let stage = Stage::of(seed::ADA);
    let page = stage.send("GET", &ask(CALLBACK), None, "").await;
    let page = String::from_utf8(page.body.to_vec()).unwrap();
    assert!(page.contains("Ada Example") && page.contains("Grace Example"));
    let back = stage.send("POST", &ask(CALLBACK), None, &format!("user={}&action=allow", seed::ADA)).await;
    let back: url::Url = back.location.unwrap().parse().unwrap();
    let value = |name: &str| back.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned());
    assert_eq!(value("state").as_deref(), Some("a&b"));
    let form = exchange(&value("code").unwrap(), CALLBACK, APP.secret);
    let answer = stage.send("POST", "/oauth2/token", None, &form).await.json();
    assert_eq!((answer["expires_in"].as_u64(), answer["scope"].is_null()), (Some(0), true));
    let again = stage.send("POST", "/oauth2/token", None, &form).await;
    assert_eq!((again.status, again.json()["error"].as_str().map(str::to_owned)), (400, Some("invalid_grant".into())));
    let token = answer["access_token"].as_str().unwrap().to_owned();
    let located = stage.send("GET", "/oauth2/metadata", Some(&token), "").await.json();
    assert_eq!(
        (located["dc"].as_str(), located["api_endpoint"].as_str()),
        (Some("us6"), Some("https://us6.api.mailchimp.com"))
    );
}

#[tokio::test]
async fn what_is_wrong_with_a_login_is_refused() {
    let stage = Stage::of(seed::ADA);
    for wrong in ["http://example.com/", "https://example.com/#x", "http://localhost:1/", "nonsense"] {
        assert_eq!(stage.send("GET", &ask(wrong), None, "").await.status, 400, "{wrong}");
    }
    let cancelled = stage.send("POST", &ask(CALLBACK), None, "action=cancel").await.location.unwrap();
    assert!(cancelled.contains("error=access_denied"), "{cancelled}");
    let code = stage.mailchimp().code(seed::ADA, CALLBACK);
    let refused = stage.send("POST", "/oauth2/token", None, &exchange(&code, CALLBACK, "guess")).await;
    assert_eq!(
        (refused.status, refused.json()["error"].as_str().map(str::to_owned)),
        (401, Some("invalid_client".into()))
    );
    let elsewhere = exchange(&code, "https://other.example/", APP.secret);
    assert_eq!(stage.send("POST", "/oauth2/token", None, &elsewhere).await.status, 400);
    stage.pass(600);
    let late = stage.send("POST", "/oauth2/token", None, &exchange(&code, CALLBACK, APP.secret)).await;
    assert_eq!(late.status, 400);
}

#[tokio::test]
async fn a_token_works_at_its_own_data_centre_and_nowhere_else() {
    let stage = Stage::of(seed::ADA);
    for (path, status) in [("/us6/3.0/ping", 200), ("/3.0/ping", 200), ("/us7/3.0/ping", 401)] {
        assert_eq!(stage.get(path).await.status, status, "{path}");
    }
    assert_eq!(stage.send("GET", "/us6/3.0/ping", None, "").await.problem().1, "API Key Missing");
    stage.mailchimp().revoke(seed::ADA);
    assert_eq!(stage.get("/us6/3.0/ping").await.problem().1, "API Key Invalid");
}

#[tokio::test]
async fn an_account_sees_its_own_audiences_only() {
    let stage = Stage::of(seed::ADA);
    let lists = stage.get("/us6/3.0/lists?count=2&offset=1&fields=lists.id,total_items").await.json();
    assert_eq!(lists["total_items"], 3);
    assert_eq!(lists["lists"], serde_json::json!([{"id": seed::NOBODY}, {"id": seed::UNVERIFIED}]));
    assert_eq!(stage.get(&format!("/us6/3.0/lists/{}", seed::GARDENERS)).await.problem().0, 404);
    assert_eq!(stage.get("/us6/3.0/lists?count=1001").await.problem().2, ["count"]);
}

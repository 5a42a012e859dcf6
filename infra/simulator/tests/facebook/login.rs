//! The login page and the exchange of its code.

use crate::support::{Answer, CALLBACK, SCOPES, Stage, query};
use jiff::SignedDuration;
use simulator::facebook::seed::{ADA, BAKERY, BOOKSHOP, CAFE, GARDEN, GRACE};
use simulator::{APP_ID, APP_SECRET, LOGIN_CONFIGURATION};
use std::collections::BTreeMap;
use url::Url;

fn dialog(extra: &[(&str, &str)]) -> String {
    let scope = SCOPES.join(",");
    let mut pairs = BTreeMap::from([
        ("client_id", APP_ID),
        ("redirect_uri", CALLBACK),
        ("state", "state-1"),
        ("response_type", "code"),
        ("scope", &scope),
    ]);
    for (name, value) in extra {
        pairs.insert(name, value);
    }
    let pairs: Vec<(&str, &str)> = pairs.into_iter().filter(|(_, value)| !value.is_empty()).collect();
    format!("/v26.0/dialog/oauth?{}", query(&pairs))
}

async fn submit(stage: &Stage, path: &str, answers: &[(&str, &str)]) -> Answer {
    let form = "application/x-www-form-urlencoded";
    stage.send("POST", path, None, form, &query(answers)).await.unwrap()
}

fn location(answer: &Answer) -> BTreeMap<String, String> {
    assert_eq!(answer.status, 302, "{}", answer.text);
    let location = Url::parse(answer.headers["location"].to_str().unwrap()).unwrap();
    assert!(location.as_str().starts_with(CALLBACK));
    assert_eq!(location.fragment(), Some("_=_"));
    location.query_pairs().into_owned().collect()
}

async fn code(stage: &Stage, answers: &[(&str, &str)]) -> String {
    location(&submit(stage, &dialog(&[]), answers).await)["code"].clone()
}

async fn exchange(stage: &Stage, pairs: &[(&str, &str)]) -> Answer {
    let mut all = vec![("client_id", APP_ID), ("client_secret", APP_SECRET)];
    all.extend(pairs);
    stage.send("GET", &format!("/v26.0/oauth/access_token?{}", query(&all)), None, "", "").await.unwrap()
}

fn token(answer: &Answer) -> String {
    answer.json()["access_token"].as_str().unwrap_or_else(|| panic!("{}", answer.text)).to_owned()
}

#[tokio::test]
async fn the_page_names_the_app_the_people_their_pages_and_the_permissions() {
    let stage = Stage::new().await;
    let page = stage.send("GET", &dialog(&[]), None, "", "").await.unwrap();
    assert_eq!(page.status, 200);
    for expected in
        ["postd (simulated)", "Ada Example", "Grace Example", BAKERY, GARDEN, "pages_manage_posts", "Cancel"]
    {
        assert!(page.text.contains(expected), "{expected} is missing");
    }
    assert!(!page.text.contains("<script"));
}

#[tokio::test]
async fn whatever_comes_in_the_query_is_escaped_in_the_page() {
    let stage = Stage::new().await;
    let page = stage.send("GET", &dialog(&[("state", "\"><script>alert(1)</script>")]), None, "", "").await.unwrap();
    assert_eq!(page.status, 200);
    assert!(!page.text.contains("<script"));
}

#[tokio::test]
async fn a_request_that_facebook_would_block_shows_an_error_and_redirects_nowhere() {
    let stage = Stage::new().await;
    let wrong: [&[(&str, &str)]; 10] = [
        &[("client_id", "1")],
        &[("client_id", "")],
        &[("redirect_uri", "")],
        &[("redirect_uri", "http://example.com/callback")],
        &[("redirect_uri", "https://example.com/callback#here")],
        &[("redirect_uri", "javascript:alert(1)")],
        &[("state", "")],
        &[("scope", "pages_manage_everything")],
        &[("response_type", "token")],
        &[("auth_type", "reauthenticate_please")],
    ];
    for extra in wrong {
        for method in ["GET", "POST"] {
            let answer = stage.send(method, &dialog(extra), None, "", "").await.unwrap();
            assert_eq!(answer.status, 400, "{extra:?}");
            assert!(!answer.headers.contains_key("location"), "{extra:?}");
        }
    }
}

#[tokio::test]
async fn continue_leads_to_a_code_and_the_code_to_the_ticked_pages() {
    let stage = Stage::new().await;
    let answers = [("action", "continue"), ("user", GRACE), ("pages", GARDEN), ("pages", BOOKSHOP), ("pages", BAKERY)];
    let back = location(&submit(&stage, &dialog(&[]), &answers).await);
    assert_eq!(back["state"], "state-1");
    let short = exchange(&stage, &[("redirect_uri", CALLBACK), ("code", &back["code"])]).await;
    assert_eq!((short.status, short.json()["expires_in"].as_i64()), (200, Some(3600)));
    assert_eq!(short.json()["token_type"], "bearer");
    let accounts = stage.get("/v26.0/me/accounts", &token(&short)).await;
    let names: Vec<String> = accounts.data().iter().map(|page| page["id"].as_str().unwrap().to_owned()).collect();
    assert_eq!(names, [BOOKSHOP, GARDEN], "the bakery is not Grace's");
}

#[tokio::test]
async fn cancel_says_that_the_user_denied() {
    let stage = Stage::new().await;
    let back = location(&submit(&stage, &dialog(&[]), &[("action", "cancel")]).await);
    assert_eq!(back["error"], "access_denied");
    assert_eq!(back["error_reason"], "user_denied");
    assert!(back.contains_key("error_description"));
    assert_eq!(back["state"], "state-1");
    assert!(!back.contains_key("code"));
}

#[tokio::test]
async fn a_code_works_once() {
    let stage = Stage::new().await;
    let code = code(&stage, &[("user", ADA)]).await;
    let pairs = [("redirect_uri", CALLBACK), ("code", code.as_str())];
    assert_eq!(exchange(&stage, &pairs).await.status, 200);
    assert_eq!(exchange(&stage, &pairs).await.refusal(), (100, Some(36_009)));
}

#[tokio::test]
async fn a_code_wants_its_own_redirect_uri_to_the_letter() {
    let stage = Stage::new().await;
    let code = code(&stage, &[("user", ADA)]).await;
    let other = format!("{CALLBACK}/");
    let refused = exchange(&stage, &[("redirect_uri", &other), ("code", &code)]).await;
    assert_eq!(refused.refusal(), (100, Some(36_008)));
}

#[tokio::test]
async fn a_code_lives_for_ten_minutes() {
    let stage = Stage::new().await;
    let code = code(&stage, &[("user", ADA)]).await;
    stage.advance(SignedDuration::from_mins(10));
    let refused = exchange(&stage, &[("redirect_uri", CALLBACK), ("code", &code)]).await;
    assert_eq!(refused.refusal(), (100, Some(36_007)));
}

#[tokio::test]
async fn the_exchange_wants_the_right_app_and_secret() {
    let stage = Stage::new().await;
    let path = |id, secret| {
        let pairs = [("client_id", id), ("client_secret", secret), ("redirect_uri", CALLBACK), ("code", "x")];
        format!("/v26.0/oauth/access_token?{}", query(&pairs))
    };
    let wrong_app = stage.send("GET", &path("1", APP_SECRET), None, "", "").await.unwrap();
    assert_eq!(wrong_app.refusal().0, 101);
    let wrong_secret = stage.send("GET", &path(APP_ID, "guess"), None, "", "").await.unwrap();
    assert_eq!(wrong_secret.refusal().0, 1);
    let unknown_code = stage.send("GET", &path(APP_ID, APP_SECRET), None, "", "").await.unwrap();
    assert_eq!(unknown_code.refusal().0, 100);
    assert_eq!(exchange(&stage, &[("code_verifier", "x"), ("code", "x")]).await.refusal().0, 100);
}

#[tokio::test]
async fn a_short_token_becomes_a_long_one_until_it_expires() {
    let stage = Stage::new().await;
    let code = code(&stage, &[("user", ADA), ("pages", BAKERY)]).await;
    let short = token(&exchange(&stage, &[("redirect_uri", CALLBACK), ("code", &code)]).await);
    let pairs = [("grant_type", "fb_exchange_token"), ("fb_exchange_token", short.as_str())];
    let long = exchange(&stage, &pairs).await;
    assert_eq!(long.json()["expires_in"], 5_184_000);
    stage.advance(SignedDuration::from_hours(1));
    assert_eq!(exchange(&stage, &pairs).await.refusal(), (190, Some(463)));
    assert_eq!(stage.get("/v26.0/me", &short).await.refusal(), (190, Some(463)));
    assert_eq!(stage.get("/v26.0/me", &token(&long)).await.status, 200);
    stage.advance(SignedDuration::from_hours(60 * 24));
    assert_eq!(stage.get("/v26.0/me", &token(&long)).await.refusal(), (190, Some(463)));
}

#[tokio::test]
async fn a_declined_permission_is_asked_again_only_on_rerequest() {
    let stage = Stage::new().await;
    let asks = "pages_show_list,email";
    let chosen = [("user", GRACE), ("pages", GARDEN), ("choose_scopes", "1"), ("scopes", "pages_show_list")];
    submit(&stage, &dialog(&[("scope", asks)]), &chosen).await;
    let scopes = || {
        let world = stage.simulator.facebook().state();
        let grace = world.connections.into_iter().find(|connection| connection.user == GRACE).unwrap();
        (grace.scopes, grace.declined)
    };
    assert_eq!(scopes(), (vec!["pages_show_list".to_owned(), "public_profile".to_owned()], vec!["email".to_owned()]));
    submit(&stage, &dialog(&[("scope", asks)]), &[("user", GRACE)]).await;
    assert_eq!(scopes().1, ["email"]);
    submit(&stage, &dialog(&[("scope", asks), ("auth_type", "rerequest")]), &[("user", GRACE)]).await;
    assert_eq!(scopes().1, Vec::<String>::new());
}

#[tokio::test]
async fn a_login_configuration_drops_whatever_else_was_asked() {
    let stage = Stage::new().await;
    let asks = [("config_id", LOGIN_CONFIGURATION), ("scope", "email")];
    submit(&stage, &dialog(&asks), &[("user", GRACE), ("pages", GARDEN)]).await;
    let world = stage.simulator.facebook().state();
    let grace = world.connections.iter().find(|connection| connection.user == GRACE).unwrap();
    assert!(!grace.scopes.contains(&"email".to_owned()) && grace.scopes.contains(&"read_insights".to_owned()));
}

#[tokio::test]
async fn ticking_no_page_gives_an_empty_list() {
    let stage = Stage::new().await;
    let code = code(&stage, &[("user", ADA)]).await;
    let token = token(&exchange(&stage, &[("redirect_uri", CALLBACK), ("code", &code)]).await);
    assert_eq!(stage.get("/v26.0/me/accounts", &token).await.data(), Vec::<serde_json::Value>::new());
}

#[tokio::test]
async fn accounts_come_page_by_page_and_the_token_is_repeated_only_from_the_query() {
    let stage = Stage::new().await;
    let first = stage.get("/v26.0/me/accounts?fields=id,name,tasks&limit=2", &stage.user).await.json();
    assert_eq!(first["data"].as_array().unwrap().len(), 2);
    let next = first["paging"]["next"].as_str().unwrap();
    assert!(next.starts_with(&stage.url("/v26.0/me/accounts?")) && !next.contains("access_token"));
    let path = next.strip_prefix(&stage.simulator.url()).unwrap();
    let last = stage.get(path, &stage.user).await.json();
    assert_eq!(last["data"].as_array().unwrap().len(), 1);
    assert!(last["paging"]["next"].is_null() && last["paging"]["cursors"]["after"].is_string());

    let path = format!("/v26.0/me/accounts?limit=2&access_token={}", stage.user);
    let by_query = stage.send("GET", &path, None, "", "").await.unwrap().json();
    assert!(by_query["paging"]["next"].as_str().unwrap().contains(&format!("access_token={}", stage.user)));
}

#[tokio::test]
async fn an_account_shows_tasks_picture_and_a_token_that_never_expires() {
    let stage = Stage::new().await;
    let fields =
        "id,name,username,access_token,tasks,picture{url},followers_count,instagram_business_account{id,username}";
    let path = format!("/v26.0/me/accounts?{}", query(&[("fields", fields)]));
    let accounts = stage.get(&path, &stage.user).await.data();
    let cafe = accounts.iter().find(|page| page["id"] == CAFE).unwrap();
    assert_eq!(cafe["name"], "Example Café Zürich");
    assert_eq!(cafe["tasks"], serde_json::json!(["ADVERTISE", "ANALYZE"]));
    assert!(cafe["picture"]["data"]["url"].is_string());
    assert!(cafe["instagram_business_account"].is_null());
    let token = cafe["access_token"].as_str().unwrap();
    stage.advance(SignedDuration::from_hours(24 * 70));
    assert_eq!(stage.get("/v26.0/me?fields=id,name", token).await.json()["id"], CAFE);
}

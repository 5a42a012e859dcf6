//! Logins, tokens and notifications.

use crate::support::{Answer, Stage};
use serde_json::json;
use simulator::gbp::seed::{ADA, BAKERY};
use simulator::gbp::{APP, SCOPE};

const REDIRECT: &str = "https://postd.example/v1/oauth/gbp/callback";

fn form(pairs: &[(&str, &str)]) -> String {
    form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish()
}

fn asked(changed: (&str, &str)) -> String {
    let scope = format!("openid email {SCOPE}");
    let mut pairs = vec![
        ("client_id", APP.id),
        ("redirect_uri", REDIRECT),
        ("response_type", "code"),
        ("scope", scope.as_str()),
        ("state", "s"),
        ("access_type", "offline"),
        ("prompt", "consent"),
    ];
    pairs.retain(|(name, _)| *name != changed.0);
    pairs.push(changed);
    format!("/o/oauth2/v2/auth?{}", form(&pairs))
}

async fn exchange(stage: &Stage, code: &str, changed: (&str, &str)) -> Answer {
    let mut pairs = vec![
        ("grant_type", "authorization_code"),
        ("client_id", APP.id),
        ("client_secret", APP.secret),
        ("redirect_uri", REDIRECT),
        ("code", code),
    ];
    pairs.retain(|(name, _)| *name != changed.0);
    pairs.push(changed);
    stage.send("POST", "/token", None, &form(&pairs)).await
}

async fn refresh(stage: &Stage, token: &str) -> Answer {
    let secret = [("client_id", APP.id), ("client_secret", APP.secret)];
    let pairs = [&[("grant_type", "refresh_token"), ("refresh_token", token)], secret.as_slice()].concat();
    stage.send("POST", "/token", None, &form(&pairs)).await
}

#[tokio::test]
async fn the_consent_page_asks_for_each_permission_and_names_its_issuer() {
    let stage = Stage::of(ADA);
    let page = stage.send("GET", &asked(("state", "s")), None, "").await;
    assert_eq!(page.status, 200);
    assert!(String::from_utf8_lossy(&page.body).contains("type=\"checkbox\""));
    for wrong in [
        ("client_id", "x"),
        ("redirect_uri", "http://evil.example/"),
        ("response_type", "token"),
        ("scope", "openid everything"),
        ("access_type", "online"),
        ("prompt", "none"),
    ] {
        assert_eq!(stage.send("GET", &asked(wrong), None, "").await.status, 400, "{wrong:?}");
    }
    let answer = form(&[("user", ADA), ("grant", SCOPE), ("action", "allow")]);
    let back = stage.send("POST", &asked(("state", "s")), None, &answer).await;
    let back = back.location.unwrap();
    assert!(
        back.starts_with(REDIRECT)
            && back.contains("state=s")
            && back.contains("iss=https%3A%2F%2Faccounts.google.com")
    );
    let refused = stage.send("POST", &asked(("state", "s")), None, "action=cancel").await.location.unwrap();
    assert!(refused.contains("error=access_denied"));
}

#[tokio::test]
async fn a_code_works_once_and_only_for_its_app_and_address() {
    let stage = Stage::of(ADA);
    let code = stage.gbp().code(ADA, REDIRECT, true);
    assert_eq!(exchange(&stage, &code, ("client_secret", "x")).await.json()["error"], "invalid_client");
    let wrong = exchange(&stage, &code, ("redirect_uri", "https://postd.example/")).await;
    assert_eq!(wrong.json()["error"], "redirect_uri_mismatch");
    let tokens = exchange(&stage, &code, ("code", &code)).await.json();
    assert_eq!((tokens["expires_in"].as_i64(), tokens["token_type"].as_str()), (Some(3_599), Some("Bearer")));
    assert_eq!(tokens["id_token"].as_str().unwrap().split('.').count(), 3);
    assert_eq!(exchange(&stage, &code, ("code", &code)).await.json()["error"], "invalid_grant");
    let late = stage.gbp().code(ADA, REDIRECT, true);
    stage.pass(600);
    assert_eq!(exchange(&stage, &late, ("code", &late)).await.json()["error"], "invalid_grant");
}

#[tokio::test]
async fn an_access_token_ends_within_the_hour_and_the_refresh_token_stays() {
    let stage = Stage::of(ADA);
    let code = stage.gbp().code(ADA, REDIRECT, true);
    let tokens = exchange(&stage, &code, ("code", &code)).await.json();
    let (access, lasting) = (tokens["access_token"].as_str().unwrap(), tokens["refresh_token"].as_str().unwrap());
    stage.pass(3_598);
    assert_eq!(stage.send("GET", "/v1/accounts", Some(access), "").await.status, 200);
    stage.pass(1);
    assert_eq!(stage.send("GET", "/v1/accounts", Some(access), "").await.error().1, "UNAUTHENTICATED");
    let renewed = refresh(&stage, lasting).await.json();
    assert!(renewed.get("refresh_token").is_none());
    assert_eq!(refresh(&stage, lasting).await.status, 200);
    let renewed = renewed["access_token"].as_str().unwrap();
    assert_eq!(stage.send("POST", "/revoke", None, &form(&[("token", renewed)])).await.status, 200);
    assert_eq!(refresh(&stage, lasting).await.json()["error"], "invalid_grant");
    assert_eq!(
        stage.send("POST", "/revoke", None, &form(&[("token", renewed)])).await.json()["error"],
        "invalid_token"
    );
}

#[tokio::test]
async fn without_the_permission_nothing_is_listed() {
    let stage = Stage::of(ADA);
    let code = stage.gbp().code(ADA, REDIRECT, false);
    let tokens = exchange(&stage, &code, ("code", &code)).await.json();
    let refused = stage.send("GET", "/v1/accounts", tokens["access_token"].as_str(), "").await.error();
    assert_eq!(refused.2, "ACCESS_TOKEN_SCOPE_INSUFFICIENT");
}

#[tokio::test]
async fn an_account_has_one_setting_for_notifications_and_what_it_wants_is_pushed() {
    let stage = Stage::of(ADA);
    let location = BAKERY.rsplit('/').next().unwrap();
    let path = "/v1/accounts/111000000000000000001/notificationSetting";
    assert_eq!(stage.gbp().notify(location, "NEW_REVIEW"), 0);
    let setting = json!({
        "name": "accounts/111000000000000000001/notificationSetting",
        "pubsubTopic": "projects/p/topics/gbp",
        "notificationTypes": ["NEW_REVIEW", "UPDATED_REVIEW", "VOICE_OF_MERCHANT_UPDATED", "NEW_CUSTOMER_MEDIA"],
    });
    assert_eq!(stage.call("PATCH", path, &setting).await.status, 400, "without a mask");
    let masked = format!("{path}?updateMask=notificationTypes,pubsubTopic");
    assert_eq!(stage.call("PATCH", &masked, &setting).await.status, 200);
    assert_eq!(stage.get(path).await.json()["pubsubTopic"], "projects/p/topics/gbp");
    assert_eq!(stage.gbp().notify(location, "NEW_REVIEW"), 1);
    assert_eq!(stage.gbp().notify(location, "GOOGLE_UPDATE"), 0);
    assert_eq!(stage.gbp().pending_webhooks(), 0, "nobody has subscribed to the topic");
    stage.gbp().subscribe("http://127.0.0.1:9/webhooks/gbp");
    assert_eq!(stage.gbp().notify(location, "NEW_REVIEW"), 2, "the chain's group has the location as well");
    assert_eq!(stage.gbp().pending_webhooks(), 2);
}

#[tokio::test]
async fn keys_are_published_and_change() {
    let stage = Stage::of(ADA);
    let first = stage.send("GET", "/oauth2/v3/certs", None, "").await.json();
    assert_eq!((first["keys"][0]["kty"].as_str(), first["keys"][0]["alg"].as_str()), (Some("RSA"), Some("RS256")));
    stage.gbp().rotate_keys();
    let second = stage.send("GET", "/oauth2/v3/certs", None, "").await.json();
    assert_ne!(first["keys"][0]["kid"], second["keys"][0]["kid"]);
}

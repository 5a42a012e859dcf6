//! Consent, codes, tokens and their ends.

use simulator::tiktok::{APP, seed::BAKERY};

use crate::support::{CALLBACK, SCOPES, Stage};

// printf aaaa…(43) | sha256sum, as TikTok wants it: hexadecimal.
const VERIFIER: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

fn challenge() -> String {
    let hash = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, VERIFIER.as_bytes());
    data_encoding::HEXLOWER.encode(hash.as_ref())
}

fn asking<'a>(challenge: &'a str, scope: &'a str) -> Vec<(&'a str, &'a str)> {
    vec![
        ("client_key", APP.id),
        ("response_type", "code"),
        ("scope", scope),
        ("redirect_uri", CALLBACK),
        ("state", "s"),
        ("code_challenge", challenge),
        ("code_challenge_method", "S256"),
    ]
}

async fn exchange(stage: &Stage, code: &str, verifier: &str) -> crate::support::Answer {
    let fields = [
        ("client_key", APP.id),
        ("client_secret", APP.secret),
        ("code", code),
        ("grant_type", "authorization_code"),
        ("redirect_uri", CALLBACK),
        ("code_verifier", verifier),
    ];
    stage.form("/v2/oauth/token/", &fields).await
}

async fn renew(stage: &Stage, token: &str) -> crate::support::Answer {
    let fields = [
        ("client_key", APP.id),
        ("client_secret", APP.secret),
        ("grant_type", "refresh_token"),
        ("refresh_token", token),
    ];
    stage.form("/v2/oauth/token/", &fields).await
}

#[tokio::test]
async fn a_person_may_decline_scopes_and_the_callback_says_so() {
    let stage = Stage::new().await;
    let (challenge, scopes) = (challenge(), SCOPES.join(","));
    let mut fields = asking(&challenge, &scopes);
    fields.extend([("user", BAKERY), ("decline", "video.list"), ("action", "continue")]);
    let answer = stage.form("/v2/auth/authorize/", &fields).await;
    assert_eq!(answer.status, 302, "{}", answer.text);
    let location: url::Url = answer.headers["location"].to_str().unwrap().parse().unwrap();
    let value = |name: &str| location.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned());
    assert_eq!(value("scopes").as_deref(), Some("user.info.basic,user.info.profile,video.publish,video.upload"));
    assert_eq!(value("state").as_deref(), Some("s"));
    let given = exchange(&stage, &value("code").unwrap(), VERIFIER).await;
    assert_eq!((given.status, given.json()["open_id"].as_str()), (200, Some(BAKERY)));
    assert_eq!(given.json()["expires_in"], 7_200);
    assert_eq!(given.headers["date"], "Sat, 21 Nov 2026 12:00:00 GMT");
    // A code works once.
    assert_eq!(exchange(&stage, &value("code").unwrap(), VERIFIER).await.json()["error"], "invalid_grant");
}

#[tokio::test]
async fn a_challenge_is_in_hexadecimal_digits_and_bound_to_its_verifier() {
    let stage = Stage::new().await;
    let scopes = SCOPES.join(",");
    let standard =
        stage.form("/v2/auth/authorize/", &asking("E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM", &scopes)).await;
    assert_eq!(standard.status, 400);
    let code = stage.tiktok().code(BAKERY, CALLBACK, &SCOPES, Some(&challenge()));
    assert_eq!(exchange(&stage, &code, "another").await.json()["error"], "invalid_request");
    assert_eq!(stage.form("/v2/auth/authorize/", &asking(&challenge(), "video.publish video.list")).await.status, 400);
}

#[tokio::test]
async fn a_code_is_too_old_after_five_minutes() {
    let stage = Stage::new().await;
    let code = stage.tiktok().code(BAKERY, CALLBACK, &SCOPES, None);
    stage.advance(300);
    let refused = exchange(&stage, &code, "").await;
    assert_eq!((refused.status, refused.json()["error"].as_str()), (200, Some("invalid_grant")));
}

#[tokio::test]
async fn tokens_end_and_rotate() {
    let stage = Stage::new().await;
    let (access, refresh) = stage.tiktok().tokens(BAKERY, &SCOPES);
    let who = async |token: &str| {
        let bearer = format!("Bearer {token}");
        let headers = [("authorization", bearer.as_str())];
        stage.call("GET", "/v2/user/info/?fields=open_id", &headers, "").await.verdict()
    };
    assert_eq!(who(&access).await, (200, "ok".to_owned()));
    stage.advance(7_200);
    assert_eq!(who(&access).await, (401, "access_token_invalid".to_owned()));
    let renewed = renew(&stage, &refresh).await.json();
    assert_eq!(who(renewed["access_token"].as_str().unwrap()).await, (200, "ok".to_owned()));
    assert_eq!(renew(&stage, &refresh).await.json()["error"], "invalid_grant");
    let next = renewed["refresh_token"].as_str().unwrap().to_owned();
    stage.advance(180 * 86_400);
    assert_eq!(renew(&stage, &next).await.json()["error"], "invalid_grant");
}

#[tokio::test]
async fn a_field_that_was_not_granted_fails_the_whole_call() {
    let stage = Stage::new().await;
    let refused = stage.get("/v2/user/info/?fields=open_id,video_count").await;
    assert_eq!(refused.verdict(), (401, "scope_not_authorized".to_owned()));
    let user = stage.get("/v2/user/info/?fields=open_id,username").await.data();
    assert_eq!(user["user"]["username"], "example.bakery");
}

#[tokio::test]
async fn a_person_can_click_through_the_page() {
    let stage = Stage::new().await;
    let (challenge, scopes) = (challenge(), SCOPES.join(","));
    let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(asking(&challenge, &scopes)).finish();
    let page = stage.call("GET", &format!("/v2/auth/authorize/?{query}"), &[], "").await;
    assert_eq!(page.status, 200);
    assert!(page.text.contains("Example Bakery") && page.text.contains("value=\"video.publish\""), "{}", page.text);
    assert!(stage.call("GET", "/", &[], "").await.text.contains("We open at seven"));
}

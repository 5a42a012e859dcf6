//! Connecting an account, as a browser and its enemies do it.

use http::Method;
use serde_json::json;
use simulator::facebook::seed;

use crate::support::System;
use crate::tenant::{Answer, Browser, GRACES, RETURN_URL, Tenant, call};

/// The page that says that a link is no longer good, and nothing else.
fn refused(answer: &Answer) -> bool {
    answer.status == 404
        && answer.header("content-type").starts_with("text/html")
        && answer.header("location").is_empty()
}

async fn connections(tenant: &Tenant<'_>) -> usize {
    tenant.read("/v1/connections").await["connections"].as_array().unwrap().len()
}

#[tokio::test]
async fn the_session_is_bound_to_the_browser_that_opened_it() {
    let tenant = Tenant::new(System::shared()).await;
    let browser = Browser::open(tenant.system, &tenant.session().await).await;
    let cookie = browser.opened.header("set-cookie");
    for attribute in ["; Path=/", "; HttpOnly", "; SameSite=Lax", "; Max-Age="] {
        assert!(cookie.contains(attribute), "the cookie lacks {attribute}");
    }
    assert_eq!(browser.opened.location().path(), "/facebook/v26.0/dialog/oauth");
}

#[tokio::test]
async fn f72_only_the_right_browser_with_the_right_state_on_the_right_path_connects() {
    let system = System::shared();
    let tenant = Tenant::new(system).await;
    let browser = Browser::open(system, &tenant.session().await).await;
    let stranger = Browser::open(system, &tenant.session().await).await;
    let callback = browser.consent(seed::GRACE, &GRACES).await;

    let without_cookie = call(Method::GET, callback.as_str(), &[], "").await;
    assert!(refused(&without_cookie), "{}", without_cookie.text());
    assert!(refused(&stranger.visit(&callback).await));
    let mut forged = callback.clone();
    let pairs: Vec<(String, String)> = callback.query_pairs().into_owned().collect();
    forged.query_pairs_mut().clear().extend_pairs(pairs.iter().map(|(name, value)| {
        (name.as_str(), if name == "state" { "S6aXNcpTdl7WpwnttWxuoja3GTo7KaazkMNG8PQ0Dk4" } else { value.as_str() })
    }));
    assert!(refused(&browser.visit(&forged).await));
    let mut elsewhere = callback.clone();
    elsewhere.set_path("/v1/oauth/instagram/callback");
    assert!(refused(&browser.visit(&elsewhere).await));
    elsewhere.set_path("/v1/oauth/myspace/callback");
    assert_eq!(browser.visit(&elsewhere).await.problem(), (404, "platform.unknown".to_owned()));
    assert_eq!(connections(&tenant).await, 0);

    // None of them has taken the session or burnt the code, which is good for one exchange only.
    let back = browser.visit(&callback).await.location();
    assert!(back.as_str().starts_with(&format!("{RETURN_URL}?connection=con_")), "{back}");
    assert_eq!(connections(&tenant).await, 1);
}

#[tokio::test]
async fn f71_of_many_callbacks_at_once_one_connects() {
    let tenant = Tenant::new(System::shared()).await;
    let session = tenant.session().await;
    let browser = Browser::open(tenant.system, &session).await;
    let callback = browser.consent(seed::GRACE, &GRACES).await;
    let visit = || browser.visit(&callback);
    let (one, two, three, four) = tokio::join!(visit(), visit(), visit(), visit());
    let connected = [&one, &two, &three, &four].iter().filter(|answer| answer.status == 303).count();
    let gone = [&one, &two, &three, &four].iter().filter(|answer| refused(answer)).count();
    assert_eq!((connected, gone), (1, 3));
    // Nor later, nor from the start.
    assert!(refused(&browser.visit(&callback).await));
    assert!(refused(&call(Method::GET, session.as_str(), &[], "").await));
    assert_eq!(connections(&tenant).await, 1);
}

#[tokio::test]
async fn a_person_who_says_no_comes_back_with_that() {
    let tenant = Tenant::new(System::shared()).await;
    let browser = Browser::open(tenant.system, &tenant.session().await).await;
    let callback = browser.refuse().await;
    let back = browser.visit(&callback).await;
    assert_eq!((back.status, back.header("location")), (303, &*format!("{RETURN_URL}?error=access_denied")));
    assert!(refused(&browser.visit(&callback).await), "the session is used up");
    assert_eq!(connections(&tenant).await, 0);
}

#[tokio::test]
async fn a_return_address_that_leaks_is_refused() {
    let tenant = Tenant::new(System::shared()).await;
    for url in
        ["http://app.example.com/", "https://user@app.example.com/", "https://app.example.com/#x", "javascript:1"]
    {
        let answer = tenant.post("/v1/connect/sessions", &json!({"platform": "facebook", "return_url": url})).await;
        assert_eq!(answer.problem(), (422, "body.invalid".to_owned()), "{url}");
    }
    let body = json!({"platform": "facebook", "return_url": format!("{RETURN_URL}/elsewhere")});
    let answer = tenant.post("/v1/connect/sessions", &body).await;
    assert!(answer.text().contains("return_url.not_listed"), "{}", answer.text());
}

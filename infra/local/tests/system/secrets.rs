//! What the functions log, at the level at which they log most, while everything goes well and while much does not.

use http::Method;
use serde_json::json;
use simulator::facebook::seed;
use simulator::facebook::{Fault, FaultKind};

use crate::support::System;
use crate::tenant::{ADAS, Browser, Tenant, call, to_page};

/// The clouds of the other tests are searched as well: those of their own at their end, the shared one here and whenever
/// this binary's order puts this test last.
#[tokio::test]
async fn f56_no_token_key_or_secret_is_ever_logged() {
    let system = System::start(&[("LogLevel", "trace"), ("FacebookSettleSeconds", "1")]);
    let secrets = system.aws().await.secrets_manager();
    let signing = secrets.get_secret_value().secret_id(system.resource("SigningKey")).send().await.unwrap();
    system.keep_secret(signing.secret_string().unwrap());
    let tenant = Tenant::new(&system).await;
    let connection = tenant.connect(seed::ADA, &ADAS).await;

    // A login that fails at the exchange, and keys that are none.
    let browser = Browser::open(&system, &tenant.session().await).await;
    let mut callback = browser.consent(seed::ADA, &ADAS).await;
    let state = callback.query_pairs().find(|(name, _)| name == "state").unwrap().1.into_owned();
    let code = callback.query_pairs().find(|(name, _)| name == "code").unwrap().1.into_owned();
    system.keep_secret(&code);
    callback.query_pairs_mut().clear().append_pair("state", &state).append_pair("code", &format!("{code}x"));
    assert!(browser.visit(&callback).await.header("location").contains("error=exchange_failed"));
    let almost = format!("Bearer {}0", tenant.key);
    assert_eq!(call(Method::GET, &tenant.url("/v1/posts"), &[("authorization", &almost)], "").await.status, 401);

    // Posts that go out, whose answer is lost, that are refused, that find their token revoked.
    let on = |page, kind| Fault::new(kind).on_page(page).on_edge("POST", "feed").times(1);
    system.facebook().add_fault(on(seed::BAKERY, FaultKind::LostAnswer));
    system.facebook().add_fault(on(seed::ODDITIES, FaultKind::TruncatedAnswer));
    system.facebook().add_fault(on(seed::BOOKSHOP, FaultKind::Status500After));
    let mut posts = Vec::new();
    for (number, page) in [seed::BAKERY, seed::ODDITIES, seed::BOOKSHOP, seed::BOOKSHOP].into_iter().enumerate() {
        posts.push(tenant.publish(&connection, page, &format!("Nothing of this is secret: {number}.")).await);
    }
    for post in &posts {
        assert_eq!(tenant.settled(post).await["state"], "published");
    }
    let content = json!({"text": "Refused", "link": "https://www.facebook.com/example/posts/1"});
    let refused = json!({"content": content, "targets": to_page(&connection, seed::BOOKSHOP, "")["targets"]});
    let refused = tenant.post("/v1/posts", &refused).await;
    assert_eq!(tenant.settled(refused.json()["id"].as_str().unwrap()).await["state"], "failed");
    system.facebook().revoke_user(seed::ADA, 460);
    tenant.publish(&connection, seed::BOOKSHOP, "Too late for the token.").await;
    let path = format!("/v1/connections/{connection}");
    let reconnect = async || (tenant.read(&path).await["state"] == "reconnect").then_some(());
    system.eventually("the connection asks for its owner", reconnect).await;

    tenant.get("/v1/posts?limit=1").await;
    for function in ["dispatch", "refresh", "health"] {
        system.invoke(function, &json!({})).await.unwrap();
    }
    for function in ["oauth", "publish", "consumer", "dispatch", "webhooks"] {
        assert!(!system.lines(function).is_empty(), "{function} has logged something to search");
    }
    // A canary that is there, so that silence means something.
    assert!(system.lines("consumer").iter().any(|line| line.contains(&posts[0])), "posts are named in the log");
    system.assert_discreet();
    if let Some(shared) = System::shared_so_far() {
        shared.assert_discreet();
    }
}

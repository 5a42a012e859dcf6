//! Connecting accounts, and everything that must not make a connection.

use serde_json::json;
use simulator::facebook::seed;

use crate::world::World;

fn session() -> serde_json::Value {
    json!({ "platform": "facebook", "return_url": "https://app.example.com/done?from=postd" })
}

#[tokio::test]
async fn a_person_connects_a_page_and_comes_back_with_its_connection() {
    let world = World::start().await;
    let back = world.connect_as(seed::ADA, &[seed::BAKERY], &session()).await;
    assert!(back.as_str().starts_with("https://app.example.com/done?from=postd&connection=con_"), "{back}");
    let view = world.read("GET /v1/connections", "/v1/connections").await.unwrap();
    let connection = &view["connections"][0];
    assert_eq!(connection["state"], "active", "{connection:#}");
    assert_eq!(connection["destinations"][0]["id"], seed::BAKERY);
    assert_eq!(connection["destinations"][0]["usable"], true);
    assert!(connection["ends_at"].is_string());
}

#[tokio::test]
async fn connecting_the_same_account_again_keeps_the_connection() {
    let world = World::start().await;
    let first = world.connected().await;
    assert_eq!(world.connected().await, first);
    let view = world.read("GET /v1/connections", "/v1/connections").await.unwrap();
    assert_eq!(view["connections"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_reconnect_refuses_another_accounts_grant() {
    let world = World::start().await;
    let mut wanted = session();
    wanted["reconnect"] = world.connected().await.into();
    let back = world.connect_as(seed::GRACE, &[seed::GARDEN], &wanted).await;
    assert!(back.query().unwrap().ends_with("error=other_account"), "{back}");
}

#[tokio::test]
async fn a_page_without_the_right_to_publish_is_connected_and_marked() {
    let world = World::start().await;
    world.connect_as(seed::ADA, &[seed::CAFE, seed::ODDITIES, seed::BOOKSHOP], &session()).await;
    let view = world.read("GET /v1/connections", "/v1/connections").await.unwrap();
    let destinations = view["connections"][0]["destinations"].as_array().unwrap();
    assert!(destinations.iter().any(|one| one["reason"]["code"] == "facebook.page.task_missing"), "{destinations:#?}");
}

#[tokio::test]
async fn who_says_no_comes_back_with_access_denied() {
    let world = World::start().await;
    let (dialog, cookie) = world.open(&session()).await;
    let callback = world.consent(&dialog, seed::ADA, &[], "cancel").await;
    let back = world.finish(&callback, &cookie).await;
    assert!(back.query().unwrap().ends_with("error=access_denied"), "{back}");
    let view = world.read("GET /v1/connections", "/v1/connections").await.unwrap();
    assert_eq!(view["connections"].as_array().unwrap().len(), 0);
}

#[tokio::test]
async fn f71_of_many_callbacks_at_once_one_exchanges() {
    let world = World::start().await;
    let (dialog, cookie) = world.open(&session()).await;
    let callback = world.consent(&dialog, seed::ADA, &[seed::BAKERY], "continue").await;
    let again = || world.call_back(&callback, &cookie);
    let answers = tokio::join!(again(), again(), again(), again(), again());
    let mut statuses = [answers.0.status, answers.1.status, answers.2.status, answers.3.status, answers.4.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [303, 404, 404, 404, 404]);
    let exchanges = world.simulator.facebook().requests();
    let exchanges = exchanges.iter().filter(|call| call.path.ends_with("/oauth/access_token")).count();
    assert_eq!(exchanges, 2, "one for the code, one for the long-lived token");
}

#[tokio::test]
async fn f72_no_other_browser_state_or_platform_finishes_a_session() {
    let world = World::start().await;
    let (dialog, cookie) = world.open(&session()).await;
    let callback = world.consent(&dialog, seed::ADA, &[seed::BAKERY], "continue").await;
    let (_, other_cookie) = world.open(&session()).await;
    let forged: url::Url = callback.as_str().replace("state=", "state=x").parse().unwrap();
    let elsewhere: url::Url = callback.as_str().replace("/facebook/", "/mailchimp/").parse().unwrap();
    for (url, cookie) in
        [(&callback, other_cookie.as_str()), (&callback, ""), (&forged, cookie.as_str()), (&elsewhere, cookie.as_str())]
    {
        assert_eq!(world.call_back(url, cookie).await.status, 404, "{url}");
    }
    let asked = world.simulator.facebook().requests();
    assert!(!asked.iter().any(|call| call.path.contains("access_token")), "nobody asked for a token");
    // None of that used the session up.
    assert_eq!(world.call_back(&callback, &cookie).await.status, 303);
    assert_eq!(world.call_back(&callback, &cookie).await.status, 404);
}

#[tokio::test]
async fn f62_a_session_is_over_after_a_quarter_of_an_hour_whether_its_row_is_gone_or_not() {
    for is_gone in [false, true] {
        let world = World::start().await;
        let sessions = async || {
            let rows = world.dynamodb().scan().table_name("State").send().await.unwrap().items.unwrap();
            rows.into_iter().filter(|row| row["sk"].as_s().is_ok_and(|sort| sort == "SESSION")).collect::<Vec<_>>()
        };
        let request = world.request("POST /v1/connect/sessions", "/v1/connect/sessions", &session());
        let unopened = world.connect.handle(request).await.unwrap();
        let unopened: serde_json::Value = serde_json::from_str(&unopened.body).unwrap();
        let unopened: url::Url = unopened["url"].as_str().unwrap().parse().unwrap();
        let (dialog, cookie) = world.open(&session()).await;
        let callback = world.consent(&dialog, seed::ADA, &[seed::BAKERY], "continue").await;
        let rows = sessions().await;
        assert_eq!(rows.len(), 2);
        if is_gone {
            for row in rows {
                let delete = world.dynamodb().delete_item().table_name("State");
                delete.key("pk", row["pk"].clone()).key("sk", row["sk"].clone()).send().await.unwrap();
            }
        }
        world.clock.advance(jiff::SignedDuration::from_secs(15 * 60));
        assert_eq!(sessions().await.len(), if is_gone { 0 } else { 2 });
        assert_eq!(world.call_back(&callback, &cookie).await.status, 404);
        let request = world.request("GET /v1/connect/{session}", unopened.path(), &serde_json::Value::Null);
        let answer = world.connect.handle(request).await.unwrap_or_else(shared::http::Response::from);
        assert_eq!(answer.status, 404);
    }
}

#[tokio::test]
async fn a_code_that_the_platform_does_not_take_ends_at_the_return_address() {
    let world = World::start().await;
    let (dialog, cookie) = world.open(&session()).await;
    let callback = world.consent(&dialog, seed::ADA, &[seed::BAKERY], "continue").await;
    let spoilt: url::Url = callback.as_str().replace("code=", "code=spoilt").parse().unwrap();
    let back = world.finish(&spoilt, &cookie).await;
    assert!(back.query().unwrap().ends_with("error=exchange_failed"), "{back}");
}

#[tokio::test]
async fn return_addresses_must_be_https() {
    let world = World::start().await;
    for address in ["http://example.com/", "https://u:p@example.com/", "https://example.com/#x", "ftp://example.com/"] {
        let body = json!({ "platform": "facebook", "return_url": address });
        let request = world.request("POST /v1/connect/sessions", "/v1/connect/sessions", &body);
        let problem = world.connect.handle(request).await.unwrap_err();
        assert_eq!(problem.errors[0].code, "return_url.not_allowed", "{address}");
    }
}

#[tokio::test]
async fn health_finds_a_dead_connection_and_a_blip_changes_nothing() {
    use simulator::facebook::{Fault, FaultKind};
    let world = World::start().await;
    let connection = world.connected().await;
    let path = format!("/v1/connections/{connection}");
    let facebook = world.simulator.facebook();
    world.advance(7 * 3_600);
    facebook.add_fault(Fault::new(FaultKind::Status500Before).on_edge("GET", "debug_token"));
    let checked = world.health.run(std::time::Duration::from_mins(1)).await.unwrap();
    assert_eq!((checked.checked, checked.reconnect), (1, 0));
    assert_eq!(world.read("GET /v1/connections/{connection}", &path).await.unwrap()["state"], "active");

    facebook.clear_faults();
    facebook.revoke_user(seed::ADA, 458);
    world.advance(7 * 3_600);
    let checked = world.health.run(std::time::Duration::from_mins(1)).await.unwrap();
    assert_eq!((checked.checked, checked.reconnect), (1, 1));
    let view = world.read("GET /v1/connections/{connection}", &path).await.unwrap();
    assert_eq!((view["state"].as_str(), view["reason"]["act"].as_str()), (Some("reconnect"), Some("end_user")));
}

#[tokio::test]
async fn f56_no_token_stands_in_the_tables_in_plain_text() {
    let world = World::start().await;
    world.connected().await;
    let client = shared::aws::Clients::at(&world.emulators.endpoint_url()).await.dynamodb();
    for table in ["State", "Vault"] {
        let rows = client.scan().table_name(table).send().await.unwrap();
        assert!(rows.count() > 0);
        let text = format!("{:?}", rows.items());
        for secret in ["EAA", simulator::APP_SECRET, world.key.as_str()] {
            assert!(!text.contains(secret), "{table} shows {secret}");
        }
    }
}

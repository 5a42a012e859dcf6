//! Connecting accounts, and everything that must not make a connection.

use serde_json::json;
use shared::{
    authorize,
    clock::Clock as _,
    connect::ReturnUrls,
    store::{Actor, Change},
};
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
    let (first, second) = tokio::join!(async { tokio::join!(again(), again(), again(), again(), again()) }, async {
        tokio::join!(again(), again(), again(), again(), again())
    },);
    let mut statuses: Vec<u16> = [first, second]
        .into_iter()
        .flat_map(|(one, two, three, four, five)| [one, two, three, four, five])
        .map(|answer| answer.status)
        .collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [303, 404, 404, 404, 404, 404, 404, 404, 404, 404]);
    let exchanges = world.simulator.facebook().requests();
    let exchanges = exchanges.iter().filter(|call| call.path.ends_with("/oauth/access_token")).count();
    assert_eq!(exchanges, 2, "one for the code, one for the long-lived token");
}

#[tokio::test]
async fn f72_no_other_browser_state_tenant_platform_or_issuer_finishes_a_session() {
    let mut world = World::start().await;
    let (dialog, cookie) = world.open(&session()).await;
    let callback = world.consent(&dialog, seed::ADA, &[seed::BAKERY], "continue").await;
    let (_, other_cookie) = world.open(&session()).await;
    let forged: url::Url = callback.as_str().replace("state=", "state=x").parse().unwrap();
    let elsewhere: url::Url = callback.as_str().replace("/facebook/", "/mailchimp/").parse().unwrap();
    // Another server answers in Facebook's place, or somebody says things twice.
    let with = |name: &str, value: &str| {
        let mut url = callback.clone();
        url.query_pairs_mut().append_pair(name, value);
        url
    };
    let (mixed_up, twice) = (with("iss", "https://evil.example"), with("code", "another"));
    // Another tenant's session, brought to the end by this tenant's browser.
    let own = world.caller;
    world.caller = world.other_tenant().await;
    let (their_dialog, their_cookie) = world.open(&session()).await;
    world.caller = own;
    let state_of = |url: &url::Url| url.query_pairs().find(|(name, _)| name == "state").unwrap().1.into_owned();
    let theirs: url::Url = callback.as_str().replace(&state_of(&callback), &state_of(&their_dialog)).parse().unwrap();
    for (url, cookie) in [
        (&callback, other_cookie.as_str()),
        (&callback, their_cookie.as_str()),
        (&callback, ""),
        (&forged, cookie.as_str()),
        (&theirs, cookie.as_str()),
        (&elsewhere, cookie.as_str()),
        (&mixed_up, cookie.as_str()),
        (&twice, cookie.as_str()),
    ] {
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
async fn a_return_address_must_be_listed_by_the_tenant() {
    let mut world = World::start().await;
    let begin = async |world: &World, address: &str| {
        let body = json!({ "platform": "facebook", "return_url": address });
        let request = world.request("POST /v1/connect/sessions", "/v1/connect/sessions", &body);
        world.connect.handle(request).await.map_or_else(|problem| problem.errors[0].code.clone(), |_| "fine".into())
    };
    world.connect.allow_loopback = false;
    assert_eq!(begin(&world, "https://app.example.com/done?any=thing").await, "fine");
    for address in [
        "https://evil.example/done",
        "https://app.example.com/done/more",
        "https://app.example.com:8443/done",
        "https://app.example.com.evil.example/done",
    ] {
        assert_eq!(begin(&world, address).await, "return_url.not_listed", "{address}");
    }
    assert_eq!(begin(&world, "http://127.0.0.1:9/done").await, "return_url.not_allowed");
    // What another tenant has listed is of no use; and a tenant without a list connects nobody.
    let (store, other) = (world.store.clone(), world.other_tenant().await);
    let list = async |tenant, urls: &[&str]| {
        let urls = ReturnUrls::new(urls.iter().map(|url| url.parse().unwrap())).unwrap();
        let set = authorize::set_return_urls(&store, tenant, &urls, Actor::Postd, world.clock.now()).await;
        assert_eq!(set.unwrap(), Change::Done);
    };
    list(other.tenant, &["https://other.example.com/"]).await;
    assert_eq!(begin(&world, "https://other.example.com/").await, "return_url.not_listed");
    list(world.caller.tenant, &[]).await;
    assert_eq!(begin(&world, "https://app.example.com/done").await, "return_url.not_listed");
    world.caller = other;
    assert_eq!(begin(&world, "https://other.example.com/").await, "fine");
}

#[tokio::test]
async fn a_connection_says_who_made_it_and_is_found_by_that() {
    let world = World::start().await;
    let tagged = |tag: &str| json!({ "platform": "facebook", "return_url": "https://example.com/", "end_user": tag });
    world.connect_as(seed::ADA, &[seed::BAKERY], &tagged("user-4711")).await;
    world.connect_as(seed::GRACE, &[seed::GARDEN], &session()).await;
    let found = async |query: &str| {
        let view = world.read("GET /v1/connections", &format!("/v1/connections{query}")).await.unwrap();
        let connections = view["connections"].as_array().unwrap().clone();
        connections.into_iter().map(|one| one["end_user"].clone()).collect::<Vec<_>>()
    };
    assert_eq!(found("?end_user=user-4711").await, [json!("user-4711")]);
    assert_eq!(found("?end_user=nobody").await, Vec::<serde_json::Value>::new());
    assert_eq!(found("").await.len(), 2);
    // A login that names nobody leaves the name alone; one that names somebody changes it.
    world.connect_as(seed::ADA, &[seed::BAKERY], &session()).await;
    assert_eq!(found("?end_user=user-4711").await.len(), 1);
    world.connect_as(seed::ADA, &[seed::BAKERY], &tagged("user-0815")).await;
    assert_eq!(found("?end_user=user-4711").await.len(), 0);
    for wrong in [String::new(), "x".repeat(256), "a\nb".to_owned()] {
        let request = world.request("POST /v1/connect/sessions", "/v1/connect/sessions", &tagged(&wrong));
        let problem = world.connect.handle(request).await.unwrap_err();
        assert_eq!(
            (problem.errors[0].code.as_ref(), problem.errors[0].pointer.as_str()),
            ("end_user.invalid", "/end_user")
        );
    }
}

#[tokio::test]
async fn permissions_that_were_declined_are_named_on_the_way_back_and_on_the_connection() {
    let world = World::start().await;
    let (dialog, cookie) = world.open(&session()).await;
    let mut chosen = dialog.clone();
    let scopes = ["pages_show_list", "pages_read_engagement", "pages_manage_metadata", "read_insights"];
    chosen.query_pairs_mut().append_pair("choose_scopes", "1");
    chosen.query_pairs_mut().extend_pairs(scopes.map(|scope| ("scopes", scope)));
    let callback = world.consent(&chosen, seed::ADA, &[seed::BAKERY], "continue").await;
    let back = world.finish(&callback, &cookie).await;
    let (_, missing) = back.query_pairs().find(|(name, _)| name == "missing_scopes").expect("named");
    assert_eq!(missing, "pages_manage_posts");
    let view = world.read("GET /v1/connections", "/v1/connections").await.unwrap();
    let connection = &view["connections"][0];
    assert_eq!(connection["missing_scopes"], json!(["pages_manage_posts"]), "{connection:#}");
    assert_eq!(
        (&connection["state"], &connection["reason"]["code"]),
        (&json!("degraded"), &json!("connection.scopes_missing"))
    );
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
    let client = shared::aws::Clients::at(&world.emulators.endpoint_url()).dynamodb();
    for table in ["State", "Vault"] {
        let rows = client.scan().table_name(table).send().await.unwrap();
        assert!(rows.count() > 0);
        let text = format!("{:?}", rows.items());
        for secret in ["EAA", simulator::APP_SECRET, world.key.as_str()] {
            assert!(!text.contains(secret), "{table} shows {secret}");
        }
    }
}

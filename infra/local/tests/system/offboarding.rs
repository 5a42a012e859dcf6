//! Tenants that are deleted and people who are forgotten, by the functions themselves, with the rights that they have.

use aws_sdk_dynamodb::types::AttributeValue;
use http::Method;
use serde_json::json;
use shared::authorize::delete_tenant;
use shared::clock::{Clock as _, SystemClock};
use shared::store::Actor;
use simulator::facebook::seed;

use crate::support::System;
use crate::tenant::{ADAS, Tenant, call, to_page};

/// The sort keys of all rows of both tables that name this.
async fn naming(system: &System, text: &str) -> Vec<String> {
    let client = system.aws().dynamodb();
    let mut found = Vec::new();
    for table in ["StateTable", "VaultTable"] {
        let pages = client.scan().table_name(system.resource(table)).into_paginator().items().send();
        let rows = pages.try_collect().await.unwrap();
        let named = rows.iter().filter(|row| format!("{row:?}").contains(text));
        found.extend(named.map(|row| row["sk"].as_s().unwrap().clone()));
    }
    found.sort();
    found
}

#[tokio::test]
#[expect(clippy::disallowed_methods, reason = "what an operator does")]
async fn f87_the_function_refresh_deletes_a_tenant_with_the_rights_that_it_has() {
    let system = System::start(&[("FacebookSettleSeconds", "1")]);
    let tenant = Tenant::new(&system).await;
    let connection = tenant.connect(seed::ADA, &ADAS).await;
    let post = tenant.publish(&connection, seed::BAKERY, "the last one").await;
    tenant.settled(&post).await;
    let id = tenant.id.id();
    let by = Actor::Operator("grace".into());
    delete_tenant(&system.store(), id, by, SystemClock.now()).await.unwrap().unwrap();
    // The gateway still knows the key.
    let refused = tenant.post("/v1/posts", &to_page(&connection, seed::BAKERY, "one more")).await;
    assert_eq!(refused.problem(), (403, "tenant.deleted".to_owned()));

    let refresh = async || system.invoke("refresh", &crate::events::event("schedule-refresh.json")).await.unwrap();
    let ran = refresh().await;
    assert_eq!((&ran[1]["done"], &ran[1]["unfinished"]), (&json!(0), &json!(1)), "{ran}");
    let dead = system.facebook().requests();
    assert!(dead.iter().any(|call| call.method == "DELETE" && call.path.ends_with("/permissions") && call.took_effect));
    // An hour ago, as far as its mark tells.
    let update = system.aws().dynamodb().update_item().table_name(system.resource("StateTable"));
    let update = update.key("pk", AttributeValue::S(format!("T#{id}"))).key("sk", AttributeValue::S("TENANT".into()));
    let update =
        update.update_expression("SET deletion.requested_at = deletion.requested_at - :hour, due_at = :long_ago");
    let update = update.expression_attribute_values(":hour", AttributeValue::N("3600000".into()));
    update.expression_attribute_values(":long_ago", AttributeValue::S("0000000000000#".into())).send().await.unwrap();
    let ran = refresh().await;
    assert_eq!((&ran[1]["done"], &ran[1]["unfinished"]), (&json!(1), &json!(0)), "{ran}");
    assert_eq!(naming(&system, &id.to_string()).await, ["DELETED", "TENANT"]);
}

#[tokio::test]
async fn whoever_asks_the_platform_to_be_forgotten_is() {
    let system = System::start(&[]);
    let tenant = Tenant::new(&system).await;
    let connection = tenant.connect(seed::ADA, &ADAS).await;
    system.facebook().delete_data(seed::ADA);
    let path = format!("/v1/connections/{connection}");
    let gone = async || (tenant.get(&path).await.status == 404).then_some(());
    system.eventually("the connection is gone", gone).await;
    let told = async || {
        let rows = naming(&system, "done_at").await;
        rows.contains(&"STATUS".to_owned()).then_some(())
    };
    system.eventually("it is told to be done", told).await;
    let sealed = system.aws().dynamodb().scan().table_name(system.resource("VaultTable")).send().await.unwrap();
    assert!(!sealed.items().iter().any(|row| row["sk"].as_s().unwrap().contains(&connection)), "tokens are left");
    let url = tenant.url("/webhooks/facebook/data-deletion");
    let kind = [("content-type", "application/x-www-form-urlencoded")];
    let unsigned = call(Method::POST, &url, &kind, "signed_request=abc").await;
    assert_eq!(unsigned.problem(), (400, "webhook.signed_request_invalid".to_owned()));
}

//! DynamoDB: conditions, transactions, indexes, expiry, and what it all costs.

use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::{
    AttributeValue, ConditionCheck, Put, ReturnValuesOnConditionCheckFailure, TransactWriteItem,
};
use emulators::{Emulators, Projection, Table};

use crate::start;

async fn with_table() -> (Emulators, Client) {
    let (emulators, config) = start().await;
    let table = Table::new("State", "pk")
        .with_sort_key("sk")
        .with_index("due", "due_shard", "due_at", Projection::KeysOnly)
        .with_time_to_live("expires_at");
    emulators.create_table(&table).unwrap();
    (emulators, Client::new(&config))
}

fn text(value: &str) -> AttributeValue {
    AttributeValue::S(value.to_owned())
}

#[tokio::test]
async fn a_condition_that_fails_refuses_the_write_and_can_return_the_item() {
    let (emulators, client) = with_table().await;
    let put = || {
        client
            .put_item()
            .table_name("State")
            .item("pk", text("a"))
            .item("sk", text("b"))
            .item("owner", text("first"))
            .condition_expression("attribute_not_exists(pk)")
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
    };
    put().send().await.unwrap();
    let refused = put().send().await.unwrap_err().into_service_error();
    assert!(refused.is_conditional_check_failed_exception(), "{refused:?}");
    let aws_sdk_dynamodb::operation::put_item::PutItemError::ConditionalCheckFailedException(failed) = refused else {
        unreachable!()
    };
    assert_eq!(failed.item().unwrap()["owner"], text("first"));
    let count = emulators.counts().operation("DynamoDB.PutItem");
    assert_eq!((count.calls, count.errors), (2, 1));
    assert!((count.write_units - 2.0).abs() < f64::EPSILON, "{count:?}");
}

#[tokio::test]
async fn a_transaction_writes_all_or_nothing() {
    let (emulators, client) = with_table().await;
    let put = |pk: &str| {
        let put = Put::builder().table_name("State").item("pk", text(pk)).item("sk", text("s")).build().unwrap();
        TransactWriteItem::builder().put(put).build()
    };
    let check = |pk: &str| {
        let check = ConditionCheck::builder()
            .table_name("State")
            .key("pk", text(pk))
            .key("sk", text("s"))
            .condition_expression("attribute_exists(pk)")
            .build()
            .unwrap();
        TransactWriteItem::builder().condition_check(check).build()
    };
    client.transact_write_items().transact_items(put("one")).transact_items(put("two")).send().await.unwrap();
    assert!((emulators.counts().write_units() - 4.0).abs() < f64::EPSILON, "{:?}", emulators.counts());

    let refused = client
        .transact_write_items()
        .transact_items(put("three"))
        .transact_items(check("none"))
        .send()
        .await
        .unwrap_err();
    let refused = refused.into_service_error();
    let aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError::TransactionCanceledException(
        cancelled,
    ) = refused
    else {
        unreachable!("{refused:?}")
    };
    let codes: Vec<_> = cancelled.cancellation_reasons().iter().filter_map(|reason| reason.code()).collect();
    assert_eq!(codes, ["None", "ConditionalCheckFailed"]);
    let three =
        client.get_item().table_name("State").key("pk", text("three")).key("sk", text("s")).send().await.unwrap();
    assert!(three.item().is_none());
}

#[tokio::test]
async fn a_sparse_index_answers_queries_in_order() {
    let (_emulators, client) = with_table().await;
    for (pk, due) in [("late", Some("2026-01-03")), ("never", None), ("soon", Some("2026-01-01"))] {
        let put = client.put_item().table_name("State").item("pk", text(pk)).item("sk", text("s"));
        let put = match due {
            Some(at) => put.item("due_shard", text("DUE#0")).item("due_at", text(at)).item("content", text("long")),
            None => put,
        };
        put.send().await.unwrap();
    }
    let found = client
        .query()
        .table_name("State")
        .index_name("due")
        .key_condition_expression("due_shard = :shard AND due_at <= :now")
        .expression_attribute_values(":shard", text("DUE#0"))
        .expression_attribute_values(":now", text("2026-01-04"))
        .send()
        .await
        .unwrap();
    let keys: Vec<&AttributeValue> = found.items().iter().map(|item| &item["pk"]).collect();
    assert_eq!(keys, [&text("soon"), &text("late")]);
    assert!(found.items().iter().all(|item| !item.contains_key("content")), "KEYS_ONLY");
    assert!(found.consumed_capacity().is_none(), "nobody asked");
}

#[tokio::test]
async fn an_expired_item_is_seen_until_it_is_swept() {
    let (emulators, client) = with_table().await;
    let described = client.describe_time_to_live().table_name("State").send().await.unwrap();
    assert_eq!(described.time_to_live_description().unwrap().attribute_name(), Some("expires_at"));
    let far = AttributeValue::N("4102444800".to_owned()); // 2100-01-01
    let put = client.put_item().table_name("State").item("pk", text("a")).item("sk", text("b")).item("expires_at", far);
    put.send().await.unwrap();
    assert_eq!(emulators.sweep_expired_items().unwrap(), 0);
    // DynamoDB leaves items alone that expired more than five years ago, so the clock must not go much further.
    emulators.advance(Duration::from_hours(74 * 365 * 24));
    let get = || client.get_item().table_name("State").key("pk", text("a")).key("sk", text("b"));
    assert!(get().send().await.unwrap().item().is_some());
    assert_eq!(emulators.sweep_expired_items().unwrap(), 1);
    assert!(get().send().await.unwrap().item().is_none());
}

#[tokio::test]
async fn units_follow_the_published_sizes() {
    let (emulators, client) = with_table().await;
    let body = "x".repeat(3 * 1024);
    client
        .put_item()
        .table_name("State")
        .item("pk", text("a"))
        .item("sk", text("b"))
        .item("body", text(&body))
        .send()
        .await
        .unwrap();
    let get = || client.get_item().table_name("State").key("pk", text("a")).key("sk", text("b"));
    get().send().await.unwrap();
    get().consistent_read(true).send().await.unwrap();
    let counts = emulators.counts();
    assert!((counts.operation("DynamoDB.PutItem").write_units - 4.0).abs() < f64::EPSILON, "{counts:?}");
    assert!((counts.operation("DynamoDB.GetItem").read_units - 1.5).abs() < f64::EPSILON, "{counts:?}");
    let earlier = counts;
    get().send().await.unwrap();
    let added = emulators.counts().since(&earlier);
    assert_eq!(
        added.iter().map(|(name, count)| (name.to_owned(), count.calls)).collect::<Vec<_>>(),
        [("DynamoDB.GetItem".to_owned(), 1)]
    );
}

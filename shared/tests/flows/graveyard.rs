//! What the tests of dead letters share: ways to die, the way back, and what stands in the tables.

use std::collections::BTreeMap;

use aws_sdk_dynamodb::types::AttributeValue;
use serde_json::{Value, json};
use shared::{aws::Clients, problem::Problem};
use simulator::facebook::{Fault, seed};

use crate::world::World;

type Row = std::collections::HashMap<String, AttributeValue>;

pub(crate) fn dynamodb(world: &World) -> aws_sdk_dynamodb::Client {
    Clients::at(&world.emulators.endpoint_url()).dynamodb()
}

/// Every row of a table, in order.
pub(crate) async fn rows(world: &World, table: &str) -> Vec<BTreeMap<String, AttributeValue>> {
    let items = dynamodb(world).scan().table_name(table).send().await.unwrap().items.unwrap();
    let mut rows: Vec<BTreeMap<_, _>> = items.into_iter().map(|item| item.into_iter().collect()).collect();
    rows.sort_by_key(|row| format!("{:?}", (&row["pk"], &row["sk"])));
    rows
}

/// Accepts a post for the bakery's Page; its id.
pub(crate) async fn accept(world: &World, connection: &str, text: &str) -> String {
    let body = json!({ "content": { "text": text }, "targets": [{ "connection": connection }] });
    world.create(&body).await.unwrap()["id"].as_str().unwrap().to_owned()
}

/// A post that the platform has refused for good.
pub(crate) async fn refused(world: &World, connection: &str, text: &str) -> String {
    fail(world, connection, text, Fault::error(100, None)).await
}

/// A post that the platform has refused, and published all the same.
pub(crate) async fn refused_and_live(world: &World, connection: &str, text: &str) -> String {
    fail(world, connection, text, Fault { after: true, ..Fault::error(100, None) }).await
}

async fn fail(world: &World, connection: &str, text: &str, fault: Fault) -> String {
    world.simulator.facebook().add_fault(fault.on_edge("POST", "feed").on_page(seed::BAKERY).times(1));
    let id = accept(world, connection, text).await;
    world.drain().await;
    assert_eq!(world.post(&id).await["state"], "failed");
    id
}

/// A post that failed for want of a token, before anything was sent; the token is back afterwards.
pub(crate) async fn never_sent(world: &World, connection: &str, text: &str) -> String {
    let token = take_token(world, connection).await;
    let id = accept(world, connection, text).await;
    world.drain().await;
    assert_eq!(world.post(&id).await["targets"][0]["reason"]["code"], "connection.token_missing");
    give_token(world, token).await;
    id
}

/// Takes the token of the connection's only destination out of the vault.
pub(crate) async fn take_token(world: &World, connection: &str) -> Row {
    let vault = dynamodb(world);
    let items = vault.scan().table_name("Vault").send().await.unwrap().items.unwrap();
    let place = format!("CONN#{connection}#DEST#");
    let row = items.into_iter().find(|row| row["sk"].as_s().unwrap().starts_with(&place)).unwrap();
    let delete = vault.delete_item().table_name("Vault");
    delete.key("pk", row["pk"].clone()).key("sk", row["sk"].clone()).send().await.unwrap();
    row
}

pub(crate) async fn give_token(world: &World, row: Row) {
    dynamodb(world).put_item().table_name("Vault").set_item(Some(row)).send().await.unwrap();
}

/// `POST /v1/dead-letters/redrive`.
pub(crate) async fn try_redrive(world: &World, body: &Value) -> Result<Value, Problem> {
    let request = world.request("POST /v1/dead-letters/redrive", "/v1/dead-letters/redrive", body);
    let response = world.redriver.handle(request, std::time::Duration::from_secs(28)).await?;
    assert_eq!(response.status, 200);
    Ok(serde_json::from_str(&response.body).unwrap())
}

pub(crate) async fn redrive(world: &World, body: &Value) -> Value {
    try_redrive(world, body).await.unwrap()
}

/// The first target of each of these posts.
pub(crate) fn targets<'a>(posts: impl IntoIterator<Item = &'a String>) -> Value {
    let names: Vec<Value> = posts.into_iter().map(|post| json!({ "post": post, "target": "t1" })).collect();
    json!({ "targets": names })
}

/// The outcome of each target, in order.
pub(crate) fn outcomes(view: &Value) -> Vec<&str> {
    view["targets"].as_array().unwrap().iter().map(|target| target["outcome"].as_str().unwrap()).collect()
}

/// Moves everything from the dead letter queue back, as the console does.
pub(crate) async fn move_back(world: &World) {
    let arn = |name: &str| format!("arn:aws:sqs:us-east-1:000000000000:{name}");
    let task = world.sqs.start_message_move_task().source_arn(arn("publish-dead")).destination_arn(arn("publish"));
    task.send().await.unwrap();
}

/// Lets time pass, with the ticks and deliveries that come with it.
pub(crate) async fn pass(world: &World, steps: u32, seconds: i64) {
    for _ in 0..steps {
        world.advance(seconds);
        world.dispatcher.tick().await.unwrap();
        world.drain().await;
    }
}

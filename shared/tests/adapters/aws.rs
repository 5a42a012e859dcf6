//! The clients as functions get them.

use emulators::Table;
use shared::{aws::Clients, aws_clock::AwsClock, clock::SystemClock};

use crate::World;

#[tokio::test]
async fn warming_up_makes_one_cheap_call() {
    let world = World::start().await;
    world.emulators.create_table(&Table::new("State", "pk").with_sort_key("sk")).unwrap();
    Clients::at(&world.emulators.endpoint_url()).warm_up("State").await;
    let counts = world.emulators.counts();
    assert_eq!(counts.calls("DynamoDB.GetItem"), 1);
    assert_eq!(counts.operation("DynamoDB.GetItem").errors, 0);
}

#[tokio::test]
async fn warming_up_survives_a_missing_table_and_a_dead_endpoint() {
    let world = World::start().await;
    Clients::at(&world.emulators.endpoint_url()).warm_up("Missing").await;
    Clients::at("http://127.0.0.1:9").warm_up("State").await;
}

#[tokio::test]
async fn every_client_reaches_the_endpoint_that_it_was_given() {
    let world = World::start().await;
    let clients = Clients::at(&world.emulators.endpoint_url());
    clients.dynamodb().list_tables().send().await.unwrap();
    clients.kms().list_keys().send().await.unwrap();
    clients.secrets_manager().list_secrets().send().await.unwrap();
    clients.sqs().list_queues().send().await.unwrap();
}

#[tokio::test]
async fn nothing_in_the_environment_is_no_reason_not_to_start() {
    // Whatever the machine that runs this has set, building the clients neither fails nor waits.
    let clients =
        Clients::from_environment(&std::sync::Arc::new(AwsClock::over(std::sync::Arc::new(SystemClock)))).await;
    assert!(format!("{:?}", clients.dynamodb()).starts_with("Client"));
}

//! The instance as a whole: one port, independence, state between runs, stopping.

use std::net::TcpListener;
use std::path::PathBuf;

use aws_sdk_dynamodb::types::AttributeValue;
use emulators::{Emulators, Gate, Options, Queue, Table};

use crate::{sdk_config, start};

#[tokio::test]
async fn instances_side_by_side_share_nothing() {
    let (one, _) = start().await;
    let (two, config) = start().await;
    one.create_table(&Table::new("Only", "pk")).unwrap();
    let tables = aws_sdk_dynamodb::Client::new(&config).list_tables().send().await.unwrap();
    assert!(tables.table_names().is_empty());
    assert_eq!(one.counts().calls("DynamoDB.ListTables"), 0);
    assert_eq!(two.counts().calls("DynamoDB.ListTables"), 1);
}

#[tokio::test]
async fn a_stopped_instance_frees_its_port() {
    let (emulators, _) = start().await;
    let address = emulators.endpoint_url().replace("http://", "");
    emulators.stop().await.unwrap();
    TcpListener::bind(address).unwrap();
}

#[tokio::test]
async fn a_port_in_use_is_said_so() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let options = Options { listen: taken.local_addr().unwrap(), ..Options::default() };
    let error = Emulators::start(options).await.unwrap_err();
    assert!(matches!(error, emulators::Error::Listen(_)), "{error:?}");
}

/// A directory that goes away with the test.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("postd-emulators-{name}-{}", std::process::id()));
        let _absent = std::fs::remove_dir_all(&path);
        Self(path)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _gone = std::fs::remove_dir_all(&self.0);
    }
}

#[tokio::test]
async fn with_a_state_directory_everything_is_there_again() {
    let scratch = Scratch::new("state");
    let options = || Options { state_directory: Some(scratch.0.clone()), ..Options::default() };

    let first = Emulators::start(options()).await.unwrap();
    let config = sdk_config(&first).await;
    first.create_table(&Table::new("State", "pk")).unwrap();
    let key = first.create_key("alias/tokens").await.unwrap();
    let secret = first.create_secret("app", "value").await.unwrap();
    let queue = first.create_queue(&Queue::new("jobs")).await.unwrap();
    let item = AttributeValue::S("a".to_owned());
    let dynamodb = aws_sdk_dynamodb::Client::new(&config);
    dynamodb.put_item().table_name("State").item("pk", item.clone()).send().await.unwrap();
    let kms = aws_sdk_kms::Client::new(&config);
    let plain = aws_sdk_kms::primitives::Blob::new("plain");
    let sealed = kms.encrypt().key_id(&key).plaintext(plain.clone()).send().await.unwrap().ciphertext_blob.unwrap();
    let sqs = aws_sdk_sqs::Client::new(&config);
    sqs.send_message().queue_url(&queue.url).message_body("x").send().await.unwrap();
    first.stop().await.unwrap();

    let second = Emulators::start(options()).await.unwrap();
    let config = sdk_config(&second).await;
    second.create_table(&Table::new("State", "pk")).unwrap();
    assert_eq!(second.create_key("alias/tokens").await.unwrap(), key);
    assert_eq!(second.find_secret("app").await, Some(secret));
    let queue = second.create_queue(&Queue::new("jobs")).await.unwrap();
    let dynamodb = aws_sdk_dynamodb::Client::new(&config);
    let found = dynamodb.get_item().table_name("State").key("pk", item).send().await.unwrap();
    assert!(found.item().is_some());
    let opened = aws_sdk_kms::Client::new(&config).decrypt().ciphertext_blob(sealed).send().await.unwrap();
    assert_eq!(opened.plaintext(), Some(&plain));
    let received = aws_sdk_sqs::Client::new(&config).receive_message().queue_url(&queue.url).send().await.unwrap();
    assert_eq!(received.messages().len(), 1);
}

#[tokio::test]
async fn a_gate_decides_by_caller_action_and_resource() {
    let (emulators, config) = start().await;
    emulators.create_table(&Table::new("State", "pk")).unwrap();
    let queue = emulators.create_queue(&Queue::new("jobs")).await.unwrap();
    let key = emulators.create_key("alias/tokens").await.unwrap();
    let secret = emulators.create_secret("app", "value").await.unwrap();
    emulators.guard(Gate::new(|access| access.caller == "local" && access.action == "dynamodb:GetItem"));

    let pk = AttributeValue::S("a".to_owned());
    let dynamodb = aws_sdk_dynamodb::Client::new(&config);
    dynamodb.get_item().table_name("State").key("pk", pk.clone()).send().await.unwrap();
    let refused = dynamodb.put_item().table_name("State").item("pk", pk).send().await.unwrap_err();
    assert_eq!(refused.into_service_error().meta().code(), Some("AccessDeniedException"));
    let sqs = aws_sdk_sqs::Client::new(&config);
    let refused = sqs.send_message().queue_url(&queue.url).message_body("x").send().await.unwrap_err();
    assert_eq!(refused.into_service_error().meta().code(), Some("AccessDenied"));
    let kms = aws_sdk_kms::Client::new(&config);
    let refused = kms.describe_key().key_id(key).send().await.unwrap_err();
    assert_eq!(refused.into_service_error().meta().code(), Some("AccessDeniedException"));
    let secrets = aws_sdk_secretsmanager::Client::new(&config);
    let refused = secrets.get_secret_value().secret_id(secret).send().await.unwrap_err();
    assert_eq!(refused.into_service_error().meta().code(), Some("AccessDeniedException"));
    assert_eq!(emulators.counts().operation("KMS.DescribeKey").errors, 1, "a refusal is a call");
}

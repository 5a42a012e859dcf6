//! The adapters against embedded AWS, through the real SDK.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "helpers of tests fail as tests do")]

mod apps;
mod audit;
mod aws;
mod bucket;
mod faults;
mod logs;
mod queue;
mod vault;
mod vault_deletion;
mod vault_keys;
mod vault_re_encrypt;
mod vault_rotation;
mod vault_tampering;

use std::{collections::HashMap, sync::Arc};

use aws_config::{BehaviorVersion, Region, SdkConfig, retry::RetryConfig};
use aws_sdk_dynamodb::{
    config::{Credentials, Intercept},
    types::AttributeValue,
};
use emulators::{Emulators, Options, Table};
use jiff::Timestamp;
use shared::{
    clock::ManualClock,
    config,
    http::gateway,
    ids::{ConnectionId, KeyId, TenantId},
    telemetry::Function,
    tenant::Tenant,
    vault::Vault,
};

use faults::Detour;

/// A row as it is stored.
type Item = HashMap<String, AttributeValue>;

/// Embedded AWS, a clock that stands still, and clients that do not wait between attempts.
struct World {
    emulators: Emulators,
    config: SdkConfig,
    clock: ManualClock,
}

impl World {
    async fn start() -> Self {
        logs::keep();
        let emulators = Emulators::start(Options::default()).await.unwrap();
        let config = patient(&emulators.endpoint_url()).await;
        let config = config.into_builder().retry_config(RetryConfig::disabled()).build();
        let clock = ManualClock::at("2026-11-21T03:00:00Z".parse::<Timestamp>().unwrap());
        Self { emulators, config, clock }
    }

    fn dynamodb(&self) -> aws_sdk_dynamodb::Client {
        aws_sdk_dynamodb::Client::new(&self.config)
    }

    fn sqs(&self) -> aws_sdk_sqs::Client {
        aws_sdk_sqs::Client::new(&self.config)
    }

    fn clock(&self) -> Arc<ManualClock> {
        Arc::new(self.clock.clone())
    }

    /// Where the vaults of a test live.
    async fn vault_resources(&self) -> config::Vault {
        self.emulators.create_table(&Table::new("Vault", "pk").with_sort_key("sk")).unwrap();
        let token_key = self.emulators.create_key("alias/tokens").await.unwrap();
        config::Vault { table: "Vault".into(), token_key, data_keys: config::DataKeyLimits::default() }
    }

    /// A vault with an empty memory, and the detour that its calls to KMS can be sent on.
    fn vault(&self, resources: &config::Vault) -> (Arc<Vault>, Detour) {
        let detour = Detour::default();
        let kms = aws_sdk_kms::config::Builder::from(&self.config).interceptor(detour.clone()).build();
        let kms = aws_sdk_kms::Client::from_conf(kms);
        let vault = Vault::new(kms, self.dynamodb(), resources, Function::Consumer, self.clock());
        (Arc::new(vault), detour)
    }

    /// A vault with an empty memory, whose calls to DynamoDB pass `interceptor`.
    fn vault_through(&self, resources: &config::Vault, interceptor: impl Intercept + 'static) -> Vault {
        let dynamodb = aws_sdk_dynamodb::config::Builder::from(&self.config).interceptor(interceptor).build();
        let dynamodb = aws_sdk_dynamodb::Client::from_conf(dynamodb);
        Vault::new(aws_sdk_kms::Client::new(&self.config), dynamodb, resources, Function::Oauth, self.clock())
    }
}

/// Every row of the Vault table.
async fn vault_rows(world: &World) -> Vec<Item> {
    let rows = world.dynamodb().scan().table_name("Vault").into_paginator().items().send();
    rows.collect::<Result<_, _>>().await.unwrap()
}

/// The partition key and the sort key of a row.
fn key_of(item: &Item) -> (String, String) {
    let text = |name: &str| item[name].as_s().unwrap().clone();
    (text("pk"), text("sk"))
}

/// Puts a row into the Vault table as it is.
async fn put_row(world: &World, row: &Item) {
    world.dynamodb().put_item().table_name("Vault").set_item(Some(row.clone())).send().await.unwrap();
}

/// Makes the Vault table hold these rows and no others.
async fn restore(world: &World, rows: &[Item]) {
    for row in vault_rows(world).await {
        if !rows.iter().any(|kept| key_of(kept) == key_of(&row)) {
            let delete = world.dynamodb().delete_item().table_name("Vault");
            delete.key("pk", row["pk"].clone()).key("sk", row["sk"].clone()).send().await.unwrap();
        }
    }
    for row in rows {
        put_row(world, row).await;
    }
}

/// The wrapped data key that an envelope names.
fn wrapped_in(row: &Item) -> Vec<u8> {
    let sealed = row["sealed"].as_b().unwrap().as_ref();
    let length = usize::from(u16::from_be_bytes([sealed[1], sealed[2]]));
    sealed[3..3 + length].to_vec()
}

/// An SDK configuration for `endpoint` with everything else as it comes.
async fn patient(endpoint: &str) -> SdkConfig {
    aws_config::defaults(BehaviorVersion::v2026_01_12())
        .region(Region::from_static("us-east-1"))
        .credentials_provider(Credentials::new("local", "local", None, None, "test"))
        .endpoint_url(endpoint)
        .load()
        .await
}

fn tenant(name: &str) -> Tenant {
    verified(TenantId::derived(&[name]))
}

/// A tenant the way a function gets to know one: by what the authorizer wrote into the event.
fn verified(tenant: TenantId) -> Tenant {
    let authorizer = serde_json::json!({ "lambda": { "tenant": tenant, "key": KeyId::new(), "scopes": "posts:read" } });
    let event = serde_json::json!({
        "requestContext": { "authorizer": authorizer, "domainName": "api.example.com", "http": { "method": "GET" } },
    });
    let request = gateway::request(serde_json::from_value(event).unwrap(), None).unwrap();
    request.caller().unwrap().tenant
}

fn connection(name: &str) -> ConnectionId {
    ConnectionId::derived(&[name])
}

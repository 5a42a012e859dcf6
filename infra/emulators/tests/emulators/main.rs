//! The emulators through the real AWS SDK.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

mod dynamodb;
mod queues;
mod s3;
mod secrets;
mod server;

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_dynamodb::config::Credentials;
use emulators::{Emulators, Options};

/// An instance of its own, and the SDK configuration that points at it.
async fn start() -> (Emulators, SdkConfig) {
    let emulators = Emulators::start(Options::default()).await.unwrap();
    let config = sdk_config(&emulators).await;
    (emulators, config)
}

async fn sdk_config(emulators: &Emulators) -> SdkConfig {
    aws_config::defaults(BehaviorVersion::latest())
        .region(Region::from_static(emulators::REGION))
        .credentials_provider(Credentials::new("local", "local", None, None, "test"))
        .endpoint_url(emulators.endpoint_url())
        .load()
        .await
}

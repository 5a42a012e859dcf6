//! Every minute: whatever is due goes to the queue. All decisions live in [`shared::dispatch`].

use lambda_runtime::{Error, LambdaEvent, service_fn};
use shared::{config::ProcessEnvironment, wiring};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let dispatcher = &wiring::dispatcher(&ProcessEnvironment).await?;
    lambda_runtime::run(service_fn(|_: LambdaEvent<serde_json::Value>| async {
        Ok::<_, Error>(dispatcher.tick().await?)
    }))
    .await
}

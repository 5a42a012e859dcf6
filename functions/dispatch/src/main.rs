//! Every minute: whatever is due goes to the queue. All decisions live in [`shared::dispatch`].

use lambda_runtime::{Error, LambdaEvent, service_fn};
use shared::{config::ProcessEnvironment, sqs, wiring};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let dispatcher = &wiring::dispatcher(&ProcessEnvironment).await?;
    lambda_runtime::run(service_fn(|event: LambdaEvent<serde_json::Value>| async move {
        Ok::<_, Error>(dispatcher.run(sqs::time_left(event.context.deadline())).await?)
    }))
    .await
}

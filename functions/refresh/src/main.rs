//! Every quarter of an hour: tokens that are about to end. All decisions live in [`shared::health`].

use lambda_runtime::{Error, LambdaEvent, service_fn};
use shared::{config::ProcessEnvironment, sqs, telemetry::Function, wiring};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let check = &wiring::health_check(Function::Refresh, &ProcessEnvironment).await?;
    lambda_runtime::run(service_fn(|event: LambdaEvent<serde_json::Value>| async move {
        Ok::<_, Error>(check.renew(sqs::time_left(event.context.deadline())).await?)
    }))
    .await
}

//! Every six hours: is each connection still alive? All decisions live in [`shared::health`].

use lambda_runtime::{Error, LambdaEvent, service_fn};
use shared::{config::ProcessEnvironment, sqs, wiring};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let check = &wiring::health_check(&ProcessEnvironment).await?;
    lambda_runtime::run(service_fn(|event: LambdaEvent<serde_json::Value>| async move {
        Ok::<_, Error>(check.run(sqs::time_left(event.context.deadline())).await?)
    }))
    .await
}

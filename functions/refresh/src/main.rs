//! Every quarter of an hour: tokens whose time has come. All decisions live in [`shared::refresh`].

use lambda_runtime::{Error, LambdaEvent, service_fn};
use shared::{config::ProcessEnvironment, sqs, wiring};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let round = &wiring::refresh_round(&ProcessEnvironment).await?;
    lambda_runtime::run(service_fn(|event: LambdaEvent<serde_json::Value>| async move {
        Ok::<_, Error>(round.run(sqs::time_left(event.context.deadline())).await?)
    }))
    .await
}

//! Every quarter of an hour: tokens whose time has come, and tenants that are being deleted. All decisions live in
//! [`shared::refresh`] and [`shared::offboarding`].

use lambda_runtime::{Error, LambdaEvent, service_fn};
use shared::{config::ProcessEnvironment, sqs, wiring};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let function = &wiring::refresh(&ProcessEnvironment).await?;
    lambda_runtime::run(service_fn(|event: LambdaEvent<serde_json::Value>| async move {
        let time_left = || sqs::time_left(event.context.deadline());
        // Neither keeps the other from its turn.
        let taken = function.round.run(time_left()).await;
        let ran = function.offboarding.run(time_left()).await;
        Ok::<_, Error>((taken?, ran?))
    }))
    .await
}

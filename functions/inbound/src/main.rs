//! Understands what the platforms sent. All decisions live in [`shared::webhook`].

use std::convert::Infallible;

use aws_lambda_events::sqs::SqsEvent;
use lambda_runtime::{Error, LambdaEvent, service_fn};
use shared::{config::ProcessEnvironment, sqs, wiring};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let inbound = &wiring::inbound(&ProcessEnvironment).await?;
    lambda_runtime::run(service_fn(|event: LambdaEvent<SqsEvent>| async move {
        Ok::<_, Infallible>(sqs::failures(inbound.batch(sqs::messages(event.payload)).await))
    }))
    .await
}

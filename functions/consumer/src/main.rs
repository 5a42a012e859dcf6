//! Drives publish jobs to their outcome. All decisions live in [`shared::consume`].

use std::convert::Infallible;

use aws_lambda_events::sqs::SqsEvent;
use lambda_runtime::{Error, LambdaEvent, service_fn};
use shared::{config::ProcessEnvironment, sqs, wiring};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let consumer = &wiring::consumer(&ProcessEnvironment).await?;
    lambda_runtime::run(service_fn(|event: LambdaEvent<SqsEvent>| async move {
        let time_left = sqs::time_left(event.context.deadline());
        let returned = consumer.batch(sqs::messages(event.payload), time_left).await;
        Ok::<_, Infallible>(sqs::failures(returned))
    }))
    .await
}

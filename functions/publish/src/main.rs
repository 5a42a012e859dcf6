//! Accepts posts. All decisions live in [`shared::publish`].

use std::convert::Infallible;

use aws_lambda_events::apigw::ApiGatewayV2httpRequest;
use lambda_runtime::{Error, LambdaEvent, service_fn};
use shared::{config::ProcessEnvironment, http::gateway, sqs, wiring};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let function = &wiring::publisher(&ProcessEnvironment).await?;
    lambda_runtime::run(service_fn(|event: LambdaEvent<ApiGatewayV2httpRequest>| async move {
        let deadline = event.context.deadline();
        let answer = |request| function.app.handle_within(request, sqs::time_left(deadline));
        Ok::<_, Infallible>(gateway::answer(event.payload, &function.front, answer).await)
    }))
    .await
}

//! Accepts posts. All decisions live in [`shared::publish`].

use std::convert::Infallible;

use aws_lambda_events::apigw::ApiGatewayV2httpRequest;
use lambda_runtime::{Error, LambdaEvent, service_fn};
use shared::{config::ProcessEnvironment, http::gateway, sqs, wiring};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let function = &wiring::publisher(&ProcessEnvironment).await?;
    lambda_runtime::run(service_fn(|event: LambdaEvent<ApiGatewayV2httpRequest>| async move {
        let time_left = sqs::time_left(event.context.deadline());
        let answer = |request| function.app.handle_within(request, time_left);
        Ok::<_, Infallible>(gateway::answer(event.payload, function.public_url.as_ref(), answer).await)
    }))
    .await
}

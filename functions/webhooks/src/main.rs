//! Takes in what the platforms send. All decisions live in [`shared::webhook`].

use std::convert::Infallible;

use aws_lambda_events::apigw::ApiGatewayV2httpRequest;
use lambda_runtime::{Error, LambdaEvent, service_fn};
use shared::{config::ProcessEnvironment, http::gateway, wiring};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let function = &wiring::receiver(&ProcessEnvironment).await?;
    lambda_runtime::run(service_fn(|event: LambdaEvent<ApiGatewayV2httpRequest>| async move {
        let answer = |request| function.app.handle(request);
        Ok::<_, Infallible>(gateway::answer(event.payload, &function.front, answer).await)
    }))
    .await
}

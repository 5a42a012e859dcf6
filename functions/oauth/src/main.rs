//! Connect sessions and OAuth callbacks. All decisions live in [`shared::connect`].

use std::convert::Infallible;

use aws_lambda_events::apigw::ApiGatewayV2httpRequest;
use lambda_runtime::{Error, LambdaEvent, service_fn};
use shared::{config::ProcessEnvironment, http::gateway, wiring};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let function = &wiring::connect_flow(&ProcessEnvironment).await?;
    lambda_runtime::run(service_fn(|event: LambdaEvent<ApiGatewayV2httpRequest>| async move {
        let answer = |request| function.app.handle(request);
        Ok::<_, Infallible>(gateway::answer(event.payload, &function.front, answer).await)
    }))
    .await
}

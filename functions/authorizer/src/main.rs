//! API key to tenant, for the HTTP API. All decisions live in [`shared::authorize`].
//!
//! Who calls without a good key is let through as nobody: the function behind answers 401 with a problem that says what
//! is wrong, which API Gateway itself cannot do. Nobody has no [`shared::tenant::Tenant`], so nothing can be read.

use aws_lambda_events::apigw::ApiGatewayV2CustomAuthorizerV2Request;
use lambda_runtime::{Error, LambdaEvent, service_fn};
use shared::{config::ProcessEnvironment, http::gateway, wiring};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let authorizer = &wiring::authorizer(&ProcessEnvironment).await?;
    lambda_runtime::run(service_fn(|event: LambdaEvent<ApiGatewayV2CustomAuthorizerV2Request>| async move {
        let header = gateway::header(&event.payload.headers, "authorization").unwrap_or_default();
        Ok::<_, Error>(gateway::authorized(authorizer.identify(header).await?))
    }))
    .await
}

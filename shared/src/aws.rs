//! The AWS clients: one connection pool, one TLS set-up, a limit on every call, and nothing that a cold start must wait for.

use std::{
    error::Error,
    sync::{Arc, OnceLock},
    time::Duration,
};

use aws_config::{
    BehaviorVersion, Region, SdkConfig,
    environment::{EnvironmentVariableCredentialsProvider, EnvironmentVariableRegionProvider},
    meta::region::ProvideRegion as _,
    retry::RetryConfig,
    timeout::TimeoutConfig,
};
use aws_sdk_dynamodb::{
    config::{Credentials, SharedCredentialsProvider},
    error::{ProvideErrorMetadata, SdkError},
    types::AttributeValue,
};
use aws_smithy_http_client::tls;
use aws_types::{
    sdk_config,
    service_config::{LoadServiceConfig, ServiceConfigKey},
};

use crate::{
    aws_clock::{AwsClock, Listening},
    bucket::Bucket,
    clock::Clock,
    config::{ProcessEnvironment, Variables as _},
    telemetry::Chain,
};

/// A connection that is not there after this long will not come.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);
/// One attempt, from the request to the last byte of the answer. DynamoDB answers in milliseconds; a second attempt is
/// worth more than a long wait.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(3);
/// All attempts and the waits between them: well inside every function's own limit.
const OPERATION_TIMEOUT: Duration = Duration::from_secs(8);
/// The first attempt and two more.
const ATTEMPTS: u32 = 3;
/// The longest wait between two attempts.
const LONGEST_BACKOFF: Duration = Duration::from_secs(1);
/// What opening the first connection may cost before the function starts without it.
const WARM_UP_TIMEOUT: Duration = Duration::from_secs(2);

/// A client of one service.
#[cfg(not(feature = "simulation"))]
macro_rules! client {
    ($service:ident, $config:expr) => {
        $service::Client::new($config)
    };
}

/// A client of one service, whose retries have a budget of their own. Outside a simulation all clients of a process share
/// one; a simulation has many processes in one, and histories one after the other.
#[cfg(feature = "simulation")]
macro_rules! client {
    ($service:ident, $config:expr) => {
        $service::Client::from_conf(
            $service::config::Builder::from($config)
                .retry_partition(aws_smithy_runtime::client::retries::RetryPartition::custom("process").build())
                .build(),
        )
    };
}

/// Builds each client when it is first asked for; all of them share connections and TLS.
#[derive(Debug)]
pub struct Clients {
    config: SdkConfig,
    dynamodb: OnceLock<aws_sdk_dynamodb::Client>,
    kms: OnceLock<aws_sdk_kms::Client>,
    secrets_manager: OnceLock<aws_sdk_secretsmanager::Client>,
    sqs: OnceLock<aws_sdk_sqs::Client>,
}

impl Clients {
    /// The clients of a function: region, credentials and endpoints (`AWS_ENDPOINT_URL*`) come from the environment, where
    /// Lambda puts them. No file is read and no metadata service is asked. Their answers put `clock` right.
    ///
    /// Put together by hand: the loader of `aws-config` knows profiles, roles and sign-ons, and would bring all of that into
    /// every function.
    pub async fn from_environment(clock: &Arc<AwsClock>) -> Self {
        let credentials = SharedCredentialsProvider::new(EnvironmentVariableCredentialsProvider::new());
        let mut builder = defaults()
            .region(EnvironmentVariableRegionProvider::new().region().await)
            .credentials_provider(credentials)
            .use_fips(is_on("AWS_USE_FIPS_ENDPOINT"))
            .use_dual_stack(is_on("AWS_USE_DUALSTACK_ENDPOINT"))
            .service_config(Endpoints);
        builder.set_endpoint_url(variable("AWS_ENDPOINT_URL"));
        Self::listening(builder.build(), clock)
    }

    /// Clients of a configuration made elsewhere, whose answers put `clock` right.
    #[must_use]
    pub fn listening(config: SdkConfig, clock: &Arc<AwsClock>) -> Self {
        match config.http_client() {
            None => Self::new(config),
            Some(http) => {
                let http = Listening::new(http, Arc::clone(clock));
                Self::new(config.into_builder().http_client(http).build())
            }
        }
    }

    /// Clients of one endpoint that stands in for all of AWS: an emulator. The credentials mean nothing there.
    #[must_use]
    pub fn at(endpoint: &str) -> Self {
        Self::new(configuration(endpoint))
    }

    /// Clients of a configuration made elsewhere.
    #[must_use]
    pub fn new(config: SdkConfig) -> Self {
        Self {
            config,
            dynamodb: OnceLock::new(),
            kms: OnceLock::new(),
            secrets_manager: OnceLock::new(),
            sqs: OnceLock::new(),
        }
    }

    /// DynamoDB.
    pub fn dynamodb(&self) -> aws_sdk_dynamodb::Client {
        self.dynamodb.get_or_init(|| client!(aws_sdk_dynamodb, &self.config)).clone()
    }

    /// KMS.
    pub fn kms(&self) -> aws_sdk_kms::Client {
        self.kms.get_or_init(|| client!(aws_sdk_kms, &self.config)).clone()
    }

    /// Secrets Manager.
    pub fn secrets_manager(&self) -> aws_sdk_secretsmanager::Client {
        self.secrets_manager.get_or_init(|| client!(aws_sdk_secretsmanager, &self.config)).clone()
    }

    /// SQS.
    pub fn sqs(&self) -> aws_sdk_sqs::Client {
        self.sqs.get_or_init(|| client!(aws_sdk_sqs, &self.config)).clone()
    }

    /// The bucket of uploads.
    #[must_use]
    pub fn bucket(&self, name: &str, clock: Arc<dyn Clock>) -> Bucket {
        let region = self.config.region().map_or("", Region::as_ref);
        Bucket::new(name, region, self.config.endpoint_url(), self.config.credentials_provider(), clock)
    }

    /// Does during INIT, where the CPU is not yet throttled, what the first event would pay for: seeds the random number
    /// generator, loads the TLS roots, opens a connection to DynamoDB. Never fails: what goes wrong is logged, and the
    /// first event pays after all.
    pub async fn warm_up(&self, state_table: &str) {
        if aws_lc_rs::rand::fill(&mut [0; 16]).is_err() {
            tracing::warn!("the random number generator did not answer during warm-up");
        }
        let limit = TimeoutConfig::builder().operation_timeout(WARM_UP_TIMEOUT).build();
        let once = aws_sdk_dynamodb::config::Builder::new().retry_config(RetryConfig::disabled()).timeout_config(limit);
        let answer = self
            .dynamodb()
            .get_item()
            .table_name(state_table)
            .key("pk", AttributeValue::S("WARM".into()))
            .key("sk", AttributeValue::S("WARM".into()))
            .customize()
            .config_override(once)
            .send()
            .await;
        match answer {
            // Any answer will do, "access denied" included: not every function may read, and the connection is open.
            Ok(_) | Err(SdkError::ServiceError(_)) => {}
            Err(error) => tracing::warn!(error = %Chain(&error), "no connection to DynamoDB during warm-up"),
        }
    }
}

/// The configuration of [`Clients::at`], for those who change a part of it.
#[must_use]
pub fn configuration(endpoint: &str) -> SdkConfig {
    let credentials = Credentials::new("local", "local", None, None, "emulator");
    defaults()
        .region(Region::from_static("us-east-1"))
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .endpoint_url(endpoint)
        .build()
}

/// What every client has in common.
fn defaults() -> sdk_config::Builder {
    let http = aws_smithy_http_client::Builder::new()
        .tls_provider(tls::Provider::Rustls(tls::rustls_provider::CryptoMode::AwsLc))
        .build_https();
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .operation_attempt_timeout(ATTEMPT_TIMEOUT)
        .operation_timeout(OPERATION_TIMEOUT)
        .build();
    let retries = RetryConfig::standard().with_max_attempts(ATTEMPTS).with_max_backoff(LONGEST_BACKOFF);
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .http_client(http)
        .timeout_config(timeouts)
        .retry_config(retries)
}

/// The endpoint of one service alone: `AWS_ENDPOINT_URL_SQS`, `AWS_ENDPOINT_URL_SECRETS_MANAGER`.
#[derive(Debug)]
struct Endpoints;

impl LoadServiceConfig for Endpoints {
    fn load_config(&self, key: ServiceConfigKey<'_>) -> Option<String> {
        variable(&endpoint_variable(&key))
    }
}

fn endpoint_variable(key: &ServiceConfigKey<'_>) -> String {
    format!("{}_{}", key.env(), key.service_id().to_uppercase().replace(' ', "_"))
}

fn variable(name: &str) -> Option<String> {
    ProcessEnvironment.value(name).filter(|value| !value.is_empty())
}

fn is_on(name: &str) -> bool {
    variable(name).is_some_and(|value| value.eq_ignore_ascii_case("true"))
}

/// Why a call failed, as text. The SDK's own error holds the raw answer and shows it in `Debug`, and an answer of KMS or
/// Secrets Manager that could not be parsed may hold a secret: so that error goes no further than this.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Cause(String);

/// A call that failed.
pub(crate) struct Failure {
    /// The service's code, if it refused for good; `None` if there was no answer or the trouble passes by itself.
    pub(crate) refusal: Option<String>,
    /// Why.
    pub(crate) cause: Arc<Cause>,
}

impl<E: ProvideErrorMetadata + Error + Send + Sync + 'static> From<SdkError<E>> for Failure {
    fn from(error: SdkError<E>) -> Self {
        let client_fault = error.raw_response().is_some_and(|response| response.status().is_client_error());
        let code = error.as_service_error().and_then(ProvideErrorMetadata::code);
        let refusal = code.filter(|code| client_fault && !passes(code)).map(str::to_owned);
        Self { refusal, cause: Arc::new(Cause(Chain(&error).to_string())) }
    }
}

/// Whether a refusal with this code is about the moment and not about the request.
fn passes(code: &str) -> bool {
    code.contains("Throttl")
        || matches!(
            code,
            "LimitExceededException"
                | "ProvisionedThroughputExceededException"
                | "RequestLimitExceeded"
                | "TransactionConflictException"
                | "TransactionInProgressException"
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_services_own_endpoint_is_named_as_in_every_aws_sdk() {
        let key =
            ServiceConfigKey::builder().service_id("Secrets Manager").env("AWS_ENDPOINT_URL").profile("endpoint_url");
        assert_eq!(endpoint_variable(&key.build().unwrap()), "AWS_ENDPOINT_URL_SECRETS_MANAGER");
    }
}

//! The AWS clients: one connection pool, one TLS set-up, a limit on every call, and nothing that a cold start must wait for.

use std::{
    error::Error,
    sync::{Arc, OnceLock},
    time::Duration,
};

use aws_config::{
    BehaviorVersion, ConfigLoader, Region, SdkConfig,
    environment::{EnvironmentVariableCredentialsProvider, EnvironmentVariableRegionProvider},
    retry::RetryConfig,
    timeout::TimeoutConfig,
};
use aws_sdk_dynamodb::{
    config::Credentials,
    error::{ProvideErrorMetadata, SdkError},
    types::AttributeValue,
};
use aws_smithy_http_client::tls;

use crate::{
    aws_clock::{AwsClock, Listening},
    bucket::Bucket,
    clock::Clock,
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
    pub async fn from_environment(clock: &Arc<AwsClock>) -> Self {
        let config = defaults()
            .region(EnvironmentVariableRegionProvider::new())
            .credentials_provider(EnvironmentVariableCredentialsProvider::new())
            .load()
            .await;
        Self::listening(config, clock)
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
    pub async fn at(endpoint: &str) -> Self {
        Self::new(configuration(endpoint).await)
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
pub async fn configuration(endpoint: &str) -> SdkConfig {
    defaults()
        .region(Region::from_static("us-east-1"))
        .credentials_provider(Credentials::new("local", "local", None, None, "emulator"))
        .endpoint_url(endpoint)
        .load()
        .await
}

/// What every client has in common.
fn defaults() -> ConfigLoader {
    let http = aws_smithy_http_client::Builder::new()
        .tls_provider(tls::Provider::Rustls(tls::rustls_provider::CryptoMode::AwsLc))
        .build_https();
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .operation_attempt_timeout(ATTEMPT_TIMEOUT)
        .operation_timeout(OPERATION_TIMEOUT)
        .build();
    let retries = RetryConfig::standard().with_max_attempts(ATTEMPTS).with_max_backoff(LONGEST_BACKOFF);
    aws_config::defaults(BehaviorVersion::v2026_01_12())
        .profile_files(no_files())
        .http_client(http)
        .timeout_config(timeouts)
        .retry_config(retries)
}

/// One empty file in place of `~/.aws/config`: a function is configured by its environment alone.
#[expect(deprecated, reason = "the new names are in a crate that we would depend on for these alone")]
fn no_files() -> aws_config::profile::profile_file::ProfileFiles {
    use aws_config::profile::profile_file::{ProfileFileKind, ProfileFiles};
    ProfileFiles::builder().with_contents(ProfileFileKind::Config, "").build()
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

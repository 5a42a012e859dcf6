//! The properties that the local cloud knows, by resource type. One that is not listed is refused by name; one that has no
//! effect here (tags, encryption at rest, protection from deletion) is listed as such.
#![expect(clippy::struct_field_names, reason = "these are AWS's names")]

use std::collections::BTreeMap;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use serde_json::Value as Json;

/// A property without effect in the local cloud.
pub(crate) type NoEffect = Option<serde::de::IgnoredAny>;

/// Template numbers come as numbers or, by way of `Ref`, as text.
fn number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u32>, D::Error> {
    match Option::<Json>::deserialize(deserializer)? {
        None | Some(Json::Null) => Ok(None),
        Some(Json::Number(number)) => {
            let number = number.as_u64().and_then(|number| u32::try_from(number).ok());
            number.map(Some).ok_or_else(|| D::Error::custom("this number is out of range"))
        }
        Some(Json::String(text)) => {
            text.parse().map(Some).map_err(|_| D::Error::custom(format!("\"{text}\" is not a number")))
        }
        Some(other) => Err(D::Error::custom(format!("{other} is not a number"))),
    }
}

/// Template booleans come as booleans or as text.
fn flag<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<bool>, D::Error> {
    match Option::<Json>::deserialize(deserializer)? {
        None | Some(Json::Null) => Ok(None),
        Some(Json::Bool(flag)) => Ok(Some(flag)),
        Some(Json::String(text)) if text == "true" => Ok(Some(true)),
        Some(Json::String(text)) if text == "false" => Ok(Some(false)),
        Some(other) => Err(D::Error::custom(format!("{other} is neither true nor false"))),
    }
}

/// What runs here is a program that speaks the Runtime API by itself.
fn runtime<'de, D: Deserializer<'de>>(deserializer: D) -> Result<(), D::Error> {
    only(deserializer, "Runtime", "provided.al2023")
}

/// And it is called what Lambda looks for.
fn handler<'de, D: Deserializer<'de>>(deserializer: D) -> Result<(), D::Error> {
    only(deserializer, "Handler", "bootstrap")
}

fn only<'de, D: Deserializer<'de>>(deserializer: D, property: &str, known: &str) -> Result<(), D::Error> {
    let text = String::deserialize(deserializer)?;
    if text == known {
        return Ok(());
    }
    Err(D::Error::custom(format!("the local cloud knows only the {property} {known}, not {text}")))
}

fn one_or_many<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Either {
        One(String),
        Many(Vec<String>),
    }
    match Either::deserialize(deserializer)? {
        Either::One(one) => Ok(vec![one]),
        Either::Many(many) => Ok(many),
    }
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct Table {
    pub(crate) table_name: Option<String>,
    pub(crate) attribute_definitions: Vec<AttributeDefinition>,
    pub(crate) key_schema: Vec<KeyElement>,
    #[serde(default)]
    pub(crate) global_secondary_indexes: Vec<Index>,
    pub(crate) time_to_live_specification: Option<TimeToLive>,
    #[serde(rename = "BillingMode")]
    _billing_mode: NoEffect,
    #[serde(rename = "DeletionProtectionEnabled")]
    _deletion_protection: NoEffect,
    #[serde(rename = "OnDemandThroughput")]
    _on_demand_throughput: NoEffect,
    #[serde(rename = "PointInTimeRecoverySpecification")]
    _recovery: NoEffect,
    #[serde(rename = "SSESpecification")]
    _encryption: NoEffect,
    #[serde(rename = "Tags")]
    _tags: NoEffect,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct AttributeDefinition {
    pub(crate) attribute_name: String,
    pub(crate) attribute_type: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct KeyElement {
    pub(crate) attribute_name: String,
    pub(crate) key_type: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct Index {
    pub(crate) index_name: String,
    pub(crate) key_schema: Vec<KeyElement>,
    pub(crate) projection: Projection,
    #[serde(rename = "OnDemandThroughput")]
    _on_demand_throughput: NoEffect,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct Projection {
    pub(crate) projection_type: String,
    #[serde(default)]
    pub(crate) non_key_attributes: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct TimeToLive {
    pub(crate) attribute_name: String,
    #[serde(default, deserialize_with = "flag")]
    pub(crate) enabled: Option<bool>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct Queue {
    pub(crate) queue_name: Option<String>,
    #[serde(default, deserialize_with = "number")]
    pub(crate) visibility_timeout: Option<u32>,
    #[serde(default, deserialize_with = "number")]
    pub(crate) delay_seconds: Option<u32>,
    #[serde(default, deserialize_with = "number")]
    pub(crate) maximum_message_size: Option<u32>,
    #[serde(default, deserialize_with = "number")]
    pub(crate) message_retention_period: Option<u32>,
    #[serde(default, deserialize_with = "number")]
    pub(crate) receive_message_wait_time_seconds: Option<u32>,
    pub(crate) redrive_policy: Option<RedrivePolicy>,
    #[serde(rename = "RedriveAllowPolicy")]
    _redrive_allow_policy: NoEffect,
    #[serde(rename = "KmsMasterKeyId")]
    _key: NoEffect,
    #[serde(rename = "SqsManagedSseEnabled")]
    _encryption: NoEffect,
    #[serde(rename = "Tags")]
    _tags: NoEffect,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct RedrivePolicy {
    pub(crate) dead_letter_target_arn: String,
    #[serde(default, deserialize_with = "number")]
    pub(crate) max_receive_count: Option<u32>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct Key {
    #[serde(rename = "Description")]
    _description: NoEffect,
    #[serde(rename = "EnableKeyRotation")]
    _rotation: NoEffect,
    #[serde(rename = "KeyPolicy")]
    _policy: NoEffect,
    #[serde(rename = "PendingWindowInDays")]
    _pending_window: NoEffect,
    #[serde(rename = "Tags")]
    _tags: NoEffect,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct Alias {
    pub(crate) alias_name: String,
    pub(crate) target_key_id: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct Secret {
    pub(crate) name: Option<String>,
    pub(crate) secret_string: Option<String>,
    pub(crate) generate_secret_string: Option<GenerateSecretString>,
    #[serde(rename = "Description")]
    _description: NoEffect,
    #[serde(rename = "KmsKeyId")]
    _key: NoEffect,
    #[serde(rename = "Tags")]
    _tags: NoEffect,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct GenerateSecretString {
    pub(crate) secret_string_template: Option<String>,
    pub(crate) generate_string_key: Option<String>,
    #[serde(default, deserialize_with = "number")]
    pub(crate) password_length: Option<u32>,
    /// What is made here holds letters and digits only, which satisfies every exclusion of symbols.
    #[serde(rename = "ExcludePunctuation")]
    _exclude_punctuation: NoEffect,
    #[serde(rename = "IncludeSpace")]
    _include_space: NoEffect,
    #[serde(rename = "RequireEachIncludedType")]
    _require_each: NoEffect,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct Bucket {
    pub(crate) bucket_name: Option<String>,
    pub(crate) lifecycle_configuration: Option<Lifecycle>,
    #[serde(rename = "BucketEncryption")]
    _encryption: NoEffect,
    /// Nothing here is public, and nobody else's account writes.
    #[serde(rename = "OwnershipControls")]
    _ownership: NoEffect,
    #[serde(rename = "PublicAccessBlockConfiguration")]
    _public_access: NoEffect,
    #[serde(rename = "Tags")]
    _tags: NoEffect,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct Lifecycle {
    pub(crate) rules: Vec<LifecycleRule>,
}

/// A rule for all objects of a bucket: one for some of them would have a property that is not known here.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct LifecycleRule {
    pub(crate) status: LifecycleStatus,
    #[serde(default, deserialize_with = "number")]
    pub(crate) expiration_in_days: Option<u32>,
    #[serde(rename = "Id")]
    _id: NoEffect,
    /// There are no uploads in parts.
    #[serde(rename = "AbortIncompleteMultipartUpload")]
    _multipart: NoEffect,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub(crate) enum LifecycleStatus {
    Enabled,
    Disabled,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct Function {
    pub(crate) code_uri: String,
    #[serde(default, deserialize_with = "number")]
    pub(crate) timeout: Option<u32>,
    #[serde(default, deserialize_with = "number")]
    pub(crate) memory_size: Option<u32>,
    #[serde(default)]
    pub(crate) environment: Environment,
    #[serde(default)]
    pub(crate) events: BTreeMap<String, Event>,
    #[serde(default, deserialize_with = "number")]
    pub(crate) reserved_concurrent_executions: Option<u32>,
    pub(crate) event_invoke_config: Option<EventInvokeConfig>,
    #[serde(default)]
    pub(crate) policies: Vec<Policy>,
    pub(crate) logging_config: Option<LoggingConfig>,
    #[serde(rename = "Architectures")]
    _architectures: NoEffect,
    #[serde(rename = "Description")]
    _description: NoEffect,
    #[serde(rename = "Handler", default, deserialize_with = "handler")]
    _handler: (),
    #[serde(rename = "RecursiveLoop")]
    _recursive_loop: NoEffect,
    #[serde(rename = "Runtime", default, deserialize_with = "runtime")]
    _runtime: (),
    #[serde(rename = "Tags")]
    _tags: NoEffect,
    #[serde(rename = "Tracing")]
    _tracing: NoEffect,
}

/// An inline policy: the only kind that says for itself what it allows.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct Policy {
    pub(crate) statement: Vec<Statement>,
    #[serde(rename = "Version")]
    _version: NoEffect,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct Statement {
    pub(crate) effect: Effect,
    #[serde(deserialize_with = "one_or_many")]
    pub(crate) action: Vec<String>,
    #[serde(deserialize_with = "one_or_many")]
    pub(crate) resource: Vec<String>,
    #[serde(default)]
    pub(crate) sid: Option<String>,
    #[serde(default)]
    pub(crate) condition: Option<Condition>,
}

/// The one condition that the template's policies have.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Condition {
    #[serde(rename = "ForAllValues:StringLike")]
    pub(crate) like: LeadingKeys,
}

/// Patterns of the partition keys that a statement is about.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct LeadingKeys {
    #[serde(rename = "dynamodb:LeadingKeys", deserialize_with = "one_or_many")]
    pub(crate) patterns: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub(crate) enum Effect {
    Allow,
    Deny,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct Environment {
    #[serde(default)]
    pub(crate) variables: BTreeMap<String, Json>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct EventInvokeConfig {
    #[serde(default, deserialize_with = "number")]
    pub(crate) maximum_retry_attempts: Option<u32>,
    #[serde(default, deserialize_with = "number")]
    pub(crate) maximum_event_age_in_seconds: Option<u32>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct LoggingConfig {
    pub(crate) application_log_level: Option<String>,
    pub(crate) log_format: Option<String>,
    #[serde(rename = "LogGroup")]
    _log_group: NoEffect,
    #[serde(rename = "SystemLogLevel")]
    _system_log_level: NoEffect,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct Event {
    #[serde(rename = "Type")]
    pub(crate) kind: String,
    #[serde(default)]
    pub(crate) properties: Json,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct HttpApiEvent {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) auth: Option<EventAuth>,
    #[serde(default, deserialize_with = "number")]
    pub(crate) timeout_in_millis: Option<u32>,
    #[serde(rename = "ApiId")]
    _api: NoEffect,
    #[serde(rename = "PayloadFormatVersion")]
    pub(crate) payload_format_version: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct EventAuth {
    pub(crate) authorizer: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct ScheduleEvent {
    pub(crate) schedule: String,
    #[serde(default, deserialize_with = "flag")]
    pub(crate) enabled: Option<bool>,
    #[serde(rename = "Description")]
    _description: NoEffect,
    #[serde(rename = "Name")]
    _name: NoEffect,
    /// How often EventBridge repeats a delivery that Lambda did not take: there is no such failure here.
    #[serde(rename = "RetryPolicy")]
    _retry_policy: NoEffect,
}

/// An event source mapping, as a resource or as a function's event.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct Mapping {
    pub(crate) function_name: Option<String>,
    #[serde(alias = "Queue")]
    pub(crate) event_source_arn: String,
    #[serde(default, deserialize_with = "number")]
    pub(crate) batch_size: Option<u32>,
    #[serde(default, deserialize_with = "number")]
    pub(crate) maximum_batching_window_in_seconds: Option<u32>,
    #[serde(default)]
    pub(crate) function_response_types: Vec<String>,
    pub(crate) scaling_config: Option<ScalingConfig>,
    #[serde(default, deserialize_with = "flag")]
    pub(crate) enabled: Option<bool>,
    #[serde(rename = "Tags")]
    _tags: NoEffect,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct ScalingConfig {
    #[serde(default, deserialize_with = "number")]
    pub(crate) maximum_concurrency: Option<u32>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct HttpApi {
    #[serde(default)]
    pub(crate) auth: ApiAuth,
    #[serde(rename = "AccessLogSettings")]
    _access_log: NoEffect,
    #[serde(rename = "DefaultRouteSettings")]
    _route_settings: NoEffect,
    #[serde(rename = "Description")]
    _description: NoEffect,
    #[serde(rename = "FailOnWarnings")]
    _fail_on_warnings: NoEffect,
    #[serde(rename = "Name")]
    _name: NoEffect,
    #[serde(rename = "Tags")]
    _tags: NoEffect,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct ApiAuth {
    pub(crate) default_authorizer: Option<String>,
    #[serde(default)]
    pub(crate) authorizers: BTreeMap<String, Authorizer>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct Authorizer {
    pub(crate) function_arn: String,
    pub(crate) authorizer_payload_format_version: String,
    #[serde(default, deserialize_with = "flag")]
    pub(crate) enable_simple_responses: Option<bool>,
    #[serde(default)]
    pub(crate) identity: Identity,
    #[serde(rename = "EnableFunctionDefaultPermissions")]
    _permissions: NoEffect,
    #[serde(rename = "FunctionInvokeRole")]
    _role: NoEffect,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct Identity {
    #[serde(default)]
    pub(crate) headers: Vec<String>,
    #[serde(default)]
    pub(crate) query_strings: Vec<String>,
    #[serde(default, deserialize_with = "number")]
    pub(crate) reauthorize_every: Option<u32>,
}

//! From the template to what runs: creates tables, queues, keys, secrets and buckets in the emulators, each after what it refers to,
//! and describes the functions and what triggers them.

mod functions;
mod policies;
mod properties;
mod resources;

use std::collections::BTreeMap;

use emulators::{ACCOUNT, Emulators, REGION};
use serde::de::DeserializeOwned;

use crate::event_source::Mapping;
use crate::gateway::Api;
use crate::lambda::FunctionDefinition;
use crate::schedule::Schedule;
use crate::template::{Attributes, Error, Node, Parameters, Resource, Scope, Template};

/// The one kind of function.
pub(crate) const FUNCTION: &str = "AWS::Serverless::Function";
const HTTP_API: &str = "AWS::Serverless::HttpApi";
const MAPPING: &str = "AWS::Lambda::EventSourceMapping";
const TABLE: &str = "AWS::DynamoDB::Table";
const QUEUE: &str = "AWS::SQS::Queue";
const KEY: &str = "AWS::KMS::Key";
const ALIAS: &str = "AWS::KMS::Alias";
const SECRET: &str = "AWS::SecretsManager::Secret";
const BUCKET: &str = "AWS::S3::Bucket";

/// Resources that matter to AWS and change nothing here.
const NO_EFFECT: [&str; 9] = [
    "AWS::CloudWatch::Alarm",
    "AWS::CloudWatch::CompositeAlarm",
    "AWS::CloudWatch::Dashboard",
    "AWS::Logs::LogGroup",
    "AWS::Logs::MetricFilter",
    // It refuses what does not come over TLS; this cloud has none.
    "AWS::S3::BucketPolicy",
    "AWS::SNS::Topic",
    "AWS::SNS::TopicPolicy",
    "AWS::SQS::QueuePolicy",
];

pub(crate) use policies::Policies;

/// Everything that the template asks for.
#[derive(Debug)]
pub(crate) struct Deployed {
    pub(crate) functions: Vec<FunctionDefinition>,
    pub(crate) api: Option<Api>,
    pub(crate) mappings: Vec<Mapping>,
    pub(crate) schedules: Vec<Schedule>,
    pub(crate) policies: Policies,
    /// Names, URLs and ARNs by logical id.
    pub(crate) resources: BTreeMap<String, Attributes>,
}

/// Why the template could not be put into effect.
#[derive(Debug, thiserror::Error)]
pub enum DeployError {
    /// The template says something that is not understood.
    #[error(transparent)]
    Template(#[from] Error),
    /// An emulator refused a resource.
    #[error("{resource} was not created")]
    Refused {
        /// Its logical id.
        resource: String,
        /// What the emulator said.
        source: emulators::Error,
    },
}

/// Creates what is to be created and describes the rest.
pub(crate) async fn deploy(
    template: &Template,
    parameters: &Parameters,
    emulators: &Emulators,
) -> Result<Deployed, DeployError> {
    let mut scope = Scope { template, parameters, resources: BTreeMap::new() };
    let mut wanted = Vec::new();
    for resource in &template.resources {
        if let Some(condition) = &resource.condition
            && !scope.holds(condition, &resource.id)?
        {
            continue;
        }
        if let Some(attributes) = known_in_advance(resource)? {
            scope.resources.insert(resource.id.clone(), attributes);
        }
        wanted.push(resource);
    }
    create_all(&wanted, &mut scope, emulators).await?;
    let described = functions::describe(&wanted, &scope)?;
    Ok(Deployed {
        functions: described.functions,
        api: described.api,
        mappings: described.mappings,
        schedules: described.schedules,
        policies: described.policies,
        resources: scope.resources,
    })
}

/// Creates resources in the order their references ask for.
async fn create_all(wanted: &[&Resource], scope: &mut Scope<'_>, emulators: &Emulators) -> Result<(), DeployError> {
    let mut pending: Vec<&Resource> = wanted
        .iter()
        .copied()
        .filter(|resource| matches!(resource.kind.as_str(), TABLE | QUEUE | KEY | ALIAS | SECRET | BUCKET))
        .collect();
    while !pending.is_empty() {
        let (before, mut postponed, mut last) = (pending.len(), Vec::new(), None);
        for resource in pending {
            match resources::create(resource, scope, emulators).await {
                Ok(attributes) => {
                    scope.resources.insert(resource.id.clone(), attributes);
                }
                Err(DeployError::Template(error @ Error::NotYet { .. })) => {
                    last = Some(error);
                    postponed.push(resource);
                }
                Err(error) => return Err(error),
            }
        }
        if let (Some(error), true) = (last, postponed.len() == before) {
            return Err(error.into());
        }
        pending = postponed;
    }
    Ok(())
}

/// What `Ref` and `GetAtt` give for resources whose names need no creation.
fn known_in_advance(resource: &Resource) -> Result<Option<Attributes>, Error> {
    let id = &resource.id;
    match resource.kind.as_str() {
        FUNCTION => {
            let name = functions::name(resource);
            let arn = format!("arn:aws:lambda:{REGION}:{ACCOUNT}:function:{name}");
            Ok(Some(Attributes { reference: name, attributes: BTreeMap::from([("Arn", arn)]) }))
        }
        HTTP_API => Ok(Some(Attributes { reference: "local".to_owned(), attributes: BTreeMap::new() })),
        TABLE | QUEUE | KEY | ALIAS | SECRET | BUCKET | MAPPING => Ok(None),
        kind if NO_EFFECT.contains(&kind) => {
            let arn = format!("arn:aws:local:{REGION}:{ACCOUNT}:{id}");
            Ok(Some(Attributes { reference: id.clone(), attributes: BTreeMap::from([("Arn", arn)]) }))
        }
        kind => Err(Error::at(id, format!("the local cloud does not know the resource type {kind}"))),
    }
}

/// A resource's properties, worked out and read; a property that is not known is refused by name.
fn properties<T: DeserializeOwned>(resource: &Resource, scope: &Scope<'_>) -> Result<T, Error> {
    let value = scope.value(&resource.properties, &resource.id)?.unwrap_or_default();
    read(value, &resource.id, &resource.kind)
}

fn read<T: DeserializeOwned>(value: serde_json::Value, place: &str, kind: &str) -> Result<T, Error> {
    serde_json::from_value(value).map_err(|error| {
        let message = error.to_string();
        match message.strip_prefix("unknown field `").and_then(|rest| rest.split('`').next()) {
            Some(field) => Error::at(place, format!("the local cloud does not know the property {field} of {kind}")),
            None => Error::at(place, message),
        }
    })
}

/// The name under which a function's binary is built: what SAM is told in the metadata, or the last part of `CodeUri`.
fn binary(metadata: &Node, code_uri: &str) -> Option<String> {
    let told = metadata.get("BuildProperties").and_then(|properties| properties.get("Binary")).and_then(Node::text);
    let last = code_uri.trim_end_matches('/').rsplit('/').next();
    told.or(last).filter(|name| !name.is_empty()).map(str::to_owned)
}

//! Tables, queues, keys, secrets and buckets, as the template describes them.

use std::collections::BTreeMap;

use data_encoding::BASE32_NOPAD;
use emulators::{Emulators, Redrive};
use uuid::Uuid;

use super::properties::{Alias, Bucket, GenerateSecretString, Key, KeyElement, LifecycleStatus, Queue, Secret, Table};
use super::{ALIAS, BUCKET, DeployError, KEY, QUEUE, SECRET, properties};
use crate::template::{Attributes, Error, Resource, STACK, Scope};

pub(super) async fn create(
    resource: &Resource,
    scope: &Scope<'_>,
    emulators: &Emulators,
) -> Result<Attributes, DeployError> {
    let refused = |source| DeployError::Refused { resource: resource.id.clone(), source };
    let id = &resource.id;
    match resource.kind.as_str() {
        QUEUE => {
            let queue = queue(id, &properties(resource, scope)?);
            let name = queue.name.clone();
            let address = emulators.create_queue(&queue).await.map_err(refused)?;
            let attributes = [("Arn", address.arn), ("QueueName", name), ("QueueUrl", address.url.clone())];
            Ok(Attributes { reference: address.url, attributes: BTreeMap::from(attributes) })
        }
        KEY => {
            let _checked: Key = properties(resource, scope)?;
            let arn = emulators.create_key(&format!("alias/{STACK}-{id}")).await.map_err(refused)?;
            let key_id = arn.rsplit('/').next().unwrap_or_default().to_owned();
            let attributes = BTreeMap::from([("Arn", arn), ("KeyId", key_id.clone())]);
            Ok(Attributes { reference: key_id, attributes })
        }
        ALIAS => {
            let alias: Alias = properties(resource, scope)?;
            emulators.create_alias(&alias.alias_name, &alias.target_key_id).await.map_err(refused)?;
            Ok(Attributes { reference: alias.alias_name, attributes: BTreeMap::new() })
        }
        SECRET => {
            let secret: Secret = properties(resource, scope)?;
            let name = secret.name.clone().unwrap_or_else(|| format!("{STACK}-{id}"));
            let arn = match emulators.find_secret(&name).await {
                Some(arn) => arn,
                None => emulators.create_secret(&name, &secret_value(id, &secret)?).await.map_err(refused)?,
            };
            Ok(Attributes { reference: arn.clone(), attributes: BTreeMap::from([("Id", arn)]) })
        }
        BUCKET => {
            let bucket = bucket(id, &properties(resource, scope)?);
            emulators.create_bucket(&bucket);
            let arn = format!("arn:aws:s3:::{}", bucket.name);
            Ok(Attributes { reference: bucket.name, attributes: BTreeMap::from([("Arn", arn)]) })
        }
        _ => {
            let table = table(id, properties(resource, scope)?)?;
            let arn = emulators.create_table(&table).map_err(refused)?;
            Ok(Attributes { reference: table.name, attributes: BTreeMap::from([("Arn", arn)]) })
        }
    }
}

fn table(id: &str, table: Table) -> Result<emulators::Table, Error> {
    let kinds: BTreeMap<String, String> = table
        .attribute_definitions
        .into_iter()
        .map(|definition| (definition.attribute_name, definition.attribute_type))
        .collect();
    let (partition_key, sort_key) = keys(id, &table.key_schema, &kinds)?;
    let mut indexes = Vec::new();
    for index in table.global_secondary_indexes {
        let place = format!("{id}.GlobalSecondaryIndexes.{}", index.index_name);
        let (partition_key, sort_key) = keys(&place, &index.key_schema, &kinds)?;
        let projection = match index.projection.projection_type.as_str() {
            "ALL" => emulators::Projection::All,
            "KEYS_ONLY" => emulators::Projection::KeysOnly,
            "INCLUDE" => emulators::Projection::Include(index.projection.non_key_attributes),
            other => return Err(Error::at(place, format!("there is no ProjectionType {other}"))),
        };
        indexes.push(emulators::Index { name: index.index_name, partition_key, sort_key, projection });
    }
    let time_to_live =
        table.time_to_live_specification.filter(|ttl| ttl.enabled == Some(true)).map(|ttl| ttl.attribute_name);
    let name = table.table_name.unwrap_or_else(|| format!("{STACK}-{id}"));
    Ok(emulators::Table { name, partition_key, sort_key, indexes, time_to_live })
}

fn keys(
    place: &str,
    schema: &[KeyElement],
    kinds: &BTreeMap<String, String>,
) -> Result<(emulators::Key, Option<emulators::Key>), Error> {
    let find = |role: &str| -> Result<Option<emulators::Key>, Error> {
        let Some(element) = schema.iter().find(|element| element.key_type == role) else { return Ok(None) };
        let name = element.attribute_name.clone();
        let kind = match kinds.get(&name).map(String::as_str) {
            Some("S") => emulators::KeyType::Text,
            Some("N") => emulators::KeyType::Number,
            Some("B") => emulators::KeyType::Binary,
            Some(_) | None => {
                return Err(Error::at(place, format!("AttributeDefinitions does not say the type of {name}")));
            }
        };
        Ok(Some(emulators::Key { name, kind }))
    };
    let partition = find("HASH")?.ok_or_else(|| Error::at(place, "KeySchema has no HASH key"))?;
    Ok((partition, find("RANGE")?))
}

fn queue(id: &str, queue: &Queue) -> emulators::Queue {
    let numbers = [
        ("VisibilityTimeout", queue.visibility_timeout),
        ("DelaySeconds", queue.delay_seconds),
        ("MaximumMessageSize", queue.maximum_message_size),
        ("MessageRetentionPeriod", queue.message_retention_period),
        ("ReceiveMessageWaitTimeSeconds", queue.receive_message_wait_time_seconds),
    ];
    let attributes = numbers
        .into_iter()
        .filter_map(|(name, value)| value.map(|value| (name.to_owned(), value.to_string())))
        .collect();
    let redrive = queue.redrive_policy.as_ref().map(|policy| Redrive {
        dead_letter_arn: policy.dead_letter_target_arn.clone(),
        // What SQS takes when the policy does not say.
        max_receive_count: policy.max_receive_count.unwrap_or(10),
    });
    let name = queue.queue_name.clone().unwrap_or_else(|| format!("{STACK}-{id}"));
    emulators::Queue { name, redrive, attributes }
}

fn bucket(id: &str, bucket: &Bucket) -> emulators::Bucket {
    let rules = bucket.lifecycle_configuration.iter().flat_map(|lifecycle| &lifecycle.rules);
    let enabled = rules.filter(|rule| rule.status == LifecycleStatus::Enabled);
    emulators::Bucket {
        // S3 knows no capitals.
        name: bucket.bucket_name.clone().unwrap_or_else(|| format!("{STACK}-{id}").to_lowercase()),
        expires_after_days: enabled.filter_map(|rule| rule.expiration_in_days).min(),
    }
}

/// The text a new secret starts with.
fn secret_value(id: &str, secret: &Secret) -> Result<String, Error> {
    match (&secret.secret_string, &secret.generate_secret_string) {
        (Some(value), None) => Ok(value.clone()),
        (None, Some(generate)) => generate_secret(id, generate),
        (None, None) => generate_secret(id, &GenerateSecretString::default()),
        (Some(_), Some(_)) => Err(Error::at(id, "SecretString and GenerateSecretString exclude each other")),
    }
}

fn generate_secret(id: &str, generate: &GenerateSecretString) -> Result<String, Error> {
    let length = generate.password_length.unwrap_or(32) as usize;
    let password = password(length);
    match (&generate.secret_string_template, &generate.generate_string_key) {
        (None, None) => Ok(password),
        (Some(template), Some(key)) => {
            let mut fields: serde_json::Map<String, serde_json::Value> =
                serde_json::from_str(template).map_err(|error| {
                    Error::at(format!("{id}.GenerateSecretString.SecretStringTemplate"), error.to_string())
                })?;
            fields.insert(key.clone(), password.into());
            Ok(serde_json::Value::Object(fields).to_string())
        }
        (Some(_), None) | (None, Some(_)) => {
            Err(Error::at(id, "SecretStringTemplate and GenerateStringKey need each other"))
        }
    }
}

/// Letters and digits. Random identifiers are random enough for a secret that opens nothing outside this machine.
fn password(length: usize) -> String {
    let mut text = String::new();
    while text.len() < length {
        // Only the random part: a version 7 identifier begins with the time.
        let bytes = Uuid::now_v7().into_bytes();
        text.push_str(&BASE32_NOPAD.encode(bytes.split_at(9).1));
    }
    text.truncate(length);
    text
}

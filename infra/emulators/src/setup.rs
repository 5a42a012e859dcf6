//! Creating what a template or a test describes, without an SDK.
//!
//! With a state directory, what is there already is found instead of created.

use std::collections::BTreeMap;

use bytes::Bytes;
use http::HeaderMap;
use serde_json::{Value, json};

use crate::server::Reply;
use crate::{ACCOUNT, Emulators, Error, REGION};

/// The type of a key attribute.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum KeyType {
    /// `S`
    #[default]
    Text,
    /// `N`
    Number,
    /// `B`
    Binary,
}

/// A key attribute of a table or an index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    /// The attribute's name.
    pub name: String,
    /// Its type.
    pub kind: KeyType,
}

impl Key {
    /// A text attribute.
    #[must_use]
    pub fn text(name: &str) -> Self {
        Self { name: name.to_owned(), kind: KeyType::Text }
    }
}

/// What an index carries besides its keys.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Projection {
    /// Everything.
    #[default]
    All,
    /// The table's and its own keys.
    KeysOnly,
    /// The keys and these.
    Include(Vec<String>),
}

/// A global secondary index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Index {
    /// Its name.
    pub name: String,
    /// Its partition key.
    pub partition_key: Key,
    /// Its sort key.
    pub sort_key: Option<Key>,
    /// What it carries.
    pub projection: Projection,
}

/// A table, on demand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    /// Its name.
    pub name: String,
    /// Its partition key.
    pub partition_key: Key,
    /// Its sort key.
    pub sort_key: Option<Key>,
    /// Its global secondary indexes.
    pub indexes: Vec<Index>,
    /// The attribute that holds an item's expiry in epoch seconds.
    pub time_to_live: Option<String>,
}

impl Table {
    /// A table with a text partition key and no more.
    #[must_use]
    pub fn new(name: &str, partition_key: &str) -> Self {
        Self {
            name: name.to_owned(),
            partition_key: Key::text(partition_key),
            sort_key: None,
            indexes: Vec::new(),
            time_to_live: None,
        }
    }

    /// With a text sort key.
    #[must_use]
    pub fn with_sort_key(mut self, name: &str) -> Self {
        self.sort_key = Some(Key::text(name));
        self
    }

    /// With an index on two text attributes.
    #[must_use]
    pub fn with_index(mut self, name: &str, partition_key: &str, sort_key: &str, projection: Projection) -> Self {
        self.indexes.push(Index {
            name: name.to_owned(),
            partition_key: Key::text(partition_key),
            sort_key: Some(Key::text(sort_key)),
            projection,
        });
        self
    }

    /// With an expiry attribute.
    #[must_use]
    pub fn with_time_to_live(mut self, attribute: &str) -> Self {
        self.time_to_live = Some(attribute.to_owned());
        self
    }

    fn request(&self) -> Value {
        let mut types = BTreeMap::new();
        let schema = |partition: &Key, sort: Option<&Key>, types: &mut BTreeMap<String, &'static str>| {
            let mut keys = vec![json!({"AttributeName": partition.name, "KeyType": "HASH"})];
            keys.extend(sort.map(|key| json!({"AttributeName": key.name, "KeyType": "RANGE"})));
            for key in std::iter::once(partition).chain(sort) {
                types.insert(key.name.clone(), key.kind.letter());
            }
            keys
        };
        let keys = schema(&self.partition_key, self.sort_key.as_ref(), &mut types);
        let indexes: Vec<Value> = self
            .indexes
            .iter()
            .map(|index| {
                let projection = match &index.projection {
                    Projection::All => json!({"ProjectionType": "ALL"}),
                    Projection::KeysOnly => json!({"ProjectionType": "KEYS_ONLY"}),
                    Projection::Include(names) => json!({"ProjectionType": "INCLUDE", "NonKeyAttributes": names}),
                };
                let keys = schema(&index.partition_key, index.sort_key.as_ref(), &mut types);
                json!({"IndexName": index.name, "KeySchema": keys, "Projection": projection})
            })
            .collect();
        let definitions: Vec<Value> =
            types.iter().map(|(name, kind)| json!({"AttributeName": name, "AttributeType": kind})).collect();
        let mut request = json!({
            "TableName": self.name, "BillingMode": "PAY_PER_REQUEST", "KeySchema": keys,
            "AttributeDefinitions": definitions,
        });
        if !indexes.is_empty()
            && let Some(fields) = request.as_object_mut()
        {
            fields.insert("GlobalSecondaryIndexes".to_owned(), json!(indexes));
        }
        request
    }
}

impl KeyType {
    fn letter(self) -> &'static str {
        match self {
            Self::Text => "S",
            Self::Number => "N",
            Self::Binary => "B",
        }
    }
}

/// Where a queue's messages go after too many receives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Redrive {
    /// The dead letter queue's ARN.
    pub dead_letter_arn: String,
    /// Receives before that.
    pub max_receive_count: u32,
}

/// A standard queue; what is not said has the service's default.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Queue {
    /// Its name.
    pub name: String,
    /// Its dead letter queue.
    pub redrive: Option<Redrive>,
    /// Further attributes, under SQS's names: `VisibilityTimeout`, `DelaySeconds`, `MessageRetentionPeriod`, …
    pub attributes: BTreeMap<String, String>,
}

impl Queue {
    /// A queue with every default.
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self { name: name.to_owned(), ..Self::default() }
    }

    /// With a dead letter queue.
    #[must_use]
    pub fn with_redrive(mut self, dead_letter_arn: &str, max_receive_count: u32) -> Self {
        self.redrive = Some(Redrive { dead_letter_arn: dead_letter_arn.to_owned(), max_receive_count });
        self
    }

    /// With an attribute under SQS's name.
    #[must_use]
    pub fn with_attribute(mut self, name: &str, value: impl Into<String>) -> Self {
        self.attributes.insert(name.to_owned(), value.into());
        self
    }
}

/// A bucket of S3.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bucket {
    /// Its name.
    pub name: String,
    /// After how many days its lifecycle removes what was put there; never without.
    pub expires_after_days: Option<u32>,
}

/// How a queue is addressed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueueAddress {
    /// For callers.
    pub url: String,
    /// For policies and event sources.
    pub arn: String,
}

impl Emulators {
    /// Creates a table, or finds it; gives its ARN.
    ///
    /// # Errors
    /// When the description is refused.
    pub fn create_table(&self, table: &Table) -> Result<String, Error> {
        let arn = format!("arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/{}", table.name);
        let database = self.services.dynamodb.database();
        let refused = |operation: &str, answer: String| Error::Refused { operation: operation.to_owned(), answer };
        let describe = serde_json::from_value(json!({"TableName": table.name}))
            .map_err(|error| refused("DescribeTable", error.to_string()))?;
        if database.describe_table(describe).is_ok() {
            return Ok(arn);
        }
        let request =
            serde_json::from_value(table.request()).map_err(|error| refused("CreateTable", error.to_string()))?;
        database.create_table(request).map_err(|error| refused("CreateTable", error.to_string()))?;
        if let Some(attribute) = &table.time_to_live {
            let request = json!({
                "TableName": table.name,
                "TimeToLiveSpecification": {"Enabled": true, "AttributeName": attribute},
            });
            let request =
                serde_json::from_value(request).map_err(|error| refused("UpdateTimeToLive", error.to_string()))?;
            database.update_time_to_live(request).map_err(|error| refused("UpdateTimeToLive", error.to_string()))?;
        }
        Ok(arn)
    }

    /// Creates a queue, or finds it and gives it these attributes.
    ///
    /// # Errors
    /// When the description is refused.
    pub async fn create_queue(&self, queue: &Queue) -> Result<QueueAddress, Error> {
        let mut attributes = queue.attributes.clone();
        if let Some(redrive) = &queue.redrive {
            let policy = json!({
                "deadLetterTargetArn": redrive.dead_letter_arn, "maxReceiveCount": redrive.max_receive_count,
            });
            attributes.insert("RedrivePolicy".to_owned(), policy.to_string());
        }
        let found = self.sqs("GetQueueUrl", &json!({"QueueName": queue.name})).await;
        let url = if let Ok(found) = found {
            let url = text(&found, "QueueUrl");
            self.sqs("SetQueueAttributes", &json!({"QueueUrl": url, "Attributes": attributes})).await?;
            url
        } else {
            let request = json!({"QueueName": queue.name, "Attributes": attributes});
            text(&self.sqs("CreateQueue", &request).await?, "QueueUrl")
        };
        Ok(QueueAddress { url, arn: format!("arn:aws:sqs:{REGION}:{ACCOUNT}:{}", queue.name) })
    }

    /// Creates a symmetric key under an alias (`alias/…`), or finds it; gives the key's ARN.
    ///
    /// # Errors
    /// When the service refuses.
    pub async fn create_key(&self, alias: &str) -> Result<String, Error> {
        if let Ok(found) = self.kms("DescribeKey", &json!({"KeyId": alias})).await {
            return Ok(key_field(&found, "Arn"));
        }
        let created = self.kms("CreateKey", &json!({"Description": alias})).await?;
        let request = json!({"AliasName": alias, "TargetKeyId": key_field(&created, "KeyId")});
        self.kms("CreateAlias", &request).await?;
        Ok(key_field(&created, "Arn"))
    }

    /// Gives a key an alias (`alias/…`), or moves an existing one to it.
    ///
    /// # Errors
    /// When the service refuses.
    pub async fn create_alias(&self, alias: &str, key: &str) -> Result<(), Error> {
        let exists = self.kms("DescribeKey", &json!({"KeyId": alias})).await.is_ok();
        let operation = if exists { "UpdateAlias" } else { "CreateAlias" };
        self.kms(operation, &json!({"AliasName": alias, "TargetKeyId": key})).await?;
        Ok(())
    }

    /// Creates a text secret, or gives an existing one this value; gives its ARN.
    ///
    /// # Errors
    /// When the service refuses.
    pub async fn create_secret(&self, name: &str, value: &str) -> Result<String, Error> {
        if self.find_secret(name).await.is_some() {
            let request = json!({"SecretId": name, "SecretString": value});
            return Ok(text(&self.secrets("PutSecretValue", &request).await?, "ARN"));
        }
        let request = json!({"Name": name, "SecretString": value});
        Ok(text(&self.secrets("CreateSecret", &request).await?, "ARN"))
    }

    /// The ARN of a secret that exists.
    pub async fn find_secret(&self, name: &str) -> Option<String> {
        self.secrets("DescribeSecret", &json!({"SecretId": name})).await.ok().map(|found| text(&found, "ARN"))
    }

    /// Creates a bucket, or finds it and gives it this lifecycle.
    pub fn create_bucket(&self, bucket: &Bucket) {
        self.services.s3.create_bucket(&bucket.name, bucket.expires_after_days);
    }

    async fn sqs(&self, operation: &str, request: &Value) -> Result<Value, Error> {
        read(operation, &self.services.sqs.handle(operation, request.to_string().as_bytes()).await)
    }

    async fn kms(&self, operation: &str, request: &Value) -> Result<Value, Error> {
        let headers = target("TrentService", operation);
        read(operation, &self.services.kms.handle(operation, headers, Bytes::from(request.to_string())).await)
    }

    async fn secrets(&self, operation: &str, request: &Value) -> Result<Value, Error> {
        let headers = target("secretsmanager", operation);
        read(operation, &self.services.secrets.handle(operation, headers, Bytes::from(request.to_string())).await)
    }
}

fn target(service: &str, operation: &str) -> HeaderMap {
    let mut headers = HeaderMap::new();
    if let Ok(value) = format!("{service}.{operation}").parse() {
        headers.insert("x-amz-target", value);
    }
    headers
}

fn read(operation: &str, reply: &Reply) -> Result<Value, Error> {
    let answer = String::from_utf8_lossy(&reply.body).into_owned();
    let refused = |answer| Error::Refused { operation: operation.to_owned(), answer };
    if !reply.status.is_success() {
        return Err(refused(answer));
    }
    if answer.is_empty() { Ok(Value::Null) } else { serde_json::from_str(&answer).map_err(|_| refused(answer)) }
}

fn text(answer: &Value, field: &str) -> String {
    answer.get(field).and_then(Value::as_str).unwrap_or_default().to_owned()
}

fn key_field(answer: &Value, field: &str) -> String {
    answer.get("KeyMetadata").map(|key| text(key, field)).unwrap_or_default()
}

//! Who may do what: turns a request into the actions and resources that IAM would look at, and asks whoever decides.

use std::sync::Arc;

use data_encoding::BASE64;
use http::HeaderMap;
use serde_json::Value;

use crate::server::Reply;
use crate::{ACCOUNT, REGION};

/// One thing that a caller is about to do to one resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Access<'a> {
    /// The access key id that the request was signed with.
    pub caller: &'a str,
    /// As in a policy: `dynamodb:PutItem`.
    pub action: &'a str,
    /// The resource's ARN; `*` when the operation has none.
    pub resource: &'a str,
    /// The partition key of the one item that `DynamoDB` is asked about, if it is called `pk` and is text.
    pub leading_key: Option<&'a str>,
}

/// Decides whether an access is allowed.
#[derive(Clone)]
pub struct Gate(Arc<dyn Fn(&Access<'_>) -> bool + Send + Sync>);

impl Gate {
    /// Asks `allows` before every request.
    #[must_use]
    pub fn new(allows: impl Fn(&Access<'_>) -> bool + Send + Sync + 'static) -> Self {
        Self(Arc::new(allows))
    }

    /// Whether a caller may do this to this resource.
    pub(crate) fn allows(&self, caller: &str, action: &str, resource: &str) -> bool {
        (self.0)(&Access { caller, action, resource, leading_key: None })
    }

    /// The refusal, if any of the request's accesses is not allowed.
    pub(crate) fn refuse(&self, service: &str, operation: &str, headers: &HeaderMap, body: &[u8]) -> Option<Reply> {
        let caller = caller(headers)?;
        let body: Value = serde_json::from_slice(body).ok()?;
        let accesses = accesses(service, operation, &body);
        let leading_key = if service == "DynamoDB" { leading_key(&body) } else { None };
        let allows = |(action, resource): &&ActionOnResource| {
            (self.0)(&Access { caller: &caller, action, resource, leading_key })
        };
        let denied = accesses.iter().find(|access| !allows(access))?;
        let (action, resource) = denied;
        let message = format!(
            "User: arn:aws:sts::{ACCOUNT}:assumed-role/{caller} is not authorized to perform: {action} on resource: \
             {resource} because no identity-based policy allows the {action} action"
        );
        Some(match service {
            "SQS" => Reply::refusal(403, "com.amazonaws.sqs#AccessDenied", &message)
                .with_header("x-amzn-query-error", "AccessDenied;Sender"),
            _ => Reply::refusal(400, "AccessDeniedException", &message),
        })
    }
}

impl std::fmt::Debug for Gate {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Gate").finish_non_exhaustive()
    }
}

/// `Credential=<access key id>/<date>/…` of the signature.
fn caller(headers: &HeaderMap) -> Option<String> {
    let authorization = headers.get(http::header::AUTHORIZATION)?.to_str().ok()?;
    let credential = authorization.split_once("Credential=")?.1;
    credential.split('/').next().map(str::to_owned)
}

type ActionOnResource = (String, String);

fn accesses(service: &str, operation: &str, body: &Value) -> Vec<ActionOnResource> {
    match service {
        "DynamoDB" => tables(operation, body),
        "SQS" => vec![queue(operation, body)],
        "KMS" => vec![(format!("kms:{operation}"), key(body))],
        _ => {
            let secret = text(body, "SecretId").map_or_else(
                || "*".to_owned(),
                |id| {
                    if id.starts_with("arn:") { id.to_owned() } else { arn("secretsmanager", &format!("secret:{id}")) }
                },
            );
            vec![(format!("secretsmanager:{operation}"), secret)]
        }
    }
}

fn tables(operation: &str, body: &Value) -> Vec<ActionOnResource> {
    let action = |name: &str| format!("dynamodb:{name}");
    if let Some(items) = body.get("TransactItems").and_then(Value::as_array) {
        let item = |(kind, request): (&String, &Value)| {
            let name = match kind.as_str() {
                "ConditionCheck" => "ConditionCheckItem".to_owned(),
                kind => format!("{kind}Item"),
            };
            Some((action(&name), table(text(request, "TableName")?)))
        };
        return items.iter().filter_map(Value::as_object).flatten().filter_map(item).collect();
    }
    if let Some(requests) = body.get("RequestItems").and_then(Value::as_object) {
        return requests.keys().map(|name| (action(operation), table(name))).collect();
    }
    let resource = match (text(body, "TableName"), text(body, "IndexName")) {
        (Some(name), Some(index)) => format!("{}/index/{index}", table(name)),
        (Some(name), None) => table(name),
        (None, _) => "*".to_owned(),
    };
    vec![(action(operation), resource)]
}

fn table(name: &str) -> String {
    if name.starts_with("arn:") { name.to_owned() } else { arn("dynamodb", &format!("table/{name}")) }
}

fn leading_key(body: &Value) -> Option<&str> {
    let item = body.get("Key").or_else(|| body.get("Item"))?;
    item.get("pk")?.get("S")?.as_str()
}

/// A batch needs the right to the single operation.
fn queue(operation: &str, body: &Value) -> ActionOnResource {
    let action = format!("sqs:{}", operation.strip_suffix("Batch").unwrap_or(operation));
    let name = text(body, "QueueUrl").and_then(|url| url.rsplit('/').next()).or_else(|| text(body, "QueueName"));
    let resource = text(body, "SourceArn").map(str::to_owned).or_else(|| name.map(|name| arn("sqs", name)));
    (action, resource.unwrap_or_else(|| "*".to_owned()))
}

/// The key that is named, or the one that the ciphertext was made with, whose id it begins with.
fn key(body: &Value) -> String {
    let sealed = || {
        let blob = BASE64.decode(text(body, "CiphertextBlob")?.as_bytes()).ok()?;
        let (id, _) = blob.split_at_checked(36)?;
        String::from_utf8(id.to_vec()).ok()
    };
    match text(body, "KeyId").map(str::to_owned).or_else(sealed) {
        None => "*".to_owned(),
        Some(id) if id.starts_with("arn:") => id,
        Some(id) if id.starts_with("alias/") => arn("kms", &id),
        Some(id) => arn("kms", &format!("key/{id}")),
    }
}

fn arn(service: &str, resource: &str) -> String {
    format!("arn:aws:{service}:{REGION}:{ACCOUNT}:{resource}")
}

fn text<'a>(body: &'a Value, field: &str) -> Option<&'a str> {
    body.get(field).and_then(Value::as_str)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_request_needs_the_rights_that_iam_would_ask_for() {
        let table = "arn:aws:dynamodb:us-east-1:000000000000:table/State";
        let cases = [
            ("DynamoDB", "GetItem", json!({"TableName": "State"}), vec![("dynamodb:GetItem", table)]),
            (
                "DynamoDB",
                "Query",
                json!({"TableName": "State", "IndexName": "due"}),
                vec![("dynamodb:Query", "arn:aws:dynamodb:us-east-1:000000000000:table/State/index/due")],
            ),
            (
                "DynamoDB",
                "TransactWriteItems",
                json!({"TransactItems": [{"Put": {"TableName": "State"}}, {"ConditionCheck": {"TableName": "State"}}]}),
                vec![("dynamodb:PutItem", table), ("dynamodb:ConditionCheckItem", table)],
            ),
            (
                "DynamoDB",
                "BatchGetItem",
                json!({"RequestItems": {"State": {}}}),
                vec![("dynamodb:BatchGetItem", table)],
            ),
            (
                "SQS",
                "SendMessageBatch",
                json!({"QueueUrl": "http://127.0.0.1:1/000000000000/jobs"}),
                vec![("sqs:SendMessage", "arn:aws:sqs:us-east-1:000000000000:jobs")],
            ),
            ("KMS", "GenerateDataKey", json!({"KeyId": "arn:k"}), vec![("kms:GenerateDataKey", "arn:k")]),
            (
                "SecretsManager",
                "GetSecretValue",
                json!({"SecretId": "arn:s"}),
                vec![("secretsmanager:GetSecretValue", "arn:s")],
            ),
        ];
        for (service, operation, body, expected) in cases {
            let expected: Vec<_> = expected.iter().map(|(a, r)| ((*a).to_owned(), (*r).to_owned())).collect();
            assert_eq!(accesses(service, operation, &body), expected, "{service} {operation}");
        }
    }
}

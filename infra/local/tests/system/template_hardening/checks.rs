//! The rules themselves: each fails where the template breaks it.

use std::collections::{BTreeMap, BTreeSet};

use serde_norway::Value;

use crate::{
    template::{at, bare, names, number, resources, rights, text},
    template_rules,
};

const FUNCTION: &str = "AWS::Serverless::Function";
const QUEUE: &str = "AWS::SQS::Queue";
const TABLE: &str = "AWS::DynamoDB::Table";
const ALARM: &str = "AWS::CloudWatch::Alarm";
const SECRET: &str = "AWS::SecretsManager::Secret";

/// Statements that name everything of a kind, and why each of them may.
const WIDE: [(&str, &str, &str); 4] = [
    (
        "TokenKey",
        "IamDecides",
        "in a key's own policy `*` is this key; without the account's root nobody could ever change it",
    ),
    ("TokenKey", "OnlyForATenant", "a refusal, and `*` is this key"),
    ("*Queue", "OnlyOverTls", "a refusal: nothing may be done without TLS"),
    ("*Bucket", "OnlyOverTls", "a refusal: nothing may be done without TLS"),
];

/// What each function may do with sealed tokens and the key that seals them. Who is not here may do nothing.
const TOKENS: [(&str, &[&str], &[&str]); 6] = [
    ("OauthFunction", &["ConditionCheckItem", "GetItem", "PutItem", "UpdateItem"], &["Decrypt", "GenerateDataKey"]),
    ("ConsumerFunction", &["ConditionCheckItem", "GetItem", "PutItem", "UpdateItem"], &["Decrypt", "GenerateDataKey"]),
    (
        "RefreshFunction",
        &["ConditionCheckItem", "DeleteItem", "GetItem", "PutItem", "Query", "UpdateItem"],
        &["Decrypt", "GenerateDataKey"],
    ),
    ("HealthFunction", &["ConditionCheckItem", "GetItem", "PutItem", "UpdateItem"], &["Decrypt", "GenerateDataKey"]),
    // Deletes what a person wants to be forgotten, and cannot open it.
    ("InboundFunction", &["DeleteItem", "GetItem", "Query"], &[]),
    ("RedriveFunction", &["GetItem"], &["Decrypt"]),
];

/// The value, or those in it.
fn list(value: &Value) -> Vec<&Value> {
    bare(value).as_sequence().map_or_else(|| vec![bare(value)], |all| all.iter().map(bare).collect())
}

/// Every statement of every policy: the resource and function that it stands with, and itself.
fn statements(template: &Value) -> Vec<(&str, &Value)> {
    let mut found = Vec::new();
    for (name, resource) in template["Resources"].as_mapping().unwrap() {
        collect(resource, name.as_str().unwrap(), &mut found);
    }
    assert!(found.len() > 40, "the statements of functions, queues, the topic and the key");
    found
}

fn collect<'a>(value: &'a Value, owner: &'a str, found: &mut Vec<(&'a str, &'a Value)>) {
    match bare(value) {
        Value::Mapping(map) if map.contains_key("Effect") => found.push((owner, bare(value))),
        Value::Mapping(map) => map.values().for_each(|value| collect(value, owner, found)),
        Value::Sequence(all) => all.iter().for_each(|value| collect(value, owner, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Tagged(_) => {}
    }
}

pub(super) fn own_roles(template: &Value) {
    assert!(at(template, "Globals/Function/Role").is_none(), "SAM makes a role for each function that names none");
    for (name, function) in resources(template, FUNCTION) {
        assert!(function.get("Role").is_none(), "{name} names a role");
        for policy in function["Policies"].as_sequence().unwrap() {
            assert!(policy.get("Statement").is_some(), "{name}: a managed policy grants more than it needs");
        }
    }
}

pub(super) fn nothing_wide(template: &Value) {
    let mut used = BTreeSet::new();
    for (owner, statement) in statements(template) {
        let id = text(statement, "Sid").unwrap_or_default();
        let fields =
            ["Action", "Resource", "NotAction", "NotResource"].into_iter().filter_map(|name| statement.get(name));
        let entries = fields.flat_map(list).map(|entry| entry.as_str().unwrap());
        // What comes and goes below one place, and is named by no template: the secrets of tenants, and uploaded files.
        let many = [":secret:postd/${AWS::StackName}/tenants/*", "${MediaBucket.Arn}/*"];
        let named = |entry: &'_ str| {
            many.iter().any(|place| entry.ends_with(place) && !entry.trim_end_matches(place).contains('*'))
        };
        let wide = entries.filter(|entry| !named(entry)).any(|entry| entry.contains('*'));
        assert!(statement.get("NotAction").is_none() && statement.get("NotResource").is_none(), "{owner} {id}");
        if !wide {
            continue;
        }
        let listed = WIDE.iter().position(|(place, sid, _)| {
            let is_there =
                place.strip_prefix('*').map_or(owner == *place, |end| owner.trim_end_matches("Policy").ends_with(end));
            is_there && id == *sid
        });
        let listed = listed.unwrap_or_else(|| panic!("{owner} {id} names everything, and no reason is listed"));
        let refuses = text(statement, "Effect") == Some("Deny");
        assert_eq!(refuses, WIDE[listed].2.starts_with("a refusal"), "{owner} {id}: {}", WIDE[listed].2);
        used.insert(listed);
    }
    assert_eq!(used.len(), WIDE.len(), "a reason is listed for what is not there");
}

pub(super) fn tokens_for_few(template: &Value) {
    let short = |all: Vec<&str>, service: &str| -> BTreeSet<String> {
        all.into_iter().map(|action| action.strip_prefix(service).unwrap().to_owned()).collect()
    };
    for (name, function) in resources(template, FUNCTION) {
        let listed = TOKENS.iter().find(|(function, ..)| *function == name);
        let (_, rows, key) = *listed.unwrap_or(&(name, &[], &[]));
        let set = |names: &[&str]| -> BTreeSet<String> { names.iter().map(ToString::to_string).collect() };
        assert_eq!(short(rights(function, "VaultTable.Arn"), "dynamodb:"), set(rows), "{name}: sealed tokens");
        assert_eq!(short(rights(function, "TokenKey.Arn"), "kms:"), set(key), "{name}: the key");
    }
    // Nobody names either in another way than the one that is looked for here.
    for (owner, statement) in statements(template) {
        for entry in list(&statement["Resource"]).into_iter().filter_map(Value::as_str) {
            let of_tokens = entry.contains("VaultTable") || entry.contains("TokenKey");
            assert!(!of_tokens || ["VaultTable.Arn", "TokenKey.Arn"].contains(&entry), "{owner}: {entry}");
        }
    }
}

pub(super) fn keys_bound_to_tenants(template: &Value) {
    let key = at(template, "Resources/TokenKey/Properties").unwrap();
    assert_eq!(key["EnableKeyRotation"].as_bool(), Some(true));
    assert_eq!(number(key, "PendingWindowInDays"), Some(30), "the longest time to think better of it");
    let bound = at(key, "KeyPolicy/Statement").unwrap().as_sequence().unwrap().iter().any(|statement| {
        let actions: BTreeSet<&str> = list(&statement["Action"]).into_iter().filter_map(Value::as_str).collect();
        text(statement, "Effect") == Some("Deny")
            && text(statement, "Principal/AWS") == Some("*")
            && ["kms:Encrypt", "kms:Decrypt", "kms:GenerateDataKey", "kms:GenerateDataKeyWithoutPlaintext"]
                .iter()
                .all(|action| actions.contains(action))
            && text(statement, "Condition/Null/kms:EncryptionContext:tenant") == Some("true")
    });
    assert!(bound, "a data key could be made or opened for no tenant");
}

pub(super) fn safe_tables(template: &Value) {
    let mut tables = 0;
    for (name, table) in resources(template, TABLE) {
        assert_eq!(at(table, "SSESpecification/SSEEnabled").and_then(Value::as_bool), Some(true), "{name}");
        let recovery = at(table, "PointInTimeRecoverySpecification/PointInTimeRecoveryEnabled");
        assert_eq!(recovery.and_then(Value::as_bool), Some(true), "{name}");
        let protection = list(&table["DeletionProtectionEnabled"]);
        assert_eq!(protection.first().and_then(|condition| condition.as_str()), Some("ProtectsData"), "{name}");
        assert_eq!(protection.get(1).and_then(|value| value.as_bool()), Some(true), "{name}");
        tables += 1;
    }
    assert_eq!(tables, 2);
    let protected: BTreeSet<&str> = list(at(template, "Conditions/ProtectsData").unwrap())
        .into_iter()
        .map(|equals| list(equals)[1].as_str().unwrap())
        .collect();
    assert_eq!(protected, BTreeSet::from(["production", "staging"]));
    let mut kept = 0;
    for (name, resource) in template["Resources"].as_mapping().unwrap() {
        if [TABLE, SECRET, "AWS::KMS::Key", "AWS::S3::Bucket"].contains(&resource["Type"].as_str().unwrap()) {
            assert_eq!(text(resource, "UpdateReplacePolicy"), Some("Retain"), "{name:?}");
            assert_eq!(text(resource, "DeletionPolicy"), Some("RetainExceptOnCreate"), "{name:?}");
            kept += 1;
        }
    }
    assert!(kept > 8);
}

pub(super) fn closed_queues(template: &Value) {
    let mut closed = BTreeSet::new();
    for (name, policy) in resources(template, "AWS::SQS::QueuePolicy") {
        for queue in list(&policy["Queues"]) {
            let queue = queue.as_str().unwrap();
            let refuses = statements_of(policy).into_iter().any(|statement| {
                text(statement, "Effect") == Some("Deny")
                    && text(statement, "Principal") == Some("*")
                    && text(statement, "Action") == Some("sqs:*")
                    && text(statement, "Resource") == Some(&format!("{queue}.Arn"))
                    && text(statement, "Condition/Bool/aws:SecureTransport") == Some("false")
            });
            assert!(refuses, "{name} lets callers without TLS to {queue}");
            closed.insert(queue);
        }
    }
    for (name, queue) in resources(template, QUEUE) {
        assert_eq!(queue["SqsManagedSseEnabled"].as_bool(), Some(true), "{name}");
        assert!(closed.contains(name), "{name} has no policy");
        let is_end = queue.get("RedrivePolicy").is_none();
        assert_eq!(text(queue, "RedriveAllowPolicy/redrivePermission"), is_end.then_some("byQueue"), "{name}");
    }
}

fn statements_of(policy: &Value) -> Vec<&Value> {
    at(policy, "PolicyDocument/Statement").unwrap().as_sequence().unwrap().iter().collect()
}

pub(super) fn closed_buckets(template: &Value) {
    let policies: Vec<&Value> = resources(template, "AWS::S3::BucketPolicy").map(|(_, policy)| policy).collect();
    let mut buckets = 0;
    for (name, bucket) in resources(template, "AWS::S3::Bucket") {
        let rules = at(bucket, "BucketEncryption/ServerSideEncryptionConfiguration").unwrap().as_sequence().unwrap();
        let algorithm = text(&rules[0], "ServerSideEncryptionByDefault/SSEAlgorithm");
        assert!(matches!(algorithm, Some("AES256" | "aws:kms")), "{name}");
        for block in ["BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets"] {
            let blocked = at(bucket, "PublicAccessBlockConfiguration").and_then(|blocks| blocks.get(block));
            assert_eq!(blocked.and_then(Value::as_bool), Some(true), "{name}: {block}");
        }
        let owner = at(bucket, "OwnershipControls/Rules").unwrap().as_sequence().unwrap();
        assert_eq!(text(&owner[0], "ObjectOwnership"), Some("BucketOwnerEnforced"), "{name}");
        let forgets = at(bucket, "LifecycleConfiguration/Rules").unwrap().as_sequence().unwrap().iter().any(|rule| {
            text(rule, "Status") == Some("Enabled")
                && rule.get("ExpirationInDays").is_some()
                && rule.get("Prefix").is_none()
        });
        assert!(forgets, "{name} keeps everything");
        assert!(names(bucket, "AbortIncompleteMultipartUpload"), "{name} keeps uploads in parts that never end");
        let own = policies.iter().filter(|policy| text(policy, "Bucket") == Some(name));
        let refuses = own.flat_map(|policy| statements_of(policy)).any(|statement| {
            let all: Vec<&str> = list(&statement["Resource"]).into_iter().filter_map(Value::as_str).collect();
            text(statement, "Effect") == Some("Deny")
                && text(statement, "Principal") == Some("*")
                && text(statement, "Action") == Some("s3:*")
                && all == [format!("{name}.Arn"), format!("${{{name}.Arn}}/*")]
                && text(statement, "Condition/Bool/aws:SecureTransport") == Some("false")
        });
        assert!(refuses, "{name} lets callers without TLS in");
        buckets += 1;
    }
    assert_eq!(buckets, 1);
}

pub(super) fn no_plain_secrets(template: &Value) {
    for (name, secret) in resources(template, SECRET) {
        assert!(secret.get("SecretString").is_none(), "{name} stands in the template");
        assert!(number(secret, "GenerateSecretString/PasswordLength").unwrap() >= 32, "{name}");
    }
    for (name, parameter) in template["Parameters"].as_mapping().unwrap() {
        let name = name.as_str().unwrap();
        let telling = ["secret", "password", "credential", "apikey"];
        assert!(!telling.iter().any(|word| name.to_lowercase().contains(word)), "{name} sounds like a secret");
        assert!(parameter.get("NoEcho").is_none(), "{name}: what must not be shown must not be a parameter");
    }
}

pub(super) fn checked_parameters(template: &Value) {
    for (name, parameter) in template["Parameters"].as_mapping().unwrap() {
        assert!(text(parameter, "Description").is_some_and(|text| text.ends_with('.')), "{name:?}");
        let pattern = text(parameter, "AllowedPattern");
        let is_bounded = if text(parameter, "Type") == Some("Number") {
            number(parameter, "MinValue").is_some() && number(parameter, "MaxValue").is_some()
        } else {
            parameter.get("AllowedValues").is_some()
                || pattern.is_some_and(|pattern| pattern.starts_with('^') && pattern.ends_with('$'))
        };
        assert!(is_bounded, "{name:?} takes anything");
        assert!(parameter.get("Default").is_some(), "{name:?}: a first deployment asks for nothing");
    }
}

pub(super) fn traced_and_logged(template: &Value) {
    assert_eq!(text(template, "Globals/Function/Tracing"), Some("Active"));
    template_rules::own_log_groups(template);
    for (name, function) in resources(template, FUNCTION) {
        assert!(function.get("Tracing").is_none(), "{name} says otherwise");
    }
    for (name, group) in resources(template, "AWS::Logs::LogGroup") {
        let path: Vec<&str> = list(&group["RetentionInDays"]).into_iter().filter_map(Value::as_str).collect();
        assert_eq!(path, ["Environments", "Environment", "LogRetentionDays"], "{name}");
    }
    for (name, environment) in at(template, "Mappings/Environments").unwrap().as_mapping().unwrap() {
        assert!(number(environment, "LogRetentionDays").is_some_and(|days| days > 0), "{name:?}");
    }
    let format = text(template, "Resources/HttpApi/Properties/AccessLogSettings/Format").unwrap();
    assert!(format.contains("$context.requestId") && format.contains("$context.routeKey"));
    // An OAuth callback carries its code and state there, a webhook its verify token.
    for telling in ["$context.path", "queryString", "$context.identity.userAgent", "$request", "header"] {
        assert!(!format.contains(telling), "{telling}");
    }
}

pub(super) fn guarded_api(template: &Value) {
    let api = at(template, "Resources/HttpApi/Properties").unwrap();
    for limit in ["ThrottlingRateLimit", "ThrottlingBurstLimit"] {
        assert_eq!(list(at(api, "DefaultRouteSettings").unwrap().get(limit).unwrap()).len(), 3, "{limit}");
    }
    assert_eq!(text(api, "Auth/DefaultAuthorizer"), Some("ApiKey"));
    let remembered = number(api, "Auth/Authorizers/ApiKey/Identity/ReauthorizeEvery").unwrap();
    assert!(remembered <= 60, "a revoked key works for {remembered} s");
    let mut open = BTreeSet::new();
    for (_, function) in resources(template, FUNCTION) {
        let events = function.get("Events").and_then(Value::as_mapping).into_iter().flat_map(|events| events.values());
        for event in events.filter(|event| text(event, "Type") == Some("HttpApi")) {
            match text(event, "Properties/Auth/Authorizer") {
                None => {}
                Some(authorizer) => {
                    assert_eq!(authorizer, "NONE");
                    let method = text(event, "Properties/Method").unwrap();
                    open.insert(format!("{method} {}", text(event, "Properties/Path").unwrap()));
                }
            }
        }
    }
    // As the API itself says, which asks for a scope everywhere else.
    let said =
        shared::http::routes::ROUTES.iter().filter(|(_, access)| *access == shared::http::routes::Access::Public);
    let mut said: BTreeSet<String> = said.map(|(route, _)| (*route).to_owned()).collect();
    said.insert("ANY $default".to_owned());
    assert_eq!(open, said);
}

pub(super) fn alarmed(template: &Value) {
    let mut watched: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for (name, alarm) in resources(template, ALARM) {
        let actions = list(alarm.get("AlarmActions").unwrap_or_else(|| panic!("{name} tells nobody")));
        assert_eq!(actions.iter().filter_map(|action| action.as_str()).collect::<Vec<_>>(), ["AlarmTopic"], "{name}");
        assert!(text(alarm, "AlarmDescription").is_some(), "{name}");
        let series = alarm.get("Metrics").and_then(Value::as_sequence).into_iter().flatten();
        let series = series.filter_map(|metric| at(metric, "MetricStat/Metric"));
        for metric in series.chain([alarm]).filter(|metric| metric.get("MetricName").is_some()) {
            let of =
                metric["Dimensions"].as_sequence().unwrap().iter().filter_map(|dimension| text(dimension, "Value"));
            watched.entry(text(metric, "MetricName").unwrap()).or_default().extend(of);
        }
    }
    let functions: BTreeSet<&str> = resources(template, FUNCTION).map(|(name, _)| name).collect();
    assert_eq!(watched["Errors"], functions, "errors of functions");
    assert_eq!(watched["Throttles"], functions, "throttles of functions");
    let ends = resources(template, QUEUE).filter(|(_, queue)| queue.get("RedrivePolicy").is_none());
    let ends: BTreeSet<String> = ends.map(|(name, _)| format!("{name}.QueueName")).collect();
    let seen: BTreeSet<String> =
        watched["ApproximateNumberOfMessagesVisible"].iter().map(ToString::to_string).collect();
    assert_eq!(seen, ends, "dead letters");
    for metric in ["ApproximateAgeOfOldestMessage", "oldest_overdue", "5xx", "Invocations", "needs_review"] {
        assert!(watched.contains_key(metric), "nobody hears of {metric}");
    }
    let topic = at(template, "Resources/AlarmTopicPolicy/Properties").unwrap();
    for statement in statements_of(topic).into_iter().filter(|statement| text(statement, "Effect") == Some("Allow")) {
        assert!(names(statement, "aws:SourceAccount"), "alarms of other accounts would be told");
    }
}

//! What a security reviewer asks of `template.yaml`, and that no answer can go missing unnoticed: every rule is broken in each
//! way that is listed with it, and has to say so.

mod checks;

use std::panic::{AssertUnwindSafe, catch_unwind};

use serde_norway::Value;

use crate::{template::template, template_rules};

/// What must hold, and how it may be lost.
struct Rule {
    name: &'static str,
    holds: fn(&Value),
    breaks: &'static [Break],
}

/// A place in the template, and what comes to stand there (YAML; empty: nothing).
type Break = (&'static str, &'static str);

const RULES: &[Rule] = &[
    Rule {
        name: "each function has a role of its own",
        holds: checks::own_roles,
        breaks: &[
            ("Resources/ApiFunction/Properties/Role", "arn:aws:iam::123456789012:role/all"),
            ("Resources/ApiFunction/Properties/Policies/0", "AmazonDynamoDBFullAccess"),
            ("Globals/Function/Role", "arn:aws:iam::123456789012:role/all"),
        ],
    },
    Rule {
        name: "nothing is granted on everything",
        holds: checks::nothing_wide,
        breaks: &[
            ("Resources/ApiFunction/Properties/Policies/0/Statement/0/Action", "'dynamodb:*'"),
            ("Resources/ApiFunction/Properties/Policies/0/Statement/0/Resource", "'*'"),
            ("Resources/OauthFunction/Properties/Policies/0/Statement/4/Resource/0", "'*'"),
            ("Resources/DeadLetterQueuePolicy/Properties/PolicyDocument/Statement/0/Effect", "Allow"),
            ("Resources/TokenKey/Properties/KeyPolicy/Statement/1/Effect", "Allow"),
            ("Resources/AlarmTopicPolicy/Properties/PolicyDocument/Statement/0/Action", "'sns:*'"),
            ("Resources/TokenKey/Properties/KeyPolicy/Statement/0/Sid", "Gone"),
        ],
    },
    Rule {
        name: "tokens are for those who need them",
        holds: checks::tokens_for_few,
        breaks: &[
            (
                "Resources/RedriveFunction/Properties/Policies/0/Statement/3/Action",
                "[kms:Decrypt, kms:GenerateDataKey]",
            ),
            ("Resources/ApiFunction/Properties/Policies/0/Statement/0/Resource", "!GetAtt VaultTable.Arn"),
            ("Resources/InboundFunction/Properties/Policies/0/Statement/2/Action", "dynamodb:PutItem"),
        ],
    },
    Rule {
        name: "no data key without a tenant",
        holds: checks::keys_bound_to_tenants,
        breaks: &[
            ("Resources/TokenKey/Properties/KeyPolicy/Statement/1", ""),
            ("Resources/TokenKey/Properties/KeyPolicy/Statement/1/Effect", "Allow"),
            ("Resources/TokenKey/Properties/KeyPolicy/Statement/1/Action", "[kms:Encrypt]"),
            (
                "Resources/TokenKey/Properties/KeyPolicy/Statement/1/Condition",
                "{ 'Null': { 'kms:EncryptionContext:tenant': 'false' } }",
            ),
            (
                "Resources/TokenKey/Properties/KeyPolicy/Statement/1/Principal",
                "{ AWS: 'arn:aws:iam::123456789012:user/a' }",
            ),
            ("Resources/TokenKey/Properties/EnableKeyRotation", "false"),
            ("Resources/TokenKey/Properties/PendingWindowInDays", "7"),
        ],
    },
    Rule {
        name: "tables are encrypted, can be brought back, and outlive the stack",
        holds: checks::safe_tables,
        breaks: &[
            ("Resources/VaultTable/Properties/SSESpecification", ""),
            ("Resources/StateTable/Properties/SSESpecification/SSEEnabled", "false"),
            ("Resources/VaultTable/Properties/PointInTimeRecoverySpecification/PointInTimeRecoveryEnabled", "false"),
            ("Resources/StateTable/Properties/DeletionProtectionEnabled", "false"),
            ("Conditions/ProtectsData", "!Equals [!Ref Environment, staging]"),
            ("Resources/StateTable/UpdateReplacePolicy", "Delete"),
            ("Resources/VaultTable/DeletionPolicy", "Delete"),
            ("Resources/TokenKey/DeletionPolicy", ""),
            ("Resources/FacebookApp/DeletionPolicy", "Delete"),
        ],
    },
    Rule {
        name: "queues are encrypted, and refuse whoever comes without TLS",
        holds: checks::closed_queues,
        breaks: &[
            ("Resources/InboundQueue/Properties/SqsManagedSseEnabled", "false"),
            ("Resources/InboundDeadLetterQueuePolicy", ""),
            ("Resources/PublishQueuePolicy/Properties/PolicyDocument/Statement/0/Condition", ""),
            ("Resources/PublishQueuePolicy/Properties/PolicyDocument/Statement/0/Principal", "{ AWS: '123456789012' }"),
            ("Resources/DeadLetterQueuePolicy/Properties/Queues/0", "!Ref PublishQueue"),
            ("Resources/DeadLetterQueue/Properties/RedriveAllowPolicy", ""),
        ],
    },
    Rule {
        name: "uploads are encrypted, nobody else's, and gone after a while",
        holds: checks::closed_buckets,
        breaks: &[
            ("Resources/MediaBucket/Properties/BucketEncryption", ""),
            ("Resources/MediaBucket/Properties/PublicAccessBlockConfiguration/RestrictPublicBuckets", "false"),
            ("Resources/MediaBucket/Properties/PublicAccessBlockConfiguration", ""),
            ("Resources/MediaBucket/Properties/OwnershipControls", ""),
            ("Resources/MediaBucket/Properties/LifecycleConfiguration/Rules/0/Status", "Disabled"),
            ("Resources/MediaBucket/Properties/LifecycleConfiguration/Rules/0/ExpirationInDays", ""),
            ("Resources/MediaBucket/Properties/LifecycleConfiguration/Rules/0/AbortIncompleteMultipartUpload", ""),
            ("Resources/MediaBucketPolicy", ""),
            ("Resources/MediaBucketPolicy/Properties/PolicyDocument/Statement/0/Condition", ""),
            ("Resources/MediaBucketPolicy/Properties/PolicyDocument/Statement/0/Resource", "!GetAtt MediaBucket.Arn"),
        ],
    },
    Rule {
        name: "secrets are made at AWS, and no parameter holds one",
        holds: checks::no_plain_secrets,
        breaks: &[
            ("Resources/SigningKey/Properties/SecretString", "plain"),
            ("Resources/GbpApp/Properties/GenerateSecretString", ""),
            ("Resources/GbpApp/Properties/GenerateSecretString/PasswordLength", "8"),
            ("Parameters/FacebookClientSecret", "{ Type: String, NoEcho: true, Description: d, AllowedPattern: '.+' }"),
            ("Parameters/PublicUrl/NoEcho", "true"),
        ],
    },
    Rule {
        name: "every parameter says what it is and takes nothing else",
        holds: checks::checked_parameters,
        breaks: &[
            ("Parameters/LogLevel/Description", ""),
            ("Parameters/LogLevel/AllowedValues", ""),
            ("Parameters/ConsumerTimeout/MaxValue", ""),
            ("Parameters/GbpPushAccount/AllowedPattern", ""),
            ("Parameters/GbpPushAccount/AllowedPattern", "'.*'"),
        ],
    },
    Rule {
        name: "every call leaves a trace, and no log is kept for ever",
        holds: checks::traced_and_logged,
        breaks: &[
            ("Globals/Function/Tracing", ""),
            ("Resources/HealthFunction/Properties/Tracing", "Disabled"),
            ("Resources/ConsumerLogGroup/Properties/RetentionInDays", ""),
            ("Resources/ConsumerFunction/Properties/LoggingConfig", "{ LogGroup: !Ref ApiLogGroup }"),
            ("Resources/HttpApiLogGroup/Properties/RetentionInDays", ""),
            ("Resources/HttpApi/Properties/AccessLogSettings", ""),
            ("Resources/HttpApi/Properties/AccessLogSettings/Format", "'$context.requestId $context.path'"),
            ("Mappings/Environments/production/LogRetentionDays", ""),
        ],
    },
    Rule {
        name: "the API is throttled, and open only where it says so",
        holds: checks::guarded_api,
        breaks: &[
            ("Resources/HttpApi/Properties/DefaultRouteSettings/ThrottlingRateLimit", ""),
            ("Resources/HttpApi/Properties/DefaultRouteSettings/ThrottlingBurstLimit", ""),
            ("Resources/HttpApi/Properties/Auth/DefaultAuthorizer", ""),
            ("Resources/PublishFunction/Properties/Events/CreatePost/Properties/Auth", "{ Authorizer: NONE }"),
            ("Resources/HttpApi/Properties/Auth/Authorizers/ApiKey/Identity/ReauthorizeEvery", "3600"),
        ],
    },
    Rule {
        name: "somebody is told when it goes wrong",
        holds: checks::alarmed,
        breaks: &[
            ("Resources/FunctionErrorsAlarm/Properties/Metrics/3", ""),
            ("Resources/FunctionThrottlesAlarm", ""),
            ("Resources/InboundDeadLettersAlarm", ""),
            ("Resources/PublishQueueAgeAlarm/Properties/AlarmActions", ""),
            ("Resources/DeadLettersAlarm/Properties/Dimensions/0/Value", "!GetAtt PublishQueue.QueueName"),
            ("Resources/OldestOverdueAlarm", ""),
            ("Resources/AlarmTopicPolicy/Properties/PolicyDocument/Statement/0/Condition", ""),
        ],
    },
    Rule {
        name: "a message is hidden six times as long as it is worked on",
        holds: template_rules::hidden_long_enough,
        breaks: &[
            ("Parameters/PublishVisibilityTimeout/Default", "179"),
            ("Resources/InboundFunction/Properties/Timeout", "11"),
            ("Parameters/ConsumerTimeout/MinValue", "11"),
        ],
    },
    Rule {
        name: "single failures are reported",
        holds: template_rules::single_failures,
        breaks: &[
            ("Resources/InboundQueueMapping/Properties/FunctionResponseTypes", ""),
            ("Resources/PublishQueueMapping/Properties/FunctionResponseTypes", "[]"),
        ],
    },
    Rule {
        name: "no more runs at once than is reserved",
        holds: template_rules::within_what_is_reserved,
        breaks: &[
            ("Resources/InboundQueueMapping/Properties/ScalingConfig/MaximumConcurrency", "6"),
            (
                "Resources/ConsumerFunction/Properties/ReservedConcurrentExecutions",
                "!If [ReservesConcurrency, 9, !Ref 'AWS::NoValue']",
            ),
        ],
    },
    Rule {
        name: "dead letters come late and stay longest",
        holds: template_rules::patient_dead_letters,
        breaks: &[
            ("Resources/PublishQueue/Properties/RedrivePolicy/maxReceiveCount", "4"),
            ("Resources/PublishQueue/Properties/MessageRetentionPeriod", "1209600"),
            ("Resources/InboundDeadLetterQueue/Properties/MessageRetentionPeriod", "345600"),
        ],
    },
    Rule {
        name: "the consumer is not taken for a loop",
        holds: template_rules::not_a_loop,
        breaks: &[
            ("Resources/ConsumerFunction/Properties/RecursiveLoop", "Terminate"),
            ("Resources/ConsumerFunction/Properties/RecursiveLoop", ""),
        ],
    },
];

#[test]
fn every_rule_holds() {
    let template = template();
    for rule in RULES {
        assert!(catch_unwind(AssertUnwindSafe(|| (rule.holds)(&template))).is_ok(), "broken: {}", rule.name);
    }
}

#[test]
fn whatever_breaks_a_rule_is_noticed() {
    let mut unnoticed = Vec::new();
    for rule in RULES {
        for (place, value) in rule.breaks {
            let mut template = template();
            change(&mut template, place, value);
            if catch_unwind(AssertUnwindSafe(|| (rule.holds)(&template))).is_ok() {
                unnoticed.push(format!("{}: {place} = {value}", rule.name));
            }
        }
    }
    assert!(unnoticed.is_empty(), "{unnoticed:#?}");
}

/// Puts a value at a place, or takes away what stands there. Its last name may be new; all before it are there.
fn change(template: &mut Value, place: &str, value: &str) {
    let (way, last) = place.rsplit_once('/').unwrap();
    let mut holder = &mut *template;
    for name in way.split('/') {
        holder = inside(holder, name).unwrap_or_else(|| panic!("{place}: there is no {name}"));
    }
    let value: Option<Value> = (!value.is_empty()).then(|| serde_norway::from_str(value).unwrap());
    match (holder, value) {
        (Value::Mapping(map), Some(value)) => drop(map.insert(last.into(), value)),
        (Value::Mapping(map), None) => drop(map.remove(last).unwrap_or_else(|| panic!("{place} is not there"))),
        (Value::Sequence(all), Some(value)) => all[last.parse::<usize>().unwrap()] = value,
        (Value::Sequence(all), None) => drop(all.remove(last.parse::<usize>().unwrap())),
        (other, _) => panic!("{place}: {other:?} holds nothing"),
    }
}

fn inside<'a>(value: &'a mut Value, name: &str) -> Option<&'a mut Value> {
    if let Value::Sequence(list) = value { list.get_mut(name.parse::<usize>().ok()?) } else { value.get_mut(name) }
}

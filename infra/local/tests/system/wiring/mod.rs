//! "Works locally" must not mean "wired differently": what is in force in the local cloud is what the template says after SAM's own
//! translation, for the parameters as they are and for others.

mod translated;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use aws_sdk_sqs::types::QueueAttributeName;
use http::Method;
use local::{Observed, Observer};
use serde_json::{Map, Value, json};

use crate::support::System;
use crate::tenant::call;
use translated::{Translated, number, text};

/// Some that nobody has by default: what is wired by a parameter has to follow it.
const OTHERS: [(&str, &str); 9] = [
    ("ConsumerConcurrency", "7"),
    ("ConsumerTimeout", "20"),
    ("FacebookGraphVersion", "v27.1"),
    ("InternalNetworks", "10.0.0.0/8"),
    ("LogLevel", "debug"),
    ("MediaDays", "3"),
    ("PublishVisibilityTimeout", "240"),
    ("ReserveConcurrency", "yes"),
    ("TenantRequestsPerMinute", "77"),
];

/// What Lambda itself sets, at AWS too: <https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html>.
const SET_BY_LAMBDA: [&str; 16] = [
    "AWS_LAMBDA_RUNTIME_API",
    "AWS_LAMBDA_FUNCTION_NAME",
    "AWS_LAMBDA_FUNCTION_VERSION",
    "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
    "AWS_LAMBDA_INITIALIZATION_TYPE",
    "AWS_LAMBDA_LOG_GROUP_NAME",
    "AWS_LAMBDA_LOG_STREAM_NAME",
    "AWS_REGION",
    "AWS_DEFAULT_REGION",
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "_HANDLER",
    "LAMBDA_TASK_ROOT",
    "LANG",
    "TZ",
    "PATH",
];

/// The longest that API Gateway waits for an integration that says nothing else.
const LONGEST_INTEGRATION_MS: u64 = 30_000;

/// A cloud of its own, what was said to it, and the functions that have answered.
struct Stack {
    system: System,
    given: BTreeMap<String, String>,
    answered: Arc<Mutex<Vec<String>>>,
}

impl Stack {
    fn start(parameters: &[(&str, &str)]) -> Self {
        let answered = Arc::new(Mutex::new(Vec::new()));
        let mut given: BTreeMap<String, String> = BTreeMap::new();
        let system = System::start_with(&[], |options| {
            options.parameters =
                parameters.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
            given.clone_from(&options.parameters);
            options.event_sources = false;
            let heard = Arc::clone(&answered);
            options.observer = Observer::new(move |observed| {
                if let Observed::Answered { function, .. } = observed {
                    heard.lock().unwrap().push(function);
                }
            });
        });
        // What the local cloud chooses itself.
        given.insert("Environment".to_owned(), "local".to_owned());
        given.insert("PublicUrl".to_owned(), system.cloud.api_url().to_owned());
        given.insert("GbpPushAccount".to_owned(), simulator::gbp::PUSH_ACCOUNT.to_owned());
        Self { system, given, answered }
    }

    fn translated(&self) -> Translated<'_> {
        Translated::new(&self.system.cloud, &self.given)
    }

    /// The binaries that have answered since this was asked last.
    fn heard(&self) -> Vec<String> {
        std::mem::take(&mut *self.answered.lock().unwrap())
    }
}

/// Everything that is compared for the parameters as they are and for others.
fn both() -> [Stack; 2] {
    [Stack::start(&[]), Stack::start(&OTHERS)]
}

/// `arn:aws:apigateway:…/functions/arn:aws:lambda:…:function:NAME/invocations`, or the function's own ARN: its name.
fn function_of(arn: &Value) -> String {
    let arn = arn.as_str().unwrap();
    let arn = arn.strip_suffix("/invocations").unwrap_or(arn);
    arn.rsplit(':').next().unwrap().to_owned()
}

fn document(translated: &Translated<'_>) -> Value {
    let (_, api) = translated.resources("AWS::ApiGatewayV2::Api").pop().unwrap();
    api["Body"].clone()
}

/// The OpenAPI document that API Gateway imports, as a list of what serves each route, and whom it asks first.
fn routes(document: &Value) -> Map<String, Value> {
    let mut routes = Map::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            let key = if path.trim_start_matches('/') == "$default" {
                "$default".to_owned()
            } else {
                let method = if method == "x-amazon-apigateway-any-method" { "ANY" } else { method };
                format!("{} {path}", method.to_uppercase())
            };
            let integration = &operation["x-amazon-apigateway-integration"];
            assert_eq!(
                (&integration["type"], &integration["payloadFormatVersion"]),
                (&json!("aws_proxy"), &json!("2.0"))
            );
            let security =
                operation["security"].as_array().map(|all| all.iter().collect::<Vec<_>>()).unwrap_or_default();
            let names = security.into_iter().flat_map(|one| one.as_object().unwrap().keys());
            let asked = names.filter(|name| *name != "NONE").collect::<Vec<_>>();
            assert!(asked.len() <= 1, "{key} has several authorizers");
            let timeout = integration.get("timeoutInMillis").map_or(json!(LONGEST_INTEGRATION_MS), number);
            routes.insert(
                key,
                json!({
                    "function": function_of(&integration["uri"]), "authorizer": asked.first(), "timeout_ms": timeout,
                }),
            );
        }
    }
    routes
}

#[test]
fn routes_methods_and_authorizers_are_those_that_sam_makes() {
    for stack in both() {
        let document = document(&stack.translated());
        let wired = stack.system.cloud.wiring();
        assert_eq!(wired["routes"], Value::Object(routes(&document)));

        let schemes = document["components"]["securitySchemes"].as_object().unwrap();
        let mut authorizers = Map::new();
        for (name, scheme) in schemes {
            let scheme = &scheme["x-amazon-apigateway-authorizer"];
            assert_eq!((&scheme["type"], &scheme["enableSimpleResponses"]), (&json!("request"), &json!(true)));
            assert_eq!(scheme["authorizerPayloadFormatVersion"], "2.0");
            // Names of headers are the same in any case.
            let identity =
                scheme["identitySource"].as_array().unwrap().iter().map(|source| text(source).to_lowercase());
            authorizers.insert(
                name.clone(),
                json!({
                    "function": function_of(&scheme["authorizerUri"]),
                    "identity": identity.collect::<Vec<_>>(),
                    "cached_seconds": number(&scheme["authorizerResultTtlInSeconds"]),
                }),
            );
        }
        assert_eq!(wired["authorizers"], Value::Object(authorizers));
    }
}

/// From outside: each route is called, and who answers is heard.
#[tokio::test]
async fn every_route_reaches_the_function_that_sam_gives_it_by_way_of_its_authorizer() {
    let stack = Stack::start(&[]);
    let (cloud, document) = (&stack.system.cloud, document(&stack.translated()));
    let binary = |function: &Value| {
        let id = function.as_str().unwrap().strip_prefix("postd-local-").unwrap();
        id.strip_suffix("Function").unwrap().to_lowercase()
    };
    let mut asked = 0;
    for (number, (key, route)) in routes(&document).into_iter().enumerate() {
        let (method, path) = key.split_once(' ').unwrap_or(("ANY", "/nothing/is/here"));
        let path: Vec<&str> = path
            .split('/')
            .map(|segment| match segment {
                "{platform}" => "facebook",
                variable if variable.starts_with('{') => "anything",
                literal => literal,
            })
            .collect();
        let method = if method == "ANY" { Method::PATCH } else { method.parse().unwrap() };
        // A key of its own: what was said of another one is remembered for a minute.
        let nobody = format!("Bearer postd_local_nobody{number}");
        let url = format!("{}{}", cloud.api_url(), path.join("/"));
        call(method, &url, &[("authorization", &nobody), ("content-type", "application/json")], "{}").await;
        let mut expected = Vec::new();
        if let Some(name) = route["authorizer"].as_str() {
            let scheme = &document["components"]["securitySchemes"][name]["x-amazon-apigateway-authorizer"];
            expected.push(binary(&json!(function_of(&scheme["authorizerUri"]))));
            asked += 1;
        }
        expected.push(binary(&route["function"]));
        assert_eq!(stack.heard(), expected, "{key}");
    }
    assert!(asked > 10, "{asked} routes ask an authorizer");
}

#[test]
fn functions_have_the_limits_that_sam_gives_them() {
    for stack in both() {
        let translated = stack.translated();
        let retries: BTreeMap<String, Value> = translated
            .resources("AWS::Lambda::EventInvokeConfig")
            .into_iter()
            .map(|(_, config)| (text(&config["FunctionName"]), config))
            .collect();
        let mut functions = Map::new();
        for (id, function) in translated.resources("AWS::Lambda::Function") {
            let name = stack.system.resource(&id);
            let retry =
                |field: &str, default: u64| retries.get(&name).map_or(json!(default), |config| number(&config[field]));
            functions.insert(
                id,
                json!({
                    "name": name,
                    "timeout_seconds": number(&function["Timeout"]),
                    "memory_mb": number(&function["MemorySize"]),
                    "reserved_concurrency": number(&function["ReservedConcurrentExecutions"]),
                    // Lambda's own, where the template says nothing.
                    "attempts_more": retry("MaximumRetryAttempts", 2),
                    "event_age_seconds": retry("MaximumEventAgeInSeconds", 21_600),
                }),
            );
        }
        assert_eq!(stack.system.cloud.wiring()["functions"], Value::Object(functions));
    }
}

/// Read out of the running processes.
#[test]
fn functions_find_the_variables_that_sam_gives_them_and_besides_only_where_the_local_services_are() {
    let mut local_ones = BTreeSet::from(["AWS_ENDPOINT_URL"]);
    local_ones.insert(shared::variables::LOCAL_HOSTS);
    for platform in shared::platform::Platform::ALL.iter().copied() {
        local_ones.extend(shared::variables::hosts(platform).iter().copied());
    }
    for stack in both() {
        for (id, function) in stack.translated().resources("AWS::Lambda::Function") {
            let mut expected: BTreeMap<String, String> = BTreeMap::new();
            for (name, value) in function["Environment"]["Variables"].as_object().unwrap() {
                assert!(!local_ones.contains(name.as_str()), "{id} would have {name} at AWS, and another one here");
                expected.insert(name.clone(), text(value));
            }
            // How Lambda tells a function how to log.
            let logging = &function["LoggingConfig"];
            for (variable, field) in
                [("AWS_LAMBDA_LOG_FORMAT", "LogFormat"), ("AWS_LAMBDA_LOG_LEVEL", "ApplicationLogLevel")]
            {
                expected.extend(logging.get(field).map(|value| (variable.to_owned(), text(value))));
            }
            let mut found = stack.system.variables(&id);
            found.retain(|name, _| !SET_BY_LAMBDA.contains(&name.as_str()) && !local_ones.contains(name.as_str()));
            assert_eq!(found, expected, "{id}");
        }
    }
}

#[test]
fn event_sources_and_schedules_are_those_that_sam_makes() {
    for stack in both() {
        let (translated, wired) = (stack.translated(), stack.system.cloud.wiring());
        let source = |(_, mapping): (String, Value)| {
            let kinds = mapping["FunctionResponseTypes"].as_array().cloned().unwrap_or_default();
            json!({
                "function": mapping["FunctionName"],
                "queue": mapping["EventSourceArn"],
                "batch_size": number(&mapping["BatchSize"]),
                "window_seconds": number(&mapping["MaximumBatchingWindowInSeconds"]),
                "reports_failures": kinds.contains(&json!("ReportBatchItemFailures")),
                "maximum_concurrency": number(&mapping["ScalingConfig"]["MaximumConcurrency"]),
            })
        };
        let sources = translated.resources("AWS::Lambda::EventSourceMapping").into_iter().map(source);
        assert_eq!(sorted(wired["sources"].as_array().unwrap().clone()), sorted(sources.collect()));

        let schedule = |(_, rule): (String, Value)| {
            let [target] = rule["Targets"].as_array().unwrap().as_slice() else { panic!("several targets: {rule}") };
            assert_ne!(rule["State"], "DISABLED");
            let rate = text(&rule["ScheduleExpression"]);
            let (count, unit) = rate.strip_prefix("rate(").unwrap().strip_suffix(')').unwrap().split_once(' ').unwrap();
            let unit = [("minute", 60), ("hour", 3_600), ("day", 86_400)]
                .iter()
                .find(|(name, _)| *name == unit.trim_end_matches('s'))
                .unwrap()
                .1;
            json!({ "function": function_of(&target["Arn"]), "every_seconds": count.parse::<u64>().unwrap() * unit })
        };
        let schedules = translated.resources("AWS::Events::Rule").into_iter().map(schedule);
        assert_eq!(sorted(wired["schedules"].as_array().unwrap().clone()), sorted(schedules.collect()));
    }
}

/// Asked of the queues themselves.
#[tokio::test]
async fn queues_hide_keep_and_redrive_as_the_translated_template_says() {
    for stack in both() {
        let sqs = stack.system.aws().sqs();
        let queues = stack.translated().resources("AWS::SQS::Queue");
        assert!(queues.iter().filter(|(_, queue)| queue["RedrivePolicy"].is_object()).count() >= 2);
        for (id, queue) in queues {
            let url = stack.system.resource(&id);
            let asked = sqs.get_queue_attributes().queue_url(url).attribute_names(QueueAttributeName::All);
            let attributes = asked.send().await.unwrap().attributes.unwrap();
            let attribute = |name: &str| attributes.get(&QueueAttributeName::from(name)).cloned();
            for name in ["VisibilityTimeout", "MessageRetentionPeriod", "DelaySeconds", "MaximumMessageSize"] {
                if let Some(wanted) = queue.get(name) {
                    assert_eq!(attribute(name), Some(text(wanted)), "{id}.{name}");
                }
            }
            let redrive = attribute("RedrivePolicy").map(|policy| serde_json::from_str::<Value>(&policy).unwrap());
            match queue.get("RedrivePolicy") {
                None => assert_eq!(redrive, None, "{id}"),
                Some(wanted) => {
                    let redrive = redrive.unwrap();
                    assert_eq!(redrive["deadLetterTargetArn"], wanted["deadLetterTargetArn"], "{id}");
                    assert_eq!(number(&redrive["maxReceiveCount"]), number(&wanted["maxReceiveCount"]), "{id}");
                }
            }
        }
    }
}

fn sorted(mut all: Vec<Value>) -> Vec<Value> {
    all.sort_by_key(ToString::to_string);
    all
}

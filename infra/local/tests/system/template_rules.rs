//! What must hold between the numbers of `template.yaml`.

use std::path::Path;

use serde_norway::Value;

fn template() -> Value {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../template.yaml");
    serde_norway::from_slice(&std::fs::read(file).unwrap()).unwrap()
}

/// The value behind `!Ref`, `!If` and their like: `!GetAtt Queue.Arn` becomes `Queue.Arn`.
fn bare(value: &Value) -> &Value {
    match value {
        Value::Tagged(tagged) => &tagged.value,
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Sequence(_) | Value::Mapping(_) => {
            value
        }
    }
}

fn at<'a>(value: &'a Value, path: &str) -> Option<&'a Value> {
    path.split('/').try_fold(value, |value, name| bare(value).get(name))
}

fn number(value: &Value, path: &str) -> Option<u64> {
    at(value, path).and_then(Value::as_u64)
}

fn text<'a>(value: &'a Value, path: &str) -> Option<&'a str> {
    at(value, path).and_then(|value| bare(value).as_str())
}

/// Names and properties of all resources of a type.
fn resources<'a>(template: &'a Value, kind: &'a str) -> impl Iterator<Item = (&'a str, &'a Value)> {
    let resources = template["Resources"].as_mapping().unwrap();
    let wanted = move |value: &Value| value["Type"].as_str() == Some(kind);
    resources
        .iter()
        .filter(move |(_, value)| wanted(value))
        .map(|(name, value)| (name.as_str().unwrap(), &value["Properties"]))
}

/// A number, or the default of the parameter that stands in its place.
fn resolved(template: &Value, properties: &Value, path: &str) -> u64 {
    let value = bare(at(properties, path).unwrap());
    let parameter = |name: &str| number(template, &format!("Parameters/{name}/Default")).unwrap();
    value.as_u64().unwrap_or_else(|| parameter(value.as_str().unwrap()))
}

/// The function and the queue of every event source mapping, with their properties.
fn mappings(template: &Value) -> Vec<(&Value, &Value, &Value)> {
    let find = |kind, name: &str| resources(template, kind).find(|(own, _)| *own == name).unwrap().1;
    resources(template, "AWS::Lambda::EventSourceMapping")
        .map(|(_, mapping)| {
            let queue = text(mapping, "EventSourceArn").unwrap().trim_end_matches(".Arn");
            let function = text(mapping, "FunctionName").unwrap();
            (mapping, find("AWS::Serverless::Function", function), find("AWS::SQS::Queue", queue))
        })
        .collect()
}

#[test]
fn f14_a_message_stays_hidden_six_times_as_long_as_its_function_may_work() {
    let template = template();
    assert_eq!(mappings(&template).len(), 2);
    for (_, function, queue) in mappings(&template) {
        let (hidden, works) =
            (resolved(&template, queue, "VisibilityTimeout"), resolved(&template, function, "Timeout"));
        assert!(hidden >= 6 * works, "{hidden} s hidden, {works} s of work");
    }
    // The smallest values that the parameters take fit each other as well.
    let least = |name: &str| number(&template, &format!("Parameters/{name}/MinValue")).unwrap();
    assert!(least("PublishVisibilityTimeout") >= 6 * least("ConsumerTimeout"));
}

#[test]
fn f87_no_function_outlives_the_grace_of_a_deletion() {
    let template = template();
    // A lease lasts five seconds longer than the function that holds it; half a minute is for clocks and replicas.
    let grace = u64::try_from(shared::offboarding::GRACE.as_secs()).unwrap() - 35;
    let mut functions = 0;
    for (name, function) in resources(&template, "AWS::Serverless::Function") {
        let timeout = bare(at(function, "Timeout").unwrap());
        let longest = if let Value::String(parameter) = timeout {
            number(&template, &format!("Parameters/{parameter}/MaxValue")).unwrap()
        } else {
            timeout.as_u64().unwrap()
        };
        assert!(longest <= grace, "{name} may live for {longest} s, and rows go after {grace} s");
        functions += 1;
    }
    assert!(functions > 10);
}

#[test]
fn f16_every_mapping_reports_single_failures() {
    for (mapping, ..) in mappings(&template()) {
        let types = mapping["FunctionResponseTypes"].as_sequence().unwrap();
        assert_eq!(types.iter().filter_map(Value::as_str).collect::<Vec<_>>(), ["ReportBatchItemFailures"]);
    }
}

/// Whether a name occurs anywhere in the template, however deep.
fn names(value: &Value, wanted: &str) -> bool {
    match bare(value) {
        Value::Mapping(map) => map.iter().any(|(name, value)| name.as_str() == Some(wanted) || names(value, wanted)),
        Value::Sequence(all) => all.iter().any(|value| names(value, wanted)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Tagged(_) => false,
    }
}

#[test]
fn f24_no_mapping_filters_because_what_does_not_match_is_deleted() {
    let template = template();
    assert!(names(&template, "FunctionResponseTypes"), "the search finds what mappings have");
    // SAM could write a mapping into the events of a function as well.
    assert!(!names(&template, "FilterCriteria"));
    for (mapping, ..) in mappings(&template) {
        assert!(mapping.get("FilterCriteria").is_none());
    }
}

#[test]
fn f69_a_dispatch_that_has_stopped_is_told_of_within_minutes() {
    let template = template();
    let silence = resources(&template, "AWS::CloudWatch::Alarm").find(|(_, alarm)| {
        alarm["MetricName"].as_str() == Some("Invocations")
            && names(&alarm["Dimensions"], "Value")
            && alarm["TreatMissingData"].as_str() == Some("breaching")
    });
    let (_, alarm) = silence.unwrap();
    assert_eq!(text(&alarm["Dimensions"][0], "Value"), Some("DispatchFunction"));
    assert_eq!(alarm["ComparisonOperator"].as_str(), Some("LessThanThreshold"));
    assert_eq!((number(alarm, "Threshold"), alarm["Statistic"].as_str()), (Some(1), Some("Sum")));
    assert!(number(alarm, "Period").unwrap() * number(alarm, "EvaluationPeriods").unwrap() <= 300);
    assert!(alarm.get("AlarmActions").is_some());
}

/// Everything that a function may do to a resource.
fn rights<'a>(function: &'a Value, resource: &str) -> Vec<&'a str> {
    let list = |value: &'a Value| value.as_sequence().map_or(vec![value], |all| all.iter().collect());
    let statements = function["Policies"].as_sequence().unwrap().iter();
    let statements = statements.flat_map(|policy| policy["Statement"].as_sequence().unwrap());
    statements
        .filter(|statement| {
            list(bare(&statement["Resource"])).iter().any(|entry| bare(entry).as_str() == Some(resource))
        })
        .flat_map(|statement| list(&statement["Action"]))
        .map(|action| action.as_str().unwrap())
        .collect()
}

#[test]
fn f27_a_function_that_sends_to_its_own_queue_is_not_taken_for_a_loop() {
    let mut loops = 0;
    for (mapping, function, _) in mappings(&template()) {
        let queue = text(mapping, "EventSourceArn").unwrap();
        if rights(function, queue).contains(&"sqs:SendMessage") {
            assert_eq!(text(function, "RecursiveLoop"), Some("Allow"), "{queue}: Lambda stops it after 16 hops");
            loops += 1;
        }
    }
    assert_eq!(loops, 1, "waiting targets travel in new messages");
}

#[test]
fn f29_a_burst_of_two_thousand_targets_has_begun_within_half_a_minute() {
    // Documented of Lambda's polling of a standard queue: 5 batches at once at first, 300 more each minute.
    const AT_FIRST: f64 = 5.0;
    const MORE_PER_SECOND: f64 = 300.0 / 60.0;
    // Assumed: a batch takes as long as a slow platform's answer.
    const BATCH_SECONDS: f64 = 1.2;
    let template = template();
    let (mapping, ..) = mappings(&template)[0];
    let most = f64::from(u32::try_from(resolved(&template, mapping, "ScalingConfig/MaximumConcurrency")).unwrap());
    let batch = f64::from(u32::try_from(number(mapping, "BatchSize").unwrap()).unwrap());
    let (mut begun, mut second) = (0.0, 0.0);
    while begun < 0.99 * 2_000.0 {
        begun += (AT_FIRST + MORE_PER_SECOND * second).min(most) * batch / BATCH_SECONDS;
        second += 1.0;
    }
    assert!(second <= 30.0, "p99 begins after {second} s");
}

#[test]
fn f31_a_full_house_stays_under_what_a_queue_and_an_event_can_hold() {
    let template = template();
    for (mapping, ..) in mappings(&template) {
        let batch = number(mapping, "BatchSize").unwrap();
        let most = number(&template, "Parameters/ConsumerConcurrency/MaxValue").unwrap();
        assert!(most * batch <= 120_000, "messages in flight");
        // A job has under 300 bytes, and a record around it under 2 kB.
        assert!(batch * 2_300 <= 6_000_000, "bytes of an event");
    }
}

#[test]
fn f32_whoever_may_send_needs_no_key_to_do_so() {
    let template = template();
    assert_eq!(resources(&template, "AWS::SQS::Queue").count(), 4);
    for (name, queue) in resources(&template, "AWS::SQS::Queue") {
        assert_eq!(queue["SqsManagedSseEnabled"].as_bool(), Some(true), "{name} is not encrypted by SQS itself");
        assert!(queue.get("KmsMasterKeyId").is_none(), "{name}: every sender would need kms:GenerateDataKey");
    }
}

#[test]
fn f84_what_is_reserved_leaves_the_account_its_hundred_and_is_not_reserved_unasked() {
    let template = template();
    let reserved: u64 = resources(&template, "AWS::Serverless::Function")
        .filter_map(|(_, function)| at(function, "ReservedConcurrentExecutions"))
        .map(|value| {
            let value = bare(&bare(value).as_sequence().unwrap()[1]);
            let default = |name: &str| number(&template, &format!("Parameters/{name}/Default")).unwrap();
            value.as_u64().unwrap_or_else(|| default(value.as_str().unwrap()))
        })
        .sum();
    assert!((1..=900).contains(&reserved), "{reserved} of an account's 1,000, of which 100 stay unreserved");
    assert_eq!(text(&template, "Parameters/ReserveConcurrency/Default"), Some("no"), "a new account has less in all");
}

#[test]
fn f19_no_mapping_runs_more_than_its_function_reserves() {
    let template = template();
    for (mapping, function, _) in mappings(&template) {
        let most = resolved(&template, mapping, "ScalingConfig/MaximumConcurrency");
        assert!(most >= 2, "Lambda takes 2 and more");
        // `!If [ReservesConcurrency, number, nothing]`
        let reserved = bare(at(function, "ReservedConcurrentExecutions").unwrap()).as_sequence().unwrap();
        let reserved = bare(&reserved[1]);
        let reserved = reserved.as_u64().unwrap_or_else(|| {
            number(&template, &format!("Parameters/{}/Default", reserved.as_str().unwrap())).unwrap()
        });
        assert!(most <= reserved, "{most} at once, {reserved} reserved");
    }
}

#[test]
fn f20_f21_dead_letters_come_late_and_stay_longer_than_what_they_came_from() {
    let template = template();
    for (_, _, queue) in mappings(&template) {
        assert!(number(queue, "RedrivePolicy/maxReceiveCount").unwrap() >= 5);
        let dead = text(queue, "RedrivePolicy/deadLetterTargetArn").unwrap().trim_end_matches(".Arn");
        let dead = resources(&template, "AWS::SQS::Queue").find(|(name, _)| *name == dead).unwrap().1;
        let (kept, kept_dead) =
            (number(queue, "MessageRetentionPeriod").unwrap(), number(dead, "MessageRetentionPeriod").unwrap());
        assert!(kept_dead > kept, "{kept_dead} s and {kept} s");
        assert!(kept <= 4 * 86_400 && kept_dead == 14 * 86_400);
    }
}

#[test]
fn every_function_has_a_log_group_of_its_own_that_forgets() {
    let template = template();
    let mut groups = Vec::new();
    for (name, function) in resources(&template, "AWS::Serverless::Function") {
        let group = text(function, "LoggingConfig/LogGroup").unwrap_or_else(|| panic!("{name} has no log group"));
        let properties = resources(&template, "AWS::Logs::LogGroup").find(|(own, _)| *own == group).unwrap().1;
        assert!(properties.get("RetentionInDays").is_some(), "{group} keeps everything");
        assert!(!groups.contains(&group), "{group} has two functions");
        groups.push(group);
    }
    assert_eq!(groups.len(), 11);
}

#[test]
fn no_function_may_do_everything_or_touch_everything() {
    for (name, function) in resources(&template(), "AWS::Serverless::Function") {
        for policy in function["Policies"].as_sequence().unwrap() {
            for statement in policy["Statement"].as_sequence().unwrap() {
                for field in ["Action", "Resource"] {
                    let value = bare(&statement[field]);
                    let one = std::slice::from_ref(value);
                    for entry in value.as_sequence().map_or(one, Vec::as_slice) {
                        let entry = bare(entry).as_str().unwrap();
                        // The secrets of tenants come and go; their names begin alike and end as their tenants do.
                        let entry = entry.strip_suffix(":secret:postd/${AWS::StackName}/tenants/*").unwrap_or(entry);
                        assert!(!entry.contains('*'), "{name}: {field} {entry}");
                    }
                }
            }
        }
    }
}

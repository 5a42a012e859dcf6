//! What must hold between the numbers of `template.yaml`.

use serde_norway::Value;

use crate::template::{at, bare, names, number, resources, rights, template, text};

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
    hidden_long_enough(&template());
}

/// No second consumer starts while the first still works.
pub(crate) fn hidden_long_enough(template: &Value) {
    assert_eq!(mappings(template).len(), 2);
    for (_, function, queue) in mappings(template) {
        let (hidden, works) = (resolved(template, queue, "VisibilityTimeout"), resolved(template, function, "Timeout"));
        assert!(hidden >= 6 * works, "{hidden} s hidden, {works} s of work");
    }
    // The smallest values that the parameters take fit each other as well.
    let least = |name: &str| number(template, &format!("Parameters/{name}/MinValue")).unwrap();
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
    single_failures(&template());
}

/// One bad message does not bring back nine good ones.
pub(crate) fn single_failures(template: &Value) {
    for (mapping, ..) in mappings(template) {
        let types = mapping["FunctionResponseTypes"].as_sequence().unwrap();
        assert_eq!(types.iter().filter_map(Value::as_str).collect::<Vec<_>>(), ["ReportBatchItemFailures"]);
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

#[test]
fn f27_a_function_that_sends_to_its_own_queue_is_not_taken_for_a_loop() {
    not_a_loop(&template());
}

/// Lambda stops what it takes for a loop.
pub(crate) fn not_a_loop(template: &Value) {
    let mut loops = 0;
    for (mapping, function, _) in mappings(template) {
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
    within_what_is_reserved(&template());
}

/// A throttled delivery counts as a receive.
pub(crate) fn within_what_is_reserved(template: &Value) {
    for (mapping, function, _) in mappings(template) {
        let most = resolved(template, mapping, "ScalingConfig/MaximumConcurrency");
        assert!(most >= 2, "Lambda takes 2 and more");
        // `!If [ReservesConcurrency, number, nothing]`
        let reserved = bare(at(function, "ReservedConcurrentExecutions").unwrap()).as_sequence().unwrap();
        let reserved = bare(&reserved[1]);
        let reserved = reserved.as_u64().unwrap_or_else(|| {
            number(template, &format!("Parameters/{}/Default", reserved.as_str().unwrap())).unwrap()
        });
        assert!(most <= reserved, "{most} at once, {reserved} reserved");
    }
}

#[test]
fn f20_f21_dead_letters_come_late_and_stay_longer_than_what_they_came_from() {
    patient_dead_letters(&template());
}

/// Whatever is tried again is not dead, and what is dead can be looked at.
pub(crate) fn patient_dead_letters(template: &Value) {
    for (_, _, queue) in mappings(template) {
        assert!(number(queue, "RedrivePolicy/maxReceiveCount").unwrap() >= 5);
        let dead = text(queue, "RedrivePolicy/deadLetterTargetArn").unwrap().trim_end_matches(".Arn");
        let dead = resources(template, "AWS::SQS::Queue").find(|(name, _)| *name == dead).unwrap().1;
        let (kept, kept_dead) =
            (number(queue, "MessageRetentionPeriod").unwrap(), number(dead, "MessageRetentionPeriod").unwrap());
        assert!(kept_dead > kept, "{kept_dead} s and {kept} s");
        assert!(kept <= 4 * 86_400 && kept_dead == 14 * 86_400);
    }
}

#[test]
fn every_function_has_a_log_group_of_its_own_that_forgets() {
    own_log_groups(&template());
}

/// No group is made on the fly, with endless retention.
pub(crate) fn own_log_groups(template: &Value) {
    let mut groups = Vec::new();
    for (name, function) in resources(template, "AWS::Serverless::Function") {
        let group = text(function, "LoggingConfig/LogGroup").unwrap_or_else(|| panic!("{name} has no log group"));
        let properties = resources(template, "AWS::Logs::LogGroup").find(|(own, _)| *own == group).unwrap().1;
        assert!(properties.get("RetentionInDays").is_some(), "{group} keeps everything");
        assert!(!groups.contains(&group), "{group} has two functions");
        groups.push(group);
    }
    assert_eq!(groups.len(), 11);
}

#[test]
fn posts_may_use_a_file_for_as_long_as_the_bucket_keeps_it() {
    let template = template();
    let days = text(&template, "Resources/PublishFunction/Properties/Environment/Variables/POSTD_MEDIA_DAYS");
    let (_, bucket) = resources(&template, "AWS::S3::Bucket").next().unwrap();
    let rule = &at(bucket, "LifecycleConfiguration/Rules").unwrap().as_sequence().unwrap()[0];
    assert_eq!((days, text(rule, "ExpirationInDays")), (Some("MediaDays"), Some("MediaDays")));
}

//! Lambda's rules, on real processes.

use std::fs;
use std::time::{Duration, Instant};

use local::InvokeError;
use serde_json::{Value, json};

use crate::support::{FUNCTION, Running, until};

fn template(properties: &str) -> String {
    format!(
        "Resources:\n  Table:\n    Type: AWS::DynamoDB::Table\n    Properties:\n      \
         AttributeDefinitions: [{{ AttributeName: pk, AttributeType: S }}]\n      \
         KeySchema: [{{ AttributeName: pk, KeyType: HASH }}]\n  \
         Worker:\n    Type: AWS::Serverless::Function\n    Properties: {{ {FUNCTION}, {properties} }}\n"
    )
}

/// `T` for stopped, `S` for waiting, `R` for running.
fn process_state(pid: i32) -> Option<char> {
    let status = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    status.rsplit(") ").next()?.chars().next()
}

#[tokio::test]
async fn a_function_finds_what_lambda_and_the_template_promise() {
    let variables = "Environment: { Variables: { TABLE: !Ref Table, ARN: !GetAtt Table.Arn, NUMBER: 5 } }";
    let running = Running::start(&template(variables)).await;
    let seen = running.invoke("Worker", &json!({"do": "environment"})).await.unwrap();
    let seen: std::collections::BTreeMap<String, String> = serde_json::from_value(seen).unwrap();
    assert_eq!(seen["TABLE"], "postd-local-Table");
    assert_eq!(seen["ARN"], "arn:aws:dynamodb:us-east-1:000000000000:table/postd-local-Table");
    assert_eq!(seen["NUMBER"], "5");
    assert_eq!(seen["AWS_ENDPOINT_URL"], running.cloud.aws_url());
    assert_eq!(seen["POSTD_FACEBOOK_GRAPH_URL"], format!("{}/facebook", running.cloud.simulator_url()));
    assert_eq!(seen["AWS_LAMBDA_FUNCTION_NAME"], "postd-local-Worker");
    assert_eq!(seen["AWS_REGION"], "us-east-1");
    assert!(!seen.contains_key("HOME") && !seen.contains_key("CARGO_MANIFEST_DIR"), "nothing leaks in");

    let headers = running.invoke("Worker", &json!({"do": "headers"})).await.unwrap();
    let names: Vec<&str> = headers.as_array().unwrap().iter().filter_map(|pair| pair[0].as_str()).collect();
    for name in ["aws-request-id", "deadline-ms", "invoked-function-arn", "trace-id"] {
        assert!(names.contains(&format!("lambda-runtime-{name}").as_str()), "{names:?}");
    }
}

#[tokio::test]
async fn an_environment_takes_one_event_after_the_other_and_is_frozen_in_between() {
    let running = Running::start(&template("")).await;
    let first = running.invoke("Worker", &json!({"do": "count"})).await.unwrap();
    let pid = i32::try_from(first["pid"].as_i64().unwrap()).unwrap();
    until("frozen", async || process_state(pid) == Some('T')).await;
    let second = running.invoke("Worker", &json!({"do": "count"})).await.unwrap();
    assert_eq!((&second["pid"], &second["count"]), (&first["pid"], &json!(2)));
    let environments = running.cloud.environments("Worker");
    assert_eq!(environments.iter().map(|environment| environment.pid).collect::<Vec<_>>(), [pid]);
}

#[tokio::test]
async fn several_events_at_once_have_an_environment_each() {
    let running = Running::start(&template("")).await;
    let event = json!({"do": "count"});
    let (one, two) = tokio::join!(running.invoke("Worker", &event), running.invoke("Worker", &event));
    assert_ne!(one.unwrap()["pid"], two.unwrap()["pid"]);
    assert_eq!(running.cloud.environments("Worker").len(), 2);
}

#[tokio::test]
async fn a_reservation_throttles() {
    let running = Running::start(&template("ReservedConcurrentExecutions: 1")).await;
    let (hang, count) = (json!({"do": "hang"}), json!({"do": "count"}));
    let busy = running.invoke("Worker", &hang);
    let throttled = async {
        until("the first is at work", async || running.cloud.environments("Worker").iter().any(|one| one.busy)).await;
        running.invoke("Worker", &count).await
    };
    let (busy, throttled) = tokio::join!(busy, throttled);
    assert_eq!(throttled, Err(InvokeError::Throttled));
    assert_eq!(busy, Err(InvokeError::TimedOut(2)));
}

#[tokio::test]
async fn f82_the_deadline_kills_and_the_next_event_gets_a_fresh_environment() {
    let running = Running::start(&template("")).await;
    let before = running.invoke("Worker", &json!({"do": "count"})).await.unwrap();
    let begun = Instant::now();
    assert_eq!(running.invoke("Worker", &json!({"do": "hang"})).await, Err(InvokeError::TimedOut(2)));
    // Long before the event could have ended, however busy the machine is.
    assert!(begun.elapsed() < Duration::from_secs(20));
    let after = running.invoke("Worker", &json!({"do": "count"})).await.unwrap();
    assert_ne!(before["pid"], after["pid"]);
    assert_eq!(after["count"], 1);
    let pid = i32::try_from(before["pid"].as_i64().unwrap()).unwrap();
    until("the old process is gone", async || process_state(pid).is_none()).await;
    assert!(running.logged("Task timed out after 2 seconds"));
}

#[tokio::test]
async fn a_process_that_dies_fails_its_event_only() {
    let running = Running::start(&template("")).await;
    let died = running.invoke("Worker", &json!({"do": "exit"})).await;
    assert_eq!(died, Err(InvokeError::Crashed("exit status: 3".to_owned())));
    assert_eq!(running.invoke("Worker", &json!({"do": "count"})).await.unwrap()["count"], 1);

    // Killed from outside while it is frozen: nobody notices but the next event, which gets a new one.
    let pid = running.cloud.environments("Worker")[0].pid;
    until("frozen", async || process_state(pid) == Some('T')).await;
    let killed = std::process::Command::new("kill").arg("-KILL").arg(pid.to_string()).status().unwrap();
    assert!(killed.success());
    until("gone", async || process_state(pid).is_none()).await;
    assert_eq!(running.invoke("Worker", &json!({"do": "count"})).await.unwrap()["count"], 1);
}

#[tokio::test]
async fn an_error_is_told_with_its_name() {
    let running = Running::start(&template("")).await;
    let refused = running.invoke("Worker", &json!({"do": "fail"})).await;
    let expected = InvokeError::Function { error_type: "Refused".to_owned(), message: "as told".to_owned() };
    assert_eq!(refused, Err(expected));
    assert!(running.logged("Refused: as told"));
}

#[tokio::test]
async fn a_function_that_does_not_start_says_why_and_the_rest_goes_on() {
    let template = template("Environment: { Variables: { TEST_INIT: !Ref Mode } }")
        + &format!("  Other:\n    Type: AWS::Serverless::Function\n    Properties: {{ {FUNCTION} }}\n")
        + "Parameters: { Mode: { Type: String, Default: exit } }\n";
    let running = Running::start(&template).await;
    let event = json!({"do": "count"});
    assert_eq!(running.invoke("Worker", &event).await, Err(InvokeError::Init("exit status: 7".to_owned())));
    assert!(running.logged("it did not start: exit status: 7"));
    assert_eq!(running.invoke("Other", &event).await.unwrap()["count"], 1);

    let reported = Running::start_with(&template, |options| {
        options.parameters.insert("Mode".to_owned(), "error".to_owned());
    })
    .await;
    let expected = InvokeError::Init("Config: POSTD_X is missing".to_owned());
    assert_eq!(reported.invoke("Worker", &event).await, Err(expected));
}

#[tokio::test]
async fn what_a_function_writes_is_logged_under_its_name() {
    let running = Running::start(&template("")).await;
    let line = r#"{"level":"WARN","message":"stays queued","tenant":"ten_1"}"#;
    assert_eq!(running.invoke("Worker", &json!({"do": "log", "line": line})).await, Ok(Value::Null));
    until("logged", async || running.logged("stays queued tenant=ten_1")).await;
}

#[tokio::test]
async fn stopping_leaves_no_process_behind() {
    let running = Running::start(&template("")).await;
    running.invoke("Worker", &json!({"do": "count"})).await.unwrap();
    let pid = running.cloud.environments("Worker")[0].pid;
    until("frozen", async || process_state(pid) == Some('T')).await;
    running.cloud.shutdown().await.unwrap();
    assert_eq!(process_state(pid), None);
}

#[tokio::test]
async fn a_schedule_can_be_fired_by_its_name_or_its_functions() {
    let events = "Events: { Tick: { Type: Schedule, Properties: { Schedule: rate(1 minute) } } }";
    let running = Running::start(&template(events)).await;
    running.cloud.fire_schedule("Tick").await.unwrap();
    running.cloud.fire_schedule("Worker").await.unwrap();
    assert_eq!(running.cloud.fire_schedule("Tock").await, Err(InvokeError::Unknown("Tock".to_owned())));
    assert_eq!(running.invoke("Worker", &json!({"do": "count"})).await.unwrap()["count"], 3);
}

#[tokio::test]
async fn schedules_tick_right_after_the_start() {
    let events = "Events: { Tick: { Type: Schedule, Properties: { Schedule: rate(6 hours) } } }";
    let running = Running::start_with(&template(events), |options| options.schedules = true).await;
    until("the first tick", async || running.logged("answered in")).await;
}

//! What can be wrong before anything runs, and what is kept from one run to the next.

use std::net::TcpListener;

use local::{Cloud, Error};

use crate::support::{FUNCTION, Workspace};

async fn refusal(template: &str) -> String {
    Cloud::start(Workspace::new(template).options()).await.unwrap_err().to_string()
}

fn worker(properties: &str) -> String {
    format!(
        "Resources:\n  Worker:\n    Type: AWS::Serverless::Function\n    Properties: {{ {FUNCTION}, {properties} }}\n"
    )
}

#[tokio::test]
async fn what_is_not_understood_is_named() {
    let queue = |properties: &str| {
        format!("Resources: {{ Jobs: {{ Type: AWS::SQS::Queue, Properties: {{ {properties} }} }} }}")
    };
    let cases = [
        (
            "Resources: { Stream: { Type: AWS::Kinesis::Stream } }".to_owned(),
            "Stream: the local cloud does not know the resource type AWS::Kinesis::Stream",
        ),
        (
            "Resources: { Bucket: { Type: AWS::S3::Bucket, Properties: { VersioningConfiguration: {} } } }".to_owned(),
            "Bucket: the local cloud does not know the property VersioningConfiguration of AWS::S3::Bucket",
        ),
        (queue("FifoQueue: true"), "Jobs: the local cloud does not know the property FifoQueue of AWS::SQS::Queue"),
        (queue("VisibilityTimeout: soon"), "Jobs: \"soon\" is not a number"),
        (queue("QueueName: !Ref Nothing"), "Jobs.QueueName: there is neither a parameter nor a resource Nothing"),
        (queue("QueueName: !GetAtt Jobs.Arn"), "Jobs.QueueName needs Jobs, which cannot be created before it"),
        (
            queue("QueueName: !Cidr x"),
            "template.Resources.Jobs.Properties.QueueName: the local cloud does not know the function Cidr",
        ),
        (
            worker("Events: { Upload: { Type: S3 } }"),
            "Worker.Events.Upload: the local cloud does not know the event type S3",
        ),
        (
            worker("Events: { Noon: { Type: Schedule, Properties: { Schedule: cron(0 12 * * ? *) } } }"),
            "Worker.Events.Noon: the local cloud knows only rate(…) schedules, not cron(0 12 * * ? *)",
        ),
        (
            worker("Layers: [x]"),
            "Worker: the local cloud does not know the property Layers of AWS::Serverless::Function",
        ),
        (worker("Handler: main"), "Worker: the local cloud knows only the Handler bootstrap, not main"),
        (
            "Resources: { Worker: { Type: AWS::Serverless::Function, Properties: { CodeUri: x, Runtime: python3.13 } } }"
                .to_owned(),
            "Worker: the local cloud knows only the Runtime provided.al2023, not python3.13",
        ),
        (
            "Resources: {}\nParameters: { Name: { Type: String, Default: x, MinLength: 1 } }".to_owned(),
            "Parameters.Name: the local cloud does not know MinLength of a parameter",
        ),
        ("Resources: {}\nHooks: {}".to_owned(), "Hooks: the local cloud does not know this section"),
    ];
    for (template, expected) in cases {
        assert_eq!(refusal(&template).await, expected, "{template}");
    }
}

#[tokio::test]
async fn parameters_are_checked_as_cloudformation_does() {
    let template = "Resources: {}\nParameters:\n  Mode: { Type: String, Default: a, AllowedValues: [a, b] }\n  \
                    Count: { Type: Number, Default: 2, MinValue: 2 }\n  \
                    Version: { Type: String, Default: v1.0, AllowedPattern: \"^v[0-9]+\\\\.[0-9]+$\" }\n";
    let with = async |name: &str, value: &str| {
        let workspace = Workspace::new(template);
        let mut options = workspace.options();
        options.parameters.insert(name.to_owned(), value.to_owned());
        Cloud::start(options).await.map(drop).map_err(|error| error.to_string())
    };
    assert_eq!(with("Mode", "b").await, Ok(()));
    assert_eq!(with("Mode", "c").await, Err("Parameters.Mode: \"c\" is not one of a, b".to_owned()));
    assert_eq!(with("Count", "1").await, Err("Parameters.Count: 1 is out of range".to_owned()));
    assert_eq!(with("Moed", "b").await, Err("Parameters.Moed: there is only Mode, Count, Version".to_owned()));
    assert_eq!(with("Version", "v26.0").await, Ok(()));
    let refused = Err("Parameters.Version: \"latest\" does not match ^v[0-9]+\\.[0-9]+$".to_owned());
    assert_eq!(with("Version", "latest").await, refused);
}

#[tokio::test]
async fn a_missing_template_and_a_missing_binary_are_named() {
    let workspace = Workspace::new("Resources: {}");
    let mut options = workspace.options();
    options.template = workspace.path().join("other.yaml");
    let error = Cloud::start(options).await.unwrap_err().to_string();
    assert!(error.starts_with("no template at ") && error.contains("other.yaml"), "{error}");

    let template =
        "Resources: { Worker: { Type: AWS::Serverless::Function, Properties: { CodeUri: functions/nothing } } }";
    let error = refusal(template).await;
    assert!(error.ends_with("nothing has not been built: leave out --no-build"), "{error}");
}

#[tokio::test]
async fn a_port_in_use_is_told_with_the_option_that_changes_it() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    for option in ["--api-port", "--simulator-port", "--aws-port"] {
        let workspace = Workspace::new("Resources: {}");
        let mut options = workspace.options();
        match option {
            "--api-port" => options.api_port = port,
            "--simulator-port" => options.simulator_port = port,
            _ => options.aws_port = port,
        }
        let error = Cloud::start(options).await.unwrap_err();
        assert!(matches!(&error, Error::Listen { option: told, .. } if *told == option), "{error:?}");
    }
}

const WITH_STATE: &str = "Resources:\n  StateTable:\n    Type: AWS::DynamoDB::Table\n    Properties:\n      \
                          AttributeDefinitions: [{ AttributeName: pk, AttributeType: S }, { AttributeName: sk, AttributeType: S }]\n      \
                          KeySchema: [{ AttributeName: pk, KeyType: HASH }, { AttributeName: sk, KeyType: RANGE }]\n  \
                          App:\n    Type: AWS::SecretsManager::Secret\n    Properties:\n      \
                          GenerateSecretString: { PasswordLength: 64 }\n";

#[tokio::test]
async fn a_tenant_and_secrets_are_kept_until_a_fresh_start() {
    let workspace = Workspace::new(WITH_STATE);
    let start = async |fresh: bool| {
        let mut options = workspace.options();
        options.tenant = Some("kept".to_owned());
        options.state_directory = Some(workspace.path().join("state"));
        options.fresh = fresh;
        let cloud = Cloud::start(options).await.unwrap();
        let seen = (cloud.api_key().to_owned(), cloud.resource("App").unwrap().to_owned());
        cloud.shutdown().await.unwrap();
        seen
    };
    let first = start(false).await;
    assert!(first.0.starts_with("postd_local_"), "{}", first.0);
    assert_eq!(start(false).await, first);
    assert_ne!(start(true).await.0, first.0);
}

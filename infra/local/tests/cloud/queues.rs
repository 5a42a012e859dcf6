//! The event source mapping, over real queues.

use std::time::Duration;

use aws_sdk_sqs::Client;
use aws_sdk_sqs::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_sqs::types::QueueAttributeName;

use crate::support::{FUNCTION, Running, until};

fn template(mapping: &str) -> String {
    format!(
        "Resources:\n  Jobs:\n    Type: AWS::SQS::Queue\n    Properties:\n      VisibilityTimeout: 60\n      \
         RedrivePolicy: {{ deadLetterTargetArn: !GetAtt Dead.Arn, maxReceiveCount: 2 }}\n  \
         Dead:\n    Type: AWS::SQS::Queue\n  \
         Worker:\n    Type: AWS::Serverless::Function\n    Properties: {{ {FUNCTION} }}\n  \
         Mapping:\n    Type: AWS::Lambda::EventSourceMapping\n    Properties:\n      FunctionName: !Ref Worker\n      \
         EventSourceArn: !GetAtt Jobs.Arn\n      BatchSize: 10\n{mapping}"
    )
}

const REPORTS: &str = "      FunctionResponseTypes: [ReportBatchItemFailures]\n";

/// A client that signs with this access key id.
fn client(running: &Running, access_key: &str) -> Client {
    let config = aws_sdk_sqs::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::from_static("us-east-1"))
        .credentials_provider(Credentials::new(access_key, "local", None, None, "test"))
        .endpoint_url(running.cloud.aws_url())
        .build();
    Client::from_conf(config)
}

struct Queues {
    running: Running,
    client: Client,
}

impl Queues {
    async fn start(mapping: &str) -> Self {
        let running = Running::start(&template(mapping)).await;
        let client = client(&running, "local");
        Self { running, client }
    }

    async fn send(&self, body: &str) {
        let url = self.running.cloud.resource("Jobs").unwrap();
        self.client.send_message().queue_url(url).message_body(body).send().await.unwrap();
    }

    /// Visible and in flight.
    async fn figures(&self, queue: &str) -> (u32, u32) {
        let url = self.running.cloud.resource(queue).unwrap();
        let request = self.client.get_queue_attributes().queue_url(url).attribute_names(QueueAttributeName::All);
        let attributes = request.send().await.unwrap().attributes.unwrap();
        let figure = |name: QueueAttributeName| attributes.get(&name).unwrap().parse().unwrap();
        (
            figure(QueueAttributeName::ApproximateNumberOfMessages),
            figure(QueueAttributeName::ApproximateNumberOfMessagesNotVisible),
        )
    }

    fn advance(&self, by: Duration) {
        self.running.cloud.emulators().unwrap().advance(by);
    }
}

#[tokio::test]
async fn what_is_done_is_deleted_and_what_failed_comes_back_until_it_is_a_dead_letter() {
    let queues = Queues::start(REPORTS).await;
    queues.send("fine").await;
    queues.send("fail").await;
    until("only the failure is left", async || queues.figures("Jobs").await == (0, 1)).await;
    queues.advance(Duration::from_mins(1));
    until("it was tried again", async || {
        queues.running.cloud.emulators().unwrap().counts().calls("SQS.ReceiveMessage") >= 2
            && queues.figures("Jobs").await == (0, 1)
    })
    .await;
    queues.advance(Duration::from_mins(1));
    until("it is a dead letter", async || {
        queues.advance(Duration::from_mins(1));
        queues.figures("Dead").await == (1, 0)
    })
    .await;
    assert_eq!(queues.figures("Jobs").await, (0, 0));
}

#[tokio::test]
async fn f16_without_report_batch_item_failures_the_list_is_ignored() {
    let queues = Queues::start("").await;
    queues.send("fail").await;
    until("deleted all the same", async || {
        queues.running.logged("answered in") && queues.figures("Jobs").await == (0, 0)
    })
    .await;
}

#[tokio::test]
async fn a_batch_whose_function_dies_stays_in_the_queue() {
    let queues = Queues::start(REPORTS).await;
    queues.send("exit").await;
    until("the function has died", async || queues.running.logged("exit status: 3")).await;
    until("the poller has noticed", async || queues.running.logged("1 of 1 messages stay in the queue")).await;
    assert_eq!(queues.figures("Jobs").await, (0, 1));
    queues.send("fine").await;
    until("a new environment goes on", async || {
        queues.running.logged("answered in") && queues.figures("Jobs").await == (0, 1)
    })
    .await;
}

#[tokio::test]
async fn no_more_batches_are_worked_on_at_once_than_the_mapping_allows() {
    let queues = Queues::start("      ScalingConfig: { MaximumConcurrency: 2 }\n").await;
    // More than two batches, whatever their size.
    for _message in 0..40 {
        queues.send("hang").await;
    }
    until("two are at work", async || {
        queues.running.cloud.environments("Worker").iter().filter(|environment| environment.busy).count() == 2
    })
    .await;
    let (visible, in_flight) = queues.figures("Jobs").await;
    assert!(in_flight <= 20 && visible >= 20, "{visible} visible, {in_flight} in flight");
}

#[tokio::test]
async fn a_function_may_do_what_its_policies_allow() {
    let template = template("")
        + "  Sender:\n    Type: AWS::Serverless::Function\n    Properties:\n      CodeUri: local-test-function\n      \
           Policies:\n        - Statement:\n            - { Effect: Allow, Action: sqs:SendMessage, Resource: !GetAtt Dead.Arn }\n";
    let running = Running::start(&template).await;
    let send = async |function: &str, queue: &str| {
        let url = running.cloud.resource(queue).unwrap();
        client(&running, &format!("postd-local-{function}"))
            .send_message()
            .queue_url(url)
            .message_body("x")
            .send()
            .await
    };
    send("Sender", "Dead").await.unwrap();
    let refused = send("Sender", "Jobs").await.unwrap_err().into_service_error();
    assert_eq!(refused.meta().code(), Some("AccessDenied"));
    assert!(send("Worker", "Dead").await.is_err());
    assert!(
        running.logged(
            "postd-local-Sender may not sqs:SendMessage on arn:aws:sqs:us-east-1:000000000000:postd-local-Jobs"
        )
    );
}

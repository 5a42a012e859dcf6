//! SQS events and the answers to them, as the event source mapping wants them; and how long an invocation may take.

use std::time::Duration;

use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent};

use crate::{
    clock::{Clock, SystemClock},
    consume::Message,
};

/// The messages of an event. One without an id cannot be answered for: its batch comes back whole.
#[must_use]
pub fn messages(event: SqsEvent) -> Vec<Message> {
    event
        .records
        .into_iter()
        .map(|record| Message {
            receives: record
                .attributes
                .get("ApproximateReceiveCount")
                .and_then(|count| count.parse().ok())
                .unwrap_or(1),
            id: record.message_id.unwrap_or_default(),
            receipt_handle: record.receipt_handle.unwrap_or_default(),
            body: record.body.unwrap_or_default(),
        })
        .collect()
}

/// The answer: these come back, the others are done (F15, F16).
#[must_use]
pub fn failures(returned: Vec<String>) -> SqsBatchResponse {
    let mut response = SqsBatchResponse::default();
    response.set_failures(returned);
    response
}

/// How long until Lambda kills this invocation. Its deadline is a time of the machine's clock, so that is asked.
#[must_use]
pub fn time_left(deadline: std::time::SystemTime) -> Duration {
    let now = std::time::SystemTime::from(SystemClock.now());
    deadline.duration_since(now).unwrap_or(Duration::ZERO)
}

//! A message as the function gets it.

use aws_sdk_sqs::types::Message;
use data_encoding::BASE64;
use serde_json::{Map, Value, json};

/// The event for a batch of messages out of one queue.
pub(super) fn event(messages: &[Message], queue_arn: &str) -> Value {
    let records: Vec<Value> = messages.iter().map(|message| record(message, queue_arn)).collect();
    json!({"Records": records})
}

fn record(message: &Message, queue_arn: &str) -> Value {
    let attributes: Map<String, Value> = message
        .attributes()
        .into_iter()
        .flatten()
        .map(|(name, value)| (name.as_str().to_owned(), json!(value)))
        .collect();
    let mut sent = Map::new();
    for (name, attribute) in message.message_attributes().into_iter().flatten() {
        let mut value = json!({"dataType": attribute.data_type(), "stringListValues": [], "binaryListValues": []});
        if let Some(value) = value.as_object_mut() {
            if let Some(text) = attribute.string_value() {
                value.insert("stringValue".to_owned(), json!(text));
            }
            if let Some(binary) = attribute.binary_value() {
                value.insert("binaryValue".to_owned(), json!(BASE64.encode(binary.as_ref())));
            }
        }
        sent.insert(name.clone(), value);
    }
    let mut record = json!({
        "messageId": message.message_id(),
        "receiptHandle": message.receipt_handle(),
        "body": message.body(),
        "attributes": attributes,
        "messageAttributes": sent,
        "md5OfBody": message.md5_of_body(),
        "eventSource": "aws:sqs",
        "eventSourceARN": queue_arn,
        "awsRegion": emulators::REGION,
    });
    if let (Some(digest), Some(record)) = (message.md5_of_message_attributes(), record.as_object_mut()) {
        record.insert("md5OfMessageAttributes".to_owned(), json!(digest));
    }
    record
}

#[cfg(test)]
mod tests {
    use aws_sdk_sqs::primitives::Blob;
    use aws_sdk_sqs::types::{MessageAttributeValue, MessageSystemAttributeName};

    use super::*;

    #[test]
    fn a_record_has_the_shape_that_lambda_delivers() {
        let reason = MessageAttributeValue::builder().data_type("String").string_value("gave up").build().unwrap();
        let raw = MessageAttributeValue::builder().data_type("Binary").binary_value(Blob::new([0, 1])).build().unwrap();
        let message = Message::builder()
            .message_id("m1")
            .receipt_handle("r1")
            .body("{}")
            .md5_of_body("digest")
            .md5_of_message_attributes("digest of attributes")
            .attributes(MessageSystemAttributeName::ApproximateReceiveCount, "2")
            .attributes(MessageSystemAttributeName::MessageGroupId, "ten_1")
            .message_attributes("reason", reason)
            .message_attributes("raw", raw)
            .build();
        let expected = json!({"Records": [{
            "messageId": "m1", "receiptHandle": "r1", "body": "{}", "md5OfBody": "digest",
            "md5OfMessageAttributes": "digest of attributes",
            "attributes": {"ApproximateReceiveCount": "2", "MessageGroupId": "ten_1"},
            "messageAttributes": {
                "reason": {"dataType": "String", "stringValue": "gave up", "stringListValues": [], "binaryListValues": []},
                "raw": {"dataType": "Binary", "binaryValue": "AAE=", "stringListValues": [], "binaryListValues": []},
            },
            "eventSource": "aws:sqs", "eventSourceARN": "arn:q", "awsRegion": "us-east-1",
        }]});
        assert_eq!(event(&[message], "arn:q"), expected);
    }
}

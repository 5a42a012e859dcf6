//! What a function's answer says about the messages of its batch: AWS's rules for `ReportBatchItemFailures`, to the letter.

use std::collections::BTreeSet;

use serde_json::Value;

/// What becomes of a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Outcome {
    /// Every message is deleted.
    AllDone,
    /// Every message stays in the queue, for this reason.
    AllReturned(&'static str),
    /// These message ids stay in the queue, the others are deleted.
    Returned(BTreeSet<String>),
}

/// Reads an answer to a batch with these message ids.
///
/// Nothing, `null`, `{}`, and a list that is missing, `null` or empty mean that all went well. A failure that names no
/// message of the batch, and an answer that cannot be read, mean that nothing did.
pub(super) fn read(answer: &[u8], ids: &BTreeSet<&str>) -> Outcome {
    if answer.trim_ascii().is_empty() {
        return Outcome::AllDone;
    }
    let fields = match serde_json::from_slice(answer) {
        Ok(Value::Null) => return Outcome::AllDone,
        Ok(Value::Object(fields)) => fields,
        Ok(_) => return Outcome::AllReturned("the answer is no object"),
        Err(_) => return Outcome::AllReturned("the answer is not JSON"),
    };
    let failures = match fields.get("batchItemFailures") {
        None | Some(Value::Null) => return Outcome::AllDone,
        Some(Value::Array(failures)) => failures,
        Some(_) => return Outcome::AllReturned("batchItemFailures is no list"),
    };
    let mut returned = BTreeSet::new();
    for failure in failures {
        match failure.get("itemIdentifier").and_then(Value::as_str) {
            Some(id) if ids.contains(id) => {
                returned.insert(id.to_owned());
            }
            Some("") => return Outcome::AllReturned("an itemIdentifier is empty"),
            Some(_) => return Outcome::AllReturned("an itemIdentifier names no message of the batch"),
            None => return Outcome::AllReturned("a failure has no itemIdentifier"),
        }
    }
    if returned.is_empty() { Outcome::AllDone } else { Outcome::Returned(returned) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn f16_an_answer_means_what_aws_says_it_means() {
        use Outcome::{AllDone, AllReturned};
        let some = |ids: &[&str]| Outcome::Returned(ids.iter().map(|id| (*id).to_owned()).collect());
        for (answer, expected) in [
            ("", AllDone),
            ("null", AllDone),
            ("{}", AllDone),
            (r#"{"other": 1}"#, AllDone),
            (r#"{"batchItemFailures": null}"#, AllDone),
            (r#"{"batchItemFailures": []}"#, AllDone),
            (r#"{"batchItemFailures": [{"itemIdentifier": "a"}]}"#, some(&["a"])),
            (r#"{"batchItemFailures": [{"itemIdentifier": "a"}, {"itemIdentifier": "b"}]}"#, some(&["a", "b"])),
            (r#"{"batchItemFailures": [{"itemIdentifier": ""}]}"#, AllReturned("an itemIdentifier is empty")),
            (r#"{"batchItemFailures": [{"itemIdentifier": null}]}"#, AllReturned("a failure has no itemIdentifier")),
            (r#"{"batchItemFailures": [{"itemidentifier": "a"}]}"#, AllReturned("a failure has no itemIdentifier")),
            (r#"{"batchItemFailures": ["a"]}"#, AllReturned("a failure has no itemIdentifier")),
            (
                r#"{"batchItemFailures": [{"itemIdentifier": "a"}, {"itemIdentifier": "z"}]}"#,
                AllReturned("an itemIdentifier names no message of the batch"),
            ),
            (r#"{"batchItemFailures": "a"}"#, AllReturned("batchItemFailures is no list")),
            ("not json", AllReturned("the answer is not JSON")),
            ("\"ok\"", AllReturned("the answer is no object")),
        ] {
            assert_eq!(read(answer.as_bytes(), &BTreeSet::from(["a", "b"])), expected, "{answer}");
        }
    }
}

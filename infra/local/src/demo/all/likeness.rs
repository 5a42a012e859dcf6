//! Whether what a platform shows is what it is to show.

use serde_json::Value;

/// Where something that is shown is not as `expected`: everything in there has to be there, and more may be. A text between
/// two `…` has to be somewhere in the shown one.
pub(crate) fn unlike(shown: &Value, expected: &Value) -> Option<String> {
    differs("", shown, expected)
}

fn differs(at: &str, shown: &Value, expected: &Value) -> Option<String> {
    let told = || Some(format!("{} is {shown}, not {expected}", if at.is_empty() { "it" } else { at }));
    match (shown, expected) {
        (Value::Object(members), Value::Object(wanted)) => wanted.iter().find_map(|(name, wanted)| {
            differs(&format!("{at}/{name}"), members.get(name).unwrap_or(&Value::Null), wanted)
        }),
        (Value::Array(found), Value::Array(wanted)) if found.len() == wanted.len() => {
            let mut pairs = found.iter().zip(wanted).enumerate();
            pairs.find_map(|(number, (found, wanted))| differs(&format!("{at}/{number}"), found, wanted))
        }
        (Value::String(text), Value::String(wanted)) => {
            let part = wanted.strip_prefix('…').and_then(|rest| rest.strip_suffix('…'));
            let is_alike = part.map_or(text == wanted, |part| text.contains(part));
            if is_alike { None } else { told() }
        }
        (shown, expected) if shown == expected => None,
        _ => told(),
    }
}

/// The same with a word replaced wherever it stands in a text.
pub(crate) fn with(value: &Value, word: &str, by: &str) -> Value {
    match value {
        Value::String(text) => Value::String(text.replace(word, by)),
        Value::Array(all) => all.iter().map(|value| with(value, word, by)).collect(),
        Value::Object(members) => members.iter().map(|(name, value)| (name.clone(), with(value, word, by))).collect(),
        other @ (Value::Null | Value::Bool(_) | Value::Number(_)) => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_expected_has_to_be_there_and_more_may_be() {
        let shown = json!({ "text": "Fresh bread [1]", "files": ["a", "b"], "said": { "topic": "EVENT" } });
        for alike in
            [json!({}), json!({ "text": "…bread…" }), json!({ "files": ["a", "b"], "said": { "topic": "EVENT" } })]
        {
            assert_eq!(unlike(&shown, &alike), None, "{alike}");
        }
        for (other, told) in [
            (json!({ "text": "Fresh bread" }), r#"/text is "Fresh bread [1]", not "Fresh bread""#),
            (json!({ "text": "…rye…" }), r#"/text is "Fresh bread [1]", not "…rye…""#),
            (json!({ "files": ["a"] }), r#"/files is ["a","b"], not ["a"]"#),
            (json!({ "files": ["a", "c"] }), r#"/files/1 is "b", not "c""#),
            (json!({ "said": { "topic": 1 } }), r#"/said/topic is "EVENT", not 1"#),
            (json!({ "missing": null, "said": { "more": {} } }), "/said/more is null, not {}"),
        ] {
            assert_eq!(unlike(&shown, &other).as_deref(), Some(told));
        }
    }

    #[test]
    fn a_word_is_replaced_wherever_it_stands() {
        let text = json!({ "a": ["x{post}y", 1], "b": null });
        assert_eq!(with(&text, "{post}", "-"), json!({ "a": ["x-y", 1], "b": null }));
    }
}

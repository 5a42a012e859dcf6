//! Parameters of a Graph call, however they were written: query, form (with brackets), JSON.

use jiff::Timestamp;
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// What is wrong with a parameter.
#[derive(Debug)]
pub(crate) struct BadParameter(pub(crate) String);

/// The parameters of one call by name.
#[derive(Debug, Default)]
pub(crate) struct Params(BTreeMap<String, Value>);

impl Params {
    /// Adds a parameter; `name[0][key]` becomes a nested object under `name`.
    pub(crate) fn insert(&mut self, name: &str, value: Value) {
        let Some((base, rest)) = name.split_once('[') else {
            self.0.insert(name.to_owned(), value);
            return;
        };
        let keys: Vec<&str> = rest.split('[').map(|key| key.trim_end_matches(']')).collect();
        let slot = self.0.entry(base.to_owned()).or_insert_with(|| Value::Object(Map::new()));
        nest(slot, &keys, value);
    }

    /// The names that were given.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// A scalar as text.
    pub(crate) fn text(&self, name: &str) -> Option<String> {
        match self.0.get(name)? {
            Value::String(text) => Some(text.clone()),
            Value::Number(number) => Some(number.to_string()),
            Value::Bool(flag) => Some(flag.to_string()),
            Value::Null => None,
            list @ (Value::Array(_) | Value::Object(_)) => Some(list.to_string()),
        }
    }

    /// A scalar that has to be there.
    pub(crate) fn required(&self, name: &str) -> Result<String, BadParameter> {
        self.text(name)
            .filter(|text| !text.is_empty())
            .ok_or_else(|| BadParameter(format!("The parameter {name} is required.")))
    }

    /// A boolean.
    pub(crate) fn flag(&self, name: &str) -> Result<Option<bool>, BadParameter> {
        match self.text(name).as_deref() {
            None => Ok(None),
            Some("true" | "1" | "True" | "TRUE") => Ok(Some(true)),
            Some("false" | "0" | "False" | "FALSE") => Ok(Some(false)),
            Some(_) => Err(BadParameter(format!("Param {name} must be a boolean"))),
        }
    }

    /// A whole number that is not negative.
    pub(crate) fn number(&self, name: &str) -> Result<Option<usize>, BadParameter> {
        self.text(name)
            .map(|text| text.parse().map_err(|_| BadParameter(format!("Param {name} must be an integer >= 0"))))
            .transpose()
    }

    /// A moment: seconds since 1970, or ISO 8601 with a zone.
    pub(crate) fn moment(&self, name: &str) -> Result<Option<Timestamp>, BadParameter> {
        self.text(name)
            .map(|text| moment(&text).ok_or_else(|| BadParameter(format!("Param {name} must be a valid datetime"))))
            .transpose()
    }

    /// A list: a JSON array, a JSON array as text, brackets with numbers, or (of plain words) commas.
    pub(crate) fn list(&self, name: &str) -> Result<Vec<Value>, BadParameter> {
        let refusal = || BadParameter(format!("Param {name} must be an array."));
        let items = match self.0.get(name) {
            None | Some(Value::Null) => Vec::new(),
            Some(Value::Array(items)) => items.clone(),
            Some(Value::Object(numbered)) => {
                let mut items = numbered
                    .iter()
                    .map(|(key, value)| key.parse::<usize>().map(|key| (key, value.clone())).map_err(|_| refusal()))
                    .collect::<Result<Vec<_>, _>>()?;
                items.sort_by_key(|(key, _)| *key);
                items.into_iter().map(|(_, value)| value).collect()
            }
            Some(Value::String(text)) if text.trim_start().starts_with('[') => {
                serde_json::from_str(text).map_err(|_| refusal())?
            }
            Some(Value::String(text)) if text.trim_start().starts_with('{') => return Err(refusal()),
            Some(Value::String(text)) => {
                text.split(',').filter(|word| !word.is_empty()).map(|word| word.trim().into()).collect()
            }
            Some(Value::Number(_) | Value::Bool(_)) => return Err(refusal()),
        };
        Ok(items.into_iter().map(parsed).collect())
    }

    /// A list of plain words.
    pub(crate) fn words(&self, name: &str) -> Result<Vec<String>, BadParameter> {
        let words = self.list(name)?.into_iter().map(|item| match item {
            Value::String(word) => Ok(word),
            Value::Number(number) => Ok(number.to_string()),
            Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => {
                Err(BadParameter(format!("Param {name} must be an array of strings.")))
            }
        });
        words.collect()
    }
}

/// An object inside a form comes as text.
fn parsed(item: Value) -> Value {
    match item {
        Value::String(text) if text.starts_with('{') => {
            serde_json::from_str(&text).unwrap_or_else(|_| Value::String(text.clone()))
        }
        other @ (Value::Null
        | Value::Bool(_)
        | Value::Number(_)
        | Value::String(_)
        | Value::Array(_)
        | Value::Object(_)) => other,
    }
}

fn nest(slot: &mut Value, keys: &[&str], value: Value) {
    let Some((first, rest)) = keys.split_first() else {
        *slot = value;
        return;
    };
    if !slot.is_object() {
        *slot = Value::Object(Map::new());
    }
    if let Value::Object(fields) = slot {
        // `name[]` counts on.
        let key = if first.is_empty() { fields.len().to_string() } else { (*first).to_owned() };
        nest(fields.entry(key).or_insert(Value::Null), rest, value);
    }
}

/// A moment as Graph accepts it.
pub(crate) fn moment(text: &str) -> Option<Timestamp> {
    if let Ok(seconds) = text.parse::<i64>() {
        return Timestamp::from_second(seconds).ok();
    }
    let zoned = text.strip_suffix("+0000").map_or_else(|| text.to_owned(), |local| format!("{local}Z"));
    zoned.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list_of(pairs: &[(&str, &str)]) -> Vec<Value> {
        let mut params = Params::default();
        for (name, value) in pairs {
            params.insert(name, Value::String((*value).to_owned()));
        }
        params.list("attached_media").unwrap()
    }

    #[test]
    fn attached_media_reads_the_same_in_every_notation() {
        let expected = vec![serde_json::json!({"media_fbid": "1"}), serde_json::json!({"media_fbid": "2"})];
        let notations: [&[(&str, &str)]; 4] = [
            &[("attached_media", r#"[{"media_fbid":"1"},{"media_fbid":"2"}]"#)],
            &[("attached_media[0]", r#"{"media_fbid":"1"}"#), ("attached_media[1]", r#"{"media_fbid":"2"}"#)],
            &[("attached_media[0][media_fbid]", "1"), ("attached_media[1][media_fbid]", "2")],
            &[("attached_media[]", r#"{"media_fbid":"1"}"#), ("attached_media[]", r#"{"media_fbid":"2"}"#)],
        ];
        for notation in notations {
            assert_eq!(list_of(notation), expected, "{notation:?}");
        }
    }

    #[test]
    fn a_moment_is_seconds_or_a_date_with_a_zone() {
        assert_eq!(moment("1795219200"), moment("2026-11-21T00:00:00+0000"));
        assert_eq!(moment("1795219200"), moment("2026-11-21T00:00:00Z"));
        assert_eq!(moment("soon"), None);
    }
}

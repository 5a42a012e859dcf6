//! Partial answers: `fields=` with dotted paths, and pages of a listing.

use super::error::ApiError;
use crate::call::Call;
use serde_json::{Map, Value};

/// What `fields` leaves of an answer; all of it where there is none.
pub(crate) fn selected(call: &Call, value: Value) -> Value {
    let Some(fields) = call.params.text("fields").filter(|fields| !fields.is_empty()) else { return value };
    let paths: Vec<Vec<&str>> = fields.split(',').map(|path| path.trim().split('.').collect()).collect();
    let paths: Vec<&[&str]> = paths.iter().map(Vec::as_slice).collect();
    pick(value, &paths)
}

fn pick(value: Value, paths: &[&[&str]]) -> Value {
    if paths.iter().any(|path| path.is_empty()) {
        return value;
    }
    match value {
        Value::Object(members) => {
            let mut picked = Map::new();
            for (name, member) in members {
                let below: Vec<&[&str]> = paths
                    .iter()
                    .filter(|path| path.first() == Some(&name.as_str()))
                    .filter_map(|path| path.get(1..))
                    .collect();
                if !below.is_empty() {
                    picked.insert(name, pick(member, &below));
                }
            }
            Value::Object(picked)
        }
        Value::Array(items) => Value::Array(items.into_iter().map(|item| pick(item, paths)).collect()),
        other @ (Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_)) => other,
    }
}

/// The part of a listing that `count` and `offset` ask for: 10 unless said otherwise, 1,000 at most.
pub(crate) fn page<T>(call: &Call, items: Vec<T>) -> Result<Vec<T>, ApiError> {
    let number = |name: &str, default: usize| match call.params.text(name) {
        None => Ok(default),
        Some(text) => text.parse().map_err(|_| ApiError::field(name, "This value should be a whole number.")),
    };
    let (count, offset) = (number("count", 10)?, number("offset", 0)?);
    if count > 1000 {
        return Err(ApiError::field("count", "This value should be 1000 or less."));
    }
    Ok(items.into_iter().skip(offset).take(count).collect())
}

/// Refuses query parameters that the call does not know.
pub(crate) fn only(call: &Call, known: &[&str]) -> Result<(), ApiError> {
    let unknown = call
        .query
        .iter()
        .find(|(name, _)| !known.contains(&name.as_str()) && name != "fields" && name != "exclude_fields");
    match unknown {
        Some((name, _)) => Err(ApiError::field(name, "This parameter is not known.")),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use serde_json::json;

    #[test]
    fn fields_leave_what_they_name_in_objects_and_lists() {
        let request = hyper::Request::get("/?fields=lists.id,total_items").body(Bytes::new()).unwrap();
        let all = json!({"lists": [{"id": "a", "name": "A"}, {"id": "b"}], "total_items": 2, "_links": []});
        let expected = json!({"lists": [{"id": "a"}, {"id": "b"}], "total_items": 2});
        assert_eq!(selected(&Call::whole(request), all), expected);
    }
}

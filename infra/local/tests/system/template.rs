//! Reads `template.yaml` as it stands in the repository.

use std::path::Path;

use serde_norway::Value;

pub(crate) fn template() -> Value {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../template.yaml");
    serde_norway::from_slice(&std::fs::read(file).unwrap()).unwrap()
}

/// The value behind `!Ref`, `!If` and their like: `!GetAtt Queue.Arn` becomes `Queue.Arn`.
pub(crate) fn bare(value: &Value) -> &Value {
    match value {
        Value::Tagged(tagged) => &tagged.value,
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Sequence(_) | Value::Mapping(_) => {
            value
        }
    }
}

pub(crate) fn at<'a>(value: &'a Value, path: &str) -> Option<&'a Value> {
    path.split('/').try_fold(value, |value, name| bare(value).get(name))
}

pub(crate) fn number(value: &Value, path: &str) -> Option<u64> {
    at(value, path).and_then(Value::as_u64)
}

pub(crate) fn text<'a>(value: &'a Value, path: &str) -> Option<&'a str> {
    at(value, path).and_then(|value| bare(value).as_str())
}

/// Names and properties of all resources of a type.
pub(crate) fn resources<'a>(template: &'a Value, kind: &'a str) -> impl Iterator<Item = (&'a str, &'a Value)> {
    let resources = template["Resources"].as_mapping().unwrap();
    let wanted = move |value: &Value| value["Type"].as_str() == Some(kind);
    resources
        .iter()
        .filter(move |(_, value)| wanted(value))
        .map(|(name, value)| (name.as_str().unwrap(), &value["Properties"]))
}

/// Whether a name occurs anywhere in the template, however deep.
pub(crate) fn names(value: &Value, wanted: &str) -> bool {
    match bare(value) {
        Value::Mapping(map) => map.iter().any(|(name, value)| name.as_str() == Some(wanted) || names(value, wanted)),
        Value::Sequence(all) => all.iter().any(|value| names(value, wanted)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Tagged(_) => false,
    }
}

/// Everything that a function may do to a resource.
pub(crate) fn rights<'a>(function: &'a Value, resource: &str) -> Vec<&'a str> {
    let list = |value: &'a Value| value.as_sequence().map_or(vec![value], |all| all.iter().collect());
    let statements = function["Policies"].as_sequence().unwrap().iter();
    let statements = statements.flat_map(|policy| policy["Statement"].as_sequence().unwrap());
    statements
        .filter(|statement| {
            list(bare(&statement["Resource"])).iter().any(|entry| bare(entry).as_str() == Some(resource))
        })
        .flat_map(|statement| list(&statement["Action"]))
        .map(|action| action.as_str().unwrap())
        .collect()
}

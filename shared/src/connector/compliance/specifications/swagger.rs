//! Swagger 2.0 as operations.

use http::Method;
use serde_json::{Map, Value, json};

use super::operation::{Operation, Takes, closed};

/// The operations of a document, at a host that it does not know by name.
pub(super) fn operations(document: &Value, host: &str) -> Vec<Operation> {
    let base = document["basePath"].as_str().unwrap();
    let definitions = document["definitions"].as_object().into_iter().flatten();
    let definitions: Map<String, Value> = definitions.map(|(name, schema)| (name.clone(), converted(schema))).collect();
    let mut operations = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        let verbs = item.as_object().unwrap().iter().filter(|(name, _)| *name != "parameters");
        for (verb, specified) in verbs {
            let method = Method::from_bytes(verb.to_uppercase().as_bytes()).unwrap();
            let path = format!("{base}{path}");
            operations.push(operation(document, method, (host, &path), specified, &definitions));
        }
    }
    operations
}

fn operation(
    document: &Value,
    method: Method,
    (host, path): (&str, &str),
    specified: &Value,
    definitions: &Map<String, Value>,
) -> Operation {
    let mut properties = Map::new();
    let mut required = Vec::new();
    let mut body = None;
    for parameter in specified["parameters"].as_array().into_iter().flatten() {
        let parameter = referred(document, parameter);
        let name = parameter["name"].as_str().unwrap();
        match parameter["in"].as_str() {
            Some("query") => {
                properties.insert(name.to_owned(), converted(parameter));
                if parameter["required"] == true {
                    required.push(name.to_owned());
                }
            }
            Some("body") => {
                let mut schema = converted(&parameter["schema"]);
                schema["definitions"] = Value::Object(definitions.clone());
                body = Some(schema);
            }
            Some("path") => {}
            other => panic!("{path}: a parameter in {other:?}"),
        }
    }
    Operation::new(method, host, path, closed(&properties, &required), Takes::Json { body })
}

fn referred<'a>(document: &'a Value, parameter: &'a Value) -> &'a Value {
    match parameter["$ref"].as_str() {
        Some(reference) => document.pointer(reference.trim_start_matches('#')).unwrap(),
        None => parameter,
    }
}

fn converted(schema: &Value) -> Value {
    if let Some(reference) = schema["$ref"].as_str() {
        return json!({ "$ref": reference });
    }
    if let Some(alternatives) = schema["x-oneOf"].as_array() {
        return json!({ "anyOf": alternatives.iter().map(converted).collect::<Vec<_>>() });
    }
    let mut own = json!({});
    for name in ["type", "enum", "minimum", "maximum", "format"] {
        if !schema[name].is_null() {
            own[name] = schema[name].clone();
        }
    }
    if schema["items"].is_object() {
        own["items"] = converted(&schema["items"]);
    }
    // An object without members is one of any members.
    let Some(members) = schema["properties"].as_object() else { return own };
    let taken: Map<String, Value> = members
        .iter()
        .filter(|(_, member)| member["readOnly"] != true)
        .map(|(name, member)| (name.clone(), converted(member)))
        .collect();
    let required: Vec<String> =
        schema["required"].as_array().into_iter().flatten().map(|name| name.as_str().unwrap().to_owned()).collect();
    closed(&taken, &required)
}

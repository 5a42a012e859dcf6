//! Google's discovery documents as operations.

use http::Method;
use serde_json::{Map, Value, json};

use super::operation::{Operation, Takes, closed};

/// The operations of a document.
pub(super) fn operations(document: &Value) -> Vec<Operation> {
    let host = url::Url::parse(text(&document["rootUrl"])).unwrap();
    let schemas = object(&document["schemas"]);
    let definitions: Map<String, Value> =
        schemas.iter().map(|(name, schema)| (name.clone(), converted(schema))).collect();
    let mut operations = Vec::new();
    collect(document, &mut |method| {
        operations.push(operation(document, host.host_str().unwrap(), method, &definitions));
    });
    operations
}

/// Members that a schema lacks: what an addendum adds to the document.
pub(super) fn extend(document: &mut Value, addendum: &Value) {
    for (name, members) in object(addendum) {
        // Notes, and what only answers have.
        let Some(members) = members.as_object().filter(|_| name != "Validation_error_detail") else { continue };
        let schema = &mut document["schemas"][name];
        if schema.is_null() {
            *schema = json!({ "type": "object", "properties": {} });
        }
        for (member, is) in members {
            // Of alternatives the addendum has the names and no types.
            let alternatives = if member.starts_with("oneOf(") { object(is).clone() } else { Map::new() };
            for alternative in alternatives.keys() {
                schema["properties"][alternative] = json!({ "type": "any" });
            }
            if alternatives.is_empty() {
                schema["properties"][member] = is.clone();
            }
        }
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}"))
}

fn object(value: &Value) -> &Map<String, Value> {
    value.as_object().unwrap_or_else(|| panic!("no object: {value}"))
}

fn collect(resource: &Value, visit: &mut impl FnMut(&Value)) {
    resource["methods"].as_object().into_iter().flat_map(Map::values).for_each(&mut *visit);
    for inner in resource["resources"].as_object().into_iter().flat_map(Map::values) {
        collect(inner, visit);
    }
}

fn operation(document: &Value, host: &str, method: &Value, definitions: &Map<String, Value>) -> Operation {
    let of_method = method["parameters"].as_object().into_iter().flatten();
    let of_document = document["parameters"].as_object().into_iter().flatten();
    let in_query = of_document.chain(of_method).filter(|(_, parameter)| parameter["location"] == "query");
    let mut properties = Map::new();
    let mut required = Vec::new();
    for (name, parameter) in in_query {
        let schema = converted(parameter);
        let is_repeated = parameter["repeated"] == true;
        let schema = if is_repeated { json!({ "type": "array", "items": schema }) } else { schema };
        properties.insert(name.clone(), schema);
        if is_required(parameter) {
            required.push(name.clone());
        }
    }
    let body = method["request"]["$ref"].as_str().map(|name| {
        let mut body = definitions[name].clone();
        body["$defs"] = Value::Object(definitions.clone());
        body
    });
    let path = format!("/{}", method["flatPath"].as_str().unwrap_or_else(|| text(&method["path"])));
    let verb = Method::from_bytes(text(&method["httpMethod"]).as_bytes()).unwrap();
    Operation::new(verb, host, &path, closed(&properties, &required), Takes::Json { body })
}

fn description(schema: &Value) -> &str {
    schema["description"].as_str().unwrap_or_default()
}

fn is_required(schema: &Value) -> bool {
    schema["required"] == true || description(schema).starts_with("Required. ")
}

/// What only answers have: a request with it is wrong.
fn is_output(schema: &Value) -> bool {
    schema["readOnly"] == true || description(schema).starts_with("Output only.")
}

fn converted(schema: &Value) -> Value {
    if let Some(name) = schema["$ref"].as_str() {
        return json!({ "$ref": format!("#/$defs/{name}") });
    }
    match schema["type"].as_str() {
        None if schema["enum"].is_array() => json!({ "enum": schema["enum"] }),
        Some("any") | None => json!({}),
        Some("array") => json!({ "type": "array", "items": converted(&schema["items"]) }),
        Some("object") => converted_object(schema),
        Some(kind) => {
            let mut scalar = json!({ "type": kind });
            for name in ["enum", "pattern"] {
                if !schema[name].is_null() {
                    scalar[name] = schema[name].clone();
                }
            }
            // Discovery writes bounds as texts.
            for name in ["minimum", "maximum"] {
                if let Some(bound) = schema[name].as_str() {
                    scalar[name] = serde_json::from_str(bound).unwrap();
                }
            }
            form(schema["format"].as_str(), &mut scalar);
            scalar
        }
    }
}

fn form(format: Option<&str>, scalar: &mut Value) {
    match format {
        Some("int32") => {
            scalar["minimum"] = i32::MIN.into();
            scalar["maximum"] = i32::MAX.into();
        }
        Some("int64") => scalar["pattern"] = r"^-?\d{1,19}$".into(),
        Some("google-datetime") => scalar["format"] = "date-time".into(),
        Some("google-fieldmask") => scalar["pattern"] = r"^[A-Za-z0-9_.]+(,[A-Za-z0-9_.]+)*$".into(),
        Some("google-duration") => scalar["pattern"] = r"^-?\d+(\.\d{1,9})?s$".into(),
        Some("byte") => scalar["contentEncoding"] = "base64".into(),
        Some("double") | None => {}
        Some(other) => panic!("an unknown format {other}"),
    }
}

fn converted_object(schema: &Value) -> Value {
    if !schema["additionalProperties"].is_null() {
        return json!({ "type": "object", "additionalProperties": converted(&schema["additionalProperties"]) });
    }
    let members = schema["properties"].as_object().cloned().unwrap_or_default();
    let required: Vec<String> =
        members.iter().filter(|(_, member)| is_required(member)).map(|(name, _)| name.clone()).collect();
    let taken = members.iter().filter(|(_, member)| !is_output(member));
    let properties = taken.map(|(name, member)| (name.clone(), converted(member))).collect();
    closed(&properties, &required)
}

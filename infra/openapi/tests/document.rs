//! The document describes the API that is deployed, and its examples are what it describes.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]
#![expect(clippy::indexing_slicing, reason = "a missing field is a failed test")]

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use shared::{
    connect::NewSession,
    http::routes::{self, Access, ROUTES},
    media::NewMedia,
    problem::Code,
    publish::{BulkPosts, NewPost, PostChanges},
    read::Resolution,
    redrive::NewRedrive,
};

const TEMPLATE: &str = include_str!("../../../template.yaml");

/// The document after a round trip through YAML: as a reader of the file gets it.
fn document() -> Value {
    serde_norway::from_str(&openapi::yaml().unwrap()).unwrap()
}

/// Every operation of the document, by `METHOD /path`.
fn operations(document: &Value) -> BTreeMap<String, Value> {
    let mut operations = BTreeMap::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            operations.insert(format!("{} {path}", method.to_uppercase()), operation.clone());
        }
    }
    operations
}

/// The routes of the template with whether they need a key, without `$default`.
fn template_routes() -> BTreeMap<String, bool> {
    let template: serde_norway::Value = serde_norway::from_str(TEMPLATE).unwrap();
    let mut routes = BTreeMap::new();
    for (_, resource) in template["Resources"].as_mapping().unwrap() {
        let Some(events) = resource.get("Properties").and_then(|properties| properties.get("Events")) else { continue };
        for (_, event) in events.as_mapping().unwrap() {
            if event["Type"].as_str() != Some("HttpApi") {
                continue;
            }
            let properties = &event["Properties"];
            let path = properties["Path"].as_str().unwrap();
            if path == "$default" {
                continue;
            }
            let authorizer =
                properties.get("Auth").and_then(|auth| auth.get("Authorizer")).and_then(|name| name.as_str());
            let route = format!("{} {path}", properties["Method"].as_str().unwrap());
            assert!(routes.insert(route.clone(), authorizer != Some("NONE")).is_none(), "{route} is there twice");
        }
    }
    routes
}

#[test]
fn the_routes_are_exactly_those_of_the_template() {
    let described: BTreeSet<String> = operations(&document()).into_keys().collect();
    let deployed: BTreeSet<String> = template_routes().into_keys().collect();
    assert!(deployed.len() >= 16, "the template could not be read: {deployed:?}");
    assert_eq!(described, deployed);
}

#[test]
fn a_route_needs_a_key_where_the_template_says_so() {
    let operations = operations(&document());
    for (route, needs_key) in template_routes() {
        let operation = &operations[&route];
        assert_eq!(operation.get("security").is_some(), needs_key, "{route}");
        assert_eq!(
            operation["responses"].get("401").is_some(),
            needs_key || route.starts_with("POST /webhooks"),
            "{route}"
        );
    }
}

#[test]
fn f10_every_route_of_the_template_has_its_scope_in_the_code_and_in_the_document() {
    let listed: BTreeMap<String, bool> =
        ROUTES.iter().map(|(route, access)| ((*route).to_owned(), matches!(access, Access::Key(_)))).collect();
    assert_eq!(listed.len(), ROUTES.len(), "a route is listed twice");
    assert_eq!(listed, template_routes(), "shared::http::routes and template.yaml differ");
    for (route, operation) in operations(&document()) {
        let Some(Access::Key(scope)) = routes::access(&route) else {
            assert!(operation.get("security").is_none(), "{route}");
            continue;
        };
        assert_eq!(operation["security"], serde_json::json!([{ "apiKey": [scope.name()] }]), "{route}");
        let refusal = &operation["responses"]["403"]["content"]["application/problem+json"]["examples"];
        let detail = refusal["key.scope_missing"]["value"]["detail"].as_str().unwrap_or_else(|| panic!("{route}"));
        assert!(detail.contains(scope.name()), "{route}: {detail}");
    }
}

/// What API Gateway remembers of a key holds for every route and for a while. So it may hold nothing but who the key is,
/// found out from nothing but the key, and not for long.
#[test]
fn f10_what_the_gateway_remembers_of_a_key_depends_on_the_key_alone_and_is_forgotten_within_a_minute() {
    let template: serde_norway::Value = serde_norway::from_str(TEMPLATE).unwrap();
    let auth = &template["Resources"]["HttpApi"]["Properties"]["Auth"];
    assert_eq!(auth["DefaultAuthorizer"].as_str(), Some("ApiKey"), "a route is closed unless it says otherwise");
    let authorizers = auth["Authorizers"].as_mapping().unwrap();
    assert_eq!(authorizers.len(), 1);
    let authorizer = &auth["Authorizers"]["ApiKey"];
    assert_eq!(authorizer["EnableSimpleResponses"].as_bool(), Some(true), "a policy would name routes");
    let identity: BTreeMap<String, serde_norway::Value> =
        serde_norway::from_value(authorizer["Identity"].clone()).unwrap();
    assert_eq!(identity.keys().collect::<Vec<_>>(), ["Headers", "ReauthorizeEvery"]);
    let headers: Vec<String> = serde_norway::from_value(identity["Headers"].clone()).unwrap();
    assert_eq!(headers, ["Authorization"]);
    assert!(identity["ReauthorizeEvery"].as_u64().unwrap() <= 60);
    let function = include_str!("../../../functions/authorizer/src/main.rs");
    assert_eq!(
        function.matches("payload").count(),
        1,
        "the authorizer reads one header of the request, and nothing else"
    );
}

#[test]
fn every_parameter_in_a_path_is_described() {
    for (route, operation) in operations(&document()) {
        let named: BTreeSet<&str> =
            route.split('{').skip(1).filter_map(|rest| rest.split_once('}')).map(|(name, _)| name).collect();
        let parameters = operation.get("parameters").and_then(Value::as_array).cloned().unwrap_or_default();
        let described: BTreeSet<&str> = parameters
            .iter()
            .filter(|parameter| parameter["in"] == "path")
            .map(|parameter| parameter["name"].as_str().unwrap())
            .collect();
        assert_eq!(described, named, "{route}");
    }
}

#[test]
fn operations_have_names_of_their_own() {
    let names: Vec<Value> =
        operations(&document()).into_values().map(|operation| operation["operationId"].clone()).collect();
    let different: BTreeSet<String> = names.iter().map(ToString::to_string).collect();
    assert_eq!(different.len(), names.len());
}

#[test]
fn the_document_comes_out_the_same_twice() {
    assert_eq!(openapi::yaml().unwrap(), openapi::yaml().unwrap());
}

#[test]
fn every_reference_leads_somewhere() {
    let document = document();
    let mut references = Vec::new();
    collect(&document, &mut references);
    assert!(references.len() > 50);
    for reference in references {
        let pointer = reference.strip_prefix('#').unwrap();
        assert!(document.pointer(pointer).is_some(), "{reference}");
    }
}

fn collect(value: &Value, references: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                match member.as_str() {
                    Some(reference) if name == "$ref" => references.push(reference.to_owned()),
                    _ => collect(member, references),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| collect(item, references)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[test]
fn problems_are_told_with_the_status_of_their_code() {
    for (route, operation) in operations(&document()) {
        for (status, response) in operation["responses"].as_object().unwrap() {
            let examples = response.pointer("/content/application~1problem+json/examples");
            for (code, example) in examples.and_then(Value::as_object).into_iter().flatten() {
                let known = Code::ALL.into_iter().find(|known| known.name() == code).unwrap();
                assert_eq!(known.status().to_string(), *status, "{route}: {code}");
                assert_eq!(example["value"]["code"], **code, "{route}");
            }
        }
    }
}

#[test]
fn f11_every_route_tells_of_the_limit_with_the_headers_that_come_with_it() {
    let document = document();
    for (route, operation) in operations(&document) {
        let reference = operation["responses"]["429"]["$ref"].as_str().unwrap_or_else(|| panic!("{route}"));
        let response = document.pointer(reference.strip_prefix('#').unwrap()).unwrap();
        let headers: Vec<&str> = response["headers"].as_object().unwrap().keys().map(String::as_str).collect();
        let expected = [
            "RateLimit",
            "RateLimit-Policy",
            "Retry-After",
            "X-RateLimit-Limit",
            "X-RateLimit-Remaining",
            "X-RateLimit-Reset",
        ];
        assert_eq!(headers, expected, "{route}");
        let example = &response["content"]["application/problem+json"]["examples"]["rate.limited"]["value"];
        assert_eq!((&example["status"], &example["retryable"]), (&429.into(), &true.into()));
    }
}

#[test]
fn examples_of_bodies_can_be_sent() {
    let document = document();
    let operations = operations(&document);
    let mut sent = 0;
    for (route, operation) in operations {
        let examples = operation.pointer("/requestBody/content/application~1json/examples");
        for (name, example) in examples.and_then(Value::as_object).into_iter().flatten() {
            let value = example["value"].clone();
            match route.as_str() {
                "POST /v1/posts" | "POST /v1/posts/validate" => {
                    serde_json::from_value::<NewPost>(value).unwrap_or_else(|error| panic!("{route}, {name}: {error}"));
                }
                "PATCH /v1/posts/{post}" => {
                    serde_json::from_value::<PostChanges>(value)
                        .unwrap_or_else(|error| panic!("{route}, {name}: {error}"));
                }
                "POST /v1/posts/{post}/targets/{target}/resolve" => {
                    serde_json::from_value::<Resolution>(value)
                        .unwrap_or_else(|error| panic!("{route}, {name}: {error}"));
                }
                "POST /v1/posts/bulk" => {
                    serde_json::from_value::<BulkPosts>(value)
                        .unwrap_or_else(|error| panic!("{route}, {name}: {error}"));
                }
                "POST /v1/connect/sessions" => {
                    serde_json::from_value::<NewSession>(value)
                        .unwrap_or_else(|error| panic!("{route}, {name}: {error}"));
                }
                "POST /v1/dead-letters/redrive" => {
                    serde_json::from_value::<NewRedrive>(value)
                        .unwrap_or_else(|error| panic!("{route}, {name}: {error}"));
                }
                "POST /v1/media" => {
                    serde_json::from_value::<NewMedia>(value)
                        .unwrap_or_else(|error| panic!("{route}, {name}: {error}"));
                }
                other => panic!("an example of a body for {other}"),
            }
            sent += 1;
        }
    }
    assert_eq!(sent, 19);
}

#[test]
fn examples_have_the_shape_that_their_schema_describes() {
    let document = document();
    let mut checked = 0;
    check_examples(&document, &document, &mut checked);
    assert!(checked > 60, "{checked}");
}

/// Checks every media type in `value`: an object with a `schema` and an `example` or `examples`.
fn check_examples(document: &Value, value: &Value, checked: &mut usize) {
    match value {
        Value::Object(members) => {
            if let Some(schema) = members.get("schema") {
                let named = members.get("examples").and_then(Value::as_object).into_iter().flatten();
                for example in members.get("example").into_iter().chain(named.map(|(_, example)| &example["value"])) {
                    fits(document, schema, example, "").unwrap_or_else(|error| panic!("{error}\n{example:#}"));
                    *checked += 1;
                }
            }
            members.values().for_each(|member| check_examples(document, member, checked));
        }
        Value::Array(items) => items.iter().for_each(|item| check_examples(document, item, checked)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// As much of JSON Schema as the document uses. Unknown members are refused everywhere: an example may not promise more
/// than its schema.
fn fits(document: &Value, schema: &Value, value: &Value, at: &str) -> Result<(), String> {
    if let Some(reference) = schema.get("$ref").and_then(Value::as_str) {
        let target = document.pointer(reference.strip_prefix('#').unwrap()).unwrap();
        return fits(document, target, value, at);
    }
    if let Some(choices) = schema.get("oneOf").and_then(Value::as_array) {
        let fitting = choices.iter().filter(|choice| fits(document, choice, value, at).is_ok()).count();
        return if fitting == 1 { Ok(()) } else { Err(format!("{at}: fits {fitting} of the choices")) };
    }
    if let Some(allowed) = schema.get("enum").and_then(Value::as_array)
        && !allowed.contains(value)
    {
        return Err(format!("{at}: not one of {allowed:?}"));
    }
    let is = |name: &str| match name {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "integer" => value.is_u64() || value.is_i64(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        other => panic!("{at}: a schema of type {other}"),
    };
    let typed = match &schema["type"] {
        Value::String(name) => is(name),
        Value::Array(names) => names.iter().any(|name| is(name.as_str().unwrap())),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => panic!("{at}: a schema without a type"),
    };
    if !typed {
        return Err(format!("{at}: not of type {}", schema["type"]));
    }
    match value {
        Value::Object(members) => {
            for name in schema.get("required").and_then(Value::as_array).into_iter().flatten() {
                if !members.contains_key(name.as_str().unwrap()) {
                    return Err(format!("{at}: {name} is missing"));
                }
            }
            for (name, member) in members {
                let named = schema["properties"].get(name);
                // An object whose members have names of their own choosing, all of one shape.
                let any = schema.get("additionalProperties").filter(|shape| shape.is_object());
                let known = named.or(any).ok_or_else(|| format!("{at}: {name} is not described"))?;
                fits(document, known, member, &format!("{at}/{name}"))?;
            }
            Ok(())
        }
        Value::Array(items) => {
            items.iter().try_for_each(|item| fits(document, &schema["items"], item, &format!("{at}/-")))
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Ok(()),
    }
}

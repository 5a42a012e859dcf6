//! Meta's contract of the Graph API as operations: nodes, each with the parameters of its edges and with its fields.

use std::collections::BTreeMap;

use http::Method;
use serde_json::{Map, Value, json};

use super::operation::{FIELDS, Operation, Takes, closed};

/// The contract and its enumerations.
pub(super) struct Contract {
    nodes: Value,
    enumerations: BTreeMap<String, Value>,
}

/// What every call may have. It belongs to the protocol, and no edge lists it.
const PROTOCOL: [(&str, &str); 5] = [
    // A token may stand there; what we send has it in a header, but where Meta documents no other way.
    ("access_token", "string"),
    ("appsecret_proof", "string"),
    ("limit", "unsigned int"),
    ("after", "string"),
    ("before", "string"),
];

impl Contract {
    pub(super) fn new(nodes: Value, enumerations: &Value) -> Self {
        let enumerations = enumerations.as_array().unwrap().iter();
        let enumerations =
            enumerations.map(|one| (one["name"].as_str().unwrap().to_owned(), one["values"].clone())).collect();
        Self { nodes, enumerations }
    }

    /// Every operation that one line of a table stands for: what a node has at the end of a path. The end is an edge of the
    /// node, or the node itself.
    pub(super) fn operations(&self, host: &str, path: &'static str, node: &str) -> Vec<Operation> {
        let apis = self.nodes[node]["apis"].as_array().unwrap_or_else(|| panic!("no node {node}"));
        // `/{version}/{node}/edge`, or less, and then it is the node itself.
        let edge = path.split('/').nth(3);
        let is_wanted = |api: &&Value| match edge {
            Some(edge) => api["endpoint"] == edge,
            None => api["name"].as_str().is_some_and(|name| name.starts_with('#')),
        };
        let found: Vec<_> = apis.iter().filter(is_wanted).collect();
        assert!(!found.is_empty(), "{node} has nothing at {path}");
        found
            .into_iter()
            .map(|api| {
                let method = Method::from_bytes(api["method"].as_str().unwrap().as_bytes()).unwrap();
                let returned = edge.and_then(|_| api["return"].as_str()).unwrap_or(node);
                let mut operation = Operation::new(method, host, path, self.parameters(api, returned), Takes::Form);
                operation.listed_as = Some(path);
                operation
            })
            .collect()
    }

    fn parameters(&self, api: &Value, returned: &str) -> Value {
        let mut properties: Map<String, Value> =
            PROTOCOL.iter().map(|(name, kind)| ((*name).to_owned(), self.schema(kind))).collect();
        properties.insert("fields".into(), self.fields(returned));
        let mut required = Vec::new();
        for parameter in api["params"].as_array().unwrap() {
            let name = parameter["name"].as_str().unwrap();
            properties.insert(name.to_owned(), self.schema(parameter["type"].as_str().unwrap()));
            if parameter["required"] == true {
                required.push(name.to_owned());
            }
        }
        closed(&properties, &required)
    }

    /// Which fields may be asked for: those of what comes back, and its edges, if the contract has it. Fields may have fields of
    /// their own in braces, which are not looked into.
    pub(super) fn fields(&self, returned: &str) -> Value {
        let of_node = |list: &str, name: &str| -> Vec<Value> {
            let entries = self.nodes[returned][list].as_array().into_iter().flatten();
            entries.map(|entry| entry[name].clone()).filter(Value::is_string).collect()
        };
        let mut names = of_node("fields", "name");
        if names.is_empty() {
            return json!({ "type": "string" });
        }
        names.extend(of_node("apis", "endpoint"));
        json!({ "type": "array", FIELDS: true, "items": { "enum": names } })
    }

    fn schema(&self, kind: &str) -> Value {
        if let Some(item) = kind.strip_prefix("list<").and_then(|rest| rest.strip_suffix('>')) {
            return json!({ "type": "array", "items": self.schema(item) });
        }
        match kind {
            "string" => json!({ "type": "string" }),
            "bool" => json!({ "type": "boolean" }),
            "int" => json!({ "type": "integer" }),
            "unsigned int" => json!({ "type": "integer", "minimum": 0 }),
            "float" => json!({ "type": "number" }),
            // Seconds since 1970, or a date in any form that PHP's `strtotime` reads.
            "datetime" => json!({ "type": ["integer", "string"] }),
            "map" => json!({ "type": "object" }),
            "list" => json!({ "type": "array" }),
            // An object, or the id of one.
            "Object" => json!({}),
            // Bytes, which no form of ours has.
            "file" => json!(false),
            other => match self.enumerations.get(other) {
                Some(values) => json!({ "enum": values }),
                None if self.nodes[other].is_object() => json!({}),
                None => panic!("an unknown type {other}"),
            },
        }
    }
}

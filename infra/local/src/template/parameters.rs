//! The template's parameters: what the caller says, else the default, checked as CloudFormation checks them.

use std::collections::BTreeMap;

use regex::Regex;
use serde_json::Value as Json;

use super::{Error, Node, Template};

/// What a declaration may say of its parameter.
const DECLARED: [&str; 9] = [
    "AllowedPattern",
    "AllowedValues",
    "ConstraintDescription",
    "Default",
    "Description",
    "MaxValue",
    "MinValue",
    "NoEcho",
    "Type",
];

/// The value of every parameter.
#[derive(Debug, Clone, Default)]
pub(crate) struct Parameters(BTreeMap<String, String>);

impl Parameters {
    /// Fills the parameters in. A name that the template does not have is an error.
    pub(crate) fn fill(template: &Template, given: &BTreeMap<String, String>) -> Result<Self, Error> {
        let declared = template.parameters.fields();
        if let Some(unknown) = given.keys().find(|name| !declared.iter().any(|(declared, _)| declared == *name)) {
            let names: Vec<&str> = declared.iter().map(|(name, _)| name.as_str()).collect();
            return Err(Error::at(format!("Parameters.{unknown}"), format!("there is only {}", names.join(", "))));
        }
        let mut values = BTreeMap::new();
        for (name, declaration) in declared {
            let place = format!("Parameters.{name}");
            let value = match given.get(name) {
                Some(value) => value.clone(),
                None => declaration
                    .get("Default")
                    .and_then(plain)
                    .ok_or_else(|| Error::at(&place, "it has no default, so it must be given with --parameter"))?,
            };
            check(declaration, &value).map_err(|problem| Error::at(&place, problem))?;
            values.insert(name.clone(), value);
        }
        Ok(Self(values))
    }

    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }
}

fn plain(node: &Node) -> Option<String> {
    match node {
        Node::Scalar(value) => super::scope::scalar_text(value),
        Node::List(_) | Node::Map(_) | Node::Call(_) => None,
    }
}

fn check(declaration: &Node, value: &str) -> Result<(), String> {
    if let Some((unknown, _)) = declaration.fields().iter().find(|(name, _)| !DECLARED.contains(&name.as_str())) {
        return Err(format!("the local cloud does not know {unknown} of a parameter"));
    }
    if let Some(pattern) = declaration.get("AllowedPattern").and_then(Node::text) {
        let regex = Regex::new(pattern).map_err(|_| format!("the AllowedPattern {pattern} cannot be read"))?;
        if !regex.is_match(value) {
            return Err(format!("\"{value}\" does not match {pattern}"));
        }
    }
    if let Some(Node::List(allowed)) = declaration.get("AllowedValues") {
        let allowed: Vec<String> = allowed.iter().filter_map(plain).collect();
        if !allowed.iter().any(|one| one == value) {
            return Err(format!("\"{value}\" is not one of {}", allowed.join(", ")));
        }
    }
    if declaration.get("Type").and_then(Node::text) == Some("Number") {
        let number: f64 = value.parse().map_err(|_| format!("\"{value}\" is not a number"))?;
        let bound = |name: &str| match declaration.get(name) {
            Some(Node::Scalar(Json::Number(bound))) => bound.as_f64(),
            Some(_) | None => None,
        };
        if bound("MinValue").is_some_and(|least| number < least) || bound("MaxValue").is_some_and(|most| number > most)
        {
            return Err(format!("{value} is out of range"));
        }
    }
    Ok(())
}

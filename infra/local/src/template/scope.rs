//! What the template's functions are worth, given parameters and the resources that exist so far.

use std::collections::BTreeMap;

use serde_json::{Map, Value as Json};

use super::node::Call;
use super::{Error, Node, Parameters, Template};

/// What `Ref` and `GetAtt` give for a resource.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Attributes {
    pub(crate) reference: String,
    pub(crate) attributes: BTreeMap<&'static str, String>,
}

/// The stack's name in the local cloud.
pub(crate) const STACK: &str = "postd-local";

/// Everything that a function can refer to.
#[derive(Debug)]
pub(crate) struct Scope<'a> {
    pub(crate) template: &'a Template,
    pub(crate) parameters: &'a Parameters,
    pub(crate) resources: BTreeMap<String, Attributes>,
}

impl Scope<'_> {
    /// The value of a node; nothing where it says `AWS::NoValue`.
    pub(crate) fn value(&self, node: &Node, place: &str) -> Result<Option<Json>, Error> {
        match node {
            Node::Scalar(value) => Ok(Some(value.clone())),
            Node::List(items) => {
                let mut values = Vec::new();
                for (index, item) in items.iter().enumerate() {
                    values.extend(self.value(item, &format!("{place}[{index}]"))?);
                }
                Ok(Some(Json::Array(values)))
            }
            Node::Map(fields) => {
                let mut values = Map::new();
                for (name, field) in fields {
                    if let Some(value) = self.value(field, &format!("{place}.{name}"))? {
                        values.insert(name.clone(), value);
                    }
                }
                Ok(Some(Json::Object(values)))
            }
            Node::Call(call) => self.call(call, place),
        }
    }

    /// Whether a condition of the template holds.
    pub(crate) fn holds(&self, condition: &str, place: &str) -> Result<bool, Error> {
        let node = self
            .template
            .conditions
            .get(condition)
            .ok_or_else(|| Error::at(place, format!("there is no condition {condition}")))?;
        self.truth(node, &format!("Conditions.{condition}"))
    }

    fn call(&self, call: &Call, place: &str) -> Result<Option<Json>, Error> {
        let text = |text: String| Ok(Some(Json::String(text)));
        match call {
            Call::Ref(name) if name == "AWS::NoValue" => Ok(None),
            Call::Ref(name) => text(self.reference(name, place)?),
            Call::GetAtt { resource, attribute } => text(self.attribute(resource, attribute, place)?),
            Call::Sub { text: pattern, variables } => text(self.substitute(pattern, variables, place)?),
            Call::If { condition, then, otherwise } => {
                let chosen = if self.holds(condition, place)? { then } else { otherwise };
                self.value(chosen, place)
            }
            Call::FindInMap(map, first, second) => {
                let keys = [self.text(map, place)?, self.text(first, place)?, self.text(second, place)?];
                let found = keys.iter().try_fold(&self.template.mappings, |node, key| node.get(key));
                let found = found.ok_or_else(|| Error::at(place, format!("there is no mapping {}", keys.join("."))))?;
                self.value(found, place)
            }
            Call::Join { separator, list } => {
                let separator = self.text(separator, place)?;
                let Some(Json::Array(items)) = self.value(list, place)? else {
                    return Err(Error::at(place, "Join needs a list"));
                };
                let items: Vec<String> = items.iter().filter_map(scalar_text).collect();
                text(items.join(&separator))
            }
            Call::Equals(..) | Call::Not(_) | Call::And(_) | Call::Or(_) | Call::Condition(_) => {
                Err(Error::at(place, "a condition cannot stand here"))
            }
        }
    }

    fn truth(&self, node: &Node, place: &str) -> Result<bool, Error> {
        let Node::Call(call) = node else { return Err(Error::at(place, "this is no condition")) };
        match call.as_ref() {
            Call::Equals(left, right) => Ok(self.text(left, place)? == self.text(right, place)?),
            Call::Not(inner) => Ok(!self.truth(inner, place)?),
            Call::And(all) => all.iter().try_fold(true, |so_far, one| Ok(so_far && self.truth(one, place)?)),
            Call::Or(any) => any.iter().try_fold(false, |so_far, one| Ok(so_far || self.truth(one, place)?)),
            Call::Condition(name) => self.holds(name, place),
            Call::Ref(_)
            | Call::GetAtt { .. }
            | Call::Sub { .. }
            | Call::If { .. }
            | Call::FindInMap(..)
            | Call::Join { .. } => Err(Error::at(place, "this is no condition")),
        }
    }

    fn text(&self, node: &Node, place: &str) -> Result<String, Error> {
        self.value(node, place)?.as_ref().and_then(scalar_text).ok_or_else(|| Error::at(place, "a text is needed here"))
    }

    fn reference(&self, name: &str, place: &str) -> Result<String, Error> {
        let pseudo = match name {
            "AWS::AccountId" => Some(emulators::ACCOUNT),
            "AWS::Partition" => Some("aws"),
            "AWS::Region" => Some(emulators::REGION),
            "AWS::StackName" => Some(STACK),
            "AWS::URLSuffix" => Some("amazonaws.com"),
            _ => None,
        };
        if let Some(value) = pseudo.or_else(|| self.parameters.get(name)) {
            return Ok(value.to_owned());
        }
        Ok(self.resource(name, place)?.reference.clone())
    }

    fn attribute(&self, resource: &str, attribute: &str, place: &str) -> Result<String, Error> {
        let known = self.resource(resource, place)?;
        known
            .attributes
            .get(attribute)
            .cloned()
            .ok_or_else(|| Error::at(place, format!("the local cloud does not know {resource}.{attribute}")))
    }

    fn resource(&self, id: &str, place: &str) -> Result<&Attributes, Error> {
        self.resources.get(id).ok_or_else(|| {
            if self.template.resources.iter().any(|resource| resource.id == id) {
                Error::NotYet { place: place.to_owned(), resource: id.to_owned() }
            } else {
                Error::at(place, format!("there is neither a parameter nor a resource {id}"))
            }
        })
    }

    /// `${Name}`, `${Name.Attribute}` and `${!literal}`.
    fn substitute(&self, pattern: &str, variables: &[(String, Node)], place: &str) -> Result<String, Error> {
        let mut result = String::new();
        let mut rest = pattern;
        while let Some((before, after)) = rest.split_once("${") {
            result.push_str(before);
            let (name, tail) = after.split_once('}').ok_or_else(|| Error::at(place, "a ${ in Sub is never closed"))?;
            rest = tail;
            if let Some(literal) = name.strip_prefix('!') {
                result.push_str("${");
                result.push_str(literal);
                result.push('}');
            } else if let Some((_, node)) = variables.iter().find(|(variable, _)| variable == name) {
                result.push_str(&self.text(node, place)?);
            } else if let Some((resource, attribute)) = name.split_once('.') {
                result.push_str(&self.attribute(resource, attribute, place)?);
            } else {
                result.push_str(&self.reference(name, place)?);
            }
        }
        result.push_str(rest);
        Ok(result)
    }
}

/// Scalars as CloudFormation writes them where a text is wanted.
pub(crate) fn scalar_text(value: &Json) -> Option<String> {
    match value {
        Json::String(text) => Some(text.clone()),
        Json::Number(number) => Some(number.to_string()),
        Json::Bool(flag) => Some(flag.to_string()),
        Json::Null | Json::Array(_) | Json::Object(_) => None,
    }
}

//! What SAM makes of the template (`infra/translate-template` writes it), worked out by rules of its own: what the local cloud makes
//! of the template itself must not have a part in it.

use std::collections::BTreeMap;
use std::path::Path;

use local::Cloud;
use serde_json::{Map, Value, json};

/// The translated template in a running stack.
pub(super) struct Translated<'a> {
    template: Value,
    parameters: BTreeMap<String, String>,
    cloud: &'a Cloud,
}

impl<'a> Translated<'a> {
    /// With these parameters instead of their defaults; names and ARNs are those of the cloud.
    pub(super) fn new(cloud: &'a Cloud, given: &BTreeMap<String, String>) -> Self {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/translated-template.json");
        let template: Value = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
        let declared = template["Parameters"].as_object().unwrap();
        let default = |(name, declaration): (&String, &Value)| Some((name.clone(), text(declaration.get("Default")?)));
        let mut parameters: BTreeMap<String, String> = declared.iter().filter_map(default).collect();
        parameters.extend(given.clone());
        Self { template, parameters, cloud }
    }

    /// Logical ids and properties of all resources of a type that the stack has, with every value in its place.
    pub(super) fn resources(&self, kind: &str) -> Vec<(String, Value)> {
        let all = self.template["Resources"].as_object().unwrap();
        let of_kind = all.iter().filter(|(_, resource)| resource["Type"] == kind);
        let wanted = of_kind.filter(|(_, resource)| resource["Condition"].as_str().is_none_or(|name| self.holds(name)));
        wanted.map(|(id, resource)| (id.clone(), self.value(&resource["Properties"]).unwrap())).collect()
    }

    /// A value; nothing for `AWS::NoValue`.
    fn value(&self, value: &Value) -> Option<Value> {
        match value {
            Value::Object(fields) => match single(fields) {
                Some(("Ref", name)) if name == "AWS::NoValue" => None,
                Some(("Ref", name)) => Some(self.reference(name.as_str().unwrap()).into()),
                Some(("Fn::GetAtt", of)) => {
                    let [resource, attribute] = [of[0].as_str().unwrap(), of[1].as_str().unwrap()];
                    Some(self.attribute(resource, attribute).into())
                }
                Some(("Fn::Sub", Value::Array(of))) => Some(self.substitute(of[0].as_str().unwrap(), &of[1]).into()),
                Some(("Fn::Sub", pattern)) => Some(self.substitute(pattern.as_str().unwrap(), &Value::Null).into()),
                Some(("Fn::If", of)) => {
                    let holds = self.holds(of[0].as_str().unwrap());
                    self.value(if holds { &of[1] } else { &of[2] })
                }
                Some(("Fn::FindInMap", of)) => {
                    let key = |index: usize| text(&self.value(&of[index]).unwrap());
                    Some(self.template["Mappings"][key(0)][key(1)][key(2)].clone())
                }
                Some((name, _)) if name.starts_with("Fn::") => panic!("what is {name}?"),
                Some(_) | None => {
                    let fields = fields.iter().filter_map(|(name, field)| Some((name.clone(), self.value(field)?)));
                    Some(Value::Object(fields.collect()))
                }
            },
            Value::Array(items) => Some(items.iter().filter_map(|item| self.value(item)).collect()),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Some(value.clone()),
        }
    }

    fn holds(&self, condition: &str) -> bool {
        self.truth(&self.template["Conditions"][condition])
    }

    fn truth(&self, condition: &Value) -> bool {
        let (name, of) = single(condition.as_object().unwrap()).unwrap();
        let all = || of.as_array().unwrap().iter().map(|one| self.truth(one));
        match name {
            "Fn::Equals" => self.value(&of[0]).map(|left| text(&left)) == self.value(&of[1]).map(|right| text(&right)),
            "Fn::Not" => !self.truth(&of[0]),
            "Fn::And" => all().all(|holds| holds),
            "Fn::Or" => all().any(|holds| holds),
            "Condition" => self.holds(of.as_str().unwrap()),
            other => panic!("what is {other}?"),
        }
    }

    fn reference(&self, name: &str) -> String {
        let pseudo = match name {
            "AWS::AccountId" => "000000000000",
            "AWS::Partition" => "aws",
            "AWS::Region" => "us-east-1",
            "AWS::StackName" => "postd-local",
            _ => {
                let parameter = self.parameters.get(name).map(String::as_str);
                parameter.or_else(|| self.cloud.resource(name)).unwrap_or_else(|| panic!("what is {name}?"))
            }
        };
        pseudo.to_owned()
    }

    fn attribute(&self, resource: &str, attribute: &str) -> String {
        let known = self.cloud.attribute(resource, attribute);
        // Roles and what else only SAM makes: nobody asks for the text.
        known.map_or_else(|| format!("{resource}.{attribute}"), str::to_owned)
    }

    fn substitute(&self, pattern: &str, variables: &Value) -> String {
        let mut pieces = pattern.split("${");
        let mut result = pieces.next().unwrap().to_owned();
        for piece in pieces {
            let (name, rest) = piece.split_once('}').unwrap();
            let value = match (variables.get(name), name.split_once('.')) {
                (Some(variable), _) => text(&self.value(variable).unwrap()),
                (None, Some((resource, attribute))) => self.attribute(resource, attribute),
                (None, None) => self.reference(name),
            };
            result.push_str(&value);
            result.push_str(rest);
        }
        result
    }
}

/// The only field of a map, if it has no other.
fn single(fields: &Map<String, Value>) -> Option<(&str, &Value)> {
    let mut all = fields.iter();
    all.next().filter(|_| all.next().is_none()).map(|(name, value)| (name.as_str(), value))
}

/// A text, number or truth value as CloudFormation writes it.
pub(super) fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// A number that may have come by way of a parameter, which is a text.
pub(super) fn number(value: &Value) -> Value {
    text(value).parse().map_or(Value::Null, |number: u64| json!(number))
}

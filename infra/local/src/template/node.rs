//! The template's YAML with its intrinsic functions recognised, in the short form (`!Ref`) and the long one (`Fn::Sub`).

use serde_json::Value as Json;
use serde_norway::Value as Yaml;

use super::Error;

/// A piece of the template before it is worth something.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Node {
    Scalar(Json),
    List(Vec<Node>),
    Map(Vec<(String, Node)>),
    Call(Box<Call>),
}

/// An intrinsic function.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Call {
    Ref(String),
    GetAtt { resource: String, attribute: String },
    Sub { text: String, variables: Vec<(String, Node)> },
    If { condition: String, then: Node, otherwise: Node },
    Equals(Node, Node),
    Not(Node),
    And(Vec<Node>),
    Or(Vec<Node>),
    Condition(String),
    FindInMap(Node, Node, Node),
    Join { separator: Node, list: Node },
}

impl Node {
    /// Reads YAML that stands at `place`.
    pub(crate) fn read(yaml: Yaml, place: &str) -> Result<Self, Error> {
        Ok(match yaml {
            Yaml::Null => Self::Scalar(Json::Null),
            Yaml::Bool(flag) => Self::Scalar(Json::Bool(flag)),
            Yaml::Number(number) => Self::Scalar(scalar(&number)),
            Yaml::String(text) => Self::Scalar(Json::String(text)),
            Yaml::Sequence(items) => Self::List(read_list(items, place)?),
            Yaml::Mapping(fields) => {
                let mut map = Vec::with_capacity(fields.len());
                for (key, value) in fields {
                    let key = key_text(&key).ok_or_else(|| Error::at(place, "a key is not a text"))?;
                    let inner = format!("{place}.{key}");
                    map.push((key, Self::read(value, &inner)?));
                }
                long_form(map, place)?
            }
            Yaml::Tagged(tagged) => {
                let name = tagged.tag.to_string();
                let argument = Self::read(tagged.value, place)?;
                call(name.trim_start_matches('!'), argument, place)?
            }
        })
    }

    pub(crate) fn text(&self) -> Option<&str> {
        match self {
            Self::Scalar(Json::String(text)) => Some(text),
            Self::Scalar(_) | Self::List(_) | Self::Map(_) | Self::Call(_) => None,
        }
    }

    pub(crate) fn fields(&self) -> &[(String, Node)] {
        match self {
            Self::Map(fields) => fields,
            Self::Scalar(_) | Self::List(_) | Self::Call(_) => &[],
        }
    }

    pub(crate) fn get(&self, name: &str) -> Option<&Node> {
        self.fields().iter().find(|(key, _)| key == name).map(|(_, value)| value)
    }

    /// SAM's rule for `Globals`: maps are merged, lists are put in front, everything else yields to the resource.
    pub(crate) fn under(self, global: &Node) -> Node {
        match (self, global) {
            (Self::Map(mut own), Self::Map(global)) => {
                for (key, value) in global {
                    match own.iter_mut().find(|(name, _)| name == key) {
                        Some((_, mine)) => *mine = mine.clone().under(value),
                        None => own.push((key.clone(), value.clone())),
                    }
                }
                Self::Map(own)
            }
            (Self::List(own), Self::List(global)) => Self::List(global.iter().cloned().chain(own).collect()),
            (own, _) => own,
        }
    }
}

fn scalar(number: &serde_norway::Number) -> Json {
    if let Some(whole) = number.as_i64() { Json::from(whole) } else { number.as_f64().map_or(Json::Null, Json::from) }
}

fn key_text(key: &Yaml) -> Option<String> {
    match key {
        Yaml::String(text) => Some(text.clone()),
        Yaml::Number(number) => Some(number.to_string()),
        Yaml::Bool(flag) => Some(flag.to_string()),
        Yaml::Null | Yaml::Sequence(_) | Yaml::Mapping(_) | Yaml::Tagged(_) => None,
    }
}

fn read_list(items: Vec<Yaml>, place: &str) -> Result<Vec<Node>, Error> {
    items.into_iter().enumerate().map(|(index, item)| Node::read(item, &format!("{place}[{index}]"))).collect()
}

/// `{"Ref": …}` and `{"Fn::…": …}` are calls; every other map is a map.
fn long_form(mut map: Vec<(String, Node)>, place: &str) -> Result<Node, Error> {
    let name = match map.as_slice() {
        [(key, _)] if key == "Ref" => Some("Ref".to_owned()),
        [(key, _)] => key.strip_prefix("Fn::").map(str::to_owned),
        _ => None,
    };
    match (name, map.pop()) {
        (Some(name), Some((_, argument))) => call(&name, argument, place),
        (None, Some(last)) => {
            map.push(last);
            Ok(Node::Map(map))
        }
        (_, None) => Ok(Node::Map(map)),
    }
}

fn call(name: &str, argument: Node, place: &str) -> Result<Node, Error> {
    let wrong = || Error::at(place, format!("{name} has the wrong arguments"));
    let call = match name {
        "Ref" => Call::Ref(argument.text().ok_or_else(wrong)?.to_owned()),
        "Condition" => Call::Condition(argument.text().ok_or_else(wrong)?.to_owned()),
        "GetAtt" => {
            let (resource, attribute) = get_att(&argument).ok_or_else(wrong)?;
            Call::GetAtt { resource, attribute }
        }
        "Sub" => match argument {
            Node::Scalar(Json::String(text)) => Call::Sub { text, variables: Vec::new() },
            Node::List(items) => match <[Node; 2]>::try_from(items) {
                Ok([Node::Scalar(Json::String(text)), Node::Map(variables)]) => Call::Sub { text, variables },
                Ok(_) | Err(_) => return Err(wrong()),
            },
            Node::Scalar(_) | Node::Map(_) | Node::Call(_) => return Err(wrong()),
        },
        "If" => match <[Node; 3]>::try_from(list(argument).ok_or_else(wrong)?) {
            Ok([condition, then, otherwise]) => {
                Call::If { condition: condition.text().ok_or_else(wrong)?.to_owned(), then, otherwise }
            }
            Err(_) => return Err(wrong()),
        },
        "Equals" => match <[Node; 2]>::try_from(list(argument).ok_or_else(wrong)?) {
            Ok([left, right]) => Call::Equals(left, right),
            Err(_) => return Err(wrong()),
        },
        "Not" => match <[Node; 1]>::try_from(list(argument).ok_or_else(wrong)?) {
            Ok([inner]) => Call::Not(inner),
            Err(_) => return Err(wrong()),
        },
        "And" => Call::And(list(argument).ok_or_else(wrong)?),
        "Or" => Call::Or(list(argument).ok_or_else(wrong)?),
        "FindInMap" => match <[Node; 3]>::try_from(list(argument).ok_or_else(wrong)?) {
            Ok([map, first, second]) => Call::FindInMap(map, first, second),
            Err(_) => return Err(wrong()),
        },
        "Join" => match <[Node; 2]>::try_from(list(argument).ok_or_else(wrong)?) {
            Ok([separator, list]) => Call::Join { separator, list },
            Err(_) => return Err(wrong()),
        },
        _ => return Err(Error::at(place, format!("the local cloud does not know the function {name}"))),
    };
    Ok(Node::Call(Box::new(call)))
}

fn list(node: Node) -> Option<Vec<Node>> {
    match node {
        Node::List(items) => Some(items),
        Node::Scalar(_) | Node::Map(_) | Node::Call(_) => None,
    }
}

fn get_att(argument: &Node) -> Option<(String, String)> {
    if let Some(text) = argument.text() {
        return text.split_once('.').map(|(resource, attribute)| (resource.to_owned(), attribute.to_owned()));
    }
    match argument {
        Node::List(items) => match items.as_slice() {
            [resource, attribute] => Some((resource.text()?.to_owned(), attribute.text()?.to_owned())),
            _ => None,
        },
        Node::Scalar(_) | Node::Map(_) | Node::Call(_) => None,
    }
}

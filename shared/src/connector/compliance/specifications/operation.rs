//! One operation of a specification, as a template of its address and JSON Schemas of what it takes.

use std::{cell::OnceCell, collections::BTreeMap};

use http::Method;
use jsonschema::{Draft, Validator};
use serde_json::{Value, json};

use crate::connector::{Body, Request, source::Piece};

/// A keyword of ours: the items of a list in one text may have braces, which say nothing of the item.
pub(super) const FIELDS: &str = "x-fields";

/// What an operation takes beside its path.
#[derive(Clone, Debug)]
pub(super) enum Takes {
    /// Parameters in the query, and a body in JSON if there is a schema for one.
    Json { body: Option<Value> },
    /// Parameters in the query or in a form, wherever they stand.
    Form,
}

/// An operation.
#[derive(Clone, Debug)]
pub(super) struct Operation {
    pub(super) method: Method,
    /// The host, whose first label may be `{…}`.
    pub(super) host: String,
    /// The path, whose segments may be `{…}` or `{…}:verb`.
    pub(super) path: String,
    /// A schema of an object: the parameters by their names.
    pub(super) parameters: Value,
    pub(super) takes: Takes,
    /// The line of our own tables that it was read for, if it was read for one: then a call has to need it.
    pub(super) listed_as: Option<&'static str>,
    validators: Validators,
}

#[derive(Debug, Default)]
struct Validators {
    parameters: OnceCell<Validator>,
    body: OnceCell<Validator>,
}

// A copy is made to be changed: it compiles its own.
impl Clone for Validators {
    fn clone(&self) -> Self {
        Self::default()
    }
}

impl Operation {
    pub(super) fn new(method: Method, host: &str, path: &str, parameters: Value, takes: Takes) -> Self {
        let (host, path) = (host.to_owned(), path.to_owned());
        Self { method, host, path, parameters, takes, listed_as: None, validators: Validators::default() }
    }

    /// How many segments of the path are given to the letter, if this is the address of a request.
    pub(super) fn likeness(&self, request: &Request) -> Option<usize> {
        let host = request.url.host_str()?;
        if request.method == self.method { likeness(&self.host, &self.path, host, request.url.path()) } else { None }
    }

    /// What is wrong with a request whose address it is.
    pub(super) fn faults(&self, request: &Request) -> Vec<String> {
        let mut given: Vec<(String, String)> = request.url.query_pairs().into_owned().collect();
        let mut faults = Vec::new();
        match (&self.takes, &request.body) {
            (Takes::Form, Body::Form(fields)) => given.extend(fields.iter().cloned()),
            (Takes::Form, Body::Piece(piece)) if !piece.before().is_empty() => given.extend(fields_before(piece)),
            (Takes::Form | Takes::Json { body: None }, Body::Empty) => {}
            (Takes::Json { body: Some(schema) }, Body::Json(body)) => {
                faults.extend(faults_of(self.validators.body.get_or_init(|| compiled(schema)), body, "body"));
            }
            (Takes::Json { body: Some(_) }, Body::Empty) => faults.push("a body is missing".into()),
            (Takes::Json { body: None }, Body::Json(_)) => faults.push("a body where none is specified".into()),
            (Takes::Json { .. }, Body::Form(_)) => faults.push("a form where JSON is specified".into()),
            (Takes::Form, Body::Json(_)) => faults.push("JSON where a form is specified".into()),
            (_, Body::Bytes(_) | Body::Piece(_)) => faults.push("bytes where none are specified".into()),
        }
        match values(&given, &self.parameters) {
            Ok(values) => {
                let validator = self.validators.parameters.get_or_init(|| compiled(&self.parameters));
                faults.extend(faults_of(validator, &values, "parameters"));
            }
            Err(twice) => faults.push(format!("the parameter {twice} is given twice")),
        }
        faults
    }
}

fn compiled(schema: &Value) -> Validator {
    let options = jsonschema::options().with_draft(Draft::Draft202012).should_validate_formats(true);
    options.build(schema).unwrap_or_else(|error| panic!("no schema: {error}: {schema}"))
}

fn faults_of(validator: &Validator, value: &Value, what: &str) -> Vec<String> {
    validator.iter_errors(value).map(|error| format!("{what}{}: {error}", error.instance_path())).collect()
}

/// An object of named parameters and nothing else.
pub(super) fn closed(properties: &serde_json::Map<String, Value>, required: &[String]) -> Value {
    json!({ "type": "object", "properties": properties, "required": required, "additionalProperties": false })
}

/// How many segments are given to the letter, if templates of host and path fit.
pub(super) fn likeness(host: &str, path: &str, of_request: &str, path_of_request: &str) -> Option<usize> {
    let fits_host = match host.strip_prefix('{').and_then(|rest| rest.split_once('}')) {
        Some((_, rest)) => of_request.strip_suffix(rest).is_some_and(|label| !label.is_empty() && !label.contains('.')),
        None => host == of_request,
    };
    let (template, segments): (Vec<_>, Vec<_>) = (path.split('/').collect(), path_of_request.split('/').collect());
    if !fits_host || template.len() != segments.len() {
        return None;
    }
    let mut to_the_letter = 0;
    for (wanted, segment) in template.iter().zip(segments) {
        match wanted.strip_prefix('{').and_then(|rest| rest.split_once('}')) {
            Some((_, verb)) => {
                segment.strip_suffix(verb).filter(|id| !id.is_empty() && !id.contains(':'))?;
                to_the_letter += usize::from(!verb.is_empty());
            }
            None if *wanted == segment => to_the_letter += 1,
            None => return None,
        }
    }
    Some(to_the_letter)
}

/// The fields of a form whose last one is a piece of a file. Its bytes are no text, and count as an empty one.
fn fields_before(piece: &Piece) -> Vec<(String, String)> {
    let before = piece.before();
    let text = std::str::from_utf8(&before).expect("a form in UTF-8");
    let field = |part: &str| {
        let (name, rest) = part.split_once('"').expect("the name of a field");
        let value = rest.split_once("\r\n\r\n").expect("the head of a field").1;
        (name.to_owned(), value.split("\r\n--").next().unwrap_or_default().to_owned())
    };
    text.split("Content-Disposition: form-data; name=\"").skip(1).map(field).collect()
}

/// Parameters as values of the types that they are specified with. A list is given in one parameter or in several, with
/// numbers in brackets or without.
///
/// # Errors
/// The name of a parameter that is no list and given twice.
fn values(given: &[(String, String)], schema: &Value) -> Result<Value, String> {
    let mut values: BTreeMap<&str, Value> = BTreeMap::new();
    for (name, text) in given {
        let numbered = name.strip_suffix(']').and_then(|name| name.split_once('['));
        let numbered = numbered.filter(|(_, number)| number.bytes().all(|byte| byte.is_ascii_digit()));
        let name = numbered.map_or(name.as_str(), |(name, _)| name);
        let of_name = &schema["properties"][name];
        let value = match numbered {
            Some(_) => Value::Array(vec![value(text, &of_name["items"])]),
            None => value(text, of_name),
        };
        match (values.get_mut(name), value) {
            (Some(Value::Array(there)), Value::Array(more)) => there.extend(more),
            (Some(_), _) => return Err(name.to_owned()),
            (None, value) => {
                values.insert(name, value);
            }
        }
    }
    Ok(values.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
}

/// The value that a text stands for where the schema holds. A text that stands for none stays one, and fails by its type.
fn value(text: &str, schema: &Value) -> Value {
    let parsed = || serde_json::from_str::<Value>(text).ok();
    match schema["type"].as_str() {
        Some("integer" | "number" | "boolean" | "object") => parsed().unwrap_or_else(|| text.into()),
        Some("array") if schema[FIELDS] == true => fields(text).into(),
        Some("array") => match parsed() {
            Some(list @ Value::Array(_)) => list,
            _ => Value::Array(text.split(',').map(|item| value(item, &schema["items"])).collect()),
        },
        Some(_) => text.into(),
        None => parsed().filter(Value::is_object).unwrap_or_else(|| text.into()),
    }
}

/// `id,author{name}` are `id` and `author`.
fn fields(text: &str) -> Vec<String> {
    let (mut fields, mut depth) = (vec![String::new()], 0_usize);
    for character in text.chars() {
        match character {
            '{' => depth += 1,
            '}' => depth = depth.saturating_sub(1),
            ',' if depth == 0 => fields.push(String::new()),
            other if depth == 0 => fields.last_mut().expect("one at least").push(other),
            _ => {}
        }
    }
    fields
}

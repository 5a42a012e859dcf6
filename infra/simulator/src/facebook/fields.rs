//! The `fields` language: `id,picture.type(large){url},comments.limit(0).summary(true)`.

use super::error::GraphError;
use serde_json::{Map, Value};

/// Nobody nests deeper; the parser recurses.
const DEPTH_LIMIT: usize = 8;

/// One requested field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Field {
    pub(crate) name: String,
    pub(crate) modifiers: Vec<(String, String)>,
    pub(crate) inner: Vec<Field>,
}

impl Field {
    pub(crate) fn named(name: &str) -> Self {
        Self { name: name.to_owned(), modifiers: Vec::new(), inner: Vec::new() }
    }

    /// The argument of `.name(argument)`.
    pub(crate) fn modifier(&self, name: &str) -> Option<&str> {
        self.modifiers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// The key under which the answer holds it.
    pub(crate) fn key(&self) -> &str {
        self.modifier("as").unwrap_or(&self.name)
    }

    /// Cuts `value` down to the inner fields, through lists and `data` envelopes.
    pub(crate) fn prune(&self, value: Value) -> Value {
        if self.inner.is_empty() { value } else { prune(&self.inner, value) }
    }
}

fn prune(fields: &[Field], value: Value) -> Value {
    match value {
        Value::Array(items) => items.into_iter().map(|item| prune(fields, item)).collect(),
        Value::Object(mut entries) if entries.contains_key("data") => {
            if let Some(data) = entries.remove("data") {
                entries.insert("data".to_owned(), prune(fields, data));
            }
            Value::Object(entries)
        }
        Value::Object(mut entries) => {
            let id = entries.get("id").cloned();
            let mut kept: Map<String, Value> = fields
                .iter()
                .filter_map(|field| {
                    entries.remove(&field.name).map(|value| (field.key().to_owned(), field.prune(value)))
                })
                .collect();
            if let Some(id) = id {
                kept.insert("id".to_owned(), id);
            }
            Value::Object(kept)
        }
        scalar @ (Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_)) => scalar,
    }
}

/// Reads a `fields` parameter.
pub(crate) fn parse(text: &str) -> Result<Vec<Field>, GraphError> {
    let mut parser = Parser { rest: text, length: text.len(), depth: 0 };
    let fields = parser.list()?;
    if parser.rest.is_empty() { Ok(fields) } else { Err(parser.refuse("end of string")) }
}

struct Parser<'a> {
    rest: &'a str,
    length: usize,
    depth: usize,
}

impl<'a> Parser<'a> {
    fn list(&mut self) -> Result<Vec<Field>, GraphError> {
        let mut fields = vec![self.field()?];
        while self.skip(',') {
            fields.push(self.field()?);
        }
        Ok(fields)
    }

    fn field(&mut self) -> Result<Field, GraphError> {
        let mut field = Field::named(self.word()?);
        while self.skip('.') {
            let name = self.word()?.to_owned();
            if !self.skip('(') {
                return Err(self.refuse("\"(\""));
            }
            let end = self.rest.find(')').ok_or_else(|| self.refuse("\")\""))?;
            let (argument, rest) = self.rest.split_at(end);
            self.rest = rest;
            self.skip(')');
            field.modifiers.push((name, argument.trim().to_owned()));
        }
        if self.skip('{') {
            self.depth += 1;
            if self.depth > DEPTH_LIMIT {
                return Err(self.refuse("fewer levels"));
            }
            field.inner = self.list()?;
            self.depth -= 1;
            if !self.skip('}') {
                return Err(self.refuse("\"}\""));
            }
        }
        Ok(field)
    }

    fn word(&mut self) -> Result<&'a str, GraphError> {
        self.rest = self.rest.trim_start();
        let end = self
            .rest
            .find(|character: char| !character.is_ascii_alphanumeric() && character != '_')
            .unwrap_or(self.rest.len());
        if end == 0 {
            return Err(self.refuse("a name"));
        }
        let (word, rest) = self.rest.split_at(end);
        self.rest = rest.trim_start();
        Ok(word)
    }

    fn skip(&mut self, character: char) -> bool {
        match self.rest.strip_prefix(character) {
            Some(rest) => {
                self.rest = rest.trim_start();
                true
            }
            None => false,
        }
    }

    fn refuse(&self, expected: &str) -> GraphError {
        let found = self.rest.chars().next().map_or_else(|| "end of string".to_owned(), |found| format!("\"{found}\""));
        let position = self.length - self.rest.len();
        GraphError::new(
            2500,
            format!("Syntax error \"Expected {expected} instead of {found}.\" at character {position}"),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn names_modifiers_and_inner_fields_are_read() {
        let fields = parse("id, picture.type(large){url},comments.limit(0).summary(true),from{id,name}").unwrap();
        let names: Vec<&str> = fields.iter().map(|field| field.name.as_str()).collect();
        assert_eq!(names, ["id", "picture", "comments", "from"]);
        assert_eq!(fields[1].modifier("type"), Some("large"));
        assert_eq!(fields[1].inner, [Field::named("url")]);
        assert_eq!(fields[2].modifier("summary"), Some("true"));
        assert_eq!(fields[3].inner.len(), 2);
    }

    #[test]
    fn broken_expressions_are_refused_with_2500() {
        for text in ["", "id,", "id{", "id{}", "id}", "a.b", "a.b(c", "id name", "ä"] {
            assert_eq!(parse(text).unwrap_err().code, 2500, "{text}");
        }
        assert_eq!(parse(&"a{".repeat(100)).unwrap_err().code, 2500);
    }

    #[test]
    fn inner_fields_cut_through_lists_and_envelopes() {
        let fields = parse("attachments{media_type,target{id}}").unwrap();
        let full = json!({"data": [{"media_type": "link", "title": "x", "target": {"id": "1", "url": "u"}}]});
        assert_eq!(fields[0].prune(full), json!({"data": [{"media_type": "link", "target": {"id": "1"}}]}));
    }

    #[test]
    fn an_alias_renames_the_answer() {
        assert_eq!(parse("name.as(title)").unwrap()[0].key(), "title");
    }
}

//! A form with brackets in its names, as Mailchimp sends webhooks: `data[merges][EMAIL]=…`. Bounded in fields and depth.

use std::collections::BTreeMap;

use crate::connector::ConnectorError;

/// More fields than any event has: an audience may have 80 merge fields and 60 interests.
const MOST_FIELDS: usize = 500;
const DEEPEST: usize = 6;
const LONGEST_NAME: usize = 200;

/// The fields by their names, with dots between the parts: `data.merges.EMAIL`.
pub(super) struct Form(BTreeMap<String, String>);

impl Form {
    /// Reads a body.
    ///
    /// # Errors
    /// It has too many fields, a name that is no path, or a name twice.
    pub(super) fn read(body: &[u8]) -> Result<Self, ConnectorError> {
        let mut fields = BTreeMap::new();
        let mut lists: BTreeMap<String, usize> = BTreeMap::new();
        for (name, value) in form_urlencoded::parse(body) {
            if fields.len() >= MOST_FIELDS {
                return Err(ConnectorError::Unreadable { what: "a bounded number of fields in a webhook" });
            }
            let mut path =
                path(&name).ok_or(ConnectorError::Unreadable { what: "the name of a field in a webhook" })?;
            // `name[]` counts on.
            if let Some(list) = path.strip_suffix('.').map(str::to_owned) {
                let count = lists.entry(list).or_default();
                path.push_str(&count.to_string());
                *count += 1;
            }
            if fields.insert(path, value.into_owned()).is_some() {
                return Err(ConnectorError::Unreadable { what: "each field of a webhook once" });
            }
        }
        Ok(Self(fields))
    }

    /// A field that is there and not empty.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str).filter(|text| !text.is_empty())
    }
}

fn path(name: &str) -> Option<String> {
    if name.is_empty() || name.len() > LONGEST_NAME || name.contains('.') {
        return None;
    }
    let Some((front, rest)) = name.split_once('[') else { return (!name.contains(']')).then(|| name.to_owned()) };
    let rest = rest.strip_suffix(']')?;
    let parts: Vec<&str> = std::iter::once(front).chain(rest.split("][")).collect();
    let is_plain = |part: &&str| !part.contains(['[', ']']);
    // An empty part stands at the end only.
    let is_named = parts.iter().rev().skip(1).all(|part| !part.is_empty());
    (parts.len() <= DEEPEST && is_named && parts.iter().all(is_plain)).then(|| parts.join("."))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("type", Some("type"))]
    #[case("data[id]", Some("data.id"))]
    #[case("data[merges][EMAIL]", Some("data.merges.EMAIL"))]
    #[case("data[interests][]", Some("data.interests."))]
    #[case("data[", None)]
    #[case("data]", None)]
    #[case("data[[x]]", None)]
    #[case("data[][x]", None)]
    #[case("[x]", None)]
    #[case("", None)]
    #[case("a.b", None)]
    #[case("a[1][2][3][4][5]", Some("a.1.2.3.4.5"))]
    #[case("a[1][2][3][4][5][6]", None)]
    fn a_name_with_brackets_is_a_path(#[case] name: &str, #[case] expected: Option<&str>) {
        assert_eq!(path(name).as_deref(), expected);
    }

    #[test]
    fn f44_a_form_has_a_bounded_number_of_fields_and_each_once() {
        let many: Vec<String> = (0..=MOST_FIELDS).map(|number| format!("data[a{number}]=1")).collect();
        assert!(Form::read(many.join("&").as_bytes()).is_err());
        assert!(Form::read(b"a=1&a=2").is_err());
        let form = Form::read(b"type=profile&data[list][]=x&data[list][]=y&data[name]=A+B%26C").unwrap();
        assert_eq!((form.text("data.list.0"), form.text("data.list.1")), (Some("x"), Some("y")));
        assert_eq!((form.text("data.name"), form.text("data.none")), (Some("A B&C"), None));
    }
}

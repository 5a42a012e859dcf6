//! How Google's APIs speak: addresses, names of resources, pages of a listing, answers.

use serde_json::Value;
use url::Url;

use super::classify;
use crate::connector::{Answer, ConnectorError};

// Platform answers are bounded by the transport; these bound what is taken out of them.
const LONGEST_ID: usize = 64;
const LONGEST_NAME: usize = 200;
const LONGEST_PAGE_TOKEN: usize = 2_048;

/// `{base}/{segments…}`; every segment is encoded, so an id cannot change the path.
pub(super) fn address(base: &Url, segments: &[&str]) -> Url {
    let mut url = base.clone();
    // Settings accept http and https only, and those always have a path to extend.
    if let Ok(mut path) = url.path_segments_mut() {
        path.pop_if_empty().extend(segments);
    }
    url
}

/// The object of an answer that is no error.
///
/// # Errors
/// What the platform refused, or the answer is no object.
pub(super) fn read(answer: &Answer) -> Result<Value, ConnectorError> {
    let body = answer.json().filter(Value::is_object);
    if let Some(error) = classify::error(answer, body.as_ref()) {
        return Err(error);
    }
    body.ok_or(ConnectorError::Unreadable { what: "a JSON object" })
}

/// The answer that a flow must have by now.
///
/// # Errors
/// There is none.
pub(super) fn expect(answer: Option<&Answer>) -> Result<&Answer, ConnectorError> {
    answer.ok_or(ConnectorError::Unreadable { what: "an answer to the last call" })
}

/// The entries of a page. A list without entries is left out by Google.
///
/// # Errors
/// It is there and no list.
pub(super) fn entries<'a>(body: &'a Value, name: &str) -> Result<&'a [Value], ConnectorError> {
    match body.get(name) {
        None => Ok(&[]),
        Some(Value::Array(entries)) => Ok(entries),
        Some(Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_)) => {
            Err(ConnectorError::Unreadable { what: "a list" })
        }
    }
}

/// Where the next page begins; the absence of it, or an empty text, is the end of a listing.
///
/// # Errors
/// It is no text, or longer than any.
pub(super) fn next_page(body: &Value) -> Result<Option<String>, ConnectorError> {
    match body.get("nextPageToken") {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(token)) if token.is_empty() => Ok(None),
        Some(Value::String(token)) if token.len() <= LONGEST_PAGE_TOKEN => Ok(Some(token.clone())),
        Some(Value::String(_) | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_)) => {
            Err(ConnectorError::Unreadable { what: "a `nextPageToken`" })
        }
    }
}

/// Whether a text has the form of an id.
fn is_id(text: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    (1..=LONGEST_ID).contains(&text.len()) && text.bytes().all(is_plain)
}

/// The ids in a name of this form, such as `accounts/*/locations/*`: its segments at the stars.
pub(super) fn ids<'a, const N: usize>(name: &'a str, form: [&str; N]) -> Option<Vec<&'a str>> {
    let mut segments = name.split('/');
    let mut ids = Vec::new();
    for collection in form {
        if segments.next()? != collection {
            return None;
        }
        ids.push(segments.next().filter(|id| is_id(id))?);
    }
    segments.next().is_none().then_some(ids)
}

/// The account and the location of a destination.
pub(super) fn place(destination: &str) -> Option<(&str, &str)> {
    match ids(destination, ["accounts", "locations"])?.as_slice() {
        [account, location] => Some((*account, *location)),
        _ => None,
    }
}

/// The account, location and id of a post.
pub(super) fn post(name: &str) -> Option<(&str, &str, &str)> {
    match ids(name, ["accounts", "locations", "localPosts"])?.as_slice() {
        [account, location, post] => Some((*account, *location, *post)),
        _ => None,
    }
}

/// A name to show, cut to a bounded length.
pub(super) fn name(value: Option<&Value>) -> Option<String> {
    let name: String =
        value?.as_str()?.chars().filter(|character| !character.is_control()).take(LONGEST_NAME).collect();
    (!name.trim().is_empty()).then_some(name)
}

/// An address where people see something; anything but http and https is dropped.
pub(super) fn web_address(value: Option<&Value>) -> Option<Url> {
    Url::parse(value?.as_str()?).ok().filter(|url| matches!(url.scheme(), "http" | "https"))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    #[rstest]
    #[case("accounts/111/locations/222", true)]
    #[case("accounts/9007199254740993/locations/17893124567890123456", true)]
    #[case("locations/222", false)]
    #[case("accounts/111/locations/", false)]
    #[case("accounts/111/locations/222/", false)]
    #[case("accounts/../locations/222", false)]
    #[case("accounts/a?b/locations/222", false)]
    #[case("accounts/111/locations/222/localPosts/1", false)]
    #[case("../../admin?x=1#", false)]
    #[case("", false)]
    fn f45_a_destination_is_an_account_and_a_location_or_it_is_none(#[case] text: &str, #[case] is_one: bool) {
        assert_eq!(place(text).is_some(), is_one);
    }

    #[test]
    fn a_post_is_known_by_its_whole_name() {
        assert_eq!(post("accounts/1/locations/2/localPosts/3"), Some(("1", "2", "3")));
        assert_eq!(post("accounts/1/locations/2"), None);
        assert_eq!(post("accounts/1/locations/2/localPosts/a b"), None);
    }

    #[test]
    fn an_empty_page_is_no_error_and_only_no_token_is_the_end() {
        assert_eq!(entries(&json!({}), "accounts").unwrap().len(), 0);
        assert!(entries(&json!({"accounts": {}}), "accounts").is_err());
        assert_eq!(next_page(&json!({"nextPageToken": ""})), Ok(None));
        assert_eq!(next_page(&json!({"nextPageToken": "a"})), Ok(Some("a".into())));
        assert!(next_page(&json!({"nextPageToken": 1})).is_err());
        assert!(next_page(&json!({"nextPageToken": "a".repeat(2049)})).is_err());
    }
}

//! How the API speaks: addresses, versions, URNs, answers.

use http::{HeaderName, HeaderValue, Method, StatusCode, header};
use jiff::Timestamp;
use serde_json::Value;
use url::Url;

use super::classify;
use crate::{
    connector::{Answer, ConnectorError, Request, settings::LinkedinSettings},
    secret::AccessToken,
};

const RESTLI_ID: &str = "x-restli-id";
const LONGEST_NAME: usize = 200;
const LONGEST_ID: usize = 100;

/// A call of the versioned API: `{api}/rest/{path}?{query}`, both as they go out. What comes from elsewhere is encoded with
/// [`encoded`] before.
pub(super) fn call(settings: &LinkedinSettings, method: Method, path: &str, query: Option<&str>) -> Request {
    let mut url = settings.api_url.clone();
    let base = url.path().trim_end_matches('/').to_owned();
    url.set_path(&format!("{base}/rest/{path}"));
    url.set_query(query);
    let mut request = Request::new(method, url);
    // A version has been checked to be digits.
    if let Ok(version) = HeaderValue::from_str(&settings.version) {
        request.headers.insert(HeaderName::from_static("linkedin-version"), version);
    }
    request.headers.insert(HeaderName::from_static("x-restli-protocol-version"), HeaderValue::from_static("2.0.0"));
    request
}

/// The same with a Rest.li method.
pub(super) fn restli(mut request: Request, method: &'static str) -> Request {
    request.headers.insert(HeaderName::from_static("x-restli-method"), HeaderValue::from_static(method));
    request
}

/// `{www}/oauth/v2/{rest}`.
pub(super) fn oauth(settings: &LinkedinSettings, rest: &str) -> Url {
    let mut url = settings.oauth_url.clone();
    if let Ok(mut path) = url.path_segments_mut() {
        path.pop_if_empty().extend(["oauth", "v2", rest]);
    }
    url
}

/// Signs `request`; signing twice leaves the second signature. A token leaves for LinkedIn's hosts only.
pub(super) fn sign(settings: &LinkedinSettings, request: &mut Request, token: &AccessToken) {
    if !settings.accepts_upload(&request.url) {
        return;
    }
    if let Ok(mut value) = HeaderValue::try_from(format!("Bearer {}", token.expose())) {
        value.set_sensitive(true);
        request.headers.insert(header::AUTHORIZATION, value);
    }
}

/// A URN as it stands in a path or a query. It has been checked, so colons are all there is to encode.
pub(super) fn encoded(urn: &str) -> String {
    urn.replace(':', "%3A")
}

/// The id in a URN of one of these kinds; anything else is none (F44, F45).
pub(super) fn id_of<'a>(urn: &'a str, kinds: &[&str]) -> Option<&'a str> {
    let (kind, id) = urn.strip_prefix("urn:li:")?.split_once(':')?;
    let is_id = (1..=LONGEST_ID).contains(&id.len())
        && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
    (is_id && kinds.contains(&kind)).then_some(id)
}

/// A URN of one of these kinds.
pub(super) fn urn(value: Option<&Value>, kinds: &[&str]) -> Option<String> {
    let text = value?.as_str()?;
    id_of(text, kinds).map(|_| text.to_owned())
}

/// The kinds of posts.
pub(super) const POSTS: [&str; 2] = ["share", "ugcPost"];

/// Where people see a post.
pub(super) fn permalink(urn: &str) -> Option<Url> {
    Url::parse(&format!("https://www.linkedin.com/feed/update/{urn}/")).ok()
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

/// Whether an answer is the success that is documented for it; its body does not matter, and often there is none.
///
/// # Errors
/// What the platform refused, or the answer is another.
pub(super) fn done(answer: &Answer, expected: &[StatusCode]) -> Result<(), ConnectorError> {
    if let Some(error) = classify::error(answer, answer.json().filter(Value::is_object).as_ref()) {
        return Err(error);
    }
    if expected.contains(&answer.status) {
        return Ok(());
    }
    Err(ConnectorError::Unreadable { what: "a documented success" })
}

/// The id of what was created.
pub(super) fn created(answer: &Answer, kinds: &[&str]) -> Option<String> {
    let text = answer.headers.get(RESTLI_ID)?.to_str().ok()?;
    id_of(text, kinds).map(|_| text.to_owned())
}

/// The answer that a flow must have by now.
///
/// # Errors
/// There is none.
pub(super) fn expect(answer: Option<&Answer>) -> Result<&Answer, ConnectorError> {
    answer.ok_or(ConnectorError::Unreadable { what: "an answer to the last call" })
}

/// The list of a finder's answer.
///
/// # Errors
/// There is none.
pub(super) fn elements(body: &Value) -> Result<&Vec<Value>, ConnectorError> {
    body.get("elements").and_then(Value::as_array).ok_or(ConnectorError::Unreadable { what: "a list `elements`" })
}

/// Whether a page says that another follows. Its address is not followed: a place in the listing says the same.
pub(super) fn has_next(body: &Value) -> bool {
    let links = body.pointer("/paging/links").and_then(Value::as_array);
    links.into_iter().flatten().any(|link| link.get("rel").and_then(Value::as_str) == Some("next"))
}

/// A name to show, cut to a bounded length.
pub(super) fn name(value: Option<&Value>) -> Option<String> {
    let name: String =
        value?.as_str()?.chars().filter(|character| !character.is_control()).take(LONGEST_NAME).collect();
    (!name.trim().is_empty()).then_some(name)
}

/// A time in milliseconds.
pub(super) fn time(value: Option<&Value>) -> Option<Timestamp> {
    Timestamp::from_millisecond(value?.as_i64()?).ok()
}

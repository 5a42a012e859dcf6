//! How the Graph API speaks: addresses, the error envelope, pages of a listing, times and ids.

use jiff::Timestamp;
use serde_json::Value;
use url::Url;

use super::errors::Errors;
use crate::{
    connector::{Answer, ConnectorError},
    secret::AccessToken,
};

// Platform answers are bounded by the transport; these bound what is taken out of them.
const LONGEST_ID: usize = 64;
const LONGEST_NAME: usize = 200;
const LONGEST_TOKEN: usize = 4096;

/// `{base}/{version}/{segments…}`; every segment is encoded, so an id cannot change the path.
pub(in crate::connector) fn extended(base: &Url, version: &str, segments: &[&str]) -> Url {
    let mut url = base.clone();
    // Settings accept http and https only, and those always have a path to extend.
    if let Ok(mut path) = url.path_segments_mut() {
        path.pop_if_empty().push(version).extend(segments);
    }
    url
}

/// The body of an answer that is not an error. An error may come with status 200, so the envelope decides first.
///
/// # Errors
/// What the envelope says; or, without one, what the status says.
pub(in crate::connector) fn read(answer: &Answer, errors: &Errors) -> Result<Value, ConnectorError> {
    let body = answer.json().filter(Value::is_object);
    match body.as_ref().and_then(|body| body.get("error")) {
        Some(envelope) if envelope.is_object() => Err(errors.envelope(envelope, answer)),
        Some(_) | None if !answer.status.is_success() => Err(errors.status_alone(answer)),
        Some(_) => Err(ConnectorError::Unreadable { what: "an error in its documented form" }),
        None => body.ok_or(ConnectorError::Unreadable { what: "a JSON object" }),
    }
}

/// The answer that a flow must have by now.
///
/// # Errors
/// There is none.
pub(in crate::connector) fn expect(answer: Option<&Answer>) -> Result<&Answer, ConnectorError> {
    answer.ok_or(ConnectorError::Unreadable { what: "an answer to the last call" })
}

/// Whether a body is `{"success": true}`.
///
/// # Errors
/// It is not.
pub(in crate::connector) fn succeeded(body: &Value) -> Result<(), ConnectorError> {
    match body.get("success").and_then(Value::as_bool) {
        Some(true) => Ok(()),
        Some(false) | None => Err(ConnectorError::Unreadable { what: "`success`" }),
    }
}

/// The entries of one page of a listing.
///
/// # Errors
/// There is no list.
pub(in crate::connector) fn entries(body: &Value) -> Result<&[Value], ConnectorError> {
    let list = body.get("data").and_then(Value::as_array);
    list.map(Vec::as_slice).ok_or(ConnectorError::Unreadable { what: "a list `data`" })
}

/// Where the next page is; its absence, and nothing else, is the end of a listing.
///
/// The address is taken only from the host that was asked, and without the secrets that Meta may have put into it: the
/// call is signed anew.
///
/// # Errors
/// It is not an address, or one of another host.
pub(in crate::connector) fn next_page(body: &Value, host: &Url) -> Result<Option<Url>, ConnectorError> {
    let address = match body.pointer("/paging/next") {
        None | Some(Value::Null) => return Ok(None),
        Some(address) => address.as_str().and_then(|address| Url::parse(address).ok()),
    };
    let mut url = address.ok_or(ConnectorError::Unreadable { what: "an address in `paging.next`" })?;
    if url.origin() != host.origin() || !url.username().is_empty() || url.password().is_some() {
        return Err(ConnectorError::Unreadable { what: "the same host in `paging.next`" });
    }
    without_parameters(&mut url, &["access_token", "appsecret_proof"]);
    Ok(Some(url))
}

/// Takes parameters out of a query.
pub(in crate::connector) fn without_parameters(url: &mut Url, names: &[&str]) {
    if !url.query_pairs().any(|(name, _)| names.contains(&name.as_ref())) {
        return;
    }
    let kept: Vec<(String, String)> = url
        .query_pairs()
        .filter(|(name, _)| !names.contains(&name.as_ref()))
        .map(|(n, v)| (n.into(), v.into()))
        .collect();
    url.set_query(None);
    if !kept.is_empty() {
        url.query_pairs_mut().extend_pairs(kept);
    }
}

/// An id: digits, or two groups of digits joined by `_`, as text or (app and user ids) as a number.
pub(in crate::connector) fn id(value: Option<&Value>) -> Option<String> {
    let text = match value? {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.as_u64()?.to_string(),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => return None,
    };
    is_id(&text).then_some(text)
}

/// A whole number, as a number or as text: offsets come as either.
pub(in crate::connector) fn number(value: Option<&Value>) -> Option<u64> {
    match value? {
        Value::String(text) => text.parse().ok(),
        Value::Number(number) => number.as_u64(),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

/// Whether a text has the form of an id.
pub(in crate::connector) fn is_id(text: &str) -> bool {
    let is_group = |group: &str| !group.is_empty() && group.bytes().all(|byte| byte.is_ascii_digit());
    text.len() <= LONGEST_ID && text.splitn(2, '_').all(is_group)
}

/// A name to show, cut to a bounded length.
pub(in crate::connector) fn name(value: Option<&Value>) -> Option<String> {
    let name: String =
        value?.as_str()?.chars().filter(|character| !character.is_control()).take(LONGEST_NAME).collect();
    (!name.trim().is_empty()).then_some(name)
}

/// A token that can stand in a header.
pub(in crate::connector) fn token(value: Option<&Value>) -> Option<AccessToken> {
    let text = value?.as_str()?;
    let is_token = (1..=LONGEST_TOKEN).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
    is_token.then(|| AccessToken::new(text))
}

/// A time of the Graph API, `2026-11-21T00:00:59+0000`: the offset has no colon, so it is not RFC 3339.
pub(in crate::connector) fn time(text: &str) -> Option<Timestamp> {
    Timestamp::strptime("%Y-%m-%dT%H:%M:%S%z", text).ok()
}

/// Seconds since 1970; zero means "never" and is no time.
pub(in crate::connector) fn seconds(value: Option<&Value>) -> Option<Timestamp> {
    value?.as_i64().filter(|seconds| *seconds > 0).and_then(|seconds| Timestamp::from_second(seconds).ok())
}

/// An address where people see something; anything but http and https is dropped.
pub(in crate::connector) fn address(value: Option<&Value>) -> Option<Url> {
    Url::parse(value?.as_str()?).ok().filter(|url| matches!(url.scheme(), "http" | "https"))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    fn host() -> Url {
        Url::parse("https://graph.facebook.com").unwrap()
    }

    #[test]
    fn an_id_cannot_change_the_path_of_an_edge() {
        let edge = |segments: &[&str]| extended(&host(), "v26.0", segments);
        assert_eq!(edge(&["1", "feed"]).as_str(), "https://graph.facebook.com/v26.0/1/feed");
        assert_eq!(edge(&["../me?a=b#c"]).as_str(), "https://graph.facebook.com/v26.0/..%2Fme%3Fa=b%23c");
    }

    #[rstest]
    #[case::meta("2026-11-21T00:00:59+0000", Some("2026-11-21T00:00:59Z"))]
    #[case::another_zone("2026-11-20T16:00:59-0800", Some("2026-11-21T00:00:59Z"))]
    #[case::no_zone("2026-11-21T00:00:59", None)]
    #[case::words("yesterday", None)]
    fn times_have_an_offset_without_a_colon(#[case] text: &str, #[case] expected: Option<&str>) {
        assert_eq!(time(text), expected.map(|text| text.parse().unwrap()));
    }

    #[rstest]
    #[case::post(json!("100_200"), Some("100_200"))]
    #[case::page(json!("100"), Some("100"))]
    #[case::number(json!(218_471), Some("218471"))]
    #[case::empty(json!(""), None)]
    #[case::half(json!("100_"), None)]
    #[case::three_groups(json!("1_2_3"), None)]
    #[case::path(json!("../me"), None)]
    #[case::negative(json!(-1), None)]
    #[case::too_long(json!("1".repeat(65)), None)]
    fn f44_an_id_is_digits_or_it_is_none(#[case] value: Value, #[case] expected: Option<&str>) {
        assert_eq!(id(Some(&value)).as_deref(), expected);
    }

    #[rstest]
    #[case::another_host("https://graph.facebook.com.example/v26.0/me/accounts")]
    #[case::another_port("https://graph.facebook.com:444/v26.0/me/accounts")]
    #[case::another_scheme("http://graph.facebook.com/v26.0/me/accounts")]
    #[case::credentials("https://a:b@graph.facebook.com/v26.0/me/accounts")]
    #[case::no_address("/v26.0/me/accounts")]
    fn f44_a_next_page_elsewhere_is_refused(#[case] next: &str) {
        let body = json!({ "data": [], "paging": { "next": next } });
        assert!(next_page(&body, &host()).is_err());
    }

    #[test]
    fn a_next_page_is_followed_without_the_secrets_in_it() {
        let next = "https://graph.facebook.com/v26.0/1/accounts?access_token=EAAP&limit=1&appsecret_proof=ab&after=QVF";
        let body = json!({ "data": [], "paging": { "next": next } });
        let url = next_page(&body, &host()).unwrap().unwrap();
        assert_eq!(url.as_str(), "https://graph.facebook.com/v26.0/1/accounts?limit=1&after=QVF");
    }

    #[test]
    fn the_end_of_a_listing_is_the_absence_of_a_next_page() {
        let body = json!({ "data": [], "paging": { "cursors": { "after": "QVF" } } });
        assert_eq!(next_page(&body, &host()), Ok(None));
    }

    #[test]
    fn a_token_that_cannot_stand_in_a_header_is_none() {
        assert!(token(Some(&json!("EAAP"))).is_some());
        for wrong in [json!(""), json!("a\r\nb"), json!("a b"), json!("é"), json!("a".repeat(4097)), json!(1)] {
            assert!(token(Some(&wrong)).is_none(), "{wrong}");
        }
    }
}

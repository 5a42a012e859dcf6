//! Addresses of the APIs, and the envelope that all of their answers have.

use http::Method;
use jiff::Timestamp;
use serde_json::Value;
use url::Url;

use super::classify;
use crate::connector::{
    Answer, Body, ConnectorError, Request,
    settings::{TiktokSettings, tiktok::TIKTOK_UPLOAD_DOMAIN},
};

// A publish id has 64 characters at most, and an address 256; twice that is still one.
const LONGEST_ID: usize = 128;
const LONGEST_ADDRESS: usize = 1_024;
const LONGEST_NAME: usize = 200;

/// An address of the APIs; all of them end in a slash.
pub(super) fn url(base: &Url, path: &[&str]) -> Url {
    let mut url = base.clone();
    if let Ok(mut segments) = url.path_segments_mut() {
        segments.pop_if_empty().extend(path).push("");
    }
    url
}

/// A call that reads, with the fields that it wants.
pub(super) fn get(settings: &TiktokSettings, path: &[&str], fields: &str) -> Request {
    let mut url = url(&settings.api_url, path);
    url.query_pairs_mut().append_pair("fields", fields);
    Request::new(Method::GET, url)
}

/// A call with a body in JSON.
pub(super) fn post(settings: &TiktokSettings, path: &[&str], body: Value) -> Request {
    Request { body: Body::Json(body), ..Request::new(Method::POST, url(&settings.api_url, path)) }
}

/// The `data` of an answer whose envelope says `ok`, whatever its status says.
///
/// # Errors
/// What TikTok refused, or no envelope.
pub(super) fn read(answer: &Answer) -> Result<Value, ConnectorError> {
    let body = answer.json();
    let code = body.as_ref().and_then(|body| body.pointer("/error/code")).and_then(Value::as_str);
    match code {
        Some("ok") if answer.status.is_success() => {
            let data = body.as_ref().and_then(|body| body.get("data")).filter(|data| data.is_object());
            data.cloned().ok_or(ConnectorError::Unreadable { what: "`data` of an answer" })
        }
        code => {
            let log = ["/error/log_id", "/error/logid"];
            let trace_id = log.iter().find_map(|at| plain(body.as_ref()?.pointer(at), 64));
            Err(classify::refused(answer, code, trace_id.as_deref()))
        }
    }
}

/// A text of visible ASCII characters.
pub(super) fn plain(value: Option<&Value>, longest: usize) -> Option<String> {
    let text = value?.as_str()?;
    let is_plain = (1..=longest).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
    is_plain.then(|| text.into())
}

/// An opaque id: real ones may begin with a dash.
pub(super) fn id(value: Option<&Value>) -> Option<String> {
    plain(value, LONGEST_ID)
}

/// The id of a video: digits, as text or as a number beyond 53 bits.
pub(super) fn video_id(value: &Value) -> Option<String> {
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.as_u64()?.to_string(),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => return None,
    };
    is_video_id(&text).then_some(text)
}

/// Whether a text has the form of a video's id.
pub(super) fn is_video_id(text: &str) -> bool {
    (1..=20).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// A name to show, cut to a bounded length.
pub(super) fn name(value: Option<&Value>) -> Option<String> {
    let name: String =
        value?.as_str()?.chars().filter(|character| !character.is_control()).take(LONGEST_NAME).collect();
    (!name.trim().is_empty()).then_some(name)
}

/// Seconds since 1970.
pub(super) fn seconds(value: Option<&Value>) -> Option<Timestamp> {
    value?.as_i64().filter(|seconds| *seconds > 0).and_then(|seconds| Timestamp::from_second(seconds).ok())
}

/// An address where people see something.
pub(super) fn address(value: Option<&Value>) -> Option<Url> {
    Url::parse(value?.as_str()?).ok().filter(|url| matches!(url.scheme(), "http" | "https"))
}

/// Where a file is uploaded to: a host of TikTok's, over https; or whatever stands in for the APIs.
///
/// # Errors
/// The address leads elsewhere.
pub(super) fn upload_url(settings: &TiktokSettings, text: Option<&str>) -> Result<Url, ConnectorError> {
    let elsewhere = ConnectorError::Unreadable { what: "an address of TikTok in `upload_url`" };
    let Some(text) = text.filter(|text| text.len() <= LONGEST_ADDRESS) else { return Err(elsewhere) };
    let Ok(url) = Url::parse(text) else { return Err(elsewhere) };
    let host = url.host_str().unwrap_or_default();
    let is_tiktok = host.strip_suffix(TIKTOK_UPLOAD_DOMAIN).is_some_and(|rest| rest.ends_with('.'))
        && url.scheme() == "https"
        && url.port().is_none();
    let is_plain = url.username().is_empty() && url.password().is_none() && url.fragment().is_none();
    if is_plain && (is_tiktok || url.origin() == settings.api_url.origin()) { Ok(url) } else { Err(elsewhere) }
}

/// The answer to a call that was made.
///
/// # Errors
/// There is none.
pub(super) fn expect(answer: Option<&Answer>) -> Result<&Answer, ConnectorError> {
    answer.ok_or(ConnectorError::Unreadable { what: "an answer" })
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    #[rstest]
    #[case::documented("https://open-upload.tiktokapis.com/video/?upload_id=1&upload_token=a", true)]
    #[case::another_region("https://upload.us.tiktokapis.com/video/", true)]
    #[case::elsewhere("https://evil.example/video", false)]
    #[case::looks_like_it("https://eviltiktokapis.com/video", false)]
    #[case::begins_like_it("https://open-upload.tiktokapis.com.evil.example/", false)]
    #[case::not_encrypted("http://open-upload.tiktokapis.com/", false)]
    #[case::another_port("https://open-upload.tiktokapis.com:8443/", false)]
    #[case::credentials("https://a:b@open-upload.tiktokapis.com/", false)]
    #[case::nothing("", false)]
    fn f44_files_go_to_tiktok_and_nowhere_else(#[case] address: &str, #[case] is_taken: bool) {
        assert_eq!(upload_url(&TiktokSettings::default(), Some(address)).is_ok(), is_taken);
    }

    #[test]
    fn an_id_of_a_video_is_a_number_or_its_digits() {
        assert_eq!(video_id(&json!(7_602_997_517_160_123_666_u64)).as_deref(), Some("7602997517160123666"));
        assert_eq!(video_id(&json!("7602997517160123666")).as_deref(), Some("7602997517160123666"));
        for wrong in [json!(-1), json!(1.5), json!(""), json!("../me"), json!(null), json!([1])] {
            assert_eq!(video_id(&wrong), None, "{wrong}");
        }
        assert_eq!(id(Some(&json!("-000YSS_EXAMPLE"))).as_deref(), Some("-000YSS_EXAMPLE"));
        assert_eq!(id(Some(&json!("a b"))), None);
    }
}

//! How the Marketing API speaks: addresses, ids, statuses, answers.

use serde_json::Value;
use url::Url;

use super::classify;
use crate::connector::{Answer, ConnectorError, settings::MailchimpSettings};

const VERSION: &str = "3.0";
// Platform answers are bounded by the transport; these bound what is taken out of them.
const LONGEST_ID: usize = 40;
const LONGEST_NAME: usize = 200;

/// `{api}/3.0/{segments…}`; every segment is encoded, so an id cannot change the path.
pub(super) fn address(settings: &MailchimpSettings, segments: &[&str]) -> Url {
    let mut url = settings.api_url.clone();
    // Settings accept http and https only, and those always have a path to extend.
    if let Ok(mut path) = url.path_segments_mut() {
        path.pop_if_empty().push(VERSION).extend(segments);
    }
    url
}

/// The same at a data centre, whatever data centre was in it before. A stand-in for the API gets it as the first segment of
/// the path, because it has one host only.
pub(super) fn at_data_centre(settings: &MailchimpSettings, url: &mut Url, data_centre: Option<&str>) {
    let Some(host) = settings.api_url.host_str() else { return };
    if host == "api.mailchimp.com" {
        let is_api = url.host_str().is_some_and(|own| own == host || own.ends_with(".api.mailchimp.com"));
        if is_api {
            let host = data_centre.map_or_else(|| host.to_owned(), |data_centre| format!("{data_centre}.{host}"));
            // A data centre has been checked, so this is a host.
            let _same = url.set_host(Some(&host));
        }
    } else if url.origin() == settings.api_url.origin()
        && let Some(at) = url.path().find(&format!("/{VERSION}"))
    {
        let rest = url.path().split_at(at).1.to_owned();
        let base = settings.api_url.path().trim_end_matches('/');
        let path = match data_centre {
            Some(data_centre) => format!("{base}/{data_centre}{rest}"),
            None => format!("{base}{rest}"),
        };
        url.set_path(&path);
    }
}

/// A data centre as Mailchimp names them: `us6`. It becomes part of a host name, so nothing else will do (F45).
pub(super) fn data_centre(text: &str) -> Option<&str> {
    let (letters, digits) = text.split_at_checked(2)?;
    let is_one = letters.bytes().all(|byte| byte.is_ascii_lowercase())
        && (1..=3).contains(&digits.len())
        && digits.bytes().all(|byte| byte.is_ascii_digit());
    is_one.then_some(text)
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

/// Whether an answer says, as the documented ones do, that it is done and has nothing to say: 204 without a body.
///
/// # Errors
/// What the platform refused, or the answer is another.
pub(super) fn done(answer: &Answer) -> Result<(), ConnectorError> {
    if let Some(error) = classify::error(answer, answer.json().filter(Value::is_object).as_ref()) {
        return Err(error);
    }
    if answer.status == http::StatusCode::NO_CONTENT {
        return Ok(());
    }
    Err(ConnectorError::Unreadable { what: "an answer without a body" })
}

/// The answer that a flow must have by now.
///
/// # Errors
/// There is none.
pub(super) fn expect(answer: Option<&Answer>) -> Result<&Answer, ConnectorError> {
    answer.ok_or(ConnectorError::Unreadable { what: "an answer to the last call" })
}

/// The id of a campaign or an audience: letters and digits.
pub(super) fn id(value: Option<&Value>) -> Option<String> {
    let text = match value? {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.as_u64()?.to_string(),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => return None,
    };
    is_id(&text).then_some(text)
}

/// Whether a text has the form of an id.
pub(super) fn is_id(text: &str) -> bool {
    (1..=LONGEST_ID).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
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
    use crate::connector::settings::HostPolicy;

    #[rstest]
    #[case("us6", true)]
    #[case("us22", true)]
    #[case("eu101", true)]
    #[case("us", false)]
    #[case("us1234", false)]
    #[case("US6", false)]
    #[case("u6", false)]
    #[case("us6.evil", false)]
    #[case("us6/", false)]
    #[case("us6@evil.example", false)]
    #[case("é6", false)]
    #[case("", false)]
    fn f45_a_data_centre_is_two_letters_and_a_number(#[case] text: &str, #[case] is_one: bool) {
        assert_eq!(data_centre(text).is_some(), is_one);
    }

    #[test]
    fn a_call_goes_to_the_data_centre_and_to_no_second_one() {
        let settings = MailchimpSettings::default();
        let mut url = address(&settings, &["campaigns", "../x?y#z"]);
        assert_eq!(url.as_str(), "https://api.mailchimp.com/3.0/campaigns/..%2Fx%3Fy%23z");
        for (data_centre, host) in [
            (Some("us6"), "us6.api.mailchimp.com"),
            (Some("us7"), "us7.api.mailchimp.com"),
            (None, "api.mailchimp.com"),
        ] {
            at_data_centre(&settings, &mut url, data_centre);
            assert_eq!(url.as_str(), format!("https://{host}/3.0/campaigns/..%2Fx%3Fy%23z"));
        }
    }

    #[test]
    fn a_stand_in_gets_the_data_centre_in_the_path() {
        let mut settings = MailchimpSettings::default();
        settings.set_api_url("http://127.0.0.1:8081/mailchimp", HostPolicy::StandIn).unwrap();
        let mut url = address(&settings, &["lists"]);
        for (data_centre, path) in [
            (Some("us6"), "/mailchimp/us6/3.0/lists"),
            (Some("us7"), "/mailchimp/us7/3.0/lists"),
            (None, "/mailchimp/3.0/lists"),
        ] {
            at_data_centre(&settings, &mut url, data_centre);
            assert_eq!(url.path(), path);
        }
        let mut elsewhere: Url = "https://login.mailchimp.com/oauth2/metadata".parse().unwrap();
        at_data_centre(&MailchimpSettings::default(), &mut elsewhere, Some("us6"));
        assert_eq!(elsewhere.as_str(), "https://login.mailchimp.com/oauth2/metadata");
    }

    #[rstest]
    #[case::campaign(json!("42694e9e57"), true)]
    #[case::number(json!(17), true)]
    #[case::empty(json!(""), false)]
    #[case::path(json!("../me"), false)]
    #[case::too_long(json!("a".repeat(41)), false)]
    #[case::nothing(json!(null), false)]
    fn f44_an_id_is_letters_and_digits_or_it_is_none(#[case] value: Value, #[case] is_id: bool) {
        assert_eq!(id(Some(&value)).is_some(), is_id);
    }
}

//! How long an answer asks to wait, by the header that is the same everywhere (RFC 9110, section 10.2.3).

use http::{HeaderMap, header};
use jiff::{SignedDuration, fmt::rfc2822};

/// No answer is believed for longer than this.
const LONGEST: SignedDuration = SignedDuration::from_hours(24);

/// The wait of a `Retry-After`: seconds, or a date, which is counted from the same answer's `Date`, so that our own clock
/// does not matter. `None` where there is none, or none that can be read.
pub(super) fn retry_after(headers: &HeaderMap) -> Option<SignedDuration> {
    let text = headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim();
    let wait = if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        text.parse().map_or(LONGEST, SignedDuration::from_secs)
    } else {
        let date = headers.get(header::DATE)?.to_str().ok()?;
        let (until, since) = (rfc2822::parse(text).ok()?, rfc2822::parse(date).ok()?);
        until.timestamp().duration_since(since.timestamp())
    };
    wait.is_positive().then(|| wait.min(LONGEST))
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::seconds("30", Some(30))]
    #[case::none("0", None)]
    #[case::too_long("90000", Some(86_400))]
    #[case::absurd("99999999999999999999", Some(86_400))]
    #[case::a_date("Sat, 21 Nov 2026 10:02:00 GMT", Some(120))]
    #[case::a_date_that_is_over("Sat, 21 Nov 2026 09:59:59 GMT", None)]
    #[case::negative("-5", None)]
    #[case::words("soon", None)]
    #[case::nothing("", None)]
    fn a_wait_is_read_in_both_of_its_forms(#[case] value: &'static str, #[case] seconds: Option<i64>) {
        let mut headers = HeaderMap::new();
        headers.insert(header::DATE, HeaderValue::from_static("Sat, 21 Nov 2026 10:00:00 GMT"));
        headers.insert(header::RETRY_AFTER, HeaderValue::from_static(value));
        assert_eq!(retry_after(&headers), seconds.map(SignedDuration::from_secs));
    }

    #[test]
    fn a_date_without_the_answers_own_date_says_nothing() {
        let mut headers = HeaderMap::new();
        assert_eq!(retry_after(&headers), None);
        headers.insert(header::RETRY_AFTER, HeaderValue::from_static("Sat, 21 Nov 2026 10:02:00 GMT"));
        assert_eq!(retry_after(&headers), None);
    }
}

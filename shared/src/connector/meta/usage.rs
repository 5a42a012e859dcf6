//! How much of its quotas the platform says we have used. Meta documents no `Retry-After`: percentages and minutes, as
//! JSON in headers.

use http::HeaderMap;
use jiff::SignedDuration;
use serde_json::Value;

// Percentages: at 100 the platform throttles. What is left below that is for the calls that are under way meanwhile.
const FULL: f64 = 95.0;
// The window slides over an hour and the headers do not say when it frees: look again after this long.
const LOOK_AGAIN: SignedDuration = SignedDuration::from_mins(5);
const LONGEST_WAIT_MINUTES: i64 = 24 * 60;
// Up to 32 objects are documented; anything much longer is not this header.
const LONGEST_HEADER: usize = 16 * 1024;

/// How long to hold back, if any quota is used up: the longest that any header asks for.
pub(in crate::connector) fn wait(headers: &HeaderMap) -> Option<SignedDuration> {
    let flat = ["x-app-usage", "x-page-usage"]
        .iter()
        .filter_map(|name| value_of(headers, name))
        .filter_map(|usage| is_full(&usage).then_some(LOOK_AGAIN));
    // A map from account to a *list* of objects, one for each kind of use.
    let by_account = value_of(headers, "x-business-use-case-usage");
    let by_use = by_account.iter().filter_map(Value::as_object).flat_map(serde_json::Map::values);
    let nested = by_use.filter_map(Value::as_array).flatten().filter_map(|usage| {
        let minutes = usage.get("estimated_time_to_regain_access").and_then(Value::as_i64).unwrap_or(0);
        match minutes {
            1.. => Some(SignedDuration::from_mins(minutes.min(LONGEST_WAIT_MINUTES))),
            _ => is_full(usage).then_some(LOOK_AGAIN),
        }
    });
    flat.chain(nested).max()
}

fn is_full(usage: &Value) -> bool {
    ["call_count", "total_time", "total_cputime"]
        .iter()
        .filter_map(|name| usage.get(name).and_then(Value::as_f64))
        .any(|percent| percent >= FULL)
}

fn value_of(headers: &HeaderMap, name: &str) -> Option<Value> {
    let value = headers.get(name)?.as_bytes();
    (value.len() <= LONGEST_HEADER).then(|| serde_json::from_slice(value).ok()).flatten()
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::below("x-app-usage", r#"{"call_count":94,"total_time":25,"total_cputime":25}"#, None)]
    #[case::full("x-app-usage", r#"{"call_count":100,"total_time":25,"total_cputime":25}"#, Some(5))]
    #[case::full_by_time("x-page-usage", r#"{"call_count":1,"total_time":101.5}"#, Some(5))]
    #[case::regain(
        "x-business-use-case-usage",
        r#"{"100200300400":[{"type":"pages","call_count":100,"total_cputime":3,"total_time":4,"estimated_time_to_regain_access":19}]}"#,
        Some(19)
    )]
    #[case::the_longest(
        "x-business-use-case-usage",
        r#"{"1":[{"estimated_time_to_regain_access":3},{"estimated_time_to_regain_access":7}],"2":[{"call_count":100}]}"#,
        Some(7)
    )]
    #[case::below_for_a_page(
        "x-business-use-case-usage",
        r#"{"1":[{"call_count":28,"estimated_time_to_regain_access":0}]}"#,
        None
    )]
    #[case::absurd(
        "x-business-use-case-usage",
        r#"{"1":[{"estimated_time_to_regain_access":9223372036854775807}]}"#,
        Some(1440)
    )]
    #[case::one_level_off("x-business-use-case-usage", r#"{"1":{"estimated_time_to_regain_access":9}}"#, None)]
    #[case::not_json("x-app-usage", "100%", None)]
    fn usage_says_how_long_to_hold_back(
        #[case] name: &'static str,
        #[case] value: &'static str,
        #[case] minutes: Option<i64>,
    ) {
        let mut headers = HeaderMap::new();
        headers.insert(name, HeaderValue::from_static(value));
        assert_eq!(wait(&headers), minutes.map(SignedDuration::from_mins));
    }
}

//! The refresh grant of OAuth 2.0 (RFC 6749, section 6), as most platforms speak it: one form, one JSON object.

use http::{Method, StatusCode};
use jiff::{SignedDuration, Timestamp, fmt::rfc2822};
use serde_json::Value;
use url::Url;

use super::{
    Act, Answer, Authentication, Body, ConnectorError, Flow, Refusal, Request, Step, TokenSet, retry_after::retry_after,
};
use crate::secret::{AccessToken, RefreshToken};

/// Uses the refresh token of `tokens` once. `client` is what proves that we are the app, under the platform's names for it.
///
/// # Errors
/// [`ConnectorError::Unsupported`] if the grant has no refresh token.
pub fn refresh(
    platform: &'static str,
    url: Url,
    client: &[(&str, &str)],
    tokens: &TokenSet,
) -> Result<Box<dyn Flow<TokenSet>>, ConnectorError> {
    let reason = "this connection came without a refresh token";
    let Some(token) = &tokens.refresh else {
        return Err(ConnectorError::Unsupported { platform, what: "renew the connection", reason });
    };
    let mut form: Vec<(String, String)> =
        client.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    form.push(("grant_type".into(), "refresh_token".into()));
    form.push(("refresh_token".into(), token.expose().into()));
    let request =
        Request { authentication: Authentication::Complete, body: Body::Form(form), ..Request::new(Method::POST, url) };
    Ok(Box::new(Refresh(Some(request))))
}

struct Refresh(Option<Request>);

impl Flow<TokenSet> for Refresh {
    fn advance(&mut self, answer: Option<&Answer>) -> Result<Step<TokenSet>, ConnectorError> {
        match (self.0.take(), answer) {
            (Some(request), None) => Ok(Step::Call(request)),
            (_, Some(answer)) => read_tokens(answer).map(Step::Done),
            (None, None) => Err(ConnectorError::Unreadable { what: "no answer after the end" }),
        }
    }
}

/// Reads the answer of a token endpoint. An empty text is no token.
///
/// # Errors
/// What the platform refused, by the error codes of RFC 6749, whatever the status (some send them with a 200).
pub fn read_tokens(answer: &Answer) -> Result<TokenSet, ConnectorError> {
    let body = answer.json();
    let member = |name: &str| body.as_ref().and_then(|body| body.get(name));
    let text = |name: &str| member(name).and_then(Value::as_str).filter(|text| !text.is_empty());
    if !answer.status.is_success() || text("error").is_some() {
        return Err(refused(answer, text("error")));
    }
    let access = text("access_token").ok_or(ConnectorError::Unreadable { what: "an access token" })?;
    Ok(TokenSet {
        access: AccessToken::new(access),
        access_expires_at: member("expires_in").and_then(|life| ends_at(answer, life)),
        data_access_expires_at: None,
        refresh: text("refresh_token").map(RefreshToken::new),
        // The RFC knows no end of a refresh token: TikTok and LinkedIn each have their own word for it.
        refresh_expires_at: member("refresh_expires_in")
            .or_else(|| member("refresh_token_expires_in"))
            .and_then(|life| ends_at(answer, life)),
    })
}

/// The end of something that lasts so many seconds from the answer on, by the platform's own clock: the answer's `Date`.
#[must_use]
pub fn ends_at(answer: &Answer, seconds: &Value) -> Option<Timestamp> {
    let seconds = seconds.as_i64().or_else(|| seconds.as_str()?.parse().ok())?;
    let date = answer.headers.get(http::header::DATE)?.to_str().ok()?;
    rfc2822::parse(date).ok()?.timestamp().saturating_add(SignedDuration::from_secs(seconds)).ok()
}

fn refused(answer: &Answer, code: Option<&str>) -> ConnectorError {
    let status = answer.status;
    let refusal = |name: &str, act, message: &str| Refusal {
        // The codes that are passed on are those of the RFC; a platform's own words stay out.
        platform_code: Some(
            code.filter(|code| KNOWN.contains(code)).map_or_else(|| status.as_str().to_owned(), Into::into),
        ),
        ..Refusal::ours(name, act, message)
    };
    if status == StatusCode::TOO_MANY_REQUESTS {
        let refusal = refusal("oauth.rate.app", Act::Nobody, "Too many renewals at once; postd tries again.");
        return ConnectorError::RateLimited { refusal, retry_after: retry_after(&answer.headers) };
    }
    match code {
        Some("invalid_grant") => {
            let text = "The platform no longer accepts the connection: connect the account again.";
            ConnectorError::Unauthorized(refusal("oauth.invalid_grant", Act::EndUser, text))
        }
        Some("invalid_client" | "unauthorized_client" | "unsupported_grant_type") => {
            let text = "The platform does not accept our app: its credentials or its permissions are wrong.";
            ConnectorError::Operator(refusal("oauth.client_refused", Act::Operator, text))
        }
        Some("temporarily_unavailable") => {
            let text = "The platform renews no connections at the moment; postd tries again.";
            ConnectorError::Transient(refusal("oauth.unavailable", Act::Nobody, text))
        }
        _ if status.is_server_error() => {
            let text = "The platform failed while it renewed the connection; postd tries again.";
            ConnectorError::Unavailable(refusal("oauth.failed", Act::Nobody, text))
        }
        _ if status.is_client_error() => {
            let text = "The platform refused to renew the connection, and not because it has ended.";
            ConnectorError::Rejected(refusal("oauth.refused", Act::Operator, text))
        }
        _ => ConnectorError::Unreadable { what: "an answer of a token endpoint" },
    }
}

const KNOWN: [&str; 8] = [
    "invalid_request",
    "invalid_client",
    "invalid_grant",
    "invalid_scope",
    "unauthorized_client",
    "unsupported_grant_type",
    "server_error",
    "temporarily_unavailable",
];

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use http::{HeaderMap, HeaderValue};
    use rstest::rstest;

    use super::*;
    use crate::connector::{Disposition, Effect};

    fn answer(status: u16, body: &'static str) -> Answer {
        let mut headers = HeaderMap::new();
        headers.insert(http::header::DATE, HeaderValue::from_static("Sat, 21 Nov 2026 10:00:00 GMT"));
        Answer { status: StatusCode::from_u16(status).unwrap(), headers, body: Bytes::from_static(body.as_bytes()) }
    }

    #[test]
    fn lifetimes_count_from_the_date_of_the_answer() {
        let body = r#"{"access_token":"a","expires_in":7200,"refresh_token":"r","refresh_expires_in":"15552000"}"#;
        let tokens = read_tokens(&answer(200, body)).unwrap();
        assert_eq!((tokens.access.expose(), tokens.refresh.unwrap().expose()), ("a", "r"));
        assert_eq!(tokens.access_expires_at, Some("2026-11-21T12:00:00Z".parse().unwrap()));
        assert_eq!(tokens.refresh_expires_at, Some("2027-05-20T10:00:00Z".parse().unwrap()));
        let mut undated = answer(200, body);
        undated.headers.clear();
        assert_eq!(read_tokens(&undated).unwrap().access_expires_at, None);
    }

    #[test]
    fn an_empty_token_is_none() {
        assert!(read_tokens(&answer(200, r#"{"access_token":"a","refresh_token":""}"#)).unwrap().refresh.is_none());
        let empty = read_tokens(&answer(200, r#"{"access_token":""}"#)).unwrap_err();
        assert!(matches!(empty, ConnectorError::Unreadable { .. }));
    }

    #[rstest]
    #[case::over(400, r#"{"error":"invalid_grant"}"#, Disposition::Reconnect)]
    #[case::over_with_a_200(200, r#"{"error":"invalid_grant"}"#, Disposition::Reconnect)]
    #[case::our_app(401, r#"{"error":"invalid_client"}"#, Disposition::Operator)]
    #[case::full(429, "", Disposition::Retry(None))]
    #[case::down(503, "<html>", Disposition::Retry(None))]
    #[case::a_moment(400, r#"{"error":"temporarily_unavailable"}"#, Disposition::Retry(None))]
    #[case::our_request(400, r#"{"error":"invalid_scope"}"#, Disposition::Fail)]
    #[case::no_json(200, "<html>", Disposition::Retry(None))]
    fn only_what_says_that_the_grant_is_over_ends_a_connection(
        #[case] status: u16,
        #[case] body: &'static str,
        #[case] expected: Disposition,
    ) {
        assert_eq!(read_tokens(&answer(status, body)).unwrap_err().disposition(Effect::Read), expected);
    }
}

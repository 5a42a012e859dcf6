//! From what a function returns to what the caller gets.

use axum::body::Body;
use axum::response::Response;
use data_encoding::BASE64;
use http::header::{CONTENT_TYPE, SET_COOKIE};
use http::{HeaderName, HeaderValue, StatusCode};
use serde_json::{Map, Value, json};

/// Reads a function's answer; nothing when API Gateway would not understand it, which is a 500.
pub(super) fn read(answer: &[u8]) -> Option<Response> {
    let value: Value = serde_json::from_slice(answer).ok()?;
    match value {
        Value::Object(fields) if fields.contains_key("statusCode") => structured(&fields),
        // Without a status code, whatever it is is the body.
        Value::String(body) => Some(plain(StatusCode::OK, "application/json", body.into_bytes())),
        other @ (Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_)) => {
            Some(plain(StatusCode::OK, "application/json", other.to_string().into_bytes()))
        }
    }
}

/// One of API Gateway's own answers.
pub(super) fn own(status: StatusCode, message: &str) -> Response {
    plain(status, "application/json", json!({"message": message}).to_string().into_bytes())
}

fn plain(status: StatusCode, kind: &'static str, body: Vec<u8>) -> Response {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}

fn structured(fields: &Map<String, Value>) -> Option<Response> {
    let status = match fields.get("statusCode")? {
        Value::Number(number) => u16::try_from(number.as_u64()?).ok()?,
        Value::String(text) => text.parse().ok()?,
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => return None,
    };
    let encoded = match fields.get("isBase64Encoded") {
        None | Some(Value::Null) => false,
        Some(flag) => flag.as_bool()?,
    };
    let body = match fields.get("body") {
        None | Some(Value::Null) => Vec::new(),
        Some(Value::String(body)) if encoded => BASE64.decode(body.as_bytes()).ok()?,
        Some(Value::String(body)) => body.clone().into_bytes(),
        Some(_) => return None,
    };
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = StatusCode::from_u16(status).ok()?;
    if let Some(headers) = fields.get("headers").filter(|headers| !headers.is_null()) {
        for (name, value) in headers.as_object()? {
            let value = header_value(value)?;
            response.headers_mut().insert(HeaderName::try_from(name).ok()?, HeaderValue::try_from(value).ok()?);
        }
    }
    if let Some(cookies) = fields.get("cookies").filter(|cookies| !cookies.is_null()) {
        for cookie in cookies.as_array()? {
            response.headers_mut().append(SET_COOKIE, HeaderValue::try_from(cookie.as_str()?).ok()?);
        }
    }
    response.headers_mut().entry(CONTENT_TYPE).or_insert(HeaderValue::from_static("text/plain;charset=UTF-8"));
    Some(response)
}

fn header_value(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(flag) => Some(flag.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use axum::body::to_bytes;

    use super::*;

    async fn seen(answer: &Value) -> Option<(u16, Vec<(String, String)>, String)> {
        let response = read(answer.to_string().as_bytes())?;
        let status = response.status().as_u16();
        let headers = response.headers().iter();
        let headers = headers.map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned())).collect();
        let body = to_bytes(response.into_body(), 1024).await.unwrap();
        Some((status, headers, String::from_utf8(body.to_vec()).unwrap()))
    }

    fn kind(value: &str) -> (String, String) {
        ("content-type".to_owned(), value.to_owned())
    }

    #[tokio::test]
    async fn a_full_answer_is_taken_as_it_is() {
        let answer = json!({
            "statusCode": 201, "headers": {"Content-Type": "text/html", "X-Count": 3}, "cookies": ["a=1", "b=2"],
            "body": "aGk=", "isBase64Encoded": true,
        });
        let (status, headers, body) = seen(&answer).await.unwrap();
        assert_eq!((status, body.as_str()), (201, "hi"));
        let cookies: Vec<&str> =
            headers.iter().filter(|(name, _)| name == "set-cookie").map(|(_, value)| value.as_str()).collect();
        assert_eq!(cookies, ["a=1", "b=2"]);
        assert!(headers.contains(&kind("text/html")) && headers.contains(&("x-count".to_owned(), "3".to_owned())));
    }

    #[tokio::test]
    async fn bare_json_becomes_a_200() {
        assert_eq!(
            seen(&json!({"a": 1})).await.unwrap(),
            (200, vec![kind("application/json")], r#"{"a":1}"#.to_owned())
        );
        assert_eq!(seen(&json!("text")).await.unwrap(), (200, vec![kind("application/json")], "text".to_owned()));
    }

    #[tokio::test]
    async fn an_answer_without_a_body_is_plain_text() {
        assert_eq!(
            seen(&json!({"statusCode": "204"})).await.unwrap(),
            (204, vec![kind("text/plain;charset=UTF-8")], String::new())
        );
    }

    #[tokio::test]
    async fn what_the_gateway_does_not_understand_is_refused() {
        for answer in [
            json!({"statusCode": "abc"}),
            json!({"statusCode": 99}),
            json!({"statusCode": 200, "body": {"a": 1}}),
            json!({"statusCode": 200, "headers": {"a": ["b"]}}),
            json!({"statusCode": 200, "headers": {"a b": "c"}}),
            json!({"statusCode": 200, "body": "no base64!", "isBase64Encoded": true}),
        ] {
            assert_eq!(seen(&answer).await, None, "{answer}");
        }
        assert!(read(b"not json").is_none());
    }
}

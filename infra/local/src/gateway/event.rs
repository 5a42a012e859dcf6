//! The event that a function or an authorizer gets for a request: payload format 2.0.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use bytes::Bytes;
use data_encoding::BASE64;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE, COOKIE, HOST, USER_AGENT};
use http::request::Parts;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::clock;

/// A request that has found its route.
#[derive(Debug)]
pub(super) struct Routed<'a> {
    pub(super) parts: &'a Parts,
    pub(super) peer: SocketAddr,
    pub(super) route_key: String,
    pub(super) request_id: String,
    /// As in the path, percent-encoded.
    pub(super) variables: BTreeMap<String, String>,
}

impl Routed<'_> {
    /// A header's values, joined by commas.
    pub(super) fn header(&self, name: &str) -> Option<String> {
        let values: Vec<String> = self
            .parts
            .headers
            .get_all(name)
            .iter()
            .map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
            .collect();
        if values.is_empty() { None } else { Some(values.join(",")) }
    }

    pub(super) fn query(&self, name: &str) -> Option<String> {
        self.queries().remove(name)
    }

    /// The event for the route's function.
    pub(super) fn event(&self, body: &Bytes, authorizer_context: Option<&Value>) -> Value {
        let mut event = self.common();
        if let Some(context) = authorizer_context
            && let Some(request_context) = event.get_mut("requestContext").and_then(Value::as_object_mut)
        {
            request_context.insert("authorizer".to_owned(), json!({"lambda": context}));
        }
        let binary = is_binary(self.parts, body);
        event.insert("isBase64Encoded".to_owned(), json!(binary));
        if !body.is_empty() {
            let body = if binary { BASE64.encode(body) } else { String::from_utf8_lossy(body).into_owned() };
            event.insert("body".to_owned(), json!(body));
        }
        Value::Object(event)
    }

    /// The event for an authorizer: no body, but what identifies the caller.
    pub(super) fn authorizer_event(&self, identity: &[String]) -> Value {
        let mut event = self.common();
        event.insert("type".to_owned(), json!("REQUEST"));
        event.insert("identitySource".to_owned(), json!(identity));
        let arn = format!(
            "arn:aws:execute-api:{}:{}:local/$default/{}{}",
            emulators::REGION,
            emulators::ACCOUNT,
            self.parts.method,
            self.parts.uri.path()
        );
        event.insert("routeArn".to_owned(), json!(arn));
        Value::Object(event)
    }

    fn common(&self) -> Map<String, Value> {
        let uri = &self.parts.uri;
        let mut event = Map::new();
        event.insert("version".to_owned(), json!("2.0"));
        event.insert("routeKey".to_owned(), json!(self.route_key));
        event.insert("rawPath".to_owned(), json!(uri.path()));
        event.insert("rawQueryString".to_owned(), json!(uri.query().unwrap_or_default()));
        let cookies = self.cookies();
        if !cookies.is_empty() {
            event.insert("cookies".to_owned(), json!(cookies));
        }
        event.insert("headers".to_owned(), json!(self.headers()));
        let queries = self.queries();
        if !queries.is_empty() {
            event.insert("queryStringParameters".to_owned(), json!(queries));
        }
        let variables: BTreeMap<&String, String> =
            self.variables.iter().map(|(name, value)| (name, percent_decoded(value))).collect();
        if !variables.is_empty() {
            event.insert("pathParameters".to_owned(), json!(variables));
        }
        event.insert("requestContext".to_owned(), self.request_context());
        event
    }

    fn request_context(&self) -> Value {
        let domain = self.header(HOST.as_str()).unwrap_or_else(|| "localhost".to_owned());
        let now = clock::now();
        json!({
            "accountId": emulators::ACCOUNT,
            "apiId": "local",
            "domainName": domain,
            "domainPrefix": domain.split('.').next().unwrap_or_default(),
            "http": {
                "method": self.parts.method.as_str(),
                "path": self.parts.uri.path(),
                "protocol": format!("{:?}", self.parts.version),
                "sourceIp": self.peer.ip().to_string(),
                "userAgent": self.header(USER_AGENT.as_str()).unwrap_or_default(),
            },
            "requestId": self.request_id,
            "routeKey": self.route_key,
            "stage": "$default",
            "time": now.strftime("%d/%b/%Y:%H:%M:%S +0000").to_string(),
            "timeEpoch": now.as_millisecond(),
        })
    }

    /// Names in lower case, several values of one name joined by commas, cookies apart, and what the gateway adds.
    fn headers(&self) -> BTreeMap<String, String> {
        let mut headers: BTreeMap<String, String> = self
            .parts
            .headers
            .keys()
            .filter(|name| *name != COOKIE)
            .filter_map(|name| Some((name.as_str().to_owned(), self.header(name.as_str())?)))
            .collect();
        let hop = self.peer.ip().to_string();
        let forwarded = match headers.get("x-forwarded-for") {
            Some(before) => format!("{before}, {hop}"),
            None => hop,
        };
        headers.insert("x-forwarded-for".to_owned(), forwarded);
        headers.insert("x-forwarded-proto".to_owned(), "http".to_owned());
        let port = self.header(HOST.as_str()).and_then(|host| host.rsplit_once(':').map(|(_, port)| port.to_owned()));
        headers.insert("x-forwarded-port".to_owned(), port.unwrap_or_else(|| "80".to_owned()));
        let random = Uuid::now_v7().simple().to_string();
        let trace = format!("Root=1-{:08x}-{}", clock::now().as_second(), random.split_at(8).1);
        headers.entry("x-amzn-trace-id".to_owned()).or_insert(trace);
        headers
    }

    fn cookies(&self) -> Vec<String> {
        self.parts
            .headers
            .get_all(COOKIE)
            .iter()
            .flat_map(|value| {
                String::from_utf8_lossy(value.as_bytes()).split("; ").map(str::to_owned).collect::<Vec<_>>()
            })
            .filter(|cookie| !cookie.is_empty())
            .collect()
    }

    fn queries(&self) -> BTreeMap<String, String> {
        let mut queries: BTreeMap<String, String> = BTreeMap::new();
        for (name, value) in form_urlencoded::parse(self.parts.uri.query().unwrap_or_default().as_bytes()) {
            queries
                .entry(name.into_owned())
                .and_modify(|values| {
                    values.push(',');
                    values.push_str(&value);
                })
                .or_insert_with(|| value.to_string());
        }
        queries
    }
}

/// API Gateway hands these over as text and everything else in Base64; what claims to be text and is not, too.
fn is_binary(parts: &Parts, body: &[u8]) -> bool {
    if body.is_empty() {
        return false;
    }
    if parts.headers.contains_key(CONTENT_ENCODING) || std::str::from_utf8(body).is_err() {
        return true;
    }
    let Some(kind) = parts.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()) else { return false };
    let kind = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let text = kind.starts_with("text/")
        || matches!(kind.as_str(), "application/json" | "application/javascript" | "application/xml");
    !text
}

fn percent_decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        let decoded = match (first, after) {
            (b'%', [high, low, ..]) => hex(*high).zip(hex(*low)).map(|(high, low)| high * 16 + low),
            _ => None,
        };
        if let Some(byte) = decoded {
            bytes.push(byte);
            rest = after.get(2..).unwrap_or_default();
        } else {
            bytes.push(*first);
            rest = after;
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    fn parts(request: http::request::Builder) -> Parts {
        request.body(()).unwrap().into_parts().0
    }

    fn routed(parts: &Parts) -> Routed<'_> {
        Routed {
            parts,
            peer: "127.0.0.1:5000".parse().unwrap(),
            route_key: "GET /v1/posts/{post}".to_owned(),
            request_id: "r1".to_owned(),
            variables: BTreeMap::from([("post".to_owned(), "a%20b%2Fc%".to_owned())]),
        }
    }

    #[test]
    fn an_event_has_the_shape_of_payload_2() {
        let request = Request::get("/v1/posts/a%20b%2Fc%?tag=a&tag=b%26&x=")
            .header("Host", "127.0.0.1:8080")
            .header("Accept", "a")
            .header("Accept", "b")
            .header("Cookie", "one=1; two=2")
            .header("User-Agent", "test");
        let parts = parts(request);
        let event = routed(&parts).event(&Bytes::new(), Some(&json!({"tenant": "ten_1"})));
        assert_eq!(event["version"], "2.0");
        assert_eq!(event["rawPath"], "/v1/posts/a%20b%2Fc%");
        assert_eq!(event["rawQueryString"], "tag=a&tag=b%26&x=");
        assert_eq!(event["queryStringParameters"], json!({"tag": "a,b&", "x": ""}));
        assert_eq!(event["pathParameters"], json!({"post": "a b/c%"}));
        assert_eq!(event["cookies"], json!(["one=1", "two=2"]));
        assert_eq!(event["headers"]["accept"], "a,b");
        assert_eq!(event["headers"]["x-forwarded-port"], "8080");
        assert!(event["headers"].get("cookie").is_none());
        assert_eq!(event["requestContext"]["authorizer"], json!({"lambda": {"tenant": "ten_1"}}));
        assert_eq!(event["requestContext"]["domainName"], "127.0.0.1:8080");
        assert_eq!(event["requestContext"]["http"]["protocol"], "HTTP/1.1");
        assert_eq!(event["requestContext"]["http"]["sourceIp"], "127.0.0.1");
        assert_eq!((&event["isBase64Encoded"], event.get("body")), (&json!(false), None));
    }

    #[test]
    fn only_text_travels_as_text() {
        for (kind, encoding, body, binary) in [
            (Some("application/json"), None, "{}".as_bytes(), false),
            (Some("application/json; charset=utf-8"), None, b"{}", false),
            (Some("text/plain"), None, b"x", false),
            (None, None, b"x", false),
            (Some("application/x-www-form-urlencoded"), None, b"a=b", true),
            (Some("image/png"), None, b"x", true),
            (Some("application/json"), Some("gzip"), b"x", true),
            (Some("text/plain"), None, &[0xff], true),
        ] {
            let mut request = Request::post("/");
            if let Some(kind) = kind {
                request = request.header("Content-Type", kind);
            }
            if let Some(encoding) = encoding {
                request = request.header("Content-Encoding", encoding);
            }
            let parts = parts(request);
            let event = routed(&parts).event(&Bytes::copy_from_slice(body), None);
            assert_eq!(event["isBase64Encoded"], binary, "{kind:?} {encoding:?}");
            if binary {
                assert_eq!(event["body"], BASE64.encode(body));
            }
        }
    }

    #[test]
    fn an_authorizer_gets_no_body() {
        let parts = parts(Request::get("/v1/posts/1").header("Authorization", "Bearer k"));
        let event = routed(&parts).authorizer_event(&["Bearer k".to_owned()]);
        assert_eq!((&event["type"], &event["identitySource"]), (&json!("REQUEST"), &json!(["Bearer k"])));
        assert_eq!(event["routeArn"], "arn:aws:execute-api:us-east-1:000000000000:local/$default/GET/v1/posts/1");
        assert!(event.get("body").is_none());
    }
}

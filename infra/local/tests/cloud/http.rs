//! API Gateway's rules, over HTTP.

use http::Request;
use serde_json::{Value, json};

use crate::support::{FUNCTION, Running};

fn template() -> String {
    let route = |name: &str, method: &str, path: &str, more: &str| {
        format!(
            "        {name}: {{ Type: HttpApi, Properties: {{ ApiId: !Ref Api, Method: {method}, Path: \"{path}\"{more} }} }}\n"
        )
    };
    let open = ", Auth: { Authorizer: NONE }";
    format!(
        "Resources:\n  Api:\n    Type: AWS::Serverless::HttpApi\n    Properties:\n      Auth:\n        \
         DefaultAuthorizer: Key\n        Authorizers:\n          Key:\n            \
         FunctionArn: !GetAtt Authorizer.Arn\n            AuthorizerPayloadFormatVersion: \"2.0\"\n            \
         EnableSimpleResponses: true\n            Identity: {{ Headers: [Authorization], ReauthorizeEvery: 60 }}\n  \
         Authorizer:\n    Type: AWS::Serverless::Function\n    Properties: {{ {FUNCTION} }}\n  \
         Worker:\n    Type: AWS::Serverless::Function\n    Properties:\n      CodeUri: local-test-function\n      \
         Timeout: 2\n      Events:\n{}{}{}{}",
        route("Closed", "GET", "/v1/posts/{post}", ""),
        route("Open", "ANY", "/open", open),
        route("Hurried", "POST", "/hurried", ", TimeoutInMillis: 50, Auth: { Authorizer: NONE }"),
        route("Rest", "ANY", "$default", open),
    )
}

#[tokio::test]
async fn a_request_reaches_its_function_with_the_authorizers_context() {
    let running = Running::start(&template()).await;
    let get = || Request::get("/v1/posts/a%2Fb?x=1").header("Authorization", "good").header("X-One", "1");
    let (status, headers, event) = running.call(get(), b"").await;
    assert_eq!((status, &event["routeKey"]), (200, &json!("GET /v1/posts/{post}")));
    assert_eq!(event["pathParameters"], json!({"post": "a/b"}));
    assert_eq!(event["headers"]["x-one"], "1");
    assert_eq!(event["requestContext"]["authorizer"]["lambda"], json!({"count": 1}));
    assert!(headers.contains_key("apigw-requestid"));

    // The second time the answer is remembered: the authorizer would have counted to two.
    let (_, _, event) = running.call(get(), b"").await;
    assert_eq!(event["requestContext"]["authorizer"]["lambda"], json!({"count": 1}));
}

#[tokio::test]
async fn who_does_not_say_who_they_are_is_refused_without_a_call() {
    let running = Running::start(&template()).await;
    let (status, _, body) = running.call(Request::get("/v1/posts/1"), b"").await;
    assert_eq!((status, body), (401, json!({"message": "Unauthorized"})));
    assert!(running.cloud.environments("Authorizer").is_empty());
}

#[tokio::test]
async fn who_may_not_is_refused_and_a_broken_authorizer_is_our_fault() {
    let running = Running::start(&template()).await;
    let get = |key: &str| Request::get("/v1/posts/1").header("Authorization", key);
    let (status, _, body) = running.call(get("bad"), b"").await;
    assert_eq!((status, body), (403, json!({"message": "Forbidden"})));
    let (status, _, body) = running.call(get("broken"), b"").await;
    assert_eq!((status, body), (500, json!({"message": "Internal Server Error"})));
    assert!(running.cloud.environments("Worker").is_empty());
}

#[tokio::test]
async fn the_functions_answer_becomes_the_response() {
    let running = Running::start(&template()).await;
    let say = |answer: Value| json!({"answer": answer}).to_string();
    let post = || Request::post("/open").header("Content-Type", "application/json");
    let created = say(json!({"statusCode": 201, "headers": {"Location": "/x"}, "cookies": ["a=1"], "body": "made"}));
    let (status, headers, body) = running.call(post(), created.as_bytes()).await;
    assert_eq!((status, body), (201, json!("made")));
    assert_eq!((&headers["location"], &headers["set-cookie"]), (&"/x".parse().unwrap(), &"a=1".parse().unwrap()));

    let (status, _, body) = running.call(post(), say(json!({"bare": true})).as_bytes()).await;
    assert_eq!((status, body), (200, json!({"bare": true})));

    let (status, _, body) = running.call(post(), say(json!({"statusCode": "none"})).as_bytes()).await;
    assert_eq!((status, body), (500, json!({"message": "Internal Server Error"})));
}

#[tokio::test]
async fn what_no_route_takes_goes_to_the_default_route() {
    let running = Running::start(&template()).await;
    let (status, _, event) = running.call(Request::put("/nowhere"), b"").await;
    assert_eq!((status, &event["routeKey"]), (200, &json!("$default")));
}

#[tokio::test]
async fn more_than_ten_megabytes_are_refused() {
    let running = Running::start(&template()).await;
    let (status, _, body) = running.call(Request::post("/open"), &vec![b'x'; 10 * 1024 * 1024 + 1]).await;
    assert_eq!((status, body), (413, json!({"message": "Request Entity Too Large"})));
}

#[tokio::test]
async fn the_gateway_does_not_wait_longer_than_the_integration_timeout() {
    let running = Running::start(&template()).await;
    let hang = json!({"hang": true}).to_string();
    let request = Request::post("/hurried").header("Content-Type", "application/json");
    let (status, _, body) = running.call(request, hang.as_bytes()).await;
    assert_eq!((status, body), (503, json!({"message": "Service Unavailable"})));
}

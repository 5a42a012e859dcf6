//! The parts that operations are put together from: parameters, bodies, answers and refusals.

use std::collections::BTreeMap;

use serde_json::Value;
use shared::{
    http::routes,
    problem::{Code, Fault, Problem},
    scope::Scope,
};
use utoipa::openapi::{
    ContentBuilder, Header, HeaderBuilder, ObjectBuilder, Ref, RefOr, Required, Response, ResponseBuilder, Schema,
    Type,
    example::ExampleBuilder,
    path::{Operation, OperationBuilder, Parameter, ParameterBuilder, ParameterIn},
    request_body::{RequestBody, RequestBodyBuilder},
    response::Responses,
    security::SecurityRequirement,
};

use crate::{KEY, examples, schema};

/// A refusal by code, with the words of one case of it.
pub(crate) type Refusal = (Code, &'static str);

/// What a key is refused with.
const SEND_A_KEY: &str = "Send `Authorization: Bearer <key>` with a key that the operator of postd gave you.";

/// Who may use a route.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    /// Whoever has a key.
    Key,
    /// Everyone.
    Public,
}

/// An operation with everything that it refuses.
pub(crate) fn operation(
    access: Access,
    (tag, id): (&str, &str),
    (summary, description): (&str, &str),
    refusals: &[Refusal],
) -> OperationBuilder {
    let mut refusals = refusals.to_vec();
    if access == Access::Key {
        refusals.extend([Code::KeyUnknown, Code::KeyExpired, Code::KeyRevoked].map(|code| (code, SEND_A_KEY)));
    }
    let mut responses = Responses::from_iter(problems(&refusals, access));
    for (status, name) in [("429", "Throttled"), ("500", "NoAnswer")] {
        responses.responses.insert(status.to_owned(), utoipa::openapi::Ref::from_response_name(name).into());
    }
    OperationBuilder::new()
        .tag(tag)
        .operation_id(Some(id))
        .summary(Some(summary))
        .description(Some(description))
        .responses(responses)
}

/// The operation as only a key with `scope` may use it.
pub(crate) fn scoped(mut operation: Operation, scope: Scope) -> Operation {
    let needs = format!("Takes a key with the scope `{scope}`.");
    operation.description = Some(match operation.description {
        Some(description) => format!("{description} {needs}"),
        None => needs,
    });
    operation.security = Some(vec![SecurityRequirement::new(KEY, [scope.name()])]);
    let refusals = [routes::missing(scope), Problem::tenant_deleted()];
    let examples = refusals.each_ref().map(|refusal| {
        let example = sorted(serde_json::to_value(refusal).unwrap_or_default());
        (refusal.code, ExampleBuilder::new().value(Some(example)).build())
    });
    let content = ContentBuilder::new().schema(Some(schema("Problem"))).examples_from_iter(examples).build();
    let response = ResponseBuilder::new()
        .description(refusals.each_ref().map(|refusal| format!("`{}`", refusal.code)).join(", "))
        .content("application/problem+json", content)
        .build();
    operation.responses.responses.insert(Code::TenantDeleted.status().to_string(), response.into());
    operation
}

/// One response for each status, with an example for each code.
fn problems(refusals: &[Refusal], access: Access) -> Vec<(String, Response)> {
    let mut by_status: BTreeMap<u16, Vec<Refusal>> = BTreeMap::new();
    for refusal in refusals {
        by_status.entry(refusal.0.status()).or_default().push(*refusal);
    }
    by_status.into_iter().map(|(status, refusals)| (status.to_string(), problem(status, &refusals, access))).collect()
}

fn problem(status: u16, refusals: &[Refusal], access: Access) -> Response {
    let codes: Vec<String> = refusals.iter().map(|(code, _)| format!("`{}`", code.name())).collect();
    let examples = refusals.iter().map(|(code, detail)| {
        let example = sorted(serde_json::to_value(refused(*code, detail)).unwrap_or_default());
        (code.name(), ExampleBuilder::new().value(Some(example)).build())
    });
    let content =
        ContentBuilder::new().schema(Some(schema("Problem"))).examples_from_iter(examples.collect::<Vec<_>>()).build();
    let mut response = ResponseBuilder::new().content("application/problem+json", content);
    let may_be = |wanted: &[Code]| refusals.iter().any(|(code, _)| wanted.contains(code));
    if may_be(&[Code::IdempotencyRunning]) {
        let text = "Seconds until the same request may be sent again; only with `idempotency.running`.";
        response = response.header("Retry-After", text_header(text, "1"));
    }
    if may_be(&[Code::IdempotencyRunning, Code::PostDuplicate]) {
        let text = "Where the post is that this key becomes, or that stands in the way; not with other codes.";
        response = response.header("Location", text_header(text, &format!("/v1/posts/{}", examples::POST)));
    }
    let by_key = access == Access::Key && status == 401;
    if !by_key {
        return response.description(codes.join(", ")).build();
    }
    response
        .description(format!("{}; without an `Authorization` header API Gateway answers by itself", codes.join(", ")))
        .content("application/json", gateway_content("Unauthorized"))
        .header("WWW-Authenticate", text_header("`Bearer`; not sent by API Gateway itself.", "Bearer"))
        .build()
}

fn refused(code: Code, detail: &str) -> Problem {
    match code {
        Code::BodyInvalid => {
            let text = "The text has 63300 characters; a Page takes 63206.";
            Problem::invalid(vec![Fault::new("/content/text", "facebook.text.too_long", text)])
        }
        Code::PostDuplicate => examples::duplicate(detail),
        Code::IdempotencyRunning => examples::running(detail),
        Code::RouteUnknown
        | Code::MethodNotAllowed
        | Code::KeyUnknown
        | Code::KeyExpired
        | Code::KeyRevoked
        | Code::ScopeMissing
        | Code::TenantDeleted
        | Code::BodyTooLarge
        | Code::BodyNotJson
        | Code::QueryInvalid
        | Code::HeaderInvalid
        | Code::PlatformUnknown
        | Code::PostUnknown
        | Code::ConnectionUnknown
        | Code::MediaUnknown
        | Code::UploadTooLarge
        | Code::IdempotencyMismatch
        | Code::PostNotCancellable
        | Code::PostNotEditable
        | Code::TargetUnknown
        | Code::TargetNotInReview
        | Code::PreconditionRequired
        | Code::PreconditionFailed
        | Code::SignatureInvalid
        | Code::SignedRequestInvalid
        | Code::DeletionUnknown
        | Code::HandshakeRefused
        | Code::RateLimited
        | Code::Unavailable => Problem::new(code, detail),
    }
}

/// A JSON answer of a schema.
pub(crate) fn json(description: &str, name: &str, example: Value) -> ResponseBuilder {
    let content = ContentBuilder::new().schema(Some(schema(name))).example(Some(sorted(example))).build();
    ResponseBuilder::new().description(description).content("application/json", content)
}

/// An answer in text.
pub(crate) fn text(description: &str, content_type: &str) -> ResponseBuilder {
    let content = ContentBuilder::new().schema(Some(ObjectBuilder::new().schema_type(Type::String))).build();
    ResponseBuilder::new().description(description).content(content_type, content)
}

/// A JSON body of a schema, with named examples.
pub(crate) fn body<const N: usize>(name: &str, examples: [(&str, Value); N]) -> RequestBody {
    let examples =
        examples.map(|(name, value)| (name.to_owned(), ExampleBuilder::new().value(Some(sorted(value))).build()));
    let content = ContentBuilder::new().schema(Some(schema(name))).examples_from_iter(examples).build();
    RequestBodyBuilder::new().content("application/json", content).required(Some(Required::True)).build()
}

/// A header of an answer.
pub(crate) fn text_header(description: &str, example: &str) -> Header {
    HeaderBuilder::new()
        .schema(Some(ObjectBuilder::new().schema_type(Type::String)))
        .description(Some(description))
        .example(Some(example.into()))
        .build()
}

/// A parameter in the path.
pub(crate) fn in_path(name: &str, description: &str, shape: impl Into<RefOr<Schema>>) -> Parameter {
    parameter(ParameterIn::Path, name, description, shape).required(Required::True).build()
}

/// A parameter that may be left out.
pub(crate) fn optional(
    place: ParameterIn,
    name: &str,
    description: &str,
    shape: impl Into<RefOr<Schema>>,
) -> Parameter {
    parameter(place, name, description, shape).required(Required::False).build()
}

/// A parameter that must be there.
pub(crate) fn required(
    place: ParameterIn,
    name: &str,
    description: &str,
    shape: impl Into<RefOr<Schema>>,
) -> Parameter {
    parameter(place, name, description, shape).required(Required::True).build()
}

fn parameter(place: ParameterIn, name: &str, description: &str, shape: impl Into<RefOr<Schema>>) -> ParameterBuilder {
    ParameterBuilder::new().name(name).parameter_in(place).description(Some(description)).schema(Some(shape))
}

/// An id in the form of its kind.
pub(crate) fn id(prefix: &str) -> ObjectBuilder {
    string().pattern(Some(format!("^{prefix}_[0-9a-f]{{32}}$")))
}

/// A platform of this build, by name.
pub(crate) fn platform() -> Ref {
    schema("Platform")
}

/// Text.
pub(crate) fn string() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String)
}

/// What API Gateway answers with when it answers by itself.
pub(crate) fn gateway_message() -> Schema {
    let message = ObjectBuilder::new().schema_type(Type::String);
    ObjectBuilder::new()
        .description(Some("An answer of API Gateway itself, not of postd."))
        .property("message", message)
        .required("message")
        .into()
}

/// Too many requests: in a minute, or at once.
pub(crate) fn throttled() -> Response {
    let refusal: Refusal = (Code::RateLimited, "At most 1000 requests a minute are taken here; go on in 42 s.");
    let description = "`rate.limited`: the caller has made more requests in this minute than it may; go on after \
                       `Retry-After`. API Gateway itself answers without these headers when the stage takes no more: try \
                       again, later each time.";
    let mut response = ResponseBuilder::from(problem(429, &[refusal], Access::Public)).description(description);
    for (name, description, example) in [
        ("Retry-After", "Seconds until the next minute.", "42"),
        ("RateLimit-Policy", "The limit: its name, requests, seconds.", "\"tenant\";q=1000;w=60"),
        ("RateLimit", "Requests left in this minute, and seconds until the next.", "\"tenant\";r=0;t=42"),
        ("X-RateLimit-Limit", "Requests in a minute.", "1000"),
        ("X-RateLimit-Remaining", "Requests left in this minute.", "0"),
        ("X-RateLimit-Reset", "When the next minute begins, in seconds since 1970.", "1795255260"),
    ] {
        response = response.header(name, text_header(description, example));
    }
    response.content("application/json", gateway_content("Too Many Requests")).build()
}

/// A function that did not answer.
pub(crate) fn no_answer() -> Response {
    ResponseBuilder::new()
        .description("A function did not answer: try again. A create is safe to repeat with its `Idempotency-Key`.")
        .content("application/json", gateway_content("Internal Server Error"))
        .build()
}

fn gateway_content(message: &str) -> utoipa::openapi::Content {
    let example = serde_json::json!({ "message": message });
    ContentBuilder::new().schema(Some(schema("GatewayMessage"))).example(Some(example)).build()
}

/// The same value with the keys of every object in order, whatever features of `serde_json` this build has.
pub(crate) fn sorted(value: Value) -> Value {
    match value {
        Value::Object(members) => {
            let mut members: Vec<(String, Value)> = members.into_iter().collect();
            members.sort_by(|(one, _), (other, _)| one.cmp(other));
            Value::Object(members.into_iter().map(|(name, member)| (name, sorted(member))).collect())
        }
        Value::Array(items) => Value::Array(items.into_iter().map(sorted).collect()),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value,
    }
}

/// A whole number within bounds.
pub(crate) fn number(from: i64, to: i64) -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(from)).maximum(Some(to))
}

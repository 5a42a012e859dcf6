//! The description of the HTTP API, made from the types that answer it and from the codes that refuse it.
//!
//! Shapes come from `shared` (feature `openapi`), problems from [`shared::problem::Code`]. What the types cannot say
//! (which route takes and answers what) is written down in `routes`; a test holds it against `template.yaml`.

use utoipa::openapi::{
    Components, ComponentsBuilder, InfoBuilder, LicenseBuilder, OpenApi, OpenApiBuilder, PathsBuilder, Ref, RefOr,
    Schema, ServerBuilder, ServerVariableBuilder,
    path::PathItem,
    security::{Http, HttpAuthScheme, SecurityScheme},
    tag::TagBuilder,
};

mod answers;
mod examples;
mod routes;

const DESCRIPTION: &str = "\
Accepts posts and publishes them to the accounts that a tenant has connected, on time and at most once.

Requests and answers are JSON in UTF-8 where nothing else is said. Unknown fields in a body are refused. Times carry an offset. Ids are a prefix \
and 32 hexadecimal digits.

Errors are RFC 9457 problems (`application/problem+json`). Branch on `code`; `act` says who can do something about it, \
`retryable` whether the same request may succeed later. All codes are explained in `docs/errors.md`. \
\n\nA tenant may make 1,000 requests a minute, an address without a key 100, and begin and finish 5 logins; whoever runs \
postd may have set other limits. A bulk request counts as many as it has posts, and passes as long as one is left; deliveries of platforms are not counted. Answers carry \
`RateLimit-Policy` and `RateLimit` (draft-ietf-httpapi-ratelimit-headers) and `X-RateLimit-Limit`, `-Remaining` and \
`-Reset`; one too many is answered with 429, `rate.limited` and `Retry-After`.\n\nWhat API Gateway \
itself refuses has its own form, `{\"message\": \"…\"}`: 401 without an `Authorization` header, 429 when too many requests \
come at once, 500 and 503 when a function does not answer.";

/// The name of the security scheme.
const KEY: &str = "apiKey";

/// The document.
#[must_use]
pub fn document() -> OpenApi {
    let mut paths = PathsBuilder::new();
    for route in routes::all() {
        paths = paths.path(route.path, PathItem::new(route.method, route.operation));
    }
    OpenApiBuilder::new()
        .info(
            InfoBuilder::new()
                .title("postd")
                .version(env!("CARGO_PKG_VERSION"))
                .description(Some(DESCRIPTION))
                .license(Some(
                    LicenseBuilder::new().name("MIT OR Apache-2.0").identifier(Some("MIT OR Apache-2.0")).build(),
                ))
                .build(),
        )
        .servers(Some([
            ServerBuilder::new()
                .url("https://{api}.execute-api.{region}.amazonaws.com")
                .description(Some("A deployed stack, or the custom domain in front of it."))
                .parameter("api", ServerVariableBuilder::new().default_value("a1b2c3d4e5"))
                .parameter("region", ServerVariableBuilder::new().default_value("us-east-1"))
                .build(),
            ServerBuilder::new().url("http://127.0.0.1:8080").description(Some("The local cloud.")).build(),
        ]))
        .tags(Some(tags()))
        .paths(paths.build())
        .components(Some(components()))
        .build()
}

/// The document as the repository keeps it.
///
/// # Errors
/// It cannot be written as YAML.
pub fn yaml() -> Result<String, serde_norway::Error> {
    let body = serde_norway::to_string(&document())?;
    Ok(format!("# Generated from the code by `cargo run -p openapi`; do not edit.\n{body}"))
}

fn tags() -> Vec<utoipa::openapi::Tag> {
    [
        ("posts", "Publish, watch and call off."),
        ("media", "Files for posts."),
        ("connections", "The accounts that posts go to."),
        ("dead letters", "What failed for good."),
        ("health", "Whether postd is well; no key needed."),
        ("browsers", "What a person's browser opens while an account is being connected; no key needed."),
        ("platforms", "What the platforms call; their signature stands in for a key."),
    ]
    .map(|(name, description)| TagBuilder::new().name(name).description(Some(description)).build())
    .into()
}

fn components() -> Components {
    let mut schemas: Vec<(String, RefOr<Schema>)> = Vec::new();
    routes::schemas(&mut schemas);
    // A schema may come in by several ways; it is the same each time.
    schemas.sort_by(|(one, _), (other, _)| one.cmp(other));
    schemas.dedup_by(|(one, _), (other, _)| one == other);
    let key = Http::builder()
        .scheme(HttpAuthScheme::Bearer)
        .bearer_format("postd_<environment>_<id>_<secret>")
        .description(Some("A key of the tenant. What it may do, its scopes say: each operation names the one that it takes. A key that was revoked works for a minute at most."))
        .build();
    ComponentsBuilder::new()
        .schemas_from_iter(schemas)
        .schema("GatewayMessage", answers::gateway_message())
        .response("Throttled", answers::throttled())
        .response("NoAnswer", answers::no_answer())
        .security_scheme(KEY, SecurityScheme::Http(key))
        .build()
}

/// A reference to a schema by name.
fn schema(name: &str) -> Ref {
    Ref::from_schema_name(name)
}

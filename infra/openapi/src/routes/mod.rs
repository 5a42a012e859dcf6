//! Every route: what it takes, what it answers, what it refuses.

use shared::{
    http::routes,
    problem::{Code, Problem},
};
use utoipa::{
    ToSchema,
    openapi::{HttpMethod, RefOr, Schema, path::Operation},
};

use crate::answers::{Refusal, scoped};

mod browsers;
mod connections;
mod dead_letters;
mod health;
mod media;
mod platforms;
mod posts;

/// A route with its description.
pub(crate) struct Route {
    pub(crate) method: HttpMethod,
    pub(crate) path: &'static str,
    pub(crate) operation: Operation,
}

impl Route {
    fn new(method: HttpMethod, path: &'static str, operation: impl Into<Operation>) -> Self {
        let verb = serde_json::to_value(&method).unwrap_or_default();
        let route = format!("{} {path}", verb.as_str().unwrap_or_default().to_uppercase());
        let operation = match routes::access(&route) {
            Some(routes::Access::Key(scope)) => scoped(operation.into(), scope),
            Some(routes::Access::Public) | None => operation.into(),
        };
        Self { method, path, operation }
    }
}

/// The store did not answer a read.
const UNAVAILABLE: Refusal = (Code::Unavailable, "The store did not answer; try again.");
/// The store did not answer a write, which may have taken effect.
const NOT_KNOWN: Refusal =
    (Code::Unavailable, "It is not known whether anything was done; send the same request again.");
/// A query parameter that the route does not know, or that cannot be read.
const BAD_QUERY: Refusal = (Code::QueryInvalid, "This address does not know the query parameter `sort`.");
/// What a body may be refused for.
const BAD_BODY: [Refusal; 3] = [
    (Code::BodyTooLarge, "The body has 300000 bytes; at most 262144 are taken."),
    (Code::BodyNotJson, "Expected `,` or `}` at line 1 column 17."),
    (Code::BodyInvalid, ""),
];
/// A platform that this build does not know.
const NO_PLATFORM: Refusal = (Code::PlatformUnknown, "The `platform` in the path is not a platform of this build.");

/// Every route.
pub(crate) fn all() -> Vec<Route> {
    [
        posts::routes(),
        media::routes(),
        dead_letters::routes(),
        connections::routes(),
        browsers::routes(),
        health::routes(),
        platforms::routes(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// Every schema that the routes name, with those that these name in turn.
pub(crate) fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
    add::<Problem>(schemas);
    posts::schemas(schemas);
    media::schemas(schemas);
    dead_letters::schemas(schemas);
    connections::schemas(schemas);
    health::schemas(schemas);
    platforms::schemas(schemas);
}

fn add<T: ToSchema>(schemas: &mut Vec<(String, RefOr<Schema>)>) {
    schemas.push((T::name().into_owned(), T::schema()));
    T::schemas(schemas);
}

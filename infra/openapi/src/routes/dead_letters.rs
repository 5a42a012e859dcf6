//! Dead letters: look at them, send them back to work.

use shared::{
    platform::Platform,
    problem::Code,
    read::DeadLettersView,
    redrive::{NewRedrive, RedriveView},
};
use utoipa::openapi::{
    HttpMethod, RefOr, Schema,
    path::{OperationBuilder, ParameterIn},
};

use super::{BAD_BODY, BAD_QUERY, Route, UNAVAILABLE, add};
use crate::{
    answers::{Access::Key, body, id, json, number, operation, optional, string},
    examples,
};

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::new(HttpMethod::Get, "/v1/dead-letters", list()),
        Route::new(HttpMethod::Post, "/v1/dead-letters/redrive", redrive()),
    ]
}

pub(super) fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
    add::<DeadLettersView>(schemas);
    add::<NewRedrive>(schemas);
    add::<RedriveView>(schemas);
}

fn list() -> OperationBuilder {
    let description = "Targets that failed for good, the latest first. All filters together must fit. A page may be short, \
                       or empty, and still have a `next_cursor`.";
    let platforms = string().enum_values(Some(Platform::ALL.iter().map(|platform| platform.name())));
    let acts = string().enum_values(Some(["caller", "end_user", "operator", "nobody"]));
    let time =
        || string().format(Some(utoipa::openapi::SchemaFormat::KnownFormat(utoipa::openapi::KnownFormat::DateTime)));
    let cursor = "The `next_cursor` of the page before. Only the tenant that was given it can use it.";
    let query = |name: &'static str, text: &'static str, schema| optional(ParameterIn::Query, name, text, schema);
    operation(
        Key,
        ("dead letters", "listDeadLetters"),
        ("List what failed for good", description),
        &[BAD_QUERY, UNAVAILABLE],
    )
    .parameter(query("platform", "Those of one platform.", platforms))
    .parameter(query("connection", "Those of one connection.", id("con")))
    .parameter(query("code", "Those that failed with this code.", string()))
    .parameter(query("act", "Those that these people can do something about.", acts))
    .parameter(query("from", "Those that failed no earlier.", time()))
    .parameter(query("to", "Those that failed no later.", time()))
    .parameter(query("limit", "How many at most; 20 if absent.", number(1, 100).default(Some(20.into()))))
    .parameter(query("cursor", cursor, string()))
    .response("200", json("The dead letters.", "DeadLettersView", examples::dead_letters()))
}

fn redrive() -> OperationBuilder {
    let description = "Says for each target what that means, and does it unless it is a dry run. Where a publish was ever \
                       sent for a target, the platform is asked first: what is out is marked as published, and never posted \
                       again. The rest is queued, at most five a second per connection, and what the time of the call did \
                       not suffice for is told. Sending the same request again does no harm.";
    let mut refusals = BAD_BODY.to_vec();
    refusals.extend([BAD_QUERY, (Code::Unavailable, "Nothing was sent back to work; try again.")]);
    operation(Key, ("dead letters", "redriveDeadLetters"), ("Send dead letters back to work", description), &refusals)
        .request_body(Some(body("NewRedrive", examples::new_redrives())))
        .response("200", json("What became of each target.", "RedriveView", examples::redrive()))
}

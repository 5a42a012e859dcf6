//! Connections: make one, look at them.

use shared::{
    connect::{NewSession, SessionView},
    problem::Code,
    read::ConnectionsView,
    view::{ConnectionEventView, ConnectionView, ReconnectBody, ReconnectView},
};
use utoipa::openapi::{
    HttpMethod, RefOr, Schema,
    path::{OperationBuilder, ParameterIn},
};

use super::{BAD_BODY, BAD_QUERY, Route, UNAVAILABLE, add};
use crate::{
    answers::{Access::Key, body, id, in_path, json, operation, optional, string},
    examples,
};

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::new(HttpMethod::Post, "/v1/connect/sessions", begin()),
        Route::new(HttpMethod::Get, "/v1/connections", list()),
        Route::new(HttpMethod::Get, "/v1/connections/{connection}", get()),
    ]
}

pub(super) fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
    add::<NewSession>(schemas);
    add::<SessionView>(schemas);
    add::<ConnectionView>(schemas);
    add::<ConnectionsView>(schemas);
    add::<ConnectionEventView>(schemas);
    add::<ReconnectView>(schemas);
    add::<ReconnectBody>(schemas);
}

fn begin() -> OperationBuilder {
    let description = "The answer's `url` is for the browser of the person whose account it is: it leads to the \
                       platform's consent page and ends at `return_url`, which the tenant must have listed, with \
                       `connection` (and `missing_scopes`, names with commas between them) or `error` in its query. The \
                       session is good for 15 minutes, once, in one browser.";
    let mut refusals = BAD_BODY.to_vec();
    refusals.push(UNAVAILABLE);
    operation(Key, ("connections", "createConnectSession"), ("Connect an account", description), &refusals)
        .request_body(Some(body("NewSession", examples::new_sessions())))
        .response("201", json("Send the person's browser to `url`.", "SessionView", examples::session()))
}

fn list() -> OperationBuilder {
    operation(
        Key,
        ("connections", "listConnections"),
        (
            "List connections",
            "All of them, or one person's, the oldest first; or all that needs somebody, in one list.",
        ),
        &[BAD_QUERY, UNAVAILABLE],
    )
    .parameter(optional(
        ParameterIn::Query,
        "attention",
        "Only those that need somebody, the one that has for longest first.",
        string().enum_values(Some(["true"])),
    ))
    .parameter(optional(ParameterIn::Query, "end_user", "What connect sessions called the person.", string()))
    .response("200", json("The connections.", "ConnectionsView", examples::connections()))
}

fn get() -> OperationBuilder {
    let description = "Where it may publish, whether it works, what to do if it does not, and what has changed lately.";
    let unknown = (Code::ConnectionUnknown, "None of your connections has this id.");
    operation(Key, ("connections", "getConnection"), ("Look at a connection", description), &[unknown, UNAVAILABLE])
        .parameter(in_path("connection", "The connection's id.", id("con")))
        .response("200", json("The connection.", "ConnectionView", examples::connection()))
}

//! Every route of the API and who may use it. The one place that says so: a route that is not here is refused, and a test
//! of `infra/openapi` holds the list against `template.yaml`.

use super::Request;
use crate::{
    problem::{Code, Problem},
    scope::Scope,
};

/// Who may use a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Whoever has a key with this scope.
    Key(Scope),
    /// Everyone: the route knows no tenant, or has a proof of its own (a session's secret, a platform's signature).
    Public,
}

/// The route that takes what no other does.
pub const DEFAULT: &str = "$default";

/// Every route, as the template names it.
pub const ROUTES: [(&str, Access); 25] = [
    ("POST /v1/posts", Access::Key(Scope::PostsWrite)),
    ("POST /v1/posts/bulk", Access::Key(Scope::PostsWrite)),
    // Keeps nothing, but answers what only those need to know who publish.
    ("POST /v1/posts/validate", Access::Key(Scope::PostsWrite)),
    ("GET /v1/posts", Access::Key(Scope::PostsRead)),
    ("GET /v1/posts/{post}", Access::Key(Scope::PostsRead)),
    ("PATCH /v1/posts/{post}", Access::Key(Scope::PostsWrite)),
    ("DELETE /v1/posts/{post}", Access::Key(Scope::PostsWrite)),
    ("GET /v1/posts/{post}/timeline", Access::Key(Scope::PostsRead)),
    ("GET /v1/posts/{post}/analytics", Access::Key(Scope::PostsRead)),
    ("POST /v1/posts/{post}/targets/{target}/resolve", Access::Key(Scope::PostsWrite)),
    ("POST /v1/media", Access::Key(Scope::PostsWrite)),
    ("GET /v1/media/{media}", Access::Key(Scope::PostsRead)),
    ("GET /v1/dead-letters", Access::Key(Scope::PostsRead)),
    ("POST /v1/dead-letters/redrive", Access::Key(Scope::PostsWrite)),
    ("POST /v1/connect/sessions", Access::Key(Scope::ConnectionsWrite)),
    ("GET /v1/connections", Access::Key(Scope::ConnectionsRead)),
    ("GET /v1/connections/{connection}", Access::Key(Scope::ConnectionsRead)),
    ("GET /v1/connect/{session}", Access::Public),
    ("GET /v1/deletions/{deletion}", Access::Public),
    ("GET /v1/oauth/{platform}/callback", Access::Public),
    ("GET /health", Access::Public),
    ("GET /health/queue", Access::Public),
    ("GET /webhooks/{platform}", Access::Public),
    ("POST /webhooks/{platform}", Access::Public),
    ("POST /webhooks/{platform}/{hook}", Access::Public),
];

/// Who may use `route`; `None` if there is no such route.
#[must_use]
pub fn access(route: &str) -> Option<Access> {
    if route == DEFAULT {
        // It answers that there is nothing.
        return Some(Access::Public);
    }
    ROUTES.iter().find(|(known, _)| *known == route).map(|(_, access)| *access)
}

/// The refusal of a key without `scope`.
#[must_use]
pub fn missing(scope: Scope) -> Problem {
    let text = format!("The key does not have the scope `{scope}`, which this takes; use one that has it.");
    Problem::new(Code::ScopeMissing, text)
}

/// Lets a request through to its use case, if its route is known and its key may use it.
///
/// The functions ask here, for each request, and not the authorizer: its answer is cached per key and holds for every route.
///
/// # Errors
/// 401 without a good key, 403 if the key lacks the scope, 404 if the route is in no list.
pub(super) fn admit(request: &Request) -> Result<(), Problem> {
    match access(&request.route) {
        Some(Access::Public) => Ok(()),
        Some(Access::Key(scope)) if request.caller()?.scopes.has(scope) => Ok(()),
        Some(Access::Key(scope)) => Err(missing(scope)),
        None => {
            tracing::error!(route = %request.route, "nobody has said who may use this route");
            Err(Problem::new(Code::RouteUnknown, "The routes are listed in openapi.yaml."))
        }
    }
}

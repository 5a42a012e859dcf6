//! What is wired to what in a running cloud: not what the template says, but what was made of it.

use serde_json::{Map, Value, json};

use crate::event_source::Mapping;
use crate::gateway::{Gateway, IdentitySource};
use crate::lambda::{FunctionDefinition, Lambda};
use crate::schedule::Schedule;

/// Routes and authorizers by what they are called, functions by their logical ids, event sources and schedules in order.
pub(crate) fn wiring<'a>(
    gateway: Option<&Gateway>,
    lambda: &Lambda,
    sources: impl Iterator<Item = &'a Mapping>,
    schedules: &[Schedule],
) -> Value {
    let functions = lambda.definitions().map(|definition| (definition.logical_id.clone(), function(definition)));
    json!({
        "routes": gateway.map(routes).unwrap_or_default(),
        "authorizers": gateway.map(authorizers).unwrap_or_default(),
        "functions": functions.collect::<Map<_, _>>(),
        "sources": sources.map(source).collect::<Vec<_>>(),
        "schedules": schedules.iter().map(schedule).collect::<Vec<_>>(),
    })
}

fn routes(gateway: &Gateway) -> Map<String, Value> {
    let route = |route: &crate::gateway::Route| {
        let wired = json!({
            "function": route.function,
            "authorizer": route.authorizer,
            "timeout_ms": route.timeout.as_millis(),
        });
        (route.key.to_string(), wired)
    };
    gateway.routes().iter().map(route).collect()
}

fn authorizers(gateway: &Gateway) -> Map<String, Value> {
    let identity = |source: &IdentitySource| match source {
        IdentitySource::Header(name) => format!("$request.header.{name}"),
        IdentitySource::Query(name) => format!("$request.querystring.{name}"),
    };
    let authorizers = gateway.authorizers().map(|(name, definition)| {
        let wired = json!({
            "function": definition.function,
            "identity": definition.identity.iter().map(identity).collect::<Vec<_>>(),
            "cached_seconds": definition.cached_for.as_secs(),
        });
        (name.to_owned(), wired)
    });
    authorizers.collect()
}

fn function(definition: &FunctionDefinition) -> Value {
    json!({
        "name": definition.name,
        "timeout_seconds": definition.timeout.as_secs(),
        "memory_mb": definition.memory_mb,
        "reserved_concurrency": definition.reserved_concurrency,
        "attempts_more": definition.retries.attempts,
        "event_age_seconds": definition.retries.maximum_age.as_secs(),
    })
}

fn source(mapping: &Mapping) -> Value {
    json!({
        "function": mapping.function,
        "queue": mapping.queue_arn,
        "batch_size": mapping.batch_size,
        "window_seconds": mapping.window.as_secs(),
        "reports_failures": mapping.reports_failures,
        "maximum_concurrency": mapping.maximum_concurrency,
    })
}

fn schedule(schedule: &Schedule) -> Value {
    json!({ "function": schedule.function, "every_seconds": schedule.rate.period().as_secs() })
}

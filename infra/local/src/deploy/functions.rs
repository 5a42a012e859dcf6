//! Functions and what triggers them: routes, schedules and event source mappings.

use std::time::Duration;

use serde_json::json;

use super::properties::{Authorizer, Event, Function, HttpApi, HttpApiEvent, Mapping, ScheduleEvent};
use super::{FUNCTION, HTTP_API, MAPPING, Policies, binary, properties, read};
use crate::event_source;
use crate::gateway::{self, Api, RouteKey};
use crate::lambda::{AsyncRetries, FunctionDefinition};
use crate::schedule::{Rate, Schedule};
use crate::template::{Error, Resource, STACK, Scope, scalar_text};

/// What all functions of the template add up to.
#[derive(Debug, Default)]
pub(super) struct Described {
    pub(super) functions: Vec<FunctionDefinition>,
    pub(super) api: Option<Api>,
    pub(super) mappings: Vec<event_source::Mapping>,
    pub(super) schedules: Vec<Schedule>,
    pub(super) policies: Policies,
}

/// The longest that API Gateway waits for a function.
const LONGEST_INTEGRATION: Duration = Duration::from_secs(30);

pub(super) fn describe(wanted: &[&Resource], scope: &Scope<'_>) -> Result<Described, Error> {
    let mut described = Described::default();
    let of_kind = |kind: &'static str| wanted.iter().filter(move |resource| resource.kind == kind);
    for resource in of_kind(HTTP_API) {
        if described.api.is_some() {
            return Err(Error::at(&resource.id, "the local cloud serves one HTTP API"));
        }
        described.api = Some(api(resource, scope)?);
    }
    for resource in of_kind(FUNCTION) {
        function(resource, scope, &mut described)?;
    }
    for resource in of_kind(MAPPING) {
        let mapping = mapping(&resource.id, properties(resource, scope)?, None)?;
        described.mappings.extend(mapping);
    }
    let names: Vec<&str> = described.functions.iter().map(|function| function.name.as_str()).collect();
    for mapping in &described.mappings {
        check_function(&names, &mapping.function, &mapping.name)?;
    }
    for (name, authorizer) in described.api.iter().flat_map(|api| &api.authorizers) {
        check_function(&names, &authorizer.function, &format!("authorizer {name}"))?;
    }
    Ok(described)
}

fn check_function(names: &[&str], name: &str, place: &str) -> Result<(), Error> {
    if names.contains(&name) { Ok(()) } else { Err(Error::at(place, format!("there is no function {name}"))) }
}

/// The function's name in the stack.
pub(super) fn name(resource: &Resource) -> String {
    format!("{STACK}-{}", resource.id)
}

/// `arn:…:function:name` or the name itself.
fn function_name(arn_or_name: &str) -> String {
    arn_or_name.rsplit(':').next().unwrap_or_default().to_owned()
}

fn function(resource: &Resource, scope: &Scope<'_>, described: &mut Described) -> Result<(), Error> {
    let id = &resource.id;
    let name = name(resource);
    let properties: Function = properties(resource, scope)?;
    let binary = binary(&resource.metadata, &properties.code_uri)
        .ok_or_else(|| Error::at(id, "neither CodeUri nor Metadata tells which binary it is"))?;
    let mut environment = std::collections::BTreeMap::new();
    for (variable, value) in &properties.environment.variables {
        let value = scalar_text(value)
            .ok_or_else(|| Error::at(format!("{id}.Environment.Variables.{variable}"), "a text is needed here"))?;
        environment.insert(variable.clone(), value);
    }
    if let Some(logging) = &properties.logging_config {
        let told =
            [("AWS_LAMBDA_LOG_FORMAT", &logging.log_format), ("AWS_LAMBDA_LOG_LEVEL", &logging.application_log_level)];
        environment.extend(told.iter().filter_map(|(name, value)| Some(((*name).to_owned(), (*value).clone()?))));
    }
    let retries = properties.event_invoke_config.as_ref();
    described.functions.push(FunctionDefinition {
        logical_id: id.clone(),
        name: name.clone(),
        binary,
        // SAM's and Lambda's defaults.
        timeout: Duration::from_secs(u64::from(properties.timeout.unwrap_or(3))),
        memory_mb: properties.memory_size.unwrap_or(128),
        reserved_concurrency: properties.reserved_concurrent_executions,
        environment,
        retries: AsyncRetries {
            attempts: retries.and_then(|config| config.maximum_retry_attempts).unwrap_or(2),
            maximum_age: Duration::from_secs(u64::from(
                retries.and_then(|config| config.maximum_event_age_in_seconds).unwrap_or(21_600),
            )),
        },
    });
    described.policies.add(&name, properties.policies.into_iter().flat_map(|policy| policy.statement).collect());
    for (event_name, event) in properties.events {
        trigger(&format!("{id}.Events.{event_name}"), &name, &event_name, event, described)?;
    }
    Ok(())
}

fn trigger(place: &str, function: &str, name: &str, event: Event, described: &mut Described) -> Result<(), Error> {
    let properties = if event.properties.is_null() { json!({}) } else { event.properties };
    match event.kind.as_str() {
        "HttpApi" => {
            let event: HttpApiEvent = read(properties, place, "the event HttpApi")?;
            let api = described.api.as_mut().ok_or_else(|| Error::at(place, "the template has no HTTP API"))?;
            api.routes.push(route(place, function, event, api)?);
        }
        "Schedule" => {
            let event: ScheduleEvent = read(properties, place, "the event Schedule")?;
            let rate = Rate::parse(&event.schedule).ok_or_else(|| {
                Error::at(place, format!("the local cloud knows only rate(…) schedules, not {}", event.schedule))
            })?;
            if event.enabled != Some(false) {
                described.schedules.push(Schedule { name: name.to_owned(), function: function.to_owned(), rate });
            }
        }
        "SQS" => {
            let event: Mapping = read(properties, place, "the event SQS")?;
            described.mappings.extend(mapping(place, event, Some(function))?);
        }
        other => return Err(Error::at(place, format!("the local cloud does not know the event type {other}"))),
    }
    Ok(())
}

fn route(place: &str, function: &str, event: HttpApiEvent, api: &Api) -> Result<gateway::Route, Error> {
    if event.payload_format_version.is_some_and(|version| version != "2.0") {
        return Err(Error::at(place, "the local cloud knows only PayloadFormatVersion 2.0"));
    }
    let key = RouteKey::parse(&event.method, &event.path)
        .ok_or_else(|| Error::at(place, format!("{} {} is no route", event.method, event.path)))?;
    if api.routes.iter().any(|route| route.key == key) {
        return Err(Error::at(place, format!("there is another route {key}")));
    }
    let authorizer = match event.auth {
        Some(auth) if auth.authorizer == "NONE" => None,
        Some(auth) if api.authorizers.contains_key(&auth.authorizer) => Some(auth.authorizer),
        Some(auth) => return Err(Error::at(place, format!("there is no authorizer {}", auth.authorizer))),
        None => api.default_authorizer.clone(),
    };
    let timeout = event.timeout_in_millis.map(|millis| Duration::from_millis(u64::from(millis)));
    Ok(gateway::Route {
        key,
        function: function.to_owned(),
        authorizer,
        timeout: timeout.unwrap_or(LONGEST_INTEGRATION).min(LONGEST_INTEGRATION),
    })
}

fn mapping(place: &str, mapping: Mapping, function: Option<&str>) -> Result<Option<event_source::Mapping>, Error> {
    if mapping.enabled == Some(false) {
        return Ok(None);
    }
    let function = function
        .map(str::to_owned)
        .or_else(|| mapping.function_name.as_deref().map(function_name))
        .ok_or_else(|| Error::at(place, "FunctionName is missing"))?;
    if !mapping.event_source_arn.starts_with("arn:aws:sqs:") {
        return Err(Error::at(place, format!("the event source {} is no queue", mapping.event_source_arn)));
    }
    let mut reports_failures = false;
    for kind in &mapping.function_response_types {
        if kind != "ReportBatchItemFailures" {
            return Err(Error::at(place, format!("the local cloud does not know FunctionResponseTypes {kind}")));
        }
        reports_failures = true;
    }
    let batch_size = mapping.batch_size.unwrap_or(10);
    let window = mapping.maximum_batching_window_in_seconds.unwrap_or(0);
    if !(1..=10_000).contains(&batch_size) || (batch_size > 10 && window == 0) {
        return Err(Error::at(place, format!("BatchSize {batch_size} is out of range, or needs a window")));
    }
    let concurrency = mapping.scaling_config.and_then(|scaling| scaling.maximum_concurrency);
    if concurrency.is_some_and(|most| !(2..=1000).contains(&most)) {
        return Err(Error::at(place, "MaximumConcurrency must be between 2 and 1000"));
    }
    Ok(Some(event_source::Mapping {
        name: place.to_owned(),
        function,
        queue_arn: mapping.event_source_arn,
        batch_size,
        window: Duration::from_secs(u64::from(window)),
        reports_failures,
        maximum_concurrency: concurrency,
    }))
}

fn api(resource: &Resource, scope: &Scope<'_>) -> Result<Api, Error> {
    let properties: HttpApi = properties(resource, scope)?;
    let mut api = Api { default_authorizer: properties.auth.default_authorizer, ..Api::default() };
    for (name, description) in properties.auth.authorizers {
        let place = format!("{}.Auth.Authorizers.{name}", resource.id);
        api.authorizers.insert(name, authorizer(&place, description)?);
    }
    if let Some(default) = api.default_authorizer.as_ref().filter(|name| !api.authorizers.contains_key(*name)) {
        return Err(Error::at(&resource.id, format!("there is no authorizer {default}")));
    }
    Ok(api)
}

fn authorizer(place: &str, description: Authorizer) -> Result<gateway::AuthorizerDefinition, Error> {
    if description.authorizer_payload_format_version != "2.0" || description.enable_simple_responses != Some(true) {
        return Err(Error::at(place, "the local cloud knows only authorizers with payload 2.0 and simple responses"));
    }
    let headers =
        description.identity.headers.into_iter().map(|name| gateway::IdentitySource::Header(name.to_lowercase()));
    let queries = description.identity.query_strings.into_iter().map(gateway::IdentitySource::Query);
    Ok(gateway::AuthorizerDefinition {
        function: function_name(&description.function_arn),
        identity: headers.chain(queries).collect(),
        // SAM's default.
        cached_for: Duration::from_secs(u64::from(description.identity.reauthorize_every.unwrap_or(300))),
    })
}

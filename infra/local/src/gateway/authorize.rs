//! Lambda authorizers: payload 2.0, simple responses, cached by what identifies the caller.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use serde_json::{Value, json};

use super::event::Routed;
use crate::lambda::{InvokeError, Lambda};

/// Where a caller's identity is read from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum IdentitySource {
    /// A header, in lower case.
    Header(String),
    /// A query parameter.
    Query(String),
}

/// An authorizer as the template describes it.
#[derive(Debug, Clone)]
pub(crate) struct AuthorizerDefinition {
    pub(crate) function: String,
    pub(crate) identity: Vec<IdentitySource>,
    /// Zero turns the cache off.
    pub(crate) cached_for: Duration,
}

/// What an authorizer says.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Verdict {
    /// Go on, with this context for the function.
    Allowed(Value),
    /// The caller is known and may not.
    Denied,
    /// The caller does not say who they are.
    Anonymous,
    /// The authorizer failed, or said something that is not understood.
    Broken(String),
}

/// An authorizer with what it remembers.
#[derive(Debug)]
pub(super) struct Authorizer {
    definition: AuthorizerDefinition,
    cache: Mutex<HashMap<Vec<String>, (Instant, Verdict)>>,
}

impl Authorizer {
    pub(super) fn new(definition: AuthorizerDefinition) -> Self {
        Self { definition, cache: Mutex::default() }
    }

    pub(super) fn definition(&self) -> &AuthorizerDefinition {
        &self.definition
    }

    pub(super) async fn decide(&self, request: &Routed<'_>, lambda: &Lambda) -> Verdict {
        let Some(identity) = self.identity(request) else { return Verdict::Anonymous };
        if let Some(verdict) = self.remembered(&identity) {
            return verdict;
        }
        let event = request.authorizer_event(&identity);
        let verdict = verdict(lambda.invoke(&self.definition.function, Bytes::from(event.to_string())).await);
        let keeps = matches!(verdict, Verdict::Allowed(_) | Verdict::Denied) && !identity.is_empty();
        if keeps && !self.definition.cached_for.is_zero() {
            let until = Instant::now() + self.definition.cached_for;
            let mut cache = self.cache.lock().unwrap_or_else(PoisonError::into_inner);
            cache.retain(|_, (until, _)| *until > Instant::now());
            cache.insert(identity, (until, verdict.clone()));
        }
        verdict
    }

    /// The values of all identity sources; nothing when one of them is missing or empty.
    fn identity(&self, request: &Routed<'_>) -> Option<Vec<String>> {
        let value = |source: &IdentitySource| match source {
            IdentitySource::Header(name) => request.header(name),
            IdentitySource::Query(name) => request.query(name),
        };
        self.definition.identity.iter().map(|source| value(source).filter(|value| !value.is_empty())).collect()
    }

    fn remembered(&self, identity: &[String]) -> Option<Verdict> {
        let cache = self.cache.lock().unwrap_or_else(PoisonError::into_inner);
        cache.get(identity).filter(|(until, _)| *until > Instant::now()).map(|(_, verdict)| verdict.clone())
    }
}

fn verdict(answer: Result<Bytes, InvokeError>) -> Verdict {
    let answer = match answer {
        Ok(answer) => answer,
        Err(error) => return Verdict::Broken(error.to_string()),
    };
    let Ok(value) = serde_json::from_slice::<Value>(&answer) else {
        return Verdict::Broken("it answered with something that is not JSON".to_owned());
    };
    match value.get("isAuthorized") {
        Some(Value::Bool(true)) => Verdict::Allowed(value.get("context").cloned().unwrap_or_else(|| json!({}))),
        Some(Value::Bool(false)) => Verdict::Denied,
        Some(_) | None => Verdict::Broken("its answer has no isAuthorized".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_a_verdict_or_the_authorizer_is_broken() {
        let read = |answer: Value| verdict(Ok(Bytes::from(answer.to_string())));
        assert_eq!(read(json!({"isAuthorized": true, "context": {"a": 1}})), Verdict::Allowed(json!({"a": 1})));
        assert_eq!(read(json!({"isAuthorized": true})), Verdict::Allowed(json!({})));
        assert_eq!(read(json!({"isAuthorized": false})), Verdict::Denied);
        assert!(matches!(read(json!({"isAuthorized": "yes"})), Verdict::Broken(_)));
        assert!(matches!(read(json!({"policyDocument": {}})), Verdict::Broken(_)));
        assert!(matches!(verdict(Err(InvokeError::TimedOut(5))), Verdict::Broken(_)));
    }
}

//! Holds requests against operations, and the exceptions against need: one that nothing needs is a fault as well.

use std::collections::BTreeSet;

use http::Method;
use serde_json::Value;

use super::{
    Specified,
    operation::{Operation, Takes, likeness},
};
use crate::connector::Request;

/// Where the facts differ from the specification.
#[derive(Clone, Debug)]
pub(super) struct Difference {
    pub(super) method: Method,
    /// The path of the operation, as its specification spells it.
    pub(super) path: &'static str,
    pub(super) change: Change,
    pub(super) reason: &'static str,
}

/// What is otherwise.
#[derive(Clone, Debug)]
pub(super) enum Change {
    /// The path.
    Path(&'static str),
    /// The schema of a parameter.
    Parameter(&'static str, Value),
    /// The schema at this pointer into the body's.
    Body(&'static str, Value),
}

/// Calls of which the specification says nothing.
#[derive(Clone, Debug)]
pub(super) struct Uncovered {
    pub(super) method: Method,
    pub(super) host: &'static str,
    pub(super) path: &'static str,
    pub(super) reason: &'static str,
}

/// What came out.
#[derive(Debug, Default)]
pub(super) struct Judged {
    /// Requests that are as specified.
    pub(super) validated: usize,
    /// Requests of which nothing is specified, as listed.
    pub(super) elsewhere: usize,
    pub(super) problems: Vec<String>,
}

/// Holds every request against what is specified.
pub(super) fn judge(requests: &[(String, Request)], specified: &Specified) -> Judged {
    let operations = changed(&specified.operations, specified.differences.iter());
    let mut judged = Judged::default();
    let mut needed = BTreeSet::new();
    let mut listed = BTreeSet::new();
    for (what, request) in requests {
        match found(&operations, &specified.uncovered, request) {
            Found::Specified(operation) => {
                judged.validated += 1;
                listed.extend(operation.listed_as);
            }
            Found::Uncovered(index) => {
                judged.elsewhere += 1;
                needed.insert(index);
            }
            Found::Wrong(faults) => judged.problems.push(format!("{what}: {request:?}: {}", faults.join("; "))),
        }
    }
    for (index, uncovered) in specified.uncovered.iter().enumerate().filter(|(index, _)| !needed.contains(index)) {
        let Uncovered { method, path, reason, .. } = uncovered;
        judged.problems.push(format!("nothing needs the exception {index}, {method} {path} ({reason})"));
    }
    let tables: BTreeSet<_> = operations.iter().filter_map(|operation| operation.listed_as).collect();
    for line in tables.difference(&listed) {
        judged.problems.push(format!("nothing needs the line {line:?}"));
    }
    for index in 0..specified.differences.len() {
        if judged.problems.is_empty() && !is_needed(index, requests, specified) {
            let Difference { method, path, change, reason } = &specified.differences[index];
            judged.problems.push(format!("nothing needs the difference {change:?} of {method} {path} ({reason})"));
        }
    }
    judged
}

/// What is said of a request.
enum Found<'a> {
    /// It is as this specifies.
    Specified(&'a Operation),
    /// Nothing is specified of it, as this line says.
    Uncovered(usize),
    /// It is otherwise.
    Wrong(Vec<String>),
}

/// Finds what is said of a request by those who give most of its address to the letter.
fn found<'a>(operations: &'a [Operation], uncovered: &[Uncovered], request: &Request) -> Found<'a> {
    let likest = operations.iter().filter_map(|operation| operation.likeness(request)).max();
    let elsewhere = uncovered.iter().position(|uncovered| uncovered.likeness(request) > likest);
    if let Some(index) = elsewhere {
        return Found::Uncovered(index);
    }
    let mut faults = vec!["no such operation is specified".to_owned()];
    if likest.is_some() {
        for operation in operations.iter().filter(|operation| operation.likeness(request) == likest) {
            faults = operation.faults(request);
            if faults.is_empty() {
                return Found::Specified(operation);
            }
        }
    }
    Found::Wrong(faults)
}

/// Whether some request is wrong without this difference.
fn is_needed(index: usize, requests: &[(String, Request)], specified: &Specified) -> bool {
    let others = specified.differences.iter().enumerate().filter(|(other, _)| *other != index);
    let operations = changed(&specified.operations, others.map(|(_, difference)| difference));
    let mut requests = requests.iter();
    requests.any(|(_, request)| matches!(found(&operations, &specified.uncovered, request), Found::Wrong(_)))
}

fn changed<'a>(operations: &[Operation], differences: impl Iterator<Item = &'a Difference>) -> Vec<Operation> {
    let mut operations = operations.to_vec();
    for difference in differences {
        let Difference { method, path, change, .. } = difference;
        let mut is_applied = false;
        for operation in operations.iter_mut().filter(|other| other.method == *method && other.path == *path) {
            is_applied = true;
            operation.change(change);
        }
        assert!(is_applied, "no specification has {method} {path}");
    }
    operations
}

impl Operation {
    fn change(&mut self, change: &Change) {
        match change {
            Change::Path(path) => (*path).clone_into(&mut self.path),
            Change::Parameter(name, schema) => self.parameters["properties"][*name] = schema.clone(),
            Change::Body(pointer, schema) => {
                let Takes::Json { body: Some(body) } = &mut self.takes else { panic!("{} has no body", self.path) };
                let (place, name) = pointer.rsplit_once('/').expect("a pointer has a slash");
                let place = body.pointer_mut(place).unwrap_or_else(|| panic!("{} has no {pointer}", self.path));
                place[name] = schema.clone();
            }
        }
    }
}

impl Uncovered {
    fn likeness(&self, request: &Request) -> Option<usize> {
        let host = request.url.host_str()?;
        if request.method == self.method { likeness(self.host, self.path, host, request.url.path()) } else { None }
    }
}

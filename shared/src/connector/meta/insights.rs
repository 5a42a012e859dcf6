//! The figures of a post. Meta refuses a whole call for one metric that it no longer knows, so after such a refusal each
//! metric is asked for alone, and the dead ones are left out.

use std::collections::BTreeMap;

use http::Method;
use serde_json::Value;
use url::Url;

use super::{errors::Errors, graph};
use crate::connector::{Analytics, Answer, ConnectorError, Flow, Request, Step};

const MOST_FIGURES: usize = 200;
const LONGEST_KEY: usize = 64;

/// The figures at one edge `insights`.
pub(in crate::connector) struct AnalyticsFlow {
    edge: Url,
    metrics: Vec<String>,
    errors: &'static Errors,
    asked: Asked,
    figures: BTreeMap<String, u64>,
}

enum Asked {
    Nothing,
    Everything,
    /// The metrics still to ask for, one by one.
    OneOf(Vec<String>),
}

impl AnalyticsFlow {
    pub(in crate::connector) fn new(edge: Url, metrics: Vec<String>, errors: &'static Errors) -> Self {
        Self { edge, metrics, errors, asked: Asked::Nothing, figures: BTreeMap::new() }
    }

    fn call(&self, metrics: &str) -> Step<Analytics> {
        let mut url = self.edge.clone();
        url.query_pairs_mut().append_pair("metric", metrics);
        Step::Call(Request::new(Method::GET, url))
    }

    fn ask_next(&mut self, mut left: Vec<String>) -> Step<Analytics> {
        match left.pop() {
            Some(metric) => {
                self.asked = Asked::OneOf(left);
                self.call(&metric)
            }
            None => Step::Done(Analytics(std::mem::take(&mut self.figures))),
        }
    }

    fn take(&mut self, answer: &Answer) -> Result<(), ConnectorError> {
        for metric in graph::entries(&graph::read(answer, self.errors)?)? {
            let Some(name) = metric.get("name").and_then(Value::as_str) else { continue };
            let value = metric.pointer("/total_value/value").or_else(|| metric.pointer("/values/0/value"));
            let is_lifetime = metric.get("period").and_then(Value::as_str).is_none_or(|period| period == "lifetime");
            // The same metric may come by several periods: the whole life counts.
            if is_lifetime || !self.figures.contains_key(name) {
                self.add(name, value);
            }
        }
        Ok(())
    }

    // A number, or a map of numbers by kind; of a map, the kinds and their sum.
    fn add(&mut self, name: &str, value: Option<&Value>) {
        match value {
            Some(Value::Object(parts)) => {
                let mut sum = 0_u64;
                for (part, value) in parts {
                    if let Some(value) = figure(value) {
                        sum = sum.saturating_add(value);
                        self.insert(format!("{name}.{part}"), value);
                    }
                }
                self.insert(name.into(), sum);
            }
            Some(value) => {
                if let Some(value) = figure(value) {
                    self.insert(name.into(), value);
                }
            }
            None => {}
        }
    }

    fn insert(&mut self, name: String, value: u64) {
        if name.len() <= LONGEST_KEY && self.figures.len() < MOST_FIGURES {
            self.figures.insert(name, value);
        }
    }
}

impl Flow<Analytics> for AnalyticsFlow {
    fn advance(&mut self, answer: Option<&Answer>) -> Result<Step<Analytics>, ConnectorError> {
        match std::mem::replace(&mut self.asked, Asked::Nothing) {
            Asked::Nothing => {
                self.asked = Asked::Everything;
                Ok(self.call(&self.metrics.join(",")))
            }
            Asked::Everything => match self.take(graph::expect(answer)?) {
                Ok(()) => Ok(self.ask_next(Vec::new())),
                Err(error) if is_about_a_metric(&error) => Ok(self.ask_next(self.metrics.clone())),
                Err(error) => Err(error),
            },
            Asked::OneOf(left) => match self.take(graph::expect(answer)?) {
                Err(error) if !is_about_a_metric(&error) => Err(error),
                Ok(()) | Err(_) => Ok(self.ask_next(left)),
            },
        }
    }
}

fn is_about_a_metric(error: &ConnectorError) -> bool {
    error.refusal().platform_code.as_deref().is_some_and(|code| code == "100" || code.starts_with("100/"))
}

fn figure(value: &Value) -> Option<u64> {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "casts saturate, and negatives are left out"
    )]
    let rounded = |number: f64| (number >= 0.0).then(|| number.round() as u64);
    value.as_u64().or_else(|| value.as_f64().and_then(rounded))
}

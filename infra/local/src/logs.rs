//! One readable stream of what all functions, and the local cloud itself, have to say.

use std::fmt::Write as _;
use std::sync::Arc;

use serde_json::{Map, Value as Json};

use crate::clock;

/// How much a line matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// For whoever looks for a fault in the code.
    Trace,
    /// For developers.
    Debug,
    /// What happens.
    Info,
    /// What should not happen often.
    Warn,
    /// What needs somebody.
    Error,
}

impl Level {
    fn name(self) -> &'static str {
        match self {
            Self::Trace => "TRACE",
            Self::Debug => "DEBUG",
            Self::Info => "INFO",
            Self::Warn => "WARN",
            Self::Error => "ERROR",
        }
    }

    fn parse(name: &str) -> Option<Self> {
        let all = [Self::Trace, Self::Debug, Self::Info, Self::Warn, Self::Error];
        all.into_iter().find(|level| level.name().eq_ignore_ascii_case(name))
    }
}

impl std::str::FromStr for Level {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Self::parse(name).ok_or_else(|| format!("there is no level {name}: trace, debug, info, warn or error"))
    }
}

impl std::fmt::Display for Level {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.name().to_ascii_lowercase())
    }
}

/// A line that is ready to be shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// Who says it: a function's name, or a part of the local cloud.
    pub source: String,
    /// How much it matters.
    pub level: Level,
    /// What is said.
    pub text: String,
}

impl std::fmt::Display for Line {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{} {:<5} {:<10} {}", clock::time_of_day(), self.level.name(), self.source, self.text)
    }
}

/// Takes lines; cheap to clone.
#[derive(Clone)]
pub struct Logs {
    least: Level,
    sink: Arc<dyn Fn(&Line) + Send + Sync>,
}

impl std::fmt::Debug for Logs {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Logs").field("least", &self.least).finish_non_exhaustive()
    }
}

impl Logs {
    /// Hands every line at `least` or above to `sink`.
    #[must_use]
    pub fn new(least: Level, sink: impl Fn(&Line) + Send + Sync + 'static) -> Self {
        Self { least, sink: Arc::new(sink) }
    }

    /// Hears nothing.
    #[must_use]
    pub fn discard() -> Self {
        Self::new(Level::Error, |_line| ())
    }

    pub(crate) fn say(&self, level: Level, source: &str, text: impl Into<String>) {
        if level >= self.least {
            (self.sink)(&Line { source: source.to_owned(), level, text: text.into() });
        }
    }

    /// A line that a function wrote: JSON is made readable, anything else passes as it is, at this level.
    pub(crate) fn function(&self, source: &str, line: &str, otherwise: Level) {
        if line.is_empty() {
            return;
        }
        let (level, text) = match serde_json::from_str::<Map<String, Json>>(line) {
            Ok(fields) if fields.contains_key("_aws") => (Level::Debug, metrics(&fields)),
            Ok(fields) => event(fields),
            Err(_) => (otherwise, line.to_owned()),
        };
        self.say(level, source, text);
    }
}

/// What tells machines something and people nothing: the ids that Lambda puts into every line, and what stands elsewhere.
const NOISE: [&str; 8] = ["name", "requestId", "span", "target", "threadId", "threadName", "timestamp", "xrayTraceId"];

/// A line in CloudWatch's embedded metric format, as `metrics accepted=1 platform=facebook`.
fn metrics(fields: &Map<String, Json>) -> String {
    let mut text = "metrics".to_owned();
    for (name, value) in fields.iter().filter(|(name, _)| !matches!(name.as_str(), "_aws" | "function")) {
        append(&mut text, name, value);
    }
    text
}

/// A line of tracing's JSON, flat or nested: the message, then its fields, then those of the spans around it.
fn event(mut line: Map<String, Json>) -> (Level, String) {
    let level = line.remove("level").as_ref().and_then(Json::as_str).and_then(Level::parse).unwrap_or(Level::Info);
    for noise in NOISE {
        line.remove(noise);
    }
    let spans = line.remove("spans");
    let nested = match line.remove("fields") {
        Some(Json::Object(fields)) => fields,
        Some(_) | None => Map::new(),
    };
    line.extend(nested);
    let mut text = match line.remove("message") {
        Some(Json::String(message)) => message,
        Some(other) => other.to_string(),
        None => String::new(),
    };
    for (name, value) in &line {
        append(&mut text, name, value);
    }
    for span in spans.as_ref().and_then(Json::as_array).into_iter().flatten().filter_map(Json::as_object) {
        let said = |name: &str| NOISE.contains(&name) || line.contains_key(name);
        for (name, value) in span.iter().filter(|(name, _)| !said(name)) {
            append(&mut text, name, value);
        }
    }
    (level, text)
}

fn append(text: &mut String, name: &str, value: &Json) {
    let separator = if text.is_empty() { "" } else { " " };
    let written = match value {
        Json::String(value) if !value.is_empty() && !value.contains([' ', '"']) => {
            write!(text, "{separator}{name}={value}")
        }
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) | Json::Array(_) | Json::Object(_) => {
            write!(text, "{separator}{name}={value}")
        }
    };
    // Writing into a String cannot fail.
    debug_assert!(written.is_ok());
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    fn rendered(line: &str) -> (Level, String) {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let logs = Logs::new(Level::Trace, {
            let seen = Arc::clone(&seen);
            move |line| seen.lock().unwrap().push(line.clone())
        });
        logs.function("consumer", line, Level::Info);
        let line = seen.lock().unwrap().pop().unwrap();
        assert_eq!(line.source, "consumer");
        (line.level, line.text)
    }

    #[test]
    fn a_flat_json_line_becomes_its_message_and_fields() {
        let line = r#"{"timestamp":"t","level":"WARN","message":"stays queued","tenant":"ten_1","error":"no answer","target":"consumer","spans":[{"name":"invocation","requestId":"r1","post":"post_1"}]}"#;
        assert_eq!(
            rendered(line),
            (Level::Warn, "stays queued error=\"no answer\" tenant=ten_1 post=post_1".to_owned())
        );
    }

    #[test]
    fn a_nested_json_line_reads_the_same() {
        let line = r#"{"timestamp":"t","level":"INFO","fields":{"message":"done","count":3},"target":"x"}"#;
        assert_eq!(rendered(line), (Level::Info, "done count=3".to_owned()));
    }

    #[test]
    fn metrics_are_short_and_everything_else_passes_through() {
        let line = r#"{"_aws":{"Timestamp":1},"function":"publish","platform":"none","accepted":1}"#;
        assert_eq!(rendered(line), (Level::Debug, "metrics accepted=1 platform=none".to_owned()));
        assert_eq!(rendered("thread 'main' panicked"), (Level::Info, "thread 'main' panicked".to_owned()));
    }

    #[test]
    fn lines_below_the_level_are_not_shown() {
        let logs = Logs::new(Level::Warn, |line| panic!("{line:?}"));
        logs.say(Level::Info, "x", "y");
    }
}

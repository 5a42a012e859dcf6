//! The figures: as a table for people, as JSON for machines.

use std::fmt::{self, Display};
use std::time::Duration;

use serde_json::{Value, json};

/// How a duration varies.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Spread {
    count: usize,
    median: f64,
    p99: f64,
    least: f64,
    most: f64,
}

impl Spread {
    /// In milliseconds, by nearest rank; nothing of nothing.
    pub(crate) fn of(mut durations: Vec<Duration>) -> Option<Self> {
        durations.sort_unstable();
        let count = durations.len();
        let rank = |percent: usize| durations.get((count * percent).div_ceil(100).saturating_sub(1)).map(millis);
        Some(Self { count, median: rank(50)?, p99: rank(99)?, least: rank(0)?, most: rank(100)? })
    }

    pub(crate) fn median(&self) -> f64 {
        self.median
    }
}

fn millis(duration: &Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}

/// One figure.
#[derive(Debug)]
struct Row {
    section: &'static str,
    what: String,
    text: String,
    value: Value,
    limit: Option<(f64, bool)>,
}

/// All figures in the order in which they were taken.
#[derive(Debug)]
pub(crate) struct Report {
    machine: Value,
    rows: Vec<Row>,
}

impl Report {
    pub(crate) fn new(machine: Value) -> Self {
        Self { machine, rows: Vec::new() }
    }

    /// A duration and how it varies; its median must not be above `limit`.
    pub(crate) fn spread(
        &mut self,
        section: &'static str,
        what: impl Into<String>,
        of: Vec<Duration>,
        limit: Option<f64>,
    ) {
        let Some(spread) = Spread::of(of) else { return };
        let Spread { count, median, p99, least, most } = &spread;
        let text = format!("median {median:.2} ms  p99 {p99:.2}  min {least:.2}  max {most:.2}  (n = {count})");
        let value = json!({ "count": count, "median_ms": median, "p99_ms": p99, "min_ms": least, "max_ms": most });
        let limit = limit.map(|limit| (limit, spread.median() <= limit));
        self.rows.push(Row { section, what: what.into(), text, value, limit });
    }

    /// One number in a unit; it must not be above `limit`.
    pub(crate) fn number(
        &mut self,
        section: &'static str,
        what: impl Into<String>,
        (value, unit): (f64, &str),
        limit: Option<f64>,
    ) {
        let text = format!("{value:.3} {unit}");
        let limit = limit.map(|limit| (limit, value <= limit));
        self.rows.push(Row { section, what: what.into(), text, value: json!({ "value": value, "unit": unit }), limit });
    }

    /// Something that is no number.
    pub(crate) fn note(&mut self, section: &'static str, what: impl Into<String>, text: impl Into<String>) {
        let text = text.into();
        self.rows.push(Row { section, what: what.into(), value: json!(text), text, limit: None });
    }

    /// The load of the machine at the end.
    pub(crate) fn ended(&mut self, load: &str) {
        if let Some(machine) = self.machine.as_object_mut() {
            machine.insert("load_after".to_owned(), json!(load));
        }
    }

    pub(crate) fn json(&self) -> Value {
        let rows: Vec<Value> = self
            .rows
            .iter()
            .map(|row| {
                let limit = row.limit.map(|(limit, kept)| json!({ "at_most": limit, "kept": kept }));
                json!({ "section": row.section, "what": row.what, "value": row.value, "limit": limit })
            })
            .collect();
        json!({ "machine": self.machine, "figures": rows })
    }
}

impl Display for Report {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, value) in self.machine.as_object().into_iter().flatten() {
            writeln!(formatter, "{name}: {}", value.as_str().map_or_else(|| value.to_string(), str::to_owned))?;
        }
        let mut section = "";
        for row in &self.rows {
            if row.section != section {
                section = row.section;
                writeln!(formatter, "\n{section}")?;
            }
            write!(formatter, "  {:<46} {}", row.what, row.text)?;
            match row.limit {
                Some((limit, true)) => writeln!(formatter, "  [limit {limit}: kept]")?,
                Some((limit, false)) => writeln!(formatter, "  [limit {limit}: OVER]")?,
                None => writeln!(formatter)?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spread_takes_the_nearest_rank() {
        let spread = Spread::of((1..=200).rev().map(Duration::from_millis).collect()).unwrap();
        let expected = Spread { count: 200, median: 100.0, p99: 198.0, least: 1.0, most: 200.0 };
        assert_eq!(spread, expected);
        assert_eq!(Spread::of(Vec::new()), None);
    }

    #[test]
    fn a_figure_over_its_limit_is_told_as_such() {
        let mut report = Report::new(json!({}));
        report.number("costs", "all", (5.0, "USD"), Some(4.7));
        assert!(report.to_string().contains("5.000 USD  [limit 4.7: OVER]"), "{report}");
        assert_eq!(report.json()["figures"][0]["limit"]["kept"], false);
    }
}

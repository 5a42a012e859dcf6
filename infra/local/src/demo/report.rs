//! What the demo says, for people or for machines.

use std::error::Error;
use std::time::{Duration, Instant};
use std::{fmt, io};

use serde_json::{Value, json};

use crate::Cloud;

/// For whom the story is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// Lines of text.
    Text,
    /// One JSON object at the end.
    Json,
}

/// Collects and tells what happened.
pub struct Report {
    style: Style,
    output: Box<dyn io::Write + Send>,
    began: Instant,
    steps: Vec<Value>,
    /// The number of the last step that was told.
    number: usize,
}

impl Report {
    /// Nothing has happened yet; what does is told to `output`.
    #[must_use]
    pub fn new(style: Style, output: Box<dyn io::Write + Send>) -> Self {
        Self { style, output, began: Instant::now(), steps: Vec::new(), number: 0 }
    }

    pub(crate) fn begin(&mut self, what: &str) -> io::Result<()> {
        self.say(&format!("postd, {what}\n"))
    }

    /// How long it has been told.
    pub(crate) fn took(&self) -> Duration {
        self.began.elapsed()
    }

    /// A chapter begins, whose steps are counted anew.
    pub(crate) fn begin_chapter(&mut self, name: &str) -> io::Result<()> {
        self.steps.clear();
        self.number = 0;
        self.say(&format!("{name}\n"))
    }

    /// The steps of the chapter that ends.
    pub(crate) fn end_chapter(&mut self) -> Vec<Value> {
        std::mem::take(&mut self.steps)
    }

    pub(crate) fn started(&mut self, cloud: &Cloud) -> io::Result<()> {
        let took = self.began.elapsed();
        self.steps.push(json!({ "step": "start the local cloud", "took_ms": millis(took) }));
        self.say(&format!(
            "The cloud runs after {}: API {}, simulator {}.\n",
            seconds(took),
            cloud.api_url(),
            cloud.simulator_url()
        ))
    }

    /// One thing that was done and checked, with the lines that show it.
    pub(crate) fn step(&mut self, title: &str, took: Duration, lines: &[String]) -> io::Result<()> {
        self.steps.push(json!({ "step": title, "took_ms": millis(took), "shown": lines }));
        self.number += 1;
        self.say(&format!("{:>2}. {title}  ({})", self.number, seconds(took)))?;
        for line in lines {
            self.say(&format!("      {line}"))?;
        }
        self.say("")
    }

    pub(crate) fn broke_off(&mut self, error: &(dyn Error + 'static)) -> io::Result<()> {
        if self.style == Style::Json {
            return self.print(&json!({ "ok": false, "error": error.to_string(), "steps": self.steps }).to_string());
        }
        self.print(&format!("This did not hold: {error}\n"))
    }

    /// The proof from outside: what the Page shows.
    pub(crate) fn end(&mut self, page: &[Value]) -> io::Result<()> {
        if self.style == Style::Json {
            let took = millis(self.began.elapsed());
            return self.print(&json!({ "ok": true, "took_ms": took, "steps": self.steps, "page": page }).to_string());
        }
        self.say("What the Page of Example Bakery shows now, as the simulator tells it:\n")?;
        for post in page {
            let text = post.get("message").and_then(Value::as_str).unwrap_or("(no text)");
            let more = match (
                post.get("link").and_then(Value::as_str),
                post.get("photos").and_then(Value::as_array).map_or(0, Vec::len),
            ) {
                (Some(link), _) => format!("  -> {link}"),
                (None, 1..) => "  [photo]".to_owned(),
                (None, _) => String::new(),
            };
            self.say(&format!("      {}  {text}{more}", post.get("id").and_then(Value::as_str).unwrap_or("-")))?;
        }
        self.say(&format!("\nAll of it held, in {}.", seconds(self.began.elapsed())))
    }

    /// A line for people.
    pub(crate) fn say(&mut self, line: &str) -> io::Result<()> {
        if self.style == Style::Text { self.print(line) } else { Ok(()) }
    }

    /// All of it for machines, if it is for them.
    pub(crate) fn conclude(&mut self, whole: &Value) -> io::Result<()> {
        if self.style == Style::Json { self.print(&whole.to_string()) } else { Ok(()) }
    }

    fn print(&mut self, line: &str) -> io::Result<()> {
        writeln!(self.output, "{line}")
    }
}

impl fmt::Debug for Report {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Report").field("style", &self.style).finish_non_exhaustive()
    }
}

pub(crate) fn seconds(duration: Duration) -> String {
    format!("{:.2} s", duration.as_secs_f64())
}

pub(crate) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

//! How stories that happen at once are told one after the other: the first as it happens, the others from where they are by
//! then.

use std::io;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::sync::mpsc::{self, UnboundedReceiver, UnboundedSender};

use crate::demo::report::{Report, millis, seconds};
use crate::demo::steps::Failure;

/// What a story has to tell.
enum Told {
    /// Something that was done and checked; each line shows one thing that held.
    Step { title: String, took: Duration, lines: Vec<String> },
    /// So many more posts are out, once each.
    Out(usize),
    /// What did not hold. Nothing follows.
    Fell(String),
}

/// Where a story is told to.
pub(crate) struct Teller(UnboundedSender<Told>);

impl Teller {
    /// Something that was done since `began`, with a line for each thing that held.
    pub(crate) fn step(&self, title: impl Into<String>, began: Instant, lines: Vec<String>) {
        self.tell(Told::Step { title: title.into(), took: began.elapsed(), lines });
    }

    /// So many more posts are out.
    pub(crate) fn out(&self, posts: usize) {
        self.tell(Told::Out(posts));
    }

    /// How the story ended.
    pub(crate) fn ended(&self, how: &Result<(), Failure>) {
        if let Err(error) = how {
            self.tell(Told::Fell(error.to_string()));
        }
    }

    fn tell(&self, told: Told) {
        // Nobody listens only if nobody could print.
        let _heard = self.0.send(told);
    }
}

/// The other end of a story.
pub(crate) struct Heard {
    name: &'static str,
    told: UnboundedReceiver<Told>,
}

/// The two ends of the story with this name.
pub(crate) fn story(name: &'static str) -> (Teller, Heard) {
    let (teller, told) = mpsc::unbounded_channel();
    (Teller(teller), Heard { name, told })
}

/// What is counted.
#[derive(Debug, Clone, Copy, Default)]
struct Counts {
    steps: usize,
    checks: usize,
    out: usize,
}

/// Tells stories, and counts.
pub(crate) struct Tally<'a> {
    report: &'a mut Report,
    chapters: Vec<Value>,
    lines: Vec<String>,
    total: Counts,
    fallen: usize,
}

impl<'a> Tally<'a> {
    pub(crate) fn new(report: &'a mut Report) -> Self {
        Self { report, chapters: Vec::new(), lines: Vec::new(), total: Counts::default(), fallen: 0 }
    }

    /// Tells each story to its end.
    pub(crate) async fn listen(&mut self, stories: Vec<Heard>) -> io::Result<()> {
        for story in stories {
            self.chapter(story).await?;
        }
        Ok(())
    }

    async fn chapter(&mut self, mut story: Heard) -> io::Result<()> {
        self.report.begin_chapter(story.name)?;
        let (mut counts, mut fell) = (Counts::default(), None);
        while let Some(told) = story.told.recv().await {
            match told {
                Told::Step { title, took, lines } => {
                    counts.steps += 1;
                    counts.checks += lines.len();
                    self.report.step(&title, took, &lines)?;
                }
                Told::Out(posts) => counts.out += posts,
                Told::Fell(error) => {
                    self.report.say(&format!("    This did not hold: {error}\n"))?;
                    fell = Some(error);
                }
            }
        }
        let verdict = if fell.is_some() { "DID NOT HOLD" } else { "held" };
        self.lines.push(format!(
            "{:<26} {:<12} {:>2} steps, {:>3} things checked, {:>2} posts out once each",
            story.name, verdict, counts.steps, counts.checks, counts.out
        ));
        self.chapters.push(json!({
            "platform": story.name, "ok": fell.is_none(), "error": fell, "steps": self.report.end_chapter(),
            "checks": counts.checks, "out": counts.out,
        }));
        self.fallen += usize::from(fell.is_some());
        self.total.steps += counts.steps;
        self.total.checks += counts.checks;
        self.total.out += counts.out;
        Ok(())
    }

    /// The last word: whether all of it held.
    pub(crate) fn end(self) -> io::Result<bool> {
        let Self { report, chapters, lines, total, fallen } = self;
        for line in &lines {
            report.say(line)?;
        }
        let counts = format!(
            "{} platforms, {} steps, {} things checked, {} posts out once each, in {}.",
            chapters.len(),
            total.steps,
            total.checks,
            total.out,
            seconds(report.took())
        );
        let word = if fallen == 0 { "All of it held".to_owned() } else { format!("{fallen} did not hold") };
        report.say(&format!("\n{word}: {counts}"))?;
        let took = millis(report.took());
        report.conclude(&json!({ "ok": fallen == 0, "took_ms": took, "platforms": chapters }))?;
        Ok(fallen == 0)
    }
}

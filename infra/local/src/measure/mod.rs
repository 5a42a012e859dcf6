//! `cargo run --profile quick -p local -- measure`: figures of the real function binaries on this machine.
//!
//! What they mean, and what must not be concluded from them, is in `docs/performance.md`.

mod cost;
mod events;
mod load;
mod machine;
mod process;
mod report;
mod scene;
mod startup;

use std::error::Error;
use std::io::{self, Write as _};

use local::Build;

use crate::arguments::MeasureArguments;
use report::Report;
use scene::Scene;

type Failure = Box<dyn Error>;

/// Measures everything, one after another, and prints the table.
pub(crate) async fn run(arguments: MeasureArguments) -> Result<(), Failure> {
    let release = !cfg!(debug_assertions);
    if !release {
        say(
            "WARNING: this is a debug build; its figures mean nothing (cargo run --profile quick -p local -- measure)",
        )?;
    }
    let build = Build { release, skip: arguments.no_build, target_directory: None };
    let mut report = Report::new(machine::describe().await);

    say("starting a cloud whose queues are emptied by hand")?;
    let mut scene = Scene::start(&arguments.template, build.clone(), false).await?;
    say("cold starts")?;
    events::cold_starts(&scene, arguments.runs, &mut report).await?;
    say("first and later events")?;
    events::first_and_warm(&mut scene, arguments.runs, &mut report).await?;
    say("2,100 posts accepted, then published in batches of 10")?;
    let counted = load::run(&mut scene, &mut report).await?;
    say("batches of 10 at a platform that takes a second for each answer")?;
    load::slow_batches(&mut scene, &mut report).await?;
    scene.stop().await?;
    cost::tell(&counted, &mut report);

    say("200 posts through a cloud that polls its queues by itself")?;
    let polled = Build { skip: true, ..build.clone() };
    let mut scene = Scene::start(&arguments.template, polled, true).await?;
    load::from_accept_to_published(&mut scene, &mut report).await?;
    scene.stop().await?;

    say("starts of the local cloud")?;
    startup::measure(&arguments.template, release, &mut report).await?;

    report.ended(&machine::load());
    write!(io::stdout(), "{report}")?;
    if let Some(file) = &arguments.json {
        std::fs::write(file, format!("{:#}\n", report.json()))?;
    }
    Ok(())
}

fn say(line: &str) -> io::Result<()> {
    writeln!(io::stderr(), "{line}")
}

//! `cargo run -p local`: starts the local cloud and runs it until Ctrl-C; or shows it, measures it, or
//! puts it to the test.

mod arguments;
mod chaos;
mod measure;

use std::error::Error;
use std::io::{self, Write as _};
use std::process::ExitCode;

use clap::Parser as _;
use local::{Cloud, Options, demo};
use tokio::signal::unix::{SignalKind, signal};

use arguments::{Arguments, Command, RunArguments};

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let done = match arguments.command {
        None => run(arguments.run).await.map(|()| true),
        Some(Command::Run(run_arguments)) => run(run_arguments).await.map(|()| true),
        Some(Command::Demo(demo_arguments)) => {
            let (scope, style) = (demo_arguments.scope(), demo_arguments.style());
            Box::pin(demo(demo_arguments.options(), (scope, style))).await
        }
        Some(Command::Chaos(chaos_arguments)) => Box::pin(chaos::run(chaos_arguments)).await,
        Some(Command::Measure(measure_arguments)) => Box::pin(measure::run(measure_arguments)).await.map(|()| true),
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            // With standard error gone there is nobody to tell.
            let _told = writeln!(io::stderr(), "error: {}", chain(error.as_ref()));
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: RunArguments) -> Result<(), Box<dyn Error>> {
    let (sam, options) = (arguments.sam.clone(), arguments.options());
    let built = options.template.with_file_name(".aws-sam").join("build");
    let mut terminate = signal(SignalKind::terminate())?;
    let kept = options.state_directory.clone();
    let cloud = tokio::select! {
        cloud = Cloud::start(options) => cloud?,
        _asked = tokio::signal::ctrl_c() => return Ok(()),
        _asked = terminate.recv() => return Ok(()),
    };
    if let Some(file) = sam {
        let template = cloud.sam_template(&std::path::absolute(&built)?);
        std::fs::write(&file, serde_json::to_vec_pretty(&template)?)
            .map_err(|error| format!("{} cannot be written: {error}", file.display()))?;
    }
    let state = kept.map_or_else(
        || "in memory, gone when this ends (keep it with --state-dir)".to_owned(),
        |directory| format!("kept in {} (start over with --fresh)", directory.display()),
    );
    let welcome = format!(
        "\npostd runs on this machine.\n\n  \
           API        {}\n  \
           API key    {}\n  \
           simulator  {}\n  \
           AWS        {}  (AWS_ENDPOINT_URL; any credentials, region us-east-1)\n  \
           state      {state}\n\n  \
           curl -H 'Authorization: Bearer {}' {}/v1/posts\n\n\
         Ctrl-C stops it.\n",
        cloud.api_url(),
        cloud.api_key(),
        cloud.simulator_url(),
        cloud.aws_url(),
        cloud.api_key(),
        cloud.api_url(),
    );
    writeln!(io::stdout(), "{welcome}")?;
    tokio::select! {
        asked = tokio::signal::ctrl_c() => asked?,
        _asked = terminate.recv() => {}
    }
    cloud.shutdown().await?;
    Ok(())
}

/// Tells the story, unless somebody has heard enough: then the functions end with it.
async fn demo(options: Options, how: (demo::Scope, demo::Style)) -> Result<bool, Box<dyn Error>> {
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        told = demo::run(options, how, Box::new(io::stdout())) => told,
        _asked = tokio::signal::ctrl_c() => Ok(false),
        _asked = terminate.recv() => Ok(false),
    }
}

/// An error with everything that led to it.
fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}

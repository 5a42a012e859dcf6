//! The command line.

use std::collections::BTreeMap;
use std::io::{self, Write as _};
use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use local::demo::{Scope, Style};
use local::{Build, Level, Logs, Options};

/// Runs postd on this machine: the functions of template.yaml as real processes, AWS and the platforms emulated in this one.
/// No account, no Docker, no network.
#[derive(Debug, Parser)]
#[command(name = "local", version, args_conflicts_with_subcommands = true)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
    #[command(flatten)]
    pub(crate) run: RunArguments,
}

/// What to do; `run` when nothing is said.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Start the local cloud and keep it running until Ctrl-C (the default)
    Run(RunArguments),
    /// Show the main job from a login to a post, or all platforms, on a cloud of its own; exits with 0 only if all of it held
    Demo(DemoArguments),
    /// Kill consumers while posts go out through a platform that fails, and check that each post is out once
    Chaos(ChaosArguments),
    /// Measure the functions and write down the figures (docs/performance.md says what they mean)
    Measure(MeasureArguments),
}

/// What to measure, and where the figures go. The functions are built with optimisation if this program was.
#[derive(Debug, Clone, Args)]
pub(crate) struct MeasureArguments {
    /// Cold starts of each function, after one that does not count
    #[arg(long, value_name = "N", default_value_t = 30, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) runs: u32,

    /// Write the figures to this file as well
    #[arg(long, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,

    /// Measure the functions as they were last built
    #[arg(long)]
    pub(crate) no_build: bool,

    /// The template; its directory is the workspace
    #[arg(long, value_name = "FILE", default_value = "template.yaml")]
    pub(crate) template: PathBuf,
}

/// How to show it.
#[derive(Debug, Clone, Args)]
pub(crate) struct DemoArguments {
    /// Show all platforms, and everything that postd does there
    ///
    /// For each: a login through its consent page, every kind of post, an answer that is lost, a renewed token or what stands
    /// in its place, figures, a post that is taken down, a signed webhook; each checked on the platform's own side. Takes about a
    /// minute.
    #[arg(long)]
    all: bool,

    /// Tell it as one JSON object
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    cloud: CloudArguments,
}

impl DemoArguments {
    pub(crate) fn scope(&self) -> Scope {
        if self.all { Scope::AllPlatforms } else { Scope::MainJob }
    }

    pub(crate) fn style(&self) -> Style {
        if self.json { Style::Json } else { Style::Text }
    }

    pub(crate) fn options(self) -> Options {
        self.cloud.options("demo")
    }
}

/// How much chaos.
#[derive(Debug, Clone, Args)]
pub(crate) struct ChaosArguments {
    /// Posts that are accepted
    #[arg(long, value_name = "N", default_value_t = 500, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub(crate) posts: u32,

    /// Consumers that are killed while they work; those that are killed idle are not counted in
    #[arg(long, value_name = "N", default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub(crate) kills: u32,

    /// Decides posts, faults, waits and victims; drawn if absent. The order of events is the machine's all the same
    #[arg(long, value_name = "N")]
    pub(crate) seed: Option<u64>,

    /// Turn the queue's clock forward instead of waiting for it, and leave out the faults that cost a minute
    #[arg(long)]
    pub(crate) quick: bool,

    #[command(flatten)]
    pub(crate) cloud: CloudArguments,
}

/// How a cloud is started that somebody only looks at for a while.
#[derive(Debug, Clone, Args)]
pub(crate) struct CloudArguments {
    /// Show the functions' log lines from this level on: trace, debug, info, warn or error
    #[arg(long, value_name = "LEVEL")]
    log_level: Option<Level>,

    /// Build the functions with optimisation, as for AWS
    #[arg(long)]
    release: bool,

    /// Run the functions as they were last built
    #[arg(long)]
    no_build: bool,

    /// The template; its directory is the workspace
    #[arg(long, value_name = "FILE", default_value = "template.yaml")]
    template: PathBuf,
}

impl CloudArguments {
    /// A cloud in memory on free ports, silent unless its log was asked for.
    pub(crate) fn options(self, tenant: &str) -> Options {
        let logs = self.log_level.map_or_else(Logs::discard, |level| {
            Logs::new(level, |line| {
                // With standard error gone there is nobody to tell.
                let _told = writeln!(io::stderr(), "{line}");
            })
        });
        let level = self.log_level.map(|level| ("LogLevel".to_owned(), level.to_string()));
        Options {
            parameters: level.into_iter().collect(),
            build: Build { release: self.release, skip: self.no_build, target_directory: None },
            schedules: true,
            tenant: Some(tenant.to_owned()),
            logs,
            ..Options::new(self.template)
        }
    }
}

/// How to run.
#[derive(Debug, Clone, Args)]
pub(crate) struct RunArguments {
    /// Port of the HTTP API (0: any free one, as for the others)
    #[arg(long, value_name = "PORT", default_value_t = 8080)]
    pub(crate) api_port: u16,

    /// Port of the simulated platforms
    #[arg(long, value_name = "PORT", default_value_t = 8081)]
    pub(crate) simulator_port: u16,

    /// Port of the emulated AWS services
    #[arg(long, value_name = "PORT", default_value_t = 8082)]
    pub(crate) aws_port: u16,

    /// Address of the emulated AWS services; containers reach that of Docker's bridge, as in `--aws-address 172.17.0.1`
    ///
    /// Whoever reaches it may do everything there: never one that other machines reach.
    #[arg(long, value_name = "ADDRESS", default_value_t = IpAddr::from(Ipv4Addr::LOCALHOST))]
    pub(crate) aws_address: IpAddr,

    /// Write a template for `sam local invoke` to this file: every function, as `sam build` left it, against this cloud
    #[arg(long, value_name = "FILE")]
    pub(crate) sam: Option<PathBuf>,

    /// Keep tables, queues, keys and secrets here between runs, as in `--state-dir .postd`
    ///
    /// Without this everything is in memory. Messages are kept when it ends by Ctrl-C. The simulated platforms always start
    /// empty, so connections made in an earlier run need a new login.
    #[arg(long, value_name = "DIRECTORY")]
    pub(crate) state_dir: Option<PathBuf>,

    /// Forget what --state-dir has kept
    #[arg(long, requires = "state_dir")]
    pub(crate) fresh: bool,

    /// Least severe log line to show: trace, debug, info, warn or error
    #[arg(long, value_name = "LEVEL", default_value_t = Level::Info)]
    pub(crate) log_level: Level,

    /// Build the functions with optimisation, as for AWS
    #[arg(long)]
    pub(crate) release: bool,

    /// Run the functions as they were last built
    #[arg(long)]
    pub(crate) no_build: bool,

    /// A parameter of the template, as in `--parameter ConsumerConcurrency=2`; may be repeated
    #[arg(long = "parameter", value_name = "NAME=VALUE", value_parser = parameter)]
    pub(crate) parameters: Vec<(String, String)>,

    /// The template; its directory is the workspace
    #[arg(long, value_name = "FILE", default_value = "template.yaml")]
    pub(crate) template: PathBuf,
}

fn parameter(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or_else(|| "expected Name=Value".to_owned())?;
    Ok((name.to_owned(), value.to_owned()))
}

impl RunArguments {
    pub(crate) fn options(self) -> Options {
        let mut parameters = BTreeMap::from([("LogLevel".to_owned(), self.log_level.to_string())]);
        parameters.extend(self.parameters);
        let logs = Logs::new(self.log_level, |line| {
            // With standard output gone there is nobody to tell.
            let _told = writeln!(io::stdout(), "{line}");
        });
        Options {
            parameters,
            api_port: self.api_port,
            simulator_port: self.simulator_port,
            aws_address: self.aws_address,
            aws_port: self.aws_port,
            state_directory: self.state_dir,
            fresh: self.fresh,
            build: Build { release: self.release, skip: self.no_build, target_directory: None },
            schedules: true,
            tenant: Some("local".to_owned()),
            logs,
            ..Options::new(self.template)
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn without_a_subcommand_it_runs() {
        let arguments = Arguments::parse_from(["local", "--api-port", "0", "--parameter", "A=b=c"]);
        assert!(arguments.command.is_none());
        let options = arguments.run.options();
        assert_eq!((options.api_port, options.parameters["A"].as_str()), (0, "b=c"));
    }
}

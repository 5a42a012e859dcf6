//! How a local cloud is started.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;

use crate::binaries::Build;
use crate::logs::Logs;
use crate::observe::Observer;

/// How a local cloud is started. [`Options::new`] is what tests want: any free ports, nothing kept, no schedules.
#[derive(Debug, Clone)]
#[expect(clippy::struct_excessive_bools, reason = "independent switches, set by name")]
pub struct Options {
    /// The template; its directory is the workspace that the functions are built in.
    pub template: PathBuf,
    /// Values for the template's parameters, over its defaults and those of the local cloud.
    pub parameters: BTreeMap<String, String>,
    /// Port of the API; 0 takes any free one, here as for the others.
    pub api_port: u16,
    /// Port of the platforms' simulator.
    pub simulator_port: u16,
    /// Address of the AWS endpoint: this machine's loopback, unless containers are to reach it.
    pub aws_address: IpAddr,
    /// Port of the AWS endpoint.
    pub aws_port: u16,
    /// Where tables, queues, keys and secrets are kept between runs; nowhere without.
    pub state_directory: Option<PathBuf>,
    /// Forget what an earlier run has kept.
    pub fresh: bool,
    /// How the functions' binaries come about.
    pub build: Build,
    /// Whether schedules tick by themselves.
    pub schedules: bool,
    /// Whether queues are polled by themselves; otherwise [`Cloud::deliver`](crate::Cloud::deliver) hands over each batch.
    pub event_sources: bool,
    /// Whether an environment stands still between events, as at AWS.
    pub freeze: bool,
    /// The most environments of a function that reserves none.
    pub most_environments: u32,
    /// The name of a tenant to create, with a key.
    pub tenant: Option<String>,
    /// Further variables for every function.
    pub environment: BTreeMap<String, String>,
    /// The simulator's dice, clock and rules. Where it listens and sends webhooks is decided here.
    pub simulator: simulator::Options,
    /// Who hears the logs.
    pub logs: Logs,
    /// Who is told how long functions take.
    pub observer: Observer,
}

impl Options {
    /// A cloud for tests: any free ports, in memory, with a tenant, schedules only when fired.
    #[must_use]
    pub fn new(template: impl Into<PathBuf>) -> Self {
        Self {
            template: template.into(),
            parameters: BTreeMap::new(),
            api_port: 0,
            simulator_port: 0,
            aws_address: Ipv4Addr::LOCALHOST.into(),
            aws_port: 0,
            state_directory: None,
            fresh: false,
            build: Build { release: false, skip: false, target_directory: None },
            schedules: false,
            event_sources: true,
            freeze: true,
            most_environments: 10,
            tenant: Some("test".to_owned()),
            environment: BTreeMap::new(),
            simulator: simulator::Options::default(),
            logs: Logs::discard(),
            observer: Observer::default(),
        }
    }
}

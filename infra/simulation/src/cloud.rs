//! The functions, each process with its own clients on its own wire, as the template would wire them.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use aws_config::SdkConfig;
use jiff::{SignedDuration, Timestamp};
use shared::{
    apps::{Apps, SigningKeys},
    aws::{self, Clients},
    aws_clock::AwsClock,
    bucket::Bucket,
    clock::Clock,
    config,
    connector::{
        facebook::Facebook,
        settings::{FacebookSettings, HostPolicy, Settings, SettingsError},
    },
    connectors::Connectors,
    consume::{Consumer, Pace},
    dispatch::Dispatcher,
    media::Library,
    platform::Platform,
    publish::Publisher,
    queue::{DeadLetters, Queue},
    read::Reader,
    redrive::Redriver,
    store::Store,
    telemetry::{Function, Metrics},
    vault::Vault,
};

use crate::{
    aws::Aws,
    carriage::Carriage,
    fault::Mishap,
    oracle::Oracle,
    plane::Plane,
    platforms::{FACEBOOK, Platforms},
    process::Process,
    time::{ProcessClock, Time},
    watch::Watch,
    ways::Ways,
    wire::Wire,
};

/// How far a process's clock may be off, in milliseconds, either way: five minutes.
const OFFSET: u64 = 300_000;

/// Everything that processes share.
#[derive(Clone)]
pub struct Cloud {
    /// The true time.
    pub time: Time,
    /// What goes wrong.
    pub plane: Arc<Plane>,
    /// AWS.
    pub aws: Arc<Aws>,
    /// The platforms.
    pub platforms: Arc<Platforms>,
    /// Who watches what is done.
    pub oracle: Arc<Oracle>,
    /// Who watches what is said.
    pub watch: Arc<Watch>,
    configuration: SdkConfig,
    connectors: Connectors,
    processes: Arc<AtomicUsize>,
}

impl std::fmt::Debug for Cloud {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Cloud")
    }
}

/// Why a run could not begin.
#[derive(Debug, thiserror::Error)]
pub enum SetUpError {
    /// The emulators refuse.
    #[error("the emulators do not start")]
    Emulators(#[from] emulators::Error),
    /// The connector's settings are refused.
    #[error("the connector's settings are refused")]
    Settings(#[from] SettingsError),
    /// The store or the vault refuse.
    #[error("the tenants could not be set up: {0}")]
    Tenants(String),
}

impl Cloud {
    /// Empty tables and platforms at `start`.
    ///
    /// # Errors
    /// They do not start.
    pub async fn new(start: Timestamp, plane: impl FnOnce(Time) -> Plane, seed: u64) -> Result<Self, SetUpError> {
        let time = Time::beginning(start);
        let plane = Arc::new(plane(time));
        let oracle = Arc::new(Oracle::default());
        let watch = Watch::new(Arc::clone(&oracle));
        let aws = Arc::new(Aws::new(time, Arc::clone(&plane), Arc::clone(&oracle), Arc::clone(&watch)).await?);
        let platforms = Arc::new(Platforms::new(time, Arc::clone(&oracle), seed));
        let mut settings = FacebookSettings::default();
        settings.set_graph_url(FACEBOOK, HostPolicy::StandIn)?;
        let connectors = Connectors::new(Settings::default()).with(Arc::new(Ways(Facebook::new(settings))));
        let configuration = aws::configuration("http://emulators.invalid");
        // The waits between two attempts of the SDK are drawn by chance; the same history must have the same ones.
        let retries = configuration.retry_config().cloned().unwrap_or_else(aws_config::retry::RetryConfig::standard);
        let configuration =
            configuration.into_builder().retry_config(retries.with_use_static_exponential_base(true)).build();
        let processes = Arc::default();
        Ok(Self { time, plane, aws, platforms, oracle, watch, configuration, connectors, processes })
    }

    /// A new process of a function.
    #[must_use]
    pub fn process(&self, function: Function) -> Parts {
        let number = self.processes.fetch_add(1, Ordering::Relaxed);
        let ahead = if self.plane.mishap(Mishap::ClockOffset) {
            let drawn = i64::try_from(self.plane.chance(2 * OFFSET)).unwrap_or(0);
            SignedDuration::from_millis(drawn - i64::try_from(OFFSET).unwrap_or(0))
        } else {
            SignedDuration::ZERO
        };
        let process = Arc::new(Process::new(format!("{}-{number}", function.name())));
        let wire = Wire { aws: Arc::clone(&self.aws), plane: Arc::clone(&self.plane), process: Arc::clone(&process) };
        let clock = Arc::new(AwsClock::over(Arc::new(ProcessClock { time: self.time, ahead })));
        let clients = Clients::listening(self.configuration.to_builder().http_client(wire).build(), &clock);
        Parts { cloud: self.clone(), process, clients, clock, function }
    }
}

/// One process: what its use case is made of.
pub struct Parts {
    cloud: Cloud,
    /// The process.
    pub process: Arc<Process>,
    clients: Clients,
    clock: Arc<dyn Clock>,
    function: Function,
}

impl std::fmt::Debug for Parts {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Parts").field("process", &self.process).finish_non_exhaustive()
    }
}

impl Parts {
    /// The table.
    #[must_use]
    pub fn store(&self) -> Store {
        Store::new(self.clients.dynamodb(), "State")
    }

    fn queue(&self) -> Queue {
        Queue::new(self.clients.sqs(), &self.cloud.aws.names.publish_queue)
    }

    fn dead_letters(&self) -> DeadLetters {
        DeadLetters::new(self.clients.sqs(), &self.cloud.aws.names.dead_letter_queue)
    }

    /// The vault.
    #[must_use]
    pub fn vault(&self) -> Vault {
        let names = &self.cloud.aws.names;
        let config = config::Vault {
            table: "Vault".into(),
            token_key: names.token_key.clone(),
            data_keys: config::DataKeyLimits::default(),
        };
        Vault::new(self.clients.kms(), self.clients.dynamodb(), &config, self.function, self.clock.clone())
    }

    fn apps(&self) -> Apps {
        let app = self.cloud.aws.names.facebook_app.clone();
        Apps::new(self.clients.secrets_manager(), self.clock.clone()).with(Platform::Facebook, app)
    }

    fn metrics(&self) -> Metrics {
        Metrics::silent(self.function, self.clock.clone())
    }

    fn carriage(&self) -> Carriage {
        Carriage {
            platforms: Arc::clone(&self.cloud.platforms),
            watch: Arc::clone(&self.cloud.watch),
            plane: Arc::clone(&self.cloud.plane),
            process: Arc::clone(&self.process),
        }
    }

    /// No post of a simulation names an upload: nobody is asked there.
    fn bucket(&self) -> Bucket {
        self.clients.bucket("uploads", self.clock.clone())
    }

    /// `functions/publish`.
    #[must_use]
    pub fn publisher(&self) -> Publisher {
        Publisher {
            store: self.store(),
            queue: self.queue(),
            connectors: self.cloud.connectors.clone(),
            media: Library { store: self.store(), bucket: self.bucket(), clock: self.clock.clone(), days: 7 },
            duplicate_window: None,
            clock: self.clock.clone(),
        }
    }

    /// `functions/api`.
    #[must_use]
    pub fn reader(&self) -> Reader {
        let key = &self.cloud.aws.names.signing_key;
        Reader {
            store: self.store(),
            queue: self.queue(),
            dead_letters: self.dead_letters(),
            signing_keys: SigningKeys::new(self.clients.secrets_manager(), key, self.clock.clone()),
            clock: self.clock.clone(),
            figures_max_age: shared::config::Figures::MAX_AGE,
        }
    }

    /// `functions/consumer`.
    #[must_use]
    pub fn consumer(&self) -> Consumer {
        Consumer {
            store: self.store(),
            queue: self.queue(),
            dead_letters: self.dead_letters(),
            vault: self.vault(),
            apps: self.apps(),
            connectors: self.cloud.connectors.clone(),
            bucket: self.bucket(),
            transport: Arc::new(self.carriage()),
            pace: Pace::default(),
            clock: self.clock.clone(),
            metrics: self.metrics(),
        }
    }

    /// `functions/redrive`.
    #[must_use]
    pub fn redriver(&self) -> Redriver {
        Redriver {
            store: self.store(),
            queue: self.queue(),
            vault: self.vault(),
            apps: self.apps(),
            connectors: self.cloud.connectors.clone(),
            transport: Arc::new(self.carriage()),
            clock: self.clock.clone(),
            metrics: self.metrics(),
        }
    }

    /// `functions/dispatch`.
    #[must_use]
    pub fn dispatcher(&self) -> Dispatcher {
        Dispatcher { store: self.store(), queue: self.queue(), clock: self.clock.clone(), metrics: self.metrics() }
    }
}

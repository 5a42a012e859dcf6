//! The whole cloud: everything started in order, everything stopped in order.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use aws_sdk_sqs::config::retry::RetryConfig;
use aws_sdk_sqs::config::{BehaviorVersion, Credentials, Region};
use bytes::Bytes;
use emulators::Emulators;
use shared::platform::Platform;
use simulator::Simulator;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::binaries::{self, BuildError};
use crate::deploy::{self, DeployError, Deployed};
use crate::event_source::{self, Poller};
use crate::gateway::Gateway;
use crate::lambda::{EnvironmentInfo, InvokeError, Lambda, Settings};
use crate::options::Options;
use crate::sam;
use crate::schedule::Schedule;
use crate::seed::{self, SeedError, SeededTenant, TENANT_FILE};
use crate::template::{self, Attributes, Parameters, Template};
use crate::wiring;

/// Why the local cloud did not start.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The template is missing or says something that is not understood.
    #[error(transparent)]
    Template(#[from] template::Error),
    /// The template could not be put into effect.
    #[error(transparent)]
    Deploy(#[from] DeployError),
    /// There are no binaries.
    #[error(transparent)]
    Build(#[from] BuildError),
    /// A port is taken.
    #[error("{what} cannot listen on {address}; another port can be chosen with {option}")]
    Listen {
        /// What was to listen.
        what: &'static str,
        /// Where.
        address: SocketAddr,
        /// The option that changes it.
        option: &'static str,
        /// Why not.
        source: std::io::Error,
    },
    /// The emulators did not start.
    #[error("the AWS emulators did not start")]
    Emulators(#[source] emulators::Error),
    /// The Runtime API cannot listen.
    #[error("the Lambda Runtime API cannot listen")]
    RuntimeApi(#[source] std::io::Error),
    /// Kept state cannot be removed.
    #[error("the state in {directory} cannot be removed")]
    Forget {
        /// Which directory.
        directory: String,
        /// Why not.
        source: std::io::Error,
    },
    /// No tenant could be created.
    #[error(transparent)]
    Seed(#[from] SeedError),
    /// The template lacks a resource that the local cloud itself needs.
    #[error("the template has no {0}")]
    Lacks(&'static str),
}

/// A running cloud. [`Cloud::shutdown`] ends it in order; dropping it kills the functions all the same.
#[derive(Debug)]
pub struct Cloud {
    api_url: String,
    tenant: Option<SeededTenant>,
    resources: BTreeMap<String, Attributes>,
    schedules: Vec<Schedule>,
    pollers: Vec<Arc<Poller>>,
    tasks: Vec<JoinHandle<()>>,
    gateway: Option<Gateway>,
    lambda: Lambda,
    simulator: Option<Simulator>,
    emulators: Option<Emulators>,
}

impl Cloud {
    /// Reads the template, creates what it describes, builds the functions, and begins to serve.
    ///
    /// # Errors
    /// See [`Error`]; nothing is left running.
    pub async fn start(options: Options) -> Result<Self, Error> {
        let template = Template::load(&options.template)?;
        let listener = listen("the API", options.api_port, "--api-port").await?;
        let api_address = listener.local_addr().map_err(Error::RuntimeApi)?;
        let api_url = format!("http://{api_address}");
        let parameters = Parameters::fill(&template, &parameters(&template, &options, &api_url))?;
        if let (true, Some(directory)) = (options.fresh, &options.state_directory) {
            forget(directory)?;
        }
        let emulators = start_emulators(&options).await?;
        let simulator = start_simulator(&options, &api_url, &emulators).await?;
        let deployed = deploy::deploy(&template, &parameters, &emulators).await?;
        let packages: Vec<String> = deployed.functions.iter().map(|function| function.binary.clone()).collect();
        let workspace = options.template.parent().filter(|path| !path.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let (binaries, tenant) = tokio::join!(
            binaries::build(workspace, &packages, &options.build),
            prepare(&options, &emulators, &deployed)
        );
        let tenant = tenant?;
        let settings = Settings {
            binaries: binaries?,
            environment: environment(&options, &emulators, &simulator),
            most_environments: options.most_environments,
            freeze: options.freeze,
            logs: options.logs.clone(),
            observer: options.observer.clone(),
        };
        emulators.guard(deployed.policies.gate(options.logs.clone()));
        let lambda = Lambda::start(deployed.functions, settings).await.map_err(Error::RuntimeApi)?;
        let gateway = deployed.api.map(|api| Gateway::start(listener, api, lambda.clone(), options.logs.clone()));
        let (mut tasks, mut pollers) = (Vec::new(), Vec::new());
        let client = queue_client(&emulators);
        for mapping in deployed.mappings {
            let url = queue_url(&deployed.resources, &mapping.queue_arn)?;
            let poller = Poller::new(mapping, url, client.clone(), lambda.clone(), options.logs.clone());
            pollers.push(Arc::new(poller));
        }
        if options.event_sources {
            tasks.extend(pollers.iter().map(|poller| event_source::start(Arc::clone(poller))));
        }
        if options.schedules {
            tasks.extend(deployed.schedules.iter().cloned().map(|schedule| schedule.start(lambda.clone())));
        }
        Ok(Self {
            api_url,
            tenant,
            resources: deployed.resources,
            schedules: deployed.schedules,
            pollers,
            tasks,
            gateway,
            lambda,
            simulator: Some(simulator),
            emulators: Some(emulators),
        })
    }

    /// Where the API is: `http://127.0.0.1:…`.
    #[must_use]
    pub fn api_url(&self) -> &str {
        &self.api_url
    }

    /// Where the platforms' simulator is.
    #[must_use]
    pub fn simulator_url(&self) -> String {
        self.simulator.as_ref().map(Simulator::url).unwrap_or_default()
    }

    /// Where AWS is, for `AWS_ENDPOINT_URL`.
    #[must_use]
    pub fn aws_url(&self) -> String {
        self.emulators.as_ref().map(Emulators::endpoint_url).unwrap_or_default()
    }

    /// A template for `sam local invoke`: each function as `sam build` left it in `built`, against this cloud.
    #[must_use]
    pub fn sam_template(&self, built: &Path) -> serde_json::Value {
        sam::template(self.lambda.definitions(), self.lambda.common_environment(), &self.aws_url(), built)
    }

    /// What is wired to what: routes, authorizers, functions, event sources and schedules, as they are in force. With names and ARNs
    /// as `Ref` and `GetAtt` give them; times in the units that the fields name.
    #[must_use]
    pub fn wiring(&self) -> serde_json::Value {
        let sources = self.pollers.iter().map(|poller| poller.mapping());
        wiring::wiring(self.gateway.as_ref(), &self.lambda, sources, &self.schedules)
    }

    /// What `GetAtt` gives for a resource of the template, as far as the local cloud knows the attribute.
    #[must_use]
    pub fn attribute(&self, logical_id: &str, attribute: &str) -> Option<&str> {
        self.resources.get(logical_id)?.attributes.get(attribute).map(String::as_str)
    }

    /// The tenant that was created at the start, if one was asked for.
    #[must_use]
    pub fn tenant(&self) -> Option<&SeededTenant> {
        self.tenant.as_ref()
    }

    /// That tenant's API key; empty without one.
    #[must_use]
    pub fn api_key(&self) -> &str {
        self.tenant.as_ref().map_or("", |tenant| &tenant.api_key)
    }

    /// The emulators: counted calls, the clock of queues, more queues and tables.
    #[must_use]
    pub fn emulators(&self) -> Option<&Emulators> {
        self.emulators.as_ref()
    }

    /// The simulator: its pages, its faults.
    #[must_use]
    pub fn simulator(&self) -> Option<&Simulator> {
        self.simulator.as_ref()
    }

    /// What `Ref` gives for a resource of the template: a table's name, a queue's URL, a secret's ARN.
    #[must_use]
    pub fn resource(&self, logical_id: &str) -> Option<&str> {
        self.resources.get(logical_id).map(|attributes| attributes.reference.as_str())
    }

    /// The names of the schedules.
    pub fn schedules(&self) -> impl Iterator<Item = &str> {
        self.schedules.iter().map(|schedule| schedule.name.as_str())
    }

    /// Fires a schedule now, by its own name or its function's (`dispatch`), and waits for the function.
    ///
    /// # Errors
    /// When there is no such schedule, or the function failed: what the schedule's own ticks would repeat is told here.
    pub async fn fire_schedule(&self, name: &str) -> Result<(), InvokeError> {
        let function = self.lambda.find(name);
        let found = self
            .schedules
            .iter()
            .find(|schedule| schedule.name == name || Some(&schedule.function) == function.as_ref())
            .ok_or_else(|| InvokeError::Unknown(name.to_owned()))?;
        found.fire(&self.lambda).await
    }

    /// Calls a function, by its name, its logical id or its binary, and waits for its answer.
    ///
    /// # Errors
    /// See [`InvokeError`].
    pub async fn invoke(&self, function: &str, payload: impl Into<Bytes>) -> Result<Bytes, InvokeError> {
        let name = self.lambda.find(function).ok_or_else(|| InvokeError::Unknown(function.to_owned()))?;
        self.lambda.invoke(&name, payload.into()).await
    }

    /// Hands a function one batch of what its queue has now, and waits until it is worked off. How many messages there were.
    ///
    /// # Errors
    /// When no queue feeds such a function.
    pub async fn deliver(&self, function: &str) -> Result<usize, InvokeError> {
        let name = self.lambda.find(function);
        let fed = self.pollers.iter().find(|poller| Some(&poller.mapping().function) == name.as_ref());
        match fed {
            Some(poller) => Ok(poller.deliver_visible().await),
            None => Err(InvokeError::Unknown(function.to_owned())),
        }
    }

    /// Starts one more environment of a function and leaves it waiting for its first event, as provisioned concurrency does.
    ///
    /// # Errors
    /// When it does not start.
    pub async fn provision(&self, function: &str) -> Result<(), InvokeError> {
        let name = self.lambda.find(function).ok_or_else(|| InvokeError::Unknown(function.to_owned()))?;
        self.lambda.provision(&name).await
    }

    /// Ends the environments of a function, as Lambda does with idle ones: the next event is a cold start.
    ///
    /// # Errors
    /// When there is no such function.
    pub async fn recycle(&self, function: &str) -> Result<(), InvokeError> {
        let name = self.lambda.find(function).ok_or_else(|| InvokeError::Unknown(function.to_owned()))?;
        self.lambda.recycle(&name).await;
        Ok(())
    }

    /// The environments of a function that are alive, with their processes.
    #[must_use]
    pub fn environments(&self, function: &str) -> Vec<EnvironmentInfo> {
        self.lambda.find(function).map(|name| self.lambda.environments(&name)).unwrap_or_default()
    }

    /// Stops everything in order: no new events, the functions, the simulator, the emulators with what they keep.
    ///
    /// # Errors
    /// When kept state cannot be written.
    pub async fn shutdown(mut self) -> Result<(), Error> {
        self.abort();
        self.lambda.stop().await;
        if let Some(simulator) = self.simulator.take() {
            simulator.stop().await;
        }
        match self.emulators.take() {
            Some(emulators) => emulators.stop().await.map_err(Error::Emulators),
            None => Ok(()),
        }
    }

    fn abort(&mut self) {
        for task in self.tasks.drain(..) {
            task.abort();
        }
        self.gateway.take();
    }
}

impl Drop for Cloud {
    fn drop(&mut self) {
        self.abort();
        self.lambda.kill();
    }
}

async fn listen(what: &'static str, port: u16, option: &'static str) -> Result<TcpListener, Error> {
    let address = SocketAddr::from(([127, 0, 0, 1], port));
    TcpListener::bind(address).await.map_err(|source| Error::Listen { what, address, option, source })
}

/// The caller's parameters over those of the local cloud, as far as the template has them.
fn parameters(template: &Template, options: &Options, api_url: &str) -> BTreeMap<String, String> {
    let own = [("Environment", "local"), ("PublicUrl", api_url), ("GbpPushAccount", simulator::gbp::PUSH_ACCOUNT)];
    let declared = |name: &str| template.parameters.get(name).is_some();
    let own = own.into_iter().filter(|(name, _)| declared(name));
    let mut parameters: BTreeMap<String, String> =
        own.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    parameters.extend(options.parameters.clone());
    parameters
}

fn forget(directory: &Path) -> Result<(), Error> {
    let failed = |source| Error::Forget { directory: directory.display().to_string(), source };
    emulators::forget(directory).map_err(failed)?;
    match std::fs::remove_file(directory.join(TENANT_FILE)) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(failed(error)),
        Ok(()) | Err(_) => Ok(()),
    }
}

async fn start_emulators(options: &Options) -> Result<Emulators, Error> {
    let address = SocketAddr::from((options.aws_address, options.aws_port));
    let started = emulators::Options { listen: address, state_directory: options.state_directory.clone() };
    Emulators::start(started).await.map_err(|error| match error {
        emulators::Error::Listen(source) => {
            Error::Listen { what: "the AWS endpoint", address, option: "--aws-port", source }
        }
        other @ (emulators::Error::DynamoDb(_)
        | emulators::Error::State { .. }
        | emulators::Error::Restore(_)
        | emulators::Error::Refused { .. }) => Error::Emulators(other),
    })
}

async fn start_simulator(options: &Options, api_url: &str, emulators: &Emulators) -> Result<Simulator, Error> {
    let listen = SocketAddr::from(([127, 0, 0, 1], options.simulator_port));
    let webhook_url = Some(format!("{api_url}/webhooks/facebook"));
    let started = simulator::Options {
        listen,
        webhook_url,
        deauthorize_url: Some(format!("{api_url}/webhooks/facebook/deauthorize")),
        data_deletion_url: Some(format!("{api_url}/webhooks/facebook/data-deletion")),
        // Uploads are fetched from the local S3.
        files_url: Some(format!("{}/", emulators.endpoint_url())),
        ..options.simulator.clone()
    };
    Simulator::start(started).await.map_err(|error| match error {
        simulator::Error::Listen { address, source } => {
            Error::Listen { what: "the simulator", address, option: "--simulator-port", source }
        }
    })
}

/// The apps' credentials and a tenant.
async fn prepare(options: &Options, emulators: &Emulators, deployed: &Deployed) -> Result<Option<SeededTenant>, Error> {
    for platform in Platform::ALL.iter().copied() {
        if let Some(app) = deployed.resources.get(seed::secret_of(platform)) {
            seed::app(emulators, platform, &app.reference).await?;
        }
    }
    let Some(name) = &options.tenant else { return Ok(None) };
    let table = deployed.resources.get("StateTable").ok_or(Error::Lacks("StateTable"))?;
    let tenant = seed::tenant(emulators, &table.reference, name, options.state_directory.as_deref()).await?;
    Ok(Some(tenant))
}

/// What every function finds besides the template's variables: where AWS and the platforms are.
fn environment(options: &Options, emulators: &Emulators, simulator: &Simulator) -> BTreeMap<String, String> {
    let mut environment = options.environment.clone();
    environment.insert("AWS_ENDPOINT_URL".to_owned(), emulators.endpoint_url());
    for platform in Platform::ALL.iter().copied() {
        for host in shared::variables::hosts(platform) {
            environment.entry((*host).to_owned()).or_insert_with(|| simulator.url_of(platform.name()));
        }
    }
    let own = simulator.url().trim_start_matches("http://").trim_end_matches('/').to_owned();
    environment.entry(shared::variables::LOCAL_HOSTS.to_owned()).or_insert(own);
    environment
}

/// No repetitions: the poller polls anyway.
fn queue_client(emulators: &Emulators) -> aws_sdk_sqs::Client {
    let config = aws_sdk_sqs::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::from_static(emulators::REGION))
        .credentials_provider(Credentials::new("local", "local", None, None, "local"))
        .retry_config(RetryConfig::disabled())
        .endpoint_url(emulators.endpoint_url())
        .build();
    aws_sdk_sqs::Client::from_conf(config)
}

fn queue_url(resources: &BTreeMap<String, Attributes>, arn: &str) -> Result<String, Error> {
    let queue = resources.values().find(|attributes| attributes.attributes.get("Arn").is_some_and(|own| own == arn));
    let url = queue.and_then(|queue| queue.attributes.get("QueueUrl")).cloned();
    url.ok_or_else(|| {
        Error::Template(template::Error::at(arn, "an event source mapping polls it, but there is no such queue"))
    })
}

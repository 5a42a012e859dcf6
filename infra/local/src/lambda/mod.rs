//! AWS Lambda: starts the functions' binaries as execution environments, gives each one event at a time over the Runtime
//! API, freezes it in between, and kills it at the deadline.

mod environment;
mod process;
mod runtime_api;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use serde_json::json;
use tokio::net::TcpListener;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinHandle;
use uuid::Uuid;

use crate::logs::{Level, Logs};
use crate::observe::Observer;
use environment::Environment;
pub use environment::EnvironmentInfo;
use runtime_api::RuntimeApi;

/// A function as the template describes it.
#[derive(Debug, Clone)]
pub(crate) struct FunctionDefinition {
    pub(crate) logical_id: String,
    pub(crate) name: String,
    pub(crate) binary: String,
    pub(crate) timeout: Duration,
    pub(crate) memory_mb: u32,
    pub(crate) reserved_concurrency: Option<u32>,
    pub(crate) environment: BTreeMap<String, String>,
    pub(crate) retries: AsyncRetries,
}

/// What becomes of an asynchronous event that fails.
#[derive(Debug, Clone, Copy)]
pub(crate) struct AsyncRetries {
    pub(crate) attempts: u32,
    pub(crate) maximum_age: Duration,
}

/// Why a function gave no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvokeError {
    /// No function has this name.
    #[error("there is no function {0}")]
    Unknown(String),
    /// All environments that the function may have are busy.
    #[error("all environments that it may have are busy")]
    Throttled,
    /// The binary did not start, or ended before it asked for an event.
    #[error("it did not start: {0}")]
    Init(String),
    /// The handler answered with an error.
    #[error("{error_type}: {message}")]
    Function {
        /// The error's name, as the runtime reported it.
        error_type: String,
        /// What it said.
        message: String,
    },
    /// The deadline passed.
    #[error("Task timed out after {0} seconds")]
    TimedOut(u64),
    /// The process ended while it worked on the event.
    #[error("the process ended while it worked: {0}")]
    Crashed(String),
    /// The local cloud is stopping.
    #[error("the local cloud is stopping")]
    Stopping,
}

/// What all functions have in common.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    /// Where the binaries are.
    pub(crate) binaries: PathBuf,
    /// What every function finds in its environment besides the template's variables.
    pub(crate) environment: BTreeMap<String, String>,
    /// The most environments of a function that reserves none.
    pub(crate) most_environments: u32,
    /// Whether environments stand still between events.
    pub(crate) freeze: bool,
    pub(crate) logs: Logs,
    pub(crate) observer: Observer,
}

#[derive(Debug)]
struct Function {
    definition: Arc<FunctionDefinition>,
    permits: Arc<Semaphore>,
}

/// All functions; cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Lambda {
    functions: Arc<BTreeMap<String, Function>>,
    settings: Arc<Settings>,
    runtime_api: Arc<RuntimeApi>,
    server: Arc<JoinHandle<()>>,
}

impl Lambda {
    /// Opens the Runtime API. No function starts before its first event.
    pub(crate) async fn start(definitions: Vec<FunctionDefinition>, settings: Settings) -> std::io::Result<Self> {
        let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await?;
        let runtime_api = Arc::new(RuntimeApi::new(listener.local_addr()?));
        let server = tokio::spawn(runtime_api::serve(listener, Arc::clone(&runtime_api)));
        let functions = definitions.into_iter().map(|definition| {
            let most = definition.reserved_concurrency.unwrap_or(settings.most_environments);
            let permits = Arc::new(Semaphore::new(most as usize));
            (definition.name.clone(), Function { definition: Arc::new(definition), permits })
        });
        Ok(Self {
            functions: Arc::new(functions.collect()),
            settings: Arc::new(settings),
            runtime_api,
            server: Arc::new(server),
        })
    }

    /// Every function, as the template describes it.
    pub(crate) fn definitions(&self) -> impl Iterator<Item = &FunctionDefinition> {
        self.functions.values().map(|function| function.definition.as_ref())
    }

    /// What every function finds in its environment besides the template's variables.
    pub(crate) fn common_environment(&self) -> &BTreeMap<String, String> {
        &self.settings.environment
    }

    /// Finds a function by its name, its logical id or its binary, and gives its name.
    pub(crate) fn find(&self, any_name: &str) -> Option<String> {
        let matches = |function: &&Function| {
            let definition = &function.definition;
            [&definition.name, &definition.logical_id, &definition.binary].into_iter().any(|name| name == any_name)
        };
        self.functions.values().find(matches).map(|function| function.definition.name.clone())
    }

    /// Hands one event to one environment and waits for the answer.
    pub(crate) async fn invoke(&self, name: &str, payload: Bytes) -> Result<Bytes, InvokeError> {
        let function = self.functions.get(name).ok_or_else(|| InvokeError::Unknown(name.to_owned()))?;
        let permit = permit(function).await?;
        let environment = self.environment(function).await?;
        let request_id = Uuid::now_v7().to_string();
        let binary = &function.definition.binary;
        let begun = std::time::Instant::now();
        let result = environment.work(&request_id, payload).await;
        let took = begun.elapsed().as_millis();
        match &result {
            Ok(_) => self.settings.logs.say(Level::Debug, binary, format!("answered in {took} ms")),
            Err(error) => self.settings.logs.say(Level::Error, binary, format!("failed after {took} ms: {error}")),
        }
        // The caller has its answer; the environment is busy until it asks for the next event.
        let freeze = self.settings.freeze;
        tokio::spawn(async move {
            environment.settle(freeze).await;
            drop(permit);
        });
        result
    }

    /// Hands over an event as EventBridge does: failures are repeated as the function's configuration says.
    pub(crate) async fn invoke_async(&self, name: &str, payload: Bytes) -> Result<Bytes, InvokeError> {
        let retries = self.functions.get(name).map(|function| function.definition.retries);
        let retries = retries.ok_or_else(|| InvokeError::Unknown(name.to_owned()))?;
        let begun = std::time::Instant::now();
        let mut attempt = 0;
        loop {
            let result = self.invoke(name, payload.clone()).await;
            // Lambda waits one minute before the first repetition and two before the second.
            let wait = Duration::from_mins(1) * (attempt + 1);
            let over = attempt >= retries.attempts || begun.elapsed() + wait > retries.maximum_age;
            if over || matches!(result, Ok(_) | Err(InvokeError::Stopping)) {
                return result;
            }
            attempt += 1;
            self.runtime_api.stopped_within(wait).await;
        }
    }

    /// Starts one more environment and leaves it waiting for its first event, as provisioned concurrency does.
    pub(crate) async fn provision(&self, name: &str) -> Result<(), InvokeError> {
        let function = self.functions.get(name).ok_or_else(|| InvokeError::Unknown(name.to_owned()))?;
        let environment = Environment::start(&function.definition, &self.settings, &self.runtime_api).await?;
        environment.rest(self.settings.freeze);
        Ok(())
    }

    /// Kills the environments of a function and waits for their end: its next event is a cold start.
    pub(crate) async fn recycle(&self, name: &str) {
        self.runtime_api.recycle(name).await;
    }

    /// The environments of a function that are alive.
    pub(crate) fn environments(&self, name: &str) -> Vec<EnvironmentInfo> {
        self.runtime_api.environments(name)
    }

    /// Kills every environment and closes the Runtime API.
    pub(crate) async fn stop(&self) {
        self.runtime_api.stop().await;
        self.server.abort();
    }

    /// Kills every environment and waits for none.
    pub(crate) fn kill(&self) {
        self.runtime_api.kill();
        self.server.abort();
    }

    /// A warm environment, the most recently used first, or a new one.
    async fn environment(&self, function: &Function) -> Result<Arc<Environment>, InvokeError> {
        if let Some(warm) = self.runtime_api.take_idle_soon(&function.definition.name).await {
            return Ok(warm);
        }
        let result = Environment::start(&function.definition, &self.settings, &self.runtime_api).await;
        if let Err(error) = &result {
            self.settings.logs.say(Level::Error, &function.definition.binary, error.to_string());
        }
        result
    }
}

/// With a reservation, Lambda throttles; without one, it would scale out, so here the caller waits for a free environment.
async fn permit(function: &Function) -> Result<OwnedSemaphorePermit, InvokeError> {
    let permits = Arc::clone(&function.permits);
    if function.definition.reserved_concurrency.is_some() {
        return permits.try_acquire_owned().map_err(|_| InvokeError::Throttled);
    }
    permits.acquire_owned().await.map_err(|_| InvokeError::Stopping)
}

/// Reads the body of `/error`: `errorType` and `errorMessage`, as far as they are there.
fn function_error(body: &[u8]) -> InvokeError {
    let body: serde_json::Value = serde_json::from_slice(body).unwrap_or_else(|_| json!({}));
    let field = |name: &str, otherwise: &str| {
        body.get(name).and_then(serde_json::Value::as_str).unwrap_or(otherwise).to_owned()
    };
    InvokeError::Function {
        error_type: field("errorType", "Unhandled"),
        message: field("errorMessage", "the function gave no message"),
    }
}

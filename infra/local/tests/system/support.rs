//! What the tests share: clouds that run the real functions, what these have logged, and patience.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use axum::body::Bytes;
use canary::Scanner;
use local::{Cloud, InvokeError, Level, Line, Logs, Options};
use serde_json::Value;
use shared::aws::Clients;
use shared::store::Store;
use tokio::runtime::Handle;
use tokio::sync::oneshot;

/// How long anything may take. The longest legitimate wait is the settle time of a publish whose consumer died.
pub(crate) const PATIENCE: Duration = Duration::from_mins(2);
/// How often is looked.
const LOOK: Duration = Duration::from_millis(20);

/// All tests call from one address, and some of them often: only what a test limits is limited.
const WITHOUT_LIMITS: [(&str, &str); 3] = [
    ("TenantRequestsPerMinute", "1000000"),
    ("PublicRequestsPerMinute", "1000000"),
    ("OauthRequestsPerMinute", "1000000"),
];

/// How every access token begins: not a secret, and a sign of one.
const BEGINNING_OF_TOKENS: &str = "EAAP";

static SHARED: OnceLock<System> = OnceLock::new();

/// A running cloud on a thread of its own, so that several tests, each with its own runtime, can share it.
pub(crate) struct System {
    pub(crate) cloud: Arc<Cloud>,
    runtime: Handle,
    logs: Arc<Mutex<Vec<Line>>>,
    secrets: Mutex<Scanner>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl System {
    /// The cloud that most tests share. Every test brings tenants of its own, so that they do not meet.
    pub(crate) fn shared() -> &'static Self {
        // Its functions log all they can: whatever tests do here is searched for secrets.
        SHARED.get_or_init(|| Self::start(&[("LogLevel", "trace"), ("FacebookSettleSeconds", "1")]))
    }

    /// The shared cloud, if any test has begun to use it.
    pub(crate) fn shared_so_far() -> Option<&'static Self> {
        SHARED.get()
    }

    /// A cloud for tests that kill, flood or turn the clock.
    pub(crate) fn start(parameters: &[(&str, &str)]) -> Self {
        Self::start_with(parameters, |_options| ())
    }

    /// Another cloud for tests, with options of its own.
    pub(crate) fn start_with(parameters: &[(&str, &str)], adjust: impl FnOnce(&mut Options)) -> Self {
        let template = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../template.yaml").canonicalize().unwrap();
        let logs = Arc::new(Mutex::new(Vec::new()));
        let mut options = Options::new(template);
        let parameters = WITHOUT_LIMITS.iter().chain(parameters);
        options.parameters = parameters.map(|(name, value)| ((*name).into(), (*value).into())).collect();
        options.logs = Logs::new(Level::Trace, {
            let logs = Arc::clone(&logs);
            move |line: &Line| lock(&logs).push(line.clone())
        });
        adjust(&mut options);
        let (started, running) = std::sync::mpsc::channel();
        let (stop, stopped) = oneshot::channel();
        let thread = std::thread::spawn(move || serve(options, &started, stopped));
        let (cloud, runtime) = running.recv().unwrap();
        let system = Self { cloud, runtime, logs, secrets: Mutex::default(), stop: Some(stop), thread: Some(thread) };
        system.keep_secret("the app's secret", simulator::APP_SECRET);
        system.keep_secret("the verify token", simulator::VERIFY_TOKEN);
        system.keep_key(system.cloud.api_key());
        system
    }

    /// Calls a function directly. It runs where the cloud runs: an environment outlives the test that starts it.
    pub(crate) async fn invoke(&self, function: &'static str, event: &Value) -> Result<Value, InvokeError> {
        let (cloud, event) = (Arc::clone(&self.cloud), Bytes::from(event.to_string()));
        let answer = self.runtime.spawn(async move { cloud.invoke(function, event).await }).await.unwrap()?;
        Ok(serde_json::from_slice(&answer).unwrap())
    }

    /// Hands a function one batch out of its queue. It runs where the cloud runs, as [`Self::invoke`] does.
    pub(crate) fn deliver(&self, function: &'static str) -> tokio::task::JoinHandle<Result<usize, InvokeError>> {
        let cloud = Arc::clone(&self.cloud);
        self.runtime.spawn(async move { cloud.deliver(function).await })
    }

    /// The environment variables of a function's process, which is started for this.
    pub(crate) fn variables(&self, function: &str) -> BTreeMap<String, String> {
        let (cloud, name) = (Arc::clone(&self.cloud), function.to_owned());
        let provisioned = self.runtime.spawn(async move { cloud.provision(&name).await });
        self.runtime.block_on(provisioned).unwrap().unwrap();
        let environment = self.cloud.environments(function).pop().unwrap();
        let variables = std::fs::read(format!("/proc/{}/environ", environment.pid)).unwrap();
        let texts = variables.split(|byte| *byte == 0).map(|text| String::from_utf8_lossy(text).into_owned());
        texts.filter_map(|text| text.split_once('=').map(|(name, value)| (name.to_owned(), value.to_owned()))).collect()
    }

    pub(crate) fn aws(&self) -> Clients {
        Clients::at(&self.cloud.aws_url())
    }

    pub(crate) fn store(&self) -> Store {
        Store::new(self.aws().dynamodb(), self.resource("StateTable"))
    }

    /// What `Ref` gives for a resource of the template.
    pub(crate) fn resource(&self, logical_id: &str) -> String {
        self.cloud.resource(logical_id).unwrap().to_owned()
    }

    pub(crate) fn facebook(&self) -> &simulator::facebook::Facebook {
        self.cloud.simulator().unwrap().facebook()
    }

    /// How many posts with this text stand on a Page.
    pub(crate) fn on_page(&self, page: &str, message: &str) -> usize {
        let page = self.facebook().page(page).unwrap();
        page.posts.iter().filter(|post| post.message.as_deref() == Some(message)).count()
    }

    /// Lets SQS's clock jump: what is hidden or delayed by that much comes at once.
    pub(crate) fn turn_the_queues_clock(&self, by: Duration) {
        self.cloud.emulators().unwrap().advance(by);
    }

    /// From now on nothing may log this.
    pub(crate) fn keep_secret(&self, name: &str, secret: impl AsRef<[u8]>) {
        lock(&self.secrets).keep(name, secret).unwrap();
    }

    /// The same of an API key: what stands before its last underscore says whose it is, and is no secret.
    pub(crate) fn keep_key(&self, key: &str) {
        self.keep_secret("an API key", key.rsplit('_').next().unwrap());
    }

    /// What must not be seen, the platform's tokens and codes included.
    pub(crate) fn secrets(&self) -> MutexGuard<'_, Scanner> {
        let mut secrets = lock(&self.secrets);
        for (name, secret) in self.facebook().secrets() {
            secrets.keep(&name, secret).unwrap();
        }
        secrets
    }

    /// Everything that was logged so far.
    pub(crate) fn log(&self) -> Vec<Line> {
        lock(&self.logs).clone()
    }

    /// What this function has logged so far.
    pub(crate) fn lines(&self, function: &str) -> Vec<String> {
        let logs = lock(&self.logs);
        logs.iter().filter(|line| line.source == function).map(|line| line.text.clone()).collect()
    }

    /// Fails if anything secret has been logged by any function, or by the cloud itself.
    pub(crate) fn assert_discreet(&self) {
        let secrets = self.secrets();
        for line in lock(&self.logs).iter() {
            let findings = secrets.scan(line.text.as_bytes());
            assert!(findings.is_empty(), "{} has logged {}", line.source, findings[0]);
            assert!(!line.text.contains(BEGINNING_OF_TOKENS), "{} has logged a token", line.source);
        }
    }

    /// The last things that were logged, for the message of a test that fails.
    fn last_words(&self) -> String {
        let logs = lock(&self.logs);
        let worth = logs.iter().filter(|line| line.level >= Level::Info);
        let mut words: Vec<String> = worth.rev().take(25).map(ToString::to_string).collect();
        words.reverse();
        words.join("\n")
    }

    /// Waits until there is an answer.
    pub(crate) async fn eventually<T>(&self, what: &str, look: impl AsyncFnMut() -> Option<T>) -> T {
        self.within(PATIENCE, what, look).await
    }

    /// Waits until there is an answer, for what takes longer than anything else.
    pub(crate) async fn within<T>(
        &self,
        patience: Duration,
        what: &str,
        mut look: impl AsyncFnMut() -> Option<T>,
    ) -> T {
        let deadline = Instant::now() + patience;
        loop {
            if let Some(found) = look().await {
                return found;
            }
            assert!(Instant::now() < deadline, "still not: {what}\n{}", self.last_words());
            tokio::time::sleep_until(tokio::time::Instant::now() + LOOK).await;
        }
    }
}

impl Drop for System {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            // It can only fail because the cloud has ended.
            let _ended = stop.send(());
        }
        if let Some(thread) = self.thread.take() {
            let ended = thread.join();
            if !std::thread::panicking() {
                ended.unwrap();
                self.assert_discreet();
            }
        }
    }
}

fn serve(options: Options, started: &std::sync::mpsc::Sender<(Arc<Cloud>, Handle)>, stopped: oneshot::Receiver<()>) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let cloud = Arc::new(Cloud::start(options).await.unwrap());
        started.send((Arc::clone(&cloud), Handle::current())).unwrap();
        // The cloud that all share is never told to stop: it ends with the process.
        let _told = stopped.await;
        if let Some(cloud) = Arc::into_inner(cloud) {
            cloud.shutdown().await.unwrap();
        }
    });
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

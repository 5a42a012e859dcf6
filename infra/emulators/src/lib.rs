//! AWS in one process: `DynamoDB`, SQS, KMS, Secrets Manager and S3 behind one loopback port, for tests and the local cloud.
//!
//! The SDKs talk to it unchanged (`endpoint_url`, or `AWS_ENDPOINT_URL` in the environment). Instances are independent
//! and cheap: a test starts its own. Time can be moved ([`Emulators::advance`]), calls are counted ([`Emulators::counts`]).
//! Signatures are verified by S3 alone, where they stand for the right to upload; who may do what is up to a [`Gate`], and
//! without one everybody may do everything.

mod access;
mod clock;
mod counts;
mod disk;
mod dynamodb;
mod managed;
mod s3;
mod server;
mod setup;
mod sqs;
mod tap;

use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::HeaderMap;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

pub use access::{Access, Gate};
pub use clock::Time;
pub use counts::{Counts, OperationCount};
pub use setup::{Bucket, Index, Key, KeyType, Projection, Queue, QueueAddress, Redrive, Table};
pub use tap::Tap;

use clock::Clock;
use counts::Tally;
use dynamodb::DynamoDb;
use managed::{Kms, SecretsManager};
use s3::S3;
use server::Services;
use sqs::Sqs;

/// The region of everything in here.
pub const REGION: &str = "us-east-1";

/// The account of everything in here.
pub const ACCOUNT: &str = "000000000000";

/// What every access key of this account goes with.
pub const SECRET_ACCESS_KEY: &str = "local";

/// The endpoint of emulators without a socket: nobody answers there.
const NOWHERE: &str = "http://emulators.invalid";

/// How to start.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where to listen; port 0 takes any free one.
    pub listen: SocketAddr,
    /// Where to keep state between runs; in memory without.
    pub state_directory: Option<PathBuf>,
}

impl Default for Options {
    /// Any free loopback port, in memory.
    fn default() -> Self {
        Self { listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), state_directory: None }
    }
}

/// Why the emulators did not start, or refused something.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The port is taken or may not be had.
    #[error("the emulators cannot listen")]
    Listen(#[source] std::io::Error),
    /// The database did not open.
    #[error("DynamoDB did not start: {0}")]
    DynamoDb(String),
    /// A file of kept state cannot be read or written.
    #[error("the state file {} cannot be used", file.display())]
    State {
        /// Which.
        file: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Kept state was read but not understood.
    #[error("kept state was not accepted: {0}")]
    Restore(String),
    /// A resource could not be created.
    #[error("{operation} was refused: {answer}")]
    Refused {
        /// The operation.
        operation: String,
        /// What the service said.
        answer: String,
    },
}

/// Tells every task of one instance when to end.
#[derive(Debug, Clone)]
pub(crate) struct Stop(watch::Receiver<bool>);

impl Stop {
    /// Resolves once stopping was asked for, or the instance is gone.
    pub(crate) fn requested(&self) -> impl Future<Output = ()> + Send + 'static {
        let mut receiver = self.0.clone();
        async move {
            // An error means that the sender is gone: stop as well.
            let _stopped = receiver.wait_for(|stopped| *stopped).await;
        }
    }
}

/// Removes what instances have kept in a state directory; anything else in it stays.
///
/// # Errors
/// When a file cannot be removed.
pub fn forget(state_directory: &Path) -> std::io::Result<()> {
    let files = [
        "dynamodb.sqlite",
        "dynamodb.sqlite-shm",
        "dynamodb.sqlite-wal",
        "kms.json",
        "s3.json",
        "secrets.json",
        "sqs.json",
    ];
    match std::fs::remove_dir_all(state_directory.join("s3")) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    for file in files {
        match std::fs::remove_file(state_directory.join(file)) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
            Ok(()) | Err(_) => {}
        }
    }
    Ok(())
}

/// A running instance; dropping it stops it.
#[derive(Debug)]
pub struct Emulators {
    /// Where it listens, unless it lives in this process alone.
    address: Option<SocketAddr>,
    services: Arc<Services>,
    clock: Arc<Clock>,
    stop: watch::Sender<bool>,
    server: Option<JoinHandle<()>>,
    queue_file: Option<PathBuf>,
}

impl Emulators {
    /// Starts all services.
    ///
    /// # Errors
    /// When the address is taken or kept state cannot be used.
    pub async fn start(options: Options) -> Result<Self, Error> {
        // winterbaume knows one account per process. Every instance has the same.
        winterbaume_core::set_default_account_id(ACCOUNT);
        if let Some(directory) = &options.state_directory {
            // For this user only: it holds keys and secrets, if only of the emulators.
            let mut builder = std::fs::DirBuilder::new();
            builder.recursive(true).mode(0o700);
            builder.create(directory).map_err(|source| Error::State { file: directory.clone(), source })?;
        }
        let file = |name: &str| options.state_directory.as_ref().map(|directory| directory.join(name));
        let listener = TcpListener::bind(options.listen).await.map_err(Error::Listen)?;
        let address = listener.local_addr().map_err(Error::Listen)?;
        let clock = Arc::new(Clock::default());
        let (sender, receiver) = watch::channel(false);
        let stop = Stop(receiver);
        let queue_file = file("sqs.json");
        let queues = disk::load(queue_file.as_deref())?.unwrap_or_default();
        let services = Arc::new(Services {
            dynamodb: DynamoDb::start(file("dynamodb.sqlite").as_deref(), Arc::clone(&clock), stop.clone()).await?,
            sqs: Sqs::new(Arc::clone(&clock), format!("http://{address}"), queues),
            kms: Kms::start(file("kms.json")).await?,
            secrets: SecretsManager::start(file("secrets.json")).await?,
            s3: S3::open(Arc::clone(&clock), options.state_directory.as_deref())?,
            tally: Tally::default(),
            gate: std::sync::OnceLock::new(),
            tap: std::sync::OnceLock::new(),
        });
        let router = server::router(Arc::clone(&services));
        let server = tokio::spawn(async move {
            let serving = axum::serve(listener, router).with_graceful_shutdown(stop.requested());
            // It ends only by being stopped; there is nobody left to tell about an error then.
            let _ended = serving.await;
        });
        Ok(Self { address: Some(address), services, clock, stop: sender, server: Some(server), queue_file })
    }

    /// The services without a socket, on a clock that is given: requests are handed to [`Self::answer`], on the
    /// caller's thread, and the same history has the same answers.
    ///
    /// # Errors
    /// When the database does not open.
    pub async fn in_process(time: Time) -> Result<Self, Error> {
        winterbaume_core::set_default_account_id(ACCOUNT);
        let clock = Arc::new(Clock::given(time));
        let (sender, _) = watch::channel(false);
        let services = Arc::new(Services {
            dynamodb: DynamoDb::direct(Arc::clone(&clock))?,
            sqs: Sqs::new(Arc::clone(&clock), NOWHERE.to_owned(), sqs::State::default()),
            kms: Kms::start(None).await?,
            secrets: SecretsManager::start(None).await?,
            s3: S3::open(Arc::clone(&clock), None)?,
            tally: Tally::default(),
            gate: std::sync::OnceLock::new(),
            tap: std::sync::OnceLock::new(),
        });
        Ok(Self { address: None, services, clock, stop: sender, server: None, queue_file: None })
    }

    /// Answers one request of an SDK, as the port would; the operation is in its headers. S3 is asked over the port alone.
    pub async fn answer(&self, headers: HeaderMap, body: Bytes) -> http::Response<Bytes> {
        server::answer(&self.services, headers, body).await.into()
    }

    /// When the next message of a queue can be received, in milliseconds since the Unix epoch; none when it is empty.
    #[must_use]
    pub fn next_visible_ms(&self, queue_url: &str) -> Option<u64> {
        self.services.sqs.next_visible_ms(queue_url)
    }

    /// The bodies of every message of a queue, visible or not.
    #[must_use]
    pub fn message_bodies(&self, queue_url: &str) -> Vec<String> {
        self.services.sqs.message_bodies(queue_url)
    }

    /// What the SDKs take as `endpoint_url`.
    #[must_use]
    pub fn endpoint_url(&self) -> String {
        self.address.map_or_else(|| NOWHERE.to_owned(), |address| format!("http://{address}"))
    }

    /// Calls so far, by operation, with `DynamoDB`'s request units.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.services.tally.snapshot()
    }

    /// From now on, asks this gate before every request over HTTP. It can be set once; what creates resources in this
    /// process is not asked.
    pub fn guard(&self, gate: Gate) {
        // A second gate is a mistake of the caller's that cannot widen what the first allows.
        let _first = self.services.gate.set(gate);
    }

    /// From now on shows every request to this, with its answer. It can be set once.
    pub fn tap(&self, tap: Tap) {
        // A second one would hear half of the story.
        let _first = self.services.tap.set(tap);
    }

    /// The material of every KMS key, which nobody gets to see at AWS: for tests that look for it elsewhere.
    pub async fn key_material(&self) -> Vec<Vec<u8>> {
        self.services.kms.material().await
    }

    /// From now on S3 goes by this clock, and not by the one of all. It can be set once.
    pub fn keep_time_of_s3(&self, time: Time) {
        self.services.s3.keep_time(time);
    }

    /// The keys of all objects of a bucket.
    #[must_use]
    pub fn object_keys(&self, bucket: &str) -> Vec<String> {
        self.services.s3.keys(bucket)
    }

    /// Moves the clock of SQS, of S3, and of `DynamoDB` in memory, forward: delays pass, messages come back, retention and
    /// signatures end.
    pub fn advance(&self, by: Duration) {
        self.clock.advance(by);
        self.services.sqs.wake();
    }

    /// Deletes the items whose time to live has passed, as `DynamoDB` does some time within two days; says how many.
    ///
    /// # Errors
    /// When the database refuses.
    pub fn sweep_expired_items(&self) -> Result<usize, Error> {
        self.services.dynamodb.database().sweep_ttl().map_err(|error| Error::DynamoDb(error.to_string()))
    }

    /// Stops, waits until the port is free, and keeps the queues and the objects when there is a state directory.
    ///
    /// # Errors
    /// When they cannot be written.
    pub async fn stop(mut self) -> Result<(), Error> {
        self.stop.send_replace(true);
        self.services.sqs.stop();
        // Clients may keep connections open: the listener is closed already, and no request is worth waiting long for.
        if let Some(server) = &mut self.server {
            let _ended = tokio::time::timeout(Duration::from_millis(500), server).await;
        }
        self.services.s3.save()?;
        self.services.sqs.save(self.queue_file.as_deref())
    }
}

impl Drop for Emulators {
    fn drop(&mut self) {
        self.stop.send_replace(true);
        self.services.sqs.stop();
    }
}

#![doc = include_str!("../README.md")]

mod body;
mod call;
mod client;
mod clock;
pub mod facebook;
mod html;
mod multipart;
mod options;
mod params;
mod reply;
mod server;
mod signature;

pub use clock::{Clock, ManualClock};
pub use options::Options;

use facebook::Facebook;
use std::net::SocketAddr;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// The simulated app's id.
pub const APP_ID: &str = "1000000000000001";
/// The simulated app's secret.
pub const APP_SECRET: &str = "simulator-app-secret";
/// The simulated app's name.
pub const APP_NAME: &str = "postd (simulated)";
/// The verify token of the webhook handshake.
pub const VERIFY_TOKEN: &str = "simulator-verify-token";
/// The login configuration that `config_id` may name.
pub const LOGIN_CONFIGURATION: &str = "1000000000000009";

/// Why a simulator did not start.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The address cannot be listened on.
    #[error("cannot listen on {address}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
}

/// A running simulator; it stops when dropped.
#[derive(Debug)]
pub struct Simulator {
    address: SocketAddr,
    facebook: Facebook,
    tasks: Vec<JoinHandle<()>>,
}

impl Simulator {
    /// Starts a simulator on the current tokio runtime.
    ///
    /// # Errors
    ///
    /// When the address cannot be listened on.
    pub async fn start(options: Options) -> Result<Self, Error> {
        let failed = |source| Error::Listen { address: options.listen, source };
        let listener = TcpListener::bind(options.listen).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let facebook = Facebook::new(options, format!("http://{address}"));
        let tasks = vec![
            tokio::spawn(server::accept(listener, facebook.clone())),
            tokio::spawn(facebook.clone().deliver_webhooks()),
        ];
        Ok(Self { address, facebook, tasks })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where it can be reached: `http://127.0.0.1:…`, without a slash at the end.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The simulated Facebook.
    #[must_use]
    pub fn facebook(&self) -> &Facebook {
        &self.facebook
    }

    /// Stops it and waits until its port is free. Open connections are closed.
    pub async fn stop(mut self) {
        for task in std::mem::take(&mut self.tasks) {
            task.abort();
            // The error says that it was aborted.
            let _ = task.await;
        }
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

#![doc = include_str!("../README.md")]

mod body;
mod call;
mod client;
mod clock;
mod consent;
mod content;
pub mod facebook;
mod faults;
pub mod gbp;
mod handle;
mod html;
mod ids;
pub mod instagram;
pub mod linkedin;
mod log;
pub mod mailchimp;
mod multipart;
mod options;
mod outbox;
mod params;
mod platforms;
mod reply;
mod sample;
mod server;
mod signature;
mod stage;
mod store;
mod tap;
pub mod tiktok;
pub mod tokens;

pub use clock::{Clock, ManualClock};
pub use faults::{Fault, FaultKind};
pub use log::LoggedCall;
pub use options::Options;
pub use outbox::SentWebhook;
pub use tap::{Seen, Tap};

use bytes::Bytes;
use call::Call;
use facebook::Facebook;
use gbp::Gbp;
use instagram::Instagram;
use linkedin::Linkedin;
use mailchimp::Mailchimp;
use platforms::{Name, Platforms};
use std::net::SocketAddr;
use tiktok::Tiktok;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// The simulated app's id.
pub const APP_ID: &str = "1000000000000001";
/// The simulated app's secret. It begins with what is found nowhere else, as tests look for it.
pub const APP_SECRET: &str = "f3k8Zq1w-simulator-app-secret";
/// The simulated app's name.
pub const APP_NAME: &str = "postd (simulated)";
/// The verify token of the webhook handshake. It begins with what is found nowhere else, as tests look for it.
pub const VERIFY_TOKEN: &str = "q7Xv2Lk9-simulator-verify-token";
/// The login configuration that `config_id` may name.
pub const LOGIN_CONFIGURATION: &str = "1000000000000009";

/// An app as a simulated platform knows it.
#[derive(Clone, Copy, Debug)]
pub struct App {
    /// Its public id.
    pub id: &'static str,
    /// Its secret.
    pub secret: &'static str,
    /// What a webhook handshake must show.
    pub verify_token: &'static str,
}

/// The app that a simulated platform knows, by the platform's name.
#[must_use]
pub fn app(platform: &str) -> Option<App> {
    Name::of(platform).map(Name::app)
}

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
    platforms: Platforms,
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
        let platforms = Platforms::new(&options, &format!("http://{address}"));
        let mut tasks = platforms.deliver();
        tasks.push(tokio::spawn(server::accept(listener, platforms.clone())));
        Ok(Self { address, platforms, tasks })
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

    /// Where one platform can be reached, without a slash at the end: what stands in for each of its hosts.
    #[must_use]
    pub fn url_of(&self, platform: &str) -> String {
        format!("{}/{platform}", self.url())
    }

    /// The simulated Facebook.
    #[must_use]
    pub fn facebook(&self) -> &Facebook {
        &self.platforms.facebook
    }

    /// The simulated Mailchimp.
    #[must_use]
    pub fn mailchimp(&self) -> &Mailchimp {
        &self.platforms.mailchimp
    }

    /// From now on shows every call that comes over a socket to this. It can be set once.
    pub fn tap(&self, tap: Tap) {
        self.platforms.tap(tap);
    }

    /// The simulated TikTok.
    #[must_use]
    pub fn tiktok(&self) -> &Tiktok {
        &self.platforms.tiktok
    }

    /// The simulated Google Business Profile.
    #[must_use]
    pub fn gbp(&self) -> &Gbp {
        &self.platforms.gbp
    }

    /// The simulated LinkedIn.
    #[must_use]
    pub fn linkedin(&self) -> &Linkedin {
        &self.platforms.linkedin
    }

    /// The simulated Instagram.
    #[must_use]
    pub fn instagram(&self) -> &Instagram {
        &self.platforms.instagram
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

/// A simulator without a socket: requests are handed to it, on the caller's thread. Webhooks stay in its outbox.
#[derive(Clone, Debug)]
pub struct InProcess {
    platforms: Platforms,
}

impl InProcess {
    /// A simulator whose addresses begin with `base`.
    #[must_use]
    pub fn new(options: &Options, base: &str) -> Self {
        Self { platforms: Platforms::new(options, base) }
    }

    /// The simulated Facebook.
    #[must_use]
    pub fn facebook(&self) -> &Facebook {
        &self.platforms.facebook
    }

    /// The simulated Mailchimp.
    #[must_use]
    pub fn mailchimp(&self) -> &Mailchimp {
        &self.platforms.mailchimp
    }

    /// The simulated TikTok.
    #[must_use]
    pub fn tiktok(&self) -> &Tiktok {
        &self.platforms.tiktok
    }

    /// The simulated Google Business Profile.
    #[must_use]
    pub fn gbp(&self) -> &Gbp {
        &self.platforms.gbp
    }

    /// The simulated LinkedIn.
    #[must_use]
    pub fn linkedin(&self) -> &Linkedin {
        &self.platforms.linkedin
    }

    /// The simulated Instagram.
    #[must_use]
    pub fn instagram(&self) -> &Instagram {
        &self.platforms.instagram
    }

    /// Answers a request; none where a fault severs the connection before the answer is whole.
    pub async fn answer(&self, request: hyper::Request<Bytes>) -> Option<hyper::Response<Bytes>> {
        let reply = self.platforms.serve(Call::whole(request)).await.ok().filter(|reply| !reply.broken)?;
        let mut response = hyper::Response::new(reply.body);
        *response.status_mut() =
            hyper::StatusCode::from_u16(reply.status).unwrap_or(hyper::StatusCode::INTERNAL_SERVER_ERROR);
        response.headers_mut().extend(reply.headers);
        Some(response)
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

//! How a simulator is started.

use crate::clock::Clock;
use jiff::SignedDuration;
use std::net::{Ipv4Addr, SocketAddr};

/// How a simulator is started. The defaults are strict, on the machine's clock, on any free port of this machine.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where to listen; port 0 takes any free one.
    pub listen: SocketAddr,
    /// Decides every id, token and die.
    pub seed: u64,
    /// Where webhooks go, as if the dashboard had been told so.
    pub webhook_url: Option<String>,
    /// Where a `signed_request` goes when a person removes the app.
    pub deauthorize_url: Option<String>,
    /// Where a `signed_request` goes when a person wants what we hold of them to be deleted.
    pub data_deletion_url: Option<String>,
    /// What the addresses of files begin with that stand in for the store of uploads, on this machine: over http, and fetched.
    pub files_url: Option<String>,
    /// The time.
    pub clock: Clock,
    /// Refuse parameters that the published contract does not list.
    pub strict: bool,
    /// Refuse calls without `appsecret_proof`.
    pub require_proof: bool,
    /// Refuse the same text twice in a row with 506.
    pub refuse_duplicates: bool,
    /// How long a new post stays out of the listings.
    pub listing_lag: SignedDuration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            seed: 1,
            webhook_url: None,
            deauthorize_url: None,
            data_deletion_url: None,
            files_url: None,
            clock: Clock::System,
            strict: true,
            require_proof: false,
            refuse_duplicates: true,
            listing_lag: SignedDuration::ZERO,
        }
    }
}

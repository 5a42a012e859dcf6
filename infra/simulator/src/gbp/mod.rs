//! Google Business Profile: logins at Google, accounts and locations, local posts (v4), notifications through Pub/Sub, as
//! `platforms/gbp.md` describes them. One address stands in for all of Google's hosts: their paths do not overlap.

mod consent;
mod control;
mod error;
mod figures;
mod handle;
mod jwt;
mod listing;
mod notify;
mod pages;
mod posts;
mod route;
pub mod seed;
mod serve;
mod tokens;
mod validate;
mod view;
mod world;

pub use handle::Gbp;
pub use view::{LocationView, PostView, StateView};

/// The app, as Google knows it. Its verify token is the audience of the push subscription.
pub const APP: crate::App = crate::App {
    id: "800000000001-simulated.apps.googleusercontent.com",
    secret: "Xe8pC5tq-simulator-gbp-secret",
    verify_token: "Lw4zM6gh-simulator-gbp-audience",
};

/// The service account that notifications are pushed with.
pub const PUSH_ACCOUNT: &str = "postd-push@simulated.iam.gserviceaccount.com";

/// What everything but the identity needs.
pub const SCOPE: &str = "https://www.googleapis.com/auth/business.manage";

//! The library of postd: domain, use cases, connectors, adapters.
//!
//! Arrows point one way: `connector`, `vault`, `store` and `queue` know nothing of use cases; use cases know nothing of
//! Lambda or API Gateway, of which only `http::gateway` and `wiring` speak.

pub mod apps;
pub mod aws;
pub mod clock;
pub mod config;
pub mod connector;
pub mod connectors;
pub mod content;
pub mod http;
pub mod ids;
pub mod platform;
pub mod post;
pub mod problem;
pub mod publish;
pub mod queue;
pub mod schedule;
pub mod secret;
pub mod store;
pub mod target;
pub mod telemetry;
pub mod tenant;
pub mod variables;
pub mod view;

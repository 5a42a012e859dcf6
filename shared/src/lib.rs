//! The library of postd: domain, use cases, connectors, adapters.
//!
//! Arrows point one way: `connector`, `vault`, `store` and `queue` know nothing of use cases; use cases know nothing of
//! Lambda or API Gateway, of which only `http::gateway`, `sqs` and `wiring` speak.

pub mod apps;
pub mod authorize;
pub mod aws;
pub mod aws_clock;
pub mod bucket;
pub mod clock;
pub mod config;
pub mod connect;
pub mod connector;
pub mod connectors;
pub mod consume;
pub mod content;
pub mod defect;
pub mod dispatch;
pub mod figures;
pub mod health;
mod hmac;
pub mod http;
pub mod ids;
pub mod limit;
pub mod media;
pub mod offboarding;
pub mod options;
pub mod platform;
pub mod post;
pub mod problem;
pub mod publish;
pub mod queue;
pub mod reach;
pub mod read;
pub mod redrive;
pub mod refresh;
pub mod removal;
pub mod schedule;
pub mod scope;
pub mod secret;
pub mod sqs;
pub mod store;
pub mod target;
pub mod telemetry;
pub mod tenant;
pub mod variables;
pub mod vault;
pub mod view;
pub mod webhook;
pub mod wiring;

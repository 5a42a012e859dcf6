//! The library of postd: domain, use cases, connectors, adapters.

pub mod apps;
pub mod aws;
pub mod clock;
pub mod config;
pub mod connector;
pub mod content;
pub mod ids;
pub mod platform;
pub mod queue;
pub mod secret;
pub mod telemetry;
pub mod variables;
pub mod vault;

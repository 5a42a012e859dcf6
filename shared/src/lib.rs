//! The library of postd: domain, use cases, connectors, adapters.
//!
//! Arrows point one way: `connector`, `vault`, `store` and `queue` know nothing of use cases; use cases know nothing of
//! Lambda or API Gateway.

pub mod clock;
pub mod connector;
pub mod content;
pub mod ids;
pub mod platform;
pub mod post;
pub mod problem;
pub mod schedule;
pub mod secret;
pub mod store;
pub mod target;
pub mod tenant;

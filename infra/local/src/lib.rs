//! The local cloud: the system of `template.yaml` on one machine, without an account, Docker or a network.
//!
//! It runs the real binaries of the functions over the Lambda Runtime API, behind what stands in for API Gateway, SQS event
//! source mappings and EventBridge schedules; `DynamoDB`, SQS, KMS and Secrets Manager are embedded emulators, the platforms
//! are simulated. [`Cloud::start`] gives a running one, to tests as well as to `cargo run -p local`.
//!
//! Functions may do what their policies in the template allow. Not enforced: memory size, throttling of routes, key and
//! queue policies, log retention, alarms. A property or resource that the
//! local cloud does not know is refused by name, not passed over.

mod binaries;
mod clock;
mod cloud;
pub mod demo;
mod deploy;
mod event_source;
mod gateway;
mod lambda;
mod logs;
mod observe;
mod options;
mod renewal;
mod sam;
mod schedule;
mod seed;
mod template;
mod wiring;

pub use binaries::{Build, BuildError};
pub use cloud::{Cloud, Error};
pub use deploy::DeployError;
pub use lambda::{EnvironmentInfo, InvokeError};
pub use logs::{Level, Line, Logs};
pub use observe::{Observed, Observer};
pub use options::Options;
pub use renewal::RenewalError;
pub use seed::{SeedError, SeededTenant};
pub use template::Error as TemplateError;

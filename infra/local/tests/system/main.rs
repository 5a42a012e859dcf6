//! The whole system from outside: the functions that `template.yaml` deploys, as processes of their own, behind the local
//! cloud's API Gateway, queues and tables, against the simulated platform.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

mod crashes;
mod queue;
mod support;
mod tenant;

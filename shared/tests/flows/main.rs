//! The use cases from end to end: real SDK, embedded AWS, the simulated platform, a clock that stands still.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "helpers of tests fail as tests do")]
#![expect(clippy::indexing_slicing, reason = "a missing field is a failed test")]

mod adversity;
mod batches;
mod builds;
mod bulk;
mod connect;
mod console;
mod costs;
mod dispatch;
mod duplicates;
mod edits;
mod failure_modes;
mod faults;
mod gateway;
mod golden;
mod graveyard;
mod idempotency;
mod ingress;
mod intercept;
mod keys;
mod limits;
mod logins;
mod lost;
mod offboarding;
mod orders;
mod pace;
mod photos;
mod proofs;
mod publish;
mod redrive;
mod refreshes;
mod refusals;
mod reviews;
mod rotating;
mod schedules;
mod scopes;
mod secrets;
mod spread;
mod stale;
mod tenancy;
mod unknown;
mod vault;
mod webhooks;
mod world;

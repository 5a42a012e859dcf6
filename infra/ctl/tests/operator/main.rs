//! The program as an operator runs it: against the emulators, with the keys tried at the real authorizer.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

mod arguments;
mod audit;
mod deletion;
mod keys;
mod scene;
mod tenants;

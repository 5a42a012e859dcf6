//! The local cloud from outside: templates of a few lines, a function that does as it is told, the real protocols.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

mod functions;
mod http;
mod queues;
mod startup;
mod support;

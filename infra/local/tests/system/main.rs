//! The whole system from outside: the functions that `template.yaml` deploys, as processes of their own, behind the local
//! cloud's API Gateway, queues and tables, against the simulated platform.
#![expect(clippy::indexing_slicing, clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

mod batch;
mod bulk;
mod chaos;
mod crashes;
mod dead_letters;
mod edits;
mod events;
mod http;
mod large_video;
mod limits;
mod media;
mod media_server;
mod oauth;
mod offboarding;
mod queue;
mod removal;
mod samconfig;
mod secrets;
mod support;
mod template;
mod template_hardening;
mod template_rules;
mod tenant;
mod webhooks;
mod wiring;

//! Facebook: Pages through the Graph API, as `platforms/meta.md` describes it.

mod accounts;
mod control;
mod dialog;
mod error;
mod exchange;
mod faults;
mod fields;
mod grants;
mod graph;
mod handle;
mod ids;
mod insights;
mod limits;
mod log;
mod outbox;
mod pages;
mod paging;
mod photos;
mod posts;
mod publish;
mod render;
pub mod seed;
mod serve;
mod spec;
mod subscriptions;
mod tokens;
mod versions;
mod view;
mod webhooks;
mod world;

pub(crate) use error::GraphError;
pub use faults::{Fault, FaultKind};
pub use handle::{Facebook, SendOptions};
pub use log::LoggedCall;
pub use outbox::SentWebhook;
pub use view::{ConnectionView, PageView, PostView, StateView, WebhookView};

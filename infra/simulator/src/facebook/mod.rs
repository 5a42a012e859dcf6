//! Facebook: Pages through the Graph API, as `platforms/meta.md` describes it.

mod accounts;
mod control;
mod dialog;
mod error;
mod exchange;
mod fields;
mod grants;
mod graph;
mod handle;
mod insights;
mod limits;
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
mod videos;
mod view;
mod webhooks;
mod world;

/// The app, as Facebook knows it.
pub const APP: crate::App =
    crate::App { id: crate::APP_ID, secret: crate::APP_SECRET, verify_token: crate::VERIFY_TOKEN };

pub use crate::faults::{Fault, FaultKind};
pub use crate::log::LoggedCall;
pub use crate::outbox::SentWebhook;
pub use handle::{Facebook, SendOptions};
pub use view::{ConnectionView, PageView, PostView, StateView, VideoView, WebhookView};

//! TikTok: the Login, Content Posting and Display APIs (v2) and webhooks, as `platforms/tiktok.md` describes them.

mod api;
mod consent;
mod control;
mod display;
mod error;
mod events;
mod handle;
mod init;
mod oauth;
mod pages;
pub mod seed;
mod serve;
mod upload;
mod view;
mod world;

pub use handle::Tiktok;
pub use view::{AccountView, StateView, TaskView, VideoView};

/// The app, as TikTok knows it. Webhooks are signed with its secret; there is no handshake.
pub const APP: crate::App = crate::App {
    id: "awsimulatedclientkey",
    secret: "Pf7kD2vr-simulator-tiktok-secret",
    verify_token: "unused-at-tiktok",
};

//! Instagram: professional accounts through the Graph API, by Facebook Login and by Instagram Login, as
//! `platforms/meta.md` describes them.

mod access;
mod containers;
mod control;
mod error;
mod exchange;
mod graph;
mod handle;
mod login;
mod media;
mod pages;
mod people;
pub mod seed;
mod serve;
mod view;
mod webhooks;
mod world;

pub use handle::Instagram;
pub use view::{AccountView, MediaView, StateView};

/// The app, as both logins know it.
pub const APP: crate::App = crate::App {
    id: "1000000000000077",
    secret: "Zm9rF4kd-simulator-instagram-secret",
    verify_token: "Hs3vN7ja-simulator-instagram-verify-token",
};

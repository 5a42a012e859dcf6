//! LinkedIn: members, Pages and their posts through the versioned API, as `platforms/linkedin.md` describes it. One world, two
//! apps: one may act for members, the other for Pages.

mod api;
mod consent;
mod control;
mod error;
mod handle;
mod little;
mod media;
mod pages;
mod posts;
pub mod seed;
mod serve;
mod tokens;
mod view;
mod webhooks;
mod world;

pub use handle::Linkedin;
pub use view::{AuthorView, FileView, PostView, StateView};

/// The app for members.
pub const MEMBER_APP: crate::App = crate::App {
    id: "86member00000x",
    secret: "Gx5cL8uf-simulator-linkedin-secret",
    verify_token: "not-used-by-linkedin",
};
/// The app for Pages.
pub const PAGE_APP: crate::App = crate::App {
    id: "86page0000000x",
    secret: "Tq2wB6yn-simulator-linkedin-page-secret",
    verify_token: "not-used-by-linkedin",
};

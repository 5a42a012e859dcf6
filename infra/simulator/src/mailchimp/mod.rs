//! Mailchimp: audiences and campaigns through the Marketing API, as `platforms/mailchimp.md` describes it.

mod actions;
mod api;
mod campaigns;
mod checklist;
mod consent;
mod content;
mod control;
mod error;
mod events;
mod fields;
mod handle;
mod lists;
mod pages;
mod reports;
pub mod seed;
mod serve;
mod view;
mod webhooks;
mod world;

pub use handle::Mailchimp;
pub use view::{AudienceView, CampaignView, StateView};

/// The app, as Mailchimp knows it.
pub const APP: crate::App =
    crate::App { id: "700000000001", secret: "simulator-mailchimp-secret", verify_token: "simulator-mailchimp-key" };

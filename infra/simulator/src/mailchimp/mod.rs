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

/// What signs the deliveries of webhooks that somebody adds at Mailchimp's own pages ([`Mailchimp::add_webhook`]).
pub const SIGNING_SECRET: &str = "Rk6hY3ps-simulator-mailchimp-webhook";

/// The app, as Mailchimp knows it.
pub const APP: crate::App = crate::App {
    id: "700000000001",
    secret: "Vb7nQ2xe-simulator-mailchimp-secret",
    verify_token: "Jd4tW9mz-simulator-mailchimp-key",
};

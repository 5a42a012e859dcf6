//! What Meta's platforms share: how the Graph API speaks, its envelope of errors, its signatures, its webhooks.
//!
//! Facebook Pages and Instagram each bring their own table of codes, so that a refusal is named after the platform that
//! the caller knows.

pub(super) mod debug_token;
pub(super) mod errors;
pub(super) mod graph;
pub(super) mod insights;
pub(super) mod listing;
pub(super) mod login;
pub(super) mod looks;
pub(super) mod sign;
pub(super) mod signed_request;
pub(super) mod usage;
pub(super) mod webhook;

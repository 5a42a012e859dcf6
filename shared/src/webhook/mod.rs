//! What the platforms tell us: verified over the raw bytes, stored, queued and answered at once; understood later.

mod callback;
mod inbound;
mod keys;
mod receive;
mod withdrawal;

pub use callback::DataDeletionView;
pub use inbound::Inbound;
pub use keys::PublishedKeys;
pub use receive::Receiver;

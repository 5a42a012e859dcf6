//! What the platforms tell us: verified over the raw bytes, stored, queued and answered at once; understood later.

mod inbound;
mod receive;

pub use inbound::Inbound;
pub use receive::Receiver;

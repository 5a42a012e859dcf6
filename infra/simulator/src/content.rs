//! What came of a file that was sent piece by piece: nobody keeps its bytes, only what they add up to.

use std::fmt;

use aws_lc_rs::digest::{Context, SHA256};
use data_encoding::HEXLOWER;

/// The SHA-256 of what came so far.
#[derive(Clone)]
pub(crate) struct Content(Context);

impl Default for Content {
    fn default() -> Self {
        Self(Context::new(&SHA256))
    }
}

impl Content {
    /// The next bytes.
    pub(crate) fn add(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// In lower-case hexadecimal digits.
    pub(crate) fn sha256(&self) -> String {
        HEXLOWER.encode(self.0.clone().finish().as_ref())
    }
}

impl fmt::Debug for Content {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Content({})", self.sha256())
    }
}

//! Which connector speaks for which platform.

use std::sync::Arc;

use crate::{connector::Connector, platform::Platform};

/// Every connector of this build.
#[derive(Clone)]
pub struct Connectors {
    facebook: Arc<dyn Connector>,
}

impl std::fmt::Debug for Connectors {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Connectors")
    }
}

impl Connectors {
    /// One connector for each platform.
    #[must_use]
    pub fn new(facebook: Arc<dyn Connector>) -> Self {
        Self { facebook }
    }

    /// The connector of a platform.
    #[must_use]
    pub fn of(&self, platform: Platform) -> &dyn Connector {
        match platform {
            Platform::Facebook => self.facebook.as_ref(),
        }
    }
}

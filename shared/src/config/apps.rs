//! Our apps at the platforms, and those of tenants: where the secret of each is kept.

use std::collections::BTreeMap;

use super::{Reader, Section};
use crate::{platform::Platform, variables};

/// The apps: the ARN of the secret of every platform's app ([`variables::app`]).
#[derive(Debug, Clone, Default)]
pub struct Apps {
    /// By platform.
    pub secrets: BTreeMap<Platform, String>,
    /// What the names of the tenants' secrets begin with ([`variables::TENANT_APPS`]).
    pub tenants: Option<String>,
}

impl Section for Apps {
    fn read(reader: &mut Reader<'_>) -> Option<Self> {
        // All are read before any is looked at, so that one that is missing does not hide the next.
        let secrets: Vec<_> =
            Platform::ALL.iter().map(|platform| (*platform, reader.text(variables::app(*platform)))).collect();
        let tenants = reader.optional(variables::TENANT_APPS, |prefix| Ok(prefix.to_owned()));
        let secrets = secrets.into_iter().map(|(platform, secret)| Some((platform, secret?))).collect::<Option<_>>()?;
        Some(Self { secrets, tenants: tenants? })
    }
}

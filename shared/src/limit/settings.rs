//! How many requests are how many too many.

use super::Network;
use crate::{
    config::{Reader, Section},
    variables,
};

/// The limits, each for one minute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Requests of one tenant ([`variables::LIMIT_TENANT`]).
    pub tenant: u32,
    /// Requests of one address without a key ([`variables::LIMIT_PUBLIC`]).
    pub public: u32,
    /// Logins that one address begins, and as many that it finishes ([`variables::LIMIT_OAUTH`]).
    pub oauth: u32,
    /// Whose requests are not counted ([`variables::INTERNAL_NETWORKS`]).
    pub internal: Vec<Network>,
}

impl Default for Limits {
    fn default() -> Self {
        Self { tenant: 1_000, public: 100, oauth: 5, internal: Vec::new() }
    }
}

impl Section for Limits {
    fn read(reader: &mut Reader<'_>) -> Option<Self> {
        let otherwise = Self::default();
        let tenant = reader.optional(variables::LIMIT_TENANT, count);
        let public = reader.optional(variables::LIMIT_PUBLIC, count);
        let oauth = reader.optional(variables::LIMIT_OAUTH, count);
        let internal =
            reader.optional(variables::INTERNAL_NETWORKS, |value| value.split(',').map(str::parse).collect());
        Some(Self {
            tenant: tenant?.unwrap_or(otherwise.tenant),
            public: public?.unwrap_or(otherwise.public),
            oauth: oauth?.unwrap_or(otherwise.oauth),
            internal: internal?.unwrap_or_default(),
        })
    }
}

fn count(value: &str) -> Result<u32, &'static str> {
    match value.parse() {
        Ok(count @ 1..=1_000_000) => Ok(count),
        Ok(_) | Err(_) => Err("not a number from 1 to 1000000"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config;

    #[test]
    fn without_variables_the_limits_are_the_documented_ones() {
        let limits: Limits = config::read(&[("POSTD_INTERNAL_NETWORKS", "")]).unwrap();
        assert_eq!((limits.tenant, limits.public, limits.oauth, limits.internal.len()), (1_000, 100, 5, 0));
    }

    #[test]
    fn every_bad_limit_is_named() {
        let given = [
            ("POSTD_LIMIT_TENANT", "0"),
            ("POSTD_LIMIT_PUBLIC", "many"),
            ("POSTD_LIMIT_OAUTH", "1000001"),
            ("POSTD_INTERNAL_NETWORKS", "10.0.0.0/8,everyone"),
        ];
        let error = config::read::<Limits>(&given).unwrap_err().to_string();
        for (name, value) in given {
            assert!(error.contains(name), "{value}: {error}");
        }
        assert!(!error.contains("everyone"), "{error}");
        let given = [("POSTD_LIMIT_TENANT", "7"), ("POSTD_INTERNAL_NETWORKS", "10.0.0.0/8,::1/128")];
        let limits: Limits = config::read(&given).unwrap();
        assert_eq!((limits.tenant, limits.internal.len()), (7, 2));
    }
}

//! The platforms that postd knows by name.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

macro_rules! platforms {
    ($($(#[$documentation:meta])* $variant:ident = $name:tt,)+) => {
        /// A platform that a tenant may connect.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
        pub enum Platform {
            $($(#[$documentation])* #[serde(rename = $name)] $variant,)+
        }

        impl Platform {
            /// Every platform that this build can publish to.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The stable, lower-case name: part of keys, metrics and URLs.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)+ }
            }
        }
    };
}

platforms! {
    /// Facebook Pages.
    Facebook = "facebook",
    /// Mailchimp audiences.
    Mailchimp = "mailchimp",
    /// TikTok accounts.
    Tiktok = "tiktok",
    /// Google Business Profile.
    Gbp = "gbp",
    /// LinkedIn, the posts of members.
    Linkedin = "linkedin",
    /// LinkedIn, the posts of Pages: the same API through an app of its own.
    LinkedinPage = "linkedin_page",
    /// Instagram professional accounts.
    Instagram = "instagram",
}

/// Whose app at a platform speaks for a connection. Its tokens work with that app alone, so a connection keeps the app that
/// it was made with.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AppOwner {
    /// The one app that all tenants share.
    #[default]
    Shared,
    /// The tenant's own.
    Tenant,
}

impl AppOwner {
    /// Whether it is the shared app. Rows leave the owner out then.
    #[must_use]
    pub const fn is_shared(&self) -> bool {
        matches!(self, Self::Shared)
    }
}

impl fmt::Display for Platform {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

/// A name that is no platform of this build.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a platform of this build")]
pub struct UnknownPlatform;

impl FromStr for Platform {
    type Err = UnknownPlatform;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Self::ALL.iter().copied().find(|platform| platform.name() == name).ok_or(UnknownPlatform)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_platform_is_stored_under_its_name_and_read_back() {
        for platform in Platform::ALL {
            assert_eq!(platform.name().parse(), Ok(*platform));
            assert_eq!(serde_json::to_value(platform).unwrap(), platform.name());
        }
        assert!("Facebook".parse::<Platform>().is_err());
    }
}

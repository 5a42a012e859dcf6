//! What is configured about the platforms: hosts, versions, limits; defaults are documented constants, and a wrong value
//! is refused by name before anything is sent.

use url::{Host, Url};

pub mod facebook;
pub mod gbp;
pub mod instagram;
pub mod linkedin;
pub mod mailchimp;
pub mod tiktok;

pub use facebook::FacebookSettings;
pub use gbp::GbpSettings;
pub use instagram::InstagramSettings;
pub use linkedin::LinkedinSettings;
pub use mailchimp::MailchimpSettings;
pub use tiktok::TiktokSettings;

/// Which hosts a platform call may go to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HostPolicy {
    /// The platform's own hosts, over https.
    PlatformOnly,
    /// Any https host, and this machine over http: a simulator or a recording proxy stands in for the platform.
    /// For the local environment only.
    StandIn,
}

/// A setting that cannot be used; names the setting and never its value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SettingsError {
    /// Not an absolute http or https URL.
    #[error("{setting} is not an http or https URL without credentials, query or fragment")]
    NotAnAddress {
        /// The setting.
        setting: &'static str,
    },
    /// A host that is not the platform's.
    #[error("{setting} is not an https address of the platform")]
    ForeignHost {
        /// The setting.
        setting: &'static str,
    },
    /// Plain http to another machine.
    #[error("{setting} uses http and is not this machine")]
    NotEncrypted {
        /// The setting.
        setting: &'static str,
    },
    /// Not a version as the platform writes them.
    #[error("{setting} is not a version")]
    NotAVersion {
        /// The setting.
        setting: &'static str,
    },
    /// None of the words that the setting knows.
    #[error("{setting} is none of its words")]
    NotAWord {
        /// The setting.
        setting: &'static str,
    },
    /// Outside the allowed range.
    #[error("{setting} is out of range")]
    OutOfRange {
        /// The setting.
        setting: &'static str,
    },
}

impl SettingsError {
    /// What is wrong, for a message that names the setting itself.
    #[must_use]
    pub const fn problem(self) -> &'static str {
        match self {
            Self::NotAnAddress { .. } => "not an http or https URL without credentials, query or fragment",
            Self::ForeignHost { .. } => "not a host of the platform",
            Self::NotEncrypted { .. } => "http, and not this machine",
            Self::NotAVersion { .. } => "not a version",
            Self::NotAWord { .. } => "none of the words that are known",
            Self::OutOfRange { .. } => "out of range",
        }
    }
}

/// What is configured about every platform: one field each.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Settings {
    /// Facebook Pages.
    pub facebook: FacebookSettings,
    /// Mailchimp.
    pub mailchimp: MailchimpSettings,
    /// TikTok accounts.
    pub tiktok: TiktokSettings,
    /// Google Business Profile.
    pub gbp: GbpSettings,
    /// LinkedIn, members and Pages.
    pub linkedin: LinkedinSettings,
    /// Instagram professional accounts.
    pub instagram: InstagramSettings,
}

#[expect(clippy::expect_used, reason = "the argument is one of this module's constants, each parsed by a test")]
fn constant_url(address: &str) -> Url {
    Url::parse(address).expect("a constant address")
}

fn checked_url(
    setting: &'static str,
    address: &str,
    platform_host: &str,
    hosts: HostPolicy,
) -> Result<Url, SettingsError> {
    let url = Url::parse(address).map_err(|_| SettingsError::NotAnAddress { setting })?;
    let is_plain = url.username().is_empty()
        && url.password().is_none()
        && url.query().is_none()
        && url.fragment().is_none()
        && url.host().is_some();
    if !is_plain || !matches!(url.scheme(), "http" | "https") {
        return Err(SettingsError::NotAnAddress { setting });
    }
    match hosts {
        HostPolicy::PlatformOnly => {
            let is_platform = url.scheme() == "https" && url.host_str() == Some(platform_host) && url.port().is_none();
            if is_platform { Ok(url) } else { Err(SettingsError::ForeignHost { setting }) }
        }
        HostPolicy::StandIn => {
            if url.scheme() == "https" || is_loopback(&url) {
                Ok(url)
            } else {
                Err(SettingsError::NotEncrypted { setting })
            }
        }
    }
}

/// Whether an address is this machine.
pub(in crate::connector) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

//! What is configured about Google Business Profile.

use jiff::SignedDuration;
use url::Url;

use super::{HostPolicy, SettingsError, checked_url, constant_url};

/// `https://accounts.google.com`: the consent page, and the issuer of logins.
pub const GBP_LOGIN_URL: &str = "https://accounts.google.com";
/// `https://oauth2.googleapis.com`: exchanges codes and refresh tokens, takes grants back.
pub const GBP_TOKEN_URL: &str = "https://oauth2.googleapis.com";
/// `https://mybusinessaccountmanagement.googleapis.com`: lists accounts (v1).
pub const GBP_ACCOUNTS_URL: &str = "https://mybusinessaccountmanagement.googleapis.com";
/// `https://mybusinessbusinessinformation.googleapis.com`: lists locations (v1).
pub const GBP_LOCATIONS_URL: &str = "https://mybusinessbusinessinformation.googleapis.com";
/// `https://mybusiness.googleapis.com`: local posts, which exist in v4 alone.
pub const GBP_POSTS_URL: &str = "https://mybusiness.googleapis.com";
/// `https://www.googleapis.com`: the keys that Google signs identity tokens with.
pub const GBP_KEYS_URL: &str = "https://www.googleapis.com";
/// How long the list of posts may lag behind a create. Google does not say; five minutes are the longest that anybody has
/// seen advised.
pub const GBP_SETTLE_SECONDS: u32 = 300;
/// The longest summary, in characters, by Google's help pages; the reference gives no number.
pub const GBP_TEXT_LIMIT: usize = 1_500;
/// The longest title of an event, in characters; other tools' word, the reference gives no number.
pub const GBP_TITLE_LIMIT: usize = 58;
/// The one scope that everything needs.
pub const GBP_SCOPE: &str = "https://www.googleapis.com/auth/business.manage";

/// What is configured about Google Business Profile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GbpSettings {
    pub(in crate::connector) login_url: Url,
    pub(in crate::connector) token_url: Url,
    pub(in crate::connector) accounts_url: Url,
    pub(in crate::connector) locations_url: Url,
    pub(in crate::connector) posts_url: Url,
    pub(in crate::connector) keys_url: Url,
    pub(in crate::connector) settle_time: SignedDuration,
    pub(in crate::connector) text_limit: usize,
    pub(in crate::connector) title_limit: usize,
    pub(in crate::connector) photo_limit: usize,
    pub(in crate::connector) push_account: Option<String>,
}

impl Default for GbpSettings {
    fn default() -> Self {
        Self {
            login_url: constant_url(GBP_LOGIN_URL),
            token_url: constant_url(GBP_TOKEN_URL),
            accounts_url: constant_url(GBP_ACCOUNTS_URL),
            locations_url: constant_url(GBP_LOCATIONS_URL),
            posts_url: constant_url(GBP_POSTS_URL),
            keys_url: constant_url(GBP_KEYS_URL),
            settle_time: SignedDuration::from_secs(i64::from(GBP_SETTLE_SECONDS)),
            text_limit: GBP_TEXT_LIMIT,
            title_limit: GBP_TITLE_LIMIT,
            photo_limit: 1,
            push_account: None,
        }
    }
}

impl GbpSettings {
    /// Replaces the address of the consent page.
    ///
    /// # Errors
    /// Not an address, or one that `hosts` forbids.
    pub fn set_login_url(&mut self, address: &str, hosts: HostPolicy) -> Result<(), SettingsError> {
        self.login_url = checked_url("gbp login URL", address, "accounts.google.com", hosts)?;
        Ok(())
    }

    /// Replaces the address of the token endpoint.
    ///
    /// # Errors
    /// Not an address, or one that `hosts` forbids.
    pub fn set_token_url(&mut self, address: &str, hosts: HostPolicy) -> Result<(), SettingsError> {
        self.token_url = checked_url("gbp token URL", address, "oauth2.googleapis.com", hosts)?;
        Ok(())
    }

    /// Replaces the address of the accounts' API.
    ///
    /// # Errors
    /// Not an address, or one that `hosts` forbids.
    pub fn set_accounts_url(&mut self, address: &str, hosts: HostPolicy) -> Result<(), SettingsError> {
        let own = "mybusinessaccountmanagement.googleapis.com";
        self.accounts_url = checked_url("gbp accounts URL", address, own, hosts)?;
        Ok(())
    }

    /// Replaces the address of the locations' API.
    ///
    /// # Errors
    /// Not an address, or one that `hosts` forbids.
    pub fn set_locations_url(&mut self, address: &str, hosts: HostPolicy) -> Result<(), SettingsError> {
        let own = "mybusinessbusinessinformation.googleapis.com";
        self.locations_url = checked_url("gbp locations URL", address, own, hosts)?;
        Ok(())
    }

    /// Replaces the address of the posts' API.
    ///
    /// # Errors
    /// Not an address, or one that `hosts` forbids.
    pub fn set_posts_url(&mut self, address: &str, hosts: HostPolicy) -> Result<(), SettingsError> {
        self.posts_url = checked_url("gbp posts URL", address, "mybusiness.googleapis.com", hosts)?;
        Ok(())
    }

    /// Replaces the address of Google's keys.
    ///
    /// # Errors
    /// Not an address, or one that `hosts` forbids.
    pub fn set_keys_url(&mut self, address: &str, hosts: HostPolicy) -> Result<(), SettingsError> {
        self.keys_url = checked_url("gbp keys URL", address, "www.googleapis.com", hosts)?;
        Ok(())
    }

    /// Replaces the settle time (five minutes).
    ///
    /// # Errors
    /// More than an hour.
    pub fn set_settle_seconds(&mut self, seconds: u32) -> Result<(), SettingsError> {
        if seconds > 3600 {
            return Err(SettingsError::OutOfRange { setting: "gbp settle time" });
        }
        self.settle_time = SignedDuration::from_secs(i64::from(seconds));
        Ok(())
    }

    /// Names the service account that notifications are pushed with. An empty text names none, and no notification is
    /// taken then.
    ///
    /// # Errors
    /// Longer than any e-mail address.
    pub fn set_push_account(&mut self, email: &str) -> Result<(), SettingsError> {
        if email.len() > 254 {
            return Err(SettingsError::OutOfRange { setting: "gbp push account" });
        }
        self.push_account = (!email.trim().is_empty()).then(|| email.trim().to_ascii_lowercase());
        Ok(())
    }

    /// How long the list of posts may lag behind.
    #[must_use]
    pub fn settle_time(&self) -> SignedDuration {
        self.settle_time
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_host_is_googles_own_or_a_stand_in() {
        type Set = fn(&mut GbpSettings, &str, HostPolicy) -> Result<(), SettingsError>;
        let setters: [(Set, &str); 6] = [
            (GbpSettings::set_login_url, GBP_LOGIN_URL),
            (GbpSettings::set_token_url, GBP_TOKEN_URL),
            (GbpSettings::set_accounts_url, GBP_ACCOUNTS_URL),
            (GbpSettings::set_locations_url, GBP_LOCATIONS_URL),
            (GbpSettings::set_posts_url, GBP_POSTS_URL),
            (GbpSettings::set_keys_url, GBP_KEYS_URL),
        ];
        for (set, own) in setters {
            let mut settings = GbpSettings::default();
            assert_eq!(set(&mut settings, own, HostPolicy::PlatformOnly), Ok(()), "{own}");
            for wrong in ["https://googleapis.com.evil.example", "http://127.0.0.1:1", "https://evil.example"] {
                assert!(set(&mut settings, wrong, HostPolicy::PlatformOnly).is_err(), "{own} {wrong}");
            }
            assert_eq!(set(&mut settings, "http://127.0.0.1:8081/gbp", HostPolicy::StandIn), Ok(()), "{own}");
        }
    }

    #[test]
    fn no_push_account_is_none_and_a_settle_time_has_a_limit() {
        let mut settings = GbpSettings::default();
        settings.set_push_account(" ").unwrap();
        assert_eq!(settings.push_account, None);
        settings.set_push_account("Push@p.iam.gserviceaccount.com").unwrap();
        assert_eq!(settings.push_account.as_deref(), Some("push@p.iam.gserviceaccount.com"));
        assert!(settings.set_push_account(&"a".repeat(255)).is_err());
        assert!(settings.set_settle_seconds(3601).is_err());
        assert_eq!(settings.settle_time(), SignedDuration::from_mins(5));
    }
}

//! What is configured about Mailchimp.

use jiff::SignedDuration;
use url::Url;

use super::{HostPolicy, SettingsError, checked_url, constant_url};

/// `https://login.mailchimp.com`: the consent page, the exchange of codes, and where an account lives.
pub const MAILCHIMP_LOGIN_URL: &str = "https://login.mailchimp.com";
/// `https://api.mailchimp.com`: every call of the Marketing API. An account that lives in a data centre is called there:
/// `https://us6.api.mailchimp.com`.
pub const MAILCHIMP_API_URL: &str = "https://api.mailchimp.com";
/// How long a campaign may still look unsent although it is being sent. Mailchimp's own limit for a call is 120 seconds, and
/// what has run out of time for the caller may go on behind it.
pub const MAILCHIMP_SETTLE_SECONDS: u32 = 300;
/// The longest subject, preview text, and name of a sender, in characters.
pub const MAILCHIMP_LINE_LIMIT: usize = 150;
/// The longest name for Google Analytics, in bytes.
pub const MAILCHIMP_ANALYTICS_LIMIT: usize = 50;
/// How many variants an A/B test may have of one thing. No document says it; Mailchimp's own editor offers three.
pub const MAILCHIMP_VARIANTS: usize = 3;
/// How many addresses get a test mail. Plans have caps that no document names.
pub const MAILCHIMP_TEST_EMAILS: usize = 10;

/// What is configured about Mailchimp.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MailchimpSettings {
    pub(in crate::connector) login_url: Url,
    pub(in crate::connector) api_url: Url,
    pub(in crate::connector) settle_time: SignedDuration,
    pub(in crate::connector) line_limit: usize,
    pub(in crate::connector) analytics_limit: usize,
    pub(in crate::connector) variants: usize,
    pub(in crate::connector) test_emails: usize,
    /// Roles that may look and write, and not send.
    pub(in crate::connector) roles_without_send: Vec<String>,
}

impl Default for MailchimpSettings {
    fn default() -> Self {
        Self {
            login_url: constant_url(MAILCHIMP_LOGIN_URL),
            api_url: constant_url(MAILCHIMP_API_URL),
            settle_time: SignedDuration::from_secs(i64::from(MAILCHIMP_SETTLE_SECONDS)),
            line_limit: MAILCHIMP_LINE_LIMIT,
            analytics_limit: MAILCHIMP_ANALYTICS_LIMIT,
            variants: MAILCHIMP_VARIANTS,
            test_emails: MAILCHIMP_TEST_EMAILS,
            roles_without_send: ["viewer", "author"].map(String::from).into(),
        }
    }
}

impl MailchimpSettings {
    /// Replaces the login's address (`https://login.mailchimp.com`).
    ///
    /// # Errors
    /// Not an address, or one that `hosts` forbids.
    pub fn set_login_url(&mut self, address: &str, hosts: HostPolicy) -> Result<(), SettingsError> {
        self.login_url = checked_url("mailchimp login URL", address, "login.mailchimp.com", hosts)?;
        Ok(())
    }

    /// Replaces the API's address (`https://api.mailchimp.com`). What stands in for it gets the data centre as the first
    /// segment of the path.
    ///
    /// # Errors
    /// Not an address, or one that `hosts` forbids.
    pub fn set_api_url(&mut self, address: &str, hosts: HostPolicy) -> Result<(), SettingsError> {
        self.api_url = checked_url("mailchimp API URL", address, "api.mailchimp.com", hosts)?;
        Ok(())
    }

    /// Replaces the settle time (300 seconds).
    ///
    /// # Errors
    /// More than an hour.
    pub fn set_settle_seconds(&mut self, seconds: u32) -> Result<(), SettingsError> {
        if seconds > 3600 {
            return Err(SettingsError::OutOfRange { setting: "mailchimp settle seconds" });
        }
        self.settle_time = SignedDuration::from_secs(i64::from(seconds));
        Ok(())
    }

    /// How long a campaign may still look unsent.
    #[must_use]
    pub fn settle_time(&self) -> SignedDuration {
        self.settle_time
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_mailchimps_own_hosts_are_accepted() {
        let mut settings = MailchimpSettings::default();
        assert_eq!(settings.api_url.as_str(), "https://api.mailchimp.com/");
        for wrong in
            ["https://us6.api.mailchimp.com.example", "http://api.mailchimp.com", "https://us6.api.mailchimp.com"]
        {
            assert!(settings.set_api_url(wrong, HostPolicy::PlatformOnly).is_err(), "{wrong}");
        }
        assert!(settings.set_login_url("https://login.mailchimp.com", HostPolicy::PlatformOnly).is_ok());
        assert!(settings.set_api_url("http://127.0.0.1:8081/mailchimp", HostPolicy::StandIn).is_ok());
        assert!(settings.set_settle_seconds(3601).is_err());
    }
}

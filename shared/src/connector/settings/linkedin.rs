//! What is configured about LinkedIn.

use jiff::{SignedDuration, civil::Date};
use url::Url;

use super::{HostPolicy, SettingsError, checked_url, constant_url};

/// `https://api.linkedin.com`: every call of the API.
pub const LINKEDIN_API_URL: &str = "https://api.linkedin.com";
/// `https://www.linkedin.com`: the consent dialog and the exchange of codes.
pub const LINKEDIN_OAUTH_URL: &str = "https://www.linkedin.com";
/// The newest version of the API that is officially known on 21 November 2026.
pub const LINKEDIN_VERSION: &str = "202609";
/// How long the listing of an organization's posts may lag behind a write.
pub const LINKEDIN_SETTLE_SECONDS: u32 = 120;
/// The longest commentary. Whether LinkedIn counts the escaped or the visible text is not documented: the escaped is counted.
pub const LINKEDIN_TEXT_LIMIT: usize = 3_000;

/// When versions end. An ended version is refused with 426 on every call.
const VERSION_ENDS: [(&str, Date); 11] = [
    ("202510", jiff::civil::date(2026, 10, 15)),
    ("202511", jiff::civil::date(2026, 11, 16)),
    ("202601", jiff::civil::date(2027, 1, 15)),
    ("202602", jiff::civil::date(2027, 2, 15)),
    ("202603", jiff::civil::date(2027, 3, 16)),
    ("202604", jiff::civil::date(2027, 4, 15)),
    ("202605", jiff::civil::date(2027, 5, 15)),
    ("202606", jiff::civil::date(2027, 6, 15)),
    ("202607", jiff::civil::date(2027, 7, 15)),
    ("202608", jiff::civil::date(2027, 8, 17)),
    ("202609", jiff::civil::date(2027, 9, 15)),
];

/// What is configured about LinkedIn, for members and for Pages alike.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkedinSettings {
    pub(in crate::connector) api_url: Url,
    pub(in crate::connector) oauth_url: Url,
    pub(in crate::connector) version: String,
    pub(in crate::connector) version_ends: Option<Date>,
    pub(in crate::connector) settle_time: SignedDuration,
    pub(in crate::connector) text_limit: usize,
    pub(in crate::connector) member_scopes: Vec<String>,
    pub(in crate::connector) page_scopes: Vec<String>,
}

impl Default for LinkedinSettings {
    fn default() -> Self {
        Self {
            api_url: constant_url(LINKEDIN_API_URL),
            oauth_url: constant_url(LINKEDIN_OAUTH_URL),
            version: LINKEDIN_VERSION.into(),
            version_ends: end_of(LINKEDIN_VERSION),
            settle_time: SignedDuration::from_secs(i64::from(LINKEDIN_SETTLE_SECONDS)),
            text_limit: LINKEDIN_TEXT_LIMIT,
            // Another set of scopes ends all earlier tokens of the same person at the same app: each app has one fixed set.
            member_scopes: ["openid", "profile", "w_member_social"].map(String::from).into(),
            page_scopes: ["w_organization_social", "r_organization_social", "rw_organization_admin"]
                .map(String::from)
                .into(),
        }
    }
}

impl LinkedinSettings {
    /// Replaces the API's address (`https://api.linkedin.com`).
    ///
    /// # Errors
    /// Not an address, or one that `hosts` forbids.
    pub fn set_api_url(&mut self, address: &str, hosts: HostPolicy) -> Result<(), SettingsError> {
        self.api_url = checked_url("linkedin API URL", address, "api.linkedin.com", hosts)?;
        Ok(())
    }

    /// Replaces the address of the consent dialog and of the exchange of codes (`https://www.linkedin.com`).
    ///
    /// # Errors
    /// Not an address, or one that `hosts` forbids.
    pub fn set_oauth_url(&mut self, address: &str, hosts: HostPolicy) -> Result<(), SettingsError> {
        self.oauth_url = checked_url("linkedin OAuth URL", address, "www.linkedin.com", hosts)?;
        Ok(())
    }

    /// Replaces the version (`202609`); its end comes with it.
    ///
    /// # Errors
    /// Not a version.
    pub fn set_version(&mut self, version: &str) -> Result<(), SettingsError> {
        let is_month = matches!(version.get(4..), Some(month) if ("01"..="12").contains(&month));
        if version.len() != 6 || !version.bytes().all(|byte| byte.is_ascii_digit()) || !is_month {
            return Err(SettingsError::NotAVersion { setting: "linkedin version" });
        }
        self.version = version.into();
        self.version_ends = end_of(version);
        Ok(())
    }

    /// Replaces the settle time (120 seconds).
    ///
    /// # Errors
    /// More than an hour.
    pub fn set_settle_seconds(&mut self, seconds: u32) -> Result<(), SettingsError> {
        if seconds > 3600 {
            return Err(SettingsError::OutOfRange { setting: "linkedin settle seconds" });
        }
        self.settle_time = SignedDuration::from_secs(i64::from(seconds));
        Ok(())
    }

    /// The version that calls are made with.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.version
    }

    /// The day from which on the version is refused, if it is known.
    #[must_use]
    pub fn version_ends(&self) -> Option<Date> {
        self.version_ends
    }

    /// Whether an address of an upload is LinkedIn's: nothing is sent anywhere else (F45).
    pub(in crate::connector) fn accepts_upload(&self, url: &Url) -> bool {
        let is_stand_in = [&self.api_url, &self.oauth_url].iter().any(|own| own.origin() == url.origin());
        let is_theirs = url.scheme() == "https"
            && url.port().is_none()
            && url.host_str().is_some_and(|host| {
                ["linkedin.com", "licdn.com"]
                    .iter()
                    .any(|own| host.strip_suffix(own).is_some_and(|rest| rest.is_empty() || rest.ends_with('.')))
            });
        (is_stand_in || is_theirs) && url.username().is_empty() && url.password().is_none() && url.fragment().is_none()
    }
}

/// By the table; one that is not in it by LinkedIn's promise of twelve months: known ends are about the 15th of the month.
fn end_of(version: &str) -> Option<Date> {
    let known = VERSION_ENDS.iter().find(|(known, _)| *known == version).map(|(_, end)| *end);
    known.or_else(|| {
        let (year, month) = version.split_at_checked(4)?;
        Date::new(year.parse::<i16>().ok()?.checked_add(1)?, month.parse().ok()?, 15).ok()
    })
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[test]
    fn the_defaults_are_the_documented_constants() {
        let settings = LinkedinSettings::default();
        assert_eq!(settings.api_url.as_str(), "https://api.linkedin.com/");
        assert_eq!(settings.oauth_url.as_str(), "https://www.linkedin.com/");
        assert_eq!(settings.version_ends(), Some(jiff::civil::date(2027, 9, 15)));
        assert_eq!(settings.settle_time, SignedDuration::from_mins(2));
    }

    #[test]
    fn the_end_of_a_version_is_known_or_reckoned() {
        let mut settings = LinkedinSettings::default();
        settings.set_version("202511").unwrap();
        assert_eq!(settings.version_ends(), Some(jiff::civil::date(2026, 11, 16)));
        settings.set_version("202712").unwrap();
        assert_eq!(settings.version_ends(), Some(jiff::civil::date(2028, 12, 15)), "twelve months are promised");
        settings.set_version("202504").unwrap();
        assert!(settings.version_ends() < Some(jiff::civil::date(2026, 11, 21)), "older than the table");
        for wrong in ["", "2026", "202613", "202600", "20260a", "2026091", "v26.0"] {
            assert!(settings.set_version(wrong).is_err(), "{wrong}");
        }
    }

    #[rstest]
    #[case("https://www.linkedin.com/dms-uploads/a?b=c", true)]
    #[case("https://dms.licdn.com/a", true)]
    #[case("http://www.linkedin.com/a", false)]
    #[case("https://www.linkedin.com:8443/a", false)]
    #[case("https://evillinkedin.com/a", false)]
    #[case("https://linkedin.com.evil.example/a", false)]
    #[case("https://a@www.linkedin.com/a", false)]
    #[case("http://169.254.169.254/", false)]
    fn f45_uploads_go_to_linkedin_only(#[case] url: &str, #[case] is_theirs: bool) {
        assert_eq!(LinkedinSettings::default().accepts_upload(&url.parse().unwrap()), is_theirs);
    }
}

//! What is configured about TikTok.

use jiff::SignedDuration;
use url::Url;

use super::{HostPolicy, SettingsError, checked_url, constant_url};

/// `https://open.tiktokapis.com`: every call of the Content Posting, Display and Login APIs.
pub const TIKTOK_API_URL: &str = "https://open.tiktokapis.com";
/// `https://www.tiktok.com`: the consent page.
pub const TIKTOK_LOGIN_URL: &str = "https://www.tiktok.com";
/// Addresses of uploads are handed out at hosts of this domain.
pub const TIKTOK_UPLOAD_DOMAIN: &str = "tiktokapis.com";
/// How long after an unknown outcome TikTok is asked about it. No figure is documented: a minute, as long as most posts take.
pub const TIKTOK_SETTLE_SECONDS: u32 = 60;
/// The longest caption of a video, in UTF-16 units.
pub const TIKTOK_TITLE_LIMIT: usize = 2_200;
/// The longest title of a photo post, in UTF-16 units.
pub const TIKTOK_PHOTO_TITLE_LIMIT: usize = 90;
/// The longest text of a photo post, in UTF-16 units.
pub const TIKTOK_DESCRIPTION_LIMIT: usize = 4_000;
/// The most photos of one post.
pub const TIKTOK_PHOTO_LIMIT: usize = 35;
/// The largest video. Whether TikTok's GB are decimal is not documented; these are, and so the smaller ones.
pub const TIKTOK_VIDEO_BYTES: u64 = 4_000_000_000;
/// How large the pieces of an upload are: between 5 and 64 MB; 10 MB are sent well within the time of one call.
pub const TIKTOK_CHUNK_BYTES: u64 = 10_000_000;
/// How old a signed delivery may be: retries run for 72 hours, and whether they are signed anew is not documented.
/// A repeat is known by its key.
pub const TIKTOK_WEBHOOK_AGE_HOURS: i64 = 73;

/// What is configured about TikTok.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TiktokSettings {
    pub(in crate::connector) api_url: Url,
    pub(in crate::connector) login_url: Url,
    pub(in crate::connector) pkce: bool,
    pub(in crate::connector) settle_time: SignedDuration,
    pub(in crate::connector) title_limit: usize,
    pub(in crate::connector) photo_title_limit: usize,
    pub(in crate::connector) description_limit: usize,
    pub(in crate::connector) photo_limit: usize,
    pub(in crate::connector) video_bytes: u64,
    pub(in crate::connector) chunk_bytes: u64,
    pub(in crate::connector) webhook_age: SignedDuration,
    /// How long a lost publish without an id is looked for before a person has to: TikTok gives up a pull after an hour.
    pub(in crate::connector) search_time: SignedDuration,
    /// How long the address of an upload lives.
    pub(in crate::connector) upload_life: SignedDuration,
    pub(in crate::connector) scopes: Vec<String>,
}

impl Default for TiktokSettings {
    fn default() -> Self {
        Self {
            api_url: constant_url(TIKTOK_API_URL),
            login_url: constant_url(TIKTOK_LOGIN_URL),
            // Documented as required for desktop and mobile apps; web apps may be told not to send it.
            pkce: true,
            settle_time: SignedDuration::from_secs(i64::from(TIKTOK_SETTLE_SECONDS)),
            title_limit: TIKTOK_TITLE_LIMIT,
            photo_title_limit: TIKTOK_PHOTO_TITLE_LIMIT,
            description_limit: TIKTOK_DESCRIPTION_LIMIT,
            photo_limit: TIKTOK_PHOTO_LIMIT,
            video_bytes: TIKTOK_VIDEO_BYTES,
            chunk_bytes: TIKTOK_CHUNK_BYTES,
            webhook_age: SignedDuration::from_hours(TIKTOK_WEBHOOK_AGE_HOURS),
            search_time: SignedDuration::from_mins(65),
            upload_life: SignedDuration::from_mins(65),
            scopes: ["user.info.basic", "user.info.profile", "video.list", "video.publish", "video.upload"]
                .map(String::from)
                .into(),
        }
    }
}

impl TiktokSettings {
    /// Replaces the address of the APIs (`https://open.tiktokapis.com`).
    ///
    /// # Errors
    /// Not an address, or one that `hosts` forbids.
    pub fn set_api_url(&mut self, address: &str, hosts: HostPolicy) -> Result<(), SettingsError> {
        self.api_url = checked_url("tiktok API URL", address, "open.tiktokapis.com", hosts)?;
        Ok(())
    }

    /// Replaces the consent page's address (`https://www.tiktok.com`).
    ///
    /// # Errors
    /// Not an address, or one that `hosts` forbids.
    pub fn set_login_url(&mut self, address: &str, hosts: HostPolicy) -> Result<(), SettingsError> {
        self.login_url = checked_url("tiktok login URL", address, "www.tiktok.com", hosts)?;
        Ok(())
    }

    /// Whether logins carry PKCE: `on` (the default) or `off`.
    ///
    /// # Errors
    /// Any other word.
    pub fn set_pkce(&mut self, word: &str) -> Result<(), SettingsError> {
        self.pkce = match word {
            "on" => true,
            "off" => false,
            _ => return Err(SettingsError::OutOfRange { setting: "tiktok PKCE" }),
        };
        Ok(())
    }

    /// Replaces the settle time (a minute).
    ///
    /// # Errors
    /// More than an hour.
    pub fn set_settle_seconds(&mut self, seconds: u32) -> Result<(), SettingsError> {
        if seconds > 3600 {
            return Err(SettingsError::OutOfRange { setting: "tiktok settle seconds" });
        }
        self.settle_time = SignedDuration::from_secs(i64::from(seconds));
        Ok(())
    }

    /// What a login asks for.
    #[must_use]
    pub fn scopes(&self) -> &[String] {
        &self.scopes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_go_to_tiktok_or_to_what_stands_in_for_it() {
        let mut settings = TiktokSettings::default();
        assert_eq!((settings.api_url.scheme(), settings.login_url.host_str()), ("https", Some("www.tiktok.com")));
        assert!(settings.set_api_url("https://tiktokapis.com.example", HostPolicy::PlatformOnly).is_err());
        assert!(settings.set_api_url("https://open.tiktokapis.com", HostPolicy::PlatformOnly).is_ok());
        assert!(settings.set_login_url("http://127.0.0.1:1/tiktok", HostPolicy::StandIn).is_ok());
        assert!(settings.set_settle_seconds(3_601).is_err() && settings.set_settle_seconds(0).is_ok());
        assert!(settings.set_pkce("maybe").is_err() && settings.set_pkce("off").is_ok());
        assert!(!settings.pkce);
    }
}

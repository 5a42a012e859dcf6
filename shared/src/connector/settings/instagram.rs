//! What is configured about Instagram.

use jiff::{SignedDuration, civil::Date};
use url::Url;

use super::{
    HostPolicy, SettingsError, checked_url, constant_url,
    facebook::{FACEBOOK_DIALOG_URL, FACEBOOK_GRAPH_URL, FACEBOOK_GRAPH_VERSION, end_of, is_version},
};
use crate::connector::meta::looks::Looks;

/// `https://graph.instagram.com`: every call of a connection that was made with Instagram Login.
pub const INSTAGRAM_GRAPH_URL: &str = "https://graph.instagram.com";
/// `https://www.instagram.com`: the consent page of Instagram Login.
pub const INSTAGRAM_LOGIN_URL: &str = "https://www.instagram.com";
/// `https://api.instagram.com`: where Instagram Login exchanges codes.
pub const INSTAGRAM_TOKEN_URL: &str = "https://api.instagram.com";
/// How long after a publish the word of a container can be trusted.
pub const INSTAGRAM_SETTLE_SECONDS: u32 = 60;
/// The longest caption, in characters.
pub const INSTAGRAM_CAPTION_LIMIT: usize = 2_200;
/// The most hashtags in a caption. Instagram announced a limit of 5 in December 2025; whether the API keeps it is not known.
pub const INSTAGRAM_HASHTAG_LIMIT: usize = 30;
/// The most mentions in a caption.
pub const INSTAGRAM_MENTION_LIMIT: usize = 20;
/// The most pictures and videos in a carousel.
pub const INSTAGRAM_CAROUSEL_LIMIT: usize = 10;
/// The longest description of a picture, in characters.
pub const INSTAGRAM_ALT_TEXT_LIMIT: usize = 1_000;
/// The most collaborators of a post.
pub const INSTAGRAM_COLLABORATOR_LIMIT: usize = 3;

/// Which of Meta's two ways of logging in a connection is made with. Tokens of one do not work with the other.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum InstagramLogin {
    /// Through Facebook: accounts that are linked to a Page. Posts can be deleted, and Page tokens do not end.
    #[default]
    Facebook,
    /// Through Instagram itself, without a Page. Tokens last for sixty days and renew themselves; posts cannot be deleted.
    Instagram,
}

/// What is configured about Instagram.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InstagramSettings {
    pub(in crate::connector) login: InstagramLogin,
    pub(in crate::connector) facebook_graph_url: Url,
    pub(in crate::connector) facebook_dialog_url: Url,
    pub(in crate::connector) instagram_graph_url: Url,
    pub(in crate::connector) instagram_login_url: Url,
    pub(in crate::connector) instagram_token_url: Url,
    pub(in crate::connector) version: String,
    pub(in crate::connector) version_ends: Option<Date>,
    pub(in crate::connector) settle_time: SignedDuration,
    pub(in crate::connector) caption_limit: usize,
    pub(in crate::connector) hashtag_limit: usize,
    pub(in crate::connector) mention_limit: usize,
    pub(in crate::connector) carousel_limit: usize,
    pub(in crate::connector) alt_text_limit: usize,
    pub(in crate::connector) collaborator_limit: usize,
    /// How often a container is looked at; it ends by itself within a day.
    pub(in crate::connector) looks: Looks,
    /// How many containers are made for one thing before it is given up.
    pub(in crate::connector) container_tries: u64,
    facebook_scopes: Vec<String>,
    instagram_scopes: Vec<String>,
    pub(in crate::connector) metrics: Vec<String>,
    pub(in crate::connector) reel_metrics: Vec<String>,
    pub(in crate::connector) story_metrics: Vec<String>,
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

impl Default for InstagramSettings {
    fn default() -> Self {
        Self {
            login: InstagramLogin::default(),
            facebook_graph_url: constant_url(FACEBOOK_GRAPH_URL),
            facebook_dialog_url: constant_url(FACEBOOK_DIALOG_URL),
            instagram_graph_url: constant_url(INSTAGRAM_GRAPH_URL),
            instagram_login_url: constant_url(INSTAGRAM_LOGIN_URL),
            instagram_token_url: constant_url(INSTAGRAM_TOKEN_URL),
            version: FACEBOOK_GRAPH_VERSION.into(),
            version_ends: end_of(FACEBOOK_GRAPH_VERSION),
            settle_time: SignedDuration::from_secs(i64::from(INSTAGRAM_SETTLE_SECONDS)),
            caption_limit: INSTAGRAM_CAPTION_LIMIT,
            hashtag_limit: INSTAGRAM_HASHTAG_LIMIT,
            mention_limit: INSTAGRAM_MENTION_LIMIT,
            carousel_limit: INSTAGRAM_CAROUSEL_LIMIT,
            alt_text_limit: INSTAGRAM_ALT_TEXT_LIMIT,
            collaborator_limit: INSTAGRAM_COLLABORATOR_LIMIT,
            looks: Looks::default(),
            container_tries: 3,
            facebook_scopes: words(&[
                "instagram_basic",
                "instagram_content_publish",
                "instagram_manage_insights",
                "instagram_manage_contents",
                "pages_show_list",
                "pages_read_engagement",
            ]),
            instagram_scopes: words(&[
                "instagram_business_basic",
                "instagram_business_content_publish",
                "instagram_business_manage_insights",
            ]),
            metrics: words(&[
                "views",
                "reach",
                "likes",
                "comments",
                "saved",
                "shares",
                "total_interactions",
                "follows",
                "profile_visits",
            ]),
            reel_metrics: words(&[
                "views",
                "reach",
                "likes",
                "comments",
                "saved",
                "shares",
                "total_interactions",
                "ig_reels_avg_watch_time",
                "ig_reels_video_view_total_time",
            ]),
            story_metrics: words(&["views", "reach", "replies", "navigation", "shares", "total_interactions"]),
        }
    }
}

impl InstagramSettings {
    /// Chooses the login: `facebook` or `instagram`.
    ///
    /// # Errors
    /// Neither of them.
    pub fn set_login(&mut self, word: &str) -> Result<(), SettingsError> {
        self.login = match word {
            "facebook" => InstagramLogin::Facebook,
            "instagram" => InstagramLogin::Instagram,
            _ => return Err(SettingsError::NotAWord { setting: "instagram login" }),
        };
        Ok(())
    }

    /// Replaces the Graph API's address for Facebook Login (`https://graph.facebook.com`).
    ///
    /// # Errors
    /// Not an address, or one that `hosts` forbids.
    pub fn set_facebook_graph_url(&mut self, address: &str, hosts: HostPolicy) -> Result<(), SettingsError> {
        self.facebook_graph_url = checked_url("instagram facebook graph URL", address, "graph.facebook.com", hosts)?;
        Ok(())
    }

    /// Replaces the consent dialog's address of Facebook Login (`https://www.facebook.com`).
    ///
    /// # Errors
    /// Not an address, or one that `hosts` forbids.
    pub fn set_facebook_dialog_url(&mut self, address: &str, hosts: HostPolicy) -> Result<(), SettingsError> {
        self.facebook_dialog_url = checked_url("instagram facebook dialog URL", address, "www.facebook.com", hosts)?;
        Ok(())
    }

    /// Replaces the Graph API's address for Instagram Login (`https://graph.instagram.com`).
    ///
    /// # Errors
    /// Not an address, or one that `hosts` forbids.
    pub fn set_graph_url(&mut self, address: &str, hosts: HostPolicy) -> Result<(), SettingsError> {
        self.instagram_graph_url = checked_url("instagram graph URL", address, "graph.instagram.com", hosts)?;
        Ok(())
    }

    /// Replaces the consent page's address of Instagram Login (`https://www.instagram.com`).
    ///
    /// # Errors
    /// Not an address, or one that `hosts` forbids.
    pub fn set_login_url(&mut self, address: &str, hosts: HostPolicy) -> Result<(), SettingsError> {
        self.instagram_login_url = checked_url("instagram login URL", address, "www.instagram.com", hosts)?;
        Ok(())
    }

    /// Replaces where Instagram Login exchanges codes (`https://api.instagram.com`).
    ///
    /// # Errors
    /// Not an address, or one that `hosts` forbids.
    pub fn set_token_url(&mut self, address: &str, hosts: HostPolicy) -> Result<(), SettingsError> {
        self.instagram_token_url = checked_url("instagram token URL", address, "api.instagram.com", hosts)?;
        Ok(())
    }

    /// Replaces the Graph API version (`v26.0`); its end date comes with it where Meta has announced one.
    ///
    /// # Errors
    /// Not a version.
    pub fn set_version(&mut self, version: &str) -> Result<(), SettingsError> {
        if !is_version(version) {
            return Err(SettingsError::NotAVersion { setting: "instagram graph version" });
        }
        self.version = version.into();
        self.version_ends = end_of(version);
        Ok(())
    }

    /// Replaces the settle time (60 seconds).
    ///
    /// # Errors
    /// More than an hour.
    pub fn set_settle_seconds(&mut self, seconds: u32) -> Result<(), SettingsError> {
        if seconds > 3600 {
            return Err(SettingsError::OutOfRange { setting: "instagram settle seconds" });
        }
        self.settle_time = SignedDuration::from_secs(i64::from(seconds));
        Ok(())
    }

    /// The login that connections are made with.
    #[must_use]
    pub fn login(&self) -> InstagramLogin {
        self.login
    }

    /// The day on which the version may end, if Meta's rules tell: an operator must have moved on before it.
    #[must_use]
    pub fn version_ends(&self) -> Option<Date> {
        self.version_ends
    }

    /// The scopes that a connection is asked for.
    #[must_use]
    pub fn scopes(&self) -> &[String] {
        match self.login {
            InstagramLogin::Facebook => &self.facebook_scopes,
            InstagramLogin::Instagram => &self.instagram_scopes,
        }
    }

    /// Where calls of a connection go.
    pub(in crate::connector) fn graph_url(&self) -> &Url {
        match self.login {
            InstagramLogin::Facebook => &self.facebook_graph_url,
            InstagramLogin::Instagram => &self.instagram_graph_url,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_the_documented_constants() {
        let mut settings = InstagramSettings::default();
        assert_eq!(settings.login(), InstagramLogin::Facebook);
        assert_eq!(settings.graph_url().as_str(), "https://graph.facebook.com/");
        assert!(settings.scopes().iter().all(|scope| !scope.contains("business")));
        assert_eq!(settings.version_ends(), Some(jiff::civil::date(2028, 7, 29)));
        settings.set_login("instagram").unwrap();
        assert_eq!(settings.graph_url().as_str(), "https://graph.instagram.com/");
        assert!(settings.scopes().iter().all(|scope| scope.starts_with("instagram_business_")));
        assert_eq!(settings.instagram_login_url.as_str(), "https://www.instagram.com/");
        assert_eq!(settings.instagram_token_url.as_str(), "https://api.instagram.com/");
    }

    #[test]
    fn what_cannot_be_a_value_is_refused_and_changes_nothing() {
        let mut settings = InstagramSettings::default();
        assert!(settings.set_login("tiktok").is_err());
        assert!(settings.set_version("26").is_err());
        assert!(settings.set_settle_seconds(3601).is_err());
        for set in [
            InstagramSettings::set_facebook_graph_url,
            InstagramSettings::set_facebook_dialog_url,
            InstagramSettings::set_graph_url,
            InstagramSettings::set_login_url,
            InstagramSettings::set_token_url,
        ] {
            assert!(set(&mut settings, "https://evil.example", HostPolicy::PlatformOnly).is_err());
        }
        assert_eq!(settings, InstagramSettings::default());
    }
}

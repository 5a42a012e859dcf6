//! What is configured about Facebook Pages.

use jiff::{SignedDuration, civil::Date};
use url::Url;

use super::{HostPolicy, SettingsError, checked_url, constant_url};
use crate::connector::meta::looks::Looks;

/// `https://graph.facebook.com`: every Graph API call of Facebook Pages.
pub const FACEBOOK_GRAPH_URL: &str = "https://graph.facebook.com";
/// `https://www.facebook.com`: the consent dialog.
pub const FACEBOOK_DIALOG_URL: &str = "https://www.facebook.com";
/// `https://graph-video.facebook.com`: videos of Pages, by address and in pieces.
pub const FACEBOOK_VIDEO_URL: &str = "https://graph-video.facebook.com";
/// `https://rupload.facebook.com`: the files of reels.
pub const FACEBOOK_UPLOAD_URL: &str = "https://rupload.facebook.com";
/// The newest Graph API version on 21 November 2026, released on 29 July 2026.
pub const FACEBOOK_GRAPH_VERSION: &str = "v26.0";
/// How long Facebook's listing may lag behind a write.
pub const FACEBOOK_SETTLE_SECONDS: u32 = 30;
/// The longest text of a Page post, in characters.
pub const FACEBOOK_TEXT_LIMIT: usize = 63_206;
/// The most photos of a Page post.
pub const FACEBOOK_PHOTO_LIMIT: usize = 10;
/// The longest title of a video, in characters: "must be less than 255".
pub const FACEBOOK_VIDEO_TITLE_LIMIT: usize = 254;
/// The smallest video, in bytes.
pub const FACEBOOK_VIDEO_SMALLEST_BYTES: u64 = 1_024;
/// The largest video that is sent in pieces. Meta names 10 GB on one page and 2 GB on another; Facebook itself decides before
/// the first piece, so the larger one stands here.
pub const FACEBOOK_VIDEO_BYTES: u64 = 10_000_000_000;
/// How long the feed is searched for a video that Facebook fetches, when its id was lost, before a person has to look.
pub const FACEBOOK_VIDEO_SEARCH_MINUTES: i64 = 65;

/// Versions that Meta has announced an end for; v26.0 has none yet and lives two years at least.
/// An expired version does not fail: Meta silently answers with another one.
const VERSION_ENDS: [(&str, Date); 7] = [
    ("v20.0", jiff::civil::date(2026, 9, 24)),
    ("v21.0", jiff::civil::date(2027, 1, 21)),
    ("v22.0", jiff::civil::date(2027, 5, 20)),
    ("v23.0", jiff::civil::date(2027, 10, 8)),
    ("v24.0", jiff::civil::date(2028, 2, 18)),
    ("v25.0", jiff::civil::date(2028, 7, 29)),
    ("v26.0", jiff::civil::date(2028, 7, 29)),
];

/// What is configured about Facebook Pages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FacebookSettings {
    pub(in crate::connector) graph_url: Url,
    pub(in crate::connector) dialog_url: Url,
    pub(in crate::connector) video_url: Url,
    pub(in crate::connector) upload_url: Url,
    pub(in crate::connector) version: String,
    pub(in crate::connector) version_ends: Option<Date>,
    pub(in crate::connector) settle_time: SignedDuration,
    pub(in crate::connector) text_limit: usize,
    pub(in crate::connector) photo_limit: usize,
    pub(in crate::connector) video_title_limit: usize,
    pub(in crate::connector) video_smallest_bytes: u64,
    pub(in crate::connector) video_bytes: u64,
    /// How often a video is looked at that Facebook works on.
    pub(in crate::connector) video_looks: Looks,
    pub(in crate::connector) video_search_time: SignedDuration,
    pub(in crate::connector) scopes: Vec<String>,
    pub(in crate::connector) metrics: Vec<String>,
}

impl Default for FacebookSettings {
    fn default() -> Self {
        Self {
            graph_url: constant_url(FACEBOOK_GRAPH_URL),
            dialog_url: constant_url(FACEBOOK_DIALOG_URL),
            video_url: constant_url(FACEBOOK_VIDEO_URL),
            upload_url: constant_url(FACEBOOK_UPLOAD_URL),
            version: FACEBOOK_GRAPH_VERSION.into(),
            version_ends: end_of(FACEBOOK_GRAPH_VERSION),
            settle_time: SignedDuration::from_secs(i64::from(FACEBOOK_SETTLE_SECONDS)),
            text_limit: FACEBOOK_TEXT_LIMIT,
            photo_limit: FACEBOOK_PHOTO_LIMIT,
            video_title_limit: FACEBOOK_VIDEO_TITLE_LIMIT,
            video_smallest_bytes: FACEBOOK_VIDEO_SMALLEST_BYTES,
            video_bytes: FACEBOOK_VIDEO_BYTES,
            video_looks: Looks::default(),
            video_search_time: SignedDuration::from_mins(FACEBOOK_VIDEO_SEARCH_MINUTES),
            // `business_management` is left out: it needs a review of its own and only adds Pages that a person reaches
            // through a business portfolio without a role on the Page itself.
            scopes: [
                "pages_show_list",
                "pages_manage_posts",
                "pages_read_engagement",
                "pages_manage_metadata",
                "read_insights",
            ]
            .map(String::from)
            .into(),
            metrics: [
                "post_media_view",
                "post_total_media_view_unique",
                "post_reactions_by_type_total",
                "post_activity_by_action_type",
                "post_clicks",
                "post_video_views",
            ]
            .map(String::from)
            .into(),
        }
    }
}

impl FacebookSettings {
    /// Replaces the Graph API's address (`https://graph.facebook.com`).
    ///
    /// # Errors
    /// Not an address, or one that `hosts` forbids.
    pub fn set_graph_url(&mut self, address: &str, hosts: HostPolicy) -> Result<(), SettingsError> {
        self.graph_url = checked_url("facebook graph URL", address, "graph.facebook.com", hosts)?;
        Ok(())
    }

    /// Replaces the consent dialog's address (`https://www.facebook.com`).
    ///
    /// # Errors
    /// Not an address, or one that `hosts` forbids.
    pub fn set_dialog_url(&mut self, address: &str, hosts: HostPolicy) -> Result<(), SettingsError> {
        self.dialog_url = checked_url("facebook dialog URL", address, "www.facebook.com", hosts)?;
        Ok(())
    }

    /// Replaces the address that takes videos (`https://graph-video.facebook.com`).
    ///
    /// # Errors
    /// Not an address, or one that `hosts` forbids.
    pub fn set_video_url(&mut self, address: &str, hosts: HostPolicy) -> Result<(), SettingsError> {
        self.video_url = checked_url("facebook video URL", address, "graph-video.facebook.com", hosts)?;
        Ok(())
    }

    /// Replaces the address that takes reels (`https://rupload.facebook.com`).
    ///
    /// # Errors
    /// Not an address, or one that `hosts` forbids.
    pub fn set_upload_url(&mut self, address: &str, hosts: HostPolicy) -> Result<(), SettingsError> {
        self.upload_url = checked_url("facebook upload URL", address, "rupload.facebook.com", hosts)?;
        Ok(())
    }

    /// Whether an address that Facebook hands out for an upload is one of its own.
    pub(in crate::connector) fn accepts_upload(&self, url: &Url) -> bool {
        url.origin() == self.upload_url.origin()
            && url.username().is_empty()
            && url.password().is_none()
            && url.fragment().is_none()
    }

    /// Replaces the Graph API version (`v26.0`); its end date comes with it where Meta has announced one.
    ///
    /// # Errors
    /// Not a version.
    pub fn set_version(&mut self, version: &str) -> Result<(), SettingsError> {
        if !is_version(version) {
            return Err(SettingsError::NotAVersion { setting: "facebook graph version" });
        }
        self.version = version.into();
        self.version_ends = end_of(version);
        Ok(())
    }

    /// Replaces the settle time (30 seconds).
    ///
    /// # Errors
    /// More than an hour.
    pub fn set_settle_seconds(&mut self, seconds: u32) -> Result<(), SettingsError> {
        if seconds > 3600 {
            return Err(SettingsError::OutOfRange { setting: "facebook settle seconds" });
        }
        self.settle_time = SignedDuration::from_secs(i64::from(seconds));
        Ok(())
    }

    /// The Graph API version that calls are made with.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.version
    }

    /// The day on which the version may end, if Meta's rules tell: an operator must have moved on before it.
    #[must_use]
    pub fn version_ends(&self) -> Option<Date> {
        self.version_ends
    }

    /// How long its listing may lag behind a write.
    #[must_use]
    pub fn settle_time(&self) -> SignedDuration {
        self.settle_time
    }

    /// The scopes that a connection is asked for.
    #[must_use]
    pub fn scopes(&self) -> &[String] {
        &self.scopes
    }
}

/// Whether a text is a version as Meta writes them.
pub(super) fn is_version(version: &str) -> bool {
    let is_number = |part: &str| (1..=3).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit());
    let parts = version.strip_prefix('v').and_then(|numbers| numbers.split_once('.'));
    parts.is_some_and(|(major, minor)| is_number(major) && is_number(minor))
}

/// The day on which a version may end.
pub(super) fn end_of(version: &str) -> Option<Date> {
    VERSION_ENDS.iter().find(|(known, _)| *known == version).map(|(_, end)| *end)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[test]
    fn the_defaults_are_the_documented_constants() {
        let settings = FacebookSettings::default();
        assert_eq!(settings.graph_url.as_str(), "https://graph.facebook.com/");
        assert_eq!(settings.dialog_url.as_str(), "https://www.facebook.com/");
        assert_eq!(settings.video_url.as_str(), "https://graph-video.facebook.com/");
        assert_eq!(settings.upload_url.as_str(), "https://rupload.facebook.com/");
        assert_eq!(settings.version(), "v26.0");
        assert_eq!(settings.settle_time, SignedDuration::from_secs(30));
        assert_eq!(settings.version_ends(), Some(jiff::civil::date(2028, 7, 29)));
    }

    #[rstest]
    #[case::the_platform("https://graph.facebook.com", HostPolicy::PlatformOnly, Ok(()))]
    #[case::plain_http("http://graph.facebook.com", HostPolicy::PlatformOnly, Err("foreign"))]
    #[case::another_port("https://graph.facebook.com:8443", HostPolicy::PlatformOnly, Err("foreign"))]
    #[case::a_longer_name("https://graph.facebook.com.example", HostPolicy::PlatformOnly, Err("foreign"))]
    #[case::this_machine("http://127.0.0.1:8081", HostPolicy::PlatformOnly, Err("foreign"))]
    #[case::credentials("https://user@graph.facebook.com", HostPolicy::PlatformOnly, Err("no address"))]
    #[case::no_url("graph.facebook.com", HostPolicy::PlatformOnly, Err("no address"))]
    #[case::a_file("file:///etc/passwd", HostPolicy::StandIn, Err("no address"))]
    #[case::a_query("http://localhost/?a=b", HostPolicy::StandIn, Err("no address"))]
    #[case::simulator("http://127.0.0.1:8081", HostPolicy::StandIn, Ok(()))]
    #[case::simulator_by_name("http://localhost:8081", HostPolicy::StandIn, Ok(()))]
    #[case::simulator_v6("http://[::1]:8081", HostPolicy::StandIn, Ok(()))]
    #[case::a_proxy("https://recorder.example", HostPolicy::StandIn, Ok(()))]
    #[case::http_elsewhere("http://192.0.2.1", HostPolicy::StandIn, Err("not encrypted"))]
    #[case::http_looking_local("http://localhost.example", HostPolicy::StandIn, Err("not encrypted"))]
    fn only_hosts_of_the_platform_are_accepted(
        #[case] address: &str,
        #[case] hosts: HostPolicy,
        #[case] expected: Result<(), &str>,
    ) {
        let setting = "facebook graph URL";
        let expected = expected.map_err(|kind| match kind {
            "foreign" => SettingsError::ForeignHost { setting },
            "not encrypted" => SettingsError::NotEncrypted { setting },
            _ => SettingsError::NotAnAddress { setting },
        });
        assert_eq!(FacebookSettings::default().set_graph_url(address, hosts), expected);
    }

    #[rstest]
    #[case::theirs("https://rupload.facebook.com/video-upload/v26.0/8", true)]
    #[case::another_host("https://rupload.facebook.com.example/video-upload/v26.0/8", false)]
    #[case::another_of_theirs("https://graph.facebook.com/video-upload/v26.0/8", false)]
    #[case::plain_http("http://rupload.facebook.com/video-upload/v26.0/8", false)]
    #[case::credentials("https://a:b@rupload.facebook.com/video-upload/v26.0/8", false)]
    fn f44_an_upload_goes_to_facebooks_own_host_only(#[case] address: &str, #[case] expected: bool) {
        assert_eq!(FacebookSettings::default().accepts_upload(&Url::parse(address).unwrap()), expected);
    }

    #[test]
    fn a_refused_value_changes_nothing_and_is_not_shown() {
        let mut settings = FacebookSettings::default();
        let error = settings.set_dialog_url("https://evil.example", HostPolicy::PlatformOnly).unwrap_err();
        assert_eq!(settings, FacebookSettings::default());
        assert_eq!(error.to_string(), "facebook dialog URL is not an https address of the platform");
    }

    #[test]
    fn a_version_brings_its_end_date() {
        let mut settings = FacebookSettings::default();
        settings.set_version("v21.0").unwrap();
        assert_eq!(settings.version_ends(), Some(jiff::civil::date(2027, 1, 21)));
        settings.set_version("v27.0").unwrap();
        assert_eq!(settings.version_ends(), None);
        for wrong in ["26.0", "v26", "v26.", "v.0", "v26.0/../me", "v1234.0", "", "v26.0 "] {
            assert!(settings.set_version(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_settle_time_beyond_an_hour_is_refused() {
        let mut settings = FacebookSettings::default();
        assert!(settings.set_settle_seconds(3601).is_err());
        settings.set_settle_seconds(1).unwrap();
        assert_eq!(settings.settle_time, SignedDuration::from_secs(1));
    }
}

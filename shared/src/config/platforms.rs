//! What replaces the connectors' own settings: next to nothing outside the local cloud and tests.

use super::{Environment, Reader, Section};
use crate::{
    connector::settings::{
        FacebookSettings, GbpSettings, HostPolicy, InstagramSettings, LinkedinSettings, MailchimpSettings, Settings,
        SettingsError, TiktokSettings,
    },
    reach::LocalHosts,
    variables,
};

/// The settings of every platform, and what goes with them.
#[derive(Debug, Clone, Default)]
pub struct Platforms {
    /// The settings of the connectors, with what the environment replaces of them.
    pub settings: Settings,
    /// [`variables::LOCAL_HOSTS`].
    pub local_hosts: Option<LocalHosts>,
}

impl Section for Platforms {
    fn read(reader: &mut Reader<'_>) -> Option<Self> {
        // `Core` reports a bad environment; here it only means that the strict rule applies.
        let environment = reader.value(variables::ENVIRONMENT).and_then(|value| value.parse().ok());
        let hosts = environment.unwrap_or(Environment::Production).platform_hosts();
        let mut settings = Settings::default();
        facebook(reader, hosts, &mut settings.facebook);
        mailchimp(reader, hosts, &mut settings.mailchimp);
        tiktok(reader, hosts, &mut settings.tiktok);
        gbp(reader, hosts, &mut settings.gbp);
        linkedin(reader, hosts, &mut settings.linkedin);
        instagram(reader, hosts, &mut settings.instagram);
        let local_hosts = reader.optional(variables::LOCAL_HOSTS, |value| match hosts {
            HostPolicy::StandIn => value.parse(),
            HostPolicy::PlatformOnly => Err("for the local cloud only"),
        });
        Some(Self { settings, local_hosts: local_hosts? })
    }
}

fn facebook(reader: &mut Reader<'_>, hosts: HostPolicy, settings: &mut FacebookSettings) {
    reader.apply(variables::FACEBOOK_GRAPH_URL, |value| settings.set_graph_url(value, hosts));
    reader.apply(variables::FACEBOOK_DIALOG_URL, |value| settings.set_dialog_url(value, hosts));
    reader.apply(variables::FACEBOOK_VIDEO_URL, |value| settings.set_video_url(value, hosts));
    reader.apply(variables::FACEBOOK_UPLOAD_URL, |value| settings.set_upload_url(value, hosts));
    reader.apply(variables::FACEBOOK_GRAPH_VERSION, |value| settings.set_version(value));
    reader.apply_seconds(variables::FACEBOOK_SETTLE_SECONDS, |seconds| settings.set_settle_seconds(seconds));
}

fn mailchimp(reader: &mut Reader<'_>, hosts: HostPolicy, settings: &mut MailchimpSettings) {
    reader.apply(variables::MAILCHIMP_LOGIN_URL, |value| settings.set_login_url(value, hosts));
    reader.apply(variables::MAILCHIMP_API_URL, |value| settings.set_api_url(value, hosts));
    reader.apply_seconds(variables::MAILCHIMP_SETTLE_SECONDS, |seconds| settings.set_settle_seconds(seconds));
}

fn tiktok(reader: &mut Reader<'_>, hosts: HostPolicy, settings: &mut TiktokSettings) {
    reader.apply(variables::TIKTOK_API_URL, |value| settings.set_api_url(value, hosts));
    reader.apply(variables::TIKTOK_LOGIN_URL, |value| settings.set_login_url(value, hosts));
    reader.apply(variables::TIKTOK_PKCE, |value| settings.set_pkce(value));
    reader.apply_seconds(variables::TIKTOK_SETTLE_SECONDS, |seconds| settings.set_settle_seconds(seconds));
}

fn gbp(reader: &mut Reader<'_>, hosts: HostPolicy, settings: &mut GbpSettings) {
    reader.apply(variables::GBP_LOGIN_URL, |value| settings.set_login_url(value, hosts));
    reader.apply(variables::GBP_TOKEN_URL, |value| settings.set_token_url(value, hosts));
    reader.apply(variables::GBP_ACCOUNTS_URL, |value| settings.set_accounts_url(value, hosts));
    reader.apply(variables::GBP_LOCATIONS_URL, |value| settings.set_locations_url(value, hosts));
    reader.apply(variables::GBP_POSTS_URL, |value| settings.set_posts_url(value, hosts));
    reader.apply(variables::GBP_KEYS_URL, |value| settings.set_keys_url(value, hosts));
    reader.apply_seconds(variables::GBP_SETTLE_SECONDS, |seconds| settings.set_settle_seconds(seconds));
    reader.apply(variables::GBP_PUSH_ACCOUNT, |value| settings.set_push_account(value));
}

fn linkedin(reader: &mut Reader<'_>, hosts: HostPolicy, settings: &mut LinkedinSettings) {
    reader.apply(variables::LINKEDIN_API_URL, |value| settings.set_api_url(value, hosts));
    reader.apply(variables::LINKEDIN_OAUTH_URL, |value| settings.set_oauth_url(value, hosts));
    reader.apply(variables::LINKEDIN_VERSION, |value| settings.set_version(value));
    reader.apply_seconds(variables::LINKEDIN_SETTLE_SECONDS, |seconds| settings.set_settle_seconds(seconds));
}

fn instagram(reader: &mut Reader<'_>, hosts: HostPolicy, settings: &mut InstagramSettings) {
    reader.apply(variables::INSTAGRAM_LOGIN, |value| settings.set_login(value));
    reader.apply(variables::INSTAGRAM_FACEBOOK_GRAPH_URL, |value| settings.set_facebook_graph_url(value, hosts));
    reader.apply(variables::INSTAGRAM_FACEBOOK_DIALOG_URL, |value| settings.set_facebook_dialog_url(value, hosts));
    reader.apply(variables::INSTAGRAM_GRAPH_URL, |value| settings.set_graph_url(value, hosts));
    reader.apply(variables::INSTAGRAM_LOGIN_URL, |value| settings.set_login_url(value, hosts));
    reader.apply(variables::INSTAGRAM_TOKEN_URL, |value| settings.set_token_url(value, hosts));
    reader.apply(variables::INSTAGRAM_GRAPH_VERSION, |value| settings.set_version(value));
    reader.apply_seconds(variables::INSTAGRAM_SETTLE_SECONDS, |seconds| settings.set_settle_seconds(seconds));
}

impl Reader<'_> {
    /// Hands a variable to a setting, if it is there.
    fn apply(&mut self, name: &'static str, set: impl FnOnce(&str) -> Result<(), SettingsError>) {
        if let Some(value) = self.value(name)
            && let Err(error) = set(&value)
        {
            self.refuse(name, error.problem());
        }
    }

    /// Hands whole seconds to a setting, if they are there.
    fn apply_seconds(&mut self, name: &'static str, set: impl FnOnce(u32) -> Result<(), SettingsError>) {
        match self.value(name).map(|value| value.parse()) {
            None => {}
            Some(Ok(seconds)) => self.apply(name, |_| set(seconds)),
            Some(Err(_)) => self.refuse(name, "not a number of seconds"),
        }
    }
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::*;
    use crate::config::{Variables, read};

    fn problem(variables: &dyn Variables) -> String {
        read::<Platforms>(variables).err().map_or_else(String::new, |error| error.to_string())
    }

    #[test]
    fn outside_the_local_cloud_a_platform_answers_from_its_own_hosts() {
        let named = |value| [("POSTD_ENVIRONMENT", "production"), ("POSTD_FACEBOOK_GRAPH_URL", value)];
        for wrong in ["https://evil.example", "https://facebook.com.evil.example", "https://notfacebook.com"] {
            let text = problem(&named(wrong));
            assert_eq!(text, "bad configuration: POSTD_FACEBOOK_GRAPH_URL (not a host of the platform)", "{wrong}");
        }
        assert_eq!(problem(&named("https://graph.facebook.com")), "");
        let local = [("POSTD_ENVIRONMENT", "local"), ("POSTD_FACEBOOK_GRAPH_URL", "http://127.0.0.1:8081")];
        assert_eq!(problem(&local), "");
    }

    #[test]
    fn addresses_of_callers_lead_to_this_machine_in_the_local_cloud_only() {
        let hosts = ("POSTD_LOCAL_HOSTS", "127.0.0.1:8081,media.postd:9000");
        assert_eq!(problem(&[("POSTD_ENVIRONMENT", "local"), hosts]), "");
        for environment in ["dev", "staging", "production", "lokal"] {
            let text = problem(&[("POSTD_ENVIRONMENT", environment), hosts]);
            assert_eq!(text, "bad configuration: POSTD_LOCAL_HOSTS (for the local cloud only)", "{environment}");
        }
        for wrong in ["10.0.0.1:80", "a/b", "user@127.0.0.1:1", "127.0.0.1:99999", ","] {
            let text = problem(&[("POSTD_ENVIRONMENT", "local"), ("POSTD_LOCAL_HOSTS", wrong)]);
            assert!(text.contains("POSTD_LOCAL_HOSTS (not hosts of this machine"), "{wrong}: {text}");
        }
    }

    #[test]
    fn versions_and_durations_are_read_or_refused() {
        let variables = [("POSTD_FACEBOOK_GRAPH_VERSION", "v25.0"), ("POSTD_FACEBOOK_SETTLE_SECONDS", "5")];
        let settings = read::<Platforms>(&variables).unwrap().settings.facebook;
        assert_eq!(settings.version(), "v25.0");
        assert_eq!(settings.settle_time(), SignedDuration::from_secs(5));
        for (name, value) in [
            ("POSTD_FACEBOOK_GRAPH_VERSION", "26.0"),
            ("POSTD_FACEBOOK_GRAPH_VERSION", "v26/../.."),
            ("POSTD_FACEBOOK_SETTLE_SECONDS", "-1"),
            ("POSTD_FACEBOOK_SETTLE_SECONDS", "3601"),
        ] {
            assert!(problem(&[(name, value)]).contains(name), "{name}={value}");
        }
    }
}

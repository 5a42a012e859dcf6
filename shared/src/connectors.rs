//! Which connector speaks for which platform.

use std::sync::Arc;

use jiff::{ToSpan as _, civil::Date};

use crate::{
    connector::{
        Connector, Finding, facebook::Facebook, gbp::Gbp, instagram::Instagram, linkedin::Linkedin,
        mailchimp::Mailchimp, settings::Settings, tiktok::Tiktok,
    },
    content::{self, Content},
    options::Options,
    platform::Platform,
    reach::{Purpose, Reach, Refused},
};

/// How long before the end of a version somebody should hear of it: a new version may need changes, and days to try it.
const WARNED_AHEAD: i32 = 60;

/// A version of a platform's API that has ended or soon will.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ending<'a> {
    /// The platform.
    pub platform: Platform,
    /// The version that postd is set to.
    pub version: &'a str,
    /// The first day on which it is gone.
    pub ends: Date,
}

/// Every connector of this build, and where the addresses in a post may lead.
#[derive(Clone)]
pub struct Connectors {
    facebook: Arc<dyn Connector>,
    mailchimp: Arc<dyn Connector>,
    tiktok: Arc<dyn Connector>,
    gbp: Arc<dyn Connector>,
    linkedin: Arc<dyn Connector>,
    linkedin_page: Arc<dyn Connector>,
    instagram: Arc<dyn Connector>,
    reach: Reach,
}

impl std::fmt::Debug for Connectors {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Connectors")
    }
}

impl Connectors {
    /// The connector of each platform, with these settings.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        Self {
            facebook: Arc::new(Facebook::new(settings.facebook)),
            mailchimp: Arc::new(Mailchimp::new(settings.mailchimp)),
            tiktok: Arc::new(Tiktok::new(settings.tiktok)),
            gbp: Arc::new(Gbp::new(settings.gbp)),
            linkedin: Arc::new(Linkedin::member(settings.linkedin.clone())),
            linkedin_page: Arc::new(Linkedin::page(settings.linkedin)),
            instagram: Arc::new(Instagram::new(settings.instagram)),
            reach: Reach::default(),
        }
    }

    /// The same, with another connector for the platform that it speaks for.
    #[must_use]
    pub fn with(mut self, connector: Arc<dyn Connector>) -> Self {
        let place = match connector.platform() {
            Platform::Facebook => &mut self.facebook,
            Platform::Mailchimp => &mut self.mailchimp,
            Platform::Tiktok => &mut self.tiktok,
            Platform::Gbp => &mut self.gbp,
            Platform::Linkedin => &mut self.linkedin,
            Platform::LinkedinPage => &mut self.linkedin_page,
            Platform::Instagram => &mut self.instagram,
        };
        *place = connector;
        self
    }

    /// The same, with addresses that lead elsewhere: to the local cloud's own hosts.
    #[must_use]
    pub fn reaching(self, reach: Reach) -> Self {
        Self { reach, ..self }
    }

    /// The connector of a platform.
    #[must_use]
    pub fn of(&self, platform: Platform) -> &dyn Connector {
        match platform {
            Platform::Facebook => self.facebook.as_ref(),
            Platform::Mailchimp => self.mailchimp.as_ref(),
            Platform::Tiktok => self.tiktok.as_ref(),
            Platform::Gbp => self.gbp.as_ref(),
            Platform::Linkedin => self.linkedin.as_ref(),
            Platform::LinkedinPage => self.linkedin_page.as_ref(),
            Platform::Instagram => self.instagram.as_ref(),
        }
    }

    /// The versions that postd is set to and that have ended by `today`, or end within 60 days. Whether anybody else would
    /// ever notice differs: LinkedIn refuses an ended version, Meta silently answers with another.
    #[must_use]
    pub fn versions_ending(&self, today: Date) -> Vec<Ending<'_>> {
        let soon = today.saturating_add(WARNED_AHEAD.days());
        let versions = Platform::ALL.iter().filter_map(|&platform| {
            let (version, ends) = self.of(platform).version_ends()?;
            Some(Ending { platform, version, ends })
        });
        versions.filter(|version| soon >= version.ends).collect()
    }

    /// Everything about a post that would be refused on its way to `platform`: by its rules, and by ours for addresses
    /// (F45), which are fetched and shall not make anybody fetch what is not public. Pointers begin in the content, or with
    /// `/options`.
    #[must_use]
    pub fn preflight(&self, platform: Platform, content: &Content, options: Option<&Options>) -> Vec<Finding> {
        if let Some(options) = options.filter(|options| options.platform() != platform) {
            let message = format!("These options are for {}, and the target is at {platform}.", options.platform());
            return vec![Finding { rule: "options.other_platform", pointer: "/options".into(), message }];
        }
        let mut findings = self.of(platform).preflight(content, options);
        let link = content.link.iter().map(|url| ("/link".to_owned(), url, Purpose::Link));
        let media = content.media.iter().enumerate().flat_map(|(index, media)| {
            let file = (format!("/media/{index}/url"), &media.url, Purpose::Fetch);
            let thumbnail =
                media.thumbnail.iter().map(move |url| (format!("/media/{index}/thumbnail"), url, Purpose::Fetch));
            std::iter::once(file).chain(thumbnail)
        });
        for (pointer, url, purpose) in link.chain(media) {
            // An upload is no address that leads anywhere: whether it is there is asked elsewhere.
            if purpose == Purpose::Fetch && content::is_upload(url) {
                continue;
            }
            let Err(refused) = self.reach.check(url, purpose) else { continue };
            // The platform's own rule says it in its own words.
            let is_told = findings.iter().any(|finding| finding.pointer == pointer);
            if !(is_told && refused == Refused::Scheme) {
                findings.push(Finding { rule: refused.code(), pointer, message: refused.to_string() });
            }
        }
        findings
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    #[test]
    fn the_end_of_a_version_is_told_of_from_60_days_before_it_and_for_ever_after() {
        let mut settings = Settings::default();
        settings.linkedin.set_version("202609").unwrap();
        let connectors = Connectors::new(settings);
        let ends = date(2027, 9, 15);
        let both =
            [Platform::Linkedin, Platform::LinkedinPage].map(|platform| Ending { platform, version: "202609", ends });
        assert_eq!(connectors.versions_ending(date(2027, 7, 16)), []);
        assert_eq!(connectors.versions_ending(date(2027, 7, 17)), both);
        assert_eq!(connectors.versions_ending(date(2028, 1, 1)), both);
    }

    #[test]
    fn versions_of_meta_are_told_of_as_well() {
        let mut settings = Settings::default();
        settings.facebook.set_version("v21.0").unwrap();
        let connectors = Connectors::new(settings);
        let ending = connectors.versions_ending(date(2027, 1, 20));
        assert_eq!(ending, [Ending { platform: Platform::Facebook, version: "v21.0", ends: date(2027, 1, 21) }]);
    }
}
